/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The vfio-user server, inside: what its files know of each other.
 *
 *   vfio-user.c          the public calls; server.c knows who is connected
 *   vfio-user-msg.c      the table of messages; one handler each, in:
 *   vfio-user-version.c  version and capabilities
 *   vfio-user-info.c     what the function has: regions, interrupts, doorbells
 *   vfio-user-region.c   accesses to regions, reset
 *   vfio-user-dma.c      guest memory
 *   vfio-user-irq.c      interrupts
 *   vfio-user-page.c     the doorbell page
 *
 * All of it runs in the control thread, but for vuser_irq_msi() and
 * vuser_irq_intx().
 */
#ifndef HOST_VFIO_USER_H
#define HOST_VFIO_USER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vbs/pci.h>
#include <vbs/vfio_user.h>
#include <vbs/vm.h>

#include "host/server.h"
#include "host/vfio-user-dma.h"
#include "host/vfio-user-irq.h"
#include "host/vfio-user-page.h"
#include "host/vfio-user-proto.h"

#define VUSER_MAX_BELLS 256 /* doorbells of one function that are told */

struct vbs_vfio_user {
	struct server server;
	struct vmctx *vm;
	struct pci_vdev *dev; /* NULL: not serving */
	uint32_t poll_us;
	bool wants_page;

	/* Of one connection. */
	bool ready;          /* the version has been agreed */
	uint32_t client_fds; /* descriptors that it takes in one message */
	bool said_refused;   /* that a message got an error reply */
	int bell_fds[VUSER_MAX_FDS]; /* of the reply that is being sent */

	struct vuser_dma dma;
	struct vuser_irqs irqs;
	struct vuser_page page;
};

/* A command that is being handled. */
struct vuser_msg {
	struct vuser_hdr hdr;
	const uint8_t *data; /* payload, at any alignment */
	uint32_t len;
	struct conn_fds *fds; /* a handler that keeps one leaves -1 */

	uint8_t *
		reply; /* payload of the reply, zeroed; only vuser_msg_grow() */
	uint32_t reply_len;   /* moves it */
	const int *reply_fds; /* borrowed until they are sent */
	int n_reply_fds;
};

/*
 * Handlers: 0, or the negative errno of an error reply. The table has checked
 * the size of the payload, the number of descriptors and the state.
 */
int vuser_version(struct vbs_vfio_user *srv, struct vuser_msg *msg);
int vuser_get_info(struct vbs_vfio_user *srv, struct vuser_msg *msg);
int vuser_get_region_info(struct vbs_vfio_user *srv, struct vuser_msg *msg);
int vuser_get_io_fds(struct vbs_vfio_user *srv, struct vuser_msg *msg);
int vuser_get_irq_info(struct vbs_vfio_user *srv, struct vuser_msg *msg);
int vuser_set_irqs(struct vbs_vfio_user *srv, struct vuser_msg *msg);
int vuser_region_read(struct vbs_vfio_user *srv, struct vuser_msg *msg);
int vuser_region_write(struct vbs_vfio_user *srv, struct vuser_msg *msg);
int vuser_dma_map(struct vbs_vfio_user *srv, struct vuser_msg *msg);
int vuser_dma_unmap(struct vbs_vfio_user *srv, struct vuser_msg *msg);
int vuser_reset(struct vbs_vfio_user *srv, struct vuser_msg *msg);

/* struct server_ops; arg is the struct vbs_vfio_user. */
const char *vuser_msg_check_start(const uint8_t *raw, size_t bytes);
const char *vuser_msg_check(void *arg, const struct server_hdr *hdr, int n_fds);
int vuser_msg_handle(void *arg, const struct server_hdr *hdr,
		     const uint8_t *raw);

/* Make the payload of the reply len bytes long. 0 or -ENOMEM. */
int vuser_msg_grow(struct vbs_vfio_user *srv, struct vuser_msg *msg,
		   uint32_t len);

/* An argsz that holds a reply of min bytes, and is no nonsense. */
bool vuser_argsz_ok(uint32_t argsz, size_t min);

/* Bytes of a region; 0 if there is none of that number. */
uint64_t vuser_region_size(const struct vbs_vfio_user *srv, uint32_t index);

#endif
