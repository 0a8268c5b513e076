// SPDX-License-Identifier: BSD-3-Clause
/* Tables of the ring benchmark: samples, medians, Markdown, JSON. */
#include "bench/ring-table.h"

#include <stdio.h>
#include <string.h>

#define SAMPLE_NS       3000000
#define SAMPLE_NS_QUICK 1000000
#define TRIAL_CHAINS    4096

void
table_add_peer(struct table *t, const struct ring_peer *peer)
{
	if (peer && t->n_peers < TABLE_MAX_PEERS)
		t->peers[t->n_peers++] = peer;
}

void
table_add_row(struct table *t, const struct ring_work *work)
{
	if (t->n_rows < TABLE_MAX_ROWS)
		t->rows[t->n_rows++].work = *work;
}

bool
table_can_do(const struct ring_peer *peer, const struct ring_work *work)
{
	return peer->rings & (work->ring.packed ? PEER_PACKED : PEER_SPLIT);
}

static void
sample_cell(struct table *t, struct table_row *row, int p,
	    const struct bench *b, struct ring_bed *bed)
{
	double wanted = b->quick ? SAMPLE_NS_QUICK : SAMPLE_NS;

	if (!table_can_do(t->peers[p], &row->work))
		return;
	if (row->n_chains[p] == 0)
		row->n_chains[p] =
			(uint32_t)(wanted / ring_sample(b, t->peers[p], bed,
							&row->work,
							TRIAL_CHAINS));
	bench_sample(&row->cells[p], ring_sample(b, t->peers[p], bed,
						 &row->work, row->n_chains[p]));
}

void
table_sample(struct table *t, const struct bench *b, struct ring_bed *bed)
{
	for (int r = 0; r < t->n_rows; r++)
		for (int p = 0; p < t->n_peers; p++)
			sample_cell(t, &t->rows[r], p, b, bed);
}

void
table_finish(const struct table *t)
{
	for (int p = 0; p < t->n_peers; p++)
		if (t->peers[p]->finish)
			t->peers[p]->finish();
}

int
table_find_peer(const struct table *t, const char *name)
{
	for (int p = 0; p < t->n_peers; p++)
		if (strcmp(t->peers[p]->name, name) == 0)
			return p;
	return -1;
}

const struct table_row *
table_find_row(const struct table *t, const struct ring_work *work)
{
	for (int r = 0; r < t->n_rows; r++) {
		const struct ring_work *w = &t->rows[r].work;

		if (w->ring.shape == work->ring.shape &&
		    w->ring.packed == work->ring.packed &&
		    w->ring.event_idx == work->ring.event_idx &&
		    w->batch == work->batch)
			return &t->rows[r];
	}
	return NULL;
}

double
table_ns(const struct table *t, const struct table_row *row, int peer)
{
	int alone = table_find_peer(t, "alone");

	if (peer < 0 || row->cells[peer].n == 0)
		return 0;
	return bench_median(&row->cells[peer]) -
	       (alone < 0 ? 0 : bench_median(&row->cells[alone]));
}

/* ---- Markdown ------------------------------------------------------------ */

static void
print_head(const struct table *t)
{
	(void)printf("%s\n\n| ring | shape | %s | event-idx |", t->title,
		     t->rows[0].work.two_cores ? "in flight" : "batch");
	for (int p = 0; p < t->n_peers; p++)
		(void)printf(" %s |", t->peers[p]->name);
	(void)printf("\n|---|---|---|---|");
	for (int p = 0; p < t->n_peers; p++)
		(void)printf("---|");
	(void)printf("\n");
}

/* With how often it is what the last column, the scale, takes. */
static void
print_cell(const struct table *t, const struct table_row *row, int p)
{
	double ns = table_ns(t, row, p);

	if (row->cells[p].n == 0)
		(void)printf(" - |");
	else if (strcmp(t->peers[p]->name, "alone") == 0)
		(void)printf(" %.1f |", bench_median(&row->cells[p]));
	else
		(void)printf(" %.1f (%.2f) |", ns,
			     ns / table_ns(t, row, t->n_peers - 1));
}

void
table_print(const struct table *t)
{
	print_head(t);
	for (int r = 0; r < t->n_rows; r++) {
		const struct ring_work *work = &t->rows[r].work;

		(void)printf("| %s | %s | %u | %s |",
			     work->ring.packed ? "packed" : "split",
			     work->ring.shape->name, work->batch,
			     work->ring.event_idx ? "on" : "off");
		for (int p = 0; p < t->n_peers; p++)
			print_cell(t, &t->rows[r], p);
		(void)printf("\n");
	}
	(void)printf("\n");
}

/* ---- JSON ---------------------------------------------------------------- */

static json_t *
row_sides(const struct table *t, const struct table_row *row)
{
	json_t *sides = json_object();

	for (int p = 0; p < t->n_peers; p++)
		if (row->cells[p].n > 0)
			(void)json_object_set_new(
				sides, t->peers[p]->name,
				json_pack("{s:f, s:o}", "device_ns",
					  table_ns(t, row, p), "total_ns",
					  bench_cell_json(&row->cells[p])));
	return sides;
}

void
table_report(const struct table *t, struct bench *b)
{
	for (int r = 0; r < t->n_rows; r++) {
		const struct table_row *row = &t->rows[r];
		const struct ring_work *work = &row->work;

		bench_add(b, json_pack("{s:s, s:s, s:s, s:i, s:i, s:b, "
				       "s:o}",
				       "table", t->name, "ring",
				       work->ring.packed ? "packed" : "split",
				       "shape", work->ring.shape->name,
				       "queue_size", work->ring.qsize,
				       work->two_cores ? "in_flight" : "batch",
				       work->batch, "event_idx",
				       work->ring.event_idx, "sides",
				       row_sides(t, row)));
	}
}
