// SPDX-License-Identifier: BSD-3-Clause
/* Loads a device from a shared object. */
#include <dlfcn.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "loader.h"

static bool
is_name(const char *name)
{
	return name && *name && strlen(name) <= 24 && !strpbrk(name, "/,@ ");
}

static int
check_object(const char *path, void *object, const struct pci_vdev_ops **ops,
	     struct dm_error *err)
{
	const int *abi = dlsym(object, "vbs_device_abi");
	const struct pci_vdev_ops *const *found =
		dlsym(object, "vbs_device_ops");

	if (!abi || !found || !*found)
		return dm_fail(err, -EINVAL,
			       "%s is no vbs-dm device; put VBS_DEVICE(ops) in "
			       "it (vbs/pci.h)",
			       path);
	if (*abi != VBS_DEVICE_ABI)
		return dm_fail(err, -EINVAL,
			       "%s was built for device ABI %d, this is %d; "
			       "build it again against this libvbs",
			       path, *abi, VBS_DEVICE_ABI);
	if (!is_name((*found)->class_name))
		return dm_fail(
			err, -EINVAL,
			"%s has no good class_name; give it one of at "
			"most 24 characters without '/', ',', '@' or ' '",
			path);
	*ops = *found;
	return 0;
}

int
dm_load(const char *path, void **object, const struct pci_vdev_ops **ops,
	struct dm_error *err)
{
	void *opened;
	int rc;

	if (access(path, R_OK) < 0)
		return dm_fail(err, -errno,
			       "cannot load device %s: %s; check the path",
			       path, strerror(errno));
	opened = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!opened)
		return dm_fail(err, -ENOEXEC,
			       "cannot load device %s: %s; build it with "
			       "-shared -fPIC",
			       path, dlerror());
	rc = check_object(path, opened, ops, err);
	if (rc < 0) {
		(void)dlclose(opened);
		return rc;
	}
	*object = opened;
	return 0;
}
