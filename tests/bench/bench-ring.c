// SPDX-License-Identifier: BSD-3-Clause
/*
 * What a chain costs: a driver makes chains available, a device side takes and
 * returns all of them, the driver takes them back and checks each. All device
 * sides get the same rings, memory and driver.
 *
 * A sample is a few milliseconds; samples of all device sides and all rows
 * take turns, and the median counts. In one thread it is thread CPU time, and
 * the driver's own share, measured the same way, is subtracted.
 *
 * With --count, and callgrind around it, it counts instructions instead, of
 * the device sides whose names follow, or of all: see instructions.sh.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/bench.h"
#include "bench/ring-bed.h"
#include "bench/ring-module.h"
#include "bench/ring-peer.h"
#include "bench/ring-table.h"

/* Both are whole batches of each size, and whole laps of a ring apart. */
#define COUNT_SHORT 448
#define COUNT_LONG  2240

static const uint16_t batches[] = { 1, 8, 32 };
#define N_BATCHES 3

static const uint16_t in_flight[] = { 1, 32, 128 };
#define N_IN_FLIGHT 3

/* What this program is given beside its own code: NULL where it is not. */
struct modules {
	const struct ring_module *libvhost_user;
	const struct ring_module *dpdk;
};

struct tables {
	struct table chains;
	struct table packets;
	struct table cores;
};

static const struct ring_module *
load(struct bench *b, const char *name)
{
	const char *why;
	const struct ring_module *module = ring_module_load(name, &why);

	if (!module)
		(void)printf("%s: %s\n", name, why);
	else
		(void)printf("%s: %s\n", name, module->version);
	(void)json_object_set_new(b->report, name,
				  module ? json_string(module->version)
					 : json_null());
	return module;
}

static void
add_module(struct table *t, const struct ring_module *module)
{
	for (int i = 0; module && i < MODULE_MAX_PEERS; i++)
		table_add_peer(t, module->peers[i]);
}

static void
fill_chains(struct table *t, const struct modules *m)
{
	t->name = "chains";
	t->title = "Ring of 256, one thread: device ns per chain (times "
		   "floor); alone: the driver";
	table_add_peer(t, &peer_alone);
	table_add_peer(t, &peer_libvbs);
	table_add_peer(t, &peer_libvbs_batch);
	add_module(t, m->libvhost_user);
	table_add_peer(t, &peer_floor); /* last: the scale */
	for (int i = 0; i < 4 * BED_N_SHAPES * N_BATCHES; i++)
		table_add_row(
			t,
			&(struct ring_work){
				.ring.shape = &bed_shapes[i / N_BATCHES %
							  BED_N_SHAPES],
				.ring.qsize = BED_QSIZE,
				.ring.packed = i / N_BATCHES / BED_N_SHAPES & 1,
				.ring.event_idx = i / N_BATCHES / BED_N_SHAPES <
						  2,
				.batch = batches[i % N_BATCHES],
			});
}

static void
fill_packets(struct table *t, const struct modules *m)
{
	t->name = "packets";
	t->title = "Ring of 256, one thread, packets of 64 bytes copied: "
		   "device ns per packet (times floor)";
	table_add_peer(t, &peer_alone);
	table_add_peer(t, &peer_libvbs_net);
	table_add_peer(t, &peer_libvbs_net_batch);
	add_module(t, m->dpdk);
	table_add_peer(t, &peer_floor_net);
	for (int i = 0; i < 2 * N_BATCHES; i++)
		table_add_row(t, &(struct ring_work){
					 .ring.shape = &bed_packet,
					 .ring.qsize = BED_QSIZE,
					 .ring.packed = i >= N_BATCHES,
					 .ring.event_idx = true,
					 .batch = batches[i % N_BATCHES],
				 });
}

static void
fill_cores(struct table *t, const struct modules *m)
{
	static const char *const shapes[] = { "d1", "blk3", "ind3", "sg18" };

	t->name = "cores";
	t->title = "Ring of 1024, driver and device on two cores, both "
		   "polling: ns per chain (times floor)";
	table_add_peer(t, &peer_libvbs);
	table_add_peer(t, &peer_libvbs_batch);
	add_module(t, m->libvhost_user);
	table_add_peer(t, &peer_floor);
	for (int i = 0; i < 8 * N_IN_FLIGHT; i++)
		table_add_row(t, &(struct ring_work){
					 .ring.shape = bed_shape(
						 shapes[i / N_IN_FLIGHT % 4]),
					 .ring.qsize = BED_MAX_QSIZE,
					 .ring.packed = i / N_IN_FLIGHT >= 4,
					 .ring.event_idx = true,
					 .two_cores = true,
					 .batch = in_flight[i % N_IN_FLIGHT],
				 });
}

static void
show(struct bench *b, const struct table *t)
{
	if (t->n_rows == 0)
		return;
	table_print(t);
	table_report(t, b);
}

static void
measure(struct bench *b, struct ring_bed *bed, struct tables *t)
{
	const struct modules m = {
		.libvhost_user = load(b, "libvhost-user"),
		.dpdk = load(b, "dpdk"),
	};

	(void)printf("%s\n",
		     b->cpu == b->other_cpu
			     ? "Not measured with two cores: there is one\n"
			     : "");
	fill_chains(&t->chains, &m);
	fill_packets(&t->packets, &m);
	if (b->cpu != b->other_cpu)
		fill_cores(&t->cores, &m);
	for (int i = 0; i < b->samples; i++) {
		table_sample(&t->chains, b, bed);
		table_sample(&t->packets, b, bed);
		table_sample(&t->cores, b, bed);
	}
	show(b, &t->chains);
	show(b, &t->packets);
	show(b, &t->cores);
	table_finish(&t->chains);
	table_finish(&t->packets);
}

/* ---- counting ------------------------------------------------------------ */

/*
 * Under callgrind: each call dumps what was counted since the last one. See
 * instructions.sh.
 */
static void __attribute__((noinline))
count_mark(const char *peer, const struct ring_work *work, uint32_t chains)
{
	(void)printf("%s %s %u %s %u\n", work->ring.packed ? "packed" : "split",
		     work->ring.shape->name, work->batch, peer, chains);
	(void)fflush(stdout);
}

static void
count_cell(const struct ring_peer *peer, struct ring_bed *bed,
	   const struct ring_work *work)
{
	static const uint32_t lengths[] = { COUNT_SHORT, COUNT_LONG };

	for (int i = 0; i < 2; i++) {
		void *state;

		bed_reset_ring(bed, &work->ring);
		state = peer->open(bed);
		ring_move(peer, state, bed, lengths[i], work->batch);
		peer->close(state);
		count_mark(peer->name, work, lengths[i]);
	}
}

static bool
is_wanted(const struct ring_peer *peer, char *const *names)
{
	bool any = !*names;

	for (; *names; names++)
		any = any || strcmp(*names, peer->name) == 0;
	return any && peer != &peer_alone;
}

static void
count_all(struct ring_bed *bed, struct tables *t, char *const *names)
{
	const char *why;
	const struct modules m = {
		.libvhost_user = ring_module_load("libvhost-user", &why),
	};
	const struct table *chains = &t->chains;

	fill_chains(&t->chains, &m);
	for (int r = 0; r < chains->n_rows; r++) {
		const struct ring_work *work = &chains->rows[r].work;

		for (int p = 0; p < chains->n_peers && work->ring.event_idx;
		     p++)
			if (is_wanted(chains->peers[p], names) &&
			    table_can_do(chains->peers[p], work))
				count_cell(chains->peers[p], bed, work);
	}
	table_finish(chains);
}

int
main(int argc, char **argv)
{
	static struct ring_bed bed;
	static struct tables tables;
	struct bench b;
	int status;

	if (!bench_init(&b, "ring", argc, argv, &status))
		return status;
	bed_init(&bed);
	if (b.count) {
		count_all(&bed, &tables, argv + optind);
	} else {
		bench_banner(&b);
		measure(&b, &bed, &tables);
	}
	bed_deinit(&bed);
	return bench_finish(&b);
}
