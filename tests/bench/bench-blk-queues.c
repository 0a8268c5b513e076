// SPDX-License-Identifier: BSD-3-Clause
/*
 * virtio-blk with one queue, and with four, on two cores: random reads of 4 KiB
 * of a file in shared memory, by vbs-dm over vhost-user.
 *
 * The work of a request is in the device here: the call that reads. The driver
 * needs a core as well, but little of it: it sleeps, and comes back before a
 * queue is empty to take and refill what has ended. Nobody is pinned, and both
 * rows have the same driver, so that with one queue the device's thread has a
 * core to itself, and with four it has what the driver leaves of two.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "bench/bed-device.h"
#include "bench/bench.h"
#include "bench/blk-load.h"
#include "bench/disk-process.h"

#define MAX_QUEUES 4
#define DEPTH      256 /* of each queue */
#define QSIZE      1024
#define AREA_BYTES UINT64_C(0x10000) /* of a ring's three */
#define PAUSE_NS   80000

#define SAMPLE_NS       100000000
#define SAMPLE_NS_QUICK 30000000
#define STALL_NS        UINT64_C(10000000000)

/* A ring of its own, in memory that all share. */
struct queue {
	struct ring_bed bed;
	int kick_fd, call_fd;
};

struct row {
	uint16_t n_queues;
	const char *opts;
	struct drv_vu vu;
	pid_t pid;
	struct queue q[MAX_QUEUES];
	struct bench_cell kiops;
	struct bench_cell cpu; /* cores that the device had */
};

struct queues_bench {
	struct bench b;
	struct ring_bed bed; /* owns the memory */
	int image;
	char path[64];
	uint64_t random;
	struct row rows[2];
};

#define N_ROWS 2

/* ---- the device ----------------------------------------------------------
 */

static void
open_queue(struct row *row, uint32_t i)
{
	struct queue *q = &row->q[i];

	q->kick_fd = bench_must("kick", eventfd(0, EFD_CLOEXEC));
	q->call_fd = bench_must("call", eventfd(0, EFD_CLOEXEC));
}

static void
open_row(struct queues_bench *qb, struct row *row, uint16_t n_queues)
{
	uint64_t offered = 0, wanted = DRV_BIT(DRV_VUP_MQ);
	char opts[160];
	int fd;

	row->n_queues = n_queues;
	(void)snprintf(opts, sizeof(opts), "%s,ro,mq=%u", qb->path, n_queues);
	fd = disk_process_vbs_dm("vhost-user", opts, "--poll-us=0",
				 DISK_ANY_CPU, &row->pid);
	(void)bench_must("vbs-dm", fd);
	drv_vu_init(&row->vu, fd);
	(void)bench_must("protocol",
			 drv_vu_get_u64(&row->vu, DRV_VU_GET_PROTOCOL_FEATURES,
					&offered));
	(void)bench_must("protocol",
			 drv_vu_set_protocol(&row->vu, offered & wanted));
	(void)bench_must("owner",
			 drv_vu_set_none(&row->vu, DRV_VU_SET_OWNER, -1));
	(void)bench_must("memory",
			 drv_vu_set_mem_table(&row->vu, &qb->bed.ram));
	for (uint32_t i = 0; i < n_queues; i++)
		open_queue(row, i);
}

static void
close_row(struct row *row)
{
	drv_vu_deinit(&row->vu);
	for (uint32_t i = 0; i < row->n_queues; i++) {
		(void)close(row->q[i].kick_fd);
		(void)close(row->q[i].call_fd);
	}
	disk_process_end(row->pid);
}

/* The same bed, with its ring elsewhere. */
static void
place_ring(struct queue *q, const struct ring_bed *bed, uint32_t i)
{
	size_t shift = (size_t)(i * AREA_BYTES);

	q->bed = *bed;
	q->bed.desc += shift;
	q->bed.avail = (void *)((uint8_t *)bed->avail + shift);
	q->bed.used = (void *)((uint8_t *)bed->used + shift);
	q->bed.used_event = (void *)((uint8_t *)bed->used_event + shift);
	q->bed.avail_event = (void *)((uint8_t *)bed->avail_event + shift);
	bed_no_interrupt(&q->bed);
}

static void
start_queue(struct row *row, uint32_t i)
{
	const struct drv_areas areas = {
		.size = QSIZE,
		.desc_gpa = BED_DESC_GPA + i * AREA_BYTES,
		.driver_gpa = BED_AVAIL_GPA + i * AREA_BYTES,
		.device_gpa = BED_USED_GPA + i * AREA_BYTES,
	};
	struct drv_vu *vu = &row->vu;
	struct queue *q = &row->q[i];

	(void)bench_must("size",
			 drv_vu_set_state(vu, DRV_VU_SET_VRING_NUM, i, QSIZE));
	(void)bench_must("base",
			 drv_vu_set_state(vu, DRV_VU_SET_VRING_BASE, i, 0));
	(void)bench_must("ring",
			 drv_vu_set_vring_areas(vu, i, 0, &q->bed.ram, &areas));
	(void)bench_must("call", drv_vu_set_vring_fd(vu, DRV_VU_SET_VRING_CALL,
						     i, q->call_fd));
	(void)bench_must("kick", drv_vu_set_vring_fd(vu, DRV_VU_SET_VRING_KICK,
						     i, q->kick_fd));
	(void)bench_must("enable",
			 drv_vu_set_state(vu, DRV_VU_SET_VRING_ENABLE, i, 1));
}

static void
start_row(struct queues_bench *qb, struct row *row)
{
	const struct bed_ring ring = {
		.shape = bed_shape(BLK_SHAPE),
		.qsize = QSIZE,
		.event_idx = true,
	};

	bed_reset_ring(&qb->bed, &ring);
	(void)bench_must("features",
			 drv_vu_set_u64(&row->vu, DRV_VU_SET_FEATURES,
					DRV_BIT(DRV_F_VERSION_1) |
						DRV_BIT(DRV_F_INDIRECT_DESC) |
						DRV_BIT(DRV_F_EVENT_IDX) |
						DRV_BIT(DRV_VU_F_PROTOCOL)));
	for (uint32_t i = 0; i < row->n_queues; i++) {
		place_ring(&row->q[i], &qb->bed, i);
		start_queue(row, i);
	}
}

static void
stop_row(struct row *row)
{
	uint32_t base;

	for (uint32_t i = 0; i < row->n_queues; i++)
		(void)bench_must("stop",
				 drv_vu_get_vring_base(&row->vu, i, &base));
}

/* ---- the driver ----------------------------------------------------------
 */

static void
show(struct queue *q)
{
	if (bed_publish(&q->bed))
		(void)bench_must("kick", eventfd_write(q->kick_fd, 1));
}

static void
fill(struct queues_bench *qb, struct row *row)
{
	for (uint16_t i = 0; i < row->n_queues; i++) {
		for (uint16_t slot = 0; slot < DEPTH; slot++)
			blk_load_fill(&row->q[i].bed,
				      (uint16_t)(i * DEPTH + slot),
				      &qb->random);
		show(&row->q[i]);
	}
}

/* Once around; how many came back. */
static uint64_t
turn(struct row *row, uint64_t *random)
{
	uint64_t done = 0;

	for (uint16_t i = 0; i < row->n_queues; i++) {
		uint16_t n = blk_load_take(&row->q[i].bed, random);

		if (n > 0 && random)
			show(&row->q[i]);
		done += n;
	}
	return done;
}

static uint64_t
keep_busy(struct queues_bench *qb, struct row *row, uint64_t ns)
{
	const struct timespec pause = { .tv_nsec = PAUSE_NS };
	uint64_t now = bench_wall_ns(), end = now + ns, last = now, done = 0;

	while (now < end) {
		uint64_t n = turn(row, &qb->random);

		(void)nanosleep(&pause, NULL);
		now = bench_wall_ns();
		done += n;
		if (n > 0)
			last = now;
		else if (now - last > STALL_NS)
			bench_die("the device", -ETIMEDOUT);
	}
	return done;
}

static bool
is_drained(const struct row *row)
{
	for (uint16_t i = 0; i < row->n_queues; i++)
		if (row->q[i].bed.used_idx != row->q[i].bed.avail_idx)
			return false;
	return true;
}

static void
drain(struct row *row)
{
	uint64_t start = bench_wall_ns();

	while (!is_drained(row)) {
		(void)turn(row, NULL);
		if (bench_wall_ns() - start > STALL_NS)
			bench_die("the device", -ETIMEDOUT);
	}
}

static void
sample(struct queues_bench *qb, struct row *row, uint64_t ns)
{
	uint64_t wall, cpu, n;

	start_row(qb, row);
	fill(qb, row);
	(void)keep_busy(qb, row, ns / 10);
	wall = bench_wall_ns();
	cpu = disk_process_cpu_ns(row->pid);
	n = keep_busy(qb, row, ns);
	wall = bench_wall_ns() - wall;
	cpu = disk_process_cpu_ns(row->pid) - cpu;
	bench_sample(&row->kiops, (double)n * 1e6 / (double)wall);
	bench_sample(&row->cpu, (double)cpu / (double)wall);
	drain(row);
	stop_row(row);
}

/* ---- the table -----------------------------------------------------------
 */

static void
print_table(struct queues_bench *qb)
{
	(void)printf(
		"virtio-blk, random 4 KiB reads of a file in shared "
		"memory, %d at a time in each queue\n\n"
		"| queues | kIOPS | cores of the device |\n|---|---|---|\n",
		DEPTH);
	for (int r = 0; r < N_ROWS; r++) {
		struct row *row = &qb->rows[r];

		(void)printf("| %u | %.1f | %.2f |\n", row->n_queues,
			     bench_median(&row->kiops),
			     bench_median(&row->cpu));
		bench_add(&qb->b,
			  json_pack("{s:i, s:o, s:o}", "queues", row->n_queues,
				    "kiops", bench_cell_json(&row->kiops),
				    "device_cores",
				    bench_cell_json(&row->cpu)));
	}
	(void)printf("4 queues : 1 queue: %.2f\n",
		     bench_median(&qb->rows[1].kiops) /
			     bench_median(&qb->rows[0].kiops));
}

int
main(int argc, char **argv)
{
	static struct queues_bench qb = { .random = BLK_RANDOM_START };
	uint64_t ns;
	int status;

	if (!bench_init(&qb.b, "blk-queues", argc, argv, &status))
		return status;
	bench_banner(&qb.b);
	(void)fflush(stdout);
	ns = qb.b.quick ? SAMPLE_NS_QUICK : SAMPLE_NS;
	(void)prctl(PR_SET_TIMERSLACK, 1UL);
	blk_image_make(true, &qb.image, qb.path, sizeof(qb.path));
	bed_init(&qb.bed);
	bench_pin_both(&qb.b);
	open_row(&qb, &qb.rows[0], 1);
	open_row(&qb, &qb.rows[1], MAX_QUEUES);
	bench_go_first(&qb.b);
	for (int i = 0; i < qb.b.samples; i++)
		for (int r = 0; r < N_ROWS; r++)
			sample(&qb, &qb.rows[r], ns);
	print_table(&qb);
	for (int r = 0; r < N_ROWS; r++)
		close_row(&qb.rows[r]);
	bed_deinit(&qb.bed);
	return bench_finish(&qb.b);
}
