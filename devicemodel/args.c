// SPDX-License-Identifier: BSD-3-Clause
/* Parses the command line. */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "args-options.h"
#include "args.h"
#include "base/options.h"
#include "devices/devices.h"

#define NEAR_ENOUGH 3
#define MAX_OPTIONS 32
#define FIRST_LONG  256 /* beyond all letters */
/* Programs of that kind are called vhost-user-WHATEVER-TYPE. */
#define PROGRAM_PREFIX "vhost-user-"

struct getopt_tables {
	struct option words[MAX_OPTIONS + 1];
	char letters[MAX_OPTIONS * 2 + 2];
};

/* The table of options, as getopt_long() wants it. */
static void
tables_fill(struct getopt_tables *t)
{
	char *letter = t->letters;

	memset(t, 0, sizeof(*t));
	*letter++ = ':';
	for (int i = 0; dm_arg_table[i].opt.name && i < MAX_OPTIONS; i++) {
		const struct dm_arg *arg = &dm_arg_table[i];
		bool valued = arg->opt.kind != DM_OPT_FLAG;

		t->words[i] = (struct option){
			.name = arg->opt.name + 2,
			.has_arg = valued ? required_argument : no_argument,
			.val = FIRST_LONG + i,
		};
		if (arg->letter)
			*letter++ = arg->letter;
		if (arg->letter && valued)
			*letter++ = ':';
	}
}

static const struct dm_arg *
arg_of(int opt)
{
	const struct dm_arg *arg = dm_arg_table;

	if (opt >= FIRST_LONG)
		return &dm_arg_table[opt - FIRST_LONG];
	while (arg->opt.name && arg->letter != opt)
		arg++;
	return arg;
}

static int
bad_option(const char *word, struct dm_error *err)
{
	const char *best = NULL;
	unsigned int least = NEAR_ENOUGH + 1;
	char name[64];

	if (strncmp(word, "--", 2) != 0)
		return dm_fail(err, -EINVAL,
			       "no option %.40s; `vbs-dm --help` lists them",
			       word);
	(void)snprintf(name, sizeof(name), "%s", word);
	name[strcspn(name, "=")] = '\0';
	for (const struct dm_arg *arg = dm_arg_table; arg->opt.name; arg++) {
		unsigned int d = dm_distance(arg->opt.name, name);

		if (!strcmp(arg->opt.name, name))
			return dm_fail(err, -EINVAL,
				       "option %s takes no value; give just %s",
				       name, name);
		if (d < least) {
			least = d;
			best = arg->opt.name;
		}
	}
	if (best)
		return dm_fail(err, -EINVAL,
			       "no option %s; did you mean %s? `vbs-dm "
			       "--help` lists them",
			       name, best);
	return dm_fail(err, -EINVAL, "no option %s; `vbs-dm --help` lists them",
		       name);
}

static int
parse_options(struct dm_args *args, int argc, char **argv, struct dm_error *err)
{
	struct getopt_tables tables;
	int opt, rc = 0;

	tables_fill(&tables);
	opterr = 0;
	optind = 0;
	while (rc == 0 && (opt = getopt_long(argc, argv, tables.letters,
					     tables.words, NULL)) != -1) {
		if (opt == ':')
			rc = dm_fail(err, -EINVAL,
				     "option %s needs a value; `vbs-dm --help` "
				     "shows it",
				     argv[optind - 1]);
		else if (opt == '?')
			rc = bad_option(argv[optind - 1], err);
		else
			rc = dm_arg_apply(arg_of(opt), optarg, args, err);
	}
	return rc;
}

static int
unknown_command(const char *word, struct dm_error *err)
{
	const char *near = dm_device_nearest(word);

	return dm_fail(err, -EINVAL,
		       "'%.40s' is no command%s%s%s; give help, help DEVICE or "
		       "list, or a device, as in `vbs-dm blk file=disk.img "
		       "--socket-path PATH`",
		       word, near ? " and no device; did you mean '" : "",
		       near ? near : "", near ? "'?" : "");
}

/* The options of the device, from all places where they may be. */
static char *
join_options(const struct dm_args *args, char **words)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	for (; *words; words++)
		(void)fprintf(out, "%s,", *words);
	if (args->blk_file)
		(void)fprintf(out, "path=%s,", args->blk_file);
	if (args->read_only)
		(void)fputs("ro,", out);
	if (fclose(out) != 0) {
		free(text);
		return NULL;
	}
	if (size > 0)
		text[size - 1] = '\0';
	return text;
}

/* `DEVICE [OPTION]...`: the only one. */
static int
parse_device(struct dm_args *args, const char *name, char **words,
	     struct dm_error *err)
{
	char *opts;
	int rc;

	if (args->slots.n > 0)
		return dm_fail(err, -EINVAL,
			       "'%.40s' and -s: devices in two ways; give all "
			       "of them with -s",
			       name);
	opts = join_options(args, words);
	if (!opts)
		return dm_fail(err, -ENOMEM, "out of memory");
	rc = dm_slots_add_only(&args->slots, name, *opts ? opts : NULL, err);
	free(opts);
	args->only = true;
	if (!args->host)
		args->host = &dm_host_vhost_user;
	return rc;
}

static int
parse_words(struct dm_args *args, char **words, struct dm_error *err)
{
	if (!words[0])
		return 0;
	if (!strcmp(words[0], "help")) {
		args->action = DM_HELP;
		args->topic = words[1];
		return 0;
	}
	if (!strcmp(words[0], "list") && words[1])
		return dm_fail(err, -EINVAL,
			       "list: '%.40s' is too much; `vbs-dm help %.40s` "
			       "is about one device",
			       words[1], words[1]);
	if (!strcmp(words[0], "list")) {
		args->action = DM_LIST;
		return 0;
	}
	if (!dm_device_find(words[0]) && !strchr(words[0], '/'))
		return unknown_command(words[0], err);
	return parse_device(args, words[0], words + 1, err);
}

/* The device that the program is named after, or NULL. */
static const char *
program_device(const char *program)
{
	const char *slash = program ? strrchr(program, '/') : NULL;
	const char *name = slash ? slash + 1 : program;

	if (!name || strncmp(name, PROGRAM_PREFIX, strlen(PROGRAM_PREFIX)) != 0)
		return NULL;
	return strrchr(name, '-') + 1;
}

/* Find a device in a word: `blk`, or one of -s. */
static const char *
device_in(const char *word)
{
	char name[64];

	while (*word) {
		size_t n = strcspn(word, ",");

		(void)snprintf(name, sizeof(name), "%.*s", (int)n, word);
		if (dm_device_find(name))
			return dm_device_find(name)->ops->class_name;
		word += n + (word[n] == ',');
	}
	return NULL;
}

/* QEMU's convention: with --print-capabilities nothing else matters. */
static bool
wants_capabilities(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (!strcmp(argv[i], "--print-capabilities"))
			return true;
	return false;
}

/* The device that it is about, wherever it is named; or NULL. */
static const char *
capabilities_device(int argc, char **argv)
{
	const char *name = program_device(argv[0]);

	for (int i = 1; i < argc && !name; i++)
		name = device_in(argv[i]);
	return name;
}

/* The device, and what the words say that are no options. */
static int
parse_rest(struct dm_args *args, const char *program, char **words,
	   struct dm_error *err)
{
	const char *device = program_device(program);

	if (args->action == DM_HELP || args->action == DM_VERSION)
		return 0;
	if (!device)
		return parse_words(args, words, err);
	if (!dm_device_find(device))
		return dm_fail(err, -EINVAL,
			       "no device '%.40s', after which this program is "
			       "called; `vbs-dm list` names them",
			       device);
	return parse_device(args, device, words, err);
}

int
dm_args_parse(struct dm_args *args, int argc, char **argv,
	      unsigned int n_activated, struct dm_error *err)
{
	int rc;

	args->fd = args->ready_fd = args->lifeline_fd = -1;
	args->n_activated = n_activated;
	args->subvendor = DM_SUBVENDOR_HOST;
	args->poll_us = DM_POLL_US;
	args->level = VBS_LOG_WARNING;
	if (wants_capabilities(argc, argv))
		args->action = DM_CAPABILITIES;
	rc = args->action == DM_CAPABILITIES
		     ? 0
		     : parse_options(args, argc, argv, err);
	if (rc == 0 && args->action == DM_CAPABILITIES)
		args->topic = capabilities_device(argc, argv);
	else if (rc == 0)
		rc = parse_rest(args, argv[0], argv + optind, err);
	if (!args->host)
		args->host = &dm_host_vfio_user;
	if (rc == 0 && (args->action == DM_RUN || args->action == DM_FRONTEND))
		rc = dm_args_check(args, err);
	return rc;
}

void
dm_args_free(struct dm_args *args)
{
	dm_slots_free(&args->slots);
}
