// SPDX-License-Identifier: BSD-3-Clause
/* A queue that is looked at in place of being kicked: what poll.h promises. */
#include <check.h>

#include "device/loop-fixture.h"
#include "virtio/virtio.h"

#define FOR_EVER   1000000000u /* in microseconds: as long as a test lasts */
#define A_MOMENT   1000
#define COMMAND    4
#define NO_MASTER  2
#define BUS_MASTER 6

static struct pci_vdev *dev;
static struct vq_priv *q;
static struct drv_split *ring;

static void
setup_polled(void)
{
	setup();
	start_modern(0);
	dev = loop->common.dev;
	q = loop->vqs[0].priv;
	ring = &dut.vqs[0].ring;
}

static void
teardown_polled(void)
{
	ck_assert_int_eq(pci_poll(dev, 0, false), 0);
	teardown();
}

/* A chain, and no kick. */
static void
offer(void)
{
	struct drv_seg seg = { RAM_GPA + RAM_SIZE - 64, 1, true };

	ck_assert_int_ge(drv_split_add(ring, &seg, 1, NULL), 0);
	drv_split_publish(ring);
}

static void
turn(void)
{
	(void)event_base_loop(q->base, EVLOOP_ONCE);
}

static void
take_one(void)
{
	struct drv_used used;

	while (!drv_split_has_used(ring))
		turn();
	ck_assert_int_eq(drv_split_reap(ring, &used), 1);
}

static bool
wants_kicks(void)
{
	return drv_split_raw_get_used_flags(ring) == 0;
}

/* Served, and looked at ever since. */
static void
keep_busy(uint32_t us)
{
	ck_assert_int_eq(pci_poll(dev, us, false), 0);
	offer();
	ck_assert_int_eq(drv_vq_kick(&dut.vqs[0]), 0);
	take_one();
	ck_assert(!wants_kicks());
}

START_TEST(busy_queue_is_served_without_kicks)
{
	keep_busy(FOR_EVER);
	for (int i = 0; i < 10; i++) {
		offer();
		take_one();
		ck_assert(!wants_kicks());
	}
}
END_TEST

START_TEST(queue_that_rests_asks_for_kicks)
{
	ck_assert_int_eq(pci_poll(dev, 1, false), 0);
	for (int i = 0; i < 3; i++) {
		offer();
		ck_assert_int_eq(drv_vq_kick(&dut.vqs[0]), 0);
		take_one();
		while (!wants_kicks())
			turn();
		ck_assert_int_eq(drv_bus_run(bus), 0);
		ck_assert(!event_pending(q->poll.ev, EV_TIMEOUT, NULL));
	}
}
END_TEST

/* Between the last look and the wish for kicks. */
START_TEST(chain_that_comes_as_the_queue_goes_to_rest_is_served)
{
	keep_busy(FOR_EVER);
	offer();
	ck_assert_int_eq(pci_poll(dev, 0, false), 0);
	take_one();
	ck_assert(wants_kicks());
}
END_TEST

START_TEST(queue_whose_kicks_are_not_seen_is_served_in_the_end)
{
	ck_assert_int_eq(pci_poll(dev, 0, true), 0);
	for (int i = 0; i < 3; i++) {
		offer();
		take_one();
		ck_assert(wants_kicks()); /* some may come all the same */
	}
	/* Not any more when they are seen. */
	ck_assert_int_eq(pci_poll(dev, 1, false), 0);
	while (event_pending(q->poll.ev, EV_TIMEOUT, NULL))
		turn();
	offer();
	ck_assert_int_eq(drv_bus_run(bus), 0);
	ck_assert(!drv_split_has_used(ring));
	ck_assert_int_eq(drv_vq_kick(&dut.vqs[0]), 0);
	take_one();
}
END_TEST

START_TEST(queue_that_goes_on_after_a_pause_is_still_looked_at)
{
	keep_busy(FOR_EVER);
	ck_assert_int_eq(vbs_pci_cfgwrite(dev, COMMAND, 2, NO_MASTER), 0);
	offer();
	for (int i = 0; i < 10; i++)
		turn();
	ck_assert(!drv_split_has_used(ring));
	ck_assert_int_eq(vbs_pci_cfgwrite(dev, COMMAND, 2, BUS_MASTER), 0);
	take_one();
	offer();
	take_one();
}
END_TEST

START_TEST(queue_that_rests_during_a_pause_asks_for_kicks_after_it)
{
	keep_busy(FOR_EVER);
	ck_assert_int_eq(vbs_pci_cfgwrite(dev, COMMAND, 2, NO_MASTER), 0);
	ck_assert_int_eq(pci_poll(dev, 0, false), 0);
	ck_assert_int_eq(vbs_pci_cfgwrite(dev, COMMAND, 2, BUS_MASTER), 0);
	ck_assert(wants_kicks());
}
END_TEST

START_TEST(queue_that_starts_again_after_a_reset_asks_for_kicks)
{
	keep_busy(A_MOMENT);
	ck_assert_int_eq(drv_device_stop(&dut), 0);
	start_modern(0);
	ck_assert(wants_kicks());
	keep_busy(A_MOMENT);
}
END_TEST

START_TEST(broken_ring_is_left_alone)
{
	keep_busy(FOR_EVER);
	drv_split_raw_avail_idx(ring, 12345);
	while (!q->broken)
		turn();
	ck_assert_int_eq(pci_poll(dev, 0, false), 0);
	ck_assert(!wants_kicks());
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("virtio/poll");
	TCase *tc = tcase_create("poll");

	tcase_add_checked_fixture(tc, setup_polled, teardown_polled);
	tcase_add_test(tc, busy_queue_is_served_without_kicks);
	tcase_add_test(tc, queue_that_rests_asks_for_kicks);
	tcase_add_test(tc,
		       chain_that_comes_as_the_queue_goes_to_rest_is_served);
	tcase_add_test(tc, queue_whose_kicks_are_not_seen_is_served_in_the_end);
	tcase_add_test(tc, queue_that_goes_on_after_a_pause_is_still_looked_at);
	tcase_add_test(tc,
		       queue_that_rests_during_a_pause_asks_for_kicks_after_it);
	tcase_add_test(tc,
		       queue_that_starts_again_after_a_reset_asks_for_kicks);
	tcase_add_test(tc, broken_ring_is_left_alone);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
