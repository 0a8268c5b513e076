/* SPDX-License-Identifier: BSD-3-Clause */
/* Connects to a front end that listens, again and again. */
#ifndef DM_CLIENT_H
#define DM_CLIENT_H

struct dm_client;
struct event_base;
struct vmctx;

/*
 * Make one for a path; it does nothing yet. serve takes a connected descriptor
 * and returns 0, or a negative errno if it will not do; ctx and name are for
 * messages. NULL if there is no memory.
 */
struct dm_client *dm_client_new(struct event_base *base, const char *path,
				int (*serve)(void *arg, int fd), void *arg);
void dm_client_log(struct dm_client *client, struct vmctx *ctx,
		   const char *name);

/* There is no connection, or not any more: connect, soon and for ever. */
void dm_client_connect(struct dm_client *client);
void dm_client_free(struct dm_client *client);

#endif
