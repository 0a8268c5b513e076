// SPDX-License-Identifier: BSD-3-Clause
/* See packed-rig.h. */
#include <check.h>
#include <string.h>

#include "unit/packed-rig.h"

void
prig_reset(struct packed_rig *rig)
{
	struct ring_layout lay = { rig->drv.desc_gpa, rig->drv.driver_gpa,
				   rig->drv.device_gpa };

	packed_reset(&rig->ring, rig->drv.size);
	rig->ring.indirect = true;
	ck_assert(packed_layout_ok(&lay, rig->drv.size));
	ck_assert(packed_map(&rig->ring, &lay, map_ref(rig->map)));
}

void
prig_open(struct packed_rig *rig, uint16_t size)
{
	struct vbs_ram region = { .gpa = PRIG_GPA, .size = PRIG_BYTES };
	struct mem_map *empty = map_new();

	memset(rig, 0, sizeof(*rig));
	drv_ram_init(&rig->ram);
	ck_assert_int_eq(
		drv_ram_add(&rig->ram, PRIG_GPA, PRIG_BYTES, DRV_RAM_HEAP), 0);
	region.hva = drv_ram_region(&rig->ram, 0)->hva;
	ck_assert_ptr_nonnull(empty);
	ck_assert_int_eq(map_with(empty, &region, &rig->map), 0);
	map_unref(empty);
	ck_assert_int_eq(drv_packed_init(&rig->drv, &rig->ram, size), 0);
	ck_assert_int_eq(packed_init(&rig->ring, size), 0);
	prig_reset(rig);
}

void
prig_close(struct packed_rig *rig)
{
	packed_deinit(&rig->ring);
	drv_packed_deinit(&rig->drv);
	map_unref(rig->map);
	drv_ram_deinit(&rig->ram);
}

static uint16_t
offer(struct packed_rig *rig, const struct drv_seg *segs, int n)
{
	int id = drv_packed_add(&rig->drv, segs, n, NULL);

	ck_assert_int_ge(id, 0);
	drv_packed_publish(&rig->drv);
	return (uint16_t)id;
}

uint16_t
prig_offer(struct packed_rig *rig, int n)
{
	struct drv_seg segs[PRIG_MAX_SEGS];

	ck_assert_int_le(n, PRIG_MAX_SEGS);
	for (int i = 0; i < n; i++)
		segs[i] =
			(struct drv_seg){ PRIG_BUF + 2 * (uint64_t)i, 1, true };
	return offer(rig, segs, n);
}

uint16_t
prig_offer_at(struct packed_rig *rig, uint64_t gpa)
{
	const struct drv_seg seg = { gpa, 16, true };

	return offer(rig, &seg, 1);
}

int
prig_pop(struct packed_rig *rig, int n_iov)
{
	ck_assert_int_le(n_iov, PRIG_MAX_SEGS);
	return packed_pop(&rig->ring, &rig->id, rig->iov, rig->flags, n_iov,
			  &rig->bad);
}

void
prig_serve(struct packed_rig *rig, uint32_t len)
{
	ck_assert_int_gt(prig_pop(rig, PRIG_MAX_SEGS), 0);
	ck_assert(packed_push(&rig->ring, rig->id, len));
	ck_assert(packed_publish(&rig->ring));
}

struct drv_used
prig_reap(struct packed_rig *rig)
{
	struct drv_used used = { 0 };

	ck_assert_int_eq(drv_packed_reap(&rig->drv, &used), 1);
	return used;
}
