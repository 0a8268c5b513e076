// SPDX-License-Identifier: BSD-3-Clause
/* Help: of the program, and of each device from its table of options. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <vbs/version.h>

#include "args.h"
#include "base/options.h"
#include "devices/devices.h"
#include "help.h"
#include "offer.h"
#include "slots.h"

static const char usage[] =
	"vbs-dm serves virtio devices to a virtual machine.\n"
	"\n"
	"Usage: vbs-dm --socket-dir=DIR -s SLOT,DEVICE[,OPTIONS]...\n"
	"       vbs-dm DEVICE [OPTION]... --socket-path=PATH  (vhost-user)\n"
	"       vbs-dm help [DEVICE] | list\n"
	"\n";

static const char hints[] =
	"\n"
	"Example: vbs-dm --socket-dir=/tmp -s 3,virtio-blk,disk.img -s "
	"4,virtio-rnd\n"
	"Each device also takes packed=on|off and its like; see help DEVICE.\n"
	"It takes sockets from LISTEN_FDS; SIGHUP: look if images have grown.\n"
	"Exit status: 0; 1 something is wrong on this machine, 2 on the "
	"command line.\n";

void
dm_help(void)
{
	(void)fputs(usage, stdout);
	dm_args_help(stdout);
	(void)fputs(hints, stdout);
}

/* A line with all the names of a device. */
static void
print_names(const struct dm_device *device)
{
	char names[64] = "";

	for (int i = 0; device->names[i]; i++)
		(void)snprintf(names + strlen(names),
			       sizeof(names) - strlen(names), "%s%s",
			       i ? ", " : "", device->names[i]);
	(void)printf("%-12s %-12s %s\n", device->ops->class_name, names,
		     device->summary);
}

void
dm_list(void)
{
	for (int i = 0; dm_devices[i]; i++)
		print_names(dm_devices[i]);
}

void
dm_version(void)
{
	(void)printf("vbs-dm (libvbs) %s\n", vbs_version());
}

int
dm_help_device(const char *name, struct dm_error *err)
{
	const struct dm_device *device = dm_device_find(name);
	const char *near;

	if (!device && strchr(name, '/'))
		return dm_fail(err, -EINVAL,
			       "help: %s brings no help; see where it comes "
			       "from",
			       name);
	if (!device) {
		near = dm_device_nearest(name);
		return dm_fail(err, -EINVAL,
			       "help: no device '%.40s'%s%s%s; `vbs-dm list` "
			       "names them",
			       name, near ? "; did you mean '" : "",
			       near ? near : "", near ? "'?" : "");
	}
	(void)printf("%s: %s\n\nExample: %s\n\n", name, device->summary,
		     device->example);
	if (device->options) {
		(void)printf("Options, after %s and with commas between:\n",
			     name);
		dm_options_help(device->options, stdout);
	} else {
		(void)printf("It has no options of its own.\n");
	}
	(void)printf("\nOptions of each device, features for its driver:\n");
	dm_offer_help(stdout);
	return 0;
}
