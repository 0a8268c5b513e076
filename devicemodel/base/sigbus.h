/* SPDX-License-Identifier: BSD-3-Clause */
/* Lives on when somebody cuts off a file that is mapped. */
#ifndef DM_SIGBUS_H
#define DM_SIGBUS_H

#include <stddef.h>

/*
 * From now on, memory whose file has been cut off is private zeroes instead of
 * a SIGBUS, page by page, as it is touched. In all threads. 0 or -errno.
 */
int dm_sigbus_survive(void);

/*
 * Call run(arg), which touches a mapping. 0; or -EIO if a page of that mapping
 * could not be had: then run() has stopped there, wherever it was, and the
 * mapping is what it was. After dm_sigbus_survive(). Not to be nested.
 */
int dm_sigbus_guard(const void *map, size_t bytes, void (*run)(void *arg),
		    void *arg);

#endif
