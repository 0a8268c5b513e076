// SPDX-License-Identifier: BSD-3-Clause
/* Waking somebody who may be hostile: no block, no signal, no leak. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/notifier.h"
#include "suite.h"

static struct notifier n;

static void
setup(void)
{
	n = NOTIFIER_NONE;
}

static void
teardown(void)
{
	notifier_set(&n, -1);
}

/* The counter of an eventfd, through a second descriptor. */
static eventfd_t
count(int fd)
{
	eventfd_t val = 0;

	(void)fcntl(fd, F_SETFL, O_NONBLOCK);
	(void)eventfd_read(fd, &val);
	return val;
}

START_TEST(kinds_are_told_apart)
{
	int fds[2], efd = eventfd(0, 0), sock[2];
	int timer = timerfd_create(CLOCK_MONOTONIC, 0);
	FILE *file = tmpfile();

	ck_assert_int_eq(pipe(fds), 0);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, sock), 0);
	ck_assert(notifier_is_eventfd(efd));
	ck_assert(!notifier_is_pipe(efd));
	ck_assert(notifier_is_pipe(fds[1]));
	ck_assert(!notifier_is_eventfd(fds[1]));
	ck_assert(!notifier_is_eventfd(fileno(file)));
	ck_assert(!notifier_is_pipe(fileno(file)));
	ck_assert(!notifier_is_eventfd(sock[0]));
	ck_assert(!notifier_is_pipe(sock[0]));
	ck_assert(!notifier_is_eventfd(timer));
	ck_assert(!notifier_is_eventfd(-1));
	(void)close(timer);
	(void)fclose(file);
	(void)close(efd);
	for (int i = 0; i < 2; i++) {
		(void)close(fds[i]);
		(void)close(sock[i]);
	}
}
END_TEST

START_TEST(signal_adds_one)
{
	int efd = eventfd(0, EFD_NONBLOCK);

	notifier_signal(&n); /* nobody there */
	notifier_set(&n, dup(efd));
	notifier_signal(&n);
	notifier_signal(&n);
	ck_assert_uint_eq(count(efd), 2);
	(void)close(efd);
}
END_TEST

START_TEST(full_counter_does_not_block)
{
	int efd = eventfd(0, 0);

	ck_assert_int_eq(eventfd_write(efd, UINT64_MAX - 1), 0);
	notifier_set(&n, dup(efd));
	notifier_signal(&n);
	ck_assert_uint_eq(count(efd), UINT64_MAX - 1);
	(void)close(efd);
}
END_TEST

/* Flags belong to all who have the eventfd. */
START_TEST(full_counter_does_not_block_if_it_is_made_to)
{
	int fd = eventfd(0, EFD_NONBLOCK), other = dup(fd);

	notifier_set(&n, fd);
	ck_assert_int_eq(eventfd_write(other, UINT64_MAX - 1), 0);
	ck_assert_int_eq(fcntl(other, F_SETFL, 0), 0);
	notifier_signal(&n);
	ck_assert_uint_eq(count(other), UINT64_MAX - 1);
	(void)close(other);
}
END_TEST

START_TEST(pipe_gets_the_number_and_never_blocks)
{
	uint64_t got = 0;
	int fds[2];

	ck_assert_int_eq(pipe(fds), 0);
	notifier_set(&n, fds[1]);
	notifier_signal(&n);
	ck_assert_int_eq(read(fds[0], &got, sizeof(got)), sizeof(got));
	ck_assert_uint_eq(got, 1);
	for (int i = 0; i < 100000; i++)
		notifier_signal(&n); /* many more than it holds */
	(void)close(fds[0]);
}
END_TEST

START_TEST(pipe_without_reader_raises_no_signal)
{
	sigset_t pending;
	int fds[2];

	(void)signal(SIGPIPE, SIG_DFL);
	ck_assert_int_eq(pipe(fds), 0);
	notifier_set(&n, fds[1]);
	(void)close(fds[0]);
	notifier_signal(&n);
	ck_assert_int_eq(sigpending(&pending), 0);
	ck_assert_int_eq(sigismember(&pending, SIGPIPE), 0);
}
END_TEST

START_TEST(set_closes_the_old_one)
{
	int efd = eventfd(0, 0);

	notifier_set(&n, efd);
	notifier_set(&n, -1);
	ck_assert_int_eq(fcntl(efd, F_GETFD), -1);
	ck_assert_int_eq(errno, EBADF);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("base-notifier");
	TCase *tc = tcase_create("notifier");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, kinds_are_told_apart);
	tcase_add_test(tc, signal_adds_one);
	tcase_add_test(tc, full_counter_does_not_block);
	tcase_add_test(tc, full_counter_does_not_block_if_it_is_made_to);
	tcase_add_test(tc, pipe_gets_the_number_and_never_blocks);
	tcase_add_test(tc, pipe_without_reader_raises_no_signal);
	tcase_add_test(tc, set_closes_the_old_one);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
