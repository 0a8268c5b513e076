/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file vm.h
 * @brief The VM as a device sees it: guest RAM, and a way to interrupt it.
 *
 * A host (a hypervisor's device model, or one of the servers that libvbs
 * brings) makes one struct vmctx for each VM from a table of operations. A
 * device needs nothing else from a hypervisor.
 *
 * Guest RAM is a set of regions that may come and go while devices run. Before
 * a region goes, the library stops every queue of the VM, waits until what is
 * in flight has come back, and lets the queues go on with the new map.
 */
#ifndef VBS_VM_H
#define VBS_VM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vbs/log.h>
#include <vbs/version.h>

VBS_BEGIN_DECLS

struct event_base;
struct pci_vdev;
struct vmctx;

/** Which message-signalled mechanism an interrupt uses. */
enum vbs_msi_type {
	VBS_MSI,
	VBS_MSIX,
};

/** The host keeps the MSI-X masks itself; the table's mask bits are unused. */
#define VBS_VM_HOST_MASKS_MSIX 0x1u

/**
 * @brief What a host lends to the devices of its VM.
 *
 * Every callback may come from any thread and must not call back into the
 * device that it concerns.
 */
struct vbs_vm_ops {
	/**
	 * Deliver one message-signalled interrupt. The host uses what it has:
	 * @p index (an eventfd of that vector), or @p addr and @p data (inject
	 * the message). Masks have been looked at already. Mandatory.
	 */
	void (*msi)(void *arg, struct pci_vdev *dev, enum vbs_msi_type type,
		    int index, uint64_t addr, uint32_t data);
	/** Set the level of the function's INTx line. Mandatory. */
	void (*intx)(void *arg, struct pci_vdev *dev, bool asserted);
	/** VBS_VM_* bits. */
	uint32_t flags;
};

/** The device may not write to this region (ROM). */
#define VBS_RAM_READONLY 0x1u

/** Guest RAM: what the host adds with vbs_vm_add_ram(). */
struct vbs_ram {
	uint64_t gpa;   /**< guest physical address of the first byte */
	uint64_t size;  /**< bytes, more than 0 */
	void *hva;      /**< where it is mapped in this process */
	uint32_t flags; /**< VBS_RAM_* bits */
	/**
	 * Called once when nothing uses the region any more (munmap). May be
	 * NULL. Runs in the thread that dropped the last use.
	 */
	void (*release)(void *arg, void *hva, uint64_t size);
	void *arg; /**< handed to release() */
};

/**
 * @brief Make a VM.
 *
 * @param ops   The host's operations; must outlive the VM.
 * @param arg   Handed to each of them.
 * @param base  Event loop of the control thread; must outlive the VM. Queues
 *              without an iothread are served on it.
 *
 * @return The VM, owned by the caller, or NULL when memory ran out or @p ops
 *         lacks a mandatory operation.
 *
 * @since 0.1
 */
VBS_API struct vmctx *vbs_vm_new(const struct vbs_vm_ops *ops, void *arg,
				 struct event_base *base);

/**
 * @brief Free a VM. All its functions have been freed before.
 *
 * @param ctx  VM; NULL does nothing. Regions that are left are released.
 *
 * @since 0.1
 */
VBS_API void vbs_vm_free(struct vmctx *ctx);

/**
 * @brief The control thread's event loop.
 *
 * @since 0.1
 */
VBS_API struct event_base *vbs_vm_event_base(struct vmctx *ctx);

/**
 * @brief The VM's identity, a random UUID made with the VM.
 *
 * @return 36 characters and a NUL; owned by the VM.
 *
 * @since 0.1
 */
VBS_API const char *vbs_vm_id(const struct vmctx *ctx);

/**
 * @brief Add a region of guest RAM.
 *
 * Queues whose rings lay in memory that was missing go on by themselves.
 *
 * @param ctx  VM.
 * @param ram  The region; copied. release() is the library's from the call on
 *             only if it succeeds.
 *
 * @return 0, or
 * @retval -EINVAL  Size 0, no host address, or an end beyond 2^64.
 * @retval -EEXIST  It overlaps a region that is there.
 * @retval -ENOSPC  More than 4096 regions.
 * @retval -ENOMEM  Out of memory.
 *
 * @par Locking
 * The control thread only.
 *
 * @since 0.1
 */
VBS_API int vbs_vm_add_ram(struct vmctx *ctx, const struct vbs_ram *ram);

/**
 * @brief Remove a region of guest RAM.
 *
 * Blocks until no queue uses it, for at most 3 seconds; after that the pages
 * stay mapped until the stuck request has come back, and only the guest
 * address is gone.
 *
 * @param ctx   VM.
 * @param gpa   As it was added.
 * @param size  As it was added.
 *
 * @return 0, or
 * @retval -ENOENT  No region has this address and this size.
 * @retval -ENOMEM  Out of memory; nothing has changed.
 *
 * @par Locking
 * The control thread only.
 *
 * @since 0.1
 */
VBS_API int vbs_vm_del_ram(struct vmctx *ctx, uint64_t gpa, uint64_t size);

/**
 * @brief Remove every region: the guest, or its VMM, has gone.
 *
 * Blocks as vbs_vm_del_ram(). Devices keep their state, but memory that is
 * added from now on may be another guest's: a queue takes no chain from it
 * until the driver has notified the queue, or reset the device.
 *
 * @return 0.
 *
 * @since 0.1
 */
VBS_API int vbs_vm_clear_ram(struct vmctx *ctx);

/**
 * @brief Turn a guest physical range into a host pointer.
 *
 * @param ctx    VM.
 * @param gaddr  Guest physical address.
 * @param len    Bytes, more than 0.
 *
 * @return A pointer if the whole range lies in one writable region of RAM,
 *         else NULL.
 *
 * @par Ownership
 * The pointer is good until the host removes the region. A device that keeps
 * one across callbacks must not: chains from vq_getchain() are kept safe by
 * the library, a pointer from here is not.
 *
 * @par Locking
 * None needed; any thread.
 *
 * @since 0.1
 */
VBS_API void *paddr_guest2host(struct vmctx *ctx, uintptr_t gaddr, size_t len);

VBS_END_DECLS

#endif
