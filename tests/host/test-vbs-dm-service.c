// SPDX-License-Identifier: BSD-3-Clause
/*
 * vbs-dm under whoever starts it: sockets and descriptors that it is handed,
 * what it says when it is ready, when it ends by itself, and front ends that it
 * connects to.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "driver/blk.h"
#include "driver/socket.h"
#include "driver/vhost-user-device.h"
#include "host/program.h"
#include "suite.h"

#define RAM_GPA   0x100000
#define RAM_BYTES (4u << 20)
#define BLK       "blk", "null:1m"
#define PATIENCE  20000 /* ms */
#define MAX_FDS   4

/* What the program finds: descriptors from 3 on, and its environment. */
struct world {
	int fds[MAX_FDS];
	int n_fds;
	bool activated; /* they are LISTEN_FDS */
	const char *names;
	const char *notify;
};

static struct program dm;
static struct drv_ram ram;
static struct drv_vu_device dev;

static void
setup(void)
{
	program_enter();
	drv_ram_init(&ram);
	ck_assert_int_eq(drv_ram_add(&ram, RAM_GPA, RAM_BYTES, DRV_RAM_MEMFD),
			 0);
}

/* Nothing may be left in the directory. */
static void
teardown(void)
{
	program_kill(&dm);
	drv_ram_deinit(&ram);
	(void)unlink("log");
	program_leave();
}

/* In the child. The descriptors stay in order: none of them is below 3. */
static void
enter_world(void *arg)
{
	const struct world *w = arg;
	char text[16];
	int log = open("log", O_WRONLY | O_CREAT | O_APPEND, 0600);

	(void)dup2(log, STDERR_FILENO);
	(void)close(log);
	for (int i = 0; i < w->n_fds; i++)
		(void)fcntl(w->fds[i], F_DUPFD, 64 + i);
	for (int i = 0; i < w->n_fds; i++)
		(void)dup2(64 + i, 3 + i);
	if (w->activated) {
		(void)snprintf(text, sizeof(text), "%d", w->n_fds);
		(void)setenv("LISTEN_FDS", text, 1);
		(void)snprintf(text, sizeof(text), "%d", (int)getpid());
		(void)setenv("LISTEN_PID", text, 1);
	}
	if (w->names)
		(void)setenv("LISTEN_FDNAMES", w->names, 1);
	if (w->notify)
		(void)setenv("NOTIFY_SOCKET", w->notify, 1);
}

#define START(n, world, ...)                                                   \
	program_start_as(&dm, (const char *const[]){ __VA_ARGS__, NULL }, n,   \
			 enter_world, world)

static int
listen_at(const char *path)
{
	int fd = drv_socket_listen(path);

	ck_assert_int_ge(fd, 0);
	return fd;
}

static int
connect_to(const char *path)
{
	int fd = drv_socket_connect(path);

	ck_assert_int_ge(fd, 0);
	return fd;
}

/* Bring a disk up over a connection, and read from it. */
static void
use_disk(int fd)
{
	struct drv_vu_opts opts = { .features = UINT64_MAX };
	struct drv_blk_result res;
	struct drv_blk blk;
	uint64_t buf;

	drv_vu_device_init(&dev, &ram, &opts);
	ck_assert_int_eq(drv_vu_device_attach(&dev, fd), 0);
	ck_assert_int_eq(drv_vu_device_start(&dev), 0);
	ck_assert_int_eq(drv_blk_init(&blk, &dev.queues[0].vq, &ram, 8), 0);
	buf = drv_ram_alloc(&ram, 4096, DRV_PAGE);
	ck_assert_int_eq(drv_blk_read(&blk, 3, buf, 512, &res), 0);
	ck_assert_uint_eq(res.status, DRV_BLK_S_OK);
}

static void
leave_disk(void)
{
	drv_vu_device_deinit(&dev);
}

/* How many lines of its log hold this text? */
static int
said(const char *text)
{
	FILE *log = fopen("log", "r");
	char line[1024];
	int n = 0;

	ck_assert_ptr_nonnull(log);
	while (fgets(line, sizeof(line), log))
		n += strstr(line, text) != NULL;
	(void)fclose(log);
	return n;
}

/* Wait until it has said this so often. */
static void
assert_says(const char *text, int n)
{
	for (int left = PATIENCE; said(text) < n; left -= 5) {
		ck_assert_msg(left > 0, "does not say '%s' %d times", text, n);
		(void)poll(NULL, 0, 5);
	}
}

/* ---- descriptors --------------------------------------------------------- */

START_TEST(fd_that_listens_serves_again_and_again)
{
	struct world w = { .fds = { listen_at("mine") }, .n_fds = 1 };

	START(1, &w, BLK, "--fd=3");
	(void)close(w.fds[0]);
	for (int i = 0; i < 3; i++) {
		use_disk(connect_to("mine"));
		leave_disk();
	}
	program_end(&dm, SIGTERM);
	ck_assert_int_eq(unlink("mine"), 0); /* ours: it is still there */
}
END_TEST

START_TEST(fd_that_is_connected_ends_with_its_front_end)
{
	struct world w = { .n_fds = 1 };
	int ends[2];

	ck_assert_int_eq(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	w.fds[0] = ends[1];
	START(1, &w, BLK, "--fd", "3");
	(void)close(ends[1]);
	use_disk(ends[0]);
	leave_disk();
	program_wait(&dm);
}
END_TEST

START_TEST(listen_fds_are_in_the_order_of_the_devices)
{
	struct world w = {
		.fds = { listen_at("first"), listen_at("second") },
		.n_fds = 2,
		.activated = true,
	};

	START(2, &w, "--host=vhost-user", "-s", "4,rnd", "-s", "3,blk,null:1m");
	(void)close(w.fds[0]);
	(void)close(w.fds[1]);
	use_disk(connect_to("second"));
	leave_disk();
	program_end(&dm, SIGTERM);
	ck_assert_int_eq(unlink("first"), 0);
	ck_assert_int_eq(unlink("second"), 0);
}
END_TEST

START_TEST(listen_fds_are_found_by_name)
{
	struct world w = {
		.fds = { listen_at("first"), listen_at("second") },
		.n_fds = 2,
		.activated = true,
		.names = "3-virtio-blk.sock:4-virtio-rnd.sock",
	};

	START(2, &w, "--host=vhost-user", "-s", "4,rnd", "-s", "3,blk,null:1m");
	(void)close(w.fds[0]);
	(void)close(w.fds[1]);
	use_disk(connect_to("first"));
	leave_disk();
	program_end(&dm, SIGTERM);
	ck_assert_int_eq(unlink("first"), 0);
	ck_assert_int_eq(unlink("second"), 0);
}
END_TEST

START_TEST(listen_fds_of_another_process_are_left_alone)
{
	struct world w = { 0 };

	(void)setenv("LISTEN_FDS", "1", 1);
	(void)setenv("LISTEN_PID", "1", 1);
	START(1, &w, BLK, "--socket-path=s");
	(void)unsetenv("LISTEN_FDS");
	(void)unsetenv("LISTEN_PID");
	use_disk(connect_to("s"));
	leave_disk();
	program_end(&dm, SIGTERM);
}
END_TEST

/* ---- what it says -------------------------------------------------------- */

/* Wait for a datagram, which is this. */
static void
assert_told(int fd, const char *want)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char text[256] = "";

	ck_assert_int_eq(poll(&p, 1, PATIENCE), 1);
	ck_assert_int_gt(recv(fd, text, sizeof(text) - 1, 0), 0);
	ck_assert_str_eq(text, want);
}

/* name[0] is '@' for the abstract name space. */
static int
manager(const char *name)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	size_t n = offsetof(struct sockaddr_un, sun_path) + strlen(name);

	(void)snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", name);
	if (*name == '@')
		addr.sun_path[0] = '\0';
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&addr, (socklen_t)n), 0);
	return fd;
}

static void
assert_notifies(const char *name)
{
	struct world w = { .notify = name };
	int fd = manager(name);

	START(0, &w, BLK, "--socket-path=s");
	assert_told(fd, "READY=1");
	use_disk(connect_to("s")); /* it listens */
	leave_disk();
	ck_assert_int_eq(kill(dm.pid, SIGTERM), 0);
	assert_told(fd, "STOPPING=1");
	program_wait(&dm);
	(void)close(fd);
}

START_TEST(notify_socket_with_a_path)
{
	char path[4096];

	ck_assert_ptr_nonnull(getcwd(path, sizeof(path) - 8));
	(void)strcat(path, "/notify");
	if (strlen(path) >= sizeof(((struct sockaddr_un *)0)->sun_path)) {
		(void)fprintf(stderr, "SKIP: %s is too long for a socket\n",
			      path);
		return;
	}
	assert_notifies(path);
	ck_assert_int_eq(unlink("notify"), 0);
}
END_TEST

START_TEST(notify_socket_without_a_path)
{
	char name[64];

	(void)snprintf(name, sizeof(name), "@vbs-dm-test-%d", (int)getpid());
	assert_notifies(name);
}
END_TEST

START_TEST(notify_socket_that_is_gone_is_no_obstacle)
{
	struct world w = { .notify = "/nowhere/at/all" };

	START(1, &w, BLK, "--socket-path=s");
	use_disk(connect_to("s"));
	leave_disk();
	program_end(&dm, SIGTERM);
	ck_assert_int_eq(said("NOTIFY_SOCKET: No such file"), 1);
}
END_TEST

START_TEST(ready_fd_says_so_and_is_closed)
{
	struct world w = { .n_fds = 1 };
	char text[64] = "";
	int ends[2];

	ck_assert_int_eq(pipe(ends), 0);
	w.fds[0] = ends[1];
	START(0, &w, BLK, "--socket-path=s", "--ready-fd=3");
	(void)close(ends[1]);
	ck_assert_int_eq(read(ends[0], text, sizeof(text)), 8);
	ck_assert_str_eq(text, "READY=1\n");
	use_disk(connect_to("s"));
	leave_disk();
	program_end(&dm, SIGTERM);
	ck_assert_int_eq(read(ends[0], text, sizeof(text)), 0);
	(void)close(ends[0]);
}
END_TEST

/* ---- who may connect ------------------------------------------------------
 */

START_TEST(socket_has_its_mode)
{
	struct world w = { 0 };
	struct stat st;

	START(1, &w, BLK, "--socket-path=s", "--socket-mode=606");
	ck_assert_int_eq(stat("s", &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0606);
	program_end(&dm, SIGTERM);
}
END_TEST

START_TEST(socket_has_its_group_which_may_connect)
{
	/* Root may give it to any group, all others to their own. */
	gid_t group = geteuid() == 0 ? 54321 : getegid();
	struct world w = { 0 };
	char option[64];
	struct stat st;

	(void)snprintf(option, sizeof(option), "--socket-group=%u",
		       (unsigned int)group);
	START(1, &w, BLK, "--socket-path=s", option);
	ck_assert_int_eq(stat("s", &st), 0);
	ck_assert_uint_eq(st.st_gid, group);
	ck_assert_uint_eq(st.st_mode & 0777, 0660);
	program_end(&dm, SIGTERM);
}
END_TEST

/* ---- when it ends ----------------------------------------------------------
 */

START_TEST(lifeline_that_closes_ends_it)
{
	struct world w = { .n_fds = 1 };
	int ends[2];

	ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
	w.fds[0] = ends[0];
	START(1, &w, BLK, "--socket-path=s", "--lifeline-fd=3");
	(void)close(ends[0]);
	ck_assert_int_eq(write(ends[1], "still here", 10), 10);
	use_disk(connect_to("s"));
	(void)close(ends[1]);
	program_wait(&dm);
	leave_disk();
	ck_assert_int_lt(access("s", F_OK), 0);
}
END_TEST

START_TEST(exit_on_disconnect_waits_for_the_last_front_end)
{
	struct world w = { 0 };

	START(2, &w, "--host=vhost-user", "--socket-dir=.",
	      "--exit-on-disconnect", "-s", "3,blk,null:1m", "-s",
	      "4,blk,null:1m");
	use_disk(connect_to("3-virtio-blk.sock"));
	leave_disk();
	use_disk(connect_to("4-virtio-blk.sock")); /* still served */
	leave_disk();
	program_wait(&dm);
	ck_assert_int_lt(access("4-virtio-blk.sock", F_OK), 0);
}
END_TEST

/* ---- front ends that listen ------------------------------------------------
 */

static int
accept_at(int fd)
{
	int got = drv_socket_accept(fd, PATIENCE);

	ck_assert_int_ge(got, 0);
	return got;
}

START_TEST(client_connects_again_after_each_outage)
{
	static const char words[] = "cannot connect to s: ";
	struct world w = { 0 };
	int fd;

	START(1, &w, BLK, "--client", "--socket-path=s");
	for (int i = 0; i < 3; i++) {
		assert_says(words, i + 1);
		fd = listen_at("s");
		use_disk(accept_at(fd));
		leave_disk(); /* the front end leaves, */
		use_disk(accept_at(fd));
		(void)close(fd); /* and the next time for longer */
		ck_assert_int_eq(unlink("s"), 0);
		leave_disk();
	}
	assert_says(words, 4);
	program_end(&dm, SIGTERM);
	ck_assert_int_eq(said(words), 4); /* not for each try */
}
END_TEST

START_TEST(client_is_ready_before_the_front_end_is)
{
	struct world w = { .n_fds = 1 };
	char text[64] = "";
	int ends[2];

	ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
	w.fds[0] = ends[1];
	START(1, &w, BLK, "--client", "--socket-path=s", "--ready-fd=3");
	(void)close(ends[1]);
	ck_assert_int_eq(read(ends[0], text, sizeof(text)), 8);
	(void)close(ends[0]);
	program_end(&dm, SIGTERM); /* in the middle of its trying */
}
END_TEST

START_TEST(client_that_is_thrown_out_does_not_spin)
{
	struct world w = { 0 };
	int fd = listen_at("s");

	START(1, &w, BLK, "--client", "--socket-path=s");
	for (int i = 0; i < 8; i++)
		(void)close(accept_at(fd));
	use_disk(accept_at(fd));
	leave_disk();
	(void)close(fd);
	ck_assert_int_eq(unlink("s"), 0);
	program_end(&dm, SIGTERM);
}
END_TEST

START_TEST(client_ends_with_its_front_end_if_told_to)
{
	struct world w = { 0 };
	int fd = listen_at("s");

	START(1, &w, BLK, "--client", "--exit-on-disconnect",
	      "--socket-path=s");
	use_disk(accept_at(fd));
	leave_disk();
	program_wait(&dm);
	(void)close(fd);
	ck_assert_int_eq(unlink("s"), 0);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("vbs-dm-service");
	TCase *tc = tcase_create("program");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, fd_that_listens_serves_again_and_again);
	tcase_add_test(tc, fd_that_is_connected_ends_with_its_front_end);
	tcase_add_test(tc, listen_fds_are_in_the_order_of_the_devices);
	tcase_add_test(tc, listen_fds_are_found_by_name);
	tcase_add_test(tc, listen_fds_of_another_process_are_left_alone);
	tcase_add_test(tc, notify_socket_with_a_path);
	tcase_add_test(tc, notify_socket_without_a_path);
	tcase_add_test(tc, notify_socket_that_is_gone_is_no_obstacle);
	tcase_add_test(tc, ready_fd_says_so_and_is_closed);
	tcase_add_test(tc, socket_has_its_mode);
	tcase_add_test(tc, socket_has_its_group_which_may_connect);
	tcase_add_test(tc, lifeline_that_closes_ends_it);
	tcase_add_test(tc, exit_on_disconnect_waits_for_the_last_front_end);
	tcase_add_test(tc, client_connects_again_after_each_outage);
	tcase_add_test(tc, client_is_ready_before_the_front_end_is);
	tcase_add_test(tc, client_that_is_thrown_out_does_not_spin);
	tcase_add_test(tc, client_ends_with_its_front_end_if_told_to);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
