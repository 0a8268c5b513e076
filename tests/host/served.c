// SPDX-License-Identifier: BSD-3-Clause
/* A server in a thread, for tests. */
#include <check.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>

#include "host/served.h"

typedef void (*served_fn)(struct served *s);

int
count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	ck_assert_ptr_nonnull(dir);
	while (readdir(dir))
		n++;
	(void)closedir(dir);
	return n;
}

static void
on_log(void *arg, enum vbs_log_level level, const char *line)
{
	struct served *s = arg;
	size_t len = strlen(line);

	(void)pthread_mutex_lock(&s->log_mtx);
	if (len + 2 < sizeof(s->log) - s->log_len) {
		memcpy(s->log + s->log_len, line, len);
		s->log_len += len;
		s->log[s->log_len++] = '\n';
		s->log[s->log_len] = '\0';
	}
	(void)pthread_mutex_unlock(&s->log_mtx);
}

int
served_said(struct served *s, const char *text)
{
	int n = 0;

	(void)pthread_mutex_lock(&s->log_mtx);
	for (const char *p = s->log; (p = strstr(p, text)); p++)
		n++;
	(void)pthread_mutex_unlock(&s->log_mtx);
	return n;
}

/* The control thread has been asked something. */
static void
on_ask(evutil_socket_t fd, short what, void *arg)
{
	struct served *s = arg;
	served_fn fn;

	ck_assert_int_eq(read(fd, &fn, sizeof(fn)), sizeof(fn));
	if (fn)
		fn(s);
	else
		(void)event_base_loopbreak(s->base);
	ck_assert_int_eq(write(fd, "", 1), 1);
}

void
served_call(struct served *s, served_fn fn)
{
	char done;

	ck_assert_int_eq(write(s->ask_fd, &fn, sizeof(fn)), sizeof(fn));
	ck_assert_int_eq(read(s->ask_fd, &done, 1), 1);
}

static void *
control_thread(void *arg)
{
	struct served *s = arg;
	struct event *ask = event_new(s->base, s->answer_fd,
				      EV_READ | EV_PERSIST, on_ask, s);

	ck_assert_ptr_nonnull(ask);
	ck_assert_int_eq(event_add(ask, NULL), 0);
	(void)event_base_dispatch(s->base);
	event_free(ask);
	return NULL;
}

/* A listening socket with a name that the kernel picks. */
static int
listen_somewhere(struct served *s)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	s->addr.sun_family = AF_UNIX;
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(bind(fd, (const struct sockaddr *)&s->addr,
			      sizeof(s->addr.sun_family)),
			 0);
	s->addr_len = sizeof(s->addr);
	ck_assert_int_eq(
		getsockname(fd, (struct sockaddr *)&s->addr, &s->addr_len), 0);
	ck_assert_int_eq(listen(fd, 16), 0);
	return fd;
}

static int
make_socket(struct served *s, int *peer_fd)
{
	int pair[2];

	if (!peer_fd)
		return listen_somewhere(s);
	ck_assert_int_eq(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	*peer_fd = pair[0];
	return pair[1];
}

/* The server, and the VM that it brings. */
static void
make_server(struct served *s, const struct served_how *how)
{
	if (how->vhost_user) {
		struct vbs_vhost_user_options opts = {
			.poll_us = how->poll_us,
			.flags = how->flags,
		};

		ck_assert_int_eq(vbs_vhost_user_new(s->base, &opts, &s->vhost),
				 0);
		s->vm = vbs_vhost_user_vm(s->vhost);
	} else {
		struct vbs_vfio_user_options opts = {
			.poll_us = how->poll_us,
			.flags = how->flags,
		};

		ck_assert_int_eq(vbs_vfio_user_new(s->base, &opts, &s->srv), 0);
		s->vm = vbs_vfio_user_vm(s->srv);
	}
}

static int
serve(struct served *s, int fd)
{
	return s->vhost ? vbs_vhost_user_serve(s->vhost, s->dev, fd)
			: vbs_vfio_user_serve(s->srv, s->dev, fd);
}

void
served_start_how(struct served *s, const struct served_how *how)
{
	int line[2];

	memset(s, 0, sizeof(*s));
	s->n_fds = count_fds();
	(void)pthread_mutex_init(&s->log_mtx, NULL);
	s->base = event_base_new();
	ck_assert_ptr_nonnull(s->base);
	make_server(s, how);
	vbs_log_set(s->vm, on_log, s, VBS_LOG_INFO);
	ck_assert_int_eq(vbs_pci_new(s->vm, how->ops, 3, 0, how->opts, &s->dev),
			 0);
	ck_assert_int_eq(serve(s, make_socket(s, how->peer_fd)), 0);
	ck_assert_int_eq(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, line), 0);
	s->ask_fd = line[0];
	s->answer_fd = line[1];
	ck_assert_int_eq(pthread_create(&s->thread, NULL, control_thread, s),
			 0);
}

void
served_start(struct served *s, const struct pci_vdev_ops *ops, uint32_t poll_us,
	     int *peer_fd)
{
	const struct served_how how = {
		.ops = ops,
		.poll_us = poll_us,
		.peer_fd = peer_fd,
	};

	served_start_how(s, &how);
}

void
served_stop(struct served *s)
{
	served_call(s, NULL);
	ck_assert_int_eq(pthread_join(s->thread, NULL), 0);
	if (s->vhost)
		vbs_vhost_user_stop(s->vhost);
	else
		vbs_vfio_user_stop(s->srv);
	vbs_pci_free(s->dev);
	vbs_vhost_user_free(s->vhost);
	vbs_vfio_user_free(s->srv);
	event_base_free(s->base);
	(void)close(s->ask_fd);
	(void)close(s->answer_fd);
	(void)pthread_mutex_destroy(&s->log_mtx);
	ck_assert_int_eq(count_fds(), s->n_fds);
}

int
served_connect(struct served *s)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(
		connect(fd, (const struct sockaddr *)&s->addr, s->addr_len), 0);
	return fd;
}

void
served_open(struct served *s, struct drv_vfu *vfu)
{
	ck_assert_int_eq(drv_vfu_init(vfu, served_connect(s)), 0);
	ck_assert_int_eq(drv_vfu_negotiate(vfu, NULL), 0);
}
