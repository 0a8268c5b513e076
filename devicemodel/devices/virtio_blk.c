// SPDX-License-Identifier: BSD-3-Clause
/*
 * Block device (virtio 1.3, 5.2).
 *
 * Queues are served by I/O threads. Chains are taken a few at a time, and what
 * can be done at once is done and given back together. A request that has to
 * wait gets a slot until the back end has done with it. If that is after a
 * reset, the chain is given back all the same (the library counts), but nothing
 * is written to the driver's memory.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include <vbs/iothread.h>
#include <vbs/log.h>
#include <vbs/virtio.h>

#include "backend/block.h"
#include "devices/blk/config.h"
#include "devices/blk/request.h"
#include "devices/devices.h"

/*
 * Linux makes chains as long as seg_max allows, however small the ring is, and
 * a chain must not be longer than its ring (2.7.5.3.1). Over vhost-user it is
 * the front end that chooses: QEMU and Cloud Hypervisor take 128.
 */
#define BLK_SMALL_RING 128
/* Room for header, status, and segments that cross regions of guest RAM. */
#define BLK_IOVS 288
/*
 * Chains that are taken at a time. They are given back before the next ones are
 * taken, so that a driver on another core has something to do meanwhile.
 */
#define BLK_BATCH      16
#define BLK_SIZE_MAX   (1u << 20)
#define BLK_ZEROES_MAX (1u << 17) /* sectors: 64 MiB, if they are written */
/* With aio=threads: for all queues together, and at least for each. */
#define BLK_IO_THREADS     16
#define BLK_IO_THREADS_MIN 4
#define BLK_DRAIN_MS       1000
#define BLK_REFRESH_SEC    1

#define VIRTIO_F_VERSION_1 32

/* A request that waits. */
struct blk_slot {
	struct block_req io; /* first: the back end gives this address back */
	struct blk_slot *next_free;
	uint8_t *status; /* as in struct blk_request */
	uint64_t in_bytes;
	uint16_t head;
	bool busy;
	bool stale; /* the driver has reset the device meanwhile */
	struct iovec iov[BLK_IOVS];
	struct block_range ranges[BLK_RANGE_MAX];
};

/* Requests that have just been taken. */
struct blk_batch {
	struct vq_chain chains[BLK_BATCH];
	struct blk_request reqs[BLK_BATCH];
	bool whole[BLK_BATCH];                    /* header, and status */
	struct iovec iov[BLK_IOVS];               /* of all of them */
	struct block_range ranges[BLK_RANGE_MAX]; /* of the present one */
};

struct blk_queue {
	struct virtio_blk *blk;
	struct vqueue_info *vq; /* vq->mtx guards all of this */
	struct block_queue *io;
	struct blk_slot *slots;
	unsigned int n_slots;
	unsigned int n_touched; /* the first so many have been in use */
	struct blk_slot *free;  /* of these */
	bool abandoned; /* a request was stuck, and the device has gone */
};

struct virtio_blk {
	struct virtio_common common; /* first: callbacks get this address */
	struct vqueue_info vq[BLK_QUEUES_MAX];
	struct virtio_ops ops; /* nvq is the number of queues */
	struct blk_options opts;
	char *opts_text;          /* what opts points into */
	struct blk_config config; /* common.mtx */
	char serial[BLK_SERIAL_BYTES];
	struct block *block;
	struct event *refresh;
	struct vbs_iothread *thread[BLK_QUEUES_MAX];
	unsigned int n_threads;
	unsigned int n_queues;
	struct blk_queue queue[BLK_QUEUES_MAX];
	struct blk_limits limits; /* what the features decide; capacity 0 */
	atomic_bool stable;       /* writes are safe when they are done */
};

static const struct vbs_virtio_id blk_id = {
	.type = 2,
	.device = 0x1001,
	.class_code = 0x010000, /* mass storage */
};

/* 5.2.6.2: when is a completed write on the medium? */
static void
blk_update_cache(struct virtio_blk *blk)
{
	bool stable;

	if (vbs_has_feature(&blk->common, BLK_F_CONFIG_WCE))
		stable = !blk->config.bytes[BLK_CONFIG_WRITEBACK];
	else if (vbs_has_feature(&blk->common, BLK_F_FLUSH))
		stable = !blk->opts.writeback;
	else
		stable = true;
	atomic_store_explicit(&blk->stable, stable, memory_order_relaxed);
}

/*
 * Say how a request has ended; its used length. That counts from the first byte
 * on, without a gap (2.7.8.2): the status only if all before it is written.
 */
static uint32_t
blk_answer(uint8_t *at, enum blk_status status, uint64_t written,
	   uint64_t in_bytes)
{
	if (at) {
		*at = (uint8_t)status;
		written += written == in_bytes;
	}
	return (uint32_t)written;
}

/* The same for one that the back end has ended. */
static uint32_t
blk_answer_io(uint8_t *at, const struct block_req *io, uint64_t in_bytes)
{
	return blk_answer(at, io->rc ? BLK_S_IOERR : BLK_S_OK,
			  io->op == BLOCK_READ ? io->done : 0, in_bytes);
}

/* What the back end has to do for a request that has been checked. */
static struct block_req
blk_io(const struct blk_queue *q, const struct blk_request *req,
       struct block_range *ranges, int n_ranges)
{
	struct block_req io = {
		.op = BLOCK_FLUSH,
		.ranges = ranges,
		.n_ranges = n_ranges,
		.stable = atomic_load_explicit(&q->blk->stable,
					       memory_order_relaxed),
	};

	switch (req->type) {
	case BLK_T_IN:
		io.op = BLOCK_READ;
		io.iov = req->in;
		io.n_iov = req->n_in;
		io.bytes = req->in_bytes;
		break;
	case BLK_T_OUT:
		io.op = BLOCK_WRITE;
		io.iov = req->out;
		io.n_iov = req->n_out;
		io.bytes = req->out_bytes;
		break;
	case BLK_T_DISCARD:
		io.op = BLOCK_DISCARD;
		break;
	case BLK_T_WRITE_ZEROES:
		io.op = BLOCK_ZEROES;
		break;
	default:
		break;
	}
	if (io.bytes)
		io.offset = req->sector * BLK_SECTOR;
	return io;
}

/*
 * A free slot; NULL if there is none. The one that was in use last is the first
 * again: a queue that is never deep needs little memory.
 */
static struct blk_slot *
blk_take_slot(struct blk_queue *q)
{
	struct blk_slot *slot = q->free;

	if (slot)
		q->free = slot->next_free;
	else if (q->n_touched < q->n_slots)
		slot = &q->slots[q->n_touched++];
	return slot;
}

/* The request has to wait. False if there are more than there can be. */
static bool
blk_park(struct blk_queue *q, const struct vq_chain *chain,
	 const struct blk_request *req, const struct block_req *io)
{
	struct blk_slot *slot = blk_take_slot(q);

	if (!slot)
		return false;
	slot->status = req->status;
	slot->in_bytes = req->in_bytes;
	slot->head = chain->idx;
	slot->busy = true;
	slot->stale = false;
	slot->io = *io;
	slot->io.iov = slot->iov;
	slot->io.ranges = slot->ranges;
	for (int i = 0; i < io->n_iov; i++)
		slot->iov[i] = io->iov[i];
	for (int i = 0; i < io->n_ranges; i++)
		slot->ranges[i] = io->ranges[i];
	block_submit(q->io, &slot->io);
	return true;
}

/*
 * The headers come from another core, and the data from far away: have all of
 * it on its way before the first request is looked at.
 */
static void
blk_fetch(struct blk_queue *q, struct blk_batch *batch, int n)
{
	for (int i = 0; i < n; i++)
		__builtin_prefetch(batch->chains[i].iov[0].iov_base);
	for (int i = 0; i < n; i++) {
		struct blk_request *req = &batch->reqs[i];

		batch->whole[i] = blk_request_parse(&batch->chains[i], req) ==
					  0 &&
				  req->status;
		if (req->type == BLK_T_IN)
			block_hint(q->io, req->sector * BLK_SECTOR);
	}
}

/*
 * Answer request i at once, with the used length, or have it wait. False if it
 * waits.
 */
static bool
blk_begin(struct blk_queue *q, struct blk_batch *batch, int i,
	  const struct blk_limits *limits, uint32_t *used)
{
	struct blk_request *req = &batch->reqs[i];
	enum blk_status status = BLK_S_IOERR;
	struct block_req io;
	int n_ranges = 0;

	if (batch->whole[i])
		status = blk_request_check(req, limits, batch->ranges,
					   &n_ranges);
	if (status != BLK_S_OK) {
		*used = blk_answer(req->status, status, 0, req->in_bytes);
		return true;
	}
	if (req->type == BLK_T_GET_ID) {
		*used = blk_scatter(req->in, req->n_in, q->blk->serial,
				    BLK_SERIAL_BYTES);
		*used = blk_answer(req->status, BLK_S_OK, *used, req->in_bytes);
		return true;
	}
	io = blk_io(q, req, batch->ranges, n_ranges);
	if (!block_try(q->io, &io)) {
		if (blk_park(q, &batch->chains[i], req, &io))
			return false;
		io.rc = -ENOBUFS;
	}
	*used = blk_answer_io(req->status, &io, req->in_bytes);
	return true;
}

static void
blk_serve(struct blk_queue *q, struct blk_batch *batch, int n,
	  const struct blk_limits *limits)
{
	struct vq_chain *chains = batch->chains;
	uint32_t used;
	int n_ended = 0;

	blk_fetch(q, batch, n);
	for (int i = 0; i < n; i++) {
		if (!blk_begin(q, batch, i, limits, &used))
			continue;
		chains[n_ended].idx = chains[i].idx;
		chains[n_ended++].iolen = used;
	}
	block_commit(q->io);
	vq_relchains(q->vq, chains, n_ended);
	vq_endchains(q->vq, !vq_has_descs(q->vq));
}

/* Take what is there, at most a queue's worth. vq->mtx is held. */
static void
blk_take(struct blk_queue *q)
{
	struct blk_limits limits = q->blk->limits;
	struct blk_batch batch;
	int n = 0;

	limits.capacity = block_size(q->blk->block) / BLK_SECTOR;
	for (int left = q->vq->qsize; left > 0; left -= n) {
		n = vq_getchains(q->vq, batch.chains, BLK_BATCH, batch.iov,
				 BLK_IOVS);
		if (n <= 0)
			break;
		blk_serve(q, &batch, n, &limits);
	}
	vq_endchains(q->vq, n == 0); /* of what was refused */
}

static void
blk_notify(void *arg, struct vqueue_info *vq)
{
	struct virtio_blk *blk = arg;

	blk_take(&blk->queue[vq->num]);
}

/* Give a slot's chain back to the driver. vq->mtx is held. */
static void
blk_finish(struct blk_queue *q, struct blk_slot *slot)
{
	uint8_t *at = slot->stale ? NULL : slot->status;

	vq_relchain(q->vq, slot->head,
		    blk_answer_io(at, &slot->io, slot->in_bytes));
	slot->busy = false;
	slot->next_free = q->free;
	q->free = slot;
}

/* The back end has ended requests. Any thread. */
static void
blk_done(void *arg, struct block_req *list)
{
	struct blk_queue *q = arg;

	pthread_mutex_lock(&q->vq->mtx);
	if (q->abandoned)
		list = NULL;
	while (list) {
		struct blk_slot *slot = (struct blk_slot *)list;

		list = list->next; /* the slot may be taken again at once */
		blk_finish(q, slot);
	}
	if (!q->abandoned)
		vq_endchains(q->vq, !vq_has_descs(q->vq));
	pthread_mutex_unlock(&q->vq->mtx);
}

static uint32_t
blk_bad_chain(void *arg, struct vqueue_info *vq, const struct iovec *last)
{
	if (!last || last->iov_len == 0)
		return 0;
	((uint8_t *)last->iov_base)[last->iov_len - 1] = BLK_S_IOERR;
	return 0; /* what lies before it may be for the driver to read, too */
}

/* What is still in the back end after all this time must not be answered: the
 * memory is the driver's again. */
static void
blk_forget(struct blk_queue *q)
{
	pthread_mutex_lock(&q->vq->mtx);
	for (unsigned int i = 0; i < q->n_touched; i++)
		q->slots[i].stale = q->slots[i].busy;
	pthread_mutex_unlock(&q->vq->mtx);
}

static void
blk_reset(void *arg)
{
	struct virtio_blk *blk = arg;

	for (unsigned int i = 0; i < blk->n_queues; i++)
		blk_forget(&blk->queue[i]);
	blk->config.bytes[BLK_CONFIG_WRITEBACK] = blk->opts.writeback &&
						  !blk->opts.ro;
	virtio_reset_dev(&blk->common);
	blk_update_cache(blk);
}

static void
blk_apply_features(void *arg, uint64_t negotiated)
{
	struct virtio_blk *blk = arg;
	struct virtio_common *common = &blk->common;

	blk->limits.legacy = !vbs_has_feature(common, VIRTIO_F_VERSION_1);
	blk->limits.discard = vbs_has_feature(common, BLK_F_DISCARD);
	blk->limits.zeroes = vbs_has_feature(common, BLK_F_WRITE_ZEROES);
	if (!blk->limits.legacy && vbs_has_feature(common, BLK_F_CONFIG_WCE) &&
	    !vbs_has_feature(common, BLK_F_FLUSH))
		blk->config.bytes[BLK_CONFIG_WRITEBACK] = 0; /* 5.2.5.2 */
	blk_update_cache(blk);
}

static int
blk_cfgread(void *arg, int offset, int size, uint32_t *val)
{
	struct virtio_blk *blk = arg;

	*val = blk_config_read(&blk->config, offset, size);
	return 0;
}

/* Only the cache mode can be written, also by a legacy driver that has not
 * chosen its features yet (5.2.5.3). */
static int
blk_cfgwrite(void *arg, int offset, int size, uint32_t val)
{
	struct virtio_blk *blk = arg;
	int at = BLK_CONFIG_WRITEBACK - offset;

	if (at < 0 || at >= size || blk->opts.ro)
		return -EINVAL;
	if (vbs_has_feature(&blk->common, VIRTIO_F_VERSION_1) &&
	    !vbs_has_feature(&blk->common, BLK_F_CONFIG_WCE))
		return -EINVAL;
	blk->config.bytes[BLK_CONFIG_WRITEBACK] = (val >> (8 * at)) & 1;
	blk_update_cache(blk);
	return 0;
}

/* The driver's choice of the cache mode is all that the device keeps. */
static long
blk_save(void *arg, void *buf, size_t size)
{
	const struct virtio_blk *blk = arg;

	if (size < 1)
		return -ENOSPC;
	memcpy(buf, &blk->config.bytes[BLK_CONFIG_WRITEBACK], 1);
	return 1;
}

static int
blk_load(void *arg, const void *buf, size_t len)
{
	struct virtio_blk *blk = arg;
	uint8_t writeback;

	if (len != 1)
		return -EINVAL;
	memcpy(&writeback, buf, 1);
	if (writeback > !blk->opts.ro)
		return -EINVAL;
	blk->config.bytes[BLK_CONFIG_WRITEBACK] = writeback;
	blk_update_cache(blk);
	return 0;
}

static const struct virtio_ops blk_ops = {
	.name = "virtio-blk",
	.cfgsize = sizeof(struct blk_config),
	.reset = blk_reset,
	.qnotify = blk_notify,
	.cfgread = blk_cfgread,
	.cfgwrite = blk_cfgwrite,
	.apply_features = blk_apply_features,
	.bad_chain = blk_bad_chain,
	.save = blk_save,
	.load = blk_load,
};

/* The image may have grown. Control thread. */
static void
blk_rescan(struct pci_vdev *dev)
{
	struct virtio_blk *blk = dev->arg;
	uint64_t sectors;

	if (!block_refresh(blk->block))
		return;
	sectors = block_size(blk->block) / BLK_SECTOR;
	pthread_mutex_lock(&blk->common.mtx);
	blk_config_set_capacity(&blk->config, sectors);
	virtio_config_changed(&blk->common);
	pthread_mutex_unlock(&blk->common.mtx);
	vbs_log(dev->vmctx, VBS_LOG_INFO, "%s: now %llu sectors", dev->name,
		(unsigned long long)sectors);
}

static void
blk_tick(evutil_socket_t fd, short what, void *arg)
{
	blk_rescan(arg);
}

static int
blk_open_image(struct virtio_blk *blk, struct dm_error *err)
{
	const struct blk_options *opts = &blk->opts;
	struct block_options how = {
		.path = opts->path,
		.ro = opts->ro,
		.share = opts->share,
		.nocache = opts->nocache,
		.has_range = opts->has_range,
		.start = opts->range.v[0] * BLK_SECTOR,
		.bytes = opts->range.v[1] * BLK_SECTOR,
		.sector = opts->sector_bytes,
		.aio = (enum block_aio)opts->aio,
		.n_threads = BLK_IO_THREADS / opts->mq,
	};

	if (how.n_threads < BLK_IO_THREADS_MIN)
		how.n_threads = BLK_IO_THREADS_MIN;
	return block_open(&how, &blk->block, err);
}

static void
blk_set_shape(struct virtio_blk *blk)
{
	struct blk_options *opts = &blk->opts;
	unsigned int ring = opts->queue_size < BLK_SMALL_RING ? opts->queue_size
							      : BLK_SMALL_RING;
	struct blk_shape shape = {
		.capacity = block_size(blk->block) / BLK_SECTOR,
		.size_max = BLK_SIZE_MAX,
		.seg_max = ring - 2, /* but header and status */
		.max_zeroes_sectors = BLK_ZEROES_MAX,
		.max_zeroes_seg = BLK_RANGE_MAX,
	};

	if (opts->sectorsize.n < 2 &&
	    block_unit(blk->block) > opts->physical_bytes)
		opts->physical_bytes = block_unit(blk->block);
	blk->limits = (struct blk_limits){
		.ro = opts->ro,
		.unmap = opts->has_discard,
		.legacy = true,
		.max_discard_sectors = opts->max_discard_sectors,
		.max_discard_seg = opts->max_discard_seg,
		.max_zeroes_sectors = shape.max_zeroes_sectors,
		.max_zeroes_seg = shape.max_zeroes_seg,
	};
	blk_config_fill(&blk->config, opts, &shape);
	blk_serial(opts, blk->serial);
	atomic_init(&blk->stable, true);
}

static int
blk_queue_init(struct virtio_blk *blk, struct blk_queue *q,
	       struct event_base *base)
{
	int rc;

	q->blk = blk;
	q->n_slots = blk->opts.queue_size;
	q->slots = calloc(q->n_slots, sizeof(*q->slots));
	if (!q->slots)
		return -ENOMEM;
	rc = block_queue_new(blk->block, q->n_slots, base, blk_done, q, &q->io);
	if (rc < 0)
		free(q->slots);
	return rc;
}

/* At least one thread, and no more than there are queues. */
static int
blk_threads_init(struct virtio_blk *blk, const struct pci_vdev *dev)
{
	char name[24];
	int rc;

	do {
		(void)snprintf(name, sizeof(name), "blk-%u.%u-%u", dev->slot,
			       dev->func, blk->n_threads);
		rc = vbs_iothread_new(name, &blk->thread[blk->n_threads]);
		if (rc < 0)
			return rc;
		blk->n_threads++;
	} while (blk->n_threads < blk->opts.iothreads &&
		 blk->n_threads < blk->opts.mq);
	return 0;
}

/* Queues are spread over the threads. */
static struct vbs_iothread *
blk_thread_of(struct virtio_blk *blk, unsigned int queue)
{
	return blk->thread[queue % blk->n_threads];
}

static int
blk_queues_init(struct virtio_blk *blk)
{
	int rc;

	for (; blk->n_queues < blk->opts.mq; blk->n_queues++) {
		unsigned int i = blk->n_queues;

		rc = blk_queue_init(blk, &blk->queue[i],
				    vbs_iothread_base(blk_thread_of(blk, i)));
		if (rc < 0)
			return rc;
		blk->queue[i].vq = &blk->vq[i];
		blk->vq[i].qsize = (uint16_t)blk->opts.queue_size;
	}
	return 0;
}

static int
blk_attach(struct virtio_blk *blk, struct pci_vdev *dev)
{
	struct timeval period = { .tv_sec = BLK_REFRESH_SEC };
	int rc;

	blk->ops = blk_ops;
	blk->ops.nvq = (int)blk->n_queues;
	blk->common.device_caps = blk_features(&blk->opts);
	virtio_linkup(&blk->common, &blk->ops, blk, dev, blk->vq, BACKEND_VBSU);
	rc = vbs_virtio_pci_init(&blk->common, &blk_id);
	for (unsigned int i = 0; i < blk->n_queues && rc == 0; i++)
		rc = vbs_vq_set_iothread(&blk->vq[i], blk_thread_of(blk, i));
	if (rc < 0)
		return rc;
	blk->refresh = event_new(vbs_vm_event_base(dev->vmctx), -1, EV_PERSIST,
				 blk_tick, dev);
	if (!blk->refresh || event_add(blk->refresh, &period) < 0)
		return -ENOMEM;
	return 0;
}

/* False if a request is stuck: then everything it may touch stays. */
static bool
blk_free(struct virtio_blk *blk)
{
	if (blk->refresh)
		event_free(blk->refresh);
	blk->refresh = NULL;
	for (; blk->n_queues > 0; blk->n_queues--) {
		struct blk_queue *q = &blk->queue[blk->n_queues - 1];

		if (block_queue_free(q->io, BLK_DRAIN_MS) < 0)
			return false;
		free(q->slots);
	}
	while (blk->n_threads > 0)
		vbs_iothread_free(blk->thread[--blk->n_threads]);
	block_close(blk->block);
	free(blk->opts_text);
	free(blk);
	return true;
}

static int
blk_init(struct vmctx *ctx, struct pci_vdev *dev, char *opts)
{
	struct virtio_blk *blk = calloc(1, sizeof(*blk));
	struct dm_error err = { "out of memory" };
	const char *format;
	int rc = -ENOMEM;

	if (!blk)
		return -ENOMEM;
	blk->opts_text = strdup(opts ? opts : "");
	if (blk->opts_text)
		rc = blk_options_parse(blk->opts_text, &blk->opts, &err);
	if (rc == 0)
		rc = blk_open_image(blk, &err);
	if (rc < 0) {
		vbs_log(ctx, VBS_LOG_ERROR, "%s: %s", dev->name, err.text);
		(void)blk_free(blk);
		return rc;
	}
	blk_set_shape(blk);
	rc = blk_threads_init(blk, dev);
	if (rc == 0)
		rc = blk_queues_init(blk);
	if (rc == 0)
		rc = blk_attach(blk, dev);
	if (rc < 0) {
		(void)blk_free(blk);
		return rc;
	}
	vbs_log(ctx, VBS_LOG_INFO, "%s: %s, %llu sectors, %s, serial %.20s",
		dev->name, blk->opts.path,
		(unsigned long long)block_size(blk->block) / BLK_SECTOR,
		block_engine_name(blk->block), blk->serial);
	format = block_foreign_format(blk->block);
	if (format)
		vbs_log(ctx, VBS_LOG_WARNING,
			"%s: image %.80s begins like a %s image, but is served "
			"as it is, raw; make it raw with qemu-img convert",
			dev->name, blk->opts.path, format);
	return 0;
}

/* Completions that come from now on find nobody. */
static void
blk_abandon(struct virtio_blk *blk)
{
	for (unsigned int i = 0; i < blk->n_queues; i++) {
		struct blk_queue *q = &blk->queue[i];

		pthread_mutex_lock(&q->vq->mtx);
		q->abandoned = true;
		pthread_mutex_unlock(&q->vq->mtx);
	}
}

static void
blk_deinit(struct vmctx *ctx, struct pci_vdev *dev, char *opts)
{
	struct virtio_blk *blk = dev->arg;

	if (blk_free(blk))
		return;
	blk_abandon(blk);
	vbs_log(ctx, VBS_LOG_WARNING,
		"%s: the image does not answer; its last requests are left "
		"behind",
		dev->name);
}

static int
blk_reshape(const char *text, struct dm_shape *shape, struct dm_error *err)
{
	char *copy = strdup(text ? text : "");
	struct blk_options opts;
	int rc;

	if (!copy)
		return -ENOMEM;
	rc = blk_options_parse(copy, &opts, err);
	free(copy);
	if (rc < 0)
		return rc;
	shape->n_queues = opts.mq;
	shape->queue_size = opts.queue_size;
	return 0;
}

static const struct pci_vdev_ops pci_ops_virtio_blk = {
	.class_name = "virtio-blk",
	.vdev_init = blk_init,
	.vdev_deinit = blk_deinit,
	.vdev_barwrite = virtio_pci_write,
	.vdev_barread = virtio_pci_read,
};

static const char *const blk_names[] = { "blk", "block", NULL };
static const char *const blk_features_of_program[] = { "read-only", "blk-file",
						       NULL };

const struct dm_device dm_virtio_blk = {
	.ops = &pci_ops_virtio_blk,
	.names = blk_names,
	.shape = {
		.virtio_id = 2,
		.n_queues = 1,
		.queue_size = BLK_QUEUE_SIZE,
		.config_size = sizeof(struct blk_config),
	},
	.summary = "disk: a file, a block device, or null:SIZE",
	.example = "-s 3,virtio-blk,disk.img,discard,mq=4,iothread=2",
	.options = blk_option_table,
	.rescan = blk_rescan,
	.reshape = blk_reshape,
	.vhost_user_type = "block",
	.vhost_user_features = blk_features_of_program,
};
