// SPDX-License-Identifier: BSD-3-Clause
/* The options of vbs-dm: one table parses them and writes their help. */
#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <string.h>

#include "args-options.h"
#include "frontend.h"

#define POLL_US_MAX 1000000u
#define MODE_DIGITS "01234567"

static const char *const level_words[] = { "error", "warning", "info", "debug",
					   NULL };

static int
set_device(struct dm_args *args, const char *text, struct dm_error *err)
{
	return dm_slots_add(&args->slots, text, err);
}

static int
set_host(struct dm_args *args, const char *text, struct dm_error *err)
{
	args->host = dm_host_find(text);
	if (args->host)
		return 0;
	return dm_fail(err, -EINVAL,
		       "--host %.40s: not known; give vfio-user or vhost-user",
		       text);
}

static int
set_mode(struct dm_args *args, const char *text, struct dm_error *err)
{
	size_t n = strlen(text);
	mode_t mode = 0;

	if (n < 3 || n > 4 || strspn(text, MODE_DIGITS) != n)
		mode = UINT_MAX;
	for (size_t i = 0; i < n && mode <= 0777; i++)
		mode = mode << 3 | (mode_t)(text[i] - '0');
	if (mode > 0777)
		return dm_fail(err, -EINVAL,
			       "--socket-mode=%.40s: not a mode; give three "
			       "octal digits, like 660",
			       text);
	args->access.has_mode = true;
	args->access.mode = mode;
	return 0;
}

static int
set_group(struct dm_args *args, const char *text, struct dm_error *err)
{
	struct group *group = getgrnam(text);
	uint64_t id;

	if (group)
		id = group->gr_gid;
	else if (dm_parse_number(text, false, &id) < 0 || id >= UINT32_MAX)
		return dm_fail(err, -EINVAL,
			       "--socket-group=%.40s: no such group; give a "
			       "name that `getent group` lists, or a number",
			       text);
	args->access.has_group = true;
	args->access.group = (gid_t)id;
	return 0;
}

static int
set_frontend(struct dm_args *args, const char *text, struct dm_error *err)
{
	args->action = DM_FRONTEND;
	args->frontend = text;
	return dm_frontend_check(text, err);
}

static int
set_capabilities(struct dm_args *args, const char *text, struct dm_error *err)
{
	args->action = DM_CAPABILITIES;
	return 0;
}

static int
set_subvendor(struct dm_args *args, const char *text, struct dm_error *err)
{
	uint64_t val;

	if (!strcmp(text, "host")) {
		args->subvendor = DM_SUBVENDOR_HOST;
		return 0;
	}
	if (dm_parse_number(text, false, &val) < 0 || val == 0 ||
	    val >= UINT16_MAX)
		return dm_fail(
			err, -EINVAL,
			"--subvendor=%.40s: not a PCI vendor; give host, "
			"or an id like 0x1af4",
			text);
	args->subvendor = (uint32_t)val;
	return 0;
}

static int
set_quiet(struct dm_args *args, const char *text, struct dm_error *err)
{
	args->level = VBS_LOG_ERROR;
	return 0;
}

static int
set_verbose(struct dm_args *args, const char *text, struct dm_error *err)
{
	args->level = args->level < VBS_LOG_INFO ? VBS_LOG_INFO : VBS_LOG_DEBUG;
	return 0;
}

static int
set_help(struct dm_args *args, const char *text, struct dm_error *err)
{
	args->action = DM_HELP;
	return 0;
}

static int
set_version(struct dm_args *args, const char *text, struct dm_error *err)
{
	args->action = DM_VERSION;
	return 0;
}

#define FLAG(field)                                                            \
	.kind = DM_OPT_FLAG, .offset = offsetof(struct dm_args, field)
#define TEXT(field)                                                            \
	.kind = DM_OPT_TEXT, .offset = offsetof(struct dm_args, field)
#define NUMBER(field)                                                          \
	.kind = DM_OPT_NUMBER, .offset = offsetof(struct dm_args, field)

/* What set does, with a value and without. */
#define VALUE  .kind = DM_OPT_TEXT
#define SWITCH .kind = DM_OPT_FLAG

const struct dm_arg dm_arg_table[] = {
	{
		.opt = { .name = "--device",
			 VALUE,
			 .value = "SLOT[:FUNC],DEVICE[,OPTIONS]",
			 .help = "./NAME.so loads one" },
		.letter = 's',
		.set = set_device,
	},
	{
		.opt = { .name = "--host",
			 VALUE,
			 .value = "vfio-user|vhost-user",
			 .help = "the protocol",
			 .def = "vfio-user with -s" },
		.set = set_host,
	},
	{
		.opt = { .name = "--socket-dir",
			 TEXT(socket_dir),
			 .value = "DIR",
			 .help = "a socket for each device, in DIR" },
	},
	{
		.opt = { .name = "--socket-path",
			 TEXT(socket_path),
			 .value = "PATH",
			 .help = "the socket of the only device" },
	},
	{
		.opt = { .name = "--socket-mode",
			 VALUE,
			 .value = "OCTAL",
			 .help = "who may connect, like 660" },
		.set = set_mode,
	},
	{
		.opt = { .name = "--socket-group",
			 VALUE,
			 .value = "GROUP",
			 .help = "and of which group" },
		.set = set_group,
	},
	{
		.opt = { .name = "--fd",
			 NUMBER(fd),
			 .max = INT_MAX,
			 .value = "N",
			 .help = "an open socket for the only device" },
	},
	{
		.opt = { .name = "--client",
			 FLAG(client),
			 .help = "connect to a front end that listens" },
	},
	{
		.opt = { .name = "--exit-on-disconnect",
			 FLAG(once),
			 .help = "end when the front ends have gone" },
	},
	{
		.opt = { .name = "--ready-fd",
			 NUMBER(ready_fd),
			 .max = INT_MAX,
			 .value = "N",
			 .help = "say READY=1 there, when it is" },
	},
	{
		.opt = { .name = "--lifeline-fd",
			 NUMBER(lifeline_fd),
			 .max = INT_MAX,
			 .value = "N",
			 .help = "end when the other end closes" },
	},
	{
		.opt = { .name = "--print-frontend",
			 VALUE,
			 .value = "NAME",
			 .help = "for " DM_FRONTEND_NAMES },
		.set = set_frontend,
	},
	{
		.opt = { .name = "--print-capabilities",
			 SWITCH,
			 .help = "of DEVICE, as JSON" },
		.set = set_capabilities,
	},
	{
		.opt = { .name = "--poll-us",
			 NUMBER(poll_us),
			 .max = POLL_US_MAX,
			 .value = "N",
			 .help = "poll so long before sleeping",
			 .def = "32" },
	},
	{
		.opt = { .name = "--doorbell-page",
			 FLAG(doorbell_page),
			 .help = "kicks are stores, found by polling" },
	},
	{
		.opt = { .name = "--subvendor",
			 VALUE,
			 .value = "ID",
			 .help = "PCI subsystem vendor, like 0x1af4",
			 .def = "host" },
		.set = set_subvendor,
	},
	{
		.opt = { .name = "--log-level",
			 .kind = DM_OPT_CHOICE,
			 .offset = offsetof(struct dm_args, level),
			 .words = level_words,
			 .value = "error|warning|info|debug",
			 .help = "or -v, -q",
			 .def = "warning" },
	},
	{
		.opt = { .name = "--help", SWITCH, .help = "this" },
		.letter = 'h',
		.set = set_help,
	},
	{
		.opt = { .name = "--version", SWITCH, .help = "and no more" },
		.set = set_version,
	},
	/* Not listed: short forms, and what only the device listens to. */
	{
		.opt = { .name = "--verbose", SWITCH },
		.letter = 'v',
		.set = set_verbose,
	},
	{
		.opt = { .name = "--quiet", SWITCH },
		.letter = 'q',
		.set = set_quiet,
	},
	{
		.opt = { .name = "--blk-file",
			 TEXT(blk_file),
			 .value = "FILE" },
	},
	{
		.opt = { .name = "--read-only", FLAG(read_only) },
	},
	{ .opt = { 0 } },
};

int
dm_arg_apply(const struct dm_arg *arg, char *text, struct dm_args *args,
	     struct dm_error *err)
{
	if (text && !*text)
		return dm_fail(err, -EINVAL, "option %s= is empty; give %s=%s",
			       arg->opt.name, arg->opt.name, arg->opt.value);
	if (arg->set)
		return arg->set(args, text, err);
	return dm_option_store(&arg->opt, text, args, err);
}

static void
print_help(const struct dm_arg *arg, FILE *out)
{
	const struct dm_option *opt = &arg->opt;
	char left[80];

	(void)snprintf(left, sizeof(left), "%s%s", opt->name,
		       opt->value ? "=" : "");
	if (arg->letter)
		(void)fprintf(out, "  -%c, ", arg->letter);
	else
		(void)fputs("  ", out);
	(void)fprintf(out, "%s%-*s  %s", left,
		      (arg->letter ? 20 : 24) - (int)strlen(left),
		      opt->value ? opt->value : "", opt->help);
	if (opt->def)
		(void)fprintf(out, " [%s]", opt->def);
	(void)fputc('\n', out);
}

void
dm_args_help(FILE *out)
{
	for (const struct dm_arg *arg = dm_arg_table; arg->opt.name; arg++)
		if (arg->opt.help)
			print_help(arg, out);
}
