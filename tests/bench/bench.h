/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the benchmarks share: options, clocks, medians, and a report that says
 * on which machine it was made. One thread.
 */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#define BENCH_MAX_SAMPLES 64

struct bench {
	const char *name;
	const char *json_path; /* or NULL */
	bool quick;
	bool count;     /* for callgrind: fixed work, no clock */
	bool realtime;  /* run at SCHED_FIFO 10 */
	int cpu;        /* the one to measure on */
	int other_cpu;  /* another one, or the same if there is no other */
	int samples;    /* per cell */
	json_t *report; /* "results" is an array */
};

/*
 * Parse the options, pin this thread to a CPU, start the report. false: exit
 * with *status.
 */
bool bench_init(struct bench *b, const char *name, int argc, char **argv,
		int *status);

/* Print where this runs; one line each. Not when counting. */
void bench_banner(const struct bench *b);

/* Add one result (the reference is taken), and write the report. */
void bench_add(struct bench *b, json_t *result);
int bench_finish(struct bench *b);

/* Pin the calling thread. */
void bench_pin(int cpu);

/*
 * A thread that never runs anywhere else, not even at first: at a real-time
 * priority it would wait there for us, and we for it.
 */
pthread_t bench_thread(int cpu, void *(*run)(void *), void *arg);
/* To both CPUs of a benchmark, wherever there is room. */
void bench_pin_both(const struct bench *b);
/* With --realtime: before the programs that were started up to now. */
void bench_go_first(const struct bench *b);

/* Nanoseconds that this thread, this process, or the world has spent. */
uint64_t bench_thread_ns(void);
uint64_t bench_process_ns(void);
uint64_t bench_wall_ns(void);

/* Samples of one cell. */
struct bench_cell {
	double v[BENCH_MAX_SAMPLES];
	int n;
};

void bench_sample(struct bench_cell *cell, double v);
double bench_median(const struct bench_cell *cell);
/* {"median": x, "min": x, "max": x, "samples": n} */
json_t *bench_cell_json(const struct bench_cell *cell);

/* Say what went wrong and exit: a benchmark has nothing to go on with. */
void bench_die(const char *what, int rc) __attribute__((noreturn));

/* The same unless rc is 0 or more. */
static inline int
bench_must(const char *what, int rc)
{
	if (rc < 0)
		bench_die(what, rc);
	return rc;
}

#endif
