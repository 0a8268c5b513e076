/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a case with a hostile vhost-user front end starts from: a device that
 * copies, behind a server, and a connection on which features have been agreed
 * on, and nothing else; and the reactions that there are.
 */
#ifndef TEST_VHOST_RIG_H
#define TEST_VHOST_RIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host/vhost-loop.h"

#define RIG_MAX_BODY 280

/* A message of a session that is good; each case bends it as it likes. */
struct rig_msg {
	uint32_t request;
	uint32_t len;
	uint8_t body[RIG_MAX_BODY];
	int fd; /* -1: none */
};

#define RIG_SESSION 32 /* messages, at most */

struct rig_session {
	struct rig_msg msgs[RIG_SESSION];
	int n;
	int fds[RIG_SESSION];
	int n_fds;
};

extern struct vhost_loop l;
extern struct drv_vu *const vu; /* of l.dev */

/*
 * Checked fixtures. The second serves queues 1 and 2 in a thread, the third has
 * all rings in order.
 */
void vhost_rig_setup(void);
void vhost_rig_setup_thread(void);
void vhost_rig_setup_in_order(void);
void vhost_rig_teardown(void);

/* For fixtures of a case's own: what is open from now on may stay open. */
void vhost_rig_open(const char *opts);
void vhost_rig_baseline(void);

/* In place of the connection: one on which nothing has been said. */
int vhost_rig_connect(void);

/*
 * Let go of the connection: nothing is left of it, no descriptor and no
 * mapping, and there is a new one, as at the beginning of the case. Besides
 * that the next front end is served, all queues, verified; the quick one, of
 * which there may be many in a case, does so now and then.
 */
void vhost_rig_next(void);
void vhost_rig_next_quick(void);

/* The server has hung up; then vhost_rig_next_quick(). */
void assert_closed(void);

/* Post a message, which closes the connection. */
void assert_closes(uint32_t request, const void *body, size_t len,
		   const int *fds, int n_fds);

/*
 * A message that fits the protocol, but cannot be done: refused with a number
 * if that is asked for, with no descriptor left; the connection goes on.
 */
void assert_told(uint32_t request, const void *body, size_t len, const int *fds,
		 int n_fds);

/* That; and without the question it is the end of the connection. */
void assert_refused(uint32_t request, const void *body, size_t len,
		    const int *fds, int n_fds);

/* Bring the rings up, split or packed; all of them echo. */
void rig_start(void);
void rig_start_packed(bool packed);
void rig_echo(void);

/* The session, from the first message to a reset. */
void rig_session_init(struct rig_session *s);
void rig_session_deinit(struct rig_session *s);
/* Header and payload of a message, ready to be sent: the bytes. */
size_t rig_msg_bytes(const struct rig_msg *msg, uint8_t *buf);

/* Files of all kinds: an errno fails the case. The caller closes them. */
int make_memfd(uint64_t bytes);
int make_eventfd(void);

/* Mappings of this process whose name in /proc/self/maps holds a text. */
int count_maps(const char *text);

/* Kilobytes that this process has in RAM. */
long rss_kb(void);

#endif
