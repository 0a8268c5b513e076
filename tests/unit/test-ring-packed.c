// SPDX-License-Identifier: BSD-3-Clause
/* The packed virtqueue: chains put back, and what is in a driver's way. */
#include <check.h>
#include <string.h>

#include "driver/packed.h"
#include "ring/packed.h"
#include "suite.h"

#define GPA  UINT64_C(0x100000)
#define RAM  0x10000
#define SIZE 8
#define HOLE UINT64_C(0x900000)

static struct drv_ram ram;
static struct drv_packed drv;
static struct packed ring;
static struct mem_map *map;

static void
map_it(void)
{
	struct ring_layout lay = { drv.desc_gpa, drv.driver_gpa,
				   drv.device_gpa };

	ck_assert(packed_layout_ok(&lay, SIZE));
	ck_assert(packed_map(&ring, &lay, map_ref(map)));
}

static void
setup(void)
{
	struct vbs_ram region = { .gpa = GPA, .size = RAM };
	struct mem_map *empty = map_new();
	int slot;

	drv_ram_init(&ram);
	slot = drv_ram_add(&ram, GPA, RAM, DRV_RAM_HEAP);
	ck_assert_int_ge(slot, 0);
	region.hva = drv_ram_region(&ram, slot)->hva;
	ck_assert_int_eq(map_with(empty, &region, &map), 0);
	map_unref(empty);
	ck_assert_int_eq(drv_packed_init(&drv, &ram, SIZE), 0);
	ck_assert_int_eq(packed_init(&ring, SIZE), 0);
	packed_reset(&ring, SIZE);
	map_it();
}

static void
teardown(void)
{
	packed_deinit(&ring);
	drv_packed_deinit(&drv);
	map_unref(map);
	drv_ram_deinit(&ram);
}

static int
offer(uint64_t gpa)
{
	const struct drv_seg seg = { gpa, 16, true };
	int id = drv_packed_add(&drv, &seg, 1, NULL);

	ck_assert_int_ge(id, 0);
	drv_packed_publish(&drv);
	return id;
}

static int
pop(uint16_t *id)
{
	struct ring_bad_chain bad;
	struct iovec iov[4];
	uint16_t flags[4];

	return packed_pop(&ring, id, iov, flags, 4, &bad);
}

static void
reap(int id, uint32_t len)
{
	struct drv_used used;

	ck_assert_int_eq(drv_packed_reap(&drv, &used), 1);
	ck_assert_int_eq((int)used.id, id);
	ck_assert_uint_eq(used.len, len);
}

START_TEST(chain_put_back_comes_again)
{
	int first = offer(GPA + 0x8000), second = offer(GPA + 0x8100);
	uint16_t id;

	ck_assert_int_eq(pop(&id), 1);
	ck_assert_int_eq(pop(&id), 1);
	packed_unpop(&ring);
	ck_assert_uint_eq(ring.n_inflight, 1);
	ck_assert_int_eq(pop(&id), 1);
	ck_assert_int_eq(id, second);
	ck_assert(packed_push(&ring, id, 3));
	ck_assert(packed_push(&ring, (uint16_t)first, 4));
	ck_assert(packed_publish(&ring));
	reap(second, 3);
	reap(first, 4);
}
END_TEST

/* It is the one that was handed out that goes back, not the refused one. */
START_TEST(chain_put_back_behind_a_refused_one_is_used)
{
	int good = offer(GPA + 0x8000), refused = offer(HOLE);
	uint16_t id;

	ck_assert_int_eq(pop(&id), 1);
	ck_assert_int_eq(id, good);
	ck_assert_int_eq(pop(&id), RING_BAD_CHAIN);
	ck_assert_int_eq(id, refused);
	ck_assert(packed_push(&ring, id, 0));
	packed_unpop(&ring);
	ck_assert_uint_eq(ring.n_inflight, 0);
	ck_assert(packed_publish(&ring));
	reap(refused, 0);
	reap(good, 0);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("ring-packed");
	TCase *t = tcase_create("chains");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, chain_put_back_comes_again);
	tcase_add_test(t, chain_put_back_behind_a_refused_one_is_used);
	suite_add_tcase(s, t);
	return suite_run(s);
}
