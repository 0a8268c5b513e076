// SPDX-License-Identifier: BSD-3-Clause
/* No device at all: what the driver side of a benchmark costs by itself. */
#include "bench/ring-peer.h"

static void *
alone_open(struct ring_bed *bed)
{
	return bed;
}

static void
alone_split(struct ring_bed *bed)
{
	uint16_t idx = bed->used_idx, slot = bed->oldest_slot;

	while (idx != bed->avail_idx) {
		struct bed_used_elem *elem =
			&bed->used->ring[idx & (bed->qsize - 1)];

		elem->id = bed_head(bed, slot);
		elem->len = bed->shape->written;
		slot = bed_after(bed, slot);
		idx++;
	}
	__atomic_store_n(&bed->used->idx, idx, __ATOMIC_RELEASE);
}

static void
alone_packed(struct ring_bed *bed)
{
	struct bed_pdesc *desc = (void *)bed->desc;
	struct bed_place at = bed->done;
	uint16_t slot = bed->oldest_slot;

	for (uint16_t n = bed->in_flight; n > 0; n--) {
		uint64_t flags = at.wrap ? UINT64_C(0x8080) << 48 : 0;

		if (bed->shape->written > 0)
			flags |= (uint64_t)PEER_F_WRITE << 48;
		__atomic_store_n(&desc[at.i].rest,
				 flags | (uint64_t)slot << 32 |
					 bed->shape->written,
				 __ATOMIC_RELEASE);
		slot = bed_after(bed, slot);
		at = bed_step(bed, at, bed->n_descs);
	}
}

static void
peer_alone_serve(void *state)
{
	struct ring_bed *bed = state;

	if (bed->packed)
		alone_packed(bed);
	else
		alone_split(bed);
}

static void
alone_close(void *state)
{
}

const struct ring_peer peer_alone = {
	.name = "alone",
	.rings = PEER_SPLIT | PEER_PACKED,
	.open = alone_open,
	.serve = peer_alone_serve,
	.close = alone_close,
};
