/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A PCI function, inside. This layer has never heard of virtio: what lies
 * above it is a client, called through a table.
 */
#ifndef PCI_PCI_H
#define PCI_PCI_H

#include <linux/pci_regs.h>

#include <vbs/pci.h>
#include <vbs/vm.h>

#include "mem/vm.h"

/* The layer above, for what concerns it. Callbacks run in the control thread.
 */
struct pci_client_ops {
	/* Function-level reset: stop, and go back to the defaults. */
	void (*reset)(void *arg);
	/* The device has been made: be ready for the guest. 0 or -errno. */
	int (*start)(void *arg);
	/* The device is about to go: call it no more. */
	void (*stop)(void *arg);
	/* The device's memory has gone: free what is the client's own. */
	void (*release)(void *arg);
	/* The guest has changed the command register. */
	void (*command)(void *arg, uint16_t command);
	/* As pci_poll(). */
	int (*poll)(void *arg, uint32_t us, bool unseen);
	/* The window's data register is being read, or has been written. */
	void (*window_read)(void *arg);
	void (*window_write)(void *arg);
};

struct pci_msix {
	int cap; /* offset of the capability, 0 without one */
	int bar;
	int count;
	uint32_t pba_offset;
	bool enabled; /* atomic */
	bool function_mask;
	struct msix_table_entry *table;
	uint64_t *pba;
};

struct pci_msi {
	int cap; /* offset of the capability, 0 without one */
	int count;
	bool enabled; /* atomic: MSI and not MSI-X */
};

struct pci_priv {
	pthread_mutex_t
		lock; /* INTx, MSI, MSI-X, cfgdata after set-up; a leaf */
	int cap_end;  /* first free byte */
	int cap_last; /* offset of the last capability, 0 for none */
	uint8_t wmask[VBS_PCI_CFG_SIZE];   /* bits the guest may write */
	uint8_t initial[VBS_PCI_CFG_SIZE]; /* after vdev_init() */
	bool intx_pending;                 /* what the device wants */
	bool intx_level;                   /* what the host was told */
	struct pci_msi msi;
	struct pci_msix msix;
	int window; /* data register of the client's window, 0 for none */
	struct vbs_doorbell *doorbells;
	int n_doorbells;
	const struct pci_client_ops *client;
	void *client_arg;
	char *opts;
};

/* function.c */
void pci_set_client(struct pci_vdev *dev, const struct pci_client_ops *ops,
		    void *arg);
/* Where hosts may bind an eventfd. 0 or -ENOMEM. */
int pci_add_doorbell(struct pci_vdev *dev, const struct vbs_doorbell *bell);
/*
 * Have it look for work for that many microseconds after the latest, and from
 * time to time as well if its doorbells are not seen. The control thread. 0 or
 * -ENOMEM.
 */
int pci_poll(struct pci_vdev *dev, uint32_t us, bool unseen);
/* Has the guest let the function use memory (bus master)? */
bool pci_bus_master(struct pci_vdev *dev);

/* config.c */
/* n bytes at an offset may be written by the guest. */
void pci_allow_write(struct pci_vdev *dev, int offset, int n, uint32_t mask);
/* The four bytes at this offset are the client's window. */
void pci_set_window(struct pci_vdev *dev, int offset);

/* bar.c */
void pci_bars_update(struct pci_vdev *dev);

/* intx.c; the caller holds the lock */
void intx_update(struct pci_vdev *dev);

/* msi.c, msix.c: after a change of their control registers. No lock held. */
void msi_update(struct pci_vdev *dev);
void msix_update(struct pci_vdev *dev);
void msi_reset(struct pci_vdev *dev);
void msix_reset(struct pci_vdev *dev);
void msix_free(struct pci_vdev *dev);
uint64_t msix_barread(struct pci_vdev *dev, uint64_t offset, int size);
void msix_barwrite(struct pci_vdev *dev, uint64_t offset, int size,
		   uint64_t value);

#endif
