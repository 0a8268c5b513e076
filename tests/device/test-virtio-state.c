// SPDX-License-Identifier: BSD-3-Clause
/*
 * The state machine, end to end: features, status, resets, one face after the
 * other (virtio 1.3, 2.1, 2.2, 2.4, 3.1).
 */
#include <dirent.h>
#include <string.h>

#include "device/loop-fixture.h"

/* ---- status and features ---- */

START_TEST(features_version_1_only_on_the_modern_face)
{
	uint64_t offered = 0;

	drv_virtio_init(&dut.vd, &dut.pci, DRV_LEGACY);
	ck_assert_int_eq(drv_virtio_offered(&dut.vd, &offered), 0);
	ck_assert_uint_eq(offered >> 32, 0);
	ck_assert_uint_ne(offered & DRV_BIT(DRV_F_ANY_LAYOUT), 0);
	drv_virtio_init(&dut.vd, &dut.pci, DRV_MODERN);
	ck_assert_int_eq(drv_virtio_offered(&dut.vd, &offered), 0);
	ck_assert_uint_ne(offered & DRV_BIT(DRV_F_VERSION_1), 0);
	ck_assert_uint_eq(offered & DRV_BIT(DRV_F_ANY_LAYOUT), 0);
	ck_assert_uint_eq(offered & DRV_BIT(DRV_F_NOTIFY_ON_EMPTY), 0);
}
END_TEST

/* Offer a set of features by hand; is FEATURES_OK kept? */
static bool
features_ok(uint64_t features)
{
	ck_assert_int_eq(drv_virtio_reset(&dut.vd), 0);
	ck_assert_int_eq(drv_virtio_add_status(&dut.vd, DRV_S_ACKNOWLEDGE), 0);
	ck_assert_int_eq(drv_virtio_add_status(&dut.vd, DRV_S_DRIVER), 0);
	ck_assert_int_eq(drv_virtio_accept(&dut.vd, features), 0);
	ck_assert_int_eq(drv_virtio_add_status(&dut.vd, DRV_S_FEATURES_OK), 0);
	return status() & DRV_S_FEATURES_OK;
}

START_TEST(features_that_do_not_fit_are_refused)
{
	const uint64_t v1 = DRV_BIT(DRV_F_VERSION_1);

	drv_virtio_init(&dut.vd, &dut.pci, DRV_MODERN);
	ck_assert(features_ok(v1));
	ck_assert(!features_ok(0));
	ck_assert(!features_ok(v1 | DRV_BIT(5)));
	ck_assert(features_ok(v1 | DRV_BIT(DRV_F_RING_PACKED)));
	ck_assert(!features_ok(DRV_BIT(DRV_F_RING_PACKED)));
	ck_assert(!features_ok(v1 | DRV_BIT(DRV_F_IN_ORDER)));
	ck_assert(!features_ok(v1 | DRV_BIT(63)));
	ck_assert(!features_ok(v1 | DRV_BIT(LOOP_F_EXTRA)));
	ck_assert(
		features_ok(v1 | DRV_BIT(LOOP_F_EXTRA) | DRV_BIT(LOOP_F_BASE)));
}
END_TEST

START_TEST(features_cannot_change_after_features_ok)
{
	start_modern(DRV_BIT(LOOP_F_BASE));
	ck_assert_int_eq(drv_virtio_accept(&dut.vd, 0), 0);
	ck_assert_uint_eq(loop->common.negotiated_caps,
			  DRV_BIT(DRV_F_VERSION_1) | DRV_BIT(LOOP_F_BASE));
	echo(0, 10);
}
END_TEST

START_TEST(status_bits_are_only_added)
{
	start_modern(0);
	ck_assert_int_eq(drv_virtio_set_status(&dut.vd, DRV_S_ACKNOWLEDGE), 0);
	ck_assert_uint_eq(status(), DRV_S_ACKNOWLEDGE | DRV_S_DRIVER |
					    DRV_S_FEATURES_OK |
					    DRV_S_DRIVER_OK);
	ck_assert_int_eq(drv_virtio_add_status(&dut.vd, DRV_S_NEEDS_RESET), 0);
	ck_assert_uint_eq(status() & DRV_S_NEEDS_RESET, 0);
	echo(0, 10);
}
END_TEST

START_TEST(driver_ok_needs_features_ok)
{
	drv_virtio_init(&dut.vd, &dut.pci, DRV_MODERN);
	ck_assert_int_eq(drv_virtio_reset(&dut.vd), 0);
	ck_assert_int_eq(drv_virtio_set_status(
				 &dut.vd, DRV_S_ACKNOWLEDGE | DRV_S_DRIVER |
						  DRV_S_DRIVER_OK),
			 0);
	ck_assert_uint_eq(status() & DRV_S_DRIVER_OK, 0);
}
END_TEST

/* ---- reset ---- */

START_TEST(faces_take_turns_across_resets)
{
	for (int i = 0; i < 24; i++) {
		ring_feature = i / 4 & 1 ? DRV_BIT(DRV_F_RING_PACKED) : 0;
		start(faces[i % 3], kinds[(i / 2) % 3],
		      i & 1 ? DRV_BIT(DRV_F_EVENT_IDX) : 0);
		for (int n = 0; n < 100; n++)
			echo(n % LOOP_QUEUES, 50);
		ck_assert_int_eq(drv_device_stop(&dut), 0);
		ck_assert_uint_eq(status(), 0);
	}
}
END_TEST

START_TEST(reset_puts_defaults_back)
{
	struct drv_device_opts opts = {
		.face = DRV_MODERN,
		.irq = DRV_IRQ_MSIX,
		.n_queues = LOOP_QUEUES,
		.queue_size = 8,
	};

	ck_assert_int_eq(drv_device_start(&dut, &opts), 0);
	ck_assert_int_eq(drv_device_stop(&dut), 0);
	for (uint16_t i = 0; i < LOOP_QUEUES; i++) {
		ck_assert_int_eq(drv_queue_select(&dut.vd, i), 0);
		ck_assert_uint_eq(common_get(DRV_C_QUEUE_ENABLE), 0);
		ck_assert_uint_eq(common_get(DRV_C_QUEUE_SIZE), LOOP_QSIZE);
		ck_assert_uint_eq(common_get(DRV_C_QUEUE_DESC), 0);
		ck_assert_uint_eq(common_get(DRV_C_QUEUE_DRIVER), 0);
		ck_assert_uint_eq(common_get(DRV_C_QUEUE_DEVICE), 0);
		ck_assert_uint_eq(common_get(DRV_C_QUEUE_VECTOR),
				  DRV_NO_VECTOR);
	}
	ck_assert_uint_eq(common_get(DRV_C_CONFIG_VECTOR), DRV_NO_VECTOR);
	ck_assert_uint_eq(common_get(DRV_C_DRIVER_FEATURE), 0);
}
END_TEST

/* The area that the device writes: its host address and length. */
static uint8_t *
used_area(const struct drv_vq *vq, uint64_t *bytes)
{
	*bytes = vq->is_packed ? drv_packed_desc_bytes(vq->packed.size)
			       : drv_split_used_bytes(vq->ring.size);
	return vq->is_packed ? vq->packed.desc : vq->ring.used;
}

START_TEST(reset_with_requests_in_flight_returns_none_late)
{
	uint64_t irqs, bytes;
	uint8_t *used;

	start(faces[_i], DRV_IRQ_MSIX, 0);
	loop->hold = true;
	post(0, 5);
	ck_assert_int_eq(loop->n_held[0], 5);
	used = used_area(&dut.vqs[0], &bytes);
	ck_assert_int_eq(drv_virtio_reset(&dut.vd), 0);
	ck_assert_int_eq(loop->n_held[0], 0);
	ck_assert_uint_eq(status(), 0);
	memset(used, 0x5a, bytes);
	irqs = drv_bus_irqs_total(bus);
	loop_release(loop, 0);
	ck_assert_int_eq(drv_bus_run(bus), 0);
	for (uint64_t i = 0; i < bytes; i++)
		ck_assert_uint_eq(used[i], 0x5a);
	ck_assert_uint_eq(drv_bus_irqs_total(bus), irqs);
}
END_TEST

START_TEST(reset_with_a_stuck_back_end_ends_and_recovers)
{
	start_modern(0);
	loop->hold = loop->stuck = true;
	post(0, 2);
	ck_assert_int_eq(drv_device_stop(&dut), 0);
	ck_assert_uint_eq(status(), 0);
	loop->hold = false;
	start_modern(0);
	echo(1, 10);
	post(0, 1);
	ck_assert_int_eq(reap_all(0), 0);
	loop_release(loop, 0);
	ck_assert_int_eq(drv_bus_run(bus), 0);
	ck_assert_int_eq(reap_all(0), 1);
}
END_TEST

START_TEST(function_level_reset_during_work_forgets_everything)
{
	bool pending = true;
	uint64_t masked = 0;

	start_modern(0);
	ck_assert_int_eq(drv_pci_msix_mask(&dut.pci, 2, true), 0);
	echo(1, 10);
	loop->hold = true;
	post(0, 3);
	ck_assert_int_eq(drv_bus_reset(bus), 0);
	ck_assert_int_eq(loop->n_held[0], 0);
	ck_assert_uint_eq(drv_pci_cfg16(&dut.pci, DRV_PCI_COMMAND), 0);
	ck_assert_uint_eq(
		drv_pci_cfg16(&dut.pci, dut.pci.msix.cap_off + 2u) & 0x8000, 0);
	ck_assert_uint_eq(status(), 0);
	ck_assert_int_eq(drv_pci_msix_pending(&dut.pci, 2, &pending), 0);
	ck_assert(!pending);
	ck_assert_int_eq(drv_bus_bar_read(bus, dut.pci.msix.table_bar,
					  dut.pci.msix.table_off + 12, 4,
					  &masked),
			 0);
	ck_assert_uint_eq(masked, 1);
	for (int i = 0; i < dut.n_queues; i++)
		drv_vq_close(&dut.vqs[i]);
	loop->hold = false;
	ck_assert_int_eq(drv_device_open(&dut, bus, &ram), 0);
	start_modern(0);
	echo(0, 10);
}
END_TEST

static int
open_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	ck_assert_ptr_nonnull(dir);
	while (readdir(dir))
		n++;
	(void)closedir(dir);
	return n;
}

START_TEST(thousand_resets_leak_nothing)
{
	int before = open_fds();

	for (int i = 0; i < 1000; i++) {
		start(faces[i % 3], DRV_IRQ_MSIX, 0);
		echo(0, 10);
		ck_assert_int_eq(drv_device_stop(&dut), 0);
	}
	ck_assert_int_eq(open_fds(), before);
	ck_assert_int_eq(loop->n_resets, 2000);
}
END_TEST

/* What does not depend on how a ring is laid out. */
static void
add_both(TCase *tc)
{
	tcase_add_test(tc, status_bits_are_only_added);
	tcase_add_loop_test(tc, reset_with_requests_in_flight_returns_none_late,
			    0, 3);
	tcase_add_test(tc, reset_with_a_stuck_back_end_ends_and_recovers);
	tcase_add_test(tc, function_level_reset_during_work_forgets_everything);
	tcase_add_test(tc, thousand_resets_leak_nothing);
}

static void
add_cases(Suite *s)
{
	TCase *tc = tcase_create("state");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, features_version_1_only_on_the_modern_face);
	tcase_add_test(tc, features_that_do_not_fit_are_refused);
	tcase_add_test(tc, features_cannot_change_after_features_ok);
	tcase_add_test(tc, driver_ok_needs_features_ok);
	tcase_add_test(tc, faces_take_turns_across_resets);
	tcase_add_test(tc, reset_puts_defaults_back);
	add_both(tc);
	suite_add_tcase(s, tc);

	tc = tcase_create("packed");
	tcase_add_checked_fixture(tc, setup_packed, teardown);
	tcase_set_timeout(tc, 60);
	add_both(tc);
	suite_add_tcase(s, tc);
}

int
main(void)
{
	Suite *s = suite_create("virtio-state");

	add_cases(s);
	return suite_run(s);
}
