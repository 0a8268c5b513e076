/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A file descriptor by which somebody else is woken: an eventfd, a pipe, or a
 * UNIX socket, which is what User-mode Linux has for a pipe. Signalling it
 * never blocks and never raises SIGPIPE, whatever the one at the other end does
 * with it. Whoever has one guards it.
 */
#ifndef BASE_NOTIFIER_H
#define BASE_NOTIFIER_H

#include <stdbool.h>

struct notifier {
	int fd;      /* -1: none */
	bool pipe;   /* writing could raise SIGPIPE */
	bool socket; /* which can be asked not to do so, nor to block */
};

#define NOTIFIER_NONE ((struct notifier){ .fd = -1 })

/* An eventfd; without /proc, perhaps another thing that is no file. */
bool notifier_is_eventfd(int fd);
bool notifier_is_pipe(int fd);
bool notifier_is_socket(int fd);

/* Take over a descriptor, checked before; -1 for none. Closes the old one. */
void notifier_set(struct notifier *n, int fd);
/* Add 1 to the counter. One that is full has been signalled already. */
void notifier_signal(const struct notifier *n);

#endif
