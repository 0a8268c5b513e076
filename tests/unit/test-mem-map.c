// SPDX-License-Identifier: BSD-3-Clause
/* The memory map: overlaps, ends, translation, and who keeps the pages. */
#include <check.h>
#include <errno.h>
#include <string.h>

#include "mem/map.h"
#include "suite.h"

#define PAGE UINT64_C(4096)
#define TOP  UINT64_MAX

static uint8_t pages[4 * 4096];
static int n_released;
static struct mem_map *map;

static void
on_release(void *arg, void *hva, uint64_t size)
{
	ck_assert_ptr_eq(arg, &n_released);
	ck_assert_ptr_nonnull(hva);
	ck_assert_uint_gt(size, 0);
	n_released++;
}

static struct vbs_ram
ram_at(uint64_t gpa, uint64_t size)
{
	return (struct vbs_ram){
		.gpa = gpa,
		.size = size,
		.hva = pages,
		.release = on_release,
		.arg = &n_released,
	};
}

/* Replace the map by one with a region more. */
static int
add(uint64_t gpa, uint64_t size)
{
	struct vbs_ram ram = ram_at(gpa, size);
	struct mem_map *new;
	int rc = map_with(map, &ram, &new);

	if (rc == 0) {
		map_unref(map);
		map = new;
	}
	return rc;
}

static int
del(uint64_t gpa, uint64_t size)
{
	struct mem_map *new;
	int rc = map_without(map, gpa, size, &new);

	if (rc == 0) {
		map_unref(map);
		map = new;
	}
	return rc;
}

static void
setup(void)
{
	n_released = 0;
	map = map_new();
	ck_assert_ptr_nonnull(map);
}

static void
teardown(void)
{
	map_unref(map);
}

START_TEST(map_empty_finds_nothing)
{
	ck_assert_ptr_null(map_find(map, 0));
	ck_assert_ptr_null(map_find(map, TOP));
	ck_assert_ptr_null(map_translate(map, 0, 1, false));
	ck_assert_int_eq(del(0, 1), -ENOENT);
}
END_TEST

START_TEST(map_with_empty_region_is_einval)
{
	struct vbs_ram ram = ram_at(0, PAGE);
	struct mem_map *new;

	ck_assert_int_eq(add(PAGE, 0), -EINVAL);
	ram.hva = NULL;
	ck_assert_int_eq(map_with(map, &ram, &new), -EINVAL);
}
END_TEST

START_TEST(map_with_end_beyond_2_64_is_einval)
{
	ck_assert_int_eq(add(TOP - PAGE + 2, PAGE), -EINVAL);
	ck_assert_int_eq(add(1, TOP), 0);
	ck_assert_int_eq(add(2, TOP), -EINVAL);
}
END_TEST

START_TEST(map_with_last_byte_of_address_space_is_found)
{
	ck_assert_int_eq(add(TOP - PAGE + 1, PAGE), 0);
	ck_assert_ptr_nonnull(map_find(map, TOP));
	ck_assert_ptr_eq(map_translate(map, TOP, 1, true), pages + PAGE - 1);
	ck_assert_ptr_null(map_translate(map, TOP, 2, true));
	ck_assert_ptr_null(map_find(map, TOP - PAGE));
}
END_TEST

START_TEST(map_with_overlap_is_eexist)
{
	ck_assert_int_eq(add(2 * PAGE, 2 * PAGE), 0);
	ck_assert_int_eq(add(2 * PAGE, 2 * PAGE), -EEXIST);
	ck_assert_int_eq(add(2 * PAGE + 1, 1), -EEXIST);
	ck_assert_int_eq(add(PAGE, PAGE + 1), -EEXIST);
	ck_assert_int_eq(add(4 * PAGE - 1, PAGE), -EEXIST);
	ck_assert_int_eq(add(0, TOP), -EEXIST);
}
END_TEST

START_TEST(map_with_neighbours_are_separate_regions)
{
	ck_assert_int_eq(add(2 * PAGE, PAGE), 0);
	ck_assert_int_eq(add(PAGE, PAGE), 0);
	ck_assert_int_eq(add(3 * PAGE, PAGE), 0);
	ck_assert_uint_eq(map->n, 3);
	for (uint32_t i = 0; i < 3; i++)
		ck_assert_uint_eq(map->region[i]->gpa, (i + 1) * PAGE);
	ck_assert_uint_eq(map_find(map, 2 * PAGE - 1)->gpa, PAGE);
	ck_assert_uint_eq(map_find(map, 2 * PAGE)->gpa, 2 * PAGE);
	ck_assert_ptr_null(map_translate(map, 2 * PAGE - 1, 2, false));
}
END_TEST

START_TEST(map_with_4097_regions_is_enospc)
{
	for (uint64_t i = 0; i < MEM_MAX_REGIONS; i++)
		ck_assert_int_eq(add(i * 2 * PAGE, PAGE), 0);
	ck_assert_int_eq(add(MEM_MAX_REGIONS * 2 * PAGE, PAGE), -ENOSPC);
	for (uint64_t i = 0; i < MEM_MAX_REGIONS; i++) {
		ck_assert_uint_eq(map_find(map, i * 2 * PAGE + PAGE - 1)->gpa,
				  i * 2 * PAGE);
		ck_assert_ptr_null(map_find(map, (i * 2 + 1) * PAGE));
	}
	ck_assert_int_eq(del(0, PAGE), 0);
	ck_assert_int_eq(add(MEM_MAX_REGIONS * 2 * PAGE, PAGE), 0);
}
END_TEST

START_TEST(map_without_wrong_size_is_enoent)
{
	ck_assert_int_eq(add(PAGE, 2 * PAGE), 0);
	ck_assert_int_eq(del(PAGE, PAGE), -ENOENT);
	ck_assert_int_eq(del(2 * PAGE, PAGE), -ENOENT);
	ck_assert_int_eq(del(0, 2 * PAGE), -ENOENT);
	ck_assert_int_eq(del(PAGE, 2 * PAGE), 0);
	ck_assert_int_eq(del(PAGE, 2 * PAGE), -ENOENT);
}
END_TEST

START_TEST(map_translate_takes_whole_ranges_only)
{
	ck_assert_int_eq(add(PAGE, PAGE), 0);
	ck_assert_ptr_eq(map_translate(map, PAGE, PAGE, true), pages);
	ck_assert_ptr_eq(map_translate(map, PAGE + 5, PAGE - 5, true),
			 pages + 5);
	ck_assert_ptr_null(map_translate(map, PAGE, PAGE + 1, true));
	ck_assert_ptr_null(map_translate(map, PAGE + 5, PAGE - 4, true));
	ck_assert_ptr_null(map_translate(map, PAGE - 1, 2, true));
	ck_assert_ptr_null(map_translate(map, PAGE, 0, true));
	ck_assert_ptr_null(map_translate(map, 2 * PAGE, 1, true));
	ck_assert_ptr_null(map_translate(map, PAGE + 1, TOP, true));
}
END_TEST

START_TEST(map_translate_rom_is_for_reading)
{
	struct vbs_ram rom = ram_at(PAGE, PAGE);
	struct mem_map *new;

	rom.flags = VBS_RAM_READONLY;
	ck_assert_int_eq(map_with(map, &rom, &new), 0);
	ck_assert_ptr_eq(map_translate(new, PAGE, PAGE, false), pages);
	ck_assert_ptr_null(map_translate(new, PAGE, PAGE, true));
	map_unref(new);
}
END_TEST

START_TEST(map_release_comes_with_the_last_user)
{
	struct mem_map *old;

	ck_assert_int_eq(add(PAGE, PAGE), 0);
	ck_assert_int_eq(add(3 * PAGE, PAGE), 0);
	old = map_ref(map); /* a queue with chains in flight */
	ck_assert_int_eq(del(PAGE, PAGE), 0);
	ck_assert_ptr_null(map_find(map, PAGE));
	ck_assert_ptr_nonnull(map_translate(old, PAGE, PAGE, true));
	ck_assert_int_eq(n_released, 0);
	map_unref(old);
	ck_assert_int_eq(n_released, 1);
	map_unref(map);
	ck_assert_int_eq(n_released, 2);
	map = NULL;
}
END_TEST

static Suite *
map_suite(void)
{
	Suite *s = suite_create("mem/map");
	TCase *tc = tcase_create("map");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, map_empty_finds_nothing);
	tcase_add_test(tc, map_with_empty_region_is_einval);
	tcase_add_test(tc, map_with_end_beyond_2_64_is_einval);
	tcase_add_test(tc, map_with_last_byte_of_address_space_is_found);
	tcase_add_test(tc, map_with_overlap_is_eexist);
	tcase_add_test(tc, map_with_neighbours_are_separate_regions);
	tcase_add_test(tc, map_with_4097_regions_is_enospc);
	tcase_add_test(tc, map_without_wrong_size_is_enoent);
	tcase_add_test(tc, map_translate_takes_whole_ranges_only);
	tcase_add_test(tc, map_translate_rom_is_for_reading);
	tcase_add_test(tc, map_release_comes_with_the_last_user);
	suite_add_tcase(s, tc);
	return s;
}

int
main(void)
{
	return suite_run(map_suite());
}
