/* SPDX-License-Identifier: BSD-3-Clause */
/* The command line of vbs-dm. */
#ifndef DM_ARGS_H
#define DM_ARGS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <vbs/log.h>

#include "base/error.h"
#include "host.h"
#include "slots.h"
#include "socket.h"

enum dm_action {
	DM_RUN,
	DM_HELP, /* of the program, or of topic */
	DM_LIST, /* the devices */
	DM_VERSION,
	DM_FRONTEND,     /* print what a front end needs */
	DM_CAPABILITIES, /* print what the device can do */
};

/* Subsystem vendor: the host's own. */
#define DM_SUBVENDOR_HOST UINT32_MAX
/* Longer than a driver takes for its next request, if it is busy. */
#define DM_POLL_US 32

struct dm_args {
	enum dm_action action;
	const char *topic;
	const struct dm_host *host;
	const char *frontend;
	const char *socket_dir, *socket_path;
	struct dm_socket_access access;
	unsigned int n_activated;      /* sockets that LISTEN_FDS hands over */
	int fd, ready_fd, lifeline_fd; /* -1 for none */
	bool client;                   /* connect, rather than listen */
	bool once;                     /* end when the front ends have gone */
	bool only;                     /* one device, without -s */
	const char *blk_file;
	bool read_only;
	uint32_t poll_us;
	bool doorbell_page;
	uint32_t subvendor; /* or DM_SUBVENDOR_HOST */
	enum vbs_log_level level;
	struct dm_slots slots;
};

/*
 * n_activated is the number of sockets that the environment has for us. 0, or
 * -EINVAL; also what loading a device has met.
 */
int dm_args_parse(struct dm_args *args, int argc, char **argv,
		  unsigned int n_activated, struct dm_error *err);
void dm_args_free(struct dm_args *args);

/* Write a line of the help for each option. */
void dm_args_help(FILE *out);

#endif
