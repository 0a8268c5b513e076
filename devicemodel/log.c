// SPDX-License-Identifier: BSD-3-Clause
/* Writes one line to stderr at a time, also from several threads. */
#include <stdio.h>

#include "log.h"

void
dm_complain(const char *line)
{
	(void)fprintf(stderr, "vbs-dm: %s\n", line); /* one write */
}

void
dm_log_line(void *arg, enum vbs_log_level level, const char *line)
{
	static const char *const before[] = {
		[VBS_LOG_ERROR] = "",
		[VBS_LOG_WARNING] = "warning: ",
		[VBS_LOG_INFO] = "",
		[VBS_LOG_DEBUG] = "debug: ",
	};
	struct dm_log *log = arg;

	if (level == VBS_LOG_ERROR)
		(void)atomic_fetch_add(&log->n_errors, 1);
	(void)fprintf(stderr, "vbs-dm: %s%s\n", before[level], line);
}
