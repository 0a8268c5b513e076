// SPDX-License-Identifier: BSD-3-Clause
/*
 * The front end is killed at random instants, under I/O: vbs-dm serves the next
 * one, and holds no more than before. VBS_ROUNDS is how often.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "driver/clock.h"
#include "host/disk-client.h"
#include "suite.h"

#define ROUNDS    60
#define WARM_UP   10 /* rounds before what vbs-dm holds is the baseline */
#define EVERY     20 /* rounds between two looks */
#define WINDOW_US 8000

/* KiB: what an allocator may keep, once; a sanitizer keeps all for a while. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define RSS_SLACK 65536
#else
#define RSS_SLACK 1024
#endif

static struct disk_server server;
static pid_t child;

static void
teardown(void)
{
	if (child > 0) {
		(void)kill(child, SIGKILL);
		(void)waitpid(child, NULL, 0);
	}
	program_kill(&server.dm);
}

/* A front end until it is killed. What goes wrong ends it before. */
static void __attribute__((noreturn)) be_front_end(unsigned int seed)
{
	static struct disk_client c;
	struct drv_load_opts opts = { .seed = seed, .indirect = seed % 2 };

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	disk_client_init(&c, seed % 3 == 0, 2, &opts);
	/* In the order of a start-up, so that it can end at each step. */
	if (drv_vu_device_attach(&c.dev, disk_server_connect(&server)) < 0 ||
	    drv_vu_device_start(&c.dev) < 0 ||
	    (seed % 4 == 0 && drv_vu_device_log_start(&c.dev) < 0))
		_exit(1);
	for (;;) {
		/* What was there before is not known: faults do not count. */
		if (drv_load_fill(&c.load) < 0 || drv_load_reap(&c.load) < 0)
			_exit(2);
	}
}

/* Start a front end, and kill it within the window. */
static void
kill_one(unsigned int seed)
{
	struct timespec pause = { .tv_nsec = 1000L *
					     (long)(seed * 7919u % WINDOW_US) };
	int status;

	(void)fflush(stdout);
	child = fork();
	ck_assert_int_ge(child, 0);
	if (child == 0)
		be_front_end(seed);
	(void)nanosleep(&pause, NULL);
	(void)kill(child, SIGKILL);
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	child = 0;
	ck_assert_msg(WIFSIGNALED(status), "the front end gave up: %d",
		      WEXITSTATUS(status));
}

/* What it holds when it has noticed that nobody is there. */
static void
settle(struct program_use *use, const struct program_use *base)
{
	int64_t end = drv_now_ms() + DRV_TIMEOUT_MS;

	do {
		(void)poll(NULL, 0, base ? 1 : 50);
		program_use(&server.dm, use);
	} while (base && drv_now_ms() < end &&
		 (use->fds != base->fds || use->maps > base->maps ||
		  use->threads != base->threads));
}

static void
assert_baseline(const struct program_use *base)
{
	struct program_use use;

	settle(&use, base);
	ck_assert_int_eq(use.fds, base->fds);
	ck_assert_int_le(use.maps, base->maps);
	ck_assert_int_eq(use.threads, base->threads);
	ck_assert_int_le(use.rss_kb, base->rss_kb + RSS_SLACK);
}

START_TEST(killed_front_ends_leave_nothing_behind)
{
	unsigned int n = program_rounds(ROUNDS);
	struct program_use base, use;

	program_enter();
	disk_server_init(&server, "s", "disk.img",
			 _i ? "mq=2,aio=threads" : "mq=2,iothread=2", false);
	disk_server_start(&server);
	for (unsigned int i = 0; i < WARM_UP; i++)
		kill_one(i);
	settle(&base, NULL);
	for (unsigned int i = 0; i < n; i++) {
		kill_one(i + WARM_UP);
		if (i % EVERY == 0)
			assert_baseline(&base);
	}
	assert_baseline(&base);
	disk_server_assert_serves(&server);
	settle(&use, NULL);
	(void)printf("%u front ends killed; fds %d, then %d; maps %d, %d; "
		     "threads %d, %d; RSS %ld KiB, %ld KiB\n",
		     n, base.fds, use.fds, base.maps, use.maps, base.threads,
		     use.threads, base.rss_kb, use.rss_kb);
	disk_server_end(&server);
	program_leave();
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("vhost-user-kill-front-end");
	TCase *tc = tcase_create("kill");

	tcase_set_timeout(tc, getenv("VBS_ROUNDS") ? 0 : 60);
	tcase_add_checked_fixture(tc, NULL, teardown);
	tcase_add_loop_test(tc, killed_front_ends_leave_nothing_behind, 0, 2);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
