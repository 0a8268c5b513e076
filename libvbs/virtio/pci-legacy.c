// SPDX-License-Identifier: BSD-3-Clause
/* The legacy registers, BAR 0 in I/O space (virtio 1.3, 4.1.4.10). */
#include "base/bytes.h"
#include "virtio/virtio.h"

/* Device configuration moves when MSI-X is switched on or off. */
static uint64_t
config_offset(struct virtio_common *vb)
{
	return (uint64_t)VIRTIO_PCI_CONFIG_OFF(pci_msix_enabled(vb->dev));
}

static uint64_t
read_queue(struct virtio_common *vb, uint64_t offset)
{
	struct vqueue_info *vq = queue_get(vb, vb->priv->queue_select);

	switch (offset) {
	case VIRTIO_PCI_QUEUE_PFN:
		return vq ? vq->priv->pfn : 0;
	case VIRTIO_PCI_QUEUE_NUM:
		return vq ? vq->priv->size_max : 0;
	default: /* VIRTIO_MSI_QUEUE_VECTOR */
		return vq ? vq->msix_idx : VIRTIO_MSI_NO_VECTOR;
	}
}

static uint64_t
read_header(struct virtio_common *vb, uint64_t offset, int size)
{
	switch (offset << 4 | (unsigned int)size) {
	case VIRTIO_PCI_HOST_FEATURES << 4 | 4:
		return device_legacy_features(vb);
	case VIRTIO_PCI_GUEST_FEATURES << 4 | 4:
		return (uint32_t)vb->negotiated_caps;
	case VIRTIO_PCI_QUEUE_PFN << 4 | 4:
	case VIRTIO_PCI_QUEUE_NUM << 4 | 2:
	case VIRTIO_MSI_QUEUE_VECTOR << 4 | 2:
		return read_queue(vb, offset);
	case VIRTIO_PCI_QUEUE_SEL << 4 | 2:
		return vb->priv->queue_select;
	case VIRTIO_PCI_STATUS << 4 | 1:
		return __atomic_load_n(&vb->status, __ATOMIC_SEQ_CST);
	case VIRTIO_PCI_ISR << 4 | 1:
		return device_read_isr(vb);
	case VIRTIO_MSI_CONFIG_VECTOR << 4 | 2:
		return vb->msix_cfg_idx;
	default:
		return bytes_ones(size);
	}
}

uint64_t
legacy_read(struct virtio_common *vb, uint64_t offset, int size)
{
	uint64_t config = config_offset(vb);
	uint64_t val;

	pthread_mutex_lock(&vb->mtx);
	if (offset >= config)
		val = device_cfgread(vb, offset - config, size);
	else
		val = read_header(vb, offset, size);
	pthread_mutex_unlock(&vb->mtx);
	return val;
}

static void
write_queue(struct virtio_common *vb, uint64_t offset, uint64_t val)
{
	struct vqueue_info *vq = queue_get(vb, vb->priv->queue_select);

	if (!vq)
		return;
	if (offset == VIRTIO_PCI_QUEUE_PFN)
		queue_set_pfn(vq, (uint32_t)val);
	else
		__atomic_store_n(&vq->msix_idx, device_vector(vb, val),
				 __ATOMIC_RELAXED);
}

static void
write_header(struct virtio_common *vb, uint64_t offset, int size, uint64_t val)
{
	unsigned int reg = (unsigned int)offset << 4 | (unsigned int)size;

	if (reg == (VIRTIO_PCI_STATUS << 4 | 1)) {
		device_set_status(vb, (uint8_t)val, FACE_LEGACY);
		return;
	}
	if (reg == (VIRTIO_PCI_QUEUE_SEL << 4 | 2)) {
		vb->priv->queue_select = (uint16_t)val;
		return;
	}
	if (!device_claim(vb, FACE_LEGACY))
		return;
	switch (reg) {
	case VIRTIO_PCI_GUEST_FEATURES << 4 | 4:
		device_write_legacy_features(vb, (uint32_t)val);
		break;
	case VIRTIO_PCI_QUEUE_PFN << 4 | 4:
	case VIRTIO_MSI_QUEUE_VECTOR << 4 | 2:
		write_queue(vb, offset, val);
		break;
	case VIRTIO_MSI_CONFIG_VECTOR << 4 | 2:
		__atomic_store_n(&vb->msix_cfg_idx, device_vector(vb, val),
				 __ATOMIC_RELAXED);
		break;
	default:
		break;
	}
}

/* Legacy drivers may use queues before DRIVER_OK (3.1.2). */
static bool
claim_notify(struct virtio_common *vb)
{
	bool ours;

	pthread_mutex_lock(&vb->mtx);
	ours = device_claim(vb, FACE_LEGACY);
	if (ours)
		device_used_early(vb);
	pthread_mutex_unlock(&vb->mtx);
	return ours;
}

void
legacy_write(struct virtio_common *vb, uint64_t offset, int size, uint64_t val)
{
	uint64_t config = config_offset(vb);

	if (offset == VIRTIO_PCI_QUEUE_NOTIFY) {
		if (size == 2 && claim_notify(vb))
			queue_notify(vb, val);
		return;
	}
	pthread_mutex_lock(&vb->mtx);
	if (offset >= config)
		device_cfgwrite(vb, offset - config, size, val);
	else
		write_header(vb, offset, size, val);
	pthread_mutex_unlock(&vb->mtx);
}
