/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Along the buffers of a chain, whatever kind of ring it is in: the part that
 * every chain goes through, inlined into who calls it. What is seldom needed is
 * in walk.c.
 */
#ifndef RING_WALK_H
#define RING_WALK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/load.h"
#include "base/unlikely.h"
#include "mem/map.h"

/* Of a descriptor, in a ring or in an indirect table. */
#define DESC_SIZE       16
#define DESC_F_NEXT     1u
#define DESC_F_WRITE    2u
#define DESC_F_INDIRECT 4u

/* What a pop says besides a count of segments and 0 for an empty ring. */
#define RING_BAD       (-1) /* nothing in it can be trusted any more */
#define RING_BAD_CHAIN (-2) /* only this chain; its head has been taken */

/* walk.total of a chain that cannot be handed out; no sum comes near. */
#define WALK_BAD (UINT64_C(1) << 62)

/* Where the driver has put a ring; addresses in the guest (2.7, 2.8). */
struct ring_layout {
	uint64_t desc;
	uint64_t driver; /* available ring, or driver event suppression */
	uint64_t device; /* used ring, or device event suppression */
};

/* Guest memory as a ring sees it. */
struct ring_mem {
	struct mem_map *map;      /* referenced while mapped, or NULL */
	struct map_hit hit;       /* the region of the last segment */
	struct map_hit table_hit; /* and of the last indirect table */
};

/* The result of a walk that did not end in a usable chain. */
struct ring_bad_chain {
	struct iovec last; /* last segment, if it is RAM to be written */
	bool has_last;
};

/*
 * A chain half-way. Only functions that are inlined take its address, so that
 * it is kept in registers.
 */
struct walk {
	struct ring_mem *mem;
	uint32_t write;      /* DESC_F_WRITE of the latest buffer */
	uint32_t n_writable; /* segments for the device to write */
	uint64_t total;      /* bytes so far, or WALK_BAD and more */
	struct iovec *iov;   /* the next segment */
	struct iovec *end;   /* there is no room from here on */
	uint16_t *flags;     /* of the next segment, or NULL */
};

/* One buffer of a chain. */
struct walk_buf {
	uint64_t addr;
	uint32_t len;
	uint32_t write; /* DESC_F_WRITE, or 0 */
};

/* Two areas that neither wrap nor share a byte. */
bool ring_apart(uint64_t a, uint64_t a_len, uint64_t b, uint64_t b_len);

/*
 * A buffer that is not in the region of the last one: find it, or split it.
 * Segments, at most room and none for an empty buffer; -1 if it is a bad one.
 */
int ring_segments(struct ring_mem *mem, const struct walk_buf *buf,
		  struct iovec *iov, uint16_t *flags, long room);
/* Have mem->hit be the region of a buffer. false: none has all of it. */
bool ring_find(struct ring_mem *mem, uint64_t addr, uint32_t len) COLD;
/* An indirect table that is not in the region of the last one, or NULL. */
const uint8_t *ring_table_find(struct ring_mem *mem, uint64_t addr,
			       uint32_t len);
/* It cannot be handed out; its last buffer. Returns RING_BAD_CHAIN. */
int ring_refuse(const struct ring_mem *mem, const struct walk_buf *last,
		struct ring_bad_chain *bad);
/* Forget the map, and what was found in it. */
void ring_mem_drop(struct ring_mem *mem);

/* An indirect table of at most max entries; entries, or 0 if it is bad. */
static inline uint32_t
ring_table(struct ring_mem *mem, uint64_t addr, uint32_t len, uint32_t max,
	   const uint8_t **table)
{
	if (len % DESC_SIZE || len / DESC_SIZE > max)
		return 0;
	*table = map_hit_translate(&mem->table_hit, addr, len);
	if (unlikely(!*table))
		*table = ring_table_find(mem, addr, len);
	return *table ? len / DESC_SIZE : 0;
}

/* A buffer with something unusual about it. */
static inline void
walk_odd_buffer(struct walk *w, struct walk_buf buf)
{
	int n = ring_segments(w->mem, &buf, w->iov, w->flags, w->end - w->iov);

	/* 2.7.4.2, 2.8.5: readable ones come first */
	if (n < 0 || buf.write < w->write) {
		w->total = WALK_BAD;
		return;
	}
	w->iov += n;
	if (buf.write)
		w->n_writable += (uint32_t)n;
	if (w->flags)
		w->flags += n;
}

/* One buffer of the chain. */
static inline void
walk_buffer(struct walk *w, uint64_t addr, uint32_t len, uint32_t write)
{
	uint8_t *p = map_hit_translate(&w->mem->hit, addr, len);

	w->total += len;
	if (unlikely(!p || w->iov == w->end || write < w->write)) {
		walk_odd_buffer(w, (struct walk_buf){ addr, len, write });
	} else {
		w->iov->iov_base = p;
		w->iov->iov_len = len;
		w->iov++;
		if (write)
			w->n_writable++;
		if (w->flags)
			*w->flags++ = (uint16_t)write;
	}
	w->write = write;
}

/* 2.7.5, 2.8.7: at least one byte, and at most 2^32 - 1 in all */
static inline bool
walk_ok(const struct walk *w, const struct iovec *first)
{
	return w->total <= UINT32_MAX && w->iov != first;
}

#endif
