/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A device for tests of what all devices share. Three queues: each copies the
 * readable part of a chain into its writable part. Twelve bytes of writable
 * configuration, which are all of its state. Made through <vbs/...>, as any
 * device.
 *
 * Options: "modern" for a function that is not transitional; "iothread" to
 * serve queues 1 and 2 in a thread of their own; "in-order" to offer that.
 */
#ifndef TEST_LOOP_H
#define TEST_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include <vbs/virtio.h>

#define LOOP_QUEUES    3
#define LOOP_QSIZE     64
#define LOOP_CONFIG    12
#define LOOP_MAX_SEGS  32
#define LOOP_BATCH     7 /* chains at once */
#define LOOP_TYPE      0x3f
#define LOOP_DEVICE_ID 0x103f

/* Two bits of the device's own; the second needs the first. */
#define LOOP_F_BASE  0
#define LOOP_F_EXTRA 1

struct vbs_iothread;

struct loop_held {
	uint16_t head;
	uint32_t len;
};

struct loop {
	struct virtio_common common; /* first */
	struct vqueue_info vqs[LOOP_QUEUES];
	struct vbs_iothread *thread; /* or NULL */
	uint8_t config[LOOP_CONFIG];
	/* A test sets it: take and return several chains at once. */
	bool batch;
	/* A test sets it: copy, but keep the chains until loop_release(). */
	bool hold;
	/* Hold on to them in queue_stop() too: a stuck back end. */
	bool stuck;
	struct loop_held held[LOOP_QUEUES][LOOP_QSIZE];
	int n_held[LOOP_QUEUES];
	/* Counted for the test; n_chains by any thread. */
	int n_chains;
	int n_resets;
	int n_stops;
	int n_bad;
};

extern const struct pci_vdev_ops loop_pci_ops;

/* The device behind a function. */
struct loop *loop_of(struct pci_vdev *dev);

/* Return what a queue's hold has kept: all of it, or the i-th of it. */
void loop_release(struct loop *loop, int queue);
void loop_give_back(struct loop *loop, int queue, int i);

/* The device changes a byte of its configuration. */
void loop_change_config(struct loop *loop, int offset, uint8_t val);

#endif
