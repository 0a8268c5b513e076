// SPDX-License-Identifier: BSD-3-Clause
/*
 * Indices: avail.idx that jumps, turns back or never stops, heads that are
 * published twice, and counting past 65535.
 */
#include <sys/eventfd.h>

#include <vbs/pci.h>

#include "hostile/rig.h"

#define NEXT  DRV_DESC_NEXT
#define WRITE DRV_DESC_WRITE
#define SIZE  PROBE_QSIZE

/* A chain of two bytes in descriptors head and head + 1. */
static void
put_small(struct drv_vq *q, uint16_t head)
{
	drv_split_raw_desc(&q->ring, head, IN_GPA, 1, NEXT,
			   (uint16_t)(head + 1));
	drv_split_raw_desc(&q->ring, (uint16_t)(head + 1), OUT_GPA, 1, WRITE,
			   0);
}

static void
serve_some(int n)
{
	for (int i = 0; i < n; i++)
		assert_serves(vq);
}

/* Move avail.idx, with every slot naming a good chain. */
static void
jump(uint16_t by)
{
	put_small(vq, 0);
	for (uint16_t i = 0; i < SIZE; i++)
		drv_split_raw_avail(&vq->ring, i, 0);
	vq->ring.avail_idx = (uint16_t)(vq->ring.avail_idx + by);
	drv_split_raw_avail_idx(&vq->ring, vq->ring.avail_idx);
	ring_kick();
}

/* ---- A3 ---- */

static const uint16_t jumps[] = {
	SIZE + 1, SIZE + 2, 2 * SIZE, 0x7fff, 0x8000, 0xff00, 0xfffe, 0xffff,
};

#define N_JUMPS ((int)(sizeof(jumps) / sizeof(jumps[0])))

START_TEST(hostile_a3__index_jumps_ahead_or_back)
{
	rig_start_way(_i % N_FACES);
	jump(jumps[_i / N_FACES]);
	assert_broken(0);
}
END_TEST

START_TEST(hostile_a3__index_jumps_ahead_or_back_in_mid_run)
{
	rig_start_way(_i % N_FACES);
	serve_some(5);
	jump(jumps[_i / N_FACES]);
	assert_broken(5);
}
END_TEST

START_TEST(hostile_a3__index_turns_back_while_chains_are_in_flight)
{
	rig_start_way(_i);
	probe->mode = PROBE_HOLD;
	for (uint16_t i = 0; i < 4; i++) {
		put_small(vq, (uint16_t)(2 * i));
		drv_split_raw_offer(&vq->ring, (uint16_t)(2 * i));
	}
	ring_kick();
	ck_assert_int_eq(probe_n_held(probe), 4);
	drv_split_raw_avail_idx(&vq->ring, 2);
	ring_kick();
	probe_release(probe);
	probe->mode = PROBE_COPY;
	assert_broken(0);
}
END_TEST

START_TEST(hostile_a3__full_ring_is_not_an_empty_one)
{
	rig_start_way(_i);
	serve_some(3);
	jump(SIZE);
	for (int i = 0; i < SIZE; i++)
		ck_assert_uint_eq(used_take(vq).len, 1);
	assert_quiet();
	assert_serves(vq);
}
END_TEST

#define N_REFILLS 1000

static int n_refills;
static int n_before_other; /* chains of queue 0 before that of queue 1 */

static void
ring_doorbell(int queue)
{
	struct vbs_doorbell bells[16];
	int n = vbs_pci_doorbells(drv_inproc_dev(bus), bells, 16);

	ck_assert_int_le(n, 16);
	for (int i = 0; i < n; i++) {
		if (bells[i].match == queue) {
			ck_assert_int_eq(eventfd_write(bells[i].fd, 1), 0);
			return;
		}
	}
	ck_abort_msg("no doorbell for queue %d", queue);
}

/* The driver, on another processor: it offers again what has been taken. */
static void
refill(struct vqueue_info *q)
{
	if (q->num == 1) {
		n_before_other = n_refills;
		return;
	}
	if (++n_refills >= N_REFILLS)
		return;
	if (n_refills == 3) {
		drv_split_raw_offer(&dut.vqs[1].ring, 0);
		ring_doorbell(1);
	}
	drv_split_raw_offer(&vq->ring, 0);
}

/* covers: B12 */
START_TEST(hostile_a3__endless_refill_does_not_starve_the_other_queue)
{
	rig_start_way(_i);
	probe->on_chain = refill;
	put_small(vq, 0);
	put_small(&dut.vqs[1], 0);
	ring_send(0);
	ck_assert_int_eq(n_refills, N_REFILLS);
	ck_assert_int_gt(n_before_other, 0);
	ck_assert_int_le(n_before_other, 3 * SIZE);
	ck_assert_uint_eq(drv_split_raw_get_used_idx(&vq->ring), N_REFILLS);
	ck_assert_uint_eq(used_take(&dut.vqs[1]).len, 1);
}
END_TEST

static void
refill_bad(struct vqueue_info *q)
{
	(void)q;
	if (++n_refills < N_REFILLS)
		drv_split_raw_offer(&vq->ring, 0);
}

START_TEST(hostile_a3__endless_refill_with_bad_chains_ends_the_turn)
{
	rig_start_way(_i);
	probe->on_refused = refill_bad;
	drv_split_raw_desc(&vq->ring, 0, NOWHERE, 8, 0, 0);
	drv_split_raw_offer(&vq->ring, 0);
	ck_assert_int_eq(drv_vq_kick(vq), 0); /* the loop has not run yet */
	ck_assert_int_eq(n_refills, SIZE);
	ck_assert_int_eq(drv_bus_run(bus), 0);
	ck_assert_int_eq(n_refills, N_REFILLS);
	vq->ring.used_idx = N_REFILLS;
	assert_serves(vq);
}
END_TEST

/* ---- A4 ---- */

START_TEST(hostile_a4__head_published_again_while_in_flight)
{
	rig_start_way(_i);
	probe->mode = PROBE_HOLD;
	chain_put(0, IN_GPA, 8, 0, 0);
	chain_send(1);
	ck_assert_int_eq(probe_n_held(probe), 1);
	chain_send(1);
	ck_assert_int_eq(probe_n_held(probe), 1);
	probe_release(probe);
	probe->mode = PROBE_COPY;
	assert_broken(0);
}
END_TEST

START_TEST(hostile_a4__same_head_in_every_slot)
{
	rig_start_way(_i);
	probe->mode = PROBE_HOLD;
	put_small(vq, 4);
	for (int i = 0; i < SIZE; i++)
		drv_split_raw_offer(&vq->ring, 4);
	ring_kick();
	ck_assert_int_eq(probe_n_held(probe), 1);
	probe_release(probe);
	probe->mode = PROBE_COPY;
	assert_broken(0);
}
END_TEST

START_TEST(hostile_a4__chains_of_a_broken_queue_come_back_at_reset)
{
	int64_t began;

	rig_start_way(_i);
	probe->mode = PROBE_HOLD;
	put_small(vq, 0);
	put_small(vq, 2);
	drv_split_raw_offer(&vq->ring, 0);
	drv_split_raw_offer(&vq->ring, 2);
	ring_send(0);
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

START_TEST(hostile_a4__head_published_again_after_it_came_back_is_served)
{
	rig_start_way(_i);
	put_small(vq, 0);
	for (int i = 0; i < SIZE; i++)
		drv_split_raw_offer(&vq->ring, 0);
	ring_kick();
	for (int i = 0; i < SIZE; i++)
		ck_assert_uint_eq(used_take(vq).id, 0);
	assert_quiet();
	assert_serves(vq);
}
END_TEST

START_TEST(hostile_a4__chains_that_share_their_descriptors)
{
	rig_start_way(_i);
	probe->mode = PROBE_HOLD;
	drv_split_raw_desc(&vq->ring, 9, OUT_GPA, 1, WRITE, 0);
	for (uint16_t i = 0; i < 4; i++) {
		drv_split_raw_desc(&vq->ring, i, IN_GPA, 1, NEXT, 9);
		drv_split_raw_offer(&vq->ring, i);
	}
	ring_kick();
	ck_assert_int_eq(probe_n_held(probe), 4);
	probe_release(probe);
	probe->mode = PROBE_COPY;
	for (uint16_t i = 0; i < 4; i++)
		ck_assert_uint_eq(used_take(vq).id, i);
	assert_serves(vq);
}
END_TEST

/* ---- A12 ---- */

START_TEST(hostile_a12__indices_wrap_at_65536)
{
	const struct drv_seg segs[] = { { IN_GPA, 8, false },
					{ OUT_GPA, 8, true } };
	struct drv_used used;

	rig_start_way(_i);
	vq->indirect = indirect;
	for (int i = 0; i < 70000; i++) {
		int n = 1 + i % 7;

		i += n - 1;
		for (int k = 0; k < n; k++)
			ck_assert_int_ge(drv_vq_submit(vq, segs, 2, NULL), 0);
		ck_assert_int_eq(drv_bus_run(bus), 0);
		for (int k = 0; k < n; k++) {
			ck_assert_int_eq(drv_vq_reap(vq, &used), 1);
			ck_assert_uint_eq(used.len, 8);
		}
	}
	assert_quiet();
	ck_assert_uint_eq(rig_status() & DRV_S_NEEDS_RESET, 0);
}
END_TEST

#define BIG 32768

/* Every descriptor a chain of its own, all of them published at once. */
static void
fill_big_ring(void)
{
	for (uint32_t i = 0; i < BIG; i++)
		drv_split_raw_avail(&vq->ring,
				    (uint16_t)(vq->ring.avail_idx + i),
				    (uint16_t)(BIG - 1 - i));
	vq->ring.avail_idx = (uint16_t)(vq->ring.avail_idx + BIG);
	drv_split_publish(&vq->ring);
	ring_kick();
}

START_TEST(hostile_a12__queue_of_32768_is_filled_again_and_again)
{
	rig_plug("big");
	rig_start_way(_i);
	ck_assert_uint_eq(vq->ring.size, BIG);
	for (uint32_t i = 0; i < BIG; i++)
		drv_split_raw_desc(&vq->ring, (uint16_t)i, IN_GPA, 1, 0, 0);
	for (int round = 0; round < 3; round++) {
		fill_big_ring();
		for (uint32_t i = 0; i < BIG; i++)
			ck_assert_uint_eq(used_take(vq).id, BIG - 1 - i);
		assert_quiet();
	}
	drv_split_raw_avail_idx(&vq->ring,
				(uint16_t)(vq->ring.avail_idx + BIG + 1));
	ring_kick();
	assert_broken((uint16_t)(3 * BIG));
}
END_TEST

START_TEST(hostile_a12__interrupt_exactly_at_the_event_past_65535)
{
	rig_plug(NULL);
	rig_start(_i ? DRV_LEGACY : DRV_MODERN, DRV_BIT(DRV_F_EVENT_IDX));
	put_small(vq, 0);
	drv_split_raw_used_event(&vq->ring, 0xffff);
	for (int i = 0; i < 65535; i++) {
		drv_split_raw_offer(&vq->ring, 0);
		ck_assert_int_eq(drv_vq_kick(vq), 0);
	}
	ck_assert_uint_eq(drv_vq_irqs(vq), 0);
	ring_send(0);
	ck_assert_uint_eq(drv_split_raw_get_used_idx(&vq->ring), 0);
	ck_assert_uint_eq(drv_vq_irqs(vq), 1);
	ring_send(0);
	ck_assert_uint_eq(drv_vq_irqs(vq), 1);
}
END_TEST

static void
add_jumps(TCase *tc)
{
	tcase_add_loop_test(tc, hostile_a3__index_jumps_ahead_or_back, 0,
			    N_FACES * N_JUMPS);
	tcase_add_loop_test(tc,
			    hostile_a3__index_jumps_ahead_or_back_in_mid_run, 0,
			    N_FACES * N_JUMPS);
	tcase_add_loop_test(
		tc, hostile_a3__index_turns_back_while_chains_are_in_flight, 0,
		N_FACES);
	tcase_add_loop_test(tc, hostile_a3__full_ring_is_not_an_empty_one, 0,
			    N_FACES);
	tcase_add_loop_test(
		tc, hostile_a3__endless_refill_does_not_starve_the_other_queue,
		0, N_FACES);
	tcase_add_loop_test(
		tc, hostile_a3__endless_refill_with_bad_chains_ends_the_turn, 0,
		N_FACES);
}

static void
add_heads(TCase *tc)
{
	tcase_add_loop_test(tc,
			    hostile_a4__head_published_again_while_in_flight, 0,
			    N_WAYS);
	tcase_add_loop_test(tc, hostile_a4__same_head_in_every_slot, 0,
			    N_FACES);
	tcase_add_loop_test(
		tc, hostile_a4__chains_of_a_broken_queue_come_back_at_reset, 0,
		N_FACES);
	tcase_add_loop_test(
		tc,
		hostile_a4__head_published_again_after_it_came_back_is_served,
		0, N_FACES);
	tcase_add_loop_test(tc, hostile_a4__chains_that_share_their_descriptors,
			    0, N_FACES);
}

/* ---- what a broken queue keeps ---- */

static void
count_release(void *arg, void *hva, uint64_t size)
{
	(void)hva;
	(void)size;
	++*(int *)arg;
}

/* Its ring is used no more, so neither is the memory. */
START_TEST(broken_queue_lets_memory_go)
{
	static uint8_t page[4096];
	int n_released = 0;
	struct vbs_ram extra = {
		.gpa = NOWHERE,
		.size = sizeof(page),
		.hva = page,
		.release = count_release,
		.arg = &n_released,
	};

	rig_start_way(0);
	ck_assert_int_eq(vbs_vm_add_ram(drv_inproc_vm(machine), &extra), 0);
	probe->mode = _i ? PROBE_STUCK : PROBE_COPY;
	put_small(vq, 2);
	ring_send(2);
	jump(SIZE + 1);
	ck_assert_uint_ne(rig_status() & DRV_S_NEEDS_RESET, 0);
	ck_assert_int_eq(
		vbs_vm_del_ram(drv_inproc_vm(machine), NOWHERE, sizeof(page)),
		0);
	ck_assert_int_eq(n_released, !_i);
	probe_release(probe);
	ck_assert_int_eq(drv_bus_run(bus), 0);
	ck_assert_int_eq(n_released, 1);
}
END_TEST

static void
add_laps(TCase *tc)
{
	tcase_add_loop_test(tc, hostile_a12__indices_wrap_at_65536, 0, N_WAYS);
	tcase_add_loop_test(
		tc, hostile_a12__queue_of_32768_is_filled_again_and_again, 0,
		N_FACES);
	tcase_add_loop_test(
		tc, hostile_a12__interrupt_exactly_at_the_event_past_65535, 0,
		N_FACES);
	tcase_add_loop_test(tc, broken_queue_lets_memory_go, 0, 2);
}

/* What packed rings have, too; the rest is in test-ring-packed.c. */
static void
add_packed(TCase *tc)
{
	tcase_add_loop_test(tc,
			    hostile_a4__head_published_again_while_in_flight, 0,
			    N_WAYS);
	tcase_add_loop_test(tc, hostile_a12__indices_wrap_at_65536, 0, N_WAYS);
}

int
main(void)
{
	Suite *s = suite_create("ring-index");

	for (int i = 0; i < RIG_KINDS; i++) {
		TCase *tc = rig_case(s, (enum rig_kind)i, 120);

		if (i & RIG_PACKED) {
			add_packed(tc);
			continue;
		}
		add_jumps(tc);
		add_heads(tc);
		add_laps(tc);
	}
	return suite_run(s);
}
