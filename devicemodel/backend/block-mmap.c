// SPDX-License-Identifier: BSD-3-Clause
/*
 * An image in memory, tmpfs or DAX, that is mapped: a read or a write is a
 * copy. All else, and what has grown beyond the mapping, goes to the threads;
 * what is in their system calls and in the mapping are the same pages.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/stat.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "backend/block-impl.h"
#include "base/sigbus.h"

/* A page of such a file needs no device to be there. */
static bool
is_dax(const struct block *b)
{
#ifdef STATX_ATTR_DAX
	struct statx stx;

	return statx(b->fd, "", AT_EMPTY_PATH, STATX_TYPE, &stx) == 0 &&
	       stx.stx_attributes & STATX_ATTR_DAX;
#else
	(void)b;
	return false;
#endif
}

int
block_map(struct block *b)
{
	uint64_t bytes = b->start + block_size(b);
	void *map;
	int rc;

	if (b->is_device || (!b->in_memory && !is_dax(b)))
		return -EOPNOTSUPP;
	if (bytes > SIZE_MAX)
		return -EFBIG;
	rc = dm_sigbus_survive();
	if (rc < 0)
		return rc;
	map = mmap(NULL, (size_t)bytes, PROT_READ | (b->ro ? 0 : PROT_WRITE),
		   MAP_SHARED, b->fd, 0);
	if (map == MAP_FAILED)
		return -errno;
	b->map = map;
	b->map_bytes = (size_t)bytes;
	return 0;
}

void
block_unmap(struct block *b)
{
	if (b->map)
		(void)munmap(b->map, b->map_bytes);
	b->map = NULL;
}

struct copy {
	char *at; /* in the mapping */
	const struct block_req *req;
};

static void
copy_segments(void *arg)
{
	const struct copy *copy = arg;
	const struct block_req *req = copy->req;
	char *at = copy->at;

	for (int i = 0; i < req->n_iov; i++) {
		const struct iovec *iov = &req->iov[i];

		if (req->op == BLOCK_WRITE)
			memcpy(at, iov->iov_base, iov->iov_len);
		else
			memcpy(iov->iov_base, at, iov->iov_len);
		at += iov->iov_len;
	}
}

/* The file may be cut off at any time, or the host be out of memory. */
bool
block_attempt_mapped(struct block_queue *q, struct block_req *req)
{
	const struct block *b = q->block;
	struct copy copy = { .req = req };

	if (req->op == BLOCK_FLUSH)
		return b->in_memory;
	if (req->op != BLOCK_READ && req->op != BLOCK_WRITE)
		return false;
	if (req->op == BLOCK_WRITE && req->stable && !b->in_memory)
		return false;
	if (req->bytes > b->map_bytes ||
	    req->offset > b->map_bytes - req->bytes)
		return false;
	copy.at = b->map + req->offset;
	req->rc = dm_sigbus_guard(b->map, b->map_bytes, copy_segments, &copy);
	if (req->rc == 0)
		req->done = req->bytes;
	return true;
}
