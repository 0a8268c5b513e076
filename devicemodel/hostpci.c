// SPDX-License-Identifier: BSD-3-Clause
/* Asks libpciaccess about this machine; none of it has to be there. */
#include <stdio.h>

#include <pciaccess.h>

#include "hostpci.h"

#define CFG_VENDOR 0x00
#define CFG_DEVICE 0x02

uint16_t
hostpci_vendor(void)
{
	static const struct pci_slot_match any = {
		.domain = PCI_MATCH_ANY,
		.bus = PCI_MATCH_ANY,
		.dev = PCI_MATCH_ANY,
		.func = PCI_MATCH_ANY,
	};
	struct pci_device_iterator *each;
	struct pci_device *first;
	uint16_t vendor = HOSTPCI_VIRTIO;

	if (pci_system_init() != 0)
		return vendor; /* no PCI, or none that we may see */
	each = pci_slot_match_iterator_create(&any);
	first = each ? pci_device_next(each) : NULL;
	if (first && first->vendor_id != 0 && first->vendor_id != UINT16_MAX)
		vendor = first->vendor_id;
	pci_iterator_destroy(each);
	pci_system_cleanup();
	return vendor;
}

void
hostpci_name(struct pci_vdev *dev, char *out, size_t size)
{
	struct pci_id_match match = {
		.vendor_id = pci_get_cfgdata16(dev, CFG_VENDOR),
		.device_id = pci_get_cfgdata16(dev, CFG_DEVICE),
		.subvendor_id = PCI_MATCH_ANY,
		.subdevice_id = PCI_MATCH_ANY,
	};
	const char *device = NULL, *vendor = NULL;

	pci_get_strings(&match, &device, &vendor, NULL, NULL);
	if (device && vendor)
		(void)snprintf(out, size, "%s %s", vendor, device);
	else
		(void)snprintf(out, size, "PCI %04x:%04x",
			       (unsigned int)match.vendor_id,
			       (unsigned int)match.device_id);
}
