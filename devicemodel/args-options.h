/* SPDX-License-Identifier: BSD-3-Clause */
/* The options of vbs-dm: one table parses them and writes their help. */
#ifndef DM_ARGS_OPTIONS_H
#define DM_ARGS_OPTIONS_H

#include "args.h"
#include "base/options.h"

struct dm_arg {
	struct dm_option opt; /* named with its dashes; hidden without help */
	char letter;          /* the same with one dash, or 0 */
	/* Instead of storing it as opt says. */
	int (*set)(struct dm_args *args, const char *text,
		   struct dm_error *err);
};

/* Ends with an entry without a name. */
extern const struct dm_arg dm_arg_table[];

/* Do what an option asks for; text is its value, or NULL. 0 or -EINVAL. */
int dm_arg_apply(const struct dm_arg *arg, char *text, struct dm_args *args,
		 struct dm_error *err);

/* Do all that was asked for fit together? 0 or -EINVAL. */
int dm_args_check(struct dm_args *args, struct dm_error *err);

#endif
