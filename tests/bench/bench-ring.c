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
#include "bench/ring-peer.h"
#include "bench/ring-table.h"

/* Both are whole batches of each size, and whole laps of a ring apart. */
#define COUNT_SHORT 448
#define COUNT_LONG  2240

static const uint16_t batches[] = { 1, 8, 32 };
#define N_BATCHES 3

static const struct ring_peer *const chain_peers[] = {
	&peer_alone, &peer_libvbs, &peer_floor, /* last: the scale */
};
#define N_CHAIN_PEERS ((int)(sizeof(chain_peers) / sizeof(chain_peers[0])))

struct tables {
	struct table chains;
};

static void
fill_chains(struct table *t)
{
	t->name = "chains";
	t->title = "Ring of 256, one thread: device ns per chain (times "
		   "floor); alone: the driver";
	for (int p = 0; p < N_CHAIN_PEERS; p++)
		table_add_peer(t, chain_peers[p]);
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
measure(struct bench *b, struct ring_bed *bed, struct tables *t)
{
	fill_chains(&t->chains);
	for (int i = 0; i < b->samples; i++)
		table_sample(&t->chains, b, bed);
	table_print(&t->chains);
	table_report(&t->chains, b);
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
	const struct table *chains = &t->chains;

	fill_chains(&t->chains);
	for (int r = 0; r < chains->n_rows; r++) {
		const struct ring_work *work = &chains->rows[r].work;

		for (int p = 0; p < chains->n_peers && work->ring.event_idx;
		     p++)
			if (is_wanted(chains->peers[p], names) &&
			    table_can_do(chains->peers[p], work))
				count_cell(chains->peers[p], bed, work);
	}
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
	for (int p = 0; p < N_CHAIN_PEERS; p++)
		if (chain_peers[p]->finish)
			chain_peers[p]->finish();
	bed_deinit(&bed);
	return bench_finish(&b);
}
