// SPDX-License-Identifier: BSD-3-Clause
/*
 * Random verified writes to a whole disk, several threads at once.
 *
 * Each sector says which one it is and how often it was written; so a
 * write that was lost, torn or sent to another place is seen by the next read
 * of it. Every thread has sectors of its own, spread over all of the disk.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SECTOR      512
#define STRIPE      64 /* sectors that one thread has in a row */
#define MAX_THREADS 16

struct worker {
	pthread_t thread;
	int fd;
	unsigned int index;
	unsigned int n_threads;
	unsigned int n_ops;
	uint64_t n_stripes; /* of this thread */
	uint32_t *generation;
	uint64_t random;
	uint8_t *buf;
	const char *error;
	uint64_t error_sector;
};

static uint64_t
random_next(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static void
pattern_fill(uint8_t *p, uint64_t sector, uint32_t generation)
{
	uint64_t state = (sector + 1) * 0x9e3779b97f4a7c15u + generation;
	uint64_t words[SECTOR / 8] = { sector, generation };

	for (size_t i = 2; i < SECTOR / 8; i++)
		words[i] = random_next(&state);
	memcpy(p, words, SECTOR);
}

/* The first sector of the worker's stripe n on the disk. */
static uint64_t
stripe_sector(const struct worker *w, uint64_t n)
{
	return (n * w->n_threads + w->index) * STRIPE;
}

static int
worker_fail(struct worker *w, const char *what, uint64_t sector)
{
	w->error = what;
	w->error_sector = sector;
	return -1;
}

static int
range_write(struct worker *w, uint64_t stripe, unsigned int first,
	    unsigned int n)
{
	uint64_t sector = stripe_sector(w, stripe) + first;
	ssize_t len = (ssize_t)n * SECTOR;

	for (unsigned int i = 0; i < n; i++)
		pattern_fill(w->buf + (size_t)i * SECTOR, sector + i,
			     ++w->generation[stripe * STRIPE + first + i]);
	if (pwrite(w->fd, w->buf, (size_t)len, (off_t)(sector * SECTOR)) != len)
		return worker_fail(w, "write failed", sector);
	return 0;
}

static int
range_verify(struct worker *w, uint64_t stripe, unsigned int first,
	     unsigned int n)
{
	uint64_t sector = stripe_sector(w, stripe) + first;
	ssize_t len = (ssize_t)n * SECTOR;
	uint8_t want[SECTOR];
	uint32_t generation;

	memset(w->buf, 0xee, (size_t)len);
	if (pread(w->fd, w->buf, (size_t)len, (off_t)(sector * SECTOR)) != len)
		return worker_fail(w, "read failed", sector);
	for (unsigned int i = 0; i < n; i++) {
		generation = w->generation[stripe * STRIPE + first + i];
		if (generation == 0)
			continue;
		pattern_fill(want, sector + i, generation);
		if (memcmp(want, w->buf + (size_t)i * SECTOR, SECTOR))
			return worker_fail(w, "wrong data", sector + i);
	}
	return 0;
}

static void *
worker_run(void *arg)
{
	struct worker *w = arg;
	uint64_t stripe;
	unsigned int first, n;
	int rc = 0;

	for (unsigned int i = 0; i < w->n_ops && !rc; i++) {
		stripe = random_next(&w->random) % w->n_stripes;
		first = (unsigned int)(random_next(&w->random) % STRIPE);
		n = 1 +
		    (unsigned int)(random_next(&w->random) % (STRIPE - first));
		rc = random_next(&w->random) % 3
			     ? range_write(w, stripe, first, n)
			     : range_verify(w, stripe, first, n);
	}
	if (!rc && fsync(w->fd))
		rc = worker_fail(w, "flush failed", 0);
	for (uint64_t s = 0; s < w->n_stripes && !rc; s++)
		rc = range_verify(w, s, 0, STRIPE);
	return NULL;
}

static int
worker_init(struct worker *w, const char *disk)
{
	w->fd = open(disk, O_RDWR | O_DIRECT | O_CLOEXEC);
	if (w->fd < 0)
		return -errno;
	w->n_stripes = (uint64_t)lseek(w->fd, 0, SEEK_END) / SECTOR / STRIPE /
		       w->n_threads;
	if (w->n_stripes == 0)
		return -EINVAL;
	w->generation = calloc(w->n_stripes * STRIPE, sizeof(*w->generation));
	if (!w->generation ||
	    posix_memalign((void **)&w->buf, 4096, (size_t)STRIPE * SECTOR))
		return -ENOMEM;
	w->random = 88172645463325252u + w->index;
	return 0;
}

int
main(int argc, char **argv)
{
	static struct worker workers[MAX_THREADS];
	unsigned int n_threads = argc > 2 ? (unsigned int)atoi(argv[2]) : 0;
	unsigned int n_ops = argc > 3 ? (unsigned int)atoi(argv[3]) : 0;
	int rc, status = 0;

	if (n_threads < 1 || n_threads > MAX_THREADS || n_ops < 1) {
		fprintf(stderr, "usage: disk-verify DISK THREADS WRITES\n");
		return 2;
	}
	for (unsigned int i = 0; i < n_threads; i++) {
		struct worker *w = &workers[i];

		w->index = i;
		w->n_threads = n_threads;
		w->n_ops = n_ops;
		rc = worker_init(w, argv[1]);
		if (rc) {
			fprintf(stderr, "%s: %s\n", argv[1], strerror(-rc));
			return 1;
		}
	}
	for (unsigned int i = 0; i < n_threads; i++)
		if (pthread_create(&workers[i].thread, NULL, worker_run,
				   &workers[i]))
			return 1;
	for (unsigned int i = 0; i < n_threads; i++) {
		pthread_join(workers[i].thread, NULL);
		if (!workers[i].error)
			continue;
		printf("%s at sector %llu\n", workers[i].error,
		       (unsigned long long)workers[i].error_sector);
		status = 1;
	}
	return status;
}
