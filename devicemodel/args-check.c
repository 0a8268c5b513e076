// SPDX-License-Identifier: BSD-3-Clause
/* Does all that the command line asks for fit together? */
#include <errno.h>
#include <string.h>

#include "args-options.h"
#include "args.h"
#include "devices/devices.h"

static int
check_device(const struct dm_args *args, struct dm_error *err)
{
	const struct dm_device *device = args->slots.slot[0].device;
	const char *type = device ? device->vhost_user_type : NULL;

	if (args->slots.n == 0)
		return dm_fail(err, -EINVAL,
			       "no device; give one, as in -s 3,virtio-blk,"
			       "disk.img (`vbs-dm --help`)");
	if ((args->blk_file || args->read_only) &&
	    (!args->only || !type || strcmp(type, "block") != 0))
		return dm_fail(err, -EINVAL,
			       "%s is for `vbs-dm blk`; give the image with "
			       "the device, as in -s 3,virtio-blk,disk.img,ro",
			       args->blk_file ? "--blk-file" : "--read-only");
	return 0;
}

/* There is one way to the sockets. */
static int
check_ways(const struct dm_args *args, struct dm_error *err)
{
	bool activated = args->n_activated > 0 && args->action == DM_RUN;
	int ways = !!args->socket_dir + !!args->socket_path + (args->fd >= 0);

	if (ways > 0 && activated)
		return dm_fail(err, -EINVAL,
			       "sockets in more than one way: LISTEN_FDS hands "
			       "over %u; leave out --socket-dir, --socket-path "
			       "and --fd",
			       args->n_activated);
	if (ways + activated != 1)
		return dm_fail(
			err, -EINVAL,
			"%s; give one of %s--socket-path PATH and --fd N",
			ways ? "sockets in more than one way"
			     : "no place for the sockets",
			args->only ? "" : "--socket-dir DIR, ");
	return 0;
}

static int
check_number(const struct dm_args *args, struct dm_error *err)
{
	if (args->only && args->socket_dir)
		return dm_fail(err, -EINVAL,
			       "--socket-dir is for devices of -s; give "
			       "--socket-path PATH");
	if ((args->socket_path || args->fd >= 0) && args->slots.n > 1)
		return dm_fail(err, -EINVAL,
			       "one socket for %u devices; give --socket-dir "
			       "DIR, which has one for each",
			       args->slots.n);
	if (args->action == DM_RUN && args->n_activated > 0 &&
	    args->n_activated != args->slots.n)
		return dm_fail(err, -EINVAL,
			       "LISTEN_FDS hands over %u sockets for %u "
			       "devices; give as many of one as of the other",
			       args->n_activated, args->slots.n);
	return 0;
}

/* What needs a socket with a name, made by us or by the front end. */
static int
check_name(const struct dm_args *args, struct dm_error *err)
{
	const char *how = args->fd >= 0 ? "--fd" : "LISTEN_FDS";
	bool named = args->socket_dir || args->socket_path;
	const char *what = args->access.has_mode ? "--socket-mode"
						 : "--socket-group";

	if (args->action == DM_FRONTEND && !named)
		return dm_fail(err, -EINVAL,
			       "--print-frontend cannot name --fd; give "
			       "--socket-dir or --socket-path");
	if (args->client && !named)
		return dm_fail(err, -EINVAL,
			       "--client and %s: a socket that is open needs "
			       "no connecting; leave one of them out",
			       how);
	if (args->client && !args->host->connects)
		return dm_fail(err, -EINVAL,
			       "--client: no front end of %s listens; leave it "
			       "out, or give --host vhost-user",
			       args->host->name);
	if (!args->access.has_mode && !args->access.has_group)
		return 0;
	if (!named || args->client)
		return dm_fail(err, -EINVAL,
			       "%s and %s: no socket is made; leave one of "
			       "them out",
			       what, named ? "--client" : how);
	return 0;
}

static int
check_page(const struct dm_args *args, struct dm_error *err)
{
	if (!args->doorbell_page || args->host->has_doorbells)
		return 0;
	return dm_fail(err, -EINVAL,
		       "--doorbell-page: the doorbells are the front end's "
		       "with %s; leave it out",
		       args->host->name);
}

/* A descriptor has one use. */
static int
check_fds(const struct dm_args *args, struct dm_error *err)
{
	static const char *const names[] = { "--fd", "--ready-fd",
					     "--lifeline-fd" };
	const int fds[] = { args->fd, args->ready_fd, args->lifeline_fd };

	for (int i = 0; i < 3; i++)
		for (int j = 0; j < i; j++)
			if (fds[i] >= 0 && fds[i] == fds[j])
				return dm_fail(err, -EINVAL,
					       "%s and %s are both %d; give "
					       "each its own",
					       names[j], names[i], fds[i]);
	return 0;
}

/* Over vhost-user the front end has the registers, and what is said in them. */
static int
check_features(const struct dm_args *args, struct dm_error *err)
{
	for (unsigned int i = 0; i < args->slots.n; i++) {
		const struct dm_slot *s = &args->slots.slot[i];
		const char *name = dm_offer_pci_only(&s->offer);

		if (name && args->host == &dm_host_vhost_user)
			return dm_fail(err, -EINVAL,
				       "option %s=on of %s: over vhost-user it "
				       "is the front end's to offer; leave it "
				       "out, or give --host vfio-user",
				       name, s->name);
	}
	return 0;
}

int
dm_args_check(struct dm_args *args, struct dm_error *err)
{
	int rc = check_device(args, err);

	if (rc == 0)
		rc = check_ways(args, err);
	if (rc == 0)
		rc = check_number(args, err);
	if (rc == 0)
		rc = check_name(args, err);
	if (rc == 0)
		rc = check_page(args, err);
	if (rc == 0)
		rc = check_fds(args, err);
	if (rc == 0)
		rc = check_features(args, err);
	/* Whoever lets a group in means to let it write. */
	if (args->access.has_group && !args->access.has_mode) {
		args->access.has_mode = true;
		args->access.mode = 0660;
	}
	return rc;
}
