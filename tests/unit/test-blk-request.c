// SPDX-License-Identifier: BSD-3-Clause
/* Understanding block requests: framing, limits, and what they come to. */
#include <check.h>
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <vbs/vq.h>

#include "devices/blk/request.h"
#include "suite.h"

#define IN  true
#define OUT false

static struct {
	uint8_t header[16];
	uint8_t data[8192];
	uint8_t status;
} mem;

static struct iovec iov[64];
static struct vq_chain chain;
static struct blk_request req;
static struct block_range ranges[BLK_RANGE_MAX];
static int n_ranges;

static struct blk_limits limits;

static const struct blk_limits plain_limits = {
	.capacity = 100,
	.discard = true,
	.zeroes = true,
	.unmap = true,
	.max_discard_sectors = 50,
	.max_discard_seg = 4,
	.max_zeroes_sectors = 60,
	.max_zeroes_seg = BLK_RANGE_MAX,
};

static void
setup(void)
{
	memset(&mem, 0xee, sizeof(mem));
	limits = plain_limits;
	chain = (struct vq_chain){ .iov = iov };
}

static void
header(uint32_t type, uint64_t sector)
{
	uint32_t type_le = htole32(type);
	uint64_t sector_le = htole64(sector);

	memset(mem.header, 0, sizeof(mem.header));
	memcpy(mem.header, &type_le, 4);
	memcpy(mem.header + 8, &sector_le, 8);
}

static void
add(void *base, size_t len, bool for_device)
{
	iov[chain.n_readable + chain.n_writable] = (struct iovec){ base, len };
	if (for_device)
		chain.n_writable++;
	else
		chain.n_readable++;
}

/* Header, data, status, each in one piece. */
static int
parse_plain(uint32_t type, uint64_t sector, size_t len, bool flag)
{
	chain = (struct vq_chain){ .iov = iov };
	header(type, sector);
	add(mem.header, 16, OUT);
	if (len)
		add(mem.data, len, flag);
	add(&mem.status, 1, IN);
	return blk_request_parse(&chain, &req);
}

static enum blk_status
check(uint32_t type, uint64_t sector, size_t len, bool flag)
{
	ck_assert_int_eq(parse_plain(type, sector, len, flag), 0);
	return blk_request_check(&req, &limits, ranges, &n_ranges);
}

static void
range(int i, uint64_t sector, uint32_t count, uint32_t bits)
{
	uint64_t sector_le = htole64(sector);
	uint32_t count_le = htole32(count), bits_le = htole32(bits);

	memcpy(mem.data + 16 * i, &sector_le, 8);
	memcpy(mem.data + 16 * i + 8, &count_le, 4);
	memcpy(mem.data + 16 * i + 12, &bits_le, 4);
}

/* ---- framing -------------------------------------------------------- */

START_TEST(parse_plain_read)
{
	ck_assert_int_eq(parse_plain(BLK_T_IN, 0x1122334455667788, 1024, IN),
			 0);
	ck_assert_uint_eq(req.type, BLK_T_IN);
	ck_assert_uint_eq(req.sector, 0x1122334455667788);
	ck_assert_int_eq(req.n_in, 1);
	ck_assert_ptr_eq(req.in[0].iov_base, mem.data);
	ck_assert_uint_eq(req.in_bytes, 1024);
	ck_assert_uint_eq(req.out_bytes, 0);
	ck_assert_ptr_eq(req.status, &mem.status);
}
END_TEST

START_TEST(parse_header_split_at_every_byte)
{
	for (size_t at = 1; at < 16; at++) {
		chain = (struct vq_chain){ .iov = iov };
		header(BLK_T_OUT, 77);
		add(mem.header, at, OUT);
		add(mem.header + at, 16 - at, OUT);
		add(mem.data, 512, OUT);
		add(&mem.status, 1, IN);
		ck_assert_int_eq(blk_request_parse(&chain, &req), 0);
		ck_assert_uint_eq(req.type, BLK_T_OUT);
		ck_assert_uint_eq(req.sector, 77);
		ck_assert_int_eq(req.n_out, 1);
		ck_assert_uint_eq(req.out_bytes, 512);
	}
}
END_TEST

START_TEST(parse_header_and_data_in_one_piece)
{
	header(BLK_T_OUT, 5);
	memcpy(mem.data, mem.header, 16);
	add(mem.data, 16 + 100, OUT);
	add(mem.data + 116, 412, OUT);
	add(&mem.status, 1, IN);
	ck_assert_int_eq(blk_request_parse(&chain, &req), 0);
	ck_assert_int_eq(req.n_out, 2);
	ck_assert_ptr_eq(req.out[0].iov_base, mem.data + 16);
	ck_assert_uint_eq(req.out[0].iov_len, 100);
	ck_assert_uint_eq(req.out_bytes, 512);
}
END_TEST

START_TEST(parse_status_after_data_in_one_piece)
{
	header(BLK_T_IN, 5);
	add(mem.header, 16, OUT);
	add(mem.data, 513, IN);
	ck_assert_int_eq(blk_request_parse(&chain, &req), 0);
	ck_assert_int_eq(req.n_in, 1);
	ck_assert_uint_eq(req.in_bytes, 512);
	ck_assert_ptr_eq(req.status, mem.data + 512);
}
END_TEST

START_TEST(parse_without_a_status_has_none)
{
	header(BLK_T_OUT, 0);
	add(mem.header, 16, OUT);
	add(mem.data, 512, OUT);
	ck_assert_int_eq(blk_request_parse(&chain, &req), 0);
	ck_assert_ptr_null(req.status);
}
END_TEST

START_TEST(parse_short_header_still_has_its_status)
{
	for (size_t len = 1; len < 16; len++) {
		chain = (struct vq_chain){ .iov = iov };
		add(mem.header, len, OUT);
		add(&mem.status, 1, IN);
		ck_assert_int_eq(blk_request_parse(&chain, &req), -EINVAL);
		ck_assert_ptr_eq(req.status, &mem.status);
	}
}
END_TEST

START_TEST(parse_nothing_to_read_is_no_header)
{
	add(mem.data, 512, IN);
	add(&mem.status, 1, IN);
	ck_assert_int_eq(blk_request_parse(&chain, &req), -EINVAL);
	ck_assert_ptr_eq(req.status, &mem.status);
}
END_TEST

/* ---- reads and writes ---------------------------------------------------- */

START_TEST(check_range_of_reads_and_writes)
{
	static const struct {
		uint64_t sector;
		size_t bytes;
		enum blk_status status;
	} t[] = {
		{ 0, 512, BLK_S_OK },
		{ 99, 512, BLK_S_OK },
		{ 84, 8192, BLK_S_OK },
		{ 100, 0, BLK_S_OK },
		{ 100, 512, BLK_S_IOERR },
		{ 99, 1024, BLK_S_IOERR },
		{ 101, 0, BLK_S_IOERR },
		{ 85, 8192, BLK_S_IOERR },
		{ UINT64_MAX, 512, BLK_S_IOERR },
		{ UINT64_MAX - 1, 1024, BLK_S_IOERR },
		{ UINT64_C(1) << 55, 512, BLK_S_IOERR }, /* * 512 is 0 */
		{ (UINT64_C(1) << 55) + 1, 512, BLK_S_IOERR },
		{ 0, 1, BLK_S_IOERR },
		{ 0, 511, BLK_S_IOERR },
		{ 0, 513, BLK_S_IOERR },
	};

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		ck_assert_uint_eq(check(BLK_T_IN, t[i].sector, t[i].bytes, IN),
				  t[i].status);
		ck_assert_uint_eq(
			check(BLK_T_OUT, t[i].sector, t[i].bytes, OUT),
			t[i].status);
	}
}
END_TEST

START_TEST(check_write_to_read_only_is_ioerr)
{
	limits.ro = true;
	ck_assert_uint_eq(check(BLK_T_OUT, 0, 512, OUT), BLK_S_IOERR);
	ck_assert_uint_eq(check(BLK_T_IN, 0, 512, IN), BLK_S_OK);
}
END_TEST

START_TEST(check_types)
{
	static const uint32_t unknown[] = {
		2,  3,  6,  7,  9,  10,  12,         14,         15,        16,
		18, 20, 22, 24, 26, 100, 0x80000000, 0x80000001, UINT32_MAX
	};

	for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++)
		ck_assert_uint_eq(check(unknown[i], 0, 0, OUT), BLK_S_UNSUPP);
	ck_assert_uint_eq(check(BLK_T_FLUSH, 0, 0, OUT), BLK_S_OK);
	ck_assert_uint_eq(check(BLK_T_GET_ID, 0, 20, IN), BLK_S_OK);
	ck_assert_uint_eq(check(BLK_T_FLUSH_OUT, 0, 0, OUT), BLK_S_UNSUPP);
	limits.legacy = true;
	ck_assert_uint_eq(check(BLK_T_FLUSH_OUT, 0, 0, OUT), BLK_S_OK);
}
END_TEST

/* ---- discard and write-zeroes -------------------------------------------- */

START_TEST(check_ranges_good)
{
	range(0, 10, 20, 0);
	range(1, 100, 0, 0);
	ck_assert_uint_eq(check(BLK_T_DISCARD, 0, 32, OUT), BLK_S_OK);
	ck_assert_int_eq(n_ranges, 2);
	ck_assert_uint_eq(ranges[0].offset, 5120);
	ck_assert_uint_eq(ranges[0].bytes, 10240);
	ck_assert(!ranges[0].unmap);
	range(0, 0, 60, 1);
	ck_assert_uint_eq(check(BLK_T_WRITE_ZEROES, 0, 16, OUT), BLK_S_OK);
	ck_assert(ranges[0].unmap);
	limits.unmap = false;
	ck_assert_uint_eq(check(BLK_T_WRITE_ZEROES, 0, 16, OUT), BLK_S_OK);
	ck_assert(!ranges[0].unmap);
}
END_TEST

START_TEST(check_ranges_without_the_feature_is_unsupp)
{
	range(0, 0, 1, 0);
	limits.discard = false;
	limits.zeroes = false;
	ck_assert_uint_eq(check(BLK_T_DISCARD, 0, 16, OUT), BLK_S_UNSUPP);
	ck_assert_uint_eq(check(BLK_T_WRITE_ZEROES, 0, 16, OUT), BLK_S_UNSUPP);
}
END_TEST

START_TEST(check_ranges_with_unknown_flags_is_unsupp)
{
	range(0, 0, 1, 0);
	range(1, 0, 1, 1);
	ck_assert_uint_eq(check(BLK_T_DISCARD, 0, 32, OUT), BLK_S_UNSUPP);
	for (uint32_t bit = 1; bit < 32; bit++) {
		range(1, 0, 1, UINT32_C(1) << bit);
		ck_assert_uint_eq(check(BLK_T_WRITE_ZEROES, 0, 32, OUT),
				  BLK_S_UNSUPP);
	}
	range(0, UINT64_MAX, 1, 0); /* a bad range beside it changes nothing */
	ck_assert_uint_eq(check(BLK_T_WRITE_ZEROES, 0, 32, OUT), BLK_S_UNSUPP);
}
END_TEST

START_TEST(check_ranges_out_of_bounds_is_ioerr)
{
	static const struct {
		uint64_t sector;
		uint32_t count;
	} bad[] = {
		{ 100, 1 },
		{ 99, 2 },
		{ 101, 0 },
		{ 0, 51 },
		{ UINT64_MAX, 1 },
		{ UINT64_MAX - 9, 10 },
		{ UINT64_C(1) << 55, 1 },
		{ 0, UINT32_MAX },
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		range(0, 0, 1, 0);
		range(1, bad[i].sector, bad[i].count, 0);
		ck_assert_uint_eq(check(BLK_T_DISCARD, 0, 32, OUT),
				  BLK_S_IOERR);
		ck_assert_int_eq(n_ranges, 0);
	}
}
END_TEST

START_TEST(check_ranges_of_a_bad_number_is_ioerr)
{
	for (int i = 0; i < 40; i++)
		range(i, 0, 1, 0);
	ck_assert_uint_eq(check(BLK_T_DISCARD, 0, 0, OUT), BLK_S_IOERR);
	ck_assert_uint_eq(check(BLK_T_DISCARD, 0, 15, OUT), BLK_S_IOERR);
	ck_assert_uint_eq(check(BLK_T_DISCARD, 0, 17, OUT), BLK_S_IOERR);
	ck_assert_uint_eq(check(BLK_T_DISCARD, 0, 64, OUT), BLK_S_OK);
	ck_assert_uint_eq(check(BLK_T_DISCARD, 0, 80, OUT), BLK_S_IOERR);
	ck_assert_uint_eq(check(BLK_T_WRITE_ZEROES, 0, 512, OUT), BLK_S_OK);
	ck_assert_uint_eq(check(BLK_T_WRITE_ZEROES, 0, 528, OUT), BLK_S_IOERR);
}
END_TEST

START_TEST(scatter_fills_what_is_there)
{
	struct iovec to[2] = { { mem.data, 3 }, { mem.data + 8, 2 } };

	ck_assert_uint_eq(blk_scatter(to, 2, "abcdefgh", 8), 5);
	ck_assert_mem_eq(mem.data,
			 "abc\xee\xee\xee\xee\xee"
			 "de\xee",
			 11);
	ck_assert_uint_eq(blk_scatter(to, 0, "abcdefgh", 8), 0);
	ck_assert_uint_eq(blk_scatter(to, 2, "xy", 2), 2);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("blk-request");
	TCase *tc = tcase_create("request");

	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, parse_plain_read);
	tcase_add_test(tc, parse_header_split_at_every_byte);
	tcase_add_test(tc, parse_header_and_data_in_one_piece);
	tcase_add_test(tc, parse_status_after_data_in_one_piece);
	tcase_add_test(tc, parse_without_a_status_has_none);
	tcase_add_test(tc, parse_short_header_still_has_its_status);
	tcase_add_test(tc, parse_nothing_to_read_is_no_header);
	tcase_add_test(tc, check_range_of_reads_and_writes);
	tcase_add_test(tc, check_write_to_read_only_is_ioerr);
	tcase_add_test(tc, check_types);
	tcase_add_test(tc, check_ranges_good);
	tcase_add_test(tc, check_ranges_without_the_feature_is_unsupp);
	tcase_add_test(tc, check_ranges_with_unknown_flags_is_unsupp);
	tcase_add_test(tc, check_ranges_out_of_bounds_is_ioerr);
	tcase_add_test(tc, check_ranges_of_a_bad_number_is_ioerr);
	tcase_add_test(tc, scatter_fills_what_is_there);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
