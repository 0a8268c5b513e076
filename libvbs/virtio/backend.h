/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A virtio device whose registers are somebody else's: a front end (vhost-user)
 * keeps status and configuration space, and hands over only the queues. What a
 * host calls in place of a transport; device.c and queue.c decide, as they do
 * for the transports.
 *
 * All of it is for the control thread. Each call takes the locks it needs, and
 * an index is below backend_n_queues(). What blocks until chains have come back
 * does so for at most QUIESCE_SECONDS.
 *
 * A ring is started or not, and enabled or not, independently (vhost-user,
 * "Ring states"); chains are taken from one that is both.
 */
#ifndef VIRTIO_BACKEND_H
#define VIRTIO_BACKEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vbs/virtio.h>

struct dirty_log;

/* What the host lends. */
struct backend_ops {
	/*
	 * The driver is to look at the configuration, or at the status, again.
	 * Any thread, with locks of the device held: must not call back.
	 */
	void (*config_changed)(void *arg);
};

/* Where a ring is, and what of it has been used. */
struct backend_ring {
	uint16_t num;    /* entries */
	uint64_t desc;   /* guest physical addresses */
	uint64_t driver; /* or the available ring */
	uint64_t device; /* or the used ring */
	uint32_t base;   /* as vhost-user encodes it */
};

/* The virtio device that a function is, or NULL. */
struct virtio_common *backend_of(struct pci_vdev *dev);

/* The queues are the host's from now on. 0, or -errno: out of descriptors. */
int backend_attach(struct virtio_common *vb, const struct backend_ops *ops,
		   void *arg, uint32_t poll_us);
/* The front end has gone: all rings stopped, state initial, fds closed. */
void backend_detach(struct virtio_common *vb);

uint16_t backend_type(const struct virtio_common *vb); /* VIRTIO_ID_* */
uint16_t backend_n_queues(const struct virtio_common *vb);
/* Have the features said that the rings are packed ones? */
bool backend_is_packed(const struct virtio_common *vb);
/* Can queue idx have that many entries? */
bool backend_size_ok(const struct virtio_common *vb, uint16_t idx,
		     uint32_t num);
/* The most that it can have. */
uint16_t backend_size_max(const struct virtio_common *vb, uint16_t idx);

/* Virtio features that the device offers; bits 26 and 30 are the host's. */
uint64_t backend_features(struct virtio_common *vb);
/*
 * The driver's choice. 0, -EINVAL if it cannot be served, -EBUSY if it is
 * another one than before and a ring is started.
 */
int backend_set_features(struct virtio_common *vb, uint64_t features);

/* Bytes of device configuration space. */
size_t backend_config_size(const struct virtio_common *vb);
/* 0, or -EINVAL: not all of it is inside the configuration space. */
int backend_read_config(struct virtio_common *vb, uint32_t offset, void *buf,
			uint32_t len);
int backend_write_config(struct virtio_common *vb, uint32_t offset,
			 const void *buf, uint32_t len);

/* The status register, NEEDS_RESET included; FEATURES_OK only if it is so. */
uint8_t backend_status(struct virtio_common *vb);
/* 0 resets. Rings do not wait for DRIVER_OK: not every front end tells. */
void backend_set_status(struct virtio_common *vb, uint8_t status);
/*
 * All rings stopped and disabled, the device and its features as at the
 * beginning. The file descriptors stay.
 */
void backend_reset(struct virtio_common *vb);

/*
 * 0; -EINVAL: size, alignment or overlap; -EFAULT: not in the memory that is
 * there now (may be tried again when there is more); -EBUSY: it is started.
 * With an in-flight region, what was in flight is handed out first.
 */
int backend_ring_start(struct virtio_common *vb, uint16_t idx,
		       const struct backend_ring *ring);
/*
 * Stop and wait for what is in flight. *base is where the ring would go on;
 * of one that is not started it is what start was given last, or where a new
 * one begins. 0, or -ETIMEDOUT: some requests have not come back; their
 * memory stays mapped and they will not be seen any more.
 */
int backend_ring_stop(struct virtio_common *vb, uint16_t idx, uint32_t *base);
bool backend_ring_started(const struct virtio_common *vb, uint16_t idx);
/* Also of a ring that is not started: it is remembered. */
void backend_ring_enable(struct virtio_common *vb, uint16_t idx, bool enable);

/*
 * File descriptors: taken over, also on failure; -1 for none. Without a kick
 * the ring is polled. 0, -EINVAL: not an eventfd (call and err: nor a pipe,
 * nor a UNIX socket), or another negative errno.
 */
int backend_ring_kick(struct virtio_common *vb, uint16_t idx, int fd);
int backend_ring_call(struct virtio_common *vb, uint16_t idx, int fd);
int backend_ring_err(struct virtio_common *vb, uint16_t idx, int fd);

/*
 * Mark what is written from now on: buffers and, for rings that have said
 * where (backend_ring_log()), the used ring. NULL for no more. The log is
 * referenced while a ring uses it (mem/dirty-log.h). Any time.
 */
void backend_set_log(struct virtio_common *vb, struct dirty_log *log);
void backend_ring_log(struct virtio_common *vb, uint16_t idx, bool on,
		      uint64_t used_gpa);

/*
 * Bytes of the in-flight area of one ring of that many entries, of the kind
 * that the features say.
 */
size_t backend_inflight_bytes(const struct virtio_common *vb, uint16_t num);
/*
 * The shared area of a ring that is not started; NULL for none. It stays the
 * host's, who unmaps it after backend_detach(), or after it has set another,
 * or none. It is of the kind that the features say when the ring starts. 0,
 * -EBUSY: the ring is started; -EINVAL: it holds nothing that can be made sense
 * of.
 */
int backend_ring_inflight(struct virtio_common *vb, uint16_t idx, void *area,
			  size_t bytes);

#endif
