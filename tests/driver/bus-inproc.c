// SPDX-License-Identifier: BSD-3-Clause
/* PCI functions of this process: the machine is the VMM's exit handler. */
#include <errno.h>
#include <event2/event.h>
#include <event2/thread.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <vbs/pci.h>
#include <vbs/vm.h>

#include "driver/inproc.h"

#define MAX_FUNCTIONS 32
#define MAX_PASSES    10000

struct inproc_bus {
	struct drv_bus bus; /* first */
	struct drv_inproc *m;
	struct pci_vdev *dev;
	int slot;
};

struct drv_inproc {
	struct vmctx *vm;
	struct event_base *base;
	struct vbs_vm_ops ops;
	int wake; /* eventfd: an interrupt came, perhaps in another thread */
	struct inproc_bus *buses[MAX_FUNCTIONS]; /* by slot */
};

static struct inproc_bus *
to_inproc(struct drv_bus *bus)
{
	return (struct inproc_bus *)(void *)bus;
}

/* The bus of a function, or NULL. */
static struct drv_bus *
bus_of(struct drv_inproc *m, const struct pci_vdev *dev)
{
	struct inproc_bus *ib = __atomic_load_n(
		&m->buses[dev->slot % MAX_FUNCTIONS], __ATOMIC_ACQUIRE);

	return ib ? &ib->bus : NULL;
}

static void
wake_up(struct drv_inproc *m)
{
	uint64_t one = 1;

	(void)!write(m->wake, &one, sizeof(one));
}

static void
on_msi(void *arg, struct pci_vdev *dev, enum vbs_msi_type type, int index,
       uint64_t addr, uint32_t data)
{
	struct drv_inproc *m = arg;
	struct drv_bus *bus = bus_of(m, dev);

	if (!bus || index < 0)
		return;
	__atomic_store_n(&bus->irq_addr, addr, __ATOMIC_RELAXED);
	__atomic_store_n(&bus->irq_data, data, __ATOMIC_RELAXED);
	drv_bus_count_irq(bus, type == VBS_MSIX ? DRV_IRQ_MSIX : DRV_IRQ_MSI,
			  (uint32_t)index, 1);
	wake_up(m);
}

static void
on_intx(void *arg, struct pci_vdev *dev, bool asserted)
{
	struct drv_inproc *m = arg;
	struct drv_bus *bus = bus_of(m, dev);

	if (!bus)
		return;
	if (!__atomic_exchange_n(&bus->intx_level, asserted,
				 __ATOMIC_ACQ_REL) &&
	    asserted)
		drv_bus_count_irq(bus, DRV_IRQ_INTX, 0, 1);
	wake_up(m);
}

int
drv_inproc_new(bool host_masks, struct drv_inproc **out)
{
	struct drv_inproc *m = calloc(1, sizeof(*m));

	if (!m)
		return -ENOMEM;
	m->ops.msi = on_msi;
	m->ops.intx = on_intx;
	m->ops.flags = host_masks ? VBS_VM_HOST_MASKS_MSIX : 0;
	m->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	(void)evthread_use_pthreads();
	m->base = event_base_new();
	if (m->wake >= 0 && m->base)
		m->vm = vbs_vm_new(&m->ops, m, m->base);
	if (!m->vm) {
		drv_inproc_free(m);
		return -ENOMEM;
	}
	*out = m;
	return 0;
}

void
drv_inproc_free(struct drv_inproc *m)
{
	if (!m)
		return;
	vbs_vm_free(m->vm);
	if (m->base)
		event_base_free(m->base);
	if (m->wake >= 0)
		(void)close(m->wake);
	free(m);
}

struct vmctx *
drv_inproc_vm(struct drv_inproc *m)
{
	return m->vm;
}

struct event_base *
drv_inproc_base(struct drv_inproc *m)
{
	return m->base;
}

struct pci_vdev *
drv_inproc_dev(struct drv_bus *bus)
{
	return to_inproc(bus)->dev;
}

static int
inproc_cfg_read(struct drv_bus *bus, uint32_t off, uint32_t size, uint32_t *val)
{
	return vbs_pci_cfgread(to_inproc(bus)->dev, (int)off, (int)size, val);
}

static int
inproc_cfg_write(struct drv_bus *bus, uint32_t off, uint32_t size, uint32_t val)
{
	return vbs_pci_cfgwrite(to_inproc(bus)->dev, (int)off, (int)size, val);
}

static int
inproc_bar_read(struct drv_bus *bus, int bar, uint64_t off, uint32_t size,
		uint64_t *val)
{
	*val = vbs_pci_barread(to_inproc(bus)->dev, bar, off, (int)size);
	return 0;
}

static int
inproc_bar_write(struct drv_bus *bus, int bar, uint64_t off, uint32_t size,
		 uint64_t val)
{
	vbs_pci_barwrite(to_inproc(bus)->dev, bar, off, (int)size, val);
	return 0;
}

static int
inproc_reset(struct drv_bus *bus)
{
	vbs_pci_reset(to_inproc(bus)->dev);
	return 0;
}

static int
inproc_dma_add(struct drv_bus *bus, const struct drv_region *region)
{
	struct vbs_ram ram = {
		.gpa = region->gpa,
		.size = region->size,
		.hva = region->hva,
	};

	return vbs_vm_add_ram(to_inproc(bus)->m->vm, &ram);
}

static int
inproc_dma_del(struct drv_bus *bus, const struct drv_region *region)
{
	return vbs_vm_del_ram(to_inproc(bus)->m->vm, region->gpa, region->size);
}

/* The library injects messages whether we prepare for them or not. */
static int
inproc_irq_setup(struct drv_bus *bus, enum drv_irq kind, uint32_t n)
{
	(void)bus;
	(void)kind;
	(void)n;
	return 0;
}

static int
inproc_intx_eoi(struct drv_bus *bus)
{
	if (__atomic_load_n(&bus->intx_level, __ATOMIC_ACQUIRE) == 1)
		drv_bus_count_irq(bus, DRV_IRQ_INTX, 0, 1);
	return 0;
}

/* Run the event loop until nothing in it is ready any more. */
static int
dispatch(struct event_base *base)
{
	for (int i = 0; i < MAX_PASSES; i++) {
		(void)event_base_get_max_events(base, EVENT_BASE_COUNT_ACTIVE,
						1);
		if (event_base_loop(base, EVLOOP_NONBLOCK) < 0)
			return -EIO;
		if (!event_base_get_max_events(base, EVENT_BASE_COUNT_ACTIVE,
					       0))
			return 0;
	}
	return -EBUSY;
}

static int
inproc_run(struct drv_bus *bus, int timeout_ms)
{
	struct drv_inproc *m = to_inproc(bus)->m;
	struct pollfd pfd = { .fd = m->wake, .events = POLLIN };
	uint64_t n;
	int rc = dispatch(m->base);

	if (rc < 0 || poll(&pfd, 1, timeout_ms) <= 0)
		return rc;
	(void)!read(m->wake, &n, sizeof(n));
	return 0;
}

static void
inproc_close(struct drv_bus *bus)
{
	struct inproc_bus *ib = to_inproc(bus);

	vbs_pci_free(ib->dev);
	ib->m->buses[ib->slot] = NULL;
	free(ib);
}

static const struct drv_bus_ops inproc_ops = {
	.cfg_read = inproc_cfg_read,
	.cfg_write = inproc_cfg_write,
	.bar_read = inproc_bar_read,
	.bar_write = inproc_bar_write,
	.reset = inproc_reset,
	.dma_add = inproc_dma_add,
	.dma_del = inproc_dma_del,
	.irq_setup = inproc_irq_setup,
	.intx_eoi = inproc_intx_eoi,
	.run = inproc_run,
	.close = inproc_close,
};

/* A slot from 3 up, as 0..2 belong to the machine; or -ENOSPC. */
static int
free_slot(const struct drv_inproc *m)
{
	for (int i = 3; i < MAX_FUNCTIONS; i++) {
		if (!m->buses[i])
			return i;
	}
	return -ENOSPC;
}

int
drv_inproc_plug(struct drv_inproc *m, const struct pci_vdev_ops *ops,
		const char *opts, struct drv_bus **out)
{
	int slot = free_slot(m);
	struct inproc_bus *ib;
	int rc;

	if (slot < 0)
		return slot;
	ib = calloc(1, sizeof(*ib));
	if (!ib)
		return -ENOMEM;
	ib->bus.ops = &inproc_ops;
	ib->m = m;
	ib->slot = slot;
	__atomic_store_n(&m->buses[slot], ib, __ATOMIC_RELEASE);
	rc = vbs_pci_new(m->vm, ops, slot, 0, opts, &ib->dev);
	if (rc < 0) {
		m->buses[slot] = NULL;
		free(ib);
		return rc;
	}
	*out = &ib->bus;
	return 0;
}
