// SPDX-License-Identifier: BSD-3-Clause
/*
 * Under verified I/O: memory slots come and go, rings are stopped and started,
 * the whole device is reset, in both ways that there are. VBS_ROUNDS is how
 * often.
 */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "driver/clock.h"
#include "host/disk-client.h"
#include "suite.h"

#define ROUNDS      120
#define WINDOW_US   500 /* of I/O between two steps */
#define N_QUEUES    2   /* of the load; one more is for single requests */
#define SLOT_GPA    (UINT64_C(1) << 32)
#define SLOT_SIZE   UINT64_C(65536)
#define SLOT_STRIDE (2 * SLOT_SIZE)
#define MAX_SLOTS   509

static struct disk_server server;
static struct disk_client client;
static uint8_t snapshot[DISK_RAM_SIZE];

static void
teardown(void)
{
	program_kill(&server.dm);
}

/* What the back end has to do without. */
enum without { NOTHING, INFLIGHT_AREA, KICKS, N_WITHOUT };

static const char *const cases[] = {
	"split",
	"packed",
	"split, no inflight area",
	"packed, no inflight area",
	"split, no kicks",
	"packed, no kicks",
};

static void
start_all(enum without without, bool packed)
{
	struct drv_load_opts opts = { .flushes = 1,
				      .seed = (uint64_t)getpid() };

	program_enter();
	disk_server_init(&server, "s", "disk.img", "mq=3,iothread=2", false);
	disk_server_start(&server);
	disk_client_init(&client, packed, N_QUEUES, &opts);
	client.dev.opts.n_queues = N_QUEUES + 1;
	client.dev.opts.no_kick = without == KICKS;
	if (without == INFLIGHT_AREA)
		client.dev.opts.protocol &= ~DRV_BIT(DRV_VUP_INFLIGHT_SHMFD);
	ck_assert_int_eq(
		drv_vu_device_attach(&client.dev, disk_server_connect(&server)),
		0);
	ck_assert_int_eq(drv_vu_device_start(&client.dev), 0);
}

static void
end_all(void)
{
	disk_client_assert_image(&client, "disk.img");
	ck_assert_int_eq(drv_vu_device_stop(&client.dev), 0);
	disk_client_deinit(&client);
	disk_server_end(&server);
	program_leave();
}

static void
spin_a_little(void)
{
	disk_client_spin(&client,
			 now_us() + drv_load_random(&client.load, WINDOW_US));
}

/* ---- memory slots ---- */

/* Read a sector into a slot, through the queue that the load does not use. */
static void
read_into(struct drv_blk *blk, int slot)
{
	const struct drv_region *r = drv_ram_region(&client.ram, slot);
	uint64_t gpa = r->gpa + SLOT_SIZE - DRV_BLK_SECTOR;
	struct drv_blk_result res;
	uint64_t sector;

	do
		sector = drv_load_random(&client.load, DISK_SECTORS);
	while (!drv_oracle_begin(&client.oracle, false, sector, 1));
	ck_assert_int_eq(drv_blk_read(blk, sector, gpa, DRV_BLK_SECTOR, &res),
			 0);
	ck_assert_uint_eq(res.status, DRV_BLK_S_OK);
	drv_oracle_end_read(&client.oracle, sector, 1);
	ck_assert_int_eq(
		drv_oracle_judge(&client.oracle, sector,
				 drv_ram_ptr(&client.ram, gpa, DRV_BLK_SECTOR)),
		DRV_GOOD);
}

static int
add_slot(void)
{
	int slot;

	/* Guest addresses by number, so that a freed one is used again. */
	for (uint64_t i = 0; i < MAX_SLOTS; i++) {
		slot = drv_ram_add(&client.ram, SLOT_GPA + i * SLOT_STRIDE,
				   SLOT_SIZE, DRV_RAM_MEMFD);
		if (slot != -EEXIST)
			break;
	}
	ck_assert_int_gt(slot, 0);
	ck_assert_int_eq(drv_vu_add_region(&client.dev.vu,
					   drv_ram_region(&client.ram, slot)),
			 0);
	return slot;
}

static void
remove_slot(int slot)
{
	ck_assert_int_eq(drv_vu_rem_region(&client.dev.vu,
					   drv_ram_region(&client.ram, slot)),
			 0);
	ck_assert_int_eq(drv_ram_del(&client.ram, slot), 0);
}

START_TEST(slots_come_and_go_under_load)
{
	int slots[MAX_SLOTS], n = 0, most = 0;
	unsigned int rounds = program_rounds(ROUNDS);
	struct samples us = { 0 };
	struct drv_blk blk;
	uint64_t max = 0;

	start_all(NOTHING, _i);
	ck_assert_int_eq(drv_blk_init(&blk, &client.dev.queues[N_QUEUES].vq,
				      &client.ram, 1),
			 0);
	ck_assert_int_eq(
		drv_vu_get_u64(&client.dev.vu, DRV_VU_GET_MAX_MEM_SLOTS, &max),
		0);
	ck_assert_uint_eq(max, MAX_SLOTS);
	for (unsigned int i = 0; i < rounds; i++) {
		bool add = n == 0 || (n < MAX_SLOTS - 1 &&
				      drv_load_random(&client.load, 5) < 3);
		int which =
			add ? n
			    : (int)drv_load_random(&client.load, (uint64_t)n);
		uint64_t start;

		spin_a_little();
		start = now_us();
		if (add) {
			slots[n++] = add_slot();
		} else {
			remove_slot(slots[which]);
			slots[which] = slots[--n];
		}
		samples_add(&us, (double)(now_us() - start));
		if (n > 0)
			read_into(&blk, slots[drv_load_random(&client.load,
							      (uint64_t)n)]);
		most = n > most ? n : most;
	}
	(void)printf("%s: %u slots added and removed, up to %d at a time\n",
		     cases[_i], rounds, most + 1);
	samples_print(&us, "a slot", "us");
	while (n > 0)
		remove_slot(slots[--n]);
	end_all();
}
END_TEST

START_TEST(all_slots_at_once)
{
	int slots[MAX_SLOTS], n = 0;
	struct drv_blk blk;

	start_all(NOTHING, _i);
	ck_assert_int_eq(drv_blk_init(&blk, &client.dev.queues[N_QUEUES].vq,
				      &client.ram, 1),
			 0);
	while (n < MAX_SLOTS - 1)
		slots[n++] = add_slot();
	spin_a_little();
	for (int i = 0; i < n; i++)
		read_into(&blk, slots[i]);
	while (n > 0)
		remove_slot(slots[--n]);
	end_all();
}
END_TEST

/* ---- rings ---- */

START_TEST(rings_stop_and_start_under_load)
{
	unsigned int rounds = program_rounds(ROUNDS);
	struct samples us = { 0 };

	start_all((enum without)(_i / 2), _i % 2);
	for (unsigned int i = 0; i < rounds; i++) {
		struct drv_vu_queue *q = &client.dev.queues[drv_load_random(
			&client.load, N_QUEUES)];
		uint64_t start;

		spin_a_little();
		ck_assert_int_ge(drv_load_fill(&client.load), 0);
		start = now_us();
		ck_assert_int_eq(drv_vu_queue_stop(q), 0);
		samples_add(&us, (double)(now_us() - start));
		/* All that was taken has come back, and no more was taken. */
		ck_assert_uint_eq(q->base, drv_vq_base(&q->vq));
		ck_assert_int_eq(drv_vu_queue_start(q), 0);
	}
	(void)printf("%s: %u rings stopped and started\n", cases[_i], rounds);
	samples_print(&us, "GET_VRING_BASE under load", "us");
	end_all();
}
END_TEST

/* ---- the device ---- */

static double
reset_under_load(bool by_status)
{
	uint64_t start;
	double us;

	/* It has found its work, however it looks for that. */
	ck_assert_int_eq(drv_load_run(&client.load, 1, DRV_TIMEOUT_MS), 0);
	spin_a_little();
	ck_assert_int_ge(drv_load_fill(&client.load), 0);
	start = now_us();
	ck_assert_int_eq(drv_vu_device_reset(&client.dev, by_status), 0);
	us = (double)(now_us() - start);
	/* From here on the device leaves memory and disk alone. */
	memcpy(snapshot, drv_ram_ptr(&client.ram, DISK_RAM_GPA, DISK_RAM_SIZE),
	       DISK_RAM_SIZE);
	ck_assert_int_ge(drv_load_reap(&client.load), 0);
	ck_assert_int_ge(drv_load_abandon(&client.load, "disk.img"), 0);
	ck_assert_mem_eq(snapshot,
			 drv_ram_ptr(&client.ram, DISK_RAM_GPA, DISK_RAM_SIZE),
			 DISK_RAM_SIZE);
	ck_assert_int_eq(drv_vu_device_stop(&client.dev), 0);
	ck_assert_int_eq(drv_vu_device_start(&client.dev), 0);
	disk_client_assert_good(&client);
	return us;
}

START_TEST(device_resets_under_load)
{
	unsigned int rounds = program_rounds(ROUNDS);
	struct samples us = { 0 };

	start_all((enum without)(_i / 2), _i % 2);
	for (unsigned int i = 0; i < rounds; i++)
		samples_add(&us, reset_under_load(i % 2));
	(void)printf("%s: %u device resets\n", cases[_i], rounds);
	samples_print(&us, "reset under load", "us");
	end_all();
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("vhost-user-reset");
	TCase *tc = tcase_create("reset");

	tcase_set_timeout(tc, getenv("VBS_ROUNDS") ? 0 : 60);
	tcase_add_checked_fixture(tc, NULL, teardown);
	tcase_add_loop_test(tc, slots_come_and_go_under_load, 0, 2);
	tcase_add_loop_test(tc, all_slots_at_once, 0, 2);
	tcase_add_loop_test(tc, rings_stop_and_start_under_load, 0,
			    2 * N_WITHOUT);
	tcase_add_loop_test(tc, device_resets_under_load, 0, 2 * N_WITHOUT);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
