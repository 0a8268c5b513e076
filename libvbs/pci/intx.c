// SPDX-License-Identifier: BSD-3-Clause
/* The INTx line (PCI 3.0, 6.2.2 to 6.2.4). */
#include "pci/pci.h"

VBS_API void
pci_lintr_request(struct pci_vdev *dev)
{
	pci_set_cfgdata8(dev, PCI_INTERRUPT_PIN, 1);
}

/* The function signals with messages, and so not with its pin (6.8). */
static bool
sends_messages(struct pci_vdev *dev)
{
	return pci_msix_enabled(dev) ||
	       __atomic_load_n(&dev->priv->msi.enabled, __ATOMIC_RELAXED);
}

/* Bring the host up to date. The host is called with the lock held, so that
 * it sees the edges in their order. */
void
intx_update(struct pci_vdev *dev)
{
	struct pci_priv *p = dev->priv;
	uint16_t command = pci_get_cfgdata16(dev, PCI_COMMAND);
	uint16_t status = pci_get_cfgdata16(dev, PCI_STATUS);
	bool level;

	if (!dev->cfgdata[PCI_INTERRUPT_PIN])
		return;
	if (p->intx_pending)
		status |= PCI_STATUS_INTERRUPT;
	else
		status &= (uint16_t)~PCI_STATUS_INTERRUPT;
	pci_set_cfgdata16(dev, PCI_STATUS, status);
	level = p->intx_pending && !(command & PCI_COMMAND_INTX_DISABLE) &&
		!sends_messages(dev);
	if (level == p->intx_level)
		return;
	p->intx_level = level;
	dev->vmctx->ops->intx(dev->vmctx->arg, dev, level);
}

static void
intx_set(struct pci_vdev *dev, bool pending)
{
	pthread_mutex_lock(&dev->priv->lock);
	dev->priv->intx_pending = pending;
	intx_update(dev);
	pthread_mutex_unlock(&dev->priv->lock);
}

VBS_API void
pci_lintr_assert(struct pci_vdev *dev)
{
	intx_set(dev, true);
}

VBS_API void
pci_lintr_deassert(struct pci_vdev *dev)
{
	intx_set(dev, false);
}
