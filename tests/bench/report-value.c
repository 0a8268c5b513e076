// SPDX-License-Identifier: BSD-3-Clause
/* Values of a report, and what two of them say about each other. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/report.h"

#define MAX_SELECTOR 256

static const json_t *
find_program(const json_t *report, const char *name)
{
	const json_t *each;
	size_t i;

	json_array_foreach(json_object_get(report, "programs"), i, each)
	{
		const char *is =
			json_string_value(json_object_get(each, "benchmark"));

		if (is && strcmp(is, name) == 0)
			return each;
	}
	return NULL;
}

static bool
has_value(const json_t *value, const char *text)
{
	if (json_is_string(value))
		return strcmp(json_string_value(value), text) == 0;
	if (json_is_boolean(value))
		return strcmp(json_is_true(value) ? "true" : "false", text) ==
		       0;
	return json_is_number(value) && json_number_value(value) == atof(text);
}

/* Does a result have what one word, KEY=VALUE, wants? */
static bool
fits_word(const json_t *result, const char *word)
{
	const char *equals = strchr(word, '=');
	char key[MAX_SELECTOR];

	if (!equals)
		return false;
	(void)snprintf(key, sizeof(key), "%.*s", (int)(equals - word), word);
	return has_value(json_object_get(result, key), equals + 1);
}

static double
walk(const json_t *at, char *path)
{
	char *rest = NULL;

	for (char *name = strtok_r(path, ".", &rest); name;
	     name = strtok_r(NULL, ".", &rest))
		at = json_object_get(at, name);
	if (json_is_object(at))
		at = json_object_get(at, "median");
	return json_is_number(at) ? json_number_value(at) : NAN;
}

/* The value in this result, or not a number. */
static double
result_value(const json_t *result, const char *words)
{
	char text[MAX_SELECTOR], *rest = NULL;

	(void)snprintf(text, sizeof(text), "%s", words);
	for (char *word = strtok_r(text, ";", &rest); word;
	     word = strtok_r(NULL, ";", &rest)) {
		if (word[0] == '.')
			return walk(result, word);
		if (!fits_word(result, word))
			return NAN;
	}
	return NAN;
}

double
report_value(const json_t *report, const char *selector)
{
	size_t length = strcspn(selector, ";"), i;
	const json_t *program, *each;
	char name[MAX_SELECTOR];
	double value = NAN;

	(void)snprintf(name, sizeof(name), "%.*s", (int)length, selector);
	program = find_program(report, name);
	json_array_foreach(json_object_get(program, "results"), i, each)
	{
		value = result_value(each, selector + length);
		if (!isnan(value))
			break;
	}
	return value;
}

bool
report_has(const json_t *report, const char *selector)
{
	char name[MAX_SELECTOR];

	(void)snprintf(name, sizeof(name), "%.*s", (int)strcspn(selector, ";"),
		       selector);
	return find_program(report, name);
}

double
bar_value(const json_t *report, const struct bar *bar)
{
	double ours = report_value(report, bar->ours);

	return bar->other ? ours / report_value(report, bar->other) : ours;
}

double
bar_length(const json_t *report, const struct bar *bar)
{
	double value = bar_value(report, bar);

	return bar->rate ? value : 1 / value;
}

static bool
is_within(const struct bar *bar, double value, double limit)
{
	return bar->at_least ? value >= limit : value <= limit;
}

const char *
bar_verdict(const struct bar *bar, double value)
{
	if (isnan(value))
		return "not measured";
	if (bar->limit == 0)
		return "";
	if (!is_within(bar, value, bar->limit))
		return BAR_MISSED;
	return bar->aim != 0 && is_within(bar, value, bar->aim) ? "met, and "
								  "the aim"
								: "met";
}
