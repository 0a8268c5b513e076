/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A PCI function that is no virtio device: its registers are memory, and it
 * remembers how they were accessed.
 *
 *   BAR 0  I/O, 32 bytes          BAR 2  memory, 2 MiB
 *   BAR 1  MSI-X, 40 vectors      BAR 4  64-bit memory, 16 KiB
 *
 * INTx, and MSI with 4 vectors.
 */
#ifndef HOST_TOY_H
#define HOST_TOY_H

#include <stdbool.h>
#include <stdint.h>

#include <vbs/pci.h>

#define TOY_IO_SIZE    32u
#define TOY_MEM_SIZE   (2u << 20)
#define TOY_MEM64_SIZE (16u << 10)
#define TOY_VECTORS    40
#define TOY_MSI        4
#define TOY_LOG_SIZE   64

struct toy_access {
	bool is_write;
	int bar;
	uint64_t offset;
	int size;
	uint64_t value;
};

/* dev->arg of the function. Read by a test while the server is quiet. */
struct toy {
	uint8_t mem[TOY_MEM_SIZE]; /* all BARs show the start of it */
	struct toy_access log[TOY_LOG_SIZE];
	int n_log; /* accesses in all */
};

extern const struct pci_vdev_ops toy_ops;

#endif
