/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A device side of a split ring, as a benchmark sees it: one table for each
 * code that takes chains and gives them back. A further peer is a further
 * table in the array of bench-ring.c.
 */
#ifndef BENCH_RING_PEER_H
#define BENCH_RING_PEER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "bench/ring-bed.h"

#define PEER_F_WRITE 2u /* flags of a segment */

struct ring_peer {
	const char *name;
	/* Attach to the ring, which has just been reset; exits on failure. */
	void *(*open)(struct ring_bed *bed);
	/*
	 * Take every chain that is available, look at its segments with
	 * peer_see(), return it with what that said, publish, and decide
	 * about the interrupt. Named peer_*_serve(): callgrind counts inside.
	 */
	void (*serve)(void *state);
	void (*close)(void *state);
	/* Once, at the end; may be NULL. */
	void (*finish)(void);
};

/* Knows what the driver asks for and only writes the used ring. */
extern const struct ring_peer peer_alone;
/* Walks the ring and checks nothing. */
extern const struct ring_peer peer_floor;
extern const struct ring_peer peer_libvbs;

/* What a device does with the segments here: how much may it write? */
static inline uint32_t
peer_see(const struct iovec *iov, const uint16_t *flags, int n)
{
	size_t sum = 0;

	for (int i = 0; i < n; i++)
		sum += flags[i] & PEER_F_WRITE ? iov[i].iov_len : 0;
	return (uint32_t)sum;
}

#endif
