// SPDX-License-Identifier: BSD-3-Clause
/* A PCI function for tests of hosts. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "host/toy.h"

static void
toy_remember(struct toy *toy, const struct toy_access *access)
{
	if (toy->n_log < TOY_LOG_SIZE)
		toy->log[toy->n_log] = *access;
	toy->n_log++;
}

static uint64_t
toy_read(struct vmctx *ctx, int vcpu, struct pci_vdev *dev, int baridx,
	 uint64_t offset, int size)
{
	struct toy *toy = dev->arg;
	uint64_t val = 0;

	memcpy(&val, toy->mem + offset, (size_t)size);
	toy_remember(toy, &(struct toy_access){ .bar = baridx,
						.offset = offset,
						.size = size,
						.value = val });
	return val;
}

static void
toy_write(struct vmctx *ctx, int vcpu, struct pci_vdev *dev, int baridx,
	  uint64_t offset, int size, uint64_t value)
{
	struct toy *toy = dev->arg;

	memcpy(toy->mem + offset, &value, (size_t)size);
	toy_remember(toy, &(struct toy_access){ .is_write = true,
						.bar = baridx,
						.offset = offset,
						.size = size,
						.value = value });
}

static int
toy_add_resources(struct pci_vdev *dev)
{
	int rc = pci_emul_alloc_bar(dev, 0, PCIBAR_IO, TOY_IO_SIZE);

	if (rc == 0)
		rc = pci_emul_add_msixcap(dev, TOY_VECTORS, 1);
	if (rc == 0)
		rc = pci_emul_add_msicap(dev, TOY_MSI);
	if (rc == 0)
		rc = pci_emul_alloc_bar(dev, 2, PCIBAR_MEM32, TOY_MEM_SIZE);
	if (rc == 0)
		rc = pci_emul_alloc_bar(dev, 4, PCIBAR_MEM64, TOY_MEM64_SIZE);
	return rc;
}

static int
toy_init(struct vmctx *ctx, struct pci_vdev *dev, char *opts)
{
	struct toy *toy = calloc(1, sizeof(*toy));
	int rc;

	if (!toy)
		return -ENOMEM;
	rc = toy_add_resources(dev);
	if (rc < 0) {
		free(toy);
		return rc;
	}
	pci_set_cfgdata16(dev, 0x00, 0x1af4);
	pci_set_cfgdata16(dev, 0x02, 0x10ff);
	pci_lintr_request(dev);
	dev->arg = toy;
	return 0;
}

static void
toy_deinit(struct vmctx *ctx, struct pci_vdev *dev, char *opts)
{
	free(dev->arg);
}

const struct pci_vdev_ops toy_ops = {
	.class_name = "toy",
	.vdev_init = toy_init,
	.vdev_deinit = toy_deinit,
	.vdev_barread = toy_read,
	.vdev_barwrite = toy_write,
};
