// SPDX-License-Identifier: BSD-3-Clause
/* A new device adds its line here. */
#include <stddef.h>

#include "devices/devices.h"

const struct dm_device *const dm_devices[] = {
	&dm_virtio_blk,
	&dm_virtio_rnd,
	NULL,
};
