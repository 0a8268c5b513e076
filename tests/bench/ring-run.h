/* SPDX-License-Identifier: BSD-3-Clause */
/* A driver moves chains through a ring to a device side and back. */
#ifndef BENCH_RING_RUN_H
#define BENCH_RING_RUN_H

#include "bench/bench.h"
#include "bench/ring-bed.h"
#include "bench/ring-peer.h"

/* A row of a table: what all device sides in it are given to do. */
struct ring_work {
	struct bed_ring ring;
	bool two_cores;
	uint16_t batch; /* with two cores: chains in flight */
};

/*
 * In this thread: the driver makes a batch available, the device side takes
 * and returns it, the driver takes it back. Smaller batches where the ring has
 * no room.
 */
void ring_move(const struct ring_peer *peer, void *state, struct ring_bed *bed,
	       uint32_t n_chains, uint16_t batch);

/* One sample of a new ring, warmed up: nanoseconds a chain. */
double ring_sample(const struct bench *b, const struct ring_peer *peer,
		   struct ring_bed *bed, const struct ring_work *work,
		   uint32_t n_chains);

#endif
