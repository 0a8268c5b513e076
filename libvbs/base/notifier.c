// SPDX-License-Identifier: BSD-3-Clause
/* Wakes somebody who may be hostile. */
#include "base/notifier.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static bool
has_type(int fd, mode_t type)
{
	struct stat st;

	return fstat(fd, &st) == 0 && (st.st_mode & S_IFMT) == type;
}

/*
 * An anonymous inode: fstat(2) shows no file type. So are timers and the like,
 * whose events a read of a counter would not take away, or would wait for;
 * where /proc is mounted it tells them apart.
 */
bool
notifier_is_eventfd(int fd)
{
	static const char want[] = "anon_inode:[eventfd]";
	char path[32], name[sizeof(want)];
	ssize_t n;

	if (!has_type(fd, 0))
		return false;
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	n = readlink(path, name, sizeof(name));
	return n < 0 || (n == (ssize_t)sizeof(want) - 1 &&
			 memcmp(name, want, sizeof(want) - 1) == 0);
}

bool
notifier_is_pipe(int fd)
{
	return has_type(fd, S_IFIFO);
}

bool
notifier_is_socket(int fd)
{
	int domain = 0;
	socklen_t len = sizeof(domain);

	return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) == 0 &&
	       domain == AF_UNIX;
}

void
notifier_set(struct notifier *n, int fd)
{
	if (n->fd >= 0)
		(void)close(n->fd);
	n->fd = fd;
	if (fd < 0)
		return;
	n->socket = notifier_is_socket(fd);
	n->pipe = notifier_is_pipe(fd);
	if (n->pipe)
		(void)fcntl(fd, F_SETFL, O_NONBLOCK);
}

static void
write_one(int fd)
{
	const uint64_t one = 1;
	ssize_t n;

	do
		n = write(fd, &one, sizeof(one));
	while (n < 0 && errno == EINTR);
}

static void
send_one(int fd)
{
	const uint64_t one = 1;
	ssize_t n;

	do
		n = send(fd, &one, sizeof(one), MSG_DONTWAIT | MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
}

/* A pipe that nobody reads any more raises a signal: take it back. */
static void
write_without_signal(int fd)
{
	const struct timespec now = { 0 };
	sigset_t pipe_set, old, pending;

	(void)sigemptyset(&pipe_set);
	(void)sigaddset(&pipe_set, SIGPIPE);
	(void)sigpending(&pending);
	if (sigismember(&pending, SIGPIPE)) {
		write_one(fd); /* one more makes no difference */
		return;
	}
	(void)pthread_sigmask(SIG_BLOCK, &pipe_set, &old);
	write_one(fd);
	while (sigtimedwait(&pipe_set, NULL, &now) < 0 && errno == EINTR)
		;
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
}

void
notifier_signal(const struct notifier *n)
{
	struct pollfd pfd = { .fd = n->fd, .events = POLLOUT };

	if (n->fd < 0)
		return;
	if (n->socket) {
		send_one(n->fd);
		return;
	}
	/*
	 * Whoever has the other end can make it block at any time: fill it, and
	 * take O_NONBLOCK away. So there is a look before each write, which
	 * doubles what an interrupt costs, and leaves who is quick a moment.
	 * Nothing is cheaper and as good. RWF_NOWAIT is for reads of an eventfd
	 * only, and it cannot be opened once more by /proc, for flags of our
	 * own. F_GETFL takes nearly as long as poll(2). Looking now and then
	 * gives all the time between. An eventfd that is registered with an
	 * io_uring never blocks who completes a request, and leaves no moment:
	 * that takes as long as both calls here, and a ring for each.
	 */
	if (poll(&pfd, 1, 0) != 1 || !(pfd.revents & POLLOUT))
		return;
	if (n->pipe)
		write_without_signal(n->fd);
	else
		write_one(n->fd);
}
