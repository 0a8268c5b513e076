// SPDX-License-Identifier: BSD-3-Clause
/*
 * Connects to a front end that listens, again and again: at once, and then
 * after waits that grow. A socket that does not exist yet is no other case.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <event2/event.h>

#include <vbs/log.h>

#include "client.h"
#include "socket.h"

/* A connection that lasted so long was a good one. */
#define GOOD_MS 20

static const unsigned int waits_ms[] = { 0,  1,   2,   5,   10,  20,
					 50, 100, 200, 500, 1000 };
#define N_WAITS (sizeof(waits_ms) / sizeof(waits_ms[0]))

struct dm_client {
	struct event *timer;
	struct vmctx *ctx;
	const char *path, *name;
	int (*serve)(void *arg, int fd);
	void *arg;
	unsigned int n_tries; /* since the last good connection */
	bool told;            /* of this outage */
	bool connected;
	struct timespec since;
};

static void
wait_for_next(struct dm_client *c)
{
	unsigned int ms =
		waits_ms[c->n_tries < N_WAITS ? c->n_tries : N_WAITS - 1];
	struct timeval tv = { ms / 1000, (suseconds_t)(ms % 1000) * 1000 };

	c->n_tries++;
	(void)event_add(c->timer, &tv);
}

static void
on_timer(evutil_socket_t sock, short what, void *arg)
{
	struct dm_client *c = arg;
	int rc = dm_socket_connect(c->path);

	if (rc >= 0)
		rc = c->serve(c->arg, rc);
	if (rc < 0) {
		if (!c->told)
			vbs_log(c->ctx, VBS_LOG_WARNING,
				"%s: cannot connect to %s: %s; trying until a "
				"front end listens there",
				c->name, c->path, strerror(-rc));
		c->told = true;
		wait_for_next(c);
		return;
	}
	c->told = false;
	c->connected = true;
	(void)clock_gettime(CLOCK_MONOTONIC, &c->since);
	vbs_log(c->ctx, VBS_LOG_INFO, "%s: connected to %s", c->name, c->path);
}

struct dm_client *
dm_client_new(struct event_base *base, const char *path,
	      int (*serve)(void *arg, int fd), void *arg)
{
	struct dm_client *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->path = path;
	c->serve = serve;
	c->arg = arg;
	c->timer = evtimer_new(base, on_timer, c);
	if (c->timer)
		return c;
	free(c);
	return NULL;
}

void
dm_client_log(struct dm_client *client, struct vmctx *ctx, const char *name)
{
	client->ctx = ctx;
	client->name = name;
}

/* Who is accepted and thrown out at once has to wait like who is refused. */
static bool
was_good(const struct dm_client *c)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (now.tv_sec - c->since.tv_sec) * 1000 +
		       (now.tv_nsec - c->since.tv_nsec) / 1000000 >=
	       GOOD_MS;
}

void
dm_client_connect(struct dm_client *client)
{
	if (client->connected && was_good(client))
		client->n_tries = 0;
	client->connected = false;
	wait_for_next(client);
}

void
dm_client_free(struct dm_client *client)
{
	if (!client)
		return;
	event_free(client->timer);
	free(client);
}
