// SPDX-License-Identifier: BSD-3-Clause
/* One line of log: formatted, cut to size, handed on. */
#include <stdio.h>

#include "base/log.h"

static const char *const level_names[] = {
	[VBS_LOG_ERROR] = "error",
	[VBS_LOG_WARNING] = "warning",
	[VBS_LOG_INFO] = "info",
	[VBS_LOG_DEBUG] = "debug",
};

void
logger_write(const struct logger *log, enum vbs_log_level level,
	     const char *fmt, va_list ap)
{
	char line[LOG_LINE_SIZE];

	if (level > log->level)
		return;
	(void)vsnprintf(line, sizeof(line), fmt, ap);
	if (log->fn)
		log->fn(log->arg, level, line);
	else
		(void)fprintf(stderr, "libvbs: %s: %s\n", level_names[level],
			      line);
}
