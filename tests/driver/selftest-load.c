// SPDX-License-Identifier: BSD-3-Clause
/* Verified I/O against a disk that lies: each lie has to be found out. */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "driver/bytes.h"
#include "driver/load.h"

#define N_SECTORS 512
#define QSIZE     64
#define LIE_AT    500 /* requests are honest before */

enum lie {
	HONEST,
	LOSE_A_WRITE,
	SPOIL_A_BYTE,
	MISPLACE_A_SECTOR,
	COMPLETE_TWICE,
	COMPLETE_UNDONE,
	NEVER_COMPLETE,
	FAIL,
};

static struct drv_ram ram;
static struct drv_oracle oracle;
static struct drv_vq vq;
static struct drv_load load;
static uint8_t disk[N_SECTORS][DRV_BLK_SECTOR];
static enum lie lie;
static int n_served;
static uint16_t seen;

/* Move the data segments of a chain; the next descriptor is the status. */
static struct drv_desc
move_data(struct drv_desc d, uint32_t type, uint64_t sector, uint32_t *len)
{
	while (d.flags & DRV_DESC_NEXT) {
		uint8_t *p = drv_ram_ptr(&ram, d.addr, d.len);

		for (uint32_t i = 0; i < d.len; i += DRV_BLK_SECTOR, sector++) {
			if (type == DRV_BLK_IN)
				memcpy(p + i, disk[sector], DRV_BLK_SECTOR);
			else
				memcpy(disk[sector], p + i, DRV_BLK_SECTOR);
		}
		*len += type == DRV_BLK_IN ? d.len : 0;
		d = drv_split_raw_get_desc(&vq.ring, d.next);
	}
	return d;
}

static void
put_used(uint16_t head, uint32_t len)
{
	uint16_t idx = drv_split_raw_get_used_idx(&vq.ring);

	drv_split_raw_used(&vq.ring, idx, head, len);
	drv_split_raw_used_idx(&vq.ring, (uint16_t)(idx + 1));
}

/* Whatever it is that this disk does wrong. */
static bool
tell_lie(uint16_t head, uint32_t type, uint64_t sector)
{
	if (n_served < LIE_AT)
		return false;
	if (lie == NEVER_COMPLETE || lie == COMPLETE_UNDONE) {
		if (lie == COMPLETE_UNDONE)
			put_used(head, 1);
		lie = HONEST;
		return true;
	}
	if (type != DRV_BLK_OUT)
		return false;
	if (lie == MISPLACE_A_SECTOR)
		memcpy(disk[sector], disk[(sector + 7) % N_SECTORS],
		       DRV_BLK_SECTOR);
	if (lie == SPOIL_A_BYTE)
		disk[sector][300] ^= 1;
	if (lie == COMPLETE_TWICE)
		put_used(head, 1);
	return false;
}

static void
serve_chain(uint16_t head)
{
	struct drv_desc d = drv_split_raw_get_desc(&vq.ring, head);
	const uint8_t *header = drv_ram_ptr(&ram, d.addr, 16);
	uint32_t type = drv_load32(header), len = 1;
	uint64_t sector = drv_load64(header + 8);
	bool skip;

	n_served++;
	skip = lie == LOSE_A_WRITE && n_served >= LIE_AT && type == DRV_BLK_OUT;
	d = drv_split_raw_get_desc(&vq.ring, d.next);
	if (skip)
		while (d.flags & DRV_DESC_NEXT)
			d = drv_split_raw_get_desc(&vq.ring, d.next);
	else
		d = move_data(d, type, sector, &len);
	if (tell_lie(head, type, sector))
		return;
	*(uint8_t *)drv_ram_ptr(&ram, d.addr, 1) =
		lie == FAIL && n_served >= LIE_AT ? DRV_BLK_S_IOERR
						  : DRV_BLK_S_OK;
	put_used(head, len);
}

static int
disk_wait(struct drv_vq *q, bool (*done)(void *arg), void *arg, int timeout_ms)
{
	(void)timeout_ms;
	while (seen != drv_split_raw_get_avail_idx(&q->ring)) {
		uint16_t head = drv_load16(q->ring.avail + 4 +
					   2 * (size_t)(seen % QSIZE));

		seen++;
		serve_chain(head);
	}
	return done(arg) ? 0 : -ETIMEDOUT;
}

static int
disk_kick(struct drv_vq *q)
{
	(void)q;
	return 0;
}

static const struct drv_vq_ops disk_ops = { .kick = disk_kick,
					    .wait = disk_wait };

static void
setup(void)
{
	static const struct drv_load_opts opts = { .flushes = 5 };
	struct drv_vq *vqs[] = { &vq };

	drv_ram_init(&ram);
	ck_assert_int_eq(drv_ram_add(&ram, 0x10000, 1u << 20, DRV_RAM_HEAP), 0);
	vq.ops = &disk_ops;
	ck_assert_int_eq(drv_split_init(&vq.ring, &ram, QSIZE), 0);
	ck_assert_int_eq(drv_oracle_init(&oracle, N_SECTORS), 0);
	ck_assert_int_eq(drv_load_init(&load, &oracle, &ram, vqs, 1, &opts), 0);
}

static void
teardown(void)
{
	drv_load_deinit(&load);
	drv_oracle_deinit(&oracle);
	drv_vq_close(&vq);
	drv_ram_deinit(&ram);
}

static void
run_with(enum lie which)
{
	lie = which;
	(void)drv_load_run(&load, 20 * LIE_AT, 1000);
	(void)drv_load_drain(&load, 10);
}

START_TEST(honest_disk_has_no_faults)
{
	run_with(HONEST);
	ck_assert_uint_ge(drv_load_done(&load), 20 * LIE_AT);
	ck_assert_uint_eq(drv_load_faults(&load), 0);
	ck_assert_uint_gt(load.counts.flushes, 0);
	ck_assert_uint_gt(load.counts.reads, load.counts.flushes);
	for (uint64_t s = 0; s < N_SECTORS; s++)
		ck_assert_int_eq(drv_oracle_judge(&oracle, s, disk[s]),
				 DRV_GOOD);
}
END_TEST

START_TEST(write_that_is_not_there_is_lost)
{
	run_with(LOSE_A_WRITE);
	ck_assert_uint_gt(load.counts.lost, 0);
	ck_assert_uint_eq(load.counts.corrupted, 0);
	ck_assert_str_ne(load.why, "");
}
END_TEST

START_TEST(flipped_bit_and_wrong_place_are_corruption)
{
	run_with(_i == 0 ? SPOIL_A_BYTE : MISPLACE_A_SECTOR);
	ck_assert_uint_gt(load.counts.corrupted, 0);
}
END_TEST

START_TEST(completing_twice_or_undone_is_a_duplicate)
{
	run_with(_i == 0 ? COMPLETE_TWICE : COMPLETE_UNDONE);
	ck_assert_uint_gt(load.counts.duplicated, 0);
}
END_TEST

START_TEST(request_that_never_comes_back_is_lost)
{
	run_with(NEVER_COMPLETE);
	ck_assert_uint_eq(load.counts.lost, 1);
	ck_assert_str_eq(load.why, "1 requests never came back");
}
END_TEST

START_TEST(failed_status_is_a_fault)
{
	run_with(FAIL);
	ck_assert_uint_gt(load.counts.failed, 0);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("driver-load");
	TCase *tc = tcase_create("lies");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, honest_disk_has_no_faults);
	tcase_add_test(tc, write_that_is_not_there_is_lost);
	tcase_add_loop_test(tc, flipped_bit_and_wrong_place_are_corruption, 0,
			    2);
	tcase_add_loop_test(tc, completing_twice_or_undone_is_a_duplicate, 0,
			    2);
	tcase_add_test(tc, request_that_never_comes_back_is_lost);
	tcase_add_test(tc, failed_status_is_a_fault);
	suite_add_tcase(s, tc);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
