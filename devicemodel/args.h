/* SPDX-License-Identifier: BSD-3-Clause */
/* The command line of vbs-dm. */
#ifndef DM_ARGS_H
#define DM_ARGS_H

#include <stdint.h>

#include <vbs/log.h>

#include "base/error.h"
#include "slots.h"

enum dm_action {
	DM_RUN,
	DM_HELP, /* of the program, or of topic */
	DM_LIST, /* the devices */
	DM_VERSION,
	DM_FRONTEND, /* print what a front end needs */
};

/* Subsystem vendor: the host's own. */
#define DM_SUBVENDOR_HOST UINT32_MAX

struct dm_args {
	enum dm_action action;
	const char *topic;
	const char *socket_dir, *socket_path;
	int fd; /* -1 for none */
	uint32_t poll_us;
	uint32_t subvendor; /* or DM_SUBVENDOR_HOST */
	enum vbs_log_level level;
	struct dm_slots slots;
};

/* 0, or -EINVAL; also what loading a device has met. */
int dm_args_parse(struct dm_args *args, int argc, char **argv,
		  struct dm_error *err);
void dm_args_free(struct dm_args *args);

#endif
