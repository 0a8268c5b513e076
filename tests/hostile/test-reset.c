// SPDX-License-Identifier: BSD-3-Clause
/*
 * Resets while chains are in flight: in the device's hands, in those of its
 * thread, or stuck for good; of the device, of a queue, of the function; and
 * guest memory that goes meanwhile.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vbs/vm.h>

#include "hostile/rig.h"

#define SIZE PROBE_QSIZE

/* How long a stuck back end may hold a reset up (and how long it does). */
#define STUCK_MIN_MS 2500
#define STUCK_MAX_MS 8000

/* n chains of a byte in and a byte out, in descriptors of their own. */
static void
publish(struct drv_vq *q, uint16_t n)
{
	struct drv_vq *mine = vq;

	vq = q;
	for (uint16_t i = 0; i < n; i++) {
		uint16_t head = (uint16_t)(2 * i);

		chain_put(head, IN_GPA, 1, DRV_DESC_NEXT, (uint16_t)(head + 1));
		chain_put((uint16_t)(head + 1), OUT_GPA + i, 1, DRV_DESC_WRITE,
			  0);
		ring_offer(q, head);
	}
	vq = mine;
	ck_assert_int_eq(drv_vq_kick(q), 0);
	ck_assert_int_eq(drv_bus_run(bus), 0);
}

static void
start_with(enum drv_face face, enum probe_mode mode)
{
	if (!bus)
		rig_plug(NULL);
	probe->mode = mode;
	rig_start(face, DRV_BIT(DRV_F_RING_RESET));
	ck_assert_int_eq(drv_ram_fill(&ram, IN_GPA, 0x5a, DRV_PAGE), 0);
}

static uint8_t *
snapshot(void)
{
	uint8_t *copy = malloc(LOW_SIZE);

	ck_assert_ptr_nonnull(copy);
	ck_assert_int_eq(drv_ram_read(&ram, LOW_GPA, copy, LOW_SIZE), 0);
	return copy;
}

static void
assert_unchanged(uint8_t *copy)
{
	ck_assert_mem_eq(copy, drv_ram_ptr(&ram, LOW_GPA, LOW_SIZE), LOW_SIZE);
	free(copy);
}

/* ---- B5: reset ---- */

START_TEST(hostile_b5__reset_with_chains_in_flight)
{
	uint64_t irqs;
	uint8_t *copy;

	start_with(_i ? DRV_LEGACY : DRV_MODERN, PROBE_HOLD);
	publish(vq, 8);
	ck_assert_int_eq(probe_n_held(probe), 8);
	ck_assert_int_eq(drv_virtio_reset(&dut.vd), 0);
	ck_assert_uint_eq(rig_status(), 0);
	ck_assert_int_eq(probe_n_held(probe), 0);
	copy = snapshot();
	irqs = drv_bus_irqs_total(bus);
	ring_kick();
	probe_release(probe);
	assert_unchanged(copy);
	ck_assert_uint_eq(drv_bus_irqs_total(bus), irqs);
	probe->mode = PROBE_COPY;
	rig_restart();
	assert_serves(vq);
}
END_TEST

/* A thread of the device has the chains: reset waits for it, and no longer. */
START_TEST(hostile_b5__reset_while_a_thread_works_on_chains)
{
	rig_plug("iothread");
	ck_assert_int_eq(probe_start_worker(probe), 0);
	start_with(_i ? DRV_LEGACY : DRV_MODERN, PROBE_WORKER);
	for (int i = 0; i < 200; i++) {
		uint8_t *copy;

		publish(vq, 8);
		publish(&dut.vqs[1], 8);
		ck_assert_int_eq(drv_virtio_reset(&dut.vd), 0);
		ck_assert_uint_eq(rig_status(), 0);
		copy = snapshot();
		ck_assert_int_eq(probe_n_held(probe), 0);
		ring_kick();
		assert_unchanged(copy);
		rig_restart();
		if (i % 8 == 0) {
			assert_serves(&dut.vqs[0]);
			assert_serves(&dut.vqs[1]);
		}
	}
	ck_assert_uint_eq(rig_status() & DRV_S_NEEDS_RESET, 0);
}
END_TEST

START_TEST(hostile_b5__reset_of_a_stuck_device_is_bounded)
{
	int64_t began;
	uint8_t *copy;

	start_with(_i ? DRV_LEGACY : DRV_MODERN, PROBE_STUCK);
	publish(vq, 3);
	publish(&dut.vqs[1], 3);
	began = drv_now_ms();
	rig_restart();
	ck_assert_int_ge(drv_now_ms() - began, STUCK_MIN_MS);
	ck_assert_int_le(drv_now_ms() - began, STUCK_MAX_MS);
	ck_assert_int_eq(probe_n_held(probe), 6);

	/* The queue rests while its old chains are out. */
	chain_put(0, OUT_GPA + 64, 1, DRV_DESC_WRITE, 0);
	ring_offer(vq, 0);
	copy = snapshot();
	ring_kick();
	assert_unchanged(copy);

	/* They are dropped when they come back, and it goes on. */
	probe->mode = PROBE_COPY;
	probe_release(probe);
	ck_assert_uint_eq(used_take(vq).id, 0);
	assert_quiet();
	assert_serves(&dut.vqs[0]);
	assert_serves(&dut.vqs[1]);
	began = drv_now_ms();
	rig_restart();
	ck_assert_int_lt(drv_now_ms() - began, STUCK_MIN_MS);
	assert_serves(vq);
}
END_TEST

START_TEST(hostile_b5__stuck_chains_do_not_hold_up_a_second_reset)
{
	int64_t began;

	start_with(DRV_MODERN, PROBE_STUCK);
	publish(vq, 2);
	rig_restart();
	began = drv_now_ms();
	for (int i = 0; i < 10; i++)
		rig_restart();
	ck_assert_int_lt(drv_now_ms() - began, STUCK_MIN_MS);
	probe->mode = PROBE_COPY;
	assert_serves(&dut.vqs[1]);
	probe_release(probe);
	assert_serves(vq);
}
END_TEST

START_TEST(hostile_b5__function_level_reset_with_chains_in_flight)
{
	int64_t began = drv_now_ms();
	uint8_t *copy;

	start_with(_i & 1 ? DRV_LEGACY : DRV_MODERN,
		   _i & 2 ? PROBE_STUCK : PROBE_HOLD);
	publish(vq, 4);
	ck_assert_int_eq(drv_bus_reset(bus), 0);
	ck_assert_int_le(drv_now_ms() - began, STUCK_MAX_MS);
	copy = snapshot();
	ck_assert_uint_eq(drv_pci_cfg16(&dut.pci, DRV_PCI_COMMAND), 0);
	ck_assert_uint_eq(drv_pci_cfg32(&dut.pci, DRV_PCI_BAR(1)), 0);
	ck_assert_uint_eq(
		drv_pci_cfg16(&dut.pci, dut.pci.msix.cap_off + 2u) & 0xc000, 0);
	probe->mode = PROBE_COPY;
	ck_assert_int_eq(probe_n_held(probe), _i & 2 ? 4 : 0);
	if (!(_i & 2))
		assert_unchanged(copy);
	else
		free(copy);
	probe_release(probe);
	ck_assert_int_eq(drv_pci_assign(&dut.pci), 0);
	rig_restart();
	assert_serves(vq);
}
END_TEST

/* Descriptors of files of this process that are open. */
static int
n_open_files(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	ck_assert_ptr_nonnull(d);
	while (readdir(d))
		n++;
	(void)closedir(d);
	return n;
}

START_TEST(hostile_b5__a_thousand_resets_leave_nothing_behind)
{
	int files;

	start_with(_i ? DRV_LEGACY : DRV_MODERN, PROBE_COPY);
	files = n_open_files();
	for (int i = 0; i < 1000; i++) {
		publish(vq, (uint16_t)(i % 8));
		rig_restart();
		ck_assert_int_eq(drv_virtio_reset(&dut.vd), 0);
		ck_assert_int_eq(drv_virtio_reset(&dut.vd), 0);
		rig_restart();
	}
	ck_assert_int_eq(n_open_files(), files);
	assert_serves(vq);
}
END_TEST

static void
give_up(struct vqueue_info *q)
{
	(void)q;
	virtio_config_changed(&probe->common);
	vbs_virtio_needs_reset(&probe->common, "the test wants it");
}

START_TEST(hostile_b5__device_that_gives_up_inside_its_callback)
{
	uint8_t *copy;

	start_with(_i ? DRV_LEGACY : DRV_MODERN, PROBE_COPY);
	probe->on_chain = give_up;
	publish(vq, 4);
	probe->on_chain = NULL;
	ck_assert_uint_ne(rig_status() & DRV_S_NEEDS_RESET, 0);
	ck_assert_int_eq(probe_count(&probe->n_chains), 1);
	copy = snapshot();
	ring_kick();
	assert_unchanged(copy);
	publish(&dut.vqs[1], 4);
	ck_assert_int_eq(probe_count(&probe->n_chains), 1);
	ck_assert(!vq_has_descs(&probe->vqs[1]));
	rig_restart();
	assert_serves(&dut.vqs[0]);
	assert_serves(&dut.vqs[1]);
}
END_TEST

START_TEST(hostile_b5__unplugged_with_chains_in_flight)
{
	rig_plug(_i & 1 ? "iothread" : NULL);
	if (_i & 2)
		ck_assert_int_eq(probe_start_worker(probe), 0);
	start_with(DRV_MODERN, _i & 2 ? PROBE_WORKER : PROBE_HOLD);
	publish(vq, 8);
	publish(&dut.vqs[1], 8);
}
END_TEST

/* ---- B5: reset of one queue ---- */

START_TEST(hostile_b5__queue_reset_with_chains_in_flight)
{
	uint8_t *copy;

	start_with(DRV_MODERN, PROBE_HOLD);
	publish(vq, 4);
	publish(&dut.vqs[1], 2);
	ck_assert_int_eq(drv_queue_reset(&dut.vd, 0), 0);
	ck_assert_int_eq(probe_n_held(probe), 2);
	copy = snapshot();
	ring_kick();
	assert_unchanged(copy);
	probe_release(probe);
	ck_assert_uint_eq(used_take(&dut.vqs[1]).id, 0);
	ck_assert_uint_eq(used_take(&dut.vqs[1]).id, 2);
	probe->mode = PROBE_COPY;
	drv_vq_close(vq);
	ck_assert_int_eq(drv_vq_open(vq, &dut.vd, &ram, 0, 8, 1), 0);
	assert_serves(&dut.vqs[0]);
	assert_serves(&dut.vqs[1]);
}
END_TEST

START_TEST(hostile_b5__queue_reset_of_a_stuck_device_is_bounded)
{
	int64_t began;

	start_with(DRV_MODERN, PROBE_STUCK);
	publish(vq, 4);
	began = drv_now_ms();
	ck_assert_int_eq(drv_queue_reset(&dut.vd, 0), 0);
	ck_assert_int_le(drv_now_ms() - began, STUCK_MAX_MS);
	probe->mode = PROBE_COPY;
	assert_serves(&dut.vqs[1]);
	drv_vq_close(vq);
	ck_assert_int_eq(drv_vq_open(vq, &dut.vd, &ram, 0, 8, 1), 0);
	publish(vq, 1);
	assert_quiet();
	probe_release(probe);
	ck_assert_uint_eq(used_take(vq).id, 0);
	assert_serves(vq);
}
END_TEST

START_TEST(hostile_b5__broken_queue_is_mended_by_its_own_reset)
{
	start_with(DRV_MODERN, PROBE_COPY);
	ring_offer_bad(vq);
	ring_kick();
	ck_assert_uint_ne(rig_status() & DRV_S_NEEDS_RESET, 0);
	ck_assert_int_eq(drv_queue_reset(&dut.vd, 0), 0);
	drv_vq_close(vq);
	ck_assert_int_eq(drv_vq_open(vq, &dut.vd, &ram, 0, 0, 1), 0);
	assert_serves(&dut.vqs[0]);
	assert_serves(&dut.vqs[1]);
}
END_TEST

/* ---- B5: what is done, but waits for its turn ---- */

/* The oldest is stuck; the others are done. How many are back: all, or none. */
static void
publish_and_finish_others(uint16_t n)
{
	publish(vq, n);
	ck_assert_int_eq(probe_n_held(probe), n);
	for (int i = n - 1; i > 0; i--)
		probe_release_one(probe, i);
	ck_assert_int_eq(probe_n_held(probe), 1);
	ck_assert_int_eq(drv_vq_has_used(vq), !in_order);
}

START_TEST(hostile_b5__reset_while_chains_wait_for_their_turn)
{
	uint8_t *copy;

	start_with(DRV_MODERN, PROBE_HOLD);
	for (uint16_t n = 2; n <= SIZE / 2; n++) {
		publish_and_finish_others(n);
		if (_i)
			ck_assert_int_eq(drv_queue_reset(&dut.vd, 0), 0);
		else
			ck_assert_int_eq(drv_virtio_reset(&dut.vd), 0);
		ck_assert_int_eq(probe_n_held(probe), 0);
		copy = snapshot();
		ring_kick();
		assert_unchanged(copy);
		rig_restart();
		probe->mode = PROBE_COPY;
		assert_serves(vq);
		probe->mode = PROBE_HOLD;
	}
}
END_TEST

START_TEST(hostile_b5__broken_while_chains_wait_for_their_turn)
{
	start_with(DRV_MODERN, PROBE_HOLD);
	publish_and_finish_others(5);
	ring_offer_bad(vq);
	ring_kick();
	ck_assert_uint_ne(rig_status() & DRV_S_NEEDS_RESET, 0);
	probe_release(probe);
	ck_assert_int_eq(drv_vq_has_used(vq), !in_order);
	probe->mode = PROBE_COPY;
	assert_serves(&dut.vqs[1]);
	rig_restart();
	assert_serves(vq);
}
END_TEST

/* Memory goes: all that is out has to come back, and then it does. */
START_TEST(hostile_b5__memory_goes_while_chains_wait_for_their_turn)
{
	const struct drv_region *far = drv_ram_region(&ram, 2);

	start_with(DRV_MODERN, PROBE_HOLD);
	publish_and_finish_others(5);
	ck_assert_int_eq(drv_bus_dma_del(bus, far), 0);
	ck_assert_int_eq(probe_n_held(probe), 0);
	for (int i = 0; i < 5; i++)
		(void)used_take(vq);
	assert_quiet();
	ck_assert_int_eq(drv_bus_dma_add(bus, far), 0);
	probe->mode = PROBE_COPY;
	assert_serves(vq);
}
END_TEST

/* The oldest never comes: reset is bounded, and the others are gone. */
START_TEST(hostile_b5__stuck_while_chains_wait_for_their_turn)
{
	int64_t began;

	start_with(DRV_MODERN, PROBE_STUCK);
	publish_and_finish_others(6);
	began = drv_now_ms();
	rig_restart();
	ck_assert_int_ge(drv_now_ms() - began, STUCK_MIN_MS);
	ck_assert_int_le(drv_now_ms() - began, STUCK_MAX_MS);
	probe->mode = PROBE_COPY;
	assert_serves(&dut.vqs[1]);
	publish(vq, 1);
	assert_quiet();
	probe_release(probe);
	ck_assert_uint_eq(used_take(vq).id, 0);
	assert_quiet();
	assert_serves(vq);
}
END_TEST

/* Memory goes, the oldest is stuck: what waits comes back with it, later. */
START_TEST(hostile_b5__memory_goes_under_a_stuck_one_others_wait_for)
{
	const struct drv_region *far = drv_ram_region(&ram, 2);

	start_with(DRV_MODERN, PROBE_STUCK);
	publish_and_finish_others(4);
	ck_assert_int_eq(drv_bus_dma_del(bus, far), 0);
	ck_assert_int_eq(probe_n_held(probe), 1);
	probe->mode = PROBE_COPY;
	assert_serves(&dut.vqs[1]);
	probe_release(probe);
	for (int i = 0; i < 4; i++)
		ck_assert_uint_eq(used_take(vq).len, 1);
	assert_quiet();
	ck_assert_int_eq(drv_bus_dma_add(bus, far), 0);
	assert_serves(vq);
}
END_TEST

/* ---- B5: guest memory goes ---- */

static int n_released;

static void
on_release(void *arg, void *hva, uint64_t size)
{
	ck_assert_uint_eq(size, DRV_PAGE);
	memset(hva, 0xdd, size);
	free(hva);
	__atomic_fetch_add((int *)arg, 1, __ATOMIC_SEQ_CST);
}

#define LOAN_GPA UINT64_C(0x900000)

/* A page of guest RAM that is freed once nobody uses it any more. */
static uint8_t *
lend_page(void)
{
	struct vbs_ram r = {
		.gpa = LOAN_GPA,
		.size = DRV_PAGE,
		.release = on_release,
		.arg = &n_released,
	};
	void *p = NULL;

	ck_assert_int_eq(posix_memalign(&p, DRV_PAGE, DRV_PAGE), 0);
	memset(p, 0x77, DRV_PAGE);
	r.hva = p;
	ck_assert_int_eq(vbs_vm_add_ram(drv_inproc_vm(machine), &r), 0);
	probe->ram = NULL; /* it does not know that page */
	return p;
}

static void
take_page_back(void)
{
	ck_assert_int_eq(
		vbs_vm_del_ram(drv_inproc_vm(machine), LOAN_GPA, DRV_PAGE), 0);
}

static void
publish_loan(void)
{
	chain_put(0, IN_GPA, 64, DRV_DESC_NEXT, 1);
	chain_put(1, LOAN_GPA, 64, DRV_DESC_WRITE, 0);
	ring_send(0);
}

START_TEST(hostile_b5__memory_goes_when_the_chains_in_it_are_back)
{
	start_with(_i ? DRV_LEGACY : DRV_MODERN, PROBE_HOLD);
	(void)lend_page();
	publish_loan();
	ck_assert_int_eq(probe_n_held(probe), 1);
	take_page_back();
	ck_assert_int_eq(probe_n_held(probe), 0);
	ck_assert_int_eq(n_released, 1);
	ck_assert_uint_eq(used_take(vq).len, 0);
	probe->mode = PROBE_COPY;
	publish_loan();
	ck_assert_uint_eq(used_take(vq).len, 0);
	ck_assert_int_eq(probe_count(&probe->n_refused), 1);
	assert_serves(vq);
}
END_TEST

START_TEST(hostile_b5__memory_under_a_stuck_chain_stays_until_it_is_back)
{
	int64_t began;

	start_with(DRV_MODERN, PROBE_STUCK);
	(void)lend_page();
	publish_loan();
	began = drv_now_ms();
	take_page_back();
	ck_assert_int_le(drv_now_ms() - began, STUCK_MAX_MS);
	ck_assert_int_eq(n_released, 0);
	probe->mode = PROBE_COPY;
	assert_serves(&dut.vqs[1]);
	probe_release(probe); /* writes to the page */
	ck_assert_int_eq(drv_bus_run(bus), 0);
	ck_assert_int_eq(n_released, 1);
	ck_assert_uint_eq(used_take(vq).len, 64);
	assert_serves(vq);
}
END_TEST

START_TEST(hostile_b5__memory_under_a_stuck_chain_stays_beyond_a_reset)
{
	start_with(DRV_MODERN, PROBE_STUCK);
	(void)lend_page();
	publish_loan();
	take_page_back();
	rig_restart();
	ck_assert_int_eq(n_released, 0);
	probe->mode = PROBE_COPY;
	probe_release(probe);
	ck_assert_int_eq(drv_bus_run(bus), 0);
	ck_assert_int_eq(n_released, 1);
	assert_serves(vq);
}
END_TEST

START_TEST(hostile_b5__memory_under_the_rings_goes_and_comes_back)
{
	const struct drv_region *low = drv_ram_region(&ram, 0);

	start_with(_i ? DRV_LEGACY : DRV_MODERN, PROBE_COPY);
	for (int i = 0; i < 20; i++) {
		assert_serves(vq);
		ck_assert_int_eq(drv_bus_dma_del(bus, low), 0);
		ring_kick();
		chain_put(0, OUT_GPA, 1, DRV_DESC_WRITE, 0);
		ring_offer(vq, 0);
		ring_kick();
		assert_quiet();
		ck_assert_int_eq(drv_bus_dma_add(bus, low), 0);
		ck_assert_uint_eq(used_take(vq).id, 0);
	}
	ck_assert_uint_eq(rig_status() & DRV_S_NEEDS_RESET, 0);
}
END_TEST

START_TEST(hostile_b5__memory_goes_between_break_and_reset)
{
	start_with(_i ? DRV_LEGACY : DRV_MODERN, PROBE_COPY);
	ring_offer_bad(vq);
	ring_kick();
	ck_assert_int_eq(drv_bus_dma_del_ram(bus, &ram), 0);
	ring_kick();
	ck_assert_int_eq(drv_virtio_reset(&dut.vd), 0);
	ck_assert_int_eq(drv_bus_dma_add_ram(bus, &ram), 0);
	rig_restart();
	assert_serves(vq);
}
END_TEST

static void
add_resets(TCase *tc)
{
	tcase_add_loop_test(tc, hostile_b5__reset_with_chains_in_flight, 0,
			    N_FACES);
	tcase_add_loop_test(tc,
			    hostile_b5__reset_while_a_thread_works_on_chains, 0,
			    N_FACES);
	tcase_add_loop_test(
		tc, hostile_b5__function_level_reset_with_chains_in_flight, 0,
		2);
	tcase_add_loop_test(tc,
			    hostile_b5__a_thousand_resets_leave_nothing_behind,
			    0, N_FACES);
	tcase_add_loop_test(
		tc, hostile_b5__device_that_gives_up_inside_its_callback, 0,
		N_FACES);
	tcase_add_loop_test(tc, hostile_b5__unplugged_with_chains_in_flight, 0,
			    4);
	tcase_add_test(tc, hostile_b5__queue_reset_with_chains_in_flight);
	tcase_add_test(tc, hostile_b5__broken_queue_is_mended_by_its_own_reset);
	tcase_add_loop_test(
		tc, hostile_b5__reset_while_chains_wait_for_their_turn, 0, 2);
	tcase_add_test(tc, hostile_b5__broken_while_chains_wait_for_their_turn);
}

static void
add_memory(TCase *tc)
{
	tcase_add_loop_test(
		tc, hostile_b5__memory_goes_when_the_chains_in_it_are_back, 0,
		N_FACES);
	tcase_add_loop_test(
		tc, hostile_b5__memory_under_the_rings_goes_and_comes_back, 0,
		N_FACES);
	tcase_add_loop_test(tc, hostile_b5__memory_goes_between_break_and_reset,
			    0, N_FACES);
	tcase_add_test(
		tc, hostile_b5__memory_goes_while_chains_wait_for_their_turn);
}

/* Each of them waits for as long as the library does. */
static void
add_stuck(TCase *tc)
{
	tcase_add_loop_test(tc, hostile_b5__reset_of_a_stuck_device_is_bounded,
			    0, N_FACES);
	tcase_add_test(tc,
		       hostile_b5__stuck_chains_do_not_hold_up_a_second_reset);
	tcase_add_loop_test(
		tc, hostile_b5__function_level_reset_with_chains_in_flight, 2,
		3);
	tcase_add_test(tc,
		       hostile_b5__queue_reset_of_a_stuck_device_is_bounded);
	tcase_add_test(
		tc,
		hostile_b5__memory_under_a_stuck_chain_stays_until_it_is_back);
	tcase_add_test(
		tc,
		hostile_b5__memory_under_a_stuck_chain_stays_beyond_a_reset);
	tcase_add_test(tc, hostile_b5__stuck_while_chains_wait_for_their_turn);
	tcase_add_test(
		tc, hostile_b5__memory_goes_under_a_stuck_one_others_wait_for);
}

int
main(void)
{
	Suite *s = suite_create("reset");

	for (int i = 0; i < RIG_BATCH; i++) {
		TCase *tc = rig_case(s, (enum rig_kind)i, 120);

		add_resets(tc);
		add_memory(tc);
		if (i == RIG_PLAIN || i == (RIG_PACKED | RIG_IN_ORDER))
			add_stuck(tc);
	}
	return suite_run(s);
}
