// SPDX-License-Identifier: BSD-3-Clause
/* vhost-user: the public calls. */
#include "host/vhost-user.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Rings notify by themselves: the PCI side of the function is not used. */
static void
srv_msi(void *arg, struct pci_vdev *dev, enum vbs_msi_type type, int index,
	uint64_t addr, uint32_t data)
{
}

static void
srv_intx(void *arg, struct pci_vdev *dev, bool asserted)
{
}

static const struct vbs_vm_ops vhu_vm_ops = {
	.msi = srv_msi,
	.intx = srv_intx,
};

static const struct backend_ops vhu_backend_ops = {
	.config_changed = vhu_channel_changed,
};

static void
srv_parse(const uint8_t *raw, struct server_hdr *out)
{
	struct vhu_hdr hdr;

	memcpy(&hdr, raw, sizeof(hdr));
	out->command = hdr.request;
	out->flags = hdr.flags;
	out->bytes = sizeof(hdr) + (uint64_t)hdr.size;
}

static int
srv_came(void *arg)
{
	struct vbs_vhost_user *srv = arg;

	return backend_attach(srv->vb, &vhu_backend_ops, srv, srv->poll_us);
}

/* The front end has gone: so does all that it lent us. */
static void
srv_gone(void *arg)
{
	struct vbs_vhost_user *srv = arg;

	vhu_transfer_clear(srv);
	vhu_channel_clear(&srv->channel);
	backend_detach(srv->vb); /* chains come back */
	vhu_mem_clear(srv);
	vhu_log_clear(srv);
	vhu_inflight_clear(srv);
	vhu_rings_forget(srv);
	srv->features = 0;
	srv->protocol = 0;
	srv->said = 0;
}

static const struct server_ops vhu_server_ops = {
	.peer = "front end",
	.hdr_bytes = sizeof(struct vhu_hdr),
	.parse = srv_parse,
	.check = vhu_msg_check,
	.handle = vhu_msg_handle,
	.came = srv_came,
	.gone = srv_gone,
};

static int
srv_start(struct vbs_vhost_user *srv, struct pci_vdev *dev, int fd)
{
	int rc;

	srv->dev = dev;
	srv->rings = calloc(backend_n_queues(srv->vb), sizeof(*srv->rings));
	rc = srv->rings
		     ? vhu_channel_start(&srv->channel, srv, srv->server.base)
		     : -ENOMEM;
	if (rc < 0) {
		(void)close(fd);
		return rc;
	}
	return server_start(&srv->server, dev->name, fd);
}

int
vbs_vhost_user_serve(struct vbs_vhost_user *srv, struct pci_vdev *dev, int fd)
{
	int rc;

	if (!dev || dev->vmctx != srv->vm || srv->dev || !backend_of(dev)) {
		(void)close(fd);
		return -EINVAL;
	}
	srv->vb = backend_of(dev);
	rc = srv_start(srv, dev, fd);
	if (rc < 0)
		vbs_vhost_user_stop(srv);
	return rc;
}

void
vbs_vhost_user_on_end(struct vbs_vhost_user *srv, void (*fn)(void *arg),
		      void *arg)
{
	srv->server.on_end = fn;
	srv->server.on_end_arg = arg;
}

void
vbs_vhost_user_stop(struct vbs_vhost_user *srv)
{
	server_stop(&srv->server);
	vhu_channel_stop(&srv->channel);
	free(srv->rings);
	srv->rings = NULL;
	srv->vb = NULL;
	srv->dev = NULL;
}

static bool
srv_options_ok(const struct vbs_vhost_user_options *opts)
{
	for (size_t i = 0; i < sizeof(opts->reserved) / sizeof(uint32_t); i++) {
		if (opts->reserved[i] != 0)
			return false;
	}
	return !(opts->flags & ~VBS_VHOST_USER_ONCE);
}

int
vbs_vhost_user_new(struct event_base *base,
		   const struct vbs_vhost_user_options *opts,
		   struct vbs_vhost_user **out)
{
	struct vbs_vhost_user *srv;

	if (!base || !out || (opts && !srv_options_ok(opts)))
		return -EINVAL;
	srv = calloc(1, sizeof(*srv));
	if (!srv)
		return -ENOMEM;
	srv->vm = vbs_vm_new(&vhu_vm_ops, srv, base);
	if (!srv->vm) {
		free(srv);
		return -ENOMEM;
	}
	server_init(&srv->server, base, &vhu_server_ops, srv);
	srv->server.vm = srv->vm;
	srv->server.once = opts && (opts->flags & VBS_VHOST_USER_ONCE);
	srv->poll_us = opts ? opts->poll_us : 0;
	srv->channel.fd = srv->channel.event_fd = -1;
	srv->incoming.fd = -1;
	vhu_transfer_clear(srv);
	*out = srv;
	return 0;
}

struct vmctx *
vbs_vhost_user_vm(struct vbs_vhost_user *srv)
{
	return srv->vm;
}

void
vbs_vhost_user_free(struct vbs_vhost_user *srv)
{
	if (!srv)
		return;
	vbs_vhost_user_stop(srv);
	vhu_channel_deinit(&srv->channel);
	vbs_vm_free(srv->vm);
	free(srv);
}
