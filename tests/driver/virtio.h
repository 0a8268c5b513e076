/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A virtio driver on a PCI function, through one of three faces: the legacy
 * registers of BAR 0, the modern structures in their BARs, or the same
 * structures through the PCI_CFG window. Each step is a call of its own, so
 * that a test can take them in any order; drv_virtio_start() is the right one.
 *
 * Calls return 0 or a negative errno. A register that a face does not have is
 * -EOPNOTSUPP, a structure that the function does not have -ENOENT.
 */
#ifndef DRV_VIRTIO_H
#define DRV_VIRTIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "driver/pci.h"
#include "driver/split.h"

enum drv_face {
	DRV_LEGACY,
	DRV_MODERN,
	DRV_WINDOW, /* modern, through PCI_CFG */
};

/* Device status (virtio 1.4, 2.1). */
#define DRV_S_ACKNOWLEDGE 0x01u
#define DRV_S_DRIVER      0x02u
#define DRV_S_DRIVER_OK   0x04u
#define DRV_S_FEATURES_OK 0x08u
#define DRV_S_SUSPEND     0x10u
#define DRV_S_NEEDS_RESET 0x40u
#define DRV_S_FAILED      0x80u

#define DRV_ISR_QUEUE  0x1u
#define DRV_ISR_CONFIG 0x2u

#define DRV_NO_VECTOR 0xffffu

/* Feature bits of queues and transports (chapter 6). */
#define DRV_F_NOTIFY_ON_EMPTY   24
#define DRV_F_ANY_LAYOUT        27
#define DRV_F_INDIRECT_DESC     28
#define DRV_F_EVENT_IDX         29
#define DRV_F_VERSION_1         32
#define DRV_F_ACCESS_PLATFORM   33
#define DRV_F_RING_PACKED       34
#define DRV_F_IN_ORDER          35
#define DRV_F_ORDER_PLATFORM    36
#define DRV_F_NOTIFICATION_DATA 38
#define DRV_F_NOTIF_CONFIG_DATA 39
#define DRV_F_RING_RESET        40
#define DRV_BIT(n)              (UINT64_C(1) << (n))

/* Common configuration, offset and width (4.1.4.3). */
enum drv_common_reg {
	DRV_C_DEVICE_FEATURE_SELECT = 0x00,
	DRV_C_DEVICE_FEATURE = 0x04,
	DRV_C_DRIVER_FEATURE_SELECT = 0x08,
	DRV_C_DRIVER_FEATURE = 0x0c,
	DRV_C_CONFIG_VECTOR = 0x10,
	DRV_C_NUM_QUEUES = 0x12,
	DRV_C_STATUS = 0x14,
	DRV_C_GENERATION = 0x15,
	DRV_C_QUEUE_SELECT = 0x16,
	DRV_C_QUEUE_SIZE = 0x18,
	DRV_C_QUEUE_VECTOR = 0x1a,
	DRV_C_QUEUE_ENABLE = 0x1c,
	DRV_C_QUEUE_NOTIFY_OFF = 0x1e,
	DRV_C_QUEUE_DESC = 0x20,
	DRV_C_QUEUE_DRIVER = 0x28,
	DRV_C_QUEUE_DEVICE = 0x30,
	DRV_C_QUEUE_NOTIF_DATA = 0x38,
	DRV_C_QUEUE_RESET = 0x3a,
	DRV_C_ADMIN_INDEX = 0x3c,
	DRV_C_ADMIN_NUM = 0x3e,
};

/* Legacy registers of BAR 0 (4.1.4.10). */
enum drv_legacy_reg {
	DRV_L_DEVICE_FEATURES = 0,
	DRV_L_DRIVER_FEATURES = 4,
	DRV_L_QUEUE_PFN = 8,
	DRV_L_QUEUE_SIZE = 12,
	DRV_L_QUEUE_SELECT = 14,
	DRV_L_QUEUE_NOTIFY = 16,
	DRV_L_STATUS = 18,
	DRV_L_ISR = 19,
	DRV_L_CONFIG_VECTOR = 20, /* this and the next: while MSI-X is on */
	DRV_L_QUEUE_VECTOR = 22,
};

struct drv_virtio {
	struct drv_pci *pci; /* the caller's */
	enum drv_face face;
	uint64_t features; /* negotiated */
	int reset_timeout_ms;
};

/* Drive pci through a face. Touches nothing. */
void drv_virtio_init(struct drv_virtio *vd, struct drv_pci *pci,
		     enum drv_face face);

/*
 * One access inside a structure: COMMON, NOTIFY, ISR or DEVICE of a modern
 * face. size up to 8; through the window 1, 2 or 4.
 */
int drv_virtio_read(struct drv_virtio *vd, enum drv_vcap_type type,
		    uint32_t off, uint32_t size, uint64_t *val);
int drv_virtio_write(struct drv_virtio *vd, enum drv_vcap_type type,
		     uint32_t off, uint32_t size, uint64_t val);

/* A register by name; the width is the register's. 64-bit ones as halves. */
int drv_common_read(struct drv_virtio *vd, enum drv_common_reg reg,
		    uint64_t *val);
int drv_common_write(struct drv_virtio *vd, enum drv_common_reg reg,
		     uint64_t val);
int drv_legacy_read(struct drv_virtio *vd, enum drv_legacy_reg reg,
		    uint32_t *val);
int drv_legacy_write(struct drv_virtio *vd, enum drv_legacy_reg reg,
		     uint32_t val);

/* Status. add reads, sets bits, and writes back. */
int drv_virtio_status(struct drv_virtio *vd, uint8_t *status);
int drv_virtio_set_status(struct drv_virtio *vd, uint8_t status);
int drv_virtio_add_status(struct drv_virtio *vd, uint8_t bits);

/*
 * Write status 0, and, on a modern face, run the device until it reads back 0:
 * -ETIMEDOUT after reset_timeout_ms.
 */
int drv_virtio_reset(struct drv_virtio *vd);

/* Features: what the device offers, and what the driver says it accepts. */
int drv_virtio_offered(struct drv_virtio *vd, uint64_t *features);
int drv_virtio_accept(struct drv_virtio *vd, uint64_t features);

/*
 * Accept what is both wanted and offered, and, on a modern face, set
 * FEATURES_OK and read it back: -ENOTSUP if the device has refused.
 * vd->features is the outcome.
 */
int drv_virtio_negotiate(struct drv_virtio *vd, uint64_t wanted);

/* Queues. select comes first; the others are about the selected queue. */
int drv_virtio_num_queues(struct drv_virtio *vd, uint16_t *n);
int drv_queue_select(struct drv_virtio *vd, uint16_t index);
int drv_queue_size(struct drv_virtio *vd, uint16_t *size);
int drv_queue_set_size(struct drv_virtio *vd, uint16_t size);
int drv_queue_set_areas(struct drv_virtio *vd, uint64_t desc, uint64_t driver,
			uint64_t device);
int drv_queue_set_enable(struct drv_virtio *vd, uint16_t on);
int drv_queue_enabled(struct drv_virtio *vd, bool *on);
int drv_queue_set_pfn(struct drv_virtio *vd, uint32_t pfn);

/* Write a vector and read it back: *got is what the device took. */
int drv_queue_set_vector(struct drv_virtio *vd, uint16_t vector, uint16_t *got);
int drv_virtio_set_config_vector(struct drv_virtio *vd, uint16_t vector,
				 uint16_t *got);

/*
 * Tell the device about a ring and turn it on: select, size, vector unless it
 * is DRV_NO_VECTOR, addresses or PFN, enable. -EBUSY if the queue is on
 * already, -ENOENT if its size is 0, -EINVAL if the ring is larger (or, on the
 * legacy face, not of the device's size), -EIO if the vector was refused.
 */
int drv_queue_attach(struct drv_virtio *vd, uint16_t index,
		     const struct drv_split *ring, uint16_t vector);
int drv_queue_attach_at(struct drv_virtio *vd, uint16_t index,
			const struct drv_areas *areas, uint16_t vector);

/*
 * RING_RESET (2.6.1): reset one queue and wait until the device is through
 * with it; -ETIMEDOUT after reset_timeout_ms.
 */
int drv_queue_reset(struct drv_virtio *vd, uint16_t index);

/*
 * What a kick calls a queue: its index, or, with NOTIF_CONFIG_DATA, what the
 * device wants to read (4.1.5.2).
 */
int drv_virtio_kick_id(struct drv_virtio *vd, uint16_t index, uint16_t *id);

/*
 * Kick a queue that has no ring of ours, in the place that the device has for
 * it. With NOTIFICATION_DATA the next chain is said to be the first.
 */
int drv_virtio_kick(struct drv_virtio *vd, uint16_t index);

/* Kick with any value and width at the place of a queue. */
int drv_virtio_kick_raw(struct drv_virtio *vd, uint16_t index, uint32_t size,
			uint32_t val);

/* Where a queue's kick goes: BAR and offset in it. */
int drv_virtio_kick_place(struct drv_virtio *vd, uint16_t index, int *bar,
			  uint64_t *off);

/* Read (and thereby clear) the interrupt status. */
int drv_virtio_isr(struct drv_virtio *vd, uint8_t *isr);

/*
 * Device configuration. read repeats until the generation stands still (on a
 * modern face; -EAGAIN after 100 times). Accesses are of 4, 2 and 1 bytes.
 */
int drv_virtio_config_read(struct drv_virtio *vd, uint32_t off, void *buf,
			   size_t len);
int drv_virtio_config_write(struct drv_virtio *vd, uint32_t off,
			    const void *buf, size_t len);
int drv_virtio_generation(struct drv_virtio *vd, uint8_t *gen);

/*
 * Reset, ACKNOWLEDGE, DRIVER, negotiate. Then come the queues and
 * drv_virtio_run(), which sets DRIVER_OK. VERSION_1 is added to what is wanted
 * on a modern face.
 */
int drv_virtio_start(struct drv_virtio *vd, uint64_t wanted);
int drv_virtio_run(struct drv_virtio *vd);

#endif
