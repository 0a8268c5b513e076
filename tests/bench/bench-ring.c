// SPDX-License-Identifier: BSD-3-Clause
/*
 * Chains per second of a split ring of 256 entries, in one thread: the driver
 * makes a batch of chains available, the device side takes and returns all of
 * them, the driver takes them back and checks each.
 *
 * A sample is a few milliseconds of thread CPU time; samples of all device
 * sides and all shapes take turns, and the median counts. The driver's own
 * share, measured the same way, is subtracted: what is left is the device's.
 */
#include <stdio.h>
#include <stdlib.h>

#include "bench/bench.h"
#include "bench/ring-bed.h"
#include "bench/ring-peer.h"

#define SAMPLE_NS       3000000
#define SAMPLE_NS_QUICK 2000000
#define WARM_CHAINS     2048
#define COUNT_SHORT     2048
#define COUNT_LONG      10240

static const struct ring_peer *const peers[] = {
	&peer_alone,               /* first */
	&peer_libvbs, &peer_floor, /* last: the scale */
};
#define N_PEERS ((int)(sizeof(peers) / sizeof(peers[0])))

static const uint16_t batches[] = { 1, 8, 32 };
#define N_BATCHES 3

/* One row of the table. */
struct row {
	const struct ring_shape *shape;
	uint16_t batch;
	bool event_idx;
	struct bench_cell cells[N_PEERS]; /* ns per chain, driver included */
	uint32_t n_chains[N_PEERS];       /* in a sample */
};

#define N_ROWS (BED_N_SHAPES * N_BATCHES * 2)

static void
wrong(const struct ring_peer *peer, const struct ring_bed *bed,
      const char *what)
{
	(void)fprintf(stderr, "%s: %s: %s\n", peer->name, bed->shape->name,
		      what);
	exit(EXIT_FAILURE);
}

/* The driver takes n chains back: in order, with the right length. */
static void
reap(const struct ring_peer *peer, struct ring_bed *bed, uint16_t n)
{
	if (bed_n_used(bed) != n)
		wrong(peer, bed, "not every chain came back");
	while (n-- > 0) {
		struct bed_used_elem elem = bed_take_used(bed);

		if (elem.id != bed_head(bed, bed->oldest_slot) ||
		    elem.len != bed->shape->written)
			wrong(peer, bed, "a chain came back wrong");
		bed->oldest_slot = bed_after(bed, bed->oldest_slot);
	}
	bed_no_interrupt(bed);
}

static void
move_batch(const struct ring_peer *peer, void *state, struct ring_bed *bed,
	   uint16_t n)
{
	for (uint16_t i = 0; i < n; i++) {
		bed_add(bed, bed->next_slot);
		bed->next_slot = bed_after(bed, bed->next_slot);
	}
	(void)bed_publish(bed);
	peer->serve(state);
	reap(peer, bed, n);
}

/* In batches; smaller ones where the ring has no room. */
static void
move_chains(const struct ring_peer *peer, void *state, struct ring_bed *bed,
	    uint32_t n_chains, uint16_t batch)
{
	if (batch > bed->n_slots)
		batch = bed->n_slots;
	while (n_chains > 0) {
		uint16_t n = n_chains < batch ? (uint16_t)n_chains : batch;

		move_batch(peer, state, bed, n);
		n_chains -= n;
	}
}

/* Nanoseconds a chain. */
static double
sample(const struct ring_peer *peer, struct ring_bed *bed,
       const struct row *row, uint32_t n_chains)
{
	uint64_t start, spent;
	void *state;

	bed_reset(bed, row->shape, row->event_idx);
	state = peer->open(bed);
	move_chains(peer, state, bed, WARM_CHAINS, row->batch);
	start = bench_thread_ns();
	move_chains(peer, state, bed, n_chains, row->batch);
	spent = bench_thread_ns() - start;
	peer->close(state);
	return (double)spent / n_chains;
}

static void
make_rows(struct row *rows)
{
	struct row *row = rows;

	for (int event_idx = 1; event_idx >= 0; event_idx--)
		for (int s = 0; s < BED_N_SHAPES; s++)
			for (int b = 0; b < N_BATCHES; b++)
				*row++ = (struct row){
					.shape = &bed_shapes[s],
					.batch = batches[b],
					.event_idx = event_idx,
				};
}

/* How many chains make a sample as long as it should be. */
static void
size_samples(const struct bench *b, struct ring_bed *bed, struct row *rows)
{
	double wanted = b->quick ? SAMPLE_NS_QUICK : SAMPLE_NS;

	for (int r = 0; r < N_ROWS; r++)
		for (int p = 0; p < N_PEERS; p++)
			rows[r].n_chains[p] =
				(uint32_t)(wanted / sample(peers[p], bed,
							   &rows[r],
							   COUNT_LONG));
}

static void
measure(const struct bench *b, struct ring_bed *bed, struct row *rows)
{
	size_samples(b, bed, rows);
	for (int i = 0; i < b->samples; i++)
		for (int r = 0; r < N_ROWS; r++)
			for (int p = 0; p < N_PEERS; p++)
				bench_sample(&rows[r].cells[p],
					     sample(peers[p], bed, &rows[r],
						    rows[r].n_chains[p]));
}

/* The device's share: without the driver alone. */
static double
device_ns(const struct row *row, int peer)
{
	return bench_median(&row->cells[peer]) - bench_median(&row->cells[0]);
}

static void
print_head(void)
{
	(void)printf("Split ring of %d, one thread: device ns per chain (times "
		     "floor), and all of it with the driver\n\n"
		     "| shape | batch | event-idx | driver alone |",
		     BED_QSIZE);
	for (int p = 1; p < N_PEERS; p++)
		(void)printf(" %s |", peers[p]->name);
	(void)printf(" libvbs, M chains/s |\n|---|---|---|---|---|");
	for (int p = 1; p < N_PEERS; p++)
		(void)printf("---|");
	(void)printf("\n");
}

static void
print_row(const struct row *row)
{
	double floor = device_ns(row, N_PEERS - 1);

	(void)printf("| %s | %u | %s | %.1f |", row->shape->name, row->batch,
		     row->event_idx ? "on" : "off",
		     bench_median(&row->cells[0]));
	for (int p = 1; p < N_PEERS; p++)
		(void)printf(" %.1f (%.2f) |", device_ns(row, p),
			     device_ns(row, p) / floor);
	(void)printf(" %.1f |\n", 1000 / bench_median(&row->cells[1]));
}

static void
report_row(struct bench *b, const struct row *row)
{
	json_t *sides = json_object();

	for (int p = 0; p < N_PEERS; p++)
		(void)json_object_set_new(
			sides, peers[p]->name,
			json_pack("{s:f, s:o}", "device_ns", device_ns(row, p),
				  "total_ns", bench_cell_json(&row->cells[p])));
	bench_add(b, json_pack("{s:s, s:i, s:i, s:b, s:o}", "shape",
			       row->shape->name, "queue_size", BED_QSIZE,
			       "batch", row->batch, "event_idx", row->event_idx,
			       "sides", sides));
}

/*
 * Under callgrind: each call dumps what was counted since the last one. See
 * instructions.sh.
 */
static void __attribute__((noinline))
count_mark(const char *shape, const char *peer, uint16_t batch, uint32_t chains)
{
	(void)printf("%s %s %u %u\n", shape, peer, batch, chains);
	(void)fflush(stdout);
}

static void
count_cell(const struct ring_peer *peer, struct ring_bed *bed,
	   const struct ring_shape *shape, uint16_t batch)
{
	static const uint32_t lengths[] = { COUNT_SHORT, COUNT_LONG };

	for (int i = 0; i < 2; i++) {
		void *state;

		bed_reset(bed, shape, true);
		state = peer->open(bed);
		move_chains(peer, state, bed, lengths[i], batch);
		peer->close(state);
		count_mark(shape->name, peer->name, batch, lengths[i]);
	}
}

static void
count_all(struct ring_bed *bed)
{
	for (int s = 0; s < BED_N_SHAPES; s++)
		for (int b = 0; b < N_BATCHES; b++)
			for (int p = 1; p < N_PEERS; p++)
				count_cell(peers[p], bed, &bed_shapes[s],
					   batches[b]);
}

int
main(int argc, char **argv)
{
	static struct row rows[N_ROWS];
	static struct ring_bed bed;
	struct bench b;
	int status;

	if (!bench_init(&b, "ring", argc, argv, &status))
		return status;
	bed_init(&bed);
	if (b.count) {
		count_all(&bed);
	} else {
		bench_banner(&b);
		make_rows(rows);
		measure(&b, &bed, rows);
		print_head();
		for (int r = 0; r < N_ROWS; r++) {
			print_row(&rows[r]);
			report_row(&b, &rows[r]);
		}
	}
	for (int p = 0; p < N_PEERS; p++)
		if (peers[p]->finish)
			peers[p]->finish();
	bed_deinit(&bed);
	return bench_finish(&b);
}
