/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Interrupts: the eventfds that the client gave, its masks, and what is
 * pending behind them.
 *
 * A message that finds its vector masked, or without an eventfd (QEMU takes
 * all of them away and gives them again when the guest uses one more), is kept
 * and goes out when it can; a device reset forgets it.
 *
 * The INTx line is level-triggered and masks itself: the eventfd is written
 * once when the line rises, and again at an unmask that finds it still up.
 */
#ifndef HOST_VFIO_USER_IRQ_H
#define HOST_VFIO_USER_IRQ_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include <vbs/vm.h>

#include "base/notifier.h"

struct event_base;

/* VFIO_PCI_INTX_IRQ_INDEX, _MSI_, _MSIX_. QEMU warns about an ERR of count 0,
 * and asks for none that is not announced. */
#define VUSER_IRQ_KINDS 3

struct vuser_vector {
	struct notifier out; /* the client's eventfd */
	bool masked;
	bool pending;
};

struct vuser_irqs {
	pthread_mutex_t mtx; /* guards the rest; a leaf */
	struct pci_vdev *dev;
	struct vuser_vector *vec[VUSER_IRQ_KINDS];
	uint32_t n[VUSER_IRQ_KINDS];
	bool level; /* of the INTx line */

	/* Control thread only: the eventfd by which the client unmasks INTx. */
	int unmask_fd;
	struct event *unmask_ev;
	struct event_base *base;
};

void vuser_irq_init(struct vuser_irqs *irqs, struct event_base *base);
void vuser_irq_deinit(struct vuser_irqs *irqs);

/* Make the vectors of a function. 0 or -ENOMEM. */
int vuser_irq_attach(struct vuser_irqs *irqs, struct pci_vdev *dev);
void vuser_irq_detach(struct vuser_irqs *irqs);

/* The client has gone: close its eventfds, forget its masks. */
void vuser_irq_clear(struct vuser_irqs *irqs);
/* The device has been reset: nothing is pending any more. */
void vuser_irq_forget(struct vuser_irqs *irqs);

/* struct vbs_vm_ops. Any thread. */
void vuser_irq_msi(void *arg, struct pci_vdev *dev, enum vbs_msi_type type,
		   int index, uint64_t addr, uint32_t data);
void vuser_irq_intx(void *arg, struct pci_vdev *dev, bool asserted);

#endif
