// SPDX-License-Identifier: BSD-3-Clause
/* Configuration space: raw access, capabilities, the guest's accesses. */
#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "pci/pci.h"

#define CAP_START 0x40

static bool
cfg_ok(int offset, int n)
{
	return offset >= 0 && offset <= VBS_PCI_CFG_SIZE - n && offset % n == 0;
}

static void
cfg_put(struct pci_vdev *dev, int offset, int n, uint32_t val)
{
	if (cfg_ok(offset, n))
		bytes_put(dev->cfgdata + offset, n, val);
}

static uint32_t
cfg_get(struct pci_vdev *dev, int offset, int n)
{
	if (!cfg_ok(offset, n))
		return UINT32_MAX;
	return (uint32_t)bytes_get(dev->cfgdata + offset, n);
}

VBS_API void
pci_set_cfgdata8(struct pci_vdev *dev, int offset, uint8_t val)
{
	cfg_put(dev, offset, 1, val);
}

VBS_API void
pci_set_cfgdata16(struct pci_vdev *dev, int offset, uint16_t val)
{
	cfg_put(dev, offset, 2, val);
}

VBS_API void
pci_set_cfgdata32(struct pci_vdev *dev, int offset, uint32_t val)
{
	cfg_put(dev, offset, 4, val);
}

VBS_API uint8_t
pci_get_cfgdata8(struct pci_vdev *dev, int offset)
{
	return (uint8_t)cfg_get(dev, offset, 1);
}

VBS_API uint16_t
pci_get_cfgdata16(struct pci_vdev *dev, int offset)
{
	return (uint16_t)cfg_get(dev, offset, 2);
}

VBS_API uint32_t
pci_get_cfgdata32(struct pci_vdev *dev, int offset)
{
	return cfg_get(dev, offset, 4);
}

void
pci_allow_write(struct pci_vdev *dev, int offset, int n, uint32_t mask)
{
	bytes_put(dev->priv->wmask + offset, n, mask);
}

void
pci_set_window(struct pci_vdev *dev, int offset)
{
	dev->priv->window = offset;
	pci_allow_write(dev, offset, 4, UINT32_MAX);
}

VBS_API int
pci_emul_add_capability(struct pci_vdev *dev, const uint8_t *capdata,
			int caplen)
{
	struct pci_priv *p = dev->priv;
	int at = p->cap_end ? p->cap_end : CAP_START;
	int len = (caplen + 3) & ~3;

	if (caplen < PCI_CAP_SIZEOF / 2 ||
	    caplen > VBS_PCI_CFG_SIZE - CAP_START)
		return -EINVAL;
	if (len > VBS_PCI_CFG_SIZE - at)
		return -ENOSPC;
	memcpy(dev->cfgdata + at, capdata, (size_t)caplen);
	dev->cfgdata[at + PCI_CAP_LIST_NEXT] = 0;
	if (p->cap_last)
		dev->cfgdata[p->cap_last + PCI_CAP_LIST_NEXT] = (uint8_t)at;
	else
		dev->cfgdata[PCI_CAPABILITY_LIST] = (uint8_t)at;
	dev->cfgdata[PCI_STATUS] |= PCI_STATUS_CAP_LIST;
	p->cap_last = at;
	p->cap_end = at + len;
	return at;
}

VBS_API int
pci_emul_find_capability(struct pci_vdev *dev, uint8_t capid, int *p_capoff)
{
	int at = dev->cfgdata[PCI_CAPABILITY_LIST];

	for (int n = 0; at >= CAP_START && n < VBS_PCI_CFG_SIZE / 4; n++) {
		if (dev->cfgdata[at] == capid) {
			*p_capoff = at;
			return 0;
		}
		at = dev->cfgdata[at + PCI_CAP_LIST_NEXT];
	}
	return -ENOENT;
}

static bool
touches(int offset, int bytes, int reg, int reg_bytes)
{
	return reg && offset < reg + reg_bytes && reg < offset + bytes;
}

VBS_API int
vbs_pci_cfgread(struct pci_vdev *dev, int offset, int bytes, uint32_t *val)
{
	struct pci_priv *p = dev->priv;

	if ((bytes != 1 && bytes != 2 && bytes != 4) || !cfg_ok(offset, bytes))
		return -EINVAL;
	if (dev->dev_ops->vdev_cfgread &&
	    dev->dev_ops->vdev_cfgread(dev->vmctx, 0, dev, offset, bytes,
				       val) == 0)
		return 0;
	if (touches(offset, bytes, p->window, 4))
		p->client->window_read(p->client_arg);
	pthread_mutex_lock(&p->lock);
	*val = cfg_get(dev, offset, bytes);
	pthread_mutex_unlock(&p->lock);
	return 0;
}

/* What follows from a write to these bytes. */
static void
cfg_written(struct pci_vdev *dev, int offset, int bytes)
{
	struct pci_priv *p = dev->priv;

	if (touches(offset, bytes, PCI_COMMAND, 2)) {
		pthread_mutex_lock(&p->lock);
		intx_update(dev);
		pthread_mutex_unlock(&p->lock);
		if (p->client)
			p->client->command(p->client_arg,
					   pci_get_cfgdata16(dev, PCI_COMMAND));
	}
	if (touches(offset, bytes, PCI_BASE_ADDRESS_0, 24))
		pci_bars_update(dev);
	if (touches(offset, bytes, p->msi.cap, 24))
		msi_update(dev);
	if (touches(offset, bytes, p->msix.cap, PCI_CAP_MSIX_SIZEOF))
		msix_update(dev);
	if (touches(offset, bytes, p->window, 4))
		p->client->window_write(p->client_arg);
}

VBS_API int
vbs_pci_cfgwrite(struct pci_vdev *dev, int offset, int bytes, uint32_t val)
{
	struct pci_priv *p = dev->priv;
	uint32_t old, mask;

	if ((bytes != 1 && bytes != 2 && bytes != 4) || !cfg_ok(offset, bytes))
		return -EINVAL;
	if (dev->dev_ops->vdev_cfgwrite &&
	    dev->dev_ops->vdev_cfgwrite(dev->vmctx, 0, dev, offset, bytes,
					val) == 0)
		return 0;
	mask = (uint32_t)bytes_get(p->wmask + offset, bytes);
	pthread_mutex_lock(&p->lock);
	old = cfg_get(dev, offset, bytes);
	cfg_put(dev, offset, bytes, (old & ~mask) | (val & mask));
	pthread_mutex_unlock(&p->lock);
	cfg_written(dev, offset, bytes);
	return 0;
}
