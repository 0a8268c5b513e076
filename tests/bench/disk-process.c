// SPDX-License-Identifier: BSD-3-Clause
/* Programs that serve a disk. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench/bench.h"
#include "bench/disk-process.h"
#include "driver/clock.h"
#include "driver/socket.h"

#define QEMU      "qemu-storage-daemon"
#define NOT_THERE 127

/* In the child: end with the parent, be quiet, have a CPU. */
static void
settle_in(int cpu)
{
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (cpu != DISK_ANY_CPU)
		bench_pin(cpu);
	(void)dup2(null, STDOUT_FILENO);
}

static void __attribute__((noreturn))
exec_vbs_dm(const char *host, const char *disk, const char *poll, int fd)
{
	const char *path = getenv("VBS_DM");
	char device[200], number[16];

	(void)fcntl(fd, F_SETFD, 0);
	(void)snprintf(number, sizeof(number), "%d", fd);
	(void)snprintf(device, sizeof(device), "3,virtio-blk,%s", disk);
	if (!path)
		path = "devicemodel/vbs-dm";
	(void)execl(path, path, "--host", host, "--fd", number, "-s", device,
		    poll, (char *)NULL);
	bench_die(path, -errno);
}

int
disk_process_vbs_dm(const char *host, const char *disk, const char *poll,
		    int cpu, pid_t *pid)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	*pid = fork();
	if (*pid < 0)
		return -errno;
	if (*pid == 0) {
		settle_in(cpu);
		exec_vbs_dm(host, disk, poll, pair[0]);
	}
	(void)close(pair[0]);
	return pair[1];
}

static void __attribute__((noreturn))
exec_qemu(const char *blockdev, const char *socket)
{
	char export[256];

	/* A block device that this version does not have is no news. */
	(void)dup2(STDOUT_FILENO, STDERR_FILENO);
	(void)snprintf(export, sizeof(export),
		       "type=vhost-user-blk,id=e,node-name=d,iothread=t,"
		       "addr.type=unix,addr.path=%s",
		       socket);
	(void)execlp(QEMU, QEMU, "--object", "iothread,id=t", "--blockdev",
		     blockdev, "--export", export, (char *)NULL);
	_exit(NOT_THERE);
}

/* Until it listens, or has ended. */
static int
connect_while_alive(const char *socket, pid_t *pid)
{
	int64_t end = drv_now_ms() + DRV_TIMEOUT_MS;
	int fd = -ETIMEDOUT, status;

	while (drv_now_ms() < end) {
		fd = drv_socket_connect_wait(socket, 10);
		if (fd >= 0)
			return fd;
		if (waitpid(*pid, &status, WNOHANG) != *pid)
			continue;
		*pid = 0;
		return WIFEXITED(status) && WEXITSTATUS(status) == NOT_THERE
			       ? -ENOENT
			       : -EIO;
	}
	return fd;
}

int
disk_process_qemu(const char *blockdev, int cpu, pid_t *pid)
{
	char dir[] = "/tmp/bench-blk.XXXXXX", socket[64];
	int fd;

	if (!mkdtemp(dir))
		return -errno;
	(void)snprintf(socket, sizeof(socket), "%s/s", dir);
	*pid = fork();
	if (*pid < 0)
		return -errno;
	if (*pid == 0) {
		settle_in(cpu);
		exec_qemu(blockdev, socket);
	}
	fd = connect_while_alive(socket, pid);
	(void)unlink(socket);
	(void)rmdir(dir);
	if (fd < 0 && *pid > 0)
		disk_process_end(*pid);
	return fd;
}

uint64_t
disk_process_cpu_ns(pid_t pid)
{
	struct timespec ts;
	clockid_t id;

	if (clock_getcpuclockid(pid, &id) != 0 || clock_gettime(id, &ts) < 0)
		return 0;
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

void
disk_process_end(pid_t pid)
{
	if (pid <= 0)
		return;
	/* Nothing is to be saved, and SIGTERM does not end every version. */
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
}
