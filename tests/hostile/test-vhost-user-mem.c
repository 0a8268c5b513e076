// SPDX-License-Identifier: BSD-3-Clause
/*
 * A vhost-user server and guest memory: tables and slots that make no sense,
 * files that are none, and memory that goes while requests run (classes D3 and
 * D13).
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hostile/vhost-rig.h"
#include "suite.h"

#define TABLE_HEAD 8
#define MAX_SLOTS  509
#define FAR_GPA    (UINT64_C(1) << 40)
#define FAR_USER   (UINT64_C(1) << 50)

/* A region that is good, and not in anybody's way; its file is as large. */
static const struct drv_vu_region good = { FAR_GPA, 4 * DRV_PAGE, FAR_USER, 0 };

static int good_fd;

/* Buffers for each queue, and whoever serves it, alone. */
static struct drv_seg chased[LOOP_QUEUES][2];

static void
open_with(const char *opts)
{
	vhost_rig_open(opts);
	good_fd = make_memfd(4 * DRV_PAGE);
	for (int i = 0; i < LOOP_QUEUES; i++) {
		uint64_t gpa = drv_ram_alloc(&l.ram, 128, 64);

		chased[i][0] = (struct drv_seg){ gpa, 64, false };
		chased[i][1] = (struct drv_seg){ gpa + 64, 64, true };
	}
	vhost_rig_baseline();
}

static void
setup(void)
{
	open_with(NULL);
}

static void
setup_thread(void)
{
	open_with("iothread");
}

static void
teardown(void)
{
	vhost_rig_next();
	(void)close(good_fd);
	vhost_rig_baseline();
	vhost_rig_teardown();
}

/* ---- regions that make no sense ---- */

static const struct {
	const char *what;
	struct drv_vu_region region;
} bad_regions[] = {
	{ "size 0", { FAR_GPA, 0, FAR_USER, 0 } },
	{ "size of no pages", { FAR_GPA, 0x800, FAR_USER, 0 } },
	{ "size of half a page more", { FAR_GPA, 0x1800, FAR_USER, 0 } },
	{ "gpa in a page", { FAR_GPA + 8, DRV_PAGE, FAR_USER, 0 } },
	{ "user address in a page", { FAR_GPA, DRV_PAGE, FAR_USER + 8, 0 } },
	{ "offset in a page", { FAR_GPA, DRV_PAGE, FAR_USER, 8 } },
	{ "gpa wraps", { UINT64_MAX - 4095, 2 * DRV_PAGE, FAR_USER, 0 } },
	{ "user address wraps",
	  { FAR_GPA, 2 * DRV_PAGE, UINT64_MAX - 4095, 0 } },
	{ "offset wraps",
	  { FAR_GPA, 2 * DRV_PAGE, FAR_USER, UINT64_MAX - 4095 } },
	{ "size wraps all",
	  { FAR_GPA, UINT64_MAX - 4095, FAR_USER, 2 * DRV_PAGE } },
	{ "file is short by a page", { FAR_GPA, 5 * DRV_PAGE, FAR_USER, 0 } },
	{ "file ends before the offset",
	  { FAR_GPA, DRV_PAGE, FAR_USER, 4 * DRV_PAGE } },
	{ "file ends behind the offset",
	  { FAR_GPA, 2 * DRV_PAGE, FAR_USER, 3 * DRV_PAGE } },
	{ "offset is negative",
	  { FAR_GPA, DRV_PAGE, FAR_USER, UINT64_C(1) << 63 } },
	{ "as large as can be", { 0, UINT64_MAX - 4095, 0, 0 } },
};

#define N_BAD_REGIONS ((int)(sizeof(bad_regions) / sizeof(bad_regions[0])))

/* The table with the region after one that is good; and as a slot. */
static void
region_refused(const struct drv_vu_region *region, int fd)
{
	const struct drv_region *ram = drv_ram_region(&l.ram, 0);
	struct drv_vu_table table = { .n = 2 };
	struct drv_vu_slot slot = { .region = *region };
	const int fds[2] = { ram->fd, fd };

	drv_vu_describe(ram, &table.regions[0]);
	table.regions[1] = *region;
	assert_refused(DRV_VU_SET_MEM_TABLE, &table, TABLE_HEAD + 64, fds, 2);
	assert_refused(DRV_VU_ADD_MEM_REG, &slot, sizeof(slot), &fd, 1);
}

START_TEST(hostile_d3__region_that_makes_no_sense_is_refused)
{
	region_refused(&bad_regions[_i].region, good_fd);
}
END_TEST

/* What was there before stays, whole, and the rings run on. */
START_TEST(hostile_d3__refused_region_changes_nothing)
{
	const struct drv_vu_region *region = &bad_regions[_i].region;
	const struct drv_region *ram = drv_ram_region(&l.ram, 0);
	struct drv_vu_table table = { .n = 2 };
	struct drv_vu_slot slot = { .region = *region };
	const int fds[2] = { ram->fd, good_fd };

	drv_vu_describe(ram, &table.regions[0]);
	table.regions[1] = *region;
	rig_start();
	assert_told(DRV_VU_SET_MEM_TABLE, &table, TABLE_HEAD + 64, fds, 2);
	rig_echo();
	assert_told(DRV_VU_ADD_MEM_REG, &slot, sizeof(slot), &good_fd, 1);
	rig_echo();
}
END_TEST

/* ---- regions that meet ---- */

static const struct drv_vu_region meeting[] = {
	{ FAR_GPA, 4 * DRV_PAGE, FAR_USER, 0 },
	{ FAR_GPA, DRV_PAGE, FAR_USER + 0x100000, 0 },
	{ FAR_GPA + 3 * DRV_PAGE, DRV_PAGE, FAR_USER + 0x100000, 0 },
	{ FAR_GPA - DRV_PAGE, 2 * DRV_PAGE, FAR_USER + 0x100000, 0 },
	{ FAR_GPA + 0x100000, DRV_PAGE, FAR_USER, 0 },
	{ FAR_GPA + 0x100000, DRV_PAGE, FAR_USER + 3 * DRV_PAGE, 0 },
	{ FAR_GPA + 0x100000, 2 * DRV_PAGE, FAR_USER - DRV_PAGE, 0 },
};

START_TEST(hostile_d3__regions_that_meet_are_refused)
{
	struct drv_vu_slot slot = { .region = good };
	struct drv_vu_table table = { .n = 2 };
	const int fds[2] = { good_fd, good_fd };

	table.regions[0] = good;
	table.regions[1] = meeting[_i];
	assert_refused(DRV_VU_SET_MEM_TABLE, &table, TABLE_HEAD + 64, fds, 2);
	ck_assert_int_eq(drv_vu_set(vu, DRV_VU_ADD_MEM_REG, &slot, sizeof(slot),
				    &good_fd, 1),
			 0);
	slot.region = meeting[_i];
	assert_refused(DRV_VU_ADD_MEM_REG, &slot, sizeof(slot), &good_fd, 1);
}
END_TEST

/* Side by side, and up to the last byte, is as good as any. */
START_TEST(hostile_d3__regions_that_touch_or_end_the_world_are_taken)
{
	struct drv_vu_table table = { .n = 3 };
	const int fds[3] = { good_fd, good_fd, good_fd };

	table.regions[0] = good;
	table.regions[1] = good;
	table.regions[1].gpa += good.size;
	table.regions[1].user += good.size;
	table.regions[2] = good;
	table.regions[2].gpa = UINT64_MAX - good.size + 1;
	table.regions[2].user = UINT64_MAX - good.size + 1;
	ck_assert_int_eq(drv_vu_set(vu, DRV_VU_SET_MEM_TABLE, &table,
				    TABLE_HEAD + 96, fds, 3),
			 0);
	vhost_assert_goes_on(vu);
}
END_TEST

/* ---- how many ---- */

START_TEST(hostile_d3__number_of_regions_that_is_wrong_is_refused)
{
	static const uint32_t counts[] = { 0,       2,          7,
					   9,       255,        0x101,
					   0x10001, 0x80000001, UINT32_MAX };
	struct drv_vu_table table = { 0 };

	table.regions[0] = good;
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		table.n = counts[i];
		assert_refused(DRV_VU_SET_MEM_TABLE, &table, TABLE_HEAD + 32,
			       &good_fd, 1);
	}
}
END_TEST

START_TEST(hostile_d3__descriptors_that_do_not_match_are_refused)
{
	struct drv_vu_table table = { .n = 3 };
	const int fds[4] = { good_fd, good_fd, good_fd, good_fd };

	for (uint32_t i = 0; i < 3; i++) {
		table.regions[i] = good;
		table.regions[i].gpa += i * good.size;
		table.regions[i].user += i * good.size;
	}
	for (int n = 0; n <= 4; n++) {
		if (n != 3)
			assert_refused(DRV_VU_SET_MEM_TABLE, &table,
				       TABLE_HEAD + 96, fds, n);
	}
}
END_TEST

static void
slot_at(uint32_t i, struct drv_vu_slot *slot)
{
	*slot = (struct drv_vu_slot){ .region = good };
	slot->region.size = DRV_PAGE;
	slot->region.gpa += UINT64_C(2) * i * DRV_PAGE;
	slot->region.user += UINT64_C(2) * i * DRV_PAGE;
}

START_TEST(hostile_d3__slots_beyond_the_last_are_refused)
{
	struct drv_vu_slot slot;

	for (uint32_t i = 0; i < MAX_SLOTS; i++) {
		slot_at(i, &slot);
		ck_assert_int_eq(drv_vu_set(vu, DRV_VU_ADD_MEM_REG, &slot,
					    sizeof(slot), &good_fd, 1),
				 0);
	}
	slot_at(MAX_SLOTS, &slot);
	assert_told(DRV_VU_ADD_MEM_REG, &slot, sizeof(slot), &good_fd, 1);
	/* One goes, and one may come. */
	slot_at(77, &slot);
	ck_assert_int_eq(drv_vu_set(vu, DRV_VU_REM_MEM_REG, &slot, sizeof(slot),
				    NULL, 0),
			 0);
	slot_at(MAX_SLOTS, &slot);
	ck_assert_int_eq(drv_vu_set(vu, DRV_VU_ADD_MEM_REG, &slot, sizeof(slot),
				    &good_fd, 1),
			 0);
	/* And a table takes the place of all of them. */
	ck_assert_int_eq(drv_vu_set_mem_table(vu, &l.ram), 0);
	slot_at(0, &slot);
	assert_refused(DRV_VU_REM_MEM_REG, &slot, sizeof(slot), NULL, 0);
}
END_TEST

START_TEST(hostile_d3__slot_that_is_not_there_cannot_be_removed)
{
	struct drv_vu_slot slot = { .region = good };

	ck_assert_int_eq(drv_vu_set(vu, DRV_VU_ADD_MEM_REG, &slot, sizeof(slot),
				    &good_fd, 1),
			 0);
	for (int i = 0; i < 5; i++) {
		slot.region = good;
		if (i == 0)
			slot.region.gpa += DRV_PAGE;
		if (i == 1)
			slot.region.size -= DRV_PAGE;
		if (i == 2)
			slot.region.size += DRV_PAGE;
		if (i == 3)
			slot.region.user += DRV_PAGE;
		if (i == 4)
			slot.region.size = 0;
		assert_told(DRV_VU_REM_MEM_REG, &slot, sizeof(slot), NULL, 0);
	}
	slot.region = good;
	ck_assert_int_eq(drv_vu_set(vu, DRV_VU_REM_MEM_REG, &slot, sizeof(slot),
				    &good_fd, 1),
			 0);
	assert_refused(DRV_VU_REM_MEM_REG, &slot, sizeof(slot), NULL, 0);
}
END_TEST

/* ---- files that are none ---- */

enum file {
	PIPE,
	SOCKET,
	EVENTFD,
	FOLDER,
	DEV_NULL,
	EMPTY,
	READ_ONLY,
	WRITE_ONLY,
	NO_ACCESS,
	SEALED,
	N_FILES,
};

/* The same file, opened in another way. */
static int
reopen(int fd, int flags)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return open(path, flags | O_CLOEXEC);
}

static int
make_file(enum file file)
{
	int pair[2] = { -1, -1 }, fd;

	switch (file) {
	case PIPE:
		ck_assert_int_eq(pipe(pair), 0);
		break;
	case SOCKET:
		ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
		break;
	case EVENTFD:
		return make_eventfd();
	case FOLDER:
		return open("/", O_RDONLY | O_CLOEXEC);
	case DEV_NULL:
		return open("/dev/null", O_RDWR | O_CLOEXEC);
	case EMPTY:
		return make_memfd(0);
	case READ_ONLY:
		return reopen(good_fd, O_RDONLY);
	case WRITE_ONLY:
		return reopen(good_fd, O_WRONLY);
	case NO_ACCESS:
		return reopen(good_fd, O_PATH);
	default:
		fd = make_memfd(4 * DRV_PAGE);
		ck_assert_int_eq(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), 0);
		return fd;
	}
	(void)close(pair[1]);
	return pair[0];
}

START_TEST(hostile_d3__file_that_cannot_be_mapped_is_refused)
{
	int fd = make_file((enum file)_i);
	struct drv_vu_slot slot = { .region = good };
	struct drv_vu_table table = { .n = 1 };

	ck_assert_int_ge(fd, 0);
	table.regions[0] = good;
	rig_start();
	assert_told(DRV_VU_SET_MEM_TABLE, &table, TABLE_HEAD + 32, &fd, 1);
	assert_told(DRV_VU_ADD_MEM_REG, &slot, sizeof(slot), &fd, 1);
	rig_echo();
	ck_assert_int_eq(drv_vu_post(vu, DRV_VU_ADD_MEM_REG, 0, &slot,
				     sizeof(slot), &fd, 1),
			 0);
	(void)close(fd);
	assert_closed();
}
END_TEST

/* ---- replaced, taken and given back while requests run ---- */

static bool chaser_quits;

/* Chains on all queues, without an end, whether they are served or not. */
static void *
chase(void *arg)
{
	struct drv_seg(*segs)[2] = arg;

	while (!__atomic_load_n(&chaser_quits, __ATOMIC_ACQUIRE)) {
		for (int i = 0; i < LOOP_QUEUES; i++) {
			struct drv_vq *vq = &l.dev.queues[i].vq;
			struct drv_used used;

			(void)drv_vq_submit(vq, segs[i], 2, NULL);
			while (drv_vq_reap(vq, &used) > 0)
				;
		}
	}
	return NULL;
}

static pthread_t chaser;

static void
chase_start(void)
{
	chaser_quits = false;
	ck_assert_int_eq(pthread_create(&chaser, NULL, chase, chased), 0);
}

/* What it has left behind is waited for; then all is as before. */
static void
chase_stop(void)
{
	__atomic_store_n(&chaser_quits, true, __ATOMIC_RELEASE);
	ck_assert_int_eq(pthread_join(chaser, NULL), 0);
	for (int i = 0; i < LOOP_QUEUES; i++) {
		struct drv_vq *vq = &l.dev.queues[i].vq;
		struct drv_used used;

		ck_assert_int_eq(drv_vq_kick(vq), 0);
		while (drv_vq_in_flight(vq) > 0)
			ck_assert_int_eq(drv_vq_wait(vq, &used, DRV_TIMEOUT_MS),
					 1);
	}
	rig_echo();
}

/* The table with the guest's RAM, and so many regions more. */
static void
set_table(uint32_t more)
{
	struct drv_vu_table table = { .n = 1 + more };
	int fds[DRV_VU_TABLE_MAX];

	drv_vu_describe(drv_ram_region(&l.ram, 0), &table.regions[0]);
	fds[0] = drv_ram_region(&l.ram, 0)->fd;
	for (uint32_t i = 1; i <= more; i++) {
		table.regions[i] = good;
		table.regions[i].gpa += i * good.size;
		table.regions[i].user += i * good.size;
		fds[i] = good_fd;
	}
	ck_assert_int_eq(drv_vu_set(vu, DRV_VU_SET_MEM_TABLE, &table,
				    TABLE_HEAD + 32 * table.n, fds,
				    (int)table.n),
			 0);
}

START_TEST(hostile_d13__table_replaced_under_rings_that_run)
{
	rig_start_packed(_i);
	chase_start();
	for (uint32_t i = 0; i < 300; i++)
		set_table(i % DRV_VU_TABLE_MAX);
	chase_stop();
}
END_TEST

/* The rings wait for it to come back, and lose nothing. */
START_TEST(hostile_d13__table_without_the_rings_and_back)
{
	struct drv_vu_table other = { .n = 1 };

	other.regions[0] = good;
	rig_start_packed(_i);
	chase_start();
	for (uint32_t i = 0; i < 200; i++) {
		ck_assert_int_eq(drv_vu_set(vu, DRV_VU_SET_MEM_TABLE, &other,
					    TABLE_HEAD + 32, &good_fd, 1),
				 0);
		set_table(i % DRV_VU_TABLE_MAX);
	}
	chase_stop();
}
END_TEST

START_TEST(hostile_d13__slot_of_the_rings_removed_and_added_back)
{
	const struct drv_region *ram = drv_ram_region(&l.ram, 0);

	rig_start_packed(_i);
	chase_start();
	for (int i = 0; i < 300; i++) {
		ck_assert_int_eq(drv_vu_rem_region(vu, ram), 0);
		ck_assert_int_eq(drv_vu_add_region(vu, ram), 0);
	}
	chase_stop();
}
END_TEST

START_TEST(hostile_d13__slots_added_and_removed_under_rings_that_run)
{
	struct drv_vu_slot slot;

	rig_start_packed(_i);
	chase_start();
	for (uint32_t round = 0; round < 10; round++) {
		for (uint32_t i = 0; i < 100; i++) {
			slot_at(i, &slot);
			ck_assert_int_eq(drv_vu_set(vu, DRV_VU_ADD_MEM_REG,
						    &slot, sizeof(slot),
						    &good_fd, 1),
					 0);
		}
		for (uint32_t i = 0; i < 100; i++) {
			slot_at((i * 37) % 100, &slot);
			ck_assert_int_eq(drv_vu_set(vu, DRV_VU_REM_MEM_REG,
						    &slot, sizeof(slot), NULL,
						    0),
					 0);
		}
	}
	chase_stop();
}
END_TEST

/* The front end goes, its memory with it, in the middle of all that. */
START_TEST(hostile_d13__front_end_that_leaves_under_rings_that_run)
{
	for (int i = 0; i < 50; i++) {
		rig_start_packed(_i);
		chase_start();
		if (i % 2)
			set_table((uint32_t)i % DRV_VU_TABLE_MAX);
		__atomic_store_n(&chaser_quits, true, __ATOMIC_RELEASE);
		drv_vu_device_detach(&l.dev);
		ck_assert_int_eq(pthread_join(chaser, NULL), 0);
		vhost_rig_next();
	}
}
END_TEST

static void
hold(struct served *s)
{
	loop_of(s->dev)->hold = loop_of(s->dev)->stuck = true;
}

static void
let_go(struct served *s)
{
	struct loop *loop = loop_of(s->dev);

	loop->hold = loop->stuck = false;
	for (int i = 0; i < LOOP_QUEUES; i++)
		loop_release(loop, i);
}

static int n_held;

static void
count_held(struct served *s)
{
	n_held = loop_of(s->dev)->n_held[0];
}

/* A request that does not come back keeps its pages until it does. */
START_TEST(hostile_d13__memory_of_a_request_that_is_stuck_stays)
{
	int n_maps;

	rig_start();
	n_maps = count_maps("/memfd:");
	served_call(&l.served, hold);
	(void)vhost_loop_submit(&l, 0);
	while (n_held == 0)
		served_call(&l.served, count_held);
	ck_assert_int_eq(drv_vu_rem_region(vu, drv_ram_region(&l.ram, 0)), 0);
	ck_assert_int_eq(count_maps("/memfd:"), n_maps);
	served_call(&l.served, let_go);
	vhost_assert_goes_on(vu);
	/* The ring lets it go, and is served again when it is back. */
	ck_assert_int_eq(drv_vu_add_region(vu, drv_ram_region(&l.ram, 0)), 0);
	vhost_loop_take(&l, 0, 1);
	rig_echo();
}
END_TEST

static void
add_cases(TCase *tc)
{
	tcase_add_loop_test(tc,
			    hostile_d3__region_that_makes_no_sense_is_refused,
			    0, N_BAD_REGIONS);
	tcase_add_loop_test(tc, hostile_d3__refused_region_changes_nothing, 0,
			    N_BAD_REGIONS);
	tcase_add_loop_test(tc, hostile_d3__regions_that_meet_are_refused, 0,
			    sizeof(meeting) / sizeof(meeting[0]));
	tcase_add_loop_test(tc,
			    hostile_d3__file_that_cannot_be_mapped_is_refused,
			    0, N_FILES);
}

static void
add_threaded(Suite *suite, const TTest *const *tests, size_t n)
{
	TCase *tc = tcase_create("vhost-user memory and threads");

	tcase_add_checked_fixture(tc, setup_thread, teardown);
	tcase_set_timeout(tc, 60);
	for (size_t i = 0; i < n; i++)
		tcase_add_loop_test(tc, tests[i], 0, 2); /* packed */
	suite_add_tcase(suite, tc);
}

int
main(void)
{
	const TTest *const tests[] = {
		hostile_d3__regions_that_touch_or_end_the_world_are_taken,
		hostile_d3__number_of_regions_that_is_wrong_is_refused,
		hostile_d3__descriptors_that_do_not_match_are_refused,
		hostile_d3__slots_beyond_the_last_are_refused,
		hostile_d3__slot_that_is_not_there_cannot_be_removed,
		hostile_d13__memory_of_a_request_that_is_stuck_stays,
	};
	const TTest *const threaded[] = {
		hostile_d13__table_replaced_under_rings_that_run,
		hostile_d13__table_without_the_rings_and_back,
		hostile_d13__slot_of_the_rings_removed_and_added_back,
		hostile_d13__slots_added_and_removed_under_rings_that_run,
		hostile_d13__front_end_that_leaves_under_rings_that_run,
	};
	TCase *tc = tcase_create("vhost-user memory");
	Suite *suite = suite_create("hostile vhost-user memory");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	add_cases(tc);
	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
		tcase_add_test(tc, tests[i]);
	suite_add_tcase(suite, tc);
	add_threaded(suite, threaded, sizeof(threaded) / sizeof(threaded[0]));
	return suite_run(suite);
}
