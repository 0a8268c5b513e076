// SPDX-License-Identifier: BSD-3-Clause
/*
 * How fast a disk is, as a guest sees it: O_DIRECT requests of one size from
 * several threads for some seconds. Prints "REQUESTS/S MIB/S".
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MAX_THREADS 64

struct worker {
	pthread_t thread;
	int fd;
	bool is_write;
	bool is_random;
	size_t block;
	uint64_t n_blocks;
	uint64_t next;
	uint64_t n_done;
	double until;
	int error;
};

static double
now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static uint64_t
block_next(struct worker *w)
{
	if (w->is_random) {
		w->next ^= w->next << 13;
		w->next ^= w->next >> 7;
		w->next ^= w->next << 17;
		return w->next % w->n_blocks;
	}
	return w->next++ % w->n_blocks;
}

static void *
worker_run(void *arg)
{
	struct worker *w = arg;
	void *buf;
	ssize_t n;
	off_t at;

	if (posix_memalign(&buf, 4096, w->block)) {
		w->error = ENOMEM;
		return NULL;
	}
	memset(buf, 0x5a, w->block);
	while (!w->error && now() < w->until) {
		at = (off_t)(block_next(w) * w->block);
		n = w->is_write ? pwrite(w->fd, buf, w->block, at)
				: pread(w->fd, buf, w->block, at);
		if (n != (ssize_t)w->block)
			w->error = n < 0 ? errno : EIO;
		else
			w->n_done++;
	}
	free(buf);
	return NULL;
}

static int
bench(struct worker *model, unsigned int n_threads, double seconds)
{
	static struct worker workers[MAX_THREADS];
	double start = now(), took;
	uint64_t n_done = 0;
	int error = 0;

	model->until = start + seconds;
	for (unsigned int i = 0; i < n_threads; i++) {
		workers[i] = *model;
		workers[i].next = 1 + i * (model->n_blocks / n_threads);
		if (pthread_create(&workers[i].thread, NULL, worker_run,
				   &workers[i]))
			return -EAGAIN;
	}
	for (unsigned int i = 0; i < n_threads; i++) {
		pthread_join(workers[i].thread, NULL);
		n_done += workers[i].n_done;
		error = workers[i].error ? workers[i].error : error;
	}
	took = now() - start;
	printf("%.0f %.1f\n", (double)n_done / took,
	       (double)n_done * (double)model->block / took / 1048576);
	return -error;
}

int
main(int argc, char **argv)
{
	struct worker model = { 0 };
	unsigned int n_threads;
	int rc;

	if (argc != 6) {
		fprintf(stderr, "usage: disk-bench DISK "
				"read|write|randread|randwrite "
				"BLOCK THREADS SECONDS\n");
		return 2;
	}
	model.is_random = !strncmp(argv[2], "rand", 4);
	model.is_write = !!strstr(argv[2], "write");
	model.block = (size_t)atol(argv[3]);
	n_threads = (unsigned int)atoi(argv[4]);
	model.fd = open(argv[1], (model.is_write ? O_RDWR : O_RDONLY) |
					 O_DIRECT | O_CLOEXEC);
	if (model.fd < 0 || model.block < 512 || n_threads < 1 ||
	    n_threads > MAX_THREADS) {
		fprintf(stderr, "disk-bench: %s\n", strerror(errno));
		return 1;
	}
	model.n_blocks = (uint64_t)lseek(model.fd, 0, SEEK_END) / model.block;
	if (model.n_blocks < n_threads)
		return 1;
	rc = bench(&model, n_threads, atof(argv[5]));
	if (rc)
		fprintf(stderr, "disk-bench: %s\n", strerror(-rc));
	return rc ? 1 : 0;
}
