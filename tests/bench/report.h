/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The report of all benchmarks of one run, from the JSON that they have left:
 * which bar is met, as Markdown, and how far away the peers are, as SVG. What
 * is compared with what is one table, report-bars.c.
 */
#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H

#include <stdbool.h>

#include <jansson.h>

/*
 * One comparison. A selector names a value: "PROGRAM;KEY=VALUE;...;.A.B" is
 * A.B of the first result of PROGRAM in which these keys have these values; if
 * that is an object, its median.
 */
struct bar {
	const char *section; /* of the table, and of the picture */
	const char *work;
	const char *peer;  /* whom it is compared with; NULL: with a number */
	const char *unit;  /* of such a number */
	const char *ours;  /* selector */
	const char *other; /* selector, or NULL */
	double limit;      /* 0: nothing is asked, only to be seen */
	double aim;        /* 0: the limit */
	bool at_least;     /* or else at most */
	bool rate;         /* the values are rates, not times */
	bool drawn;        /* in the picture */
};

extern const struct bar bars[];
extern const int n_bars;

/* Not a number if the run has no such value. */
double report_value(const json_t *report, const char *selector);

/* Was the program of a selector part of the run? */
bool report_has(const json_t *report, const char *selector);

/* What is compared with the limit; not a number if it was not measured. */
double bar_value(const json_t *report, const struct bar *bar);

/* What that means; "" where nothing is asked. */
#define BAR_MISSED "missed"
const char *bar_verdict(const struct bar *bar, double value);

/* The time of the peer, if ours is 1. */
double bar_length(const json_t *report, const struct bar *bar);

/* One document from those that the programs have left in PATH.json, PATH.txt */
json_t *report_merge(char **paths, int n, const char *instructions);
int report_write(json_t *report, const char *path);

/* To standard output; the bars of programs that were part of the run. */
void report_bars(const json_t *report);
int report_page(const json_t *report, const char *template);
void report_picture(const json_t *report);

#endif
