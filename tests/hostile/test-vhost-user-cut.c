// SPDX-License-Identifier: BSD-3-Clause
/*
 * vbs-dm and a front end that cuts off the files that it has lent, under I/O:
 * guest memory, the log of pages, the in-flight area (class D13). vbs-dm goes
 * on, and the next front end gets all that it asks for. VBS_ROUNDS is how often
 * that is done.
 */
#include <check.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "host/disk-client.h"
#include "suite.h"

#define ROUNDS     12
#define N_REQUESTS 200
#define N_KICKS    50

enum cut { MEMORY, MEMORY_BUT_A_PAGE, LOG, AREA, N_CUTS };

static struct disk_server server;
static pid_t child;

static void
setup(void)
{
	program_enter();
	disk_server_init(&server, "s", "disk.img", "mq=2,iothread=2", false);
	disk_server_start(&server);
}

static void
teardown(void)
{
	if (child > 0) {
		(void)kill(child, SIGKILL);
		(void)waitpid(child, NULL, 0);
	}
	program_kill(&server.dm);
}

/* After a case that has been good. */
static void
finish(void)
{
	disk_server_assert_serves(&server);
	disk_server_end(&server);
	program_leave();
}

/* ---- the front end: a process of its own -------------------------------- */

static struct disk_client c;

/* A file of ours, with no seal, in place of what is mapped. */
static int
replace(void *map, uint64_t bytes, int *fd)
{
	int mine = memfd_create("cut", MFD_CLOEXEC);

	if (mine < 0 || ftruncate(mine, (off_t)bytes) < 0 ||
	    mmap(map, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
		 mine, 0) == MAP_FAILED)
		return -errno;
	(void)close(*fd);
	*fd = mine;
	return 0;
}

static int
open_disk(enum cut cut, unsigned int round)
{
	struct drv_load_opts opts = { .seed = round };
	struct drv_region *ram = &c.ram.regions[0];
	int rc;

	disk_client_init(&c, round % 2, 2, &opts);
	rc = replace(ram->hva, ram->size, &ram->fd);
	if (rc == 0)
		rc = drv_vu_device_attach(&c.dev, disk_server_connect(&server));
	if (rc == 0 && cut == AREA) {
		struct drv_vu_shm *area = &c.dev.inflight;

		/* Its size depends on the kind of ring. */
		rc = drv_vu_set_u64(&c.dev.vu, DRV_VU_SET_FEATURES,
				    c.dev.features);
		if (rc == 0)
			rc = drv_vu_get_inflight(&c.dev.vu, 2, 128, area);
		if (rc == 0)
			rc = replace(area->map, area->size, &area->fd);
	}
	if (rc == 0)
		rc = drv_vu_device_start(&c.dev);
	if (rc == 0 && cut == LOG)
		rc = drv_vu_device_log_start(&c.dev);
	return rc;
}

static int
cut_off(enum cut cut)
{
	switch (cut) {
	case MEMORY:
		return ftruncate(c.ram.regions[0].fd, 0);
	case MEMORY_BUT_A_PAGE:
		return ftruncate(c.ram.regions[0].fd, DRV_PAGE);
	case LOG:
		return ftruncate(c.dev.log.fd, 0);
	default:
		return ftruncate(c.dev.inflight.fd, 0);
	}
}

/* Kick, and see that it is still there; our memory is not to be touched. */
static int
kick_on(void)
{
	uint64_t features;
	int rc = 0;

	for (int i = 0; i < N_KICKS && rc == 0; i++) {
		for (int k = 0; k < 2; k++)
			(void)eventfd_write(c.dev.queues[k].kick, 1);
		rc = drv_vu_get_u64(&c.dev.vu, DRV_VU_GET_FEATURES, &features);
	}
	return rc;
}

/* What is not guest memory is not needed to serve a request. */
static int
go_on(void)
{
	int rc = drv_load_run(&c.load, N_REQUESTS, DRV_TIMEOUT_MS);

	return rc < 0 || drv_load_faults(&c.load) ? -EIO : 0;
}

static int
be_front_end(enum cut cut, unsigned int round)
{
	int rc = open_disk(cut, round);

	disk_image(server.image);
	if (rc == 0)
		rc = go_on();
	if (rc == 0)
		rc = drv_load_fill(&c.load) < 0 ? -EIO : 0;
	if (rc == 0)
		rc = cut_off(cut);
	if (rc == 0)
		rc = cut == LOG || cut == AREA ? go_on() : kick_on();
	return rc;
}

static enum cut cut_now;

static void *
cut_soon(void *arg)
{
	const struct timespec *pause = arg;

	(void)nanosleep(pause, NULL);
	(void)cut_off(cut_now);
	return NULL;
}

/* Until it is gone under us as well; SIGBUS ends us then. */
static int
be_cut_front_end(enum cut cut, unsigned int round)
{
	struct timespec pause = { .tv_nsec = 1000L *
					     (long)(round * 7919u % 4000) };
	pthread_t thread;
	int rc = open_disk(cut, round);

	cut_now = cut;
	if (rc < 0 || pthread_create(&thread, NULL, cut_soon, &pause) != 0)
		return -EIO;
	for (;;) {
		(void)drv_load_fill(&c.load);
		(void)drv_load_reap(&c.load);
	}
}

static int
run_front_end(int (*fn)(enum cut cut, unsigned int round), enum cut cut,
	      unsigned int round)
{
	int status;

	(void)fflush(stdout);
	child = fork();
	ck_assert_int_ge(child, 0);
	if (child == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)signal(SIGBUS, SIG_DFL);
		_exit(-fn(cut, round) & 0xff);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	child = 0;
	return status;
}

/* ---- cases ----------------------------------------------------------------
 */

START_TEST(hostile_d13__file_that_is_cut_off_between_requests)
{
	unsigned int n = program_rounds(ROUNDS);

	for (unsigned int i = 0; i < n; i++) {
		int status = run_front_end(be_front_end, (enum cut)_i, i);

		ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0,
			      "front end: status 0x%x", (unsigned int)status);
	}
	finish();
}
END_TEST

/* Guest memory only: nothing else is looked at by this side. */
START_TEST(hostile_d13__memory_that_is_cut_off_at_any_instant)
{
	unsigned int n = program_rounds(ROUNDS);

	for (unsigned int i = 0; i < n; i++) {
		int status = run_front_end(be_cut_front_end, (enum cut)_i, i);

		ck_assert_msg(WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS,
			      "front end: status 0x%x", (unsigned int)status);
	}
	finish();
}
END_TEST

START_TEST(hostile_d8__capacity_of_a_disk_is_not_written)
{
	struct drv_vu_opts opts = { 0 };
	uint8_t before[64], after[64];
	struct drv_vu_device dev;
	struct drv_ram ram;
	struct stat st;

	drv_ram_init(&ram);
	drv_vu_device_init(&dev, &ram, &opts);
	ck_assert_int_eq(
		drv_vu_device_attach(&dev, disk_server_connect(&server)), 0);
	ck_assert_int_eq(drv_vu_get_config(&dev.vu, 0, before, 36), 0);
	for (uint32_t i = 0; i < 32; i++) {
		uint8_t val = (uint8_t)(before[i] ^ 0xff);

		ck_assert_int_eq(drv_vu_set_config(&dev.vu, i, 0, &val, 1),
				 -EREMOTEIO);
		ck_assert_int_eq(drv_vu_set_config(&dev.vu, i, 1, &val, 1),
				 -EREMOTEIO);
	}
	ck_assert_int_eq(drv_vu_get_config(&dev.vu, 0, after, 36), 0);
	ck_assert_mem_eq(before, after, 36);
	ck_assert_int_eq(stat(server.image, &st), 0);
	ck_assert_int_eq(st.st_size, DISK_SECTORS * DRV_BLK_SECTOR);
	drv_vu_device_deinit(&dev);
	drv_ram_deinit(&ram);
	finish();
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("hostile vhost-user cut");
	TCase *tc = tcase_create("vhost-user cut");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, getenv("VBS_ROUNDS") ? 0 : 60);
	tcase_add_loop_test(tc,
			    hostile_d13__file_that_is_cut_off_between_requests,
			    0, N_CUTS);
	tcase_add_loop_test(tc,
			    hostile_d13__memory_that_is_cut_off_at_any_instant,
			    0, MEMORY_BUT_A_PAGE + 1);
	tcase_add_test(tc, hostile_d8__capacity_of_a_disk_is_not_written);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
