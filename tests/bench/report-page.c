// SPDX-License-Identifier: BSD-3-Clause
/* The page: a template, with lines @LIKE_THIS@ for what comes from the run. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/report.h"

#define MAX_LINE 1024

static const char *
text_of(const json_t *report, const char *key)
{
	const char *text = json_string_value(json_object_get(report, key));

	return text ? text : "?";
}

static int
number_of(const json_t *report, const char *key)
{
	return (int)json_integer_value(json_object_get(report, key));
}

static bool
is_set(const json_t *report, const char *key)
{
	return json_is_true(json_object_get(report, key));
}

static void
write_machine(const json_t *report)
{
	const json_t *load = json_object_get(report, "load");

	(void)printf("| | |\n|---|---|\n| machine | %s, %d cores, %d GiB%s |\n",
		     text_of(report, "machine"), number_of(report, "cpus"),
		     number_of(report, "memory_gib"),
		     is_set(report, "virtual") ? ", a virtual machine" : "");
	(void)printf("| kernel | Linux %s |\n| compiler | %s |\n| date | %s "
		     "|\n",
		     text_of(report, "kernel"), text_of(report, "compiler"),
		     text_of(report, "date"));
	if (load)
		(void)printf("| load before | %.1f |\n",
			     json_number_value(load));
	(void)printf("| commands | `make bench%s%s`, then `make bench-doc` |\n",
		     is_set(report, "quick") ? "-quick" : "",
		     is_set(report, "realtime") ? " BENCH_FLAGS=--realtime"
						: "");
}

/* About three digits that count. */
static void
write_number(double x)
{
	(void)printf("%.*f", x < 0.1 ? 4 : x < 10 ? 2 : x < 100 ? 1 : 0, x);
}

static void
write_limit(const struct bar *bar)
{
	if (bar->limit == 0)
		return;
	(void)printf(" %s %g", bar->at_least ? "≥" : "≤", bar->limit);
	if (bar->aim != 0)
		(void)printf(" (%g)", bar->aim);
	if (bar->unit && bar->unit[0])
		(void)printf(" %s", bar->unit);
}

static void
write_bar(const json_t *report, const struct bar *bar)
{
	double value = bar_value(report, bar);
	const char *verdict = bar_verdict(bar, value);
	bool missed = strcmp(verdict, BAR_MISSED) == 0;

	(void)printf("| %s | %s |", bar->work, bar->peer ? bar->peer : "");
	write_limit(bar);
	(void)printf(" | ");
	if (!isnan(value))
		write_number(value);
	(void)printf(" | %s%s%s |\n", missed ? "**" : "", verdict,
		     missed ? "**" : "");
}

static void
write_section(const json_t *report, const char *section)
{
	(void)printf("### %s\n\n| work | beside | bar (aim) "
		     "| here | |\n|---|---|---|---:|---|\n",
		     section);
	for (int i = 0; i < n_bars; i++)
		if (strcmp(bars[i].section, section) == 0)
			write_bar(report, &bars[i]);
}

static bool
is_first(int i)
{
	return i == 0 || strcmp(bars[i].section, bars[i - 1].section) != 0;
}

static void
write_bars(const json_t *report)
{
	for (int i = 0; i < n_bars; i++)
		if (is_first(i)) {
			(void)printf("%s", i > 0 ? "\n" : "");
			write_section(report, bars[i].section);
		}
}

void
report_bars(const json_t *report)
{
	for (int i = 0; i < n_bars; i++)
		if (is_first(i) && report_has(report, bars[i].ours)) {
			write_section(report, bars[i].section);
			(void)printf("\n");
		}
}

static const char *
line_of(const json_t *text, size_t i)
{
	const char *line = json_string_value(json_array_get(text, i));

	return line ? line : "";
}

/* Rows of a table end with an empty line, and other lines where they end. */
static void
write_text(const json_t *text)
{
	for (size_t i = 0; i < json_array_size(text); i++) {
		const char *line = line_of(text, i),
			   *next = line_of(text, i + 1);
		bool row = line[0] == '|', plain = next[0] && next[0] != '|';

		(void)printf("%s%s\n%s", line,
			     !row && line[0] && plain ? "\\" : "",
			     row && plain ? "\n" : "");
	}
}

static void
write_tables(const json_t *report)
{
	const json_t *program;
	size_t i;

	json_array_foreach(json_object_get(report, "programs"), i, program)
	{
		const json_t *text = json_object_get(program, "text");

		if (json_array_size(text) == 0)
			continue;
		(void)printf("%s### bench-%s\n\n", i > 0 ? "\n" : "",
			     text_of(program, "benchmark"));
		write_text(text);
	}
}

static const struct part {
	const char *name;
	void (*write)(const json_t *report);
} parts[] = {
	{ "@MACHINE@\n", write_machine },
	{ "@BARS@\n", write_bars },
	{ "@TABLES@\n", write_tables },
};
#define N_PARTS (sizeof(parts) / sizeof(parts[0]))

static void
write_line(const json_t *report, const char *line)
{
	for (size_t i = 0; i < N_PARTS; i++)
		if (strcmp(line, parts[i].name) == 0) {
			parts[i].write(report);
			return;
		}
	(void)fputs(line, stdout);
}

int
report_page(const json_t *report, const char *template)
{
	FILE *f = fopen(template, "re");
	char line[MAX_LINE];

	if (!f) {
		perror(template);
		return EXIT_FAILURE;
	}
	while (fgets(line, sizeof(line), f))
		write_line(report, line);
	(void)fclose(f);
	return EXIT_SUCCESS;
}
