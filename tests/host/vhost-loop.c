// SPDX-License-Identifier: BSD-3-Clause
/* What a case about vhost-user starts from. */
#include <check.h>
#include <errno.h>
#include <string.h>

#include "host/vhost-loop.h"

#define BYTES 256

void
vhost_loop_open(struct vhost_loop *l, const char *opts)
{
	const struct served_how how = {
		.ops = &loop_pci_ops,
		.opts = opts,
		.vhost_user = true,
	};
	const struct drv_vu_opts device = {
		.n_queues = LOOP_QUEUES,
		.queue_size = LOOP_QSIZE,
	};

	served_start_how(&l->served, &how);
	drv_ram_init(&l->ram);
	ck_assert_int_ge(drv_ram_add(&l->ram, VHOST_RAM_GPA, VHOST_RAM_SIZE,
				     DRV_RAM_MEMFD),
			 0);
	drv_vu_device_init(&l->dev, &l->ram, &device);
	ck_assert_int_eq(
		drv_vu_device_attach(&l->dev, served_connect(&l->served)), 0);
}

void
vhost_loop_close(struct vhost_loop *l)
{
	drv_vu_device_deinit(&l->dev);
	drv_ram_deinit(&l->ram);
	served_stop(&l->served);
}

/* What the control thread is asked to do, and what it has found. */
static struct loop seen;
static bool want_hold, want_stuck;

static void
look(struct served *s)
{
	struct loop *loop = loop_of(s->dev);

	for (int i = 0; i < LOOP_QUEUES; i++)
		pthread_mutex_lock(&loop->vqs[i].mtx);
	seen.common.negotiated_caps = loop->common.negotiated_caps;
	seen.n_chains = __atomic_load_n(&loop->n_chains, __ATOMIC_RELAXED);
	seen.n_resets = loop->n_resets;
	seen.n_stops = loop->n_stops;
	for (int i = 0; i < LOOP_QUEUES; i++)
		pthread_mutex_unlock(&loop->vqs[i].mtx);
}

const struct loop *
vhost_loop_look(struct vhost_loop *l)
{
	served_call(&l->served, look);
	return &seen;
}

static void
hold(struct served *s)
{
	struct loop *loop = loop_of(s->dev);

	for (int i = 0; i < LOOP_QUEUES; i++)
		pthread_mutex_lock(&loop->vqs[i].mtx);
	loop->hold = want_hold;
	loop->stuck = want_stuck;
	for (int i = 0; i < LOOP_QUEUES; i++)
		pthread_mutex_unlock(&loop->vqs[i].mtx);
}

void
vhost_loop_hold(struct vhost_loop *l, bool do_hold, bool stuck)
{
	want_hold = do_hold;
	want_stuck = stuck;
	served_call(&l->served, hold);
}

static void
release(struct served *s)
{
	loop_release(loop_of(s->dev), 0);
}

void
vhost_loop_release(struct vhost_loop *l)
{
	served_call(&l->served, release);
}

/* A readable buffer, filled, and a writable one. */
static void
make_segs(struct vhost_loop *l, uint8_t pattern, struct drv_seg segs[2])
{
	uint64_t in = drv_ram_alloc(&l->ram, BYTES, 16);
	uint64_t out = drv_ram_alloc(&l->ram, BYTES, 16);

	ck_assert_uint_ne(out, 0);
	ck_assert_int_eq(drv_ram_fill(&l->ram, in, pattern, BYTES), 0);
	segs[0] = (struct drv_seg){ in, BYTES, false };
	segs[1] = (struct drv_seg){ out, BYTES, true };
}

void
vhost_loop_echo(struct vhost_loop *l, int queue, uint8_t pattern)
{
	struct drv_seg segs[2];
	struct drv_used used;
	uint8_t data[BYTES];

	make_segs(l, pattern, segs);
	ck_assert_int_eq(drv_vq_call(&l->dev.queues[queue].vq, segs, 2, &used),
			 0);
	ck_assert_uint_eq(used.len, BYTES);
	ck_assert_int_eq(drv_ram_read(&l->ram, segs[1].gpa, data, BYTES), 0);
	for (int i = 0; i < BYTES; i++)
		ck_assert_uint_eq(data[i], pattern);
}

int
vhost_loop_submit(struct vhost_loop *l, int queue)
{
	struct drv_seg segs[2];
	int head;

	make_segs(l, 0x5a, segs);
	head = drv_vq_submit(&l->dev.queues[queue].vq, segs, 2, NULL);
	ck_assert_int_ge(head, 0);
	return head;
}

void
vhost_loop_take(struct vhost_loop *l, int queue, int n)
{
	struct drv_used used;

	for (int i = 0; i < n; i++)
		ck_assert_int_eq(drv_vq_wait(&l->dev.queues[queue].vq, &used,
					     DRV_TIMEOUT_MS),
				 1);
}

void
vhost_assert_goes_on(struct drv_vu *vu)
{
	uint64_t features;

	ck_assert_int_eq(drv_vu_get_u64(vu, DRV_VU_GET_FEATURES, &features), 0);
}

void
vhost_assert_closed(struct drv_vu *vu)
{
	ck_assert(drv_socket_is_closed(vu->fd, DRV_TIMEOUT_MS));
}
