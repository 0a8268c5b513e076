// SPDX-License-Identifier: BSD-3-Clause
/* Options, clocks, medians, the report. */
#include "bench/bench.h"

#include <errno.h>
#include <getopt.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#define SAMPLES       21
#define SAMPLES_QUICK 11
#define FIFO_PRIORITY 10

#ifdef __clang__
#define COMPILER __VERSION__
#else
#define COMPILER "gcc " __VERSION__
#endif

void
bench_die(const char *what, int rc)
{
	(void)fprintf(stderr, "%s: %s\n", what, strerror(-rc));
	exit(EXIT_FAILURE);
}

static uint64_t
clock_ns(clockid_t id)
{
	struct timespec ts;

	(void)clock_gettime(id, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

uint64_t
bench_thread_ns(void)
{
	return clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

uint64_t
bench_process_ns(void)
{
	return clock_ns(CLOCK_PROCESS_CPUTIME_ID);
}

uint64_t
bench_wall_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

void
bench_pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET((size_t)cpu, &set);
	(void)pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
}

pthread_t
bench_thread(int cpu, void *(*run)(void *), void *arg)
{
	pthread_attr_t attr;
	pthread_t thread;
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET((size_t)cpu, &set);
	(void)pthread_attr_init(&attr);
	(void)pthread_attr_setaffinity_np(&attr, sizeof(set), &set);
	(void)bench_must("thread", -pthread_create(&thread, &attr, run, arg));
	(void)pthread_attr_destroy(&attr);
	return thread;
}

void
bench_pin_both(const struct bench *b)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET((size_t)b->cpu, &set);
	CPU_SET((size_t)b->other_cpu, &set);
	(void)pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
}

/* The last CPU that we may run on, and another one if there is one. */
static void
pick_cpus(struct bench *b)
{
	cpu_set_t set;
	int n = 0;

	if (sched_getaffinity(0, sizeof(set), &set) < 0)
		return;
	for (int i = 0; i < CPU_SETSIZE; i++) {
		if (!CPU_ISSET((size_t)i, &set))
			continue;
		b->other_cpu = n++ ? b->cpu : i;
		b->cpu = i;
	}
}

static void
go_realtime(int priority)
{
	struct sched_param param = { .sched_priority = priority };

	if (sched_setscheduler(0, SCHED_FIFO, &param) < 0)
		(void)fprintf(stderr, "no real-time priority: %s\n",
			      strerror(errno));
}

static void
usage(const char *name)
{
	(void)printf("usage: bench-%s [--quick] [--json FILE] [--realtime]\n"
		     "  --quick      fewer and shorter samples\n"
		     "  --json FILE  write the results there as well\n"
		     "  --realtime   at SCHED_FIFO %d; where others work too\n"
		     "  --count      bench-ring: instructions, for callgrind\n",
		     name, FIFO_PRIORITY);
}

/* The first "model name" of /proc/cpuinfo, or the machine's architecture. */
static void
read_model(char *model, size_t size, const struct utsname *uts)
{
	FILE *f = fopen("/proc/cpuinfo", "re");
	char line[256];
	bool found = false;

	(void)snprintf(model, size, "%s", uts->machine);
	while (f && !found && fgets(line, sizeof(line), f)) {
		char *text = strstr(line, ": ");

		found = text && strncmp(line, "model name", 10) == 0;
		if (found)
			(void)snprintf(model, size, "%.*s",
				       (int)strcspn(text + 2, "\n"), text + 2);
	}
	if (f)
		(void)fclose(f);
}

/* Do we run in a virtual machine that says so? */
static bool
is_virtual(void)
{
	FILE *f = fopen("/proc/cpuinfo", "re");
	char line[4096];
	bool found = false;

	while (f && !found && fgets(line, sizeof(line), f))
		found = strncmp(line, "flags", 5) == 0 &&
			strstr(line, " hypervisor");
	if (f)
		(void)fclose(f);
	return found;
}

static int
memory_gib(void)
{
	uint64_t bytes = (uint64_t)sysconf(_SC_PHYS_PAGES) *
			 (uint64_t)sysconf(_SC_PAGESIZE);

	return (int)((bytes + (UINT64_C(1) << 29)) >> 30);
}

/* How many others wanted to run, in the last minute. */
static double
load_before(void)
{
	double load;

	return getloadavg(&load, 1) == 1 ? load : 0;
}

static void
start_report(struct bench *b)
{
	struct utsname uts;
	char model[256], date[32];
	time_t now = time(NULL);
	struct tm tm;
	cpu_set_t set;
	int n = 0;

	(void)uname(&uts);
	read_model(model, sizeof(model), &uts);
	(void)gmtime_r(&now, &tm);
	(void)strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%SZ", &tm);
	if (sched_getaffinity(0, sizeof(set), &set) == 0)
		n = CPU_COUNT(&set);
	b->report = json_pack("{s:s, s:s, s:s, s:b, s:i, s:i, s:s, s:s, s:b, "
			      "s:b, s:i, s:f, s:[]}",
			      "benchmark", b->name, "date", date, "machine",
			      model, "virtual", is_virtual(), "cpus", n,
			      "memory_gib", memory_gib(), "kernel", uts.release,
			      "compiler", COMPILER, "realtime", b->realtime,
			      "quick", b->quick, "samples", b->samples, "load",
			      load_before(), "results");
	if (!b->report)
		bench_die("report", -ENOMEM);
}

bool
bench_init(struct bench *b, const char *name, int argc, char **argv,
	   int *status)
{
	static const struct option options[] = {
		{ "quick", no_argument, NULL, 'q' },
		{ "json", required_argument, NULL, 'j' },
		{ "realtime", no_argument, NULL, 'r' },
		{ "count", no_argument, NULL, 'c' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	*b = (struct bench){ .name = name };
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'q')
			b->quick = true;
		else if (c == 'j')
			b->json_path = optarg;
		else if (c == 'r')
			b->realtime = true;
		else if (c == 'c')
			b->count = true;
		else {
			usage(name);
			*status = c == 'h' ? EXIT_SUCCESS : 2;
			return false;
		}
	}
	b->samples = b->quick ? SAMPLES_QUICK : SAMPLES;
	start_report(b);
	pick_cpus(b);
	bench_pin(b->cpu);
	if (b->realtime)
		go_realtime(FIFO_PRIORITY);
	return true;
}

void
bench_go_first(const struct bench *b)
{
	if (b->realtime)
		go_realtime(FIFO_PRIORITY + 1);
}

void
bench_banner(const struct bench *b)
{
	static const char *const keys[] = { "benchmark", "date", "machine",
					    "kernel", "compiler" };

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		(void)printf(
			"%s: %s\n", keys[i],
			json_string_value(json_object_get(b->report, keys[i])));
#ifndef __OPTIMIZE__
	(void)printf("NOT OPTIMIZED: the figures say nothing\n");
#endif
	(void)printf("\n");
}

void
bench_add(struct bench *b, json_t *result)
{
	if (json_array_append_new(json_object_get(b->report, "results"),
				  result) < 0)
		bench_die("report", -ENOMEM);
}

int
bench_finish(struct bench *b)
{
	int rc = 0;

	if (b->json_path)
		rc = json_dump_file(b->report, b->json_path,
				    JSON_INDENT(1) | JSON_REAL_PRECISION(6));
	if (rc < 0)
		(void)fprintf(stderr, "cannot write %s\n", b->json_path);
	json_decref(b->report);
	return rc < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

void
bench_sample(struct bench_cell *cell, double v)
{
	if (cell->n < BENCH_MAX_SAMPLES)
		cell->v[cell->n++] = v;
}

static int
compare(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

double
bench_median(const struct bench_cell *cell)
{
	struct bench_cell sorted = *cell;

	if (cell->n == 0)
		return 0;
	qsort(sorted.v, (size_t)sorted.n, sizeof(sorted.v[0]), compare);
	return sorted.v[sorted.n / 2];
}

json_t *
bench_cell_json(const struct bench_cell *cell)
{
	double min = cell->v[0], max = cell->v[0];

	for (int i = 1; i < cell->n; i++) {
		if (cell->v[i] < min)
			min = cell->v[i];
		if (cell->v[i] > max)
			max = cell->v[i];
	}
	return json_pack("{s:f, s:f, s:f, s:i}", "median", bench_median(cell),
			 "min", min, "max", max, "samples", cell->n);
}
