// SPDX-License-Identifier: BSD-3-Clause
/* Kicks, the ISR register, MSI-X vectors, interrupts (4.1.4.4 to 4.1.5.4). */
#include <check.h>
#include <errno.h>

#include "device/loop-fixture.h"

#define N_VECTORS (LOOP_QUEUES + 1)

static const struct drv_vcap *
vcap(enum drv_vcap_type type)
{
	return &dut.pci.vcaps[type];
}

static bool
status_bit(void)
{
	return drv_pci_cfg16(&dut.pci, DRV_PCI_STATUS) & DRV_PCI_STATUS_INTX;
}

/* ---- 4.1.4.4: where to kick ---- */

START_TEST(spec_pci_notify_cap__alignment_multiplier_and_length)
{
	const struct drv_vcap *cap = vcap(DRV_VCAP_NOTIFY);
	uint32_t mult = cap->multiplier;

	ck_assert_uint_ne(cap->cap_off, 0);
	ck_assert_uint_eq(cap->offset % 4, 0); /* 2, or 4 with data */
	ck_assert(mult == 0 || (mult % 4 == 0 && !(mult & (mult - 1))));
	ck_assert_uint_ge(cap->length, 4);
	drv_virtio_init(&dut.vd, &dut.pci, DRV_MODERN);
	for (uint16_t q = 0; q < LOOP_QUEUES; q++) {
		ck_assert_int_eq(drv_queue_select(&dut.vd, q), 0);
		ck_assert_uint_ge(cap->length,
				  common_get(DRV_C_QUEUE_NOTIFY_OFF) * mult +
					  4);
	}
}
END_TEST

/* offset + queue_notify_off * multiplier is the queue's, and no other's. */
START_TEST(spec_pci_notify_cap__each_queue_is_kicked_at_its_address)
{
	const struct drv_vcap *cap = vcap(DRV_VCAP_NOTIFY);
	struct drv_seg seg = { RAM_GPA + RAM_SIZE - 64, 1, true };

	start_modern(0);
	for (uint16_t q = 0; q < LOOP_QUEUES; q++) {
		ck_assert_int_ge(drv_split_add(&dut.vqs[q].ring, &seg, 1, NULL),
				 0);
		drv_split_publish(&dut.vqs[q].ring);
	}
	for (uint16_t q = LOOP_QUEUES; q-- > 0;) {
		ck_assert_int_eq(drv_queue_select(&dut.vd, q), 0);
		ck_assert_int_eq(
			drv_bus_bar_write(
				bus, cap->bar,
				cap->offset +
					common_get(DRV_C_QUEUE_NOTIFY_OFF) *
						cap->multiplier,
				2, q),
			0);
		ck_assert_int_eq(drv_bus_run(bus), 0);
		for (uint16_t k = 0; k < LOOP_QUEUES; k++)
			ck_assert_uint_eq(
				drv_split_raw_get_used_idx(&dut.vqs[k].ring),
				k >= q);
	}
}
END_TEST

/* ---- 4.1.4.5: ISR status ---- */

START_TEST(spec_pci_isr__queue_bit_is_set_and_reading_clears)
{
	start(faces[_i / 2], kinds[_i % 2], 0);
	ck_assert_uint_eq(isr(), 0);
	post(0, 1);
	ck_assert_uint_eq(isr(), DRV_ISR_QUEUE);
	ck_assert_uint_eq(isr(), 0);
}
END_TEST

START_TEST(spec_pci_isr__config_bit_is_set_with_every_mechanism)
{
	start(faces[_i / 3], kinds[_i % 3], 0);
	loop_change_config(loop, 0, 1);
	ck_assert_uint_eq(drv_device_config_irqs(&dut), 1);
	ck_assert_uint_eq(isr(), DRV_ISR_CONFIG);
	ck_assert_uint_eq(isr(), 0);
}
END_TEST

/* With MSI-X off, also while MSI brings the message. */
START_TEST(spec_pci_isr__interrupt_status_is_the_or_of_its_bits)
{
	start(faces[_i / 2], kinds[_i % 2], 0);
	ck_assert(!status_bit());
	post(0, 1);
	ck_assert(status_bit());
	(void)isr();
	ck_assert(!status_bit());
	loop_change_config(loop, 0, 1);
	ck_assert(status_bit());
	(void)isr();
	ck_assert(!status_bit());
}
END_TEST

START_TEST(spec_pci_isr__line_is_up_until_it_is_read)
{
	start(faces[_i], DRV_IRQ_INTX, 0);
	post(0, 1);
	post(1, 1);
	loop_change_config(loop, 0, 1);
	ck_assert_int_eq(bus->intx_level, 1);
	ck_assert_uint_eq(isr(), DRV_ISR_QUEUE | DRV_ISR_CONFIG);
	ck_assert_int_eq(bus->intx_level, 0);
}
END_TEST

START_TEST(spec_pci_isr__messages_leave_the_line_down)
{
	start(faces[_i / 2], kinds[1 + _i % 2], 0);
	post(0, 1);
	loop_change_config(loop, 0, 1);
	ck_assert_int_ne(bus->intx_level, 1);
	ck_assert_uint_eq(drv_bus_irqs(bus, DRV_IRQ_INTX, 0), 0);
	ck_assert_uint_eq(drv_bus_irqs_total(bus), 2);
}
END_TEST

START_TEST(spec_pci_isr__reset_clears_it)
{
	start(faces[_i], DRV_IRQ_INTX, 0);
	post(0, 1);
	ck_assert_int_eq(bus->intx_level, 1);
	ck_assert_int_eq(drv_virtio_reset(&dut.vd), 0);
	ck_assert_int_eq(bus->intx_level, 0);
	ck_assert(!status_bit());
	ck_assert_uint_eq(isr(), 0);
}
END_TEST

/* ---- 4.1.5.1.2: MSI-X vectors ---- */

START_TEST(spec_pci_msix__table_size_is_reported)
{
	uint16_t ctl = drv_pci_cfg16(&dut.pci, dut.pci.msix.cap_off + 2u);

	ck_assert_uint_ge(dut.pci.msix.n, 2);
	ck_assert_uint_le(dut.pci.msix.n, 0x800);
	ck_assert_uint_eq((ctl & 0x7ff) + 1, N_VECTORS);
}
END_TEST

static void
map_all(uint16_t vector)
{
	uint16_t got = 0;

	ck_assert_int_eq(drv_virtio_set_config_vector(&dut.vd, vector, &got),
			 0);
	ck_assert_uint_eq(got, vector);
	for (uint16_t q = 0; q < LOOP_QUEUES; q++) {
		ck_assert_int_eq(drv_queue_select(&dut.vd, q), 0);
		ck_assert_int_eq(drv_queue_set_vector(&dut.vd, vector, &got),
				 0);
		ck_assert_uint_eq(got, vector);
	}
}

START_TEST(spec_pci_msix__any_event_on_any_vector)
{
	start(faces[_i], DRV_IRQ_MSIX, 0);
	for (uint16_t v = 0; v < N_VECTORS; v++) {
		uint64_t n = drv_bus_irqs(bus, DRV_IRQ_MSIX, v);

		map_all(v);
		for (int q = 0; q < LOOP_QUEUES; q++) {
			post(q, 1);
			ck_assert_uint_eq(drv_bus_irqs(bus, DRV_IRQ_MSIX, v),
					  ++n);
		}
		loop_change_config(loop, 0, (uint8_t)v);
		ck_assert_uint_eq(drv_bus_irqs(bus, DRV_IRQ_MSIX, v), ++n);
		ck_assert_uint_eq(drv_bus_irqs_total(bus),
				  (v + 1u) * (LOOP_QUEUES + 1));
	}
}
END_TEST

/* covers: pci.used-notify, pci.config-notify */
START_TEST(spec_pci_msix__unmapped_events_are_silent)
{
	start(faces[_i], DRV_IRQ_MSIX, 0);
	map_all(DRV_NO_VECTOR);
	for (int q = 0; q < LOOP_QUEUES; q++)
		post(q, 1);
	loop_change_config(loop, 0, 1);
	ck_assert_uint_eq(drv_bus_irqs_total(bus), 0);
	ck_assert_int_ne(bus->intx_level, 1);
	for (uint32_t v = 0; v < N_VECTORS; v++) {
		bool pending = true;

		ck_assert_int_eq(drv_pci_msix_pending(&dut.pci, v, &pending),
				 0);
		ck_assert(!pending);
	}
	map_all(2);
	post(0, 1);
	ck_assert_uint_eq(drv_bus_irqs(bus, DRV_IRQ_MSIX, 2), 1);
}
END_TEST

START_TEST(spec_pci_msix__vector_that_is_not_there_reads_back_as_none)
{
	static const uint16_t bad[] = { N_VECTORS, N_VECTORS + 1, 0x7ff, 0x800,
					0xfffe };
	uint16_t got = 0;

	start(faces[_i], DRV_IRQ_MSIX, 0);
	for (int i = 0; i < 5; i++) {
		ck_assert_int_eq(
			drv_virtio_set_config_vector(&dut.vd, bad[i], &got), 0);
		ck_assert_uint_eq(got, DRV_NO_VECTOR);
		ck_assert_int_eq(drv_queue_select(&dut.vd, 1), 0);
		ck_assert_int_eq(drv_queue_set_vector(&dut.vd, bad[i], &got),
				 0);
		ck_assert_uint_eq(got, DRV_NO_VECTOR);
	}
	post(1, 1);
	ck_assert_uint_eq(drv_bus_irqs_total(bus), 0);
}
END_TEST

START_TEST(spec_pci_msix__reset_unmaps_everything)
{
	start(faces[_i], DRV_IRQ_MSIX, 0);
	map_all(1);
	ck_assert_int_eq(drv_virtio_reset(&dut.vd), 0);
	drv_virtio_init(&dut.vd, &dut.pci, DRV_MODERN);
	ck_assert_uint_eq(common_get(DRV_C_CONFIG_VECTOR), DRV_NO_VECTOR);
	for (uint16_t q = 0; q < LOOP_QUEUES; q++) {
		ck_assert_int_eq(drv_queue_select(&dut.vd, q), 0);
		ck_assert_uint_eq(common_get(DRV_C_QUEUE_VECTOR),
				  DRV_NO_VECTOR);
	}
}
END_TEST

/* ---- 4.1.5.3, 4.1.5.4 ---- */

START_TEST(spec_pci_used_notify__one_queue_without_a_vector)
{
	uint16_t got = 0;

	start(faces[_i], DRV_IRQ_MSIX, 0);
	ck_assert_int_eq(drv_queue_select(&dut.vd, 0), 0);
	ck_assert_int_eq(drv_queue_set_vector(&dut.vd, DRV_NO_VECTOR, &got), 0);
	post(0, 1);
	ck_assert_uint_eq(drv_bus_irqs_total(bus), 0);
	post(1, 1);
	ck_assert_uint_eq(drv_vq_irqs(&dut.vqs[1]), 1);
	loop_change_config(loop, 0, 1);
	ck_assert_uint_eq(drv_device_config_irqs(&dut), 1);
}
END_TEST

START_TEST(spec_pci_config_notify__configuration_without_a_vector)
{
	uint16_t got = 0;

	start(faces[_i], DRV_IRQ_MSIX, 0);
	ck_assert_int_eq(
		drv_virtio_set_config_vector(&dut.vd, DRV_NO_VECTOR, &got), 0);
	loop_change_config(loop, 0, 1);
	ck_assert_uint_eq(drv_bus_irqs_total(bus), 0);
	ck_assert_int_ne(bus->intx_level, 1);
	post(0, 1);
	ck_assert_uint_eq(drv_vq_irqs(&dut.vqs[0]), 1);
}
END_TEST

/* Two queues and the configuration, one edge, one read that names both. */
START_TEST(spec_x_pci_shared_irq__one_interrupt_for_both)
{
	start(faces[_i], DRV_IRQ_INTX, 0);
	post(0, 1);
	loop_change_config(loop, 0, 1);
	post(1, 1);
	ck_assert_uint_eq(drv_bus_irqs(bus, DRV_IRQ_INTX, 0), 1);
	ck_assert_uint_eq(isr(), DRV_ISR_QUEUE | DRV_ISR_CONFIG);
	post(1, 1);
	ck_assert_uint_eq(drv_bus_irqs(bus, DRV_IRQ_INTX, 0), 2);
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
add_isr(Suite *s)
{
	TCase *tc = add_case(s, "isr");

	tcase_add_test(tc,
		       spec_pci_notify_cap__alignment_multiplier_and_length);
	tcase_add_test(
		tc, spec_pci_notify_cap__each_queue_is_kicked_at_its_address);
	tcase_add_loop_test(tc,
			    spec_pci_isr__queue_bit_is_set_and_reading_clears,
			    0, 2 * N_FACES);
	tcase_add_loop_test(
		tc, spec_pci_isr__config_bit_is_set_with_every_mechanism, 0,
		N_COMBINATIONS);
	tcase_add_loop_test(
		tc, spec_pci_isr__interrupt_status_is_the_or_of_its_bits, 0,
		2 * N_FACES);
	tcase_add_loop_test(tc, spec_pci_isr__line_is_up_until_it_is_read, 0,
			    N_FACES);
	tcase_add_loop_test(tc, spec_pci_isr__messages_leave_the_line_down, 0,
			    2 * N_FACES);
	tcase_add_loop_test(tc, spec_pci_isr__reset_clears_it, 0, N_FACES);
}

static void
add_msix(Suite *s)
{
	TCase *tc = add_case(s, "msix");

	tcase_add_test(tc, spec_pci_msix__table_size_is_reported);
	tcase_add_loop_test(tc, spec_pci_msix__any_event_on_any_vector, 0,
			    N_FACES);
	tcase_add_loop_test(tc, spec_pci_msix__unmapped_events_are_silent, 0,
			    N_FACES);
	tcase_add_loop_test(
		tc, spec_pci_msix__vector_that_is_not_there_reads_back_as_none,
		0, N_FACES);
	tcase_add_loop_test(tc, spec_pci_msix__reset_unmaps_everything, 0,
			    N_FACES);
	tcase_add_loop_test(tc,
			    spec_pci_used_notify__one_queue_without_a_vector, 0,
			    N_FACES);
	tcase_add_loop_test(
		tc, spec_pci_config_notify__configuration_without_a_vector, 0,
		N_FACES);
	tcase_add_loop_test(tc, spec_x_pci_shared_irq__one_interrupt_for_both,
			    0, N_FACES);
}

int
main(void)
{
	Suite *s = suite_create("spec/pci-interrupt");

	add_isr(s);
	add_msix(s);
	return suite_run(s);
}
