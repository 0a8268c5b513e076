// SPDX-License-Identifier: BSD-3-Clause
/*
 * vfio-user: the table of messages.
 *
 * What a message may look like, and when it may come, stands in the table.
 * What does not fit is no message of this protocol, and the connection is
 * closed; what fits but cannot be done gets an error reply.
 */
#include <errno.h>
#include <string.h>

#include "host/vfio-user.h"

#define TX_HIGH 65536u /* replies that wait, before no more are made */

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

bool
vuser_first(struct vbs_vfio_user *srv, unsigned bit)
{
	bool first = !(srv->said & bit);

	srv->said |= bit;
	return first;
}

/* What is wrong with a header; NULL if nothing is. */
static const char *
msg_check(const struct vbs_vfio_user *srv, const struct vuser_hdr *hdr)
{
	const struct msg_type *type;
	uint32_t len = hdr->size - (uint32_t)sizeof(*hdr);

	if (hdr->size < sizeof(*hdr))
		return "size less than a header";
	if (hdr->flags & ~VUSER_FLAG_NO_REPLY)
		return "not a command";
	if (hdr->command >= VUSER_N_COMMANDS || !msg_types[hdr->command].name)
		return "unknown command";
	type = &msg_types[hdr->command];
	if (len < type->min || len > type->max)
		return "bad size";
	if (type->first == srv->ready)
		return srv->ready ? "version twice" : "no version yet";
	if (srv->conn.rx_fds.n > type->max_fds)
		return "too many descriptors";
	return NULL;
}

static int
msg_broken(struct vbs_vfio_user *srv, const struct vuser_hdr *hdr,
	   const char *why)
{
	vbs_log(srv->vm, VBS_LOG_WARNING,
		"%s: client sent a bad message, connection closed: %s: "
		"command %u, flags 0x%x, size %u, descriptors %d",
		srv->dev->name, why, hdr->command, hdr->flags, hdr->size,
		srv->conn.rx_fds.n);
	return -EPROTO;
}

int
vuser_msg_grow(struct vbs_vfio_user *srv, struct vuser_msg *msg, uint32_t len)
{
	struct conn *conn = &srv->conn;
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
	struct conn *conn = &srv->conn;
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

static int
msg_handle(struct vbs_vfio_user *srv, const struct vuser_hdr *hdr,
	   const uint8_t *data)
{
	const struct msg_type *type = &msg_types[hdr->command];
	struct vuser_msg msg = {
		.hdr = *hdr,
		.data = data,
		.len = hdr->size - (uint32_t)sizeof(*hdr),
		.fds = &srv->conn.rx_fds,
	};
	int rc;

	if (vuser_msg_grow(srv, &msg, type->reply) < 0)
		return -ENOMEM; /* not even an error reply can be made */
	rc = type->handle ? type->handle(srv, &msg) : -ENOTSUP;
	conn_fds_close(msg.fds);
	if (rc < 0 && vuser_first(srv, VUSER_SAID_REFUSED))
		vbs_log(srv->vm, VBS_LOG_WARNING, "%s: %s refused: %s",
			srv->dev->name, type->name, strerror(-rc));
	if (!(hdr->flags & VUSER_FLAG_NO_REPLY))
		msg_reply(srv, &msg, rc);
	return 0;
}

/* May one more reply be made? 0, -EAGAIN, or what sending has returned. */
static int
msg_make_way(struct vbs_vfio_user *srv, const struct vuser_hdr *hdr)
{
	struct conn *conn = &srv->conn;

	/* Descriptors go with the first byte of what is sent. */
	if (conn->tx_len > TX_HIGH ||
	    (conn->tx_len > 0 && msg_types[hdr->command].gives_fds) ||
	    conn->n_tx_fds > 0)
		return conn_flush(conn);
	return 0;
}

/*
 * Handle the message at pos. Its size, 0 if it is not there as a whole, or
 * -EAGAIN if the client has to read first, or another negative errno.
 */
static long
msg_step(struct vbs_vfio_user *srv, size_t pos)
{
	struct conn *conn = &srv->conn;
	size_t left = conn->rx_len - pos;
	struct vuser_hdr hdr;
	const char *why;
	int rc = 0;

	if (left < sizeof(hdr))
		return left > 0 ? conn_adopt(conn) : 0;
	memcpy(&hdr, conn->rx + pos, sizeof(hdr));
	if (left <= hdr.size)
		rc = conn_adopt(conn); /* none begins after it */
	why = rc < 0 ? "too many descriptors" : msg_check(srv, &hdr);
	if (why)
		return msg_broken(srv, &hdr, why);
	if (left < hdr.size)
		return conn_want(conn, hdr.size);
	rc = msg_make_way(srv, &hdr);
	if (rc == 0)
		rc = msg_handle(srv, &hdr, conn->rx + pos + sizeof(hdr));
	return rc < 0 ? rc : (long)hdr.size;
}

int
vuser_msg_run(struct vbs_vfio_user *srv)
{
	size_t pos = 0;
	long n;
	int rc;

	do
		n = msg_step(srv, pos);
	while (n > 0 && (pos += (size_t)n) > 0);
	conn_consume(&srv->conn, pos);
	rc = conn_flush(&srv->conn);
	return n < 0 ? (int)n : rc;
}
