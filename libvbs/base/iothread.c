// SPDX-License-Identifier: BSD-3-Clause
/* A thread with an event loop. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include <event2/event.h>
#include <event2/thread.h>

#include <vbs/iothread.h>

struct vbs_iothread {
	pthread_t thread;
	struct event_base *base;
	struct event *stop; /* also ends a loop that has not begun */
	char name[16];
};

static void
iothread_stop(evutil_socket_t fd, short what, void *arg)
{
	struct vbs_iothread *thr = arg;

	(void)event_base_loopbreak(thr->base);
}

static void *
iothread_run(void *arg)
{
	struct vbs_iothread *thr = arg;

	(void)pthread_setname_np(pthread_self(), thr->name);
	(void)event_base_loop(thr->base, EVLOOP_NO_EXIT_ON_EMPTY);
	return NULL;
}

/* Signals are the control thread's business, but for a thread's own faults. */
static int
start_without_signals(struct vbs_iothread *thr)
{
	sigset_t all, old;
	int rc;

	(void)sigfillset(&all);
	(void)sigdelset(&all, SIGBUS);
	(void)sigdelset(&all, SIGSEGV);
	(void)pthread_sigmask(SIG_SETMASK, &all, &old);
	rc = pthread_create(&thr->thread, NULL, iothread_run, thr);
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	return -rc;
}

static void
iothread_release(struct vbs_iothread *thr)
{
	if (thr->stop)
		event_free(thr->stop);
	if (thr->base)
		event_base_free(thr->base);
	free(thr);
}

VBS_API int
vbs_iothread_new(const char *name, struct vbs_iothread **out)
{
	struct vbs_iothread *thr;
	int rc;

	if (evthread_use_pthreads() < 0)
		return -ENOMEM;
	thr = calloc(1, sizeof(*thr));
	if (!thr)
		return -ENOMEM;
	(void)snprintf(thr->name, sizeof(thr->name), "%s", name);
	thr->base = event_base_new();
	if (thr->base)
		thr->stop = event_new(thr->base, -1, 0, iothread_stop, thr);
	rc = thr->stop ? start_without_signals(thr) : -ENOMEM;
	if (rc < 0) {
		iothread_release(thr);
		return rc;
	}
	*out = thr;
	return 0;
}

VBS_API void
vbs_iothread_free(struct vbs_iothread *thr)
{
	if (!thr)
		return;
	event_active(thr->stop, EV_TIMEOUT, 0);
	(void)pthread_join(thr->thread, NULL);
	iothread_release(thr);
}

VBS_API struct event_base *
vbs_iothread_base(struct vbs_iothread *thr)
{
	return thr->base;
}
