/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a device keeps that nobody else has: saved when its guest moves to
 * another process, and loaded there. Rings, features and status are not part
 * of it: who moves the guest has them.
 *
 *   0  4 bytes  "VBSD"
 *   4  u16      version, 1
 *   6  u16      virtio device type
 *   8  u64      features that were negotiated
 *  16  u32      bytes of the device's own, to the end
 *  20  u32      0
 *  24           the device's own: struct virtio_ops, save and load
 *
 * All of it little-endian.
 */
#ifndef VIRTIO_STATE_H
#define VIRTIO_STATE_H

#include <stddef.h>
#include <stdint.h>

#define STATE_MAX 65536 /* bytes in all */

struct virtio_common;

/*
 * Save a device whose queues are stopped. Bytes, or a negative errno: -ENOSPC,
 * or what the device says. Takes common->mtx, as state_load() does.
 */
long state_save(struct virtio_common *vb, uint8_t *buf, size_t size);

/*
 * Load what may be anything. 0, or -EINVAL: it is not the state of such a
 * device; and nothing has changed.
 */
int state_load(struct virtio_common *vb, const uint8_t *buf, size_t len);

#endif
