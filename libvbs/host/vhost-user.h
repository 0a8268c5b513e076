/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The vhost-user back end, inside: what its files know of each other.
 *
 *   vhost-user.c           the public calls; server.c knows who is connected
 *   vhost-user-msg.c       the table of messages; one handler each, in:
 *   vhost-user-device.c    features, status, configuration, reset
 *   vhost-user-mem.c       guest memory
 *   vhost-user-ring.c      rings
 *   vhost-user-log.c       the dirty log
 *   vhost-user-inflight.c  the area that outlives us
 *   vhost-user-transfer.c  device state for a migration
 *   vhost-user-channel.c   what we say without being asked
 *
 * All of it runs in the control thread, but for vhu_channel_changed().
 */
#ifndef HOST_VHOST_USER_H
#define HOST_VHOST_USER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/types.h>

#include <vbs/pci.h>
#include <vbs/vhost_user.h>
#include <vbs/vm.h>

#include "host/server.h"
#include "host/vhost-user-proto.h"
#include "mem/dirty-log.h"
#include "mem/file-map.h"
#include "virtio/backend.h"

/* A region of guest memory, and which file it is in. */
struct vhu_slot {
	struct vhu_region region;
	dev_t dev;
	ino_t ino;
};

/* Lines that a front end could make us repeat: once for each connection. */
#define VHU_SAID_REFUSED  0x1u  /* a message was refused, and it was told so */
#define VHU_SAID_UNSHARED 0x2u  /* guest memory cannot be reached */
#define VHU_SAID_RING     0x4u  /* a ring that waited cannot be started */
#define VHU_SAID_STUCK    0x8u  /* requests did not come back */
#define VHU_SAID_STATE    0x10u /* device state was refused */
#define VHU_SAID_SIZE     0x20u /* a ring is too large, or of no good size */

struct vhu_mem {
	struct vhu_slot slots[VHU_MAX_SLOTS]; /* in no order */
	uint32_t n;
};

/* What the front end has said about a ring. */
struct vhu_ring {
	bool wanted; /* SET_VRING_KICK: to be started as soon as it can be */
	bool has_addr;
	uint16_t num;
	uint32_t base; /* as it was sent */
	struct vhu_addr addr;
};

/* The area that outlives us. */
struct vhu_inflight_area {
	struct file_map map;
	uint16_t n_queues;
	size_t bytes; /* of one queue */
};

struct vhu_channel {
	int fd;       /* socket to the front end; -1: none */
	int event_fd; /* our own: the configuration has changed */
	struct event *ev;
	bool pending; /* not said yet */
};

/* Device state that is being loaded. */
struct vhu_incoming {
	int fd; /* our end of the pipe; -1: none */
	struct event *ev;
	uint8_t *buf;
	size_t len;
};

struct vbs_vhost_user {
	struct server server;
	struct vmctx *vm;
	struct pci_vdev *dev; /* NULL: not serving */
	struct virtio_common *vb;
	uint32_t poll_us;

	/* Of one connection. */
	uint64_t features; /* with VHU_F_LOG_ALL, VHU_F_PROTOCOL_FEATURES */
	uint64_t protocol; /* protocol features that have been acknowledged */
	unsigned int said; /* VHU_SAID_* */
	struct vhu_ring *rings; /* one for each queue */
	struct vhu_mem mem;
	struct dirty_log *log;
	struct vhu_inflight_area inflight;
	struct vhu_channel channel;
	struct vhu_incoming incoming;
	int transfer_result; /* for CHECK_DEVICE_STATE: 0, or -errno */
};

/* A request that is being handled. */
struct vhu_msg {
	uint32_t flags;
	const uint8_t *data; /* payload, at any alignment */
	uint32_t len;
	uint16_t index;       /* of the ring, where the request has one */
	struct conn_fds *fds; /* a handler that keeps one leaves -1 */

	uint8_t *reply; /* payload of the reply, zeroed */
	uint32_t reply_len;
	int reply_fd; /* -1: none; closed when it has been sent */
};

/*
 * Handlers: 0, or the negative errno of a request that is refused. The table
 * has checked the size of the payload, the number of descriptors, the index,
 * the features and the state.
 */
int vhu_get_features(struct vbs_vhost_user *srv, struct vhu_msg *msg);
int vhu_set_features(struct vbs_vhost_user *srv, struct vhu_msg *msg);
int vhu_ignore(struct vbs_vhost_user *srv, struct vhu_msg *msg);
int vhu_get_protocol(struct vbs_vhost_user *srv, struct vhu_msg *msg);
int vhu_set_protocol(struct vbs_vhost_user *srv, struct vhu_msg *msg);
int vhu_get_queue_num(struct vbs_vhost_user *srv, struct vhu_msg *msg);
int vhu_get_config(struct vbs_vhost_user *srv, struct vhu_msg *msg);
int vhu_set_config(struct vbs_vhost_user *srv, struct vhu_msg *msg);
int vhu_get_status(struct vbs_vhost_user *srv, struct vhu_msg *msg);
int vhu_set_status(struct vbs_vhost_user *srv, struct vhu_msg *msg);
int vhu_reset_device(struct vbs_vhost_user *srv, struct vhu_msg *msg);

int vhu_set_mem_table(struct vbs_vhost_user *srv, struct vhu_msg *msg);
int vhu_get_max_mem_slots(struct vbs_vhost_user *srv, struct vhu_msg *msg);
int vhu_add_mem_reg(struct vbs_vhost_user *srv, struct vhu_msg *msg);
int vhu_rem_mem_reg(struct vbs_vhost_user *srv, struct vhu_msg *msg);

int vhu_set_vring_num(struct vbs_vhost_user *srv, struct vhu_msg *msg);
int vhu_set_vring_addr(struct vbs_vhost_user *srv, struct vhu_msg *msg);
int vhu_set_vring_base(struct vbs_vhost_user *srv, struct vhu_msg *msg);
int vhu_get_vring_base(struct vbs_vhost_user *srv, struct vhu_msg *msg);
int vhu_set_vring_kick(struct vbs_vhost_user *srv, struct vhu_msg *msg);
int vhu_set_vring_call(struct vbs_vhost_user *srv, struct vhu_msg *msg);
int vhu_set_vring_err(struct vbs_vhost_user *srv, struct vhu_msg *msg);
int vhu_set_vring_enable(struct vbs_vhost_user *srv, struct vhu_msg *msg);

int vhu_set_log_base(struct vbs_vhost_user *srv, struct vhu_msg *msg);

int vhu_get_inflight_fd(struct vbs_vhost_user *srv, struct vhu_msg *msg);
int vhu_set_inflight_fd(struct vbs_vhost_user *srv, struct vhu_msg *msg);

int vhu_set_device_state_fd(struct vbs_vhost_user *srv, struct vhu_msg *msg);
int vhu_check_device_state(struct vbs_vhost_user *srv, struct vhu_msg *msg);

int vhu_set_backend_req_fd(struct vbs_vhost_user *srv, struct vhu_msg *msg);

/* struct server_ops; arg is the struct vbs_vhost_user. */
const char *vhu_msg_check(void *arg, const struct server_hdr *hdr, int n_fds);
int vhu_msg_handle(void *arg, const struct server_hdr *hdr, const uint8_t *raw);

static inline void
vhu_reply_u64(struct vhu_msg *msg, uint64_t val)
{
	memcpy(msg->reply, &val, sizeof(val));
}

/* Take the one descriptor of a message; -1 if it has none. */
static inline int
vhu_take_fd(struct vhu_msg *msg)
{
	int fd = msg->fds->n > 0 ? msg->fds->fd[0] : -1;

	if (fd >= 0)
		msg->fds->fd[0] = -1;
	return fd;
}

static inline bool
vhu_has_protocol(const struct vbs_vhost_user *srv, int bit)
{
	return (srv->protocol >> bit) & 1;
}

/* Once for each connection: the first of each bit is let through. */
static inline bool
vhu_first(struct vbs_vhost_user *srv, unsigned int bit)
{
	bool first = !(srv->said & bit);

	srv->said |= bit;
	return first;
}

/* Guest physical address of a user address; false if nothing is there. */
bool vhu_mem_gpa(const struct vhu_mem *mem, uint64_t uva, uint64_t *gpa);
/* The front end has gone: forget what it lent. */
void vhu_mem_clear(struct vbs_vhost_user *srv);
/* Say, once for each connection, that guest memory is not shared. */
void vhu_mem_say_unshared(struct vbs_vhost_user *srv);

/* Start what is to be started and has waited for memory, or for a log. */
void vhu_rings_retry(struct vbs_vhost_user *srv);
/* Is one started; or waiting? */
bool vhu_rings_started(const struct vbs_vhost_user *srv);
bool vhu_rings_busy(const struct vbs_vhost_user *srv);
/* The device has been reset: all are as at the beginning. */
void vhu_rings_forget(struct vbs_vhost_user *srv);

/* Does the log have a bit for each page of [gpa, gpa + len)? True without. */
bool vhu_log_covers(const struct vbs_vhost_user *srv, uint64_t gpa,
		    uint64_t len);
/* Can there be such features? 0, or -ERANGE: the log leaves out memory. */
int vhu_log_check(const struct vbs_vhost_user *srv, uint64_t features);
/* Log as the features say. */
void vhu_log_apply(struct vbs_vhost_user *srv);
void vhu_log_clear(struct vbs_vhost_user *srv);

/* The device has been reset, the rings with it: nothing is in flight. */
void vhu_inflight_forget(struct vbs_vhost_user *srv);
void vhu_inflight_clear(struct vbs_vhost_user *srv);
void vhu_transfer_clear(struct vbs_vhost_user *srv);

/* 0 or -errno; then clear() is fine as well. */
int vhu_channel_start(struct vhu_channel *ch, struct vbs_vhost_user *srv,
		      struct event_base *base);
void vhu_channel_stop(struct vhu_channel *ch);
/* The device has gone, too: until then any of its threads may have news. */
void vhu_channel_deinit(struct vhu_channel *ch);
/* The front end has gone. */
void vhu_channel_clear(struct vhu_channel *ch);
/* Say what could not be said before. */
void vhu_channel_update(struct vbs_vhost_user *srv);
/* struct backend_ops. Any thread. */
void vhu_channel_changed(void *arg);

#endif
