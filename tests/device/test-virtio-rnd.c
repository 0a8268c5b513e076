// SPDX-License-Identifier: BSD-3-Clause
/* The entropy device (virtio 1.3, 5.4), driven from the guest's side. */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "devices/devices.h"
#include "driver/device.h"
#include "driver/inproc.h"
#include "driver/rng.h"
#include "suite.h"

#define RAM_GPA  0x100000
#define RAM_SIZE 0x100000

#define N_COMBINATIONS 9

static const enum drv_face faces[] = { DRV_LEGACY, DRV_MODERN, DRV_WINDOW };
static const enum drv_irq kinds[] = { DRV_IRQ_INTX, DRV_IRQ_MSI, DRV_IRQ_MSIX };

static struct drv_inproc *machine;
static struct drv_ram ram;
static struct drv_bus *bus;
static struct drv_device dut;
static uint64_t ring_feature;

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
setup_packed(void)
{
	setup();
	ring_feature = DRV_BIT(DRV_F_RING_PACKED);
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
start(enum drv_face face, enum drv_irq irq, uint64_t features)
{
	struct drv_device_opts opts = {
		.face = face,
		.irq = irq,
		.features = features | ring_feature,
	};

	ck_assert_int_eq(drv_device_start(&dut, &opts), 0);
}

/* How many bytes of a range are not c. */
static uint32_t
n_other_than(uint64_t gpa, uint32_t len, uint8_t c)
{
	const uint8_t *p = drv_ram_ptr(&ram, gpa, len);
	uint32_t n = 0;

	ck_assert_ptr_nonnull(p);
	for (uint32_t i = 0; i < len; i++)
		n += p[i] != c;
	return n;
}

/* A buffer full of zeroes with a page of 0xee behind it. */
static uint64_t
buffer(uint32_t len)
{
	uint64_t gpa = drv_ram_alloc(&ram, (uint64_t)len + DRV_PAGE, 1);

	ck_assert_uint_ne(gpa, 0);
	ck_assert_int_eq(drv_ram_fill(&ram, gpa, 0, len), 0);
	ck_assert_int_eq(drv_ram_fill(&ram, gpa + len, 0xee, DRV_PAGE), 0);
	return gpa;
}

START_TEST(function_is_the_transitional_entropy_device)
{
	uint16_t n = 0;

	ck_assert_uint_eq(dut.pci.vendor, 0x1af4);
	ck_assert_uint_eq(dut.pci.device, 0x1005);
	ck_assert_uint_eq(dut.pci.revision, 0);
	ck_assert_uint_eq(dut.pci.subsystem, 4);
	ck_assert_uint_eq(dut.pci.msix.n, 2);
	drv_virtio_init(&dut.vd, &dut.pci, DRV_MODERN);
	ck_assert_int_eq(drv_virtio_num_queues(&dut.vd, &n), 0);
	ck_assert_uint_eq(n, 1);
}
END_TEST

START_TEST(read_on_each_face_with_each_interrupt)
{
	uint64_t a, b;
	uint32_t got = 0;

	start(faces[_i / 3], kinds[_i % 3], 0);
	a = buffer(256);
	b = buffer(256);
	ck_assert_int_eq(drv_rng_read(&dut.vqs[0], a, 256, &got), 0);
	ck_assert_uint_eq(got, 256);
	ck_assert_uint_eq(drv_vq_irqs(&dut.vqs[0]), 1);
	ck_assert_int_eq(drv_rng_read(&dut.vqs[0], b, 256, &got), 0);
	ck_assert_uint_eq(got, 256);
	ck_assert_int_ne(memcmp(drv_ram_ptr(&ram, a, 256),
				drv_ram_ptr(&ram, b, 256), 256),
			 0);
	/* 256 random bytes hold a zero or so; 128 are out of the question */
	ck_assert_uint_gt(n_other_than(a, 256, 0), 128);
	ck_assert_uint_eq(n_other_than(a + 256, DRV_PAGE, 0xee), 0);
	ck_assert_uint_eq(n_other_than(b + 256, DRV_PAGE, 0xee), 0);
}
END_TEST

/* covers: C5 */
START_TEST(read_of_any_size_writes_what_it_reports)
{
	static const uint32_t sizes[] = {
		1, 2, 7, 255, 257, 4095, 4096, 65536
	};

	start(DRV_MODERN, DRV_IRQ_MSIX, 0);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		uint64_t gpa = buffer(sizes[i]);
		uint32_t got = 0;

		ck_assert_int_eq(drv_rng_read(&dut.vqs[0], gpa, sizes[i], &got),
				 0);
		ck_assert_uint_ge(got, 1);
		ck_assert_uint_le(got, sizes[i]);
		ck_assert_uint_eq(n_other_than(gpa + got, sizes[i] - got, 0),
				  0);
		ck_assert_uint_eq(n_other_than(gpa + sizes[i], DRV_PAGE, 0xee),
				  0);
	}
}
END_TEST

START_TEST(read_fills_several_segments_in_order)
{
	uint64_t gpa = buffer(300);
	struct drv_seg segs[] = {
		{ gpa, 1, true },
		{ gpa + 1, 99, true },
		{ gpa + 100, 200, true },
	};
	struct drv_used used;

	start(DRV_MODERN, DRV_IRQ_MSIX, DRV_BIT(DRV_F_INDIRECT_DESC));
	for (int i = 0; i < 2; i++) {
		dut.vqs[0].indirect = i;
		ck_assert_int_eq(drv_ram_fill(&ram, gpa, 0, 300), 0);
		ck_assert_int_eq(drv_vq_call(&dut.vqs[0], segs, 3, &used), 0);
		ck_assert_uint_eq(used.len, 300);
		ck_assert_uint_gt(n_other_than(gpa + 1, 99, 0), 50);
		ck_assert_uint_gt(n_other_than(gpa + 100, 200, 0), 100);
	}
}
END_TEST

START_TEST(readable_buffer_is_left_alone)
{
	uint64_t gpa = buffer(64);
	struct drv_seg segs[] = { { gpa, 32, false }, { gpa + 32, 32, true } };
	struct drv_used used;

	start(faces[_i], DRV_IRQ_MSIX, 0);
	ck_assert_int_eq(drv_vq_call(&dut.vqs[0], segs, 1, &used), 0);
	ck_assert_uint_eq(used.len, 0);
	ck_assert_int_eq(drv_vq_call(&dut.vqs[0], segs, 2, &used), 0);
	ck_assert_uint_eq(used.len, 32);
	ck_assert_uint_eq(n_other_than(gpa, 32, 0), 0);
}
END_TEST

START_TEST(full_queue_is_served_in_one_go)
{
	uint64_t gpa = buffer(64 * 64);
	struct drv_vq *vq = &dut.vqs[0];
	struct drv_used used;
	int n = 0;

	start(DRV_MODERN, DRV_IRQ_MSIX, DRV_BIT(DRV_F_EVENT_IDX));
	for (uint16_t i = 0; i < drv_vq_areas(vq).size; i++) {
		struct drv_seg seg = { gpa + 64u * i, 64, true };

		ck_assert_int_ge(drv_vq_add(vq, &seg, 1, NULL), 0);
	}
	drv_vq_publish(vq);
	ck_assert_int_eq(drv_vq_kick(vq), 0);
	ck_assert_int_eq(drv_bus_run(bus), 0);
	while (drv_vq_reap(vq, &used) == 1) {
		ck_assert_uint_eq(used.len, 64);
		n++;
	}
	ck_assert_int_eq(n, drv_vq_areas(vq).size);
	ck_assert_uint_eq(drv_vq_irqs(vq), 1);
}
END_TEST

START_TEST(device_works_after_many_restarts)
{
	for (int i = 0; i < 200; i++) {
		uint32_t got = 0;

		start(faces[i % 3], kinds[i % 2 ? 2 : 0], 0);
		ck_assert_int_eq(
			drv_rng_read(&dut.vqs[0], buffer(16), 16, &got), 0);
		ck_assert_uint_eq(got, 16);
		ck_assert_int_eq(drv_device_stop(&dut), 0);
	}
}
END_TEST

START_TEST(options_are_refused)
{
	struct drv_bus *other = NULL;

	ck_assert_int_eq(
		drv_inproc_plug(machine, dm_virtio_rnd.ops, "fast", &other),
		-EINVAL);
	ck_assert_ptr_null(other);
}
END_TEST

static void
add_both(TCase *tc)
{
	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, read_on_each_face_with_each_interrupt, 0,
			    N_COMBINATIONS);
	tcase_add_test(tc, read_of_any_size_writes_what_it_reports);
	tcase_add_test(tc, read_fills_several_segments_in_order);
	tcase_add_loop_test(tc, readable_buffer_is_left_alone, 0, 3);
	tcase_add_test(tc, full_queue_is_served_in_one_go);
	tcase_add_test(tc, device_works_after_many_restarts);
}

static Suite *
rnd_suite(void)
{
	Suite *s = suite_create("virtio-rnd");
	TCase *tc = tcase_create("device");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, function_is_the_transitional_entropy_device);
	tcase_add_test(tc, options_are_refused);
	add_both(tc);
	suite_add_tcase(s, tc);

	tc = tcase_create("packed");
	tcase_add_checked_fixture(tc, setup_packed, teardown);
	add_both(tc);
	suite_add_tcase(s, tc);
	return s;
}

int
main(void)
{
	return suite_run(rnd_suite());
}
