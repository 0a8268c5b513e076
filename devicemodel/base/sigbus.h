/* SPDX-License-Identifier: BSD-3-Clause */
/* Lives on when a front end cuts off the file behind guest memory. */
#ifndef DM_SIGBUS_H
#define DM_SIGBUS_H

/*
 * From now on, memory whose file has been cut off is private zeroes instead of
 * a SIGBUS, page by page, as it is touched. In all threads. 0 or -errno.
 */
int dm_sigbus_survive(void);

#endif
