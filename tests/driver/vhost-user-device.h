/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A vhost-user device brought up in one call, by a front end that does all of
 * it right: the start of most tests. It can lose its back end and go on with
 * another one, on the same rings, in the same memory or in a copy of it.
 *
 * A connection and the rings have lives of their own:
 *
 *   attach -> start -> (stop_rings -> start_rings)* -> stop -> detach
 *   attach -> start -> lost -> attach -> resume          a back end that died
 *   attach -> start -> stop_rings -> detach -> set_ram -> attach -> resume
 *                                                        a migration
 *
 * Calls return what those in vhost-user.h return.
 */
#ifndef DRV_VHOST_USER_DEVICE_H
#define DRV_VHOST_USER_DEVICE_H

#include <stdbool.h>
#include <stdint.h>

#include "driver/blk.h"
#include "driver/vhost-user.h"
#include "driver/vq.h"

/* Protocol features that this front end can use. */
#define DRV_VU_PROTOCOL_ALL                                                    \
	(DRV_BIT(DRV_VUP_MQ) | DRV_BIT(DRV_VUP_LOG_SHMFD) |                    \
	 DRV_BIT(DRV_VUP_REPLY_ACK) | DRV_BIT(DRV_VUP_BACKEND_REQ) |           \
	 DRV_BIT(DRV_VUP_CONFIG) | DRV_BIT(DRV_VUP_INFLIGHT_SHMFD) |           \
	 DRV_BIT(DRV_VUP_RESET_DEVICE) | DRV_BIT(DRV_VUP_MEM_SLOTS) |          \
	 DRV_BIT(DRV_VUP_STATUS) | DRV_BIT(DRV_VUP_DEVICE_STATE))

struct drv_vu_opts {
	uint64_t features;   /* wanted; VERSION_1 is added */
	uint64_t protocol;   /* wanted; 0: DRV_VU_PROTOCOL_ALL */
	uint16_t n_queues;   /* 0: one */
	uint16_t queue_size; /* 0: 128 */
	bool kick_at_start;  /* for back ends that wait for the first kick */
	bool no_kick;        /* the back end gets no descriptor for kicks */
};

struct drv_vu_device;

struct drv_vu_queue {
	struct drv_vq vq; /* first */
	struct drv_vu_device *dev;
	int kick, call, err; /* eventfds */
	uint64_t n_calls;
	uint64_t n_errs;
	uint32_t base; /* to start it with; what stop_rings() got */
	bool running;
};

struct drv_vu_device {
	struct drv_vu vu;
	struct drv_ram *ram; /* the caller's */
	struct drv_vu_opts opts;
	uint64_t offered;
	uint64_t offered_protocol;
	uint64_t features; /* accepted */
	uint64_t max_queues;
	struct drv_vu_queue queues[DRV_MAX_QUEUES];
	uint16_t n_queues;
	struct drv_vu_shm inflight; /* kept over a lost connection */
	struct drv_vu_shm log;
	struct drv_ram_mark mark; /* what start took from ram */
};

/* Make one without a connection; deinit also stops and detaches it. */
void drv_vu_device_init(struct drv_vu_device *d, struct drv_ram *ram,
			const struct drv_vu_opts *opts);
void drv_vu_device_deinit(struct drv_vu_device *d);

/*
 * Take a connected socket (ours from the call on) and agree on features and
 * protocol features; ask for the number of queues, open the back end's
 * channel. On failure it is detached.
 */
int drv_vu_device_attach(struct drv_vu_device *d, int fd);
void drv_vu_device_detach(struct drv_vu_device *d);

/*
 * Features, memory, inflight area, new rings, status. On failure the device
 * is as after stop, which has stopped all rings, and forgotten them.
 */
int drv_vu_device_start(struct drv_vu_device *d);
int drv_vu_device_stop(struct drv_vu_device *d);

/* All of that with the rings that are there, from their bases. */
int drv_vu_device_resume(struct drv_vu_device *d);

/* Stop all rings and keep their bases; and start them again. */
int drv_vu_device_stop_rings(struct drv_vu_device *d);
int drv_vu_device_start_rings(struct drv_vu_device *d);
int drv_vu_queue_stop(struct drv_vu_queue *q);
int drv_vu_queue_start(struct drv_vu_queue *q);

/* The back end has gone: detach; bases are what the used rings say. */
void drv_vu_device_lost(struct drv_vu_device *d);

/*
 * The rings live on in other memory, at the same guest addresses, with the
 * same contents and allocations: they are stopped, the device is detached. Old
 * inflight areas and logs are dropped. -EFAULT if the rings are not there.
 */
int drv_vu_device_set_ram(struct drv_vu_device *d, struct drv_ram *ram);

/* Log all writes to memory, used rings included; and stop doing so. */
int drv_vu_device_log_start(struct drv_vu_device *d);
int drv_vu_device_log_stop(struct drv_vu_device *d);

/*
 * Reset: with RESET_DEVICE, or with status 0. The rings do not run any more;
 * stop and start are next.
 */
int drv_vu_device_reset(struct drv_vu_device *d, bool by_status);

/*
 * Count what eventfds say, serve the back end's channel; wait at most
 * timeout_ms for one of them. -ECONNRESET when the back end has gone.
 */
int drv_vu_device_serve(struct drv_vu_device *d, int timeout_ms);

/* The same until done(arg). */
int drv_vu_device_wait(struct drv_vu_device *d, bool (*done)(void *arg),
		       void *arg, int timeout_ms);

/* The end of guest memory, which a log has to reach. */
uint64_t drv_vu_ram_end(const struct drv_ram *ram);

/* The configuration of a block device. */
int drv_vu_blk_config(struct drv_vu_device *d, struct drv_blk_config *cfg);

#endif
