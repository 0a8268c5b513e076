/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A device brought up in one call, by a driver that does all of it right: the
 * start of most tests. A test that is about bringing up does it by hand.
 */
#ifndef DRV_DEVICE_H
#define DRV_DEVICE_H

#include <stdint.h>

#include "driver/pci.h"
#include "driver/ram.h"
#include "driver/virtio.h"
#include "driver/vq.h"

struct drv_device_opts {
	enum drv_face face;
	enum drv_irq irq;    /* the zero value is INTx */
	uint64_t features;   /* wanted */
	uint16_t n_queues;   /* 0: one */
	uint16_t queue_size; /* 0: the device's; on the legacy face always */
};

struct drv_device {
	struct drv_bus *bus; /* the caller's */
	struct drv_ram *ram; /* the caller's; the bus knows its regions */
	struct drv_pci pci;
	struct drv_virtio vd;
	struct drv_vq vqs[DRV_MAX_QUEUES];
	uint16_t n_queues;
	enum drv_irq irq;
	struct drv_ram_mark mark; /* what start took from ram */
};

/* Probe the function and place its BARs. */
int drv_device_open(struct drv_device *d, struct drv_bus *bus,
		    struct drv_ram *ram);

/*
 * Interrupts, features, queues, DRIVER_OK. With MSI-X the configuration has
 * vector 0 and queue i has i + 1. On failure the device is as after stop.
 */
int drv_device_start(struct drv_device *d, const struct drv_device_opts *opts);

/* Reset, interrupts off, rings and all later allocations given back. */
int drv_device_stop(struct drv_device *d);

/* How often the configuration interrupt has fired; with INTx and MSI all. */
uint64_t drv_device_config_irqs(struct drv_device *d);

#endif
