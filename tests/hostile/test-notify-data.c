// SPDX-License-Identifier: BSD-3-Clause
/*
 * Kicks that lie: about how far the driver has got, about which queue it is,
 * in another width than was agreed on, or somewhere between two queues. A kick
 * is a reason to look at the ring that it names, and nothing else.
 */
#include "hostile/rig.h"

#define DATA   DRV_BIT(DRV_F_NOTIFICATION_DATA)
#define CONFIG DRV_BIT(DRV_F_NOTIF_CONFIG_DATA)
#define SIZE   PROBE_QSIZE

/* Loop parameter: which of the features, and the face. */
#define N_SETS 8

static void
start_set(int set)
{
	uint64_t features = (set & 1 ? DATA : 0) | (set & 2 ? CONFIG : 0);

	rig_plug(NULL);
	for (unsigned int bit = 38; bit < 40; bit++)
		ck_assert_int_eq(
			vbs_virtio_offer(drv_inproc_dev(bus), bit, true), 0);
	rig_start(set & 4 ? DRV_WINDOW : DRV_MODERN, features);
	ck_assert_uint_eq(dut.vd.features & (DATA | CONFIG), features);
}

static bool
has_data(void)
{
	return dut.vd.features & DATA;
}

/* Kick, at a queue's place, in the right width. */
static void
kick_with(uint16_t queue, uint16_t name, uint16_t next)
{
	uint32_t val = name | (has_data() ? (uint32_t)next << 16 : 0);

	ck_assert_int_eq(
		drv_virtio_kick_raw(&dut.vd, queue, has_data() ? 4 : 2, val),
		0);
	ck_assert_int_eq(drv_bus_run(bus), 0);
}

/* One byte to read on a queue, of which the device has not been told. */
static void
offer_byte(struct drv_vq *q)
{
	struct drv_vq *mine = vq;

	vq = q;
	chain_put(0, IN_GPA, 1, 0, 0);
	ring_offer(vq, 0);
	vq = mine;
}

/* A write anywhere in the doorbells; the window has 1, 2 and 4 bytes. */
static void
write_bell(uint64_t off, uint32_t size, uint64_t val)
{
	const struct drv_vcap *cap = &dut.pci.vcaps[DRV_VCAP_NOTIFY];

	if (dut.vd.face == DRV_WINDOW)
		(void)drv_pci_window_write(&dut.pci, cap->bar,
					   (uint32_t)(cap->offset + off), size,
					   (uint32_t)val);
	else
		(void)drv_bus_bar_write(bus, cap->bar, cap->offset + off, size,
					val);
	ck_assert_int_eq(drv_bus_run(bus), 0);
}

static const uint16_t nexts[] = {
	0,      1,      SIZE - 1, SIZE,   SIZE + 1, 0x7fff,
	0x8000, 0x8001, 0x8010,   0x8011, 0xfffe,   0xffff,
};

#define N_NEXTS ((int)(sizeof(nexts) / sizeof(nexts[0])))

/* ---- A3: how far the driver says it has got ---- */

START_TEST(hostile_a3__data_that_lie_make_the_device_look_at_the_ring)
{
	start_set(_i % N_SETS);
	for (int lap = 0; lap < 3 * SIZE; lap++) {
		offer_byte(vq);
		kick_with(0, vq->kick_id, nexts[_i / N_SETS]);
		ck_assert_uint_eq(used_take(vq).len, 0);
		assert_quiet();
		ck_assert_int_eq(probe_count(&probe->n_chains), lap + 1);
	}
	assert_serves(vq);
}
END_TEST

START_TEST(hostile_a3__data_of_chains_that_are_not_there_are_nothing)
{
	uint64_t irqs;

	start_set(_i % N_SETS);
	for (int i = 0; i < _i / N_SETS; i++)
		assert_serves(vq);
	irqs = drv_vq_irqs(vq);
	for (int i = 0; i < N_NEXTS; i++)
		kick_with(0, vq->kick_id, nexts[i]);
	assert_quiet();
	ck_assert_int_eq(probe_count(&probe->n_chains), _i / N_SETS);
	ck_assert_int_eq(probe_count(&probe->n_errors), 0);
	ck_assert_uint_eq(drv_vq_irqs(vq), irqs);
	ck_assert_uint_eq(rig_status() & DRV_S_NEEDS_RESET, 0);
	assert_serves(vq);
}
END_TEST

/* The data are behind, or ahead of, what a full ring holds. */
START_TEST(hostile_a3__data_that_lie_about_a_full_ring)
{
	start_set(_i % N_SETS);
	for (uint16_t i = 0; i < SIZE; i++) {
		chain_put(i, IN_GPA, 1, 0, 0);
		ring_offer(vq, i);
	}
	kick_with(0, vq->kick_id, nexts[_i / N_SETS]);
	ck_assert_int_eq(probe_count(&probe->n_chains), SIZE);
	for (int i = 0; i < SIZE; i++)
		(void)used_take(vq);
	assert_quiet();
	assert_serves(vq);
}
END_TEST

/* ---- B1: which queue it says it is ---- */

/* At the place of queue 0: all names but its own. */
START_TEST(hostile_b1__kick_that_names_another_queue_is_nothing)
{
	start_set(_i);
	offer_byte(vq);
	offer_byte(&dut.vqs[1]);
	for (uint32_t name = 0; name <= UINT16_MAX; name++) {
		if (name != vq->kick_id)
			kick_with(0, (uint16_t)name, drv_vq_next(vq));
	}
	assert_quiet();
	ck_assert_int_eq(probe_count(&probe->n_chains), 0);
	ck_assert_uint_eq(rig_status() & DRV_S_NEEDS_RESET, 0);
	kick_with(0, vq->kick_id, drv_vq_next(vq));
	(void)used_take(vq);
	ck_assert_int_eq(probe_count(&probe->n_chains), 1);
	kick_with(1, dut.vqs[1].kick_id, drv_vq_next(&dut.vqs[1]));
	(void)used_take(&dut.vqs[1]);
	assert_serves(vq);
	assert_serves(&dut.vqs[1]);
}
END_TEST

START_TEST(hostile_b1__kick_at_the_place_of_no_queue_is_nothing)
{
	const struct drv_vcap *cap = &dut.pci.vcaps[DRV_VCAP_NOTIFY];
	uint32_t size;

	start_set(_i);
	size = has_data() ? 4 : 2;
	offer_byte(vq);
	for (uint64_t off = 0; off + size <= cap->length; off++) {
		uint64_t own = (uint64_t)cap->multiplier * vq->index;

		if (off != own)
			write_bell(off, size, vq->kick_id);
	}
	assert_quiet();
	ck_assert_int_eq(probe_count(&probe->n_chains), 0);
	ring_kick();
	(void)used_take(vq);
	assert_serves(vq);
}
END_TEST

/* ---- B9: in another width than was agreed on ---- */

START_TEST(hostile_b9__kick_of_another_width_is_nothing)
{
	static const uint32_t sizes[] = { 1, 2, 4, 8 };

	start_set(_i);
	offer_byte(vq);
	for (int i = 0; i < 4; i++) {
		uint64_t val = vq->kick_id | (uint64_t)drv_vq_next(vq) << 16;

		if (sizes[i] == (has_data() ? 4 : 2) ||
		    (sizes[i] == 8 && dut.vd.face == DRV_WINDOW))
			continue;
		write_bell(0, sizes[i], val);
		write_bell(0, sizes[i], vq->kick_id);
		write_bell(0, sizes[i], UINT64_MAX);
	}
	assert_quiet();
	ck_assert_int_eq(probe_count(&probe->n_chains), 0);
	ring_kick();
	(void)used_take(vq);
	assert_serves(vq);
}
END_TEST

/* ---- B4: at the wrong time ---- */

/* After the device was reset and set up again, but for DRIVER_OK. */
START_TEST(hostile_b4__kick_with_data_before_driver_ok_waits_for_it)
{
	uint64_t features;

	start_set(_i);
	features = dut.vd.features;
	ck_assert_int_eq(drv_virtio_start(&dut.vd, features), 0);
	drv_vq_reset_ring(vq);
	ck_assert_int_eq(drv_vq_attach(vq), 0);
	offer_byte(vq);
	for (int i = 0; i < N_NEXTS; i++)
		kick_with(0, vq->kick_id, nexts[i]);
	kick_with(1, dut.vqs[1].kick_id, 0x8001);
	ck_assert_int_eq(probe_count(&probe->n_chains), 0);
	ck_assert_int_eq(drv_virtio_run(&dut.vd), 0);
	(void)used_take(vq);
	assert_serves(vq);
}
END_TEST

START_TEST(hostile_b4__kick_with_data_of_a_queue_that_was_reset)
{
	start_set(_i);
	ck_assert_int_eq(drv_device_stop(&dut), 0);
	rig_start(_i & 4 ? DRV_WINDOW : DRV_MODERN,
		  DRV_BIT(DRV_F_RING_RESET) | (_i & 1 ? DATA : 0) |
			  (_i & 2 ? CONFIG : 0));
	assert_serves(vq);
	ck_assert_int_eq(drv_queue_reset(&dut.vd, 0), 0);
	offer_byte(vq);
	for (int i = 0; i < N_NEXTS; i++)
		kick_with(0, vq->kick_id, nexts[i]);
	ck_assert_int_eq(probe_count(&probe->n_chains), 1);
	assert_serves(&dut.vqs[1]);
	rig_restart();
	assert_serves(vq);
}
END_TEST

/* The index of a queue where its notif_config_data are another value. */
START_TEST(hostile_b1__index_in_place_of_notif_config_data)
{
	start_set(2 | _i);
	offer_byte(vq);
	kick_with(0, 0, drv_vq_next(vq));
	ck_assert_int_eq(probe_count(&probe->n_chains), vq->kick_id == 0);
	ring_kick();
	(void)used_take(vq);
	assert_quiet();
	assert_serves(vq);
}
END_TEST

static void
add_kicks(TCase *tc)
{
	tcase_add_loop_test(
		tc, hostile_a3__data_that_lie_make_the_device_look_at_the_ring,
		0, N_SETS * N_NEXTS);
	tcase_add_loop_test(
		tc, hostile_a3__data_of_chains_that_are_not_there_are_nothing,
		0, N_SETS * 3);
	tcase_add_loop_test(tc, hostile_a3__data_that_lie_about_a_full_ring, 0,
			    N_SETS * N_NEXTS);
	tcase_add_loop_test(
		tc, hostile_b1__kick_that_names_another_queue_is_nothing, 0,
		N_SETS);
	tcase_add_loop_test(
		tc, hostile_b1__kick_at_the_place_of_no_queue_is_nothing, 0,
		N_SETS);
	tcase_add_loop_test(tc, hostile_b9__kick_of_another_width_is_nothing, 0,
			    N_SETS);
	tcase_add_loop_test(
		tc, hostile_b4__kick_with_data_before_driver_ok_waits_for_it, 0,
		N_SETS);
	tcase_add_loop_test(
		tc, hostile_b4__kick_with_data_of_a_queue_that_was_reset, 0,
		N_SETS);
	tcase_add_loop_test(tc, hostile_b1__index_in_place_of_notif_config_data,
			    0, 2);
}

int
main(void)
{
	Suite *s = suite_create("notify-data");

	for (int i = 0; i < RIG_BATCH; i++)
		add_kicks(rig_case(s, (enum rig_kind)i, 60));
	return suite_run(s);
}
