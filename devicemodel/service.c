// SPDX-License-Identifier: BSD-3-Clause
/* What a service manager hands over, and what it is told. */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/options.h"
#include "service.h"

#define LISTEN_FDS_MAX 256

/* Is this for us, and not for a parent that forgot to remove it? */
static bool
is_ours(const char *pid)
{
	uint64_t val;

	return pid && dm_parse_number(pid, false, &val) == 0 &&
	       val == (uint64_t)getpid();
}

int
dm_activation_take(struct dm_activation *act, struct dm_error *err)
{
	const char *n = getenv("LISTEN_FDS");
	const char *names = getenv("LISTEN_FDNAMES");
	uint64_t val = 0;

	memset(act, 0, sizeof(*act));
	if (!n || !is_ours(getenv("LISTEN_PID")))
		return 0;
	if (dm_parse_number(n, false, &val) < 0 || val > LISTEN_FDS_MAX)
		return dm_fail(err, -EINVAL,
			       "LISTEN_FDS=%.40s: not a number of sockets; the "
			       "service manager sets it, 0 to %d",
			       n, LISTEN_FDS_MAX);
	act->n = (unsigned int)val;
	if (names && *names) {
		act->names = strdup(names);
		if (!act->names)
			return dm_fail(err, -ENOMEM, "out of memory");
	}
	for (int i = 0; i < (int)val; i++)
		(void)fcntl(DM_LISTEN_FD_FIRST + i, F_SETFD, FD_CLOEXEC);
	(void)unsetenv("LISTEN_FDS");
	(void)unsetenv("LISTEN_PID");
	(void)unsetenv("LISTEN_FDNAMES");
	return (int)val;
}

void
dm_activation_free(struct dm_activation *act)
{
	free(act->names);
	act->names = NULL;
}

/* Which of the names, with colons between, is this? -1 if none. */
static int
position(const struct dm_activation *act, const char *name)
{
	const char *at = act->names;
	int i = 0;

	while (at && i < (int)act->n) {
		size_t n = strcspn(at, ":");

		if (strlen(name) == n && !strncmp(at, name, n))
			return i;
		at = at[n] ? at + n + 1 : NULL;
		i++;
	}
	return -1;
}

int
dm_activation_fd(const struct dm_activation *act, const char *const *want,
		 unsigned int n, unsigned int i)
{
	bool named = false;
	int at;

	for (unsigned int j = 0; j < n && !named; j++)
		named = position(act, want[j]) >= 0;
	if (!named)
		return DM_LISTEN_FD_FIRST + (int)i;
	at = position(act, want[i]);
	return at < 0 ? -EINVAL : DM_LISTEN_FD_FIRST + at;
}

int
dm_notify(const char *state)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	size_t n = path ? strlen(path) : 0;
	int fd, rc = 0;

	if (n == 0)
		return 0;
	if (n >= sizeof(addr.sun_path) || (*path != '/' && *path != '@'))
		return -EINVAL;
	memcpy(addr.sun_path, path, n);
	if (*path == '@')
		addr.sun_path[0] = '\0'; /* the abstract name space */
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	n += offsetof(struct sockaddr_un, sun_path);
	if (sendto(fd, state, strlen(state), MSG_NOSIGNAL,
		   (struct sockaddr *)&addr, (socklen_t)n) < 0)
		rc = -errno;
	(void)close(fd);
	return rc;
}

int
dm_ready(int fd)
{
	static const char line[] = "READY=1\n";
	ssize_t n = write(fd, line, sizeof(line) - 1);
	int rc = n < 0 ? -errno : 0;

	(void)close(fd);
	return rc;
}
