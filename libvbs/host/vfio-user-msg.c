// SPDX-License-Identifier: BSD-3-Clause
/*
 * vfio-user: the table of messages.
 *
 * What a message may look like, and when it may come, stands in the table.
 * What does not fit is no message of this protocol, and the connection is
 * closed; what fits but cannot be done gets an error reply.
 */
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "host/vfio-user.h"

struct msg_type {
	const char *name; /* NULL: nothing that a client may send */
	uint32_t min;     /* bytes of payload */
	uint32_t max;
	int max_fds;
	bool first; /* before the version is agreed; all others after it */
	bool gives_fds;
	uint32_t reply; /* bytes of payload, at least */
	/* NULL: known to the protocol, not to us */
	int (*handle)(struct vbs_vfio_user *srv, struct vuser_msg *msg);
};

#define ACCESS_MAX ((uint32_t)sizeof(struct vuser_access) + VUSER_MAX_XFER)
/* clang-format off */
#define EXACTLY(type) sizeof(struct type), sizeof(struct type)

static const struct msg_type msg_types[VUSER_N_COMMANDS] = {
	[VUSER_VERSION] = { "VERSION", sizeof(struct vuser_version),
		sizeof(struct vuser_version) + VUSER_MAX_JSON, 0, true, false,
		sizeof(struct vuser_version), vuser_version },
	[VUSER_DMA_MAP] = { "DMA_MAP", EXACTLY(vuser_dma_map), 1, false, false,
		0, vuser_dma_map },
	[VUSER_DMA_UNMAP] = { "DMA_UNMAP", EXACTLY(vuser_dma_unmap), 0, false,
		false, sizeof(struct vuser_dma_unmap), vuser_dma_unmap },
	[VUSER_GET_INFO] = { "DEVICE_GET_INFO", EXACTLY(vuser_info), 0, false,
		false, sizeof(struct vuser_info), vuser_get_info },
	[VUSER_GET_REGION_INFO] = { "DEVICE_GET_REGION_INFO",
		EXACTLY(vuser_region_info), 0, false, true,
		sizeof(struct vuser_region_info), vuser_get_region_info },
	[VUSER_GET_REGION_IO_FDS] = { "DEVICE_GET_REGION_IO_FDS",
		EXACTLY(vuser_io_fds), 0, false, true,
		sizeof(struct vuser_io_fds), vuser_get_io_fds },
	[VUSER_GET_IRQ_INFO] = { "DEVICE_GET_IRQ_INFO",
		EXACTLY(vuser_irq_info), 0, false, false,
		sizeof(struct vuser_irq_info), vuser_get_irq_info },
	[VUSER_SET_IRQS] = { "DEVICE_SET_IRQS", sizeof(struct vuser_irq_set),
		sizeof(struct vuser_irq_set) + VBS_MSIX_MAX, VUSER_MAX_FDS,
		false, false, 0, vuser_set_irqs },
	[VUSER_REGION_READ] = { "REGION_READ", EXACTLY(vuser_access), 0, false,
		false, sizeof(struct vuser_access), vuser_region_read },
	[VUSER_REGION_WRITE] = { "REGION_WRITE", sizeof(struct vuser_access),
		ACCESS_MAX, 0, false, false, sizeof(struct vuser_access),
		vuser_region_write },
	[VUSER_RESET] = { "DEVICE_RESET", 0, 0, 0, false, false, 0,
		vuser_reset },
	[VUSER_WRITE_MULTI] = { "REGION_WRITE_MULTI", 0, ACCESS_MAX, 0, false,
		false, 0, NULL },
	[VUSER_FEATURE] = { "DEVICE_FEATURE", 0, ACCESS_MAX, 0, false, false,
		0, NULL },
	[VUSER_MIG_READ] = { "MIG_DATA_READ", 0, ACCESS_MAX, 0, false, false,
		0, NULL },
	[VUSER_MIG_WRITE] = { "MIG_DATA_WRITE", 0, ACCESS_MAX, 0, false, false,
		0, NULL },
};
/* clang-format on */

bool
vuser_argsz_ok(uint32_t argsz, size_t min)
{
	return argsz >= min && argsz <= ACCESS_MAX;
}

/* All of vhost-user have a small number where the size of ours is. */
static const char too_small[] =
	"size less than a header, as if it spoke vhost-user, not vfio-user";

const char *
vuser_msg_check_start(const uint8_t *raw, size_t bytes)
{
	size_t at = offsetof(struct vuser_hdr, size);
	uint32_t size;

	if (bytes < at + sizeof(size))
		return NULL;
	memcpy(&size, raw + at, sizeof(size));
	return size < sizeof(struct vuser_hdr) ? too_small : NULL;
}

const char *
vuser_msg_check(void *arg, const struct server_hdr *hdr, int n_fds)
{
	const struct vbs_vfio_user *srv = arg;
	const struct msg_type *type;
	uint64_t len = hdr->bytes - sizeof(struct vuser_hdr);

	if (hdr->bytes < sizeof(struct vuser_hdr))
		return too_small;
	if (hdr->flags & ~VUSER_FLAG_NO_REPLY)
		return "not a command";
	if (hdr->command >= VUSER_N_COMMANDS || !msg_types[hdr->command].name)
		return "unknown command";
	type = &msg_types[hdr->command];
	if (len < type->min || len > type->max)
		return "bad size";
	if (type->first == srv->ready)
		return srv->ready ? "version twice" : "no version yet";
	if (n_fds > type->max_fds)
		return "too many descriptors";
	return NULL;
}

int
vuser_msg_grow(struct vbs_vfio_user *srv, struct vuser_msg *msg, uint32_t len)
{
	struct conn *conn = &srv->server.conn;
	size_t hdr_len = sizeof(struct vuser_hdr);

	if (conn_room(conn, hdr_len + len) < 0)
		return -ENOMEM;
	msg->reply = conn->tx + conn->tx_len + hdr_len;
	memset(msg->reply, 0, len);
	msg->reply_len = len;
	return 0;
}

/* Queue the reply; vuser_msg_grow() has made room for it. */
static void
msg_reply(struct vbs_vfio_user *srv, const struct vuser_msg *msg, int rc)
{
	struct conn *conn = &srv->server.conn;
	struct vuser_hdr hdr = {
		.id = msg->hdr.id,
		.command = msg->hdr.command,
		.size = sizeof(hdr),
		.flags = VUSER_FLAG_REPLY,
	};

	if (rc < 0) {
		hdr.flags |= VUSER_FLAG_ERROR;
		hdr.error = (uint32_t)-rc;
	} else {
		hdr.size += msg->reply_len;
		conn->tx_fds = msg->reply_fds;
		conn->n_tx_fds = msg->n_reply_fds;
	}
	memcpy(conn->tx + conn->tx_len, &hdr, sizeof(hdr));
	conn->tx_len += hdr.size;
}

int
vuser_msg_handle(void *arg, const struct server_hdr *hdr, const uint8_t *raw)
{
	struct vbs_vfio_user *srv = arg;
	const struct msg_type *type = &msg_types[hdr->command];
	struct vuser_msg msg = {
		.data = raw + sizeof(msg.hdr),
		.len = (uint32_t)(hdr->bytes - sizeof(msg.hdr)),
		.fds = &srv->server.conn.rx_fds,
	};
	int rc = conn_make_way(&srv->server.conn, type->gives_fds);

	if (rc < 0)
		return rc;
	memcpy(&msg.hdr, raw, sizeof(msg.hdr));
	if (vuser_msg_grow(srv, &msg, type->reply) < 0)
		return -ENOMEM; /* not even an error reply can be made */
	rc = type->handle ? type->handle(srv, &msg) : -ENOTSUP;
	if (rc < 0 && !srv->said_refused) {
		srv->said_refused = true;
		vbs_log(srv->vm, VBS_LOG_WARNING, "%s: %s refused: %s",
			srv->dev->name, type->name, strerror(-rc));
	}
	if (!(hdr->flags & VUSER_FLAG_NO_REPLY))
		msg_reply(srv, &msg, rc);
	return 0;
}
