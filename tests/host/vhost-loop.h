/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A device that copies, behind a vhost-user server, and a front end that has
 * attached to it: what a case about vhost-user starts from.
 */
#ifndef HOST_VHOST_LOOP_H
#define HOST_VHOST_LOOP_H

#include "device/loop.h"
#include "driver/vhost-user-device.h"
#include "host/served.h"

#define VHOST_RAM_GPA  0x100000
#define VHOST_RAM_SIZE 0x100000

/* More such regions, each as large as this. */
#define VHOST_MORE_GPA  0x10000000
#define VHOST_MORE_SIZE 0x10000

struct vhost_loop {
	struct served served;
	struct drv_ram ram; /* one region; all is from memfds */
	struct drv_vu_device dev;
};

/* Served by the control thread, or (opts "iothread") by one more. */
void vhost_loop_open(struct vhost_loop *l, const char *opts);
/* Start is up to the case. Closing checks that no descriptor is left. */
void vhost_loop_close(struct vhost_loop *l);

/* The device itself: other threads use it. */
static inline struct loop *
vhost_loop_device(struct vhost_loop *l)
{
	return loop_of(l->served.dev);
}

/* The device as the control thread sees it, copied. */
const struct loop *vhost_loop_look(struct vhost_loop *l);

/* Keep chains, and hold on to them when the queue stops; both as in loop.h. */
void vhost_loop_hold(struct vhost_loop *l, bool hold, bool stuck);

/* Return what queue 0 has kept. */
void vhost_loop_release(struct vhost_loop *l);

/* Send a pattern through a queue and back. */
void vhost_loop_echo(struct vhost_loop *l, int queue, uint8_t pattern);

/* Submit a chain that is kept, or not served: its head. */
int vhost_loop_submit(struct vhost_loop *l, int queue);

/* Wait until n chains are used, and take them. */
void vhost_loop_take(struct vhost_loop *l, int queue, int n);

/* The back end has refused a request, and goes on; or has hung up. */
void vhost_assert_goes_on(struct drv_vu *vu);
void vhost_assert_closed(struct drv_vu *vu);

#endif
