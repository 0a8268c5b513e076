// SPDX-License-Identifier: BSD-3-Clause
/*
 * The virtio PCI function, end to end: ids, structures, data and interrupts on
 * each face with each kind of interrupt, device configuration, the window.
 */
#include "device/loop-fixture.h"

/* ---- the function ---- */

START_TEST(function_looks_transitional)
{
	const struct drv_pci *pci = &dut.pci;

	ck_assert_uint_eq(pci->vendor, 0x1af4);
	ck_assert_uint_eq(pci->device, LOOP_DEVICE_ID);
	ck_assert_uint_eq(pci->revision, 0);
	ck_assert_uint_eq(pci->subsystem, LOOP_TYPE);
	ck_assert_uint_eq(pci->int_pin, 1);
	ck_assert_uint_eq(pci->bars[0].type, DRV_BAR_IO);
	ck_assert_uint_ge(pci->bars[0].size, 24 + LOOP_CONFIG);
	ck_assert_uint_eq(pci->bars[4].type, DRV_BAR_MEM64);
	ck_assert_uint_eq(pci->msix.n, LOOP_QUEUES + 1);
	ck_assert_uint_ne(pci->msi_off, 0);
	ck_assert_uint_ge(pci->vcaps[DRV_VCAP_COMMON].length, 60);
	ck_assert_uint_ge(pci->vcaps[DRV_VCAP_DEVICE].length, LOOP_CONFIG);
	ck_assert_uint_ne(pci->vcaps[DRV_VCAP_ISR].cap_off, 0);
	ck_assert_uint_ne(pci->vcaps[DRV_VCAP_PCI_CFG].cap_off, 0);
}
END_TEST

START_TEST(function_capabilities_lie_inside_their_bars)
{
	for (int t = DRV_VCAP_COMMON; t <= DRV_VCAP_DEVICE; t++) {
		const struct drv_vcap *cap = &dut.pci.vcaps[t];

		ck_assert_uint_lt(cap->bar, DRV_N_BARS);
		ck_assert_uint_le(cap->offset + cap->length,
				  dut.pci.bars[cap->bar].size);
	}
	start_modern(0);
	for (uint16_t i = 0; i < LOOP_QUEUES; i++) {
		const struct drv_vcap *cap = &dut.pci.vcaps[DRV_VCAP_NOTIFY];
		uint64_t off = 0;
		int bar = -1;

		ck_assert_int_eq(drv_virtio_kick_place(&dut.vd, i, &bar, &off),
				 0);
		ck_assert_int_eq(bar, cap->bar);
		ck_assert_uint_le(off + 2, cap->offset + cap->length);
	}
}
END_TEST

START_TEST(function_modern_only_has_its_own_ids)
{
	struct drv_bus *other = NULL;
	struct drv_pci pci;

	ck_assert_int_eq(
		drv_inproc_plug(machine, &loop_pci_ops, "modern", &other), 0);
	ck_assert_int_eq(drv_pci_probe(&pci, other), 0);
	ck_assert_uint_eq(pci.device, 0x1040 + LOOP_TYPE);
	ck_assert_uint_ge(pci.revision, 1);
	ck_assert_uint_ge(pci.subsystem, 0x40);
	ck_assert_uint_eq(pci.bars[0].type, DRV_BAR_NONE);
	drv_bus_close(other);
}
END_TEST

/* ---- data and interrupts, on each face with each kind of interrupt ---- */

START_TEST(echo_on_each_face_with_each_interrupt)
{
	enum drv_face face = faces[_i / 3];
	enum drv_irq irq = kinds[_i % 3];

	start(face, irq, 0);
	for (int q = 0; q < LOOP_QUEUES; q++) {
		uint64_t before = drv_vq_irqs(&dut.vqs[q]);

		echo(q, 1000);
		ck_assert_uint_eq(drv_vq_irqs(&dut.vqs[q]), before + 1);
		if (irq != DRV_IRQ_MSIX)
			ck_assert_uint_eq(isr(), DRV_ISR_QUEUE);
		ck_assert_uint_eq(isr(), 0);
	}
	ck_assert_int_eq(drv_device_stop(&dut), 0);
	ck_assert_int_eq(loop->n_chains, LOOP_QUEUES);
	ck_assert_uint_eq(drv_bus_irqs_total(bus), LOOP_QUEUES);
}
END_TEST

START_TEST(intx_line_stays_up_until_isr_is_read)
{
	start(faces[_i], DRV_IRQ_INTX, 0);
	ck_assert_int_eq(bus->intx_level, 0);
	echo(0, 10);
	ck_assert_int_eq(bus->intx_level, 1);
	ck_assert_uint_ne(drv_pci_cfg16(&dut.pci, DRV_PCI_STATUS) &
				  DRV_PCI_STATUS_INTX,
			  0);
	echo(1, 10);
	ck_assert_int_eq(bus->intx_level, 1);
	ck_assert_uint_eq(isr(), DRV_ISR_QUEUE);
	ck_assert_int_eq(bus->intx_level, 0);
	ck_assert_uint_eq(drv_pci_cfg16(&dut.pci, DRV_PCI_STATUS) &
				  DRV_PCI_STATUS_INTX,
			  0);
	echo(2, 10);
	ck_assert_uint_eq(drv_bus_irqs(bus, DRV_IRQ_INTX, 0), 2);
}
END_TEST

START_TEST(intx_disabled_in_command_is_delivered_when_enabled)
{
	start(DRV_MODERN, DRV_IRQ_INTX, 0);
	ck_assert_int_eq(drv_pci_command(&dut.pci, DRV_PCI_CMD_INTX_OFF, 0), 0);
	echo(0, 10);
	ck_assert_int_eq(bus->intx_level, 0);
	ck_assert_int_eq(drv_pci_command(&dut.pci, 0, DRV_PCI_CMD_INTX_OFF), 0);
	ck_assert_int_eq(bus->intx_level, 1);
}
END_TEST

START_TEST(msix_message_carries_address_and_data)
{
	start_modern(0);
	ck_assert_int_eq(
		drv_pci_msix_set(&dut.pci, 2, 0x1fee00123c, 0xabcd, false), 0);
	echo(1, 10);
	ck_assert_uint_eq(bus->irq_addr, 0x1fee00123c);
	ck_assert_uint_eq(bus->irq_data, 0xabcd);
}
END_TEST

START_TEST(msix_masked_vector_is_pending_until_unmasked)
{
	bool pending = true;

	start_modern(0);
	ck_assert_int_eq(drv_pci_msix_pending(&dut.pci, 1, &pending), 0);
	ck_assert(!pending);
	ck_assert_int_eq(drv_pci_msix_mask(&dut.pci, 1, true), 0);
	echo(0, 10);
	echo(0, 10);
	ck_assert_uint_eq(drv_vq_irqs(&dut.vqs[0]), 0);
	ck_assert_int_eq(drv_pci_msix_pending(&dut.pci, 1, &pending), 0);
	ck_assert(pending);
	echo(1, 10);
	ck_assert_uint_eq(drv_vq_irqs(&dut.vqs[1]), 1);
	ck_assert_int_eq(drv_pci_msix_mask(&dut.pci, 1, false), 0);
	ck_assert_uint_eq(drv_vq_irqs(&dut.vqs[0]), 1);
	ck_assert_int_eq(drv_pci_msix_pending(&dut.pci, 1, &pending), 0);
	ck_assert(!pending);
}
END_TEST

START_TEST(msix_function_mask_holds_every_vector)
{
	start_modern(0);
	ck_assert_int_eq(drv_pci_msix_funcmask(&dut.pci, true), 0);
	echo(0, 10);
	echo(2, 10);
	ck_assert_uint_eq(drv_bus_irqs_total(bus), 0);
	ck_assert_int_eq(drv_pci_msix_funcmask(&dut.pci, false), 0);
	ck_assert_uint_eq(drv_vq_irqs(&dut.vqs[0]), 1);
	ck_assert_uint_eq(drv_vq_irqs(&dut.vqs[1]), 0);
	ck_assert_uint_eq(drv_vq_irqs(&dut.vqs[2]), 1);
}
END_TEST

START_TEST(msix_vector_beyond_the_table_is_refused)
{
	uint16_t got = 0;

	start(faces[_i], DRV_IRQ_MSIX, 0);
	ck_assert_int_eq(drv_queue_select(&dut.vd, 0), 0);
	ck_assert_int_eq(drv_queue_set_vector(&dut.vd, LOOP_QUEUES + 1, &got),
			 0);
	ck_assert_uint_eq(got, DRV_NO_VECTOR);
	got = 0;
	ck_assert_int_eq(drv_virtio_set_config_vector(&dut.vd, 0x8000, &got),
			 0);
	ck_assert_uint_eq(got, DRV_NO_VECTOR);
	echo(0, 10);
	loop_change_config(loop, 0, 1);
	ck_assert_uint_eq(drv_bus_irqs_total(bus), 0);
}
END_TEST

/* ---- device configuration ---- */

START_TEST(config_reads_at_every_width)
{
	uint8_t all[LOOP_CONFIG];

	start(faces[_i], DRV_IRQ_INTX, 0);
	ck_assert_int_eq(drv_virtio_config_read(&dut.vd, 0, all, sizeof(all)),
			 0);
	ck_assert_mem_eq(all, loop->config, sizeof(all));
	for (uint32_t off = 0; off < LOOP_CONFIG; off++) {
		uint8_t byte = 0;

		ck_assert_int_eq(drv_virtio_config_read(&dut.vd, off, &byte, 1),
				 0);
		ck_assert_uint_eq(byte, loop->config[off]);
	}
	ck_assert_int_eq(drv_virtio_config_write(&dut.vd, 1, "abcdefg", 7), 0);
	ck_assert_mem_eq(loop->config + 1, "abcdefg", 7);
	ck_assert_uint_eq(loop->config[0], 0xa0);
	ck_assert_uint_eq(loop->config[8], 0xa8);
}
END_TEST

START_TEST(config_moves_with_the_msix_enable_bit)
{
	uint64_t at20 = 0, at24 = 0;

	ck_assert_int_eq(drv_bus_bar_read(bus, 0, 20, 1, &at20), 0);
	ck_assert_uint_eq(at20, loop->config[0]);
	ck_assert_int_eq(drv_pci_msix_start(&dut.pci), 0);
	ck_assert_int_eq(drv_bus_bar_read(bus, 0, 24, 1, &at24), 0);
	ck_assert_uint_eq(at24, loop->config[0]);
	ck_assert_int_eq(drv_bus_bar_read(bus, 0, 20, 2, &at20), 0);
	ck_assert_uint_eq(at20, DRV_NO_VECTOR);
	ck_assert_int_eq(drv_pci_msix_enable(&dut.pci, false), 0);
	ck_assert_int_eq(drv_bus_bar_read(bus, 0, 20, 1, &at20), 0);
	ck_assert_uint_eq(at20, loop->config[0]);
}
END_TEST

START_TEST(config_change_interrupts_and_counts)
{
	enum drv_face face = faces[_i / 3];
	enum drv_irq irq = kinds[_i % 3];
	uint8_t gen = 0, after = 0;

	start(face, irq, 0);
	if (face != DRV_LEGACY)
		ck_assert_int_eq(drv_virtio_generation(&dut.vd, &gen), 0);
	loop_change_config(loop, 3, 0x77);
	ck_assert_uint_eq(drv_device_config_irqs(&dut), 1);
	ck_assert_uint_eq(isr(), DRV_ISR_CONFIG);
	ck_assert_uint_eq(isr(), 0);
	if (face == DRV_LEGACY)
		return;
	ck_assert_int_eq(drv_virtio_generation(&dut.vd, &after), 0);
	ck_assert_uint_ne(gen, after);
	ck_assert_int_eq(drv_virtio_generation(&dut.vd, &gen), 0);
	ck_assert_uint_eq(gen, after);
}
END_TEST

START_TEST(config_change_before_driver_ok_is_silent)
{
	ck_assert_int_eq(drv_pci_msix_start(&dut.pci), 0);
	drv_virtio_init(&dut.vd, &dut.pci, DRV_MODERN);
	ck_assert_int_eq(drv_virtio_start(&dut.vd, 0), 0);
	loop_change_config(loop, 0, 1);
	ck_assert_uint_eq(drv_bus_irqs_total(bus), 0);
}
END_TEST

/* ---- the window ---- */

START_TEST(window_that_points_nowhere_reads_ones_and_writes_nothing)
{
	static const struct {
		uint8_t bar;
		uint32_t off, len;
	} bad[] = {
		{ 4, 0x14, 0 },
		{ 4, 0x14, 3 },
		{ 4, 0x14, 8 },
		{ 4, 0x14, 0x10001 },
		{ 4, 0x10000, 4 },
		{ 4, 0x3fff, 4 },
		{ 3, 0, 4 },
		{ 6, 0, 4 },
		{ 0xff, 0, 4 },
		{ 5, 0, 4 },
		{ 4, UINT32_MAX - 3, 4 },
		{ 4, 0x2001, 2 },
		{ 4, 0x16, 4 },
	};
	uint32_t val;

	start(DRV_WINDOW, DRV_IRQ_MSIX, 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		val = 0;
		ck_assert_int_eq(drv_pci_window_read(&dut.pci, bad[i].bar,
						     bad[i].off, bad[i].len,
						     &val),
				 0);
		val |= bad[i].len == 2 ? 0xffff0000 : 0;
		ck_assert_msg(val == UINT32_MAX, "%zu reads %x", i, val);
		ck_assert_int_eq(drv_pci_window_write(&dut.pci, bad[i].bar,
						      bad[i].off, bad[i].len,
						      0),
				 0);
	}
	ck_assert_uint_ne(status() & DRV_S_DRIVER_OK, 0);
	echo(0, 10);
}
END_TEST

/* ---- more than one ---- */

START_TEST(two_devices_of_one_vm_do_not_disturb_each_other)
{
	struct drv_device first = dut;
	struct drv_bus *bus2 = NULL;
	struct drv_device_opts opts = { .face = DRV_LEGACY };

	ck_assert_int_eq(drv_inproc_plug(machine, &loop_pci_ops, NULL, &bus2),
			 0);
	ck_assert_int_eq(drv_device_open(&dut, bus2, &ram), 0);
	ck_assert_int_eq(drv_device_start(&first, &opts), 0);
	start_modern(0);
	for (int i = 0; i < 10; i++)
		echo(i % 3, 10);
	ck_assert_uint_eq(drv_bus_irqs_total(first.bus), 0);
	ck_assert_uint_eq(drv_bus_irqs_total(bus2), 10);
	ck_assert_int_eq(drv_device_stop(&dut), 0);
	drv_bus_close(bus2);
	dut = first;
	echo(0, 10);
	ck_assert_uint_eq(drv_bus_irqs(bus, DRV_IRQ_INTX, 0), 1);
}
END_TEST

static void
add_cases(Suite *s)
{
	TCase *tc = tcase_create("function");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, function_looks_transitional);
	tcase_add_test(tc, function_capabilities_lie_inside_their_bars);
	tcase_add_test(tc, function_modern_only_has_its_own_ids);
	tcase_add_loop_test(tc, echo_on_each_face_with_each_interrupt, 0,
			    N_COMBINATIONS);
	tcase_add_loop_test(tc, intx_line_stays_up_until_isr_is_read, 0, 3);
	tcase_add_test(tc, intx_disabled_in_command_is_delivered_when_enabled);
	tcase_add_test(tc, msix_message_carries_address_and_data);
	tcase_add_test(tc, msix_masked_vector_is_pending_until_unmasked);
	tcase_add_test(tc, msix_function_mask_holds_every_vector);
	tcase_add_loop_test(tc, msix_vector_beyond_the_table_is_refused, 0, 3);
	tcase_add_loop_test(tc, config_reads_at_every_width, 0, 3);
	tcase_add_test(tc, config_moves_with_the_msix_enable_bit);
	tcase_add_loop_test(tc, config_change_interrupts_and_counts, 0,
			    N_COMBINATIONS);
	tcase_add_test(tc, config_change_before_driver_ok_is_silent);
	tcase_add_test(
		tc, window_that_points_nowhere_reads_ones_and_writes_nothing);
	tcase_add_test(tc, two_devices_of_one_vm_do_not_disturb_each_other);
	suite_add_tcase(s, tc);

	tc = tcase_create("packed");
	tcase_add_checked_fixture(tc, setup_packed, teardown);
	tcase_add_loop_test(tc, echo_on_each_face_with_each_interrupt, 0,
			    N_COMBINATIONS);
	suite_add_tcase(s, tc);
}

int
main(void)
{
	Suite *s = suite_create("virtio-pci");

	add_cases(s);
	return suite_run(s);
}
