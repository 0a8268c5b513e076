// SPDX-License-Identifier: BSD-3-Clause
/* vfio-user: the public calls. */
#include "host/vfio-user.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pci/pci.h"

static const struct vbs_vm_ops vuser_vm_ops = {
	.msi = vuser_irq_msi,
	.intx = vuser_irq_intx,
	.flags = VBS_VM_HOST_MASKS_MSIX,
};

static void
srv_parse(const uint8_t *raw, struct server_hdr *out)
{
	struct vuser_hdr hdr;

	memcpy(&hdr, raw, sizeof(hdr));
	out->command = hdr.command;
	out->flags = hdr.flags;
	out->bytes = hdr.size;
}

/* The client has gone: so does all that it lent us. The device stays as is. */
static void
srv_gone(void *arg)
{
	struct vbs_vfio_user *srv = arg;

	/* Without the page kicks are seen again; this cannot fail. */
	if (srv->page.lent)
		(void)pci_poll(srv->dev, srv->poll_us, false);
	srv->page.lent = false;
	vuser_dma_clear(srv); /* chains come back, and interrupt */
	vuser_irq_clear(&srv->irqs);
	srv->ready = false;
	srv->client_fds = 0;
	srv->said_refused = false;
}

static const struct server_ops vuser_server_ops = {
	.peer = "client",
	.hdr_bytes = sizeof(struct vuser_hdr),
	.parse = srv_parse,
	.check_start = vuser_msg_check_start,
	.check = vuser_msg_check,
	.handle = vuser_msg_handle,
	.gone = srv_gone,
};

static int
srv_start(struct vbs_vfio_user *srv, struct pci_vdev *dev, int fd)
{
	int rc;

	srv->dev = dev;
	rc = vuser_irq_attach(&srv->irqs, dev);
	if (rc < 0) {
		(void)close(fd);
		return rc;
	}
	rc = pci_poll(dev, srv->poll_us, false);
	if (rc < 0) {
		(void)close(fd);
		return rc;
	}
	if (srv->wants_page)
		vuser_page_make(&srv->page, dev);
	return server_start(&srv->server, dev->name, fd);
}

int
vbs_vfio_user_serve(struct vbs_vfio_user *srv, struct pci_vdev *dev, int fd)
{
	int rc;

	if (!dev || dev->vmctx != srv->vm || srv->dev) {
		(void)close(fd);
		return -EINVAL;
	}
	rc = srv_start(srv, dev, fd);
	if (rc < 0)
		vbs_vfio_user_stop(srv);
	return rc;
}

void
vbs_vfio_user_on_end(struct vbs_vfio_user *srv, void (*fn)(void *arg),
		     void *arg)
{
	srv->server.on_end = fn;
	srv->server.on_end_arg = arg;
}

void
vbs_vfio_user_stop(struct vbs_vfio_user *srv)
{
	server_stop(&srv->server);
	if (srv->dev)
		(void)pci_poll(srv->dev, 0, false);
	vuser_page_free(&srv->page);
	vuser_irq_detach(&srv->irqs);
	srv->dev = NULL;
}

static bool
srv_options_ok(const struct vbs_vfio_user_options *opts)
{
	for (size_t i = 0; i < sizeof(opts->reserved) / sizeof(uint32_t); i++) {
		if (opts->reserved[i] != 0)
			return false;
	}
	return !(opts->flags &
		 ~(VBS_VFIO_USER_ONCE | VBS_VFIO_USER_DOORBELL_PAGE));
}

int
vbs_vfio_user_new(struct event_base *base,
		  const struct vbs_vfio_user_options *opts,
		  struct vbs_vfio_user **out)
{
	struct vbs_vfio_user *srv;

	if (!base || !out || (opts && !srv_options_ok(opts)))
		return -EINVAL;
	srv = calloc(1, sizeof(*srv));
	if (!srv)
		return -ENOMEM;
	server_init(&srv->server, base, &vuser_server_ops, srv);
	srv->server.once = opts && (opts->flags & VBS_VFIO_USER_ONCE);
	srv->poll_us = opts ? opts->poll_us : 0;
	srv->wants_page = opts && (opts->flags & VBS_VFIO_USER_DOORBELL_PAGE);
	srv->page = VUSER_NO_PAGE;
	vuser_irq_init(&srv->irqs, base);
	srv->vm = vbs_vm_new(&vuser_vm_ops, srv, base);
	if (!srv->vm) {
		vuser_irq_deinit(&srv->irqs);
		free(srv);
		return -ENOMEM;
	}
	srv->server.vm = srv->vm;
	*out = srv;
	return 0;
}

struct vmctx *
vbs_vfio_user_vm(struct vbs_vfio_user *srv)
{
	return srv->vm;
}

void
vbs_vfio_user_free(struct vbs_vfio_user *srv)
{
	if (!srv)
		return;
	vbs_vfio_user_stop(srv);
	vbs_vm_free(srv->vm);
	vuser_irq_deinit(&srv->irqs);
	free(srv);
}
