// SPDX-License-Identifier: BSD-3-Clause
/* A device that copies what is readable into what is writable. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <vbs/iothread.h>

#include "device/loop.h"

static const struct vbs_virtio_id loop_id = {
	.type = LOOP_TYPE,
	.device = LOOP_DEVICE_ID,
	.class_code = 0xff0000,
};

static const struct vbs_virtio_id loop_modern_id = {
	.type = LOOP_TYPE,
	.class_code = 0xff0000,
};

struct loop *
loop_of(struct pci_vdev *dev)
{
	return dev->arg;
}

/* Copy from readable segments to writable ones; return the bytes written. */
static uint32_t
loop_copy(const struct iovec *iov, int n_in, int n)
{
	int in = 0, out = n_in;
	size_t in_at = 0, out_at = 0;
	uint32_t done = 0;

	while (in < n_in && out < n) {
		size_t len = iov[in].iov_len - in_at;

		if (len > iov[out].iov_len - out_at)
			len = iov[out].iov_len - out_at;
		memcpy((char *)iov[out].iov_base + out_at,
		       (char *)iov[in].iov_base + in_at, len);
		done += (uint32_t)len;
		in_at += len;
		out_at += len;
		if (in_at == iov[in].iov_len) {
			in++;
			in_at = 0;
		}
		if (out_at == iov[out].iov_len) {
			out++;
			out_at = 0;
		}
	}
	return done;
}

static int
count_readable(const uint16_t *flags, int n)
{
	int i = 0;

	while (i < n && !(flags[i] & VRING_DESC_F_WRITE))
		i++;
	return i;
}

/* Keep a chain; false if it is to be returned at once. */
static bool
loop_keep(struct loop *loop, int q, uint16_t head, uint32_t len)
{
	(void)__atomic_fetch_add(&loop->n_chains, 1, __ATOMIC_RELAXED);
	if (!loop->hold || loop->n_held[q] == LOOP_QSIZE)
		return false;
	loop->held[q][loop->n_held[q]++] = (struct loop_held){ head, len };
	return true;
}

/* One turn with several chains at a time. What vq_getchains() said last. */
static int
serve_batches(struct loop *loop, struct vqueue_info *vq)
{
	struct vq_chain chains[LOOP_BATCH], back[LOOP_BATCH];
	struct iovec iov[LOOP_MAX_SEGS];
	int n = 0;

	for (int left = vq->qsize; left > 0; left -= n) {
		int n_back = 0;

		n = vq_getchains(vq, chains, LOOP_BATCH, iov, LOOP_MAX_SEGS);
		if (n <= 0)
			break;
		for (int i = 0; i < n; i++) {
			struct vq_chain *c = &chains[i];

			c->iolen = loop_copy(c->iov, c->n_readable,
					     c->n_readable + c->n_writable);
			if (!loop_keep(loop, vq->num, c->idx, c->iolen))
				back[n_back++] = *c;
		}
		vq_relchains(vq, back, n_back);
	}
	return n;
}

static void
loop_notify(void *arg, struct vqueue_info *vq)
{
	struct loop *loop = arg;
	struct iovec iov[LOOP_MAX_SEGS];
	uint16_t flags[LOOP_MAX_SEGS], head;
	uint32_t len;
	int n = 0;

	if (loop->batch) {
		vq_endchains(vq, serve_batches(loop, vq) == 0);
		return;
	}
	for (int left = vq->qsize; left > 0; left--) {
		n = vq_getchain(vq, &head, iov, LOOP_MAX_SEGS, flags);
		if (n <= 0)
			break;
		len = loop_copy(iov, count_readable(flags, n), n);
		if (!loop_keep(loop, vq->num, head, len))
			vq_relchain(vq, head, len);
	}
	vq_endchains(vq, n == 0);
}

void
loop_release(struct loop *loop, int queue)
{
	struct vqueue_info *vq = &loop->vqs[queue];

	pthread_mutex_lock(&vq->mtx);
	for (int i = 0; i < loop->n_held[queue]; i++)
		vq_relchain(vq, loop->held[queue][i].head,
			    loop->held[queue][i].len);
	loop->n_held[queue] = 0;
	vq_endchains(vq, 0);
	pthread_mutex_unlock(&vq->mtx);
}

void
loop_give_back(struct loop *loop, int queue, int i)
{
	struct vqueue_info *vq = &loop->vqs[queue];
	struct loop_held *held = &loop->held[queue][i];

	pthread_mutex_lock(&vq->mtx);
	vq_relchain(vq, held->head, held->len);
	vq_endchains(vq, 0);
	loop->n_held[queue]--;
	memmove(held, held + 1,
		(size_t)(loop->n_held[queue] - i) * sizeof(*held));
	pthread_mutex_unlock(&vq->mtx);
}

static void
loop_queue_stop(void *arg, struct vqueue_info *vq)
{
	struct loop *loop = arg;

	loop->n_stops++;
	if (!loop->stuck)
		loop_release(loop, vq->num);
}

static void
loop_reset(void *arg)
{
	struct loop *loop = arg;

	loop->n_resets++;
	virtio_reset_dev(&loop->common);
}

static uint32_t
loop_bad_chain(void *arg, struct vqueue_info *vq, const struct iovec *last)
{
	struct loop *loop = arg;

	loop->n_bad++;
	return 0;
}

static int
loop_cfgread(void *arg, int offset, int size, uint32_t *val)
{
	struct loop *loop = arg;

	*val = 0;
	for (int i = 0; i < size; i++)
		*val |= (uint32_t)loop->config[offset + i] << 8 * i;
	return 0;
}

static int
loop_cfgwrite(void *arg, int offset, int size, uint32_t val)
{
	struct loop *loop = arg;

	for (int i = 0; i < size; i++)
		loop->config[offset + i] = (uint8_t)(val >> 8 * i);
	return 0;
}

static int
loop_check_features(void *arg, uint64_t features)
{
	if ((features >> LOOP_F_EXTRA & 1) && !(features >> LOOP_F_BASE & 1))
		return -EINVAL;
	return 0;
}

void
loop_change_config(struct loop *loop, int offset, uint8_t val)
{
	pthread_mutex_lock(&loop->common.mtx);
	loop->config[offset] = val;
	pthread_mutex_unlock(&loop->common.mtx);
	virtio_config_changed(&loop->common);
}

static long
loop_save(void *arg, void *buf, size_t size)
{
	struct loop *loop = arg;

	if (size < LOOP_CONFIG)
		return -ENOSPC;
	memcpy(buf, loop->config, LOOP_CONFIG);
	return LOOP_CONFIG;
}

static int
loop_load(void *arg, const void *buf, size_t len)
{
	struct loop *loop = arg;

	if (len != LOOP_CONFIG)
		return -EINVAL;
	memcpy(loop->config, buf, LOOP_CONFIG);
	return 0;
}

static const struct virtio_ops loop_ops = {
	.name = "loop",
	.nvq = LOOP_QUEUES,
	.cfgsize = LOOP_CONFIG,
	.reset = loop_reset,
	.qnotify = loop_notify,
	.cfgread = loop_cfgread,
	.cfgwrite = loop_cfgwrite,
	.check_features = loop_check_features,
	.queue_stop = loop_queue_stop,
	.bad_chain = loop_bad_chain,
	.save = loop_save,
	.load = loop_load,
};

static int
loop_use_thread(struct loop *loop)
{
	int rc = vbs_iothread_new("loop", &loop->thread);

	for (int i = 1; i < LOOP_QUEUES && rc == 0; i++)
		rc = vbs_vq_set_iothread(&loop->vqs[i], loop->thread);
	return rc;
}

static bool
has_option(const char *opts, const char *name)
{
	return opts && strcmp(opts, name) == 0;
}

static int
loop_init(struct vmctx *ctx, struct pci_vdev *dev, char *opts)
{
	struct loop *loop = calloc(1, sizeof(*loop));
	bool modern = has_option(opts, "modern");
	int rc;

	if (!loop)
		return -ENOMEM;
	for (int i = 0; i < LOOP_QUEUES; i++)
		loop->vqs[i].qsize = LOOP_QSIZE;
	for (int i = 0; i < LOOP_CONFIG; i++)
		loop->config[i] = (uint8_t)(0xa0 + i);
	loop->common.device_caps = 1u << LOOP_F_BASE | 1u << LOOP_F_EXTRA;
	virtio_linkup(&loop->common, &loop_ops, loop, dev, loop->vqs,
		      BACKEND_VBSU);
	rc = vbs_virtio_pci_init(&loop->common,
				 modern ? &loop_modern_id : &loop_id);
	if (rc == 0 && has_option(opts, "iothread"))
		rc = loop_use_thread(loop);
	if (rc == 0 && has_option(opts, "in-order"))
		rc = vbs_virtio_offer(dev, 35, true);
	if (rc < 0) {
		vbs_iothread_free(loop->thread);
		free(loop);
	}
	return rc;
}

static void
loop_deinit(struct vmctx *ctx, struct pci_vdev *dev, char *opts)
{
	struct loop *loop = dev->arg;

	vbs_iothread_free(loop->thread);
	free(loop);
}

const struct pci_vdev_ops loop_pci_ops = {
	.class_name = "loop",
	.vdev_init = loop_init,
	.vdev_deinit = loop_deinit,
	.vdev_barwrite = virtio_pci_write,
	.vdev_barread = virtio_pci_read,
};
