// SPDX-License-Identifier: BSD-3-Clause
/*
 * A vfio-user server against messages that are well formed and ask for
 * nonsense (classes E1 to E4 and E6): each gets an error reply, or a
 * closed connection where it breaks the protocol itself, and changes nothing.
 * After each test the next client is served, and no descriptor is left.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/served.h"
#include "host/toy.h"
#include "suite.h"

#define RW     (DRV_VFU_DMA_READABLE | DRV_VFU_DMA_WRITEABLE)
#define MSIX   2
#define CONFIG 7

#define NONE    DRV_VFU_IRQ_NONE
#define BOOL    DRV_VFU_IRQ_BOOL
#define EVENTFD DRV_VFU_IRQ_EVENTFD
#define MASK    DRV_VFU_IRQ_MASK
#define UNMASK  DRV_VFU_IRQ_UNMASK
#define TRIGGER DRV_VFU_IRQ_TRIGGER

static struct served served;
static struct drv_vfu vfu;
static int n_fds; /* while one client is connected */

/* Another client comes, and is served. */
static void
assert_next_is_served(void)
{
	uint16_t vendor = 0;

	drv_vfu_deinit(&vfu);
	served_open(&served, &vfu);
	ck_assert_int_eq(drv_vfu_region_read(&vfu, CONFIG, 0, &vendor, 2), 0);
	ck_assert_uint_eq(vendor, 0x1af4);
}

static void
setup(void)
{
	served_start(&served, &toy_ops, 0, NULL);
	served_open(&served, &vfu);
	n_fds = count_fds();
}

static void
teardown(void)
{
	assert_next_is_served();
	ck_assert_int_eq(count_fds(), n_fds);
	drv_vfu_deinit(&vfu);
	served_stop(&served);
}

static struct toy *
toy(void)
{
	return served.dev->arg;
}

static int
call(uint16_t cmd, const void *req, size_t len)
{
	return drv_vfu_call(&vfu, cmd, req, len, NULL, 0);
}

/* ---- E1: accesses ---- */

static int
read_at(uint32_t region, uint64_t offset, uint32_t count)
{
	struct drv_vfu_region_access acc = { offset, region, count };

	return call(DRV_VFU_REGION_READ, &acc, sizeof(acc));
}

static int
write_at(uint32_t region, uint64_t offset, uint32_t count, uint32_t sent)
{
	struct drv_vfu_region_access acc = { offset, region, count };
	static const uint8_t data[4096];

	return drv_vfu_call(&vfu, DRV_VFU_REGION_WRITE, &acc, sizeof(acc), data,
			    sent);
}

static void
assert_access_refused(uint32_t region, uint64_t offset, uint32_t count)
{
	ck_assert_int_eq(read_at(region, offset, count), -EINVAL);
	if (count <= 4096)
		ck_assert_int_eq(write_at(region, offset, count, count),
				 -EINVAL);
	ck_assert_int_eq(toy()->n_log, 0);
}

START_TEST(hostile_e1__region_access_wraps_is_refused)
{
	for (uint32_t region = 0; region < 9; region++) {
		assert_access_refused(region, UINT64_MAX, 1);
		assert_access_refused(region, UINT64_MAX, 2);
		assert_access_refused(region, UINT64_MAX - 3, 4);
		assert_access_refused(region, UINT64_MAX - 3, 8);
		assert_access_refused(region, (uint64_t)INT64_MAX + 1, 4);
		assert_access_refused(region, UINT64_C(1) << 32, 4);
	}
}
END_TEST

START_TEST(hostile_e1__region_access_past_the_end_is_refused)
{
	assert_access_refused(0, TOY_IO_SIZE, 1);
	assert_access_refused(0, TOY_IO_SIZE - 1, 2);
	assert_access_refused(1, 4095, 4);
	assert_access_refused(2, TOY_MEM_SIZE - 4, 8);
	assert_access_refused(4, TOY_MEM64_SIZE, 8);
	assert_access_refused(CONFIG, 255, 2);
	assert_access_refused(CONFIG, 0, 257);
	assert_access_refused(CONFIG, 0, 4096);
	assert_access_refused(CONFIG, 256, 1);
}
END_TEST

START_TEST(hostile_e1__region_access_of_nothing_is_refused)
{
	for (uint32_t region = 0; region < 9; region++)
		assert_access_refused(region, 0, 0);
}
END_TEST

START_TEST(hostile_e1__region_that_does_not_exist_is_refused)
{
	static const uint32_t regions[] = { 3, 5,  6,          8,
					    9, 10, 0x7fffffff, UINT32_MAX };

	for (size_t i = 0; i < sizeof(regions) / sizeof(regions[0]); i++)
		assert_access_refused(regions[i], 0, 4);
}
END_TEST

START_TEST(hostile_e1__access_beyond_the_offered_size_is_refused)
{
	ck_assert_int_eq(read_at(2, 0, (1u << 20) + 1), -EINVAL);
	ck_assert_int_eq(read_at(2, 0, TOY_MEM_SIZE), -EINVAL);
	ck_assert_int_eq(read_at(2, 0, UINT32_MAX), -EINVAL);
	ck_assert_int_eq(toy()->n_log, 0);
	ck_assert_int_eq(read_at(2, 0, 1u << 20), 0);
}
END_TEST

START_TEST(hostile_e1__write_with_less_or_more_data_than_count_is_refused)
{
	ck_assert_int_eq(write_at(4, 0, 4, 3), -EINVAL);
	ck_assert_int_eq(write_at(4, 0, 4, 5), -EINVAL);
	ck_assert_int_eq(write_at(4, 0, 4, 0), -EINVAL);
	ck_assert_int_eq(write_at(2, 0, 1u << 20, 4096), -EINVAL);
	ck_assert_int_eq(write_at(2, 0, 8, 4096), -EINVAL);
	ck_assert_int_eq(toy()->n_log, 0);
}
END_TEST

START_TEST(hostile_e1__bad_posted_writes_are_dropped_without_a_reply)
{
	struct drv_vfu_region_access acc = { UINT64_MAX, 4, 4 };
	uint32_t val = 1;

	for (int i = 0; i < 100; i++)
		ck_assert_int_eq(drv_vfu_post(&vfu, DRV_VFU_REGION_WRITE, &acc,
					      sizeof(acc), &val, sizeof(val)),
				 0);
	ck_assert_int_eq(read_at(CONFIG, 0, 4), 0);
	ck_assert_int_eq(toy()->n_log, 0);
}
END_TEST

/* ---- E2: argsz ---- */

/* Each command that has an argsz, with good values in all else. */
static void
assert_argsz_refused(uint16_t cmd, const void *good, size_t len, uint32_t argsz)
{
	uint8_t req[64];

	ck_assert_uint_le(len, sizeof(req));
	memcpy(req, good, len);
	memcpy(req, &argsz, sizeof(argsz));
	ck_assert_int_eq(call(cmd, req, len), -EINVAL);
}

START_TEST(hostile_e2__argsz_too_small_or_huge_is_refused)
{
	static const uint32_t bad[] = { 0, 1, 4, 15, 1u << 30, UINT32_MAX };
	const struct drv_vfu_device_info info = { 0 };
	const struct drv_vfu_region_info region = { .index = 4 };
	const uint32_t io_fds[4] = { 0, 0, 4, 0 };
	const struct drv_vfu_irq_info irq = { .index = 0 };
	const struct drv_vfu_irq_set set = { .flags = NONE | MASK, .count = 1 };
	const struct drv_vfu_dma_map map = { .flags = RW, .size = 4096 };
	const struct drv_vfu_dma_unmap unmap = { .size = 4096 };

	ck_assert_int_eq(drv_vfu_dma_map(&vfu, 0, 4096, RW, -1, 0), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		uint32_t n = bad[i];

		assert_argsz_refused(4, &info, sizeof(info), n);
		assert_argsz_refused(5, &region, sizeof(region), n);
		assert_argsz_refused(6, io_fds, sizeof(io_fds), n);
		assert_argsz_refused(7, &irq, sizeof(irq), n);
		assert_argsz_refused(8, &set, sizeof(set), n);
		assert_argsz_refused(2, &map, sizeof(map), n);
		assert_argsz_refused(3, &unmap, sizeof(unmap), n);
	}
	ck_assert_int_eq(drv_vfu_dma_unmap(&vfu, 0, 4096), 0);
}
END_TEST

START_TEST(hostile_e2__info_of_what_does_not_exist_is_refused)
{
	static const uint32_t bad[] = { 9, 100, 0x80000000, UINT32_MAX };
	struct drv_vfu_region_info region;
	struct drv_vfu_irq_info irq;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		uint32_t io_fds[4] = { 4096, 0, bad[i], 0 };

		ck_assert_int_eq(drv_vfu_region_info(&vfu, bad[i], 32, &region),
				 -EINVAL);
		ck_assert_int_eq(drv_vfu_irq_info(&vfu, bad[i], &irq), -EINVAL);
		ck_assert_int_eq(call(DRV_VFU_GET_REGION_IO_FDS, io_fds, 16),
				 -EINVAL);
	}
	ck_assert_int_eq(drv_vfu_irq_info(&vfu, 5, &irq), -EINVAL);
}
END_TEST

/* ---- E3: SET_IRQS ---- */

static int irq_fds[16];

static void
make_irq_fds(void)
{
	for (int i = 0; i < 16; i++)
		irq_fds[i] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
}

static void
close_irq_fds(void)
{
	for (int i = 0; i < 16; i++)
		(void)close(irq_fds[i]);
}

static int
set_irqs(uint32_t flags, uint32_t index, uint32_t start, uint32_t count, int n)
{
	return drv_vfu_set_irqs(&vfu, flags, index, start, count, irq_fds, n);
}

START_TEST(hostile_e3__start_plus_count_that_wraps_is_refused)
{
	static const uint32_t actions[] = { MASK, UNMASK, TRIGGER };

	for (int i = 0; i < 3; i++) {
		uint32_t flags = NONE | actions[i];

		ck_assert_int_eq(set_irqs(flags, MSIX, UINT32_MAX, 1, 0),
				 -EINVAL);
		ck_assert_int_eq(set_irqs(flags, MSIX, 1, UINT32_MAX, 0),
				 -EINVAL);
		ck_assert_int_eq(
			set_irqs(flags, MSIX, UINT32_MAX, UINT32_MAX, 0),
			-EINVAL);
		ck_assert_int_eq(set_irqs(flags, MSIX, 0, TOY_VECTORS + 1, 0),
				 -EINVAL);
		ck_assert_int_eq(set_irqs(flags, MSIX, TOY_VECTORS, 1, 0),
				 -EINVAL);
		ck_assert_int_eq(set_irqs(flags, 0, 0, 2, 0), -EINVAL);
		ck_assert_int_eq(set_irqs(flags, MSIX, TOY_VECTORS - 1, 1, 0),
				 0);
	}
}
END_TEST

START_TEST(hostile_e3__index_without_vectors_is_refused)
{
	static const uint32_t bad[] = { 3, 4, 5, 0x80000000, UINT32_MAX };

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_int_eq(set_irqs(NONE | MASK, bad[i], 0, 1, 0),
				 -EINVAL);
	ck_assert_int_eq(set_irqs(NONE | TRIGGER, 5, 0, 0, 0), -EINVAL);
	ck_assert_int_eq(set_irqs(NONE | TRIGGER, 3, 0, 0, 0), -EINVAL);
}
END_TEST

START_TEST(hostile_e3__strange_flags_are_refused)
{
	static const uint32_t bad[] = {
		0,
		NONE,
		MASK,
		NONE | BOOL | MASK,
		EVENTFD | NONE | TRIGGER,
		NONE | MASK | UNMASK,
		NONE | TRIGGER | MASK,
		NONE | MASK | 0x40,
		NONE | MASK | 0x80000000,
		UINT32_MAX,
		EVENTFD | MASK,
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_int_eq(set_irqs(bad[i], MSIX, 0, 1, 0), -EINVAL);
}
END_TEST

START_TEST(hostile_e3__count_0_disables_all_or_is_refused)
{
	make_irq_fds();
	ck_assert_int_eq(set_irqs(NONE | MASK, MSIX, 0, 0, 0), -EINVAL);
	ck_assert_int_eq(set_irqs(NONE | UNMASK, MSIX, 0, 0, 0), -EINVAL);
	ck_assert_int_eq(set_irqs(BOOL | TRIGGER, MSIX, 0, 0, 0), -EINVAL);
	ck_assert_int_eq(set_irqs(EVENTFD | TRIGGER, MSIX, 0, 0, 0), -EINVAL);
	ck_assert_int_eq(set_irqs(EVENTFD | TRIGGER, MSIX, 0, 0, 1), -EINVAL);
	ck_assert_int_eq(set_irqs(NONE | TRIGGER, MSIX, 1, 0, 0), -EINVAL);
	ck_assert_int_eq(set_irqs(NONE | TRIGGER, MSIX, 0, 0, 0), 0);
	close_irq_fds();
}
END_TEST

START_TEST(hostile_e3__descriptors_that_do_not_fit_the_count_are_refused)
{
	make_irq_fds();
	ck_assert_int_eq(set_irqs(EVENTFD | TRIGGER, MSIX, 0, 2, 1), -EINVAL);
	ck_assert_int_eq(set_irqs(EVENTFD | TRIGGER, MSIX, 0, 2, 3), -EINVAL);
	ck_assert_int_eq(set_irqs(EVENTFD | TRIGGER, MSIX, 0, 17, 16), -EINVAL);
	ck_assert_int_eq(set_irqs(EVENTFD | TRIGGER, MSIX, 30, 16, 16),
			 -EINVAL);
	ck_assert_int_eq(set_irqs(NONE | TRIGGER, MSIX, 0, 1, 1), -EINVAL);
	ck_assert_int_eq(set_irqs(NONE | TRIGGER, MSIX, 0, 0, 16), -EINVAL);
	ck_assert_int_eq(count_fds(), n_fds + 16);
	close_irq_fds();
}
END_TEST

START_TEST(hostile_e3__bools_shorter_than_the_count_are_refused)
{
	struct drv_vfu_irq_set set = { 20, BOOL | MASK, MSIX, 0, 8 };
	uint8_t bools[8] = { 1, 1, 1, 1, 1, 1, 1, 1 };

	for (size_t n = 0; n < sizeof(bools); n++)
		ck_assert_int_eq(drv_vfu_call(&vfu, DRV_VFU_SET_IRQS, &set,
					      sizeof(set), bools, n),
				 -EINVAL);
	ck_assert_int_eq(drv_vfu_call(&vfu, DRV_VFU_SET_IRQS, &set, sizeof(set),
				      bools, 8),
			 0);
	set.count = UINT32_MAX;
	ck_assert_int_eq(drv_vfu_call(&vfu, DRV_VFU_SET_IRQS, &set, sizeof(set),
				      bools, 8),
			 -EINVAL);
}
END_TEST

static void
fire_all(struct served *s)
{
	for (int i = 0; i < TOY_VECTORS; i++)
		pci_generate_msix(s->dev, i);
	pci_lintr_assert(s->dev);
	pci_lintr_deassert(s->dev);
}

/* What is no eventfd could block us, or send us a signal. */
START_TEST(hostile_e3__descriptors_that_are_no_eventfds_are_refused)
{
	int bad[6], pipe_fds[2], pair[2];
	uint16_t on = 0x8000;

	ck_assert_int_eq(pipe(pipe_fds), 0);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	bad[0] = pipe_fds[0];
	bad[1] = pipe_fds[1];
	bad[2] = pair[0];
	bad[3] = memfd_create("file", MFD_CLOEXEC);
	bad[4] = open("/dev/null", O_RDWR | O_CLOEXEC);
	bad[5] = open("/", O_RDONLY | O_CLOEXEC);
	for (int i = 0; i < 6; i++) {
		ck_assert_int_eq(drv_vfu_set_irqs(&vfu, EVENTFD | TRIGGER, MSIX,
						  0, 1, &bad[i], 1),
				 -EINVAL);
		ck_assert_int_eq(drv_vfu_set_irqs(&vfu, EVENTFD | UNMASK, 0, 0,
						  1, &bad[i], 1),
				 -EINVAL);
	}
	ck_assert_int_eq(
		drv_vfu_region_write(&vfu, CONFIG, 0x42, &on, 2, false), 0);
	served_call(&served, fire_all);
	for (int i = 0; i < 6; i++)
		(void)close(bad[i]);
	(void)close(pair[1]);
}
END_TEST

/* A closed eventfd, one given twice, one given for every vector. */
START_TEST(hostile_e3__same_eventfd_again_and_again_is_fine)
{
	int fd = eventfd(0, EFD_CLOEXEC), same[16];

	for (int i = 0; i < 16; i++)
		same[i] = fd;
	for (int i = 0; i < 100; i++)
		ck_assert_int_eq(drv_vfu_set_irqs(&vfu, EVENTFD | TRIGGER, MSIX,
						  (uint32_t)i % 24, 16, same,
						  16),
				 0);
	(void)close(fd);
	served_call(&served, fire_all);
	ck_assert_int_eq(set_irqs(NONE | TRIGGER, MSIX, 0, 0, 0), 0);
	ck_assert_int_eq(count_fds(), n_fds);
}
END_TEST

/* ---- E4: DMA ---- */

START_TEST(hostile_e4__dma_map_of_a_wild_range_is_refused)
{
	static const uint64_t bad[][2] = {
		{ 0, 0 },
		{ 0x1000, 0 },
		{ UINT64_MAX, 0 },
		{ UINT64_MAX - 0xfff, 0x2000 },
		{ 0x2000, UINT64_MAX - 0xfff },
		{ 0x800, 0x1000 },
		{ 0x1000, 0x800 },
		{ 0x1001, 0x1000 },
		{ 0, UINT64_MAX },
	};
	int fd = memfd_create("guest", MFD_CLOEXEC);

	ck_assert_int_eq(ftruncate(fd, 0x10000), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		ck_assert_int_eq(
			drv_vfu_dma_map(&vfu, bad[i][0], bad[i][1], RW, fd, 0),
			-EINVAL);
		ck_assert_int_eq(
			drv_vfu_dma_map(&vfu, bad[i][0], bad[i][1], RW, -1, 0),
			-EINVAL);
	}
	ck_assert_ptr_null(paddr_guest2host(served.vm, 0x1000, 1));
	(void)close(fd);
}
END_TEST

START_TEST(hostile_e4__dma_map_beyond_the_file_is_refused)
{
	static const uint64_t bad[][2] = {
		/* size, offset */
		{ 0x11000, 0 },           { 0x10000, 0x1000 },
		{ 0x1000, 0x10000 },      { 0x1000, 0x800 },
		{ 0x1000, 0x1001 },       { 0x1000, (uint64_t)1 << 63 },
		{ (uint64_t)1 << 43, 0 },
	};
	int fd = memfd_create("guest", MFD_CLOEXEC);

	ck_assert_int_eq(ftruncate(fd, 0x10000), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_int_eq(
			drv_vfu_dma_map(&vfu, 0, bad[i][0], RW, fd, bad[i][1]),
			-EINVAL);
	ck_assert_int_eq(drv_vfu_dma_map(&vfu, 0, 0x10000, RW, fd, 0), 0);
	(void)close(fd);
}
END_TEST

START_TEST(hostile_e4__dma_map_of_what_cannot_be_mapped_is_refused)
{
	int file = memfd_create("guest", MFD_CLOEXEC), bad[4], pair[2];
	char path[64];

	ck_assert_int_eq(ftruncate(file, 0x1000), 0);
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
	bad[0] = eventfd(0, EFD_CLOEXEC);
	bad[1] = open("/dev/null", O_RDWR | O_CLOEXEC);
	bad[2] = open("/", O_RDONLY | O_CLOEXEC);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	bad[3] = pair[0];
	for (int i = 0; i < 4; i++) {
		ck_assert_int_lt(
			drv_vfu_dma_map(&vfu, 0, 0x1000, RW, bad[i], 0), 0);
		ck_assert_ptr_nonnull(vfu.hdr);
		(void)close(bad[i]);
	}
	(void)close(pair[1]);

	/* For writing, what was opened for reading. */
	bad[0] = open(path, O_RDONLY | O_CLOEXEC);
	ck_assert_int_eq(drv_vfu_dma_map(&vfu, 0, 0x1000, RW, bad[0], 0),
			 -EACCES);
	ck_assert_int_eq(drv_vfu_dma_map(&vfu, 0, 0x1000, 1, bad[0], 0), 0);
	(void)close(bad[0]);
	(void)close(file);
}
END_TEST

START_TEST(hostile_e4__dma_map_with_strange_flags_is_refused)
{
	int fd = memfd_create("guest", MFD_CLOEXEC);

	ck_assert_int_eq(ftruncate(fd, 0x1000), 0);
	ck_assert_int_eq(drv_vfu_dma_map(&vfu, 0, 0x1000, 0, fd, 0), -EINVAL);
	ck_assert_int_eq(drv_vfu_dma_map(&vfu, 0, 0x1000, 0x10 | RW, fd, 0),
			 -EINVAL);
	ck_assert_int_eq(drv_vfu_dma_map(&vfu, 0, 0x1000, UINT32_MAX, fd, 0),
			 -EINVAL);
	ck_assert_int_eq(drv_vfu_dma_map(&vfu, 0, 0x1000, 4 | RW, -1, 0),
			 -EINVAL);
	ck_assert_int_eq(drv_vfu_dma_map(&vfu, 0, 0x1000, 8 | RW, -1, 0),
			 -EINVAL);
	(void)close(fd);
}
END_TEST

START_TEST(hostile_e4__dma_map_more_often_than_offered_is_refused)
{
	for (uint64_t i = 1; i <= 65535; i++)
		ck_assert_int_eq(
			drv_vfu_dma_map(&vfu, i << 13, 0x1000, 1, -1, 0), 0);
	ck_assert_int_eq(drv_vfu_dma_map(&vfu, 0, 0x1000, 1, -1, 0), -ENOSPC);
	ck_assert_int_eq(drv_vfu_dma_unmap(&vfu, 1 << 13, 0x1000), 0);
	ck_assert_int_eq(drv_vfu_dma_map(&vfu, 0, 0x1000, 1, -1, 0), 0);
}
END_TEST

START_TEST(hostile_e4__dma_unmap_of_a_wild_range_is_refused)
{
	static const uint32_t flags[] = { 1, 3, 4, 0x80000000, UINT32_MAX };
	struct drv_vfu_dma_unmap unmap = { .argsz = 24, .size = 0x2000 };

	ck_assert_int_eq(drv_vfu_dma_map(&vfu, 0, 0x2000, RW, -1, 0), 0);
	ck_assert_int_eq(drv_vfu_dma_unmap(&vfu, 0, 0), -EINVAL);
	ck_assert_int_eq(drv_vfu_dma_unmap(&vfu, 0, UINT64_MAX), -EINVAL);
	ck_assert_int_eq(drv_vfu_dma_unmap(&vfu, 0, 0x1000), -EINVAL);
	ck_assert_int_eq(drv_vfu_dma_unmap(&vfu, 0x1000, 0x1000), -EINVAL);
	ck_assert_int_eq(drv_vfu_dma_unmap(&vfu, UINT64_MAX, 0x1000), -EINVAL);
	ck_assert_int_eq(drv_vfu_dma_unmap(&vfu, 0x4000, UINT64_MAX - 0x3fff),
			 -ENOENT);
	/* A dirty bitmap, and flags that nobody knows. */
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		unmap.flags = flags[i];
		ck_assert_int_eq(call(DRV_VFU_DMA_UNMAP, &unmap, sizeof(unmap)),
				 -EINVAL);
	}
	ck_assert_int_eq(drv_vfu_dma_unmap(&vfu, 0, 0x2000), 0);
}
END_TEST

/* ---- E6: who may come ---- */

START_TEST(hostile_e6__second_client_is_refused_and_the_first_served)
{
	struct drv_vfu_device_info info;

	for (int i = 0; i < 20; i++) {
		int fd = served_connect(&served);

		ck_assert(drv_socket_is_closed(fd, DRV_TIMEOUT_MS));
		(void)close(fd);
		ck_assert_int_eq(drv_vfu_device_info(&vfu, &info), 0);
	}
	ck_assert_int_eq(served_said(&served, "second client refused"), 1);
}
END_TEST

START_TEST(hostile_e6__reset_again_and_again_is_fine)
{
	for (int i = 0; i < 200; i++)
		ck_assert_int_eq(drv_vfu_reset(&vfu), 0);
	ck_assert_int_eq(read_at(CONFIG, 0, 4), 0);
}
END_TEST

START_TEST(refusals_are_logged_once_per_connection)
{
	for (int i = 0; i < 1000; i++)
		ck_assert_int_eq(read_at(9, 0, 1), -EINVAL);
	ck_assert_int_eq(served_said(&served, "REGION_READ refused"), 1);
	assert_next_is_served();
	ck_assert_int_eq(read_at(9, 0, 1), -EINVAL);
	ck_assert_int_eq(served_said(&served, "REGION_READ refused"), 2);
}
END_TEST

static void
add_tests(TCase *tc)
{
	const TTest *const tests[] = {
		hostile_e1__region_access_wraps_is_refused,
		hostile_e1__region_access_past_the_end_is_refused,
		hostile_e1__region_access_of_nothing_is_refused,
		hostile_e1__region_that_does_not_exist_is_refused,
		hostile_e1__access_beyond_the_offered_size_is_refused,
		hostile_e1__write_with_less_or_more_data_than_count_is_refused,
		hostile_e1__bad_posted_writes_are_dropped_without_a_reply,
		hostile_e2__argsz_too_small_or_huge_is_refused,
		hostile_e2__info_of_what_does_not_exist_is_refused,
		hostile_e3__start_plus_count_that_wraps_is_refused,
		hostile_e3__index_without_vectors_is_refused,
		hostile_e3__strange_flags_are_refused,
		hostile_e3__count_0_disables_all_or_is_refused,
		hostile_e3__descriptors_that_do_not_fit_the_count_are_refused,
		hostile_e3__bools_shorter_than_the_count_are_refused,
		hostile_e3__descriptors_that_are_no_eventfds_are_refused,
		hostile_e3__same_eventfd_again_and_again_is_fine,
		hostile_e4__dma_map_of_a_wild_range_is_refused,
		hostile_e4__dma_map_beyond_the_file_is_refused,
		hostile_e4__dma_map_of_what_cannot_be_mapped_is_refused,
		hostile_e4__dma_map_with_strange_flags_is_refused,
		hostile_e4__dma_map_more_often_than_offered_is_refused,
		hostile_e4__dma_unmap_of_a_wild_range_is_refused,
		hostile_e6__second_client_is_refused_and_the_first_served,
		hostile_e6__reset_again_and_again_is_fine,
		refusals_are_logged_once_per_connection,
	};

	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
		tcase_add_test(tc, tests[i]);
}

int
main(void)
{
	TCase *tc = tcase_create("vfio-user");
	Suite *suite = suite_create("hostile vfio-user");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	add_tests(tc);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
