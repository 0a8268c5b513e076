// SPDX-License-Identifier: BSD-3-Clause
/* Guest RAM, a ring in it, and the cheapest driver. Little-endian hosts. */
#include "bench/ring-bed.h"

#include <errno.h>
#include <string.h>

#include "bench/bench.h"

#define DESC_F_NEXT     1u
#define DESC_F_WRITE    2u
#define DESC_F_INDIRECT 4u
/* Of a packed ring. */
#define DESC_F_AVAIL 0x80u
#define DESC_F_USED  0x8000u

#define AVAIL_F_NO_INTERRUPT 1
#define USED_F_NO_NOTIFY     1

#define EVENT_DISABLE (1u << 16)
#define EVENT_DESC    (2u << 16)
#define EVENT_WRAP    0x8000u

#define R(bytes)                                                               \
	{                                                                      \
		bytes, false                                                   \
	}
#define W(bytes)                                                               \
	{                                                                      \
		bytes, true                                                    \
	}
#define W4K W(4096)
#define SG18                                                                   \
	{                                                                      \
		R(16), W4K, W4K, W4K, W4K, W4K, W4K, W4K, W4K, W4K, W4K, W4K,  \
			W4K, W4K, W4K, W4K, W4K, W(1)                          \
	}

const struct ring_shape bed_shapes[BED_N_SHAPES] = {
	{ "d1", false, 1, { R(1514) }, 0 },
	{ "blk3", false, 3, { R(16), W4K, W(1) }, 4097 },
	{ "ind3", true, 3, { R(16), W4K, W(1) }, 4097 },
	{ "sg18", false, 18, SG18, 16 * 4096 + 1 },
	{ "isg18", true, 18, SG18, 16 * 4096 + 1 },
};

const struct ring_shape bed_packet = { "net1",
				       false,
				       1,
				       { R(BED_HEADER + BED_PACKET) },
				       0 };

const struct ring_shape *
bed_shape(const char *name)
{
	for (int i = 0; i < BED_N_SHAPES; i++)
		if (strcmp(bed_shapes[i].name, name) == 0)
			return &bed_shapes[i];
	return NULL;
}

void
bed_init(struct ring_bed *bed)
{
	int low, high;

	memset(bed, 0, sizeof(*bed));
	drv_ram_init(&bed->ram);
	low = drv_ram_add(&bed->ram, BED_LOW_GPA, BED_LOW_SIZE, DRV_RAM_MEMFD);
	high = drv_ram_add(&bed->ram, BED_HIGH_GPA, BED_HIGH_SIZE,
			   DRV_RAM_MEMFD);
	(void)bench_must("guest RAM", low < 0 ? low : high);
	bed->low = drv_ram_region(&bed->ram, low)->hva;
	bed->high = drv_ram_region(&bed->ram, high)->hva;
	bed->desc = bed->low + BED_DESC_GPA;
	bed->avail = (void *)(bed->low + BED_AVAIL_GPA);
	bed->used = (void *)(bed->low + BED_USED_GPA);
	bed->driver_event = (void *)bed->avail;
	bed->device_event = (void *)bed->used;
}

void
bed_deinit(struct ring_bed *bed)
{
	drv_ram_deinit(&bed->ram);
}

/* Length, flags, and in a split ring next, if the chain begins at entry 0. */
static void
prepare(struct ring_bed *bed)
{
	const struct ring_shape *shape = bed->shape;
	bool chained = !bed->packed || !shape->indirect;

	for (uint16_t i = 0; i < shape->n; i++) {
		uint64_t flags = shape->seg[i].write ? DESC_F_WRITE : 0;
		uint64_t next = 0;

		if (i + 1 < shape->n && chained) {
			flags |= DESC_F_NEXT;
			next = (uint64_t)(i + 1) << 48;
		}
		bed->rest[i] = shape->seg[i].len |
			       (bed->packed ? flags << 48 : next | flags << 32);
	}
}

void
bed_reset_ring(struct ring_bed *bed, const struct bed_ring *ring)
{
	const struct bed_place start = { 0, true };

	bed->shape = ring->shape;
	bed->qsize = ring->qsize;
	bed->packed = ring->packed;
	bed->event_idx = ring->event_idx;
	bed->n_descs = ring->shape->indirect ? 1 : ring->shape->n;
	bed->n_slots = (uint16_t)(ring->qsize / bed->n_descs);
	prepare(bed);
	bed->in_flight = bed->next_slot = bed->oldest_slot = 0;
	bed->avail_idx = bed->used_idx = bed->kick_idx = 0;
	bed->add = bed->done = bed->shown = start;
	bed->first = NULL;
	bed->n_hidden = 0;
	bed->used_event = &bed->avail->ring[bed->qsize];
	bed->avail_event = (void *)&bed->used->ring[bed->qsize];
	memset(bed->low + BED_DESC_GPA, 0, BED_TABLES_GPA - BED_DESC_GPA);
	if (!bed->event_idx && bed->packed)
		*bed->driver_event = EVENT_DISABLE;
	else if (!bed->event_idx)
		bed->avail->flags = AVAIL_F_NO_INTERRUPT;
	bed_no_interrupt(bed);
}

void
bed_reset(struct ring_bed *bed, const struct ring_shape *shape, bool event_idx)
{
	bed_reset_ring(bed, &(struct bed_ring){ .shape = shape,
						.qsize = BED_QSIZE,
						.event_idx = event_idx });
}

void
bed_no_interrupt(struct ring_bed *bed)
{
	struct bed_place last;

	if (!bed->event_idx)
		return;
	if (!bed->packed) {
		__atomic_store_n(bed->used_event, (uint16_t)(bed->used_idx - 1),
				 __ATOMIC_RELAXED);
		return;
	}
	/* The one before the next: a lap away. */
	last = bed->done;
	if (last.i == 0)
		last = (struct bed_place){ bed->qsize, !last.wrap };
	last.i--;
	__atomic_store_n(bed->driver_event,
			 EVENT_DESC | (last.wrap ? EVENT_WRAP : 0) | last.i,
			 __ATOMIC_RELAXED);
}

/* ---- descriptors --------------------------------------------------------- */

typedef uint64_t desc_words __attribute__((vector_size(BED_DESC_SIZE)));

static inline void
store_desc(uint8_t *table, uint32_t i, uint64_t addr, uint64_t rest)
{
	desc_words *slot = (void *)(table + (size_t)BED_DESC_SIZE * i);

	*slot = (desc_words){ addr, rest };
}

/* The descriptors of a slot, one after the other; plus goes to all but one. */
static inline void
store_chain(const struct ring_bed *bed, uint8_t *table, uint16_t slot,
	    uint64_t plus)
{
	uint64_t addr = bed_seg_gpa(bed, slot, 0);
	uint32_t last = (uint32_t)bed->shape->n - 1;

	for (uint32_t i = 0; i < last; i++, addr += BED_BUF_SIZE)
		store_desc(table, i, addr, bed->rest[i] + plus);
	store_desc(table, last, addr, bed->rest[last]);
}

static inline uint64_t
table_gpa(const struct ring_bed *bed, uint16_t slot)
{
	return BED_TABLES_GPA + (uint64_t)slot * bed->shape->n * BED_DESC_SIZE;
}

static inline void __attribute__((always_inline))
add_split(struct ring_bed *bed, uint16_t slot)
{
	uint16_t head = bed_head(bed, slot);
	uint8_t *desc = bed->desc + (size_t)head * BED_DESC_SIZE;

	if (bed->shape->indirect) {
		uint64_t table = table_gpa(bed, slot);

		store_chain(bed, bed->low + table, slot, 0);
		store_desc(desc, 0, table,
			   (uint64_t)DESC_F_INDIRECT << 32 |
				   (uint64_t)bed->shape->n * BED_DESC_SIZE);
	} else {
		store_chain(bed, desc, slot, (uint64_t)head << 48);
	}
	bed->avail->ring[bed->avail_idx++ & (bed->qsize - 1)] = head;
}

/* A descriptor at a place; the first one stays hidden. */
static inline void
add_packed_desc(struct ring_bed *bed, struct bed_place at, uint64_t addr,
		uint64_t rest)
{
	struct bed_pdesc *desc = (struct bed_pdesc *)(void *)bed->desc + at.i;

	rest |= (uint64_t)(at.wrap ? DESC_F_AVAIL : DESC_F_USED) << 48;
	if (bed->first) {
		store_desc((void *)desc, 0, addr, rest);
		return;
	}
	bed->first = desc;
	bed->first_rest = rest;
	desc->addr = addr;
}

static inline void __attribute__((always_inline))
add_packed(struct ring_bed *bed, uint16_t slot)
{
	uint64_t addr = bed_seg_gpa(bed, slot, 0), id = (uint64_t)slot << 32;
	uint64_t table = table_gpa(bed, slot);
	struct bed_place at = bed->add;
	uint16_t n = bed->n_descs;

	if (bed->shape->indirect) {
		store_chain(bed, bed->low + table, slot, 0);
		add_packed_desc(bed, at, table,
				(uint64_t)DESC_F_INDIRECT << 48 | id |
					(uint64_t)bed->shape->n *
						BED_DESC_SIZE);
		bed->add = bed_step(bed, at, 1);
	} else {
		for (uint16_t i = 0; i < n; i++, addr += BED_BUF_SIZE) {
			add_packed_desc(bed, at, addr, bed->rest[i] | id);
			if (++at.i == bed->qsize)
				at = (struct bed_place){ 0, !at.wrap };
		}
		bed->add = at;
	}
	bed->n_hidden = (uint16_t)(bed->n_hidden + n);
}

void
bed_add(struct ring_bed *bed, uint16_t slot)
{
	if (bed->packed)
		add_packed(bed, slot);
	else
		add_split(bed, slot);
}

/* ---- to the device, and back --------------------------------------------- */

void
bed_show(struct ring_bed *bed)
{
	if (!bed->packed) {
		__atomic_store_n(&bed->avail->idx, bed->avail_idx,
				 __ATOMIC_RELEASE);
		return;
	}
	if (bed->first)
		__atomic_store_n(&bed->first->rest, bed->first_rest,
				 __ATOMIC_RELEASE);
	bed->first = NULL;
}

static bool
kick_split(struct ring_bed *bed)
{
	uint16_t old = bed->kick_idx, new = bed->avail_idx, event;

	bed->kick_idx = new;
	if (!bed->event_idx)
		return !(__atomic_load_n(&bed->used->flags, __ATOMIC_RELAXED) &
			 USED_F_NO_NOTIFY);
	event = __atomic_load_n(bed->avail_event, __ATOMIC_RELAXED);
	return (uint16_t)(new - event - 1) < (uint16_t)(new - old);
}

static bool
kick_packed(struct ring_bed *bed)
{
	uint32_t wish = __atomic_load_n(bed->device_event, __ATOMIC_RELAXED);
	uint16_t n = bed->n_hidden, event = wish & (EVENT_WRAP - 1);
	bool wrap = wish & EVENT_WRAP;
	int ahead = event - bed->shown.i;

	if (wrap != bed->shown.wrap)
		ahead += bed->qsize;
	bed->n_hidden = 0;
	bed->shown = bed->add;
	if (bed->event_idx && wish & EVENT_DESC)
		return ahead >= 0 && ahead < n;
	return !(wish & EVENT_DISABLE);
}

bool
bed_publish(struct ring_bed *bed)
{
	bed_show(bed);
	/* It must be out before we look whether to kick. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return bed->packed ? kick_packed(bed) : kick_split(bed);
}

void
bed_offer(struct ring_bed *bed, uint16_t n)
{
	uint16_t slot = bed->next_slot;

	bed->in_flight = (uint16_t)(bed->in_flight + n);
	for (; n > 0; n--) {
		if (bed->packed)
			add_packed(bed, slot);
		else
			add_split(bed, slot);
		slot = bed_after(bed, slot);
	}
	bed->next_slot = slot;
}

static int
reap_split(struct ring_bed *bed)
{
	uint16_t n = bed_n_used(bed), slot = bed->oldest_slot;

	if (n > bed->in_flight)
		return -EPROTO;
	for (uint16_t i = 0; i < n; i++) {
		struct bed_used_elem elem = bed_take_used(bed);

		if (elem.id != bed_head(bed, slot) ||
		    elem.len != bed->shape->written)
			return -EPROTO;
		slot = bed_after(bed, slot);
	}
	bed->oldest_slot = slot;
	return n;
}

static int
reap_packed(struct ring_bed *bed)
{
	const struct bed_pdesc *desc = (const void *)bed->desc;
	const uint64_t bits = (uint64_t)(DESC_F_AVAIL | DESC_F_USED) << 48;
	uint16_t n = 0, n_descs = bed->n_descs, slot = bed->oldest_slot;
	struct bed_place at = bed->done;

	for (; n < bed->in_flight; n++) {
		uint64_t rest =
			__atomic_load_n(&desc[at.i].rest, __ATOMIC_ACQUIRE);
		/* 2.8.5: without the flag there is no length */
		uint32_t len = rest >> 48 & DESC_F_WRITE ? (uint32_t)rest : 0;

		if ((rest & bits) != (at.wrap ? bits : 0))
			break;
		if ((uint16_t)(rest >> 32) != slot ||
		    len != bed->shape->written)
			return -EPROTO;
		at = bed_step(bed, at, n_descs);
		slot = bed_after(bed, slot);
	}
	bed->done = at;
	bed->oldest_slot = slot;
	return n;
}

int
bed_reap(struct ring_bed *bed)
{
	int n = bed->packed ? reap_packed(bed) : reap_split(bed);

	if (n <= 0)
		return n;
	bed->in_flight = (uint16_t)(bed->in_flight - n);
	bed_no_interrupt(bed);
	return n;
}
