// SPDX-License-Identifier: BSD-3-Clause
/* A PCI driver: probe, BARs, capabilities, interrupts. */
#include <errno.h>
#include <string.h>

#include "driver/pci.h"

#define IO_BASE    0xc000u
#define MEM32_BASE 0xfe000000u
#define MEM64_BASE 0x800000000ull

#define MSIX_ENTRY_SIZE  16
#define MSIX_CTL_ENABLE  0x8000
#define MSIX_CTL_MASKALL 0x4000
#define MSI_CTL_ENABLE   0x0001
#define MSI_CTL_64BIT    0x0080

/* struct virtio_pci_cap, offsets of its fields */
#define VCAP_LEN    2
#define VCAP_TYPE   3
#define VCAP_BAR    4
#define VCAP_ID     5
#define VCAP_OFFSET 8
#define VCAP_LENGTH 12
#define VCAP_EXTRA  16 /* multiplier, window data, or upper offset */

uint8_t
drv_pci_cfg8(struct drv_pci *pci, uint32_t off)
{
	uint32_t v;

	return drv_bus_cfg_read(pci->bus, off, 1, &v) < 0 ? UINT8_MAX
							  : (uint8_t)v;
}

uint16_t
drv_pci_cfg16(struct drv_pci *pci, uint32_t off)
{
	uint32_t v;

	return drv_bus_cfg_read(pci->bus, off, 2, &v) < 0 ? UINT16_MAX
							  : (uint16_t)v;
}

uint32_t
drv_pci_cfg32(struct drv_pci *pci, uint32_t off)
{
	uint32_t v;

	return drv_bus_cfg_read(pci->bus, off, 4, &v) < 0 ? UINT32_MAX : v;
}

int
drv_pci_command(struct drv_pci *pci, uint16_t set, uint16_t clear)
{
	uint32_t cmd = 0;
	int rc = drv_bus_cfg_read(pci->bus, DRV_PCI_COMMAND, 2, &cmd);

	if (rc < 0)
		return rc;
	cmd = (cmd | set) & (uint32_t)~clear & 0xffff;
	return drv_bus_cfg_write(pci->bus, DRV_PCI_COMMAND, 2, cmd);
}

static void
read_ids(struct drv_pci *pci)
{
	pci->vendor = drv_pci_cfg16(pci, DRV_PCI_VENDOR);
	pci->device = drv_pci_cfg16(pci, DRV_PCI_DEVICE);
	pci->subvendor = drv_pci_cfg16(pci, DRV_PCI_SUBVENDOR);
	pci->subsystem = drv_pci_cfg16(pci, DRV_PCI_SUBSYSTEM);
	pci->revision = drv_pci_cfg8(pci, DRV_PCI_REVISION);
	pci->class_code = drv_pci_cfg32(pci, DRV_PCI_REVISION) >> 8;
	pci->int_pin = drv_pci_cfg8(pci, DRV_PCI_INT_PIN);
}

/* Write all ones, read what sticks, put the old value back. */
static int
probe_mask(struct drv_pci *pci, int n, uint32_t *mask)
{
	uint32_t off = DRV_PCI_BAR(n);
	uint32_t old = drv_pci_cfg32(pci, off);
	int rc = drv_bus_cfg_write(pci->bus, off, 4, UINT32_MAX);

	if (rc < 0)
		return rc;
	*mask = drv_pci_cfg32(pci, off);
	return drv_bus_cfg_write(pci->bus, off, 4, old);
}

/* Size one BAR; returns how many registers it takes, or a negative errno. */
static int
size_bar(struct drv_pci *pci, int n)
{
	struct drv_bar *bar = &pci->bars[n];
	uint32_t low, high = UINT32_MAX;
	uint64_t mask;
	int rc = probe_mask(pci, n, &low);

	if (rc < 0 || low == 0)
		return rc < 0 ? rc : 1;
	if (low & 1) {
		bar->type = DRV_BAR_IO;
		mask = (low & ~UINT32_C(3)) | ~UINT64_C(0xffffffff);
		/* the upper 16 bits of an I/O BAR may be hard-wired to 0 */
		if (!(low & 0xffff0000))
			mask |= 0xffff0000;
	} else {
		bool is_64 = (low & 6) == 4;

		bar->type = is_64 ? DRV_BAR_MEM64 : DRV_BAR_MEM32;
		bar->prefetch = low & 8;
		if (is_64)
			rc = n + 1 < DRV_N_BARS ? probe_mask(pci, n + 1, &high)
						: -EPROTO;
		if (rc < 0)
			return rc;
		mask = (uint64_t)high << 32 | (low & ~UINT32_C(15));
	}
	bar->size = ~mask + 1;
	if (!bar->size || (bar->size & (bar->size - 1)))
		return -EPROTO;
	return bar->type == DRV_BAR_MEM64 ? 2 : 1;
}

static int
size_bars(struct drv_pci *pci)
{
	int used;

	pci->bus->io_bars = 0;
	for (int n = 0; n < DRV_N_BARS; n += used) {
		used = size_bar(pci, n);
		if (used < 0)
			return used;
		if (pci->bars[n].type == DRV_BAR_IO)
			pci->bus->io_bars |= 1u << n;
	}
	return 0;
}

static void
read_vcap(struct drv_pci *pci, uint8_t off)
{
	uint8_t type = drv_pci_cfg8(pci, off + VCAP_TYPE);
	struct drv_vcap *vcap;

	if (type >= DRV_VCAP_TYPES || pci->vcaps[type].cap_off)
		return;
	vcap = &pci->vcaps[type];
	vcap->cap_off = off;
	vcap->cap_len = drv_pci_cfg8(pci, off + VCAP_LEN);
	vcap->bar = drv_pci_cfg8(pci, off + VCAP_BAR);
	vcap->id = drv_pci_cfg8(pci, off + VCAP_ID);
	vcap->offset = drv_pci_cfg32(pci, off + VCAP_OFFSET);
	vcap->length = drv_pci_cfg32(pci, off + VCAP_LENGTH);
	if (type == DRV_VCAP_NOTIFY)
		vcap->multiplier = drv_pci_cfg32(pci, off + VCAP_EXTRA);
	if (type == DRV_VCAP_SHM) {
		vcap->offset |= (uint64_t)drv_pci_cfg32(pci, off + VCAP_EXTRA)
				<< 32;
		vcap->length |=
			(uint64_t)drv_pci_cfg32(pci, off + VCAP_EXTRA + 4)
			<< 32;
	}
}

static void
read_msix(struct drv_pci *pci, uint8_t off)
{
	struct drv_msix *msix = &pci->msix;
	uint32_t table = drv_pci_cfg32(pci, off + 4);
	uint32_t pba = drv_pci_cfg32(pci, off + 8);

	msix->cap_off = off;
	msix->n = (uint16_t)((drv_pci_cfg16(pci, off + 2) & 0x7ff) + 1);
	msix->table_bar = table & 7;
	msix->table_off = table & ~UINT32_C(7);
	msix->pba_bar = pba & 7;
	msix->pba_off = pba & ~UINT32_C(7);
}

static int
walk_caps(struct drv_pci *pci)
{
	uint8_t off = drv_pci_cfg8(pci, DRV_PCI_CAP_PTR);

	if (!(drv_pci_cfg16(pci, DRV_PCI_STATUS) & DRV_PCI_STATUS_CAPS))
		return 0;
	while (off) {
		struct drv_cap *cap = &pci->caps[pci->n_caps];

		if (off < 0x40 || (off & 3) || pci->n_caps == 48)
			return -EPROTO;
		cap->off = off;
		cap->id = drv_pci_cfg8(pci, off);
		pci->n_caps++;
		if (cap->id == DRV_PCI_CAP_VENDOR)
			read_vcap(pci, off);
		else if (cap->id == DRV_PCI_CAP_MSIX)
			read_msix(pci, off);
		else if (cap->id == DRV_PCI_CAP_MSI)
			pci->msi_off = off;
		off = drv_pci_cfg8(pci, off + 1u);
	}
	return 0;
}

int
drv_pci_probe(struct drv_pci *pci, struct drv_bus *bus)
{
	int rc;

	memset(pci, 0, sizeof(*pci));
	pci->bus = bus;
	read_ids(pci);
	if (pci->vendor == UINT16_MAX)
		return -ENODEV;
	rc = drv_pci_command(pci, 0, DRV_PCI_CMD_IO | DRV_PCI_CMD_MEM);
	if (rc < 0)
		return rc;
	rc = size_bars(pci);
	return rc < 0 ? rc : walk_caps(pci);
}

/* Take size bytes, aligned to size, from a window that starts at *next. */
static uint64_t
place(uint64_t *next, uint64_t size)
{
	uint64_t addr = (*next + size - 1) & ~(size - 1);

	*next = addr + size;
	return addr;
}

int
drv_pci_assign(struct drv_pci *pci)
{
	uint64_t io = IO_BASE, mem32 = MEM32_BASE, mem64 = MEM64_BASE;
	int rc = 0;

	for (int n = 0; n < DRV_N_BARS && rc == 0; n++) {
		struct drv_bar *bar = &pci->bars[n];

		if (bar->type == DRV_BAR_NONE)
			continue;
		if (bar->type == DRV_BAR_IO)
			bar->addr = place(&io, bar->size);
		else if (bar->type == DRV_BAR_MEM32)
			bar->addr = place(&mem32, bar->size);
		else
			bar->addr = place(&mem64, bar->size);
		rc = drv_bus_cfg_write(pci->bus, DRV_PCI_BAR(n), 4,
				       (uint32_t)bar->addr);
		if (rc == 0 && bar->type == DRV_BAR_MEM64)
			rc = drv_bus_cfg_write(pci->bus, DRV_PCI_BAR(n + 1), 4,
					       (uint32_t)(bar->addr >> 32));
	}
	if (rc < 0)
		return rc;
	return drv_pci_command(
		pci, DRV_PCI_CMD_IO | DRV_PCI_CMD_MEM | DRV_PCI_CMD_MASTER, 0);
}

uint8_t
drv_pci_find_cap(const struct drv_pci *pci, uint8_t id, int n)
{
	for (int i = 0; i < pci->n_caps; i++) {
		if (pci->caps[i].id == id && n-- == 0)
			return pci->caps[i].off;
	}
	return 0;
}

/* Set or clear bits of a capability's 16-bit control word. */
static int
cap_control(struct drv_pci *pci, uint8_t cap_off, uint16_t set, uint16_t clear)
{
	uint32_t ctl = 0;
	int rc;

	if (!cap_off)
		return -ENOENT;
	rc = drv_bus_cfg_read(pci->bus, cap_off + 2u, 2, &ctl);
	if (rc < 0)
		return rc;
	ctl = (ctl | set) & (uint32_t)~clear & 0xffff;
	return drv_bus_cfg_write(pci->bus, cap_off + 2u, 2, ctl);
}

int
drv_pci_msix_enable(struct drv_pci *pci, bool on)
{
	uint8_t off = pci->msix.cap_off;
	int rc;

	if (!off)
		return -ENOENT;
	if (on) {
		rc = drv_bus_irq_setup(pci->bus, DRV_IRQ_MSIX, pci->msix.n);
		return rc < 0 ? rc : cap_control(pci, off, MSIX_CTL_ENABLE, 0);
	}
	rc = cap_control(pci, off, 0, MSIX_CTL_ENABLE);
	return rc < 0 ? rc : drv_bus_irq_setup(pci->bus, DRV_IRQ_MSIX, 0);
}

int
drv_pci_msix_funcmask(struct drv_pci *pci, bool on)
{
	return cap_control(pci, pci->msix.cap_off, on ? MSIX_CTL_MASKALL : 0,
			   on ? 0 : MSIX_CTL_MASKALL);
}

/* Write one 32-bit word of a table entry. */
static int
msix_write(struct drv_pci *pci, uint32_t vector, uint32_t word, uint32_t val)
{
	uint64_t off = pci->msix.table_off + (uint64_t)vector * MSIX_ENTRY_SIZE;

	if (!pci->msix.cap_off)
		return -ENOENT;
	return drv_bus_bar_write(pci->bus, pci->msix.table_bar, off + 4 * word,
				 4, val);
}

int
drv_pci_msix_set(struct drv_pci *pci, uint32_t vector, uint64_t addr,
		 uint32_t data, bool masked)
{
	int rc = msix_write(pci, vector, 0, (uint32_t)addr);

	if (rc == 0)
		rc = msix_write(pci, vector, 1, (uint32_t)(addr >> 32));
	if (rc == 0)
		rc = msix_write(pci, vector, 2, data);
	return rc < 0 ? rc : msix_write(pci, vector, 3, masked);
}

int
drv_pci_msix_mask(struct drv_pci *pci, uint32_t vector, bool masked)
{
	return msix_write(pci, vector, 3, masked);
}

int
drv_pci_msix_pending(struct drv_pci *pci, uint32_t vector, bool *pending)
{
	uint64_t off = pci->msix.pba_off + vector / 64 * 8;
	uint64_t bits = 0;
	int rc;

	if (!pci->msix.cap_off)
		return -ENOENT;
	rc = drv_bus_bar_read(pci->bus, pci->msix.pba_bar, off, 8, &bits);
	if (rc == 0)
		*pending = bits >> vector % 64 & 1;
	return rc;
}

int
drv_pci_msix_start(struct drv_pci *pci)
{
	int rc = 0;

	if (!pci->msix.cap_off)
		return -ENOENT;
	for (uint32_t v = 0; v < pci->msix.n && rc == 0; v++)
		rc = drv_pci_msix_set(pci, v, 0xfee00000, 0x4000 + v, false);
	return rc < 0 ? rc : drv_pci_msix_enable(pci, true);
}

int
drv_pci_msi_enable(struct drv_pci *pci, uint64_t addr, uint16_t data)
{
	uint8_t off = pci->msi_off;
	bool is_64;
	int rc;

	if (!off)
		return -ENOENT;
	is_64 = drv_pci_cfg16(pci, off + 2u) & MSI_CTL_64BIT;
	rc = drv_bus_cfg_write(pci->bus, off + 4u, 4, (uint32_t)addr);
	if (rc == 0 && is_64)
		rc = drv_bus_cfg_write(pci->bus, off + 8u, 4,
				       (uint32_t)(addr >> 32));
	if (rc == 0)
		rc = drv_bus_cfg_write(pci->bus, off + (is_64 ? 12u : 8u), 2,
				       data);
	if (rc == 0)
		rc = drv_bus_irq_setup(pci->bus, DRV_IRQ_MSI, 1);
	return rc < 0 ? rc : cap_control(pci, off, MSI_CTL_ENABLE, 0);
}

int
drv_pci_msi_disable(struct drv_pci *pci)
{
	int rc = cap_control(pci, pci->msi_off, 0, MSI_CTL_ENABLE);

	return rc < 0 ? rc : drv_bus_irq_setup(pci->bus, DRV_IRQ_MSI, 0);
}

int
drv_pci_intx_enable(struct drv_pci *pci, bool on)
{
	int rc;

	if (on) {
		rc = drv_bus_irq_setup(pci->bus, DRV_IRQ_INTX, 1);
		return rc < 0 ? rc
			      : drv_pci_command(pci, 0, DRV_PCI_CMD_INTX_OFF);
	}
	rc = drv_pci_command(pci, DRV_PCI_CMD_INTX_OFF, 0);
	return rc < 0 ? rc : drv_bus_irq_setup(pci->bus, DRV_IRQ_INTX, 0);
}

/* Point the window at (bar, off, len); the data follows at *data_off. */
static int
window_aim(struct drv_pci *pci, uint8_t bar, uint32_t off, uint32_t len,
	   uint32_t *data_off)
{
	uint32_t cap = pci->vcaps[DRV_VCAP_PCI_CFG].cap_off;
	int rc;

	if (!cap)
		return -ENOENT;
	*data_off = cap + VCAP_EXTRA;
	rc = drv_bus_cfg_write(pci->bus, cap + VCAP_BAR, 1, bar);
	if (rc == 0)
		rc = drv_bus_cfg_write(pci->bus, cap + VCAP_OFFSET, 4, off);
	return rc < 0 ? rc
		      : drv_bus_cfg_write(pci->bus, cap + VCAP_LENGTH, 4, len);
}

/* The width of the data access: the length where that is a width. */
static uint32_t
window_width(uint32_t len)
{
	return len == 1 || len == 2 ? len : 4;
}

int
drv_pci_window_read(struct drv_pci *pci, uint8_t bar, uint32_t off,
		    uint32_t len, uint32_t *val)
{
	uint32_t data_off = 0;
	int rc = window_aim(pci, bar, off, len, &data_off);

	return rc < 0 ? rc
		      : drv_bus_cfg_read(pci->bus, data_off, window_width(len),
					 val);
}

int
drv_pci_window_write(struct drv_pci *pci, uint8_t bar, uint32_t off,
		     uint32_t len, uint32_t val)
{
	uint32_t data_off = 0;
	int rc = window_aim(pci, bar, off, len, &data_off);

	return rc < 0 ? rc
		      : drv_bus_cfg_write(pci->bus, data_off, window_width(len),
					  val);
}
