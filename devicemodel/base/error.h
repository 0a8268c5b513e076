/* SPDX-License-Identifier: BSD-3-Clause */
/* One line that tells a person what went wrong, where, why and what to do. */
#ifndef DM_ERROR_H
#define DM_ERROR_H

#include <stdarg.h>
#include <stdio.h>

struct dm_error {
	char text[512];
};

/* Write the line and return rc, so that a caller can `return dm_fail(...)`. */
static inline int __attribute__((format(printf, 3, 4)))
dm_fail(struct dm_error *err, int rc, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
	return rc;
}

#endif
