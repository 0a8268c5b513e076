/* SPDX-License-Identifier: BSD-3-Clause */
/* An entropy driver (virtio 1.4, 5.4): one queue of writable buffers. */
#ifndef DRV_RNG_H
#define DRV_RNG_H

#include <stdint.h>

#include "driver/vq.h"

/* Ask for up to len bytes at gpa; *got is what the device says it wrote. */
int drv_rng_read(struct drv_vq *vq, uint64_t gpa, uint32_t len, uint32_t *got);

#endif
