// SPDX-License-Identifier: BSD-3-Clause
/*
 * The floor: the least that a device side can do with a ring. It trusts every
 * field, so it is a scale for others and nothing to be used.
 */
#include "bench/ring-peer.h"

#include <errno.h>
#include <stdlib.h>

#include "bench/bench.h"

#define DESC_F_NEXT     1u
#define DESC_F_INDIRECT 4u
#define DESC_F_AVAIL    0x80u
#define DESC_F_USED     0x8000u

#define EVENT_DESC (2u << 16)
#define EVENT_WRAP 0x8000u

struct floor {
	struct ring_bed *bed;
	uint16_t taken; /* of a split ring */
	uint16_t signalled;
	struct bed_place at; /* in a packed one */
	uint64_t n_interrupts;
	struct peer_packets packets;
};

static void *
floor_open(struct ring_bed *bed)
{
	struct floor *f = calloc(1, sizeof(*f));

	if (!f)
		bench_die("floor", -ENOMEM);
	f->bed = bed;
	f->at.wrap = true;
	return f;
}

static inline uint64_t
load(const uint8_t *p)
{
	return __atomic_load_n((const uint64_t *)(const void *)p,
			       __ATOMIC_RELAXED);
}

static inline uint8_t *
translate(const struct ring_bed *bed, uint64_t gpa)
{
	if (gpa < BED_HIGH_GPA)
		return bed->low + gpa;
	return bed->high + (gpa - BED_HIGH_GPA);
}

/* Segments, at most BED_MAX_SEGS of them, and how many there are. */
struct chain {
	struct iovec iov[BED_MAX_SEGS];
	uint16_t flags[BED_MAX_SEGS];
	int n;
};

/* What was found: as much as the device may write. */
static inline uint32_t
see(struct floor *f, struct chain *c, bool net)
{
	/* A device would look at them: they must be in memory. */
	__asm__ volatile("" : : "m"(*c));
	return net ? peer_receive(&f->packets, c->iov)
		   : peer_see(c->iov, c->flags, c->n);
}

static inline void
add_segment(struct chain *c, const struct ring_bed *bed, const uint8_t *desc,
	    uint64_t rest, unsigned flags)
{
	c->iov[c->n].iov_base = translate(bed, load(desc));
	c->iov[c->n].iov_len = (uint32_t)rest;
	c->flags[c->n++] = flags & PEER_F_WRITE;
}

/* ---- split --------------------------------------------------------------- */

static inline void
walk_split(const struct ring_bed *bed, uint16_t head, struct chain *c)
{
	const uint8_t *table = bed->desc, *desc;
	uint64_t rest, next = head;

	c->n = 0;
	for (;;) {
		desc = table + BED_DESC_SIZE * next;
		rest = load(desc + 8);
		if (rest >> 32 & DESC_F_INDIRECT) {
			table = translate(bed, load(desc));
			next = 0;
			continue;
		}
		add_segment(c, bed, desc, rest, (unsigned)(rest >> 32));
		if (!(rest >> 32 & DESC_F_NEXT))
			return;
		next = rest >> 48;
	}
}

static bool
split_wants_interrupt(struct floor *f)
{
	const struct ring_bed *bed = f->bed;
	uint16_t old = f->signalled, event;

	f->signalled = f->taken;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (!bed->event_idx)
		return !(__atomic_load_n(&bed->avail->flags, __ATOMIC_RELAXED) &
			 1);
	event = __atomic_load_n(bed->used_event, __ATOMIC_RELAXED);
	return (uint16_t)(f->taken - event - 1) < (uint16_t)(f->taken - old);
}

static inline void
serve_split(struct floor *f, bool net)
{
	struct ring_bed *bed = f->bed;
	uint16_t end = __atomic_load_n(&bed->avail->idx, __ATOMIC_ACQUIRE);
	uint16_t mask = (uint16_t)(bed->qsize - 1);
	struct chain c;

	if (f->taken == end)
		return;
	if ((uint16_t)(end - f->taken) > PEER_BURST)
		end = (uint16_t)(f->taken + PEER_BURST);
	for (uint16_t i = f->taken; i != end; i++) {
		uint16_t head = bed->avail->ring[i & mask];
		struct bed_used_elem *elem = &bed->used->ring[i & mask];

		walk_split(bed, head, &c);
		elem->id = head;
		elem->len = see(f, &c, net);
	}
	f->taken = end;
	__atomic_store_n(&bed->used->idx, end, __ATOMIC_RELEASE);
	if (split_wants_interrupt(f))
		f->n_interrupts++;
}

/* ---- packed -------------------------------------------------------------- */

/* Descriptors of the ring, 0 if there is no chain; *id is its buffer's. */
static inline uint16_t
walk_packed(const struct ring_bed *bed, struct bed_place at, struct chain *c,
	    uint16_t *id)
{
	const uint64_t bits = (uint64_t)(DESC_F_AVAIL | DESC_F_USED) << 48;
	const uint64_t avail = at.wrap ? DESC_F_AVAIL : DESC_F_USED;
	const uint8_t *desc = bed->desc + (size_t)BED_DESC_SIZE * at.i;
	uint64_t rest = __atomic_load_n(
		(const uint64_t *)(const void *)desc + 1, __ATOMIC_ACQUIRE);
	uint16_t n = 1;

	if ((rest & bits) != avail << 48)
		return 0;
	c->n = 0;
	*id = (uint16_t)(rest >> 32);
	if (rest >> 48 & DESC_F_INDIRECT) {
		const uint8_t *table = translate(bed, load(desc));

		for (uint32_t left = (uint32_t)rest; left > 0;
		     left -= BED_DESC_SIZE, table += BED_DESC_SIZE) {
			rest = load(table + 8);
			add_segment(c, bed, table, rest,
				    (unsigned)(rest >> 48));
		}
		return 1;
	}
	add_segment(c, bed, desc, rest, (unsigned)(rest >> 48));
	for (; rest >> 48 & DESC_F_NEXT; n++) {
		at = bed_step(bed, at, 1);
		desc = bed->desc + (size_t)BED_DESC_SIZE * at.i;
		rest = load(desc + 8);
		add_segment(c, bed, desc, rest, (unsigned)(rest >> 48));
	}
	return n;
}

/* from..to were used: is the place that the driver waits for among them? */
static bool
packed_wants_interrupt(struct floor *f, struct bed_place from, uint16_t n)
{
	uint32_t wish;
	int ahead;

	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	wish = __atomic_load_n(f->bed->driver_event, __ATOMIC_RELAXED);
	if (!(wish & EVENT_DESC))
		return wish >> 16 == 0;
	ahead = (int)(wish & (EVENT_WRAP - 1)) - from.i;
	if (!!(wish & EVENT_WRAP) != from.wrap)
		ahead += f->bed->qsize;
	return ahead >= 0 && ahead < n;
}

static inline void
serve_packed(struct floor *f, bool net)
{
	struct ring_bed *bed = f->bed;
	struct bed_pdesc *desc = (void *)bed->desc;
	struct bed_place from = f->at, at = from;
	uint16_t n, sum = 0, id = 0;
	uint64_t rest, first = 0;
	struct chain c;

	for (int i = 0; i < PEER_BURST; i++) {
		n = walk_packed(bed, at, &c, &id);
		if (n == 0)
			break;
		uint32_t len = see(f, &c, net);
		uint64_t flags = at.wrap ? DESC_F_AVAIL | DESC_F_USED : 0;

		if (len > 0)
			flags |= PEER_F_WRITE;
		rest = flags << 48 | (uint64_t)id << 32 | len;
		/* The first one comes last, and shows all of them. */
		if (sum == 0)
			first = rest;
		else
			desc[at.i].rest = rest;
		at = bed_step(bed, at, n);
		sum = (uint16_t)(sum + n);
	}
	if (sum == 0)
		return;
	f->at = at;
	__atomic_store_n(&desc[from.i].rest, first, __ATOMIC_RELEASE);
	if (packed_wants_interrupt(f, from, sum))
		f->n_interrupts++;
}

/* -------------------------------------------------------------------------- */

static void
peer_floor_serve(void *state)
{
	struct floor *f = state;

	if (f->bed->packed)
		serve_packed(f, false);
	else
		serve_split(f, false);
}

static void
peer_floor_net_serve(void *state)
{
	struct floor *f = state;

	if (f->bed->packed)
		serve_packed(f, true);
	else
		serve_split(f, true);
}

const struct ring_peer peer_floor = {
	.name = "floor",
	.rings = PEER_SPLIT | PEER_PACKED,
	.open = floor_open,
	.serve = peer_floor_serve,
	.close = free,
};

const struct ring_peer peer_floor_net = {
	.name = "floor",
	.rings = PEER_SPLIT | PEER_PACKED,
	.open = floor_open,
	.serve = peer_floor_net_serve,
	.close = free,
};
