/* SPDX-License-Identifier: BSD-3-Clause */
/* A host that writes down each interrupt, and a bare PCI function. */
#ifndef UNIT_HOST_RIG_H
#define UNIT_HOST_RIG_H

#include <linux/pci_regs.h>

#include <vbs/pci.h>
#include <vbs/vm.h>

#define RIG_VECTORS 2048

struct event_base;

struct host_rig {
	struct event_base *base;
	struct vmctx *vm;
	struct vbs_vm_ops ops;
	struct pci_vdev *dev; /* the function, once plugged */
	/* The latest message, how many there were, and how many of each. */
	enum vbs_msi_type type;
	int index;
	uint64_t addr;
	uint32_t data;
	int n_msgs;
	int n_by_index[RIG_VECTORS];
	/* The INTx line, and how often the host was told of a change. */
	bool level;
	int n_edges;
};

/* flags: VBS_VM_*. */
void host_open(struct host_rig *rig, uint32_t flags);
/* A function of this kind in slot 3. */
void host_plug(struct host_rig *rig, const struct pci_vdev_ops *ops);
/* Frees the function, too. */
void host_close(struct host_rig *rig);

/* The guest's configuration accesses; a bad one fails the test. */
uint32_t cfg_read(struct host_rig *rig, int offset, int bytes);
void cfg_write(struct host_rig *rig, int offset, int bytes, uint32_t val);

#endif
