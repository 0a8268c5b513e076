// SPDX-License-Identifier: BSD-3-Clause
/* Understands block requests (virtio 1.3, 5.2.6), whatever their framing. */
#include <endian.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "devices/blk/request.h"

/* As the driver lays them out, little-endian. */
struct header {
	uint32_t type;
	uint32_t reserved;
	uint64_t sector;
};

struct segment {
	uint64_t sector;
	uint32_t num_sectors;
	uint32_t flags;
};

#define SEGMENT_UNMAP 0x1u

/* Copy from the front of segments; bytes that were there. */
static size_t
gather(const struct iovec *iov, int n, void *data, size_t bytes)
{
	size_t done = 0;

	for (int i = 0; i < n && done < bytes; i++) {
		size_t len = iov[i].iov_len;

		if (len > bytes - done)
			len = bytes - done;
		memcpy((char *)data + done, iov[i].iov_base, len);
		done += len;
	}
	return done;
}

uint32_t
blk_scatter(const struct iovec *iov, int n, const void *data, uint32_t bytes)
{
	uint32_t done = 0;

	for (int i = 0; i < n && done < bytes; i++) {
		uint32_t len = bytes - done;

		if (iov[i].iov_len < len)
			len = (uint32_t)iov[i].iov_len;
		memcpy(iov[i].iov_base, (const char *)data + done, len);
		done += len;
	}
	return done;
}

static uint64_t
total(const struct iovec *iov, int n)
{
	uint64_t bytes = 0;

	for (int i = 0; i < n; i++)
		bytes += iov[i].iov_len;
	return bytes;
}

/* Drop bytes from the front; they are there. */
static void
skip(struct iovec **iov, int *n, size_t bytes)
{
	while (*n > 0 && bytes >= (*iov)->iov_len) {
		bytes -= (*iov)->iov_len;
		(*iov)++;
		(*n)--;
	}
	if (*n > 0) {
		(*iov)->iov_base = (char *)(*iov)->iov_base + bytes;
		(*iov)->iov_len -= bytes;
	}
}

/* The status is the last byte that the device may write. */
static void
take_status(struct blk_request *req)
{
	struct iovec *last;

	while (req->n_in > 0 && req->in[req->n_in - 1].iov_len == 0)
		req->n_in--;
	if (req->n_in == 0)
		return;
	last = &req->in[req->n_in - 1];
	last->iov_len--;
	req->status = (uint8_t *)last->iov_base + last->iov_len;
	if (last->iov_len == 0)
		req->n_in--;
}

/* The header; false if it is not complete. */
static bool
take_header(struct blk_request *req, struct header *head)
{
	const struct iovec *first = req->out;

	/* Nearly all drivers give it a descriptor of its own. */
	if (req->n_out > 0 && first->iov_len == sizeof(*head)) {
		memcpy(head, first->iov_base, sizeof(*head));
		req->out++;
		req->n_out--;
		return true;
	}
	if (gather(req->out, req->n_out, head, sizeof(*head)) < sizeof(*head))
		return false;
	skip(&req->out, &req->n_out, sizeof(*head));
	return true;
}

int
blk_request_parse(const struct vq_chain *chain, struct blk_request *req)
{
	struct header head;

	*req = (struct blk_request){
		.out = chain->iov,
		.n_out = chain->n_readable,
		.in = chain->iov + chain->n_readable,
		.n_in = chain->n_writable,
	};
	take_status(req);
	req->in_bytes = total(req->in, req->n_in);
	if (!take_header(req, &head))
		return -EINVAL;
	req->out_bytes = total(req->out, req->n_out);
	req->type = le32toh(head.type);
	req->sector = le64toh(head.sector);
	return 0;
}

static bool
in_capacity(const struct blk_limits *limits, uint64_t sector, uint64_t n)
{
	return n <= limits->capacity && sector <= limits->capacity - n;
}

static enum blk_status
check_transfer(const struct blk_request *req, const struct blk_limits *limits,
	       uint64_t bytes)
{
	if (bytes % BLK_SECTOR)
		return BLK_S_IOERR;
	if (!in_capacity(limits, req->sector, bytes / BLK_SECTOR))
		return BLK_S_IOERR;
	return BLK_S_OK;
}

/* Flags first: an unknown one makes it UNSUPP, whatever else is wrong. */
static enum blk_status
check_flags(const struct segment *seg, int n, bool discard)
{
	uint32_t known = discard ? 0 : SEGMENT_UNMAP;

	for (int i = 0; i < n; i++)
		if (le32toh(seg[i].flags) & ~known)
			return BLK_S_UNSUPP;
	return BLK_S_OK;
}

static enum blk_status
check_ranges(const struct blk_request *req, const struct blk_limits *limits,
	     struct block_range *ranges, int *n_ranges)
{
	bool discard = req->type == BLK_T_DISCARD;
	uint32_t max_seg = discard ? limits->max_discard_seg
				   : limits->max_zeroes_seg;
	uint32_t max_sectors = discard ? limits->max_discard_sectors
				       : limits->max_zeroes_sectors;
	struct segment seg[BLK_RANGE_MAX] = { 0 };
	int n = (int)(req->out_bytes / sizeof(seg[0]) < BLK_RANGE_MAX
			      ? req->out_bytes / sizeof(seg[0])
			      : BLK_RANGE_MAX);

	(void)gather(req->out, req->n_out, seg, (size_t)n * sizeof(seg[0]));
	if (check_flags(seg, n, discard) != BLK_S_OK)
		return BLK_S_UNSUPP;
	if (n == 0 || req->out_bytes % sizeof(seg[0]) ||
	    req->out_bytes / sizeof(seg[0]) > max_seg)
		return BLK_S_IOERR;
	for (int i = 0; i < n; i++) {
		uint64_t sector = le64toh(seg[i].sector);
		uint32_t count = le32toh(seg[i].num_sectors);
		bool unmap = le32toh(seg[i].flags) & SEGMENT_UNMAP;

		if (count > max_sectors || !in_capacity(limits, sector, count))
			return BLK_S_IOERR;
		ranges[i].offset = sector * BLK_SECTOR;
		ranges[i].bytes = (uint64_t)count * BLK_SECTOR;
		ranges[i].unmap = unmap && limits->unmap;
	}
	*n_ranges = n;
	return BLK_S_OK;
}

enum blk_status
blk_request_check(const struct blk_request *req,
		  const struct blk_limits *limits, struct block_range *ranges,
		  int *n_ranges)
{
	*n_ranges = 0;
	switch (req->type) {
	case BLK_T_IN:
		return check_transfer(req, limits, req->in_bytes);
	case BLK_T_OUT:
		if (limits->ro)
			return BLK_S_IOERR;
		return check_transfer(req, limits, req->out_bytes);
	case BLK_T_FLUSH:
	case BLK_T_GET_ID:
		return BLK_S_OK;
	case BLK_T_FLUSH_OUT:
		return limits->legacy ? BLK_S_OK : BLK_S_UNSUPP;
	case BLK_T_DISCARD:
		if (!limits->discard)
			return BLK_S_UNSUPP;
		break;
	case BLK_T_WRITE_ZEROES:
		if (!limits->zeroes)
			return BLK_S_UNSUPP;
		break;
	default:
		return BLK_S_UNSUPP;
	}
	return check_ranges(req, limits, ranges, n_ranges);
}
