// SPDX-License-Identifier: BSD-3-Clause
/*
 * What a driver says with a kick, where it may say more than an index
 * (NOTIFICATION_DATA, NOTIF_CONFIG_DATA; virtio 1.4, 2.9, 4.1.4.4, 4.1.5.2).
 */
#include <check.h>

#include "device/loop-fixture.h"

#define DATA   DRV_BIT(DRV_F_NOTIFICATION_DATA)
#define CONFIG DRV_BIT(DRV_F_NOTIF_CONFIG_DATA)

/* Loop parameter: both features, or one, or none; the ring; the face. */
#define N_SETS 16

static void
offer(uint64_t features)
{
	for (unsigned int bit = 38; bit < 40; bit++)
		ck_assert_int_eq(vbs_virtio_offer(drv_inproc_dev(bus), bit,
						  features & DRV_BIT(bit)),
				 0);
}

static void
start_set(int set)
{
	uint64_t features = (set & 1 ? DATA : 0) | (set & 2 ? CONFIG : 0);

	offer(features);
	if (set & 4)
		features |= DRV_BIT(DRV_F_RING_PACKED);
	start(set & 8 ? DRV_WINDOW : DRV_MODERN, DRV_IRQ_MSIX, features);
	ck_assert_uint_eq(dut.vd.features & features, features);
}

/* What the common configuration says for a queue. */
static uint64_t
queue_get(uint16_t q, enum drv_common_reg reg)
{
	ck_assert_int_eq(drv_queue_select(&dut.vd, q), 0);
	return common_get(reg);
}

/* 4.1.4.4: stricter for a device that offers NOTIFICATION_DATA. */
START_TEST(spec_pci_notify_cap__room_for_32_bits_where_data_are_offered)
{
	const struct drv_vcap *cap = &dut.pci.vcaps[DRV_VCAP_NOTIFY];
	uint32_t mult = cap->multiplier;
	uint64_t offered = 0;

	offer(DATA);
	drv_virtio_init(&dut.vd, &dut.pci, DRV_MODERN);
	ck_assert_int_eq(drv_virtio_offered(&dut.vd, &offered), 0);
	ck_assert(offered & DATA);
	ck_assert_uint_eq(cap->offset % 4, 0);
	ck_assert(mult == 0 || (mult % 4 == 0 && !(mult & (mult - 1))));
	ck_assert_uint_ge(cap->length, 4);
	for (uint16_t q = 0; q < LOOP_QUEUES; q++)
		ck_assert_uint_ge(cap->length,
				  queue_get(q, DRV_C_QUEUE_NOTIFY_OFF) * mult +
					  4);
}
END_TEST

/* Through some laps, so that the data wrap in each way. */
START_TEST(spec_pci_notify_cap__each_kick_is_for_the_queue_that_it_names)
{
	struct drv_seg seg = { RAM_GPA + RAM_SIZE - 64, 1, true };

	start_set(_i);
	for (int round = 0; round < 3 * LOOP_QSIZE; round++) {
		for (uint16_t q = 0; q < LOOP_QUEUES; q++) {
			ck_assert_int_ge(drv_vq_add(&dut.vqs[q], &seg, 1, NULL),
					 0);
			drv_vq_publish(&dut.vqs[q]);
		}
		for (uint16_t q = LOOP_QUEUES; q-- > 0;) {
			ck_assert_int_eq(drv_vq_kick(&dut.vqs[q]), 0);
			ck_assert_int_eq(drv_bus_run(bus), 0);
			for (uint16_t k = 0; k < LOOP_QUEUES; k++)
				ck_assert_int_eq(drv_vq_has_used(&dut.vqs[k]),
						 k >= q);
		}
		for (int q = 0; q < LOOP_QUEUES; q++)
			ck_assert_int_eq(reap_all(q), 1);
	}
}
END_TEST

/* The same data again, without anything new: no harm (2.9). */
START_TEST(spec_vq_split_avail_suppress__kicks_again_with_the_same_data)
{
	start_set(_i);
	for (int i = 0; i < 10; i++) {
		echo(0, 10);
		for (int k = 0; k < 5; k++)
			ck_assert_int_eq(drv_vq_kick(&dut.vqs[0]), 0);
		ck_assert_int_eq(drv_bus_run(bus), 0);
		ck_assert_int_eq(loop->n_chains, i + 1);
	}
	ck_assert_uint_eq(status() & DRV_S_NEEDS_RESET, 0);
}
END_TEST

/* 4.1.4.3: the driver reads a value for each queue; it cannot write it. */
START_TEST(spec_pci_common_cfg__notif_config_data_tell_queues_apart)
{
	uint64_t vals[LOOP_QUEUES];

	start_set(2 | _i << 2);
	for (uint16_t q = 0; q < LOOP_QUEUES; q++) {
		vals[q] = queue_get(q, DRV_C_QUEUE_NOTIF_DATA);
		ck_assert_uint_eq(vals[q], dut.vqs[q].kick_id);
		for (uint16_t k = 0; k < q; k++)
			ck_assert_uint_ne(vals[q], vals[k]);
		ck_assert_int_eq(drv_common_write(&dut.vd,
						  DRV_C_QUEUE_NOTIF_DATA,
						  vals[q] + 1),
				 0);
		ck_assert_uint_eq(queue_get(q, DRV_C_QUEUE_NOTIF_DATA),
				  vals[q]);
	}
	for (int q = 0; q < LOOP_QUEUES; q++)
		echo(q, 20);
}
END_TEST

/* A queue that was reset is kicked as before, from the start of its ring. */
START_TEST(spec_vq_reset_re_enable__kicks_say_as_much_as_before)
{
	start_set(_i);
	ck_assert_int_eq(drv_device_stop(&dut), 0);
	ring_feature = DRV_BIT(DRV_F_RING_RESET);
	start_set(_i);
	for (int round = 0; round < 5; round++) {
		for (int i = 0; i < 3 + round; i++)
			echo(1, 10);
		ck_assert_int_eq(drv_queue_reset(&dut.vd, 1), 0);
		drv_vq_reset_ring(&dut.vqs[1]);
		ck_assert_int_eq(drv_vq_attach(&dut.vqs[1]), 0);
		echo(1, 30);
	}
}
END_TEST

/* The legacy interface has an index and no more (4.1.5.2, 2.2). */
START_TEST(spec_legacy_pci_queue__kicks_are_an_index)
{
	offer(DATA | CONFIG);
	start(DRV_LEGACY, kinds[_i], DATA | CONFIG);
	ck_assert_uint_eq(dut.vd.features & (DATA | CONFIG), 0);
	for (int q = 0; q < LOOP_QUEUES; q++)
		echo(q, 20);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("spec-pci-notify");
	TCase *tc = tcase_create("kicks");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(
		tc,
		spec_pci_notify_cap__room_for_32_bits_where_data_are_offered);
	tcase_add_loop_test(
		tc,
		spec_pci_notify_cap__each_kick_is_for_the_queue_that_it_names,
		0, N_SETS);
	tcase_add_loop_test(
		tc,
		spec_vq_split_avail_suppress__kicks_again_with_the_same_data, 0,
		N_SETS);
	tcase_add_loop_test(
		tc, spec_pci_common_cfg__notif_config_data_tell_queues_apart, 0,
		4);
	tcase_add_loop_test(
		tc, spec_vq_reset_re_enable__kicks_say_as_much_as_before, 0,
		N_SETS);
	tcase_add_loop_test(tc, spec_legacy_pci_queue__kicks_are_an_index, 0,
			    3);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
