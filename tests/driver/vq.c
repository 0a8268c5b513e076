// SPDX-License-Identifier: BSD-3-Clause
/* A virtqueue in use. */
#include <errno.h>
#include <string.h>

#include "driver/vq.h"

static int
ring_place(struct drv_vq *vq, struct drv_ram *ram, uint16_t size)
{
	int rc = drv_queue_select(vq->vd, vq->index);

	if (rc == 0 && !size)
		rc = drv_queue_size(vq->vd, &size);
	if (rc < 0)
		return rc;
	if (!size)
		return -ENOENT;
	if (vq->vd->face == DRV_LEGACY)
		return drv_split_init_legacy(&vq->ring, ram, size, DRV_PAGE);
	return drv_split_init(&vq->ring, ram, size);
}

/* With NOTIFICATION_DATA the avail index goes along (4.1.5.2). */
static uint32_t
kick_value(const struct drv_vq *vq, uint32_t *size)
{
	if (!(vq->vd->features & DRV_BIT(DRV_F_NOTIFICATION_DATA))) {
		*size = 2;
		return vq->index;
	}
	*size = 4;
	return (uint32_t)vq->ring.published << 16 | vq->index;
}

static int
pci_kick(struct drv_vq *vq)
{
	struct drv_pci *pci = vq->vd->pci;
	uint32_t size, val = kick_value(vq, &size);

	if (vq->vd->face == DRV_WINDOW)
		return drv_pci_window_write(pci, (uint8_t)vq->kick_bar,
					    (uint32_t)vq->kick_off, size, val);
	return drv_bus_bar_write(pci->bus, vq->kick_bar, vq->kick_off, size,
				 val);
}

static int
pci_wait(struct drv_vq *vq, bool (*done)(void *arg), void *arg, int timeout_ms)
{
	return drv_bus_wait(vq->vd->pci->bus, done, arg, timeout_ms);
}

static uint64_t
pci_irqs(struct drv_vq *vq)
{
	struct drv_bus *bus = vq->vd->pci->bus;

	if (vq->vector != DRV_NO_VECTOR)
		return drv_bus_irqs(bus, DRV_IRQ_MSIX, vq->vector);
	return drv_bus_irqs(bus, DRV_IRQ_INTX, 0) +
	       drv_bus_irqs(bus, DRV_IRQ_MSI, 0);
}

static const struct drv_vq_ops pci_ops = {
	.kick = pci_kick,
	.wait = pci_wait,
	.irqs = pci_irqs,
};

int
drv_vq_open(struct drv_vq *vq, struct drv_virtio *vd, struct drv_ram *ram,
	    uint16_t index, uint16_t size, uint16_t vector)
{
	int rc;

	memset(vq, 0, sizeof(*vq));
	vq->ops = &pci_ops;
	vq->vd = vd;
	vq->index = index;
	vq->vector = vector;
	rc = ring_place(vq, ram, size);
	if (rc < 0)
		return rc;
	vq->ring.event_idx = vd->features & DRV_BIT(DRV_F_EVENT_IDX);
	rc = drv_queue_attach(vd, index, &vq->ring, vector);
	if (rc == 0)
		rc = drv_virtio_kick_place(vd, index, &vq->kick_bar,
					   &vq->kick_off);
	if (rc < 0)
		drv_split_deinit(&vq->ring);
	return rc;
}

void
drv_vq_close(struct drv_vq *vq)
{
	drv_split_deinit(&vq->ring);
}

int
drv_vq_kick(struct drv_vq *vq)
{
	vq->n_kicks++;
	return vq->ops->kick(vq);
}

int
drv_vq_kick_if_needed(struct drv_vq *vq)
{
	return drv_split_kick_needed(&vq->ring) ? drv_vq_kick(vq) : 0;
}

int
drv_vq_submit(struct drv_vq *vq, const struct drv_seg *segs, int n,
	      void *cookie)
{
	int head = vq->indirect
			   ? drv_split_add_indirect(&vq->ring, segs, n, cookie)
			   : drv_split_add(&vq->ring, segs, n, cookie);
	int rc;

	if (head < 0)
		return head;
	drv_split_publish(&vq->ring);
	rc = drv_vq_kick_if_needed(vq);
	return rc < 0 ? rc : head;
}

static bool
ring_has_used(void *arg)
{
	return drv_split_has_used(arg);
}

int
drv_vq_wait(struct drv_vq *vq, struct drv_used *out, int timeout_ms)
{
	int rc = vq->ops->wait(vq, ring_has_used, &vq->ring, timeout_ms);

	return rc < 0 ? rc : drv_split_reap(&vq->ring, out);
}

int
drv_vq_call(struct drv_vq *vq, const struct drv_seg *segs, int n,
	    struct drv_used *out)
{
	int head = drv_vq_submit(vq, segs, n, NULL);
	int rc;

	if (head < 0)
		return head;
	rc = drv_vq_wait(vq, out, DRV_TIMEOUT_MS);
	if (rc < 0)
		return rc;
	return out->id == (uint32_t)head ? 0 : -EPROTO;
}

uint64_t
drv_vq_irqs(struct drv_vq *vq)
{
	return vq->ops->irqs(vq);
}
