// SPDX-License-Identifier: BSD-3-Clause
/* vbs-dm: understand the command line, then do what it says. */
#include <errno.h>
#include <stdlib.h>

#include "args.h"
#include "capabilities.h"
#include "frontend.h"
#include "help.h"
#include "log.h"
#include "run.h"
#include "service.h"

/* Whose fault is it: the command line's (2), or the machine's (1)? */
static int
exit_status(int rc)
{
	if (rc == 0)
		return 0;
	return rc == -EINVAL || rc == -ENAMETOOLONG ? 2 : 1;
}

static int
act(const struct dm_args *args, struct dm_error *err)
{
	switch (args->action) {
	case DM_HELP:
		if (args->topic)
			return dm_help_device(args->topic, err);
		dm_help();
		return 0;
	case DM_LIST:
		dm_list();
		return 0;
	case DM_VERSION:
		dm_version();
		return 0;
	case DM_FRONTEND:
		return dm_frontend(args, err);
	case DM_CAPABILITIES:
		return dm_capabilities(args->topic, err);
	case DM_RUN:
		break;
	}
	return -EINVAL;
}

/* Do what the command line says; what goes wrong is said here. */
static int
obey(struct dm_args *args, int argc, char **argv)
{
	struct dm_activation activation;
	struct dm_error err;
	int rc = dm_activation_take(&activation, &err);

	if (rc >= 0)
		rc = dm_args_parse(args, argc, argv, activation.n, &err);
	if (rc == 0 && args->action == DM_RUN)
		rc = dm_run(args, &activation); /* says it itself */
	else if (rc < 0 || (rc = act(args, &err)) < 0)
		dm_complain(err.text);
	dm_activation_free(&activation);
	return rc;
}

int
main(int argc, char **argv)
{
	struct dm_args *args = calloc(1, sizeof(*args));
	int rc = -ENOMEM;

	if (args) {
		rc = obey(args, argc, argv);
		dm_args_free(args);
	} else {
		dm_complain("out of memory");
	}
	free(args);
	return exit_status(rc);
}
