/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A packed ring of the library and the driver that feeds it: what ring-rig.h is
 * for split rings.
 */
#ifndef UNIT_PACKED_RIG_H
#define UNIT_PACKED_RIG_H

#include "driver/packed.h"
#include "driver/ram.h"
#include "ring/packed.h"

#define PRIG_GPA      UINT64_C(0x100000)
#define PRIG_BYTES    UINT64_C(0x200000)
#define PRIG_BUF      (PRIG_GPA + PRIG_BYTES - 0x10000) /* for buffers */
#define PRIG_MAX_SEGS 16

struct packed_rig {
	struct drv_ram ram;
	struct drv_packed drv; /* the driver's */
	struct packed ring;    /* the device's */
	struct mem_map *map;
	/* What the latest prig_pop() has got. */
	uint16_t id;
	struct iovec iov[PRIG_MAX_SEGS];
	uint16_t flags[PRIG_MAX_SEGS];
	struct ring_bad_chain bad;
};

/* A ring of size entries, empty and mapped; indirect tables are allowed. */
void prig_open(struct packed_rig *rig, uint16_t size);
void prig_close(struct packed_rig *rig);

/* The device's side begins anew, on the same areas. */
void prig_reset(struct packed_rig *rig);

/*
 * Add a chain of n one-byte buffers to write to, and publish it; its id. Or of
 * one buffer of 16 bytes, anywhere.
 */
uint16_t prig_offer(struct packed_rig *rig, int n);
uint16_t prig_offer_at(struct packed_rig *rig, uint64_t gpa);

/* packed_pop() with room for n_iov segments. */
int prig_pop(struct packed_rig *rig, int n_iov);

/* Take the next chain, which there is, return it with a length, publish. */
void prig_serve(struct packed_rig *rig, uint32_t len);

/* What the driver takes next: its id and length. */
struct drv_used prig_reap(struct packed_rig *rig);

#endif
