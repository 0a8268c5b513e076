/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A virtqueue in use: a split ring in guest RAM, attached to a device by one
 * of the carriers: a PCI function (with its kick place looked up once), or a
 * vhost-user connection (vhost-user-device.h). What most tests need; the ring
 * is there for those that need more.
 */
#ifndef DRV_VQ_H
#define DRV_VQ_H

#include <stdbool.h>
#include <stdint.h>

#include "driver/split.h"
#include "driver/virtio.h"

#define DRV_MAX_QUEUES 16

struct drv_vq;

/* What a carrier does for a queue. */
struct drv_vq_ops {
	int (*kick)(struct drv_vq *vq);
	/* Let the device run until done(arg). 0, -ETIMEDOUT, or an errno. */
	int (*wait)(struct drv_vq *vq, bool (*done)(void *arg), void *arg,
		    int timeout_ms);
	uint64_t (*irqs)(struct drv_vq *vq);
};

struct drv_vq {
	const struct drv_vq_ops *ops;
	struct drv_split ring;
	uint16_t index;
	bool indirect; /* submit as indirect tables; the caller sets it */
	uint64_t n_kicks;
	/* On a PCI function. */
	struct drv_virtio *vd; /* the caller's */
	uint16_t vector;       /* or DRV_NO_VECTOR */
	int kick_bar;
	uint64_t kick_off;
};

/*
 * Place a ring of size entries (0: as large as the device has it) in ram, in
 * the layout of the device's face, and attach it. The device has been through
 * drv_virtio_start(). What drv_split_init() and drv_queue_attach() return.
 */
int drv_vq_open(struct drv_vq *vq, struct drv_virtio *vd, struct drv_ram *ram,
		uint16_t index, uint16_t size, uint16_t vector);

/* Free the ring's private memory. The device has been reset. */
void drv_vq_close(struct drv_vq *vq);

/* Kick now, or only if the device wants it. */
int drv_vq_kick(struct drv_vq *vq);
int drv_vq_kick_if_needed(struct drv_vq *vq);

/* Add a chain, publish it, kick if needed. The head, or a negative errno. */
int drv_vq_submit(struct drv_vq *vq, const struct drv_seg *segs, int n,
		  void *cookie);

/*
 * Run the device until it returns a chain, and take that. 1, -ETIMEDOUT, or
 * what drv_split_reap() found wrong. Interrupts are not needed for this.
 */
int drv_vq_wait(struct drv_vq *vq, struct drv_used *out, int timeout_ms);

/* Submit one chain and wait for it. 0 or a negative errno. */
int drv_vq_call(struct drv_vq *vq, const struct drv_seg *segs, int n,
		struct drv_used *out);

/* Count a queue's interrupts so far, whatever mechanism brings them. */
uint64_t drv_vq_irqs(struct drv_vq *vq);

#endif
