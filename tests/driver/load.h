/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Verified I/O: random reads, writes and flushes on several queues of a block
 * device, many at a time, each judged by an oracle. The device side may die
 * and come back on the same rings: what was in flight stays in flight.
 */
#ifndef DRV_LOAD_H
#define DRV_LOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "driver/oracle.h"

#define DRV_LOAD_MAX_SECTORS 16 /* in one request */

struct drv_load_opts {
	uint16_t depth;  /* requests in flight on each queue; 0: 16 */
	uint8_t writes;  /* of 100 requests; 0: 60 */
	uint8_t flushes; /* of 100 requests */
	uint64_t seed;   /* 0: 1 */
	bool indirect;
	bool no_prefill;   /* the device alone writes what reads go into */
	bool by_interrupt; /* look at the rings only after interrupts */
};

struct drv_load_request {
	uint32_t type;
	uint64_t sector;
	uint32_t n_sectors;
	bool in_flight;
};

struct drv_load_counts {
	uint64_t reads;
	uint64_t writes;
	uint64_t flushes;
	uint64_t failed;     /* a status other than OK, a wrong used length */
	uint64_t duplicated; /* completed twice, or without being done */
	uint64_t lost;       /* an old generation, or never completed */
	uint64_t corrupted;
	uint64_t missed; /* came back without the interrupt that it needed */
};

struct drv_load {
	struct drv_oracle *oracle; /* the caller's, as the queues are */
	struct drv_blk blks[DRV_MAX_QUEUES];
	uint16_t n_queues;
	struct drv_load_opts opts;
	struct drv_load_request *requests; /* depth for each queue */
	uint64_t buffers_gpa;
	uint64_t random;
	uint64_t n_in_flight;
	struct drv_load_counts counts;
	char why[160]; /* the first thing that was wrong */
};

/*
 * Takes buffers from ram; the queues are not looked at, and may be opened
 * later. -ENOSPC, -ENOMEM.
 */
int drv_load_init(struct drv_load *l, struct drv_oracle *oracle,
		  struct drv_ram *ram, struct drv_vq *const *vqs,
		  uint16_t n_queues, const struct drv_load_opts *opts);
void drv_load_deinit(struct drv_load *l);

/* Put requests into flight until every queue has depth; how many, or errno. */
int drv_load_fill(struct drv_load *l);

/* Take and judge all that has come back; how many. */
int drv_load_reap(struct drv_load *l);

/* Both, until n more requests have come back. 0, -ETIMEDOUT, or an errno. */
int drv_load_run(struct drv_load *l, uint64_t n, int timeout_ms);

/*
 * The device has been reset: what was in flight is not any more, and each
 * sector of it is what the image says, if that is the old or the new
 * generation. The number of requests, or an errno.
 */
int drv_load_abandon(struct drv_load *l, const char *image);

/* The queues have new rings; nothing is in flight. */
void drv_load_restart(struct drv_load *l);

/* Where a request's data are: two buffers for each slot of each queue. */
uint64_t drv_load_buffer_gpa(const struct drv_load *l, uint16_t queue,
			     uint16_t slot, bool write);
#define DRV_LOAD_BUFFER_BYTES (DRV_LOAD_MAX_SECTORS * DRV_BLK_SECTOR)

/* Reap only, until nothing is in flight; what never comes counts as lost. */
int drv_load_drain(struct drv_load *l, int timeout_ms);

/* Requests that have come back so far. */
uint64_t drv_load_done(const struct drv_load *l);

/* Everything that must be zero; why says what came first. */
uint64_t drv_load_faults(const struct drv_load *l);

/* Pseudo-random numbers below n, for tests as well. */
uint64_t drv_load_random(struct drv_load *l, uint64_t n);

#endif
