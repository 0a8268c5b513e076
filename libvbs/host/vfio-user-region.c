// SPDX-License-Identifier: BSD-3-Clause
/* vfio-user: accesses to configuration space and BARs, and the reset. */
#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "host/vfio-user.h"

/* Bytes of the next access: natural, aligned, and at most max. */
static int
region_step(uint64_t offset, uint32_t left, int max)
{
	int n = max;

	while ((uint32_t)n > left || offset % (uint64_t)n)
		n /= 2;
	return n;
}

static void
region_read_cfg(struct pci_vdev *dev, const struct vuser_access *acc,
		uint8_t *out)
{
	int off = (int)acc->offset;

	for (uint32_t left = acc->count; left > 0;) {
		int n = region_step((uint64_t)off, left, 4);
		uint32_t val = UINT32_MAX;

		(void)vbs_pci_cfgread(dev, off, n, &val);
		bytes_put(out, n, val);
		out += n;
		off += n;
		left -= (uint32_t)n;
	}
}

static void
region_write_cfg(struct pci_vdev *dev, const struct vuser_access *acc,
		 const uint8_t *in)
{
	int off = (int)acc->offset;

	for (uint32_t left = acc->count; left > 0;) {
		int n = region_step((uint64_t)off, left, 4);

		(void)vbs_pci_cfgwrite(dev, off, n, (uint32_t)bytes_get(in, n));
		in += n;
		off += n;
		left -= (uint32_t)n;
	}
}

/* A width that a CPU has is one access, at whatever offset. */
static int
region_bar_step(uint64_t offset, uint32_t left, uint32_t count)
{
	if (count == 1 || count == 2 || count == 4 || count == 8)
		return (int)count;
	return region_step(offset, left, 8);
}

static void
region_read_bar(struct pci_vdev *dev, const struct vuser_access *acc,
		uint8_t *out)
{
	uint64_t off = acc->offset;

	for (uint32_t left = acc->count; left > 0;) {
		int n = region_bar_step(off, left, acc->count);

		bytes_put(out, n,
			  vbs_pci_barread(dev, (int)acc->region, off, n));
		out += n;
		off += (uint64_t)n;
		left -= (uint32_t)n;
	}
}

static void
region_write_bar(struct pci_vdev *dev, const struct vuser_access *acc,
		 const uint8_t *in)
{
	uint64_t off = acc->offset;

	for (uint32_t left = acc->count; left > 0;) {
		int n = region_bar_step(off, left, acc->count);

		vbs_pci_barwrite(dev, (int)acc->region, off, n,
				 bytes_get(in, n));
		in += n;
		off += (uint64_t)n;
		left -= (uint32_t)n;
	}
}

/* Inside a region that exists, and not more than we offered to transfer. */
static bool
region_ok(const struct vbs_vfio_user *srv, const struct vuser_access *acc)
{
	uint64_t size = vuser_region_size(srv, acc->region);

	return acc->count > 0 && acc->count <= VUSER_MAX_XFER &&
	       acc->offset < size && acc->count <= size - acc->offset;
}

int
vuser_region_read(struct vbs_vfio_user *srv, struct vuser_msg *msg)
{
	struct vuser_access acc;
	int rc;

	memcpy(&acc, msg->data, sizeof(acc));
	if (!region_ok(srv, &acc))
		return -EINVAL;
	rc = vuser_msg_grow(srv, msg, (uint32_t)sizeof(acc) + acc.count);
	if (rc < 0)
		return rc;
	memcpy(msg->reply, &acc, sizeof(acc));
	if (acc.region == VFIO_PCI_CONFIG_REGION_INDEX)
		region_read_cfg(srv->dev, &acc, msg->reply + sizeof(acc));
	else
		region_read_bar(srv->dev, &acc, msg->reply + sizeof(acc));
	return 0;
}

int
vuser_region_write(struct vbs_vfio_user *srv, struct vuser_msg *msg)
{
	struct vuser_access acc;

	memcpy(&acc, msg->data, sizeof(acc));
	if (!region_ok(srv, &acc) || msg->len - sizeof(acc) != acc.count)
		return -EINVAL;
	if (acc.region == VFIO_PCI_CONFIG_REGION_INDEX)
		region_write_cfg(srv->dev, &acc, msg->data + sizeof(acc));
	else
		region_write_bar(srv->dev, &acc, msg->data + sizeof(acc));
	memcpy(msg->reply, &acc, sizeof(acc));
	return 0;
}

int
vuser_reset(struct vbs_vfio_user *srv, struct vuser_msg *msg)
{
	vbs_pci_reset(srv->dev);
	vuser_irq_forget(&srv->irqs);
	return 0;
}
