/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A function that a server serves in a control thread of its own, over
 * vfio-user or vhost-user, while the test is the client. What fails here fails
 * the test.
 */
#ifndef HOST_SERVED_H
#define HOST_SERVED_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <vbs/pci.h>
#include <vbs/vfio_user.h>
#include <vbs/vhost_user.h>
#include <vbs/vm.h>

#include "driver/vfio-user.h"

#define SERVED_LOG_SIZE 8192

struct served {
	struct event_base *base;
	struct vbs_vfio_user *srv; /* one of the two */
	struct vbs_vhost_user *vhost;
	struct vmctx *vm;
	struct pci_vdev *dev;
	struct sockaddr_un addr; /* in the abstract name space */
	socklen_t addr_len;
	pthread_t thread;
	int ask_fd; /* the test's end of the line to the thread */
	int answer_fd;
	int n_fds; /* open descriptors before all this */
	pthread_mutex_t log_mtx;
	char log[SERVED_LOG_SIZE]; /* what the server has said, by lines */
	size_t log_len;
};

struct served_how {
	const struct pci_vdev_ops *ops;
	const char *opts; /* of the function; NULL for none */
	bool vhost_user;
	uint32_t poll_us; /* the host's options of these names */
	uint32_t flags;
	/* If set, no listening: the server gets one end of a socketpair, and
	 * the test the other. */
	int *peer_fd;
};

/* Make the function and serve it. */
void served_start_how(struct served *s, const struct served_how *how);
/* Over vfio-user, without flags. */
void served_start(struct served *s, const struct pci_vdev_ops *ops,
		  uint32_t poll_us, int *peer_fd);
/* Stop, free everything, and check that no descriptor is left open. */
void served_stop(struct served *s);

/* Connect: nothing has been sent. The descriptor is the caller's. */
int served_connect(struct served *s);
/* Connect and agree on the version. */
void served_open(struct served *s, struct drv_vfu *vfu);

/* Run a function in the control thread, and wait for it. */
void served_call(struct served *s, void (*fn)(struct served *s));

/* How often the server has logged a line that holds this text. */
int served_said(struct served *s, const char *text);

/* Open descriptors of this process. */
int count_fds(void);

#endif
