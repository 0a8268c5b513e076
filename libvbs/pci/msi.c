// SPDX-License-Identifier: BSD-3-Clause
/* MSI, 64-bit with per-vector masks (PCI 3.0, 6.8.1). */
#include <errno.h>

#include "base/bytes.h"
#include "pci/pci.h"

/* Offsets in the 64-bit capability with masks. */
#define MSI_CAP_SIZE 24
#define MSI_ADDR     4
#define MSI_DATA     12
#define MSI_MASK     16
#define MSI_PENDING  20

VBS_API int
pci_emul_add_msicap(struct pci_vdev *dev, int msgnum)
{
	uint8_t cap[MSI_CAP_SIZE] = { PCI_CAP_ID_MSI };
	int log2 = 0, at;

	while (log2 < 5 && 1 << log2 < msgnum)
		log2++;
	if (msgnum < 1 || 1 << log2 != msgnum || dev->priv->msi.cap)
		return -EINVAL;
	bytes_put(cap + PCI_MSI_FLAGS, 2,
		  PCI_MSI_FLAGS_64BIT | PCI_MSI_FLAGS_MASKBIT |
			  (uint64_t)log2 << 1);
	at = pci_emul_add_capability(dev, cap, sizeof(cap));
	if (at < 0)
		return at;
	dev->priv->msi.cap = at;
	dev->priv->msi.count = msgnum;
	pci_allow_write(dev, at + PCI_MSI_FLAGS, 2,
			PCI_MSI_FLAGS_ENABLE | PCI_MSI_FLAGS_QSIZE);
	pci_allow_write(dev, at + MSI_ADDR, 4, UINT32_MAX - 3);
	pci_allow_write(dev, at + MSI_ADDR + 4, 4, UINT32_MAX);
	pci_allow_write(dev, at + MSI_DATA, 2, UINT16_MAX);
	pci_allow_write(dev, at + MSI_MASK, 4,
			(uint32_t)((UINT64_C(1) << msgnum) - 1));
	return 0;
}

VBS_API int
pci_msi_count(struct pci_vdev *dev)
{
	return dev->priv->msi.count;
}

VBS_API bool
pci_msi_enabled(struct pci_vdev *dev)
{
	return __atomic_load_n(&dev->priv->msi.enabled, __ATOMIC_RELAXED) &&
	       !pci_msix_enabled(dev);
}

/* Vectors that the guest has asked for. */
static int
msi_granted(struct pci_vdev *dev)
{
	int cap = dev->priv->msi.cap;
	uint16_t flags = pci_get_cfgdata16(dev, cap + PCI_MSI_FLAGS);
	int n = 1 << ((flags & PCI_MSI_FLAGS_QSIZE) >> 4);

	return n < dev->priv->msi.count ? n : dev->priv->msi.count;
}

/* Send vector index, or set its pending bit. The lock is held. */
static void
msi_send(struct pci_vdev *dev, int index)
{
	int cap = dev->priv->msi.cap;
	uint32_t mask = pci_get_cfgdata32(dev, cap + MSI_MASK);
	uint32_t pending = pci_get_cfgdata32(dev, cap + MSI_PENDING);
	uint64_t addr;
	uint32_t data;

	if (mask >> index & 1) {
		pci_set_cfgdata32(dev, cap + MSI_PENDING,
				  pending | UINT32_C(1) << index);
		return;
	}
	pci_set_cfgdata32(dev, cap + MSI_PENDING,
			  pending & ~(UINT32_C(1) << index));
	addr = bytes_get(dev->cfgdata + cap + MSI_ADDR, 8);
	/* The low bits of the data tell the vectors apart. */
	data = pci_get_cfgdata16(dev, cap + MSI_DATA);
	data = (data & ~(uint32_t)(msi_granted(dev) - 1)) | (uint32_t)index;
	dev->vmctx->ops->msi(dev->vmctx->arg, dev, VBS_MSI, index, addr, data);
}

VBS_API void
pci_generate_msi(struct pci_vdev *dev, int index)
{
	struct pci_priv *p = dev->priv;

	if (!pci_msi_enabled(dev))
		return;
	pthread_mutex_lock(&p->lock);
	if (index >= 0 && index < msi_granted(dev))
		msi_send(dev, index);
	pthread_mutex_unlock(&p->lock);
}

/* After the registers have been reset. The lock is held. */
void
msi_reset(struct pci_vdev *dev)
{
	struct pci_msi *m = &dev->priv->msi;

	if (m->cap)
		pci_set_cfgdata32(dev, m->cap + MSI_PENDING, 0);
	__atomic_store_n(&m->enabled, false, __ATOMIC_RELAXED);
}

/* The guest may have enabled MSI, or unmasked a pending vector. */
void
msi_update(struct pci_vdev *dev)
{
	struct pci_priv *p = dev->priv;
	uint32_t pending;
	bool enabled;

	pthread_mutex_lock(&p->lock);
	enabled = pci_get_cfgdata16(dev, p->msi.cap + PCI_MSI_FLAGS) &
		  PCI_MSI_FLAGS_ENABLE;
	__atomic_store_n(&p->msi.enabled, enabled, __ATOMIC_RELAXED);
	intx_update(dev);
	pending = pci_get_cfgdata32(dev, p->msi.cap + MSI_PENDING);
	for (int i = 0; pci_msi_enabled(dev) && i < msi_granted(dev); i++)
		if (pending >> i & 1)
			msi_send(dev, i);
	pthread_mutex_unlock(&p->lock);
}
