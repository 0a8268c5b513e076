// SPDX-License-Identifier: BSD-3-Clause
/*
 * Block requests that no honest driver would send: each fails alone, in the
 * status byte, with the image as it was and the used length of what was really
 * written; the next good request is served.
 */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "device/disk.h"
#include "driver/bytes.h"
#include "suite.h"

#define NOWHERE UINT64_C(0xdead00000000)

static struct disk disk;
static struct drv_blk_result res;
static uint64_t wanted = DISK_ALL_FEATURES;

static void
want_packed(void)
{
	wanted = DISK_ALL_PACKED;
}

static void
start(const char *opts)
{
	disk_open(&disk, opts);
	disk_start(&disk, DRV_MODERN, wanted, 1);
	ck_assert_int_eq(
		drv_ram_fill(&disk.ram, disk.buf, 0xc3, DISK_BUF_BYTES), 0);
}

/* After all that: a good request, and an image nobody has touched. */
static void
teardown(void)
{
	uint8_t status;

	ck_assert_int_eq(drv_blk_read(&disk.blk, 1, disk.buf, 512, &res), 0);
	ck_assert_uint_eq(res.status, DRV_BLK_S_OK);
	ck_assert_uint_eq(res.used_len, 513);
	ck_assert(disk_ram_is_fresh(&disk, disk.buf, 512, 512));
	ck_assert_int_eq(drv_virtio_status(&disk.dev.vd, &status), 0);
	ck_assert_uint_eq(status & DRV_S_NEEDS_RESET, 0);
	ck_assert(disk_image_is_fresh(&disk, 0, DISK_BYTES));
	ck_assert_uint_eq(disk_image_bytes(&disk), DISK_BYTES);
	disk_close(&disk);
}

static void
assert_result(uint8_t status, uint32_t used_len)
{
	ck_assert_uint_eq(res.status, status);
	ck_assert_uint_eq(res.used_len, used_len);
}

static void
assert_buf_untouched(void)
{
	ck_assert(disk_ram_is(&disk, disk.buf, DISK_BUF_BYTES, 0xc3));
}

static void
transfer(uint32_t type, uint64_t sector, uint32_t len)
{
	struct drv_seg seg = { disk.buf, len, type == DRV_BLK_IN };

	ck_assert_int_eq(
		drv_blk_call(&disk.blk, type, sector, &seg, len > 0, &res), 0);
}

static uint32_t
call_raw(const struct drv_seg *segs, int n)
{
	struct drv_used used;

	ck_assert_int_eq(drv_vq_call(&disk.dev.vqs[0], segs, n, &used), 0);
	return used.len;
}

static uint8_t
status_byte(void)
{
	uint8_t byte;

	ck_assert_int_eq(drv_ram_read(&disk.ram,
				      drv_blk_status_gpa(&disk.blk, 0), &byte,
				      1),
			 0);
	return byte;
}

static struct drv_seg
header_seg(uint32_t type, uint64_t sector)
{
	ck_assert_int_eq(drv_blk_fill(&disk.blk, 0, type, sector), 0);
	return (struct drv_seg){ drv_blk_header_gpa(&disk.blk, 0), 16, false };
}

static struct drv_seg
status_seg(void)
{
	return (struct drv_seg){ drv_blk_status_gpa(&disk.blk, 0), 1, true };
}

/* ---- C1: reads and writes ------------------------------------------------ */

START_TEST(hostile_c1__odd_length)
{
	static const uint32_t odd[] = { 1, 511, 513, 1023, 4097 };

	start(NULL);
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		transfer(DRV_BLK_IN, 0, odd[i]);
		assert_result(DRV_BLK_S_IOERR, 0);
		transfer(DRV_BLK_OUT, 0, odd[i]);
		assert_result(DRV_BLK_S_IOERR, 1);
	}
	assert_buf_untouched();
}
END_TEST

static const struct {
	uint64_t sector;
	uint32_t len;
} beyond[] = {
	{ DISK_SECTORS, 512 },
	{ DISK_SECTORS - 1, 1024 },
	{ DISK_SECTORS - 7, 4096 },
	{ DISK_SECTORS + 1, 512 },
	{ UINT64_MAX, 512 },
	{ UINT64_MAX, 1024 },
	{ UINT64_MAX - 7, 4096 },
	{ UINT64_C(1) << 55, 512 },        /* * 512 is 0 */
	{ (UINT64_C(1) << 55) + 1, 512 },  /* * 512 is 512 */
	{ (UINT64_C(1) << 54) - 1, 1024 }, /* the end is 2^63 */
	{ (UINT64_C(1) << 55) - 1, 1024 }, /* the end is 2^64 */
};

START_TEST(hostile_c1__beyond_the_end)
{
	start(_i ? "aio=threads" : NULL);
	for (size_t i = 0; i < sizeof(beyond) / sizeof(beyond[0]); i++) {
		transfer(DRV_BLK_IN, beyond[i].sector, beyond[i].len);
		assert_result(DRV_BLK_S_IOERR, 0);
		transfer(DRV_BLK_OUT, beyond[i].sector, beyond[i].len);
		assert_result(DRV_BLK_S_IOERR, 1);
	}
	assert_buf_untouched();
}
END_TEST

START_TEST(hostile_c1__write_to_a_read_only_disk)
{
	struct drv_blk_range range = { 0, 8, 0 };
	uint64_t offered;

	start("ro,discard");
	ck_assert_int_eq(drv_virtio_offered(&disk.dev.vd, &offered), 0);
	ck_assert_uint_ne(offered & DRV_BIT(DRV_BLK_F_RO), 0);
	ck_assert_uint_eq(offered & (DRV_BIT(DRV_BLK_F_DISCARD) |
				     DRV_BIT(DRV_BLK_F_WRITE_ZEROES)),
			  0);
	transfer(DRV_BLK_OUT, 0, 512);
	assert_result(DRV_BLK_S_IOERR, 1);
	ck_assert_int_eq(
		drv_blk_ranges(&disk.blk, DRV_BLK_DISCARD, &range, 1, &res), 0);
	assert_result(DRV_BLK_S_UNSUPP, 1);
	ck_assert_int_eq(drv_blk_ranges(&disk.blk, DRV_BLK_WRITE_ZEROES, &range,
					1, &res),
			 0);
	assert_result(DRV_BLK_S_UNSUPP, 1);
	ck_assert_int_eq(drv_blk_flush(&disk.blk, &res), 0);
	assert_result(DRV_BLK_S_OK, 1);
}
END_TEST

START_TEST(hostile_c1__unknown_type)
{
	static const uint32_t types[] = {
		2,  3,  5,  6,  7,  9,  10,         12,         14,
		15, 16, 18, 24, 26, 99, 0x80000000, 0x80000001, UINT32_MAX
	};

	start("discard");
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		struct drv_seg seg = { disk.buf, 512, i % 2 == 0 };

		ck_assert_int_eq(
			drv_blk_call(&disk.blk, types[i], 0, &seg, 1, &res), 0);
		assert_result(DRV_BLK_S_UNSUPP, i % 2);
	}
	assert_buf_untouched();
}
END_TEST

START_TEST(hostile_c1__same_sector_many_times_in_flight)
{
	start(NULL);
	for (uint16_t i = 0; i < 80; i++) {
		struct drv_seg seg = { disk.buf, 8192, true };

		ck_assert_int_ge(
			drv_blk_submit(&disk.blk, i, DRV_BLK_IN, 0, &seg, 1),
			0);
	}
	for (uint16_t i = 0; i < 80; i++) {
		ck_assert_int_eq(drv_blk_wait(&disk.blk, &res, DRV_TIMEOUT_MS),
				 0);
		assert_result(DRV_BLK_S_OK, 8193);
	}
}
END_TEST

/* ---- C1: ranges ------------------------------------------------------------
 */

/* The first range is good; nothing of it may have been done. */
static void
ranges(uint32_t type, const struct drv_blk_range *bad, int n, uint8_t status)
{
	struct drv_blk_range list[256] = { { 0, 8, 0 } };

	memcpy(list + 1, bad, sizeof(*bad) * (size_t)n);
	ck_assert_int_eq(drv_blk_ranges(&disk.blk, type, list, n + 1, &res), 0);
	assert_result(status, 1);
	ck_assert(disk_image_is_fresh(&disk, 0, 4096));
}

START_TEST(hostile_c1__range_beyond_the_end)
{
	static const struct drv_blk_range bad[] = {
		{ DISK_SECTORS, 1, 0 },     { DISK_SECTORS - 1, 2, 0 },
		{ DISK_SECTORS + 1, 0, 0 }, { UINT64_MAX, 1, 0 },
		{ UINT64_MAX - 9, 10, 0 },  { UINT64_C(1) << 55, 1, 0 },
		{ 0, UINT32_MAX, 0 },
	};

	start("discard");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		ranges(DRV_BLK_DISCARD, &bad[i], 1, DRV_BLK_S_IOERR);
		ranges(DRV_BLK_WRITE_ZEROES, &bad[i], 1, DRV_BLK_S_IOERR);
	}
}
END_TEST

START_TEST(hostile_c1__range_longer_than_offered)
{
	struct drv_blk_range bad = { 0, 101, 0 };

	start("discard=100:4:1");
	ranges(DRV_BLK_DISCARD, &bad, 1, DRV_BLK_S_IOERR);
}
END_TEST

START_TEST(hostile_c1__too_many_ranges)
{
	struct drv_blk_range many[255] = { { 0, 1, 0 } };

	start("discard=100:4:1");
	ranges(DRV_BLK_DISCARD, many, 4, DRV_BLK_S_IOERR);
	ranges(DRV_BLK_DISCARD, many, 255, DRV_BLK_S_IOERR);
	ranges(DRV_BLK_WRITE_ZEROES, many, 32, DRV_BLK_S_IOERR);
	ranges(DRV_BLK_WRITE_ZEROES, many, 255, DRV_BLK_S_IOERR);
}
END_TEST

START_TEST(hostile_c1__range_that_is_cut_off)
{
	struct drv_seg seg;

	start("discard");
	for (uint32_t len = 0; len < 40; len++) {
		seg = (struct drv_seg){ disk.buf, len, false };
		if (len == 16 || len == 32)
			continue;
		ck_assert_int_eq(drv_ram_fill(&disk.ram, disk.buf, 0, 64), 0);
		ck_assert_int_eq(drv_blk_call(&disk.blk, DRV_BLK_WRITE_ZEROES,
					      0, &seg, len > 0, &res),
				 0);
		assert_result(DRV_BLK_S_IOERR, 1);
	}
}
END_TEST

START_TEST(hostile_c1__range_with_unknown_flags)
{
	struct drv_blk_range unmap = { 0, 1, DRV_BLK_RANGE_UNMAP };

	start("discard");
	ranges(DRV_BLK_DISCARD, &unmap, 1, DRV_BLK_S_UNSUPP);
	for (int bit = 1; bit < 32; bit++) {
		struct drv_blk_range odd = { 0, 1, UINT32_C(1) << bit };

		ranges(DRV_BLK_DISCARD, &odd, 1, DRV_BLK_S_UNSUPP);
		ranges(DRV_BLK_WRITE_ZEROES, &odd, 1, DRV_BLK_S_UNSUPP);
	}
}
END_TEST

START_TEST(hostile_c1__range_without_the_feature)
{
	struct drv_blk_range good = { 0, 1, 0 };

	disk_open(&disk, "discard");
	disk_start(&disk, DRV_MODERN,
		   DRV_BIT(DRV_F_VERSION_1) | DRV_BIT(DRV_BLK_F_FLUSH), 1);
	ranges(DRV_BLK_DISCARD, &good, 1, DRV_BLK_S_UNSUPP);
	ranges(DRV_BLK_WRITE_ZEROES, &good, 1, DRV_BLK_S_UNSUPP);
	ranges(DRV_BLK_SECURE_ERASE, &good, 1, DRV_BLK_S_UNSUPP);
}
END_TEST

/* ---- headers, status, buffers ----------------------------------------------
 */

/* covers: A15 */
START_TEST(hostile_c1__header_that_is_cut_off)
{
	start(NULL);
	for (uint32_t len = 1; len < 16; len++) {
		struct drv_seg segs[2] = { header_seg(DRV_BLK_IN, 0),
					   status_seg() };

		segs[0].len = len;
		ck_assert_uint_eq(call_raw(segs, 2), 1);
		ck_assert_uint_eq(status_byte(), DRV_BLK_S_IOERR);
	}
}
END_TEST

START_TEST(hostile_c1__no_header_at_all)
{
	struct drv_seg segs[2];

	start(NULL);
	(void)header_seg(DRV_BLK_IN, 0);
	segs[0] = (struct drv_seg){ disk.buf, 512, true };
	segs[1] = status_seg();
	ck_assert_uint_eq(call_raw(segs, 2), 0);
	ck_assert_uint_eq(status_byte(), DRV_BLK_S_IOERR);
	assert_buf_untouched();
}
END_TEST

/* covers: A15 */
START_TEST(hostile_c1__no_room_for_the_status)
{
	static const uint32_t types[] = { DRV_BLK_IN, DRV_BLK_OUT,
					  DRV_BLK_FLUSH, DRV_BLK_GET_ID,
					  DRV_BLK_WRITE_ZEROES };

	start(NULL);
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		struct drv_seg segs[2] = { header_seg(types[i], 0) };

		segs[1] = (struct drv_seg){ disk.buf, 512, false };
		ck_assert_uint_eq(call_raw(segs, 2), 0);
		ck_assert_uint_eq(status_byte(), DRV_BLK_S_NONE);
	}
	assert_buf_untouched();
}
END_TEST

START_TEST(hostile_c1__data_outside_of_ram)
{
	struct drv_seg segs[3];

	start(NULL);
	segs[0] = header_seg(DRV_BLK_IN, 0);
	segs[1] = (struct drv_seg){ NOWHERE, 512, true };
	segs[2] = status_seg();
	ck_assert_uint_eq(call_raw(segs, 3), 0);
	ck_assert_uint_eq(status_byte(), DRV_BLK_S_IOERR);
	segs[0] = header_seg(DRV_BLK_OUT, 0);
	segs[1].write = false;
	ck_assert_uint_eq(call_raw(segs, 3), 0);
	ck_assert_uint_eq(status_byte(), DRV_BLK_S_IOERR);
}
END_TEST

START_TEST(hostile_c1__more_segments_than_offered)
{
	struct drv_seg segs[DRV_BLK_MAX_SEGS + 2];
	int n = 0;

	start(NULL);
	disk.dev.vqs[0].indirect = true;
	disk.dev.vqs[0].ring.table_len = 512;
	disk.dev.vqs[0].packed.table_len = 512;
	segs[n++] = header_seg(DRV_BLK_IN, 0);
	while (n < 255) {
		segs[n] = (struct drv_seg){ disk.buf + 512u * (unsigned)n, 512,
					    true };
		n++;
	}
	segs[n++] = status_seg();
	ck_assert_uint_eq(call_raw(segs, n), 254 * 512 + 1);
	ck_assert_uint_eq(status_byte(), DRV_BLK_S_OK);
}
END_TEST

/* ---- C13: what was written, and what was not --------------------------- */

START_TEST(hostile_c13__failed_read_writes_the_status_only)
{
	start(NULL);
	transfer(DRV_BLK_IN, DISK_SECTORS, 4096);
	assert_result(DRV_BLK_S_IOERR, 0);
	assert_buf_untouched();
}
END_TEST

START_TEST(hostile_c13__id_is_padded_and_stays_in_its_buffer)
{
	struct drv_seg seg;
	uint8_t found[32];

	start("serial=x");
	seg = (struct drv_seg){ disk.buf, 32, true };
	ck_assert_int_eq(
		drv_blk_call(&disk.blk, DRV_BLK_GET_ID, 0, &seg, 1, &res), 0);
	assert_result(DRV_BLK_S_OK, 20);
	ck_assert_int_eq(drv_ram_read(&disk.ram, disk.buf, found, 32), 0);
	ck_assert_uint_eq(found[0], 'x');
	for (int i = 1; i < 20; i++)
		ck_assert_uint_eq(found[i], 0);
	for (int i = 20; i < 32; i++)
		ck_assert_uint_eq(found[i], 0xc3);
}
END_TEST

START_TEST(hostile_c13__read_writes_no_more_than_it_says)
{
	start(NULL);
	transfer(DRV_BLK_IN, 0, 1024);
	assert_result(DRV_BLK_S_OK, 1025);
	ck_assert(disk_ram_is(&disk, disk.buf + 1024, 4096, 0xc3));
}
END_TEST

START_TEST(hostile_c13__flush_with_data_leaves_it_alone)
{
	start(NULL);
	transfer(DRV_BLK_FLUSH, 0, 512);
	assert_result(DRV_BLK_S_OK, 1);
	for (int write = 0; write < 2; write++) {
		struct drv_seg seg = { disk.buf, 512, write };

		ck_assert_int_eq(drv_blk_call(&disk.blk, DRV_BLK_FLUSH, 0, &seg,
					      1, &res),
				 0);
		assert_result(DRV_BLK_S_OK, !write);
	}
	assert_buf_untouched();
}
END_TEST

/* The config space is read-only but for one byte, whatever the width. */
START_TEST(hostile_c1__configuration_is_not_the_drivers)
{
	uint8_t before[96], after[96], ones[96];

	start(NULL);
	memset(ones, 0xff, sizeof(ones));
	ck_assert_int_eq(
		drv_virtio_config_read(&disk.dev.vd, 0, before, sizeof(before)),
		0);
	ck_assert_int_eq(
		drv_virtio_config_write(&disk.dev.vd, 0, ones, sizeof(ones)),
		0);
	ck_assert_int_eq(
		drv_virtio_config_read(&disk.dev.vd, 0, after, sizeof(after)),
		0);
	ck_assert_mem_eq(before, after, sizeof(before));
}
END_TEST

static void
add_requests(TCase *tc)
{
	tcase_add_test(tc, hostile_c1__odd_length);
	tcase_add_loop_test(tc, hostile_c1__beyond_the_end, 0, 2);
	tcase_add_test(tc, hostile_c1__write_to_a_read_only_disk);
	tcase_add_test(tc, hostile_c1__unknown_type);
	tcase_add_test(tc, hostile_c1__same_sector_many_times_in_flight);
	tcase_add_test(tc, hostile_c1__range_beyond_the_end);
	tcase_add_test(tc, hostile_c1__range_longer_than_offered);
	tcase_add_test(tc, hostile_c1__too_many_ranges);
	tcase_add_test(tc, hostile_c1__range_that_is_cut_off);
	tcase_add_test(tc, hostile_c1__range_with_unknown_flags);
	tcase_add_test(tc, hostile_c1__range_without_the_feature);
	tcase_add_test(tc, hostile_c1__header_that_is_cut_off);
	tcase_add_test(tc, hostile_c1__no_header_at_all);
	tcase_add_test(tc, hostile_c1__no_room_for_the_status);
	tcase_add_test(tc, hostile_c1__data_outside_of_ram);
	tcase_add_test(tc, hostile_c1__more_segments_than_offered);
	tcase_add_test(tc, hostile_c13__failed_read_writes_the_status_only);
	tcase_add_test(tc, hostile_c13__id_is_padded_and_stays_in_its_buffer);
	tcase_add_test(tc, hostile_c13__read_writes_no_more_than_it_says);
	tcase_add_test(tc, hostile_c13__flush_with_data_leaves_it_alone);
}

int
main(void)
{
	Suite *s = suite_create("hostile-blk");
	TCase *tc = tcase_create("requests");

	tcase_add_checked_fixture(tc, NULL, teardown);
	tcase_add_test(tc, hostile_c1__configuration_is_not_the_drivers);
	add_requests(tc);
	suite_add_tcase(s, tc);

	tc = tcase_create("packed");
	tcase_add_checked_fixture(tc, want_packed, teardown);
	add_requests(tc);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
