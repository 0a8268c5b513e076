// SPDX-License-Identifier: BSD-3-Clause
/* The walk along a chain: lengths, directions, regions, indirect tables. */
#include <check.h>
#include <string.h>
#include <sys/mman.h>

#include "suite.h"
#include "unit/ring-rig.h"

#define SIZE  8
#define BUF   RIG_HIGH
#define TABLE (RIG_HIGH + 0x2000)

#define NEXT     DRV_DESC_NEXT
#define WRITE    DRV_DESC_WRITE
#define INDIRECT DRV_DESC_INDIRECT

static struct ring_rig rig;

static void
setup(void)
{
	rig_open(&rig, SIZE);
}

static void
teardown(void)
{
	rig_close(&rig);
}

static int
offer_and_pop(uint16_t head)
{
	rig_offer(&rig, head);
	return rig_pop(&rig, RIG_MAX_SEGS);
}

static void
expect_seg(int i, uint64_t gpa, size_t len, uint16_t flags)
{
	ck_assert_ptr_eq(rig.iov[i].iov_base, rig_hva(&rig, gpa));
	ck_assert_uint_eq(rig.iov[i].iov_len, len);
	ck_assert_uint_eq(rig.flags[i], flags);
}

/* Descriptors first..first+n-1 as one readable chain. */
static void
chain(uint16_t first, uint16_t n)
{
	for (uint16_t i = 0; i < n; i++)
		rig_desc(&rig, first + i, BUF + i, 1, i + 1 < n ? NEXT : 0,
			 (uint16_t)(first + i + 1));
}

/* A table of n entries that is one readable chain; the last goes nowhere. */
static void
table(uint64_t at, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		rig_table(&rig, at, i,
			  &(struct drv_desc){ BUF + i, 1, i + 1 < n ? NEXT : 0,
					      (uint16_t)(i + 1) });
}

/* ---- direct chains ---- */

START_TEST(walk_one_segment)
{
	rig_desc(&rig, 3, BUF + 7, 512, WRITE, 0);
	ck_assert_int_eq(offer_and_pop(3), 1);
	ck_assert_uint_eq(rig.head, 3);
	expect_seg(0, BUF + 7, 512, WRITE);
}
END_TEST

START_TEST(walk_follows_next_in_any_order)
{
	rig_desc(&rig, 6, BUF, 16, NEXT, 1);
	rig_desc(&rig, 1, BUF + 100, 20, NEXT | WRITE, 4);
	rig_desc(&rig, 4, BUF + 200, 1, WRITE, 0xffff);
	ck_assert_int_eq(offer_and_pop(6), 3);
	ck_assert_uint_eq(rig.head, 6);
	expect_seg(0, BUF, 16, 0);
	expect_seg(1, BUF + 100, 20, WRITE);
	expect_seg(2, BUF + 200, 1, WRITE);
}
END_TEST

START_TEST(walk_without_flags_array_fills_iov)
{
	rig_desc(&rig, 0, BUF, 16, 0, 0);
	rig_offer(&rig, 0);
	ck_assert_int_eq(
		split_pop(&rig.ring, &rig.head, rig.iov, NULL, 1, &rig.bad), 1);
	ck_assert_ptr_eq(rig.iov[0].iov_base, rig_hva(&rig, BUF));
}
END_TEST

START_TEST(walk_unknown_flags_are_ignored)
{
	rig_desc(&rig, 0, BUF, 16, 0xfff8, 0xffff);
	ck_assert_int_eq(offer_and_pop(0), 1);
	expect_seg(0, BUF, 16, 0);
}
END_TEST

START_TEST(walk_chain_as_long_as_the_queue)
{
	chain(0, SIZE);
	ck_assert_int_eq(offer_and_pop(0), SIZE);
	for (uint16_t i = 0; i < SIZE; i++)
		expect_seg(i, BUF + i, 1, 0);
}
END_TEST

START_TEST(walk_chain_of_32768_is_one_chain)
{
	static struct iovec iov[32768];

	rig_close(&rig);
	rig_open(&rig, 32768);
	for (uint32_t i = 0; i < 32768; i++)
		rig_desc(&rig, (uint16_t)i, BUF, 1, i < 32767 ? NEXT : 0,
			 (uint16_t)(i + 1));
	rig_offer(&rig, 0);
	ck_assert_int_eq(
		split_pop(&rig.ring, &rig.head, iov, NULL, 32768, &rig.bad),
		32768);
}
END_TEST

START_TEST(walk_loop_is_a_bad_ring)
{
	/* Onto itself; in a pair; back to the head after the whole queue. */
	static const uint16_t next_of_last[] = { 0, 1, 7 };
	uint16_t last = next_of_last[_i];

	chain(0, SIZE);
	rig_desc(&rig, last, BUF, 1, NEXT, 0);
	ck_assert_int_eq(offer_and_pop(0), RING_BAD);
	ck_assert_uint_eq(rig.ring.n_inflight, 0);
	ck_assert_uint_eq(rig.ring.last_avail, 0);
}
END_TEST

START_TEST(walk_loop_of_empty_descriptors_is_a_bad_ring)
{
	rig_desc(&rig, 0, BUF, 0, NEXT, 0);
	ck_assert_int_eq(offer_and_pop(0), RING_BAD);
}
END_TEST

START_TEST(walk_next_beyond_the_ring_is_a_bad_ring)
{
	static const uint16_t next[] = { SIZE, SIZE + 1, 0xffff };

	rig_desc(&rig, 0, BUF, 1, NEXT, next[_i]);
	ck_assert_int_eq(offer_and_pop(0), RING_BAD);
}
END_TEST

START_TEST(walk_size_1_queue_has_chains_of_one)
{
	rig_close(&rig);
	rig_open(&rig, 1);
	rig_desc(&rig, 0, BUF, 1, 0, 0);
	ck_assert_int_eq(offer_and_pop(0), 1);
	ck_assert(split_push(&rig.ring, 0, 0));
	rig_desc(&rig, 0, BUF, 1, NEXT, 0);
	ck_assert_int_eq(offer_and_pop(0), RING_BAD);
}
END_TEST

/* ---- what cannot be handed out, but leaves the ring whole ---- */

START_TEST(walk_more_segments_than_room_is_a_bad_chain)
{
	chain(0, 4);
	rig_offer(&rig, 0);
	ck_assert_int_eq(rig_pop(&rig, 3), RING_BAD_CHAIN);
	ck_assert_uint_eq(rig.head, 0);
	ck_assert_uint_eq(rig.ring.n_inflight, 1);
	ck_assert(split_push(&rig.ring, 0, 0));
	rig_offer(&rig, 0);
	ck_assert_int_eq(rig_pop(&rig, 4), 4);
}
END_TEST

START_TEST(walk_readable_after_writable_is_a_bad_chain)
{
	rig_desc(&rig, 0, BUF, 1, NEXT | WRITE, 1);
	rig_desc(&rig, 1, BUF, 1, 0, 0);
	ck_assert_int_eq(offer_and_pop(0), RING_BAD_CHAIN);
	ck_assert(!rig.bad.has_last);
}
END_TEST

START_TEST(walk_empty_descriptors_are_skipped)
{
	rig_desc(&rig, 0, RIG_HOLE, 0, NEXT, 1);
	rig_desc(&rig, 1, BUF, 5, NEXT, 2);
	rig_desc(&rig, 2, UINT64_MAX, 0, NEXT | WRITE, 3);
	rig_desc(&rig, 3, BUF + 10, 6, NEXT | WRITE, 4);
	rig_desc(&rig, 4, 0, 0, WRITE, 0);
	ck_assert_int_eq(offer_and_pop(0), 2);
	expect_seg(0, BUF, 5, 0);
	expect_seg(1, BUF + 10, 6, WRITE);
}
END_TEST

START_TEST(walk_nothing_but_empty_descriptors_is_a_bad_chain)
{
	rig_desc(&rig, 0, BUF, 0, NEXT, 1);
	rig_desc(&rig, 1, BUF, 0, WRITE, 0);
	ck_assert_int_eq(offer_and_pop(0), RING_BAD_CHAIN);
	ck_assert(!rig.bad.has_last);
}
END_TEST

START_TEST(walk_bad_chain_keeps_its_last_segment)
{
	rig_desc(&rig, 0, RIG_HOLE, 16, NEXT, 1);
	rig_desc(&rig, 1, BUF, 512, NEXT | WRITE, 2);
	rig_desc(&rig, 2, BUF + 600, 1, WRITE, 0);
	ck_assert_int_eq(offer_and_pop(0), RING_BAD_CHAIN);
	ck_assert(rig.bad.has_last);
	ck_assert_ptr_eq(rig.bad.last.iov_base, rig_hva(&rig, BUF + 600));
	ck_assert_uint_eq(rig.bad.last.iov_len, 1);
}
END_TEST

START_TEST(walk_bad_last_segment_is_not_kept)
{
	/* To be read; outside RAM; in ROM; beyond the end of its region. */
	static const struct drv_desc last[] = {
		{ BUF, 1, 0, 0 },
		{ RIG_HOLE, 1, WRITE, 0 },
		{ RIG_ROM, 1, WRITE, 0 },
		{ RIG_HIGH_END - 1, 2, WRITE, 0 },
	};

	rig_desc(&rig, 0, RIG_HOLE, 16, NEXT, 1);
	rig_desc(&rig, 1, last[_i].addr, last[_i].len, last[_i].flags, 0);
	ck_assert_int_eq(offer_and_pop(0), RING_BAD_CHAIN);
	ck_assert(!rig.bad.has_last);
}
END_TEST

/* ---- regions ---- */

START_TEST(walk_buffer_across_two_regions_becomes_two_segments)
{
	rig_desc(&rig, 0, RIG_HIGH - 10, 30, WRITE, 0);
	ck_assert_int_eq(offer_and_pop(0), 2);
	expect_seg(0, RIG_HIGH - 10, 10, WRITE);
	expect_seg(1, RIG_HIGH, 20, WRITE);
}
END_TEST

START_TEST(walk_buffer_across_regions_needs_room_for_both)
{
	rig_desc(&rig, 0, RIG_HIGH - 10, 30, WRITE, 0);
	rig_offer(&rig, 0);
	ck_assert_int_eq(rig_pop(&rig, 1), RING_BAD_CHAIN);
}
END_TEST

START_TEST(walk_buffer_to_the_last_byte_of_a_region)
{
	rig_desc(&rig, 0, RIG_HIGH_END - 5, 5, NEXT, 1);
	rig_desc(&rig, 1, RIG_HIGH - 1, 1, NEXT, 2);
	rig_desc(&rig, 2, RIG_HIGH, 1, 0, 0);
	ck_assert_int_eq(offer_and_pop(0), 3);
	expect_seg(0, RIG_HIGH_END - 5, 5, 0);
	expect_seg(1, RIG_HIGH - 1, 1, 0);
	expect_seg(2, RIG_HIGH, 1, 0);
}
END_TEST

START_TEST(walk_buffer_outside_ram_is_a_bad_chain)
{
	static const struct drv_desc bad[] = {
		{ RIG_HOLE, 1, 0, 0 },
		{ RIG_HIGH_END - 5, 6, 0, 0 },
		{ RIG_LOW - 1, 2, 0, 0 },
		{ 0, 1, 0, 0 },
		{ UINT64_MAX, 1, 0, 0 },
		{ UINT64_MAX, 2, 0, 0 },
		{ UINT64_MAX - 0xfffffffe, 0xffffffff, 0, 0 },
	};

	rig_desc(&rig, 0, bad[_i].addr, bad[_i].len, bad[_i].flags, 0);
	ck_assert_int_eq(offer_and_pop(0), RING_BAD_CHAIN);
}
END_TEST

START_TEST(walk_rom_may_be_read_but_not_written)
{
	rig_desc(&rig, 0, RIG_ROM, 16, 0, 0);
	ck_assert_int_eq(offer_and_pop(0), 1);
	expect_seg(0, RIG_ROM, 16, 0);
	rig_desc(&rig, 1, RIG_ROM, 16, WRITE, 0);
	ck_assert_int_eq(offer_and_pop(1), RING_BAD_CHAIN);
}
END_TEST

/* Addresses only: nothing touches these 8 GiB. */
static void
add_huge_region(uint64_t gpa)
{
	struct vbs_ram region = { .gpa = gpa, .size = UINT64_C(1) << 33 };

	region.hva = mmap(NULL, region.size, PROT_NONE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	ck_assert_ptr_ne(region.hva, MAP_FAILED);
	rig_add_region(&rig, &region);
}

START_TEST(walk_chain_of_2_32_bytes_is_a_bad_chain)
{
	uint64_t gpa = UINT64_C(1) << 40;

	add_huge_region(gpa);
	rig_desc(&rig, 0, gpa, 0x80000000, NEXT, 1);
	rig_desc(&rig, 1, gpa, 0x7fffffff, 0, 0);
	ck_assert_int_eq(offer_and_pop(0), 2);
	ck_assert_uint_eq(rig.iov[1].iov_len, 0x7fffffff);
	rig_desc(&rig, 2, gpa, 0x80000000, NEXT, 3);
	rig_desc(&rig, 3, gpa, 0x80000000, 0, 0);
	ck_assert_int_eq(offer_and_pop(2), RING_BAD_CHAIN);
}
END_TEST

START_TEST(walk_buffer_at_the_very_end_of_the_address_space)
{
	add_huge_region(UINT64_MAX - (UINT64_C(1) << 33) + 1);
	rig_desc(&rig, 0, UINT64_MAX - 15, 16, 0, 0);
	ck_assert_int_eq(offer_and_pop(0), 1);
	ck_assert_uint_eq(rig.iov[0].iov_len, 16);
	rig_desc(&rig, 1, UINT64_MAX - 15, 17, 0, 0);
	ck_assert_int_eq(offer_and_pop(1), RING_BAD_CHAIN);
}
END_TEST

/* With RAM at both ends: the walk must not come round. */
START_TEST(walk_buffer_beyond_the_address_space_is_a_bad_chain)
{
	static uint8_t bottom[4096];
	struct vbs_ram region = { .gpa = 0, .size = 4096, .hva = bottom };

	add_huge_region(UINT64_MAX - (UINT64_C(1) << 33) + 1);
	rig_add_region(&rig, &region);
	rig_desc(&rig, 0, UINT64_MAX - 15, 32, 0, 0);
	ck_assert_int_eq(offer_and_pop(0), RING_BAD_CHAIN);
}
END_TEST

/* ---- indirect tables ---- */

START_TEST(walk_indirect_table_is_unrolled)
{
	table(TABLE, 3);
	rig_desc(&rig, 5, TABLE, 3 * 16, INDIRECT, 0);
	ck_assert_int_eq(offer_and_pop(5), 3);
	ck_assert_uint_eq(rig.head, 5);
	for (uint16_t i = 0; i < 3; i++)
		expect_seg(i, BUF + i, 1, 0);
}
END_TEST

START_TEST(walk_indirect_write_flag_on_the_table_is_ignored)
{
	table(TABLE, 2);
	rig_desc(&rig, 5, TABLE, 2 * 16, INDIRECT | WRITE, 0);
	ck_assert_int_eq(offer_and_pop(5), 2);
	expect_seg(0, BUF, 1, 0);
}
END_TEST

START_TEST(walk_indirect_after_a_direct_prefix)
{
	rig_desc(&rig, 0, BUF + 100, 4, NEXT, 1);
	rig_desc(&rig, 1, BUF + 200, 4, NEXT, 2);
	rig_desc(&rig, 2, TABLE, 2 * 16, INDIRECT, 0);
	table(TABLE, 2);
	ck_assert_int_eq(offer_and_pop(0), 4);
	expect_seg(0, BUF + 100, 4, 0);
	expect_seg(1, BUF + 200, 4, 0);
	expect_seg(2, BUF, 1, 0);
	expect_seg(3, BUF + 1, 1, 0);
}
END_TEST

START_TEST(walk_indirect_chain_as_long_as_the_queue)
{
	table(TABLE, SIZE);
	rig_desc(&rig, 5, TABLE, SIZE * 16, INDIRECT, 0);
	ck_assert_int_eq(offer_and_pop(5), SIZE);
}
END_TEST

/* 2.7.5.3.1: the whole chain, prefix and table, has at most SIZE. */
START_TEST(walk_indirect_chain_longer_than_the_queue_is_a_bad_ring)
{
	chain(0, 3);
	rig_desc(&rig, 2, TABLE, (SIZE - 2) * 16, INDIRECT, 0);
	table(TABLE, SIZE - 2);
	ck_assert_int_eq(offer_and_pop(0), SIZE);
	ck_assert(split_push(&rig.ring, 0, 0));
	rig_desc(&rig, 2, TABLE, (SIZE - 1) * 16, INDIRECT, 0);
	table(TABLE, SIZE - 1);
	ck_assert_int_eq(offer_and_pop(0), RING_BAD);
}
END_TEST

START_TEST(walk_indirect_bad_length_is_a_bad_ring)
{
	static const uint32_t lens[] = {
		0, 1, 15, 17, 31, (SIZE + 1) * 16, 0xfffffff0, 0xffffffff,
	};

	table(TABLE, SIZE + 1);
	rig_desc(&rig, 0, TABLE, lens[_i], INDIRECT, 0);
	ck_assert_int_eq(offer_and_pop(0), RING_BAD);
}
END_TEST

START_TEST(walk_indirect_outside_one_region_is_a_bad_ring)
{
	static const uint64_t places[] = { RIG_HOLE, RIG_HIGH - 16,
					   RIG_HIGH_END - 16, UINT64_MAX - 15 };

	rig_desc(&rig, 0, places[_i], 32, INDIRECT, 0);
	ck_assert_int_eq(offer_and_pop(0), RING_BAD);
}
END_TEST

START_TEST(walk_indirect_table_at_any_address)
{
	table(TABLE + 3, 2);
	rig_desc(&rig, 0, TABLE + 3, 32, INDIRECT, 0);
	ck_assert_int_eq(offer_and_pop(0), 2);
}
END_TEST

START_TEST(walk_indirect_with_next_is_a_bad_ring)
{
	table(TABLE, 1);
	rig_desc(&rig, 0, TABLE, 16, INDIRECT | NEXT, 1);
	rig_desc(&rig, 1, BUF, 1, 0, 0);
	ck_assert_int_eq(offer_and_pop(0), RING_BAD);
}
END_TEST

START_TEST(walk_indirect_in_indirect_is_a_bad_ring)
{
	table(TABLE, 1);
	rig_table(&rig, TABLE + 64, 0,
		  &(struct drv_desc){ TABLE, 16, INDIRECT, 0 });
	rig_desc(&rig, 0, TABLE + 64, 16, INDIRECT, 0);
	ck_assert_int_eq(offer_and_pop(0), RING_BAD);
}
END_TEST

START_TEST(walk_indirect_next_beyond_the_table_is_a_bad_ring)
{
	table(TABLE, 3);
	rig_desc(&rig, 0, TABLE, 32, INDIRECT, 0); /* entry 1 says 2 */
	ck_assert_int_eq(offer_and_pop(0), RING_BAD);
}
END_TEST

START_TEST(walk_indirect_loop_is_a_bad_ring)
{
	rig_table(&rig, TABLE, 0, &(struct drv_desc){ BUF, 1, NEXT, 1 });
	rig_table(&rig, TABLE, 1, &(struct drv_desc){ BUF, 0, NEXT, 0 });
	rig_desc(&rig, 0, TABLE, 32, INDIRECT, 0);
	ck_assert_int_eq(offer_and_pop(0), RING_BAD);
}
END_TEST

START_TEST(walk_indirect_not_negotiated_is_a_bad_ring)
{
	rig.ring.indirect = false;
	table(TABLE, 1);
	rig_desc(&rig, 0, TABLE, 16, INDIRECT, 0);
	ck_assert_int_eq(offer_and_pop(0), RING_BAD);
}
END_TEST

static void
add_direct(Suite *s)
{
	TCase *tc = tcase_create("direct");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, walk_one_segment);
	tcase_add_test(tc, walk_follows_next_in_any_order);
	tcase_add_test(tc, walk_without_flags_array_fills_iov);
	tcase_add_test(tc, walk_unknown_flags_are_ignored);
	tcase_add_test(tc, walk_chain_as_long_as_the_queue);
	tcase_add_test(tc, walk_chain_of_32768_is_one_chain);
	tcase_add_loop_test(tc, walk_loop_is_a_bad_ring, 0, 3);
	tcase_add_test(tc, walk_loop_of_empty_descriptors_is_a_bad_ring);
	tcase_add_loop_test(tc, walk_next_beyond_the_ring_is_a_bad_ring, 0, 3);
	tcase_add_test(tc, walk_size_1_queue_has_chains_of_one);
	suite_add_tcase(s, tc);
}

static void
add_refused(Suite *s)
{
	TCase *tc = tcase_create("refused");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, walk_more_segments_than_room_is_a_bad_chain);
	tcase_add_test(tc, walk_readable_after_writable_is_a_bad_chain);
	tcase_add_test(tc, walk_empty_descriptors_are_skipped);
	tcase_add_test(tc, walk_nothing_but_empty_descriptors_is_a_bad_chain);
	tcase_add_test(tc, walk_bad_chain_keeps_its_last_segment);
	tcase_add_loop_test(tc, walk_bad_last_segment_is_not_kept, 0, 4);
	suite_add_tcase(s, tc);
}

static void
add_regions(Suite *s)
{
	TCase *tc = tcase_create("regions");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, walk_buffer_across_two_regions_becomes_two_segments);
	tcase_add_test(tc, walk_buffer_across_regions_needs_room_for_both);
	tcase_add_test(tc, walk_buffer_to_the_last_byte_of_a_region);
	tcase_add_loop_test(tc, walk_buffer_outside_ram_is_a_bad_chain, 0, 7);
	tcase_add_test(tc, walk_rom_may_be_read_but_not_written);
	tcase_add_test(tc, walk_chain_of_2_32_bytes_is_a_bad_chain);
	tcase_add_test(tc, walk_buffer_at_the_very_end_of_the_address_space);
	tcase_add_test(tc, walk_buffer_beyond_the_address_space_is_a_bad_chain);
	suite_add_tcase(s, tc);
}

static void
add_indirect(Suite *s)
{
	TCase *tc = tcase_create("indirect");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, walk_indirect_table_is_unrolled);
	tcase_add_test(tc, walk_indirect_write_flag_on_the_table_is_ignored);
	tcase_add_test(tc, walk_indirect_after_a_direct_prefix);
	tcase_add_test(tc, walk_indirect_chain_as_long_as_the_queue);
	tcase_add_test(tc,
		       walk_indirect_chain_longer_than_the_queue_is_a_bad_ring);
	tcase_add_loop_test(tc, walk_indirect_bad_length_is_a_bad_ring, 0, 8);
	tcase_add_loop_test(tc, walk_indirect_outside_one_region_is_a_bad_ring,
			    0, 4);
	tcase_add_test(tc, walk_indirect_table_at_any_address);
	tcase_add_test(tc, walk_indirect_with_next_is_a_bad_ring);
	tcase_add_test(tc, walk_indirect_in_indirect_is_a_bad_ring);
	tcase_add_test(tc, walk_indirect_next_beyond_the_table_is_a_bad_ring);
	tcase_add_test(tc, walk_indirect_loop_is_a_bad_ring);
	tcase_add_test(tc, walk_indirect_not_negotiated_is_a_bad_ring);
	suite_add_tcase(s, tc);
}

int
main(void)
{
	Suite *s = suite_create("ring/split-walk");

	add_direct(s);
	add_refused(s);
	add_regions(s);
	add_indirect(s);
	return suite_run(s);
}
