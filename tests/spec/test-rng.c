// SPDX-License-Identifier: BSD-3-Clause
/* The entropy device (virtio 1.4, 5.4). */
#include <check.h>
#include <string.h>

#include "devices/devices.h"
#include "driver/device.h"
#include "driver/inproc.h"
#include "driver/rng.h"
#include "suite.h"

#define RAM_GPA  0x100000
#define RAM_SIZE 0x100000
#define DATA     0x180000

static const enum drv_face faces[] = { DRV_LEGACY, DRV_MODERN, DRV_WINDOW };

static struct drv_inproc *machine;
static struct drv_ram ram;
static struct drv_bus *bus;
static struct drv_device dut;

static void
setup(void)
{
	ck_assert_int_eq(drv_inproc_new(false, &machine), 0);
	ck_assert_int_eq(
		drv_inproc_plug(machine, dm_virtio_rnd.ops, NULL, &bus), 0);
	drv_ram_init(&ram);
	ck_assert_int_ge(drv_ram_add(&ram, RAM_GPA, RAM_SIZE, DRV_RAM_HEAP), 0);
	ck_assert_int_eq(drv_bus_dma_add_ram(bus, &ram), 0);
	ck_assert_int_eq(drv_device_open(&dut, bus, &ram), 0);
}

static void
teardown(void)
{
	for (int i = 0; i < dut.n_queues; i++)
		drv_vq_close(&dut.vqs[i]);
	drv_bus_close(bus);
	drv_inproc_free(machine);
	drv_ram_deinit(&ram);
}

static void
start(enum drv_face face)
{
	struct drv_device_opts opts = { .face = face, .irq = DRV_IRQ_MSIX };

	ck_assert_int_eq(drv_device_start(&dut, &opts), 0);
}

static uint32_t
read_random(uint32_t len)
{
	uint32_t got = 0;

	ck_assert_int_eq(drv_ram_fill(&ram, DATA, 0, len + 1), 0);
	ck_assert_int_eq(drv_rng_read(&dut.vqs[0], DATA, len, &got), 0);
	return got;
}

START_TEST(spec_rng_op__at_least_one_byte_for_each_buffer)
{
	static const uint32_t lens[] = {
		1, 2, 3, 15, 64, 255, 257, 4096, 65536
	};

	start(faces[_i]);
	for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		uint32_t got = read_random(lens[i]);

		ck_assert_uint_ge(got, 1);
		ck_assert_uint_le(got, lens[i]);
	}
}
END_TEST

/* Every value of a byte comes: 64 Ki of them miss one once in 10^109. */
START_TEST(spec_rng_op__the_bytes_are_random)
{
	uint32_t seen[256] = { 0 }, total = 0;
	uint8_t last[256], now[256];

	start(DRV_MODERN);
	memset(last, 0, sizeof(last));
	while (total < 65536) {
		uint32_t got = read_random(sizeof(now));

		ck_assert_int_eq(drv_ram_read(&ram, DATA, now, sizeof(now)), 0);
		if (got == sizeof(now))
			ck_assert_mem_ne(now, last, sizeof(now));
		for (uint32_t i = 0; i < got; i++)
			seen[now[i]]++;
		memcpy(last, now, sizeof(last));
		total += got;
	}
	for (int i = 0; i < 256; i++)
		ck_assert_uint_gt(seen[i], 0);
}
END_TEST

START_TEST(spec_rng_op__what_is_not_reported_is_not_written)
{
	uint8_t c = 1;

	start(DRV_MODERN);
	for (uint32_t len = 1; len < 300; len += 23) {
		uint32_t got = read_random(len);

		ck_assert_int_eq(drv_ram_read(&ram, DATA + got, &c, 1), 0);
		ck_assert_uint_eq(c, 0);
	}
}
END_TEST

/* covers: legacy.pci.discovery */
START_TEST(spec_pci_discovery__entropy_device_ids)
{
	ck_assert_uint_eq(dut.pci.vendor, 0x1af4);
	ck_assert_uint_eq(dut.pci.device, 0x1005);
	ck_assert_uint_eq(dut.pci.revision, 0);
	ck_assert_uint_eq(dut.pci.subsystem, 4);
}
END_TEST

/* It has no features and no configuration of its own. */
START_TEST(spec_feature_bits__entropy_device_has_none_of_its_own)
{
	uint64_t bits = 0;

	drv_virtio_init(&dut.vd, &dut.pci, DRV_MODERN);
	ck_assert_int_eq(drv_virtio_offered(&dut.vd, &bits), 0);
	ck_assert_uint_eq(bits & (DRV_BIT(24) - 1), 0);
	ck_assert_uint_eq(bits >> 41, 0);
}
END_TEST

static Suite *
rng_suite(void)
{
	Suite *s = suite_create("spec/rng");
	TCase *tc = tcase_create("rng");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, spec_rng_op__at_least_one_byte_for_each_buffer,
			    0, 3);
	tcase_add_test(tc, spec_rng_op__the_bytes_are_random);
	tcase_add_test(tc, spec_rng_op__what_is_not_reported_is_not_written);
	tcase_add_test(tc, spec_pci_discovery__entropy_device_ids);
	tcase_add_test(tc,
		       spec_feature_bits__entropy_device_has_none_of_its_own);
	suite_add_tcase(s, tc);
	return s;
}

int
main(void)
{
	return suite_run(rng_suite());
}
