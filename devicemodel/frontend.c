// SPDX-License-Identifier: BSD-3-Clause
/* Prints what a front end needs: which one, and of which sockets. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "frontend-impl.h"
#include "frontend.h"
#include "function.h"

static const struct {
	const char *name;
	frontend_print_fn print;
	bool vfio_user; /* as well */
	bool listens;   /* can be told to, for --client */
} table[] = {
	{ "qemu", frontend_print_qemu, true, true },
	{ "libvirt", frontend_print_libvirt, true, true },
	{ "uml", frontend_print_uml, false, false },
	{ "crosvm", frontend_print_crosvm, false, false },
	{ "cloud-hypervisor", frontend_print_cloud_hypervisor, false, false },
};

#define N_FRONTENDS (sizeof(table) / sizeof(table[0]))

static size_t
find(const char *name)
{
	size_t i = 0;

	while (i < N_FRONTENDS && strcmp(table[i].name, name) != 0)
		i++;
	return i;
}

int
dm_frontend_check(const char *name, struct dm_error *err)
{
	if (find(name) < N_FRONTENDS)
		return 0;
	return dm_fail(err, -EINVAL,
		       "--print-frontend %.40s: not known; give one of "
		       "" DM_FRONTEND_NAMES,
		       name);
}

void
frontend_quote(FILE *out, const char *text)
{
	(void)fputc('\'', out);
	for (; *text; text++)
		if (*text == '\'')
			(void)fputs("'\\''", out);
		else
			(void)fputc(*text, out);
	(void)fputc('\'', out);
}

/* The front end may be started somewhere else: make a path absolute. */
static int
absolute(const char *path, char *out, struct dm_error *err)
{
	char dir[DM_SOCKET_PATH_SIZE], full[PATH_MAX];
	const char *name = strrchr(path, '/');
	int n;

	(void)snprintf(dir, sizeof(dir), "%.*s",
		       name ? (int)(name - path) + 1 : 1, name ? path : ".");
	if (!realpath(dir, full))
		return dm_fail(
			err, -errno,
			"socket directory %s: %s; make it with mkdir -p, "
			"or give another",
			dir, strerror(errno));
	name = name ? name + 1 : path;
	n = snprintf(out, DM_SOCKET_PATH_SIZE, "%s%s%s", full[1] ? full : "",
		     "/", name);
	if (n >= 0 && (size_t)n < DM_SOCKET_PATH_SIZE)
		return 0;
	return dm_fail(err, -ENAMETOOLONG,
		       "socket path %s/%s is longer than %zu bytes; give a "
		       "shorter --socket-dir or --socket-path",
		       full, name, DM_SOCKET_PATH_SIZE - 1);
}

static int
find_shape(const struct dm_args *args, struct frontend_device *d,
	   struct dm_error *err)
{
	const struct dm_device *device = d->slot->device;

	if (!device) {
		d->shape.n_queues = 1;
		return args->host == &dm_host_vhost_user
			       ? frontend_probe(d->slot, &d->shape, err)
			       : 0;
	}
	d->shape = device->shape;
	d->type = device->vhost_user_type;
	return device->reshape ? device->reshape(d->slot->opts, &d->shape, err)
			       : 0;
}

static int
plan_device(const struct dm_args *args, const struct dm_slot *s,
	    struct frontend_device *d, struct dm_error *err)
{
	char path[DM_SOCKET_PATH_SIZE];
	int rc;

	d->slot = s;
	d->type = "";
	d->multifunction = s->func == 0 && dm_slots_share(&args->slots, s);
	(void)snprintf(d->id, sizeof(d->id), "vbs-%x.%x", s->slot, s->func);
	rc = find_shape(args, d, err);
	if (rc == 0)
		rc = dm_function_path(args, s, path, err);
	return rc < 0 ? rc : absolute(path, d->path, err);
}

static int
print(const struct frontend_plan *plan, frontend_print_fn fn,
      struct dm_error *err)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);
	int rc;

	if (!out)
		return dm_fail(err, -ENOMEM, "out of memory");
	rc = fn(plan, out, err);
	if (fclose(out) != 0 && rc == 0)
		rc = dm_fail(err, -ENOMEM, "out of memory");
	if (rc == 0)
		(void)fputs(text, stdout);
	free(text);
	return rc;
}

static int
check(const struct dm_args *args, size_t which, struct dm_error *err)
{
	const char *name = table[which].name;

	if (args->host == &dm_host_vfio_user && !table[which].vfio_user)
		return dm_fail(err, -EINVAL,
			       "--print-frontend=%s: this is for --host "
			       "vhost-user; give that, or qemu, or libvirt",
			       name);
	if (args->client && !table[which].listens)
		return dm_fail(err, -EINVAL,
			       "--print-frontend=%s with --client: it only "
			       "connects, and somebody has to listen; leave "
			       "--client out",
			       name);
	return 0;
}

int
dm_frontend(const struct dm_args *args, struct dm_error *err)
{
	size_t which = find(args->frontend);
	struct frontend_plan plan = {
		.args = args,
		.cpus = 1,
		.n = args->slots.n,
		.device = calloc(args->slots.n, sizeof(*plan.device)),
	};
	int rc = check(args, which, err);

	if (!plan.device)
		return dm_fail(err, -ENOMEM, "out of memory");
	for (unsigned int i = 0; i < plan.n && rc == 0; i++) {
		struct frontend_device *d = &plan.device[i];

		rc = plan_device(args, &args->slots.slot[i], d, err);
		if (d->shape.n_queues > plan.cpus)
			plan.cpus = d->shape.n_queues;
	}
	if (rc == 0)
		rc = print(&plan, table[which].print, err);
	free(plan.device);
	return rc;
}
