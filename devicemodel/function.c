// SPDX-License-Identifier: BSD-3-Clause
/* One device with its VM, as its front end sees it, and its socket. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <vbs/pci.h>
#include <vbs/vm.h>

#include "base/options.h"
#include "client.h"
#include "devices/devices.h"
#include "function.h"
#include "hostpci.h"

#define CFG_SUBVENDOR 0x2c

static int
fail(int rc, const struct dm_error *err)
{
	dm_complain(err->text);
	return rc;
}

static bool
has_option(const struct dm_device *device, const char *name)
{
	const struct dm_option *opt = device ? device->options : NULL;

	for (; opt && opt->name; opt++)
		if (!strcmp(opt->name, name))
			return true;
	return false;
}

/* The device's options, after the defaults of the host; NULL for none. */
static int
options_of(const struct dm_function *f, char **out)
{
	const char *size = f->args->host->queue_size;
	const char *opts = f->slot->opts;

	*out = NULL;
	if (size && has_option(f->slot->device, "queue-size"))
		return asprintf(out, "queue-size=%s,%s", size,
				opts ? opts : "") < 0
			       ? -ENOMEM
			       : 0;
	if (opts)
		*out = strdup(opts);
	return opts && !*out ? -ENOMEM : 0;
}

/* The device has not said itself why it cannot be. */
static int
cannot_make(const struct dm_function *f, int rc)
{
	const struct dm_slot *s = f->slot;
	struct dm_error err;
	char where[16] = "";

	if (!s->anywhere)
		(void)snprintf(where, sizeof(where), "-s %u: ", s->slot);
	(void)dm_fail(&err, rc, "%scannot make %s: %s; %s", where, s->name,
		      strerror(-rc),
		      s->opts ? "check its options" : "it may need options");
	return fail(rc, &err);
}

int
dm_function_make(struct dm_function *f, uint16_t subvendor)
{
	const struct dm_host *host = f->args->host;
	struct dm_host_options how = {
		.poll_us = f->args->poll_us,
		.once = f->args->once,
		.doorbell_page = f->args->doorbell_page,
	};
	struct vmctx *ctx = NULL;
	struct dm_error err;
	char *opts = NULL;
	int rc = host->new (f->base, &how, &f->srv);

	if (rc == 0)
		rc = options_of(f, &opts);
	if (rc == 0) {
		ctx = host->vm(f->srv);
		vbs_log_set(ctx, dm_log_line, &f->log, f->args->level);
		rc = vbs_pci_new(ctx, f->slot->ops, (int)f->slot->slot,
				 (int)f->slot->func, opts, &f->dev);
	}
	free(opts);
	if (rc < 0)
		return atomic_load(&f->log.n_errors) > 0 ? rc
							 : cannot_make(f, rc);
	rc = dm_offer_apply(&f->slot->offer, f->dev, &err);
	if (rc < 0)
		return fail(rc, &err);
	pci_set_cfgdata16(f->dev, CFG_SUBVENDOR, subvendor);
	vbs_log(ctx, VBS_LOG_INFO, "%s: VM %s, subsystem vendor %04x",
		f->dev->name, vbs_vm_id(ctx), subvendor);
	return 0;
}

int
dm_function_path(const struct dm_args *args, const struct dm_slot *slot,
		 char *out, struct dm_error *err)
{
	int rc;

	if (!args->socket_path)
		return dm_socket_name(out, args->socket_dir, slot->slot,
				      slot->func, slot->ops->class_name, err);
	rc = dm_socket_check(args->socket_path, err);
	if (rc == 0)
		(void)snprintf(out, DM_SOCKET_PATH_SIZE, "%s",
			       args->socket_path);
	return rc;
}

int
dm_function_listen(struct dm_function *f, int fd)
{
	struct dm_error err;
	int rc;

	f->fd = fd;
	if (fd >= 0)
		return 0;
	rc = dm_function_path(f->args, f->slot, f->path, &err);
	if (rc == 0 && !f->args->client)
		rc = dm_socket_listen(f->path, &f->args->access, &err);
	if (rc < 0)
		return fail(rc, &err);
	if (f->args->client)
		return 0;
	f->fd = rc;
	f->listens = true;
	return 0;
}

/* From the host: nobody is there, and the server does not wait for anybody. */
static void
on_host_end(void *arg)
{
	struct dm_function *f = arg;

	if (f->client && !f->args->once)
		dm_client_connect(f->client);
	else
		f->on_end(f->on_end_arg);
}

static int
serve_fd(void *arg, int fd)
{
	struct dm_function *f = arg;
	const struct dm_host *host = f->args->host;

	host->stop(f->srv); /* what it has served before */
	host->on_end(f->srv, on_host_end, f);
	return host->serve(f->srv, f->dev, fd);
}

static int
cannot_serve(const struct dm_function *f, int rc)
{
	struct dm_error err;

	(void)dm_fail(&err, rc, "cannot serve %s over %s: %s; %s", f->dev->name,
		      f->args->host->name, strerror(-rc),
		      rc == -EINVAL ? "a virtio device is needed"
				    : "a UNIX stream socket is needed");
	return fail(rc, &err);
}

static int
start_client(struct dm_function *f)
{
	struct dm_error err;

	f->client = dm_client_new(f->base, f->path, serve_fd, f);
	if (!f->client) {
		(void)dm_fail(&err, -ENOMEM, "out of memory");
		return fail(-ENOMEM, &err);
	}
	dm_client_log(f->client, f->args->host->vm(f->srv), f->dev->name);
	dm_client_connect(f->client);
	return 0;
}

int
dm_function_serve(struct dm_function *f)
{
	int fd = f->fd, rc;
	char name[128];

	f->fd = -1; /* the server's, whatever happens */
	if (f->args->client)
		rc = start_client(f);
	else if ((rc = serve_fd(f, fd)) < 0)
		rc = cannot_serve(f, rc);
	if (rc < 0)
		return rc;
	hostpci_name(f->dev, name, sizeof(name));
	if (*f->path)
		(void)printf("vbs-dm: %s %s %s (%s)\n", f->dev->name,
			     f->listens ? "listens on" : "connects to", f->path,
			     name);
	else
		(void)printf("vbs-dm: %s serves fd %d (%s)\n", f->dev->name, fd,
			     name);
	return 0;
}

void
dm_function_free(struct dm_function *f)
{
	const struct dm_host *host = f->args->host;

	dm_client_free(f->client);
	if (f->listens)
		(void)unlink(f->path);
	if (f->fd >= 0)
		(void)close(f->fd);
	if (!f->srv)
		return;
	host->stop(f->srv);
	vbs_pci_free(f->dev);
	host->free(f->srv);
}
