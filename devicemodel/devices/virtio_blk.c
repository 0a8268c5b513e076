// SPDX-License-Identifier: BSD-3-Clause
/*
 * Block device (virtio 1.3, 5.2).
 *
 * Queues are served by I/O threads. A request has a slot from the time when its
 * chain is taken until the back end has done with it. If that is after a reset,
 * the chain is given back all the same (the library counts), but nothing is
 * written to the driver's memory.
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
#define BLK_IOVS        288
#define BLK_SIZE_MAX    (1u << 20)
#define BLK_ZEROES_MAX  (1u << 17) /* sectors: 64 MiB, if they are written */
#define BLK_IO_THREADS  4          /* for each queue, with aio=threads */
#define BLK_DRAIN_MS    1000
#define BLK_REFRESH_SEC 1

#define VIRTIO_F_VERSION_1 32

struct blk_queue;

struct blk_slot {
	struct block_req io; /* first: the back end gives this address back */
	struct blk_slot *next_free;
	uint16_t head;
	bool busy;
	bool stale; /* the driver has reset the device meanwhile */
	struct blk_request req;
	struct iovec iov[BLK_IOVS];
	struct block_range ranges[BLK_RANGE_MAX];
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
 * Give a slot's chain back to the driver. The used length counts from the first
 * byte on, without a gap (2.7.8.2): the status only if all before it is
 * written. vq->mtx is held.
 */
static void
blk_finish(struct blk_queue *q, struct blk_slot *slot, enum blk_status status,
	   uint64_t written)
{
	struct blk_request *req = &slot->req;

	if (req->status && !slot->stale) {
		*req->status = (uint8_t)status;
		written += written == req->in_bytes;
	}
	vq_relchain(q->vq, slot->head, (uint32_t)written);
	slot->busy = false;
	slot->next_free = q->free;
	q->free = slot;
}

static void
blk_finish_io(struct blk_queue *q, struct blk_slot *slot)
{
	bool in = slot->io.op == BLOCK_READ;

	blk_finish(q, slot, slot->io.rc ? BLK_S_IOERR : BLK_S_OK,
		   in ? slot->io.done : 0);
}

/* Start the I/O of a request that has been checked. True if it has ended. */
static bool
blk_start_io(struct blk_queue *q, struct blk_slot *slot, int n_ranges)
{
	struct block_req *io = &slot->io;
	struct blk_request *req = &slot->req;

	memset(io, 0, sizeof(*io));
	io->ranges = slot->ranges;
	io->n_ranges = n_ranges;
	io->stable =
		atomic_load_explicit(&q->blk->stable, memory_order_relaxed);
	switch (req->type) {
	case BLK_T_IN:
		io->op = BLOCK_READ;
		io->iov = req->in;
		io->n_iov = req->n_in;
		io->bytes = req->in_bytes;
		break;
	case BLK_T_OUT:
		io->op = BLOCK_WRITE;
		io->iov = req->out;
		io->n_iov = req->n_out;
		io->bytes = req->out_bytes;
		break;
	case BLK_T_DISCARD:
		io->op = BLOCK_DISCARD;
		break;
	case BLK_T_WRITE_ZEROES:
		io->op = BLOCK_ZEROES;
		break;
	default:
		io->op = BLOCK_FLUSH;
		break;
	}
	if (io->bytes)
		io->offset = req->sector * BLK_SECTOR;
	return block_submit(q->io, io);
}

/* A chain has been taken into a slot: answer it, or start its I/O. */
static void
blk_begin(struct blk_queue *q, struct blk_slot *slot, const uint16_t *flags,
	  int n, const struct blk_limits *limits)
{
	struct blk_request *req = &slot->req;
	enum blk_status status = BLK_S_IOERR;
	uint32_t written = 0;
	int n_ranges = 0;

	if (blk_request_parse(slot->iov, flags, n, req) == 0 && req->status)
		status =
			blk_request_check(req, limits, slot->ranges, &n_ranges);
	if (status != BLK_S_OK) {
		blk_finish(q, slot, status, 0);
	} else if (req->type == BLK_T_GET_ID) {
		written = blk_scatter(req->in, req->n_in, q->blk->serial,
				      BLK_SERIAL_BYTES);
		blk_finish(q, slot, BLK_S_OK, written);
	} else if (blk_start_io(q, slot, n_ranges)) {
		blk_finish_io(q, slot);
	}
}

/*
 * The slot that comes next; NULL if there is none. The one that was in use last
 * is the first again: a queue that is never deep needs little memory.
 */
static struct blk_slot *
blk_next_slot(const struct blk_queue *q)
{
	if (q->free)
		return q->free;
	return q->n_touched < q->n_slots ? &q->slots[q->n_touched] : NULL;
}

static struct blk_slot *
blk_take_slot(struct blk_queue *q, struct blk_slot *slot, uint16_t head)
{
	if (slot == q->free)
		q->free = slot->next_free;
	else
		q->n_touched++;
	slot->head = head;
	slot->busy = true;
	slot->stale = false;
	return slot;
}

/* Take what is there, at most a queue's worth. vq->mtx is held. */
static void
blk_take(struct blk_queue *q)
{
	struct virtio_blk *blk = q->blk;
	struct blk_limits limits = blk->limits;
	uint16_t flags[BLK_IOVS], head;
	struct blk_slot *slot;
	int n = 0;

	limits.capacity = block_size(blk->block) / BLK_SECTOR;
	for (int left = q->vq->qsize; left > 0; left--) {
		slot = blk_next_slot(q);
		if (!slot)
			break;
		n = vq_getchain(q->vq, &head, slot->iov, BLK_IOVS, flags);
		if (n <= 0)
			break;
		blk_begin(q, blk_take_slot(q, slot, head), flags, n, &limits);
	}
	block_commit(q->io);
	vq_endchains(q->vq, n == 0);
}

static void
blk_notify(void *arg, struct vqueue_info *vq)
{
	struct virtio_blk *blk = arg;

	blk_take(&blk->queue[vq->num]);
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
		blk_finish_io(q, slot);
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
		.n_threads = BLK_IO_THREADS * opts->mq,
	};

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
