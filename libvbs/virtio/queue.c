// SPDX-License-Identifier: BSD-3-Clause
/*
 * A queue's life: set up by the driver, live, stopped, reset; and the loop
 * that serves it. Geometry is frozen between enable and reset.
 */
#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/uio.h>
#include <unistd.h>

#include <vbs/iothread.h>

#include "virtio/virtio.h"

/* ---- liveness: vq->mtx is held ------------------------------------- */

static void
set_way(struct vq_priv *q, uint8_t way)
{
	uint8_t back = way != VQ_ANY && q->ring.order.on ? VQ_ANY : way;

	__atomic_store_n(&q->way, way, __ATOMIC_SEQ_CST);
	__atomic_store_n(&q->way_back, back, __ATOMIC_SEQ_CST);
}

void
queue_slow_down(struct vq_priv *q)
{
	set_way(q, VQ_ANY);
}

static void
choose_way(struct vq_priv *q)
{
	uint8_t way = q->ring.packed ? VQ_PACKED : VQ_SPLIT;

	if (!q->live || ring_is_watched(&q->ring))
		way = VQ_ANY;
	set_way(q, way);
	/* The device may have given up this very moment. */
	if (device_has_failed(q->dev))
		queue_slow_down(q);
}

void
queue_update(struct vq_priv *q)
{
	struct virtio_priv *p = q->dev;
	bool was_live = q->live;

	q->live = q->vq->enabled && ring_is_mapped(&q->ring) && !q->stopping &&
		  !q->broken && !q->stale_map && !q->deserted && !q->disabled &&
		  q->n_abandoned == 0 &&
		  __atomic_load_n(&p->dma, __ATOMIC_RELAXED) &&
		  __atomic_load_n(&p->ready, __ATOMIC_RELAXED);
	choose_way(q);
	/* Who served it before may have died, or stopped, with them off. */
	if (q->live && !was_live && !q->quiet)
		(void)ring_kicks_on(&q->ring);
}

/* Bring the ring to the present map, unless chains of the old one are out. */
static void
update_map(struct vq_priv *q)
{
	struct mem_map *map;

	if (!q->vq->enabled || (q->stale_map && ring_n_inflight(&q->ring) > 0))
		return;
	if (q->broken) {
		if (ring_n_inflight(&q->ring) == 0)
			ring_unmap(&q->ring); /* let the pages go */
		return;
	}
	q->stale_map = false;
	map = vm_map(q->vq->common->dev->vmctx);
	if (map == ring_mem_map(&q->ring))
		map_unref(map);
	else
		(void)ring_map(&q->ring, &q->layout, map);
}

static bool
has_work(struct vq_priv *q)
{
	return queue_is_live(q) && ring_has_avail(&q->ring);
}

/* ---- made and freed ------------------------------------------------- */

static void
init_idle(struct vq_priv *q)
{
	pthread_condattr_t attr;

	(void)pthread_condattr_init(&attr);
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&q->idle, &attr);
	(void)pthread_condattr_destroy(&attr);
}

int
queue_init(struct virtio_priv *p, struct vqueue_info *vq, uint16_t num)
{
	struct vq_priv *q = &p->vqs[num];
	uint16_t size = vq->qsize;

	if (size == 0 || size > RING_MAX_SIZE || (size & (size - 1)))
		return -EINVAL;
	q->kick_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (q->kick_fd < 0)
		return -errno;
	q->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (q->wake_fd < 0)
		return -errno;
	if (ring_init(&q->ring, size) < 0)
		return -ENOMEM;
	init_idle(q);
	(void)pthread_mutex_init(&vq->mtx, NULL);
	q->vq = vq;
	q->dev = p;
	q->size_max = size;
	q->base = p->common->dev->vmctx->base;
	vq->num = num;
	vq->common = p->common;
	vq->priv = q;
	queue_clear(vq);
	return 0;
}

int
queues_allow_order(struct virtio_priv *p)
{
	int rc = 0;

	for (int i = 0; i < p->nvq && rc == 0; i++)
		rc = ring_allow_order(&p->vqs[i].ring, p->vqs[i].size_max);
	return rc;
}

/* The driver is there: it has notified the queue. */
static void
queue_notified(struct vqueue_info *vq)
{
	pthread_mutex_lock(&vq->mtx);
	vq->priv->deserted = false;
	pthread_mutex_unlock(&vq->mtx);
}

/*
 * Whoever has the other end of an eventfd can make it block, fill it and empty
 * it: a kick is read without waiting, and only our own is ever written.
 */
static void
drain(int fd)
{
	eventfd_t n;
	struct iovec iov = { .iov_base = &n, .iov_len = sizeof(n) };

	if (preadv2(fd, &iov, 1, -1, RWF_NOWAIT) < 0 && errno == EOPNOTSUPP)
		(void)eventfd_read(fd, &n);
}

static void
on_kick(evutil_socket_t fd, short what, void *arg)
{
	struct vq_priv *q = arg;

	(void)what;
	drain(fd);
	if (fd != q->wake_fd)
		queue_notified(q->vq);
	(void)queue_serve(q->vq);
}

void
queue_wake(struct vq_priv *q)
{
	(void)eventfd_write(q->wake_fd, 1);
}

struct event *
queue_listen(struct vq_priv *q, int fd)
{
	struct event *ev =
		event_new(q->base, fd, EV_READ | EV_PERSIST, on_kick, q);

	if (ev && event_add(ev, NULL) < 0) {
		event_free(ev);
		ev = NULL;
	}
	return ev;
}

int
queue_start(struct vq_priv *q)
{
	q->kick_event = queue_listen(q, q->kick_fd);
	q->wake_event = queue_listen(q, q->wake_fd);
	return q->kick_event && q->wake_event ? 0 : -ENOMEM;
}

/* No callback runs, or will run, when this returns. */
void
queue_detach(struct vq_priv *q)
{
	poll_stop(q);
	if (q->kick_event)
		event_free(q->kick_event);
	if (q->wake_event)
		event_free(q->wake_event);
	q->kick_event = q->wake_event = NULL;
}

void
queue_free(struct vq_priv *q)
{
	queue_detach(q);
	backend_queue_free(q);
	poll_deinit(q);
	ring_deinit(&q->ring);
	/* What is still out may yet be written to: its memory stays mapped. */
	if (q->n_abandoned == 0)
		map_unref(q->abandoned_map);
	if (q->kick_fd >= 0)
		(void)close(q->kick_fd);
	if (q->wake_fd >= 0)
		(void)close(q->wake_fd);
}

VBS_API int
vbs_vq_set_iothread(struct vqueue_info *vq, struct vbs_iothread *thr)
{
	if (!vq->priv || vq->priv->kick_event)
		return -EINVAL;
	vq->priv->base = vbs_iothread_base(thr);
	return 0;
}

/* ---- set-up by the driver: common->mtx is held ---------------------- */

struct vqueue_info *
queue_get(struct virtio_common *vb, uint64_t num)
{
	return num < (uint64_t)vb->priv->nvq ? &vb->queues[num] : NULL;
}

void
queue_set_size(struct vqueue_info *vq, uint16_t size)
{
	bool packed = vbs_has_feature(vq->common, VIRTIO_F_RING_PACKED);

	if (vq->enabled || size > vq->priv->size_max ||
	    !ring_size_ok(packed, size))
		return;
	pthread_mutex_lock(&vq->mtx);
	vq->qsize = size;
	pthread_mutex_unlock(&vq->mtx);
}

void
queue_set_layout(struct vqueue_info *vq, uint64_t *field, bool high,
		 uint32_t val)
{
	if (vq->enabled)
		return;
	if (high)
		*field = (*field & UINT32_MAX) | (uint64_t)val << 32;
	else
		*field = (*field & ~(uint64_t)UINT32_MAX) | val;
}

/* The ring starts where the driver says, if that is usable. mtx is held. */
static int
enable_ring(struct vqueue_info *vq)
{
	struct vq_priv *q = vq->priv;
	struct virtio_common *vb = vq->common;

	ring_reset(&q->ring, vq->qsize,
		   vbs_has_feature(vb, VIRTIO_F_RING_PACKED));
	if (!ring_layout_ok(&q->ring, &q->layout, vq->qsize))
		return -EINVAL;
	ring_set_features(&q->ring,
			  vbs_has_feature(vb, VIRTIO_RING_F_INDIRECT_DESC),
			  vbs_has_feature(vb, VIRTIO_RING_F_EVENT_IDX),
			  vbs_has_feature(vb, VIRTIO_F_IN_ORDER));
	if (!ring_map(&q->ring, &q->layout, vm_map(vb->dev->vmctx)))
		return -EFAULT;
	vq->enabled = true;
	return 0;
}

int
queue_open(struct vqueue_info *vq, uint16_t size,
	   const struct ring_layout *layout, uint32_t base)
{
	struct vq_priv *q = vq->priv;
	bool work;
	int rc;

	pthread_mutex_lock(&vq->mtx);
	vq->qsize = size;
	q->layout = *layout;
	rc = enable_ring(vq);
	if (rc == 0)
		rc = ring_resume(&q->ring, base);
	if (rc < 0) {
		ring_unmap(&q->ring);
		vq->enabled = false;
	}
	queue_update(q);
	work = has_work(q);
	pthread_mutex_unlock(&vq->mtx);
	if (work)
		queue_wake(q);
	return rc;
}

/* The driver can have this said once; then it has to reset the device. */
static void
warn_not_enabled(struct vqueue_info *vq)
{
	struct virtio_common *vb = vq->common;

	if (vb->priv->warned)
		return;
	vb->priv->warned = true;
	vbs_log(vb->dev->vmctx, VBS_LOG_WARNING,
		"%s: queue %d not enabled: its ring is not aligned, overlaps, "
		"or is not in shared guest memory",
		vb->dev->name, vq->num);
}

void
queue_enable(struct vqueue_info *vq)
{
	struct vq_priv *q = vq->priv;
	bool ok, work;

	if (vq->enabled)
		return;
	pthread_mutex_lock(&vq->mtx);
	ok = enable_ring(vq) == 0;
	queue_update(q);
	work = has_work(q);
	pthread_mutex_unlock(&vq->mtx);
	if (!ok)
		warn_not_enabled(vq);
	if (work)
		queue_wake(q);
}

void
queue_set_pfn(struct vqueue_info *vq, uint32_t pfn)
{
	struct vq_priv *q = vq->priv;

	if (pfn == 0) {
		uint16_t vector = vq->msix_idx;

		queue_reset(vq);
		__atomic_store_n(&vq->msix_idx, vector, __ATOMIC_RELAXED);
		return;
	}
	if (vq->enabled)
		return;
	q->layout = split_layout_legacy((uint64_t)pfn << 12, vq->qsize);
	queue_enable(vq);
	if (vq->enabled)
		q->pfn = pfn;
}

/* ---- stopping: no vq->mtx is held ------------------------------------ */

static void
stop_one(struct vqueue_info *vq)
{
	pthread_mutex_lock(&vq->mtx);
	vq->priv->stopping = true;
	queue_update(vq->priv);
	pthread_mutex_unlock(&vq->mtx);
}

void
queue_deadline(struct timespec *ts)
{
	(void)clock_gettime(CLOCK_MONOTONIC, ts);
	ts->tv_sec += QUIESCE_SECONDS;
}

/* false if something is still in flight when the time is up. */
static bool
wait_idle(struct vqueue_info *vq, const struct timespec *deadline)
{
	struct vq_priv *q = vq->priv;
	int rc = 0;

	pthread_mutex_lock(&vq->mtx);
	while (ring_n_inflight(&q->ring) > 0 && rc == 0)
		rc = pthread_cond_timedwait(&q->idle, &vq->mtx, deadline);
	rc = ring_n_inflight(&q->ring) == 0;
	pthread_mutex_unlock(&vq->mtx);
	return rc;
}

static void
tell_device(struct vqueue_info *vq)
{
	struct virtio_common *vb = vq->common;

	if (vq->enabled && vb->vops->queue_stop)
		vb->vops->queue_stop(vb->priv->device, vq);
}

static void
log_stuck(struct vqueue_info *vq)
{
	vbs_log(vq->common->dev->vmctx, VBS_LOG_ERROR,
		"%s: queue %d: requests still in flight after %d s; the queue "
		"rests until they are back",
		vq->common->dev->name, vq->num, QUIESCE_SECONDS);
}

void
queues_stop(struct virtio_common *vb)
{
	struct timespec deadline;

	queue_deadline(&deadline);
	for (int i = 0; i < vb->priv->nvq; i++)
		stop_one(&vb->queues[i]);
	for (int i = 0; i < vb->priv->nvq; i++)
		tell_device(&vb->queues[i]);
	for (int i = 0; i < vb->priv->nvq; i++)
		if (!wait_idle(&vb->queues[i], &deadline))
			log_stuck(&vb->queues[i]);
}

void
queue_clear(struct vqueue_info *vq)
{
	struct vq_priv *q = vq->priv;

	pthread_mutex_lock(&vq->mtx);
	if (ring_n_inflight(&q->ring) > 0) {
		q->n_abandoned += ring_n_inflight(&q->ring);
		if (!q->abandoned_map && ring_mem_map(&q->ring))
			q->abandoned_map = map_ref(ring_mem_map(&q->ring));
	}
	vq->qsize = q->size_max;
	vq->enabled = false;
	__atomic_store_n(&vq->msix_idx, VIRTIO_MSI_NO_VECTOR, __ATOMIC_RELAXED);
	if (!q->lost)
		ring_finish(&q->ring);
	ring_reset(&q->ring, q->size_max, false);
	memset(&q->layout, 0, sizeof(q->layout));
	q->pfn = 0;
	q->broken = false;
	q->stopping = false;
	q->stale_map = false;
	q->deserted = false;
	q->live = q->quiet = false;
	queue_slow_down(q);
	pthread_mutex_unlock(&vq->mtx);
}

bool
queue_stop(struct vqueue_info *vq)
{
	struct timespec deadline;
	bool idle;

	queue_deadline(&deadline);
	stop_one(vq);
	tell_device(vq);
	idle = wait_idle(vq, &deadline);
	if (!idle)
		log_stuck(vq);
	return idle;
}

void
queue_reset(struct vqueue_info *vq)
{
	(void)queue_stop(vq);
	queue_clear(vq);
}

/* ---- guest memory comes and goes -------------------------------------- */

void
queues_pause(void *arg)
{
	struct virtio_priv *p = arg;

	queues_stop(p->common);
	for (int i = 0; i < p->nvq; i++) {
		struct vqueue_info *vq = p->vqs[i].vq;

		pthread_mutex_lock(&vq->mtx);
		if (ring_n_inflight(&vq->priv->ring) > 0)
			vq->priv->stale_map = true;
		pthread_mutex_unlock(&vq->mtx);
	}
}

/* Notifications of the guest that has gone are none of the next one's. */
static void
queues_desert(void *arg)
{
	struct virtio_priv *p = arg;

	for (int i = 0; i < p->nvq; i++) {
		struct vq_priv *q = &p->vqs[i];

		pthread_mutex_lock(&q->vq->mtx);
		q->deserted = q->vq->enabled;
		pthread_mutex_unlock(&q->vq->mtx);
		drain(q->kick_fd);
	}
}

void
queues_resume(void *arg)
{
	struct virtio_priv *p = arg;

	for (int i = 0; i < p->nvq; i++) {
		struct vqueue_info *vq = p->vqs[i].vq;

		pthread_mutex_lock(&vq->mtx);
		vq->priv->stopping = false;
		update_map(vq->priv);
		pthread_mutex_unlock(&vq->mtx);
	}
	queues_update(p->common);
}

const struct vm_client_ops queues_vm_ops = {
	.pause = queues_pause,
	.desert = queues_desert,
	.resume = queues_resume,
};

/* ---- serving ------------------------------------------------------------ */

void
queues_update(struct virtio_common *vb)
{
	for (int i = 0; i < vb->priv->nvq; i++) {
		struct vqueue_info *vq = &vb->queues[i];
		bool work;

		pthread_mutex_lock(&vq->mtx);
		queue_update(vq->priv);
		work = has_work(vq->priv);
		pthread_mutex_unlock(&vq->mtx);
		if (work)
			queue_wake(vq->priv);
	}
}

void
queue_notify(struct virtio_common *vb, uint64_t num)
{
	struct vqueue_info *vq = queue_get(vb, num);

	if (!vq)
		return;
	queue_notified(vq);
	if (vq->priv->base == vb->dev->vmctx->base)
		(void)queue_serve(vq);
	else
		queue_wake(vq->priv);
}

/* One turn of the device. Has it taken any? vq->mtx is held. */
static bool
serve_once(struct vqueue_info *vq, bool *more)
{
	struct vq_priv *q = vq->priv;
	struct virtio_common *vb = vq->common;
	uint32_t before = ring_taken(&q->ring);
	bool took;

	ring_kicks_off(&q->ring);
	if (vq->notify)
		vq->notify(vb->priv->device, vq);
	else
		vb->vops->qnotify(vb->priv->device, vq);
	took = ring_taken(&q->ring) != before;
	if (!queue_is_live(q))
		return took;
	vq_endchains(vq, 0); /* what was refused, if the device ended early */
	if (ring_is_watched(&q->ring) && !ring_has_again(&q->ring))
		(void)pthread_cond_broadcast(&q->idle);
	if (took && poll_us(&q->poll) > 0)
		q->quiet = true;
	if (q->quiet)
		return took; /* who keeps it so looks again */
	/* A device that takes nothing waits for something else than chains. */
	*more = ring_kicks_on(&q->ring) && took;
	return took;
}

bool
queue_serve(struct vqueue_info *vq)
{
	struct vq_priv *q = vq->priv;
	bool took = false, more = false;

	pthread_mutex_lock(&vq->mtx);
	if (!q->live) {
		update_map(q);
		queue_update(q);
	}
	if (has_work(q))
		took = serve_once(vq, &more);
	pthread_mutex_unlock(&vq->mtx);
	if (took)
		poll_served(q);
	/* The others come first; then it is this queue's turn again. */
	if (more)
		queue_wake(q);
	return took;
}
