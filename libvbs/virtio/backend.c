// SPDX-License-Identifier: BSD-3-Clause
/* A virtio device whose front end keeps the registers. See backend.h. */
#include "virtio/backend.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/notifier.h"
#include "virtio/virtio.h"

/* What a front end has lent to a queue. */
struct backend_queue {
	struct vqueue_info *vq;
	/* Control thread only. */
	int kick_fd; /* -1: polled */
	struct event *kick_event;
	uint32_t base; /* where it was when it stopped last */
	void *area;    /* what is in flight; NULL for none */
	size_t area_bytes;
	uint32_t poll_us;

	pthread_mutex_t mtx; /* guards the rest; a leaf */
	struct notifier call;
	struct notifier err;
	bool owed; /* a call that was due when there was no descriptor */
};

static struct backend_queue *
queue_at(const struct virtio_common *vb, uint16_t idx)
{
	return vb->priv->vqs[idx].be;
}

/* ---- interrupts: any thread ---------------------------------------------- */

void
backend_call(struct vqueue_info *vq)
{
	struct backend_queue *be = vq->priv->be;

	pthread_mutex_lock(&be->mtx);
	be->owed = be->call.fd < 0;
	notifier_signal(&be->call);
	pthread_mutex_unlock(&be->mtx);
}

void
backend_error(struct vqueue_info *vq)
{
	struct backend_queue *be = vq->priv->be;

	pthread_mutex_lock(&be->mtx);
	notifier_signal(&be->err);
	pthread_mutex_unlock(&be->mtx);
}

/*
 * Look at the ring from time to time if nobody says when; and for a while
 * after it has been served if that is wanted. 0 or -ENOMEM.
 */
static int
poll_update(struct backend_queue *be)
{
	if (!be->vq->enabled) {
		poll_stop(be->vq->priv);
		return 0;
	}
	return poll_start(be->vq->priv, be->poll_us, be->kick_fd < 0);
}

/* ---- attach and detach ------------------------------------------------------
 */

/* NULL for a function that is no virtio device. */
struct virtio_common *
backend_of(struct pci_vdev *dev)
{
	struct virtio_priv *p = virtio_priv_of(dev);

	return p && p->error == 0 ? p->common : NULL;
}

static int
lend(struct vq_priv *q, uint32_t poll_us)
{
	if (ring_watch_init(&q->ring, q->size_max) < 0)
		return -ENOMEM;
	if (!q->be) {
		q->be = calloc(1, sizeof(*q->be));
		if (!q->be)
			return -ENOMEM;
		q->be->vq = q->vq;
		q->be->kick_fd = -1;
		q->be->call = q->be->err = NOTIFIER_NONE;
		(void)pthread_mutex_init(&q->be->mtx, NULL);
	}
	q->be->poll_us = poll_us;
	return 0;
}

static void
set_lost(struct vq_priv *q, bool lost)
{
	pthread_mutex_lock(&q->vq->mtx);
	q->lost = lost;
	pthread_mutex_unlock(&q->vq->mtx);
}

static void
set_disabled(struct vq_priv *q, bool disabled)
{
	pthread_mutex_lock(&q->vq->mtx);
	q->disabled = disabled;
	pthread_mutex_unlock(&q->vq->mtx);
}

int
backend_attach(struct virtio_common *vb, const struct backend_ops *ops,
	       void *arg, uint32_t poll_us)
{
	struct virtio_priv *p = vb->priv;

	for (int i = 0; i < p->nvq; i++)
		if (lend(&p->vqs[i], poll_us) < 0)
			return -ENOMEM;
	for (int i = 0; i < p->nvq; i++)
		set_disabled(&p->vqs[i], true);
	p->backend_arg = arg;
	__atomic_store_n(&p->backend, ops, __ATOMIC_RELEASE);
	return 0;
}

static void
drop_kick(struct backend_queue *be)
{
	if (be->kick_event)
		event_free(be->kick_event);
	be->kick_event = NULL;
	if (be->kick_fd >= 0)
		(void)close(be->kick_fd);
	be->kick_fd = -1;
}

static void
drop_lent(struct backend_queue *be)
{
	drop_kick(be);
	pthread_mutex_lock(&be->mtx);
	notifier_set(&be->call, -1);
	notifier_set(&be->err, -1);
	be->owed = false;
	pthread_mutex_unlock(&be->mtx);
	be->base = 0;
	be->area = NULL;
}

static void
drop_queue(struct vq_priv *q)
{
	poll_stop(q);
	drop_lent(q->be);
	pthread_mutex_lock(&q->vq->mtx);
	ring_watch_area(&q->ring, false, NULL, 0);
	ring_watch_log(&q->ring, NULL);
	split_watch_used(&q->ring.split, false, 0);
	q->disabled = q->lost = false;
	pthread_mutex_unlock(&q->vq->mtx);
}

void
backend_detach(struct virtio_common *vb)
{
	struct virtio_priv *p = vb->priv;

	if (!p->backend)
		return;
	/* Nobody has asked where packed rings are: their areas go on saying. */
	for (int i = 0; i < p->nvq; i++)
		set_lost(&p->vqs[i], true);
	backend_reset(vb);
	__atomic_store_n(&p->backend, NULL, __ATOMIC_RELEASE);
	for (int i = 0; i < p->nvq; i++)
		drop_queue(&p->vqs[i]);
}

void
backend_queue_free(struct vq_priv *q)
{
	if (!q->be)
		return;
	drop_lent(q->be); /* the queue itself has gone, with the device */
	(void)pthread_mutex_destroy(&q->be->mtx);
	free(q->be);
	q->be = NULL;
}

/* ---- the device
 * -------------------------------------------------------------- */

uint16_t
backend_type(const struct virtio_common *vb)
{
	return vb->priv->type;
}

uint16_t
backend_n_queues(const struct virtio_common *vb)
{
	return (uint16_t)vb->priv->nvq;
}

bool
backend_is_packed(const struct virtio_common *vb)
{
	return vbs_has_feature(vb, VIRTIO_F_RING_PACKED);
}

bool
backend_size_ok(const struct virtio_common *vb, uint16_t idx, uint32_t num)
{
	return num <= vb->priv->vqs[idx].size_max &&
	       ring_size_ok(backend_is_packed(vb), (uint16_t)num);
}

uint16_t
backend_size_max(const struct virtio_common *vb, uint16_t idx)
{
	return vb->priv->vqs[idx].size_max;
}

/*
 * A queue reset is between the driver and the front end, who has to stop the
 * ring; not all do so, and none can be asked.
 */
uint64_t
backend_features(struct virtio_common *vb)
{
	uint64_t low = device_legacy_features(vb);

	return (device_offer(vb) | low) & ~(UINT64_C(1) << VIRTIO_F_RING_RESET);
}

static bool
any_started(const struct virtio_common *vb)
{
	for (int i = 0; i < vb->priv->nvq; i++)
		if (vb->queues[i].enabled)
			return true;
	return false;
}

static int
set_features(struct virtio_common *vb, uint64_t features)
{
	if (features & ~backend_features(vb))
		return -EINVAL;
	if (any_started(vb))
		return features == vb->negotiated_caps ? 0 : -EBUSY;
	if (vb->vops->check_features &&
	    vb->vops->check_features(vb->priv->device, features) < 0)
		return -EINVAL;
	device_negotiate(vb, features);
	return 0;
}

int
backend_set_features(struct virtio_common *vb, uint64_t features)
{
	int rc;

	pthread_mutex_lock(&vb->mtx);
	rc = set_features(vb, features);
	pthread_mutex_unlock(&vb->mtx);
	return rc;
}

size_t
backend_config_size(const struct virtio_common *vb)
{
	return vb->vops->cfgsize;
}

static bool
config_holds(const struct virtio_common *vb, uint32_t offset, uint32_t len)
{
	return offset <= vb->vops->cfgsize && len <= vb->vops->cfgsize - offset;
}

/* Fields are read whole where they can be: at most four bytes at a time. */
static uint32_t
chunk_at(uint32_t offset, uint32_t left)
{
	if (offset % 4 == 0 && left >= 4)
		return 4;
	return offset % 2 == 0 && left >= 2 ? 2 : 1;
}

int
backend_read_config(struct virtio_common *vb, uint32_t offset, void *buf,
		    uint32_t len)
{
	uint8_t *to = buf;

	if (!config_holds(vb, offset, len))
		return -EINVAL;
	pthread_mutex_lock(&vb->mtx);
	for (uint32_t n; len > 0; offset += n, to += n, len -= n) {
		uint64_t val;

		n = chunk_at(offset, len);
		val = htole64(device_cfgread(vb, offset, (int)n));
		memcpy(to, &val, n);
	}
	pthread_mutex_unlock(&vb->mtx);
	return 0;
}

/*
 * Front ends write more than the driver has: only bytes that differ count.
 * vb->mtx is held.
 */
static int
write_config(struct virtio_common *vb, uint32_t offset, const uint8_t *from,
	     uint32_t len)
{
	for (; len > 0; offset++, from++, len--) {
		if (device_cfgread(vb, offset, 1) == *from)
			continue;
		if (!vb->vops->cfgwrite ||
		    vb->vops->cfgwrite(vb->priv->device, (int)offset, 1,
				       *from) < 0)
			return -EINVAL;
	}
	return 0;
}

int
backend_write_config(struct virtio_common *vb, uint32_t offset, const void *buf,
		     uint32_t len)
{
	int rc;

	if (!config_holds(vb, offset, len))
		return -EINVAL;
	pthread_mutex_lock(&vb->mtx);
	rc = write_config(vb, offset, buf, len);
	pthread_mutex_unlock(&vb->mtx);
	return rc;
}

uint8_t
backend_status(struct virtio_common *vb)
{
	return __atomic_load_n(&vb->status, __ATOMIC_SEQ_CST);
}

void
backend_set_status(struct virtio_common *vb, uint8_t status)
{
	if (status == 0) {
		backend_reset(vb);
		return;
	}
	pthread_mutex_lock(&vb->mtx);
	device_add_status(vb, status);
	pthread_mutex_unlock(&vb->mtx);
}

void
backend_reset(struct virtio_common *vb)
{
	struct virtio_priv *p = vb->priv;

	pthread_mutex_lock(&vb->mtx);
	device_reset(vb);
	pthread_mutex_unlock(&vb->mtx);
	for (int i = 0; i < p->nvq; i++) {
		set_disabled(&p->vqs[i], true);
		p->vqs[i].be->base = 0;
		poll_stop(&p->vqs[i]);
	}
}

/* ---- rings ----------------------------------------------------------------
 */

/* The driver may have missed a call of an earlier life. */
static void
call_if_used(struct vqueue_info *vq)
{
	bool used;

	pthread_mutex_lock(&vq->mtx);
	used = ring_was_used(&vq->priv->ring);
	pthread_mutex_unlock(&vq->mtx);
	if (used)
		backend_call(vq);
}

static int
ring_open(struct virtio_common *vb, struct vqueue_info *vq,
	  const struct backend_ring *ring)
{
	const struct ring_layout layout = { ring->desc, ring->driver,
					    ring->device };
	const struct backend_queue *be = vq->priv->be;
	int rc;

	if (vq->enabled)
		return -EBUSY;
	if (!backend_size_ok(vb, vq->num, ring->num))
		return -EINVAL;
	pthread_mutex_lock(&vq->mtx);
	ring_watch_area(&vq->priv->ring, backend_is_packed(vb), be->area,
			be->area_bytes);
	pthread_mutex_unlock(&vq->mtx);
	rc = queue_open(vq, ring->num, &layout, ring->base);
	if (rc == 0)
		device_set_ready(vb);
	return rc;
}

int
backend_ring_start(struct virtio_common *vb, uint16_t idx,
		   const struct backend_ring *ring)
{
	struct backend_queue *be = queue_at(vb, idx);
	int rc;

	pthread_mutex_lock(&vb->mtx);
	rc = ring_open(vb, &vb->queues[idx], ring);
	pthread_mutex_unlock(&vb->mtx);
	if (rc < 0)
		return rc;
	be->base = ring->base;
	rc = poll_update(be);
	if (rc < 0) {
		(void)backend_ring_stop(vb, idx, &be->base);
		return rc;
	}
	call_if_used(be->vq);
	return 0;
}

/*
 * What the area said was in flight has come before the entry that we would
 * report: it has to be handed out before we can stop.
 */
static void
hand_out_again(struct vqueue_info *vq)
{
	struct vq_priv *q = vq->priv;
	struct timespec deadline;
	int rc = 0;

	if (q->base == vq->common->dev->vmctx->base) {
		for (uint32_t i = 0; i < vq->qsize; i++)
			if (!queue_serve(vq))
				break;
		return;
	}
	queue_wake(q);
	queue_deadline(&deadline);
	pthread_mutex_lock(&vq->mtx);
	while (queue_is_live(q) && ring_has_again(&q->ring) && rc == 0)
		rc = pthread_cond_timedwait(&q->idle, &vq->mtx, &deadline);
	pthread_mutex_unlock(&vq->mtx);
}

int
backend_ring_stop(struct virtio_common *vb, uint16_t idx, uint32_t *base)
{
	struct vqueue_info *vq = &vb->queues[idx];
	struct backend_queue *be = queue_at(vb, idx);
	bool idle = true;

	if (vq->enabled) {
		hand_out_again(vq);
		pthread_mutex_lock(&vb->mtx);
		idle = queue_stop(vq);
		pthread_mutex_lock(&vq->mtx);
		be->base = ring_base(&vq->priv->ring);
		pthread_mutex_unlock(&vq->mtx);
		queue_clear(vq);
		pthread_mutex_unlock(&vb->mtx);
		poll_stop(vq->priv);
	}
	*base = be->base;
	return idle ? 0 : -ETIMEDOUT;
}

bool
backend_ring_started(const struct virtio_common *vb, uint16_t idx)
{
	return vb->queues[idx].enabled;
}

void
backend_ring_enable(struct virtio_common *vb, uint16_t idx, bool enable)
{
	set_disabled(vb->queues[idx].priv, !enable);
	queues_update(vb);
}

/* Whoever did not know where to notify may have had something to say. */
static void
look_at_ring(struct backend_queue *be)
{
	if (be->vq->enabled)
		queue_wake(be->vq->priv);
}

int
backend_ring_kick(struct virtio_common *vb, uint16_t idx, int fd)
{
	struct backend_queue *be = queue_at(vb, idx);

	if (fd >= 0 && !notifier_is_eventfd(fd)) {
		(void)close(fd);
		return -EINVAL;
	}
	drop_kick(be);
	if (fd >= 0) {
		be->kick_fd = fd;
		be->kick_event = queue_listen(be->vq->priv, fd);
		if (!be->kick_event) {
			drop_kick(be);
			return -ENOMEM;
		}
	}
	look_at_ring(be);
	return poll_update(be);
}

/* Take over a descriptor to be signalled. be->mtx is held. */
static int
set_notifier(struct notifier *n, int fd)
{
	bool ok = fd < 0 || notifier_is_eventfd(fd) || notifier_is_pipe(fd) ||
		  notifier_is_socket(fd);

	if (!ok) {
		(void)close(fd);
		return -EINVAL;
	}
	notifier_set(n, fd);
	return 0;
}

int
backend_ring_call(struct virtio_common *vb, uint16_t idx, int fd)
{
	struct backend_queue *be = queue_at(vb, idx);
	int rc;

	pthread_mutex_lock(&be->mtx);
	rc = set_notifier(&be->call, fd);
	if (be->owed && be->call.fd >= 0) {
		be->owed = false;
		notifier_signal(&be->call);
	}
	pthread_mutex_unlock(&be->mtx);
	return rc;
}

int
backend_ring_err(struct virtio_common *vb, uint16_t idx, int fd)
{
	struct backend_queue *be = queue_at(vb, idx);
	int rc;

	pthread_mutex_lock(&be->mtx);
	rc = set_notifier(&be->err, fd);
	pthread_mutex_unlock(&be->mtx);
	return rc;
}

/* ---- logs ------------------------------------------------------------------
 */

void
backend_set_log(struct virtio_common *vb, struct dirty_log *log)
{
	for (int i = 0; i < vb->priv->nvq; i++) {
		struct vqueue_info *vq = &vb->queues[i];

		pthread_mutex_lock(&vq->mtx);
		ring_watch_log(&vq->priv->ring, log);
		queue_update(vq->priv);
		pthread_mutex_unlock(&vq->mtx);
	}
}

void
backend_ring_log(struct virtio_common *vb, uint16_t idx, bool on,
		 uint64_t used_gpa)
{
	struct vqueue_info *vq = &vb->queues[idx];

	pthread_mutex_lock(&vq->mtx);
	split_watch_used(&vq->priv->ring.split, on, used_gpa);
	pthread_mutex_unlock(&vq->mtx);
}

size_t
backend_inflight_bytes(const struct virtio_common *vb, uint16_t num)
{
	return ring_area_bytes(backend_is_packed(vb), num);
}

int
backend_ring_inflight(struct virtio_common *vb, uint16_t idx, void *area,
		      size_t bytes)
{
	struct backend_queue *be = queue_at(vb, idx);

	if (be->vq->enabled)
		return -EBUSY;
	if (area && ((uintptr_t)area % sizeof(uint64_t) ||
		     bytes < ring_area_bytes(false, 1)))
		return -EINVAL;
	be->area = area;
	be->area_bytes = bytes;
	/* Nor is the one before to be touched: it is about to go. */
	pthread_mutex_lock(&be->vq->mtx);
	ring_watch_area(&be->vq->priv->ring, false, NULL, 0);
	pthread_mutex_unlock(&be->vq->mtx);
	return 0;
}
