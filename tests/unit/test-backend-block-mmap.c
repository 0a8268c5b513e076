// SPDX-License-Identifier: BSD-3-Clause
/* An image that is mapped, also one that is cut off, or has nowhere to go. */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <event2/event.h>
#include <event2/thread.h>
#include <linux/magic.h>

#include "backend/block.h"
#include "suite.h"

#define BLOCK  4096u
#define BLOCKS 16u
#define BYTES  (BLOCKS * BLOCK)

static int fd;
static char path[48];
static uint8_t image[BYTES], data[BYTES];
static struct event_base *base;
static struct block *block;
static struct block_queue *queue;
static struct block_req req;
static struct block_range range;
static struct iovec iov[3];
static struct dm_error err;
static _Atomic int n_done;

static void
on_done(void *arg, struct block_req *list)
{
	/* Once it is counted, a request may be used again. */
	for (struct block_req *next; list; list = next) {
		next = list->next;
		n_done++;
	}
}

static void
setup(void)
{
	fd = memfd_create("image", MFD_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	for (size_t i = 0; i < sizeof(image); i++)
		image[i] = (uint8_t)(i * 7 + i / 512);
	ck_assert_int_eq(write(fd, image, BYTES), BYTES);
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	memset(data, 0, sizeof(data));
	n_done = 0;
	ck_assert_int_eq(evthread_use_pthreads(), 0);
	base = event_base_new();
}

static void
teardown(void)
{
	ck_assert_int_eq(block_queue_free(queue, 5000), 0);
	queue = NULL;
	block_close(block);
	block = NULL;
	event_base_free(base);
	(void)close(fd);
}

static int
open_part(uint64_t start, uint64_t bytes)
{
	const struct block_options opts = {
		.path = path,
		.aio = BLOCK_AIO_MMAP,
		.has_range = bytes > 0,
		.start = start,
		.bytes = bytes,
	};
	int rc = block_open(&opts, &block, &err);

	if (rc == 0)
		rc = block_queue_new(block, 8, base, on_done, NULL, &queue);
	return rc;
}

static void
prepare(enum block_op op, uint64_t offset, size_t bytes)
{
	range = (struct block_range){ offset, bytes, true };
	iov[0] = (struct iovec){ data, 100 };
	iov[1] = (struct iovec){ data + 100, 412 };
	iov[2] = (struct iovec){ data + 512, bytes - 512 };
	req = (struct block_req){ .op = op, .ranges = &range, .iov = iov };
	if (op == BLOCK_DISCARD) {
		req.n_ranges = 1;
		return;
	}
	req.n_iov = 3;
	req.offset = offset;
	req.bytes = bytes;
}

/* At once, or by a thread. */
static int
later(void)
{
	block_submit(queue, &req);
	block_commit(queue);
	while (n_done == 0)
		(void)usleep(100);
	return req.rc;
}

START_TEST(mmap_is_what_carries_requests_out)
{
	ck_assert_int_eq(open_part(0, 0), 0);
	ck_assert_str_eq(block_engine_name(block), "mmap");
}
END_TEST

START_TEST(mmap_reads_in_place)
{
	ck_assert_int_eq(open_part(0, 0), 0);
	prepare(BLOCK_READ, BLOCK + 512, 3 * BLOCK);
	ck_assert(block_try(queue, &req));
	ck_assert_int_eq(req.rc, 0);
	ck_assert_uint_eq(req.done, 3 * BLOCK);
	ck_assert_mem_eq(data, image + BLOCK + 512, 3 * BLOCK);
}
END_TEST

START_TEST(mmap_writes_in_place)
{
	ck_assert_int_eq(open_part(0, 0), 0);
	memset(data, 0x77, BLOCK);
	prepare(BLOCK_WRITE, 2 * BLOCK, BLOCK);
	req.stable = _i;
	ck_assert(block_try(queue, &req));
	ck_assert_int_eq(req.rc, 0);
	ck_assert_uint_eq(req.done, BLOCK);
	memcpy(image + 2 * BLOCK, data, BLOCK);
	ck_assert_int_eq(pread(fd, data, BYTES, 0), BYTES);
	ck_assert_mem_eq(data, image, BYTES);
}
END_TEST

START_TEST(mmap_of_a_part_is_that_part)
{
	ck_assert_int_eq(open_part(2 * BLOCK + 512, BLOCK), 0);
	block_hint(queue, 0);
	prepare(BLOCK_READ, 0, BLOCK);
	ck_assert(block_try(queue, &req));
	ck_assert_mem_eq(data, image + 2 * BLOCK + 512, BLOCK);
}
END_TEST

START_TEST(mmap_discards_by_a_thread)
{
	static const uint8_t zeroes[BLOCK];

	ck_assert_int_eq(open_part(0, 0), 0);
	prepare(BLOCK_DISCARD, BLOCK, BLOCK);
	ck_assert(!block_try(queue, &req));
	ck_assert_int_eq(later(), 0);
	prepare(BLOCK_READ, BLOCK, BLOCK);
	ck_assert(block_try(queue, &req));
	ck_assert_mem_eq(data, zeroes, BLOCK);
}
END_TEST

START_TEST(mmap_of_a_file_that_is_cut_off_is_eio)
{
	ck_assert_int_eq(open_part(0, 0), 0);
	ck_assert_int_eq(ftruncate(fd, BLOCK), 0);
	prepare(_i ? BLOCK_WRITE : BLOCK_READ, BLOCK, BLOCK);
	for (int i = 0; i < 3; i++) { /* and stays so */
		req.offset = BLOCK;
		ck_assert(block_try(queue, &req));
		ck_assert_int_eq(req.rc, -EIO);
		ck_assert_uint_eq(req.done, 0);
	}
	prepare(BLOCK_READ, 0, BLOCK);
	ck_assert(block_try(queue, &req));
	ck_assert_int_eq(req.rc, 0);
	ck_assert_mem_eq(data, image, BLOCK);
	/* It is the file that is mapped still, when it is back. */
	ck_assert_int_eq(pwrite(fd, image, BYTES, 0), BYTES);
	prepare(BLOCK_READ, BLOCK, BLOCK);
	ck_assert(block_try(queue, &req));
	ck_assert_mem_eq(data, image + BLOCK, BLOCK);
}
END_TEST

START_TEST(mmap_of_a_file_that_grows_reads_the_rest_by_a_thread)
{
	ck_assert_int_eq(open_part(0, 0), 0);
	ck_assert_int_eq(pwrite(fd, image, BLOCK, BYTES), BLOCK);
	ck_assert(block_refresh(block));
	ck_assert_uint_eq(block_size(block), BYTES + BLOCK);
	block_hint(queue, BYTES);
	block_hint(queue, UINT64_MAX);
	prepare(BLOCK_READ, BYTES - BLOCK, 2 * BLOCK);
	ck_assert(!block_try(queue, &req));
	ck_assert_int_eq(later(), 0);
	ck_assert_mem_eq(data, image + BYTES - BLOCK, BLOCK);
	ck_assert_mem_eq(data + BLOCK, image, BLOCK);
}
END_TEST

/* ---- what cannot be mapped ------------------------------------------------
 */

static void
assert_refused(const struct block_options *opts, int rc, const char *text)
{
	ck_assert_int_eq(block_open(opts, &block, &err), rc);
	ck_assert_ptr_nonnull(strstr(err.text, "option aio=mmap"));
	ck_assert_ptr_nonnull(strstr(err.text, text));
	ck_assert_ptr_null(strchr(err.text, '\n'));
	ck_assert_ptr_null(block);
}

START_TEST(mmap_of_nothing_is_refused)
{
	const struct block_options opts = { .path = _i ? "null:1m" : "void:1m",
					    .aio = BLOCK_AIO_MMAP };

	assert_refused(&opts, -EINVAL, "has nothing to map; leave out aio");
}
END_TEST

START_TEST(mmap_with_nocache_is_refused)
{
	struct block_options opts = { .path = path,
				      .aio = BLOCK_AIO_MMAP,
				      .nocache = true };
	char name[] = "block.XXXXXX";
	int tmp = mkstemp(name);

	ck_assert_int_eq(ftruncate(tmp, BYTES), 0);
	opts.path = name;
	if (block_open(&opts, &block, &err) == -EOPNOTSUPP &&
	    strstr(err.text, "O_DIRECT"))
		(void)puts("SKIP mmap_with_nocache: no O_DIRECT here");
	else
		assert_refused(&opts, -EINVAL, "give one of the two");
	(void)unlink(name);
	(void)close(tmp);
}
END_TEST

START_TEST(mmap_of_a_file_on_a_disk_is_refused)
{
	struct block_options opts = { .aio = BLOCK_AIO_MMAP };
	char name[] = "block.XXXXXX";
	int tmp = mkstemp(name);
	struct statfs fs;

	ck_assert_int_eq(ftruncate(tmp, BYTES), 0);
	ck_assert_int_eq(fstatfs(tmp, &fs), 0);
	opts.path = name;
	if (fs.f_type == TMPFS_MAGIC)
		(void)puts("SKIP mmap_of_a_file_on_a_disk: this is tmpfs");
	else
		assert_refused(&opts, -EOPNOTSUPP,
			       "is not a file in memory (tmpfs, DAX)");
	(void)unlink(name);
	(void)close(tmp);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("backend-block-mmap");
	TCase *tc = tcase_create("mmap");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, mmap_is_what_carries_requests_out);
	tcase_add_test(tc, mmap_reads_in_place);
	tcase_add_loop_test(tc, mmap_writes_in_place, 0, 2);
	tcase_add_test(tc, mmap_of_a_part_is_that_part);
	tcase_add_test(tc, mmap_discards_by_a_thread);
	tcase_add_loop_test(tc, mmap_of_a_file_that_is_cut_off_is_eio, 0, 2);
	tcase_add_test(tc,
		       mmap_of_a_file_that_grows_reads_the_rest_by_a_thread);
	tcase_add_loop_test(tc, mmap_of_nothing_is_refused, 0, 2);
	tcase_add_test(tc, mmap_with_nocache_is_refused);
	tcase_add_test(tc, mmap_of_a_file_on_a_disk_is_refused);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
