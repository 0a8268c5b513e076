/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Looking at a queue in place of waiting for its notifications: for a while
 * after it had work, with notifications off, and from time to time if they
 * cannot come. It happens in the loop that serves the queue, once a turn, and
 * a queue at rest costs nothing.
 *
 * Whoever turns notifications off looks again, or turns them on and looks: in
 * one of the two the driver's next chain is seen.
 */
#ifndef VIRTIO_POLL_H
#define VIRTIO_POLL_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct event;
struct vq_priv;

struct queue_poll {
	uint32_t us; /* atomic: how long after the last chain; 0 for not */
	/* Control thread only. */
	struct event *ev;
	/* The thread that serves the queue. */
	uint64_t busy_until; /* microseconds: keep looking until then */
	uint32_t pause_ms;   /* the latest one, if nobody notifies */

	pthread_mutex_t mtx; /* guards the rest; a leaf */
	bool on;             /* ev may be added */
	bool unseen;         /* notifications do not come */
};

void poll_init(struct vq_priv *q);
void poll_deinit(struct vq_priv *q);

/*
 * Look for that long after the last chain; and from time to time as well if
 * notifications are not seen. 0 and false for not at all. Again with others
 * any time. The control thread; no lock of the queue held. 0 or -ENOMEM.
 */
int poll_start(struct vq_priv *q, uint32_t us, bool unseen);
/* Notifications are asked for, and nobody looks, when this returns. */
void poll_stop(struct vq_priv *q);

/*
 * The device has taken chains, and, if poll_us() is not 0, notifications are
 * off. The thread that serves the queue.
 */
void poll_served(struct vq_priv *q);

static inline uint32_t
poll_us(const struct queue_poll *p)
{
	return __atomic_load_n(&p->us, __ATOMIC_RELAXED);
}

#endif
