// SPDX-License-Identifier: BSD-3-Clause
/* Programs that serve disks: started, and looked at from outside. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench/bench.h"
#include "bench/start-server.h"
#include "driver/socket.h"
#include "driver/vfio-user.h"

#define QEMU       "qemu-storage-daemon"
#define WRAPPED    "devicemodel/.libs/vbs-dm"
#define LIBRARIES  "libvbs/.libs"
#define FIRST_SLOT 3
#define MAX_WORDS  (6 * SERVER_MAX_DISKS + 8)
#define GIVE_UP_NS UINT64_C(10000000000)
#define NOT_THERE  127

/* A command line. */
struct words {
	const char *word[MAX_WORDS];
	int n;
	char text[4096];
	size_t used;
};

static void
add_word(struct words *w, const char *word)
{
	if (w->n + 1 >= MAX_WORDS) /* the last one is NULL */
		bench_die("command line", -E2BIG);
	w->word[w->n++] = word;
}

static void __attribute__((format(printf, 2, 3)))
add_text(struct words *w, const char *format, ...)
{
	char *text = w->text + w->used;
	size_t room = sizeof(w->text) - w->used;
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(text, room, format, args);
	va_end(args);
	if (n < 0 || (size_t)n >= room)
		bench_die("command line", -E2BIG);
	w->used += (size_t)n + 1;
	add_word(w, text);
}

static void
socket_path(const struct server *s, int disk, char *path, size_t size)
{
	(void)snprintf(path, size, "%s/%d-virtio-blk.sock", s->dir,
		       FIRST_SLOT + disk);
}

/*
 * In a build tree devicemodel/vbs-dm is a script of libtool, which takes longer
 * than the program: that one is started as an installed one would be.
 */
static const char *
vbs_dm_path(void)
{
	const char *path = getenv("VBS_DM");

	if (path)
		return path;
	if (access(WRAPPED, X_OK) < 0)
		return "devicemodel/vbs-dm";
	(void)setenv("LD_LIBRARY_PATH", LIBRARIES, 1);
	return WRAPPED;
}

static void
vbs_dm_words(const struct server *s, const char *file, struct words *w)
{
	add_word(w, vbs_dm_path());
	add_word(w,
		 s->kind->vfio_user ? "--host=vfio-user" : "--host=vhost-user");
	add_text(w, "--socket-dir=%s", s->dir);
	if (s->kind->poll)
		add_word(w, s->kind->poll);
	for (int i = 0; i < s->n_disks; i++) {
		add_word(w, "-s");
		add_text(w, "%d,virtio-blk,%s,ro", FIRST_SLOT + i, file);
	}
}

static void
qemu_words(const struct server *s, const char *file, struct words *w)
{
	char path[64];

	add_word(w, QEMU);
	for (int i = 0; i < s->n_disks; i++) {
		socket_path(s, i, path, sizeof(path));
		add_word(w, "--object");
		add_text(w, "iothread,id=t%d", i);
		add_word(w, "--blockdev");
		add_text(w,
			 "driver=file,node-name=d%d,filename=%s,read-only=on,"
			 "locking=off",
			 i, file);
		add_word(w, "--export");
		add_text(w,
			 "type=vhost-user-blk,id=e%d,node-name=d%d,"
			 "iothread=t%d,addr.type=unix,addr.path=%s",
			 i, i, i, path);
	}
}

static void __attribute__((noreturn)) server_exec(const struct words *w)
{
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)dup2(null, STDOUT_FILENO);
	(void)execvp(w->word[0], (char *const *)(uintptr_t)w->word);
	_exit(errno == ENOENT ? NOT_THERE : EXIT_FAILURE);
}

/* It ended before anybody could connect. */
static int
why_ended(int status)
{
	return WIFEXITED(status) && WEXITSTATUS(status) == NOT_THERE ? -ENOENT
								     : -EIO;
}

/* Without a pause: it is to be seen the moment it listens. */
static int
wait_for_socket(struct server *s, uint64_t start)
{
	char path[64];
	int fd, status;

	socket_path(s, 0, path, sizeof(path));
	while ((fd = drv_socket_connect(path)) < 0) {
		if (waitpid(s->pid, &status, WNOHANG) == s->pid) {
			s->pid = 0;
			return why_ended(status);
		}
		if (bench_wall_ns() - start > GIVE_UP_NS)
			return -ETIMEDOUT;
	}
	(void)close(fd);
	return 0;
}

int
server_start(struct server *s, const struct server_kind *kind, int n_disks,
	     const char *file, const struct bench *cpus)
{
	struct words w = { .n = 0 };
	uint64_t start;
	int rc;

	*s = (struct server){ .kind = kind,
			      .dir = "/tmp/bench-start.XXXXXX",
			      .n_disks = n_disks };
	if (!mkdtemp(s->dir))
		bench_die("mkdtemp", -errno);
	if (kind->qemu)
		qemu_words(s, file, &w);
	else
		vbs_dm_words(s, file, &w);
	start = bench_wall_ns();
	/* Forked over there, or it would wait here until we do. */
	bench_pin(cpus->other_cpu);
	s->pid = bench_must("fork", fork());
	if (s->pid == 0)
		server_exec(&w);
	bench_pin(cpus->cpu);
	rc = wait_for_socket(s, start);
	s->start_ns = bench_wall_ns() - start;
	if (rc < 0)
		server_end(s);
	return rc;
}

void
server_end(struct server *s)
{
	char path[64];

	for (int i = 0; i < s->n_open; i++)
		bed_device_close(&s->device[i]);
	if (s->pid > 0) {
		(void)kill(s->pid, SIGKILL);
		(void)waitpid(s->pid, NULL, 0);
	}
	for (int i = 0; i < s->n_disks; i++) {
		socket_path(s, i, path, sizeof(path));
		(void)unlink(path);
	}
	(void)rmdir(s->dir);
}

static void
attach_one(struct server *s, struct bed_device *d, int disk,
	   struct ring_bed *bed)
{
	struct drv_bus *bus = NULL;
	char path[64];
	int fd;

	socket_path(s, disk, path, sizeof(path));
	fd = bench_must(path, drv_socket_connect_wait(path, 1000));
	if (s->kind->vfio_user) {
		(void)bench_must("attach",
				 drv_vfio_user_attach(fd, NULL, &bus));
		bed_device_open(d, bus, bed);
	} else {
		bed_device_open_vhost_user(d, fd, true, bed);
	}
	bed_device_start(d, bed);
}

void
server_attach(struct server *s, struct ring_bed *bed)
{
	bed_reset(bed, bed_shape("ind3"), true);
	for (; s->n_open < s->n_disks; s->n_open++)
		attach_one(s, &s->device[s->n_open], s->n_open, bed);
}

uint32_t
server_memory(const struct server *s)
{
	char path[64], line[128];
	unsigned int sum = 0, kib;
	FILE *f;

	(void)snprintf(path, sizeof(path), "/proc/%d/status", s->pid);
	f = fopen(path, "re");
	if (!f)
		bench_die(path, -errno);
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "RssAnon: %u", &kib) == 1 ||
		    sscanf(line, "RssFile: %u", &kib) == 1)
			sum += kib;
	(void)fclose(f);
	return sum;
}

uint64_t
server_cpu_ns(const struct server *s)
{
	struct timespec ts;
	clockid_t id;

	if (clock_getcpuclockid(s->pid, &id) != 0 || clock_gettime(id, &ts) < 0)
		bench_die("clock", -ESRCH);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}
