// SPDX-License-Identifier: BSD-3-Clause
/*
 * What can be done at once, in the thread that serves the queue: a request that
 * would have to wait is left to the engine. For data in the page cache a plain
 * system call is the shortest way.
 */
#include <errno.h>

#include "backend/block-impl.h"

#ifndef RWF_NOWAIT
#define RWF_NOWAIT 0x8
#endif

/* What is longer would hold up the others. */
#define ATTEMPT_BYTES_MAX (256u << 10)

/* So many misses in a row are chance; */
#define MISSES_FREE 4
/* from then on, each doubles the requests that go without, up to 256. */
#define SKIP_BITS 8

static bool
is_transfer(const struct block_req *req)
{
	return (req->op == BLOCK_READ || req->op == BLOCK_WRITE) &&
	       req->bytes <= ATTEMPT_BYTES_MAX;
}

/* How far one system call gets. True if that is all the way. */
static bool
move_on(struct block_queue *q, struct block_req *req, int flags, ssize_t *rc)
{
	*rc = block_transfer(q, req, flags);
	if (*rc > 0 && (uint64_t)*rc <= req->bytes)
		block_advance(req, (size_t)*rc);
	return req->done == req->bytes;
}

/* tmpfs and its like: there is nothing to wait for. */
bool
block_attempt_memory(struct block_queue *q, struct block_req *req)
{
	ssize_t rc;

	if (req->op == BLOCK_FLUSH)
		return true;
	if (!is_transfer(req))
		return false;
	if (!move_on(q, req, 0, &rc))
		req->rc = block_perform(q->block, req, NULL);
	return true;
}

static void
note_miss(struct block_luck *luck, ssize_t rc)
{
	if (rc == -EOPNOTSUPP || rc == -EINVAL)
		luck->never = true;
	else if (luck->missed < MISSES_FREE + SKIP_BITS)
		luck->missed++;
	if (luck->missed > MISSES_FREE)
		luck->skip = 1u << (luck->missed - MISSES_FREE);
}

/*
 * With RWF_NOWAIT, which gives what is in the page cache, or takes what has
 * room there. Where that fails time and again it is tried now and then only: it
 * costs a system call.
 */
bool
block_attempt_cached(struct block_queue *q, struct block_req *req)
{
	struct block_luck *luck = &q->luck[req->op == BLOCK_WRITE];
	ssize_t rc;

	if (!is_transfer(req) || (req->op == BLOCK_WRITE && req->stable) ||
	    luck->never)
		return false;
	if (luck->skip > 0) {
		luck->skip--;
		return false;
	}
	if (move_on(q, req, RWF_NOWAIT, &rc)) {
		luck->missed = 0;
		return true;
	}
	note_miss(luck, rc); /* the engine finds out what it is */
	return false;
}
