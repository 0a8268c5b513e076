// SPDX-License-Identifier: BSD-3-Clause
/*
 * The floor: the least that a device side can do with a split ring. It trusts
 * every field, so it is a scale for others and nothing to be used.
 */
#include "bench/ring-peer.h"

#include <errno.h>
#include <stdlib.h>

#include "bench/bench.h"

#define DESC_SIZE       16
#define DESC_F_NEXT     1u
#define DESC_F_INDIRECT 4u

struct floor {
	struct ring_bed *bed;
	uint16_t taken;
	uint16_t signalled;
	uint64_t n_interrupts;
};

static void *
floor_open(struct ring_bed *bed)
{
	struct floor *f = calloc(1, sizeof(*f));

	if (!f)
		bench_die("floor", -ENOMEM);
	f->bed = bed;
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

/* Chains of at most BED_MAX_SEGS segments. */
static inline int
floor_walk(const struct ring_bed *bed, uint16_t head, struct iovec *iov,
	   uint16_t *flags)
{
	const uint8_t *table = bed->desc;
	uint64_t addr, rest, next = head;
	int n = 0;

	for (;;) {
		addr = load(table + DESC_SIZE * next);
		rest = load(table + DESC_SIZE * next + 8);
		if (rest >> 32 & DESC_F_INDIRECT) {
			table = translate(bed, addr);
			next = 0;
			continue;
		}
		iov[n].iov_base = translate(bed, addr);
		iov[n].iov_len = (uint32_t)rest;
		flags[n++] = rest >> 32 & PEER_F_WRITE;
		if (!(rest >> 32 & DESC_F_NEXT))
			return n;
		next = rest >> 48;
	}
}

static bool
floor_wants_interrupt(struct floor *f)
{
	const struct ring_bed *bed = f->bed;
	uint16_t old = f->signalled, event;

	f->signalled = f->taken;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (!bed->event_idx)
		return !(__atomic_load_n(&bed->avail->flags, __ATOMIC_RELAXED) &
			 1);
	event = __atomic_load_n(&bed->avail->used_event, __ATOMIC_RELAXED);
	return (uint16_t)(f->taken - event - 1) < (uint16_t)(f->taken - old);
}

static void
peer_floor_serve(void *state)
{
	struct floor *f = state;
	struct ring_bed *bed = f->bed;
	uint16_t end = __atomic_load_n(&bed->avail->idx, __ATOMIC_ACQUIRE);
	struct iovec iov[BED_MAX_SEGS];
	uint16_t flags[BED_MAX_SEGS];

	for (; f->taken != end; f->taken++) {
		uint16_t head = bed->avail->ring[f->taken % BED_QSIZE];
		struct bed_used_elem *elem =
			&bed->used->ring[f->taken % BED_QSIZE];
		int n = floor_walk(bed, head, iov, flags);

		/* A device would look at them: they must be in memory. */
		__asm__ volatile("" : : "r"(iov), "r"(flags) : "memory");
		elem->id = head;
		elem->len = peer_see(iov, flags, n);
	}
	__atomic_store_n(&bed->used->idx, f->taken, __ATOMIC_RELEASE);
	if (floor_wants_interrupt(f))
		f->n_interrupts++;
}

const struct ring_peer peer_floor = {
	.name = "floor",
	.open = floor_open,
	.serve = peer_floor_serve,
	.close = free,
};
