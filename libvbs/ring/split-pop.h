/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The walk along one descriptor chain of a split virtqueue (virtio 1.3, 2.7.5):
 * the part that every chain goes through, inlined into who calls it. What is
 * seldom needed is in split-walk.c.
 *
 * Each descriptor is read once, into registers. The walk ends after as many
 * descriptors as the queue has entries, whatever they say.
 */
#ifndef RING_SPLIT_POP_H
#define RING_SPLIT_POP_H

#include <stddef.h>

#include "base/load.h"
#include "base/unlikely.h"
#include "ring/split.h"

#define DESC_SIZE 16

#define DESC_F_NEXT     1u
#define DESC_F_WRITE    2u
#define DESC_F_INDIRECT 4u

/* walk.total of a chain that cannot be handed out; no sum comes near. */
#define WALK_BAD (UINT64_C(1) << 62)

/*
 * A chain half-way. Only functions that are inlined take its address, so that
 * it is kept in registers.
 */
struct walk {
	struct split *r;
	const uint8_t *table; /* that the chain is in now */
	uint32_t n_table;     /* its entries */
	uint32_t left;        /* descriptors that the chain may still have */
	bool indirect;        /* it is in an indirect table */
	uint64_t addr;        /* the latest descriptor: its first half, */
	uint64_t rest;        /* and the second: len, flags, next */
	uint32_t write;       /* DESC_F_WRITE of the latest buffer */
	uint64_t total;       /* bytes so far, or WALK_BAD and more */
	struct iovec *iov;    /* the next segment */
	struct iovec *end;    /* there is no room from here on */
	uint16_t *flags;      /* of the next segment, or NULL */
};

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

/*
 * A buffer that is not in the region of the last one: find it, or split it.
 * Segments, at most room and none for an empty buffer; -1 if it is a bad one.
 */
int split_ranges(struct split *r, uint64_t addr, uint64_t rest,
		 struct iovec *iov, uint16_t *flags, long room);
/* An indirect table that is not in the region of the last one, or NULL. */
const uint8_t *split_table(struct split *r, uint64_t addr, uint32_t len);
/* A chain has been taken, but the ring is bad. Returns SPLIT_BAD_RING. */
int split_bad_ring(struct split *r, uint16_t head);
/* It cannot be handed out; its last descriptor. Returns SPLIT_BAD_CHAIN. */
int split_bad_chain(struct split *r, uint64_t addr, uint64_t rest,
		    struct split_bad_chain *bad);

/* A buffer with something unusual about it. */
static inline void
walk_odd_buffer(struct walk *w, uint32_t write)
{
	int n = split_ranges(w->r, w->addr, w->rest, w->iov, w->flags,
			     w->end - w->iov);

	/* 2.7.4.2: readable ones come first */
	if (n < 0 || write < w->write) {
		w->total = WALK_BAD;
		return;
	}
	w->iov += n;
	if (w->flags)
		w->flags += n;
}

/* One buffer of the chain. */
static inline void
walk_buffer(struct walk *w)
{
	uint32_t write = desc_flags(w->rest) & DESC_F_WRITE;
	uint32_t len = desc_len(w->rest);
	uint8_t *p = map_hit_translate(&w->r->hit, w->addr, len);

	w->total += len;
	if (unlikely(!p || w->iov == w->end || write < w->write)) {
		walk_odd_buffer(w, write);
	} else {
		w->iov->iov_base = p;
		w->iov->iov_len = len;
		w->iov++;
		if (w->flags)
			*w->flags++ = (uint16_t)write;
	}
	w->write = write;
}

/* The chain goes on, and ends, in an indirect table (2.7.5.3). */
static inline bool
walk_indirect(struct walk *w)
{
	uint32_t len = desc_len(w->rest);

	if (w->indirect || !w->r->indirect ||
	    (desc_flags(w->rest) & DESC_F_NEXT) || len % DESC_SIZE)
		return false;
	w->indirect = true;
	w->n_table = len / DESC_SIZE;
	if (w->n_table > w->r->size)
		return false;
	w->table = map_hit_translate(&w->r->table_hit, w->addr, len);
	if (unlikely(!w->table))
		w->table = split_table(w->r, w->addr, len);
	return w->table != NULL;
}

/* Follow the chain from entry i of its table. false: the ring is bad. */
static inline bool
walk_chain(struct walk *w, uint32_t i)
{
	for (;;) {
		if (i >= w->n_table || w->left == 0)
			return false;
		guest_load128(w->table + (size_t)DESC_SIZE * i, &w->addr,
			      &w->rest);
		if (desc_flags(w->rest) & DESC_F_INDIRECT) {
			if (!walk_indirect(w))
				return false;
			i = 0;
			continue;
		}
		w->left--;
		walk_buffer(w);
		if (!(desc_flags(w->rest) & DESC_F_NEXT))
			return true;
		i = desc_next(w->rest);
	}
}

/* The driver's next head, taken and marked. false: the ring is bad. */
static inline bool
take_head(struct split *r, uint16_t *out)
{
	uint16_t head;

	if (unlikely(r->watched)) {
		if (!split_watch_take(r, &head))
			return false;
	} else {
		head = guest_load16(&r->avail->ring[r->last_avail & r->mask]);
		if (head >= r->size || r->inflight[head])
			return false;
		r->last_avail++;
	}
	r->inflight[head] = true;
	r->n_inflight++;
	*out = head;
	return true;
}

/* What split_pop() does, inlined. */
static inline int
split_pop_inline(struct split *r, uint16_t *head, struct iovec *iov,
		 uint16_t *flags, int n_iov, struct split_bad_chain *bad)
{
	struct walk w = {
		.r = r,
		.table = r->desc,
		.n_table = r->size,
		.left = r->size,
		.iov = iov,
		.end = iov + n_iov,
		.flags = flags,
	};
	uint16_t taken;

	if (r->avail_idx == r->last_avail && !split_has_again(r)) {
		int n = split_look(r);

		if (n <= 0)
			return n;
	}
	if (!take_head(r, &taken))
		return SPLIT_BAD_RING;
	*head = taken;
	if (unlikely(!walk_chain(&w, taken)))
		return split_bad_ring(r, taken);
	/* 2.7.5: at most 2^32 - 1 bytes in all */
	if (unlikely(w.total > UINT32_MAX || w.iov == iov))
		return split_bad_chain(r, w.addr, w.rest, bad);
	r->last_head = taken;
	r->can_unpop = true;
	return (int)(w.iov - iov);
}

#endif
