// SPDX-License-Identifier: BSD-3-Clause
/* A vhost-user device, brought up, moved and taken down. */
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "driver/clock.h"
#include "driver/vhost-user-device.h"

#define DEFAULT_QUEUE_SIZE 128
#define WAIT_SLICE_MS      1
#define WAIT_YIELDS        20

/* What needs more than this front end has. */
#define NOT_FEATURES                                                           \
	(DRV_BIT(DRV_VU_F_LOG_ALL) | DRV_BIT(DRV_F_ACCESS_PLATFORM) |          \
	 DRV_BIT(DRV_F_NOTIFICATION_DATA))

/* ---- the connection ---- */

void
drv_vu_device_init(struct drv_vu_device *d, struct drv_ram *ram,
		   const struct drv_vu_opts *opts)
{
	memset(d, 0, sizeof(*d));
	drv_vu_init(&d->vu, -1);
	d->ram = ram;
	d->inflight.fd = -1;
	d->log.fd = -1;
	if (opts)
		d->opts = *opts;
	if (!d->opts.protocol)
		d->opts.protocol = DRV_VU_PROTOCOL_ALL;
	if (!d->opts.n_queues)
		d->opts.n_queues = 1;
	if (!d->opts.queue_size)
		d->opts.queue_size = DEFAULT_QUEUE_SIZE;
}

static int
agree_on_protocol(struct drv_vu_device *d)
{
	struct drv_vu *vu = &d->vu;
	int rc;

	if (!(d->offered & DRV_BIT(DRV_VU_F_PROTOCOL)))
		return 0;
	rc = drv_vu_get_u64(vu, DRV_VU_GET_PROTOCOL_FEATURES,
			    &d->offered_protocol);
	if (rc == 0)
		rc = drv_vu_set_protocol(vu, d->offered_protocol &
						     d->opts.protocol);
	d->max_queues = DRV_MAX_QUEUES;
	if (rc == 0 && drv_vu_has(vu, DRV_VUP_MQ))
		rc = drv_vu_get_u64(vu, DRV_VU_GET_QUEUE_NUM, &d->max_queues);
	if (rc == 0 && drv_vu_has(vu, DRV_VUP_BACKEND_REQ))
		rc = drv_vu_open_back(vu);
	return rc;
}

int
drv_vu_device_attach(struct drv_vu_device *d, int fd)
{
	int rc;

	drv_vu_device_detach(d);
	drv_vu_init(&d->vu, fd);
	rc = drv_vu_get_u64(&d->vu, DRV_VU_GET_FEATURES, &d->offered);
	if (rc == 0)
		rc = agree_on_protocol(d);
	if (rc == 0)
		rc = drv_vu_set_none(&d->vu, DRV_VU_SET_OWNER, -1);
	if (rc < 0)
		drv_vu_device_detach(d);
	d->features = d->offered & ~NOT_FEATURES &
		      (d->opts.features | DRV_BIT(DRV_F_VERSION_1) |
		       DRV_BIT(DRV_VU_F_PROTOCOL));
	return rc;
}

void
drv_vu_device_detach(struct drv_vu_device *d)
{
	drv_vu_deinit(&d->vu);
	for (uint16_t i = 0; i < d->n_queues; i++)
		d->queues[i].running = false;
}

void
drv_vu_device_lost(struct drv_vu_device *d)
{
	drv_vu_device_detach(d);
	for (uint16_t i = 0; i < d->n_queues; i++)
		d->queues[i].base = drv_vq_base(&d->queues[i].vq);
}

/* ---- time passes ---- */

/* What an eventfd has counted. */
static uint64_t
eventfd_take(int fd)
{
	uint64_t n;

	return read(fd, &n, sizeof(n)) == sizeof(n) ? n : 0;
}

int
drv_vu_device_serve(struct drv_vu_device *d, int timeout_ms)
{
	struct pollfd pfds[2 + 2 * DRV_MAX_QUEUES] = {
		{ .fd = d->vu.fd, .events = POLLRDHUP },
		{ .fd = d->vu.back_fd, .events = POLLIN },
	};
	nfds_t n = 2;

	for (uint16_t i = 0; i < d->n_queues; i++) {
		pfds[n++] = (struct pollfd){ d->queues[i].call, POLLIN, 0 };
		pfds[n++] = (struct pollfd){ d->queues[i].err, POLLIN, 0 };
	}
	if (poll(pfds, n, timeout_ms) <= 0)
		return 0;
	for (uint16_t i = 0; i < d->n_queues; i++) {
		d->queues[i].n_calls += eventfd_take(d->queues[i].call);
		d->queues[i].n_errs += eventfd_take(d->queues[i].err);
	}
	if (pfds[0].revents)
		return -ECONNRESET;
	return pfds[1].revents ? drv_vu_serve_back(&d->vu, 0) : 0;
}

int
drv_vu_device_wait(struct drv_vu_device *d, bool (*done)(void *arg), void *arg,
		   int timeout_ms)
{
	int64_t end = drv_now_ms() + timeout_ms;
	int rc = 0;

	for (int i = 0; i < WAIT_YIELDS && !done(arg); i++)
		(void)sched_yield();
	while (!done(arg)) {
		if (rc < 0)
			return rc;
		if (drv_now_ms() >= end)
			return -ETIMEDOUT;
		rc = drv_vu_device_serve(d, WAIT_SLICE_MS);
	}
	return 0;
}

/* ---- a queue ---- */

static int
vu_kick(struct drv_vq *vq)
{
	struct drv_vu_queue *q = (struct drv_vu_queue *)vq;

	return eventfd_write(q->kick, 1) < 0 ? -errno : 0;
}

static int
vu_wait(struct drv_vq *vq, bool (*done)(void *arg), void *arg, int timeout_ms)
{
	return drv_vu_device_wait(((struct drv_vu_queue *)vq)->dev, done, arg,
				  timeout_ms);
}

static uint64_t
vu_irqs(struct drv_vq *vq)
{
	struct drv_vu_queue *q = (struct drv_vu_queue *)vq;

	q->n_calls += eventfd_take(q->call);
	return q->n_calls;
}

static const struct drv_vq_ops vu_ops = {
	.kick = vu_kick,
	.wait = vu_wait,
	.irqs = vu_irqs,
};

static void
queue_deinit(struct drv_vu_queue *q)
{
	drv_vq_close(&q->vq);
	if (q->kick >= 0)
		(void)close(q->kick);
	if (q->call >= 0)
		(void)close(q->call);
	if (q->err >= 0)
		(void)close(q->err);
}

/* Pages of their own: a log tells who wrote to them. */
static uint64_t
alloc_pages(struct drv_ram *ram, uint64_t bytes)
{
	return drv_ram_alloc(ram, bytes + (-bytes & (DRV_PAGE - 1)), DRV_PAGE);
}

/* A ring with pages of their own for what the device writes. */
static int
ring_init(struct drv_vq *vq, struct drv_ram *ram, uint16_t size,
	  uint64_t features)
{
	struct drv_areas at = { .size = size };

	if (features & DRV_BIT(DRV_F_RING_PACKED)) {
		at.device_gpa = alloc_pages(ram, DRV_PACKED_EVENT_BYTES);
		at.desc_gpa = alloc_pages(ram, drv_packed_desc_bytes(size));
		at.driver_gpa = drv_ram_alloc(ram, DRV_PACKED_EVENT_BYTES, 4);
	} else {
		at.device_gpa = alloc_pages(ram, drv_split_used_bytes(size));
		at.desc_gpa =
			drv_ram_alloc(ram, drv_split_desc_bytes(size), 16);
		at.driver_gpa =
			drv_ram_alloc(ram, drv_split_avail_bytes(size), 2);
	}
	if (!at.device_gpa || !at.desc_gpa || !at.driver_gpa)
		return -ENOSPC;
	return drv_vq_init_at(vq, ram, &at, features);
}

static int
queue_init(struct drv_vu_queue *q, struct drv_vu_device *d, uint16_t index)
{
	int rc;

	memset(q, 0, sizeof(*q));
	q->vq.ops = &vu_ops;
	q->vq.index = index;
	q->vq.vector = DRV_NO_VECTOR;
	q->dev = d;
	q->kick = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	q->call = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	q->err = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (q->kick < 0 || q->call < 0 || q->err < 0)
		return -EMFILE;
	rc = ring_init(&q->vq, d->ram, d->opts.queue_size, d->features);
	if (rc == 0)
		q->base = drv_vq_base(&q->vq);
	return rc;
}

static uint32_t
addr_flags(const struct drv_vu_device *d)
{
	return d->log.fd >= 0 ? DRV_VU_ADDR_LOG : 0;
}

static int
set_addr(struct drv_vu_queue *q)
{
	struct drv_areas areas = drv_vq_areas(&q->vq);

	return drv_vu_set_vring_areas(&q->dev->vu, q->vq.index,
				      addr_flags(q->dev), q->dev->ram, &areas);
}

int
drv_vu_queue_start(struct drv_vu_queue *q)
{
	struct drv_vu *vu = &q->dev->vu;
	struct drv_areas areas = drv_vq_areas(&q->vq);
	uint32_t i = q->vq.index;
	int rc = drv_vu_set_state(vu, DRV_VU_SET_VRING_NUM, i, areas.size);

	if (rc == 0)
		rc = drv_vu_set_state(vu, DRV_VU_SET_VRING_BASE, i, q->base);
	if (rc == 0)
		rc = set_addr(q);
	if (rc == 0)
		rc = drv_vu_set_vring_fd(vu, DRV_VU_SET_VRING_KICK, i,
					 q->dev->opts.no_kick ? -1 : q->kick);
	if (rc == 0)
		rc = drv_vu_set_vring_fd(vu, DRV_VU_SET_VRING_CALL, i, q->call);
	if (rc == 0)
		rc = drv_vu_set_vring_fd(vu, DRV_VU_SET_VRING_ERR, i, q->err);
	if (rc == 0 && (q->dev->features & DRV_BIT(DRV_VU_F_PROTOCOL)))
		rc = drv_vu_set_state(vu, DRV_VU_SET_VRING_ENABLE, i, 1);
	q->running = rc == 0;
	if (rc == 0 && q->dev->opts.kick_at_start)
		rc = vu_kick(&q->vq);
	return rc;
}

int
drv_vu_queue_stop(struct drv_vu_queue *q)
{
	q->running = false;
	return drv_vu_get_vring_base(&q->dev->vu, q->vq.index, &q->base);
}

int
drv_vu_device_start_rings(struct drv_vu_device *d)
{
	int rc = 0;

	for (uint16_t i = 0; i < d->n_queues && rc == 0; i++)
		rc = drv_vu_queue_start(&d->queues[i]);
	return rc;
}

int
drv_vu_device_stop_rings(struct drv_vu_device *d)
{
	int rc = 0;

	for (uint16_t i = 0; i < d->n_queues && rc == 0; i++) {
		if (d->queues[i].running)
			rc = drv_vu_queue_stop(&d->queues[i]);
	}
	return rc;
}

/* ---- the device ---- */

static int
add_status(struct drv_vu_device *d, uint64_t bits)
{
	uint64_t status;
	int rc;

	if (!drv_vu_has(&d->vu, DRV_VUP_STATUS))
		return 0;
	rc = drv_vu_get_u64(&d->vu, DRV_VU_GET_STATUS, &status);
	if (rc == 0)
		rc = drv_vu_set_u64(&d->vu, DRV_VU_SET_STATUS, status | bits);
	if (rc == 0)
		rc = drv_vu_get_u64(&d->vu, DRV_VU_GET_STATUS, &status);
	return rc == 0 && (status & bits) != bits ? -ENOTSUP : rc;
}

static int
set_features(struct drv_vu_device *d)
{
	uint64_t log = d->log.fd >= 0 ? DRV_BIT(DRV_VU_F_LOG_ALL) : 0;

	return drv_vu_set_u64(&d->vu, DRV_VU_SET_FEATURES, d->features | log);
}

static int
give_memory(struct drv_vu_device *d)
{
	return drv_vu_has(&d->vu, DRV_VUP_MEM_SLOTS)
		       ? drv_vu_add_ram(&d->vu, d->ram)
		       : drv_vu_set_mem_table(&d->vu, d->ram);
}

static int
give_inflight(struct drv_vu_device *d)
{
	int rc = 0;

	if (!drv_vu_has(&d->vu, DRV_VUP_INFLIGHT_SHMFD))
		return 0;
	if (d->inflight.fd < 0)
		rc = drv_vu_get_inflight(&d->vu, d->n_queues,
					 d->opts.queue_size, &d->inflight);
	return rc < 0 ? rc : drv_vu_set_inflight(&d->vu, &d->inflight);
}

int
drv_vu_device_resume(struct drv_vu_device *d)
{
	int rc = add_status(d, DRV_S_ACKNOWLEDGE | DRV_S_DRIVER);

	if (rc == 0)
		rc = set_features(d);
	if (rc == 0)
		rc = add_status(d, DRV_S_FEATURES_OK);
	if (rc == 0)
		rc = give_memory(d);
	if (rc == 0 && d->log.fd >= 0)
		rc = drv_vu_set_log(&d->vu, &d->log);
	if (rc == 0)
		rc = give_inflight(d);
	if (rc == 0)
		rc = drv_vu_device_start_rings(d);
	return rc < 0 ? rc : add_status(d, DRV_S_DRIVER_OK);
}

/* Rings and all later allocations are given back. */
static void
forget_rings(struct drv_vu_device *d)
{
	for (uint16_t i = 0; i < d->n_queues; i++)
		queue_deinit(&d->queues[i]);
	if (d->n_queues)
		drv_ram_release(d->ram, &d->mark);
	d->n_queues = 0;
	drv_vu_shm_deinit(&d->inflight);
	drv_vu_shm_deinit(&d->log);
}

int
drv_vu_device_start(struct drv_vu_device *d)
{
	int rc = 0;

	if (d->opts.n_queues > DRV_MAX_QUEUES ||
	    d->opts.n_queues > d->max_queues)
		return -EINVAL;
	drv_ram_mark(d->ram, &d->mark);
	while (d->n_queues < d->opts.n_queues && rc == 0) {
		struct drv_vu_queue *q = &d->queues[d->n_queues];

		rc = queue_init(q, d, d->n_queues);
		d->n_queues++;
	}
	if (rc == 0)
		rc = drv_vu_device_resume(d);
	if (rc < 0)
		(void)drv_vu_device_stop(d);
	return rc;
}

static int
take_memory(struct drv_vu_device *d)
{
	int rc = 0;

	if (!drv_vu_has(&d->vu, DRV_VUP_MEM_SLOTS))
		return 0;
	for (int i = 0; i < d->ram->n && rc == 0; i++) {
		if (drv_ram_region(d->ram, i))
			rc = drv_vu_rem_region(&d->vu,
					       drv_ram_region(d->ram, i));
	}
	return rc;
}

int
drv_vu_device_stop(struct drv_vu_device *d)
{
	int rc = drv_vu_device_stop_rings(d);

	if (rc == 0)
		rc = take_memory(d);
	forget_rings(d);
	return rc;
}

int
drv_vu_device_reset(struct drv_vu_device *d, bool by_status)
{
	int rc = by_status ? drv_vu_set_u64(&d->vu, DRV_VU_SET_STATUS, 0)
			   : drv_vu_set_none(&d->vu, DRV_VU_RESET_DEVICE, -1);

	for (uint16_t i = 0; i < d->n_queues; i++)
		d->queues[i].running = false;
	return rc;
}

void
drv_vu_device_deinit(struct drv_vu_device *d)
{
	drv_vu_device_detach(d);
	forget_rings(d);
}

int
drv_vu_device_set_ram(struct drv_vu_device *d, struct drv_ram *ram)
{
	struct drv_ram_mark mark;
	int rc = 0;

	drv_ram_mark(d->ram, &mark);
	drv_ram_claim(ram, &mark);
	drv_vu_shm_deinit(&d->inflight);
	drv_vu_shm_deinit(&d->log);
	for (uint16_t i = 0; i < d->n_queues && rc == 0; i++)
		rc = drv_vq_set_ram(&d->queues[i].vq, ram);
	d->ram = ram;
	return rc;
}

/* ---- the dirty log ---- */

uint64_t
drv_vu_ram_end(const struct drv_ram *ram)
{
	uint64_t end = 0;

	for (int i = 0; i < ram->n; i++) {
		const struct drv_region *r = drv_ram_region(ram, i);

		if (r && r->gpa + r->size > end)
			end = r->gpa + r->size;
	}
	return end;
}

/* Features and rings say that there is a log, or none. */
static int
tell_of_log(struct drv_vu_device *d)
{
	int rc = set_features(d);

	for (uint16_t i = 0; i < d->n_queues && rc == 0; i++)
		rc = set_addr(&d->queues[i]);
	return rc;
}

int
drv_vu_device_log_start(struct drv_vu_device *d)
{
	int rc = drv_vu_log_init(&d->log, drv_vu_ram_end(d->ram));

	if (rc == 0)
		rc = drv_vu_set_log(&d->vu, &d->log);
	return rc < 0 ? rc : tell_of_log(d);
}

int
drv_vu_device_log_stop(struct drv_vu_device *d)
{
	drv_vu_shm_deinit(&d->log);
	return tell_of_log(d);
}

int
drv_vu_blk_config(struct drv_vu_device *d, struct drv_blk_config *cfg)
{
	uint8_t p[DRV_BLK_CFG_BYTES];
	int rc = drv_vu_get_config(&d->vu, 0, p, sizeof(p));

	if (rc == 0)
		drv_blk_config_parse(p, cfg);
	return rc;
}
