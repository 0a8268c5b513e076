/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The ground of the ring benchmarks: guest RAM in two regions (rings and
 * indirect tables in the low one, data in the high one, so that each chain
 * needs both), one split ring at a fixed place, and a driver that costs as
 * little as a driver can: one 16-byte store for each descriptor.
 */
#ifndef BENCH_RING_BED_H
#define BENCH_RING_BED_H

#include <stdbool.h>
#include <stdint.h>

#include "driver/ram.h"

#define BED_QSIZE    256
#define BED_LOW_GPA  UINT64_C(0)
#define BED_LOW_SIZE (UINT64_C(64) << 20)
#define BED_HIGH_GPA (UINT64_C(4) << 30)
/* Enough for a buffer of a page for each descriptor of each chain. */
#define BED_HIGH_SIZE (UINT64_C(192) << 20)

#define BED_DESC_GPA   UINT64_C(0x100000)
#define BED_AVAIL_GPA  UINT64_C(0x102000)
#define BED_USED_GPA   UINT64_C(0x103000)
#define BED_TABLES_GPA UINT64_C(0x200000)
#define BED_BUF_SIZE   4096

#define BED_MAX_SEGS 18

/* What a driver asks for with each chain. */
struct ring_shape {
	const char *name;
	bool indirect;
	uint16_t n; /* segments */
	struct {
		uint32_t len;
		bool write;
	} seg[BED_MAX_SEGS];
	uint32_t written; /* bytes that the device may write */
};

#define BED_N_SHAPES 5
extern const struct ring_shape bed_shapes[BED_N_SHAPES];
/* By name; NULL if there is none. */
const struct ring_shape *bed_shape(const char *name);

struct bed_avail {
	uint16_t flags;
	uint16_t idx;
	uint16_t ring[BED_QSIZE];
	uint16_t used_event;
};

struct bed_used_elem {
	uint32_t id;
	uint32_t len;
};

struct bed_used {
	uint16_t flags;
	uint16_t idx;
	struct bed_used_elem ring[BED_QSIZE];
	uint16_t avail_event;
};

/* The ring in guest RAM, and the driver's own indices. */
struct ring_bed {
	struct drv_ram ram;
	uint8_t *low;  /* host address of BED_LOW_GPA */
	uint8_t *high; /* and of BED_HIGH_GPA */
	uint8_t *desc;
	struct bed_avail *avail;
	struct bed_used *used;

	const struct ring_shape *shape;
	bool event_idx;
	uint16_t n_slots; /* chains that fit */
	uint16_t avail_idx;
	uint16_t used_idx;
	uint16_t kick_idx; /* avail_idx at the last decision */
	/* For drivers whose chains come back in order. */
	uint16_t next_slot;
	uint16_t oldest_slot;
};

/* Exits if memory cannot be had. */
void bed_init(struct ring_bed *bed);
void bed_deinit(struct ring_bed *bed);

/* An empty ring; chains of this shape from now on. Interrupts suppressed. */
void bed_reset(struct ring_bed *bed, const struct ring_shape *shape,
	       bool event_idx);

/* Segment i of a chain in a slot. */
static inline uint64_t
bed_seg_gpa(const struct ring_bed *bed, uint16_t slot, uint16_t i)
{
	return BED_HIGH_GPA +
	       ((uint64_t)slot * bed->shape->n + i) * BED_BUF_SIZE;
}

static inline void *
bed_seg_hva(const struct ring_bed *bed, uint16_t slot, uint16_t i)
{
	return bed->high + (bed_seg_gpa(bed, slot, i) - BED_HIGH_GPA);
}

static inline uint16_t
bed_head(const struct ring_bed *bed, uint16_t slot)
{
	return bed->shape->indirect ? slot : (uint16_t)(slot * bed->shape->n);
}

/* Write the descriptors of a slot, and make it available, not yet visible. */
void bed_add(struct ring_bed *bed, uint16_t slot);

/* The slot after this one, round and round. */
static inline uint16_t
bed_after(const struct ring_bed *bed, uint16_t slot)
{
	return slot + 1 == bed->n_slots ? 0 : (uint16_t)(slot + 1);
}

/* Let the device see it; must it be kicked? */
bool bed_publish(struct ring_bed *bed);

/* Used elements that are there and were not taken. */
static inline uint16_t
bed_n_used(const struct ring_bed *bed)
{
	uint16_t idx = __atomic_load_n(&bed->used->idx, __ATOMIC_ACQUIRE);

	return (uint16_t)(idx - bed->used_idx);
}

/* Take the next one; it is there. */
static inline struct bed_used_elem
bed_take_used(struct ring_bed *bed)
{
	return bed->used->ring[bed->used_idx++ % BED_QSIZE];
}

/* After taking: keep the next interrupt away. */
static inline void
bed_no_interrupt(struct ring_bed *bed)
{
	if (bed->event_idx)
		__atomic_store_n(&bed->avail->used_event,
				 (uint16_t)(bed->used_idx - 1),
				 __ATOMIC_RELAXED);
}

#endif
