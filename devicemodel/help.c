// SPDX-License-Identifier: BSD-3-Clause
/* Help: of the program, and of each device from its table of options. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <vbs/version.h>

#include "base/options.h"
#include "devices/devices.h"
#include "help.h"
#include "slots.h"

static const char usage[] =
	"vbs-dm serves virtio devices to a virtual machine.\n"
	"\n"
	"Usage: vbs-dm --socket-dir DIR -s SLOT,DEVICE[,OPTIONS]...\n"
	"       vbs-dm help [DEVICE] | list\n"
	"\n"
	"  -s, --device SLOT[:FUNC],DEVICE[,OPTIONS]\n"
	"                       a device; ./NAME.so loads one\n"
	"  --host vfio-user     how the guest is reached [vfio-user]\n"
	"  --socket-dir DIR     a socket for each device, in DIR\n"
	"  --socket-path PATH   the socket of the only device\n"
	"  --fd N               an open socket for the only device\n"
	"  --print-frontend=qemu\n"
	"                       print QEMU's arguments, and exit\n"
	"  --poll-us=N          poll queues so long before sleeping [0]\n"
	"  --subvendor=ID       subsystem vendor: host or 0x1af4 [host]\n"
	"  -v, -q, --log-level=error|warning|info|debug [warning]\n"
	"  -h, --help; --version\n"
	"\n"
	"Example:\n"
	"  vbs-dm --socket-dir /tmp -s 3,virtio-blk,disk.img -s 4,virtio-rnd\n"
	"\n"
	"SIGHUP looks for images that have grown; SIGTERM ends it.\n"
	"Exit status: 0; 1 if something is wrong on this machine; 2 if the\n"
	"command line is.\n";

void
dm_help(void)
{
	(void)fputs(usage, stdout);
}

void
dm_list(void)
{
	for (int i = 0; dm_devices[i]; i++)
		(void)printf("%-12s %s\n", dm_devices[i]->ops->class_name,
			     dm_devices[i]->summary);
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
	if (!device->options) {
		(void)printf("It has no options.\n");
		return 0;
	}
	(void)printf("Options, after %s and with commas between:\n", name);
	dm_options_help(device->options, stdout);
	return 0;
}
