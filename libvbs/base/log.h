/* SPDX-License-Identifier: BSD-3-Clause */
/* Where the lines of one VM go. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdarg.h>

#include <vbs/log.h>

#define LOG_LINE_SIZE 512

struct logger {
	vbs_log_fn fn; /* NULL: stderr */
	void *arg;
	enum vbs_log_level level;
};

void logger_write(const struct logger *log, enum vbs_log_level level,
		  const char *fmt, va_list ap)
	__attribute__((format(printf, 3, 0)));

#endif
