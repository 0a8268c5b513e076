// SPDX-License-Identifier: BSD-3-Clause
/*
 * vbs-dm is killed at random instants under verified I/O, and another one goes
 * on with the same rings and the same inflight area: nothing may be lost,
 * completed twice, or spoilt. VBS_ROUNDS is how often, in each case.
 */
#include <check.h>
#include <stdlib.h>
#include <unistd.h>

#include "driver/clock.h"
#include "host/disk-client.h"
#include "suite.h"

#define ROUNDS    15
#define WINDOW_US 6000 /* within which it is killed */
#define AFTER     30   /* requests by interrupt, before the next window */

static struct disk_server server;
static struct disk_client client;

static const struct kill_case {
	const char *what;
	bool is_client;
	const char *options;
	bool indirect;
	bool in_order;
} cases[] = {
	{ .what = "server, aio=threads", .options = "mq=2,aio=threads" },
	{ .what = "server, aio=auto", .options = "mq=2", .indirect = true },
	{ .what = "server, two threads", .options = "mq=2,iothread=2" },
	{ .what = "client, aio=auto", .options = "mq=2", .is_client = true },
	{ .what = "server, in order, aio=threads",
	  .options = "mq=2,aio=threads,in_order=on",
	  .in_order = true },
	{ .what = "server, in order, two threads",
	  .options = "mq=2,iothread=2,aio=threads,in_order=on",
	  .indirect = true,
	  .in_order = true },
};
#define N_CASES ((int)(sizeof(cases) / sizeof(cases[0])))

static void
teardown(void)
{
	program_kill(&server.dm);
}

/* As a driver that sleeps: an interrupt that got lost would stop it. */
static void
run_by_interrupt(uint64_t n)
{
	int rc;

	client.load.opts.by_interrupt = true;
	rc = drv_load_run(&client.load, n, DRV_TIMEOUT_MS);
	disk_client_assert_good(&client);
	ck_assert_int_eq(rc, 0);
	client.load.opts.by_interrupt = false;
}

/* Kill it some time soon; how long until the next request came back, in ms. */
static double
kill_and_resume(void)
{
	uint64_t killed, back, done;

	disk_client_spin(&client,
			 now_us() + drv_load_random(&client.load, WINDOW_US));
	killed = now_us();
	program_kill(&server.dm);
	ck_assert_int_ge(drv_load_reap(&client.load), 0);
	done = drv_load_done(&client.load);
	ck_assert_int_ge(drv_load_fill(&client.load), 0);
	drv_vu_device_lost(&client.dev);
	disk_server_start(&server);
	ck_assert_int_eq(
		drv_vu_device_attach(&client.dev, disk_server_connect(&server)),
		0);
	ck_assert_int_eq(drv_vu_device_resume(&client.dev), 0);
	run_by_interrupt(1);
	back = now_us();
	ck_assert_uint_gt(drv_load_done(&client.load), done);
	run_by_interrupt(AFTER);
	return (double)(back - killed) / 1000;
}

START_TEST(killed_under_writes_loses_nothing)
{
	const struct kill_case *k = &cases[_i / 2];
	const bool packed = _i % 2;
	struct drv_load_opts opts = { .flushes = 1, .indirect = k->indirect };
	struct samples ms = { 0 };

	program_enter();
	disk_server_init(&server, "s", "disk.img", k->options, k->is_client);
	disk_server_start(&server);
	opts.seed = (uint64_t)getpid();
	disk_client_init(&client, packed, 2, &opts);
	ck_assert_int_eq(
		drv_vu_device_attach(&client.dev, disk_server_connect(&server)),
		0);
	ck_assert_int_eq(drv_vu_device_start(&client.dev), 0);
	ck_assert_int_eq(client.dev.queues[0].vq.ring.in_order, k->in_order);
	for (unsigned int i = program_rounds(ROUNDS); i > 0; i--)
		samples_add(&ms, kill_and_resume());
	disk_client_assert_image(&client, "disk.img");
	(void)printf("%s, %s: %u kills, %llu requests, 0 lost, "
		     "0 duplicated, 0 corrupted\n",
		     k->what, packed ? "packed" : "split", ms.n,
		     (unsigned long long)drv_load_done(&client.load));
	samples_print(&ms, "kill to next completed request", "ms");
	ck_assert_int_eq(drv_vu_device_stop(&client.dev), 0);
	disk_client_deinit(&client);
	disk_server_end(&server);
	program_leave();
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("vhost-user-kill-back-end");
	TCase *tc = tcase_create("kill");

	tcase_set_timeout(tc, getenv("VBS_ROUNDS") ? 0 : 60);
	tcase_add_checked_fixture(tc, NULL, teardown);
	tcase_add_loop_test(tc, killed_under_writes_loses_nothing, 0,
			    2 * N_CASES);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
