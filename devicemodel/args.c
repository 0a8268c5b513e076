// SPDX-License-Identifier: BSD-3-Clause
/* Parses the command line. */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <string.h>

#include "args.h"
#include "base/options.h"
#include "socket.h"

#define POLL_US_MAX 1000000u
#define NEAR_ENOUGH 3

enum {
	OPT_HOST = 256,
	OPT_SOCKET_DIR,
	OPT_SOCKET_PATH,
	OPT_FD,
	OPT_FRONTEND,
	OPT_LOG_LEVEL,
	OPT_POLL_US,
	OPT_SUBVENDOR,
	OPT_VERSION,
};

static const struct option long_options[] = {
	{ "device", required_argument, NULL, 's' },
	{ "fd", required_argument, NULL, OPT_FD },
	{ "help", no_argument, NULL, 'h' },
	{ "host", required_argument, NULL, OPT_HOST },
	{ "log-level", required_argument, NULL, OPT_LOG_LEVEL },
	{ "poll-us", required_argument, NULL, OPT_POLL_US },
	{ "print-frontend", required_argument, NULL, OPT_FRONTEND },
	{ "quiet", no_argument, NULL, 'q' },
	{ "socket-dir", required_argument, NULL, OPT_SOCKET_DIR },
	{ "socket-path", required_argument, NULL, OPT_SOCKET_PATH },
	{ "subvendor", required_argument, NULL, OPT_SUBVENDOR },
	{ "verbose", no_argument, NULL, 'v' },
	{ "version", no_argument, NULL, OPT_VERSION },
	{ 0 },
};

static const char *const level_names[] = { "error", "warning", "info", "debug",
					   NULL };

static int
parse_level(struct dm_args *args, const char *text, struct dm_error *err)
{
	for (unsigned int i = 0; level_names[i]; i++) {
		if (strcmp(level_names[i], text) != 0)
			continue;
		args->level = (enum vbs_log_level)i;
		return 0;
	}
	return dm_fail(err, -EINVAL,
		       "--log-level=%.40s: no such level; give error, warning, "
		       "info or debug",
		       text);
}

static int
parse_fd(struct dm_args *args, const char *text, struct dm_error *err)
{
	uint64_t val;

	if (dm_parse_number(text, false, &val) < 0 || val > INT_MAX)
		return dm_fail(err, -EINVAL,
			       "--fd %.40s: not a file descriptor; give the "
			       "number of one that is open",
			       text);
	args->fd = (int)val;
	return 0;
}

static int
parse_poll(struct dm_args *args, const char *text, struct dm_error *err)
{
	uint64_t val;

	if (dm_parse_number(text, false, &val) < 0 || val > POLL_US_MAX)
		return dm_fail(err, -EINVAL,
			       "--poll-us=%.40s: not a number of microseconds; "
			       "give 0 to %u",
			       text, POLL_US_MAX);
	args->poll_us = (uint32_t)val;
	return 0;
}

static int
parse_subvendor(struct dm_args *args, const char *text, struct dm_error *err)
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
parse_word(const char *option, const char *text, const char *known,
	   struct dm_error *err)
{
	if (!strcmp(text, known))
		return 0;
	return dm_fail(err, -EINVAL, "%s %.40s: not known; give %s", option,
		       text, known);
}

static int
parse_option(struct dm_args *args, int opt, const char *text,
	     struct dm_error *err)
{
	switch (opt) {
	case 's':
		return dm_slots_add(&args->slots, text, err);
	case 'h':
		args->action = DM_HELP;
		return 0;
	case 'q':
		args->level = VBS_LOG_ERROR;
		return 0;
	case 'v':
		args->level = args->level < VBS_LOG_INFO ? VBS_LOG_INFO
							 : VBS_LOG_DEBUG;
		return 0;
	case OPT_HOST:
		return parse_word("--host", text, "vfio-user", err);
	case OPT_SOCKET_DIR:
		args->socket_dir = text;
		return 0;
	case OPT_SOCKET_PATH:
		args->socket_path = text;
		return 0;
	case OPT_FD:
		return parse_fd(args, text, err);
	case OPT_FRONTEND:
		args->action = DM_FRONTEND;
		return parse_word("--print-frontend", text, "qemu", err);
	case OPT_LOG_LEVEL:
		return parse_level(args, text, err);
	case OPT_POLL_US:
		return parse_poll(args, text, err);
	case OPT_SUBVENDOR:
		return parse_subvendor(args, text, err);
	default:
		args->action = DM_VERSION;
		return 0;
	}
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
	(void)snprintf(name, sizeof(name), "%s", word + 2);
	name[strcspn(name, "=")] = '\0';
	for (int i = 0; long_options[i].name; i++) {
		unsigned int d = dm_distance(long_options[i].name, name);

		if (d < least) {
			least = d;
			best = long_options[i].name;
		}
	}
	if (best)
		return dm_fail(err, -EINVAL,
			       "no option --%s; did you mean --%s? `vbs-dm "
			       "--help` lists them",
			       name, best);
	return dm_fail(err, -EINVAL,
		       "no option --%s; `vbs-dm --help` lists them", name);
}

static int
parse_command(struct dm_args *args, char **words, struct dm_error *err)
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
	return dm_fail(err, -EINVAL,
		       "'%.40s' is no command; give help, help DEVICE or list, "
		       "or a device with -s",
		       words[0]);
}

/* What --socket-dir, --socket-path and --fd ask for together. */
static int
check_sockets(const struct dm_args *args, struct dm_error *err)
{
	int ways = !!args->socket_dir + !!args->socket_path + (args->fd >= 0);

	if (args->slots.n == 0)
		return dm_fail(err, -EINVAL,
			       "no device; give one, as in -s 3,virtio-blk,"
			       "disk.img (`vbs-dm --help`)");
	if (ways != 1)
		return dm_fail(
			err, -EINVAL,
			"%s; give one of --socket-dir DIR, --socket-path "
			"PATH and --fd N",
			ways ? "sockets in more than one way"
			     : "no place for the sockets");
	if (!args->socket_dir && args->slots.n > 1)
		return dm_fail(err, -EINVAL,
			       "one socket for %u devices; give --socket-dir "
			       "DIR, which has one for each",
			       args->slots.n);
	if (args->action == DM_FRONTEND && args->fd >= 0)
		return dm_fail(err, -EINVAL,
			       "--print-frontend cannot name --fd; give "
			       "--socket-dir or --socket-path");
	return 0;
}

int
dm_args_parse(struct dm_args *args, int argc, char **argv, struct dm_error *err)
{
	int opt, rc = 0;

	args->fd = -1;
	args->subvendor = DM_SUBVENDOR_HOST;
	args->level = VBS_LOG_WARNING;
	opterr = 0;
	optind = 0;
	while (rc == 0 && (opt = getopt_long(argc, argv, ":s:hqv", long_options,
					     NULL)) != -1) {
		if (opt == ':')
			rc = dm_fail(err, -EINVAL,
				     "option %s needs a value; `vbs-dm --help` "
				     "shows it",
				     argv[optind - 1]);
		else if (opt == '?')
			rc = bad_option(argv[optind - 1], err);
		else
			rc = parse_option(args, opt, optarg, err);
	}
	if (rc == 0)
		rc = parse_command(args, argv + optind, err);
	if (rc == 0 && (args->action == DM_RUN || args->action == DM_FRONTEND))
		rc = check_sockets(args, err);
	return rc;
}

void
dm_args_free(struct dm_args *args)
{
	dm_slots_free(&args->slots);
}
