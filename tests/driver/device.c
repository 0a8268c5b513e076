// SPDX-License-Identifier: BSD-3-Clause
/* A device brought up, and down, in one call. */
#include <errno.h>
#include <string.h>

#include "driver/device.h"

#define MSI_ADDR 0xfee00000u
#define MSI_DATA 0x4321u

int
drv_device_open(struct drv_device *d, struct drv_bus *bus, struct drv_ram *ram)
{
	int rc;

	memset(d, 0, sizeof(*d));
	d->bus = bus;
	d->ram = ram;
	rc = drv_pci_probe(&d->pci, bus);
	return rc < 0 ? rc : drv_pci_assign(&d->pci);
}

static int
irq_on(struct drv_device *d)
{
	if (d->irq == DRV_IRQ_MSIX)
		return drv_pci_msix_start(&d->pci);
	if (d->irq == DRV_IRQ_MSI)
		return drv_pci_msi_enable(&d->pci, MSI_ADDR, MSI_DATA);
	return drv_pci_intx_enable(&d->pci, true);
}

static int
irq_off(struct drv_device *d)
{
	if (d->irq == DRV_IRQ_MSIX)
		return drv_pci_msix_enable(&d->pci, false);
	if (d->irq == DRV_IRQ_MSI)
		return drv_pci_msi_disable(&d->pci);
	return drv_pci_intx_enable(&d->pci, false);
}

static int
open_queues(struct drv_device *d, uint16_t n, uint16_t size)
{
	bool msix = d->irq == DRV_IRQ_MSIX;
	int rc = 0;

	for (uint16_t i = 0; i < n && rc == 0; i++) {
		rc = drv_vq_open(&d->vqs[i], &d->vd, d->ram, i,
				 d->vd.face == DRV_LEGACY ? 0 : size,
				 msix ? (uint16_t)(i + 1) : DRV_NO_VECTOR);
		if (rc == 0)
			d->n_queues++;
	}
	return rc;
}

static int
bring_up(struct drv_device *d, const struct drv_device_opts *opts)
{
	uint16_t got = 0;
	int rc = irq_on(d);

	if (rc == 0)
		rc = drv_virtio_start(&d->vd, opts->features);
	if (rc == 0 && d->irq == DRV_IRQ_MSIX)
		rc = drv_virtio_set_config_vector(&d->vd, 0, &got);
	if (rc == 0 && got != 0)
		rc = -EIO;
	if (rc == 0)
		rc = open_queues(d, opts->n_queues ? opts->n_queues : 1,
				 opts->queue_size);
	return rc < 0 ? rc : drv_virtio_run(&d->vd);
}

int
drv_device_start(struct drv_device *d, const struct drv_device_opts *opts)
{
	int rc;

	if (opts->n_queues > DRV_MAX_QUEUES)
		return -EINVAL;
	drv_ram_mark(d->ram, &d->mark);
	drv_virtio_init(&d->vd, &d->pci, opts->face);
	d->irq = opts->irq;
	rc = bring_up(d, opts);
	if (rc < 0)
		(void)drv_device_stop(d);
	return rc;
}

int
drv_device_stop(struct drv_device *d)
{
	int rc = drv_virtio_reset(&d->vd);
	int off = irq_off(d);

	for (uint16_t i = 0; i < d->n_queues; i++)
		drv_vq_close(&d->vqs[i]);
	d->n_queues = 0;
	drv_ram_release(d->ram, &d->mark);
	return rc < 0 ? rc : off;
}

uint64_t
drv_device_config_irqs(struct drv_device *d)
{
	return drv_bus_irqs(d->bus, d->irq, 0);
}
