/* SPDX-License-Identifier: BSD-3-Clause */
/* Messages of vbs-dm and of its devices, to stderr. */
#ifndef DM_LOG_H
#define DM_LOG_H

#include <stdatomic.h>

#include <vbs/log.h>

struct dm_log {
	atomic_uint n_errors; /* that a device has told of */
};

/* A vbs_log_fn; arg is a struct dm_log. */
void dm_log_line(void *arg, enum vbs_log_level level, const char *line);

/* Tell a person what went wrong: one line. */
void dm_complain(const char *line);

#endif
