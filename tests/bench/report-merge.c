// SPDX-License-Identifier: BSD-3-Clause
/* One document from what the programs have left, a line for each result. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/report.h"

#define MAX_LINE 1024

/* What is the same for all programs of a run. */
static const char *const common[] = {
	"date",   "machine",  "virtual",  "cpus",  "memory_gib",
	"kernel", "compiler", "realtime", "quick", "load",
};
#define N_COMMON (sizeof(common) / sizeof(common[0]))

static FILE *
open_part(const char *path, const char *end)
{
	char name[MAX_LINE];

	(void)snprintf(name, sizeof(name), "%s%s", path, end);
	return fopen(name, "re");
}

static void
drop_empty_end(json_t *text)
{
	size_t n = json_array_size(text);

	while (n-- > 0 && json_string_length(json_array_get(text, n)) == 0)
		(void)json_array_remove(text, n);
}

/* What a program has printed below its heading, line by line. */
static json_t *
read_text(const char *path)
{
	json_t *text = json_array();
	FILE *f = open_part(path, ".txt");
	char line[MAX_LINE];
	bool heading = true;

	while (f && fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = '\0';
		if (!heading)
			(void)json_array_append_new(text, json_string(line));
		else if (line[0] == '\0')
			heading = false;
	}
	if (f)
		(void)fclose(f);
	drop_empty_end(text);
	return text;
}

static void
move_common(json_t *report, json_t *program)
{
	for (size_t i = 0; i < N_COMMON; i++) {
		json_t *value = json_object_get(program, common[i]);

		if (value && !json_object_get(report, common[i]))
			(void)json_object_set(report, common[i], value);
		(void)json_object_del(program, common[i]);
	}
}

static void
add_program(json_t *report, const char *path)
{
	FILE *f = open_part(path, ".json");
	json_t *program = f ? json_loadf(f, 0, NULL) : NULL;

	if (f)
		(void)fclose(f);
	if (!program) {
		(void)fprintf(stderr, "%s has left no results\n", path);
		return;
	}
	move_common(report, program);
	(void)json_object_set_new(program, "text", read_text(path));
	(void)json_array_append_new(json_object_get(report, "programs"),
				    program);
}

/* Lines of ring, shape, batch, calls, count; # begins a comment. */
static void
add_instructions(json_t *report, const char *path)
{
	json_t *results = json_array();
	FILE *f = fopen(path, "re");
	char line[MAX_LINE], ring[32], shape[32], calls[32];
	int batch, count;

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "%31s %31s %d %31s %d", ring, shape, &batch,
			   calls, &count) == 5)
			(void)json_array_append_new(
				results,
				json_pack("{s:s, s:s, s:i, s:s, s:i}", "ring",
					  ring, "shape", shape, "batch", batch,
					  "calls", calls, "count", count));
	if (f)
		(void)fclose(f);
	(void)json_array_append_new(json_object_get(report, "programs"),
				    json_pack("{s:s, s:o}", "benchmark",
					      "instructions", "results",
					      results));
}

/* Which bars are met: what the page says, for programs. */
static void
add_bars(json_t *report)
{
	json_t *all = json_array();

	for (int i = 0; i < n_bars; i++) {
		double value = bar_value(report, &bars[i]);

		if (isnan(value) || bars[i].limit == 0)
			continue;
		(void)json_array_append_new(
			all,
			json_pack("{s:s, s:s, s:s*, s:f, s:f, s:b, s:f, s:s}",
				  "section", bars[i].section, "work",
				  bars[i].work, "beside", bars[i].peer, "bar",
				  bars[i].limit, "aim", bars[i].aim, "at_least",
				  bars[i].at_least, "value", value, "verdict",
				  bar_verdict(&bars[i], value)));
	}
	(void)json_object_set_new(report, "bars", all);
}

json_t *
report_merge(char **paths, int n, const char *instructions)
{
	json_t *report = json_object(), *programs = json_array();

	(void)json_object_set_new(report, "programs", programs);
	for (int i = 0; i < n; i++)
		add_program(report, paths[i]);
	add_instructions(report, instructions);
	add_bars(report);
	/* It is long: last. */
	(void)json_incref(programs);
	(void)json_object_del(report, "programs");
	(void)json_object_set_new(report, "programs", programs);
	return report;
}

/* ---- writing: what changes from run to run changes single lines ---------- */

static void
write_value(const json_t *value, FILE *f)
{
	(void)json_dumpf(value, f,
			 JSON_ENCODE_ANY | JSON_REAL_PRECISION(6) |
				 JSON_COMPACT);
}

static void
write_member(const char *key, const json_t *value, FILE *f)
{
	size_t i;
	json_t *each;

	(void)fprintf(f, "\"%s\":", key);
	if (!json_is_array(value)) {
		write_value(value, f);
		return;
	}
	(void)fputs("[", f);
	json_array_foreach(value, i, each)
	{
		(void)fputs(i > 0 ? ",\n  " : "\n  ", f);
		write_value(each, f);
	}
	(void)fputs("]", f);
}

static void
write_program(json_t *program, FILE *f)
{
	const char *key, *before = "{";
	json_t *value;

	json_object_foreach(program, key, value)
	{
		(void)fputs(before, f);
		write_member(key, value, f);
		before = ",\n ";
	}
	(void)fputs("}", f);
}

int
report_write(json_t *report, const char *path)
{
	json_t *programs = json_object_get(report, "programs"), *value;
	FILE *f = fopen(path, "we");
	const char *key;
	size_t i;

	if (!f) {
		perror(path);
		return EXIT_FAILURE;
	}
	(void)fputs("{", f);
	json_object_foreach(report, key, value)
	{
		if (value == programs)
			continue;
		write_member(key, value, f);
		(void)fputs(",\n", f);
	}
	(void)fputs("\"programs\":[\n", f);
	json_array_foreach(programs, i, value)
	{
		(void)fputs(i > 0 ? ",\n" : "", f);
		write_program(value, f);
	}
	(void)fputs("]}\n", f);
	return fclose(f) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
