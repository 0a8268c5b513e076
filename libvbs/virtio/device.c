// SPDX-License-Identifier: BSD-3-Clause
/*
 * The one state machine: status, features, configuration, reset (virtio 1.3,
 * 2.1 to 2.5 and 3.1). Transports only decode registers and call this.
 */
#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "virtio/virtio.h"

#define BIT(n) (UINT64_C(1) << (n))

/* What a device may offer of its own; the rest is the library's (2.2). */
#define OWN_BITS ((BIT(24) - 1) | ~(BIT(50) - 1))

/* What vbs_virtio_offer() switches. */
#define SWITCHED_BITS                                                          \
	(BIT(VIRTIO_RING_F_INDIRECT_DESC) | BIT(VIRTIO_RING_F_EVENT_IDX) |     \
	 BIT(VIRTIO_F_RING_PACKED) | BIT(VIRTIO_F_IN_ORDER) |                  \
	 BIT(VIRTIO_F_NOTIFICATION_DATA) | BIT(VIRTIO_F_NOTIF_CONFIG_DATA) |   \
	 BIT(VIRTIO_F_RING_RESET))

#define DRIVER_BITS                                                            \
	(VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER |                \
	 VIRTIO_CONFIG_S_FEATURES_OK | VIRTIO_CONFIG_S_DRIVER_OK |             \
	 VIRTIO_CONFIG_S_FAILED)

static uint8_t
status_get(const struct virtio_common *vb)
{
	return __atomic_load_n(&vb->status, __ATOMIC_SEQ_CST);
}

bool
device_features_ok(struct virtio_common *vb)
{
	return status_get(vb) & VIRTIO_CONFIG_S_FEATURES_OK;
}

bool
device_claim(struct virtio_common *vb, enum face face)
{
	if (vb->priv->face == FACE_NONE)
		vb->priv->face = face;
	return vb->priv->face == face;
}

/* ---- features --------------------------------------------------------- */

const uint64_t device_offer_default =
	BIT(VIRTIO_RING_F_INDIRECT_DESC) | BIT(VIRTIO_RING_F_EVENT_IDX) |
	BIT(VIRTIO_F_RING_PACKED) | BIT(VIRTIO_F_RING_RESET);

uint64_t
device_offer(const struct virtio_common *vb)
{
	return (vb->device_caps & OWN_BITS) | BIT(VIRTIO_F_VERSION_1) |
	       vb->priv->switched;
}

/* Somebody may already go by what was offered. vb->mtx is held. */
static int
offer_switch(struct virtio_common *vb, uint64_t bit, bool offer)
{
	struct virtio_priv *p = vb->priv;

	if (p->face != FACE_NONE || backend_ops_of(vb))
		return -EBUSY;
	if (bit == BIT(VIRTIO_F_IN_ORDER) && offer && queues_allow_order(p) < 0)
		return -ENOMEM;
	p->switched = offer ? p->switched | bit : p->switched & ~bit;
	return 0;
}

VBS_API int
vbs_virtio_offer(struct pci_vdev *dev, unsigned int bit, bool offer)
{
	struct virtio_priv *p = virtio_priv_of(dev);
	int rc;

	if (!p)
		return -ENODEV;
	if (bit > 63 || !(BIT(bit) & SWITCHED_BITS))
		return -EINVAL;
	pthread_mutex_lock(&p->common->mtx);
	rc = offer_switch(p->common, BIT(bit), offer);
	pthread_mutex_unlock(&p->common->mtx);
	return rc;
}

uint32_t
device_features(struct virtio_common *vb, uint32_t select)
{
	if (select > 1)
		return 0;
	return (uint32_t)(device_offer(vb) >> (32 * select));
}

uint32_t
device_legacy_features(struct virtio_common *vb)
{
	uint64_t offer = device_offer(vb) | BIT(VIRTIO_F_NOTIFY_ON_EMPTY) |
			 BIT(VIRTIO_F_ANY_LAYOUT);

	return (uint32_t)offer;
}

void
device_negotiate(struct virtio_common *vb, uint64_t features)
{
	vb->negotiated_caps = features;
	if (vb->vops->apply_features)
		vb->vops->apply_features(vb->priv->device, features);
}

void
device_write_features(struct virtio_common *vb, uint32_t select, uint32_t val)
{
	if (device_features_ok(vb))
		return; /* 3.1.1: they are decided */
	if (select < 4)
		vb->priv->driver_features[select] = val;
}

void
device_write_legacy_features(struct virtio_common *vb, uint32_t val)
{
	/* With DRIVER_OK, or without it, once the driver has used a queue. */
	if (vb->priv->ready)
		return;
	device_negotiate(vb, val & device_legacy_features(vb));
}

/* Is the driver's choice one that can be served? Then it is decided (2.2.2). */
static bool
features_accept(struct virtio_common *vb)
{
	const uint32_t *f = vb->priv->driver_features;
	uint64_t features = f[0] | (uint64_t)f[1] << 32;

	if (f[2] || f[3] || (features & ~device_offer(vb)) ||
	    !(features & BIT(VIRTIO_F_VERSION_1)))
		return false;
	if (vb->vops->check_features &&
	    vb->vops->check_features(vb->priv->device, features) < 0)
		return false;
	device_negotiate(vb, features);
	return true;
}

/* ---- status ------------------------------------------------------------- */

/* Legacy drivers do not always make the function a bus master. */
void
device_update_dma(struct virtio_common *vb)
{
	bool dma = backend_ops_of(vb) || vb->priv->face == FACE_LEGACY ||
		   pci_bus_master(vb->dev);

	__atomic_store_n(&vb->priv->dma, dma, __ATOMIC_RELAXED);
}

void
device_set_ready(struct virtio_common *vb)
{
	device_update_dma(vb);
	__atomic_store_n(&vb->priv->ready, true, __ATOMIC_RELAXED);
	queues_update(vb);
}

/* Which of the bits that the driver wants to add may be added? */
static uint8_t
status_allowed(struct virtio_common *vb, uint8_t add, enum face face)
{
	uint8_t old = status_get(vb);

	if (face == FACE_LEGACY)
		return add & (uint8_t)~VIRTIO_CONFIG_S_FEATURES_OK;
	if ((add & VIRTIO_CONFIG_S_FEATURES_OK) && !features_accept(vb))
		add &= (uint8_t)~VIRTIO_CONFIG_S_FEATURES_OK;
	if (!((old | add) & VIRTIO_CONFIG_S_FEATURES_OK))
		add &= (uint8_t)~VIRTIO_CONFIG_S_DRIVER_OK;
	return add;
}

void
device_add_status(struct virtio_common *vb, uint8_t val)
{
	__atomic_fetch_or(&vb->status, val & DRIVER_BITS, __ATOMIC_SEQ_CST);
	if (vb->vops->set_status)
		vb->vops->set_status(vb->priv->device, status_get(vb));
}

void
device_set_status(struct virtio_common *vb, uint8_t val, enum face face)
{
	uint8_t add;

	if (val == 0) {
		device_reset(vb);
		return;
	}
	if (!device_claim(vb, face))
		return;
	/* Bits are only ever added (2.1.1); 0 is the way to clear them. */
	add = (uint8_t)(val & DRIVER_BITS & ~status_get(vb));
	add = status_allowed(vb, add, face);
	device_add_status(vb, add);
	if (add & VIRTIO_CONFIG_S_DRIVER_OK)
		device_set_ready(vb);
}

void
device_used_early(struct virtio_common *vb)
{
	if (vb->priv->face == FACE_LEGACY && !vb->priv->ready)
		device_set_ready(vb);
}

/* ---- reset --------------------------------------------------------------- */

void
device_reset(struct virtio_common *vb)
{
	queues_stop(vb);
	if (vb->vops->reset)
		vb->vops->reset(vb->priv->device);
	virtio_reset_dev(vb);
	if (vb->vops->set_status)
		vb->vops->set_status(vb->priv->device, 0);
}

VBS_API void
virtio_reset_dev(struct virtio_common *vb)
{
	struct virtio_priv *p = vb->priv;

	if (!p)
		return;
	__atomic_store_n(&p->ready, false, __ATOMIC_RELAXED);
	for (int i = 0; i < p->nvq; i++)
		queue_clear(&vb->queues[i]);
	vb->negotiated_caps = 0;
	memset(p->driver_features, 0, sizeof(p->driver_features));
	p->device_feature_select = 0;
	p->driver_feature_select = 0;
	p->queue_select = 0;
	p->face = FACE_NONE;
	p->warned = false;
	__atomic_store_n(&vb->msix_cfg_idx, VIRTIO_MSI_NO_VECTOR,
			 __ATOMIC_RELAXED);
	(void)device_read_isr(vb);
	/*
	 * In this order: a device that gives up right now is one that says so,
	 * never one that is dead and does not.
	 */
	__atomic_store_n(&vb->status, 0, __ATOMIC_SEQ_CST);
	__atomic_store_n(&p->failed, false, __ATOMIC_SEQ_CST);
}

/* ---- configuration and interrupts ------------------------------------------
 */

static bool
cfg_ok(const struct virtio_common *vb, uint64_t offset, int size)
{
	size_t n = vb->vops->cfgsize;

	return (size == 1 || size == 2 || size == 4) && n >= (size_t)size &&
	       offset <= n - (size_t)size;
}

/*
 * A change is counted when the driver next looks, not when it happens: the
 * eight bits cannot wrap between two reads (4.1.4.3.1).
 */
static void
config_changed(struct virtio_common *vb)
{
	__atomic_store_n(&vb->priv->config_changed, true, __ATOMIC_SEQ_CST);
}

uint8_t
device_generation(struct virtio_common *vb)
{
	if (__atomic_exchange_n(&vb->priv->config_changed, false,
				__ATOMIC_SEQ_CST))
		vb->config_generation++;
	return vb->config_generation;
}

uint64_t
device_cfgread(struct virtio_common *vb, uint64_t offset, int size)
{
	uint32_t val = 0;

	(void)device_generation(vb);
	if (!cfg_ok(vb, offset, size) || !vb->vops->cfgread ||
	    vb->vops->cfgread(vb->priv->device, (int)offset, size, &val) < 0)
		return bytes_ones(size);
	return val & bytes_ones(size);
}

void
device_cfgwrite(struct virtio_common *vb, uint64_t offset, int size,
		uint64_t val)
{
	if (!cfg_ok(vb, offset, size) || !vb->vops->cfgwrite)
		return;
	if (vb->vops->cfgwrite(vb->priv->device, (int)offset, size,
			       (uint32_t)val) == 0)
		config_changed(vb);
}

uint8_t
device_read_isr(struct virtio_common *vb)
{
	uint8_t isr = __atomic_exchange_n(&vb->isr, 0, __ATOMIC_SEQ_CST);

	pci_lintr_deassert(vb->dev);
	/* Another thread may have raised it between the two. */
	if (__atomic_load_n(&vb->isr, __ATOMIC_SEQ_CST) &&
	    !pci_msix_enabled(vb->dev))
		pci_lintr_assert(vb->dev);
	return isr;
}

uint16_t
device_vector(struct virtio_common *vb, uint64_t val)
{
	if (val < (uint64_t)pci_msix_table_count(vb->dev))
		return (uint16_t)val;
	return VIRTIO_MSI_NO_VECTOR;
}

void
device_interrupt(struct virtio_common *vb, uint8_t isr_bit)
{
	__atomic_fetch_or(&vb->isr, isr_bit, __ATOMIC_SEQ_CST);
	pci_lintr_assert(vb->dev);
	pci_generate_msi(vb->dev, 0);
}

/* 4.1.5.4 */
static void
config_interrupt(struct virtio_common *vb)
{
	const struct backend_ops *ops = backend_ops_of(vb);
	uint16_t vector;

	if (ops) {
		ops->config_changed(vb->priv->backend_arg);
		return;
	}
	if (!pci_msix_enabled(vb->dev)) {
		device_interrupt(vb, ISR_CONFIG);
		return;
	}
	/* This bit is set in any case (4.1.4.5.1). */
	__atomic_fetch_or(&vb->isr, ISR_CONFIG, __ATOMIC_SEQ_CST);
	vector = __atomic_load_n(&vb->msix_cfg_idx, __ATOMIC_RELAXED);
	if (vector != VIRTIO_MSI_NO_VECTOR)
		pci_generate_msix(vb->dev, vector);
}

VBS_API void
virtio_config_changed(struct virtio_common *vb)
{
	config_changed(vb);
	if (backend_ops_of(vb) || (status_get(vb) & VIRTIO_CONFIG_S_DRIVER_OK))
		config_interrupt(vb);
}

void
device_needs_reset(struct virtio_common *vb, const char *why)
{
	uint8_t old = __atomic_fetch_or(
		&vb->status, VIRTIO_CONFIG_S_NEEDS_RESET, __ATOMIC_SEQ_CST);

	if (old & VIRTIO_CONFIG_S_NEEDS_RESET)
		return;
	vbs_log(vb->dev->vmctx, VBS_LOG_WARNING, "%s: needs a reset: %s",
		vb->dev->name, why);
	if (backend_ops_of(vb) || (old & VIRTIO_CONFIG_S_DRIVER_OK))
		config_interrupt(vb);
}

VBS_API void
vbs_virtio_needs_reset(struct virtio_common *vb, const char *why)
{
	struct virtio_priv *p = vb->priv;

	__atomic_store_n(&p->failed, true, __ATOMIC_SEQ_CST);
	for (int i = 0; i < p->nvq; i++)
		queue_slow_down(&p->vqs[i]);
	device_needs_reset(vb, why);
}
