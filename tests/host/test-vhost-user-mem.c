// SPDX-License-Identifier: BSD-3-Clause
/* vhost-user back end: guest memory, as a table and by slots. */
#include <check.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "host/vhost-loop.h"
#include "suite.h"

#define MAX_SLOTS 509

static struct vhost_loop l;
static struct drv_vu *const vu = &l.dev.vu;

static void
setup(void)
{
	vhost_loop_open(&l, NULL);
}

static void
teardown(void)
{
	vhost_loop_close(&l);
}

/* Another region; its slot. */
static const struct drv_region *
more_ram(uint64_t gpa)
{
	int slot = drv_ram_add(&l.ram, gpa, VHOST_MORE_SIZE, DRV_RAM_MEMFD);

	ck_assert_int_ge(slot, 0);
	return drv_ram_region(&l.ram, slot);
}

/* Can the device reach a buffer there? */
static void
echo_at(uint64_t gpa)
{
	struct drv_seg segs[2] = { { gpa, 256, false },
				   { gpa + 4096, 256, true } };
	struct drv_used used;
	uint8_t data[256];

	ck_assert_int_eq(drv_ram_fill(&l.ram, gpa, 0x77, 256), 0);
	ck_assert_int_eq(drv_vq_call(&l.dev.queues[0].vq, segs, 2, &used), 0);
	ck_assert_uint_eq(used.len, 256);
	ck_assert_int_eq(drv_ram_read(&l.ram, gpa + 4096, data, 256), 0);
	ck_assert_uint_eq(data[255], 0x77);
}

/* Send a table of what is in RAM, with these bytes too many. */
static int
send_table(size_t more)
{
	struct drv_vu_table table = { .n = 0 };
	int fds[DRV_VU_TABLE_MAX];
	size_t len;

	for (int i = 0; i < l.ram.n; i++) {
		const struct drv_region *r = drv_ram_region(&l.ram, i);

		if (!r)
			continue;
		drv_vu_describe(r, &table.regions[table.n]);
		fds[table.n++] = r->fd;
	}
	len = 8 + table.n * sizeof(table.regions[0]) + more;
	return drv_vu_set(vu, DRV_VU_SET_MEM_TABLE, &table, len, fds,
			  (int)table.n);
}

/* ---- a table ---- */

START_TEST(table_of_eight_is_reached_in_all_of_it)
{
	for (uint64_t i = 0; i < 7; i++)
		(void)more_ram(VHOST_MORE_GPA + 2 * i * VHOST_MORE_SIZE);
	ck_assert_int_eq(drv_vu_device_start(&l.dev), 0);
	ck_assert_int_eq(drv_vu_set_mem_table(vu, &l.ram), 0);
	for (uint64_t i = 0; i < 7; i++)
		echo_at(VHOST_MORE_GPA + 2 * i * VHOST_MORE_SIZE);
	vhost_loop_echo(&l, 0, 1);
}
END_TEST

START_TEST(table_may_have_bytes_to_spare)
{
	ck_assert_int_eq(drv_vu_device_start(&l.dev), 0);
	ck_assert_int_eq(send_table(0), 0);
	ck_assert_int_eq(send_table(sizeof(struct drv_vu_region)), 0);
	vhost_loop_echo(&l, 0, 1);
}
END_TEST

START_TEST(table_replaces_what_it_does_not_repeat)
{
	const struct drv_region *r = more_ram(VHOST_MORE_GPA);

	ck_assert_int_eq(drv_vu_device_start(&l.dev), 0);
	echo_at(VHOST_MORE_GPA);
	/* The same place, another file. */
	ck_assert_int_eq(drv_ram_del(&l.ram, 1), 0);
	r = more_ram(VHOST_MORE_GPA);
	ck_assert_int_eq(drv_vu_set_mem_table(vu, &l.ram), 0);
	echo_at(VHOST_MORE_GPA);
	/* Without it. */
	ck_assert_int_eq(drv_vu_rem_region(vu, r), 0);
	vhost_loop_echo(&l, 0, 1);
	ck_assert_int_eq(drv_ram_del(&l.ram, 1), 0);
	ck_assert_int_eq(drv_vu_set_mem_table(vu, &l.ram), 0);
	vhost_loop_echo(&l, 0, 1);
}
END_TEST

START_TEST(table_again_while_rings_run_loses_nothing)
{
	ck_assert_int_eq(drv_vu_device_start(&l.dev), 0);
	for (int i = 0; i < 200; i++) {
		(void)vhost_loop_submit(&l, i % LOOP_QUEUES);
		if (i % 20 == 0)
			(void)more_ram(VHOST_MORE_GPA);
		if (i % 20 == 10)
			ck_assert_int_eq(drv_ram_del(&l.ram, 1), 0);
		ck_assert_int_eq(drv_vu_set_mem_table(vu, &l.ram), 0);
		vhost_loop_take(&l, i % LOOP_QUEUES, 1);
	}
}
END_TEST

START_TEST(table_that_is_refused_leaves_the_old_one)
{
	struct drv_vu_table table = { .n = 1 };
	const struct drv_region *r;
	int fd;

	ck_assert_int_eq(drv_vu_device_start(&l.dev), 0);
	r = drv_ram_region(&l.ram, 0);
	fd = r->fd;
	drv_vu_describe(r, &table.regions[0]);
	table.regions[0].size *= 2; /* more than the file has */
	ck_assert_int_eq(
		drv_vu_set(vu, DRV_VU_SET_MEM_TABLE, &table, 40, &fd, 1),
		-EREMOTEIO);
	vhost_loop_echo(&l, 0, 1);
}
END_TEST

/* ---- slots ---- */

START_TEST(slots_are_as_many_as_were_said)
{
	uint64_t max;

	ck_assert_int_eq(drv_vu_get_u64(vu, DRV_VU_GET_MAX_MEM_SLOTS, &max), 0);
	ck_assert_uint_eq(max, MAX_SLOTS);
	ck_assert_int_eq(drv_vu_device_start(&l.dev), 0);
	for (uint64_t i = 1; i < MAX_SLOTS; i++) {
		struct drv_vu_slot slot = { 0 };
		int fd = drv_ram_region(&l.ram, 0)->fd;

		slot.region = (struct drv_vu_region){
			.gpa = VHOST_MORE_GPA + i * VHOST_MORE_SIZE,
			.user = VHOST_MORE_GPA + i * VHOST_MORE_SIZE,
			.size = VHOST_MORE_SIZE,
		};
		ck_assert_int_eq(drv_vu_set(vu, DRV_VU_ADD_MEM_REG, &slot,
					    sizeof(slot), &fd, 1),
				 0);
	}
	ck_assert_int_eq(drv_vu_add_region(vu, more_ram(VHOST_MORE_GPA)),
			 -EREMOTEIO);
	vhost_loop_echo(&l, 0, 1);
}
END_TEST

START_TEST(slots_come_and_go_while_rings_run)
{
	const struct drv_region *r = more_ram(VHOST_MORE_GPA);

	ck_assert_int_eq(drv_vu_device_start(&l.dev), 0);
	ck_assert_int_eq(drv_vu_rem_region(vu, r), 0);
	for (int i = 0; i < 500; i++) {
		(void)vhost_loop_submit(&l, i % LOOP_QUEUES);
		ck_assert_int_eq(drv_vu_add_region(vu, r), 0);
		vhost_loop_take(&l, i % LOOP_QUEUES, 1);
		if (i % 50 == 0)
			echo_at(VHOST_MORE_GPA);
		(void)vhost_loop_submit(&l, i % LOOP_QUEUES);
		ck_assert_int_eq(drv_vu_rem_region(vu, r), 0);
		vhost_loop_take(&l, i % LOOP_QUEUES, 1);
		if (i % 100 == 99) {
			drv_vu_device_stop(&l.dev);
			ck_assert_int_eq(drv_vu_device_start(&l.dev), 0);
			ck_assert_int_eq(drv_vu_rem_region(vu, r), 0);
		}
	}
}
END_TEST

START_TEST(slot_that_is_not_there_cannot_go)
{
	const struct drv_region *r = more_ram(VHOST_MORE_GPA);
	struct drv_vu_slot slot = { 0 };
	int fd = r->fd;

	ck_assert_int_eq(drv_vu_add_region(vu, r), 0);
	drv_vu_describe(r, &slot.region);
	slot.region.user += 4096;
	ck_assert_int_eq(drv_vu_set(vu, DRV_VU_REM_MEM_REG, &slot, sizeof(slot),
				    NULL, 0),
			 -EREMOTEIO);
	slot.region.user -= 4096;
	slot.region.offset += 4096; /* which nobody looks at */
	ck_assert_int_eq(
		drv_vu_set(vu, DRV_VU_REM_MEM_REG, &slot, sizeof(slot), &fd, 1),
		0);
	ck_assert_int_eq(drv_vu_rem_region(vu, r), -EREMOTEIO);
}
END_TEST

START_TEST(slot_that_meets_another_is_refused)
{
	const struct drv_region *r = drv_ram_region(&l.ram, 0);
	struct drv_vu_slot slot = { 0 };
	int fd = r->fd;

	ck_assert_int_eq(drv_vu_add_region(vu, r), 0);
	ck_assert_int_eq(drv_vu_add_region(vu, r), -EREMOTEIO);
	/* By user address only. */
	drv_vu_describe(r, &slot.region);
	slot.region.gpa += r->size;
	slot.region.size = 4096;
	ck_assert_int_eq(
		drv_vu_set(vu, DRV_VU_ADD_MEM_REG, &slot, sizeof(slot), &fd, 1),
		-EREMOTEIO);
	slot.region.user += r->size;
	ck_assert_int_eq(
		drv_vu_set(vu, DRV_VU_ADD_MEM_REG, &slot, sizeof(slot), &fd, 1),
		0);
}
END_TEST

/* ---- memory that comes late, or not at all ---- */

START_TEST(ring_waits_for_its_memory)
{
	const struct drv_region *r = drv_ram_region(&l.ram, 0);

	ck_assert_int_eq(drv_vu_device_start(&l.dev), 0);
	ck_assert_int_eq(drv_vu_device_stop_rings(&l.dev), 0);
	ck_assert_int_eq(drv_vu_rem_region(vu, r), 0);
	ck_assert_int_eq(drv_vu_device_start_rings(&l.dev), 0);
	ck_assert_int_eq(served_said(&l.served, "memory is not shared"), 1);
	(void)vhost_loop_submit(&l, 0);
	ck_assert_int_eq(drv_vu_add_region(vu, r), 0);
	vhost_loop_take(&l, 0, 1);
	vhost_loop_echo(&l, 2, 1);
}
END_TEST

START_TEST(memory_that_is_not_shared_is_said_once_with_the_way_out)
{
	struct drv_vu_table table = { .n = 1 };
	static const char *const ways[] = {
		"memory-backend-memfd",
		"<access mode='shared'/>",
		"--memory size=SIZE,shared=on",
		"crosvm",
	};

	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(drv_vu_set(vu, DRV_VU_SET_MEM_TABLE, &table,
					    40, NULL, 0),
				 -EREMOTEIO);
	ck_assert_int_eq(served_said(&l.served, "memory is not shared"), 1);
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
		ck_assert_int_eq(served_said(&l.served, ways[i]), 1);
	vhost_assert_goes_on(vu);
}
END_TEST

int
main(void)
{
	const TTest *const tests[] = {
		table_of_eight_is_reached_in_all_of_it,
		table_may_have_bytes_to_spare,
		table_replaces_what_it_does_not_repeat,
		table_again_while_rings_run_loses_nothing,
		table_that_is_refused_leaves_the_old_one,
		slots_are_as_many_as_were_said,
		slots_come_and_go_while_rings_run,
		slot_that_is_not_there_cannot_go,
		slot_that_meets_another_is_refused,
		ring_waits_for_its_memory,
		memory_that_is_not_shared_is_said_once_with_the_way_out,
	};
	TCase *tc = tcase_create("vhost-user-mem");
	Suite *suite = suite_create("vhost-user-mem");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 30);
	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
		tcase_add_test(tc, tests[i]);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
