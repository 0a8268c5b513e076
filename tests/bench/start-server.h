/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Programs that serve disks on sockets in a folder of their own: started, and
 * looked at from outside. Whatever else fails ends the benchmark.
 */
#ifndef BENCH_START_SERVER_H
#define BENCH_START_SERVER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "bench/bed-device.h"
#include "bench/bench.h"

#define SERVER_MAX_DISKS 9

struct server_kind {
	const char *name;
	bool qemu;
	bool vfio_user;   /* or else vhost-user */
	const char *poll; /* one more option for vbs-dm, or NULL */
};

struct server {
	const struct server_kind *kind;
	pid_t pid;
	uint64_t start_ns; /* from fork to a socket that takes a connection */
	char dir[32];
	int n_disks;
	int n_open;
	struct bed_device device[SERVER_MAX_DISKS];
};

/*
 * Start it on the other CPU, with so many disks of one file; return when the
 * first of its sockets takes a connection. -ENOENT: there is no such program;
 * -EIO: it ended, having said why.
 */
int server_start(struct server *s, const struct server_kind *kind, int n_disks,
		 const char *file, const struct bench *cpus);
void server_end(struct server *s);

/* Be the driver of all its disks, whose rings then run. */
void server_attach(struct server *s, struct ring_bed *bed);

/* What of it is in memory, in KiB; guest memory is not counted. */
uint32_t server_memory(const struct server *s);

/* The CPU time that it has had. */
uint64_t server_cpu_ns(const struct server *s);

#endif
