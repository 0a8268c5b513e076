// SPDX-License-Identifier: BSD-3-Clause
/*
 * vhost-user: the area in which what is in flight outlives us. We make it, the
 * front end keeps it, and gives it to whoever comes after us.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "host/vhost-user.h"

#define AREA_ALIGN     64
#define MAX_QUEUE_SIZE 32768

static void
msg_inflight(const struct vhu_msg *msg, struct vhu_inflight *desc)
{
	*desc = (struct vhu_inflight){ 0 };
	memcpy(desc, msg->data, msg->len);
}

static bool
inflight_ok(const struct vbs_vhost_user *srv, const struct vhu_inflight *desc)
{
	return desc->n_queues > 0 &&
	       desc->n_queues <= backend_n_queues(srv->vb) &&
	       desc->queue_size > 0 && desc->queue_size <= MAX_QUEUE_SIZE;
}

/* It must not shrink under who reads it, nor be made to. A descriptor. */
static int
inflight_create(uint64_t bytes)
{
	int fd = memfd_create("vbs-inflight", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0)
		return -errno;
	if (ftruncate(fd, (off_t)bytes) < 0 ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) <
		    0) {
		int rc = -errno;

		(void)close(fd);
		return rc;
	}
	return fd;
}

int
vhu_get_inflight_fd(struct vbs_vhost_user *srv, struct vhu_msg *msg)
{
	struct vhu_inflight desc;
	int fd;

	msg_inflight(msg, &desc);
	if (!inflight_ok(srv, &desc))
		return -EINVAL;
	desc.size = backend_inflight_bytes(srv->vb, desc.queue_size) *
		    desc.n_queues;
	desc.offset = 0;
	fd = inflight_create(desc.size);
	if (fd < 0)
		return fd;
	msg->reply_fd = fd;
	msg->reply_len = msg->len; /* with padding or without, as it came */
	memcpy(msg->reply, &desc, msg->len);
	return 0;
}

/* Have the rings use what is mapped; those that it has no part for, none. */
static int
inflight_lend(struct vbs_vhost_user *srv, const struct vhu_inflight_area *area)
{
	int rc = 0;

	for (uint16_t i = 0; i < backend_n_queues(srv->vb) && rc == 0; i++) {
		uint8_t *part = NULL;

		if (i < area->n_queues)
			part = area->map.at + i * area->bytes;
		rc = backend_ring_inflight(srv->vb, i, part,
					   part ? area->bytes : 0);
	}
	return rc;
}

int
vhu_set_inflight_fd(struct vbs_vhost_user *srv, struct vhu_msg *msg)
{
	struct vhu_inflight_area area = { 0 };
	struct vhu_inflight desc;
	uint64_t bytes;
	int rc;

	msg_inflight(msg, &desc);
	if (msg->fds->n == 0 || !inflight_ok(srv, &desc))
		return -EINVAL;
	area.n_queues = desc.n_queues;
	/* The areas are of one size, whoever has made them. */
	area.bytes = desc.size / desc.n_queues / AREA_ALIGN * AREA_ALIGN;
	bytes = area.bytes * desc.n_queues;
	if (area.bytes < backend_inflight_bytes(srv->vb, desc.queue_size))
		return -EINVAL;
	rc = file_map(&area.map, msg->fds->fd[0], desc.offset, bytes, true);
	if (rc < 0)
		return rc;
	rc = inflight_lend(srv, &area);
	if (rc < 0) {
		/* Which cannot fail: none is not there. */
		(void)inflight_lend(srv, &(struct vhu_inflight_area){ 0 });
		file_unmap(&area.map);
		area = (struct vhu_inflight_area){ 0 };
	}
	file_unmap(&srv->inflight.map);
	srv->inflight = area;
	return rc;
}

void
vhu_inflight_forget(struct vbs_vhost_user *srv)
{
	const struct vhu_inflight_area *area = &srv->inflight;

	/* Without a version the rest is not looked at; there can be a lot. */
	for (uint16_t i = 0; area->map.at && i < area->n_queues; i++)
		memset(area->map.at + i * area->bytes, 0, AREA_ALIGN);
}

void
vhu_inflight_clear(struct vbs_vhost_user *srv)
{
	file_unmap(&srv->inflight.map);
	srv->inflight = (struct vhu_inflight_area){ 0 };
}
