/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file pci.h
 * @brief DM API: be a PCI function.
 *
 * Three groups: what a device calls to build its function (configuration
 * space, BARs, capabilities) and to interrupt; the table of callbacks that a
 * device fills; and what a host calls to make a function and to bring the
 * guest's accesses to it.
 */
#ifndef VBS_PCI_H
#define VBS_PCI_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vbs/version.h>

VBS_BEGIN_DECLS

struct pci_priv;
struct pci_vdev;
struct vmctx;

#define VBS_PCI_CFG_SIZE  256
#define VBS_PCI_N_BARS    6
#define VBS_MSIX_MAX      2048
#define VBS_PCI_NAME_SIZE 40

enum pcibar_type {
	PCIBAR_NONE,
	PCIBAR_IO,
	PCIBAR_MEM32,
	PCIBAR_MEM64,   /**< takes the next index as well */
	PCIBAR_MEMHI64, /**< upper half of the one before */
};

/** A base address register. The library keeps @c addr as the guest sets it. */
struct pcibar {
	enum pcibar_type type;
	uint64_t size; /**< bytes, a power of two */
	uint64_t addr; /**< guest address, 0 until the guest has set it */
};

/** One entry of the MSI-X table (PCI 3.0, 6.8.2.6). */
struct msix_table_entry {
	uint64_t addr;
	uint32_t msg_data;
	uint32_t vector_control; /**< bit 0: masked */
};

/**
 * @brief A kind of device: what it is called, and its callbacks.
 *
 * Callbacks that are NULL are not called. vdev_init and vdev_deinit run in the
 * control thread; the others in the thread that carries the guest's access.
 */
struct pci_vdev_ops {
	/** Name on the command line: lower case, no comma. */
	const char *class_name;
	/**
	 * Make the device. @p opts is the device's own, writable copy of its
	 * options, or NULL. Returns 0 or a negative errno, with nothing left
	 * behind.
	 */
	int (*vdev_init)(struct vmctx *ctx, struct pci_vdev *dev, char *opts);
	/**
	 * Undo vdev_init. The device has been reset: no queue is live. A chain
	 * that it cannot give back, because a request is stuck, keeps its
	 * memory mapped for ever.
	 */
	void (*vdev_deinit)(struct vmctx *ctx, struct pci_vdev *dev,
			    char *opts);
	/** ACRN's: not called. */
	void (*vdev_write_dsdt)(struct pci_vdev *dev);
	/** ACRN's: not called. */
	void (*vdev_phys_access)(struct vmctx *ctx, struct pci_vdev *dev);
	/** Configuration write; 0 if handled, else the library does it. */
	int (*vdev_cfgwrite)(struct vmctx *ctx, int vcpu, struct pci_vdev *dev,
			     int offset, int bytes, uint32_t val);
	/** Configuration read; 0 if handled, else the library does it. */
	int (*vdev_cfgread)(struct vmctx *ctx, int vcpu, struct pci_vdev *dev,
			    int offset, int bytes, uint32_t *retval);
	/** BAR write of 1, 2, 4 or 8 bytes, inside the BAR. */
	void (*vdev_barwrite)(struct vmctx *ctx, int vcpu, struct pci_vdev *dev,
			      int baridx, uint64_t offset, int size,
			      uint64_t value);
	/** BAR read of 1, 2, 4 or 8 bytes, inside the BAR. */
	uint64_t (*vdev_barread)(struct vmctx *ctx, int vcpu,
				 struct pci_vdev *dev, int baridx,
				 uint64_t offset, int size);
};

/**
 * @brief One virtual PCI function. Made and owned by the library.
 */
struct pci_vdev {
	const struct pci_vdev_ops *dev_ops; /**< device may read */
	struct vmctx *vmctx;                /**< device may read */
	uint8_t bus, slot, func;            /**< device may read */
	char name[VBS_PCI_NAME_SIZE]; /**< device may read: "CLASS@B:D.F" */
	void *arg; /**< the device's; virtio_linkup() sets it */
	uint8_t cfgdata[VBS_PCI_CFG_SIZE]; /**< through pci_*_cfgdata*() */
	struct pcibar bar[VBS_PCI_N_BARS]; /**< device may read */
	struct pci_priv *priv;             /**< library only */
	uint64_t reserved[4];
};

/**
 * @name Configuration space, raw
 * Loads and stores of the function's own copy, little-endian, with no side
 * effect. An offset that is negative, unaligned or beyond 255 is ignored, and
 * reads as all ones. No lock: for vdev_init(), or fields that do not change.
 * @since 0.1
 * @{
 */
VBS_API void pci_set_cfgdata8(struct pci_vdev *dev, int offset, uint8_t val);
VBS_API void pci_set_cfgdata16(struct pci_vdev *dev, int offset, uint16_t val);
VBS_API void pci_set_cfgdata32(struct pci_vdev *dev, int offset, uint32_t val);
VBS_API uint8_t pci_get_cfgdata8(struct pci_vdev *dev, int offset);
VBS_API uint16_t pci_get_cfgdata16(struct pci_vdev *dev, int offset);
VBS_API uint32_t pci_get_cfgdata32(struct pci_vdev *dev, int offset);
/** @} */

/**
 * @brief Give the function a BAR. Its address is 0 until the guest sets it.
 *
 * @param dev   Function, in its vdev_init().
 * @param idx   0..5; a PCIBAR_MEM64 takes @p idx and the next.
 * @param type  PCIBAR_IO, PCIBAR_MEM32 or PCIBAR_MEM64.
 * @param size  Bytes; rounded up to a power of two, at least 4 (I/O) or 16.
 *
 * @return 0, or
 * @retval -EINVAL  Bad index, type or size, or the BAR is taken.
 *
 * @since 0.1
 */
VBS_API int pci_emul_alloc_bar(struct pci_vdev *dev, int idx,
			       enum pcibar_type type, uint64_t size);

/**
 * @brief Append a capability to the function's list.
 *
 * @param dev      Function, in its vdev_init().
 * @param capdata  The capability; its next pointer is filled in by the library.
 * @param caplen   Bytes, 2..192.
 *
 * @return Its offset in configuration space, or
 * @retval -ENOSPC  No room.
 * @retval -EINVAL  Bad length.
 *
 * @since 0.1
 */
VBS_API int pci_emul_add_capability(struct pci_vdev *dev,
				    const uint8_t *capdata, int caplen);

/**
 * @brief Find the first capability with an id.
 *
 * @param dev            Function.
 * @param capid          PCI_CAP_ID_*.
 * @param[out] p_capoff  Its offset.
 *
 * @return 0, or
 * @retval -ENOENT  There is none.
 *
 * @since 0.1
 */
VBS_API int pci_emul_find_capability(struct pci_vdev *dev, uint8_t capid,
				     int *p_capoff);

/**
 * @brief Add an MSI capability, 64-bit, with per-vector masks.
 *
 * @param dev     Function, in its vdev_init().
 * @param msgnum  Vectors: 1, 2, 4, 8, 16 or 32.
 *
 * @return 0, -EINVAL or -ENOSPC.
 *
 * @since 0.1
 */
VBS_API int pci_emul_add_msicap(struct pci_vdev *dev, int msgnum);

/**
 * @brief Add an MSI-X capability, with the table and the pending bit array in
 *        a 32-bit memory BAR of their own.
 *
 * @param dev     Function, in its vdev_init().
 * @param msgnum  Vectors, 1..2048.
 * @param barnum  BAR to use; it must be free.
 *
 * @return 0, -EINVAL, -ENOSPC or -ENOMEM.
 *
 * @since 0.1
 */
VBS_API int pci_emul_add_msixcap(struct pci_vdev *dev, int msgnum, int barnum);

/** @brief Give the function the INTA pin. @since 0.1 */
VBS_API void pci_lintr_request(struct pci_vdev *dev);

/**
 * @brief Assert, or deassert, the INTx line.
 *
 * A line that is asserted while the guest has disabled INTx (command register,
 * bit 10), or has enabled MSI or MSI-X instead, reaches the host when that is
 * over. The interrupt status bit (status register, bit 3) follows in any case.
 * No-op without a pin.
 *
 * @par Locking
 * None needed; any thread.
 *
 * @since 0.1
 */
VBS_API void pci_lintr_assert(struct pci_vdev *dev);
VBS_API void pci_lintr_deassert(struct pci_vdev *dev);

/**
 * @brief Send an MSI, or an MSI-X message.
 *
 * A masked vector (or function) sets its pending bit instead, and the message
 * is sent when the guest unmasks it (PCI 3.0, 6.8.2.9). Nothing happens while
 * the mechanism is disabled, or for an index that does not exist.
 *
 * @param dev    Function.
 * @param index  Vector, from 0.
 *
 * @par Locking
 * None needed; any thread.
 *
 * @since 0.1
 */
VBS_API void pci_generate_msi(struct pci_vdev *dev, int index);
VBS_API void pci_generate_msix(struct pci_vdev *dev, int index);

/** @brief Has the guest enabled MSI (and not MSI-X)? @since 0.1 */
VBS_API bool pci_msi_enabled(struct pci_vdev *dev);
/** @brief Has the guest enabled MSI-X? @since 0.1 */
VBS_API bool pci_msix_enabled(struct pci_vdev *dev);
/** @brief Entries of the MSI-X table; 0 without the capability. @since 0.1 */
VBS_API int pci_msix_table_count(struct pci_vdev *dev);
/** @brief Vectors of the MSI capability; 0 without it. @since 0.1 */
VBS_API int pci_msi_count(struct pci_vdev *dev);

/**
 * @name For hosts
 * Called by whoever carries the guest's accesses, in the control thread.
 * @{
 */

/**
 * @brief Make a function and its device.
 *
 * @param ctx       VM.
 * @param ops       Kind of device; must outlive the function.
 * @param slot      0..31.
 * @param func      0..7.
 * @param opts      The device's options or NULL; copied.
 * @param[out] out  The function, freed with vbs_pci_free().
 *
 * @return 0, -EINVAL, -ENOMEM, or what the device's vdev_init() returned.
 *
 * @since 0.1
 */
VBS_API int vbs_pci_new(struct vmctx *ctx, const struct pci_vdev_ops *ops,
			int slot, int func, const char *opts,
			struct pci_vdev **out);

/** @brief Reset the device, free it and its function. NULL is fine. @since 0.1
 */
VBS_API void vbs_pci_free(struct pci_vdev *dev);

/**
 * @brief Function-level reset: the device, MSI, MSI-X, BARs and the command
 *        register go back to what they were after vdev_init().
 *
 * Blocks until no queue is live, for at most 3 seconds.
 *
 * @since 0.1
 */
VBS_API void vbs_pci_reset(struct pci_vdev *dev);

/**
 * @brief A guest's configuration read or write.
 *
 * @param dev     Function.
 * @param offset  0..255, naturally aligned.
 * @param bytes   1, 2 or 4.
 * @param val     The value; all ones is read from what does not exist.
 *
 * @return 0, or
 * @retval -EINVAL  Bad offset or width; a write has done nothing.
 *
 * @since 0.1
 */
VBS_API int vbs_pci_cfgread(struct pci_vdev *dev, int offset, int bytes,
			    uint32_t *val);
VBS_API int vbs_pci_cfgwrite(struct pci_vdev *dev, int offset, int bytes,
			     uint32_t val);

/**
 * @brief A guest's access to a BAR.
 *
 * @param dev     Function.
 * @param baridx  0..5.
 * @param offset  Bytes from the start of the BAR.
 * @param size    1, 2, 4 or 8; the access lies inside the BAR.
 * @param value   What is written.
 *
 * An access that is not of this form reads as all ones and writes nothing.
 *
 * @since 0.1
 */
VBS_API uint64_t vbs_pci_barread(struct pci_vdev *dev, int baridx,
				 uint64_t offset, int size);
VBS_API void vbs_pci_barwrite(struct pci_vdev *dev, int baridx, uint64_t offset,
			      int size, uint64_t value);

/**
 * @brief Which BAR decodes an address?
 *
 * Looks at the BARs as the guest has set them and at the command register.
 *
 * @param dev          Function.
 * @param io           I/O space rather than memory.
 * @param addr         Guest address.
 * @param[out] baridx  BAR.
 * @param[out] offset  Bytes from its start.
 *
 * @return true if one does.
 *
 * @since 0.1
 */
VBS_API bool vbs_pci_decode(struct pci_vdev *dev, bool io, uint64_t addr,
			    int *baridx, uint64_t *offset);

/** A place in a BAR where a write can become a write to an eventfd. */
struct vbs_doorbell {
	int baridx;
	uint64_t offset;
	int size;  /**< width of the write in bytes, or 0 for any */
	int match; /**< value that counts, or -1 for any; -1 if size is 0 */
	int fd;    /**< eventfd; the library's */
};

/**
 * @brief The function's doorbells, for hosts that can bind eventfds.
 *
 * @param dev    Function.
 * @param[out] out  Room for @p n.
 * @param n      Entries.
 *
 * @return How many there are, which may be more than @p n.
 *
 * @since 0.1
 */
VBS_API int vbs_pci_doorbells(struct pci_vdev *dev, struct vbs_doorbell *out,
			      int n);
/** @} */

/**
 * @brief Make a shared object that vbs-dm can load (-s 5,./NAME.so).
 *
 * Once in the object, at file scope: VBS_DEVICE(ops).
 *
 * @param ops_  A const struct pci_vdev_ops.
 */
#define VBS_DEVICE(ops_)                                                       \
	VBS_API extern const struct pci_vdev_ops *const vbs_device_ops;        \
	VBS_API extern const int vbs_device_abi;                               \
	const struct pci_vdev_ops *const vbs_device_ops = &(ops_);             \
	const int vbs_device_abi = VBS_DEVICE_ABI

VBS_END_DECLS

#endif
