/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A PCI driver: reads the header, sizes and places the BARs, walks the
 * capabilities, and programs INTx, MSI and MSI-X.
 *
 * Calls return 0 or a negative errno; offsets and sizes are bytes.
 */
#ifndef DRV_PCI_H
#define DRV_PCI_H

#include <stdbool.h>
#include <stdint.h>

#include "driver/bus.h"

/* Offsets in configuration space (PCI 3.0, 6.1). */
#define DRV_PCI_VENDOR      0x00
#define DRV_PCI_DEVICE      0x02
#define DRV_PCI_COMMAND     0x04
#define DRV_PCI_STATUS      0x06
#define DRV_PCI_REVISION    0x08
#define DRV_PCI_CLASS       0x09
#define DRV_PCI_HEADER_TYPE 0x0e
#define DRV_PCI_BAR(n)      (0x10 + 4 * (uint32_t)(n))
#define DRV_PCI_SUBVENDOR   0x2c
#define DRV_PCI_SUBSYSTEM   0x2e
#define DRV_PCI_ROM         0x30
#define DRV_PCI_CAP_PTR     0x34
#define DRV_PCI_INT_LINE    0x3c
#define DRV_PCI_INT_PIN     0x3d

#define DRV_PCI_CMD_IO       0x0001
#define DRV_PCI_CMD_MEM      0x0002
#define DRV_PCI_CMD_MASTER   0x0004
#define DRV_PCI_CMD_INTX_OFF 0x0400
#define DRV_PCI_STATUS_INTX  0x0008
#define DRV_PCI_STATUS_CAPS  0x0010

#define DRV_PCI_CAP_MSI    0x05
#define DRV_PCI_CAP_VENDOR 0x09
#define DRV_PCI_CAP_MSIX   0x11

/* Types of virtio structure (virtio 1.4, 4.1.4). */
enum drv_vcap_type {
	DRV_VCAP_COMMON = 1,
	DRV_VCAP_NOTIFY = 2,
	DRV_VCAP_ISR = 3,
	DRV_VCAP_DEVICE = 4,
	DRV_VCAP_PCI_CFG = 5,
	DRV_VCAP_SHM = 8,
	DRV_VCAP_VENDOR = 9,
	DRV_VCAP_TYPES = 10,
};

enum drv_bar_type {
	DRV_BAR_NONE,
	DRV_BAR_IO,
	DRV_BAR_MEM32,
	DRV_BAR_MEM64, /* the next one is its upper half, and NONE */
};

struct drv_bar {
	enum drv_bar_type type;
	bool prefetch;
	uint64_t size;
	uint64_t addr; /* as drv_pci_assign() has set it */
};

struct drv_cap {
	uint8_t id;
	uint8_t off;
};

/* A virtio capability; cap_off 0: the function has none of this type. */
struct drv_vcap {
	uint8_t cap_off;
	uint8_t cap_len;
	uint8_t bar;
	uint8_t id;
	uint64_t offset;
	uint64_t length;
	uint32_t multiplier; /* NOTIFY */
};

struct drv_msix {
	uint8_t cap_off; /* 0: none */
	uint16_t n;      /* vectors */
	uint8_t table_bar;
	uint8_t pba_bar;
	uint32_t table_off;
	uint32_t pba_off;
};

struct drv_pci {
	struct drv_bus *bus; /* the caller's */
	uint16_t vendor;
	uint16_t device;
	uint16_t subvendor;
	uint16_t subsystem;
	uint8_t revision;
	uint32_t class_code; /* 24 bits */
	uint8_t int_pin;
	struct drv_bar bars[DRV_N_BARS];
	struct drv_cap caps[48];
	int n_caps;
	struct drv_vcap vcaps[DRV_VCAP_TYPES]; /* the first of each type */
	struct drv_msix msix;
	uint8_t msi_off; /* 0: none */
};

/*
 * Read all of the above from a bus. Leaves decoding off and the BARs as they
 * were. -ENODEV if nothing answers, -EPROTO for a broken capability list or a
 * BAR whose size is no power of two.
 */
int drv_pci_probe(struct drv_pci *pci, struct drv_bus *bus);

/*
 * Give each BAR an address (I/O from 0xc000, 32-bit memory from 0xfe000000,
 * 64-bit memory from 0x800000000) and turn on I/O, memory and bus mastering.
 */
int drv_pci_assign(struct drv_pci *pci);

/* Set bits of the command register, then clear others. */
int drv_pci_command(struct drv_pci *pci, uint16_t set, uint16_t clear);

/* Configuration fields by width, for brevity. A failed read gives all ones. */
uint8_t drv_pci_cfg8(struct drv_pci *pci, uint32_t off);
uint16_t drv_pci_cfg16(struct drv_pci *pci, uint32_t off);
uint32_t drv_pci_cfg32(struct drv_pci *pci, uint32_t off);

/* The n-th (from 0) capability with an id: its offset, or 0. */
uint8_t drv_pci_find_cap(const struct drv_pci *pci, uint8_t id, int n);

/*
 * MSI-X. enable: the machine prepares every vector, then the enable bit is
 * set; disable: the reverse. set: write an entry. mask and pending look at one
 * vector; funcmask at all.
 */
int drv_pci_msix_enable(struct drv_pci *pci, bool on);
int drv_pci_msix_funcmask(struct drv_pci *pci, bool on);
int drv_pci_msix_set(struct drv_pci *pci, uint32_t vector, uint64_t addr,
		     uint32_t data, bool masked);
int drv_pci_msix_mask(struct drv_pci *pci, uint32_t vector, bool masked);
int drv_pci_msix_pending(struct drv_pci *pci, uint32_t vector, bool *pending);

/* Every vector of the table unmasked, with an address and a data of its own
 * (0xfee00000, 0x4000 + vector), and MSI-X enabled. */
int drv_pci_msix_start(struct drv_pci *pci);

/* MSI with one vector. */
int drv_pci_msi_enable(struct drv_pci *pci, uint64_t addr, uint16_t data);
int drv_pci_msi_disable(struct drv_pci *pci);

/* INTx: the machine listens, and the disable bit goes off; or the reverse. */
int drv_pci_intx_enable(struct drv_pci *pci, bool on);

/*
 * Reach a BAR through the PCI_CFG capability (virtio 1.4, 4.1.4.9). The
 * values go to the capability as they are: they need not make sense.
 */
int drv_pci_window_read(struct drv_pci *pci, uint8_t bar, uint32_t off,
			uint32_t len, uint32_t *val);
int drv_pci_window_write(struct drv_pci *pci, uint8_t bar, uint32_t off,
			 uint32_t len, uint32_t val);

#endif
