/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vbs-dm as a child process, in a directory of its own with a disk image. What
 * fails here fails the test.
 */
#ifndef HOST_PROGRAM_H
#define HOST_PROGRAM_H

#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>

#define PROGRAM_MAX_ARGS 24
#define PROGRAM_FD       9 /* what a descriptor that goes along becomes */

struct program {
	pid_t pid; /* 0: does not run */
	FILE *out;
};

/* What a process holds. */
struct program_use {
	int fds;
	int maps;
	int threads;
	long rss_kb;
};

/*
 * Make a new directory, in TMPDIR if that is set, and go there; remove it,
 * which has to be empty. VBS_DM names another program than the one that was
 * built.
 */
void program_enter(void);
void program_leave(void);

/*
 * Start vbs-dm; returns when it has printed n lines. fd, unless it is -1,
 * becomes PROGRAM_FD. The last of the arguments is NULL.
 */
void program_start(struct program *p, const char *const *args, int n, int fd);

/* The same; prepare(arg) is called in the child, as the last thing. */
void program_start_as(struct program *p, const char *const *args, int n,
		      void (*prepare)(void *arg), void *arg);

/* Wait for an end with exit status 0. */
void program_wait(struct program *p);

/* Send a signal, and wait for an end with exit status 0. */
void program_end(struct program *p, int sig);

/* SIGKILL, and wait. One that does not run is left alone. */
void program_kill(struct program *p);

void program_use(const struct program *p, struct program_use *use);

/* The value of VBS_ROUNDS, or a number that keeps "make check" quick. */
unsigned int program_rounds(unsigned int quick);

#endif
