// SPDX-License-Identifier: BSD-3-Clause
/* What is compared with what, and what is asked of it. */
#include "bench/report.h"

#define ONE_THREAD "Rings, one thread"
#define TWO_CORES  "Rings, two cores"
#define COUNTS     "Instructions per chain"
#define DISK       "A disk over vhost-user, 4 KiB reads"
#define REGISTERS  "A register over vfio-user"
#define PROCESS    "A process with one disk"

#define CHAINS(ring, shape, batch, side)                                       \
	"ring;table=chains;ring=" ring ";shape=" shape ";batch=" batch         \
	";event_idx=true;.sides." side ".device_ns"
#define CORES(ring, shape, flight, side)                                       \
	"ring;table=cores;ring=" ring ";shape=" shape ";in_flight=" flight     \
	";.sides." side ".device_ns"
#define PACKETS(ring, batch, side)                                             \
	"ring;table=packets;ring=" ring ";batch=" batch ";.sides." side        \
	".device_ns"
#define COUNT(ring, shape, batch, calls)                                       \
	"instructions;ring=" ring ";shape=" shape ";batch=" batch              \
	";calls=" calls ";.count"
#define READS(disk, way, depth)                                                \
	"blk;disk=" disk ";way=" way ";depth=" depth ";.kiops"
#define START(how, what) "start;server=vbs-dm, " how ";." what
#define SOCKET(side)     "vfio-user;place=one core, CPU time of both;.us." side

#define QEMU "qemu-storage-daemon"

#define PEER "libvhost-user"

/* A batch is taken and returned at once, and then chain by chain. */
#define BATCH "libvbs-batch"
#define EACH  "libvbs"

/* The same work by libvbs and by libvhost-user. */
#define RING_BAR(calls, what, shape, batch, at_most, wish)                     \
	{                                                                      \
		.section = ONE_THREAD, .work = "split, " what, .peer = PEER,   \
		.ours = CHAINS("split", shape, batch, calls),                  \
		.other = CHAINS("split", shape, batch, PEER),                  \
		.limit = at_most, .aim = wish, .drawn = true                   \
	}
/* The same chain by chain: only to be seen. */
#define EACH_BAR(what, shape)                                                  \
	{                                                                      \
		.section = ONE_THREAD, .work = "split, " what ", one by one",  \
		.peer = PEER, .ours = CHAINS("split", shape, "32", EACH),      \
		.other = CHAINS("split", shape, "32", PEER)                    \
	}
#define CORE_BAR(calls, what, shape, at_most, wish)                            \
	{                                                                      \
		.section = TWO_CORES, .work = "split, " what,                  \
		.peer = PEER ", batch calls",                                  \
		.ours = CORES("split", shape, "128", calls),                   \
		.other = CORES("split", shape, "128", PEER "-batch"),          \
		.limit = at_most, .aim = wish, .drawn = at_most > 0            \
	}
#define PACKED_BAR(what, shape)                                                \
	{                                                                      \
		.section = ONE_THREAD, .work = "packed, " what,                \
		.peer = "libvbs, split ring",                                  \
		.ours = CHAINS("packed", shape, "32", BATCH),                  \
		.other = CHAINS("split", shape, "32", BATCH), .limit = 1,      \
		.drawn = true                                                  \
	}
#define COUNT_BAR(what, shape, calls, at_most, wish)                           \
	{                                                                      \
		.section = COUNTS, .work = "split, " what, .unit = "",         \
		.ours = COUNT("split", shape, "32", calls), .limit = at_most,  \
		.aim = wish                                                    \
	}
#define DISK_BAR(what, disk, depth, at_least_, wish)                           \
	{                                                                      \
		.section = DISK, .work = what, .peer = QEMU,                   \
		.ours = READS(disk, "vhost-user", depth),                      \
		.other = READS(disk, QEMU ", vhost-user", depth),              \
		.limit = at_least_, .aim = wish, .at_least = true,             \
		.rate = true, .drawn = true                                    \
	}

#define IDLE_BAR(what, how)                                                    \
	{                                                                      \
		.section = PROCESS, .work = what, .unit = "% of a core",       \
		.ours = START(how, "idle_percent"), .limit = 0.1               \
	}

const struct bar bars[] = {
	RING_BAR(BATCH, "d1, batch 32", "d1", "32", 0.25, 0.18),
	RING_BAR(BATCH, "blk3, batch 32", "blk3", "32", 0.25, 0.18),
	RING_BAR(BATCH, "ind3, batch 32", "ind3", "32", 0.25, 0.18),
	RING_BAR(BATCH, "sg18, batch 32", "sg18", "32", 0.35, 0),
	RING_BAR(BATCH, "isg18, batch 32", "isg18", "32", 0.35, 0),
	EACH_BAR("d1, batch 32", "d1"),
	EACH_BAR("blk3, batch 32", "blk3"),
	EACH_BAR("ind3, batch 32", "ind3"),
	EACH_BAR("sg18, batch 32", "sg18"),
	EACH_BAR("isg18, batch 32", "isg18"),
	RING_BAR(EACH, "d1, batch 1", "d1", "1", 0.5, 0),
	RING_BAR(EACH, "blk3, batch 1", "blk3", "1", 0.5, 0),
	RING_BAR(EACH, "ind3, batch 1", "ind3", "1", 0.5, 0),
	PACKED_BAR("d1, batch 32", "d1"),
	PACKED_BAR("blk3, batch 32", "blk3"),
	PACKED_BAR("ind3, batch 32", "ind3"),
	{ .section = ONE_THREAD,
	  .work = "packed, packet of 64 bytes, batch 32",
	  .peer = "DPDK dequeue",
	  .ours = PACKETS("packed", "32", BATCH),
	  .other = PACKETS("packed", "32", "dpdk"),
	  .limit = 1,
	  .drawn = true },

	CORE_BAR(BATCH, "d1, 128 in flight", "d1", 0.4, 0.25),
	CORE_BAR(BATCH, "blk3, 128 in flight", "blk3", 0.4, 0.25),
	CORE_BAR(EACH, "d1, 128 in flight, one by one", "d1", 0, 0),
	CORE_BAR(EACH, "blk3, 128 in flight, one by one", "blk3", 0, 0),

	COUNT_BAR("d1, batch 32", "d1", BATCH, 110, 0),
	COUNT_BAR("blk3, batch 32", "blk3", BATCH, 230, 0),
	COUNT_BAR("ind3, batch 32", "ind3", BATCH, 340, 0),
	COUNT_BAR("sg18, batch 32", "sg18", BATCH, 1250, 1100),
	COUNT_BAR("isg18, batch 32", "isg18", BATCH, 1250, 1100),
	COUNT_BAR("d1, batch 32, one by one", "d1", EACH, 0, 0),
	COUNT_BAR("blk3, batch 32, one by one", "blk3", EACH, 0, 0),
	COUNT_BAR("ind3, batch 32, one by one", "ind3", EACH, 0, 0),
	COUNT_BAR("sg18, batch 32, one by one", "sg18", EACH, 0, 0),
	COUNT_BAR("isg18, batch 32, one by one", "isg18", EACH, 0, 0),

	DISK_BAR("void, depth 1", "void", "1", 2.5, 3),
	DISK_BAR("void, depth 32", "void", "32", 2.5, 4),
	DISK_BAR("void, depth 128", "void", "128", 4, 9),
	DISK_BAR("null, depth 128", "null", "128", 0, 0),
	DISK_BAR("tmpfs, depth 32", "tmpfs", "32", 2.2, 2.5),
	{ .section = DISK,
	  .work = "tmpfs, depth 32",
	  .peer = "pread loop",
	  .ours = READS("tmpfs", "vhost-user", "32"),
	  .other = "blk;disk=tmpfs;way=pread loop;.kiops",
	  .limit = 0.9,
	  .at_least = true,
	  .rate = true,
	  .drawn = true },
	DISK_BAR("tmpfs, mmap, depth 32", "tmpfs, mmap", "32", 2.2, 5),
	DISK_BAR("page cache, depth 32", "page cache", "32", 0, 0),
	{ .section = DISK,
	  .work = "4 queues on 2 cores",
	  .peer = "1 queue",
	  .ours = "blk-queues;queues=4;.kiops",
	  .other = "blk-queues;queues=1;.kiops",
	  .limit = 1.8,
	  .at_least = true,
	  .rate = true },

	{ .section = REGISTERS,
	  .work = "read of 4 bytes, one core",
	  .peer = "bare socket",
	  .ours = SOCKET("read"),
	  .other = SOCKET("bare socket"),
	  .limit = 1.2,
	  .drawn = true },

	{ .section = PROCESS,
	  .work = "exec to listening",
	  .unit = "ms",
	  .ours = START("vhost-user", "start_ms"),
	  .limit = 10 },
	{ .section = PROCESS,
	  .work = "memory of one more idle disk",
	  .unit = "KiB",
	  .ours = START("vhost-user", "further_disk_kib"),
	  .limit = 2048 },
	{ .section = PROCESS,
	  .work = "memory after load",
	  .peer = "before",
	  .ours = START("vhost-user", "loaded_kib"),
	  .other = START("vhost-user", "running_kib"),
	  .limit = 1.02 },
	IDLE_BAR("CPU when idle, vhost-user", "vhost-user"),
	IDLE_BAR("CPU when idle, polling for 1 ms", "vhost-user, polling 1 ms"),
	IDLE_BAR("CPU when idle, vfio-user", "vfio-user"),
	IDLE_BAR("CPU when idle, doorbell page", "vfio-user, doorbell page"),
};

const int n_bars = sizeof(bars) / sizeof(bars[0]);
