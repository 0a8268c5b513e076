// SPDX-License-Identifier: BSD-3-Clause
/* A loop device, its machine and its driver, for each case anew. */
#include <stdlib.h>

#include "device/loop-fixture.h"

const enum drv_face faces[N_FACES] = { DRV_LEGACY, DRV_MODERN, DRV_WINDOW };
const enum drv_irq kinds[3] = { DRV_IRQ_INTX, DRV_IRQ_MSI, DRV_IRQ_MSIX };

struct drv_inproc *machine;
struct drv_ram ram;
struct drv_bus *bus;
struct drv_device dut;
struct loop *loop;
uint64_t ring_feature;

void
setup_with(const char *opts)
{
	ck_assert_int_eq(drv_inproc_new(false, &machine), 0);
	ck_assert_int_eq(drv_inproc_plug(machine, &loop_pci_ops, opts, &bus),
			 0);
	loop = loop_of(drv_inproc_dev(bus));
	drv_ram_init(&ram);
	ck_assert_int_ge(drv_ram_add(&ram, RAM_GPA, RAM_SIZE, DRV_RAM_HEAP), 0);
	ck_assert_int_eq(drv_bus_dma_add_ram(bus, &ram), 0);
	ck_assert_int_eq(drv_device_open(&dut, bus, &ram), 0);
}

void
setup(void)
{
	setup_with(NULL);
}

void
setup_packed(void)
{
	setup();
	ring_feature = DRV_BIT(DRV_F_RING_PACKED);
}

void
setup_batch(void)
{
	setup();
	loop->batch = true;
}

void
setup_packed_batch(void)
{
	setup_packed();
	loop->batch = true;
}

/* Rings of these features, which the device offers when it is asked to. */
static void
setup_offered(uint64_t features)
{
	setup();
	ring_feature = features;
	ck_assert_int_eq(
		vbs_virtio_offer(drv_inproc_dev(bus), DRV_F_IN_ORDER, true), 0);
}

void
setup_in_order(void)
{
	setup_offered(DRV_BIT(DRV_F_IN_ORDER));
}

void
setup_packed_in_order(void)
{
	setup_offered(DRV_BIT(DRV_F_IN_ORDER) | DRV_BIT(DRV_F_RING_PACKED));
}

void
teardown(void)
{
	for (int i = 0; i < dut.n_queues; i++)
		drv_vq_close(&dut.vqs[i]);
	drv_bus_close(bus);
	drv_inproc_free(machine);
	drv_ram_deinit(&ram);
}

void
start(enum drv_face face, enum drv_irq irq, uint64_t features)
{
	struct drv_device_opts opts = {
		.face = face,
		.irq = irq,
		.features = features | ring_feature,
		.n_queues = LOOP_QUEUES,
	};

	ck_assert_int_eq(drv_device_start(&dut, &opts), 0);
	if (face != DRV_LEGACY)
		ck_assert_uint_eq(dut.vd.features & ring_feature, ring_feature);
}

void
start_modern(uint64_t features)
{
	start(DRV_MODERN, DRV_IRQ_MSIX, features);
}

void
echo(int queue, uint32_t len)
{
	uint64_t in = drv_ram_alloc(&ram, len, 1);
	uint64_t out = drv_ram_alloc(&ram, len, 1);
	struct drv_seg segs[] = { { in, len, false }, { out, len, true } };
	struct drv_used used;

	ck_assert_uint_ne(out, 0);
	ck_assert_int_eq(drv_ram_fill(&ram, in, (uint8_t)(len + 1), len), 0);
	ck_assert_int_eq(drv_ram_fill(&ram, out, 0, len), 0);
	ck_assert_int_eq(drv_vq_call(&dut.vqs[queue], segs, 2, &used), 0);
	ck_assert_uint_eq(used.len, len);
	ck_assert_mem_eq(drv_ram_ptr(&ram, in, len),
			 drv_ram_ptr(&ram, out, len), len);
}

void
post(int queue, int n)
{
	struct drv_seg seg = { RAM_GPA + RAM_SIZE - 64, 1, true };

	for (int i = 0; i < n; i++)
		ck_assert_int_ge(drv_vq_submit(&dut.vqs[queue], &seg, 1, NULL),
				 0);
	ck_assert_int_eq(drv_bus_run(bus), 0);
}

int
reap_all(int queue)
{
	struct drv_used used;
	int n = 0;

	while (drv_vq_reap(&dut.vqs[queue], &used) == 1)
		n++;
	return n;
}

uint8_t
status(void)
{
	uint8_t val = 0xff;

	ck_assert_int_eq(drv_virtio_status(&dut.vd, &val), 0);
	return val;
}

uint8_t
isr(void)
{
	uint8_t val = 0xff;

	ck_assert_int_eq(drv_virtio_isr(&dut.vd, &val), 0);
	return val;
}

uint64_t
common_get(enum drv_common_reg reg)
{
	uint64_t val = 0;

	ck_assert_int_eq(drv_common_read(&dut.vd, reg, &val), 0);
	return val;
}
