// SPDX-License-Identifier: BSD-3-Clause
/* A device on the ring of a bed: the driver's half. */
#include "bench/bed-device.h"

#include "bench/bench.h"
#include "driver/split.h"

#define QUEUE        0
#define QUEUE_VECTOR 1
#define WANTED       (DRV_BIT(DRV_F_VERSION_1) | DRV_BIT(DRV_F_INDIRECT_DESC))

void
bed_device_open(struct bed_device *d, struct drv_bus *bus,
		const struct ring_bed *bed)
{
	*d = (struct bed_device){ .bus = bus };
	(void)bench_must("probe", drv_pci_probe(&d->pci, bus));
	(void)bench_must("BARs", drv_pci_assign(&d->pci));
	(void)bench_must("DMA", drv_bus_dma_add_ram(bus, &bed->ram));
	(void)bench_must("MSI-X", drv_pci_msix_start(&d->pci));
	drv_virtio_init(&d->vd, &d->pci, DRV_MODERN);
}

void
bed_device_start(struct bed_device *d, const struct ring_bed *bed)
{
	struct drv_virtio *vd = &d->vd;
	struct drv_split ring = {
		.size = BED_QSIZE,
		.desc_gpa = BED_DESC_GPA,
		.avail_gpa = BED_AVAIL_GPA,
		.used_gpa = BED_USED_GPA,
	};
	uint64_t wanted = WANTED;

	if (bed->event_idx)
		wanted |= DRV_BIT(DRV_F_EVENT_IDX);
	(void)bench_must("features", drv_virtio_start(vd, wanted));
	(void)bench_must("queue",
			 drv_queue_attach(vd, QUEUE, &ring, QUEUE_VECTOR));
	(void)bench_must(
		"kick place",
		drv_virtio_kick_place(vd, QUEUE, &d->kick_bar, &d->kick_off));
	(void)bench_must("DRIVER_OK", drv_virtio_run(vd));
}

void
bed_device_stop(struct bed_device *d)
{
	(void)bench_must("reset", drv_virtio_reset(&d->vd));
}

void
bed_device_kick(struct bed_device *d)
{
	d->n_kicks++;
	(void)bench_must("kick", drv_bus_bar_write(d->bus, d->kick_bar,
						   d->kick_off, 2, QUEUE));
}
