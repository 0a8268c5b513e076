// SPDX-License-Identifier: BSD-3-Clause
/*
 * Several threads at once: queues that an I/O thread serves and a worker
 * completes, while the control thread resets, reconfigures and takes memory
 * away. What must hold is that nothing is lost, torn or touched too late; the
 * thread sanitizer looks for the rest.
 */
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

#include <vbs/vm.h>

#include "hostile/rig.h"

#define N_STORM 2000
#define N_READS 10000

static void
start_threads(const char *opts, uint64_t features)
{
	rig_plug(opts);
	ck_assert_int_eq(probe_start_worker(probe), 0);
	rig_start(DRV_MODERN, features | DRV_BIT(DRV_F_RING_RESET));
}

/* Keep a queue busy: what has come back is offered again. */
static void
pump(struct drv_vq *q)
{
	const struct drv_seg segs[] = { { IN_GPA, 16, false },
					{ OUT_GPA, 16, true } };
	struct drv_used used;

	while (drv_split_reap(&q->ring, &used) == 1)
		ck_assert_uint_eq(used.len, 16);
	while (drv_vq_submit(q, segs, 2, NULL) >= 0)
		;
}

static bool
all_back(void *arg)
{
	struct drv_vq *q = arg;
	struct drv_used used;

	while (drv_split_reap(&q->ring, &used) == 1)
		ck_assert_uint_eq(used.len, 16);
	return drv_split_in_flight(&q->ring) == 0;
}

static void
assert_all_come_back(void)
{
	for (int i = 0; i < PROBE_QUEUES; i++)
		ck_assert_int_eq(drv_bus_wait(bus, all_back, &dut.vqs[i],
					      DRV_TIMEOUT_MS),
				 0);
	ck_assert_uint_eq(rig_status() & DRV_S_NEEDS_RESET, 0);
	ck_assert_int_eq(probe_count(&probe->n_errors), 0);
}

/* covers: B5 */
START_TEST(threads_memory_comes_and_goes_under_load)
{
	const struct drv_region *far = drv_ram_region(&ram, 2);

	start_threads(_i ? "iothread" : NULL, 0);
	for (int i = 0; i < N_STORM; i++) {
		pump(&dut.vqs[0]);
		pump(&dut.vqs[1]);
		ck_assert_int_eq(i % 2 ? drv_bus_dma_add(bus, far)
				       : drv_bus_dma_del(bus, far),
				 0);
	}
	assert_all_come_back();
}
END_TEST

/* covers: B5 */
START_TEST(threads_memory_of_the_rings_comes_and_goes_under_load)
{
	const struct drv_region *low = drv_ram_region(&ram, 0);

	start_threads(_i ? "iothread" : NULL, 0);
	for (int i = 0; i < N_STORM / 2; i++) {
		pump(&dut.vqs[0]);
		pump(&dut.vqs[1]);
		ck_assert_int_eq(drv_bus_dma_del(bus, low), 0);
		ck_assert_int_eq(drv_vq_kick(&dut.vqs[0]), 0);
		ck_assert_int_eq(drv_bus_dma_add(bus, low), 0);
	}
	assert_all_come_back();
}
END_TEST

/* covers: B5 */
START_TEST(threads_queue_resets_under_load)
{
	start_threads(_i ? "iothread" : NULL, DRV_BIT(DRV_F_EVENT_IDX));
	for (int i = 0; i < N_STORM / 4; i++) {
		pump(&dut.vqs[0]);
		pump(&dut.vqs[1]);
		ck_assert_int_eq(drv_queue_reset(&dut.vd, 0), 0);
		drv_split_reset(&dut.vqs[0].ring);
		ck_assert_int_eq(
			drv_queue_attach(&dut.vd, 0, &dut.vqs[0].ring, 1), 0);
	}
	assert_all_come_back();
}
END_TEST

/* covers: B11 */
START_TEST(threads_bus_mastering_off_and_on_under_load)
{
	start_threads(_i ? "iothread" : NULL, 0);
	for (int i = 0; i < N_STORM / 2; i++) {
		uint16_t used;

		pump(&dut.vqs[0]);
		pump(&dut.vqs[1]);
		ck_assert_int_eq(
			drv_pci_command(&dut.pci, 0, DRV_PCI_CMD_MASTER), 0);
		used = drv_split_raw_get_used_idx(&dut.vqs[0].ring);
		ck_assert_int_eq(drv_vq_kick(&dut.vqs[0]), 0);
		ck_assert_uint_eq(drv_split_raw_get_used_idx(&dut.vqs[0].ring),
				  used);
		ck_assert_int_eq(
			drv_pci_command(&dut.pci, DRV_PCI_CMD_MASTER, 0), 0);
	}
	assert_all_come_back();
}
END_TEST

/* covers: B10 */
START_TEST(threads_vectors_masked_and_moved_under_load)
{
	start_threads(_i ? "iothread" : NULL, 0);
	for (int i = 0; i < N_STORM; i++) {
		uint16_t got = 0;

		pump(&dut.vqs[0]);
		ck_assert_int_eq(drv_pci_msix_mask(&dut.pci, 1, i & 1), 0);
		ck_assert_int_eq(drv_pci_msix_funcmask(&dut.pci, i & 2), 0);
		ck_assert_int_eq(drv_queue_select(&dut.vd, 0), 0);
		ck_assert_int_eq(
			drv_queue_set_vector(&dut.vd, (uint16_t)(i % 4), &got),
			0);
		if (i % 64 == 0) {
			ck_assert_int_eq(drv_pci_msix_enable(&dut.pci, false),
					 0);
			ck_assert_int_eq(drv_pci_msix_enable(&dut.pci, true),
					 0);
		}
	}
	assert_all_come_back();
}
END_TEST

/* covers: B7 */
START_TEST(threads_configuration_changes_while_the_driver_resets)
{
	start_threads("iothread", 0);
	for (int i = 0; i < N_STORM / 4; i++) {
		pump(&dut.vqs[0]);
		rig_restart();
		virtio_config_changed(&probe->common);
	}
	assert_serves(&dut.vqs[0]);
}
END_TEST

/* ---- the ISR register and its line ---- */

struct raiser {
	pthread_t thread, other;
	int round;  /* the driver has begun it */
	int raised; /* the device is through with it */
	bool stop;
};

/* Once in each round, at about the time when the driver reads the register. */
static void *
raiser_run(void *arg)
{
	struct raiser *r = arg;

	for (int seen = 0; !__atomic_load_n(&r->stop, __ATOMIC_ACQUIRE);) {
		int now = __atomic_load_n(&r->round, __ATOMIC_ACQUIRE);

		if (now == seen) {
			(void)sched_yield();
			continue;
		}
		vq_interrupt(&probe->common, &probe->vqs[0]);
		seen = now;
		__atomic_store_n(&r->raised, seen, __ATOMIC_RELEASE);
	}
	return NULL;
}

/* Takes the function's lock all the time, so that the others wait for it. */
static void *
crowder_run(void *arg)
{
	struct raiser *r = arg;

	while (!__atomic_load_n(&r->stop, __ATOMIC_ACQUIRE))
		pci_generate_msix(drv_inproc_dev(bus), 0);
	return NULL;
}

static uint8_t
isr_read(void)
{
	uint8_t isr = 0;

	ck_assert_int_eq(drv_virtio_isr(&dut.vd, &isr), 0);
	return isr;
}

START_TEST(threads_interrupt_while_isr_is_read_keeps_its_line)
{
	struct raiser r = { .round = 0 };
	struct drv_device_opts opts = { .face = DRV_MODERN,
					.irq = DRV_IRQ_INTX };

	rig_plug(NULL);
	ck_assert_int_eq(drv_device_start(&dut, &opts), 0);
	ck_assert_int_eq(pthread_create(&r.thread, NULL, raiser_run, &r), 0);
	ck_assert_int_eq(pthread_create(&r.other, NULL, crowder_run, &r), 0);
	for (int i = 1; i <= N_READS; i++) {
		vq_interrupt(&probe->common, &probe->vqs[0]);
		__atomic_store_n(&r.round, i, __ATOMIC_RELEASE);
		for (int n = i % 16; n > 0; n--)
			(void)rig_status();
		(void)isr_read();
		while (__atomic_load_n(&r.raised, __ATOMIC_ACQUIRE) != i)
			(void)sched_yield();
		if (__atomic_load_n(&bus->intx_level, __ATOMIC_ACQUIRE) == 0)
			ck_assert_uint_eq(isr_read(), 0);
	}
	__atomic_store_n(&r.stop, true, __ATOMIC_RELEASE);
	ck_assert_int_eq(pthread_join(r.thread, NULL), 0);
	ck_assert_int_eq(pthread_join(r.other, NULL), 0);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("threads");
	TCase *tc = tcase_create("threads");

	tcase_set_timeout(tc, 120);
	tcase_add_checked_fixture(tc, rig_setup, rig_teardown);
	tcase_add_loop_test(tc, threads_memory_comes_and_goes_under_load, 0, 2);
	tcase_add_loop_test(
		tc, threads_memory_of_the_rings_comes_and_goes_under_load, 0,
		2);
	tcase_add_loop_test(tc, threads_queue_resets_under_load, 0, 2);
	tcase_add_loop_test(tc, threads_bus_mastering_off_and_on_under_load, 0,
			    2);
	tcase_add_loop_test(tc, threads_vectors_masked_and_moved_under_load, 0,
			    2);
	tcase_add_test(tc,
		       threads_configuration_changes_while_the_driver_resets);
	tcase_add_test(tc, threads_interrupt_while_isr_is_read_keeps_its_line);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
