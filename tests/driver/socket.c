// SPDX-License-Identifier: BSD-3-Clause
/* UNIX stream sockets with file descriptors. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "driver/clock.h"
#include "driver/socket.h"

#define RETRY_MS 1

/* A socket and an address for a path. */
static int
new_socket(const char *path, struct sockaddr_un *sun)
{
	int fd;

	memset(sun, 0, sizeof(*sun));
	sun->sun_family = AF_UNIX;
	if (strlen(path) >= sizeof(sun->sun_path))
		return -ENAMETOOLONG;
	memcpy(sun->sun_path, path, strlen(path));
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	return fd < 0 ? -errno : fd;
}

static int
close_because(int fd, int rc)
{
	(void)close(fd);
	return rc;
}

int
drv_socket_connect(const char *path)
{
	struct sockaddr_un sun;
	int fd = new_socket(path, &sun);

	if (fd < 0)
		return fd;
	if (connect(fd, (const struct sockaddr *)&sun, sizeof(sun)) < 0)
		return close_because(fd, -errno);
	return fd;
}

int
drv_socket_connect_wait(const char *path, int timeout_ms)
{
	int64_t end = drv_now_ms() + timeout_ms;
	int fd = drv_socket_connect(path);

	while ((fd == -ENOENT || fd == -ECONNREFUSED) && drv_now_ms() < end) {
		(void)poll(NULL, 0, RETRY_MS);
		fd = drv_socket_connect(path);
	}
	return fd;
}

int
drv_socket_listen(const char *path)
{
	struct sockaddr_un sun;
	int fd = new_socket(path, &sun);

	if (fd < 0)
		return fd;
	if (bind(fd, (const struct sockaddr *)&sun, sizeof(sun)) < 0 ||
	    listen(fd, 16) < 0)
		return close_because(fd, -errno);
	return fd;
}

/* Wait for events until the clock says end. 0 or -ETIMEDOUT. */
static int
wait_for(int fd, short events, int64_t end)
{
	struct pollfd pfd = { .fd = fd, .events = events };
	int n;

	do
		n = poll(&pfd, 1, drv_ms_left(end));
	while (n < 0 && errno == EINTR);
	return n > 0 ? 0 : -ETIMEDOUT;
}

int
drv_socket_accept(int fd, int timeout_ms)
{
	int conn, rc = wait_for(fd, POLLIN, drv_now_ms() + timeout_ms);

	if (rc < 0)
		return rc;
	conn = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
	return conn < 0 ? -errno : conn;
}

static ssize_t
send_some(int fd, const uint8_t *buf, size_t len, const int *fds, int n_fds)
{
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(sizeof(int) * DRV_SOCKET_MAX_FDS)];
	} ctl;
	struct iovec iov = { .iov_base = (void *)(uintptr_t)buf,
			     .iov_len = len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	size_t fd_bytes = sizeof(int) * (size_t)n_fds;
	struct cmsghdr *cm;

	if (n_fds > 0) {
		memset(&ctl, 0, sizeof(ctl));
		msg.msg_control = ctl.buf;
		msg.msg_controllen = CMSG_SPACE(fd_bytes);
		cm = CMSG_FIRSTHDR(&msg);
		cm->cmsg_level = SOL_SOCKET;
		cm->cmsg_type = SCM_RIGHTS;
		cm->cmsg_len = CMSG_LEN(fd_bytes);
		memcpy(CMSG_DATA(cm), fds, fd_bytes);
	}
	return sendmsg(fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* What a failed send means: 0 to try again. */
static int
send_failed(int fd, int64_t end)
{
	if (errno == EINTR)
		return 0;
	if (errno == EAGAIN)
		return wait_for(fd, POLLOUT, end);
	return errno == EPIPE ? -ECONNRESET : -errno;
}

int
drv_socket_send(int fd, const void *buf, size_t len, const int *fds, int n_fds)
{
	int64_t end = drv_now_ms() + DRV_TIMEOUT_MS;
	const uint8_t *p = buf;
	int rc = 0;

	if (n_fds < 0 || n_fds > DRV_SOCKET_MAX_FDS)
		return -EINVAL;
	while (len > 0 && rc == 0) {
		ssize_t n = send_some(fd, p, len, fds, n_fds);

		if (n < 0) {
			rc = send_failed(fd, end);
			continue;
		}
		p += n;
		len -= (size_t)n;
		n_fds = 0;
	}
	return rc;
}

/* Keep the descriptors of one recvmsg(2) that fit; close the others. */
static void
take_fds(struct msghdr *msg, int *fds, int max_fds, int *n_fds)
{
	for (struct cmsghdr *cm = CMSG_FIRSTHDR(msg); cm;
	     cm = CMSG_NXTHDR(msg, cm)) {
		size_t n = (cm->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (cm->cmsg_level != SOL_SOCKET || cm->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < n; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(cm) + i * sizeof(fd), sizeof(fd));
			if (fds && *n_fds < max_fds)
				fds[(*n_fds)++] = fd;
			else
				(void)close(fd);
		}
	}
}

/* One recvmsg(2). */
static ssize_t
recv_some(int fd, void *buf, size_t len, int *fds, int max_fds, int *n_fds)
{
	char ctl[CMSG_SPACE(sizeof(int) * DRV_SOCKET_MAX_FDS)];
	struct iovec iov = { .iov_base = buf, .iov_len = len };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = ctl,
			      .msg_controllen = sizeof(ctl) };
	ssize_t n = recvmsg(fd, &msg, MSG_CMSG_CLOEXEC);

	if (n < 0)
		return -errno;
	take_fds(&msg, fds, max_fds, n_fds);
	return n;
}

ssize_t
drv_socket_recv(int fd, void *buf, size_t len, int *fds, int max_fds,
		int *n_fds, int64_t end)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = wait_for(fd, POLLIN, end);

		if (n < 0)
			return n;
		n = recv_some(fd, (uint8_t *)buf + done, len - done, fds,
			      max_fds, n_fds);
		if (n == -EINTR)
			continue;
		if (n < 0)
			return n;
		if (n == 0)
			return done ? -ECONNRESET : 0;
		done += (size_t)n;
	}
	return (ssize_t)done;
}

bool
drv_socket_is_closed(int fd, int timeout_ms)
{
	int64_t end = drv_now_ms() + timeout_ms;
	char sink[4096];
	int n_fds = 0;

	for (;;) {
		ssize_t n = wait_for(fd, POLLIN, end);

		if (n < 0)
			return false;
		n = recv_some(fd, sink, sizeof(sink), NULL, 0, &n_fds);
		if (n <= 0 && n != -EINTR)
			return true;
	}
}
