// SPDX-License-Identifier: BSD-3-Clause
/* From a command line that has been understood to devices that are served. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <event2/event.h>
#include <event2/thread.h>

#include "base/sigbus.h"
#include "devices/devices.h"
#include "function.h"
#include "hostpci.h"
#include "log.h"
#include "run.h"

#define N_SIGNALS 3

struct run {
	const struct dm_args *args;
	const struct dm_activation *activation;
	struct event_base *base;
	struct event *signal[N_SIGNALS];
	struct event *lifeline;
	unsigned int n, n_ended;
	struct dm_function *function;
};

static int
fail(int rc, const struct dm_error *err)
{
	dm_complain(err->text);
	return rc;
}

/* A device will have no front end any more; the others may. */
static void
on_function_end(void *arg)
{
	struct run *run = arg;

	if (++run->n_ended == run->n)
		(void)event_base_loopbreak(run->base);
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
		struct dm_function *f = &run->function[i];

		if (f->slot->device && f->slot->device->rescan)
			f->slot->device->rescan(f->dev);
	}
}

/*
 * A signal that comes when the loop has ended finds things as they were before
 * it: then it is to be ignored, since we are ending. One that comes before the
 * loop is there waits.
 */
static int
watch_signals(struct run *run)
{
	sigset_t set, before;
	int rc = 0;

	static const struct {
		int sig;
		event_callback_fn fn;
	} table[N_SIGNALS] = {
		{ SIGTERM, on_end },
		{ SIGINT, on_end },
		{ SIGHUP, on_hangup },
	};

	(void)sigemptyset(&set);
	for (int i = 0; i < N_SIGNALS; i++)
		(void)sigaddset(&set, table[i].sig);
	(void)pthread_sigmask(SIG_BLOCK, &set, &before);
	for (int i = 0; i < N_SIGNALS && rc == 0; i++) {
		(void)signal(table[i].sig, SIG_IGN);
		run->signal[i] =
			evsignal_new(run->base, table[i].sig, table[i].fn, run);
		if (!run->signal[i] || event_add(run->signal[i], NULL) < 0)
			rc = -ENOMEM;
	}
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	return rc;
}

/*
 * Whoever has started us holds the other end of the lifeline. What it may write
 * there means nothing.
 */
static void
on_lifeline(evutil_socket_t fd, short what, void *arg)
{
	struct run *run = arg;
	char buf[256];
	ssize_t n = read(fd, buf, sizeof(buf));

	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		(void)event_base_loopbreak(run->base);
}

static int
watch_lifeline(struct run *run)
{
	int fd = run->args->lifeline_fd;

	if (fd < 0)
		return 0;
	run->lifeline = event_new(run->base, fd, EV_READ | EV_PERSIST,
				  on_lifeline, run);
	return run->lifeline && event_add(run->lifeline, NULL) == 0 ? 0
								    : -ENOMEM;
}

/* Before anything of ours can have one of these numbers. */
static int
check_fd(const char *option, int fd, bool pipe, struct dm_error *err)
{
	struct stat st;

	if (fd < 0)
		return 0;
	if (fstat(fd, &st) < 0)
		return dm_fail(err, -errno,
			       "%s %d: %s; hand over a descriptor that is open",
			       option, fd, strerror(errno));
	if (pipe && !S_ISFIFO(st.st_mode) && !S_ISSOCK(st.st_mode))
		return dm_fail(err, -EBADF,
			       "%s %d: neither a pipe nor a socket; hand over "
			       "an end of one",
			       option, fd);
	return 0;
}

static int
check_fds(const struct run *run, struct dm_error *err)
{
	const struct dm_args *args = run->args;
	int rc = check_fd("--ready-fd", args->ready_fd, false, err);

	if (rc == 0)
		rc = check_fd("--lifeline-fd", args->lifeline_fd, true, err);
	if (rc == 0 && args->fd >= 0)
		rc = dm_socket_check_fd("--fd", args->fd, err);
	for (unsigned int i = 0; i < run->activation->n && rc == 0; i++)
		rc = dm_socket_check_fd("LISTEN_FDS: fd",
					DM_LISTEN_FD_FIRST + (int)i, err);
	return rc;
}

/* The file name of the socket that a device would have with --socket-dir. */
static int
socket_names(const struct run *run, char (*out)[DM_SOCKET_PATH_SIZE],
	     const char **want)
{
	struct dm_error err;

	for (unsigned int i = 0; i < run->n; i++) {
		const struct dm_slot *s = run->function[i].slot;
		int rc = dm_socket_name(out[i], ".", s->slot, s->func,
					s->ops->class_name, &err);

		if (rc < 0)
			return fail(rc, &err);
		want[i] = out[i] + 2; /* without "./" */
	}
	return 0;
}

/* The open sockets of LISTEN_FDS, by their names or in the order of -s. */
static int
take_activated(struct run *run)
{
	char names[DM_SLOTS_MAX][DM_SOCKET_PATH_SIZE];
	const char *want[DM_SLOTS_MAX];
	struct dm_error err;
	int rc = socket_names(run, names, want);

	for (unsigned int i = 0; i < run->n && rc == 0; i++) {
		int fd = dm_activation_fd(run->activation, want, run->n, i);

		if (fd < 0) {
			(void)dm_fail(&err, fd,
				      "LISTEN_FDNAMES has no %s; name each "
				      "socket like that, or none",
				      want[i]);
			return fail(fd, &err);
		}
		rc = dm_function_listen(&run->function[i], fd);
	}
	return rc;
}

static int
listen_all(struct run *run)
{
	int rc = 0;

	if (run->activation->n > 0)
		return take_activated(run);
	for (unsigned int i = 0; i < run->n && rc == 0; i++)
		rc = dm_function_listen(&run->function[i], run->args->fd);
	return rc;
}

/* Whoever waits for us may go on. */
static int
announce(const struct run *run)
{
	struct dm_error err;
	int rc = dm_notify("READY=1");

	(void)fflush(stdout);
	if (rc < 0) {
		(void)dm_fail(&err, rc,
			      "warning: NOTIFY_SOCKET: %s; the service manager "
			      "does not hear of this",
			      strerror(-rc));
		dm_complain(err.text);
	}
	if (run->args->ready_fd < 0)
		return 0;
	rc = dm_ready(run->args->ready_fd);
	if (rc == 0)
		return 0;
	(void)dm_fail(&err, rc,
		      "--ready-fd %d: %s; hand over one that can be written",
		      run->args->ready_fd, strerror(-rc));
	return fail(rc, &err);
}

/*
 * To ask is to have all functions of this machine looked at: a large one has
 * hundreds, and where there is no PCI nobody sees the answer.
 */
static uint16_t
choose_subvendor(const struct dm_args *args)
{
	if (args->subvendor != DM_SUBVENDOR_HOST)
		return (uint16_t)args->subvendor;
	return args->host->has_pci ? hostpci_vendor() : HOSTPCI_VIRTIO;
}

/* All devices first, then all sockets: what fails has made no socket. */
static int
start(struct run *run)
{
	uint16_t subvendor = choose_subvendor(run->args);
	int rc = 0;

	for (unsigned int i = 0; i < run->n && rc == 0; i++)
		rc = dm_function_make(&run->function[i], subvendor);
	if (rc == 0)
		rc = listen_all(run);
	for (unsigned int i = 0; i < run->n && rc == 0; i++)
		rc = dm_function_serve(&run->function[i]);
	return rc < 0 ? rc : announce(run);
}

static int
run_init(struct run *run)
{
	const struct dm_args *args = run->args;
	int rc;

	run->function = calloc(args->slots.n, sizeof(*run->function));
	if (!run->function || evthread_use_pthreads() < 0)
		return -ENOMEM;
	run->base = event_base_new();
	if (!run->base)
		return -ENOMEM;
	run->n = args->slots.n;
	for (unsigned int i = 0; i < run->n; i++)
		run->function[i] = (struct dm_function){
			.args = args,
			.slot = &args->slots.slot[i],
			.base = run->base,
			.on_end = on_function_end,
			.on_end_arg = run,
			.fd = -1,
		};
	rc = watch_signals(run);
	return rc < 0 ? rc : watch_lifeline(run);
}

static void
run_free(struct run *run)
{
	for (unsigned int i = run->n; i > 0; i--)
		dm_function_free(&run->function[i - 1]);
	free(run->function);
	if (run->lifeline)
		event_free(run->lifeline);
	for (int i = 0; i < N_SIGNALS; i++)
		if (run->signal[i])
			event_free(run->signal[i]);
	if (run->base)
		event_base_free(run->base);
}

int
dm_run(const struct dm_args *args, const struct dm_activation *activation)
{
	struct run run = { .args = args, .activation = activation };
	struct dm_error err;
	int rc;

	(void)signal(SIGPIPE, SIG_IGN);
	(void)dm_sigbus_survive();
	rc = check_fds(&run, &err);
	if (rc < 0)
		return fail(rc, &err);
	rc = run_init(&run);
	if (rc < 0)
		dm_complain("out of memory");
	else
		rc = start(&run);
	if (rc == 0) {
		(void)event_base_dispatch(run.base);
		(void)dm_notify("STOPPING=1");
	}
	run_free(&run);
	return rc;
}
