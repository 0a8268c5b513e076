// SPDX-License-Identifier: BSD-3-Clause
/*
 * The block back end, with a host that fails: each fault ends in an error of
 * the request that met it, and nowhere else.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <event2/event.h>
#include <event2/thread.h>

#include "backend/block.h"
#include "suite.h"

#define IMAGE_BYTES 65536u
#define NOWAIT      0x8 /* RWF_NOWAIT */
#define DSYNC       0x2 /* RWF_DSYNC */

/* What the system calls do instead of their work. */
static struct {
	int read_errno, write_errno, sync_errno, allocate_errno;
	int after;       /* so many calls are good before */
	bool once;       /* only one call fails */
	size_t at_most;  /* bytes that a transfer moves; 0: all */
	bool at_end;     /* transfers move nothing */
	int dsync_errno; /* of a write with RWF_DSYNC */
	bool stuck;      /* syncs wait until this is false */
	int n_transfers, n_syncs, n_dsyncs, n_allocates;
} fault;
static pthread_mutex_t fault_mtx = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t fault_cond = PTHREAD_COND_INITIALIZER;

static char path[32];
static uint8_t image[IMAGE_BYTES], data[IMAGE_BYTES];
static struct event_base *base;
static struct event *wake;
static int wake_fd;
static struct block *block;
static struct block_queue *queue;
static _Atomic int n_done;
static struct block_req req;
static struct iovec iov[4];
static struct dm_error err;

/* The segments, cut to what a transfer may move. */
static int
cut(const struct iovec *from, int n, struct iovec *to)
{
	size_t left = fault.at_most ? fault.at_most : SIZE_MAX;
	int i;

	for (i = 0; i < n && left > 0; i++) {
		to[i] = from[i];
		if (to[i].iov_len > left)
			to[i].iov_len = left;
		left -= to[i].iov_len;
	}
	return i;
}

static bool
fails(int err_no)
{
	if (!err_no || fault.after-- > 0 || (fault.once && fault.after < -1))
		return false;
	errno = err_no;
	return true;
}

static ssize_t
fake_preadv2(int fd, const struct iovec *v, int n, off_t off, int flags)
{
	struct iovec part[64];

	if (flags & NOWAIT) {
		errno = EAGAIN; /* so that the engine has to do it */
		return -1;
	}
	fault.n_transfers++;
	if (fails(fault.read_errno))
		return -1;
	if (fault.at_end)
		return 0;
	return preadv2(fd, part, cut(v, n, part), off, flags);
}

static ssize_t
fake_pwritev2(int fd, const struct iovec *v, int n, off_t off, int flags)
{
	struct iovec part[64];

	fault.n_transfers++;
	if (flags & DSYNC) {
		fault.n_dsyncs++;
		if (fails(fault.dsync_errno))
			return -1;
	}
	if (fails(fault.write_errno))
		return -1;
	if (fault.at_end)
		return 0;
	return pwritev2(fd, part, cut(v, n, part), off, flags);
}

static int
fake_fdatasync(int fd)
{
	pthread_mutex_lock(&fault_mtx);
	while (fault.stuck)
		pthread_cond_wait(&fault_cond, &fault_mtx);
	fault.n_syncs++;
	pthread_mutex_unlock(&fault_mtx);
	return fails(fault.sync_errno) ? -1 : fdatasync(fd);
}

static int
fake_fallocate(int fd, int mode, off_t off, off_t bytes)
{
	fault.n_allocates++;
	return fails(fault.allocate_errno) ? -1
					   : fallocate(fd, mode, off, bytes);
}

static ssize_t
fake_pread(int fd, void *buf, size_t bytes, off_t off)
{
	const struct iovec one = { buf, bytes };

	return fake_preadv2(fd, &one, 1, off, 0);
}

static ssize_t
fake_pwrite(int fd, const void *buf, size_t bytes, off_t off)
{
	const struct iovec one = { (void *)(uintptr_t)buf, bytes };

	return fake_pwritev2(fd, &one, 1, off, 0);
}

static const struct block_sys fake = {
	.pread = fake_pread,
	.pwrite = fake_pwrite,
	.preadv2 = fake_preadv2,
	.pwritev2 = fake_pwritev2,
	.fdatasync = fake_fdatasync,
	.fallocate = fake_fallocate,
};

static void
on_done(void *arg, struct block_req *list)
{
	/* Once it is counted, a request may be used again. */
	for (struct block_req *next; list; list = next) {
		next = list->next;
		n_done++;
	}
	(void)eventfd_write(wake_fd, 1);
}

static void
on_wake(evutil_socket_t fd, short what, void *arg)
{
	eventfd_t count;

	(void)eventfd_read(fd, &count);
}

static void
setup(void)
{
	int fd;

	memset(&fault, 0, sizeof(fault));
	n_done = 0;
	for (size_t i = 0; i < sizeof(image); i++)
		image[i] = (uint8_t)(i * 7 + i / 512);
	memset(data, 0, sizeof(data));
	(void)snprintf(path, sizeof(path), "block.XXXXXX");
	fd = mkstemp(path);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, image, sizeof(image)), sizeof(image));
	(void)close(fd);
	ck_assert_int_eq(evthread_use_pthreads(), 0);
	base = event_base_new();
	wake_fd = eventfd(0, EFD_NONBLOCK);
	wake = event_new(base, wake_fd, EV_READ | EV_PERSIST, on_wake, NULL);
	ck_assert_int_eq(event_add(wake, NULL), 0);
}

static void
teardown(void)
{
	ck_assert_int_eq(block_queue_free(queue, 5000), 0);
	queue = NULL;
	block_close(block);
	block = NULL;
	event_free(wake);
	event_base_free(base);
	(void)close(wake_fd);
	(void)unlink(path);
}

static void
open_block(enum block_aio aio, const struct block_sys *sys)
{
	struct block_options opts = {
		.path = path,
		.sector = 512,
		.aio = aio,
		.n_threads = 2,
		.sys = sys,
	};

	ck_assert_int_eq(block_open(&opts, &block, &err), 0);
	ck_assert_int_eq(block_queue_new(block, 8, base, on_done, NULL, &queue),
			 0);
}

/* One request over all of data, in three pieces. */
static void
prepare(enum block_op op, uint64_t offset, size_t bytes)
{
	memset(&req, 0, sizeof(req));
	req.op = op;
	req.offset = offset;
	req.bytes = bytes;
	req.iov = iov;
	req.n_iov = bytes > 512 ? 3 : 1;
	iov[0] = (struct iovec){ data, bytes > 512 ? 100 : bytes };
	iov[1] = (struct iovec){ data + 100, 300 };
	iov[2] = (struct iovec){ data + 400, bytes - 400 };
}

static void
finish(void)
{
	if (!block_try(queue, &req)) {
		block_submit(queue, &req);
		block_commit(queue);
		while (n_done == 0)
			ck_assert_int_ge(event_base_loop(base, EVLOOP_ONCE), 0);
	}
}

static int
transfer(enum block_op op, uint64_t offset, size_t bytes)
{
	prepare(op, offset, bytes);
	finish();
	return req.rc;
}

static int
ranges(enum block_op op, struct block_range *list, int n)
{
	memset(&req, 0, sizeof(req));
	req.op = op;
	req.ranges = list;
	req.n_ranges = n;
	finish();
	return req.rc;
}

static void
assert_image(uint64_t offset, const void *bytes, size_t len)
{
	uint8_t found[IMAGE_BYTES];
	int fd = open(path, O_RDONLY);

	ck_assert_int_eq(pread(fd, found, len, (off_t)offset), (ssize_t)len);
	(void)close(fd);
	ck_assert_mem_eq(found, bytes, len);
}

/* ---- transfers -------------------------------------------------------- */

START_TEST(read_eio_is_eio)
{
	open_block(BLOCK_AIO_THREADS, &fake);
	fault.read_errno = EIO;
	ck_assert_int_eq(transfer(BLOCK_READ, 0, 4096), -EIO);
	ck_assert_uint_eq(req.done, 0);
}
END_TEST

START_TEST(read_short_goes_on_to_the_end)
{
	open_block(BLOCK_AIO_THREADS, &fake);
	fault.at_most = 333;
	ck_assert_int_eq(transfer(BLOCK_READ, 1024, 8192), 0);
	ck_assert_uint_eq(req.done, 8192);
	ck_assert_mem_eq(data, image + 1024, 8192);
	ck_assert_int_eq(fault.n_transfers, 25);
}
END_TEST

START_TEST(read_of_nothing_is_eio)
{
	open_block(BLOCK_AIO_THREADS, &fake);
	fault.at_end = true;
	ck_assert_int_eq(transfer(BLOCK_READ, 0, 4096), -EIO);
}
END_TEST

START_TEST(read_eintr_is_tried_again)
{
	open_block(BLOCK_AIO_THREADS, &fake);
	fault.read_errno = EINTR;
	fault.once = true;
	ck_assert_int_eq(transfer(BLOCK_READ, 0, 2048), 0);
	ck_assert_mem_eq(data, image, 2048);
	ck_assert_int_eq(fault.n_transfers, 2);
}
END_TEST

START_TEST(read_error_in_the_middle_tells_how_far)
{
	open_block(BLOCK_AIO_THREADS, &fake);
	fault.at_most = 512;
	fault.after = 3;
	fault.read_errno = EIO;
	ck_assert_int_eq(transfer(BLOCK_READ, 0, 4096), -EIO);
	ck_assert_uint_eq(req.done, 1536);
	ck_assert_mem_eq(data, image, 1536);
}
END_TEST

START_TEST(write_enospc_in_the_middle_is_enospc)
{
	open_block(BLOCK_AIO_THREADS, &fake);
	memset(data, 0x33, sizeof(data));
	fault.at_most = 1024;
	fault.after = 1;
	fault.write_errno = ENOSPC;
	ck_assert_int_eq(transfer(BLOCK_WRITE, 0, 4096), -ENOSPC);
	assert_image(0, data, 1024);
	assert_image(1024, image + 1024, 4096);
}
END_TEST

START_TEST(write_of_nothing_is_eio)
{
	open_block(BLOCK_AIO_THREADS, &fake);
	fault.at_end = true;
	ck_assert_int_eq(transfer(BLOCK_WRITE, 0, 512), -EIO);
}
END_TEST

/* A size that has gone behind our back, with the real system calls. */
START_TEST(read_beyond_a_shrunk_image_is_eio)
{
	open_block(_i ? BLOCK_AIO_URING : BLOCK_AIO_THREADS, NULL);
	ck_assert_int_eq(truncate(path, 4096 + 100), 0);
	ck_assert_int_eq(transfer(BLOCK_READ, 4096, 4096), -EIO);
	n_done = 0;
	ck_assert_int_eq(transfer(BLOCK_READ, 8192, 4096), -EIO);
	n_done = 0;
	ck_assert_int_eq(transfer(BLOCK_READ, 0, 4096), 0);
	ck_assert_mem_eq(data, image, 4096);
}
END_TEST

/* ---- flush, and writes that are stable --------------------------------- */

START_TEST(flush_error_is_told)
{
	open_block(BLOCK_AIO_THREADS, &fake);
	fault.sync_errno = EIO;
	ck_assert_int_eq(transfer(BLOCK_FLUSH, 0, 0), -EIO);
	fault.sync_errno = 0;
	n_done = 0;
	ck_assert_int_eq(transfer(BLOCK_FLUSH, 0, 0), 0);
	ck_assert_int_eq(fault.n_syncs, 2);
}
END_TEST

START_TEST(write_stable_is_synchronous)
{
	open_block(BLOCK_AIO_THREADS, &fake);
	prepare(BLOCK_WRITE, 0, 512);
	req.stable = true;
	finish();
	ck_assert_int_eq(req.rc, 0);
	/* On tmpfs nothing is stable, and the write is the same. */
	ck_assert_int_eq(fault.n_dsyncs, 1);
	n_done = 0;
	ck_assert_int_eq(transfer(BLOCK_WRITE, 0, 512), 0);
	ck_assert_int_eq(fault.n_dsyncs, 1);
}
END_TEST

START_TEST(write_stable_without_dsync_is_followed_by_a_sync)
{
	open_block(BLOCK_AIO_THREADS, &fake);
	fault.dsync_errno = EOPNOTSUPP;
	prepare(BLOCK_WRITE, 0, 512);
	req.stable = true;
	finish();
	ck_assert_int_eq(req.rc, 0);
	ck_assert_int_eq(fault.n_syncs, 1);
	fault.sync_errno = EIO;
	n_done = 0;
	prepare(BLOCK_WRITE, 0, 512);
	req.stable = true;
	finish();
	ck_assert_int_eq(req.rc, -EIO);
}
END_TEST

/* ---- discard and zeroes -------------------------------------------------- */

START_TEST(discard_that_cannot_be_is_no_error)
{
	struct block_range one = { 0, 4096, false };

	open_block(BLOCK_AIO_THREADS, &fake);
	fault.allocate_errno = EOPNOTSUPP;
	ck_assert_int_eq(ranges(BLOCK_DISCARD, &one, 1), 0);
	ck_assert_int_eq(fault.n_allocates, 1);
	assert_image(0, image, 4096);
}
END_TEST

START_TEST(discard_error_stops_at_its_range)
{
	struct block_range three[3] = { { 0, 4096, false },
					{ 8192, 4096, false },
					{ 16384, 4096, false } };

	open_block(BLOCK_AIO_THREADS, &fake);
	fault.allocate_errno = EIO;
	fault.after = 1;
	ck_assert_int_eq(ranges(BLOCK_DISCARD, three, 3), -EIO);
	ck_assert_int_eq(fault.n_allocates, 2);
	assert_image(16384, image + 16384, 4096);
}
END_TEST

START_TEST(zeroes_are_written_where_nothing_else_works)
{
	static const uint8_t zeroes[20480];
	struct block_range two[2] = { { 512, 20480, true },
				      { 32768, 512, false } };

	open_block(BLOCK_AIO_THREADS, &fake);
	fault.allocate_errno = EOPNOTSUPP;
	fault.at_most = 5000;
	ck_assert_int_eq(ranges(BLOCK_ZEROES, two, 2), 0);
	assert_image(0, image, 512);
	assert_image(512, zeroes, 20480);
	assert_image(20992, image + 20992, 32768 - 20992);
	assert_image(32768, zeroes, 512);
	assert_image(33280, image + 33280, 512);
}
END_TEST

START_TEST(zeroes_enospc_is_told)
{
	struct block_range one = { 0, 8192, false };

	open_block(BLOCK_AIO_THREADS, &fake);
	fault.allocate_errno = ENOSPC;
	ck_assert_int_eq(ranges(BLOCK_ZEROES, &one, 1), -ENOSPC);
	assert_image(0, image, 8192);
}
END_TEST

/* ---- size, lock, engines ------------------------------------------------- */

START_TEST(refresh_follows_the_image)
{
	open_block(BLOCK_AIO_THREADS, NULL);
	ck_assert_uint_eq(block_size(block), IMAGE_BYTES);
	ck_assert(!block_refresh(block));
	ck_assert_int_eq(truncate(path, IMAGE_BYTES + 1000), 0);
	ck_assert(block_refresh(block));
	ck_assert_uint_eq(block_size(block), IMAGE_BYTES + 512);
	ck_assert_int_eq(truncate(path, 512), 0);
	ck_assert(block_refresh(block));
	ck_assert_uint_eq(block_size(block), 512);
}
END_TEST

START_TEST(open_locks_writers_out_and_lets_readers_share)
{
	struct block_options opts = { .path = path, .n_threads = 1 };
	struct block *second = NULL, *third = NULL;

	open_block(BLOCK_AIO_THREADS, NULL);
	ck_assert_int_eq(block_open(&opts, &second, &err), -EBUSY);
	ck_assert_ptr_nonnull(strstr(err.text, "is locked"));
	opts.ro = true;
	ck_assert_int_eq(block_open(&opts, &second, &err), -EBUSY);
	ck_assert_int_eq(block_queue_free(queue, 5000), 0);
	queue = NULL;
	block_close(block);
	block = NULL;
	ck_assert_int_eq(block_open(&opts, &second, &err), 0);
	ck_assert_int_eq(block_open(&opts, &third, &err), 0);
	block_close(third);
	opts.ro = false;
	ck_assert_int_eq(block_open(&opts, &third, &err), -EBUSY);
	block_close(second);
}
END_TEST

START_TEST(open_shares_with_writers_that_all_say_so)
{
	struct block_options opts = { .path = path, .n_threads = 1 };
	struct block *one = NULL, *two = NULL, *alone = NULL;

	opts.share = true;
	ck_assert_int_eq(block_open(&opts, &one, &err), 0);
	ck_assert_int_eq(block_open(&opts, &two, &err), 0);
	opts.share = false;
	ck_assert_int_eq(block_open(&opts, &alone, &err), -EBUSY);
	block_close(one);
	ck_assert_int_eq(block_open(&opts, &alone, &err), -EBUSY);
	block_close(two);
	ck_assert_int_eq(block_open(&opts, &alone, &err), 0);
	block_close(alone);
}
END_TEST

START_TEST(engine_is_the_one_that_was_asked_for)
{
	open_block(_i ? BLOCK_AIO_URING : BLOCK_AIO_THREADS, NULL);
	ck_assert_str_eq(block_engine_name(block), _i ? "io_uring" : "threads");
}
END_TEST

START_TEST(queue_free_gives_up_on_a_stuck_request)
{
	open_block(BLOCK_AIO_THREADS, &fake);
	fault.stuck = true;
	prepare(BLOCK_FLUSH, 0, 0);
	ck_assert(!block_try(queue, &req));
	block_submit(queue, &req);
	block_commit(queue);
	ck_assert_int_eq(block_queue_free(queue, 50), -EBUSY);
	pthread_mutex_lock(&fault_mtx);
	fault.stuck = false;
	pthread_cond_broadcast(&fault_cond);
	pthread_mutex_unlock(&fault_mtx);
	while (n_done == 0)
		ck_assert_int_ge(event_base_loop(base, EVLOOP_ONCE), 0);
	ck_assert_int_eq(req.rc, 0);
}
END_TEST

static bool
has_io_uring(void)
{
	struct block_options opts = { .aio = BLOCK_AIO_URING, .n_threads = 1 };
	struct block *b = NULL;
	char name[] = "block.XXXXXX";
	int fd = mkstemp(name);
	int rc;

	if (fd < 0 || ftruncate(fd, 512) < 0)
		return false;
	opts.path = name;
	rc = block_open(&opts, &b, &err);
	block_close(b);
	(void)close(fd);
	(void)unlink(name);
	return rc == 0;
}

int
main(void)
{
	Suite *s = suite_create("backend-block");
	TCase *tc = tcase_create("block");
	int n_engines = has_io_uring() ? 2 : 1;

	if (n_engines == 1)
		(void)puts("SKIP io_uring: the kernel or this build has none");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, read_eio_is_eio);
	tcase_add_test(tc, read_short_goes_on_to_the_end);
	tcase_add_test(tc, read_of_nothing_is_eio);
	tcase_add_test(tc, read_eintr_is_tried_again);
	tcase_add_test(tc, read_error_in_the_middle_tells_how_far);
	tcase_add_test(tc, write_enospc_in_the_middle_is_enospc);
	tcase_add_test(tc, write_of_nothing_is_eio);
	tcase_add_loop_test(tc, read_beyond_a_shrunk_image_is_eio, 0,
			    n_engines);
	tcase_add_test(tc, flush_error_is_told);
	tcase_add_test(tc, write_stable_is_synchronous);
	tcase_add_test(tc, write_stable_without_dsync_is_followed_by_a_sync);
	tcase_add_test(tc, discard_that_cannot_be_is_no_error);
	tcase_add_test(tc, discard_error_stops_at_its_range);
	tcase_add_test(tc, zeroes_are_written_where_nothing_else_works);
	tcase_add_test(tc, zeroes_enospc_is_told);
	tcase_add_test(tc, refresh_follows_the_image);
	tcase_add_test(tc, open_locks_writers_out_and_lets_readers_share);
	tcase_add_test(tc, open_shares_with_writers_that_all_say_so);
	tcase_add_loop_test(tc, engine_is_the_one_that_was_asked_for, 0,
			    n_engines);
	tcase_add_test(tc, queue_free_gives_up_on_a_stuck_request);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
