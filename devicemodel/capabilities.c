// SPDX-License-Identifier: BSD-3-Clause
/* --print-capabilities: QEMU's docs/interop/vhost-user.json says what it is. */
#include <errno.h>
#include <stdio.h>

#include <jansson.h>

#include "capabilities.h"
#include "devices/devices.h"
#include "slots.h"

int
dm_capabilities(const char *name, struct dm_error *err)
{
	const struct dm_device *device = name ? dm_device_find(name) : NULL;
	json_t *features, *all;
	int rc = 0;

	if (!device)
		return dm_fail(err, -EINVAL,
			       "--print-capabilities: %s%.40s; give one that "
			       "`vbs-dm list` names, as in `vbs-dm blk "
			       "--print-capabilities`",
			       name ? "no device " : "of which device?",
			       name ? name : "");
	features = json_array();
	for (int i = 0; device->vhost_user_features[i]; i++)
		rc |= json_array_append_new(
			features, json_string(device->vhost_user_features[i]));
	all = json_pack("{s:s, s:o}", "type", device->vhost_user_type,
			"features", features);
	if (!all || rc < 0 || json_dumpf(all, stdout, JSON_INDENT(2)) < 0)
		rc = dm_fail(err, -ENOMEM, "out of memory");
	else
		(void)putchar('\n');
	json_decref(all);
	return rc;
}
