/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Verified traffic on one queue of a device that copies what is readable in a
 * chain into what is writable: chains of random shapes, direct and indirect,
 * many at a time, each judged when it comes back. Each has buffers of its own,
 * and what may be written holds a pattern that is never sent; so what came back
 * says what was written, whatever the ring says.
 *
 * On a ring that is in order, chains must come back in the order in which they
 * went, and one that the device has skipped must have been written completely.
 */
#ifndef DRV_ECHO_H
#define DRV_ECHO_H

#include <stdbool.h>
#include <stdint.h>

#include "driver/vq.h"

#define DRV_ECHO_SEGS  6   /* descriptors of a chain, at most */
#define DRV_ECHO_BYTES 128 /* of either direction, at most */

struct drv_echo_opts {
	uint64_t seed;    /* 0: 1 */
	uint16_t depth;   /* chains at a time; 0: as many as the ring has */
	uint8_t max_segs; /* of a direct chain; 0: all */
	bool no_indirect; /* never a table */
	bool whole;       /* always as much to read as there is to write */
};

struct drv_echo_chain {
	uint32_t n_in;  /* readable bytes */
	uint32_t n_out; /* writable ones */
	uint32_t number;
	bool in_flight;
};

struct drv_echo {
	struct drv_vq *vq; /* the caller's */
	struct drv_echo_opts opts;
	struct drv_echo_chain *chains;
	uint16_t n_chains; /* there is room for */
	uint16_t n_in_flight;
	uint64_t buffers_gpa;
	uint64_t random;
	uint32_t n_sent;
	uint32_t n_back;
	uint32_t n_skipped; /* of these */
	uint32_t n_faults;
	char why[160]; /* the first thing that was wrong */
};

/* Takes buffers from the queue's RAM. -ENOSPC, -ENOMEM. */
int drv_echo_init(struct drv_echo *e, struct drv_vq *vq,
		  const struct drv_echo_opts *opts);
void drv_echo_deinit(struct drv_echo *e);

/* Publish up to n chains, and kick if needed. How many, or an errno. */
int drv_echo_send(struct drv_echo *e, int n);

/* Take and judge what has come back. How many, or what reap found wrong. */
int drv_echo_reap(struct drv_echo *e);

/* The ring is new: nothing is in flight, and nothing must come back. */
void drv_echo_restart(struct drv_echo *e);

#endif
