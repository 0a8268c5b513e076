// SPDX-License-Identifier: BSD-3-Clause
/* The common configuration structure, register by register (4.1.4.3). */
#include <check.h>
#include <errno.h>

#include "device/loop-fixture.h"

#define DATA (RAM_GPA + RAM_SIZE - 0x10000)

static void
common_put(enum drv_common_reg reg, uint64_t val)
{
	ck_assert_int_eq(drv_common_write(&dut.vd, reg, val), 0);
}

/* Look at the registers; the device is as it was made. */
static void
look(void)
{
	drv_virtio_init(&dut.vd, &dut.pci, DRV_MODERN);
}

/* Up to and with FEATURES_OK. */
static void
negotiate(uint64_t features)
{
	look();
	ck_assert_int_eq(drv_virtio_start(&dut.vd, features), 0);
}

static uint8_t
generation(void)
{
	return (uint8_t)common_get(DRV_C_GENERATION);
}

static uint8_t
config_byte(uint32_t off)
{
	uint64_t val = 0;

	ck_assert_int_eq(
		drv_virtio_read(&dut.vd, DRV_VCAP_DEVICE, off, 1, &val), 0);
	return (uint8_t)val;
}

START_TEST(spec_pci_common_cfg__is_there_aligned_and_long_enough)
{
	const struct drv_vcap *cap = &dut.pci.vcaps[DRV_VCAP_COMMON];

	ck_assert_uint_ne(cap->cap_off, 0);
	ck_assert_uint_eq(cap->offset % 4, 0);
	/* RING_RESET is offered, so queue_reset has to be there. */
	ck_assert_uint_ge(cap->length, DRV_C_QUEUE_RESET + 2);
}
END_TEST

START_TEST(spec_pci_common_cfg__device_feature_shows_the_selected_word)
{
	uint64_t all = 0;

	look();
	ck_assert_int_eq(drv_virtio_offered(&dut.vd, &all), 0);
	common_put(DRV_C_DEVICE_FEATURE_SELECT, 0);
	ck_assert_uint_eq(common_get(DRV_C_DEVICE_FEATURE), (uint32_t)all);
	common_put(DRV_C_DEVICE_FEATURE_SELECT, 1);
	ck_assert_uint_eq(common_get(DRV_C_DEVICE_FEATURE), all >> 32);
	for (uint32_t i = 2; i != 0; i <<= 1) {
		common_put(DRV_C_DEVICE_FEATURE_SELECT, i);
		ck_assert_uint_eq(common_get(DRV_C_DEVICE_FEATURE_SELECT), i);
		ck_assert_uint_eq(common_get(DRV_C_DEVICE_FEATURE), 0);
	}
}
END_TEST

START_TEST(spec_pci_common_cfg__driver_feature_shows_what_was_written)
{
	look();
	common_put(DRV_C_DRIVER_FEATURE_SELECT, 1);
	common_put(DRV_C_DRIVER_FEATURE, 1);
	common_put(DRV_C_DRIVER_FEATURE_SELECT, 0);
	common_put(DRV_C_DRIVER_FEATURE, 1u << DRV_F_EVENT_IDX | 1);
	ck_assert_uint_eq(common_get(DRV_C_DRIVER_FEATURE),
			  1u << DRV_F_EVENT_IDX | 1);
	common_put(DRV_C_DRIVER_FEATURE_SELECT, 1);
	ck_assert_uint_eq(common_get(DRV_C_DRIVER_FEATURE), 1);
	common_put(DRV_C_DRIVER_FEATURE_SELECT, 7);
	ck_assert_uint_eq(common_get(DRV_C_DRIVER_FEATURE), 0);
}
END_TEST

/* ---- config_generation ---- */

START_TEST(spec_pci_common_cfg__generation_stands_while_nothing_changes)
{
	uint8_t before;

	start_modern(0);
	before = generation();
	for (uint32_t i = 0; i < LOOP_CONFIG; i++)
		(void)config_byte(i);
	ck_assert_uint_eq(generation(), before);
}
END_TEST

/* However often it has changed between two reads: 8 bits must not wrap. */
START_TEST(spec_pci_common_cfg__generation_differs_after_a_changed_read)
{
	static const int changes[] = { 1, 2, 255, 256, 257, 512 };
	uint8_t before, first;

	start_modern(0);
	before = generation();
	first = config_byte(4);
	for (int i = 0; i < changes[_i]; i++)
		loop_change_config(loop, 4, (uint8_t)(first + 1 + i % 2));
	ck_assert_uint_ne(config_byte(4), first);
	ck_assert_uint_ne(generation(), before);
}
END_TEST

START_TEST(spec_pci_common_cfg__generation_counts_the_drivers_own_writes)
{
	uint8_t before, val = 9;

	start_modern(0);
	before = generation();
	ck_assert_int_eq(drv_virtio_config_write(&dut.vd, 2, &val, 1), 0);
	ck_assert_uint_eq(config_byte(2), 9);
	ck_assert_uint_ne(generation(), before);
}
END_TEST

/* ---- device_status ---- */

START_TEST(spec_pci_common_cfg__status_0_resets_and_reads_0)
{
	start_modern(0);
	common_put(DRV_C_STATUS, 0);
	ck_assert_uint_eq(common_get(DRV_C_STATUS), 0);
	ck_assert_uint_eq(common_get(DRV_C_DEVICE_FEATURE_SELECT), 0);
	for (uint16_t q = 0; q < LOOP_QUEUES; q++) {
		common_put(DRV_C_QUEUE_SELECT, q);
		ck_assert_uint_eq(common_get(DRV_C_QUEUE_ENABLE), 0);
		ck_assert_uint_eq(common_get(DRV_C_QUEUE_RESET), 0);
		ck_assert_uint_eq(common_get(DRV_C_QUEUE_SIZE), LOOP_QSIZE);
	}
}
END_TEST

/* Ten times in a row, as some drivers do while they probe. */
START_TEST(spec_pci_common_cfg__status_0_again_and_again)
{
	for (int i = 0; i < 10; i++) {
		start_modern(0);
		echo(0, 10);
		for (int k = 0; k < 10; k++)
			ck_assert_int_eq(drv_virtio_reset(&dut.vd), 0);
		ck_assert_int_eq(drv_device_stop(&dut), 0);
	}
}
END_TEST

/* ---- queues ---- */

START_TEST(spec_pci_common_cfg__queue_that_is_not_there_has_size_0)
{
	static const uint16_t absent[] = { LOOP_QUEUES, LOOP_QUEUES + 1, 0x7fff,
					   0x8000, 0xffff };

	look();
	ck_assert_uint_eq(common_get(DRV_C_NUM_QUEUES), LOOP_QUEUES);
	for (int i = 0; i < 5; i++) {
		common_put(DRV_C_QUEUE_SELECT, absent[i]);
		ck_assert_uint_eq(common_get(DRV_C_QUEUE_SELECT), absent[i]);
		ck_assert_uint_eq(common_get(DRV_C_QUEUE_SIZE), 0);
	}
	common_put(DRV_C_QUEUE_SELECT, LOOP_QUEUES - 1);
	ck_assert_uint_eq(common_get(DRV_C_QUEUE_SIZE), LOOP_QSIZE);
}
END_TEST

START_TEST(spec_pci_common_cfg__queue_size_is_a_power_of_two)
{
	static const uint16_t bad[] = { 0, 3, 63, 65, 128, 0x8000, 0xffff };

	look();
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		common_put(DRV_C_QUEUE_SIZE, bad[i]);
		ck_assert_uint_eq(common_get(DRV_C_QUEUE_SIZE), LOOP_QSIZE);
	}
	for (uint16_t size = 1; size <= LOOP_QSIZE; size *= 2) {
		common_put(DRV_C_QUEUE_SIZE, size);
		ck_assert_uint_eq(common_get(DRV_C_QUEUE_SIZE), size);
	}
}
END_TEST

START_TEST(spec_pci_common_cfg__geometry_is_frozen_while_enabled)
{
	static const enum drv_common_reg areas[] = { DRV_C_QUEUE_DESC,
						     DRV_C_QUEUE_DRIVER,
						     DRV_C_QUEUE_DEVICE };

	start_modern(0);
	common_put(DRV_C_QUEUE_SELECT, 0);
	common_put(DRV_C_QUEUE_SIZE, 4);
	ck_assert_uint_eq(common_get(DRV_C_QUEUE_SIZE), LOOP_QSIZE);
	for (int i = 0; i < 3; i++) {
		uint64_t was = common_get(areas[i]);

		common_put(areas[i], DATA);
		ck_assert_uint_eq(common_get(areas[i]), was);
	}
	common_put(DRV_C_QUEUE_ENABLE, 0); /* forbidden; some do it */
	ck_assert_uint_eq(common_get(DRV_C_QUEUE_ENABLE), 1);
	echo(0, 60);
}
END_TEST

START_TEST(spec_pci_common_cfg__queue_enable_needs_a_usable_ring)
{
	/* Not aligned; overlapping; not in RAM. */
	static const uint64_t areas[][3] = {
		{ DATA + 8, DATA + 0x1000, DATA + 0x2000 },
		{ DATA, DATA + 0x1001, DATA + 0x2000 },
		{ DATA, DATA + 0x1000, DATA + 0x2002 },
		{ DATA, DATA + 16, DATA + 0x2000 },
		{ DATA, DATA + 0x1000, DATA },
		{ 0, DATA + 0x1000, DATA + 0x2000 },
		{ DATA, DATA + 0x1000, UINT64_C(1) << 50 },
	};

	negotiate(0);
	for (int i = 0; i < 7; i++) {
		ck_assert_int_eq(drv_queue_set_areas(&dut.vd, areas[i][0],
						     areas[i][1], areas[i][2]),
				 0);
		common_put(DRV_C_QUEUE_ENABLE, 1);
		ck_assert_msg(common_get(DRV_C_QUEUE_ENABLE) == 0, "row %d", i);
	}
	ck_assert_int_eq(drv_queue_set_areas(&dut.vd, DATA, DATA + 0x1000,
					     DATA + 0x2000),
			 0);
	common_put(DRV_C_QUEUE_ENABLE, 1);
	ck_assert_uint_eq(common_get(DRV_C_QUEUE_ENABLE), 1);
}
END_TEST

START_TEST(spec_pci_common_cfg__queue_enable_takes_1_only)
{
	negotiate(0);
	ck_assert_int_eq(drv_queue_set_areas(&dut.vd, DATA, DATA + 0x1000,
					     DATA + 0x2000),
			 0);
	common_put(DRV_C_QUEUE_ENABLE, 2);
	ck_assert_uint_eq(common_get(DRV_C_QUEUE_ENABLE), 0);
	common_put(DRV_C_QUEUE_ENABLE, 0xffff);
	ck_assert_uint_eq(common_get(DRV_C_QUEUE_ENABLE), 0);
}
END_TEST

START_TEST(spec_pci_common_cfg__queue_reset_ends_with_0_in_both)
{
	start_modern(DRV_BIT(DRV_F_RING_RESET));
	common_put(DRV_C_QUEUE_SELECT, 1);
	ck_assert_uint_eq(common_get(DRV_C_QUEUE_RESET), 0);
	common_put(DRV_C_QUEUE_RESET, 0);
	ck_assert_uint_eq(common_get(DRV_C_QUEUE_ENABLE), 1);
	loop->hold = true;
	post(1, 3);
	common_put(DRV_C_QUEUE_RESET, 1);
	for (int i = 0; common_get(DRV_C_QUEUE_RESET) && i < 1000; i++)
		ck_assert_int_eq(drv_bus_run(bus), 0);
	ck_assert_uint_eq(common_get(DRV_C_QUEUE_RESET), 0);
	ck_assert_uint_eq(common_get(DRV_C_QUEUE_ENABLE), 0);
}
END_TEST

START_TEST(spec_pci_common_cfg__queue_reset_reads_0_once_enabled_again)
{
	start_modern(DRV_BIT(DRV_F_RING_RESET));
	ck_assert_int_eq(drv_queue_reset(&dut.vd, 0), 0);
	drv_split_reset(&dut.vqs[0].ring);
	ck_assert_int_eq(drv_queue_attach(&dut.vd, 0, &dut.vqs[0].ring, 1), 0);
	ck_assert_uint_eq(common_get(DRV_C_QUEUE_ENABLE), 1);
	ck_assert_uint_eq(common_get(DRV_C_QUEUE_RESET), 0);
}
END_TEST

START_TEST(spec_pci_common_cfg__queue_reset_without_the_feature)
{
	start_modern(0);
	common_put(DRV_C_QUEUE_SELECT, 0);
	common_put(DRV_C_QUEUE_RESET, 1);
	ck_assert_uint_eq(common_get(DRV_C_QUEUE_ENABLE), 1);
	echo(0, 10);
}
END_TEST

START_TEST(spec_pci_common_cfg__read_only_registers_stay)
{
	static const enum drv_common_reg regs[] = {
		DRV_C_DEVICE_FEATURE,   DRV_C_NUM_QUEUES,
		DRV_C_GENERATION,       DRV_C_QUEUE_NOTIFY_OFF,
		DRV_C_QUEUE_NOTIF_DATA,
	};

	start_modern(0);
	for (size_t i = 0; i < sizeof(regs) / sizeof(regs[0]); i++) {
		uint64_t was = common_get(regs[i]);

		common_put(regs[i], was ^ 0x5a);
		ck_assert_uint_eq(common_get(regs[i]), was);
	}
	echo(0, 10);
}
END_TEST

START_TEST(spec_pci_common_cfg__features_are_final_after_features_ok)
{
	negotiate(0);
	common_put(DRV_C_DRIVER_FEATURE_SELECT, 0);
	common_put(DRV_C_DRIVER_FEATURE, 1);
	ck_assert_uint_eq(common_get(DRV_C_DRIVER_FEATURE), 0);
	ck_assert_uint_eq(loop->common.negotiated_caps,
			  DRV_BIT(DRV_F_VERSION_1));
}
END_TEST

static TCase *
add_case(Suite *s, const char *name)
{
	TCase *tc = tcase_create(name);

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	suite_add_tcase(s, tc);
	return tc;
}

static void
add_device(Suite *s)
{
	TCase *tc = add_case(s, "device");

	tcase_add_test(tc,
		       spec_pci_common_cfg__is_there_aligned_and_long_enough);
	tcase_add_test(
		tc,
		spec_pci_common_cfg__device_feature_shows_the_selected_word);
	tcase_add_test(
		tc, spec_pci_common_cfg__driver_feature_shows_what_was_written);
	tcase_add_test(
		tc,
		spec_pci_common_cfg__generation_stands_while_nothing_changes);
	tcase_add_loop_test(
		tc,
		spec_pci_common_cfg__generation_differs_after_a_changed_read, 0,
		6);
	tcase_add_test(
		tc,
		spec_pci_common_cfg__generation_counts_the_drivers_own_writes);
	tcase_add_test(tc, spec_pci_common_cfg__status_0_resets_and_reads_0);
	tcase_add_test(tc, spec_pci_common_cfg__status_0_again_and_again);
	tcase_add_test(tc, spec_pci_common_cfg__read_only_registers_stay);
	tcase_add_test(
		tc, spec_pci_common_cfg__features_are_final_after_features_ok);
}

static void
add_queues(Suite *s)
{
	TCase *tc = add_case(s, "queues");

	tcase_add_test(tc,
		       spec_pci_common_cfg__queue_that_is_not_there_has_size_0);
	tcase_add_test(tc, spec_pci_common_cfg__queue_size_is_a_power_of_two);
	tcase_add_test(tc,
		       spec_pci_common_cfg__geometry_is_frozen_while_enabled);
	tcase_add_test(tc,
		       spec_pci_common_cfg__queue_enable_needs_a_usable_ring);
	tcase_add_test(tc, spec_pci_common_cfg__queue_enable_takes_1_only);
	tcase_add_test(tc,
		       spec_pci_common_cfg__queue_reset_ends_with_0_in_both);
	tcase_add_test(
		tc,
		spec_pci_common_cfg__queue_reset_reads_0_once_enabled_again);
	tcase_add_test(tc,
		       spec_pci_common_cfg__queue_reset_without_the_feature);
}

int
main(void)
{
	Suite *s = suite_create("spec/pci-common");

	add_device(s);
	add_queues(s);
	return suite_run(s);
}
