// SPDX-License-Identifier: BSD-3-Clause
/* vfio-user server: guest memory. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "host/served.h"
#include "host/toy.h"
#include "suite.h"

#define RW (DRV_VFU_DMA_READABLE | DRV_VFU_DMA_WRITEABLE)

#define MEM_SIZE 0x200000u
#define UNSHARED "guest memory is not shared"

static struct served served;
static struct drv_vfu vfu;
static int mem_fd;
static uint8_t *mem;

static void
setup(void)
{
	served_start(&served, &toy_ops, 0, NULL);
	served_open(&served, &vfu);
	mem_fd = memfd_create("guest", MFD_CLOEXEC);
	ck_assert_int_ge(mem_fd, 0);
	ck_assert_int_eq(ftruncate(mem_fd, MEM_SIZE), 0);
	mem = mmap(NULL, MEM_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, mem_fd,
		   0);
	ck_assert_ptr_ne(mem, MAP_FAILED);
}

static void
teardown(void)
{
	(void)munmap(mem, MEM_SIZE);
	(void)close(mem_fd);
	drv_vfu_deinit(&vfu);
	served_stop(&served);
}

static void *
hva(uint64_t gpa, size_t len)
{
	return paddr_guest2host(served.vm, gpa, len);
}

/* The byte at gpa is the one at this offset of the memfd. */
static void
assert_shows(uint64_t gpa, size_t offset)
{
	uint8_t *p = hva(gpa, 1);

	ck_assert_ptr_nonnull(p);
	mem[offset] = (uint8_t)(offset >> 12 ^ 0x5a);
	ck_assert_uint_eq(*p, mem[offset]);
	*p = 0x77;
	ck_assert_uint_eq(mem[offset], 0x77);
}

/* Mappings of the guest's memory in this process, the test's own among them. */
static int
count_maps(void)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	char line[512];
	int n = 0;

	ck_assert_ptr_nonnull(maps);
	while (fgets(line, sizeof(line), maps))
		n += strstr(line, "memfd:guest") != NULL;
	(void)fclose(maps);
	return n;
}

START_TEST(map_shares_the_memory_behind_the_descriptor)
{
	int fds = count_fds();

	ck_assert_int_eq(drv_vfu_dma_map(&vfu, 0, 0xa0000, RW, mem_fd, 0), 0);
	ck_assert_int_eq(
		drv_vfu_dma_map(&vfu, 0x100000, 0x100000, RW, mem_fd, 0x100000),
		0);
	ck_assert_int_eq(count_fds(), fds);
	assert_shows(0, 0);
	assert_shows(0x9ffff, 0x9ffff);
	assert_shows(0x123456, 0x123456);
	ck_assert_ptr_null(hva(0xa0000, 1));
	ck_assert_ptr_null(hva(0x9ffff, 2));
}
END_TEST

START_TEST(map_at_an_offset_shows_that_part)
{
	ck_assert_int_eq(drv_vfu_dma_map(&vfu, UINT64_C(1) << 40, 0x3000, RW,
					 mem_fd, 0x5000),
			 0);
	assert_shows((UINT64_C(1) << 40) + 0x2001, 0x7001);
}
END_TEST

START_TEST(map_at_the_very_end_of_the_address_space)
{
	uint64_t gpa = UINT64_MAX - 0xfff;

	ck_assert_int_eq(drv_vfu_dma_map(&vfu, gpa, 0x1000, RW, mem_fd, 0), 0);
	ck_assert_int_eq(drv_vfu_dma_map(&vfu, gpa, 0x1000, RW, mem_fd, 0),
			 -EEXIST);
	assert_shows(UINT64_MAX, 0xfff);
	ck_assert_int_eq(drv_vfu_dma_unmap(&vfu, gpa, 0x1000), 0);
}
END_TEST

START_TEST(map_for_reading_is_not_written_to)
{
	ck_assert_int_eq(drv_vfu_dma_map(&vfu, 0, 0x1000, DRV_VFU_DMA_READABLE,
					 mem_fd, 0),
			 0);
	ck_assert_ptr_null(hva(0, 1));
	ck_assert_int_eq(drv_vfu_dma_unmap(&vfu, 0, 0x1000), 0);
}
END_TEST

START_TEST(map_over_another_is_refused)
{
	ck_assert_int_eq(drv_vfu_dma_map(&vfu, 0x10000, 0x2000, RW, mem_fd, 0),
			 0);
	ck_assert_int_eq(drv_vfu_dma_map(&vfu, 0x10000, 0x2000, RW, mem_fd, 0),
			 -EEXIST);
	ck_assert_int_eq(drv_vfu_dma_map(&vfu, 0xf000, 0x2000, RW, mem_fd, 0),
			 -EEXIST);
	ck_assert_int_eq(drv_vfu_dma_map(&vfu, 0x11000, 0x1000, RW, -1, 0),
			 -EEXIST);
	ck_assert_int_eq(drv_vfu_dma_map(&vfu, 0, 0x100000, RW, mem_fd, 0),
			 -EEXIST);
	ck_assert_int_eq(drv_vfu_dma_map(&vfu, 0xf000, 0x1000, RW, mem_fd, 0),
			 0);
	ck_assert_int_eq(drv_vfu_dma_map(&vfu, 0x12000, 0x1000, RW, mem_fd, 0),
			 0);
	assert_shows(0x10000, 0);
}
END_TEST

START_TEST(unmap_takes_the_memory_away)
{
	int maps = count_maps();

	ck_assert_int_eq(drv_vfu_dma_map(&vfu, 0x10000, 0x2000, RW, mem_fd, 0),
			 0);
	ck_assert_int_eq(count_maps(), maps + 1);
	ck_assert_int_eq(drv_vfu_dma_unmap(&vfu, 0x10000, 0x2000), 0);
	ck_assert_uint_eq(vfu.body_len, 24);
	ck_assert_ptr_null(hva(0x10000, 1));
	ck_assert_int_eq(count_maps(), maps);
	ck_assert_int_eq(drv_vfu_dma_unmap(&vfu, 0x10000, 0x2000), -ENOENT);
}
END_TEST

START_TEST(unmap_wants_the_very_range)
{
	ck_assert_int_eq(drv_vfu_dma_map(&vfu, 0x10000, 0x4000, RW, mem_fd, 0),
			 0);
	ck_assert_int_eq(drv_vfu_dma_unmap(&vfu, 0x10000, 0x1000), -EINVAL);
	ck_assert_int_eq(drv_vfu_dma_unmap(&vfu, 0x11000, 0x3000), -EINVAL);
	ck_assert_int_eq(drv_vfu_dma_unmap(&vfu, 0xf000, 0x6000), -EINVAL);
	ck_assert_int_eq(drv_vfu_dma_unmap(&vfu, 0x20000, 0x1000), -ENOENT);
	assert_shows(0x10000, 0);
	ck_assert_int_eq(drv_vfu_dma_unmap(&vfu, 0x10000, 0x4000), 0);
}
END_TEST

START_TEST(unmap_all_takes_everything)
{
	struct drv_vfu_dma_unmap all = { .argsz = sizeof(all), .flags = 2 };
	int maps = count_maps();

	for (uint64_t i = 0; i < 20; i++)
		ck_assert_int_eq(drv_vfu_dma_map(&vfu, i << 16, 0x1000, RW,
						 i % 2 ? mem_fd : -1, 0),
				 0);
	all.addr = 0x1000;
	ck_assert_int_eq(drv_vfu_call(&vfu, DRV_VFU_DMA_UNMAP, &all,
				      sizeof(all), NULL, 0),
			 -EINVAL);
	all.addr = 0;
	ck_assert_int_eq(drv_vfu_call(&vfu, DRV_VFU_DMA_UNMAP, &all,
				      sizeof(all), NULL, 0),
			 0);
	ck_assert_ptr_null(hva(0x10000, 1));
	ck_assert_int_eq(count_maps(), maps);
	ck_assert_int_eq(drv_vfu_dma_map(&vfu, 0, MEM_SIZE, RW, mem_fd, 0), 0);
}
END_TEST

START_TEST(memory_without_a_descriptor_is_recorded_but_unreachable)
{
	ck_assert_int_eq(drv_vfu_dma_map(&vfu, 0xc0000, 0x4000,
					 DRV_VFU_DMA_READABLE, -1, 0),
			 0);
	ck_assert_int_eq(served_said(&served, UNSHARED), 0);
	ck_assert_ptr_null(hva(0xc0000, 1));
	ck_assert_int_eq(drv_vfu_dma_unmap(&vfu, 0xc0000, 0x4000), 0);
	ck_assert_int_eq(drv_vfu_dma_unmap(&vfu, 0xc0000, 0x4000), -ENOENT);
}
END_TEST

START_TEST(unshared_ram_is_said_once_per_connection)
{
	for (uint64_t i = 0; i < 10; i++)
		ck_assert_int_eq(
			drv_vfu_dma_map(&vfu, i << 20, 0x100000, RW, -1, 0), 0);
	ck_assert_int_eq(served_said(&served, UNSHARED), 1);
	ck_assert_int_eq(served_said(&served, "memory-backend-memfd"), 1);
	ck_assert_int_eq(served_said(&served, "-machine memory-backend=mem"),
			 1);
	drv_vfu_deinit(&vfu);
	served_open(&served, &vfu);
	ck_assert_int_eq(drv_vfu_dma_map(&vfu, 0, 0x100000, RW, -1, 0), 0);
	ck_assert_int_eq(served_said(&served, UNSHARED), 2);
}
END_TEST

START_TEST(video_ram_beside_shared_ram_is_no_news)
{
	ck_assert_int_eq(drv_vfu_dma_map(&vfu, 0, MEM_SIZE, RW, mem_fd, 0), 0);
	ck_assert_int_eq(
		drv_vfu_dma_map(&vfu, 0xfd000000, 0x1000000, RW, -1, 0), 0);
	ck_assert_int_eq(served_said(&served, UNSHARED), 0);
}
END_TEST

/* What SeaBIOS makes QEMU do while it shadows ROM. */
START_TEST(storm_of_maps_and_unmaps_ends_where_it_should)
{
	int maps = count_maps(), fds = count_fds();

	ck_assert_int_eq(
		drv_vfu_dma_map(&vfu, 0x100000, 0x100000, RW, mem_fd, 0x100000),
		0);
	for (int round = 0; round < 200; round++) {
		for (uint64_t at = 0xc0000; at < 0x100000; at += 0x4000)
			ck_assert_int_eq(
				drv_vfu_dma_map(&vfu, at, 0x4000,
						round % 2 ? RW : 1,
						round % 3 ? mem_fd : -1, at),
				0);
		for (uint64_t at = 0xc0000; at < 0x100000; at += 0x4000)
			ck_assert_int_eq(drv_vfu_dma_unmap(&vfu, at, 0x4000),
					 0);
	}
	assert_shows(0x100000, 0x100000);
	ck_assert_ptr_null(hva(0xc0000, 1));
	ck_assert_int_eq(count_maps(), maps + 1);
	ck_assert_int_eq(count_fds(), fds);
}
END_TEST

START_TEST(disconnect_unmaps_all)
{
	int maps = count_maps();

	for (uint64_t i = 0; i < 50; i++)
		ck_assert_int_eq(
			drv_vfu_dma_map(&vfu, i << 16, 0x1000, RW, mem_fd, 0),
			0);
	ck_assert_int_eq(count_maps(), maps + 50);
	drv_vfu_deinit(&vfu);
	served_open(&served, &vfu);
	ck_assert_int_eq(count_maps(), maps);
	ck_assert_ptr_null(hva(0, 1));
	ck_assert_int_eq(drv_vfu_dma_map(&vfu, 0, 0x1000, RW, mem_fd, 0), 0);
	assert_shows(0, 0);
}
END_TEST

/* Huge pages are mapped whole; QEMU's offsets are not those of huge pages. */
START_TEST(map_of_a_part_of_a_huge_page)
{
	int fd = memfd_create("huge", MFD_CLOEXEC | MFD_HUGETLB);
	uint64_t size = 4u << 20, at = 0x1ff000;
	uint8_t *huge;

	if (fd >= 0 && ftruncate(fd, (off_t)size) < 0) {
		(void)close(fd);
		fd = -1;
	}
	huge = fd < 0 ? MAP_FAILED
		      : mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
			     0);
	if (huge == MAP_FAILED) {
		puts("SKIP map_of_a_part_of_a_huge_page: no huge pages");
		if (fd >= 0)
			(void)close(fd);
		return;
	}
	ck_assert_int_eq(drv_vfu_dma_map(&vfu, 0, 0x3000, RW, fd, at), 0);
	for (uint64_t i = 0; i < 0x3000; i += 0x800) {
		huge[at + i] = (uint8_t)(i >> 8 | 1);
		ck_assert_ptr_nonnull(hva(i, 1));
		ck_assert_uint_eq(*(uint8_t *)hva(i, 1), huge[at + i]);
	}
	ck_assert_int_eq(drv_vfu_dma_unmap(&vfu, 0, 0x3000), 0);
	(void)munmap(huge, size);
	(void)close(fd);
}
END_TEST

int
main(void)
{
	const TTest *const tests[] = {
		map_shares_the_memory_behind_the_descriptor,
		map_at_an_offset_shows_that_part,
		map_at_the_very_end_of_the_address_space,
		map_for_reading_is_not_written_to,
		map_over_another_is_refused,
		unmap_takes_the_memory_away,
		unmap_wants_the_very_range,
		unmap_all_takes_everything,
		memory_without_a_descriptor_is_recorded_but_unreachable,
		unshared_ram_is_said_once_per_connection,
		video_ram_beside_shared_ram_is_no_news,
		storm_of_maps_and_unmaps_ends_where_it_should,
		disconnect_unmaps_all,
		map_of_a_part_of_a_huge_page,
	};
	TCase *tc = tcase_create("vfio-user-dma");
	Suite *suite = suite_create("vfio-user-dma");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 30);
	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
		tcase_add_test(tc, tests[i]);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
