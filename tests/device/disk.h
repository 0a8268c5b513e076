/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A virtio-blk of vbs-dm on an image of its own, driven in process: what a case
 * about disks starts from. Each call fails the case if it cannot do its work.
 *
 * Each 8 bytes of the image hold their own offset, until a case writes.
 */
#ifndef TEST_DISK_H
#define TEST_DISK_H

#include <stdbool.h>
#include <stdint.h>

#include "driver/blk.h"
#include "driver/device.h"
#include "driver/inproc.h"

#define DISK_SECTORS   2048u
#define DISK_BYTES     (DISK_SECTORS * DRV_BLK_SECTOR)
#define DISK_BUF_BYTES (1u << 20)

struct disk {
	char path[64];
	bool started;
	struct drv_inproc *machine;
	struct drv_bus *bus;
	struct drv_ram ram;
	struct drv_device dev;
	struct drv_blk blk; /* on queue 0 */
	uint64_t buf;       /* gpa of DISK_BUF_BYTES, page aligned */
};

/* What a driver accepts that can do all of it, with split rings or packed. */
#define DISK_ALL_FEATURES (~DRV_BIT(DRV_F_RING_PACKED))
#define DISK_ALL_PACKED   UINT64_MAX

/* Make the image and a device with these options more (or NULL). */
void disk_open(struct disk *disk, const char *opts);

/* The same with an image that is there, or null:SIZE. */
void disk_open_path(struct disk *disk, const char *path, const char *opts);

/* Does this machine have io_uring, and this build too? */
bool disk_has_io_uring(void);

/* Bring it up: n_queues, MSI-X, request slots on queue 0. */
void disk_start(struct disk *disk, enum drv_face face, uint64_t features,
		uint16_t n_queues);
void disk_stop(struct disk *disk);

/* Free all of it; removes the image if disk_open() has made it. */
void disk_close(struct disk *disk);

/* Does the image hold the first pattern in these bytes? */
bool disk_image_is_fresh(const struct disk *disk, uint64_t off, uint64_t len);
/* Are these bytes of the image all c? */
bool disk_image_is(const struct disk *disk, uint64_t off, uint64_t len,
		   uint8_t c);
uint64_t disk_image_bytes(const struct disk *disk);

/* The same for guest RAM, as if it had been read from off. */
bool disk_ram_is_fresh(const struct disk *disk, uint64_t gpa, uint64_t off,
		       uint64_t len);
bool disk_ram_is(const struct disk *disk, uint64_t gpa, uint64_t len,
		 uint8_t c);

#endif
