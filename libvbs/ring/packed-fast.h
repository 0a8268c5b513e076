/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The usual chain of a packed virtqueue that nobody watches, out and in,
 * inlined into who calls it. What is not usual is left as it was, for
 * packed_pop().
 *
 * Each descriptor is read once, into registers; what packed_pop() reads again
 * it checks again.
 */
#ifndef RING_PACKED_FAST_H
#define RING_PACKED_FAST_H

#include "ring/fast.h"
#include "ring/packed.h"

/* The second half of a descriptor. */
INLINED uint32_t
packed_len(uint64_t rest)
{
	return (uint32_t)rest;
}

INLINED uint16_t
packed_id(uint64_t rest)
{
	return (uint16_t)(rest >> 32);
}

INLINED uint32_t
packed_flags(uint64_t rest)
{
	return (uint32_t)(rest >> 48);
}

/* The chain in an indirect table (2.8.7). false: not a usual one. */
bool packed_walk_table(struct packed *r, uint64_t addr, uint64_t rest,
		       struct segs *out);

INLINED bool
packed_enter_table(struct packed *r, uint64_t addr, uint64_t rest,
		   struct segs *out)
{
	struct segs copy = *out; /* out itself has no address */

	if (!packed_walk_table(r, addr, rest, &copy))
		return false;
	out->at = copy.at;
	out->n = copy.n;
	return true;
}

/*
 * Follow the chain at *pos, which begins with rest, and have *pos be behind it.
 * The last descriptor's second half, which has the id; or 0, which none has
 * that is available: not a usual one.
 */
INLINED uint64_t
packed_walk_fast(struct packed *r, struct packed_pos *pos, uint64_t rest,
		 struct segs *out)
{
	for (;;) {
		const struct packed_desc *d = &r->desc[pos->idx];
		uint64_t addr = guest_load64(&d->addr);

		packed_advance(r, pos, 1);
		if (packed_flags(rest) & DESC_F_INDIRECT)
			return out->n == 0 && packed_enter_table(r, addr, rest,
								 out)
				       ? rest
				       : 0;
		if (!segs_add(out, &r->mem, addr, packed_len(rest),
			      packed_flags(rest) & DESC_F_WRITE))
			return 0;
		if (!(packed_flags(rest) & DESC_F_NEXT))
			return segs_ok(out) ? rest : 0;
		rest = guest_load64(&r->desc[pos->idx].len);
	}
}

/* Descriptors from one place to another, less than a lap further on. */
INLINED uint16_t
packed_distance(const struct packed *r, struct packed_pos from,
		struct packed_pos to)
{
	return (uint16_t)(to.idx - from.idx +
			  (to.wrap != from.wrap ? r->size : 0));
}

/* How far taking has come. */
struct packed_taken {
	struct packed_pos avail;
	uint16_t n_busy;
	uint16_t id; /* of the latest chain */
};

INLINED struct packed_taken
packed_taken_none(const struct packed *r)
{
	return (struct packed_taken){ .avail = r->avail, .n_busy = r->n_busy };
}

/* The next chain: 1, 0 if there is none, or RING_UNUSUAL. */
INLINED int
packed_take_fast(struct packed *r, struct packed_taken *t, struct segs *segs)
{
	struct packed_pos pos = t->avail;
	uint64_t rest = guest_load64_acquire(&r->desc[pos.idx].len);
	uint16_t id, n;

	if (!packed_flags_avail((uint16_t)packed_flags(rest), pos.wrap))
		return 0;
	rest = packed_walk_fast(r, &pos, rest, segs);
	if (unlikely(rest == 0))
		return RING_UNUSUAL;
	id = packed_id(rest);
	n = packed_distance(r, t->avail, pos);
	if (unlikely(id >= r->size || r->n_descs[id] != 0 ||
		     n > r->size - t->n_busy))
		return RING_UNUSUAL;
	r->n_descs[id] = n;
	t->n_busy = (uint16_t)(t->n_busy + n);
	t->avail = pos;
	t->id = id;
	return 1;
}

/* n chains have been taken. */
INLINED void
packed_keep_taken(struct packed *r, const struct packed_taken *t, uint32_t n)
{
	r->avail = t->avail;
	r->n_busy = t->n_busy;
	r->last_id = t->id;
	r->n_inflight += n;
	r->n_taken += n;
	r->can_unpop = true;
}

/* Take the next chain: segments, 0 if there is none, or RING_UNUSUAL. */
INLINED int
packed_pop_fast(struct packed *r, uint16_t *id, struct segs *segs)
{
	struct packed_taken taken = packed_taken_none(r);
	int n = packed_take_fast(r, &taken, segs);

	if (n <= 0)
		return n;
	packed_keep_taken(r, &taken, 1);
	*id = taken.id;
	return segs_readable(segs) + segs_writable(segs);
}

/* Take what is there, at most n_chains: chains, 0 or RING_UNUSUAL. */
INLINED int
packed_pop_many(struct packed *r, struct vq_chain *chains, int n_chains,
		struct segs *segs)
{
	struct packed_taken taken = packed_taken_none(r);
	struct vq_chain *chain = chains;
	int n = 0;

	for (; chain < chains + n_chains; chain++) {
		chain->iov = segs->at;
		segs_next(segs);
		n = packed_take_fast(r, &taken, segs);
		if (n <= 0)
			break;
		chain->idx = taken.id;
		chain->n_readable = segs_readable(segs);
		chain->n_writable = segs_writable(segs);
	}
	if (chain == chains)
		return n;
	n = (int)(chain - chains);
	packed_keep_taken(r, &taken, (uint32_t)n);
	return n;
}

/* Give n chains back. */
INLINED void
packed_push_many(struct packed *r, const struct vq_chain *chains, int n)
{
	for (const struct vq_chain *c = chains; c < chains + n; c++)
		(void)packed_push_inline(r, c->idx, c->iolen);
}

#endif
