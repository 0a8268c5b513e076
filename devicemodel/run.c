// SPDX-License-Identifier: BSD-3-Clause
/* From a command line that has been understood to devices that are served. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>
#include <event2/thread.h>

#include <vbs/vfio_user.h>
#include <vbs/vm.h>

#include "devices/devices.h"
#include "hostpci.h"
#include "log.h"
#include "run.h"
#include "sigbus.h"
#include "socket.h"

#define CFG_SUBVENDOR 0x2c
#define N_SIGNALS     3

/* One device with its VM, as its front end sees it, and its socket. */
struct function {
	const struct dm_slot *slot;
	struct dm_log log;
	struct vbs_vfio_user *srv;
	struct pci_vdev *dev;
	char path[DM_SOCKET_PATH_SIZE]; /* empty with --fd */
	int fd;                         /* -1 when it is the server's */
	bool listens;                   /* the path is ours to remove */
};

struct run {
	const struct dm_args *args;
	struct event_base *base;
	struct event *signal[N_SIGNALS];
	uint16_t subvendor;
	unsigned int n;
	struct function *function;
};

static int
fail(int rc, const struct dm_error *err)
{
	dm_complain(err->text);
	return rc;
}

static int
function_new(struct run *run, struct function *f)
{
	struct vbs_vfio_user_options opts = { .poll_us = run->args->poll_us };
	struct dm_error err;
	struct vmctx *ctx;
	int rc = vbs_vfio_user_new(run->base, &opts, &f->srv);

	if (rc == 0) {
		ctx = vbs_vfio_user_vm(f->srv);
		vbs_log_set(ctx, dm_log_line, &f->log, run->args->level);
		rc = vbs_pci_new(ctx, f->slot->ops, (int)f->slot->slot,
				 (int)f->slot->func, f->slot->opts, &f->dev);
	}
	if (rc < 0 && atomic_load(&f->log.n_errors) > 0)
		return rc; /* the device has said why */
	if (rc < 0) {
		(void)dm_fail(&err, rc, "-s %u: cannot make %s: %s; %s",
			      f->slot->slot, f->slot->name, strerror(-rc),
			      f->slot->opts ? "check its options"
					    : "it may need options");
		return fail(rc, &err);
	}
	pci_set_cfgdata16(f->dev, CFG_SUBVENDOR, run->subvendor);
	return 0;
}

static int
function_listen(struct run *run, struct function *f)
{
	const struct dm_args *args = run->args;
	struct dm_error err;
	int rc = 0;

	if (args->fd >= 0) {
		f->fd = args->fd;
		rc = dm_socket_check_fd(f->fd, &err);
		return rc < 0 ? fail(rc, &err) : 0;
	}
	if (args->socket_path)
		rc = dm_socket_check(args->socket_path, &err);
	else
		rc = dm_socket_name(f->path, args->socket_dir, f->slot->slot,
				    f->slot->func, f->slot->ops->class_name,
				    &err);
	if (rc < 0)
		return fail(rc, &err);
	if (args->socket_path)
		(void)snprintf(f->path, sizeof(f->path), "%s",
			       args->socket_path);
	rc = dm_socket_listen(f->path, &err);
	if (rc < 0)
		return fail(rc, &err);
	f->fd = rc;
	f->listens = true;
	return 0;
}

/* The front end of --fd has gone, and there will be no other. */
static void
on_front_end_gone(void *arg)
{
	struct run *run = arg;

	(void)event_base_loopbreak(run->base);
}

static int
function_serve(struct run *run, struct function *f)
{
	struct dm_error err;
	int fd = f->fd, rc;
	char name[128];

	f->fd = -1; /* the server's, whatever happens */
	vbs_vfio_user_on_end(f->srv, on_front_end_gone, run);
	rc = vbs_vfio_user_serve(f->srv, f->dev, fd);
	if (rc < 0) {
		(void)dm_fail(&err, rc,
			      "cannot serve %s: %s; a UNIX stream "
			      "socket is needed",
			      f->dev->name, strerror(-rc));
		return fail(rc, &err);
	}
	hostpci_name(f->dev, name, sizeof(name));
	if (f->listens)
		(void)printf("vbs-dm: %s listens on %s (%s)\n", f->dev->name,
			     f->path, name);
	else
		(void)printf("vbs-dm: %s serves fd %d (%s)\n", f->dev->name, fd,
			     name);
	vbs_log(vbs_vfio_user_vm(f->srv), VBS_LOG_INFO,
		"%s: VM %s, subsystem vendor %04x", f->dev->name,
		vbs_vm_id(vbs_vfio_user_vm(f->srv)), run->subvendor);
	return 0;
}

static void
function_free(struct function *f)
{
	if (f->listens)
		(void)unlink(f->path);
	if (f->fd >= 0)
		(void)close(f->fd);
	if (f->srv)
		vbs_vfio_user_stop(f->srv);
	vbs_pci_free(f->dev);
	vbs_vfio_user_free(f->srv);
}

static void
on_end(evutil_socket_t sig, short what, void *arg)
{
	struct run *run = arg;

	(void)event_base_loopbreak(run->base);
}

static void
on_hangup(evutil_socket_t sig, short what, void *arg)
{
	struct run *run = arg;

	for (unsigned int i = 0; i < run->n; i++) {
		struct function *f = &run->function[i];

		if (f->slot->device && f->slot->device->rescan)
			f->slot->device->rescan(f->dev);
	}
}

static int
watch_signals(struct run *run)
{
	static const struct {
		int sig;
		event_callback_fn fn;
	} table[N_SIGNALS] = {
		{ SIGTERM, on_end },
		{ SIGINT, on_end },
		{ SIGHUP, on_hangup },
	};

	for (int i = 0; i < N_SIGNALS; i++) {
		run->signal[i] =
			evsignal_new(run->base, table[i].sig, table[i].fn, run);
		if (!run->signal[i] || event_add(run->signal[i], NULL) < 0)
			return -ENOMEM;
	}
	return 0;
}

/* All devices first, then all sockets: what fails has made no socket. */
static int
start(struct run *run)
{
	int rc = 0;

	for (unsigned int i = 0; i < run->n && rc == 0; i++)
		rc = function_new(run, &run->function[i]);
	for (unsigned int i = 0; i < run->n && rc == 0; i++)
		rc = function_listen(run, &run->function[i]);
	for (unsigned int i = 0; i < run->n && rc == 0; i++)
		rc = function_serve(run, &run->function[i]);
	(void)fflush(stdout);
	return rc;
}

static int
run_init(struct run *run, const struct dm_args *args)
{
	run->args = args;
	run->n = args->slots.n;
	run->function = calloc(run->n, sizeof(*run->function));
	if (!run->function || evthread_use_pthreads() < 0)
		return -ENOMEM;
	for (unsigned int i = 0; i < run->n; i++) {
		run->function[i].slot = &args->slots.slot[i];
		run->function[i].fd = -1;
	}
	run->base = event_base_new();
	if (!run->base)
		return -ENOMEM;
	run->subvendor = args->subvendor == DM_SUBVENDOR_HOST
				 ? hostpci_vendor()
				 : (uint16_t)args->subvendor;
	return watch_signals(run);
}

static void
run_free(struct run *run)
{
	for (unsigned int i = run->n; run->function && i > 0; i--)
		function_free(&run->function[i - 1]);
	free(run->function);
	for (int i = 0; i < N_SIGNALS; i++)
		if (run->signal[i])
			event_free(run->signal[i]);
	if (run->base)
		event_base_free(run->base);
}

int
dm_run(const struct dm_args *args)
{
	struct run run = { 0 };
	int rc;

	(void)signal(SIGPIPE, SIG_IGN);
	(void)dm_sigbus_survive();
	rc = run_init(&run, args);
	if (rc < 0)
		dm_complain("out of memory");
	else
		rc = start(&run);
	if (rc == 0)
		(void)event_base_dispatch(run.base);
	run_free(&run);
	return rc;
}
