// SPDX-License-Identifier: BSD-3-Clause
/*
 * What is bad in packed rings only (virtio 1.3, 2.8): chains that never end,
 * buffer ids that are none or twice, flags that mean nothing, indirect tables.
 * What they have in common with split rings is in test-ring-chains.c; places
 * and laps are in test-ring-packed-laps.c.
 */
#include "hostile/rig.h"

#define NEXT     DRV_DESC_NEXT
#define WRITE    DRV_DESC_WRITE
#define INDIRECT DRV_DESC_INDIRECT
#define AVAIL    DRV_PDESC_AVAIL
#define USED     DRV_PDESC_USED
#define SIZE     PROBE_QSIZE

static struct drv_packed *
ring(void)
{
	return &vq->packed;
}

/* One readable byte and a writable one, in two descriptors, with this id. */
static void
offer_small(struct drv_vq *q, uint16_t id)
{
	const struct drv_pdesc d[] = {
		{ IN_GPA, 1, 0xffff, NEXT },
		{ OUT_GPA, 1, id, WRITE },
	};

	drv_packed_raw_offer(&q->packed, d, 2);
}

/* Readable bytes, n descriptors with NEXT, and one without if it ends. */
static void
offer_long(uint16_t n, bool ends, uint16_t id)
{
	struct drv_pdesc d[SIZE + 1];

	ck_assert_uint_le(n, SIZE);
	for (uint16_t i = 0; i <= n; i++)
		d[i] = (struct drv_pdesc){ IN_GPA, 1, id, i < n ? NEXT : 0 };
	drv_packed_raw_offer(ring(), d, (uint16_t)(n + ends));
}

/* ---- A1: chains that do not end ---- */

START_TEST(hostile_a1__next_all_the_way_round)
{
	rig_start_way(_i);
	offer_long(SIZE, false, 3);
	ring_kick();
	assert_broken(0);
}
END_TEST

START_TEST(hostile_a1__next_all_the_way_round_from_the_middle)
{
	rig_start_way(_i % N_FACES);
	for (int i = 0; i < _i / N_FACES; i++)
		assert_serves(vq);
	offer_long(SIZE, false, 3);
	ring_kick();
	assert_broken((uint16_t)(_i / N_FACES));
}
END_TEST

START_TEST(hostile_a1__chain_longer_than_what_is_free)
{
	rig_start_way(_i);
	probe->mode = PROBE_HOLD;
	offer_long(7, true, 3);
	ring_kick();
	offer_long(SIZE - 8, true, 4);
	ring_kick();
	ck_assert_int_eq(probe_n_held(probe), 1);
	probe_release(probe);
	probe->mode = PROBE_COPY;
	assert_broken(0);
}
END_TEST

START_TEST(hostile_a1__good_chain_before_an_endless_one)
{
	struct drv_pdesc good = { IN_GPA, 1, 9, 0 };

	rig_start_way(_i);
	drv_packed_raw_offer(ring(), &good, 1);
	offer_long(SIZE - 1, false, 3);
	ring_kick();
	assert_broken(0);
}
END_TEST

/* ---- A2, A4: buffer ids ---- */

static const uint16_t far_ids[] = { SIZE, SIZE + 1, 0x7fff, 0x8000, 0xffff };

#define N_IDS ((int)(sizeof(far_ids) / sizeof(far_ids[0])))

START_TEST(hostile_a2__buffer_id_out_of_range)
{
	rig_start_way(_i % N_FACES);
	offer_small(vq, far_ids[_i / N_FACES]);
	ring_kick();
	assert_broken(0);
}
END_TEST

START_TEST(hostile_a2__buffer_id_of_a_table_out_of_range)
{
	struct drv_pdesc d = { table_gpa, 16, far_ids[_i / N_FACES], INDIRECT };

	rig_start_way((_i % N_FACES) | 2);
	d.addr = table_gpa;
	chain_put(0, IN_GPA, 1, 0, 0);
	drv_packed_raw_offer(ring(), &d, 1);
	ring_kick();
	assert_broken(0);
}
END_TEST

START_TEST(hostile_a2__every_buffer_id_out_of_range_is_one_line_in_the_log)
{
	rig_start_way(_i);
	for (uint16_t i = 0; i < SIZE; i++)
		offer_long(0, true, SIZE);
	ring_kick();
	assert_broken(0);
}
END_TEST

/* It is in the last descriptor; the others may hold anything. */
START_TEST(hostile_a2__buffer_id_before_the_last_is_not_looked_at)
{
	const struct drv_pdesc d[] = {
		{ IN_GPA, 1, far_ids[_i / N_FACES], NEXT },
		{ OUT_GPA, 1, 7, WRITE },
	};

	rig_start_way(_i % N_FACES);
	drv_packed_raw_offer(ring(), d, 2);
	ring_kick();
	ck_assert_uint_eq(take_id(vq, 2), 7);
	assert_serves(vq);
}
END_TEST

START_TEST(hostile_a4__same_buffer_id_in_every_descriptor)
{
	rig_start_way(_i);
	probe->mode = PROBE_HOLD;
	for (int i = 0; i < SIZE; i++)
		offer_long(0, true, 6);
	ring_kick();
	ck_assert_int_eq(probe_n_held(probe), 1);
	probe_release(probe);
	probe->mode = PROBE_COPY;
	assert_broken(0);
}
END_TEST

START_TEST(hostile_a4__chains_of_a_broken_packed_queue_come_back_at_reset)
{
	int64_t began;

	rig_start_way(_i);
	probe->mode = PROBE_HOLD;
	offer_small(vq, 0);
	offer_small(vq, 2);
	offer_small(vq, 0);
	ring_kick();
	ck_assert_int_eq(probe_n_held(probe), 2);
	ck_assert_uint_ne(rig_status() & DRV_S_NEEDS_RESET, 0);
	began = drv_now_ms();
	rig_restart();
	ck_assert_int_lt(drv_now_ms() - began, 2000);
	ck_assert_int_eq(probe_n_held(probe), 0);
	probe->mode = PROBE_COPY;
	assert_serves(vq);
}
END_TEST

START_TEST(hostile_a4__buffer_id_again_after_it_came_back_is_served)
{
	rig_start_way(_i);
	for (int i = 0; i < SIZE / 2; i++)
		offer_small(vq, 11);
	ring_kick();
	for (int i = 0; i < SIZE / 2; i++)
		ck_assert_uint_eq(take_id(vq, 2), 11);
	assert_quiet();
	assert_serves(vq);
}
END_TEST

/* ---- A3: what is available, and what is not ---- */

/* AVAIL and USED that do not say "available now", in this lap and the next. */
static const uint16_t other_bits[2][3] = {
	{ 0, USED, AVAIL | USED },
	{ 0, AVAIL, AVAIL | USED },
};

START_TEST(hostile_a3__flags_that_do_not_say_available_are_silence)
{
	struct drv_pdesc d = { IN_GPA, 1, 4, 0 };
	int laps = _i / N_FACES;

	rig_start_way(_i % N_FACES);
	for (int i = 0; i < laps * SIZE / 2; i++)
		assert_serves(vq);
	for (int i = 0; i < 3; i++) {
		for (uint16_t f = 0; f < 8; f++) {
			d.flags = other_bits[laps & 1][i] | f;
			drv_packed_raw_desc(ring(), ring()->added, &d);
			ring_kick();
		}
	}
	ck_assert_int_eq(probe_count(&probe->n_chains), laps * SIZE / 2);
	ck_assert_int_eq(probe_count(&probe->n_errors), 0);
	ck_assert_uint_eq(rig_status() & DRV_S_NEEDS_RESET, 0);
	offer_small(vq, 4);
	ring_kick();
	ck_assert_uint_eq(take_id(vq, 2), 4);
	assert_serves(vq);
}
END_TEST

START_TEST(hostile_a3__descriptors_behind_a_hole_wait)
{
	struct drv_pdesc d = { IN_GPA, 1, 4, AVAIL };

	rig_start_way(_i);
	for (uint16_t i = 1; i < SIZE; i++) {
		d.id = i;
		drv_packed_raw_desc(ring(), i, &d);
		ring()->ids[i] = i;
		ring()->heads[i] = 1;
	}
	ring_kick();
	ck_assert_int_eq(probe_count(&probe->n_chains), 0);
	d.id = 0;
	drv_packed_raw_desc(ring(), 0, &d);
	ring()->ids[0] = 0;
	ring()->heads[0] = 1;
	ring()->added = ring()->published = SIZE;
	ring_kick();
	for (uint16_t i = 0; i < SIZE; i++)
		ck_assert_uint_eq(take_id(vq, 1), i);
	assert_serves(vq);
}
END_TEST

/* The next lap, with nothing of this one back: more than there is room for. */
START_TEST(hostile_a3__next_lap_while_all_are_in_flight)
{
	rig_start_way(_i);
	probe->mode = PROBE_HOLD;
	for (uint16_t i = 0; i < SIZE; i++)
		offer_long(0, true, i);
	ring_kick();
	ck_assert_int_eq(probe_n_held(probe), SIZE);
	offer_long(0, true, 3);
	ring_kick();
	ck_assert_int_eq(probe_n_held(probe), SIZE);
	probe_release(probe);
	probe->mode = PROBE_COPY;
	assert_broken(0);
}
END_TEST

static int n_refills;

/* The driver, on another processor: it uses what has not come back yet. */
static void
refill(struct vqueue_info *q)
{
	(void)q;
	offer_small(vq, (uint16_t)(++n_refills % SIZE));
}

START_TEST(hostile_a3__refill_of_what_has_not_come_back)
{
	rig_start_way(_i);
	probe->on_chain = refill;
	offer_small(vq, 0);
	ring_kick();
	ck_assert_int_eq(n_refills, SIZE / 2);
	probe->on_chain = NULL;
	assert_broken(0);
}
END_TEST

static void
refill_bad(struct vqueue_info *q)
{
	const struct drv_pdesc d = { NOWHERE, 8, 1, 0 };

	(void)q;
	n_refills++;
	drv_packed_raw_offer(ring(), &d, 1);
}

START_TEST(hostile_a3__refill_with_bad_chains_of_what_has_not_come_back)
{
	const struct drv_pdesc d = { NOWHERE, 8, 1, 0 };

	rig_start_way(_i);
	probe->on_refused = refill_bad;
	drv_packed_raw_offer(ring(), &d, 1);
	ck_assert_int_eq(drv_vq_kick(vq), 0); /* the loop has not run yet */
	ck_assert_int_eq(n_refills, SIZE);
	ck_assert_int_eq(drv_bus_run(bus), 0);
	ck_assert_int_ge(n_refills, SIZE);
	probe->on_refused = NULL;
	assert_serves(&dut.vqs[1]);
	rig_restart();
	assert_serves(vq);
}
END_TEST

/* ---- A9: indirect tables ---- */

static void
put_entry(uint32_t i, uint64_t addr, uint32_t len, uint16_t id, uint16_t flags)
{
	const struct drv_pdesc d = { addr, len, id, flags };

	ck_assert_int_eq(drv_packed_raw_table(&ram, table_gpa, i, &d), 0);
}

/* Only WRITE means something in a table, and no buffer id (2.8.7). */
START_TEST(hostile_a9__flags_in_a_table_are_not_looked_at)
{
	static const uint16_t flags[] = {
		NEXT, INDIRECT,     NEXT | INDIRECT, AVAIL,
		USED, AVAIL | USED, 0xfffd,
	};
	uint16_t f = flags[_i / N_FACES];

	rig_start_way((_i % N_FACES) | 2);
	put_entry(0, IN_GPA, 8, 0, f);
	put_entry(1, IN_GPA + 8, 8, 0xffff, f & ~NEXT);
	put_entry(2, OUT_GPA, 16, 2, f | WRITE);
	chain_send(3);
	assert_served(0, 16);
}
END_TEST

START_TEST(hostile_a9__two_tables_linked_by_next)
{
	const struct drv_pdesc d[] = {
		{ IN_GPA, 1, 0, NEXT },
		{ table_gpa, 16, 0, NEXT | INDIRECT },
		{ table_gpa, 16, 0, INDIRECT },
	};

	rig_start_way(_i | 2);
	put_entry(0, IN_GPA, 1, 0, 0);
	ring_offer_descs(vq, 0, d, 3);
	ring_kick();
	assert_broken(0);
}
END_TEST

/* No driver may mix them (2.8.6), but nothing speaks against what it says. */
START_TEST(hostile_a9__packed_table_after_direct_descriptors_is_served)
{
	rig_start_way(_i | 2);
	put_entry(0, IN_GPA + 8, 8, 0, 0);
	put_entry(1, OUT_GPA, 16, 0, WRITE);
	indirect = false;
	chain_put(0, IN_GPA, 8, NEXT, 1);
	ring_put_table(1, table_gpa, 32, 0);
	ring_send(0);
	assert_served(0, 16);
}
END_TEST

START_TEST(hostile_a9__packed_table_that_is_the_rings_own)
{
	rig_start_way(_i | 2);
	ring_put_table(0, ring()->desc_gpa, 16 * SIZE, 0);
	ring_send(0);
	/* Its entries are no buffers, and 15 of them are empty. */
	ck_assert_uint_eq(used_take(vq).len, 0);
	assert_serves(vq);
}
END_TEST

START_TEST(hostile_a9__packed_table_without_the_feature)
{
	struct drv_device_opts opts = {
		.face = _i ? DRV_WINDOW : DRV_MODERN,
		.irq = DRV_IRQ_MSIX,
		.features = DRV_BIT(DRV_F_RING_PACKED),
		.n_queues = PROBE_QUEUES,
	};

	rig_start_way(2);
	ck_assert_int_eq(drv_device_stop(&dut), 0);
	ck_assert_int_eq(drv_device_start(&dut, &opts), 0);
	chain_put(0, IN_GPA, 1, 0, 0);
	chain_send(1);
	assert_broken(0);
}
END_TEST

START_TEST(hostile_a9__table_with_more_than_what_fits_the_queue)
{
	rig_start_way((_i % N_FACES) | 2);
	for (uint16_t i = 0; i < SIZE + 2; i++)
		chain_put(i, IN_GPA, 0, 0, 0);
	chain_send((uint32_t)(SIZE + _i / N_FACES));
	if (_i / N_FACES)
		assert_broken(0);
	else
		assert_refused(0, 0); /* nothing in it */
}
END_TEST

START_TEST(hostile_a9__reserved_flags_of_a_packed_ring_are_not_looked_at)
{
	const uint16_t reserved = 0x7f78;
	const struct drv_pdesc d[] = {
		{ IN_GPA, 8, 0, reserved | NEXT },
		{ OUT_GPA, 8, 6, reserved | WRITE },
	};

	rig_start_way(_i);
	drv_packed_raw_offer(ring(), d, 2);
	ring_kick();
	ck_assert_uint_eq(drv_packed_raw_get_desc(ring(), 0).len, 8);
	ck_assert_uint_eq(take_id(vq, 2), 6);
	assert_serves(vq);
}
END_TEST

static void
add_chains(TCase *tc)
{
	tcase_add_loop_test(tc, hostile_a1__next_all_the_way_round, 0, N_FACES);
	tcase_add_loop_test(tc,
			    hostile_a1__next_all_the_way_round_from_the_middle,
			    0, N_FACES * SIZE);
	tcase_add_loop_test(tc, hostile_a1__chain_longer_than_what_is_free, 0,
			    N_FACES);
	tcase_add_loop_test(tc, hostile_a1__good_chain_before_an_endless_one, 0,
			    N_FACES);
	tcase_add_loop_test(tc, hostile_a2__buffer_id_out_of_range, 0,
			    N_FACES * N_IDS);
	tcase_add_loop_test(tc, hostile_a2__buffer_id_of_a_table_out_of_range,
			    0, N_FACES * N_IDS);
	tcase_add_loop_test(
		tc,
		hostile_a2__every_buffer_id_out_of_range_is_one_line_in_the_log,
		0, N_FACES);
	tcase_add_loop_test(
		tc, hostile_a2__buffer_id_before_the_last_is_not_looked_at, 0,
		N_FACES * N_IDS);
	tcase_add_loop_test(tc, hostile_a4__same_buffer_id_in_every_descriptor,
			    0, N_FACES);
	tcase_add_loop_test(
		tc,
		hostile_a4__chains_of_a_broken_packed_queue_come_back_at_reset,
		0, N_FACES);
	tcase_add_loop_test(
		tc, hostile_a4__buffer_id_again_after_it_came_back_is_served, 0,
		N_FACES);
}

static void
add_flags(TCase *tc)
{
	tcase_add_loop_test(
		tc, hostile_a3__flags_that_do_not_say_available_are_silence, 0,
		N_FACES * 3);
	tcase_add_loop_test(tc, hostile_a3__descriptors_behind_a_hole_wait, 0,
			    N_FACES);
	tcase_add_loop_test(tc, hostile_a3__next_lap_while_all_are_in_flight, 0,
			    N_FACES);
	tcase_add_loop_test(tc, hostile_a3__refill_of_what_has_not_come_back, 0,
			    N_FACES);
	tcase_add_loop_test(
		tc,
		hostile_a3__refill_with_bad_chains_of_what_has_not_come_back, 0,
		N_FACES);
}

static void
add_tables(TCase *tc)
{
	tcase_add_loop_test(tc, hostile_a9__flags_in_a_table_are_not_looked_at,
			    0, N_FACES * 7);
	tcase_add_loop_test(tc, hostile_a9__two_tables_linked_by_next, 0,
			    N_FACES);
	tcase_add_loop_test(
		tc, hostile_a9__packed_table_after_direct_descriptors_is_served,
		0, N_FACES);
	tcase_add_loop_test(tc, hostile_a9__packed_table_that_is_the_rings_own,
			    0, N_FACES);
	tcase_add_loop_test(tc, hostile_a9__packed_table_without_the_feature, 0,
			    N_FACES);
	tcase_add_loop_test(
		tc, hostile_a9__table_with_more_than_what_fits_the_queue, 0,
		N_FACES * 2);
	tcase_add_loop_test(
		tc,
		hostile_a9__reserved_flags_of_a_packed_ring_are_not_looked_at,
		0, N_FACES);
}

int
main(void)
{
	Suite *s = suite_create("ring-packed");

	for (int i = RIG_PACKED; i < RIG_KINDS; i++) {
		TCase *tc;

		if (!(i & RIG_PACKED))
			continue;
		tc = rig_case(s, (enum rig_kind)i, 60);
		add_chains(tc);
		add_flags(tc);
		add_tables(tc);
	}
	return suite_run(s);
}
