// SPDX-License-Identifier: BSD-3-Clause
/*
 * Carries out one request with plain system calls. A short transfer goes on
 * where it stopped; a transfer of nothing is an error.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include "backend/block-impl.h"

#ifndef RWF_DSYNC
#define RWF_DSYNC 0x2
#endif

#define ZERO_BYTES  4096u
#define ZERO_PIECES 64u

const struct block_sys block_sys_real = {
	.pread = pread,
	.pwrite = pwrite,
	.preadv2 = preadv2,
	.pwritev2 = pwritev2,
	.fdatasync = fdatasync,
	.fallocate = fallocate,
};

void
block_advance(struct block_req *req, size_t bytes)
{
	req->done += bytes;
	while (req->n_iov > 0 && bytes >= req->iov->iov_len) {
		bytes -= req->iov->iov_len;
		req->iov++;
		req->n_iov--;
	}
	if (req->n_iov > 0) {
		req->iov->iov_base = (char *)req->iov->iov_base + bytes;
		req->iov->iov_len -= bytes;
	}
}

bool
block_is_aligned(const struct block *b, const struct block_req *req)
{
	if ((req->offset | req->bytes | req->done) & (b->offset_align - 1))
		return false;
	for (int i = 0; i < req->n_iov; i++) {
		if ((uintptr_t)req->iov[i].iov_base & (b->mem_align - 1))
			return false;
		if (req->iov[i].iov_len & (b->offset_align - 1))
			return false;
	}
	return true;
}

/* With one segment; a tenth cheaper than with a list of one. */
static ssize_t
transfer_plain(const struct block *b, int fd, const struct block_req *req,
	       const struct iovec *iov, off_t offset)
{
	if (req->op == BLOCK_WRITE)
		return b->sys->pwrite(fd, iov->iov_base, iov->iov_len, offset);
	return b->sys->pread(fd, iov->iov_base, iov->iov_len, offset);
}

/* One system call; bytes that were transferred, or a negative errno. */
static ssize_t
transfer(const struct block *b, int fd, const struct block_req *req,
	 const struct iovec *iov, int n_iov, int flags)
{
	off_t offset = (off_t)(req->offset + req->done);
	ssize_t rc;

	if (n_iov == 1 && flags == 0)
		rc = transfer_plain(b, fd, req, iov, offset);
	else if (req->op == BLOCK_WRITE)
		rc = b->sys->pwritev2(fd, iov, n_iov, offset, flags);
	else
		rc = b->sys->preadv2(fd, iov, n_iov, offset, flags);
	return rc < 0 ? -errno : rc;
}

ssize_t
block_transfer(const struct block_queue *q, const struct block_req *req,
	       int flags)
{
	return transfer(q->block, q->fd, req, req->iov, req->n_iov, flags);
}

/* As transfer(), with a write that is stable if the request asks for it. */
static ssize_t
transfer_stable(struct block *b, int fd, const struct block_req *req,
		const struct iovec *iov, int n_iov)
{
	int flags = req->op == BLOCK_WRITE && req->stable ? RWF_DSYNC : 0;
	ssize_t rc;

	do
		rc = transfer(b, fd, req, iov, n_iov, flags);
	while (rc == -EINTR || rc == -EAGAIN);
	if (rc != -EOPNOTSUPP || !flags)
		return rc;
	rc = transfer(b, fd, req, iov, n_iov, 0);
	if (rc > 0 && b->sys->fdatasync(fd) < 0)
		return -errno;
	return rc;
}

static int
perform_direct(struct block *b, int fd, struct block_req *req)
{
	while (req->done < req->bytes) {
		ssize_t rc = transfer_stable(b, fd, req, req->iov, req->n_iov);

		if (rc <= 0)
			return rc < 0 ? (int)rc
				      : -EIO; /* the image ends here */
		if ((uint64_t)rc > req->bytes - req->done)
			return -EIO;
		block_advance(req, (size_t)rc);
	}
	return 0;
}

/* Copy between the front of the request's segments and a buffer. */
static void
copy_segments(const struct block_req *req, char *buf, size_t bytes)
{
	for (int i = 0; i < req->n_iov && bytes > 0; i++) {
		size_t n = req->iov[i].iov_len;

		if (n > bytes)
			n = bytes;
		if (req->op == BLOCK_WRITE)
			memcpy(buf, req->iov[i].iov_base, n);
		else
			memcpy(req->iov[i].iov_base, buf, n);
		buf += n;
		bytes -= n;
	}
}

static int
perform_bounced(struct block *b, struct block_req *req, void *bounce)
{
	while (req->done < req->bytes) {
		uint64_t left = req->bytes - req->done;
		struct iovec iov = { bounce, BLOCK_BOUNCE_BYTES };
		ssize_t rc;

		if (iov.iov_len > left)
			iov.iov_len = (size_t)left;
		if (req->op == BLOCK_WRITE)
			copy_segments(req, bounce, iov.iov_len);
		rc = transfer_stable(b, b->fd, req, &iov, 1);
		if (rc <= 0 || (size_t)rc > iov.iov_len)
			return rc < 0 ? (int)rc : -EIO;
		if (req->op == BLOCK_READ)
			copy_segments(req, bounce, (size_t)rc);
		block_advance(req, (size_t)rc);
		if ((uint64_t)rc < left && rc & (b->offset_align - 1))
			return perform_direct(b, b->buffered_fd, req);
	}
	return 0;
}

static int
perform_transfer(struct block *b, struct block_req *req, void *bounce)
{
	if (!b->direct || block_is_aligned(b, req))
		return perform_direct(b, b->fd, req);
	if ((req->offset | req->bytes | req->done) & (b->offset_align - 1))
		return perform_direct(b, b->buffered_fd, req);
	return perform_bounced(b, req, bounce);
}

/* Where O_DIRECT is in the way. */
static int
plain_fd(const struct block *b)
{
	return b->direct ? b->buffered_fd : b->fd;
}

static int
write_zeroes(struct block *b, const struct block_range *range)
{
	static const char zeroes[ZERO_BYTES];
	struct iovec iov[ZERO_PIECES];
	uint64_t done = 0;

	while (done < range->bytes) {
		uint64_t left = range->bytes - done;
		int n = 0;

		for (; n < (int)ZERO_PIECES && left > 0; n++) {
			size_t len = left < ZERO_BYTES ? left : ZERO_BYTES;

			iov[n] = (struct iovec){ (void *)zeroes, len };
			left -= len;
		}
		ssize_t rc = b->sys->pwritev2(plain_fd(b), iov, n,
					      (off_t)(range->offset + done), 0);

		if (rc < 0 && errno == EINTR)
			continue;
		if (rc <= 0)
			return rc < 0 ? -errno : -EIO;
		done += (uint64_t)rc;
	}
	return 0;
}

static int
allocate(struct block *b, int mode, const struct block_range *range)
{
	int rc;

	do
		rc = b->sys->fallocate(b->fd, mode | FALLOC_FL_KEEP_SIZE,
				       (off_t)range->offset,
				       (off_t)range->bytes);
	while (rc < 0 && errno == EINTR);
	return rc < 0 ? -errno : 0;
}

static int
zero_range(struct block *b, const struct block_range *range)
{
	int rc = -EOPNOTSUPP;

	if (range->unmap)
		rc = allocate(b, FALLOC_FL_PUNCH_HOLE, range);
	if (rc < 0)
		rc = allocate(b, FALLOC_FL_ZERO_RANGE, range);
	if (rc == -EOPNOTSUPP || rc == -EINVAL)
		rc = write_zeroes(b, range);
	return rc;
}

/* To discard is a hint: storage that cannot has nothing to do. */
static int
discard_range(struct block *b, const struct block_range *range)
{
	uint64_t span[2] = { range->offset, range->bytes };
	int rc;

	if (b->is_device)
		rc = ioctl(b->fd, BLKDISCARD, span) < 0 ? -errno : 0;
	else
		rc = allocate(b, FALLOC_FL_PUNCH_HOLE, range);
	return rc == -EOPNOTSUPP ? 0 : rc;
}

static int
perform_ranges(struct block *b, const struct block_req *req)
{
	int rc = 0;

	for (int i = 0; i < req->n_ranges && rc == 0; i++) {
		if (req->ranges[i].bytes == 0)
			continue;
		if (req->op == BLOCK_DISCARD)
			rc = discard_range(b, &req->ranges[i]);
		else
			rc = zero_range(b, &req->ranges[i]);
	}
	if (rc == 0 && req->stable && b->sys->fdatasync(b->fd) < 0)
		rc = -errno;
	return rc;
}

int
block_perform(struct block *b, struct block_req *req, void *bounce)
{
	switch (req->op) {
	case BLOCK_READ:
	case BLOCK_WRITE:
		return perform_transfer(b, req, bounce);
	case BLOCK_FLUSH:
		return b->sys->fdatasync(b->fd) < 0 ? -errno : 0;
	case BLOCK_DISCARD:
	case BLOCK_ZEROES:
		return perform_ranges(b, req);
	}
	return -EOPNOTSUPP;
}
