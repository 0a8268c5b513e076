// SPDX-License-Identifier: BSD-3-Clause
/* A client that cuts off the file behind guest memory, under a device. */
#include <check.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <event2/event.h>

#include <vbs/iothread.h>

#include "base/sigbus.h"
#include "suite.h"

#define PAGE  4096u
#define BYTES (8 * PAGE)

static uint8_t *mem;
static int mem_fd;

static void
setup(void)
{
	ck_assert_int_eq(dm_sigbus_survive(), 0);
	mem_fd = memfd_create("guest", MFD_CLOEXEC);
	ck_assert_int_eq(ftruncate(mem_fd, BYTES), 0);
	mem = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, mem_fd, 0);
	ck_assert_ptr_ne(mem, MAP_FAILED);
	memset(mem, 0x5a, BYTES);
}

static void
teardown(void)
{
	ck_assert_int_eq(munmap(mem, BYTES), 0);
	(void)close(mem_fd);
}

static void
touch_all(void)
{
	for (size_t i = PAGE; i < BYTES; i += PAGE / 2) {
		ck_assert_uint_eq(mem[i], 0);
		mem[i] = 1;
		ck_assert_uint_eq(mem[i], 1);
	}
}

START_TEST(hostile_e4__file_that_is_cut_off_later_is_survived)
{
	ck_assert_int_eq(ftruncate(mem_fd, PAGE), 0);
	touch_all();
	ck_assert_uint_eq(mem[0], 0x5a);
}
END_TEST

static void
touch_in_loop(evutil_socket_t fd, short what, void *arg)
{
	touch_all();
}

START_TEST(hostile_e4__file_that_is_cut_off_under_an_iothread_is_survived)
{
	struct vbs_iothread *thr = NULL;

	ck_assert_int_eq(vbs_iothread_new("cut", &thr), 0);
	ck_assert_int_eq(ftruncate(mem_fd, PAGE), 0);
	ck_assert_int_eq(event_base_once(vbs_iothread_base(thr), -1, EV_TIMEOUT,
					 touch_in_loop, NULL, NULL),
			 0);
	vbs_iothread_free(thr); /* what was active before has run */
	ck_assert_uint_eq(mem[PAGE], 1);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("cut memory");
	TCase *tc = tcase_create("cut memory");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, hostile_e4__file_that_is_cut_off_later_is_survived);
	tcase_add_test(
		tc,
		hostile_e4__file_that_is_cut_off_under_an_iothread_is_survived);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
