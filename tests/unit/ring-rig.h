/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A split ring of the library and the driver that feeds it, on guest RAM of
 * three regions: two that touch, and read-only memory.
 */
#ifndef UNIT_RING_RIG_H
#define UNIT_RING_RIG_H

#include "driver/ram.h"
#include "driver/split.h"
#include "ring/split.h"

/* Rings and buffers; then, adjacent in the guest only, more buffers; ROM. */
#define RIG_LOW      UINT64_C(0x100000)
#define RIG_LOW_END  UINT64_C(0x300000)
#define RIG_HIGH     RIG_LOW_END
#define RIG_HIGH_END UINT64_C(0x304000)
#define RIG_ROM      UINT64_C(0x400000)
#define RIG_ROM_END  UINT64_C(0x401000)
#define RIG_HOLE     UINT64_C(0x500000)

#define RIG_MAX_SEGS 32

struct ring_rig {
	struct drv_ram ram;
	struct drv_split drv; /* the driver's */
	struct split ring;    /* the device's */
	struct mem_map *map;
	/* What the latest rig_pop() has got. */
	uint16_t head;
	struct iovec iov[RIG_MAX_SEGS];
	uint16_t flags[RIG_MAX_SEGS];
	struct ring_bad_chain bad;
};

/* A ring of size entries, empty and mapped; indirect tables are allowed. */
void rig_open(struct ring_rig *rig, uint16_t size);
void rig_close(struct ring_rig *rig);

/* One more region for the map; the ring is mapped again. */
void rig_add_region(struct ring_rig *rig, const struct vbs_ram *region);

/* Write descriptor i, and offer it as the next head. */
void rig_desc(struct ring_rig *rig, uint16_t i, uint64_t addr, uint32_t len,
	      uint16_t flags, uint16_t next);
void rig_offer(struct ring_rig *rig, uint16_t head);

/* Entry i of an indirect table at a guest address. */
void rig_table(struct ring_rig *rig, uint64_t table, uint32_t i,
	       const struct drv_desc *d);

/* split_pop() with room for n_iov segments. */
int rig_pop(struct ring_rig *rig, int n_iov);

/* Take the next chain, return it with a length, and publish. */
void rig_serve(struct ring_rig *rig, uint32_t len);

/* Host address of a guest address. */
void *rig_hva(const struct ring_rig *rig, uint64_t gpa);

#endif
