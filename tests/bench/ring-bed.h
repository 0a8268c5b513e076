/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The ground of the ring benchmarks: guest RAM in two regions (rings and
 * indirect tables in the low one, data in the high one, so that each chain
 * needs both), one ring at a fixed place, and a driver that costs as little as
 * a driver can: one 16-byte store for each descriptor.
 *
 * Chains come back in the order in which they were made available: no device
 * side here does otherwise, and a driver that knows it is cheaper.
 */
#ifndef BENCH_RING_BED_H
#define BENCH_RING_BED_H

#include <stdbool.h>
#include <stdint.h>

#include "driver/ram.h"

#define BED_QSIZE     256 /* unless a benchmark wants another one */
#define BED_MAX_QSIZE 1024
#define BED_LOW_GPA   UINT64_C(0)
#define BED_LOW_SIZE  (UINT64_C(64) << 20)
#define BED_HIGH_GPA  (UINT64_C(4) << 30)
/* Enough for a buffer of a page for each descriptor of each chain. */
#define BED_HIGH_SIZE (UINT64_C(192) << 20)

/* What the two kinds of ring have: descriptors, driver area, device area. */
#define BED_DESC_GPA   UINT64_C(0x100000)
#define BED_AVAIL_GPA  UINT64_C(0x104000)
#define BED_USED_GPA   UINT64_C(0x106000)
#define BED_TABLES_GPA UINT64_C(0x200000)
#define BED_BUF_SIZE   4096
#define BED_DESC_SIZE  16

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
/* A packet of 64 bytes behind the header of a network device. */
#define BED_PACKET 64
#define BED_HEADER 12
extern const struct ring_shape bed_packet;
/* By name; NULL if there is none. */
const struct ring_shape *bed_shape(const char *name);

struct bed_avail {
	uint16_t flags;
	uint16_t idx;
	uint16_t ring[]; /* and used_event */
};

struct bed_used_elem {
	uint32_t id;
	uint32_t len;
};

struct bed_used {
	uint16_t flags;
	uint16_t idx;
	struct bed_used_elem ring[]; /* and avail_event */
};

/* A descriptor of a packed ring, or of an indirect table of one. */
struct bed_pdesc {
	uint64_t addr;
	uint64_t rest; /* length, id << 32, flags << 48 */
};

/* A place in a packed ring, with its wrap counter. */
struct bed_place {
	uint16_t i;
	bool wrap;
};

/* How a ring is to be. */
struct bed_ring {
	const struct ring_shape *shape;
	uint16_t qsize;
	bool packed;
	bool event_idx;
};

/* The ring in guest RAM, and the driver's own indices. */
struct ring_bed {
	struct drv_ram ram;
	uint8_t *low;  /* host address of BED_LOW_GPA */
	uint8_t *high; /* and of BED_HIGH_GPA */
	uint8_t *desc;
	struct bed_avail *avail;
	struct bed_used *used;
	uint16_t *used_event;
	uint16_t *avail_event;
	uint32_t *driver_event; /* of a packed ring: place, flags << 16 */
	uint32_t *device_event;

	const struct ring_shape *shape;
	uint16_t qsize;
	bool packed;
	bool event_idx;
	uint16_t n_slots; /* chains that fit */
	uint16_t n_descs; /* of the ring, for each chain */
	/* By segment: what is the same in each chain beside the address. */
	uint64_t rest[BED_MAX_SEGS];

	/* What follows changes; a device side on another core reads the above.
	 */
	uint8_t gap[128];
	uint16_t in_flight;
	uint16_t next_slot;
	uint16_t oldest_slot;
	/* Of a split ring. */
	uint16_t avail_idx;
	uint16_t used_idx;
	uint16_t kick_idx; /* avail_idx at the last decision */
	/* Of a packed one. */
	struct bed_place add;    /* the next descriptor goes here */
	struct bed_place done;   /* the next used one comes here */
	struct bed_place shown;  /* what was added before can be seen */
	struct bed_pdesc *first; /* added first of what cannot, or NULL */
	uint64_t first_rest;     /* what makes it visible */
	uint16_t n_hidden;       /* descriptors */
};

/* Exits if memory cannot be had. */
void bed_init(struct ring_bed *bed);
void bed_deinit(struct ring_bed *bed);

/* An empty ring; chains of this shape from now on. Interrupts suppressed. */
void bed_reset_ring(struct ring_bed *bed, const struct bed_ring *ring);
/* The same: a split one of BED_QSIZE. */
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

/* What the device is to return: a head, or the buffer id of a packed ring. */
static inline uint16_t
bed_head(const struct ring_bed *bed, uint16_t slot)
{
	return bed->packed ? slot : (uint16_t)(slot * bed->n_descs);
}

/* The slot after this one, round and round. */
static inline uint16_t
bed_after(const struct ring_bed *bed, uint16_t slot)
{
	return slot + 1 == bed->n_slots ? 0 : (uint16_t)(slot + 1);
}

/* n descriptors further on in a packed ring. */
static inline struct bed_place
bed_step(const struct ring_bed *bed, struct bed_place at, uint16_t n)
{
	uint32_t i = (uint32_t)at.i + n;

	if (i < bed->qsize)
		return (struct bed_place){ (uint16_t)i, at.wrap };
	return (struct bed_place){ (uint16_t)(i - bed->qsize), !at.wrap };
}

/* Write the descriptors of a slot, and make it available, not yet visible. */
void bed_add(struct ring_bed *bed, uint16_t slot);

/* Let the device see it; and must it be kicked? */
void bed_show(struct ring_bed *bed);
bool bed_publish(struct ring_bed *bed);

/* Add the next n slots; there is room. */
void bed_offer(struct ring_bed *bed, uint16_t n);

/*
 * Take back what is there of what was offered; how many. -EPROTO if something
 * came back that is not what was offered.
 */
int bed_reap(struct ring_bed *bed);

/* Of a split ring: used elements that are there and were not taken. */
static inline uint16_t
bed_n_used(const struct ring_bed *bed)
{
	uint16_t idx = __atomic_load_n(&bed->used->idx, __ATOMIC_ACQUIRE);

	return (uint16_t)(idx - bed->used_idx);
}

/* Of a split ring: take the next one; it is there. */
static inline struct bed_used_elem
bed_take_used(struct ring_bed *bed)
{
	return bed->used->ring[bed->used_idx++ & (bed->qsize - 1)];
}

/* After taking: keep the next interrupt away. */
void bed_no_interrupt(struct ring_bed *bed);

#endif
