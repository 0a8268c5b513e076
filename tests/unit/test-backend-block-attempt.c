// SPDX-License-Identifier: BSD-3-Clause
/*
 * What the block back end does at once, on a file whose page cache is ours to
 * say: what would wait goes to the engine, and a file that always waits is not
 * asked each time.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend/block-impl.h"
#include "suite.h"

#define BLOCK  4096
#define NOWAIT 0x8 /* RWF_NOWAIT */

/* Every attempt that may not wait ends like this. */
static ssize_t attempt_rc;
static int n_attempts, n_plain;

static ssize_t
answer(int flags, const struct iovec *iov, int n_iov)
{
	size_t bytes = 0;

	for (int i = 0; i < n_iov; i++)
		bytes += iov[i].iov_len;
	if (!(flags & NOWAIT)) {
		n_plain++;
		return (ssize_t)bytes;
	}
	n_attempts++;
	if (attempt_rc < 0)
		errno = (int)-attempt_rc;
	return attempt_rc < 0 ? -1 : attempt_rc;
}

static ssize_t
fake_preadv2(int fd, const struct iovec *iov, int n, off_t off, int flags)
{
	return answer(flags, iov, n);
}

static ssize_t
fake_pwritev2(int fd, const struct iovec *iov, int n, off_t off, int flags)
{
	return answer(flags, iov, n);
}

static ssize_t
fake_pread(int fd, void *buf, size_t bytes, off_t off)
{
	n_plain++;
	return (ssize_t)bytes;
}

static ssize_t
fake_pwrite(int fd, const void *buf, size_t bytes, off_t off)
{
	n_plain++;
	return (ssize_t)bytes;
}

static const struct block_sys fake = {
	.preadv2 = fake_preadv2,
	.pwritev2 = fake_pwritev2,
	.pread = fake_pread,
	.pwrite = fake_pwrite,
	.fdatasync = fdatasync,
	.fallocate = fallocate,
};

static struct block block;
static struct block_queue queue;
static struct block_req req;
static struct iovec iov[2];
static uint8_t data[BLOCK];

static void
setup(void)
{
	memset(&block, 0, sizeof(block));
	memset(&queue, 0, sizeof(queue));
	block.sys = &fake;
	block.attempt = block_attempt_cached;
	queue.block = &block;
	attempt_rc = BLOCK;
	n_attempts = n_plain = 0;
}

static bool
attempt(enum block_op op, size_t bytes)
{
	iov[0] = (struct iovec){ data, bytes };
	req = (struct block_req){
		.op = op, .iov = iov, .n_iov = 1, .bytes = bytes
	};
	return block_try(&queue, &req);
}

START_TEST(attempt_in_the_cache_ends_the_request)
{
	ck_assert(attempt(_i ? BLOCK_WRITE : BLOCK_READ, BLOCK));
	ck_assert_int_eq(req.rc, 0);
	ck_assert_uint_eq(req.done, BLOCK);
	ck_assert_int_eq(n_attempts, 1);
	ck_assert_int_eq(n_plain, 0);
}
END_TEST

START_TEST(attempt_half_in_the_cache_leaves_the_rest)
{
	attempt_rc = 1000;
	ck_assert(!attempt(BLOCK_READ, BLOCK));
	ck_assert_int_eq(req.rc, 0);
	ck_assert_uint_eq(req.done, 1000);
	ck_assert_ptr_eq(req.iov->iov_base, data + 1000);
	ck_assert_uint_eq(req.iov->iov_len, BLOCK - 1000);
}
END_TEST

START_TEST(attempt_that_would_wait_leaves_all)
{
	attempt_rc = -EAGAIN;
	ck_assert(!attempt(BLOCK_READ, BLOCK));
	ck_assert_int_eq(req.rc, 0);
	ck_assert_uint_eq(req.done, 0);
	ck_assert_ptr_eq(req.iov->iov_base, data);
}
END_TEST

/* It is for the engine to find out, and to say, what is wrong. */
START_TEST(attempt_with_an_error_leaves_all)
{
	attempt_rc = _i ? -EIO : 0;
	ck_assert(!attempt(BLOCK_READ, BLOCK));
	ck_assert_int_eq(req.rc, 0);
	ck_assert_uint_eq(req.done, 0);
}
END_TEST

/* More than was asked for would take the segments apart. */
START_TEST(attempt_of_too_much_leaves_all)
{
	attempt_rc = BLOCK + 1;
	ck_assert(!attempt(BLOCK_READ, BLOCK));
	ck_assert_uint_eq(req.done, 0);
}
END_TEST

START_TEST(attempt_is_not_made_where_there_is_no_such_thing)
{
	attempt_rc = -EOPNOTSUPP;
	for (int i = 0; i < 1000; i++)
		ck_assert(!attempt(BLOCK_READ, BLOCK));
	ck_assert_int_eq(n_attempts, 1);
	ck_assert(!attempt(BLOCK_WRITE, BLOCK)); /* may be another matter */
	ck_assert_int_eq(n_attempts, 2);
}
END_TEST

START_TEST(attempt_is_seldom_made_where_all_waits)
{
	attempt_rc = -EAGAIN;
	for (int i = 0; i < 100000; i++)
		ck_assert(!attempt(BLOCK_READ, BLOCK));
	ck_assert_int_le(n_attempts, 4 + 9 + 100000 / 256);
	ck_assert_int_ge(n_attempts, 100000 / 257);
}
END_TEST

START_TEST(attempt_is_always_made_again_once_it_has_gone_well)
{
	attempt_rc = -EAGAIN;
	for (int i = 0; i < 10000; i++)
		ck_assert(!attempt(BLOCK_READ, BLOCK));
	attempt_rc = BLOCK;
	for (int i = 0; i < 256 && !attempt(BLOCK_READ, BLOCK); i++)
		;
	for (int i = 0; i < 100; i++)
		ck_assert(attempt(BLOCK_READ, BLOCK));
}
END_TEST

/* The few that miss in a good cache cost the others nothing. */
START_TEST(attempt_that_misses_now_and_then_is_always_made)
{
	for (int i = 0; i < 1000; i++) {
		attempt_rc = i % 4 ? -EAGAIN : BLOCK;
		ck_assert_int_eq(attempt(BLOCK_READ, BLOCK), i % 4 == 0);
	}
	ck_assert_int_eq(n_attempts, 1000);
}
END_TEST

START_TEST(attempt_of_what_takes_long_is_not_made)
{
	ck_assert(!attempt(BLOCK_READ, (256u << 10) + 512));
	ck_assert(!attempt(BLOCK_DISCARD, 512));
	ck_assert(!attempt(BLOCK_FLUSH, 0));
	ck_assert_int_eq(n_attempts, 0);
}
END_TEST

START_TEST(attempt_of_a_stable_write_is_not_made)
{
	iov[0] = (struct iovec){ data, BLOCK };
	req = (struct block_req){ .op = BLOCK_WRITE,
				  .iov = iov,
				  .n_iov = 1,
				  .bytes = BLOCK,
				  .stable = true };
	ck_assert(!block_try(&queue, &req));
	ck_assert_int_eq(n_attempts, 0);
}
END_TEST

START_TEST(attempt_in_memory_needs_no_flag)
{
	block.attempt = block_attempt_memory;
	ck_assert(attempt(BLOCK_READ, BLOCK));
	ck_assert(attempt(BLOCK_WRITE, BLOCK));
	ck_assert(attempt(BLOCK_FLUSH, 0));
	ck_assert(!attempt(BLOCK_DISCARD, 512));
	ck_assert_int_eq(n_plain, 2);
	ck_assert_int_eq(n_attempts, 0);
}
END_TEST

START_TEST(attempt_is_not_made_by_who_has_none)
{
	block.attempt = NULL;
	ck_assert(!attempt(BLOCK_READ, BLOCK));
	ck_assert_int_eq(n_plain + n_attempts, 0);
	ck_assert(attempt(BLOCK_READ, 0)); /* there is nothing to do */
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("backend-block-attempt");
	TCase *tc = tcase_create("attempt");

	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_loop_test(tc, attempt_in_the_cache_ends_the_request, 0, 2);
	tcase_add_test(tc, attempt_half_in_the_cache_leaves_the_rest);
	tcase_add_test(tc, attempt_that_would_wait_leaves_all);
	tcase_add_loop_test(tc, attempt_with_an_error_leaves_all, 0, 2);
	tcase_add_test(tc, attempt_of_too_much_leaves_all);
	tcase_add_test(tc, attempt_is_not_made_where_there_is_no_such_thing);
	tcase_add_test(tc, attempt_is_seldom_made_where_all_waits);
	tcase_add_test(tc, attempt_is_always_made_again_once_it_has_gone_well);
	tcase_add_test(tc, attempt_that_misses_now_and_then_is_always_made);
	tcase_add_test(tc, attempt_of_what_takes_long_is_not_made);
	tcase_add_test(tc, attempt_of_a_stable_write_is_not_made);
	tcase_add_test(tc, attempt_in_memory_needs_no_flag);
	tcase_add_test(tc, attempt_is_not_made_by_who_has_none);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
