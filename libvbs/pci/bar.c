// SPDX-License-Identifier: BSD-3-Clause
/* Base address registers: what they are, and where the guest has put them. */
#include <errno.h>

#include "base/bytes.h"
#include "pci/pci.h"

static uint64_t
round_up_pow2(uint64_t size, uint64_t min)
{
	uint64_t n = min;

	while (n < size)
		n <<= 1;
	return n;
}

static int
bar_reg(int idx)
{
	return PCI_BASE_ADDRESS_0 + 4 * idx;
}

/* Low bits that the guest reads but cannot write. */
static uint32_t
bar_type_bits(enum pcibar_type type)
{
	if (type == PCIBAR_IO)
		return PCI_BASE_ADDRESS_SPACE_IO;
	if (type == PCIBAR_MEM64)
		return PCI_BASE_ADDRESS_MEM_TYPE_64;
	return 0;
}

VBS_API int
pci_emul_alloc_bar(struct pci_vdev *dev, int idx, enum pcibar_type type,
		   uint64_t size)
{
	bool io = type == PCIBAR_IO;
	int last = type == PCIBAR_MEM64 ? idx + 1 : idx;

	if (type != PCIBAR_IO && type != PCIBAR_MEM32 && type != PCIBAR_MEM64)
		return -EINVAL;
	if (idx < 0 || last >= VBS_PCI_N_BARS || size == 0 ||
	    size > (io ? UINT64_C(256) : UINT64_C(1) << 31))
		return -EINVAL;
	if (dev->bar[idx].type != PCIBAR_NONE ||
	    dev->bar[last].type != PCIBAR_NONE)
		return -EINVAL;

	size = round_up_pow2(size, io ? 4 : 16);
	dev->bar[idx] = (struct pcibar){ .type = type, .size = size };
	pci_set_cfgdata32(dev, bar_reg(idx), bar_type_bits(type));
	pci_allow_write(dev, bar_reg(idx), 4, (uint32_t) ~(size - 1));
	if (last != idx) {
		dev->bar[last].type = PCIBAR_MEMHI64;
		pci_allow_write(dev, bar_reg(last), 4, UINT32_MAX);
	}
	return 0;
}

/* Follow what the guest has written. */
void
pci_bars_update(struct pci_vdev *dev)
{
	for (int i = 0; i < VBS_PCI_N_BARS; i++) {
		struct pcibar *bar = &dev->bar[i];

		if (bar->type == PCIBAR_NONE || bar->type == PCIBAR_MEMHI64)
			continue;
		bar->addr = pci_get_cfgdata32(dev, bar_reg(i));
		if (bar->type == PCIBAR_MEM64)
			bar->addr |=
				(uint64_t)pci_get_cfgdata32(dev, bar_reg(i + 1))
				<< 32;
		bar->addr &= ~(bar->size - 1);
	}
}

VBS_API bool
vbs_pci_decode(struct pci_vdev *dev, bool io, uint64_t addr, int *baridx,
	       uint64_t *offset)
{
	uint16_t enable = io ? PCI_COMMAND_IO : PCI_COMMAND_MEMORY;

	if (!(pci_get_cfgdata16(dev, PCI_COMMAND) & enable))
		return false;
	for (int i = 0; i < VBS_PCI_N_BARS; i++) {
		const struct pcibar *bar = &dev->bar[i];

		if (bar->type == PCIBAR_NONE || bar->type == PCIBAR_MEMHI64 ||
		    (bar->type == PCIBAR_IO) != io || bar->addr == 0 ||
		    addr < bar->addr || addr - bar->addr >= bar->size)
			continue;
		*baridx = i;
		*offset = addr - bar->addr;
		return true;
	}
	return false;
}

static bool
access_ok(struct pci_vdev *dev, int baridx, uint64_t offset, int size)
{
	const struct pcibar *bar;

	if (size != 1 && size != 2 && size != 4 && size != 8)
		return false;
	if (baridx < 0 || baridx >= VBS_PCI_N_BARS)
		return false;
	bar = &dev->bar[baridx];
	return bar->size >= (uint64_t)size &&
	       offset <= bar->size - (uint64_t)size;
}

static bool
is_msix_bar(struct pci_vdev *dev, int baridx)
{
	return dev->priv->msix.cap && dev->priv->msix.bar == baridx;
}

VBS_API uint64_t
vbs_pci_barread(struct pci_vdev *dev, int baridx, uint64_t offset, int size)
{
	if (!access_ok(dev, baridx, offset, size))
		return UINT64_MAX;
	if (is_msix_bar(dev, baridx))
		return msix_barread(dev, offset, size);
	if (!dev->dev_ops->vdev_barread)
		return bytes_ones(size);
	return dev->dev_ops->vdev_barread(dev->vmctx, 0, dev, baridx, offset,
					  size) &
	       bytes_ones(size);
}

VBS_API void
vbs_pci_barwrite(struct pci_vdev *dev, int baridx, uint64_t offset, int size,
		 uint64_t value)
{
	if (!access_ok(dev, baridx, offset, size))
		return;
	value &= bytes_ones(size);
	if (is_msix_bar(dev, baridx))
		msix_barwrite(dev, offset, size, value);
	else if (dev->dev_ops->vdev_barwrite)
		dev->dev_ops->vdev_barwrite(dev->vmctx, 0, dev, baridx, offset,
					    size, value);
}
