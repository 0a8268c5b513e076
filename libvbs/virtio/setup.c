// SPDX-License-Identifier: BSD-3-Clause
/* Link a device up, and make it a PCI function (virtio 1.3, 4.1). */
#include <errno.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "virtio/modern.h"
#include "virtio/virtio.h"

#define VIRTIO_VENDOR      0x1af4
#define LEGACY_DEVICE_MIN  0x1000
#define LEGACY_DEVICE_MAX  0x103f
#define MODERN_DEVICE_BASE 0x1040
#define MAX_MODERN_TYPE    0x3f
#define MODERN_SUBDEVICE   0x1100
#define MAX_CFGSIZE        0x1000
#define MAX_QUEUES         65535

/* ---- what the PCI layer calls ------------------------------------------ */

static void
on_reset(void *arg)
{
	struct virtio_priv *p = arg;

	if (p->error < 0)
		return; /* a device that was never made; some queues are not */
	pthread_mutex_lock(&p->common->mtx);
	device_reset(p->common);
	pthread_mutex_unlock(&p->common->mtx);
}

static int
on_start(void *arg)
{
	struct virtio_priv *p = arg;

	if (p->error < 0)
		return p->error;
	for (int i = 0; i < p->nvq; i++) {
		int rc = queue_start(&p->vqs[i]);

		if (rc < 0)
			return rc;
	}
	p->vm_client.ops = &queues_vm_ops;
	p->vm_client.arg = p;
	vm_add_client(p->common->dev->vmctx, &p->vm_client);
	return 0;
}

static void
on_stop(void *arg)
{
	struct virtio_priv *p = arg;

	vm_del_client(p->common->dev->vmctx, &p->vm_client);
	for (int i = 0; i < p->nvq; i++)
		queue_detach(&p->vqs[i]);
}

/* The device's own memory may have gone by now. */
static void
on_release(void *arg)
{
	struct virtio_priv *p = arg;

	for (int i = 0; i < p->nvq; i++)
		queue_free(&p->vqs[i]);
	free(p->vqs);
	free(p);
}

/* A function that is no bus master any more has stopped when this returns. */
static void
on_command(void *arg, uint16_t command)
{
	struct virtio_priv *p = arg;
	bool before, after;

	(void)command;
	pthread_mutex_lock(&p->common->mtx);
	before = p->dma;
	device_update_dma(p->common);
	after = p->dma;
	pthread_mutex_unlock(&p->common->mtx);
	if (before == after)
		return;
	if (!after)
		queues_pause(p);
	queues_resume(p);
}

static int
on_poll(void *arg, uint32_t us, bool unseen)
{
	struct virtio_priv *p = arg;
	int rc = 0;

	for (int i = 0; i < p->nvq && rc == 0; i++)
		rc = poll_start(&p->vqs[i], us, unseen);
	return rc;
}

static const struct pci_client_ops client_ops = {
	.reset = on_reset,
	.start = on_start,
	.stop = on_stop,
	.release = on_release,
	.command = on_command,
	.poll = on_poll,
	.window_read = window_read,
	.window_write = window_write,
};

struct virtio_priv *
virtio_priv_of(struct pci_vdev *dev)
{
	if (dev->priv->client != &client_ops)
		return NULL;
	return dev->priv->client_arg;
}

/* ---- link-up ------------------------------------------------------------- */

static struct virtio_priv *
priv_new(struct virtio_common *base)
{
	struct virtio_priv *p = calloc(1, sizeof(*p));
	int nvq = base->vops->nvq;

	if (!p)
		return NULL;
	p->common = base;
	p->switched = device_offer_default;
	p->io_bar = p->pio_bar = p->mmio_bar = -1;
	if (nvq < 1 || nvq > MAX_QUEUES || base->vops->cfgsize > MAX_CFGSIZE) {
		p->error = -EINVAL;
		return p;
	}
	p->vqs = calloc((size_t)nvq, sizeof(*p->vqs));
	if (!p->vqs) {
		free(p);
		return NULL;
	}
	p->nvq = nvq;
	for (int i = 0; i < nvq; i++) {
		p->vqs[i].kick_fd = p->vqs[i].wake_fd = -1;
		poll_init(&p->vqs[i]);
	}
	return p;
}

VBS_API void
virtio_linkup(struct virtio_common *base, const struct virtio_ops *vops,
	      void *pci_virtio_dev, struct pci_vdev *dev,
	      struct vqueue_info *queues, int backend_type)
{
	struct virtio_priv *p;

	base->vops = vops;
	base->dev = dev;
	base->queues = queues;
	base->backend_type = backend_type;
	base->msix_cfg_idx = VIRTIO_MSI_NO_VECTOR;
	(void)pthread_mutex_init(&base->mtx, NULL);
	dev->arg = pci_virtio_dev;
	p = priv_new(base);
	base->priv = p; /* NULL is reported by whoever needs it next */
	if (!p)
		return;
	p->device = pci_virtio_dev;
	pci_set_client(dev, &client_ops, p);
	for (int i = 0; i < p->nvq && p->error == 0; i++)
		p->error = queue_init(p, &queues[i], (uint16_t)i);
}

/* What went wrong in a call that could not say so. */
static int
pending_error(const struct virtio_common *base)
{
	return base->priv ? base->priv->error : -ENOMEM;
}

/* ---- interrupts and BARs ----------------------------------------------------
 */

VBS_API int
virtio_interrupt_init(struct virtio_common *base, int use_msix)
{
	int rc = pending_error(base);
	int vectors;

	if (rc == 0 && use_msix) {
		vectors = base->priv->nvq + 1;
		if (vectors > VBS_MSIX_MAX)
			vectors = VBS_MSIX_MAX;
		rc = pci_emul_add_msixcap(base->dev, vectors,
					  VIRTIO_MSIX_BAR_IDX);
	}
	if (rc == 0)
		rc = pci_emul_add_msicap(base->dev, 1);
	if (rc == 0)
		pci_lintr_request(base->dev);
	return rc;
}

static int
add_doorbell(struct virtio_common *base, const struct vbs_doorbell *at,
	     int queue)
{
	struct vbs_doorbell bell = *at;

	bell.fd = base->priv->vqs[queue].kick_fd;
	return pci_add_doorbell(base->dev, &bell);
}

/*
 * All queues share a place, and the value is the queue's index. Notifications
 * that say more, or have other values, come as accesses: what the driver has
 * negotiated is not known yet.
 */
static int
add_shared_doorbells(struct virtio_common *base, int bar, uint64_t offset)
{
	struct vbs_doorbell bell = {
		.baridx = bar,
		.offset = offset,
		.size = 2,
	};
	int rc = 0;

	for (int i = 0; i < base->priv->nvq && rc == 0; i++) {
		bell.match = i;
		rc = add_doorbell(base, &bell, i);
	}
	return rc;
}

/*
 * A place for each queue, whatever is written there: 16 bits, or 32 with
 * VIRTIO_F_NOTIFICATION_DATA. A kick too many does no harm, and KVM need not
 * decode the instruction if it does not look at the value.
 */
static int
add_own_doorbells(struct virtio_common *base, int bar)
{
	struct vbs_doorbell bell = {
		.baridx = bar,
		.offset = MODERN_NOTIFY,
		.match = -1,
	};
	int rc = 0;

	for (int i = 0; i < base->priv->nvq && rc == 0; i++) {
		rc = add_doorbell(base, &bell, i);
		bell.offset += MODERN_NOTIFY_MULT;
	}
	return rc;
}

VBS_API void
virtio_set_io_bar(struct virtio_common *base, int barnum)
{
	struct virtio_priv *p = base->priv;
	int rc = pending_error(base);

	if (rc == 0)
		rc = pci_emul_alloc_bar(base->dev, barnum, PCIBAR_IO,
					VIRTIO_PCI_CONFIG_OFF(1) +
						base->vops->cfgsize);
	if (rc == 0)
		rc = add_shared_doorbells(base, barnum,
					  VIRTIO_PCI_QUEUE_NOTIFY);
	if (rc == 0)
		p->io_bar = barnum;
	else if (p)
		p->error = rc;
}

static int
add_virtio_cap(struct virtio_common *base, uint8_t type, int bar,
	       uint32_t offset, uint32_t length, const uint32_t *extra)
{
	uint8_t cap[WINDOW_CAP_BYTES] = { PCI_CAP_ID_VNDR };
	int bytes = extra ? 20 : 16;

	cap[VIRTIO_PCI_CAP_LEN] = (uint8_t)bytes;
	cap[VIRTIO_PCI_CAP_CFG_TYPE] = type;
	cap[VIRTIO_PCI_CAP_BAR] = (uint8_t)bar;
	bytes_put(cap + VIRTIO_PCI_CAP_OFFSET, 4, offset);
	bytes_put(cap + VIRTIO_PCI_CAP_LENGTH, 4, length);
	if (extra)
		bytes_put(cap + 16, 4, *extra);
	return pci_emul_add_capability(base->dev, cap, bytes);
}

static int
add_window(struct virtio_common *base)
{
	const uint32_t data = 0;
	int at = add_virtio_cap(base, VIRTIO_PCI_CAP_PCI_CFG, 0, 0, 0, &data);

	if (at < 0)
		return at;
	base->priv->window_cap = at;
	pci_allow_write(base->dev, at + VIRTIO_PCI_CAP_BAR, 1, UINT8_MAX);
	pci_allow_write(base->dev, at + VIRTIO_PCI_CAP_OFFSET, 4, UINT32_MAX);
	pci_allow_write(base->dev, at + VIRTIO_PCI_CAP_LENGTH, 4, UINT32_MAX);
	pci_set_window(base->dev, at + WINDOW_DATA);
	return 0;
}

/* A doorbell in I/O space: multiplier 0, the value names the queue. */
static int
add_notify_pio(struct virtio_common *base)
{
	const uint32_t mult = 0;
	int bar = VIRTIO_MODERN_PIO_BAR_IDX;
	int rc = pci_emul_alloc_bar(base->dev, bar, PCIBAR_IO, 4);

	if (rc == 0)
		rc = add_shared_doorbells(base, bar, 0);
	if (rc == 0)
		rc = add_virtio_cap(base, VIRTIO_PCI_CAP_NOTIFY_CFG, bar, 0, 4,
				    &mult);
	if (rc < 0)
		return rc;
	base->priv->pio_bar = bar;
	return 0;
}

static int
add_modern_caps(struct virtio_common *base)
{
	const uint32_t mult = MODERN_NOTIFY_MULT;
	int bar = VIRTIO_MODERN_MMIO_BAR_IDX;
	uint32_t cfg = (uint32_t)base->vops->cfgsize;
	int rc;

	rc = add_virtio_cap(base, VIRTIO_PCI_CAP_COMMON_CFG, bar, MODERN_COMMON,
			    MODERN_COMMON_BYTES, NULL);
	if (rc >= 0)
		rc = add_virtio_cap(base, VIRTIO_PCI_CAP_ISR_CFG, bar,
				    MODERN_ISR, 1, NULL);
	/* SeaBIOS wants this one even of a device that has no configuration. */
	if (rc >= 0)
		rc = add_virtio_cap(base, VIRTIO_PCI_CAP_DEVICE_CFG, bar,
				    MODERN_DEVICE, cfg ? cfg : 4, NULL);
	if (rc >= 0)
		rc = add_virtio_cap(base, VIRTIO_PCI_CAP_NOTIFY_CFG, bar,
				    MODERN_NOTIFY, base->priv->notify_bytes,
				    &mult);
	return rc < 0 ? rc : add_window(base);
}

VBS_API int
virtio_set_modern_bar(struct virtio_common *base, bool use_notify_pio)
{
	struct virtio_priv *p = base->priv;
	int bar = VIRTIO_MODERN_MMIO_BAR_IDX;
	int rc = pending_error(base);

	if (rc < 0)
		return rc;
	p->notify_bytes =
		((uint32_t)p->nvq * MODERN_NOTIFY_MULT + MODERN_PAGE - 1) &
		~(uint32_t)(MODERN_PAGE - 1);
	rc = pci_emul_alloc_bar(base->dev, bar, PCIBAR_MEM64,
				MODERN_NOTIFY + p->notify_bytes);
	if (rc == 0 && use_notify_pio)
		rc = add_notify_pio(base);
	if (rc == 0)
		rc = add_modern_caps(base);
	if (rc == 0)
		rc = add_own_doorbells(base, bar);
	if (rc == 0)
		p->mmio_bar = bar;
	return rc;
}

/* ---- the function as a whole
 * ------------------------------------------------- */

static void
set_ids(struct pci_vdev *dev, const struct vbs_virtio_id *id)
{
	bool modern = id->device == 0;
	uint16_t vendor = id->vendor ? id->vendor : VIRTIO_VENDOR;
	uint16_t device = modern ? (uint16_t)(MODERN_DEVICE_BASE + id->type)
				 : id->device;
	uint16_t subdevice = modern ? MODERN_SUBDEVICE : id->type;

	if (id->subdevice)
		subdevice = id->subdevice;
	pci_set_cfgdata16(dev, PCI_VENDOR_ID, vendor);
	pci_set_cfgdata16(dev, PCI_DEVICE_ID, device);
	pci_set_cfgdata8(dev, PCI_REVISION_ID, modern ? 1 : 0);
	pci_set_cfgdata8(dev, PCI_CLASS_PROG, (uint8_t)id->class_code);
	pci_set_cfgdata16(dev, PCI_CLASS_DEVICE,
			  (uint16_t)(id->class_code >> 8));
	pci_set_cfgdata16(dev, PCI_SUBSYSTEM_VENDOR_ID,
			  id->subvendor ? id->subvendor : vendor);
	pci_set_cfgdata16(dev, PCI_SUBSYSTEM_ID, subdevice);
}

/* 4.1.2.1, 4.1.2.3; other vendors number their functions as they like. */
static bool
ids_ok(const struct vbs_virtio_id *id)
{
	if (id->type == 0)
		return false;
	if (id->device == 0)
		return id->type <= MAX_MODERN_TYPE;
	return (id->vendor && id->vendor != VIRTIO_VENDOR) ||
	       (id->device >= LEGACY_DEVICE_MIN &&
		id->device <= LEGACY_DEVICE_MAX);
}

VBS_API int
vbs_virtio_pci_init(struct virtio_common *base, const struct vbs_virtio_id *id)
{
	bool transitional = id->device != 0;
	int rc;

	if (!ids_ok(id))
		return -EINVAL;
	if (base->priv)
		base->priv->type = id->type;
	set_ids(base->dev, id);
	rc = virtio_interrupt_init(base, 1);
	if (rc < 0)
		return rc;
	if (transitional)
		virtio_set_io_bar(base, VIRTIO_LEGACY_PIO_BAR_IDX);
	return virtio_set_modern_bar(base, false);
}

/* ---- the guest's accesses
 * ------------------------------------------------------ */

VBS_API uint64_t
virtio_pci_read(struct vmctx *ctx, int vcpu, struct pci_vdev *dev, int baridx,
		uint64_t offset, int size)
{
	struct virtio_priv *p = dev->priv->client_arg;

	(void)ctx;
	(void)vcpu;
	if (p && baridx == p->io_bar)
		return legacy_read(p->common, offset, size);
	if (p && baridx == p->mmio_bar)
		return modern_read(p->common, offset, size);
	return bytes_ones(size);
}

VBS_API void
virtio_pci_write(struct vmctx *ctx, int vcpu, struct pci_vdev *dev, int baridx,
		 uint64_t offset, int size, uint64_t value)
{
	struct virtio_priv *p = dev->priv->client_arg;

	(void)ctx;
	(void)vcpu;
	if (p && baridx == p->io_bar)
		legacy_write(p->common, offset, size, value);
	else if (p && baridx == p->mmio_bar)
		modern_write(p->common, offset, size, value);
	else if (p && baridx == p->pio_bar && offset == 0)
		modern_notify(p->common, ANY_QUEUE, size, value);
}
