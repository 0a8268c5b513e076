/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The usual chain of a split virtqueue that nobody watches, out and in, inlined
 * into who calls it. What is not usual is left as it was, for split_pop().
 *
 * Each descriptor is read once, into registers; what split_pop() reads again it
 * checks again.
 */
#ifndef RING_SPLIT_FAST_H
#define RING_SPLIT_FAST_H

#include "ring/fast.h"
#include "ring/split.h"

/*
 * The chain in an indirect table (2.7.5.3). Of no segments: not a usual one.
 */
struct segs_table split_walk_table(struct split *r, uint64_t addr,
				   uint64_t rest, struct iovec *at,
				   struct iovec *end, uint16_t *flags);

/*
 * Follow a chain from entry i, which is below n, of a table: of an indirect
 * one, or of the ring, where one can be the first descriptor of a chain. false:
 * not a usual one.
 */
INLINED bool
split_walk_fast(struct split *r, const uint8_t *table, uint32_t n, uint32_t i,
		struct segs *out, const bool indirect)
{
	uint64_t addr, rest;

	for (;;) {
		guest_load128(table + (size_t)DESC_SIZE * i, &addr, &rest);
		if (desc_flags(rest) & DESC_F_INDIRECT)
			return !indirect && out->n == 0 &&
			       segs_take(out, split_walk_table(
						      r, addr, rest, out->at,
						      out->end, out->flags));
		if (!segs_add(out, &r->mem, addr, desc_len(rest),
			      desc_flags(rest) & DESC_F_WRITE))
			return false;
		if (!(desc_flags(rest) & DESC_F_NEXT))
			return segs_ok(out);
		i = desc_next(rest);
		if (unlikely(i >= n))
			return false;
	}
}

/* The next entry of the available ring. false: not a usual one. */
INLINED bool
split_take_fast(struct split *r, uint16_t i, uint16_t *out, struct segs *segs)
{
	uint16_t head = guest_load16(&r->avail->ring[i & r->mask]);

	if (unlikely(head >= r->size || r->inflight[head]))
		return false;
	*out = head;
	/* Chains often lie one behind the other. */
	__builtin_prefetch(r->desc + (size_t)DESC_SIZE * (head + 8u));
	if (unlikely(!split_walk_fast(r, r->desc, r->size, head, segs, false)))
		return false;
	r->inflight[*out] = true;
	return true;
}

/* Entries to be taken, or RING_UNUSUAL. */
INLINED int
split_look_fast(struct split *r)
{
	int n = (uint16_t)(r->avail_idx - r->last_avail);

	if (n == 0)
		n = split_look(r);
	return n < 0 ? RING_UNUSUAL : n;
}

/* n chains have been taken; that was the last one. */
INLINED void
split_taken_fast(struct split *r, uint32_t n, uint16_t head)
{
	r->n_inflight += n;
	r->last_avail = (uint16_t)(r->last_avail + n);
	r->last_head = head;
	r->can_unpop = true;
}

/*
 * Take the next chain, which there is, if it is one buffer in the region of the
 * last one, as those of network devices mostly are: with nothing to remember
 * from one descriptor to the next it costs half as much.
 */
INLINED bool
split_pop_one(struct split *r, uint16_t *head, struct iovec *iov,
	      uint16_t *flags)
{
	uint16_t i = guest_load16(&r->avail->ring[r->last_avail & r->mask]);
	uint64_t addr, rest;

	if (unlikely(i >= r->size || r->inflight[i]))
		return false;
	guest_load128(r->desc + (size_t)DESC_SIZE * i, &addr, &rest);
	if ((desc_flags(rest) & (DESC_F_NEXT | DESC_F_INDIRECT)) ||
	    !map_hit_has(&r->mem.hit, addr, desc_len(rest)))
		return false;
	iov->iov_base = map_hit_hva(&r->mem.hit, addr);
	iov->iov_len = desc_len(rest);
	if (flags)
		*flags = desc_flags(rest) & DESC_F_WRITE;
	r->inflight[i] = true;
	split_taken_fast(r, 1, i);
	*head = i;
	return true;
}

/* Take the next chain, which there is: segments, or RING_UNUSUAL. */
INLINED int
split_pop_fast(struct split *r, uint16_t *head, struct segs *segs)
{
	if (unlikely(!split_take_fast(r, r->last_avail, head, segs)))
		return RING_UNUSUAL;
	split_taken_fast(r, 1, *head);
	return segs_readable(segs) + segs_writable(segs);
}

/* Take n_chains, which there are: chains, or RING_UNUSUAL. */
INLINED int
split_pop_many(struct split *r, struct vq_chain *chains, int n_chains,
	       struct segs *segs)
{
	struct vq_chain *chain = chains, *end = chains + n_chains;
	uint16_t i = r->last_avail;
	int n;

	for (; chain < end; chain++) {
		chain->iov = segs->at;
		segs_next(segs);
		if (unlikely(!split_take_fast(r, i++, &chain->idx, segs)))
			break;
		chain->n_readable = segs_readable(segs);
		chain->n_writable = segs_writable(segs);
	}
	if (unlikely(chain == chains))
		return RING_UNUSUAL;
	n = (int)(chain - chains);
	split_taken_fast(r, (uint32_t)n, chain[-1].idx);
	return n;
}

/* Give n chains back; those that are not in flight do not count. */
INLINED void
split_push_many(struct split *r, const struct vq_chain *chains, int n)
{
	/* Here, since the compiler takes stores to the ring for any stores. */
	struct split_used_elem *const ring = r->used->ring;
	const uint32_t size = r->size, mask = r->mask;
	uint32_t used = r->used_idx;
	bool *const inflight = r->inflight;

	for (const struct vq_chain *c = chains; c < chains + n; c++) {
		struct split_used_elem *elem = &ring[used & mask];

		if (unlikely(c->idx >= size || !inflight[c->idx]))
			continue;
		inflight[c->idx] = false;
		__atomic_store_n(&elem->id, htole32(c->idx), __ATOMIC_RELAXED);
		__atomic_store_n(&elem->len, htole32(c->iolen),
				 __ATOMIC_RELAXED);
		used++;
	}
	r->n_inflight -= used - r->used_idx;
	r->used_idx = (uint16_t)used;
}

#endif
