/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Options of a device: one table parses `name=value,...` and writes the help.
 */
#ifndef DM_OPTIONS_H
#define DM_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/error.h"

enum dm_option_kind {
	DM_OPT_FLAG,   /* `name`; stores true, or false for DM_OPT_CLEARS */
	DM_OPT_NUMBER, /* `name=N` into an unsigned int */
	DM_OPT_SIZE,   /* `name=N[k|m|g|t]` into a uint64_t */
	DM_OPT_TEXT,   /* `name=TEXT` into a const char * */
	DM_OPT_CHOICE, /* `name=WORD` into an unsigned int: index in words */
	DM_OPT_LIST,   /* `name=N/N/N` into struct dm_number_list */
};

#define DM_LIST_MAX 3

struct dm_number_list {
	unsigned int n; /* how many were given */
	uint64_t v[DM_LIST_MAX];
};

/* The value may be left out; the field then gets `min` (a list: n = 0). */
#define DM_OPT_BARE 0x1u
/* The flag stores false. */
#define DM_OPT_CLEARS 0x2u
/* What an argument without a name means, the first time. */
#define DM_OPT_POSITIONAL 0x4u

struct dm_option {
	const char *name;
	const char *alias; /* another name for it, or NULL */
	enum dm_option_kind kind;
	unsigned int flags;
	size_t offset;            /* of the field in the device's struct */
	size_t given;             /* of a bool: was it given? 0 for none */
	uint64_t min, max;        /* of a number, a size, or each of a list */
	char separator;           /* between the numbers of a list */
	const char *const *words; /* of a choice; ends with NULL */
	const char *value;        /* for the help: what stands after '=' */
	const char *def;          /* for the help: the default */
	const char *help;         /* for the help: one line */
};

/* How many edits turn one word into the other (capped at 64 characters). */
unsigned int dm_distance(const char *a, const char *b);

/*
 * Parse a number with an optional suffix (k, m, g or t if sized). 0, or -EINVAL
 * for anything but a whole number in decimal or 0x..., or -ERANGE.
 */
int dm_parse_number(const char *text, bool sized, uint64_t *out);

/*
 * Store what was given with one option of a table: its value, or NULL for none.
 * Strings point into text, which may be cut into pieces. 0 or -EINVAL.
 */
int dm_option_store(const struct dm_option *opt, char *text, void *obj,
		    struct dm_error *err);

/*
 * Parse text, which is cut into pieces, into the fields of obj. table ends with
 * an entry without a name. Strings point into text. Returns 0 or -EINVAL.
 */
int dm_options_parse(const struct dm_option *table, const char *device,
		     char *text, void *obj, struct dm_error *err);

/* Write one entry of the help for each option. */
void dm_options_help(const struct dm_option *table, FILE *out);

#endif
