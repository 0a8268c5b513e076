// SPDX-License-Identifier: BSD-3-Clause
/* MSI-X: table, masks, and the pending bit array (PCI 3.0, 6.8.2). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "pci/pci.h"

#define ENTRY_SIZE   16
#define ENTRY_MASKED 1u
#define PBA_ALIGN    4096u

static uint32_t
pba_bytes(int count)
{
	return (uint32_t)(count + 63) / 64 * 8;
}

VBS_API int
pci_emul_add_msixcap(struct pci_vdev *dev, int msgnum, int barnum)
{
	struct pci_msix *m = &dev->priv->msix;
	uint8_t cap[PCI_CAP_MSIX_SIZEOF] = { PCI_CAP_ID_MSIX };
	uint32_t table_bytes = (uint32_t)msgnum * ENTRY_SIZE;
	uint32_t pba = (table_bytes + PBA_ALIGN / 2 - 1) & ~(PBA_ALIGN / 2 - 1);
	int at, rc;

	if (msgnum < 1 || msgnum > VBS_MSIX_MAX || m->cap)
		return -EINVAL;
	rc = pci_emul_alloc_bar(dev, barnum, PCIBAR_MEM32,
				pba + pba_bytes(msgnum) < PBA_ALIGN
					? PBA_ALIGN
					: pba + pba_bytes(msgnum));
	if (rc < 0)
		return rc;
	bytes_put(cap + PCI_MSIX_FLAGS, 2, (uint64_t)(msgnum - 1));
	bytes_put(cap + PCI_MSIX_TABLE, 4, (uint64_t)barnum);
	bytes_put(cap + PCI_MSIX_PBA, 4, pba | (uint32_t)barnum);
	at = pci_emul_add_capability(dev, cap, sizeof(cap));
	if (at < 0)
		return at;
	pci_allow_write(dev, at + PCI_MSIX_FLAGS, 2,
			PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL);
	m->table = calloc((size_t)msgnum, sizeof(*m->table));
	m->pba = calloc(1, pba_bytes(msgnum));
	if (!m->table || !m->pba)
		return -ENOMEM; /* msix_free() comes with the function */
	m->cap = at;
	m->bar = barnum;
	m->count = msgnum;
	m->pba_offset = pba;
	msix_reset(dev);
	return 0;
}

void
msix_free(struct pci_vdev *dev)
{
	free(dev->priv->msix.table);
	free(dev->priv->msix.pba);
}

void
msix_reset(struct pci_vdev *dev)
{
	struct pci_msix *m = &dev->priv->msix;

	if (!m->cap)
		return;
	memset(m->table, 0, (size_t)m->count * sizeof(*m->table));
	for (int i = 0; i < m->count; i++)
		m->table[i].vector_control = ENTRY_MASKED;
	memset(m->pba, 0, pba_bytes(m->count));
	m->function_mask = false;
	__atomic_store_n(&m->enabled, false, __ATOMIC_RELAXED);
}

VBS_API int
pci_msix_table_count(struct pci_vdev *dev)
{
	return dev->priv->msix.count;
}

VBS_API bool
pci_msix_enabled(struct pci_vdev *dev)
{
	return __atomic_load_n(&dev->priv->msix.enabled, __ATOMIC_RELAXED);
}

static bool
msix_masked(struct pci_vdev *dev, int index)
{
	struct pci_msix *m = &dev->priv->msix;

	if (dev->vmctx->ops->flags & VBS_VM_HOST_MASKS_MSIX)
		return false;
	return m->function_mask ||
	       (m->table[index].vector_control & ENTRY_MASKED);
}

/*
 * Decide about vector index: true if *entry is to be sent, else it is masked
 * and pending. The lock is held.
 */
static bool
msix_take(struct pci_vdev *dev, int index, struct msix_table_entry *entry)
{
	struct pci_msix *m = &dev->priv->msix;
	uint64_t bit = UINT64_C(1) << (index % 64);

	if (msix_masked(dev, index)) {
		m->pba[index / 64] |= bit;
		return false;
	}
	m->pba[index / 64] &= ~bit;
	*entry = m->table[index];
	return true;
}

static void
msix_send(struct pci_vdev *dev, int index, const struct msix_table_entry *entry)
{
	dev->vmctx->ops->msi(dev->vmctx->arg, dev, VBS_MSIX, index, entry->addr,
			     entry->msg_data);
}

VBS_API void
pci_generate_msix(struct pci_vdev *dev, int index)
{
	struct pci_priv *p = dev->priv;
	struct msix_table_entry entry;
	bool send = false;

	pthread_mutex_lock(&p->lock);
	if (p->msix.enabled && index >= 0 && index < p->msix.count)
		send = msix_take(dev, index, &entry);
	pthread_mutex_unlock(&p->lock);
	if (send)
		msix_send(dev, index, &entry);
}

/* Send what is pending among vectors first..last and not masked any more. */
static void
msix_deliver(struct pci_vdev *dev, int first, int last)
{
	struct pci_msix *m = &dev->priv->msix;
	struct msix_table_entry entry;

	for (int i = first; i <= last; i++) {
		bool send = false;

		pthread_mutex_lock(&dev->priv->lock);
		if (m->enabled && (m->pba[i / 64] >> (i % 64) & 1))
			send = msix_take(dev, i, &entry);
		pthread_mutex_unlock(&dev->priv->lock);
		if (send)
			msix_send(dev, i, &entry);
	}
}

/* The guest has written message control. */
void
msix_update(struct pci_vdev *dev)
{
	struct pci_msix *m = &dev->priv->msix;
	uint16_t flags = pci_get_cfgdata16(dev, m->cap + PCI_MSIX_FLAGS);

	pthread_mutex_lock(&dev->priv->lock);
	__atomic_store_n(&m->enabled, !!(flags & PCI_MSIX_FLAGS_ENABLE),
			 __ATOMIC_RELAXED);
	m->function_mask = !!(flags & PCI_MSIX_FLAGS_MASKALL);
	intx_update(dev);
	pthread_mutex_unlock(&dev->priv->lock);
	msix_deliver(dev, 0, m->count - 1);
}

/* Only naturally aligned accesses of 4 and 8 bytes count (6.8.2). */
static bool
msix_access_ok(uint64_t offset, int size)
{
	return (size == 4 || size == 8) && offset % (uint64_t)size == 0;
}

/* A word of the table, 0..3 in each entry. */
static uint32_t
table_get(const struct pci_msix *m, uint64_t word)
{
	const struct msix_table_entry *e = &m->table[word / 4];

	switch (word % 4) {
	case 0:
		return (uint32_t)e->addr;
	case 1:
		return (uint32_t)(e->addr >> 32);
	case 2:
		return e->msg_data;
	default:
		return e->vector_control;
	}
}

static void
table_put(struct pci_msix *m, uint64_t word, uint32_t val)
{
	struct msix_table_entry *e = &m->table[word / 4];

	switch (word % 4) {
	case 0:
		e->addr = (e->addr & ~(uint64_t)UINT32_MAX) | (val & ~3u);
		break;
	case 1:
		e->addr = (e->addr & UINT32_MAX) | (uint64_t)val << 32;
		break;
	case 2:
		e->msg_data = val;
		break;
	default:
		e->vector_control = val & ENTRY_MASKED;
		break;
	}
}

/* A word of the BAR: table, pending bits, or a gap. The lock is held. */
static uint32_t
word_get(const struct pci_msix *m, uint64_t offset)
{
	if (offset < (uint64_t)m->count * ENTRY_SIZE)
		return table_get(m, offset / 4);
	if (offset < m->pba_offset ||
	    offset - m->pba_offset >= pba_bytes(m->count))
		return 0;
	offset -= m->pba_offset;
	return (uint32_t)(m->pba[offset / 8] >> (offset % 8 * 8));
}

uint64_t
msix_barread(struct pci_vdev *dev, uint64_t offset, int size)
{
	const struct pci_msix *m = &dev->priv->msix;
	uint64_t val;

	if (!msix_access_ok(offset, size))
		return bytes_ones(size);
	pthread_mutex_lock(&dev->priv->lock);
	val = word_get(m, offset);
	if (size == 8)
		val |= (uint64_t)word_get(m, offset + 4) << 32;
	pthread_mutex_unlock(&dev->priv->lock);
	return val;
}

void
msix_barwrite(struct pci_vdev *dev, uint64_t offset, int size, uint64_t value)
{
	struct pci_msix *m = &dev->priv->msix;
	int index = (int)(offset / ENTRY_SIZE);

	/* The pending bits are read-only. */
	if (!msix_access_ok(offset, size) ||
	    offset >= (uint64_t)m->count * ENTRY_SIZE)
		return;
	pthread_mutex_lock(&dev->priv->lock);
	table_put(m, offset / 4, (uint32_t)value);
	if (size == 8)
		table_put(m, offset / 4 + 1, (uint32_t)(value >> 32));
	pthread_mutex_unlock(&dev->priv->lock);
	msix_deliver(dev, index, index);
}
