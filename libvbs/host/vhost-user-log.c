// SPDX-License-Identifier: BSD-3-Clause
/* vhost-user: the log of pages that have been written. */
#include <errno.h>
#include <string.h>

#include "host/vhost-user.h"

#define LOG_ALL (UINT64_C(1) << VHU_F_LOG_ALL)

static bool
log_has(const struct dirty_log *log, uint64_t gpa, uint64_t len)
{
	return len == 0 || (len - 1 <= UINT64_MAX - gpa &&
			    (gpa + (len - 1)) / DIRTY_LOG_PAGE < log->n_pages);
}

bool
vhu_log_covers(const struct vbs_vhost_user *srv, uint64_t gpa, uint64_t len)
{
	bool logging = srv->log && (srv->features & LOG_ALL);

	return !logging || log_has(srv->log, gpa, len);
}

/* What has no bit would be lost, and nobody would know. */
static bool
log_has_memory(const struct vbs_vhost_user *srv, const struct dirty_log *log)
{
	for (uint32_t i = 0; i < srv->mem.n; i++) {
		const struct vhu_region *r = &srv->mem.slots[i].region;

		if (!log_has(log, r->gpa, r->size))
			return false;
	}
	return true;
}

int
vhu_log_check(const struct vbs_vhost_user *srv, uint64_t features)
{
	bool on = srv->log && (features & LOG_ALL);

	return on && !log_has_memory(srv, srv->log) ? -ERANGE : 0;
}

void
vhu_log_apply(struct vbs_vhost_user *srv)
{
	backend_set_log(srv->vb, srv->features & LOG_ALL ? srv->log : NULL);
}

int
vhu_set_log_base(struct vbs_vhost_user *srv, struct vhu_msg *msg)
{
	struct dirty_log *log, *old = srv->log;
	struct vhu_log req;
	int rc;

	memcpy(&req, msg->data, sizeof(req));
	if (msg->fds->n == 0)
		return -EINVAL;
	rc = dirty_log_new(msg->fds->fd[0], req.offset, req.size, &log);
	if (rc < 0)
		return rc;
	if (!log_has_memory(srv, log)) {
		dirty_log_unref(log);
		return -ERANGE;
	}
	srv->log = log;
	vhu_log_apply(srv);
	dirty_log_unref(old);
	return 0;
}

void
vhu_log_clear(struct vbs_vhost_user *srv)
{
	dirty_log_unref(srv->log);
	srv->log = NULL;
}
