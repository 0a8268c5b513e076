// SPDX-License-Identifier: BSD-3-Clause
/*
 * What it takes to have a device at all: the time from exec to a socket that
 * listens, the memory of a disk that has nothing to do, before and after it had
 * much to do, and the CPU time of a device that had much to do a moment ago.
 *
 * Memory is what is resident of the process, private or of a file, without
 * that of the guest, which it only shares. A further disk is the difference of
 * two processes, of 1 disk and of 9, whose rings run and are empty.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bench/bench.h"
#include "bench/start-server.h"

#define FILE_BYTES  (64 << 20)
#define MEM_SAMPLES 3 /* --quick: 1; it hardly differs */
#define REQUESTS    200000u
#define BATCH       32u
#define STALL_NS    UINT64_C(10000000000)
#define SETTLE_US   20000
#define IDLE_S      3
#define QUICK_SHARE 5 /* of requests, and of idling */

static const struct server_kind kinds[] = {
	{ "vbs-dm, vhost-user", false, false, NULL },
	{ "vbs-dm, vhost-user, polling 1 ms", false, false, "--poll-us=1000" },
	{ "vbs-dm, vfio-user", false, true, NULL },
	{ "vbs-dm, vfio-user, doorbell page", false, true, "--poll-us=100" },
	{ "qemu-storage-daemon, vhost-user", true, false, NULL },
};
#define N_KINDS ((int)(sizeof(kinds) / sizeof(kinds[0])))

struct row {
	bool here;
	struct bench_cell start_ms;
	struct bench_cell start_cpu_ms;
	/* KiB of one disk ... */
	struct bench_cell listening;
	struct bench_cell running; /* and idle */
	struct bench_cell loaded;
	struct bench_cell further; /* and of each one more */
	struct bench_cell idle;    /* percent of a core */
};

struct start_bench {
	struct bench b;
	struct ring_bed bed;
	char file[64];
	uint32_t n_requests;
	useconds_t idle_us;
	struct row rows[N_KINDS];
};

static void
start(const struct start_bench *sb, struct server *s, int k, int n_disks)
{
	(void)bench_must(kinds[k].name,
			 server_start(s, &kinds[k], n_disks, sb->file, &sb->b));
}

static void
measure_start(struct start_bench *sb, int k)
{
	struct server s;

	start(sb, &s, k, 1);
	bench_sample(&sb->rows[k].start_ms, (double)s.start_ns / 1e6);
	bench_sample(&sb->rows[k].start_cpu_ms,
		     (double)server_cpu_ns(&s) / 1e6);
	server_end(&s);
}

static void
take_back(struct ring_bed *bed, uint32_t n)
{
	uint64_t start = bench_wall_ns();

	while (bed_n_used(bed) < n)
		if (bench_wall_ns() - start > STALL_NS)
			bench_die("load", -ETIMEDOUT);
	while (n-- > 0)
		if (bed_take_used(bed).len != bed->shape->written)
			bench_die("load", -EPROTO);
	bed_no_interrupt(bed);
}

/* Reads of 4 KiB, a batch at a time. A header of zeroes reads sector 0. */
static void
load(struct start_bench *sb, struct server *s)
{
	for (uint32_t done = 0; done < sb->n_requests; done += BATCH) {
		for (uint16_t slot = 0; slot < BATCH; slot++)
			bed_add(&sb->bed, slot);
		if (bed_publish(&sb->bed))
			bed_device_kick(&s->device[0]);
		take_back(&sb->bed, BATCH);
	}
}

static void
measure_idle(struct start_bench *sb, struct server *s, struct bench_cell *cell)
{
	uint64_t cpu, wall;

	(void)usleep(SETTLE_US);
	cpu = server_cpu_ns(s);
	wall = bench_wall_ns();
	(void)usleep(sb->idle_us);
	cpu = server_cpu_ns(s) - cpu;
	wall = bench_wall_ns() - wall;
	bench_sample(cell, 100 * (double)cpu / (double)wall);
}

static void
measure_memory(struct start_bench *sb, int k)
{
	struct row *row = &sb->rows[k];
	struct server s;
	double one;

	start(sb, &s, k, 1);
	bench_sample(&row->listening, server_memory(&s));
	server_attach(&s, &sb->bed);
	one = server_memory(&s);
	bench_sample(&row->running, one);
	load(sb, &s);
	bench_sample(&row->loaded, server_memory(&s));
	if (row->idle.n == 0) /* it takes long, and is the same each time */
		measure_idle(sb, &s, &row->idle);
	server_end(&s);

	start(sb, &s, k, SERVER_MAX_DISKS);
	server_attach(&s, &sb->bed);
	bench_sample(&row->further,
		     (server_memory(&s) - one) / (SERVER_MAX_DISKS - 1));
	server_end(&s);
}

static void
measure(struct start_bench *sb)
{
	for (int i = 0; i < sb->b.samples; i++)
		for (int k = 0; k < N_KINDS; k++)
			if (sb->rows[k].here)
				measure_start(sb, k);
	for (int i = 0; i < (sb->b.quick ? 1 : MEM_SAMPLES); i++)
		for (int k = 0; k < N_KINDS; k++)
			if (sb->rows[k].here)
				measure_memory(sb, k);
}

static void
report_row(struct start_bench *sb, int k)
{
	const struct row *row = &sb->rows[k];

	(void)printf(
		"| %s | %.2f | %.2f | %.0f | %.0f | %.0f | %.0f | %.4f |\n",
		kinds[k].name, bench_median(&row->start_ms),
		bench_median(&row->start_cpu_ms), bench_median(&row->listening),
		bench_median(&row->running), bench_median(&row->loaded),
		bench_median(&row->further), bench_median(&row->idle));
	bench_add(&sb->b,
		  json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o}",
			    "server", kinds[k].name, "start_ms",
			    bench_cell_json(&row->start_ms), "start_cpu_ms",
			    bench_cell_json(&row->start_cpu_ms),
			    "listening_kib", bench_cell_json(&row->listening),
			    "running_kib", bench_cell_json(&row->running),
			    "loaded_kib", bench_cell_json(&row->loaded),
			    "further_disk_kib", bench_cell_json(&row->further),
			    "idle_percent", bench_cell_json(&row->idle)));
}

static void
report(struct start_bench *sb)
{
	(void)printf("One disk: from exec to listening, by the wall and in CPU "
		     "time; KiB in memory without the guest's: listening,\n"
		     "ring running, after %u reads, and for each further disk; "
		     "%% of a core when idle after these reads\n\n"
		     "| server | ms | CPU ms | listening | running | after "
		     "load | further disk | idle |\n"
		     "|---|---:|---:|---:|---:|---:|---:|---:|\n",
		     sb->n_requests);
	for (int k = 0; k < N_KINDS; k++)
		if (sb->rows[k].here)
			report_row(sb, k);
}

/* A peer that is not there, or cannot serve this, is left out. */
static void
find_rows(struct start_bench *sb)
{
	for (int k = 0; k < N_KINDS; k++) {
		struct server s;
		int rc = server_start(&s, &kinds[k], 1, sb->file, &sb->b);

		sb->rows[k].here = rc == 0;
		if (rc == 0)
			server_end(&s);
		else if (kinds[k].qemu)
			(void)printf("skipped: %s: %s\n", kinds[k].name,
				     strerror(-rc));
		else
			bench_die(kinds[k].name, rc);
	}
}

static int
make_file(struct start_bench *sb)
{
	int fd = memfd_create("bench-start", MFD_CLOEXEC);

	if (fd < 0 || ftruncate(fd, FILE_BYTES) < 0)
		bench_die("file", -errno);
	(void)snprintf(sb->file, sizeof(sb->file), "/proc/%d/fd/%d", getpid(),
		       fd);
	return fd;
}

int
main(int argc, char **argv)
{
	static struct start_bench sb;
	uint32_t share;
	int status, fd;

	if (!bench_init(&sb.b, "start", argc, argv, &status))
		return status;
	share = sb.b.quick ? QUICK_SHARE : 1;
	sb.n_requests = REQUESTS / share;
	sb.idle_us = IDLE_S * 1000000 / share;
	bench_banner(&sb.b);
	fd = make_file(&sb);
	bed_init(&sb.bed);
	find_rows(&sb);
	measure(&sb);
	report(&sb);
	bed_deinit(&sb.bed);
	(void)close(fd);
	return bench_finish(&sb.b);
}
