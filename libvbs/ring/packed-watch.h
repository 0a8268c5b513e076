/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Who else wants to know what happens to the chains of a packed virtqueue: as
 * split-watch.h. The descriptors of a chain may be overwritten as soon as they
 * have been read, so they are kept, here and in the shared area.
 */
#ifndef RING_PACKED_WATCH_H
#define RING_PACKED_WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mem/dirty-log.h"

struct packed;
struct packed_pos;

/* One descriptor, as it lies in the shared area. */
struct inflight_packed_desc {
	uint8_t inflight; /* of the first of a chain, as the next four */
	uint8_t padding;
	uint16_t next; /* also of free entries */
	uint16_t last;
	uint16_t num;
	uint64_t counter;
	uint16_t id;
	uint16_t flags;
	uint32_t len;
	uint64_t addr;
};

struct inflight_packed {
	uint64_t features;
	uint16_t version; /* 0: nothing is in here yet */
	uint16_t desc_num;
	uint16_t free_head;
	uint16_t old_free_head; /* these three: before the latest update */
	uint16_t used_idx;      /* these four: one store of eight bytes */
	uint16_t old_used_idx;
	uint8_t used_wrap;
	uint8_t old_used_wrap;
	uint8_t padding[7];
	struct inflight_packed_desc desc[];
};

/* The same entries, where nobody else can change them. */
struct packed_entry {
	uint64_t addr;
	uint64_t rest; /* len, id, flags: as in the ring */
	uint16_t next;
	uint16_t last; /* of the first of a chain */
};

/* A chain that is handed out again. */
struct packed_again {
	uint64_t counter;
	uint16_t entry;
	uint16_t n; /* descriptors */
};

struct packed_watch {
	struct inflight_packed *area; /* NULL for none */
	size_t area_bytes;
	bool resumed; /* the area is of a ring that has been used */
	uint64_t counter;
	struct packed_entry *entry;
	uint16_t *of_id; /* entry of the chain with this id, or NO_ENTRY */
	uint16_t free;
	uint16_t n_fetched;         /* of the chain that is being taken */
	uint16_t first;             /* its first entry */
	uint16_t given;             /* entry of the chain being given back */
	struct packed_again *again; /* the oldest first */
	uint16_t n_again;
	uint16_t next_again;
	struct dirty_log *log; /* NULL for none; referenced */
};

/* Bytes of the area for one ring of that many entries, a multiple of 64. */
size_t packed_area_bytes(uint16_t size);

/* Be ready to watch. 0 or -ENOMEM. */
int packed_watch_init(struct packed *r, uint16_t size_max);
void packed_watch_deinit(struct packed *r);
/* NULL for none. The ring is not in use. */
void packed_watch_area(struct packed *r, struct inflight_packed *area,
		       size_t bytes);
/*
 * NULL for none. Takes a reference of its own. What is in flight when a log
 * comes has not been watched: all memory is marked when it is given back.
 */
void packed_watch_log(struct packed *r, struct dirty_log *log);

/*
 * Go on with a mapped ring that has been used before, at base, unless the area
 * knows better. What the area says is in flight is handed out again, first. 0
 * or -EINVAL: base or area make no sense.
 */
int packed_resume(struct packed *r, uint32_t base);
/* The ring ends with nothing in flight: the area is as good as new. */
void packed_watch_finish(struct packed *r);

/* What packed.c calls of a ring that is watched. */
/* A descriptor of the chain that is being taken has been read. */
void packed_watch_fetch(struct packed *r, uint64_t addr, uint64_t rest);
/* All of them have. */
void packed_watch_take(struct packed *r, uint16_t id);
/* It could not be taken. */
void packed_watch_drop(struct packed *r);
/* It has been put back. true if it was one that was handed out again. */
bool packed_watch_untake(struct packed *r, uint16_t id);
/* The next chain to be handed out again; there is one. */
static inline const struct packed_again *
packed_watch_again(const struct packed_watch *w)
{
	return &w->again[w->next_again];
}

void packed_watch_again_taken(struct packed *r, uint16_t id);
void packed_watch_push(struct packed *r, uint16_t id);
void packed_watch_forget(struct packed *r, uint16_t id);
/* Before and after the driver is shown the chain that was pushed. */
void packed_watch_publish(struct packed *r);
void packed_watch_published(struct packed *r);
/* The field by which the driver is told when to notify has been written. */
void packed_watch_kicks(struct packed *r);

#endif
