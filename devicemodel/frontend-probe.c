// SPDX-License-Identifier: BSD-3-Clause
/*
 * What a loaded device is, from its PCI function (virtio 1.3, 4.1.2 and 4.1.4):
 * it is made for that, and freed again.
 */
#include <errno.h>
#include <string.h>

#include <event2/event.h>

#include <vbs/log.h>
#include <vbs/pci.h>
#include <vbs/vm.h>

#include "frontend-impl.h"
#include "log.h"

#define CFG_VENDOR    0x00
#define CFG_DEVICE    0x02
#define CFG_CAPS      0x34
#define CFG_SUBSYSTEM 0x2e
#define VIRTIO_VENDOR 0x1af4
#define MODERN_BASE   0x1040
#define CAP_VENDOR    0x09
#define N_CAPS_MAX    48 /* as many as fit */

/* Of a virtio capability, and of the common configuration. */
enum {
	CAP_TYPE = 3,
	CAP_BAR = 4,
	CAP_OFFSET = 8,
	CAP_LENGTH = 12,
	TYPE_COMMON = 1,
	TYPE_DEVICE = 4,
	COMMON_NUM_QUEUES = 0x12,
	COMMON_QUEUE_SIZE = 0x18,
};

static uint32_t
bar_read16(struct pci_vdev *dev, int cap, unsigned int reg)
{
	int bar = pci_get_cfgdata8(dev, cap + CAP_BAR);

	if (!dev->dev_ops->vdev_barread)
		return 0;
	return (uint16_t)dev->dev_ops->vdev_barread(
		dev->vmctx, 0, dev, bar,
		pci_get_cfgdata32(dev, cap + CAP_OFFSET) + reg, 2);
}

/* The virtio capability of a type; 0 if there is none. */
static int
find_capability(struct pci_vdev *dev, int type)
{
	int at = pci_get_cfgdata8(dev, CFG_CAPS);

	for (int i = 0; at && i < N_CAPS_MAX; i++) {
		if (pci_get_cfgdata8(dev, at) == CAP_VENDOR &&
		    pci_get_cfgdata8(dev, at + CAP_TYPE) == type)
			return at;
		at = pci_get_cfgdata8(dev, at + 1);
	}
	return 0;
}

static bool
read_shape(struct pci_vdev *dev, struct dm_shape *shape)
{
	unsigned int id = pci_get_cfgdata16(dev, CFG_DEVICE);
	int common = find_capability(dev, TYPE_COMMON);
	int config = find_capability(dev, TYPE_DEVICE);

	if (pci_get_cfgdata16(dev, CFG_VENDOR) != VIRTIO_VENDOR || !common)
		return false;
	shape->virtio_id = id >= MODERN_BASE
				   ? id - MODERN_BASE
				   : pci_get_cfgdata16(dev, CFG_SUBSYSTEM);
	shape->n_queues = bar_read16(dev, common, COMMON_NUM_QUEUES);
	shape->queue_size = bar_read16(dev, common, COMMON_QUEUE_SIZE);
	shape->config_size =
		config ? pci_get_cfgdata32(dev, config + CAP_LENGTH) : 0;
	return shape->n_queues > 0;
}

static int
probe(const struct dm_slot *slot, struct event_base *base,
      struct dm_shape *shape, struct dm_error *err)
{
	const struct dm_host_options how = { 0 };
	struct pci_vdev *dev = NULL;
	struct dm_log log = { 0 };
	struct vmctx *ctx;
	void *srv = NULL;
	int rc = dm_host_vfio_user.new(base, &how, &srv);

	if (rc < 0)
		return dm_fail(err, rc, "out of memory");
	ctx = dm_host_vfio_user.vm(srv);
	vbs_log_set(ctx, dm_log_line, &log, VBS_LOG_ERROR);
	rc = vbs_pci_new(ctx, slot->ops, (int)slot->slot, (int)slot->func,
			 slot->opts, &dev);
	if (rc < 0)
		(void)dm_fail(err, rc, "cannot make %s: %s; check its options",
			      slot->name, strerror(-rc));
	else if (!read_shape(dev, shape))
		rc = dm_fail(err, -EINVAL,
			     "%s is no virtio device, and vhost-user carries "
			     "no other; give --host vfio-user",
			     slot->name);
	vbs_pci_free(dev);
	dm_host_vfio_user.free(srv);
	return rc;
}

int
frontend_probe(const struct dm_slot *slot, struct dm_shape *shape,
	       struct dm_error *err)
{
	struct event_base *base = event_base_new();
	int rc;

	if (!base)
		return dm_fail(err, -ENOMEM, "out of memory");
	rc = probe(slot, base, shape, err);
	event_base_free(base);
	return rc;
}
