// SPDX-License-Identifier: BSD-3-Clause
/*
 * Queues in a thread of their own, while the control thread resets the device
 * and moves guest memory. Most of the worth of these cases comes from running
 * them under the thread sanitizer.
 */
#include <vbs/iothread.h>

#include "device/loop-fixture.h"

#define ROUNDS 100

static void
setup_thread(void)
{
	setup_with("iothread");
}

static void
setup_thread_packed(void)
{
	setup_thread();
	ring_feature = DRV_BIT(DRV_F_RING_PACKED);
}

/* The thread may not have run at all by the time it is to stop. */
START_TEST(thread_that_is_freed_at_once_ends)
{
	for (int i = 0; i < 1000; i++) {
		struct vbs_iothread *thr = NULL;

		ck_assert_int_eq(vbs_iothread_new("short", &thr), 0);
		vbs_iothread_free(thr);
	}
}
END_TEST

START_TEST(echo_with_each_interrupt)
{
	enum drv_irq irq = kinds[_i];
	struct drv_vq *vq = &dut.vqs[1];

	start(DRV_MODERN, irq, 0);
	for (uint64_t i = 1; i <= ROUNDS; i++) {
		echo(1, 100);
		ck_assert_int_eq(drv_bus_wait_irq(bus, irq,
						  irq == DRV_IRQ_MSIX ? 2 : 0,
						  i, DRV_TIMEOUT_MS),
				 0);
		if (irq != DRV_IRQ_MSIX)
			ck_assert_uint_eq(isr(), DRV_ISR_QUEUE);
	}
	ck_assert_uint_eq(drv_vq_irqs(vq), ROUNDS);
}
END_TEST

/* Add one-byte chains to a queue until it is full. */
static void
fill(int queue)
{
	struct drv_seg seg = { RAM_GPA + RAM_SIZE - 64, 1, true };
	struct drv_vq *vq = &dut.vqs[queue];

	while (drv_vq_add(vq, &seg, 1, NULL) >= 0)
		;
	drv_vq_publish(vq);
	ck_assert_int_eq(drv_vq_kick_if_needed(vq), 0);
}

/* Take what is still in flight; how many there were. */
static int
drain(int queue)
{
	struct drv_vq *vq = &dut.vqs[queue];
	struct drv_used used;
	int n = 0;

	for (; drv_vq_in_flight(vq) > 0; n++)
		ck_assert_int_eq(drv_vq_wait(vq, &used, DRV_TIMEOUT_MS), 1);
	return n;
}

START_TEST(all_queues_at_once)
{
	int n[LOOP_QUEUES] = { 0 };

	start_modern(_i ? DRV_BIT(DRV_F_EVENT_IDX) : 0);
	while (n[0] < 20000 || n[1] < 20000) {
		for (int q = 0; q < LOOP_QUEUES; q++)
			fill(q);
		ck_assert_int_eq(drv_bus_run(bus), 0);
		for (int q = 0; q < LOOP_QUEUES; q++)
			n[q] += reap_all(q);
	}
	for (int q = 0; q < LOOP_QUEUES; q++)
		n[q] += drain(q);
	ck_assert_int_eq(n[0] + n[1] + n[2], loop->n_chains);
}
END_TEST

START_TEST(reset_in_the_middle_of_work)
{
	for (int i = 0; i < ROUNDS; i++) {
		start(faces[i % 3], DRV_IRQ_MSIX, 0);
		for (int q = 0; q < LOOP_QUEUES; q++)
			fill(q);
		ck_assert_int_eq(drv_device_stop(&dut), 0);
		ck_assert_uint_eq(status(), 0);
	}
	start_modern(0);
	echo(1, 10);
}
END_TEST

START_TEST(queue_reset_in_the_middle_of_work)
{
	start_modern(DRV_BIT(DRV_F_RING_RESET));
	for (int i = 0; i < ROUNDS; i++) {
		struct drv_ram_mark mark;

		fill(1);
		fill(2);
		ck_assert_int_eq(drv_queue_reset(&dut.vd, 1), 0);
		drv_vq_close(&dut.vqs[1]);
		drv_ram_mark(&ram, &mark);
		ck_assert_int_eq(
			drv_vq_open(&dut.vqs[1], &dut.vd, &ram, 1, 0, 2), 0);
		drv_ram_release(&ram, &mark);
		(void)reap_all(2);
	}
	ck_assert_uint_eq(status() & DRV_S_NEEDS_RESET, 0);
	echo(0, 10);
}
END_TEST

START_TEST(memory_moves_in_the_middle_of_work)
{
	int slot = drv_ram_add(&ram, 0x10000000, 0x1000, DRV_RAM_HEAP);
	const struct drv_region *other = drv_ram_region(&ram, slot);
	int n = 0;

	start_modern(0);
	for (int i = 0; i < ROUNDS; i++) {
		fill(1);
		ck_assert_int_eq(drv_bus_dma_add(bus, other), 0);
		fill(2);
		ck_assert_int_eq(drv_bus_dma_del(bus, other), 0);
		n += drain(1) + drain(2);
	}
	ck_assert_int_eq(n, ROUNDS * 2 * LOOP_QSIZE);
	ck_assert_uint_eq(status() & DRV_S_NEEDS_RESET, 0);
}
END_TEST

START_TEST(unplug_in_the_middle_of_work)
{
	struct drv_bus *bus2 = NULL;
	struct drv_device first = dut;
	struct drv_device_opts opts = {
		.face = DRV_MODERN,
		.irq = DRV_IRQ_MSIX,
		.features = ring_feature,
		.n_queues = LOOP_QUEUES,
	};

	for (int i = 0; i < 20; i++) {
		ck_assert_int_eq(drv_inproc_plug(machine, &loop_pci_ops,
						 "iothread", &bus2),
				 0);
		ck_assert_int_eq(drv_device_open(&dut, bus2, &ram), 0);
		ck_assert_int_eq(drv_device_start(&dut, &opts), 0);
		fill(0);
		fill(1);
		fill(2);
		drv_bus_close(bus2);
		for (int q = 0; q < LOOP_QUEUES; q++)
			drv_vq_close(&dut.vqs[q]);
		drv_ram_release(&ram, &dut.mark);
	}
	dut = first;
}
END_TEST

static void
add_both(TCase *tc)
{
	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, echo_with_each_interrupt, 0, 3);
	tcase_add_loop_test(tc, all_queues_at_once, 0, 2);
	tcase_add_test(tc, reset_in_the_middle_of_work);
	tcase_add_test(tc, queue_reset_in_the_middle_of_work);
	tcase_add_test(tc, memory_moves_in_the_middle_of_work);
	tcase_add_test(tc, unplug_in_the_middle_of_work);
}

static void
add_cases(Suite *s)
{
	TCase *tc = tcase_create("iothread");

	tcase_add_checked_fixture(tc, setup_thread, teardown);
	tcase_add_test(tc, thread_that_is_freed_at_once_ends);
	add_both(tc);
	suite_add_tcase(s, tc);

	tc = tcase_create("packed");
	tcase_add_checked_fixture(tc, setup_thread_packed, teardown);
	add_both(tc);
	suite_add_tcase(s, tc);
}

int
main(void)
{
	Suite *s = suite_create("virtio-iothread");

	add_cases(s);
	return suite_run(s);
}
