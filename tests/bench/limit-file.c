// SPDX-License-Identifier: BSD-3-Clause
/* Blocks at random from a file in shared memory, by three ways in. */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#ifdef HAVE_URING
#include <liburing.h>
#endif

#include "bench/limits.h"

#define FILE_BYTES (UINT64_C(256) << 20)
#define N_BLOCKS   (FILE_BYTES / LIMIT_BLOCK)
#define MAX_DEPTH  128

/* xorshift64 */
static uint64_t
random_offset(struct limits *l)
{
	l->random ^= l->random << 13;
	l->random ^= l->random >> 7;
	l->random ^= l->random << 17;
	return l->random % N_BLOCKS * LIMIT_BLOCK;
}

uint64_t
limit_pread(struct limits *l, uint32_t n)
{
	uint64_t start = bench_wall_ns();

	for (uint32_t i = 0; i < n; i++)
		if (pread(l->file, l->buffer, LIMIT_BLOCK,
			  (off_t)random_offset(l)) != LIMIT_BLOCK)
			bench_die("pread", -errno);
	return bench_wall_ns() - start;
}

uint64_t
limit_mmap(struct limits *l, uint32_t n)
{
	uint64_t start = bench_wall_ns();

	for (uint32_t i = 0; i < n; i++) {
		memcpy(l->buffer, l->map + random_offset(l), LIMIT_BLOCK);
		__asm__ volatile("" ::: "memory");
	}
	return bench_wall_ns() - start;
}

#ifdef HAVE_URING

struct limit_rings {
	struct io_uring ring;
};

static struct limit_rings *
rings_open(void)
{
	struct limit_rings *rings = calloc(1, sizeof(*rings));

	if (!rings)
		bench_die("io_uring", -ENOMEM);
	if (io_uring_queue_init(MAX_DEPTH, &rings->ring, 0) == 0)
		return rings;
	free(rings);
	return NULL;
}

static void
rings_close(struct limit_rings *rings)
{
	if (rings)
		io_uring_queue_exit(&rings->ring);
	free(rings);
}

/* One system call for depth reads. */
static void
uring_round(struct limits *l, unsigned int depth)
{
	struct io_uring *ring = &l->rings->ring;
	struct io_uring_cqe *cqe;
	unsigned int head, n = 0;

	for (unsigned int i = 0; i < depth; i++)
		io_uring_prep_read(io_uring_get_sqe(ring), l->file, l->buffer,
				   LIMIT_BLOCK, random_offset(l));
	(void)bench_must("io_uring", io_uring_submit_and_wait(ring, depth));
	io_uring_for_each_cqe(ring, head, cqe)
	{
		if (cqe->res != (int)LIMIT_BLOCK)
			bench_die("io_uring", -EIO);
		n++;
	}
	if (n != depth)
		bench_die("io_uring", -EIO);
	io_uring_cq_advance(ring, n);
}

#else

static struct limit_rings *
rings_open(void)
{
	return NULL;
}

static void
rings_close(struct limit_rings *rings)
{
}

static void
uring_round(struct limits *l, unsigned int depth)
{
}

#endif

/* Time for n, of which whole rounds are read. */
static uint64_t
uring_run(struct limits *l, unsigned int depth, uint32_t n)
{
	uint32_t rounds = (n + depth - 1) / depth;
	uint64_t start = bench_wall_ns();

	for (uint32_t i = 0; i < rounds; i++)
		uring_round(l, depth);
	return (bench_wall_ns() - start) * n / (rounds * depth);
}

uint64_t
limit_uring_1(struct limits *l, uint32_t n)
{
	return uring_run(l, 1, n);
}

uint64_t
limit_uring_32(struct limits *l, uint32_t n)
{
	return uring_run(l, 32, n);
}

uint64_t
limit_uring_128(struct limits *l, uint32_t n)
{
	return uring_run(l, MAX_DEPTH, n);
}

void
limit_file_open(struct limits *l)
{
	l->random = 88172645463325252u;
	l->buffer = aligned_alloc(LIMIT_BLOCK, LIMIT_BLOCK);
	l->file = memfd_create("bench-limits", MFD_CLOEXEC);
	if (!l->buffer || l->file < 0 || ftruncate(l->file, FILE_BYTES) < 0)
		bench_die("file", -errno);
	l->map = mmap(NULL, FILE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED,
		      l->file, 0);
	if (l->map == MAP_FAILED)
		bench_die("mmap", -errno);
	memset(l->map, 0x5a, FILE_BYTES);
	l->rings = rings_open();
}

void
limit_file_close(struct limits *l)
{
	rings_close(l->rings);
	(void)munmap(l->map, FILE_BYTES);
	(void)close(l->file);
	free(l->buffer);
}
