/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Who else wants to know what happens to the chains of a split virtqueue: a
 * log of what is in flight, which outlives this process (vhost-user, "Inflight
 * I/O tracking"), and a log of the pages that have been written. Both are
 * memory that is shared with a front end; what is read from them is checked.
 */
#ifndef RING_SPLIT_WATCH_H
#define RING_SPLIT_WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mem/dirty-log.h"

struct split;

/* One head, as it lies in the shared area. */
struct inflight_desc {
	uint8_t inflight;
	uint8_t padding[5];
	uint16_t next;    /* the head that was given back before this one */
	uint64_t counter; /* order in which heads were taken */
};

struct inflight_split {
	uint64_t features;
	uint16_t version; /* 0: nothing is in here yet */
	uint16_t desc_num;
	uint16_t last_batch_head;
	uint16_t used_idx;
	struct inflight_desc desc[];
};

struct split_watch {
	struct inflight_split *area; /* NULL for none */
	size_t area_bytes;
	bool resumed; /* the area is of a ring that has been used */
	uint64_t counter;
	uint16_t last_head; /* given back last */
	uint16_t *batch;    /* given back, the used index not yet out */
	uint16_t n_batch;
	uint16_t *again; /* to be handed out again, the oldest first */
	uint16_t n_again;
	uint16_t next_again;
	struct dirty_log *log; /* NULL for none; referenced */
	bool log_used;         /* the used ring as well */
	uint64_t used_gpa;     /* where it is, for the log */
};

/* Bytes of the area for one ring of that many entries, a multiple of 64. */
size_t split_area_bytes(uint16_t size);

/* Be ready to watch. 0 or -ENOMEM. */
int split_watch_init(struct split *r, uint16_t size_max);
void split_watch_deinit(struct split *r);
/* NULL for none. The ring is not in use. */
void split_watch_area(struct split *r, struct inflight_split *area,
		      size_t bytes);
/* NULL for none. Takes a reference of its own. */
void split_watch_log(struct split *r, struct dirty_log *log);
void split_watch_used(struct split *r, bool on, uint64_t used_gpa);

/*
 * Go on with a mapped ring that has been used before: next is the entry to
 * take, unless the area knows better. What the area says is in flight is
 * handed out again, first. 0 or -EINVAL: the area makes no sense.
 */
int split_resume(struct split *r, uint16_t next);

/* The ring ends with nothing in flight: the area is as good as new. */
void split_watch_finish(struct split *r);

/* What split.c calls of a ring that is watched. */
bool split_watch_take(struct split *r, uint16_t *head);
void split_watch_untake(struct split *r, uint16_t head);
void split_watch_push(struct split *r, uint16_t head);
void split_watch_forget(struct split *r, uint16_t head);
void split_watch_publish(struct split *r);
/* The field by which the driver is told when to notify has been written. */
void split_watch_kicks(struct split *r);

#endif
