/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A virtqueue in use: a ring in guest RAM, split or packed as was negotiated,
 * attached to a device by one of the carriers: a PCI function (with its kick
 * place looked up once), or a vhost-user connection (vhost-user-device.h). What
 * most tests need; the ring is there for those that need more.
 */
#ifndef DRV_VQ_H
#define DRV_VQ_H

#include <stdbool.h>
#include <stdint.h>

#include "driver/packed.h"
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
	bool is_packed;           /* which of the two rings it is */
	struct drv_split ring;    /* a split one */
	struct drv_packed packed; /* a packed one */
	uint16_t index;
	bool indirect; /* submit as indirect tables; the caller sets it */
	uint64_t n_kicks;
	/* On a PCI function. */
	struct drv_virtio *vd; /* the caller's */
	uint16_t vector;       /* or DRV_NO_VECTOR */
	uint16_t kick_id;      /* what a kick calls the queue (4.1.5.2) */
	int kick_bar;
	uint64_t kick_off;
};

/*
 * Place a ring of size entries (0: as large as the device has it) in ram, in
 * the layout of the device's face, and attach it. The device has been through
 * drv_virtio_start(). What drv_vq_init_at() and drv_queue_attach() return.
 */
int drv_vq_open(struct drv_vq *vq, struct drv_virtio *vd, struct drv_ram *ram,
		uint16_t index, uint16_t size, uint16_t vector);

/* Free the ring's private memory. The device has been reset. */
void drv_vq_close(struct drv_vq *vq);

/*
 * For carriers: make the ring that these features ask for. What
 * drv_split_init_at() and drv_packed_init_at() return.
 */
int drv_vq_init_at(struct drv_vq *vq, struct drv_ram *ram,
		   const struct drv_areas *at, uint64_t features);
struct drv_areas drv_vq_areas(const struct drv_vq *vq);

/*
 * The ring, whichever it is: what drv_split_*() and drv_packed_*() of the same
 * name do. drv_vq_add() makes an indirect table if the caller has set that.
 */
int drv_vq_add(struct drv_vq *vq, const struct drv_seg *segs, int n,
	       void *cookie);
void drv_vq_publish(struct drv_vq *vq);
bool drv_vq_has_used(const struct drv_vq *vq);
int drv_vq_reap(struct drv_vq *vq, struct drv_used *out);
uint16_t drv_vq_in_flight(const struct drv_vq *vq);
uint16_t drv_vq_n_free(const struct drv_vq *vq);
void drv_vq_interrupts(struct drv_vq *vq, bool on);
void drv_vq_reset_ring(struct drv_vq *vq);
int drv_vq_set_ram(struct drv_vq *vq, struct drv_ram *ram);
struct drv_ram *drv_vq_ram(const struct drv_vq *vq);

/*
 * Where a device goes on that knows only guest memory, in the encoding of
 * vhost-user: the used index, or drv_packed_base().
 */
uint32_t drv_vq_base(const struct drv_vq *vq);

/*
 * Where the driver makes the next chain available, as a kick with
 * NOTIFICATION_DATA says it: next_off, and next_wrap in bit 15 (2.9).
 */
uint16_t drv_vq_next(const struct drv_vq *vq);

/* The ring is empty, and the device has been reset: attach it once more. */
int drv_vq_attach(struct drv_vq *vq);

/* Kick now, or only if the device wants it. */
int drv_vq_kick(struct drv_vq *vq);
int drv_vq_kick_if_needed(struct drv_vq *vq);

/*
 * Add a chain, publish it, kick if needed. The head, or the buffer id, or a
 * negative errno.
 */
int drv_vq_submit(struct drv_vq *vq, const struct drv_seg *segs, int n,
		  void *cookie);

/*
 * Run the device until it returns a chain, and take that. 1, -ETIMEDOUT, or
 * what drv_vq_reap() found wrong. Interrupts are not needed for this.
 */
int drv_vq_wait(struct drv_vq *vq, struct drv_used *out, int timeout_ms);

/* Submit one chain and wait for it. 0 or a negative errno. */
int drv_vq_call(struct drv_vq *vq, const struct drv_seg *segs, int n,
		struct drv_used *out);

/* Count a queue's interrupts so far, whatever mechanism brings them. */
uint64_t drv_vq_irqs(struct drv_vq *vq);

#endif
