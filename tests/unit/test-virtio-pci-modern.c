// SPDX-License-Identifier: BSD-3-Clause
/* The modern registers: each offset in each width, and nothing between. */
#include <check.h>
#include <string.h>

#include "device/loop-fixture.h"
#include "virtio/modern.h"
#include "virtio/virtio.h"

static const int sizes[] = { 1, 2, 4, 8 };
static const uint64_t ones[] = { 0xff, 0xffff, UINT32_MAX, UINT64_MAX };

static uint64_t
get(uint64_t off, int size)
{
	return vbs_pci_barread(drv_inproc_dev(bus), 4, off, size);
}

static void
put(uint64_t off, int size, uint64_t val)
{
	vbs_pci_barwrite(drv_inproc_dev(bus), 4, off, size, val);
}

/* The width of the register that begins at an offset; 0 for none. */
static int
width_at(uint64_t off)
{
	static const uint8_t widths[MODERN_COMMON_BYTES] = {
		[0] = 4,  [4] = 4,  [8] = 4,  [12] = 4, [16] = 2, [18] = 2,
		[20] = 1, [21] = 1, [22] = 2, [24] = 2, [26] = 2, [28] = 2,
		[30] = 2, [32] = 4, [36] = 4, [40] = 4, [44] = 4, [48] = 4,
		[52] = 4, [56] = 2, [58] = 2,
	};

	return off < MODERN_COMMON_BYTES ? widths[off] : 0;
}

START_TEST(common_read_of_no_register_is_all_ones)
{
	/* These read as none: all ones in their own width. */
	put(DRV_C_CONFIG_VECTOR, 2, 0);
	put(DRV_C_QUEUE_VECTOR, 2, 0);
	for (uint64_t off = 0; off < 128; off++) {
		for (int i = 0; i < 4; i++) {
			bool is_register = sizes[i] == width_at(off);

			ck_assert_msg((get(off, sizes[i]) != ones[i]) ==
					      is_register,
				      "%d bytes at %d", sizes[i], (int)off);
		}
	}
}
END_TEST

START_TEST(common_write_of_no_register_does_nothing)
{
	uint64_t before[MODERN_COMMON_BYTES];

	start_modern(0);
	for (uint64_t off = 0; off < MODERN_COMMON_BYTES; off++)
		if (width_at(off))
			before[off] = get(off, width_at(off));
	for (uint64_t off = 0; off < 128; off++)
		for (int i = 0; i < 4; i++)
			if (sizes[i] != width_at(off))
				put(off, sizes[i], 0);
	for (uint64_t off = 0; off < MODERN_COMMON_BYTES; off++)
		if (width_at(off))
			ck_assert_uint_eq(get(off, width_at(off)), before[off]);
	echo(0, 30);
}
END_TEST

START_TEST(common_queue_registers_of_no_queue_read_0)
{
	static const uint64_t regs[] = { 24, 28, 30, 32, 36, 40,
					 44, 48, 52, 56, 58 };

	put(DRV_C_QUEUE_SELECT, 2, LOOP_QUEUES);
	for (size_t i = 0; i < sizeof(regs) / sizeof(regs[0]); i++) {
		put(regs[i], width_at(regs[i]), 1);
		ck_assert_uint_eq(get(regs[i], width_at(regs[i])), 0);
	}
	ck_assert_uint_eq(get(DRV_C_QUEUE_VECTOR, 2), VIRTIO_MSI_NO_VECTOR);
}
END_TEST

START_TEST(isr_is_one_byte)
{
	start(DRV_MODERN, DRV_IRQ_INTX, 0);
	post(0, 1);
	ck_assert_uint_eq(get(MODERN_ISR, 2), 0xffff);
	ck_assert_uint_eq(get(MODERN_ISR, 4), UINT32_MAX);
	ck_assert_uint_eq(get(MODERN_ISR + 1, 1), 0xff);
	put(MODERN_ISR, 1, 0);
	ck_assert_int_eq(bus->intx_level, 1);
	ck_assert_uint_eq(get(MODERN_ISR, 1), 1);
	ck_assert_int_eq(bus->intx_level, 0);
}
END_TEST

START_TEST(config_ends_where_it_ends)
{
	for (uint64_t off = 0; off < LOOP_CONFIG + 4; off++)
		for (int i = 0; i < 4; i++) {
			uint64_t end = off + (uint64_t)sizes[i];
			uint64_t val = get(MODERN_DEVICE + off, sizes[i]);

			if (end > LOOP_CONFIG || sizes[i] == 8)
				ck_assert_uint_eq(val, ones[i]);
			else
				ck_assert_mem_eq(&val, loop->config + off,
						 (size_t)sizes[i]);
		}
	put(MODERN_DEVICE + LOOP_CONFIG - 1, 2, 0);
	put(MODERN_DEVICE, 8, 0);
	put(MODERN_NOTIFY - 4, 4, 0);
	ck_assert_uint_eq(loop->config[LOOP_CONFIG - 1],
			  0xa0 + LOOP_CONFIG - 1);
	ck_assert_uint_eq(loop->config[0], 0xa0);
}
END_TEST

struct kick {
	uint64_t off, val;
	int size;
};

/* A chain in each queue; no write that no driver does has it taken. */
static void
kick_badly(uint64_t features, const struct kick *bad, size_t n)
{
	start_modern(features);
	loop->hold = true;
	for (uint16_t i = 0; i < LOOP_QUEUES; i++) {
		struct drv_seg seg = { RAM_GPA, 1, true };

		ck_assert_int_ge(drv_split_add(&dut.vqs[i].ring, &seg, 1, NULL),
				 0);
		drv_split_publish(&dut.vqs[i].ring);
	}
	for (size_t i = 0; i < n; i++)
		put(MODERN_NOTIFY + bad[i].off, bad[i].size, bad[i].val);
	ck_assert_int_eq(drv_bus_run(bus), 0);
	ck_assert_int_eq(loop->n_chains, 0);
	ck_assert_uint_eq(get(MODERN_NOTIFY, 2), 0xffff);
}

/* The right ones have each queue's chain taken. */
static void
kick_well(int size, const uint64_t vals[LOOP_QUEUES])
{
	for (int i = 0; i < LOOP_QUEUES; i++) {
		ck_assert_int_eq(loop->n_held[i], 0);
		put(MODERN_NOTIFY + 4 * (uint64_t)i, size, vals[i]);
		ck_assert_int_eq(loop->n_held[i], 1);
	}
}

START_TEST(kick_needs_place_width_and_value)
{
	static const struct kick bad[] = {
		{ 0, 0, 1 },      { 0, 0, 4 },  { 0, 1, 2 },
		{ 2, 0, 2 },      { 4, 0, 2 },  { 1, 0, 2 },
		{ 0, 0xffff, 2 }, { 12, 3, 2 }, { 0xffc, 0x3ff, 2 },
	};
	static const uint64_t vals[] = { 0, 1, 2 };

	kick_badly(0, bad, sizeof(bad) / sizeof(bad[0]));
	kick_well(2, vals);
}
END_TEST

static void
offer(unsigned int bit)
{
	ck_assert_int_eq(vbs_virtio_offer(drv_inproc_dev(bus), bit, true), 0);
}

/* What the driver says about the ring is of no consequence. */
START_TEST(kick_with_data_is_32_bits)
{
	static const struct kick bad[] = {
		{ 0, 0, 2 }, { 4, 1, 2 },          { 0, 0, 1 },
		{ 0, 1, 4 }, { 4, 0x10000, 4 },    { 0, 0, 8 },
		{ 2, 0, 4 }, { 0, 0xffff0001, 4 }, { 12, 3, 4 },
	};
	static const uint64_t vals[] = { 0, 0xffff0001, 0x80000002 };

	offer(DRV_F_NOTIFICATION_DATA);
	kick_badly(DRV_BIT(DRV_F_NOTIFICATION_DATA), bad,
		   sizeof(bad) / sizeof(bad[0]));
	kick_well(4, vals);
}
END_TEST

START_TEST(kick_has_the_value_that_the_device_gave)
{
	static const struct kick bad[] = {
		{ 0, 0, 2 }, { 4, 1, 2 }, { 0, 0xfffe, 2 }, { 0, 0xffff, 4 }
	};
	static const uint64_t vals[] = { 0xffff, 0xfffe, 0xfffd };

	offer(DRV_F_NOTIF_CONFIG_DATA);
	kick_badly(DRV_BIT(DRV_F_NOTIF_CONFIG_DATA), bad,
		   sizeof(bad) / sizeof(bad[0]));
	for (uint16_t q = 0; q < LOOP_QUEUES; q++) {
		put(DRV_C_QUEUE_SELECT, 2, q);
		ck_assert_uint_eq(get(DRV_C_QUEUE_NOTIF_DATA, 2), vals[q]);
		ck_assert_uint_eq(get(DRV_C_QUEUE_NOTIFY_OFF, 2), q);
		put(DRV_C_QUEUE_NOTIF_DATA, 2, 0); /* is read-only */
		ck_assert_uint_eq(get(DRV_C_QUEUE_NOTIF_DATA, 2), vals[q]);
	}
	put(DRV_C_QUEUE_SELECT, 2, LOOP_QUEUES);
	ck_assert_uint_eq(get(DRV_C_QUEUE_NOTIF_DATA, 2), 0);
	kick_well(2, vals);
}
END_TEST

START_TEST(kick_has_the_value_and_the_data)
{
	static const struct kick bad[] = { { 0, 0, 4 },
					   { 0, 0xffff, 2 },
					   { 4, 0xffff, 4 } };
	static const uint64_t vals[] = { 0xffff, 0x8001fffe, 0x1fffd };

	offer(DRV_F_NOTIFICATION_DATA);
	offer(DRV_F_NOTIF_CONFIG_DATA);
	kick_badly(DRV_BIT(DRV_F_NOTIF_CONFIG_DATA) |
			   DRV_BIT(DRV_F_NOTIFICATION_DATA),
		   bad, sizeof(bad) / sizeof(bad[0]));
	kick_well(4, vals);
}
END_TEST

/* 4.1.4.3: the field exists only if the feature has been negotiated. */
START_TEST(notif_config_data_that_was_not_negotiated_is_0)
{
	offer(DRV_F_NOTIF_CONFIG_DATA);
	put(DRV_C_QUEUE_SELECT, 2, 1);
	ck_assert_uint_eq(get(DRV_C_QUEUE_NOTIF_DATA, 2), 0);
	start_modern(0);
	put(DRV_C_QUEUE_SELECT, 2, 1);
	ck_assert_uint_eq(get(DRV_C_QUEUE_NOTIF_DATA, 2), 0);
	echo(1, 30);
}
END_TEST

/* Both faces that have them, both rings, each turn with another position. */
START_TEST(driver_with_notification_data_is_served)
{
	offer(DRV_F_NOTIFICATION_DATA);
	ring_feature = _i % 2 ? DRV_BIT(DRV_F_RING_PACKED) : 0;
	start(_i / 2 ? DRV_WINDOW : DRV_MODERN, DRV_IRQ_MSIX,
	      DRV_BIT(DRV_F_NOTIFICATION_DATA));
	for (uint32_t i = 0; i < 3 * LOOP_QSIZE; i++)
		echo((int)i % LOOP_QUEUES, i + 1);
}
END_TEST

static void
window(uint8_t bar, uint32_t off, uint32_t len)
{
	uint32_t at = dut.pci.vcaps[DRV_VCAP_PCI_CFG].cap_off;

	ck_assert_int_eq(drv_bus_cfg_write(bus, at + 4, 1, bar), 0);
	ck_assert_int_eq(drv_bus_cfg_write(bus, at + 8, 4, off), 0);
	ck_assert_int_eq(drv_bus_cfg_write(bus, at + 12, 4, len), 0);
}

START_TEST(window_of_bad_length_or_place_is_none)
{
	static const struct {
		uint8_t bar;
		uint32_t off, len;
	} bad[] = {
		{ 4, MODERN_DEVICE, 0 },     { 4, MODERN_DEVICE, 3 },
		{ 4, MODERN_DEVICE, 8 },     { 4, MODERN_DEVICE, UINT32_MAX },
		{ 4, MODERN_DEVICE + 1, 2 }, { 4, MODERN_DEVICE + 2, 4 },
		{ 5, MODERN_DEVICE, 4 },     { 6, MODERN_DEVICE, 4 },
		{ 255, MODERN_DEVICE, 4 },   { 4, UINT32_MAX - 3, 4 },
	};
	uint32_t at = dut.pci.vcaps[DRV_VCAP_PCI_CFG].cap_off + 16u;
	uint8_t before[LOOP_CONFIG];

	memcpy(before, loop->config, sizeof(before));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		window(bad[i].bar, bad[i].off, bad[i].len);
		ck_assert_uint_eq(drv_pci_cfg32(&dut.pci, at), UINT32_MAX);
		ck_assert_int_eq(drv_bus_cfg_write(bus, at, 4, 0), 0);
	}
	ck_assert_mem_eq(loop->config, before, sizeof(before));
}
END_TEST

static Suite *
modern_suite(void)
{
	Suite *s = suite_create("virtio/pci-modern");
	TCase *tc = tcase_create("modern");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, common_read_of_no_register_is_all_ones);
	tcase_add_test(tc, common_write_of_no_register_does_nothing);
	tcase_add_test(tc, common_queue_registers_of_no_queue_read_0);
	tcase_add_test(tc, isr_is_one_byte);
	tcase_add_test(tc, config_ends_where_it_ends);
	tcase_add_test(tc, kick_needs_place_width_and_value);
	tcase_add_test(tc, kick_with_data_is_32_bits);
	tcase_add_test(tc, kick_has_the_value_that_the_device_gave);
	tcase_add_test(tc, kick_has_the_value_and_the_data);
	tcase_add_test(tc, notif_config_data_that_was_not_negotiated_is_0);
	tcase_add_loop_test(tc, driver_with_notification_data_is_served, 0, 4);
	tcase_add_test(tc, window_of_bad_length_or_place_is_none);
	suite_add_tcase(s, tc);
	return s;
}

int
main(void)
{
	return suite_run(modern_suite());
}
