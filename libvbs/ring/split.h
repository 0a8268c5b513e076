/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A split virtqueue, device side (virtio 1.3, 2.7), as a data structure: no
 * lock, no interrupt, no device.
 *
 * The driver's fields are read once; ours live here and their copies in guest
 * memory are only ever written.
 */
#ifndef RING_SPLIT_H
#define RING_SPLIT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "ring/split-watch.h"
#include "ring/walk.h"

#define SPLIT_MAX_SIZE 32768

#define AVAIL_F_NO_INTERRUPT 1

/* The second half of a descriptor. */
static inline uint32_t
desc_len(uint64_t rest)
{
	return (uint32_t)rest;
}

static inline uint32_t
desc_flags(uint64_t rest)
{
	return (uint32_t)(rest >> 32) & UINT16_MAX;
}

static inline uint32_t
desc_next(uint64_t rest)
{
	return (uint32_t)(rest >> 48);
}

struct split_avail {
	uint16_t flags;
	uint16_t idx;
	uint16_t ring[]; /* size entries, then used_event */
};

struct split_used_elem {
	uint32_t id;
	uint32_t len;
};

struct split_used {
	uint16_t flags;
	uint16_t idx;
	struct split_used_elem ring[]; /* size entries, then avail_event */
};

struct split {
	/* Set by split_map(). */
	const uint8_t *desc;
	const struct split_avail *avail;
	struct split_used *used;
	struct ring_mem mem;

	uint16_t size; /* entries, a power of two */
	uint16_t mask;
	uint16_t last_avail;    /* next entry to take */
	uint16_t avail_idx;     /* the driver's index when we last looked */
	uint16_t used_idx;      /* next entry to fill */
	uint16_t published;     /* used_idx as the driver sees it */
	uint16_t signalled;     /* used_idx at the last interrupt decision */
	uint16_t last_head;     /* of the latest chain handed out */
	uint16_t last_writable; /* its segments that the device writes */
	bool can_unpop;
	bool indirect;  /* VIRTIO_F_INDIRECT_DESC */
	bool event_idx; /* VIRTIO_F_EVENT_IDX */
	bool watched;   /* somebody wants to know: call split-watch.c */
	uint32_t n_inflight;
	bool *inflight;            /* for each head; SPLIT_MAX_SIZE or less */
	struct split_watch *watch; /* NULL: nobody can watch */
};

/* Room for size_max entries. 0 or -ENOMEM. */
int split_init(struct split *r, uint16_t size_max);
void split_deinit(struct split *r);
/* Indices to zero, nothing in flight, not mapped. */
void split_reset(struct split *r, uint16_t size);

/* Addresses that virtio 1.3, 2.7 allows: aligned, and not overlapping. */
bool split_layout_ok(const struct ring_layout *lay, uint16_t size);
/* The legacy layout (2.7.2): one area, the used ring on a 4096 boundary. */
struct ring_layout split_layout_legacy(uint64_t gpa, uint16_t size);

/*
 * Translate the three areas with this map, whose reference it takes over.
 * The indices stay. false, and not mapped, if one is not wholly in RAM.
 */
bool split_map(struct split *r, const struct ring_layout *lay,
	       struct mem_map *map);
void split_unmap(struct split *r);

static inline bool
split_is_mapped(const struct split *r)
{
	return r->mem.map != NULL;
}

/*
 * Look at the driver's index: entries to be taken, at most size, or
 * RING_BAD if it claims more.
 */
static inline int
split_look(struct split *r)
{
	uint16_t idx = guest_load16_acquire(&r->avail->idx);
	uint16_t n = (uint16_t)(idx - r->last_avail);

	if (n > r->size)
		return RING_BAD;
	r->avail_idx = idx;
	return n;
}

/* Is there a chain of an earlier life to be handed out again? */
static inline bool
split_has_again(const struct split *r)
{
	return unlikely(r->watched) && r->watch->next_again < r->watch->n_again;
}

/* Changes whenever a chain is taken. */
static inline uint32_t
split_taken(const struct split *r)
{
	return (uint32_t)r->last_avail +
	       (r->watched ? (uint32_t)r->watch->next_again : 0);
}

/*
 * Is there an entry that has not been taken? Looks at the ring if it must.
 * true as well if there is something wrong, which split_pop() will say.
 */
static inline bool
split_has_avail(struct split *r)
{
	return r->avail_idx != r->last_avail || split_has_again(r) ||
	       split_look(r) != 0;
}

/*
 * Take the next chain: segments 1..n_iov, 0 if there is none, or RING_BAD_*.
 * With RING_BAD_CHAIN, *head must be pushed back and *bad is filled.
 */
int split_pop(struct split *r, uint16_t *head, struct iovec *iov,
	      uint16_t *flags, int n_iov, struct ring_bad_chain *bad);
/* Nothing has been taken since this chain, and it was not handed out. */
void split_untake(struct split *r, uint16_t head);
/*
 * Put back the chain that was handed out last. If that is too late, because
 * one behind it was refused meanwhile, it is pushed with length 0.
 */
void split_unpop(struct split *r);

/* The device has done with a head. false if it is not in flight. */
static inline bool
split_clear_inflight(struct split *r, uint16_t head)
{
	if (head >= r->size || !r->inflight[head])
		return false;
	r->inflight[head] = false;
	r->n_inflight--;
	return true;
}

/* false if that head is not in flight; then nothing happens. */
bool split_push(struct split *r, uint16_t head, uint32_t len);

/* The same for a ring that nobody watches. */
static inline bool
split_push_inline(struct split *r, uint16_t head, uint32_t len)
{
	struct split_used_elem *elem;

	if (!split_clear_inflight(r, head))
		return false;
	if (!r->used)
		return true; /* not mapped */
	elem = &r->used->ring[r->used_idx++ & r->mask];
	__atomic_store_n(&elem->id, htole32(head), __ATOMIC_RELAXED);
	__atomic_store_n(&elem->len, htole32(len), __ATOMIC_RELAXED);
	return true;
}

/* The same without a word to the driver: the ring is not to be written. */
void split_forget(struct split *r, uint16_t head);
/* Let the driver see what was pushed. false if there was nothing. */
static inline bool
split_publish(struct split *r)
{
	if (r->published == r->used_idx)
		return false;
	/* The elements and the buffers, before the index (2.7.8.2). */
	guest_store16_release(&r->used->idx, r->used_idx);
	if (unlikely(r->watched))
		split_watch_publish(r);
	r->published = r->used_idx;
	return true;
}

/* After split_publish(): does the driver want to be interrupted? */
static inline bool
split_wants_interrupt(struct split *r)
{
	uint16_t event, old = r->signalled, new = r->used_idx;

	r->signalled = new;
	/* The index must be out before we look at what the driver wants. */
	full_fence();
	if (!r->event_idx)
		return !(guest_load16(&r->avail->flags) & AVAIL_F_NO_INTERRUPT);
	event = guest_load16(&r->avail->ring[r->size]);
	/* Has the index passed event + 1, mod 2^16? (2.7.7.2) */
	return (uint16_t)(new - event - 1) < (uint16_t)(new - old);
}

/* The driver need not notify: somebody is looking. */
void split_kicks_off(struct split *r);
/* The driver must notify; true if it has added something meanwhile. */
bool split_kicks_on(struct split *r);

#endif
