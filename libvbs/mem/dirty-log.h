/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A dirty log: one bit for each page of guest memory, shared with whoever
 * copies that memory while the guest runs. A bit is set after the page has been
 * written, and before the guest is told.
 */
#ifndef MEM_DIRTY_LOG_H
#define MEM_DIRTY_LOG_H

#include <stdint.h>

#include "mem/file-map.h"

#define DIRTY_LOG_PAGE 4096

struct dirty_log {
	unsigned int refs; /* atomic */
	uint8_t *bits;     /* page n: bit n % 8 of byte n / 8 */
	uint64_t n_pages;
	struct file_map map; /* goes with the last reference */
};

/*
 * Map the bits, at [offset, offset + bytes) of a file; the descriptor stays
 * the caller's. The caller holds the one reference. 0, -EINVAL: nothing, or
 * not inside the file; or another negative errno.
 */
int dirty_log_new(int fd, uint64_t offset, uint64_t bytes,
		  struct dirty_log **out);
/* NULL does nothing, and returns NULL. */
struct dirty_log *dirty_log_ref(struct dirty_log *log);
void dirty_log_unref(struct dirty_log *log);

/* The pages of [gpa, gpa + len) have been written. What has no bit is lost. */
void dirty_log_mark(struct dirty_log *log, uint64_t gpa, uint64_t len);

/*
 * The same for the buffers of a chain, one after the other, with room for what
 * a chain can have; whoever makes a longer one could keep us busy for long. It
 * has been refused: of what does not fit, only the last byte was written.
 */
#define DIRTY_LOG_CHAIN UINT32_MAX
void dirty_log_mark_buffer(struct dirty_log *log, uint64_t gpa, uint32_t len,
			   uint64_t *room);

#endif
