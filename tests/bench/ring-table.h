/* SPDX-License-Identifier: BSD-3-Clause */
/* Tables of the ring benchmark: rows of work, a column for each device side. */
#ifndef BENCH_RING_TABLE_H
#define BENCH_RING_TABLE_H

#include "bench/bench.h"
#include "bench/ring-peer.h"
#include "bench/ring-run.h"

#define TABLE_MAX_PEERS 8
#define TABLE_MAX_ROWS  64

struct table_row {
	struct ring_work work;
	/* ns a chain, the driver's share included */
	struct bench_cell cells[TABLE_MAX_PEERS];
	uint32_t n_chains[TABLE_MAX_PEERS]; /* in a sample */
};

struct table {
	const char *name;
	const char *title;
	const struct ring_peer *peers[TABLE_MAX_PEERS];
	int n_peers;
	struct table_row rows[TABLE_MAX_ROWS];
	int n_rows;
};

/* Add a column or a row at the end. NULL is no column. */
void table_add_peer(struct table *t, const struct ring_peer *peer);
void table_add_row(struct table *t, const struct ring_work *work);

/* Does it know the ring of this row? */
bool table_can_do(const struct ring_peer *peer, const struct ring_work *work);

/* A sample of each cell; the first call finds out how long one has to be. */
void table_sample(struct table *t, const struct bench *b, struct ring_bed *bed);

/* Nothing more will be measured. */
void table_finish(const struct table *t);

/* By name; -1 if there is none. */
int table_find_peer(const struct table *t, const char *name);
/* The row of this work; NULL if there is none. */
const struct table_row *table_find_row(const struct table *t,
				       const struct ring_work *work);

/*
 * Nanoseconds a chain: of the device side, without what the driver takes in
 * the column "alone"; where there is no such column, of all. 0: not measured.
 */
double table_ns(const struct table *t, const struct table_row *row, int peer);

/* In Markdown, and into the report. */
void table_print(const struct table *t);
void table_report(const struct table *t, struct bench *b);

#endif
