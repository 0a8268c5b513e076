/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The bare limits of a machine: what its memory, its cores and its kernel take
 * for the things that a device is made of, with nothing around them.
 */
#ifndef BENCH_LIMITS_H
#define BENCH_LIMITS_H

#include "bench/bench.h"

#define LIMIT_BLOCK 4096u /* bytes of a copy, and of a read */

struct limit_rings;

struct limits {
	struct bench b;
	uint8_t *memory; /* for copies; the first bytes of it are hot */
	size_t memory_size;
	size_t at; /* where the last copy was */
	int event;
	int file;
	uint8_t *map; /* of all of the file */
	uint8_t *buffer;
	uint64_t random;
	struct limit_rings *rings; /* or NULL: no io_uring here */
};

/* Nanoseconds that n operations took. */
typedef uint64_t (*limit_fn)(struct limits *l, uint32_t n);

/* limit-file.c: one thread that reads blocks at random from a file in memory */
void limit_file_open(struct limits *l);
void limit_file_close(struct limits *l);
uint64_t limit_pread(struct limits *l, uint32_t n);
uint64_t limit_mmap(struct limits *l, uint32_t n);
uint64_t limit_uring_1(struct limits *l, uint32_t n);
uint64_t limit_uring_32(struct limits *l, uint32_t n);
uint64_t limit_uring_128(struct limits *l, uint32_t n);

/* limit-pair.c: round trips between two threads, on one core or on two */
uint64_t limit_line(struct limits *l, uint32_t n);
uint64_t limit_event_near(struct limits *l, uint32_t n);
uint64_t limit_event_far(struct limits *l, uint32_t n);
uint64_t limit_socket_near(struct limits *l, uint32_t n);
uint64_t limit_socket_far(struct limits *l, uint32_t n);
uint64_t limit_socket_busy(struct limits *l, uint32_t n);

#endif
