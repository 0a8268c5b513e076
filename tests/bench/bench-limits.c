// SPDX-License-Identifier: BSD-3-Clause
/*
 * What nobody gets below on this machine: copies, a fence, a cache line that
 * two cores share, eventfds, system calls, wake-ups, a socket, and reads of a
 * file in memory. The samples take turns; the median counts. Wall-clock time.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bench/limits.h"

#define SAMPLE_NS       5000000
#define SAMPLE_NS_QUICK 2000000
#define FIRST_RUN       16
#define HOT_BYTES       (256u << 10)        /* more than L1, less than L2 */
#define COLD_BYTES      (UINT64_C(1) << 30) /* more than the last cache */

static uint64_t
copy(struct limits *l, size_t span, uint32_t n)
{
	size_t half = span / 2, at = l->at % half;
	uint64_t start = bench_wall_ns();

	for (uint32_t i = 0; i < n; i++) {
		memcpy(l->memory + half + at, l->memory + at, LIMIT_BLOCK);
		__asm__ volatile("" ::: "memory");
		at = at + LIMIT_BLOCK < half ? at + LIMIT_BLOCK : 0;
	}
	start = bench_wall_ns() - start;
	l->at = at;
	return start;
}

static uint64_t
copy_hot(struct limits *l, uint32_t n)
{
	(void)copy(l, HOT_BYTES, HOT_BYTES / LIMIT_BLOCK);
	return copy(l, HOT_BYTES, n);
}

static uint64_t
copy_cold(struct limits *l, uint32_t n)
{
	return copy(l, l->memory_size, n);
}

static uint64_t
store_and_fence(struct limits *l, uint32_t n)
{
	uint64_t start = bench_wall_ns();

	for (uint32_t i = 0; i < n; i++) {
		__atomic_store_n(l->memory, (uint8_t)i, __ATOMIC_RELAXED);
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
	}
	return bench_wall_ns() - start;
}

static uint64_t
empty_call(struct limits *l, uint32_t n)
{
	uint64_t start = bench_wall_ns();

	for (uint32_t i = 0; i < n; i++)
		(void)syscall(SYS_getppid);
	return bench_wall_ns() - start;
}

static uint64_t
event_write(struct limits *l, uint32_t n)
{
	uint64_t start = bench_wall_ns();

	for (uint32_t i = 0; i < n; i++)
		(void)eventfd_write(l->event, 1);
	return bench_wall_ns() - start;
}

/* As who must not block on an eventfd that somebody else has filled. */
static uint64_t
event_poll_write(struct limits *l, uint32_t n)
{
	struct pollfd p = { .fd = l->event, .events = POLLOUT };
	uint64_t start = bench_wall_ns();

	for (uint32_t i = 0; i < n; i++) {
		(void)poll(&p, 1, 0);
		(void)eventfd_write(l->event, 1);
	}
	return bench_wall_ns() - start;
}

static uint64_t
event_write_read(struct limits *l, uint32_t n)
{
	uint64_t start = bench_wall_ns();
	eventfd_t value;

	for (uint32_t i = 0; i < n; i++) {
		(void)eventfd_write(l->event, 1);
		(void)eventfd_read(l->event, &value);
	}
	return bench_wall_ns() - start;
}

static const struct limit {
	const char *name;
	limit_fn run;
	enum { ONE_CORE, TWO_CORES, URING } needs;
	enum { RATE, BYTES } unit; /* what it makes in a second */
} limits[] = {
	{ "memcpy 4 KiB, in L2", copy_hot, ONE_CORE, BYTES },
	{ "memcpy 4 KiB, in DRAM", copy_cold, ONE_CORE, BYTES },
	{ "store and full fence", store_and_fence, ONE_CORE, RATE },
	{ "cache line to another core and back", limit_line, TWO_CORES, RATE },
	{ "empty system call", empty_call, ONE_CORE, RATE },
	{ "eventfd write, nobody waits", event_write, ONE_CORE, RATE },
	{ "poll, then eventfd write", event_poll_write, ONE_CORE, RATE },
	{ "eventfd write and read", event_write_read, ONE_CORE, RATE },
	{ "eventfd wake-up and back, one core", limit_event_near, ONE_CORE,
	  RATE },
	{ "eventfd wake-up and back, two cores", limit_event_far, TWO_CORES,
	  RATE },
	{ "socket ping-pong 48 B, one core", limit_socket_near, ONE_CORE,
	  RATE },
	{ "socket ping-pong 48 B, two cores", limit_socket_far, TWO_CORES,
	  RATE },
	{ "socket ping-pong 48 B, both spin", limit_socket_busy, TWO_CORES,
	  RATE },
	{ "pread 4 KiB, in memory", limit_pread, ONE_CORE, RATE },
	{ "mmap and memcpy 4 KiB, same file", limit_mmap, ONE_CORE, RATE },
	{ "io_uring read 4 KiB, depth 1", limit_uring_1, URING, RATE },
	{ "io_uring read 4 KiB, depth 32", limit_uring_32, URING, RATE },
	{ "io_uring read 4 KiB, depth 128", limit_uring_128, URING, RATE },
};
#define N_LIMITS ((int)(sizeof(limits) / sizeof(limits[0])))

struct row {
	bool here; /* this machine has what it takes */
	uint32_t n;
	struct bench_cell ns; /* an operation */
};

/* A quarter of the machine's memory at most. */
static void
memory_open(struct limits *l)
{
	uint64_t all = (uint64_t)sysconf(_SC_PHYS_PAGES) *
		       (uint64_t)sysconf(_SC_PAGESIZE);

	l->memory_size = COLD_BYTES;
	if (l->memory_size > all / 4)
		l->memory_size = all / 4 / HOT_BYTES * HOT_BYTES;
	l->memory = mmap(NULL, l->memory_size, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (l->memory == MAP_FAILED)
		bench_die("memory", -errno);
	(void)madvise(l->memory, l->memory_size, MADV_HUGEPAGE);
	memset(l->memory, 0x5a, l->memory_size);
}

static void
find_rows(const struct limits *l, struct row *rows)
{
	bool two = l->b.cpu != l->b.other_cpu;

	for (int i = 0; i < N_LIMITS; i++) {
		rows[i].here =
			limits[i].needs == ONE_CORE ||
			(limits[i].needs == TWO_CORES ? two : l->rings != 0);
		if (!rows[i].here)
			(void)printf("skipped: %s: this machine has no %s\n",
				     limits[i].name,
				     limits[i].needs == URING ? "io_uring"
							      : "second core");
	}
}

/* How many make a sample as long as it should be. */
static uint32_t
size_sample(struct limits *l, limit_fn run)
{
	uint64_t wanted = l->b.quick ? SAMPLE_NS_QUICK : SAMPLE_NS, ns = 1;
	uint32_t n = FIRST_RUN;

	while ((ns = run(l, n)) < wanted / 8 && n < UINT32_MAX / 2)
		n *= 2;
	return (uint32_t)((double)n * (double)wanted / (double)ns) + 1;
}

static void
measure(struct limits *l, struct row *rows)
{
	for (int s = -1; s < l->b.samples; s++)
		for (int i = 0; i < N_LIMITS; i++) {
			struct row *row = &rows[i];

			if (row->here && s < 0)
				row->n = size_sample(l, limits[i].run);
			else if (row->here)
				bench_sample(&row->ns,
					     (double)limits[i].run(l, row->n) /
						     row->n);
		}
}

static void
print_row(const struct limit *limit, const struct row *row)
{
	double ns = bench_median(&row->ns);

	(void)printf("| %s | %.*f |", limit->name, ns < 1000 ? 1 : 0, ns);
	if (limit->unit == BYTES)
		(void)printf(" %.1f GB |\n", LIMIT_BLOCK / ns);
	else if (ns < 1000)
		(void)printf(" %.3g M |\n", 1e3 / ns);
	else
		(void)printf(" %.3g k |\n", 1e6 / ns);
}

static void
report_rows(struct limits *l, const struct row *rows)
{
	(void)printf("Bare limits of this machine\n\n"
		     "| what | ns | in a second |\n|---|---:|---:|\n");
	for (int i = 0; i < N_LIMITS; i++) {
		if (!rows[i].here)
			continue;
		print_row(&limits[i], &rows[i]);
		bench_add(&l->b,
			  json_pack("{s:s, s:o}", "limit", limits[i].name, "ns",
				    bench_cell_json(&rows[i].ns)));
	}
}

int
main(int argc, char **argv)
{
	static struct row rows[N_LIMITS];
	struct limits l = { .event = -1 };
	int status;

	if (!bench_init(&l.b, "limits", argc, argv, &status))
		return status;
	bench_banner(&l.b);
	l.event = bench_must("eventfd", eventfd(0, EFD_CLOEXEC));
	memory_open(&l);
	limit_file_open(&l);
	find_rows(&l, rows);
	measure(&l, rows);
	report_rows(&l, rows);
	limit_file_close(&l);
	(void)munmap(l.memory, l.memory_size);
	(void)close(l.event);
	return bench_finish(&l.b);
}
