/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file vq.h
 * @brief VQ API: take chains from a virtqueue and give them back.
 *
 * The life of a chain: the driver makes it available, vq_getchain() hands it
 * to the device as an array of host pointers, the device does its work, now or
 * later, from any thread, and vq_relchain() returns it with the number of
 * bytes that were written. vq_endchains() publishes what was returned and
 * interrupts the driver if it asked for that.
 */
#ifndef VBS_VQ_H
#define VBS_VQ_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include <vbs/version.h>

VBS_BEGIN_DECLS

struct virtio_common;
struct vq_priv;

#ifndef VRING_DESC_F_WRITE
/** The segment is for the device to write (virtio 1.3, 2.7.5). */
#define VRING_DESC_F_WRITE 2
#endif

/**
 * @brief One virtqueue. Embedded in the device's struct as an array.
 */
struct vqueue_info {
	/**
	 * Device sets before virtio_linkup(): the largest size, in
	 * descriptors, 1..32768, a power of two. Afterwards the size that the
	 * driver has chosen.
	 */
	uint16_t qsize;
	/** Library: position in the device's array of queues. */
	uint16_t num;
	/** Library: MSI-X vector, or VIRTIO_MSI_NO_VECTOR. */
	uint16_t msix_idx;
	/** Library: the driver has enabled the queue. */
	bool enabled;
	/** Device may set: called instead of virtio_ops.qnotify. */
	void (*notify)(void *dev, struct vqueue_info *vq);
	/** Device may read: the device that the queue belongs to. */
	struct virtio_common *common;
	/** Held by whoever calls a vq_*() function on this queue. */
	pthread_mutex_t mtx;
	/** Library only. */
	struct vq_priv *priv;
	uint64_t reserved[4];
};

/**
 * @brief Is there a chain that the device has not taken?
 *
 * @param vq  Queue.
 *
 * @return true if vq_getchain() would find one. False also for a queue that
 *         is not enabled, stopped, or broken.
 *
 * @par Locking
 * The caller holds vq->mtx.
 *
 * @since 0.1
 */
VBS_API bool vq_has_descs(struct vqueue_info *vq);

/**
 * @brief Take the next chain that the driver has made available.
 *
 * Indirect tables are unrolled (virtio 1.3, 2.7.5.3). Every address has been
 * checked to lie in guest RAM, and every descriptor was read from the guest
 * once, so @p iov and @p flags cannot change under the caller. The bytes
 * behind iov_base can: copy a header before deciding on it. Device-readable
 * segments come before device-writable ones (2.7.4.2); none has length 0. One
 * descriptor may become several segments where it crosses regions of RAM.
 *
 * A chain that cannot be handed out (an address outside RAM, more than
 * @p n_iov segments, wrong order, nothing but empty descriptors, more than
 * 2^32-1 bytes) is given back to the driver by the library: with what
 * virtio_ops.bad_chain wrote, or else with length 0; the next one is taken.
 *
 * @param vq          Queue; the driver has enabled it.
 * @param[out] pidx   Head of the chain, to be passed to vq_relchain().
 * @param[out] iov    Segments in chain order: host addresses, lengths in bytes.
 * @param n_iov       Room in @p iov and @p flags, in entries (1 or more).
 * @param[out] flags  VRING_DESC_F_WRITE or 0 for each segment; NULL to ignore.
 *
 * @return Segments filled, 1..n_iov; 0 if there is no chain to be had.
 * @retval -EINVAL  Bad ring: an index or a next field out of range, a loop, a
 *                  bad indirect table, a head that is in flight, more chains
 *                  than the queue has entries (2.7.5, 2.7.13.3.1).
 *
 * @par Errors
 * After a negative return the queue hands out no more chains until a reset,
 * and the driver has been told (DEVICE_NEEDS_RESET, 2.1.2). The caller has
 * nothing to undo.
 *
 * @par Locking
 * The caller holds vq->mtx; qnotify() is entered with it held.
 *
 * @par Ownership
 * The memory behind @p iov is the device's until vq_relchain(), vq_retchain()
 * or a reset of the device.
 *
 * @since 0.1
 */
VBS_API int vq_getchain(struct vqueue_info *vq, uint16_t *pidx,
			struct iovec *iov, int n_iov, uint16_t *flags);

/**
 * @brief A chain, as one of several: what vq_getchains() hands out.
 */
struct vq_chain {
	/** Library: its segments, n_readable + n_writable of them. */
	struct iovec *iov;
	/** Library: the first so many are for the device to read, */
	uint16_t n_readable;
	/** Library: and the others for it to write. */
	uint16_t n_writable;
	/** Library: head of the chain. */
	uint16_t idx;
	/** Reserved. */
	uint16_t reserved;
	/** Device sets before vq_relchains(): bytes written. */
	uint32_t iolen;
};

/**
 * @brief Take several chains at once.
 *
 * What vq_getchain() says holds for each of them. It costs less than as many
 * calls of that. The segments of all chains are put into @p iov, one chain
 * after the other. It may take fewer chains than there are: the device calls
 * until nothing comes.
 *
 * @param vq           Queue; the driver has enabled it.
 * @param[out] chains  The chains.
 * @param n_chains     Room in @p chains, in entries (1 or more).
 * @param[out] iov     Segments: host addresses, lengths in bytes.
 * @param n_iov        Room in @p iov, in entries, of which at most 65535 are
 *                     used; a chain that has more than these is one that
 *                     cannot be handed out. A chain that only does not fit
 *                     behind the others is left for the next call.
 *
 * @return Chains filled, 1..n_chains; 0 if there is none to be had.
 * @retval -EINVAL  Bad ring, as vq_getchain() says. Chains that were taken
 *                  before it was met are handed out first, by themselves.
 *
 * @par Locking
 * The caller holds vq->mtx.
 *
 * @par Ownership
 * As with vq_getchain(). vq_retchain() puts back the last one of them.
 *
 * @since 0.1
 */
VBS_API int vq_getchains(struct vqueue_info *vq, struct vq_chain *chains,
			 int n_chains, struct iovec *iov, int n_iov);

/**
 * @brief Undo the latest vq_getchain(): the chain will be taken again.
 *
 * Only the chain that was taken last can be put back, and only once. If the
 * library has refused a bad chain behind it meanwhile, it cannot be the next
 * again: then it goes back to the driver with length 0.
 *
 * @param vq  Queue.
 *
 * @par Locking
 * The caller holds vq->mtx since that vq_getchain().
 *
 * @since 0.1
 */
VBS_API void vq_retchain(struct vqueue_info *vq);

/**
 * @brief Return a chain to the driver.
 *
 * The driver sees it after vq_endchains(). A head that is not in flight is
 * ignored, so a completion that comes after a reset does no harm.
 *
 * @param vq     Queue.
 * @param idx    Head, from vq_getchain().
 * @param iolen  Bytes that were written to the chain's device-writable part,
 *               from its start (virtio 1.3, 2.7.8.2).
 *
 * @par Locking
 * The caller holds vq->mtx. Any thread.
 *
 * @since 0.1
 */
VBS_API void vq_relchain(struct vqueue_info *vq, uint16_t idx, uint32_t iolen);

/**
 * @brief Return several chains to the driver: idx and iolen of each.
 *
 * They need not come from one vq_getchains(), nor be all that came from it. A
 * head that is not in flight is ignored.
 *
 * @param vq      Queue.
 * @param chains  The chains; only idx and iolen are looked at.
 * @param n       How many.
 *
 * @par Locking
 * The caller holds vq->mtx. Any thread.
 *
 * @since 0.1
 */
VBS_API void vq_relchains(struct vqueue_info *vq, const struct vq_chain *chains,
			  int n);

/**
 * @brief Publish what was returned, and interrupt the driver if it wants it.
 *
 * @param vq              Queue.
 * @param used_all_avail  The device has found the queue empty: with the legacy
 *                        VIRTIO_F_NOTIFY_ON_EMPTY the driver is interrupted
 *                        in any case once all chains are back.
 *
 * @par Locking
 * The caller holds vq->mtx. Any thread.
 *
 * @since 0.1
 */
VBS_API void vq_endchains(struct vqueue_info *vq, int used_all_avail);

/**
 * @brief Interrupt the driver for a queue, whatever it asked for.
 *
 * The queue's MSI-X vector if MSI-X is on, else the ISR bit and MSI or INTx
 * (virtio 1.3, 4.1.5.3). vq_endchains() does this when it is due.
 *
 * @param vb  Device.
 * @param vq  Queue.
 *
 * @par Locking
 * None needed; any thread.
 *
 * @since 0.1
 */
VBS_API void vq_interrupt(struct virtio_common *vb, struct vqueue_info *vq);

VBS_END_DECLS

#endif
