// SPDX-License-Identifier: BSD-3-Clause
/* Looking at a queue in place of waiting for its notifications. See poll.h. */
#include "virtio/poll.h"

#include <errno.h>
#include <time.h>

#include "virtio/virtio.h"

#define MAX_PAUSE_MS 32

static uint64_t
now_us(clockid_t clock)
{
	struct timespec ts;

	(void)clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

/* Nobody looks for now: the driver has to notify. */
static void
rest(struct vq_priv *q)
{
	bool more;

	pthread_mutex_lock(&q->vq->mtx);
	more = q->quiet && queue_is_live(q) && ring_kicks_on(&q->ring);
	q->quiet = false;
	pthread_mutex_unlock(&q->vq->mtx);
	if (more)
		queue_wake(q);
}

/* Have on_poll() called, unless polling has been stopped. */
static bool
look_in(struct queue_poll *p, const struct timeval *tv, bool unseen_only)
{
	bool again;

	pthread_mutex_lock(&p->mtx);
	again = p->on && (p->unseen || !unseen_only) &&
		event_add(p->ev, tv) == 0;
	pthread_mutex_unlock(&p->mtx);
	return again;
}

static bool
look_again(struct queue_poll *p)
{
	/*
	 * At once is a time, too: what else the loop has to do comes first, or
	 * a device that waits for just that would wait for ever.
	 */
	const struct timeval at_once = { 0 };

	return look_in(p, &at_once, false);
}

/*
 * Nothing for a while: longer and longer pauses, if nobody will say when.
 * They end when the clock shows a multiple of them, so that one wake-up does
 * for all the queues of a loop. The coarse clock is the loop's own: by another
 * one it would be early, and come back for the rest.
 */
static void
look_later(struct queue_poll *p)
{
	uint32_t ms = p->pause_ms ? p->pause_ms * 2 : 1;
	struct timeval tv = { 0 };
	uint64_t period_us;

	if (ms > MAX_PAUSE_MS)
		ms = MAX_PAUSE_MS;
	p->pause_ms = ms;
	period_us = (uint64_t)ms * 1000;
	tv.tv_usec = (suseconds_t)(period_us -
				   now_us(CLOCK_MONOTONIC_COARSE) % period_us);
	(void)look_in(p, &tv, true);
}

static void
on_poll(evutil_socket_t fd, short what, void *arg)
{
	struct vq_priv *q = arg;
	struct queue_poll *p = &q->poll;

	(void)fd;
	(void)what;
	if (queue_serve(q->vq))
		return; /* poll_served() has seen to the next look */
	if (now_us(CLOCK_MONOTONIC) < p->busy_until && look_again(p))
		return;
	rest(q);
	look_later(p);
}

void
poll_served(struct vq_priv *q)
{
	struct queue_poll *p = &q->poll;
	uint32_t us = poll_us(p);

	p->pause_ms = 0;
	if (us > 0)
		/* Now: serving has taken its time. */
		p->busy_until = now_us(CLOCK_MONOTONIC) + us;
	if (us > 0 && look_again(p))
		return;
	rest(q);
	look_later(p);
}

static void
set_on(struct queue_poll *p, bool on, bool unseen)
{
	pthread_mutex_lock(&p->mtx);
	p->on = on;
	p->unseen = unseen;
	pthread_mutex_unlock(&p->mtx);
}

void
poll_stop(struct vq_priv *q)
{
	struct queue_poll *p = &q->poll;

	__atomic_store_n(&p->us, 0, __ATOMIC_RELAXED);
	/* A callback that still runs does not add the event again. */
	set_on(p, false, false);
	if (!p->ev)
		return;
	event_free(p->ev);
	p->ev = NULL;
	rest(q);
}

int
poll_start(struct vq_priv *q, uint32_t us, bool unseen)
{
	struct queue_poll *p = &q->poll;

	if (us == 0 && !unseen) {
		poll_stop(q);
		return 0;
	}
	if (!p->ev)
		p->ev = event_new(q->base, -1, 0, on_poll, q);
	if (!p->ev)
		return -ENOMEM;
	set_on(p, true, unseen);
	__atomic_store_n(&p->us, us, __ATOMIC_RELAXED);
	if (unseen && !look_again(p)) {
		poll_stop(q);
		return -ENOMEM;
	}
	return 0;
}

void
poll_init(struct vq_priv *q)
{
	(void)pthread_mutex_init(&q->poll.mtx, NULL);
}

void
poll_deinit(struct vq_priv *q)
{
	(void)pthread_mutex_destroy(&q->poll.mtx);
}
