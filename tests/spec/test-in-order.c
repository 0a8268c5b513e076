// SPDX-License-Identifier: BSD-3-Clause
/*
 * Chains come back in the order in which they were made available, whatever
 * finishes first (VIRTIO_F_IN_ORDER; virtio 1.3, 2.7.9, 2.8.8, 6.2).
 */
#include <check.h>

#include "device/loop-fixture.h"
#include "driver/echo.h"

/* A page for data that a case places by hand. */
#define DATA (RAM_GPA + RAM_SIZE - 0x10000)

#define EVENT    DRV_BIT(DRV_F_EVENT_IDX)
#define INDIRECT DRV_BIT(DRV_F_INDIRECT_DESC)

#define N_NEW_FACES 2

static const enum drv_face new_faces[] = { DRV_MODERN, DRV_WINDOW };

static struct drv_echo echoes; /* traffic on queue 0 */

static struct drv_vq *
queue(void)
{
	return &dut.vqs[0];
}

/* Traffic on queue 0, whose chains stay with the device. */
static void
start_traffic(enum drv_face face, uint64_t features, uint64_t seed)
{
	const struct drv_echo_opts opts = {
		.seed = seed,
		.no_indirect = !(features & INDIRECT),
	};

	start(face, DRV_IRQ_MSIX, features);
	loop->hold = true;
	ck_assert_int_eq(drv_echo_init(&echoes, queue(), &opts), 0);
}

/* How many of n chains were sent; the device has all of them. */
static int
send_chains(int n)
{
	int sent = drv_echo_send(&echoes, n);

	ck_assert_int_ge(sent, 0);
	ck_assert_int_eq(drv_bus_run(bus), 0);
	return sent;
}

/* So many chains have come back now, all of them as they have to be. */
static void
assert_back(int n)
{
	ck_assert_int_eq(drv_echo_reap(&echoes), n);
	ck_assert_msg(!echoes.n_faults, "%s", echoes.why);
}

static void
end_traffic(void)
{
	ck_assert_uint_eq(status() & DRV_S_NEEDS_RESET, 0);
	drv_echo_deinit(&echoes);
}

START_TEST(spec_feature_reserved__in_order_is_offered_when_it_is_asked_for)
{
	uint64_t offered = 0;

	start(new_faces[_i], DRV_IRQ_MSIX, 0);
	ck_assert_int_eq(drv_virtio_offered(&dut.vd, &offered), 0);
	ck_assert(offered & DRV_BIT(DRV_F_IN_ORDER));
	ck_assert(dut.vd.features & DRV_BIT(DRV_F_IN_ORDER));
	echo(0, 40);
}
END_TEST

/* ---- order -------------------------------------------------------------- */

#define N_HELD 12

/* From 0, which of those that are held is the next to finish. */
static int
pick(int n)
{
	static uint32_t seed;

	seed = seed * 1664525 + 1013904223 + (uint32_t)n;
	return (int)((seed >> 8) % (uint32_t)n);
}

/* What is back is what is done of the oldest, and not one chain less. */
START_TEST(spec_feature_reserved__oldest_first_whatever_finishes_first)
{
	start_traffic(new_faces[_i % 2], INDIRECT, (uint64_t)_i);
	for (int round = 0; round < 50; round++) {
		bool done[LOOP_QSIZE] = { false };
		int left[LOOP_QSIZE], n = send_chains(N_HELD), first = 0;

		ck_assert_int_eq(loop->n_held[0], n);
		for (int i = 0; i < n; i++)
			left[i] = i;
		for (int rest = n; rest > 0; rest--) {
			int k = pick(rest), before = first;

			loop_give_back(loop, 0, k);
			done[left[k]] = true;
			for (int i = k; i + 1 < rest; i++)
				left[i] = left[i + 1];
			while (first < n && done[first])
				first++;
			assert_back(first - before);
		}
	}
	end_traffic();
}
END_TEST

/* The last one first, down to the oldest: then all at once. */
START_TEST(spec_feature_reserved__all_wait_for_the_oldest)
{
	start_traffic(new_faces[_i % 2], INDIRECT, (uint64_t)_i);
	for (int round = 0; round < 3 * LOOP_QSIZE; round++) {
		int n = send_chains(1 + round % N_HELD);

		for (int i = n - 1; i > 0; i--) {
			loop_give_back(loop, 0, i);
			assert_back(0);
			ck_assert(!drv_vq_has_used(queue()));
		}
		loop_give_back(loop, 0, 0);
		assert_back(n);
	}
	end_traffic();
}
END_TEST

/* As many as there are descriptors, through many laps, and past 65535. */
START_TEST(spec_feature_reserved__full_rings_come_back_in_order)
{
	const struct drv_seg seg = { DATA, 1, true };
	struct drv_used used;

	start(DRV_MODERN, DRV_IRQ_MSIX, 0);
	loop->hold = true;
	for (int round = 0; round < 65536 / LOOP_QSIZE + 3; round++) {
		int ids[LOOP_QSIZE];

		for (int i = 0; i < LOOP_QSIZE; i++)
			ids[i] = drv_vq_add(queue(), &seg, 1, NULL);
		drv_vq_publish(queue());
		ck_assert_int_eq(drv_vq_kick(queue()), 0);
		ck_assert_int_eq(drv_bus_run(bus), 0);
		for (int i = LOOP_QSIZE; i > 0; i--)
			loop_give_back(loop, 0, pick(i));
		for (int i = 0; i < LOOP_QSIZE; i++) {
			ck_assert_int_eq(drv_vq_reap(queue(), &used), 1);
			ck_assert_uint_eq(used.id, (unsigned)ids[i]);
			ck_assert_uint_eq(used.skipped ? 0 : used.len, 0);
		}
		ck_assert(!drv_vq_has_used(queue()));
	}
}
END_TEST

/* Without the feature the same device returns what is done. */
START_TEST(spec_feature_reserved__order_is_free_unless_it_was_agreed_on)
{
	uint64_t packed = ring_feature & DRV_BIT(DRV_F_RING_PACKED);
	struct drv_used used;

	ring_feature = packed;
	start_traffic(DRV_MODERN, 0, 1);
	ck_assert_int_eq(send_chains(3), 3);
	loop_give_back(loop, 0, 2);
	ck_assert_int_eq(drv_vq_reap(queue(), &used), 1);
	ck_assert_uint_eq(((struct drv_echo_chain *)used.cookie)->number, 2);
	end_traffic();
}
END_TEST

/* ---- what was written --------------------------------------------------- */

/*
 * Half of these chains have more room than there is to write: whatever the
 * device tells of at once, the driver has to find their lengths.
 */
START_TEST(spec_vq_split_used_ring__length_of_each_of_a_batch)
{
	struct drv_seg segs[] = { { DATA, 8, false }, { DATA + 64, 8, true } };
	struct drv_used used;

	start(DRV_MODERN, DRV_IRQ_MSIX, 0);
	loop->hold = true;
	for (uint32_t i = 0; i < N_HELD; i++) {
		segs[1].len = _i >> (i % 4) & 1 ? 8 : 9;
		ck_assert_int_ge(drv_vq_add(queue(), segs, 2, NULL), 0);
	}
	drv_vq_publish(queue());
	ck_assert_int_eq(drv_vq_kick(queue()), 0);
	ck_assert_int_eq(drv_bus_run(bus), 0);
	loop_release(loop, 0);
	for (int i = 0; i < N_HELD; i++) {
		ck_assert_int_eq(drv_vq_reap(queue(), &used), 1);
		ck_assert_uint_eq(used.len, 8);
	}
	ck_assert(!drv_vq_has_used(queue()));
}
END_TEST

/* One that the library refuses has its place in the order, too. */
START_TEST(spec_vq_framing__refused_chain_waits_for_the_ones_before_it)
{
	struct drv_seg segs[LOOP_MAX_SEGS + 1];
	struct drv_used used;

	start(DRV_MODERN, DRV_IRQ_MSIX, 0);
	loop->hold = true;
	for (uint64_t i = 0; i <= LOOP_MAX_SEGS; i++)
		segs[i] = (struct drv_seg){ DATA + i, 1, i > 0 };
	ck_assert_int_ge(drv_vq_add(queue(), segs, 2, NULL), 0);
	ck_assert_int_ge(drv_vq_add(queue(), segs, LOOP_MAX_SEGS + 1, NULL), 0);
	ck_assert_int_ge(drv_vq_add(queue(), segs, 2, NULL), 0);
	drv_vq_publish(queue());
	ck_assert_int_eq(drv_vq_kick(queue()), 0);
	ck_assert_int_eq(drv_bus_run(bus), 0);
	ck_assert_int_eq(loop->n_bad, 1);
	ck_assert(!drv_vq_has_used(queue()));
	loop_give_back(loop, 0, _i);
	for (uint32_t i = 0; i < 2u - 2u * (uint32_t)_i; i++) {
		ck_assert_int_eq(drv_vq_reap(queue(), &used), 1);
		ck_assert_uint_eq(used.len, 1 - i);
		ck_assert(!used.skipped || i == 0);
	}
	ck_assert(!drv_vq_has_used(queue()));
	loop_give_back(loop, 0, 0);
	ck_assert_int_eq(reap_all(0), _i ? 3 : 1);
	loop->hold = false;
	echo(0, 10);
}
END_TEST

/* A chain that is put back is taken again, in its place. */
static void
put_back_once(void *arg, struct vqueue_info *vq)
{
	struct iovec iov[LOOP_MAX_SEGS];
	uint16_t head, again;

	(void)arg;
	while (vq_getchain(vq, &head, iov, LOOP_MAX_SEGS, NULL) > 0) {
		vq_retchain(vq);
		ck_assert_int_gt(
			vq_getchain(vq, &again, iov, LOOP_MAX_SEGS, NULL), 0);
		ck_assert_uint_eq(again, head);
		vq_relchain(vq, head, 0);
	}
	vq_endchains(vq, 1);
}

START_TEST(chains_that_are_put_back_keep_their_place)
{
	start_modern(0);
	loop->vqs[0].notify = put_back_once;
	for (int i = 0; i < 3 * LOOP_QSIZE; i++) {
		post(0, 1 + i % 5);
		ck_assert_int_eq(reap_all(0), 1 + i % 5);
	}
}
END_TEST

/* ---- notifications ------------------------------------------------------- */

/* What waits is not used yet: no notification. Then one for all. */
START_TEST(spec_vq_split_used_notify__those_that_wait_are_not_notified)
{
	uint64_t before;

	start_traffic(DRV_MODERN, _i ? EVENT : 0, 3);
	for (int round = 0; round < 100; round++) {
		ck_assert_int_eq(send_chains(5), 5);
		drv_vq_interrupts(queue(), true);
		before = drv_vq_irqs(queue());
		for (int i = 4; i > 0; i--) {
			loop_give_back(loop, 0, i);
			ck_assert_uint_eq(drv_vq_irqs(queue()), before);
		}
		loop_give_back(loop, 0, 0);
		ck_assert_uint_eq(drv_vq_irqs(queue()), before + 1);
		assert_back(5);
	}
	end_traffic();
}
END_TEST

/* The driver wants to hear of the k-th of those in flight, from 0. */
static void
set_event(uint16_t k)
{
	struct drv_packed *p = &queue()->packed;
	uint64_t place = p->used;

	if (!queue()->is_packed) {
		drv_split_raw_used_event(
			&queue()->ring, (uint16_t)(queue()->ring.used_idx + k));
		return;
	}
	for (; k > 0; k--)
		place += p->heads[place % LOOP_QSIZE];
	drv_packed_raw_driver_event(p, drv_packed_off_wrap(p, place),
				    DRV_EVENT_DESC);
}

/* The event is any of those that come back at once. */
START_TEST(spec_vq_split_used_notify__event_among_those_that_waited)
{
	uint64_t before;

	start_traffic(DRV_MODERN, EVENT, 5);
	for (uint16_t at = 0; at < 2 * LOOP_QSIZE; at++) {
		uint16_t k = at % 6;

		ck_assert_int_eq(send_chains(5), 5);
		set_event(k);
		before = drv_vq_irqs(queue());
		for (int i = 4; i >= 0; i--)
			loop_give_back(loop, 0, i);
		assert_back(5);
		ck_assert_uint_eq(drv_vq_irqs(queue()), before + (k < 5));
	}
	end_traffic();
}
END_TEST

/* ---- the end of it ------------------------------------------------------- */

/* What was done and waited is gone with the queue, and is not shown later. */
START_TEST(spec_vq_reset__those_that_waited_are_over)
{
	struct drv_vq *q = queue();

	start_traffic(DRV_MODERN, DRV_BIT(DRV_F_RING_RESET), 7);
	for (int round = 0; round < 20; round++) {
		int n = send_chains(1 + round % N_HELD);

		for (int i = n - 1; i > 0; i--)
			loop_give_back(loop, 0, i);
		assert_back(0);
		ck_assert_int_eq(drv_queue_reset(&dut.vd, 0), 0);
		drv_vq_reset_ring(q);
		drv_echo_restart(&echoes);
		ck_assert_int_eq(drv_bus_run(bus), 0);
		ck_assert(!drv_vq_has_used(q));
		ck_assert_int_eq(drv_vq_attach(q), 0);
		n = send_chains(3);
		loop_release(loop, 0);
		assert_back(n);
	}
	end_traffic();
}
END_TEST

START_TEST(spec_reset__those_that_waited_do_not_come_back_later)
{
	for (int round = 0; round < 6; round++) {
		start_traffic(new_faces[round % 2], 0, (uint64_t)round);
		ck_assert_int_eq(send_chains(6), 6);
		for (int i = 5; i > 0; i--)
			loop_give_back(loop, 0, i);
		assert_back(0);
		end_traffic();
		ck_assert_int_eq(drv_device_stop(&dut), 0);
		ck_assert_int_eq(loop->n_held[0], 0);
		start(new_faces[round % 2], DRV_IRQ_MSIX, 0);
		loop->hold = false;
		for (int i = 0; i < 5; i++)
			echo(0, 33);
		ck_assert_int_eq(drv_device_stop(&dut), 0);
	}
}
END_TEST

static void
add_cases(TCase *tc)
{
	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(
		tc,
		spec_feature_reserved__in_order_is_offered_when_it_is_asked_for,
		0, N_NEW_FACES);
	tcase_add_loop_test(
		tc, spec_feature_reserved__oldest_first_whatever_finishes_first,
		0, 10);
	tcase_add_loop_test(tc, spec_feature_reserved__all_wait_for_the_oldest,
			    0, N_NEW_FACES);
	tcase_add_test(tc,
		       spec_feature_reserved__full_rings_come_back_in_order);
	tcase_add_test(
		tc,
		spec_feature_reserved__order_is_free_unless_it_was_agreed_on);
	tcase_add_loop_test(
		tc, spec_vq_split_used_ring__length_of_each_of_a_batch, 0, 16);
	tcase_add_loop_test(
		tc, spec_vq_framing__refused_chain_waits_for_the_ones_before_it,
		0, 2);
	tcase_add_test(tc, chains_that_are_put_back_keep_their_place);
	tcase_add_loop_test(
		tc, spec_vq_split_used_notify__those_that_wait_are_not_notified,
		0, 2);
	tcase_add_test(
		tc, spec_vq_split_used_notify__event_among_those_that_waited);
	tcase_add_test(tc, spec_vq_reset__those_that_waited_are_over);
	tcase_add_test(tc,
		       spec_reset__those_that_waited_do_not_come_back_later);
}

int
main(void)
{
	Suite *s = suite_create("spec-in-order");
	TCase *tc = tcase_create("split");

	tcase_add_checked_fixture(tc, setup_in_order, teardown);
	add_cases(tc);
	suite_add_tcase(s, tc);
	tc = tcase_create("packed");
	tcase_add_checked_fixture(tc, setup_packed_in_order, teardown);
	add_cases(tc);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
