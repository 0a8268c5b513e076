// SPDX-License-Identifier: BSD-3-Clause
/*
 * vhost-user: the table of messages.
 *
 * What a message may look like, and when it may come, stands in the table.
 * What does not fit, and what we have not offered, is no message of this
 * protocol, and the connection is closed. What fits but cannot be done is
 * refused: with a number other than 0 if the front end has asked for an
 * acknowledgement; else it would not learn of it, and the connection is closed
 * as well.
 */
#include <errno.h>
#include <string.h>

#include "host/vfio-user-proto.h"
#include "host/vhost-user.h"

/* Where a message has the index of its ring. */
enum index_field {
	NO_INDEX,
	INDEX_U32, /* the first 32 bits */
	INDEX_FD,  /* the low bits of 64, beside the flag for a descriptor */
};

/* When it may come. */
enum state {
	ANY_TIME,
	RING_STOPPED, /* its ring is */
	ALL_STOPPED,
};

enum { NEVER = -1, ALWAYS = -2 }; /* or the protocol feature it needs */

struct msg_type {
	const char *name;
	uint16_t min; /* bytes of payload */
	uint16_t max;
	uint8_t max_fds;
	bool gives_fd;
	int8_t feature;
	uint8_t index; /* enum index_field */
	uint8_t state; /* enum state */
	/* Bytes of the reply; 0: none but an acknowledgement. */
	uint16_t reply;
	int (*handle)(struct vbs_vhost_user *srv, struct vhu_msg *msg);
};

#define U64_BYTES    8
#define REGION_BYTES sizeof(struct vhu_one_region)
#define STATE_MSG    sizeof(struct vhu_state), sizeof(struct vhu_state)
#define U64_MSG      U64_BYTES, U64_BYTES
#define TABLE_MAX                                                              \
	(sizeof(struct vhu_table) + VHU_MAX_TABLE * sizeof(struct vhu_region))
#define CONFIG_MSG                                                             \
	sizeof(struct vhu_config), sizeof(struct vhu_config) + VHU_MAX_CONFIG
#define INFLIGHT_MSG VHU_INFLIGHT_MIN, sizeof(struct vhu_inflight)
#define REGION_MSG   REGION_BYTES, REGION_BYTES

/* clang-format off */
/* What needs a feature that is never offered is never accepted. */
#define NOT_OFFERED(name) { name, 0, 0, 0, false, NEVER, NO_INDEX, ANY_TIME, \
	0, NULL }

static const struct msg_type msg_types[VHU_N_REQUESTS] = {
	[VHU_GET_FEATURES] = { "GET_FEATURES", 0, 0, 0, false, ALWAYS,
		NO_INDEX, ANY_TIME, U64_BYTES, vhu_get_features },
	[VHU_SET_FEATURES] = { "SET_FEATURES", U64_MSG, 0, false, ALWAYS,
		NO_INDEX, ANY_TIME, 0, vhu_set_features },
	[VHU_SET_OWNER] = { "SET_OWNER", 0, 0, 0, false, ALWAYS,
		NO_INDEX, ANY_TIME, 0, vhu_ignore },
	[VHU_RESET_OWNER] = { "RESET_OWNER", 0, 0, 0, false, ALWAYS,
		NO_INDEX, ANY_TIME, 0, vhu_ignore },
	[VHU_SET_MEM_TABLE] = { "SET_MEM_TABLE", sizeof(struct vhu_table),
		TABLE_MAX, VHU_MAX_TABLE, false, ALWAYS,
		NO_INDEX, ANY_TIME, 0, vhu_set_mem_table },
	[VHU_SET_LOG_BASE] = { "SET_LOG_BASE", sizeof(struct vhu_log),
		sizeof(struct vhu_log), 1, false, VHU_PF_LOG_SHMFD,
		NO_INDEX, ANY_TIME, U64_BYTES, vhu_set_log_base },
	[VHU_SET_LOG_FD] = { "SET_LOG_FD", 0, U64_BYTES, 1, false, ALWAYS,
		NO_INDEX, ANY_TIME, 0, vhu_ignore },
	[VHU_SET_VRING_NUM] = { "SET_VRING_NUM", STATE_MSG, 0, false, ALWAYS,
		INDEX_U32, RING_STOPPED, 0, vhu_set_vring_num },
	[VHU_SET_VRING_ADDR] = { "SET_VRING_ADDR", sizeof(struct vhu_addr),
		sizeof(struct vhu_addr), 0, false, ALWAYS,
		INDEX_U32, ANY_TIME, 0, vhu_set_vring_addr },
	[VHU_SET_VRING_BASE] = { "SET_VRING_BASE", STATE_MSG, 0, false, ALWAYS,
		INDEX_U32, RING_STOPPED, 0, vhu_set_vring_base },
	[VHU_GET_VRING_BASE] = { "GET_VRING_BASE", STATE_MSG, 0, false, ALWAYS,
		INDEX_U32, ANY_TIME, sizeof(struct vhu_state),
		vhu_get_vring_base },
	[VHU_SET_VRING_KICK] = { "SET_VRING_KICK", U64_MSG, 1, false, ALWAYS,
		INDEX_FD, ANY_TIME, 0, vhu_set_vring_kick },
	[VHU_SET_VRING_CALL] = { "SET_VRING_CALL", U64_MSG, 1, false, ALWAYS,
		INDEX_FD, ANY_TIME, 0, vhu_set_vring_call },
	[VHU_SET_VRING_ERR] = { "SET_VRING_ERR", U64_MSG, 1, false, ALWAYS,
		INDEX_FD, ANY_TIME, 0, vhu_set_vring_err },
	[VHU_GET_PROTOCOL_FEATURES] = { "GET_PROTOCOL_FEATURES", 0, 0, 0,
		false, ALWAYS, NO_INDEX, ANY_TIME, U64_BYTES,
		vhu_get_protocol },
	[VHU_SET_PROTOCOL_FEATURES] = { "SET_PROTOCOL_FEATURES", U64_MSG, 0,
		false, ALWAYS, NO_INDEX, ANY_TIME, 0, vhu_set_protocol },
	/* As soon as MQ has been seen, acknowledged or not. */
	[VHU_GET_QUEUE_NUM] = { "GET_QUEUE_NUM", 0, 0, 0, false, ALWAYS,
		NO_INDEX, ANY_TIME, U64_BYTES, vhu_get_queue_num },
	/* QEMU sends it before it has acknowledged bit 30. */
	[VHU_SET_VRING_ENABLE] = { "SET_VRING_ENABLE", STATE_MSG, 0, false,
		ALWAYS, INDEX_U32, ANY_TIME, 0, vhu_set_vring_enable },
	[VHU_SEND_RARP] = NOT_OFFERED("SEND_RARP"),
	[VHU_NET_SET_MTU] = NOT_OFFERED("NET_SET_MTU"),
	[VHU_SET_BACKEND_REQ_FD] = { "SET_BACKEND_REQ_FD", 0, 0, 1, false,
		VHU_PF_BACKEND_REQ, NO_INDEX, ANY_TIME, 0,
		vhu_set_backend_req_fd },
	[VHU_IOTLB_MSG] = NOT_OFFERED("IOTLB_MSG"),
	[VHU_SET_VRING_ENDIAN] = NOT_OFFERED("SET_VRING_ENDIAN"),
	[VHU_GET_CONFIG] = { "GET_CONFIG", CONFIG_MSG, 0, false,
		VHU_PF_CONFIG, NO_INDEX, ANY_TIME,
		sizeof(struct vhu_config) + VHU_MAX_CONFIG, vhu_get_config },
	[VHU_SET_CONFIG] = { "SET_CONFIG", CONFIG_MSG, 0, false,
		VHU_PF_CONFIG, NO_INDEX, ANY_TIME, 0, vhu_set_config },
	[VHU_CREATE_CRYPTO_SESSION] = NOT_OFFERED("CREATE_CRYPTO_SESSION"),
	[VHU_CLOSE_CRYPTO_SESSION] = NOT_OFFERED("CLOSE_CRYPTO_SESSION"),
	[VHU_POSTCOPY_ADVISE] = NOT_OFFERED("POSTCOPY_ADVISE"),
	[VHU_POSTCOPY_LISTEN] = NOT_OFFERED("POSTCOPY_LISTEN"),
	[VHU_POSTCOPY_END] = NOT_OFFERED("POSTCOPY_END"),
	[VHU_GET_INFLIGHT_FD] = { "GET_INFLIGHT_FD", INFLIGHT_MSG, 0, true,
		VHU_PF_INFLIGHT_SHMFD, NO_INDEX, ANY_TIME,
		sizeof(struct vhu_inflight), vhu_get_inflight_fd },
	[VHU_SET_INFLIGHT_FD] = { "SET_INFLIGHT_FD", INFLIGHT_MSG, 1, false,
		VHU_PF_INFLIGHT_SHMFD, NO_INDEX, ALL_STOPPED, 0,
		vhu_set_inflight_fd },
	[VHU_GPU_SET_SOCKET] = NOT_OFFERED("GPU_SET_SOCKET"),
	[VHU_RESET_DEVICE] = { "RESET_DEVICE", 0, 0, 0, false,
		VHU_PF_RESET_DEVICE, NO_INDEX, ANY_TIME, 0, vhu_reset_device },
	[VHU_VRING_KICK] = NOT_OFFERED("VRING_KICK"),
	[VHU_GET_MAX_MEM_SLOTS] = { "GET_MAX_MEM_SLOTS", 0, 0, 0, false,
		VHU_PF_CONFIGURE_MEM_SLOTS, NO_INDEX, ANY_TIME, U64_BYTES,
		vhu_get_max_mem_slots },
	[VHU_ADD_MEM_REG] = { "ADD_MEM_REG", REGION_MSG, 1, false,
		VHU_PF_CONFIGURE_MEM_SLOTS, NO_INDEX, ANY_TIME, 0,
		vhu_add_mem_reg },
	/* Some send the descriptor again; it is closed. */
	[VHU_REM_MEM_REG] = { "REM_MEM_REG", REGION_MSG, 1, false,
		VHU_PF_CONFIGURE_MEM_SLOTS, NO_INDEX, ANY_TIME, 0,
		vhu_rem_mem_reg },
	[VHU_SET_STATUS] = { "SET_STATUS", U64_MSG, 0, false, VHU_PF_STATUS,
		NO_INDEX, ANY_TIME, 0, vhu_set_status },
	[VHU_GET_STATUS] = { "GET_STATUS", 0, 0, 0, false, VHU_PF_STATUS,
		NO_INDEX, ANY_TIME, U64_BYTES, vhu_get_status },
	[VHU_GET_SHARED_OBJECT] = NOT_OFFERED("GET_SHARED_OBJECT"),
	[VHU_SET_DEVICE_STATE_FD] = { "SET_DEVICE_STATE_FD",
		sizeof(struct vhu_transfer), sizeof(struct vhu_transfer), 1,
		true, VHU_PF_DEVICE_STATE, NO_INDEX, ANY_TIME, U64_BYTES,
		vhu_set_device_state_fd },
	[VHU_CHECK_DEVICE_STATE] = { "CHECK_DEVICE_STATE", 0, 0, 0, false,
		VHU_PF_DEVICE_STATE, NO_INDEX, ANY_TIME, U64_BYTES,
		vhu_check_device_state },
	[VHU_GET_SHMEM_CONFIG] = NOT_OFFERED("GET_SHMEM_CONFIG"),
};
/* clang-format on */

const char *
vhu_msg_check(void *arg, const struct server_hdr *hdr, int n_fds)
{
	const struct vbs_vhost_user *srv = arg;
	const struct msg_type *type;
	uint64_t len = hdr->bytes - sizeof(struct vhu_hdr);

	if (hdr->command >> 16 == VUSER_VERSION) /* behind a number */
		return "it seems to speak vfio-user, not vhost-user";
	if ((hdr->flags & VHU_VERSION_MASK) != VHU_VERSION)
		return "not version 1";
	if (hdr->flags & ~(VHU_VERSION_MASK | VHU_FLAG_NEED_REPLY))
		return "not a request";
	if (hdr->command >= VHU_N_REQUESTS || !msg_types[hdr->command].name)
		return "unknown request";
	type = &msg_types[hdr->command];
	if (type->feature == NEVER ||
	    (type->feature >= 0 && !vhu_has_protocol(srv, type->feature)))
		return "feature not negotiated";
	if (len < type->min || len > type->max)
		return "bad size";
	if (n_fds > type->max_fds)
		return "too many descriptors";
	return NULL;
}

/* The index of the ring; one that is not there is refused. */
static int
msg_index(const struct vbs_vhost_user *srv, const struct msg_type *type,
	  struct vhu_msg *msg)
{
	uint32_t index;

	if (type->index == NO_INDEX)
		return 0;
	memcpy(&index, msg->data, sizeof(index));
	if (type->index == INDEX_FD)
		index &= VHU_FD_INDEX;
	if (index >= backend_n_queues(srv->vb))
		return -EINVAL;
	msg->index = (uint16_t)index;
	return 0;
}

static int
msg_state(const struct vbs_vhost_user *srv, const struct msg_type *type,
	  const struct vhu_msg *msg)
{
	if (type->state == RING_STOPPED &&
	    backend_ring_started(srv->vb, msg->index))
		return -EBUSY;
	if (type->state == ALL_STOPPED && vhu_rings_busy(srv))
		return -EBUSY;
	return 0;
}

/* Room for the reply, or the acknowledgement. 0 or -ENOMEM. */
static int
msg_room(struct conn *conn, struct vhu_msg *msg, uint32_t len)
{
	if (conn_room(conn, sizeof(struct vhu_hdr) + len) < 0)
		return -ENOMEM;
	msg->reply = conn->tx + conn->tx_len + sizeof(struct vhu_hdr);
	memset(msg->reply, 0, len);
	msg->reply_len = len;
	return 0;
}

/* Queue the reply; msg_room() has made room for it. */
static void
msg_reply(struct conn *conn, const struct vhu_msg *msg, uint32_t request)
{
	const struct vhu_hdr hdr = {
		.request = request,
		.flags = VHU_VERSION | VHU_FLAG_REPLY,
		.size = msg->reply_len,
	};

	memcpy(conn->tx + conn->tx_len, &hdr, sizeof(hdr));
	conn->tx_len += sizeof(hdr) + hdr.size;
	if (msg->reply_fd >= 0)
		conn_give_fd(conn, msg->reply_fd);
}

/* Is the front end to be told? */
static bool
msg_wants_ack(const struct vbs_vhost_user *srv, const struct vhu_msg *msg)
{
	return (msg->flags & VHU_FLAG_NEED_REPLY) &&
	       vhu_has_protocol(srv, VHU_PF_REPLY_ACK);
}

/* Once a connection it is logged, and when it ends the connection. */
static void
msg_say_refused(struct vbs_vhost_user *srv, const char *name, bool told, int rc)
{
	bool first = vhu_first(srv, VHU_SAID_REFUSED);

	if (!told || first)
		vbs_log(srv->vm, VBS_LOG_WARNING, "%s: %s refused%s: %s",
			srv->dev->name, name, told ? "" : ", connection closed",
			strerror(-rc));
}

static int
msg_do(struct vbs_vhost_user *srv, const struct msg_type *type,
       struct vhu_msg *msg)
{
	int rc = msg_index(srv, type, msg);

	if (rc == 0)
		rc = msg_state(srv, type, msg);
	if (rc == 0)
		rc = type->handle(srv, msg);
	return rc == -EAGAIN ? -ENOMEM : rc; /* of mmap(2) */
}

int
vhu_msg_handle(void *arg, const struct server_hdr *hdr, const uint8_t *raw)
{
	struct vbs_vhost_user *srv = arg;
	struct conn *conn = &srv->server.conn;
	const struct msg_type *type = &msg_types[hdr->command];
	struct vhu_msg msg = {
		.flags = hdr->flags,
		.data = raw + sizeof(struct vhu_hdr),
		.len = (uint32_t)(hdr->bytes - sizeof(struct vhu_hdr)),
		.fds = &conn->rx_fds,
		.reply_fd = -1,
	};
	int rc = conn_make_way(conn, type->gives_fd);
	bool ack;

	if (rc == 0)
		rc = msg_room(conn, &msg,
			      type->reply ? type->reply : U64_BYTES);
	if (rc < 0)
		return rc;
	/* The request may be the one that agrees on it, or that takes it back.
	 */
	ack = !type->reply && msg_wants_ack(srv, &msg);
	rc = msg_do(srv, type, &msg);
	ack |= !type->reply && msg_wants_ack(srv, &msg);
	if (rc < 0) {
		msg_say_refused(srv, type->name, ack, rc);
		vhu_reply_u64(&msg, (uint64_t)-rc);
	}
	if (rc < 0 && !ack)
		return rc;
	if (type->reply || ack)
		msg_reply(conn, &msg, hdr->command);
	return 0;
}
