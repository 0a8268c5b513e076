// SPDX-License-Identifier: BSD-3-Clause
/* What every carrier of a PCI function shares: forwarding, counting, waiting.
 */
#include <errno.h>

#include "driver/bus.h"

#define WAIT_SLICE_MS 1

int
drv_bus_cfg_read(struct drv_bus *bus, uint32_t off, uint32_t size,
		 uint32_t *val)
{
	return bus->ops->cfg_read(bus, off, size, val);
}

int
drv_bus_cfg_write(struct drv_bus *bus, uint32_t off, uint32_t size,
		  uint32_t val)
{
	return bus->ops->cfg_write(bus, off, size, val);
}

int
drv_bus_bar_read(struct drv_bus *bus, int bar, uint64_t off, uint32_t size,
		 uint64_t *val)
{
	return bus->ops->bar_read(bus, bar, off, size, val);
}

int
drv_bus_bar_write(struct drv_bus *bus, int bar, uint64_t off, uint32_t size,
		  uint64_t val)
{
	return bus->ops->bar_write(bus, bar, off, size, val);
}

int
drv_bus_reset(struct drv_bus *bus)
{
	return bus->ops->reset(bus);
}

int
drv_bus_dma_add(struct drv_bus *bus, const struct drv_region *region)
{
	return bus->ops->dma_add(bus, region);
}

int
drv_bus_dma_del(struct drv_bus *bus, const struct drv_region *region)
{
	return bus->ops->dma_del(bus, region);
}

int
drv_bus_dma_add_ram(struct drv_bus *bus, const struct drv_ram *ram)
{
	int rc = 0;

	for (int i = 0; i < ram->n && rc >= 0; i++) {
		if (drv_ram_region(ram, i))
			rc = drv_bus_dma_add(bus, drv_ram_region(ram, i));
	}
	return rc;
}

int
drv_bus_dma_del_ram(struct drv_bus *bus, const struct drv_ram *ram)
{
	int rc = 0;

	for (int i = 0; i < ram->n && rc >= 0; i++) {
		if (drv_ram_region(ram, i))
			rc = drv_bus_dma_del(bus, drv_ram_region(ram, i));
	}
	return rc;
}

int
drv_bus_irq_setup(struct drv_bus *bus, enum drv_irq kind, uint32_t n)
{
	return bus->ops->irq_setup(bus, kind, n);
}

void
drv_bus_count_irq(struct drv_bus *bus, enum drv_irq kind, uint32_t vector,
		  uint64_t n)
{
	if (vector < DRV_N_VECTORS)
		__atomic_fetch_add(&bus->irqs[kind][vector], n,
				   __ATOMIC_ACQ_REL);
}

uint64_t
drv_bus_irqs(struct drv_bus *bus, enum drv_irq kind, uint32_t vector)
{
	if (vector >= DRV_N_VECTORS)
		return 0;
	return __atomic_load_n(&bus->irqs[kind][vector], __ATOMIC_ACQUIRE);
}

uint64_t
drv_bus_irqs_total(struct drv_bus *bus)
{
	uint64_t sum = 0;

	for (int kind = 0; kind < DRV_IRQ_KINDS; kind++) {
		for (uint32_t v = 0; v < DRV_N_VECTORS; v++)
			sum += drv_bus_irqs(bus, (enum drv_irq)kind, v);
	}
	return sum;
}

int
drv_bus_intx_eoi(struct drv_bus *bus)
{
	return bus->ops->intx_eoi(bus);
}

int
drv_bus_run(struct drv_bus *bus)
{
	return bus->ops->run(bus, 0);
}

int
drv_bus_wait(struct drv_bus *bus, bool (*done)(void *arg), void *arg,
	     int timeout_ms)
{
	int64_t end = drv_now_ms() + timeout_ms;
	int rc = drv_bus_run(bus);

	while (!done(arg)) {
		if (rc < 0)
			return rc;
		if (drv_now_ms() >= end)
			return -ETIMEDOUT;
		rc = bus->ops->run(bus, WAIT_SLICE_MS);
	}
	return 0;
}

struct irq_wait {
	struct drv_bus *bus;
	enum drv_irq kind;
	uint32_t vector;
	uint64_t count;
};

static bool
irq_reached(void *arg)
{
	const struct irq_wait *w = arg;

	return drv_bus_irqs(w->bus, w->kind, w->vector) >= w->count;
}

int
drv_bus_wait_irq(struct drv_bus *bus, enum drv_irq kind, uint32_t vector,
		 uint64_t count, int timeout_ms)
{
	struct irq_wait w = { bus, kind, vector, count };

	return drv_bus_wait(bus, irq_reached, &w, timeout_ms);
}

void
drv_bus_close(struct drv_bus *bus)
{
	if (bus)
		bus->ops->close(bus);
}
