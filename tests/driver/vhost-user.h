/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A vhost-user front end, message by message: any bytes with any descriptors
 * for tests that lie, and calls that behave for all the others. A device in
 * one call, on top of this: vhost-user-device.h.
 *
 * Calls return 0 or a negative errno: -EREMOTEIO for a request that the back
 * end has refused (an acknowledgement other than 0), -ECONNRESET when it has
 * closed the socket, -ETIMEDOUT, -EPROTO for a reply that does not fit the
 * request. One thread for each connection.
 */
#ifndef DRV_VHOST_USER_H
#define DRV_VHOST_USER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "driver/ram.h"
#include "driver/socket.h"
#include "driver/split.h"
#include "driver/vhost-user-proto.h"

#define DRV_VU_MAX_FDS  16
#define DRV_VU_MAX_BODY 8192

/* A message that was received. */
struct drv_vu_msg {
	struct drv_vu_hdr hdr;
	uint8_t body[DRV_VU_MAX_BODY];
	int fds[DRV_VU_MAX_FDS]; /* -1: taken away */
	int n_fds;
};

/* One connection. */
struct drv_vu {
	int fd;
	int timeout_ms;
	uint64_t protocol; /* acknowledged with drv_vu_set_protocol() */
	/* The latest reply; drv_vu_take_fd() takes descriptors out. */
	struct drv_vu_msg reply;
	/* The back end's channel, our end; -1 without. */
	int back_fd;
	uint64_t n_back_msgs;
	uint64_t n_config_changes;
	/* What a request on that channel is answered, if it asks for that. */
	uint64_t back_answer;
	struct drv_vu_msg back; /* the latest of them */
};

/*
 * Raw: no state, no checks; driver/socket.h connects, listens and sends. Send
 * a header as it is, and len bytes behind it, whatever the header says about
 * them. Receive one message, whoever sent it: 1, 0 when the peer has closed,
 * or a negative errno (-EMSGSIZE for one that does not fit).
 */
int drv_vu_send(int fd, const struct drv_vu_hdr *hdr, const void *body,
		size_t len, const int *fds, int n_fds);
int drv_vu_recv(int fd, struct drv_vu_msg *msg, int timeout_ms);
/* Close the descriptors of a message that nobody took. */
void drv_vu_msg_drop(struct drv_vu_msg *msg);

/* Wrap a connected socket, which is ours from the call on. */
void drv_vu_init(struct drv_vu *vu, int fd);
/* Close all that is open. Twice is fine. */
void drv_vu_deinit(struct drv_vu *vu);

/* Send a request and look at nothing. flags are added to the version. */
int drv_vu_post(struct drv_vu *vu, uint32_t request, uint32_t flags,
		const void *body, size_t len, const int *fds, int n_fds);

/*
 * Wait for the reply to a request, serving the back end's channel meanwhile;
 * and both in one call, for requests that have a reply of their own.
 */
int drv_vu_wait_reply(struct drv_vu *vu, uint32_t request);
int drv_vu_get(struct drv_vu *vu, uint32_t request, const void *body,
	       size_t len);

/*
 * For requests that have none: with REPLY_ACK an acknowledgement is asked for
 * and waited for. Descriptors stay the caller's.
 */
int drv_vu_set(struct drv_vu *vu, uint32_t request, const void *body,
	       size_t len, const int *fds, int n_fds);

/* The same with the usual payloads. fd -1: none goes along. */
int drv_vu_get_u64(struct drv_vu *vu, uint32_t request, uint64_t *val);
int drv_vu_set_u64(struct drv_vu *vu, uint32_t request, uint64_t val);
int drv_vu_set_none(struct drv_vu *vu, uint32_t request, int fd);
int drv_vu_set_state(struct drv_vu *vu, uint32_t request, uint32_t index,
		     uint32_t num);
/* KICK, CALL, ERR; with fd -1 the payload says that there is none. */
int drv_vu_set_vring_fd(struct drv_vu *vu, uint32_t request, uint32_t index,
			int fd);

/* A descriptor of the latest reply: the caller's from now on, or -ENOENT. */
int drv_vu_take_fd(struct drv_vu *vu, int i);

/* Features. drv_vu_set_protocol() keeps what was acknowledged. */
int drv_vu_set_protocol(struct drv_vu *vu, uint64_t protocol);
bool drv_vu_has(const struct drv_vu *vu, int protocol_bit);

/* The back end's channel: make one, and serve what has come, or comes soon. */
int drv_vu_open_back(struct drv_vu *vu);
int drv_vu_serve_back(struct drv_vu *vu, int timeout_ms);

/*
 * Memory. A user address is where the region is mapped in this process. All
 * of ram as one table, or a region more, or less, by slots.
 */
uint64_t drv_vu_user_addr(const struct drv_ram *ram, uint64_t gpa);
void drv_vu_describe(const struct drv_region *r, struct drv_vu_region *out);
int drv_vu_set_mem_table(struct drv_vu *vu, const struct drv_ram *ram);
int drv_vu_add_region(struct drv_vu *vu, const struct drv_region *r);
int drv_vu_rem_region(struct drv_vu *vu, const struct drv_region *r);
int drv_vu_add_ram(struct drv_vu *vu, const struct drv_ram *ram);

/* Rings. flags: DRV_VU_ADDR_LOG, and the used ring is logged where it is. */
int drv_vu_set_vring_addr(struct drv_vu *vu, uint32_t index, uint32_t flags,
			  const struct drv_split *ring);
int drv_vu_set_vring_areas(struct drv_vu *vu, uint32_t index, uint32_t flags,
			   const struct drv_ram *ram,
			   const struct drv_areas *areas);
int drv_vu_get_vring_base(struct drv_vu *vu, uint32_t index, uint32_t *base);

/* Device configuration; -EREMOTEIO for a reply of no bytes. */
int drv_vu_get_config(struct drv_vu *vu, uint32_t off, void *buf, uint32_t len);
int drv_vu_set_config(struct drv_vu *vu, uint32_t off, uint32_t flags,
		      const void *buf, uint32_t len);

/* Shared memory beside guest RAM: the dirty log, the inflight area. */
struct drv_vu_shm {
	int fd; /* -1: none */
	uint8_t *map;
	uint64_t size;
	uint64_t offset;
	uint16_t n_queues;
	uint16_t queue_size;
};

void drv_vu_shm_deinit(struct drv_vu_shm *shm);

/* A log for addresses below end; hand it over with drv_vu_set_log(). */
int drv_vu_log_init(struct drv_vu_shm *log, uint64_t end);
int drv_vu_set_log(struct drv_vu *vu, const struct drv_vu_shm *log);
/* Take a bit out of the log: was it set? Others may set it meanwhile. */
bool drv_vu_log_take(const struct drv_vu_shm *log, uint64_t page);

/* Ask for an area and map it; hand it (back) over. */
int drv_vu_get_inflight(struct drv_vu *vu, uint16_t n_queues,
			uint16_t queue_size, struct drv_vu_shm *area);
int drv_vu_set_inflight(struct drv_vu *vu, const struct drv_vu_shm *area);

/*
 * Device state over a pipe that we make: read all of it (the length, at most
 * cap: -EMSGSIZE), or write it; then CHECK_DEVICE_STATE.
 */
ssize_t drv_vu_save_state(struct drv_vu *vu, void *buf, size_t cap);
int drv_vu_load_state(struct drv_vu *vu, const void *buf, size_t len);

#endif
