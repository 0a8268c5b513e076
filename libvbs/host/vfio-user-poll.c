// SPDX-License-Identifier: BSD-3-Clause
/* vfio-user: the doorbell page, and polling in its place. */
#include "host/vfio-user-poll.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <event2/event.h>

#include <vbs/pci.h>

#include "host/vfio-user-proto.h"
#include "pci/pci.h"

#define MAX_DOORBELLS 1024
#define MAX_WAIT_MS   10

static uint64_t
poll_clock_ns(clockid_t clock)
{
	struct timespec ts;

	(void)clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/*
 * The next look: in the next turn of the event loop, or when the clock shows a
 * multiple of wait_ms, so that one wake-up does for all the devices of a loop.
 * The coarse clock is the event loop's own: all of them read the same time.
 */
static void
poll_again(struct vuser_poll *poll)
{
	uint64_t now_us = poll_clock_ns(CLOCK_MONOTONIC_COARSE) / 1000;
	uint64_t period_us = (uint64_t)poll->wait_ms * 1000;
	struct timeval tv = { 0 };

	if (poll->wait_ms == 0) {
		event_active(poll->ev, EV_TIMEOUT, 0);
		return;
	}
	tv.tv_usec = (suseconds_t)(period_us - now_us % period_us);
	(void)event_add(poll->ev, &tv);
}

static void
poll_on_turn(evutil_socket_t fd, short what, void *arg)
{
	struct vuser_poll *poll = arg;

	if (pci_poll(poll->dev)) {
		poll->last_ns = poll_clock_ns(CLOCK_MONOTONIC);
		poll->wait_ms = 0;
	} else if (poll->wait_ms > 0) {
		poll->wait_ms *= 2;
		if (poll->wait_ms > MAX_WAIT_MS)
			poll->wait_ms = MAX_WAIT_MS;
	} else if (poll_clock_ns(CLOCK_MONOTONIC) - poll->last_ns >
		   (uint64_t)poll->spin_us * 1000) {
		poll->wait_ms = 1;
	}
	poll_again(poll);
}

int
vuser_poll_start(struct vuser_poll *poll)
{
	if (poll->ev)
		return 0;
	poll->ev = event_new(poll->base, -1, 0, poll_on_turn, poll);
	if (!poll->ev)
		return -ENOMEM;
	poll->last_ns = poll_clock_ns(CLOCK_MONOTONIC);
	poll->wait_ms = 0;
	poll_again(poll);
	return 0;
}

void
vuser_poll_stop(struct vuser_poll *poll)
{
	if (poll->ev)
		event_free(poll->ev);
	poll->ev = NULL;
}

/* The pages that hold the doorbells of one memory BAR, and nothing else. */
static bool
poll_find(struct vuser_poll *poll, const struct vbs_doorbell *bells, int n)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), first = 0, end = 0;
	int bar = -1;

	for (int i = 0; i < n; i++) {
		const struct vbs_doorbell *bell = &bells[i];
		uint64_t bell_end = bell->offset + 1; /* in one page */

		if (poll->dev->bar[bell->baridx].type == PCIBAR_IO)
			continue;
		if (bar >= 0 && bell->baridx != bar)
			continue;
		if (bar < 0 || bell->offset < first)
			first = bell->offset;
		if (bell_end > end)
			end = bell_end;
		bar = bell->baridx;
	}
	if (bar < 0)
		return false;
	poll->baridx = bar;
	poll->offset = first & ~(page - 1);
	poll->size = ((end + page - 1) & ~(page - 1)) - poll->offset;
	return first == poll->offset &&
	       poll->offset + poll->size <= poll->dev->bar[bar].size;
}

void
vuser_poll_attach(struct vuser_poll *poll, struct pci_vdev *dev)
{
	struct vbs_doorbell bells[MAX_DOORBELLS];
	int n;

	if (poll->spin_us == 0)
		return;
	poll->dev = dev;
	n = vbs_pci_doorbells(dev, bells, MAX_DOORBELLS);
	if (n > MAX_DOORBELLS)
		n = MAX_DOORBELLS;
	if (!poll_find(poll, bells, n))
		return;
	poll->fd =
		memfd_create("vbs-doorbells", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (poll->fd < 0)
		return;
	/* The next client would fall over a page that this one cut off. */
	if (ftruncate(poll->fd, (off_t)(poll->offset + poll->size)) < 0 ||
	    fcntl(poll->fd, F_ADD_SEALS,
		  F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0) {
		(void)close(poll->fd);
		poll->fd = -1;
	}
}

void
vuser_poll_detach(struct vuser_poll *poll)
{
	vuser_poll_stop(poll);
	if (poll->fd >= 0)
		(void)close(poll->fd);
	poll->fd = -1;
	poll->dev = NULL;
}

void
vuser_poll_init(struct vuser_poll *poll, struct event_base *base,
		uint32_t spin_us)
{
	poll->base = base;
	poll->spin_us = spin_us;
	poll->fd = -1;
}
