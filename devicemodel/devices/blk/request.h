/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a driver asks of a block device (virtio 1.3, 5.2.6): from the segments
 * of a chain to something that can be done. No I/O, no state.
 */
#ifndef DM_BLK_REQUEST_H
#define DM_BLK_REQUEST_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include <vbs/vq.h>

#include "backend/block.h"

#define BLK_SECTOR    512u
#define BLK_ID_BYTES  20u
#define BLK_RANGE_MAX 32 /* segments of a discard or a write-zeroes */

enum blk_type {
	BLK_T_IN = 0,
	BLK_T_OUT = 1,
	BLK_T_FLUSH = 4,
	BLK_T_FLUSH_OUT = 5, /* legacy: the same as BLK_T_FLUSH */
	BLK_T_GET_ID = 8,
	BLK_T_DISCARD = 11,
	BLK_T_WRITE_ZEROES = 13,
};

enum blk_status {
	BLK_S_OK = 0,
	BLK_S_IOERR = 1,
	BLK_S_UNSUPP = 2,
};

/* What the device can do for this driver. */
struct blk_limits {
	uint64_t capacity; /* sectors */
	bool ro;
	bool legacy;
	bool discard; /* negotiated */
	bool zeroes;  /* negotiated */
	bool unmap;   /* zeroes may give space back */
	uint32_t max_discard_sectors, max_discard_seg;
	uint32_t max_zeroes_sectors, max_zeroes_seg;
};

/* One request. The segments are those of the chain, cut to size. */
struct blk_request {
	uint32_t type;
	uint64_t sector;
	struct iovec *out; /* data from the driver */
	int n_out;
	uint64_t out_bytes;
	struct iovec *in; /* data for the driver */
	int n_in;
	uint64_t in_bytes;
	uint8_t *status; /* NULL: the driver left no room for it */
};

/*
 * Take a chain apart, wherever its descriptors cut it (2.7.4.1). The header is
 * read once, here. Changes the segments. 0, or -EINVAL if the header is not
 * complete; req->status is set in either case.
 */
int blk_request_parse(const struct vq_chain *chain, struct blk_request *req);

/*
 * May this be done? For a discard and a write-zeroes, reads the segments into
 * ranges, which has room for BLK_RANGE_MAX: all of them are good, or nothing
 * is done.
 */
enum blk_status blk_request_check(const struct blk_request *req,
				  const struct blk_limits *limits,
				  struct block_range *ranges, int *n_ranges);

/* Copy to the front of segments; bytes that fitted. */
uint32_t blk_scatter(const struct iovec *iov, int n, const void *data,
		     uint32_t bytes);

#endif
