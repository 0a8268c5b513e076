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

INLINED uint64_t
packed_rest(uint32_t len, uint16_t id, uint32_t flags)
{
	return (uint64_t)flags << 48 | (uint64_t)id << 32 | len;
}

/* The chain in an indirect table (2.8.7). Of no segments: not a usual one. */
struct segs_table packed_walk_table(struct packed *r, uint64_t addr,
				    uint64_t rest, struct iovec *at,
				    struct iovec *end, uint16_t *flags);

/* How far taking has come. */
struct packed_cursor {
	uint32_t idx;
	uint32_t mark; /* the flags of what is available there */
	uint32_t n_busy;
	uint64_t rest; /* second half of the latest descriptor */
};

#define PACKED_MARK (PACKED_F_AVAIL | PACKED_F_USED)

INLINED struct packed_cursor
packed_cursor_at(const struct packed *r)
{
	return (struct packed_cursor){
		.idx = r->avail.idx,
		.mark = r->avail.wrap ? PACKED_F_AVAIL : PACKED_F_USED,
		.n_busy = r->n_busy,
	};
}

/* The descriptor there has been read. */
INLINED void
packed_step(const struct packed *r, struct packed_cursor *at)
{
	at->n_busy++;
	at->idx++;
	if (unlikely(at->idx == r->size)) {
		at->idx = 0;
		at->mark ^= PACKED_MARK;
	}
}

/* Follow the chain there to its end. false: not a usual one. */
INLINED bool
packed_walk_fast(struct packed *r, struct packed_cursor *at, struct segs *out)
{
	uint64_t addr;

	for (;;) {
		addr = guest_load64(&r->desc[at->idx].addr);
		packed_step(r, at);
		if (packed_flags(at->rest) & DESC_F_INDIRECT)
			return out->n == 0 &&
			       segs_take(out,
					 packed_walk_table(r, addr, at->rest,
							   out->at, out->end,
							   out->flags));
		if (!segs_add(out, &r->mem, addr, packed_len(at->rest),
			      packed_flags(at->rest) & DESC_F_WRITE))
			return false;
		if (!(packed_flags(at->rest) & DESC_F_NEXT))
			return segs_ok(out);
		at->rest = guest_load64(&r->desc[at->idx].len);
	}
}

/* The chain that ends there is in flight now, if it can be. */
INLINED int
packed_take_id(struct packed *r, struct packed_cursor *at,
	       const struct packed_cursor *to)
{
	uint16_t id = packed_id(to->rest);

	if (unlikely(id >= r->size || r->n_descs[id] != 0 ||
		     to->n_busy > r->size))
		return RING_UNUSUAL;
	r->n_descs[id] = (uint16_t)(to->n_busy - at->n_busy);
	*at = *to;
	return 1;
}

/* The next chain: 1, 0 if there is none, or RING_UNUSUAL. */
INLINED int
packed_take_fast(struct packed *r, struct packed_cursor *at, struct segs *segs)
{
	const struct packed_desc *d = &r->desc[at->idx];
	struct packed_cursor to = *at;

	to.rest = guest_load64_acquire(&d->len);
	if ((packed_flags(to.rest) & PACKED_MARK) != to.mark)
		return 0;
	if (!(packed_flags(to.rest) & (DESC_F_NEXT | DESC_F_INDIRECT))) {
		/* One buffer, as those of network devices mostly are. */
		if (!segs_add(segs, &r->mem, guest_load64(&d->addr),
			      packed_len(to.rest),
			      packed_flags(to.rest) & DESC_F_WRITE))
			return RING_UNUSUAL;
		packed_step(r, &to);
		return packed_take_id(r, at, &to);
	}
	if (unlikely(!packed_walk_fast(r, &to, segs)))
		return RING_UNUSUAL;
	return packed_take_id(r, at, &to);
}

/* n chains have been taken. */
INLINED void
packed_keep(struct packed *r, const struct packed_cursor *at, uint32_t n)
{
	r->avail.idx = (uint16_t)at->idx;
	r->avail.wrap = at->mark == PACKED_F_AVAIL;
	r->n_busy = (uint16_t)at->n_busy;
	r->last_id = packed_id(at->rest);
	r->n_inflight += n;
	r->n_taken += n;
	r->can_unpop = true;
}

/* Take the next chain: segments, 0 if there is none, or RING_UNUSUAL. */
INLINED int
packed_pop_fast(struct packed *r, uint16_t *id, struct segs *segs)
{
	struct packed_cursor at = packed_cursor_at(r);
	int n = packed_take_fast(r, &at, segs);

	if (n <= 0)
		return n;
	packed_keep(r, &at, 1);
	*id = packed_id(at.rest);
	return segs_readable(segs) + segs_writable(segs);
}

/* Take what is there, at most n_chains: chains, 0 or RING_UNUSUAL. */
INLINED int
packed_pop_many(struct packed *r, struct vq_chain *chains, int n_chains,
		struct segs *segs)
{
	struct packed_cursor at = packed_cursor_at(r);
	struct vq_chain *chain = chains, *end = chains + n_chains;
	int n = 0;

	for (; chain < end; chain++) {
		chain->iov = segs->at;
		segs_next(segs);
		n = packed_take_fast(r, &at, segs);
		if (n <= 0)
			break;
		chain->idx = packed_id(at.rest);
		chain->n_readable = segs_readable(segs);
		chain->n_writable = segs_writable(segs);
	}
	if (chain == chains)
		return n;
	n = (int)(chain - chains);
	packed_keep(r, &at, (uint32_t)n);
	return n;
}

/*
 * Give n chains back. The first one of a batch hides the others from the driver
 * (packed_use()), so that these can be written in one go.
 */
INLINED void
packed_push_many(struct packed *r, const struct vq_chain *chains, int n)
{
	const struct vq_chain *c = chains, *end = chains + n;
	uint32_t idx, mark, n_of, n_descs = 0, n_chains = 0;
	uint16_t id;

	while (c < end && !r->held) {
		(void)packed_push_inline(r, c->idx, c->iolen);
		c++;
	}
	idx = r->used.idx;
	mark = r->used.wrap ? PACKED_MARK : 0;
	for (; c < end; c++) {
		id = c->idx;
		n_of = id < r->size ? r->n_descs[id] : 0;
		if (unlikely(n_of == 0))
			continue;
		r->n_descs[id] = 0;
		guest_store64(
			&r->desc[idx].len,
			packed_rest(c->iolen, id,
				    c->iolen ? mark | DESC_F_WRITE : mark));
		idx += n_of;
		if (unlikely(idx >= r->size)) {
			idx -= r->size;
			mark ^= PACKED_MARK;
		}
		n_descs += n_of;
		n_chains++;
	}
	r->used = (struct packed_pos){ (uint16_t)idx, mark != 0 };
	r->n_batch = (uint16_t)(r->n_batch + n_descs);
	r->n_inflight -= n_chains;
}

#endif
