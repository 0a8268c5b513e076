// SPDX-License-Identifier: BSD-3-Clause
/* No device at all: what the driver side of a benchmark costs by itself. */
#include "bench/ring-peer.h"

static void *
alone_open(struct ring_bed *bed)
{
	return bed;
}

static void
peer_alone_serve(void *state)
{
	struct ring_bed *bed = state;
	uint16_t idx = bed->used_idx, slot = bed->oldest_slot;

	while (idx != bed->avail_idx) {
		struct bed_used_elem *elem = &bed->used->ring[idx % BED_QSIZE];

		elem->id = bed_head(bed, slot);
		elem->len = bed->shape->written;
		slot = bed_after(bed, slot);
		idx++;
	}
	__atomic_store_n(&bed->used->idx, idx, __ATOMIC_RELEASE);
}

static void
alone_close(void *state)
{
}

const struct ring_peer peer_alone = {
	.name = "alone",
	.open = alone_open,
	.serve = peer_alone_serve,
	.close = alone_close,
};
