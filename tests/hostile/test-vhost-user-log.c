// SPDX-License-Identifier: BSD-3-Clause
/*
 * A vhost-user server and a log of pages that is too small, in the wrong place,
 * no file, or another one all the time (class D6).
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "hostile/vhost-rig.h"
#include "suite.h"

#define N_PAGES   ((VHOST_RAM_GPA + VHOST_RAM_SIZE) / DRV_VU_LOG_PAGE)
#define LOG_BYTES (N_PAGES / 8) /* what the memory needs, and no more */
#define LOG_AT    128           /* in its file, away from both ends */
#define FILE_SIZE 4096
#define BEYOND    (N_PAGES * DRV_VU_LOG_PAGE)
#define PATTERN   0x55
#define MANY      (UINT64_C(1) << 20) /* pages in 4 GiB */

static uint8_t *file;
static int file_fd;

static void
setup(void)
{
	vhost_rig_setup();
	file_fd = make_memfd(FILE_SIZE);
	file = mmap(NULL, FILE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED,
		    file_fd, 0);
	ck_assert_ptr_ne(file, MAP_FAILED);
	memset(file, PATTERN, FILE_SIZE);
	memset(file + LOG_AT, 0, LOG_BYTES);
	vhost_rig_baseline();
}

static void
teardown(void)
{
	vhost_rig_next();
	ck_assert_int_eq(munmap(file, FILE_SIZE), 0);
	(void)close(file_fd);
	vhost_rig_baseline();
	vhost_rig_teardown();
}

/* Nothing but the log itself has been written. */
static void
assert_only_the_log(void)
{
	for (size_t i = 0; i < FILE_SIZE; i++) {
		if (i < LOG_AT || i >= LOG_AT + LOG_BYTES)
			ck_assert_uint_eq(file[i], PATTERN);
	}
}

static bool
take_bit(uint64_t gpa)
{
	uint64_t page = gpa / DRV_VU_LOG_PAGE;
	uint8_t bit = (uint8_t)(1u << page % 8);

	return __atomic_fetch_and(&file[LOG_AT + page / 8], (uint8_t)~bit,
				  __ATOMIC_SEQ_CST) &
	       bit;
}

static int
set_log(uint64_t size, uint64_t offset, int fd)
{
	struct drv_vu_shm log = { .fd = fd, .size = size, .offset = offset };

	return drv_vu_set_log(vu, &log);
}

/* The tight log, for rings that run. */
static void
start_with_log(void)
{
	uint64_t features;

	rig_start();
	features = l.dev.features | DRV_BIT(DRV_VU_F_LOG_ALL);
	ck_assert_int_eq(set_log(LOG_BYTES, LOG_AT, file_fd), 0);
	ck_assert_int_eq(drv_vu_set_u64(vu, DRV_VU_SET_FEATURES, features), 0);
}

static const struct {
	uint64_t size, offset;
} bad_logs[] = {
	{ 0, 0 },
	{ FILE_SIZE + 1, 0 },
	{ FILE_SIZE, 1 },
	{ 1, FILE_SIZE },
	{ LOG_BYTES, FILE_SIZE - LOG_BYTES + 1 },
	{ LOG_BYTES, UINT64_MAX },
	{ LOG_BYTES, UINT64_MAX - LOG_BYTES + 1 },
	{ UINT64_MAX, 0 },
	{ UINT64_MAX, 1 },
	{ UINT64_MAX - 63, 64 },
	{ UINT64_C(1) << 63, 0 },
	{ LOG_BYTES - 1, LOG_AT },
	{ 1, 0 },
};

START_TEST(hostile_d6__log_that_leaves_out_memory_closes)
{
	ck_assert_int_eq(drv_vu_set_mem_table(vu, &l.ram), 0);
	ck_assert_int_eq(
		set_log(bad_logs[_i].size, bad_logs[_i].offset, file_fd),
		-ECONNRESET);
	assert_closed();
	assert_only_the_log();
}
END_TEST

START_TEST(hostile_d6__log_that_cannot_be_mapped_closes)
{
	int fds[4];

	ck_assert_int_eq(pipe(fds), 0);
	fds[2] = make_eventfd();
	fds[3] = open("/", O_RDONLY | O_CLOEXEC);
	for (int i = 0; i < 4; i++) {
		const struct drv_vu_log_base base = { LOG_BYTES, 0 };

		ck_assert_int_eq(drv_vu_post(vu, DRV_VU_SET_LOG_BASE, 0, &base,
					     sizeof(base), &fds[i], 1),
				 0);
		ck_assert(drv_socket_is_closed(vu->fd, DRV_TIMEOUT_MS));
		(void)close(fds[i]);
		drv_vu_device_detach(&l.dev);
		ck_assert_int_eq(
			drv_vu_device_attach(&l.dev, served_connect(&l.served)),
			0);
	}
}
END_TEST

START_TEST(hostile_d6__log_as_large_as_memory_is_written_inside_only)
{
	start_with_log();
	for (int i = 0; i < 20; i++)
		rig_echo();
	ck_assert(take_bit(l.dev.queues[0].vq.ring.used_gpa) == false);
	vhost_rig_next();
	assert_only_the_log();
}
END_TEST

/* What could not be logged does not come in. */
START_TEST(hostile_d6__memory_beyond_the_log_is_refused)
{
	const struct drv_region *ram = drv_ram_region(&l.ram, 0);
	struct drv_vu_slot slot = {
		.region = { BEYOND, DRV_PAGE, UINT64_C(1) << 50, 0 },
	};
	struct drv_vu_table table = { .n = 2 };
	const int fds[2] = { ram->fd, file_fd };

	drv_vu_describe(ram, &table.regions[0]);
	table.regions[1] = slot.region;
	start_with_log();
	for (int i = 0; i < 2; i++) {
		assert_told(DRV_VU_ADD_MEM_REG, &slot, sizeof(slot), &file_fd,
			    1);
		assert_told(DRV_VU_SET_MEM_TABLE, &table, 72, fds, 2);
		slot.region.gpa = UINT64_MAX - DRV_PAGE + 1;
		table.regions[1].gpa = slot.region.gpa;
	}
	rig_echo();
	assert_only_the_log();
}
END_TEST

/* The log was there before the memory was, and before it was used. */
START_TEST(hostile_d6__logging_into_a_log_that_is_too_small_is_refused)
{
	const uint64_t features = l.dev.features | DRV_BIT(DRV_VU_F_LOG_ALL);

	ck_assert_int_eq(set_log(8, LOG_AT, file_fd), 0);
	ck_assert_int_eq(drv_vu_set_mem_table(vu, &l.ram), 0);
	assert_refused(DRV_VU_SET_FEATURES, &features, sizeof(features), NULL,
		       0);
	assert_only_the_log();
}
END_TEST

START_TEST(hostile_d6__used_ring_beyond_the_log_is_refused)
{
	static const uint64_t bad[] = { BEYOND, BEYOND - 8, UINT64_MAX,
					UINT64_MAX - 64, UINT64_C(1) << 63 };
	const struct drv_vu_queue *q = &l.dev.queues[0];

	start_with_log();
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const struct drv_vu_addr addr = {
			.flags = DRV_VU_ADDR_LOG,
			.desc = drv_vu_user_addr(&l.ram, q->vq.ring.desc_gpa),
			.used = drv_vu_user_addr(&l.ram, q->vq.ring.used_gpa),
			.avail = drv_vu_user_addr(&l.ram, q->vq.ring.avail_gpa),
			.log = bad[i],
		};

		assert_told(DRV_VU_SET_VRING_ADDR, &addr, sizeof(addr), NULL,
			    0);
		rig_echo();
	}
	assert_only_the_log();
}
END_TEST

/* Said before there was a log to compare it with: nothing is marked. */
START_TEST(hostile_d6__used_ring_that_was_beyond_before_is_not_marked)
{
	static const uint64_t bad[] = { BEYOND, UINT64_MAX - 8,
					UINT64_C(1) << 40 };

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const struct drv_vu_queue *q = &l.dev.queues[0];
		struct drv_vu_addr addr = { .flags = DRV_VU_ADDR_LOG,
					    .log = bad[i] };

		rig_start();
		addr.desc = drv_vu_user_addr(&l.ram, q->vq.ring.desc_gpa);
		addr.used = drv_vu_user_addr(&l.ram, q->vq.ring.used_gpa);
		addr.avail = drv_vu_user_addr(&l.ram, q->vq.ring.avail_gpa);
		ck_assert_int_eq(drv_vu_set(vu, DRV_VU_SET_VRING_ADDR, &addr,
					    sizeof(addr), NULL, 0),
				 0);
		ck_assert_int_eq(set_log(LOG_BYTES, LOG_AT, file_fd), 0);
		ck_assert_int_eq(
			drv_vu_set_u64(vu, DRV_VU_SET_FEATURES,
				       l.dev.features |
					       DRV_BIT(DRV_VU_F_LOG_ALL)),
			0);
		rig_echo();
		vhost_rig_next();
		assert_only_the_log();
	}
}
END_TEST

/* Each echo writes a page that nobody else does: it is in this log or none. */
START_TEST(hostile_d6__another_log_with_every_request_misses_no_page)
{
	uint64_t out = drv_ram_alloc(&l.ram, DRV_PAGE, DRV_PAGE);
	struct drv_seg segs[2] = { { out, 64, false }, { out, 64, true } };
	struct drv_used used;

	ck_assert_uint_ne(out, 0);
	start_with_log();
	for (int i = 0; i < 500; i++) {
		struct drv_vu_shm log;

		ck_assert_int_eq(drv_vu_log_init(&log, BEYOND), 0);
		ck_assert_int_eq(drv_vu_set_log(vu, &log), 0);
		ck_assert_int_eq(
			drv_vq_call(&l.dev.queues[i % 3].vq, segs, 2, &used),
			0);
		ck_assert(drv_vu_log_take(&log, out / DRV_VU_LOG_PAGE));
		drv_vu_shm_deinit(&log);
	}
}
END_TEST

/* Chains far longer than there is memory: refused, and logged in no time. */
START_TEST(hostile_d6__buffers_of_4_gib_each_are_logged_in_no_time)
{
	struct drv_vq *vq = &l.dev.queues[0].vq;
	int fd = make_memfd(MANY / 8);
	struct drv_used used;

	rig_start();
	ck_assert_int_eq(set_log(MANY / 8, 0, fd), 0);
	ck_assert_int_eq(
		drv_vu_set_u64(vu, DRV_VU_SET_FEATURES,
			       l.dev.features | DRV_BIT(DRV_VU_F_LOG_ALL)),
		0);
	/* A chain from each descriptor to the last. */
	for (uint16_t i = 0; i < LOOP_QSIZE; i++)
		drv_split_raw_desc(
			&vq->ring, i, 0, UINT32_MAX,
			DRV_DESC_WRITE |
				(i + 1 < LOOP_QSIZE ? DRV_DESC_NEXT : 0),
			(uint16_t)(i + 1));
	for (uint16_t i = 0; i < LOOP_QSIZE; i++)
		drv_split_raw_offer(&vq->ring, i);
	ck_assert_int_eq(drv_vq_kick(vq), 0);
	for (uint16_t i = 0; i < LOOP_QSIZE; i++) {
		while (drv_split_raw_get_used_idx(&vq->ring) ==
		       vq->ring.used_idx)
			vhost_assert_goes_on(vu);
		used = drv_split_raw_get_used(&vq->ring, vq->ring.used_idx++);
		ck_assert_uint_eq(used.id, i);
		ck_assert_uint_eq(used.len, 0);
	}
	(void)close(fd);
	vhost_rig_next();
}
END_TEST

int
main(void)
{
	const TTest *const tests[] = {
		hostile_d6__log_that_cannot_be_mapped_closes,
		hostile_d6__log_as_large_as_memory_is_written_inside_only,
		hostile_d6__memory_beyond_the_log_is_refused,
		hostile_d6__logging_into_a_log_that_is_too_small_is_refused,
		hostile_d6__used_ring_beyond_the_log_is_refused,
		hostile_d6__used_ring_that_was_beyond_before_is_not_marked,
		hostile_d6__another_log_with_every_request_misses_no_page,
		hostile_d6__buffers_of_4_gib_each_are_logged_in_no_time,
	};
	TCase *tc = tcase_create("vhost-user log");
	Suite *suite = suite_create("hostile vhost-user log");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, hostile_d6__log_that_leaves_out_memory_closes,
			    0, sizeof(bad_logs) / sizeof(bad_logs[0]));
	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
		tcase_add_test(tc, tests[i]);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
