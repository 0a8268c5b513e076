/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file virtio.h
 * @brief VBS-U: be a virtio device.
 *
 * A device embeds struct virtio_common as the first member of its own struct,
 * fills a const struct virtio_ops, and joins the two with virtio_linkup(). The
 * library does the rest: one state machine for status, features, queues and
 * reset, whichever registers (legacy or modern) the driver uses.
 *
 * The order of a device's life:
 *
 *     vdev_init:  virtio_linkup()
 *                 vbs_virtio_pci_init()   (ids, interrupts, BARs)
 *     driver:     check_features(), apply_features()   at FEATURES_OK
 *                 set_status()                         at each status write
 *                 qnotify()                            whenever there is work
 *     reset:      queue_stop() for each live queue, then reset()
 *     vdev_deinit
 */
#ifndef VBS_VIRTIO_H
#define VBS_VIRTIO_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vbs/pci.h>
#include <vbs/version.h>
#include <vbs/vm.h>
#include <vbs/vq.h>

VBS_BEGIN_DECLS

struct virtio_common;
struct virtio_priv;

/** Where the data plane of a device runs. */
enum vbs_backend_type {
	BACKEND_VBSU,  /**< in this process */
	BACKEND_VBSK,  /**< in an ACRN service VM's kernel */
	BACKEND_VHOST, /**< in the Linux kernel (vhost) */
};

/** BARs, as ACRN lays them out. */
#define VIRTIO_LEGACY_PIO_BAR_IDX  0
#define VIRTIO_MSIX_BAR_IDX        1
#define VIRTIO_MODERN_PIO_BAR_IDX  2
#define VIRTIO_MODERN_MMIO_BAR_IDX 4

/**
 * @brief What a kind of virtio device does. One const table for each kind.
 *
 * The first argument of each callback is the pointer that was given to
 * virtio_linkup(). Callbacks that are NULL are not called.
 */
struct virtio_ops {
	/** For messages. */
	const char *name;
	/** Queues, 1..65535. */
	int nvq;
	/** Bytes of device configuration space, 0..4096. */
	size_t cfgsize;
	/**
	 * The driver has reset the device. Every queue is stopped and nothing
	 * is in flight, or it was given up after 3 seconds. Forget the driver's
	 * settings, then call virtio_reset_dev(). Entered with common.mtx.
	 * Without it the library calls virtio_reset_dev() itself.
	 */
	void (*reset)(void *dev);
	/**
	 * There are chains to take. Takes at most vq->qsize of them and
	 * returns; called again while there is work and progress. Entered with
	 * vq->mtx, in the thread that the queue belongs to. Mandatory, unless
	 * each queue has a notify of its own.
	 */
	void (*qnotify)(void *dev, struct vqueue_info *vq);
	/**
	 * Read device configuration: @p size is 1, 2 or 4 and the range lies
	 * inside cfgsize. Value in the low bytes. Returns 0 or a negative
	 * errno (then the driver reads all ones). Entered with common.mtx.
	 */
	int (*cfgread)(void *dev, int offset, int size, uint32_t *val);
	/** Write device configuration; as cfgread. */
	int (*cfgwrite)(void *dev, int offset, int size, uint32_t val);
	/** The features are decided. Entered with common.mtx. */
	void (*apply_features)(void *dev, uint64_t negotiated);
	/** The status register now holds @p status. Entered with common.mtx. */
	void (*set_status)(void *dev, uint64_t status);

	/**
	 * Is this subset of device_caps one that the device can serve? Returns
	 * 0, or a negative errno to refuse FEATURES_OK (virtio 1.3, 2.2.2).
	 * Entered with common.mtx.
	 */
	int (*check_features)(void *dev, uint64_t negotiated);
	/**
	 * A queue is being stopped (reset, queue reset, removal of memory):
	 * return, or cancel, chains that would otherwise stay for long. Not
	 * needed by devices whose requests end by themselves. vq->mtx is not
	 * held; no more chains are handed out.
	 */
	void (*queue_stop)(void *dev, struct vqueue_info *vq);
	/**
	 * A chain could not be handed out. @p last is its last segment, or
	 * NULL if that is not a device-writable range of RAM: the place for an
	 * error status. Returns the number of bytes written, for the used
	 * length. Entered with vq->mtx.
	 */
	uint32_t (*bad_chain)(void *dev, struct vqueue_info *vq,
			      const struct iovec *last);
	/**
	 * The guest moves to another process: write to @p buf what the device
	 * there has to know beyond features, status and queues. Returns the
	 * number of bytes, at most @p size, or a negative errno. Entered with
	 * common.mtx; the queues are stopped. Not needed by a device that
	 * keeps nothing.
	 */
	long (*save)(void *dev, void *buf, size_t size);
	/**
	 * What save() has written, in another process, perhaps by another
	 * version, perhaps by somebody who lies. Returns 0, or a negative
	 * errno and the device is as it was. Entered as save().
	 */
	int (*load)(void *dev, const void *buf, size_t len);
	void *reserved[2];
};

/**
 * @brief One virtio device, whatever carries it.
 *
 * The first member of the device's own struct.
 */
struct virtio_common {
	/** Device may read: set by virtio_linkup(). */
	const struct virtio_ops *vops;
	/** Guards status, features and configuration. Not recursive. */
	pthread_mutex_t mtx;
	/** Device may read: the PCI function. */
	struct pci_vdev *dev;
	/**
	 * Device sets before vbs_virtio_pci_init(): features of its type
	 * (bits 0-23 and 50-63). The library adds those of the queues and of
	 * the transport.
	 */
	uint64_t device_caps;
	/** Device may read, after apply_features(): what driver and device
	 *  share. */
	uint64_t negotiated_caps;
	/** Device may read: vops->nvq entries. */
	struct vqueue_info *queues;
	/** Device may read: enum vbs_backend_type. */
	int backend_type;
	/** Device may read: the status register. */
	uint8_t status;
	/** Library only. */
	uint8_t isr;
	/** Library only. */
	uint8_t config_generation;
	/** Library only. */
	uint16_t msix_cfg_idx;
	/** Library only. */
	struct virtio_priv *priv;
	uint64_t reserved[4];
};

/** How a virtio device looks on the PCI bus (virtio 1.3, 4.1.2). */
struct vbs_virtio_id {
	/** Virtio device type (VIRTIO_ID_*). */
	uint16_t type;
	/**
	 * PCI device id of the transitional function (0x1000..0x103f, or one
	 * of vendor 0x8086), or 0 for a modern function (0x1040 + type).
	 */
	uint16_t device;
	/** PCI vendor id; 0 for 0x1af4. */
	uint16_t vendor;
	/** PCI subsystem id; 0 for the default (the type, or 0x1100). */
	uint16_t subdevice;
	/** PCI subsystem vendor id; 0 for the vendor. */
	uint16_t subvendor;
	/** PCI class code, 24 bits: class, subclass, interface. */
	uint32_t class_code;
};

/**
 * @brief Join a device with its operations, its function and its queues.
 *
 * Sets dev->arg to @p pci_virtio_dev. An error (out of memory, a queue size
 * that is no power of two) is kept and returned by the next call that returns
 * a value.
 *
 * @param base            Common part; the first member of the device's struct.
 * @param vops            Operations; must outlive the device.
 * @param pci_virtio_dev  The device's struct; handed to each callback.
 * @param dev             Function.
 * @param queues          vops->nvq queues with their qsize set, zeroed
 *                        otherwise; they live as long as the device.
 * @param backend_type    BACKEND_VBSU, BACKEND_VBSK or BACKEND_VHOST.
 *
 * @par Ownership
 * The struct and the queues stay the device's; it may free them in
 * vdev_deinit(), or after a failed vdev_init().
 *
 * @since 0.1
 */
VBS_API void virtio_linkup(struct virtio_common *base,
			   const struct virtio_ops *vops, void *pci_virtio_dev,
			   struct pci_vdev *dev, struct vqueue_info *queues,
			   int backend_type);

/**
 * @brief Make the linked-up device a PCI function that drivers recognise.
 *
 * Sets the ids and the class, adds MSI-X (one vector for each queue and one
 * for configuration changes), MSI and INTx, the modern BAR and its
 * capabilities, and, for a transitional function, the legacy BAR. Devices with
 * a layout of their own call virtio_interrupt_init(), virtio_set_io_bar() and
 * virtio_set_modern_bar() instead.
 *
 * @param base  Device, linked up, with device_caps set.
 * @param id    What it is; copied.
 *
 * @return 0, or
 * @retval -EINVAL  The ids do not fit together, or virtio_linkup() failed so.
 * @retval -ENOSPC  No room in configuration space, or a BAR is taken.
 * @retval -ENOMEM  Out of memory.
 *
 * @since 0.1
 */
VBS_API int vbs_virtio_pci_init(struct virtio_common *base,
				const struct vbs_virtio_id *id);

/**
 * @brief Give the function MSI-X (optional), one MSI vector and INTx.
 *
 * @param base      Device, linked up.
 * @param use_msix  1 for MSI-X in BAR 1 with nvq + 1 vectors.
 *
 * @return 0, -EINVAL, -ENOSPC or -ENOMEM; also what virtio_linkup() met.
 *
 * @since 0.1
 */
VBS_API int virtio_interrupt_init(struct virtio_common *base, int use_msix);

/**
 * @brief Put status, features, queues and vectors back to their defaults.
 *
 * Called by a device's reset() callback.
 *
 * @par Locking
 * The caller holds base->mtx; no queue is live.
 *
 * @since 0.1
 */
VBS_API void virtio_reset_dev(struct virtio_common *base);

/**
 * @brief Add the legacy registers, in I/O space (virtio 1.3, 4.1.4.10).
 *
 * An error is kept and returned by virtio_set_modern_bar().
 *
 * @param base    Device, linked up.
 * @param barnum  BAR 0: drivers look nowhere else.
 *
 * @since 0.1
 */
VBS_API void virtio_set_io_bar(struct virtio_common *base, int barnum);

/**
 * @brief Add the modern registers in BAR 4 and their capabilities.
 *
 * COMMON at 0, ISR at 0x1000, DEVICE at 0x2000, NOTIFY at 0x3000 with a
 * multiplier of 4, and a PCI_CFG window (virtio 1.3, 4.1.4).
 *
 * @param base            Device, linked up.
 * @param use_notify_pio  Also a doorbell in I/O space, BAR 2.
 *
 * @return 0, -EINVAL, -ENOSPC or -ENOMEM.
 *
 * @since 0.1
 */
VBS_API int virtio_set_modern_bar(struct virtio_common *base,
				  bool use_notify_pio);

/**
 * @brief Offer a feature of the queues or the transport to the driver, or do
 * not.
 *
 * Each virtio device has these from the library, without a line of its own.
 * Offered unless they are switched off: VIRTIO_F_INDIRECT_DESC (28),
 * VIRTIO_F_EVENT_IDX (29), VIRTIO_F_RING_PACKED (34), VIRTIO_F_RING_RESET (40).
 * Offered only when they are switched on:
 *
 * - VIRTIO_F_IN_ORDER (35): a slow request holds up the faster ones that came
 *   after it.
 * - VIRTIO_F_NOTIFICATION_DATA (38): the ring says what the data say; and where
 *   all queues share one doorbell, no eventfd can take its place any more.
 * - VIRTIO_F_NOTIF_CONFIG_DATA (39): the library knows queues by their index.
 *
 * Legacy registers have 28 and 29 only. Over vhost-user 38 to 40 are never
 * offered: they are for whoever has the registers.
 *
 * @param dev    Function, after virtio_linkup(): for the device itself, in
 *               vdev_init(), or for the host that has made it.
 * @param bit    Feature bit.
 * @param offer  Shall the driver find it?
 *
 * @return 0, or
 * @retval -EINVAL  The bit is none of these.
 * @retval -EBUSY   A driver, or a front end, has begun to use the device.
 * @retval -ENODEV  The function is no virtio device.
 * @retval -ENOMEM  Out of memory.
 *
 * @par Locking
 * Takes common.mtx; control thread.
 *
 * @since 0.1
 */
VBS_API int vbs_virtio_offer(struct pci_vdev *dev, unsigned int bit,
			     bool offer);

/**
 * @brief Tell the driver that the device's configuration has changed.
 *
 * Has the generation change before the driver's next look, and sends the
 * configuration interrupt (2.5, 4.1.5). No interrupt before DRIVER_OK.
 *
 * @par Locking
 * None needed; any thread. A device that changes more than 32 bits does so,
 * and calls this, under vb->mtx: then no driver takes half of it for a whole.
 *
 * @since 0.1
 */
VBS_API void virtio_config_changed(struct virtio_common *vb);

/**
 * @brief Give up: set DEVICE_NEEDS_RESET and tell the driver, once.
 *
 * No queue hands out chains until the driver has reset the device.
 *
 * @param vb   Device.
 * @param why  One line for the log.
 *
 * @par Locking
 * None needed; any thread.
 *
 * @since 0.1
 */
VBS_API void vbs_virtio_needs_reset(struct virtio_common *vb, const char *why);

/** @brief Have driver and device agreed on a feature bit? @since 0.1 */
static inline bool
vbs_has_feature(const struct virtio_common *vb, unsigned int bit)
{
	return (vb->negotiated_caps >> bit) & 1;
}

/**
 * @name Register access
 * For pci_vdev_ops.vdev_barread and vdev_barwrite. The MSI-X BAR is not among
 * them: the PCI layer serves it.
 * @since 0.1
 * @{
 */
VBS_API uint64_t virtio_pci_read(struct vmctx *ctx, int vcpu,
				 struct pci_vdev *dev, int baridx,
				 uint64_t offset, int size);
VBS_API void virtio_pci_write(struct vmctx *ctx, int vcpu, struct pci_vdev *dev,
			      int baridx, uint64_t offset, int size,
			      uint64_t value);
/** @} */

VBS_END_DECLS

#endif
