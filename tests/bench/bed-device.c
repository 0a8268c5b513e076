// SPDX-License-Identifier: BSD-3-Clause
/* A device on the ring of a bed: the driver's half. */
#include "bench/bed-device.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include "bench/bench.h"
#include "driver/packed.h"

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

/* What this front end has a use for. */
#define WANTED_PROTOCOL                                                        \
	(DRV_BIT(DRV_VUP_MQ) | DRV_BIT(DRV_VUP_REPLY_ACK) |                    \
	 DRV_BIT(DRV_VUP_CONFIG))

void
bed_device_open_vhost_user(struct bed_device *d, int fd, bool kicks,
			   const struct ring_bed *bed)
{
	uint64_t offered = 0;

	*d = (struct bed_device){ .bus = NULL };
	drv_vu_init(&d->vu, fd);
	d->kick_fd = -1;
	if (kicks)
		d->kick_fd = bench_must("kick", eventfd(0, EFD_CLOEXEC));
	d->call_fd = bench_must("call", eventfd(0, EFD_CLOEXEC));
	(void)bench_must(
		"protocol",
		drv_vu_get_u64(&d->vu, DRV_VU_GET_PROTOCOL_FEATURES, &offered));
	(void)bench_must(
		"protocol",
		drv_vu_set_protocol(&d->vu, offered & WANTED_PROTOCOL));
	(void)bench_must("owner",
			 drv_vu_set_none(&d->vu, DRV_VU_SET_OWNER, -1));
	(void)bench_must("memory", drv_vu_set_mem_table(&d->vu, &bed->ram));
}

void
bed_device_close(struct bed_device *d)
{
	drv_bus_close(d->bus);
	if (d->bus)
		return;
	drv_vu_deinit(&d->vu);
	if (d->kick_fd >= 0)
		(void)close(d->kick_fd);
	(void)close(d->call_fd);
}

static void
start_vhost_user(struct bed_device *d, const struct ring_bed *bed,
		 const struct drv_areas *ring, uint64_t wanted)
{
	struct drv_vu *vu = &d->vu;
	uint32_t base = bed->packed ? DRV_PACKED_START : 0;

	(void)bench_must("features",
			 drv_vu_set_u64(vu, DRV_VU_SET_FEATURES,
					wanted | DRV_BIT(DRV_VU_F_PROTOCOL)));
	(void)bench_must("size", drv_vu_set_state(vu, DRV_VU_SET_VRING_NUM,
						  QUEUE, ring->size));
	(void)bench_must("base", drv_vu_set_state(vu, DRV_VU_SET_VRING_BASE,
						  QUEUE, base));
	(void)bench_must("ring",
			 drv_vu_set_vring_areas(vu, QUEUE, 0, &bed->ram, ring));
	(void)bench_must("kick", drv_vu_set_vring_fd(vu, DRV_VU_SET_VRING_KICK,
						     QUEUE, d->kick_fd));
	(void)bench_must("call", drv_vu_set_vring_fd(vu, DRV_VU_SET_VRING_CALL,
						     QUEUE, d->call_fd));
	(void)bench_must("enable", drv_vu_set_state(vu, DRV_VU_SET_VRING_ENABLE,
						    QUEUE, 1));
}

void
bed_device_start(struct bed_device *d, const struct ring_bed *bed)
{
	struct drv_virtio *vd = &d->vd;
	const struct drv_areas ring = {
		.size = bed->qsize,
		.desc_gpa = BED_DESC_GPA,
		.driver_gpa = BED_AVAIL_GPA,
		.device_gpa = BED_USED_GPA,
	};
	uint64_t wanted = WANTED;

	if (bed->event_idx)
		wanted |= DRV_BIT(DRV_F_EVENT_IDX);
	if (bed->packed)
		wanted |= DRV_BIT(DRV_F_RING_PACKED);
	if (!d->bus) {
		start_vhost_user(d, bed, &ring, wanted);
		return;
	}
	(void)bench_must("features", drv_virtio_start(vd, wanted));
	(void)bench_must("queue",
			 drv_queue_attach_at(vd, QUEUE, &ring, QUEUE_VECTOR));
	(void)bench_must(
		"kick place",
		drv_virtio_kick_place(vd, QUEUE, &d->kick_bar, &d->kick_off));
	(void)bench_must("DRIVER_OK", drv_virtio_run(vd));
}

void
bed_device_stop(struct bed_device *d)
{
	uint32_t base;

	if (d->bus)
		(void)bench_must("reset", drv_virtio_reset(&d->vd));
	else
		(void)bench_must("stop",
				 drv_vu_get_vring_base(&d->vu, QUEUE, &base));
}

void
bed_device_kick(struct bed_device *d)
{
	d->n_kicks++;
	if (!d->bus && d->kick_fd < 0)
		return;
	if (!d->bus) {
		(void)bench_must("kick", eventfd_write(d->kick_fd, 1));
		return;
	}
	(void)bench_must("kick", drv_bus_bar_write(d->bus, d->kick_bar,
						   d->kick_off, 2, QUEUE));
}
