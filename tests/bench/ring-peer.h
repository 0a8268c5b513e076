/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A device side of a ring, as a benchmark sees it: one table for each code
 * that takes chains and gives them back. A further peer is a further table in
 * an array of bench-ring.c, or in a module (ring-modules.h).
 */
#ifndef BENCH_RING_PEER_H
#define BENCH_RING_PEER_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/uio.h>

#include "bench/ring-bed.h"

#define PEER_F_WRITE 2u /* flags of a segment */

/* Longer bursts keep the driver waiting for the first ones of them. */
#define PEER_BURST 32

/* Kinds of ring that a peer knows. */
#define PEER_SPLIT  1u
#define PEER_PACKED 2u

struct ring_peer {
	const char *name;
	unsigned rings;
	/* Attach to the ring, which has just been reset; exits on failure. */
	void *(*open)(struct ring_bed *bed);
	/*
	 * Take what chains are available, up to PEER_BURST of them, look at
	 * the segments of each with peer_see() or peer_receive(), return it
	 * with what that said; publish, and decide about the interrupt. Nothing
	 * of this if there is no chain. Named peer_*_serve(): callgrind counts
	 * inside.
	 */
	void (*serve)(void *state);
	void (*close)(void *state);
	/* Once, at the end; may be NULL. */
	void (*finish)(void);
};

/* Knows what the driver asks for and only writes what is used. */
extern const struct ring_peer peer_alone;
/* Walks the ring and checks nothing; and receives packets. */
extern const struct ring_peer peer_floor;
extern const struct ring_peer peer_floor_net;
/* Chain by chain, and as many as there are at once; and for packets. */
extern const struct ring_peer peer_libvbs;
extern const struct ring_peer peer_libvbs_batch;
extern const struct ring_peer peer_libvbs_net;
extern const struct ring_peer peer_libvbs_net_batch;

/* What a device does with the segments here: how much may it write? */
static inline uint32_t
peer_see(const struct iovec *iov, const uint16_t *flags, int n)
{
	size_t sum = 0;

	for (int i = 0; i < n; i++)
		sum += flags[i] & PEER_F_WRITE ? iov[i].iov_len : 0;
	return (uint32_t)sum;
}

/* Where a network device puts what it takes; the oldest is overwritten. */
struct peer_packets {
	uint8_t data[PEER_BURST][BED_PACKET];
	uint16_t next;
};

/* The same, of a packet: copy what is behind its header. */
static inline uint32_t
peer_receive(struct peer_packets *to, const struct iovec *iov)
{
	size_t len = iov->iov_len - BED_HEADER;

	if (iov->iov_len >= BED_HEADER && len <= BED_PACKET)
		memcpy(to->data[to->next++ % PEER_BURST],
		       (const uint8_t *)iov->iov_base + BED_HEADER, len);
	return 0;
}

#endif
