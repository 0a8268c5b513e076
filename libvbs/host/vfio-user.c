// SPDX-License-Identifier: BSD-3-Clause
/* vfio-user: the public calls, and who is connected. */
#include "host/vfio-user.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define RELISTEN_S 1 /* after accept() ran out of descriptors or memory */

static const struct vbs_vm_ops vuser_vm_ops = {
	.msi = vuser_irq_msi,
	.intx = vuser_irq_intx,
	.flags = VBS_VM_HOST_MASKS_MSIX,
};

/* The client has gone: so does all that it lent us. The device stays as is. */
static void
srv_drop(struct vbs_vfio_user *srv)
{
	if (srv->conn.fd < 0)
		return;
	conn_close(&srv->conn);
	vuser_poll_stop(&srv->poll);
	vuser_dma_clear(srv); /* chains come back, and interrupt */
	vuser_irq_clear(&srv->irqs);
	srv->ready = false;
	srv->client_fds = 0;
	srv->said = 0;
	if (srv->listen_fd < 0 && srv->on_end)
		srv->on_end(srv->on_end_arg);
}

/* Handle what is there; wait for what is missing. */
static void
srv_run(struct vbs_vfio_user *srv)
{
	int rc = vuser_msg_run(srv);

	if (rc == -EAGAIN) {
		(void)event_del(srv->conn.rd);
		rc = event_add(srv->conn.wr, NULL);
	}
	if (rc < 0)
		srv_drop(srv);
}

/* The end of the stream, or an error. */
static void
srv_lost(struct vbs_vfio_user *srv, int rc)
{
	if (rc == -ECONNRESET)
		rc = 0; /* it has left a reply unread */
	if (rc < 0 || srv->conn.rx_len > 0)
		vbs_log(srv->vm, VBS_LOG_WARNING, "%s: client lost: %s",
			srv->dev->name,
			rc < 0 ? strerror(-rc) : "in the middle of a message");
	else
		vbs_log(srv->vm, VBS_LOG_INFO, "%s: client disconnected",
			srv->dev->name);
	srv_drop(srv);
}

static void
srv_on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct vbs_vfio_user *srv = arg;
	long n = conn_recv(&srv->conn);

	if (n == -EAGAIN || n == -EINTR)
		return;
	if (n > 0)
		srv_run(srv);
	else
		srv_lost(srv, (int)n);
}

static void
srv_on_writable(evutil_socket_t fd, short what, void *arg)
{
	struct vbs_vfio_user *srv = arg;
	int rc = conn_flush(&srv->conn);

	if (rc == -EAGAIN)
		rc = event_add(srv->conn.wr, NULL);
	else if (rc == 0 && (rc = event_add(srv->conn.rd, NULL)) == 0)
		srv_run(srv);
	if (rc < 0)
		srv_drop(srv);
}

/* Serve a client; fd is ours, also on failure. */
static int
srv_connect(struct vbs_vfio_user *srv, int fd)
{
	struct conn *conn = &srv->conn;

	if (conn_open(conn, fd) < 0) {
		(void)close(fd);
		return -ENOMEM;
	}
	conn->rd = event_new(srv->base, fd, EV_READ | EV_PERSIST,
			     srv_on_readable, srv);
	conn->wr = event_new(srv->base, fd, EV_WRITE, srv_on_writable, srv);
	if (!conn->rd || !conn->wr || event_add(conn->rd, NULL) < 0) {
		srv_drop(srv);
		return -ENOMEM;
	}
	vbs_log(srv->vm, VBS_LOG_INFO, "%s: client connected", srv->dev->name);
	return 0;
}

/* A client that hung up, but that we have not heard out: do it now. */
static void
srv_finish(struct vbs_vfio_user *srv)
{
	while (srv->conn.fd >= 0 && event_pending(srv->conn.rd, EV_READ, NULL))
		srv_on_readable(srv->conn.fd, EV_READ, srv);
	srv_drop(srv);
}

/* Out of descriptors or memory: do not spin on the client who waits. */
static void
srv_pause_listening(struct vbs_vfio_user *srv, int err)
{
	struct timeval tv = { .tv_sec = RELISTEN_S };

	if (err == EAGAIN || err == EINTR || err == ECONNABORTED)
		return;
	vbs_log(srv->vm, VBS_LOG_ERROR, "%s: cannot accept a client: %s",
		srv->dev->name, strerror(err));
	(void)event_del(srv->listen_ev);
	(void)event_add(srv->relisten_ev, &tv);
}

static void
srv_on_relisten(evutil_socket_t fd, short what, void *arg)
{
	struct vbs_vfio_user *srv = arg;

	(void)event_add(srv->listen_ev, NULL);
}

static void
srv_on_accept(evutil_socket_t listen_fd, short what, void *arg)
{
	struct vbs_vfio_user *srv = arg;
	int fd = accept4(listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0) {
		srv_pause_listening(srv, errno);
		return;
	}
	if (srv->conn.fd >= 0 && conn_hung_up(&srv->conn))
		srv_finish(srv);
	if (srv->conn.fd < 0) {
		if (srv_connect(srv, fd) < 0)
			vbs_log(srv->vm, VBS_LOG_ERROR,
				"%s: no memory for a client", srv->dev->name);
		return;
	}
	if (vuser_first(srv, VUSER_SAID_BUSY))
		vbs_log(srv->vm, VBS_LOG_WARNING,
			"%s: second client refused, one is connected",
			srv->dev->name);
	(void)close(fd);
}

static int
srv_listen(struct vbs_vfio_user *srv, int fd)
{
	srv->listen_fd = fd;
	srv->listen_ev = event_new(srv->base, fd, EV_READ | EV_PERSIST,
				   srv_on_accept, srv);
	srv->relisten_ev = evtimer_new(srv->base, srv_on_relisten, srv);
	if (!srv->listen_ev || !srv->relisten_ev ||
	    event_add(srv->listen_ev, NULL) < 0)
		return -ENOMEM;
	return 0;
}

/* 1: a listening UNIX stream socket, 0: a connected one, or -ENOTSOCK. */
static int
srv_socket_kind(int fd)
{
	int domain = 0, type = 0, listening = 0;
	socklen_t len = sizeof(int);

	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) < 0 ||
	    getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) < 0 ||
	    getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len) < 0)
		return -ENOTSOCK;
	if (domain != AF_UNIX || type != SOCK_STREAM)
		return -ENOTSOCK;
	return listening;
}

static int
srv_start(struct vbs_vfio_user *srv, struct pci_vdev *dev, int fd)
{
	int listening = srv_socket_kind(fd), rc;

	if (listening < 0) {
		(void)close(fd);
		return listening;
	}
	(void)fcntl(fd, F_SETFL, O_NONBLOCK);
	(void)fcntl(fd, F_SETFD, FD_CLOEXEC);
	srv->dev = dev;
	rc = vuser_irq_attach(&srv->irqs, dev);
	if (rc < 0) {
		(void)close(fd);
		return rc;
	}
	vuser_poll_attach(&srv->poll, dev);
	return listening ? srv_listen(srv, fd) : srv_connect(srv, fd);
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
	srv->on_end = fn;
	srv->on_end_arg = arg;
}

void
vbs_vfio_user_stop(struct vbs_vfio_user *srv)
{
	srv->on_end = NULL; /* it is the caller who ends it */
	srv_drop(srv);
	if (srv->listen_ev)
		event_free(srv->listen_ev);
	if (srv->relisten_ev)
		event_free(srv->relisten_ev);
	srv->listen_ev = srv->relisten_ev = NULL;
	if (srv->listen_fd >= 0)
		(void)close(srv->listen_fd);
	srv->listen_fd = -1;
	vuser_poll_detach(&srv->poll);
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
	return true;
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
	srv->base = base;
	srv->listen_fd = -1;
	srv->conn.fd = -1;
	vuser_poll_init(&srv->poll, base, opts ? opts->poll_us : 0);
	vuser_irq_init(&srv->irqs, base);
	srv->vm = vbs_vm_new(&vuser_vm_ops, srv, base);
	if (!srv->vm) {
		vuser_irq_deinit(&srv->irqs);
		free(srv);
		return -ENOMEM;
	}
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
