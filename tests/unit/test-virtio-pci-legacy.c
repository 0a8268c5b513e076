// SPDX-License-Identifier: BSD-3-Clause
/* The legacy registers: each offset in each width, and nothing between. */
#include <check.h>
#include <string.h>

#include "device/loop-fixture.h"
#include "virtio/virtio.h"

#define HEADER 20

static uint64_t
get(uint64_t off, int size)
{
	return vbs_pci_barread(drv_inproc_dev(bus), 0, off, size);
}

static void
put(uint64_t off, int size, uint64_t val)
{
	vbs_pci_barwrite(drv_inproc_dev(bus), 0, off, size, val);
}

/* The width of the register that begins at an offset; 0 for none. */
static int
width_at(uint64_t off)
{
	static const uint8_t widths[HEADER] = {
		[0] = 4,  [4] = 4,  [8] = 4,  [12] = 2,
		[14] = 2, [18] = 1, [19] = 1,
	};

	return off < HEADER ? widths[off] : 0;
}

START_TEST(read_of_no_register_is_all_ones)
{
	static const int sizes[] = { 1, 2, 4, 8 };
	static const uint64_t ones[] = { 0xff, 0xffff, UINT32_MAX, UINT64_MAX };

	for (uint64_t off = 0; off < HEADER; off++) {
		for (int i = 0; i < 4; i++) {
			bool is_register = sizes[i] == width_at(off);

			ck_assert_msg((get(off, sizes[i]) != ones[i]) ==
					      is_register,
				      "%d bytes at %d", sizes[i], (int)off);
		}
	}
}
END_TEST

START_TEST(read_of_configuration_ends_with_it)
{
	for (uint64_t i = 0; i < LOOP_CONFIG; i++)
		ck_assert_uint_eq(get(HEADER + i, 1), loop->config[i]);
	ck_assert_uint_eq(get(HEADER + LOOP_CONFIG, 1), 0xff);
	ck_assert_uint_eq(get(HEADER + LOOP_CONFIG - 1, 2), 0xffff);
	ck_assert_uint_eq(get(HEADER + LOOP_CONFIG - 2, 4), UINT32_MAX);
	ck_assert_uint_eq(get(HEADER, 8), UINT64_MAX);
	ck_assert_uint_eq(get(HEADER - 1, 2), 0xffff);
}
END_TEST

/* Any value in any place but the registers: nothing moves. */
START_TEST(write_of_no_register_does_nothing)
{
	static const int sizes[] = { 1, 2, 4, 8 };

	start(DRV_LEGACY, DRV_IRQ_INTX, 1);
	for (uint64_t off = 0; off < HEADER; off++)
		for (int i = 0; i < 4; i++)
			if (sizes[i] != width_at(off) &&
			    !(off == 16 && sizes[i] == 2) &&
			    off + (uint64_t)sizes[i] <= HEADER)
				put(off, sizes[i], 0);
	ck_assert_uint_eq(get(18, 1),
			  DRV_S_ACKNOWLEDGE | DRV_S_DRIVER | DRV_S_DRIVER_OK);
	ck_assert_uint_eq(get(4, 4), 1);
	for (uint16_t i = 0; i < LOOP_QUEUES; i++)
		echo(i, 20);
	ck_assert_uint_eq(loop->config[0], 0xa0);
}
END_TEST

START_TEST(vectors_are_there_with_msix_only)
{
	ck_assert_uint_eq(get(20, 1), loop->config[0]);
	ck_assert_int_eq(drv_pci_msix_enable(&dut.pci, true), 0);
	ck_assert_uint_eq(get(20, 2), VIRTIO_MSI_NO_VECTOR);
	ck_assert_uint_eq(get(22, 2), VIRTIO_MSI_NO_VECTOR);
	ck_assert_uint_eq(get(20, 4), UINT32_MAX);
	ck_assert_uint_eq(get(21, 1), 0xff);
	put(20, 4, 0);
	ck_assert_uint_eq(get(20, 2), VIRTIO_MSI_NO_VECTOR);
	put(22, 2, 2);
	ck_assert_uint_eq(get(22, 2), 2);
	put(14, 2, 1);
	ck_assert_uint_eq(get(22, 2), VIRTIO_MSI_NO_VECTOR);
	put(14, 2, LOOP_QUEUES);
	put(22, 2, 1);
	ck_assert_uint_eq(get(22, 2), VIRTIO_MSI_NO_VECTOR);
}
END_TEST

START_TEST(pfn_of_a_ring_outside_ram_is_not_taken)
{
	static const uint32_t pfns[] = { 1, UINT32_MAX, 0x300,
					 (RAM_GPA + RAM_SIZE) / 4096 - 1 };

	put(18, 1, DRV_S_ACKNOWLEDGE);
	for (int i = 0; i < 4; i++) {
		put(8, 4, pfns[i]);
		ck_assert_uint_eq(get(8, 4), 0);
		ck_assert(!loop->vqs[0].enabled);
	}
}
END_TEST

START_TEST(pfn_0_keeps_the_vector)
{
	ck_assert_int_eq(drv_pci_msix_enable(&dut.pci, true), 0);
	put(18, 1, DRV_S_ACKNOWLEDGE);
	put(22, 2, 1);
	put(8, 4, RAM_GPA / 4096);
	ck_assert(loop->vqs[0].enabled);
	put(8, 4, 0);
	ck_assert(!loop->vqs[0].enabled);
	ck_assert_uint_eq(get(22, 2), 1);
}
END_TEST

START_TEST(kick_of_another_width_is_none)
{
	start(DRV_LEGACY, DRV_IRQ_INTX, 0);
	loop->hold = true;
	ck_assert_int_ge(drv_split_add(&dut.vqs[0].ring,
				       &(struct drv_seg){ RAM_GPA, 1, true }, 1,
				       NULL),
			 0);
	drv_split_publish(&dut.vqs[0].ring);
	put(16, 1, 0);
	put(16, 4, 0);
	put(16, 2, LOOP_QUEUES);
	put(16, 2, 0xffff);
	ck_assert_int_eq(drv_bus_run(bus), 0);
	ck_assert_int_eq(loop->n_held[0], 0);
	put(16, 2, 0);
	ck_assert_int_eq(loop->n_held[0], 1);
}
END_TEST

static Suite *
legacy_suite(void)
{
	Suite *s = suite_create("virtio/pci-legacy");
	TCase *tc = tcase_create("legacy");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, read_of_no_register_is_all_ones);
	tcase_add_test(tc, read_of_configuration_ends_with_it);
	tcase_add_test(tc, write_of_no_register_does_nothing);
	tcase_add_test(tc, vectors_are_there_with_msix_only);
	tcase_add_test(tc, pfn_of_a_ring_outside_ram_is_not_taken);
	tcase_add_test(tc, pfn_0_keeps_the_vector);
	tcase_add_test(tc, kick_of_another_width_is_none);
	suite_add_tcase(s, tc);
	return s;
}

int
main(void)
{
	return suite_run(legacy_suite());
}
