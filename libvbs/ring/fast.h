/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The segments of a usual chain, for split-fast.h and packed-fast.h: buffers in
 * order, none empty, each in one region of RAM that may be written.
 *
 * Only functions that are inlined take the address of a struct segs, so that it
 * is kept in registers.
 */
#ifndef RING_FAST_H
#define RING_FAST_H

#include <vbs/vq.h>

#include "ring/walk.h"

/* Nothing has been done, and somebody else has to decide. */
#define RING_UNUSUAL (-3)

struct segs {
	struct iovec *at;  /* the next one */
	struct iovec *end; /* there is no room from here on */
	uint16_t *flags;   /* of the next one, or NULL */
	uint64_t total;    /* bytes */
	uint32_t n;        /* readable ones, and SEGS_WRITABLE for each other */
};

#define SEGS_WRITABLE 0x10000u

/* Room for n segments, but a chain has no more than the ring. */
INLINED struct segs
segs_new(struct iovec *iov, uint16_t *flags, int n, uint16_t size)
{
	return (struct segs){ .at = iov,
			      .end = iov + (n < size ? n : size),
			      .flags = flags };
}

/* The next chain begins. */
INLINED void
segs_next(struct segs *s)
{
	s->total = 0;
	s->n = 0;
}

/* One buffer. false: it is not a usual one. */
INLINED bool
segs_add(struct segs *s, struct ring_mem *mem, uint64_t addr, uint32_t len,
	 uint32_t write)
{
	if (unlikely(!map_hit_has(&mem->hit, addr, len)) &&
	    !ring_find(mem, addr, len))
		return false;
	if (unlikely(s->at >= s->end))
		return false;
	if (write) {
		s->n += SEGS_WRITABLE;
	} else {
		if (unlikely(s->n >= SEGS_WRITABLE))
			return false; /* 2.7.4.2, 2.8.5 */
		s->n++;
	}
	s->at->iov_base = map_hit_hva(&mem->hit, addr);
	s->at->iov_len = len;
	s->at++;
	if (s->flags)
		*s->flags++ = (uint16_t)write;
	s->total += len;
	return true;
}

/* May they be one chain (2.7.5, 2.8.7)? */
INLINED bool
segs_ok(const struct segs *s)
{
	return likely(s->total >> 32 == 0);
}

/*
 * The segments of an indirect table, in registers. None: not a usual chain.
 */
struct segs_table {
	struct iovec *at;
	uint32_t n;
};

static const struct segs_table segs_none = { NULL, 0 };

INLINED struct segs_table
segs_give(const struct segs *s)
{
	return segs_ok(s) ? (struct segs_table){ s->at, s->n } : segs_none;
}

INLINED bool
segs_take(struct segs *s, struct segs_table table)
{
	s->at = table.at;
	s->n = table.n;
	return likely(table.n > 0);
}

INLINED uint16_t
segs_readable(const struct segs *s)
{
	return (uint16_t)s->n;
}

INLINED uint16_t
segs_writable(const struct segs *s)
{
	return (uint16_t)(s->n / SEGS_WRITABLE);
}

#endif
