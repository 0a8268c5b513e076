// SPDX-License-Identifier: BSD-3-Clause
/* A device to be attacked: it copies, now or later, and counts. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hostile/probe.h"

#define BIG_QSIZE 32768

static void
count(int *counter)
{
	__atomic_fetch_add(counter, 1, __ATOMIC_SEQ_CST);
}

static bool
is_in_ram(const struct drv_ram *ram, const struct iovec *iov)
{
	const uint8_t *p = iov->iov_base;

	for (int i = 0; i < ram->n; i++) {
		const struct drv_region *r = &ram->regions[i];

		if (r->hva && iov->iov_len > 0 && p >= r->hva &&
		    iov->iov_len <= r->size &&
		    (uint64_t)(p - r->hva) <= r->size - iov->iov_len)
			return true;
	}
	return false;
}

/* What is handed out: in RAM, not empty, readable before writable. */
static void
chain_check(struct probe *p, const struct probe_chain *c)
{
	bool written = false;

	for (int i = 0; i < c->n; i++) {
		bool write = c->flags[i] & VRING_DESC_F_WRITE;

		if ((p->ram && !is_in_ram(p->ram, &c->iov[i])) ||
		    (written && !write))
			count(&p->n_outside);
		written |= write;
	}
}

/* Copy from readable segments to writable ones; the bytes that were written. */
static uint32_t
chain_copy(const struct probe_chain *c)
{
	int in = 0, out = 0, n_in;
	size_t in_at = 0, out_at = 0;
	uint32_t done = 0;

	while (out < c->n && !(c->flags[out] & VRING_DESC_F_WRITE))
		out++;
	n_in = out;
	while (in < n_in && out < c->n) {
		size_t len = c->iov[in].iov_len - in_at;

		if (len > c->iov[out].iov_len - out_at)
			len = c->iov[out].iov_len - out_at;
		memmove((char *)c->iov[out].iov_base + out_at,
			(char *)c->iov[in].iov_base + in_at, len);
		done += (uint32_t)len;
		in_at += len;
		out_at += len;
		if (in_at == c->iov[in].iov_len) {
			in++;
			in_at = 0;
		}
		if (out_at == c->iov[out].iov_len) {
			out++;
			out_at = 0;
		}
	}
	return done;
}

/* Keep a chain for later; false if there is no room. vq->mtx is held. */
static bool
chain_hold(struct probe *p, const struct probe_chain *c)
{
	bool room;

	pthread_mutex_lock(&p->lock);
	room = p->n_held < PROBE_HELD;
	if (room)
		p->held[p->n_held++] = *c;
	pthread_cond_signal(&p->more);
	pthread_mutex_unlock(&p->lock);
	return room;
}

/* Check, count and keep a chain. false if it is to be returned at once. */
static bool
chain_keep(struct probe *p, const struct probe_chain *c)
{
	count(&p->n_chains);
	chain_check(p, c);
	if (p->on_chain)
		p->on_chain(c->vq);
	return p->mode != PROBE_COPY && chain_hold(p, c);
}

static void
batch_take(struct probe *p, struct vqueue_info *vq, struct vq_chain *chains,
	   int n)
{
	struct vq_chain back[PROBE_BATCH];
	int n_back = 0;

	for (int i = 0; i < n; i++) {
		struct vq_chain *from = &chains[i];
		struct probe_chain c = {
			.vq = vq,
			.head = from->idx,
			.n = from->n_readable + from->n_writable,
		};

		for (int k = 0; k < c.n; k++) {
			c.iov[k] = from->iov[k];
			c.flags[k] = k < from->n_readable ? 0
							  : VRING_DESC_F_WRITE;
		}
		if (chain_keep(p, &c))
			continue;
		from->iolen = chain_copy(&c);
		back[n_back++] = *from;
	}
	vq_relchains(vq, back, n_back);
}

static void
notify_batch(struct probe *p, struct vqueue_info *vq)
{
	struct vq_chain chains[PROBE_BATCH];
	struct iovec iov[PROBE_SEGS];
	int n = 0;

	for (int left = vq->qsize; left > 0; left -= n) {
		n = vq_getchains(vq, chains,
				 left < PROBE_BATCH ? left : PROBE_BATCH, iov,
				 PROBE_SEGS);
		if (n <= 0)
			break;
		batch_take(p, vq, chains, n);
	}
	if (n < 0)
		count(&p->n_errors);
	vq_endchains(vq, n == 0);
}

static void
probe_notify(void *arg, struct vqueue_info *vq)
{
	struct probe *p = arg;
	struct probe_chain c = { .vq = vq };

	if (p->batch) {
		notify_batch(p, vq);
		return;
	}
	for (int left = vq->qsize; left > 0; left--) {
		c.n = vq_getchain(vq, &c.head, c.iov, PROBE_SEGS, c.flags);
		if (c.n <= 0)
			break;
		if (!chain_keep(p, &c))
			vq_relchain(vq, c.head, chain_copy(&c));
	}
	if (c.n < 0)
		count(&p->n_errors);
	vq_endchains(vq, c.n == 0);
}

/* The i-th chain that is held. p->lock is held. */
static void
held_take_at(struct probe *p, int i, struct probe_chain *c)
{
	*c = p->held[i];
	p->n_held--;
	memmove(&p->held[i], &p->held[i + 1],
		(size_t)(p->n_held - i) * sizeof(p->held[0]));
}

/* The oldest chain that is held, of one queue or of any. */
static bool
held_take(struct probe *p, const struct vqueue_info *vq, struct probe_chain *c)
{
	bool found = false;

	pthread_mutex_lock(&p->lock);
	for (int i = 0; i < p->n_held && !found; i++) {
		found = !vq || p->held[i].vq == vq;
		if (found)
			held_take_at(p, i, c);
	}
	pthread_mutex_unlock(&p->lock);
	return found;
}

static void
chain_return(const struct probe_chain *c, uint32_t len)
{
	pthread_mutex_lock(&c->vq->mtx);
	vq_relchain(c->vq, c->head, len);
	vq_endchains(c->vq, 0);
	pthread_mutex_unlock(&c->vq->mtx);
}

void
probe_release(struct probe *p)
{
	struct probe_chain c;

	while (held_take(p, NULL, &c))
		chain_return(&c, chain_copy(&c));
}

void
probe_release_one(struct probe *p, int i)
{
	struct probe_chain c;

	pthread_mutex_lock(&p->lock);
	held_take_at(p, i, &c);
	pthread_mutex_unlock(&p->lock);
	chain_return(&c, chain_copy(&c));
}

int
probe_n_held(struct probe *p)
{
	int n;

	pthread_mutex_lock(&p->lock);
	n = p->n_held;
	pthread_mutex_unlock(&p->lock);
	return n;
}

static void *
worker_run(void *arg)
{
	struct probe *p = arg;

	for (;;) {
		bool quit;

		pthread_mutex_lock(&p->lock);
		while (!p->quit && p->n_held == 0)
			pthread_cond_wait(&p->more, &p->lock);
		quit = p->quit;
		pthread_mutex_unlock(&p->lock);
		if (quit)
			return NULL;
		probe_release(p);
	}
}

int
probe_start_worker(struct probe *p)
{
	int rc = pthread_create(&p->worker, NULL, worker_run, p);

	p->has_worker = rc == 0;
	p->mode = PROBE_WORKER;
	return -rc;
}

static void
probe_queue_stop(void *arg, struct vqueue_info *vq)
{
	struct probe *p = arg;
	struct probe_chain c;

	while (p->mode == PROBE_HOLD && held_take(p, vq, &c))
		chain_return(&c, 0);
}

static uint32_t
probe_bad_chain(void *arg, struct vqueue_info *vq, const struct iovec *last)
{
	struct probe *p = arg;

	count(&p->n_refused);
	if (p->on_refused)
		p->on_refused(vq);
	if (!p->has_error || !last)
		return 0;
	((uint8_t *)last->iov_base)[last->iov_len - 1] = PROBE_ERROR;
	return 1;
}

static void
probe_reset(void *arg)
{
	struct probe *p = arg;

	count(&p->n_resets);
	p->applied = 0;
	virtio_reset_dev(&p->common);
}

static bool
cfg_ok(struct probe *p, int offset, int size)
{
	bool ok = (size == 1 || size == 2 || size == 4) && offset >= 0 &&
		  offset <= PROBE_CONFIG - size;

	if (!ok)
		count(&p->n_bad_cfg);
	return ok;
}

static int
probe_cfgread(void *arg, int offset, int size, uint32_t *val)
{
	struct probe *p = arg;

	if (!cfg_ok(p, offset, size))
		return -EINVAL;
	*val = 0;
	for (int i = 0; i < size; i++)
		*val |= (uint32_t)p->config[offset + i] << 8 * i;
	return 0;
}

static int
probe_cfgwrite(void *arg, int offset, int size, uint32_t val)
{
	struct probe *p = arg;

	if (!cfg_ok(p, offset, size))
		return -EINVAL;
	for (int i = 0; i < size; i++)
		p->config[offset + i] = (uint8_t)(val >> 8 * i);
	return 0;
}

static void
probe_apply(void *arg, uint64_t negotiated)
{
	((struct probe *)arg)->applied = negotiated;
}

static int
probe_check(void *arg, uint64_t negotiated)
{
	const uint64_t both = 1u << PROBE_F_A | 1u << PROBE_F_B;

	(void)arg;
	return (negotiated & both) == both ? -EINVAL : 0;
}

static const struct virtio_ops probe_vops = {
	.name = "probe",
	.nvq = PROBE_QUEUES,
	.cfgsize = PROBE_CONFIG,
	.reset = probe_reset,
	.qnotify = probe_notify,
	.cfgread = probe_cfgread,
	.cfgwrite = probe_cfgwrite,
	.apply_features = probe_apply,
	.check_features = probe_check,
	.queue_stop = probe_queue_stop,
	.bad_chain = probe_bad_chain,
};

static void
probe_free(struct probe *p)
{
	vbs_iothread_free(p->iothread);
	(void)pthread_cond_destroy(&p->more);
	(void)pthread_mutex_destroy(&p->lock);
	free(p);
}

static int
probe_use_iothread(struct probe *p)
{
	int rc = vbs_iothread_new("probe", &p->iothread);

	for (int i = 0; i < PROBE_QUEUES && rc == 0; i++)
		rc = vbs_vq_set_iothread(&p->vqs[i], p->iothread);
	return rc;
}

static int
probe_init(struct vmctx *ctx, struct pci_vdev *dev, char *opts)
{
	struct vbs_virtio_id id = { .type = 0x3f, .class_code = 0xff0000 };
	const char *how = opts ? opts : "";
	struct probe *p = calloc(1, sizeof(*p));
	int rc;

	(void)ctx;
	if (!p)
		return -ENOMEM;
	id.device = strstr(how, "modern") ? 0 : 0x103f;
	for (int i = 0; i < PROBE_QUEUES; i++)
		p->vqs[i].qsize = PROBE_QSIZE;
	if (strstr(how, "big"))
		p->vqs[0].qsize = BIG_QSIZE;
	(void)pthread_mutex_init(&p->lock, NULL);
	(void)pthread_cond_init(&p->more, NULL);
	virtio_linkup(&p->common, &probe_vops, p, dev, p->vqs, BACKEND_VBSU);
	p->common.device_caps = 1u << PROBE_F_A | 1u << PROBE_F_B;
	rc = vbs_virtio_pci_init(&p->common, &id);
	if (rc == 0 && strstr(how, "iothread"))
		rc = probe_use_iothread(p);
	if (rc < 0)
		probe_free(p);
	return rc;
}

static void
probe_deinit(struct vmctx *ctx, struct pci_vdev *dev, char *opts)
{
	struct probe *p = dev->arg;

	(void)ctx;
	(void)opts;
	pthread_mutex_lock(&p->lock);
	p->quit = true;
	pthread_cond_signal(&p->more);
	pthread_mutex_unlock(&p->lock);
	if (p->has_worker)
		(void)pthread_join(p->worker, NULL);
	probe_free(p);
}

const struct pci_vdev_ops probe_ops = {
	.class_name = "probe",
	.vdev_init = probe_init,
	.vdev_deinit = probe_deinit,
	.vdev_barwrite = virtio_pci_write,
	.vdev_barread = virtio_pci_read,
};
