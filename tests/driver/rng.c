// SPDX-License-Identifier: BSD-3-Clause
/* An entropy driver. */
#include "driver/rng.h"

int
drv_rng_read(struct drv_vq *vq, uint64_t gpa, uint32_t len, uint32_t *got)
{
	struct drv_seg seg = { gpa, len, true };
	struct drv_used used;
	int rc = drv_vq_call(vq, &seg, 1, &used);

	if (rc == 0)
		*got = used.len;
	return rc;
}
