/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One PCI function as a machine gives it to a driver: configuration space,
 * BARs, DMA memory, interrupts. Two carriers: a function in this process
 * (bus-inproc.c) and a vfio-user socket (bus-vfio-user.c).
 *
 * Every call returns 0 or a negative errno. A call blocks at most for the
 * carrier's time-out, which is in milliseconds (-ETIMEDOUT).
 */
#ifndef DRV_BUS_H
#define DRV_BUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "driver/clock.h"
#include "driver/ram.h"

/* Numbered as VFIO numbers them. */
enum drv_irq {
	DRV_IRQ_INTX,
	DRV_IRQ_MSI,
	DRV_IRQ_MSIX,
	DRV_IRQ_KINDS,
};

#define DRV_N_BARS    6
#define DRV_N_VECTORS 2048

struct drv_bus;

struct drv_bus_ops {
	int (*cfg_read)(struct drv_bus *bus, uint32_t off, uint32_t size,
			uint32_t *val);
	int (*cfg_write)(struct drv_bus *bus, uint32_t off, uint32_t size,
			 uint32_t val);
	int (*bar_read)(struct drv_bus *bus, int bar, uint64_t off,
			uint32_t size, uint64_t *val);
	int (*bar_write)(struct drv_bus *bus, int bar, uint64_t off,
			 uint32_t size, uint64_t val);
	int (*reset)(struct drv_bus *bus);
	int (*dma_add)(struct drv_bus *bus, const struct drv_region *region);
	int (*dma_del)(struct drv_bus *bus, const struct drv_region *region);
	int (*irq_setup)(struct drv_bus *bus, enum drv_irq kind, uint32_t n);
	int (*intx_eoi)(struct drv_bus *bus);
	int (*run)(struct drv_bus *bus, int timeout_ms);
	void (*close)(struct drv_bus *bus);
};

/* The carrier embeds this as its first member. */
struct drv_bus {
	const struct drv_bus_ops *ops;
	/* Written by the carrier from any thread; read with drv_bus_irqs(). */
	uint64_t irqs[DRV_IRQ_KINDS][DRV_N_VECTORS];
	int intx_level;    /* 1, 0, or -1 where the carrier cannot know */
	uint64_t irq_addr; /* of the latest message, where the carrier knows */
	uint32_t irq_data;
	uint32_t io_bars; /* bit n: BAR n is in I/O space (drv_pci_probe()) */
};

/* size is 1, 2 or 4 for a driver that behaves; others are passed on as is. */
int drv_bus_cfg_read(struct drv_bus *bus, uint32_t off, uint32_t size,
		     uint32_t *val);
int drv_bus_cfg_write(struct drv_bus *bus, uint32_t off, uint32_t size,
		      uint32_t val);

/* off counts from the start of the BAR; size at most 8. */
int drv_bus_bar_read(struct drv_bus *bus, int bar, uint64_t off, uint32_t size,
		     uint64_t *val);
int drv_bus_bar_write(struct drv_bus *bus, int bar, uint64_t off, uint32_t size,
		      uint64_t val);

/* Function level reset. */
int drv_bus_reset(struct drv_bus *bus);

/* Let the device reach one region, or every region of a RAM. */
int drv_bus_dma_add(struct drv_bus *bus, const struct drv_region *region);
int drv_bus_dma_del(struct drv_bus *bus, const struct drv_region *region);
int drv_bus_dma_add_ram(struct drv_bus *bus, const struct drv_ram *ram);
int drv_bus_dma_del_ram(struct drv_bus *bus, const struct drv_ram *ram);

/*
 * What the machine does when the function turns an interrupt mechanism on:
 * prepare n vectors of it, or none (0).
 */
int drv_bus_irq_setup(struct drv_bus *bus, enum drv_irq kind, uint32_t n);

/*
 * How often an interrupt has fired. INTx counts each rise of the line, and
 * has vector 0. Never negative; 0 for a vector that cannot exist.
 */
uint64_t drv_bus_irqs(struct drv_bus *bus, enum drv_irq kind, uint32_t vector);

/* The same, over all kinds and vectors. */
uint64_t drv_bus_irqs_total(struct drv_bus *bus);

/* End of interrupt: a level that is still up fires again. */
int drv_bus_intx_eoi(struct drv_bus *bus);

/* Let the device side run until it has nothing more to do at the moment. */
int drv_bus_run(struct drv_bus *bus);

/* Run the device side until done(arg), at most timeout_ms. */
int drv_bus_wait(struct drv_bus *bus, bool (*done)(void *arg), void *arg,
		 int timeout_ms);

/* Run the device side until a vector has fired at least count times in all. */
int drv_bus_wait_irq(struct drv_bus *bus, enum drv_irq kind, uint32_t vector,
		     uint64_t count, int timeout_ms);

/* Tell the device side goodbye and free the bus; NULL does nothing. */
void drv_bus_close(struct drv_bus *bus);

/* For carriers: one interrupt came, n times. Any thread. */
void drv_bus_count_irq(struct drv_bus *bus, enum drv_irq kind, uint32_t vector,
		       uint64_t n);

#endif
