// SPDX-License-Identifier: BSD-3-Clause
/*
 * vhost-user: rings. What the front end says about one is kept as it is said;
 * it becomes a ring of the device when it has been kicked off and all of it is
 * there, which can be when more memory comes.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "host/vhost-user.h"

/* ---- payloads ---- */

static struct vhu_state
msg_vring_state(const struct vhu_msg *msg)
{
	struct vhu_state state;

	memcpy(&state, msg->data, sizeof(state));
	return state;
}

/*
 * KICK, CALL, ERR: the descriptor, -1 if the message says that there is none.
 * 0, or -EINVAL if what it says is not so.
 */
static int
msg_vring_fd(struct vhu_msg *msg, int *fd)
{
	uint64_t val;
	bool none;

	memcpy(&val, msg->data, sizeof(val));
	none = val & VHU_FD_NONE;
	if (val & ~(uint64_t)(VHU_FD_INDEX | VHU_FD_NONE) ||
	    none != (msg->fds->n == 0))
		return -EINVAL;
	*fd = vhu_take_fd(msg);
	return 0;
}

/* ---- started and stopped ---------------------------------------------------
 */

/* Where the ring is; false if the memory is not there. */
static bool
ring_place(const struct vbs_vhost_user *srv, const struct vhu_ring *ring,
	   struct backend_ring *out)
{
	return vhu_mem_gpa(&srv->mem, ring->addr.desc, &out->desc) &&
	       vhu_mem_gpa(&srv->mem, ring->addr.avail, &out->driver) &&
	       vhu_mem_gpa(&srv->mem, ring->addr.used, &out->device);
}

/*
 * Start a ring if all of it is there. 0, also if it has to wait for something;
 * or -EINVAL: it cannot be.
 */
static int
ring_try(struct vbs_vhost_user *srv, uint16_t idx)
{
	struct vhu_ring *ring = &srv->rings[idx];
	struct backend_ring place = { .num = ring->num, .base = ring->base };
	int rc;

	if (!ring->wanted || ring->num == 0 || !ring->has_addr ||
	    backend_ring_started(srv->vb, idx))
		return 0;
	rc = ring_place(srv, ring, &place)
		     ? backend_ring_start(srv->vb, idx, &place)
		     : -EFAULT;
	if (rc == -EFAULT) {
		vhu_mem_say_unshared(srv);
		return 0;
	}
	if (rc < 0)
		ring->wanted = false;
	else
		vhu_channel_update(srv);
	return rc;
}

void
vhu_rings_retry(struct vbs_vhost_user *srv)
{
	for (uint16_t i = 0; i < backend_n_queues(srv->vb); i++) {
		int rc = ring_try(srv, i);

		if (rc < 0 && vhu_first(srv, VHU_SAID_RING))
			vbs_log(srv->vm, VBS_LOG_WARNING,
				"%s: ring %u cannot be started: %s",
				srv->dev->name, i, strerror(-rc));
	}
}

bool
vhu_rings_started(const struct vbs_vhost_user *srv)
{
	for (uint16_t i = 0; i < backend_n_queues(srv->vb); i++) {
		if (backend_ring_started(srv->vb, i))
			return true;
	}
	return false;
}

bool
vhu_rings_busy(const struct vbs_vhost_user *srv)
{
	for (uint16_t i = 0; i < backend_n_queues(srv->vb); i++) {
		if (srv->rings[i].wanted)
			return true;
	}
	return vhu_rings_started(srv);
}

void
vhu_rings_forget(struct vbs_vhost_user *srv)
{
	for (uint16_t i = 0; i < backend_n_queues(srv->vb); i++)
		srv->rings[i] = (struct vhu_ring){ 0 };
}

/* ---- messages -------------------------------------------------------------
 */

int
vhu_set_vring_num(struct vbs_vhost_user *srv, struct vhu_msg *msg)
{
	uint32_t num = msg_vring_state(msg).num;

	if (!backend_size_ok(srv->vb, msg->index, num)) {
		if (vhu_first(srv, VHU_SAID_SIZE))
			vbs_log(srv->vm, VBS_LOG_WARNING,
				"%s: ring %u cannot have %u entries; at most "
				"%u, and a power of two if it is split",
				srv->dev->name, msg->index, num,
				backend_size_max(srv->vb, msg->index));
		return -EINVAL;
	}
	srv->rings[msg->index].num = (uint16_t)num;
	return ring_try(srv, msg->index);
}

int
vhu_set_vring_base(struct vbs_vhost_user *srv, struct vhu_msg *msg)
{
	uint32_t base = msg_vring_state(msg).num;

	if (base > UINT16_MAX && !backend_is_packed(srv->vb))
		return -EINVAL;
	srv->rings[msg->index].base = base;
	return 0;
}

/* A started ring stays where it is; only what is logged can change. */
static int
ring_move(struct vbs_vhost_user *srv, uint16_t idx, const struct vhu_addr *addr)
{
	const struct vhu_addr *old = &srv->rings[idx].addr;

	if (!backend_ring_started(srv->vb, idx))
		return 0;
	return addr->desc == old->desc && addr->avail == old->avail &&
			       addr->used == old->used
		       ? 0
		       : -EBUSY;
}

/* Bytes of the used ring, with the field for events; or of those alone. */
static uint64_t
used_bytes(const struct vbs_vhost_user *srv, const struct vhu_ring *ring)
{
	return backend_is_packed(srv->vb) ? 4 : 6 + 8 * (uint64_t)ring->num;
}

int
vhu_set_vring_addr(struct vbs_vhost_user *srv, struct vhu_msg *msg)
{
	struct vhu_ring *ring = &srv->rings[msg->index];
	struct vhu_addr addr;
	bool log;
	int rc;

	memcpy(&addr, msg->data, sizeof(addr));
	log = addr.flags & VHU_ADDR_LOG;
	if (addr.flags & ~VHU_ADDR_LOG)
		return -EINVAL;
	if (log && !vhu_log_covers(srv, addr.log, used_bytes(srv, ring)))
		return -ERANGE;
	rc = ring_move(srv, msg->index, &addr);
	if (rc < 0)
		return rc;
	ring->addr = addr;
	ring->has_addr = true;
	backend_ring_log(srv->vb, msg->index, log, addr.log);
	return ring_try(srv, msg->index);
}

int
vhu_set_vring_kick(struct vbs_vhost_user *srv, struct vhu_msg *msg)
{
	int fd, rc = msg_vring_fd(msg, &fd);

	if (rc == 0)
		rc = backend_ring_kick(srv->vb, msg->index, fd);
	if (rc < 0)
		return rc;
	srv->rings[msg->index].wanted = true;
	return ring_try(srv, msg->index);
}

int
vhu_set_vring_call(struct vbs_vhost_user *srv, struct vhu_msg *msg)
{
	int fd, rc = msg_vring_fd(msg, &fd);

	return rc < 0 ? rc : backend_ring_call(srv->vb, msg->index, fd);
}

int
vhu_set_vring_err(struct vbs_vhost_user *srv, struct vhu_msg *msg)
{
	int fd, rc = msg_vring_fd(msg, &fd);

	return rc < 0 ? rc : backend_ring_err(srv->vb, msg->index, fd);
}

int
vhu_set_vring_enable(struct vbs_vhost_user *srv, struct vhu_msg *msg)
{
	uint32_t enable = msg_vring_state(msg).num;

	if (enable > 1)
		return -EINVAL;
	backend_ring_enable(srv->vb, msg->index, enable);
	return 0;
}

int
vhu_get_vring_base(struct vbs_vhost_user *srv, struct vhu_msg *msg)
{
	struct vhu_ring *ring = &srv->rings[msg->index];
	struct vhu_state state = { .index = msg->index };

	if (backend_ring_started(srv->vb, msg->index)) {
		if (backend_ring_stop(srv->vb, msg->index, &ring->base) < 0 &&
		    vhu_first(srv, VHU_SAID_STUCK))
			vbs_log(srv->vm, VBS_LOG_WARNING,
				"%s: ring %u stopped, but some requests have "
				"not come back",
				srv->dev->name, msg->index);
	}
	ring->wanted = false;
	(void)backend_ring_kick(srv->vb, msg->index, -1);
	state.num = ring->base;
	memcpy(msg->reply, &state, sizeof(state));
	return 0;
}
