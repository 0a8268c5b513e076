// SPDX-License-Identifier: BSD-3-Clause
/* Makes the UNIX sockets that front ends connect to. */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "socket.h"

#define BACKLOG 4
/* How long another vbs-dm may take to make its sockets. */
#define LOCK_TRIES 200
#define LOCK_PAUSE 10000000 /* ns */

int
dm_socket_check(const char *path, struct dm_error *err)
{
	size_t n = strlen(path);

	if (n > 0 && n < DM_SOCKET_PATH_SIZE)
		return 0;
	return dm_fail(
		err, -ENAMETOOLONG,
		"socket path of %zu bytes, longer than %zu: %.120s; give "
		"a shorter --socket-dir or --socket-path",
		n, DM_SOCKET_PATH_SIZE - 1, path);
}

int
dm_socket_name(char *out, const char *dir, unsigned int slot, unsigned int func,
	       const char *name, struct dm_error *err)
{
	char path[4096];
	size_t n = strlen(dir);
	const char *slash = n > 0 && dir[n - 1] == '/' ? "" : "/";
	int rc;

	if (func)
		(void)snprintf(path, sizeof(path), "%s%s%u.%u-%s.sock", dir,
			       slash, slot, func, name);
	else
		(void)snprintf(path, sizeof(path), "%s%s%u-%s.sock", dir, slash,
			       slot, name);
	rc = dm_socket_check(path, err);
	if (rc == 0)
		(void)snprintf(out, DM_SOCKET_PATH_SIZE, "%s", path);
	return rc;
}

static void
address_of(const char *path, struct sockaddr_un *addr)
{
	memset(addr, 0, sizeof(*addr));
	addr->sun_family = AF_UNIX;
	memcpy(addr->sun_path, path, strlen(path));
}

/* The directory that a path is in; -errno if it cannot be opened. */
static int
open_directory(const char *path)
{
	char dir[DM_SOCKET_PATH_SIZE];
	char *slash;
	int fd;

	(void)snprintf(dir, sizeof(dir), "%s", path);
	slash = strrchr(dir, '/');
	if (slash)
		slash[slash == dir] = '\0';
	fd = open(slash ? dir : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/*
 * Between two that start at the same time, only one at a time looks for the
 * other's socket. Whoever holds the lock for ever does not stop us.
 */
static void
lock_directory(int fd)
{
	struct timespec pause = { .tv_nsec = LOCK_PAUSE };

	for (int i = 0; i < LOCK_TRIES; i++) {
		if (flock(fd, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK)
			return;
		(void)nanosleep(&pause, NULL);
	}
}

static bool
is_served(const struct sockaddr_un *addr)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int rc;

	if (fd < 0)
		return false;
	rc = connect(fd, (const struct sockaddr *)addr, sizeof(*addr));
	if (rc < 0)
		rc = errno == EAGAIN ? 0 : -1; /* its backlog is full */
	(void)close(fd);
	return rc == 0;
}

/* Make room for our socket. */
static int
remove_stale(const char *path, const struct sockaddr_un *addr,
	     struct dm_error *err)
{
	struct stat st;

	if (lstat(path, &st) < 0)
		return 0;
	if (!S_ISSOCK(st.st_mode))
		return dm_fail(
			err, -EEXIST,
			"socket %s: something else has that name; remove "
			"it, or give another",
			path);
	if (is_served(addr))
		return dm_fail(err, -EADDRINUSE,
			       "socket %s is in use: another vbs-dm serves it; "
			       "end that one, or give another path",
			       path);
	if (unlink(path) < 0)
		return dm_fail(err, -errno,
			       "cannot remove stale socket %s: %s; remove it",
			       path, strerror(errno));
	return 0;
}

/* Nobody can connect yet: it does not listen. */
static int
give_access(const char *path, const struct dm_socket_access *access)
{
	/* Not where a link leads that somebody has put there. */
	if (access->has_group && lchown(path, (uid_t)-1, access->group) < 0)
		return -errno;
	if (access->has_mode &&
	    fchmodat(AT_FDCWD, path, access->mode, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	return 0;
}

static int
bind_and_listen(const char *path, const struct sockaddr_un *addr,
		const struct dm_socket_access *access, struct dm_error *err)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int rc = 0;

	if (fd < 0 ||
	    bind(fd, (const struct sockaddr *)addr, sizeof(*addr)) < 0) {
		rc = dm_fail(err, -errno,
			     "cannot make socket %s: %s; mend that", path,
			     strerror(errno));
		goto close_fd;
	}
	rc = give_access(path, access);
	if (rc < 0) {
		(void)dm_fail(err, rc,
			      "cannot give socket %s to that group and mode: "
			      "%s; give a group that you are in",
			      path, strerror(-rc));
		goto unlink_path;
	}
	if (listen(fd, BACKLOG) == 0)
		return fd;
	rc = dm_fail(err, -errno, "cannot listen on socket %s: %s; mend that",
		     path, strerror(errno));
unlink_path:
	(void)unlink(path);
close_fd:
	if (fd >= 0)
		(void)close(fd);
	return rc;
}

int
dm_socket_listen(const char *path, const struct dm_socket_access *access,
		 struct dm_error *err)
{
	struct sockaddr_un addr;
	int dir, rc;

	rc = dm_socket_check(path, err);
	if (rc < 0)
		return rc;
	dir = open_directory(path);
	if (dir < 0)
		return dm_fail(err, dir,
			       "socket %s: cannot open its directory: %s; make "
			       "it with mkdir -p, or give another",
			       path, strerror(-dir));
	address_of(path, &addr);
	lock_directory(dir);
	rc = remove_stale(path, &addr, err);
	if (rc == 0)
		rc = bind_and_listen(path, &addr, access, err);
	(void)close(dir);
	return rc;
}

int
dm_socket_connect(const char *path)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_un addr;
	int rc = 0;

	if (fd < 0)
		return -errno;
	address_of(path, &addr);
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		rc = -errno;
	else if (fcntl(fd, F_SETFL, 0) < 0) /* as any other socket is */
		rc = -errno;
	if (rc == 0)
		return fd;
	(void)close(fd);
	return rc;
}

int
dm_socket_check_fd(const char *whose, int fd, struct dm_error *err)
{
	socklen_t len = sizeof(int);
	int type = 0;

	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) < 0)
		return dm_fail(err, -errno,
			       "%s %d: %s; hand over an open UNIX socket",
			       whose, fd, strerror(errno));
	if (type != SOCK_STREAM)
		return dm_fail(err, -ENOTSOCK,
			       "%s %d: not a stream socket; hand over a UNIX "
			       "stream socket",
			       whose, fd);
	return 0;
}
