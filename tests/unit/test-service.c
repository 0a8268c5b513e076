// SPDX-License-Identifier: BSD-3-Clause
/* Sockets that are handed over: which of them is whose. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "service.h"
#include "suite.h"

static struct dm_activation act;
static struct dm_error err;

static void
setup(void)
{
	memset(&act, 0, sizeof(act));
	(void)unsetenv("LISTEN_FDS");
	(void)unsetenv("LISTEN_PID");
	(void)unsetenv("LISTEN_FDNAMES");
}

static void
teardown(void)
{
	dm_activation_free(&act);
}

static int
take(const char *n, long pid, const char *names)
{
	char text[32];

	(void)snprintf(text, sizeof(text), "%ld", pid);
	(void)setenv("LISTEN_FDS", n, 1);
	(void)setenv("LISTEN_PID", text, 1);
	if (names)
		(void)setenv("LISTEN_FDNAMES", names, 1);
	return dm_activation_take(&act, &err);
}

START_TEST(take_nothing)
{
	ck_assert_int_eq(dm_activation_take(&act, &err), 0);
	ck_assert_uint_eq(act.n, 0);
}
END_TEST

START_TEST(take_hides_it_from_others)
{
	ck_assert_int_eq(take("2", getpid(), "a:b"), 2);
	ck_assert_uint_eq(act.n, 2);
	ck_assert_ptr_null(getenv("LISTEN_FDS"));
	ck_assert_ptr_null(getenv("LISTEN_PID"));
	ck_assert_ptr_null(getenv("LISTEN_FDNAMES"));
}
END_TEST

START_TEST(take_leaves_what_is_for_another)
{
	ck_assert_int_eq(take("2", getpid() + 1L, NULL), 0);
	ck_assert_uint_eq(act.n, 0);
	ck_assert_str_eq(getenv("LISTEN_FDS"), "2");
}
END_TEST

START_TEST(take_bad_number)
{
	static const char *const bad[] = {
		"", "-1", "x", "1x", "257", "99999999999999999999"
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		ck_assert_int_eq(take(bad[i], getpid(), NULL), -EINVAL);
		ck_assert_ptr_nonnull(strstr(err.text, "LISTEN_FDS="));
	}
}
END_TEST

START_TEST(fd_by_order)
{
	const char *want[] = { "x", "y" };

	ck_assert_int_eq(take("2", getpid(), NULL), 2);
	ck_assert_int_eq(dm_activation_fd(&act, want, 2, 0), 3);
	ck_assert_int_eq(dm_activation_fd(&act, want, 2, 1), 4);
}
END_TEST

/* systemd calls a socket after its unit if nobody has named it. */
START_TEST(fd_by_order_with_names_of_nobody)
{
	const char *want[] = { "x", "y" };

	ck_assert_int_eq(take("2", getpid(), "vbs-dm@x.socket:unknown"), 2);
	ck_assert_int_eq(dm_activation_fd(&act, want, 2, 1), 4);
}
END_TEST

START_TEST(fd_by_name)
{
	const char *want[] = { "x", "y", "" };

	ck_assert_int_eq(take("3", getpid(), "yy:y:x"), 3);
	ck_assert_int_eq(dm_activation_fd(&act, want, 2, 0), 5);
	ck_assert_int_eq(dm_activation_fd(&act, want, 2, 1), 4);
}
END_TEST

START_TEST(fd_by_name_one_is_missing)
{
	const char *want[] = { "x", "y" };

	ck_assert_int_eq(take("2", getpid(), "x:z"), 2);
	ck_assert_int_eq(dm_activation_fd(&act, want, 2, 0), 3);
	ck_assert_int_eq(dm_activation_fd(&act, want, 2, 1), -EINVAL);
}
END_TEST

START_TEST(fd_by_name_beyond_the_number)
{
	const char *want[] = { "x", "y" };

	ck_assert_int_eq(take("1", getpid(), "z:x"), 1);
	ck_assert_int_eq(dm_activation_fd(&act, want, 1, 0), 3);
}
END_TEST

START_TEST(notify_nobody)
{
	(void)unsetenv("NOTIFY_SOCKET");
	ck_assert_int_eq(dm_notify("READY=1"), 0);
	(void)setenv("NOTIFY_SOCKET", "", 1);
	ck_assert_int_eq(dm_notify("READY=1"), 0);
}
END_TEST

START_TEST(notify_bad_address)
{
	char longest[200];

	memset(longest, 'x', sizeof(longest));
	longest[0] = '/';
	longest[sizeof(longest) - 1] = '\0';
	(void)setenv("NOTIFY_SOCKET", longest, 1);
	ck_assert_int_eq(dm_notify("READY=1"), -EINVAL);
	(void)setenv("NOTIFY_SOCKET", "relative", 1);
	ck_assert_int_eq(dm_notify("READY=1"), -EINVAL);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("service");
	TCase *tc = tcase_create("service");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, take_nothing);
	tcase_add_test(tc, take_hides_it_from_others);
	tcase_add_test(tc, take_leaves_what_is_for_another);
	tcase_add_test(tc, take_bad_number);
	tcase_add_test(tc, fd_by_order);
	tcase_add_test(tc, fd_by_order_with_names_of_nobody);
	tcase_add_test(tc, fd_by_name);
	tcase_add_test(tc, fd_by_name_one_is_missing);
	tcase_add_test(tc, fd_by_name_beyond_the_number);
	tcase_add_test(tc, notify_nobody);
	tcase_add_test(tc, notify_bad_address);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
