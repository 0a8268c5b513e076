// SPDX-License-Identifier: BSD-3-Clause
/*
 * virtio-blk from the driver's side: random reads of 4 KiB through one queue,
 * 1, 32 and 128 at a time, of nothing (void, null), of a file in shared memory
 * (tmpfs) and of one on a disk, in the page cache and past it, beside a plain
 * loop of pread(2) on these files.
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
#include <unistd.h>

#include "bench/bed-device.h"
#include "bench/bench.h"
#include "bench/blk-load.h"
#include "bench/disk-process.h"
#include "devices/devices.h"
#include "driver/inproc.h"
#include "driver/vfio-user.h"

#define SAMPLE_NS       25000000
#define SAMPLE_NS_QUICK 8000000
#define STALL_NS        UINT64_C(10000000000)
#define WARM_TRIES      5000
#define SPINS           64 /* looks at the used ring between two at the clock */

static const uint16_t depths[] = { 1, 32, 128 };
#define N_DEPTHS 3

/* What the peer has for a file: how it does I/O, and whether past the cache. */
#define QEMU_FILE(aio, direct)                                                 \
	"driver=file,node-name=d,filename=%s,read-only=on,locking=off,"        \
	"cache.direct=" direct ",aio=" aio

enum place { NOWHERE, IN_MEMORY, ON_DISK, N_PLACES };

static const struct disk {
	const char *name;
	enum place place;
	bool all_ways;    /* or only over vhost-user, by default */
	const char *opts; /* for vbs-dm; %s is the file */
	const char *qemu; /* for qemu-storage-daemon */
} disks[] = {
	{ "void", NOWHERE, true, "void:256M",
	  "driver=null-co,node-name=d,size=268435456,read-zeroes=off" },
	{ "null", NOWHERE, false, "null:256M",
	  "driver=null-co,node-name=d,size=268435456,read-zeroes=on" },
	{ "tmpfs", IN_MEMORY, true, "%s,ro", QEMU_FILE("threads", "off") },
	{ "tmpfs, mmap", IN_MEMORY, false, "%s,ro,aio=mmap",
	  QEMU_FILE("threads", "off") },
	{ "tmpfs, io_uring", IN_MEMORY, false, "%s,ro,aio=io_uring",
	  QEMU_FILE("io_uring", "off") },
	{ "tmpfs, threads", IN_MEMORY, false, "%s,ro,aio=threads",
	  QEMU_FILE("threads", "off") },
	{ "page cache", ON_DISK, false, "%s,ro", QEMU_FILE("threads", "off") },
	{ "page cache, io_uring", ON_DISK, false, "%s,ro,aio=io_uring",
	  QEMU_FILE("io_uring", "off") },
	{ "page cache, threads", ON_DISK, false, "%s,ro,aio=threads",
	  QEMU_FILE("threads", "off") },
	{ "disk", ON_DISK, false, "%s,ro,nocache",
	  QEMU_FILE("io_uring", "on") },
	{ "disk, io_uring", ON_DISK, false, "%s,ro,nocache,aio=io_uring",
	  QEMU_FILE("io_uring", "on") },
	{ "disk, threads", ON_DISK, false, "%s,ro,nocache,aio=threads",
	  QEMU_FILE("threads", "on") },
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
	struct image {
		int fd;
		char path[64];
		struct bench_cell pread_kiops;
		struct bench_cell pread_us;
	} images[N_PLACES];
	uint64_t random;
};

static const char *const place_names[] = { "nowhere", "tmpfs", "page cache" };

/* ---- devices ------------------------------------------------------------- */

static void
make_image(struct image *image, bool in_memory)
{
	blk_image_make(in_memory, &image->fd, image->path, sizeof(image->path));
}

/* Put the file where %s stands. */
static void
disk_options(const struct blk_bench *bb, const struct disk *disk, bool qemu,
	     char *text, size_t size)
{
	const char *opts = qemu ? disk->qemu : disk->opts;
	const char *at = strstr(opts, "%s");
	int before = at ? (int)(at - opts) : (int)strlen(opts);

	(void)snprintf(text, size, "%.*s%s%s", before, opts,
		       at ? bb->images[disk->place].path : "",
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
	char opts[200];
	int rc;

	if (!disk->all_ways && way->kind != VHOST_USER && way->kind != QEMU)
		return;
	*row = (struct row){ .disk = disk, .way = way };
	disk_options(bb, disk, way->kind == QEMU, opts, sizeof(opts));
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
show(struct blk_bench *bb, struct row *row)
{
	if (bed_publish(&bb->bed))
		bed_device_kick(&row->device);
}

/* Take what has come back; refill and count. */
static uint16_t
turn(struct blk_bench *bb, struct row *row, bool refill)
{
	uint16_t n = blk_load_take(&bb->bed, refill ? &bb->random : NULL);

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
	if (row->inproc)
		return bench_process_ns() - bench_thread_ns();
	return disk_process_cpu_ns(row->pid);
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

	bed_reset(&bb->bed, bed_shape(BLK_SHAPE), true);
	bed_device_start(&row->device, &bb->bed);
	for (uint16_t slot = 0; slot < depths[d]; slot++)
		blk_load_fill(&bb->bed, slot, &bb->random);
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

/*
 * What the driver costs a disk just by being there: two cores of a virtual
 * machine may be two threads of one.
 */
struct neighbour {
	struct ring_bed *bed;
	bool stop;
};

static void *
neighbour_main(void *arg)
{
	struct neighbour *n = arg;

	while (!__atomic_load_n(&n->stop, __ATOMIC_RELAXED)) {
		(void)bed_n_used(n->bed);
		(void)bench_wall_ns();
	}
	return NULL;
}

/* The same reads by a program that has nothing else to do. */
static void
sample_pread(struct blk_bench *bb, struct image *image, uint64_t ns)
{
	struct neighbour neighbour = { .bed = &bb->bed };
	uint64_t wall, cpu, n = 0;
	pthread_t thread;

	bed_reset(&bb->bed, bed_shape(BLK_SHAPE), true);
	thread = bench_thread(bb->b.other_cpu, neighbour_main, &neighbour);
	wall = bench_wall_ns();
	cpu = bench_thread_ns();
	while (bench_wall_ns() - wall < ns) {
		for (uint16_t slot = 0; slot < 32; slot++, n++) {
			off_t at = (off_t)(blk_random_block(&bb->random) *
					   BLK_READ_BYTES);

			if (pread(image->fd,
				  bed_seg_hva(&bb->bed, slot, BLK_DATA),
				  BLK_READ_BYTES, at) != BLK_READ_BYTES)
				bench_die("pread", -errno);
		}
	}
	wall = bench_wall_ns() - wall;
	cpu = bench_thread_ns() - cpu;
	__atomic_store_n(&neighbour.stop, true, __ATOMIC_RELAXED);
	(void)pthread_join(thread, NULL);
	bench_sample(&image->pread_kiops, (double)n * 1e6 / (double)wall);
	bench_sample(&image->pread_us, (double)cpu / 1000 / (double)n);
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
	for (int i = IN_MEMORY; i < N_PLACES; i++)
		(void)printf("| %s | pread loop | %.1f (%.2f) | | |\n",
			     place_names[i],
			     bench_median(&bb->images[i].pread_kiops),
			     bench_median(&bb->images[i].pread_us));
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

/* And by a loop's that has a core, too, to itself. */
static void
print_pread_ratio(const struct blk_bench *bb, const struct disk *disk)
{
	const struct row *row = find_row(bb, disk, VHOST_USER);

	if (!row || disk->place == NOWHERE || strstr(disk->opts, "nocache"))
		return;
	(void)printf("%s: vbs-dm, %s : pread loop: %.2f at depth %u\n",
		     disk->name, row->way->name,
		     bench_median(&row->kiops[1]) /
			     bench_median(&bb->images[disk->place].pread_kiops),
		     depths[1]);
}

static void
print_ratios(const struct blk_bench *bb)
{
	for (int i = 0; i < N_DISKS; i++) {
		const struct row *qemu = find_row(bb, &disks[i], QEMU);

		print_ratio(find_row(bb, &disks[i], VHOST_USER), qemu);
		print_ratio(find_row(bb, &disks[i], VHOST_SLEEP), qemu);
		print_ratio(find_row(bb, &disks[i], VHOST_POLLED), qemu);
		print_pread_ratio(bb, &disks[i]);
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
	for (int i = IN_MEMORY; i < N_PLACES; i++) {
		const struct image *image = &bb->images[i];

		bench_add(
			&bb->b,
			json_pack("{s:s, s:s, s:o, s:o}", "disk",
				  place_names[i], "way", "pread loop", "kiops",
				  bench_cell_json(&image->pread_kiops),
				  "cpu_us", bench_cell_json(&image->pread_us)));
	}
}

static void
measure(struct blk_bench *bb)
{
	uint64_t ns = bb->b.quick ? SAMPLE_NS_QUICK : SAMPLE_NS;

	for (int i = 0; i < bb->b.samples; i++) {
		for (int r = 0; r < bb->n_rows; r++)
			for (int d = 0; d < N_DEPTHS; d++)
				sample(bb, &bb->rows[r], d, ns);
		sample_pread(bb, &bb->images[IN_MEMORY], ns);
		sample_pread(bb, &bb->images[ON_DISK], ns);
	}
}

int
main(int argc, char **argv)
{
	static struct blk_bench bb = { .random = BLK_RANDOM_START };
	int status;

	if (!bench_init(&bb.b, "blk", argc, argv, &status))
		return status;
	bench_banner(&bb.b);
	(void)fflush(stdout);
	make_image(&bb.images[IN_MEMORY], true);
	make_image(&bb.images[ON_DISK], false);
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
