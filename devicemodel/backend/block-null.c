// SPDX-License-Identifier: BSD-3-Clause
/*
 * Images that are not there, to measure everything else: null:SIZE, which reads
 * as zeroes, and void:SIZE, which leaves the memory of a read as it was.
 */
#include <string.h>

#include "backend/block-impl.h"

bool
block_attempt_null(struct block_queue *q, struct block_req *req)
{
	(void)q;
	if (req->op == BLOCK_READ)
		for (int i = 0; i < req->n_iov; i++)
			memset(req->iov[i].iov_base, 0, req->iov[i].iov_len);
	req->done = req->bytes;
	return true;
}

bool
block_attempt_void(struct block_queue *q, struct block_req *req)
{
	(void)q;
	if (req->op != BLOCK_READ) /* which has transferred nothing */
		req->done = req->bytes;
	return true;
}
