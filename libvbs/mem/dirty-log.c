// SPDX-License-Identifier: BSD-3-Clause
/* The log of pages that have been written (vhost-user, "Migration"). */
#include "mem/dirty-log.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

int
dirty_log_new(int fd, uint64_t offset, uint64_t bytes, struct dirty_log **out)
{
	/* A log may begin anywhere, what is mapped only with a page. */
	uint64_t skip = offset % (uint64_t)sysconf(_SC_PAGESIZE);
	struct dirty_log *log;
	int rc;

	if (bytes == 0 || bytes > UINT64_MAX - skip)
		return -EINVAL;
	log = calloc(1, sizeof(*log));
	if (!log)
		return -ENOMEM;
	rc = file_map(&log->map, fd, offset - skip, bytes + skip, true);
	if (rc < 0) {
		free(log);
		return rc;
	}
	log->refs = 1;
	log->bits = log->map.at + skip;
	/* More than 2^61 bytes cannot be in a file. */
	log->n_pages = bytes * 8;
	*out = log;
	return 0;
}

struct dirty_log *
dirty_log_ref(struct dirty_log *log)
{
	if (log)
		__atomic_fetch_add(&log->refs, 1, __ATOMIC_RELAXED);
	return log;
}

void
dirty_log_unref(struct dirty_log *log)
{
	if (!log || __atomic_sub_fetch(&log->refs, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	file_unmap(&log->map);
	free(log);
}

/*
 * Each store is also the barrier between the data before and whoever reads the
 * bit. Bytes of which all bits are set need no more than that.
 */
static void
mark_bits(struct dirty_log *log, uint64_t page, uint64_t last)
{
	uint8_t head = (uint8_t)(0xffu << page % 8);
	uint8_t tail = (uint8_t)(0xffu >> (7 - last % 8));
	uint8_t *byte = &log->bits[page / 8], *end = &log->bits[last / 8];

	if (byte == end)
		tail &= head;
	else
		__atomic_fetch_or(byte, head, __ATOMIC_SEQ_CST);
	while (byte != end && ++byte != end)
		__atomic_store_n(byte, 0xff, __ATOMIC_RELEASE);
	__atomic_fetch_or(end, tail, __ATOMIC_SEQ_CST);
}

void
dirty_log_mark(struct dirty_log *log, uint64_t gpa, uint64_t len)
{
	uint64_t page = gpa / DIRTY_LOG_PAGE, last;

	if (len == 0 || page >= log->n_pages)
		return;
	last = len - 1 > UINT64_MAX - gpa ? UINT64_MAX : gpa + (len - 1);
	last /= DIRTY_LOG_PAGE;
	if (last >= log->n_pages)
		last = log->n_pages - 1;
	mark_bits(log, page, last);
}

void
dirty_log_mark_buffer(struct dirty_log *log, uint64_t gpa, uint32_t len,
		      uint64_t *room)
{
	if (len <= *room) {
		*room -= len;
		dirty_log_mark(log, gpa, len);
		return;
	}
	*room = 0;
	dirty_log_mark(log, gpa + (len - 1), 1);
}
