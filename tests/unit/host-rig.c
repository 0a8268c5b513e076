// SPDX-License-Identifier: BSD-3-Clause
/* See host-rig.h. */
#include <check.h>
#include <string.h>

#include <event2/event.h>

#include "unit/host-rig.h"

static void
on_msi(void *arg, struct pci_vdev *dev, enum vbs_msi_type type, int index,
       uint64_t addr, uint32_t data)
{
	struct host_rig *rig = arg;

	(void)dev;
	ck_assert_int_ge(index, 0);
	ck_assert_int_lt(index, RIG_VECTORS);
	rig->type = type;
	rig->index = index;
	rig->addr = addr;
	rig->data = data;
	rig->n_msgs++;
	rig->n_by_index[index]++;
}

static void
on_intx(void *arg, struct pci_vdev *dev, bool asserted)
{
	struct host_rig *rig = arg;

	(void)dev;
	rig->level = asserted;
	rig->n_edges++;
}

void
host_open(struct host_rig *rig, uint32_t flags)
{
	memset(rig, 0, sizeof(*rig));
	rig->ops.msi = on_msi;
	rig->ops.intx = on_intx;
	rig->ops.flags = flags;
	rig->base = event_base_new();
	ck_assert_ptr_nonnull(rig->base);
	rig->vm = vbs_vm_new(&rig->ops, rig, rig->base);
	ck_assert_ptr_nonnull(rig->vm);
}

void
host_plug(struct host_rig *rig, const struct pci_vdev_ops *ops)
{
	ck_assert_int_eq(vbs_pci_new(rig->vm, ops, 3, 0, NULL, &rig->dev), 0);
}

void
host_close(struct host_rig *rig)
{
	vbs_pci_free(rig->dev);
	vbs_vm_free(rig->vm);
	event_base_free(rig->base);
}

uint32_t
cfg_read(struct host_rig *rig, int offset, int bytes)
{
	uint32_t val = 0;

	ck_assert_int_eq(vbs_pci_cfgread(rig->dev, offset, bytes, &val), 0);
	return val;
}

void
cfg_write(struct host_rig *rig, int offset, int bytes, uint32_t val)
{
	ck_assert_int_eq(vbs_pci_cfgwrite(rig->dev, offset, bytes, val), 0);
}
