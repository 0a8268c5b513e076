// SPDX-License-Identifier: BSD-3-Clause
/*
 * The modern registers, BAR 4 (virtio 1.3, 4.1.4): common configuration, ISR,
 * device configuration, notifications, and the window in configuration space.
 */
#include "base/bytes.h"
#include "virtio/modern.h"
#include "virtio/virtio.h"

/* Fields that newer headers name and older ones do not. */
#define COMMON_Q_NOTIF_CONFIG_DATA 56
#define COMMON_Q_RESET             58

/* Is this an access of the field's own width? 64-bit fields come in halves. */
#define FIELD(offset, size) ((unsigned int)(offset) << 4 | (size))

static uint64_t
layout_half(uint64_t field, bool high)
{
	return high ? field >> 32 : field & UINT32_MAX;
}

/*
 * What a driver has to write in place of an index, if it does. Another value
 * than the index, so that a driver that confuses the two does not get far; it
 * is its own inverse.
 */
static uint16_t
notif_config_data(uint16_t num)
{
	return (uint16_t)~num;
}

static uint64_t
read_queue_field(struct virtio_common *vb, unsigned int field)
{
	struct vqueue_info *vq = queue_get(vb, vb->priv->queue_select);
	const struct ring_layout *lay = vq ? &vq->priv->layout : NULL;

	if (!vq)
		return field == FIELD(VIRTIO_PCI_COMMON_Q_MSIX, 2)
			       ? VIRTIO_MSI_NO_VECTOR
			       : 0; /* 4.1.4.3.1: size 0 means there is none */
	switch (field) {
	case FIELD(VIRTIO_PCI_COMMON_Q_SIZE, 2):
		return vq->qsize;
	case FIELD(VIRTIO_PCI_COMMON_Q_MSIX, 2):
		return vq->msix_idx;
	case FIELD(VIRTIO_PCI_COMMON_Q_ENABLE, 2):
		return vq->enabled;
	case FIELD(VIRTIO_PCI_COMMON_Q_NOFF, 2):
		return vq->num;
	case FIELD(COMMON_Q_NOTIF_CONFIG_DATA, 2):
		return vbs_has_feature(vb, VIRTIO_F_NOTIF_CONFIG_DATA)
			       ? notif_config_data(vq->num)
			       : 0;
	case FIELD(VIRTIO_PCI_COMMON_Q_DESCLO, 4):
	case FIELD(VIRTIO_PCI_COMMON_Q_DESCHI, 4):
		return layout_half(lay->desc, field & 0x40);
	case FIELD(VIRTIO_PCI_COMMON_Q_AVAILLO, 4):
	case FIELD(VIRTIO_PCI_COMMON_Q_AVAILHI, 4):
		return layout_half(lay->driver, field & 0x40);
	case FIELD(VIRTIO_PCI_COMMON_Q_USEDLO, 4):
	case FIELD(VIRTIO_PCI_COMMON_Q_USEDHI, 4):
		return layout_half(lay->device, field & 0x40);
	default: /* queue_reset: it is over by the time it is read */
		return 0;
	}
}

static uint64_t
read_device_field(struct virtio_common *vb, unsigned int field, bool *found)
{
	struct virtio_priv *p = vb->priv;

	*found = true;
	switch (field) {
	case FIELD(VIRTIO_PCI_COMMON_DFSELECT, 4):
		return p->device_feature_select;
	case FIELD(VIRTIO_PCI_COMMON_DF, 4):
		return device_features(vb, p->device_feature_select);
	case FIELD(VIRTIO_PCI_COMMON_GFSELECT, 4):
		return p->driver_feature_select;
	case FIELD(VIRTIO_PCI_COMMON_GF, 4):
		return p->driver_feature_select < 4
			       ? p->driver_features[p->driver_feature_select]
			       : 0;
	case FIELD(VIRTIO_PCI_COMMON_MSIX, 2):
		return vb->msix_cfg_idx;
	case FIELD(VIRTIO_PCI_COMMON_NUMQ, 2):
		return (uint64_t)p->nvq;
	case FIELD(VIRTIO_PCI_COMMON_STATUS, 1):
		return __atomic_load_n(&vb->status, __ATOMIC_SEQ_CST);
	case FIELD(VIRTIO_PCI_COMMON_CFGGENERATION, 1):
		return device_generation(vb);
	case FIELD(VIRTIO_PCI_COMMON_Q_SELECT, 2):
		return p->queue_select;
	default:
		*found = false;
		return 0;
	}
}

/* The fields of the selected queue: which widths and offsets exist. */
static bool
is_queue_field(unsigned int field)
{
	unsigned int offset = field >> 4, size = field & 0xf;

	if (offset >= VIRTIO_PCI_COMMON_Q_DESCLO &&
	    offset < COMMON_Q_NOTIF_CONFIG_DATA)
		return size == 4 && offset % 4 == 0;
	return size == 2 && offset % 2 == 0 &&
	       offset >= VIRTIO_PCI_COMMON_Q_SIZE && offset <= COMMON_Q_RESET;
}

static uint64_t
read_common(struct virtio_common *vb, uint64_t offset, int size)
{
	unsigned int field = FIELD(offset, (unsigned int)size);
	uint64_t val;
	bool found;

	val = read_device_field(vb, field, &found);
	if (found)
		return val;
	if (is_queue_field(field))
		return read_queue_field(vb, field);
	return bytes_ones(size);
}

static void
write_queue_field(struct virtio_common *vb, unsigned int field, uint64_t val)
{
	struct vqueue_info *vq = queue_get(vb, vb->priv->queue_select);
	struct ring_layout *lay = vq ? &vq->priv->layout : NULL;
	bool high = field & 0x40;

	if (!vq)
		return;
	switch (field) {
	case FIELD(VIRTIO_PCI_COMMON_Q_SIZE, 2):
		queue_set_size(vq, (uint16_t)val);
		break;
	case FIELD(VIRTIO_PCI_COMMON_Q_MSIX, 2):
		__atomic_store_n(&vq->msix_idx, device_vector(vb, val),
				 __ATOMIC_RELAXED);
		break;
	case FIELD(VIRTIO_PCI_COMMON_Q_ENABLE, 2):
		if (val == 1 && device_features_ok(vb))
			queue_enable(vq);
		break;
	case FIELD(VIRTIO_PCI_COMMON_Q_DESCLO, 4):
	case FIELD(VIRTIO_PCI_COMMON_Q_DESCHI, 4):
		queue_set_layout(vq, &lay->desc, high, (uint32_t)val);
		break;
	case FIELD(VIRTIO_PCI_COMMON_Q_AVAILLO, 4):
	case FIELD(VIRTIO_PCI_COMMON_Q_AVAILHI, 4):
		queue_set_layout(vq, &lay->driver, high, (uint32_t)val);
		break;
	case FIELD(VIRTIO_PCI_COMMON_Q_USEDLO, 4):
	case FIELD(VIRTIO_PCI_COMMON_Q_USEDHI, 4):
		queue_set_layout(vq, &lay->device, high, (uint32_t)val);
		break;
	case FIELD(COMMON_Q_RESET, 2):
		if (val == 1 && vq->enabled &&
		    vbs_has_feature(vb, VIRTIO_F_RING_RESET))
			queue_reset(vq);
		break;
	default:
		break;
	}
}

/* Selectors and reset are for everybody; the rest claims the device. */
static bool
write_free_field(struct virtio_common *vb, unsigned int field, uint64_t val)
{
	switch (field) {
	case FIELD(VIRTIO_PCI_COMMON_DFSELECT, 4):
		vb->priv->device_feature_select = (uint32_t)val;
		return true;
	case FIELD(VIRTIO_PCI_COMMON_GFSELECT, 4):
		vb->priv->driver_feature_select = (uint32_t)val;
		return true;
	case FIELD(VIRTIO_PCI_COMMON_Q_SELECT, 2):
		vb->priv->queue_select = (uint16_t)val;
		return true;
	case FIELD(VIRTIO_PCI_COMMON_STATUS, 1):
		device_set_status(vb, (uint8_t)val, FACE_MODERN);
		return true;
	default:
		return false;
	}
}

static void
write_common(struct virtio_common *vb, uint64_t offset, int size, uint64_t val)
{
	unsigned int field = FIELD(offset, (unsigned int)size);

	if (write_free_field(vb, field, val) || !device_claim(vb, FACE_MODERN))
		return;
	if (field == FIELD(VIRTIO_PCI_COMMON_GF, 4))
		device_write_features(vb, vb->priv->driver_feature_select,
				      (uint32_t)val);
	else if (field == FIELD(VIRTIO_PCI_COMMON_MSIX, 2))
		__atomic_store_n(&vb->msix_cfg_idx, device_vector(vb, val),
				 __ATOMIC_RELAXED);
	else if (is_queue_field(field))
		write_queue_field(vb, field, val);
}

uint64_t
modern_read(struct virtio_common *vb, uint64_t offset, int size)
{
	uint64_t val = bytes_ones(size);

	pthread_mutex_lock(&vb->mtx);
	if (offset < MODERN_ISR)
		val = read_common(vb, offset, size);
	else if (offset == MODERN_ISR && size == 1)
		val = device_read_isr(vb);
	else if (offset >= MODERN_DEVICE && offset < MODERN_NOTIFY)
		val = device_cfgread(vb, offset - MODERN_DEVICE, size);
	pthread_mutex_unlock(&vb->mtx);
	return val;
}

/*
 * The queue that a notification names, or -1 for one that no driver sends
 * (4.1.5.2). Where the driver says it has got to is not looked at: the ring
 * says so, too. vb->mtx is held.
 */
static int
notify_decode(const struct virtio_common *vb, int size, uint64_t val)
{
	bool data = vbs_has_feature(vb, VIRTIO_F_NOTIFICATION_DATA);
	uint16_t id = (uint16_t)val;

	if (vb->priv->face != FACE_MODERN || size != (data ? 4 : 2))
		return -1;
	return vbs_has_feature(vb, VIRTIO_F_NOTIF_CONFIG_DATA)
		       ? notif_config_data(id)
		       : id;
}

void
modern_notify(struct virtio_common *vb, int place, int size, uint64_t val)
{
	int num;

	pthread_mutex_lock(&vb->mtx);
	num = notify_decode(vb, size, val);
	pthread_mutex_unlock(&vb->mtx);
	if (num >= 0 && (place == ANY_QUEUE || place == num))
		queue_notify(vb, (uint64_t)num);
}

/* A queue is named by its place and, again, by the value (4.1.5.2). */
static void
notify_page_write(struct virtio_common *vb, uint64_t offset, int size,
		  uint64_t val)
{
	if (offset % MODERN_NOTIFY_MULT == 0)
		modern_notify(vb, (int)(offset / MODERN_NOTIFY_MULT), size,
			      val);
}

void
modern_write(struct virtio_common *vb, uint64_t offset, int size, uint64_t val)
{
	if (offset >= MODERN_NOTIFY) {
		notify_page_write(vb, offset - MODERN_NOTIFY, size, val);
		return;
	}
	pthread_mutex_lock(&vb->mtx);
	if (offset < MODERN_ISR)
		write_common(vb, offset, size, val);
	else if (offset >= MODERN_DEVICE)
		device_cfgwrite(vb, offset - MODERN_DEVICE, size, val);
	pthread_mutex_unlock(&vb->mtx);
}

/* ---- the window (4.1.4.9) ------------------------------------------------ */

struct window {
	int bar;
	uint32_t offset;
	int length;
};

/* What the guest has set; false if it is no access at all. */
static bool
window_get(struct virtio_common *vb, struct window *w)
{
	int cap = vb->priv->window_cap;
	uint32_t length;

	w->bar = pci_get_cfgdata8(vb->dev, cap + VIRTIO_PCI_CAP_BAR);
	w->offset = pci_get_cfgdata32(vb->dev, cap + VIRTIO_PCI_CAP_OFFSET);
	length = pci_get_cfgdata32(vb->dev, cap + VIRTIO_PCI_CAP_LENGTH);
	w->length = (int)length;
	return (length == 1 || length == 2 || length == 4) &&
	       w->offset % length == 0;
}

void
window_read(void *arg)
{
	struct virtio_common *vb = ((struct virtio_priv *)arg)->common;
	uint32_t val = UINT32_MAX;
	struct window w;

	if (window_get(vb, &w))
		val = (uint32_t)vbs_pci_barread(vb->dev, w.bar, w.offset,
						w.length);
	pthread_mutex_lock(&vb->dev->priv->lock);
	pci_set_cfgdata32(vb->dev, vb->priv->window_cap + WINDOW_DATA, val);
	pthread_mutex_unlock(&vb->dev->priv->lock);
}

void
window_write(void *arg)
{
	struct virtio_common *vb = ((struct virtio_priv *)arg)->common;
	uint32_t val;
	struct window w;

	if (!window_get(vb, &w))
		return;
	val = pci_get_cfgdata32(vb->dev, vb->priv->window_cap + WINDOW_DATA);
	vbs_pci_barwrite(vb->dev, w.bar, w.offset, w.length, val);
}
