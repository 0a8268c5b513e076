// SPDX-License-Identifier: BSD-3-Clause
/* Parses the options of a device, and says what they are. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/options.h"

#define WORD_MAX 64
/* Further away than this, a name is not what the person meant. */
#define NEAR_ENOUGH 2

static unsigned int
min3(unsigned int a, unsigned int b, unsigned int c)
{
	unsigned int m = a < b ? a : b;

	return m < c ? m : c;
}

unsigned int
dm_distance(const char *a, const char *b)
{
	size_t n_a = strnlen(a, WORD_MAX), n_b = strnlen(b, WORD_MAX);
	unsigned int row[WORD_MAX + 1];

	for (size_t j = 0; j <= n_b; j++)
		row[j] = (unsigned int)j;
	for (size_t i = 1; i <= n_a; i++) {
		unsigned int diagonal = row[0];

		row[0] = (unsigned int)i;
		for (size_t j = 1; j <= n_b; j++) {
			unsigned int above = row[j];
			unsigned int cost = a[i - 1] != b[j - 1];

			row[j] = min3(above + 1, row[j - 1] + 1,
				      diagonal + cost);
			diagonal = above;
		}
	}
	return row[n_b];
}

/* log2 of what a suffix stands for; -1 if it is none. */
static int
suffix_shift(char c)
{
	switch (tolower((unsigned char)c)) {
	case 'k':
		return 10;
	case 'm':
		return 20;
	case 'g':
		return 30;
	case 't':
		return 40;
	default:
		return -1;
	}
}

int
dm_parse_number(const char *text, bool sized, uint64_t *out)
{
	unsigned long long val;
	int shift = 0;
	char *end;

	if (!isdigit((unsigned char)text[0]))
		return -EINVAL; /* strtoull() would take a sign or a blank */
	errno = 0;
	val = strtoull(text, &end, text[0] == '0' && text[1] == 'x' ? 16 : 10);
	if (errno == ERANGE)
		return -ERANGE;
	if (sized && *end && !end[1])
		shift = suffix_shift(*end++);
	if (shift < 0 || *end)
		return -EINVAL;
	if (shift && val >> (64 - shift))
		return -ERANGE;
	*out = val << shift;
	return 0;
}

static void *
field(void *obj, size_t offset)
{
	return (char *)obj + offset;
}

static int
number_in_range(const struct dm_option *opt, const char *text, uint64_t *val,
		struct dm_error *err)
{
	bool sized = opt->kind == DM_OPT_SIZE;
	int rc = dm_parse_number(text, sized, val);

	if (rc == -EINVAL)
		return dm_fail(err, -EINVAL,
			       "option %s=%s: not a %s; give one like "
			       "%s=%llu",
			       opt->name, text, sized ? "size" : "whole number",
			       opt->name, (unsigned long long)opt->min);
	if (rc < 0 || *val < opt->min || *val > opt->max)
		return dm_fail(err, -EINVAL,
			       "option %s=%s: out of range; give %llu to "
			       "%llu",
			       opt->name, text, (unsigned long long)opt->min,
			       (unsigned long long)opt->max);
	return 0;
}

static int
choice_store(const struct dm_option *opt, const char *text, void *obj,
	     struct dm_error *err)
{
	for (unsigned int i = 0; opt->words[i]; i++) {
		if (strcmp(opt->words[i], text) != 0)
			continue;
		memcpy(field(obj, opt->offset), &i, sizeof(i));
		return 0;
	}
	return dm_fail(err, -EINVAL, "option %s=%s: no such choice; give %s=%s",
		       opt->name, text, opt->name, opt->value);
}

static int
list_store(const struct dm_option *opt, char *text, void *obj,
	   struct dm_error *err)
{
	struct dm_number_list list = { 0 };
	char separator[2] = { opt->separator, 0 };
	char *piece;

	while ((piece = strsep(&text, separator))) {
		if (list.n == DM_LIST_MAX)
			return dm_fail(err, -EINVAL,
				       "option %s: too many numbers; give "
				       "%s=%s",
				       opt->name, opt->name, opt->value);
		int rc = number_in_range(opt, piece, &list.v[list.n], err);

		if (rc < 0)
			return rc;
		list.n++;
	}
	memcpy(field(obj, opt->offset), &list, sizeof(list));
	return 0;
}

static int
number_store(const struct dm_option *opt, const char *text, void *obj,
	     struct dm_error *err)
{
	uint64_t val;
	int rc = number_in_range(opt, text, &val, err);

	if (rc < 0)
		return rc;
	if (opt->kind == DM_OPT_SIZE) {
		memcpy(field(obj, opt->offset), &val, sizeof(val));
	} else {
		unsigned int narrow = (unsigned int)val;

		memcpy(field(obj, opt->offset), &narrow, sizeof(narrow));
	}
	return 0;
}

static int
value_store(const struct dm_option *opt, char *text, void *obj,
	    struct dm_error *err)
{
	switch (opt->kind) {
	case DM_OPT_NUMBER:
	case DM_OPT_SIZE:
		return number_store(opt, text, obj, err);
	case DM_OPT_CHOICE:
		return choice_store(opt, text, obj, err);
	case DM_OPT_LIST:
		return list_store(opt, text, obj, err);
	case DM_OPT_TEXT:
		memcpy(field(obj, opt->offset), &text, sizeof(text));
		return 0;
	case DM_OPT_FLAG:
		break;
	}
	return dm_fail(err, -EINVAL, "option %s takes no value; give just %s",
		       opt->name, opt->name);
}

/* `name` without a value. */
static int
bare_store(const struct dm_option *opt, void *obj, struct dm_error *err)
{
	if (opt->kind == DM_OPT_FLAG) {
		bool on = !(opt->flags & DM_OPT_CLEARS);

		memcpy(field(obj, opt->offset), &on, sizeof(on));
		return 0;
	}
	if (!(opt->flags & DM_OPT_BARE))
		return dm_fail(err, -EINVAL,
			       "option %s needs a value; give %s=%s", opt->name,
			       opt->name, opt->value);
	if (opt->kind == DM_OPT_NUMBER) {
		unsigned int val = (unsigned int)opt->min;

		memcpy(field(obj, opt->offset), &val, sizeof(val));
	}
	return 0;
}

int
dm_option_store(const struct dm_option *opt, char *text, void *obj,
		struct dm_error *err)
{
	int rc = text ? value_store(opt, text, obj, err)
		      : bare_store(opt, obj, err);

	if (rc == 0 && opt->given) {
		bool yes = true;

		memcpy(field(obj, opt->given), &yes, sizeof(yes));
	}
	return rc;
}

static const struct dm_option *
option_find(const struct dm_option *table, const char *name)
{
	for (; table->name; table++)
		if (!strcmp(table->name, name) ||
		    (table->alias && !strcmp(table->alias, name)))
			return table;
	return NULL;
}

static const struct dm_option *
option_nearest(const struct dm_option *table, const char *name)
{
	const struct dm_option *best = NULL;
	unsigned int least = NEAR_ENOUGH + 1;

	for (; table->name; table++) {
		unsigned int d = dm_distance(table->name, name);

		if (d < least && d < strlen(name)) {
			least = d;
			best = table;
		}
	}
	return best;
}

static const struct dm_option *
option_positional(const struct dm_option *table)
{
	for (; table->name; table++)
		if (table->flags & DM_OPT_POSITIONAL)
			return table;
	return NULL;
}

/* Can this be meant as `name=value`? A path with a '=' in it is none. */
static bool
is_named(const char *word)
{
	size_t n = strspn(word, "abcdefghijklmnopqrstuvwxyz_-");

	return n > 0 && word[n] == '=';
}

static int
unknown_option(const struct dm_option *table, const char *device,
	       const char *name, struct dm_error *err)
{
	const struct dm_option *near = option_nearest(table, name);

	if (near)
		return dm_fail(err, -EINVAL,
			       "no option '%s'; did you mean '%s'? "
			       "`vbs-dm help %s` lists them",
			       name, near->name, device);
	return dm_fail(err, -EINVAL,
		       "no option '%s'; `vbs-dm help %s` lists them", name,
		       device);
}

static int
word_store(const struct dm_option *table, const char *device, char *word,
	   const struct dm_option **positional, void *obj, struct dm_error *err)
{
	const struct dm_option *opt = option_find(table, word);
	bool named = is_named(word);

	if (!opt && !named && *positional) {
		opt = *positional;
		*positional = NULL;
	} else if (opt) {
		word = NULL;
	} else {
		char *name = strsep(&word, "=");

		opt = option_find(table, name);
		if (!opt)
			return unknown_option(table, device, name, err);
		if (!*word)
			return dm_fail(err, -EINVAL,
				       "option %s= is empty; give %s=%s", name,
				       name, opt->value);
		if (opt == *positional)
			*positional = NULL;
	}
	return dm_option_store(opt, word, obj, err);
}

int
dm_options_parse(const struct dm_option *table, const char *device, char *text,
		 void *obj, struct dm_error *err)
{
	const struct dm_option *positional = option_positional(table);
	char *word;

	while ((word = strsep(&text, ","))) {
		int rc;

		if (!*word)
			continue;
		rc = word_store(table, device, word, &positional, obj, err);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static void
option_help(const struct dm_option *opt, FILE *out)
{
	char left[64];
	const char *open = opt->flags & DM_OPT_BARE ? "[" : "";
	const char *close = opt->flags & DM_OPT_BARE ? "]" : "";

	if (opt->flags & DM_OPT_POSITIONAL)
		(void)snprintf(left, sizeof(left), "[%s=%s%s%s]%s", opt->name,
			       opt->alias ? "|" : "",
			       opt->alias ? opt->alias : "",
			       opt->alias ? "=" : "", opt->value);
	else if (opt->kind == DM_OPT_FLAG)
		(void)snprintf(left, sizeof(left), "%s", opt->name);
	else
		(void)snprintf(left, sizeof(left), "%s%s=%s%s", opt->name, open,
			       opt->value, close);
	(void)fprintf(out, "  %-26s %s", left, opt->help);
	if (opt->kind == DM_OPT_NUMBER)
		(void)fprintf(out, "; %llu to %llu",
			      (unsigned long long)opt->min,
			      (unsigned long long)opt->max);
	if (opt->def)
		(void)fprintf(out, " [%s]", opt->def);
	(void)fputc('\n', out);
}

void
dm_options_help(const struct dm_option *table, FILE *out)
{
	for (; table->name; table++)
		option_help(table, out);
}
