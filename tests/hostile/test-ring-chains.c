// SPDX-License-Identifier: BSD-3-Clause
/*
 * Chains that are no chains: loops, fields out of range, empty descriptors,
 * indirect tables that break the rules (virtio 1.3, 2.7.5), too many segments.
 */
#include "hostile/rig.h"

#define NEXT     DRV_DESC_NEXT
#define WRITE    DRV_DESC_WRITE
#define INDIRECT DRV_DESC_INDIRECT
#define SIZE     PROBE_QSIZE

static void
start(int way)
{
	rig_start_way(way);
}

/* A circle of n descriptors from 0, each of len bytes. */
static void
put_circle(uint16_t n, uint32_t len)
{
	for (uint16_t i = 0; i < n; i++)
		chain_put(i, IN_GPA, len, NEXT, (uint16_t)((i + 1) % n));
}

/* n readable bytes, one in each descriptor, then n writable ones. */
static void
put_bytes(uint16_t n)
{
	for (uint16_t i = 0; i < 2 * n; i++)
		chain_put(i, (i < n ? IN_GPA : OUT_GPA) + i, 1,
			  (uint16_t)((i < n ? 0 : WRITE) |
				     (i + 1 < 2 * n ? NEXT : 0)),
			  (uint16_t)(i + 1));
}

/* ---- A1: loops ---- */

START_TEST(hostile_a1__descriptor_that_points_at_itself)
{
	start(_i);
	put_circle(1, 8);
	chain_send(SIZE);
	assert_broken(0);
}
END_TEST

START_TEST(hostile_a1__circle_of_two)
{
	start(_i);
	put_circle(2, 8);
	chain_send(SIZE);
	assert_broken(0);
}
END_TEST

START_TEST(hostile_a1__circle_through_the_whole_table)
{
	start(_i);
	put_circle(SIZE, 1);
	chain_send(SIZE);
	assert_broken(0);
}
END_TEST

START_TEST(hostile_a1__circle_of_empty_descriptors)
{
	start(_i);
	put_circle(3, 0);
	chain_send(SIZE);
	assert_broken(0);
}
END_TEST

START_TEST(hostile_a1__tail_that_turns_back)
{
	start(_i);
	for (uint16_t i = 0; i < 5; i++)
		chain_put(i, IN_GPA, 1, NEXT, (uint16_t)(i + 1));
	chain_put(5, OUT_GPA, 1, NEXT | WRITE, 3);
	chain_send(SIZE);
	assert_broken(0);
}
END_TEST

START_TEST(hostile_a1__circle_of_unusable_buffers)
{
	start(_i);
	for (uint16_t i = 0; i < 2; i++)
		chain_put(i, NOWHERE, 8, NEXT, (uint16_t)(1 - i));
	chain_send(SIZE);
	assert_broken(0);
}
END_TEST

START_TEST(hostile_a1__chain_as_long_as_the_queue_is_no_loop)
{
	start(_i);
	for (uint16_t i = 0; i < SIZE; i++)
		chain_put(
			i, i ? OUT_GPA : IN_GPA, i == 0 || i == 5, /* bytes */
			(uint16_t)((i ? WRITE : 0) | (i + 1 < SIZE ? NEXT : 0)),
			(uint16_t)(i + 1));
	chain_send(SIZE);
	assert_served(0, 1);
}
END_TEST

START_TEST(hostile_a1__direct_prefix_and_table_one_longer_than_the_queue)
{
	start(_i | 2);
	for (uint16_t i = 0; i < SIZE; i++)
		chain_put(i, IN_GPA, 1, i + 1 < SIZE ? NEXT : 0,
			  (uint16_t)(i + 1));
	drv_split_raw_desc(&vq->ring, 3, IN_GPA, 1, NEXT, 4);
	ring_put_table(4, table_gpa, SIZE * DRV_DESC_SIZE, 0);
	ring_send(3);
	assert_broken(0);
}
END_TEST

START_TEST(hostile_a1__good_chain_before_a_loop_in_one_batch)
{
	start(_i);
	drv_split_raw_desc(&vq->ring, 8, IN_GPA, 1, 0, 0);
	drv_split_raw_offer(&vq->ring, 8);
	put_circle(2, 8);
	chain_send(SIZE);
	assert_broken(0);
}
END_TEST

START_TEST(hostile_a1__loops_on_every_queue_are_told_once)
{
	start(_i);
	put_circle(2, 8);
	chain_send(SIZE);
	vq = &dut.vqs[1];
	put_circle(2, 8);
	chain_send(SIZE);
	ck_assert_int_eq(probe_count(&probe->n_errors), 2);
	ck_assert_uint_eq(drv_device_config_irqs(&dut), 1);
	ck_assert_int_eq(n_log_lines, 1);
	ck_assert_uint_eq(drv_split_raw_get_used_idx(&vq->ring), 0);
	rig_restart();
	assert_serves(&dut.vqs[0]);
	assert_serves(&dut.vqs[1]);
}
END_TEST

/* ---- A2: out of range ---- */

static const uint16_t far_heads[] = { SIZE, SIZE + 1, 0x7fff, 0x8000, 0xffff };

START_TEST(hostile_a2__head_out_of_range)
{
	start(_i & 1);
	ring_send(far_heads[_i >> 1]);
	assert_broken(0);
}
END_TEST

START_TEST(hostile_a2__every_head_out_of_range_is_one_line_in_the_log)
{
	start(_i);
	for (uint16_t i = 0; i < SIZE; i++)
		drv_split_raw_offer(&vq->ring, SIZE);
	ring_kick();
	assert_broken(0);
}
END_TEST

START_TEST(hostile_a2__next_out_of_range)
{
	start(_i % N_WAYS);
	chain_put(0, IN_GPA, 8, NEXT, far_heads[_i / N_WAYS]);
	chain_send(SIZE);
	assert_broken(0);
}
END_TEST

START_TEST(hostile_a2__next_inside_the_ring_but_beyond_the_table)
{
	start(_i | 2);
	chain_put(0, IN_GPA, 8, NEXT, 2);
	chain_put(1, IN_GPA, 8, 0, 0);
	chain_put(2, IN_GPA, 8, 0, 0);
	chain_send(2);
	assert_broken(0);
}
END_TEST

START_TEST(hostile_a2__next_out_of_range_without_the_flag_is_not_looked_at)
{
	start(_i);
	chain_put(0, IN_GPA, 8, NEXT, 1);
	chain_put(1, OUT_GPA, 8, WRITE, 0xffff);
	chain_send(2);
	assert_served(0, 8);
}
END_TEST

/* ---- A5: empty descriptors ---- */

/* Where in a chain of four an empty descriptor is added: 0..4. */
START_TEST(hostile_a5__empty_descriptor_anywhere_does_no_harm)
{
	const uint64_t addr = _i & 4 ? NOWHERE : IN_GPA;
	const uint16_t at = (uint16_t)(_i >> 3);

	start(_i & 3);
	for (uint16_t i = 0; i < 5; i++) {
		uint16_t k = i > at ? (uint16_t)(i - 1) : i;
		bool write = i == at ? i > 2 : k >= 2;

		chain_put(i,
			  i == at ? addr
			  : write ? OUT_GPA
				  : IN_GPA,
			  i == at ? 0 : 4,
			  (uint16_t)((write ? WRITE : 0) | (i < 4 ? NEXT : 0)),
			  (uint16_t)(i + 1));
	}
	chain_send(5);
	assert_served(0, 8);
	ck_assert_int_eq(probe_count(&probe->n_refused), 0);
}
END_TEST

START_TEST(hostile_a5__nothing_but_empty_descriptors)
{
	start(_i % N_WAYS);
	for (uint16_t i = 0; i <= _i / N_WAYS; i++)
		chain_put(i, i & 1 ? NOWHERE : IN_GPA, 0,
			  i < _i / N_WAYS ? NEXT : 0, (uint16_t)(i + 1));
	chain_send(SIZE);
	assert_refused(0, 0);
}
END_TEST

START_TEST(hostile_a5__empty_table)
{
	start(_i);
	ring_put_table(0, table_gpa, 0, 0);
	ring_send(0);
	assert_broken(0);
}
END_TEST

/* ---- A9: indirect tables ---- */

static const uint32_t table_lengths[] = {
	1,
	8,
	15,
	17,
	16 * SIZE - 1,
	16 * SIZE + 1,
	16 * (SIZE + 1),
	16 * 65535,
	0x80000000,
	0xfffffff0,
	0xffffffff,
};

#define N_LENGTHS (sizeof(table_lengths) / sizeof(table_lengths[0]))

START_TEST(hostile_a9__table_of_a_bad_length)
{
	start((_i & 1) | 2);
	put_bytes(2);
	ring_put_table(0, table_gpa, table_lengths[_i >> 1], 0);
	ring_send(0);
	assert_broken(0);
}
END_TEST

START_TEST(hostile_a9__nested_table)
{
	start(_i | 2);
	chain_put(0, IN_GPA, 1, NEXT, 1);
	chain_put(1, table_gpa, 32, INDIRECT, 0);
	chain_send(2);
	assert_broken(0);
}
END_TEST

START_TEST(hostile_a9__table_that_is_followed_by_next)
{
	start(_i | 2);
	put_bytes(1);
	ring_put_table(0, table_gpa, 32, NEXT);
	ring_send(0);
	assert_broken(0);
}
END_TEST

START_TEST(hostile_a9__two_tables_in_a_row)
{
	start(_i | 2);
	put_bytes(1);
	drv_split_raw_desc(&vq->ring, 0, IN_GPA, 1, NEXT, 1);
	drv_split_raw_desc(&vq->ring, 1, table_gpa, 32, NEXT | INDIRECT, 2);
	ring_put_table(2, table_gpa, 32, 0);
	ring_send(0);
	assert_broken(0);
}
END_TEST

static const uint64_t bad_tables[] = {
	NOWHERE,        0,          NEXT_GPA - 16,
	NEXT_END - 16,  NEXT_END,   FAR_GPA - 16,
	0xfee00000,     0xfe000000, UINT64_MAX - 15,
	UINT64_MAX - 7,
};

#define N_TABLES (sizeof(bad_tables) / sizeof(bad_tables[0]))

START_TEST(hostile_a9__table_across_regions_or_outside_ram)
{
	start((_i & 1) | 2);
	ring_put_table(0, bad_tables[_i >> 1], 32, 0);
	ring_send(0);
	assert_broken(0);
}
END_TEST

START_TEST(hostile_a9__table_that_is_the_rings_own)
{
	start(_i | 2);
	ring_put_table(0, vq->ring.desc_gpa, 16 * SIZE, 0);
	ring_send(0);
	assert_broken(0);
}
END_TEST

START_TEST(hostile_a9__table_in_the_used_ring)
{
	start(_i | 2);
	ring_put_table(0, vq->ring.used_gpa, 16, 0);
	ring_send(0);
	assert_refused(0, 0); /* it reads as one empty descriptor */
}
END_TEST

START_TEST(hostile_a9__table_without_the_feature)
{
	rig_plug(NULL);
	indirect = true;
	rig_start(DRV_MODERN, 0);
	ck_assert_int_eq(drv_device_stop(&dut), 0);
	ck_assert_int_eq(
		drv_device_start(&dut,
				 &(struct drv_device_opts){
					 .face = _i ? DRV_LEGACY : DRV_MODERN,
					 .irq = DRV_IRQ_MSIX,
					 .n_queues = PROBE_QUEUES,
				 }),
		0);
	put_bytes(1);
	chain_send(2);
	assert_broken(0);
}
END_TEST

START_TEST(hostile_a9__table_after_a_direct_prefix_is_served)
{
	start(_i | 2);
	chain_put(0, IN_GPA + 8, 8, NEXT, 1);
	chain_put(1, OUT_GPA, 16, WRITE, 0);
	drv_split_raw_desc(&vq->ring, 0, IN_GPA, 8, NEXT, 1);
	ring_put_table(1, table_gpa, 32, 0);
	ring_send(0);
	assert_served(0, 16);
}
END_TEST

START_TEST(hostile_a9__table_marked_writable_is_served)
{
	start(_i | 2);
	put_bytes(2);
	ring_put_table(0, table_gpa, 64, WRITE);
	ring_send(0);
	assert_served(0, 2);
}
END_TEST

START_TEST(hostile_a9__table_that_is_not_aligned_is_served)
{
	start(_i | 2);
	table_gpa += 3;
	put_bytes(2);
	chain_send(4);
	assert_served(0, 2);
}
END_TEST

START_TEST(hostile_a9__reserved_flags_are_not_looked_at)
{
	start(_i);
	chain_put(0, IN_GPA, 8, 0xfff8 | NEXT, 1);
	chain_put(1, OUT_GPA, 8, 0xfff8 | WRITE, 0);
	chain_send(2);
	assert_served(0, 8);
}
END_TEST

/* ---- A10: more segments than there is room for ---- */

START_TEST(hostile_a10__chain_that_just_fits_is_served)
{
	start(_i);
	put_bytes(PROBE_SEGS / 2);
	chain_send(PROBE_SEGS);
	assert_served(0, PROBE_SEGS / 2);
}
END_TEST

/* From one too many to as many as the queue has entries. */
START_TEST(hostile_a10__chain_with_more_segments_than_room)
{
	const uint16_t half = (uint16_t)(PROBE_SEGS / 2 + 1 + _i / N_WAYS);

	start(_i % N_WAYS);
	put_bytes(half);
	chain_send(half * 2u);
	assert_refused(0, 0);
}
END_TEST

START_TEST(hostile_a10__too_many_segments_get_the_devices_own_error)
{
	uint8_t last = 0;

	start(_i);
	probe->has_error = true;
	put_bytes(SIZE / 2);
	chain_send(SIZE);
	assert_refused(0, 1);
	ck_assert_int_eq(drv_ram_read(&ram, OUT_GPA + SIZE - 1, &last, 1), 0);
	ck_assert_uint_eq(last, PROBE_ERROR);
}
END_TEST

START_TEST(hostile_a10__segments_that_regions_split_beyond_the_room)
{
	start(_i);
	for (uint16_t i = 0; i < PROBE_SEGS; i++)
		chain_put(i, i == 2 ? NEXT_GPA - 4 : IN_GPA, 8,
			  (uint16_t)((i == 7 ? WRITE : 0) | (i < 7 ? NEXT : 0)),
			  (uint16_t)(i + 1));
	chain_send(PROBE_SEGS);
	assert_refused(0, 0);
}
END_TEST

static void
add_loops(TCase *tc)
{
	const int n_heads = sizeof(far_heads) / sizeof(far_heads[0]);

	tcase_add_loop_test(tc, hostile_a1__descriptor_that_points_at_itself, 0,
			    N_WAYS);
	tcase_add_loop_test(tc, hostile_a1__circle_of_two, 0, N_WAYS);
	tcase_add_loop_test(tc, hostile_a1__circle_through_the_whole_table, 0,
			    N_WAYS);
	tcase_add_loop_test(tc, hostile_a1__circle_of_empty_descriptors, 0,
			    N_WAYS);
	tcase_add_loop_test(tc, hostile_a1__tail_that_turns_back, 0, N_WAYS);
	tcase_add_loop_test(tc, hostile_a1__circle_of_unusable_buffers, 0,
			    N_WAYS);
	tcase_add_loop_test(tc,
			    hostile_a1__chain_as_long_as_the_queue_is_no_loop,
			    0, N_WAYS);
	tcase_add_loop_test(
		tc,
		hostile_a1__direct_prefix_and_table_one_longer_than_the_queue,
		0, N_FACES);
	tcase_add_loop_test(tc,
			    hostile_a1__good_chain_before_a_loop_in_one_batch,
			    0, N_WAYS);
	tcase_add_loop_test(tc, hostile_a1__loops_on_every_queue_are_told_once,
			    0, N_WAYS);
	tcase_add_loop_test(tc, hostile_a2__head_out_of_range, 0,
			    N_FACES * n_heads);
	tcase_add_loop_test(
		tc, hostile_a2__every_head_out_of_range_is_one_line_in_the_log,
		0, N_FACES);
	tcase_add_loop_test(tc, hostile_a2__next_out_of_range, 0,
			    N_WAYS * n_heads);
	tcase_add_loop_test(
		tc, hostile_a2__next_inside_the_ring_but_beyond_the_table, 0,
		N_FACES);
	tcase_add_loop_test(
		tc,
		hostile_a2__next_out_of_range_without_the_flag_is_not_looked_at,
		0, N_WAYS);
}

static void
add_empty(TCase *tc)
{
	tcase_add_loop_test(tc,
			    hostile_a5__empty_descriptor_anywhere_does_no_harm,
			    0, 5 * 8);
	tcase_add_loop_test(tc, hostile_a5__nothing_but_empty_descriptors, 0,
			    N_WAYS * SIZE);
	tcase_add_loop_test(tc, hostile_a5__empty_table, 0, N_FACES);
}

static void
add_tables(TCase *tc)
{
	tcase_add_loop_test(tc, hostile_a9__table_of_a_bad_length, 0,
			    N_FACES * (int)N_LENGTHS);
	tcase_add_loop_test(tc, hostile_a9__nested_table, 0, N_FACES);
	tcase_add_loop_test(tc, hostile_a9__table_that_is_followed_by_next, 0,
			    N_FACES);
	tcase_add_loop_test(tc, hostile_a9__two_tables_in_a_row, 0, N_FACES);
	tcase_add_loop_test(tc, hostile_a9__table_across_regions_or_outside_ram,
			    0, N_FACES * (int)N_TABLES);
	tcase_add_loop_test(tc, hostile_a9__table_that_is_the_rings_own, 0,
			    N_FACES);
	tcase_add_loop_test(tc, hostile_a9__table_in_the_used_ring, 0, N_FACES);
	tcase_add_loop_test(tc, hostile_a9__table_without_the_feature, 0,
			    N_FACES);
	tcase_add_loop_test(tc,
			    hostile_a9__table_after_a_direct_prefix_is_served,
			    0, N_FACES);
	tcase_add_loop_test(tc, hostile_a9__table_marked_writable_is_served, 0,
			    N_FACES);
	tcase_add_loop_test(tc, hostile_a9__table_that_is_not_aligned_is_served,
			    0, N_FACES);
	tcase_add_loop_test(tc, hostile_a9__reserved_flags_are_not_looked_at, 0,
			    N_WAYS);
}

static void
add_segments(TCase *tc)
{
	tcase_add_loop_test(tc, hostile_a10__chain_that_just_fits_is_served, 0,
			    N_WAYS);
	tcase_add_loop_test(tc, hostile_a10__chain_with_more_segments_than_room,
			    0, N_WAYS * 4);
	tcase_add_loop_test(
		tc, hostile_a10__too_many_segments_get_the_devices_own_error, 0,
		N_WAYS);
	tcase_add_loop_test(
		tc, hostile_a10__segments_that_regions_split_beyond_the_room, 0,
		N_WAYS);
}

static void
add_split(TCase *tc)
{
	add_loops(tc);
	add_empty(tc);
	add_tables(tc);
	add_segments(tc);
}

/* What packed rings have, too; the rest is in test-ring-packed.c. */
static void
add_packed(TCase *tc)
{
	tcase_add_loop_test(tc,
			    hostile_a1__chain_as_long_as_the_queue_is_no_loop,
			    0, N_WAYS);
	add_empty(tc);
	tcase_add_loop_test(tc, hostile_a9__table_of_a_bad_length, 0,
			    N_FACES * (int)N_LENGTHS);
	tcase_add_loop_test(tc, hostile_a9__table_that_is_followed_by_next, 0,
			    N_FACES);
	tcase_add_loop_test(tc, hostile_a9__table_across_regions_or_outside_ram,
			    0, N_FACES * (int)N_TABLES);
	tcase_add_loop_test(tc, hostile_a9__table_marked_writable_is_served, 0,
			    N_FACES);
	tcase_add_loop_test(tc, hostile_a9__table_that_is_not_aligned_is_served,
			    0, N_FACES);
	add_segments(tc);
}

int
main(void)
{
	Suite *s = suite_create("ring-chains");

	for (int i = 0; i < RIG_KINDS; i++) {
		TCase *tc = rig_case(s, (enum rig_kind)i, 30);

		if (i & RIG_PACKED)
			add_packed(tc);
		else
			add_split(tc);
	}
	return suite_run(s);
}
