// SPDX-License-Identifier: BSD-3-Clause
/*
 * virtio-blk from the driver's side: random reads of 4 KiB through one queue,
 * 1, 32 and 128 at a time, of nothing (null) and of a file in shared memory
 * (tmpfs), beside a plain loop of pread(2) on the same file.
 *
 * The driver spins on one core and everything else has another. The ways in:
 * a function of this process; vbs-dm behind a vfio-user socket, where the
 * driver kicks by message, or, with a doorbell page, by a store that is polled
 * for; and vbs-dm behind a vhost-user socket, with qemu-storage-daemon beside
 * it, where it kicks by eventfd. Requests a second are wall-clock; what the
 * device side spent on each is CPU time, and stands still on a busy machine.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "bench/bed-device.h"
#include "bench/bench.h"
#include "bench/disk-process.h"
#include "devices/devices.h"
#include "driver/inproc.h"
#include "driver/vfio-user.h"

#define SAMPLE_NS       25000000
#define SAMPLE_NS_QUICK 8000000
#define STALL_NS        UINT64_C(10000000000)
#define WARM_TRIES      5000
#define FILE_BYTES      (UINT64_C(256) << 20)
#define BLOCK_BYTES     4096
#define SECTOR_BYTES    512
#define N_BLOCKS        (FILE_BYTES / BLOCK_BYTES)
#define STATUS_NONE     0xff
#define SPINS           64 /* looks at the used ring between two at the clock */

/* Segments of a request: header, data, status. */
enum { HEADER, DATA, STATUS };

static const uint16_t depths[] = { 1, 32, 128 };
#define N_DEPTHS 3

static const struct disk {
	const char *name;
	const char *opts; /* for vbs-dm; %s is the file */
	const char *qemu; /* for qemu-storage-daemon */
} disks[] = {
	{ "null", "null:256M",
	  "driver=null-co,node-name=d,size=268435456,read-zeroes=off" },
	{ "tmpfs, threads", "%s,ro,aio=threads",
	  "driver=file,node-name=d,filename=%s,read-only=on,locking=off,"
	  "aio=threads" },
	{ "tmpfs, io_uring", "%s,ro,aio=io_uring",
	  "driver=file,node-name=d,filename=%s,read-only=on,locking=off,"
	  "aio=io_uring" },
};
#define N_DISKS ((int)(sizeof(disks) / sizeof(disks[0])))

static const struct way {
	const char *name;
	enum {
		IN_PROCESS,
		VFIO_USER,
		VHOST_USER,
		VHOST_SLEEP,
		VHOST_POLLED,
		QEMU
	} kind;
	const char *poll; /* an option for vbs-dm */
} ways[] = {
	{ "in process", IN_PROCESS, NULL },
	{ "vfio-user", VFIO_USER, NULL },
	{ "vfio-user, not polling", VFIO_USER, "--poll-us=0" },
	{ "vfio-user, doorbell page", VFIO_USER, "--doorbell-page" },
	{ "vhost-user", VHOST_USER, NULL },
	{ "vhost-user, not polling", VHOST_SLEEP, "--poll-us=0" },
	{ "vhost-user, no kicks", VHOST_POLLED, "--poll-us=100" },
	{ "qemu-storage-daemon, vhost-user", QEMU, NULL },
};
#define N_WAYS ((int)(sizeof(ways) / sizeof(ways[0])))

/* A device, and what was measured with it. */
struct row {
	const struct disk *disk;
	const struct way *way;
	struct bed_device device;
	struct drv_inproc *inproc; /* or NULL, and a process: */
	pid_t pid;
	struct bench_cell kiops[N_DEPTHS];
	struct bench_cell cpu_us[N_DEPTHS]; /* of the device side, a request */
};

#define N_ROWS (N_DISKS * N_WAYS)

struct blk_bench {
	struct bench b;
	struct ring_bed bed;
	struct row rows[N_ROWS];
	int n_rows;
	bool no_qemu; /* said already */
	int file;
	char path[64];
	uint64_t random;
	struct bench_cell pread_kiops;
	struct bench_cell pread_us;
};

/* xorshift64 */
static uint64_t
random_block(struct blk_bench *bb)
{
	bb->random ^= bb->random << 13;
	bb->random ^= bb->random >> 7;
	bb->random ^= bb->random << 17;
	return bb->random % N_BLOCKS;
}

/* ---- devices ------------------------------------------------------------- */

static void
make_file(struct blk_bench *bb)
{
	static uint8_t block[1 << 20];

	bb->file = memfd_create("bench-blk", MFD_CLOEXEC);
	if (bb->file < 0)
		bench_die("memfd", -errno);
	memset(block, 0x5a, sizeof(block));
	for (uint64_t at = 0; at < FILE_BYTES; at += sizeof(block))
		if (pwrite(bb->file, block, sizeof(block), (off_t)at) !=
		    (ssize_t)sizeof(block))
			bench_die("cannot fill the file", -errno);
	(void)snprintf(bb->path, sizeof(bb->path), "/proc/%d/fd/%d", getpid(),
		       bb->file);
}

/* Put the file where %s stands. */
static void
disk_options(const struct blk_bench *bb, const char *opts, char *text,
	     size_t size)
{
	const char *at = strstr(opts, "%s");
	int before = at ? (int)(at - opts) : (int)strlen(opts);

	(void)snprintf(text, size, "%.*s%s%s", before, opts, at ? bb->path : "",
		       at ? at + 2 : "");
}

/* Its threads inherit the other core. */
static int
open_in_process(struct blk_bench *bb, struct row *row, const char *opts,
		struct drv_bus **bus)
{
	int rc = drv_inproc_new(false, &row->inproc);

	if (rc < 0)
		return rc;
	bench_pin(bb->b.other_cpu);
	rc = drv_inproc_plug(row->inproc, dm_virtio_blk.ops, opts, bus);
	bench_pin(bb->b.cpu);
	if (rc < 0)
		drv_inproc_free(row->inproc);
	return rc;
}

static int
open_vfio_user(struct blk_bench *bb, struct row *row, const char *opts,
	       struct drv_bus **bus)
{
	int fd = disk_process_vbs_dm("vfio-user", opts, row->way->poll,
				     bb->b.other_cpu, &row->pid);

	return fd < 0 ? fd : drv_vfio_user_attach(fd, NULL, bus);
}

static int
open_vhost_user(struct blk_bench *bb, struct row *row, const char *opts)
{
	int fd = row->way->kind == QEMU
			 ? disk_process_qemu(opts, bb->b.other_cpu, &row->pid)
			 : disk_process_vbs_dm("vhost-user", opts,
					       row->way->poll, bb->b.other_cpu,
					       &row->pid);

	if (fd >= 0)
		bed_device_open_vhost_user(&row->device, fd,
					   row->way->kind != VHOST_POLLED,
					   &bb->bed);
	return fd;
}

static int
open_bus(struct blk_bench *bb, struct row *row, const char *opts)
{
	struct drv_bus *bus = NULL;
	int rc = row->way->kind == IN_PROCESS
			 ? open_in_process(bb, row, opts, &bus)
			 : open_vfio_user(bb, row, opts, &bus);

	if (rc >= 0)
		bed_device_open(&row->device, bus, &bb->bed);
	return rc;
}

/* That a program is not there is said once. */
static void
say_skipped(struct blk_bench *bb, const struct row *row, int rc)
{
	if (row->way->kind != QEMU || rc != -ENOENT) {
		(void)printf("skipped: %s, %s: %s\n", row->disk->name,
			     row->way->name, strerror(-rc));
		return;
	}
	if (!bb->no_qemu)
		(void)printf("skipped: qemu-storage-daemon is not installed; "
			     "get it with apt-get install qemu-system-common, "
			     "or run ./quickstart bench\n");
	bb->no_qemu = true;
}

/* A way that this machine does not have is left out. */
static void
open_row(struct blk_bench *bb, const struct disk *disk, const struct way *way)
{
	struct row *row = &bb->rows[bb->n_rows];
	bool vhost = way->kind >= VHOST_USER;
	char opts[160];
	int rc;

	*row = (struct row){ .disk = disk, .way = way };
	disk_options(bb, way->kind == QEMU ? disk->qemu : disk->opts, opts,
		     sizeof(opts));
	rc = vhost ? open_vhost_user(bb, row, opts) : open_bus(bb, row, opts);
	if (rc < 0)
		say_skipped(bb, row, rc);
	else
		bb->n_rows++;
}

static void
close_row(struct row *row)
{
	bed_device_close(&row->device);
	drv_inproc_free(row->inproc);
	disk_process_end(row->pid);
}

/* ---- the driver ------------------------------------------------------------
 */

static void
fill_slot(struct blk_bench *bb, uint16_t slot)
{
	uint64_t sector = random_block(bb) * (BLOCK_BYTES / SECTOR_BYTES);
	uint8_t *header = bed_seg_hva(&bb->bed, slot, HEADER);
	uint8_t *status = bed_seg_hva(&bb->bed, slot, STATUS);

	memset(header, 0, 8); /* IN */
	memcpy(header + 8, &sector, sizeof(sector));
	*status = STATUS_NONE;
	bed_add(&bb->bed, slot);
}

static void
show(struct blk_bench *bb, struct row *row)
{
	if (bed_publish(&bb->bed))
		bed_device_kick(&row->device);
}

/* Take what has come back, at least one; refill and count. */
static uint16_t
turn(struct blk_bench *bb, struct row *row, bool refill)
{
	struct ring_bed *bed = &bb->bed;
	uint16_t n = bed_n_used(bed);

	for (uint16_t i = 0; i < n; i++) {
		/* Indirect: the slot is the head. */
		struct bed_used_elem elem = bed_take_used(bed);
		uint16_t slot = (uint16_t)elem.id;
		const uint8_t *status = bed_seg_hva(bed, slot, STATUS);

		if (elem.id >= BED_QSIZE || elem.len != bed->shape->written ||
		    *status != 0)
			bench_die("a request came back wrong", -EPROTO);
		if (refill)
			fill_slot(bb, slot);
	}
	if (n > 0)
		bed_no_interrupt(bed);
	if (n > 0 && refill)
		show(bb, row);
	return n;
}

static inline void
spin_pause(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#endif
}

/* Spin for a while; how many came back. */
static uint32_t
look(struct blk_bench *bb, struct row *row, bool refill)
{
	uint32_t n = 0;

	for (int i = 0; i < SPINS && n == 0; i++) {
		n = turn(bb, row, refill);
		if (n == 0)
			spin_pause();
	}
	return n;
}

/* Keep depth requests in flight for so long; how many came back. */
static uint64_t
keep_busy(struct blk_bench *bb, struct row *row, uint64_t ns)
{
	uint64_t now = bench_wall_ns(), end = now + ns, last = now, done = 0;

	while (now < end) {
		uint32_t n = look(bb, row, true);

		done += n;
		now = bench_wall_ns();
		if (n > 0)
			last = now;
		else if (now - last > STALL_NS)
			bench_die(row->way->name, -ETIMEDOUT);
	}
	return done;
}

static void
drain(struct blk_bench *bb, struct row *row)
{
	uint64_t start = bench_wall_ns();

	while (bb->bed.used_idx != bb->bed.avail_idx) {
		(void)look(bb, row, false);
		if (bench_wall_ns() - start > STALL_NS)
			bench_die(row->way->name, -ETIMEDOUT);
	}
}

/* CPU time of the device side so far. */
static uint64_t
device_cpu_ns(const struct row *row)
{
	struct timespec ts;
	clockid_t id;

	if (row->inproc)
		return bench_process_ns() - bench_thread_ns();
	if (clock_getcpuclockid(row->pid, &id) != 0 ||
	    clock_gettime(id, &ts) < 0)
		return 0;
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* Until the device side is awake: one that polls may be in a long pause. */
static void
warm_up(struct blk_bench *bb, struct row *row, uint64_t ns)
{
	uint64_t n = 0;

	for (int i = 0; i < WARM_TRIES && n == 0; i++)
		n = keep_busy(bb, row, ns);
	if (n == 0)
		bench_die(row->way->name, -ETIMEDOUT);
}

static void
sample(struct blk_bench *bb, struct row *row, int d, uint64_t ns)
{
	uint64_t start, cpu, n;

	bed_reset(&bb->bed, bed_shape("ind3"), true);
	bed_device_start(&row->device, &bb->bed);
	for (uint16_t slot = 0; slot < depths[d]; slot++)
		fill_slot(bb, slot);
	show(bb, row);
	warm_up(bb, row, ns / 10);
	start = bench_wall_ns();
	cpu = device_cpu_ns(row);
	n = keep_busy(bb, row, ns);
	cpu = device_cpu_ns(row) - cpu;
	bench_sample(&row->kiops[d],
		     (double)n * 1e6 / (double)(bench_wall_ns() - start));
	bench_sample(&row->cpu_us[d], n ? (double)cpu / 1000 / (double)n : 0);
	drain(bb, row);
	bed_device_stop(&row->device);
}

/* The same reads by a program that has nothing else to do. */
static void
sample_pread(struct blk_bench *bb, uint64_t ns)
{
	uint64_t wall = bench_wall_ns(), cpu = bench_thread_ns(), n = 0;

	bed_reset(&bb->bed, bed_shape("ind3"), true);
	while (bench_wall_ns() - wall < ns) {
		for (uint16_t slot = 0; slot < 32; slot++, n++) {
			off_t at = (off_t)(random_block(bb) * BLOCK_BYTES);

			if (pread(bb->file, bed_seg_hva(&bb->bed, slot, DATA),
				  BLOCK_BYTES, at) != BLOCK_BYTES)
				bench_die("pread", -errno);
		}
	}
	wall = bench_wall_ns() - wall;
	cpu = bench_thread_ns() - cpu;
	bench_sample(&bb->pread_kiops, (double)n * 1e6 / (double)wall);
	bench_sample(&bb->pread_us, (double)cpu / 1000 / (double)n);
}

/* ---- the table
 * --------------------------------------------------------------- */

static void
print_rows(const struct blk_bench *bb)
{
	(void)printf("virtio-blk, random 4 KiB reads: kIOPS (device side CPU "
		     "us a request)\n\n| disk | way |");
	for (int d = 0; d < N_DEPTHS; d++)
		(void)printf(" depth %u |", depths[d]);
	(void)printf("\n|---|---|---|---|---|\n");
	for (int r = 0; r < bb->n_rows; r++) {
		const struct row *row = &bb->rows[r];

		(void)printf("| %s | %s |", row->disk->name, row->way->name);
		for (int d = 0; d < N_DEPTHS; d++)
			(void)printf(" %.1f (%.2f) |",
				     bench_median(&row->kiops[d]),
				     bench_median(&row->cpu_us[d]));
		(void)printf("\n");
	}
	(void)printf("| tmpfs | pread loop | %.1f (%.2f) | | |\n",
		     bench_median(&bb->pread_kiops),
		     bench_median(&bb->pread_us));
}

static const struct row *
find_row(const struct blk_bench *bb, const struct disk *disk, int kind)
{
	for (int r = 0; r < bb->n_rows; r++)
		if (bb->rows[r].disk == disk &&
		    (int)bb->rows[r].way->kind == kind)
			return &bb->rows[r];
	return NULL;
}

/* Requests a second: one row's by qemu-storage-daemon's. */
static void
print_ratio(const struct row *row, const struct row *qemu)
{
	if (!row || !qemu)
		return;
	(void)printf("%s: vbs-dm, %s : %s:", row->disk->name, row->way->name,
		     qemu->way->name);
	for (int d = 0; d < N_DEPTHS; d++)
		(void)printf(" %.2f at depth %u%s",
			     bench_median(&row->kiops[d]) /
				     bench_median(&qemu->kiops[d]),
			     depths[d], d + 1 < N_DEPTHS ? "," : "\n");
}

static void
print_ratios(const struct blk_bench *bb)
{
	for (int i = 0; i < N_DISKS; i++) {
		const struct row *qemu = find_row(bb, &disks[i], QEMU);

		print_ratio(find_row(bb, &disks[i], VHOST_USER), qemu);
		print_ratio(find_row(bb, &disks[i], VHOST_SLEEP), qemu);
		print_ratio(find_row(bb, &disks[i], VHOST_POLLED), qemu);
	}
}

static void
report_rows(struct blk_bench *bb)
{
	for (int r = 0; r < bb->n_rows; r++) {
		const struct row *row = &bb->rows[r];

		for (int d = 0; d < N_DEPTHS; d++)
			bench_add(&bb->b,
				  json_pack("{s:s, s:s, s:i, s:o, s:o}", "disk",
					    row->disk->name, "way",
					    row->way->name, "depth", depths[d],
					    "kiops",
					    bench_cell_json(&row->kiops[d]),
					    "device_cpu_us",
					    bench_cell_json(&row->cpu_us[d])));
	}
	bench_add(&bb->b, json_pack("{s:s, s:s, s:o, s:o}", "disk", "tmpfs",
				    "way", "pread loop", "kiops",
				    bench_cell_json(&bb->pread_kiops), "cpu_us",
				    bench_cell_json(&bb->pread_us)));
}

static void
measure(struct blk_bench *bb)
{
	uint64_t ns = bb->b.quick ? SAMPLE_NS_QUICK : SAMPLE_NS;

	for (int i = 0; i < bb->b.samples; i++) {
		for (int r = 0; r < bb->n_rows; r++)
			for (int d = 0; d < N_DEPTHS; d++)
				sample(bb, &bb->rows[r], d, ns);
		sample_pread(bb, ns);
	}
}

int
main(int argc, char **argv)
{
	static struct blk_bench bb = { .random = 88172645463325252u };
	int status;

	if (!bench_init(&bb.b, "blk", argc, argv, &status))
		return status;
	bench_banner(&bb.b);
	(void)fflush(stdout);
	make_file(&bb);
	bed_init(&bb.bed);
	for (int d = 0; d < N_DISKS; d++)
		for (int w = 0; w < N_WAYS; w++)
			open_row(&bb, &disks[d], &ways[w]);
	measure(&bb);
	print_rows(&bb);
	print_ratios(&bb);
	report_rows(&bb);
	for (int r = 0; r < bb.n_rows; r++)
		close_row(&bb.rows[r]);
	bed_deinit(&bb.bed);
	return bench_finish(&bb.b);
}
