// SPDX-License-Identifier: BSD-3-Clause
/* The hosts of libvbs, behind one table. */
#include <stddef.h>
#include <string.h>

#include <vbs/vfio_user.h>
#include <vbs/vhost_user.h>

#include "host.h"

/* A host's functions, each with the server's own type. */
#define HOST_FUNCTIONS(type)                                                   \
	static struct vmctx *type##_vm(void *srv)                              \
	{                                                                      \
		return vbs_##type##_vm(srv);                                   \
	}                                                                      \
	static int type##_serve(void *srv, struct pci_vdev *dev, int fd)       \
	{                                                                      \
		return vbs_##type##_serve(srv, dev, fd);                       \
	}                                                                      \
	static void type##_on_end(void *srv, void (*fn)(void *arg), void *arg) \
	{                                                                      \
		vbs_##type##_on_end(srv, fn, arg);                             \
	}                                                                      \
	static void type##_stop(void *srv)                                     \
	{                                                                      \
		vbs_##type##_stop(srv);                                        \
	}                                                                      \
	static void type##_free(void *srv)                                     \
	{                                                                      \
		vbs_##type##_free(srv);                                        \
	}

HOST_FUNCTIONS(vfio_user)
HOST_FUNCTIONS(vhost_user)

static int
vfio_user_new(struct event_base *base, const struct dm_host_options *opts,
	      void **srv)
{
	struct vbs_vfio_user_options how = {
		.poll_us = opts->poll_us,
	};
	struct vbs_vfio_user *made;
	int rc;

	if (opts->once)
		how.flags |= VBS_VFIO_USER_ONCE;
	if (opts->doorbell_page)
		how.flags |= VBS_VFIO_USER_DOORBELL_PAGE;
	rc = vbs_vfio_user_new(base, &how, &made);

	if (rc == 0)
		*srv = made;
	return rc;
}

static int
vhost_user_new(struct event_base *base, const struct dm_host_options *opts,
	       void **srv)
{
	struct vbs_vhost_user_options how = {
		.poll_us = opts->poll_us,
		.flags = opts->once ? VBS_VHOST_USER_ONCE : 0,
	};
	struct vbs_vhost_user *made;
	int rc = vbs_vhost_user_new(base, &how, &made);

	if (rc == 0)
		*srv = made;
	return rc;
}

const struct dm_host dm_host_vfio_user = {
	.name = "vfio-user",
	.has_pci = true,
	.has_doorbells = true,
	.new = vfio_user_new,
	.vm = vfio_user_vm,
	.serve = vfio_user_serve,
	.on_end = vfio_user_on_end,
	.stop = vfio_user_stop,
	.free = vfio_user_free,
};

const struct dm_host dm_host_vhost_user = {
	.name = "vhost-user",
	.connects = true,
	.queue_size = "1024",
	.new = vhost_user_new,
	.vm = vhost_user_vm,
	.serve = vhost_user_serve,
	.on_end = vhost_user_on_end,
	.stop = vhost_user_stop,
	.free = vhost_user_free,
};

const struct dm_host *
dm_host_find(const char *name)
{
	static const struct dm_host *const hosts[] = { &dm_host_vfio_user,
						       &dm_host_vhost_user };

	for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++)
		if (!strcmp(hosts[i]->name, name))
			return hosts[i];
	return NULL;
}
