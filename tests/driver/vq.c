// SPDX-License-Identifier: BSD-3-Clause
/* A virtqueue in use. */
#include <errno.h>
#include <string.h>

#include "driver/vq.h"

/* ---- the ring, whichever it is ---- */

static void
set_features(struct drv_vq *vq, uint64_t features)
{
	vq->is_packed = features & DRV_BIT(DRV_F_RING_PACKED);
	vq->ring.event_idx = features & DRV_BIT(DRV_F_EVENT_IDX);
	vq->packed.event_idx = vq->ring.event_idx;
	vq->ring.in_order = features & DRV_BIT(DRV_F_IN_ORDER);
	vq->packed.in_order = vq->ring.in_order;
}

static int
ring_init(struct drv_vq *vq, struct drv_ram *ram, uint16_t size,
	  uint64_t features)
{
	int rc = features & DRV_BIT(DRV_F_RING_PACKED)
			 ? drv_packed_init(&vq->packed, ram, size)
			 : drv_split_init(&vq->ring, ram, size);

	set_features(vq, features);
	return rc;
}

int
drv_vq_init_at(struct drv_vq *vq, struct drv_ram *ram,
	       const struct drv_areas *at, uint64_t features)
{
	int rc = features & DRV_BIT(DRV_F_RING_PACKED)
			 ? drv_packed_init_at(&vq->packed, ram, at->size,
					      at->desc_gpa, at->driver_gpa,
					      at->device_gpa)
			 : drv_split_init_at(&vq->ring, ram, at->size,
					     at->desc_gpa, at->driver_gpa,
					     at->device_gpa);

	set_features(vq, features);
	return rc;
}

struct drv_areas
drv_vq_areas(const struct drv_vq *vq)
{
	return vq->is_packed ? drv_packed_areas(&vq->packed)
			     : drv_split_areas(&vq->ring);
}

int
drv_vq_add(struct drv_vq *vq, const struct drv_seg *segs, int n, void *cookie)
{
	if (vq->is_packed)
		return vq->indirect
			       ? drv_packed_add_indirect(&vq->packed, segs, n,
							 cookie)
			       : drv_packed_add(&vq->packed, segs, n, cookie);
	return vq->indirect ? drv_split_add_indirect(&vq->ring, segs, n, cookie)
			    : drv_split_add(&vq->ring, segs, n, cookie);
}

void
drv_vq_publish(struct drv_vq *vq)
{
	if (vq->is_packed)
		drv_packed_publish(&vq->packed);
	else
		drv_split_publish(&vq->ring);
}

bool
drv_vq_has_used(const struct drv_vq *vq)
{
	return vq->is_packed ? drv_packed_has_used(&vq->packed)
			     : drv_split_has_used(&vq->ring);
}

int
drv_vq_reap(struct drv_vq *vq, struct drv_used *out)
{
	return vq->is_packed ? drv_packed_reap(&vq->packed, out)
			     : drv_split_reap(&vq->ring, out);
}

uint16_t
drv_vq_in_flight(const struct drv_vq *vq)
{
	return vq->is_packed ? drv_packed_in_flight(&vq->packed)
			     : drv_split_in_flight(&vq->ring);
}

uint16_t
drv_vq_n_free(const struct drv_vq *vq)
{
	return vq->is_packed ? drv_packed_n_free(&vq->packed) : vq->ring.n_free;
}

void
drv_vq_interrupts(struct drv_vq *vq, bool on)
{
	if (vq->is_packed)
		drv_packed_interrupts(&vq->packed, on);
	else
		drv_split_interrupts(&vq->ring, on);
}

void
drv_vq_reset_ring(struct drv_vq *vq)
{
	if (vq->is_packed)
		drv_packed_reset(&vq->packed);
	else
		drv_split_reset(&vq->ring);
}

int
drv_vq_set_ram(struct drv_vq *vq, struct drv_ram *ram)
{
	return vq->is_packed ? drv_packed_set_ram(&vq->packed, ram)
			     : drv_split_set_ram(&vq->ring, ram);
}

struct drv_ram *
drv_vq_ram(const struct drv_vq *vq)
{
	return vq->is_packed ? vq->packed.ram : vq->ring.ram;
}

uint32_t
drv_vq_base(const struct drv_vq *vq)
{
	return vq->is_packed ? drv_packed_base(&vq->packed)
			     : drv_split_raw_get_used_idx(&vq->ring);
}

static bool
kick_needed(struct drv_vq *vq)
{
	return vq->is_packed ? drv_packed_kick_needed(&vq->packed)
			     : drv_split_kick_needed(&vq->ring);
}

/* ---- on a PCI function ---- */

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
	if (vq->vd->face != DRV_LEGACY)
		return ring_init(vq, ram, size, vq->vd->features);
	rc = drv_split_init_legacy(&vq->ring, ram, size, DRV_PAGE);
	set_features(vq, vq->vd->features);
	return rc;
}

uint16_t
drv_vq_next(const struct drv_vq *vq)
{
	return vq->is_packed
		       ? drv_packed_off_wrap(&vq->packed, vq->packed.published)
		       : vq->ring.published;
}

/* With NOTIFICATION_DATA the place of the next chain goes along (4.1.5.2). */
static uint32_t
kick_value(const struct drv_vq *vq, uint32_t *size)
{
	if (!(vq->vd->features & DRV_BIT(DRV_F_NOTIFICATION_DATA))) {
		*size = 2;
		return vq->kick_id;
	}
	*size = 4;
	return (uint32_t)drv_vq_next(vq) << 16 | vq->kick_id;
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
drv_vq_attach(struct drv_vq *vq)
{
	struct drv_areas areas = drv_vq_areas(vq);

	return drv_queue_attach_at(vq->vd, vq->index, &areas, vq->vector);
}

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
	rc = drv_vq_attach(vq);
	if (rc == 0)
		rc = drv_virtio_kick_place(vd, index, &vq->kick_bar,
					   &vq->kick_off);
	if (rc == 0)
		rc = drv_virtio_kick_id(vd, index, &vq->kick_id);
	if (rc < 0)
		drv_vq_close(vq);
	return rc;
}

void
drv_vq_close(struct drv_vq *vq)
{
	drv_split_deinit(&vq->ring);
	drv_packed_deinit(&vq->packed);
}

/* ---- in use ---- */

int
drv_vq_kick(struct drv_vq *vq)
{
	vq->n_kicks++;
	return vq->ops->kick(vq);
}

int
drv_vq_kick_if_needed(struct drv_vq *vq)
{
	return kick_needed(vq) ? drv_vq_kick(vq) : 0;
}

int
drv_vq_submit(struct drv_vq *vq, const struct drv_seg *segs, int n,
	      void *cookie)
{
	int head = drv_vq_add(vq, segs, n, cookie);
	int rc;

	if (head < 0)
		return head;
	drv_vq_publish(vq);
	rc = drv_vq_kick_if_needed(vq);
	return rc < 0 ? rc : head;
}

static bool
ring_has_used(void *arg)
{
	return drv_vq_has_used(arg);
}

int
drv_vq_wait(struct drv_vq *vq, struct drv_used *out, int timeout_ms)
{
	int rc = vq->ops->wait(vq, ring_has_used, vq, timeout_ms);

	return rc < 0 ? rc : drv_vq_reap(vq, out);
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
