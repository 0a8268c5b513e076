// SPDX-License-Identifier: BSD-3-Clause
/* See ring-rig.h. */
#include <check.h>
#include <string.h>

#include "unit/ring-rig.h"

static void
map_add(struct ring_rig *rig, const struct vbs_ram *region)
{
	struct mem_map *new;

	ck_assert_int_eq(map_with(rig->map, region, &new), 0);
	map_unref(rig->map);
	rig->map = new;
}

static void
ram_add(struct ring_rig *rig, uint64_t gpa, uint64_t end, uint32_t flags)
{
	int slot = drv_ram_add(&rig->ram, gpa, end - gpa, DRV_RAM_HEAP);
	struct vbs_ram region = { .gpa = gpa, .size = end - gpa };

	ck_assert_int_ge(slot, 0);
	region.hva = drv_ram_region(&rig->ram, slot)->hva;
	region.flags = flags;
	map_add(rig, &region);
}

static void
ring_map(struct ring_rig *rig)
{
	struct ring_layout lay = {
		.desc = rig->drv.desc_gpa,
		.driver = rig->drv.avail_gpa,
		.device = rig->drv.used_gpa,
	};

	ck_assert(split_layout_ok(&lay, rig->drv.size));
	ck_assert(split_map(&rig->ring, &lay, map_ref(rig->map)));
}

void
rig_open(struct ring_rig *rig, uint16_t size)
{
	memset(rig, 0, sizeof(*rig));
	drv_ram_init(&rig->ram);
	rig->map = map_new();
	ck_assert_ptr_nonnull(rig->map);
	ram_add(rig, RIG_LOW, RIG_LOW_END, 0);
	ram_add(rig, RIG_HIGH, RIG_HIGH_END, 0);
	ram_add(rig, RIG_ROM, RIG_ROM_END, VBS_RAM_READONLY);
	ck_assert_int_eq(drv_split_init(&rig->drv, &rig->ram, size), 0);
	ck_assert_int_eq(split_init(&rig->ring, size), 0);
	split_reset(&rig->ring, size);
	rig->ring.indirect = true;
	ring_map(rig);
}

void
rig_close(struct ring_rig *rig)
{
	split_deinit(&rig->ring);
	drv_split_deinit(&rig->drv);
	map_unref(rig->map);
	drv_ram_deinit(&rig->ram);
}

void
rig_add_region(struct ring_rig *rig, const struct vbs_ram *region)
{
	map_add(rig, region);
	ring_map(rig);
}

void
rig_desc(struct ring_rig *rig, uint16_t i, uint64_t addr, uint32_t len,
	 uint16_t flags, uint16_t next)
{
	drv_split_raw_desc(&rig->drv, i, addr, len, flags, next);
}

void
rig_offer(struct ring_rig *rig, uint16_t head)
{
	drv_split_raw_offer(&rig->drv, head);
}

void
rig_table(struct ring_rig *rig, uint64_t table, uint32_t i,
	  const struct drv_desc *d)
{
	ck_assert_int_eq(drv_split_raw_table(&rig->ram, table, i, d), 0);
}

int
rig_pop(struct ring_rig *rig, int n_iov)
{
	ck_assert_int_le(n_iov, RIG_MAX_SEGS);
	return split_pop(&rig->ring, &rig->head, rig->iov, rig->flags, n_iov,
			 &rig->bad);
}

void
rig_serve(struct ring_rig *rig, uint32_t len)
{
	ck_assert_int_gt(rig_pop(rig, RIG_MAX_SEGS), 0);
	ck_assert(split_push(&rig->ring, rig->head, len));
	ck_assert(split_publish(&rig->ring));
}

void *
rig_hva(const struct ring_rig *rig, uint64_t gpa)
{
	void *p = drv_ram_ptr(&rig->ram, gpa, 1);

	ck_assert_ptr_nonnull(p);
	return p;
}
