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

#include "ring/split.h"

/* A chain half-way, and the table that it is in. */
struct split_walk {
	struct walk w;
	const uint8_t *table;
	uint32_t n_table; /* its entries */
	uint32_t left;    /* descriptors that the chain may still have */
	bool indirect;    /* it is in an indirect table */
	uint64_t addr;    /* the latest descriptor: its first half, */
	uint64_t rest;    /* and the second: len, flags, next */
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

/* The chain goes on, and ends, in an indirect table (2.7.5.3). */
static inline bool
split_walk_indirect(struct split *r, struct split_walk *sw)
{
	if (sw->indirect || !r->indirect ||
	    (desc_flags(sw->rest) & DESC_F_NEXT))
		return false;
	sw->indirect = true;
	sw->n_table = ring_table(&r->mem, sw->addr, desc_len(sw->rest), r->size,
				 &sw->table);
	return sw->n_table > 0;
}

/* Follow the chain from entry i of its table. false: the ring is bad. */
static inline bool
split_walk_chain(struct split *r, struct split_walk *sw, uint32_t i)
{
	for (;;) {
		if (i >= sw->n_table || sw->left == 0)
			return false;
		guest_load128(sw->table + (size_t)DESC_SIZE * i, &sw->addr,
			      &sw->rest);
		if (desc_flags(sw->rest) & DESC_F_INDIRECT) {
			if (!split_walk_indirect(r, sw))
				return false;
			i = 0;
			continue;
		}
		sw->left--;
		walk_buffer(&sw->w, sw->addr, desc_len(sw->rest),
			    desc_flags(sw->rest) & DESC_F_WRITE);
		if (!(desc_flags(sw->rest) & DESC_F_NEXT))
			return true;
		i = desc_next(sw->rest);
	}
}

/* The driver's next head, taken and marked. false: the ring is bad. */
static inline bool
take_head(struct split *r, uint16_t *out, const bool watched)
{
	uint16_t head;

	if (watched) {
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

/* Its last buffer is where a status would go. */
static inline int
split_refuse(struct split *r, const struct split_walk *sw,
	     struct ring_bad_chain *bad)
{
	const struct walk_buf last = { sw->addr, desc_len(sw->rest),
				       desc_flags(sw->rest) & DESC_F_WRITE };

	r->can_unpop = false;
	return ring_refuse(&r->mem, &last, bad);
}

/* What split_pop() does, inlined; of a ring that is, or may be, watched. */
static inline int
split_pop_inline(struct split *r, uint16_t *head, struct iovec *iov,
		 uint16_t *flags, int n_iov, struct ring_bad_chain *bad,
		 const bool watched)
{
	struct split_walk sw = {
		.w = { .mem = &r->mem,
		       .iov = iov,
		       .end = iov + n_iov,
		       .flags = flags },
		.table = r->desc,
		.n_table = r->size,
		.left = r->size,
	};
	uint16_t taken;

	if (r->avail_idx == r->last_avail && !(watched && split_has_again(r))) {
		int n = split_look(r);

		if (n <= 0)
			return n;
	}
	if (!take_head(r, &taken, watched))
		return RING_BAD;
	*head = taken;
	if (unlikely(!split_walk_chain(r, &sw, taken))) {
		split_untake(r, taken);
		return RING_BAD;
	}
	if (unlikely(!walk_ok(&sw.w, iov)))
		return split_refuse(r, &sw, bad);
	r->last_head = taken;
	r->last_writable = (uint16_t)sw.w.n_writable;
	r->can_unpop = true;
	return (int)(sw.w.iov - iov);
}

#endif
