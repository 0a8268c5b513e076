/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A virtio device, inside: the private halves of virtio_common and
 * vqueue_info, and what the files of this folder offer each other.
 *
 * Locks: common.mtx, then queues by index, then the leaves of pci/ and mem/.
 */
#ifndef VIRTIO_VIRTIO_H
#define VIRTIO_VIRTIO_H

#include <time.h>

#include <event2/event.h>

#include <linux/virtio_config.h>
#include <linux/virtio_pci.h>
#include <linux/virtio_ring.h>

#include <vbs/virtio.h>

#include "mem/vm.h"
#include "pci/pci.h"
#include "ring/ring.h"
#include "virtio/backend.h"
#include "virtio/poll.h"

/* Younger than some headers. */
#ifndef VIRTIO_F_IN_ORDER
#define VIRTIO_F_IN_ORDER 35
#endif
#ifndef VIRTIO_F_NOTIFICATION_DATA
#define VIRTIO_F_NOTIFICATION_DATA 38
#endif
#ifndef VIRTIO_F_NOTIF_CONFIG_DATA
#define VIRTIO_F_NOTIF_CONFIG_DATA 39
#endif
#ifndef VIRTIO_F_RING_RESET
#define VIRTIO_F_RING_RESET 40
#endif

#define QUIESCE_SECONDS 3

#define ISR_QUEUE  1u
#define ISR_CONFIG 2u

/* The registers that the driver has chosen by using them (until reset). */
enum face {
	FACE_NONE,
	FACE_LEGACY,
	FACE_MODERN,
};

/* How chains are taken and given back. */
enum vq_way {
	VQ_ANY,    /* with a look at what kind of queue it is */
	VQ_SPLIT,  /* live, and the ring is split and unwatched */
	VQ_PACKED, /* the same, packed */
};

/* The library's half of a queue. Guarded by vq->mtx. */
struct vq_priv {
	struct ring ring;
	struct vqueue_info *vq;
	struct virtio_priv *dev;
	struct ring_layout layout; /* as the driver has set it */
	uint32_t pfn;              /* legacy: the layout's page */
	uint16_t size_max;
	bool live;        /* chains may be taken: all of the below allows it */
	uint8_t way;      /* out: enum vq_way; atomic */
	uint8_t way_back; /* and back: VQ_ANY where order is kept */
	bool stopping;    /* being reset, or its memory is about to change */
	bool lost;        /* the front end has gone, and may come back */
	bool broken;      /* the driver has made a mess of the ring */
	bool stale_map;   /* the map has changed under chains in flight */
	bool deserted;    /* the guest has gone: wait for a notification */
	bool disabled;    /* the front end wants it to rest */
	bool quiet;       /* somebody looks anyway: notifications stay off */
	uint32_t n_abandoned; /* chains of an earlier life, still out */
	struct mem_map *abandoned_map; /* keeps their memory mapped */
	pthread_cond_t idle;           /* nothing in flight any more */
	int kick_fd; /* eventfd of the driver; others may have it, too */
	int wake_fd; /* eventfd of our own: there may be work */
	struct event *kick_event;
	struct event *wake_event;
	struct event_base *base; /* the loop that serves the queue */
	struct queue_poll poll;
	struct backend_queue *be; /* what a front end lends; or NULL */
};

/* The library's half of a device. Guarded by common->mtx. */
struct virtio_priv {
	struct virtio_common *common;
	void *device;        /* what callbacks get */
	struct vq_priv *vqs; /* vops->nvq */
	int nvq;
	int error;         /* of a call that returns nothing */
	uint64_t switched; /* what vbs_virtio_offer() has on */
	uint32_t driver_features[4];
	uint32_t device_feature_select;
	uint32_t driver_feature_select;
	uint16_t queue_select;
	enum face face;
	uint16_t type;                     /* VIRTIO_ID_* */
	const struct backend_ops *backend; /* atomic; NULL for PCI */
	void *backend_arg;
	bool warned;         /* of a ring that cannot be; once a reset */
	bool ready;          /* atomic: chains may be taken at all */
	bool failed;         /* atomic: the device has given up */
	bool dma;            /* atomic: the device may use guest memory */
	bool config_changed; /* atomic: since the generation was last right */
	int io_bar;          /* -1 for none */
	int pio_bar;         /* -1 for none */
	int mmio_bar;        /* -1 for none */
	uint32_t notify_bytes;
	int window_cap; /* offset of the PCI_CFG capability */
	struct vm_client vm_client;
};

/* device.c: status, features, reset */
void device_needs_reset(struct virtio_common *vb, const char *why);
void device_set_status(struct virtio_common *vb, uint8_t val, enum face face);
/* A legacy driver uses a queue without having said DRIVER_OK. */
void device_used_early(struct virtio_common *vb);
void device_reset(struct virtio_common *vb);
/* Has the driver's choice of features been accepted? */
bool device_features_ok(struct virtio_common *vb);
/* May the driver use these registers? The first use decides. */
bool device_claim(struct virtio_common *vb, enum face face);
uint32_t device_features(struct virtio_common *vb, uint32_t select);
void device_write_features(struct virtio_common *vb, uint32_t select,
			   uint32_t val);
uint32_t device_legacy_features(struct virtio_common *vb);
void device_write_legacy_features(struct virtio_common *vb, uint32_t val);
/* May the device use guest memory? Looks at bus mastering. */
void device_update_dma(struct virtio_common *vb);
/* Device configuration; all ones for what is not there. */
uint64_t device_cfgread(struct virtio_common *vb, uint64_t offset, int size);
void device_cfgwrite(struct virtio_common *vb, uint64_t offset, int size,
		     uint64_t val);
uint8_t device_generation(struct virtio_common *vb);
uint8_t device_read_isr(struct virtio_common *vb);
/*
 * The ISR bit, and with it the status register, and whichever of INTx and MSI
 * the driver has left on (4.1.5.3). For a function whose MSI-X is off.
 */
void device_interrupt(struct virtio_common *vb, uint8_t isr_bit);
/* The vector if the function has it, else VIRTIO_MSI_NO_VECTOR. */
uint16_t device_vector(struct virtio_common *vb, uint64_t val);

/* The driver's choice is made: tell the device. common->mtx is held. */
void device_negotiate(struct virtio_common *vb, uint64_t features);
/* What is offered, whatever the driver. */
uint64_t device_offer(const struct virtio_common *vb);
/* Of the features of queues and transport, what is offered unasked. */
extern const uint64_t device_offer_default;
/* Status bits that a driver adds, whatever its registers. */
void device_add_status(struct virtio_common *vb, uint8_t val);
/* The device may begin. */
void device_set_ready(struct virtio_common *vb);

/* setup.c: NULL for a function that is no virtio device */
struct virtio_priv *virtio_priv_of(struct pci_vdev *dev);

/* queue.c: set-up, stop, serve */
int queue_init(struct virtio_priv *p, struct vqueue_info *vq, uint16_t num);
int queue_start(struct vq_priv *q);
/* VIRTIO_F_IN_ORDER may be offered. 0 or -ENOMEM. */
int queues_allow_order(struct virtio_priv *p);
void queue_detach(struct vq_priv *q);
void queue_free(struct vq_priv *q);
/* Have the loop that serves the queue look at it. Any thread. */
void queue_wake(struct vq_priv *q);
struct vqueue_info *queue_get(struct virtio_common *vb, uint64_t num);
void queue_set_size(struct vqueue_info *vq, uint16_t size);
void queue_set_layout(struct vqueue_info *vq, uint64_t *field, bool high,
		      uint32_t val);
void queue_enable(struct vqueue_info *vq);
/* With a ring that may have been used before. 0, -EINVAL or -EFAULT. */
int queue_open(struct vqueue_info *vq, uint16_t size,
	       const struct ring_layout *layout, uint32_t base);
/* When patience with the device ends. CLOCK_MONOTONIC. */
void queue_deadline(struct timespec *ts);
/* The ring is watched, or no more. vq->mtx is held. */
void queue_update(struct vq_priv *q);
/* No chains in a hurry any more; vq->mtx need not be held. */
void queue_slow_down(struct vq_priv *q);
/* Stop, and wait. false if something has not come back in time. */
bool queue_stop(struct vqueue_info *vq);
/* Serve the queue whenever fd is readable. NULL if that cannot be. */
struct event *queue_listen(struct vq_priv *q, int fd);
void queue_set_pfn(struct vqueue_info *vq, uint32_t pfn);
/* Per-queue reset (2.6.1): stop, wait, and forget everything. */
void queue_reset(struct vqueue_info *vq);
/* Back to the defaults; nothing is in flight. Takes vq->mtx. */
void queue_clear(struct vqueue_info *vq);
/* Stop all queues of a device and wait until nothing is in flight. */
void queues_stop(struct virtio_common *vb);
/* Something that decides about liveness has changed: look, and serve. */
void queues_update(struct virtio_common *vb);
/* The driver has notified queue num. No lock held. */
void queue_notify(struct virtio_common *vb, uint64_t num);
/*
 * Serve what is there; true if the device took something. No lock held. In the
 * thread that serves the queue.
 */
bool queue_serve(struct vqueue_info *vq);
/*
 * Keep the device off guest memory for a while, and let it go on. arg is a
 * struct virtio_priv. Chains that do not come back in time keep their memory.
 */
void queues_pause(void *arg);
void queues_resume(void *arg);
extern const struct vm_client_ops queues_vm_ops;

/* A device can give up at any time. */
static inline bool
device_has_failed(const struct virtio_priv *p)
{
	return __atomic_load_n(&p->failed, __ATOMIC_RELAXED);
}

/* May chains be taken? vq->mtx is held. */
static inline bool
queue_is_live(const struct vq_priv *q)
{
	return q->live && !device_has_failed(q->dev);
}

/* What has the front end that keeps the registers? NULL: PCI. Any thread. */
static inline const struct backend_ops *
backend_ops_of(const struct virtio_common *vb)
{
	return __atomic_load_n(&vb->priv->backend, __ATOMIC_ACQUIRE);
}

/* backend.c: interrupts of a queue whose front end is not a PCI bus */
void backend_call(struct vqueue_info *vq);
void backend_error(struct vqueue_info *vq);
void backend_queue_free(struct vq_priv *q);

/* vq.c */
void vq_break(struct vqueue_info *vq);

/* pci-legacy.c, pci-modern.c: registers; offset and size are inside the BAR */
uint64_t legacy_read(struct virtio_common *vb, uint64_t offset, int size);
void legacy_write(struct virtio_common *vb, uint64_t offset, int size,
		  uint64_t val);
uint64_t modern_read(struct virtio_common *vb, uint64_t offset, int size);
void modern_write(struct virtio_common *vb, uint64_t offset, int size,
		  uint64_t val);
/*
 * The driver has written to a modern doorbell: to the one of queue `place`, or
 * to one that all share.
 */
#define ANY_QUEUE (-1)
void modern_notify(struct virtio_common *vb, int place, int size, uint64_t val);
void window_read(void *arg);
void window_write(void *arg);

#endif
