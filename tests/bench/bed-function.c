// SPDX-License-Identifier: BSD-3-Clause
/* A virtio device that takes chains and returns them, and nothing else. */
#include <errno.h>
#include <stdlib.h>

#include <vbs/virtio.h>

#include "bench/bed-device.h"
#include "bench/ring-peer.h"

struct bed_function {
	struct virtio_common common; /* first */
	struct vqueue_info vq;
	struct peer_packets packets;
};

static const struct vbs_virtio_id function_id = {
	.type = 0x3f,
	.device = 0x103f,
	.class_code = 0xff0000,
};

void
peer_libvbs_serve(void *state)
{
	struct vqueue_info *vq = state;
	struct iovec iov[BED_MAX_SEGS];
	uint16_t flags[BED_MAX_SEGS], head;
	int i = 0, n = 0;

	for (; i < PEER_BURST; i++) {
		n = vq_getchain(vq, &head, iov, BED_MAX_SEGS, flags);
		if (n <= 0)
			break;
		vq_relchain(vq, head, peer_see(iov, flags, n));
	}
	if (i > 0)
		vq_endchains(vq, n == 0);
}

void
peer_libvbs_net_serve(void *state)
{
	struct vqueue_info *vq = state;
	struct bed_function *f = (struct bed_function *)(void *)vq->common;
	struct iovec iov[BED_MAX_SEGS];
	int i = 0, n = 0;
	uint16_t head;

	for (; i < PEER_BURST; i++) {
		n = vq_getchain(vq, &head, iov, BED_MAX_SEGS, NULL);
		if (n <= 0)
			break;
		vq_relchain(vq, head, peer_receive(&f->packets, iov));
	}
	if (i > 0)
		vq_endchains(vq, n == 0);
}

/* How much may it write? */
static inline uint32_t
see_chain(const struct vq_chain *chain)
{
	const struct iovec *iov = chain->iov + chain->n_readable;
	size_t sum = 0;

	for (uint16_t i = 0; i < chain->n_writable; i++)
		sum += iov[i].iov_len;
	return (uint32_t)sum;
}

void
peer_libvbs_batch_serve(void *state)
{
	struct vqueue_info *vq = state;
	struct vq_chain chains[PEER_BURST];
	struct iovec iov[PEER_BURST * BED_MAX_SEGS];
	int sum = 0, n = 1;

	for (; sum < PEER_BURST && n > 0; sum += n) {
		n = vq_getchains(vq, chains, PEER_BURST - sum, iov,
				 PEER_BURST * BED_MAX_SEGS);
		for (int i = 0; i < n; i++)
			chains[i].iolen = see_chain(&chains[i]);
		if (n > 0)
			vq_relchains(vq, chains, n);
	}
	if (sum > 0)
		vq_endchains(vq, n == 0);
}

void
peer_libvbs_net_batch_serve(void *state)
{
	struct vqueue_info *vq = state;
	struct bed_function *f = (struct bed_function *)(void *)vq->common;
	struct vq_chain chains[PEER_BURST];
	struct iovec iov[PEER_BURST];
	int sum = 0, n = 1;

	for (; sum < PEER_BURST && n > 0; sum += n) {
		n = vq_getchains(vq, chains, PEER_BURST - sum, iov, PEER_BURST);
		for (int i = 0; i < n; i++)
			chains[i].iolen =
				peer_receive(&f->packets, chains[i].iov);
		if (n > 0)
			vq_relchains(vq, chains, n);
	}
	if (sum > 0)
		vq_endchains(vq, n == 0);
}

struct vqueue_info *
bed_function_vq(struct pci_vdev *dev)
{
	struct bed_function *f = dev->arg;

	return &f->vq;
}

static void
function_notify(void *arg, struct vqueue_info *vq)
{
	peer_libvbs_serve(vq);
}

static const struct virtio_ops function_ops = {
	.name = "bench",
	.nvq = 1,
	.qnotify = function_notify,
};

static int
function_init(struct vmctx *ctx, struct pci_vdev *dev, char *opts)
{
	struct bed_function *f = calloc(1, sizeof(*f));
	int rc;

	if (!f)
		return -ENOMEM;
	f->vq.qsize = BED_MAX_QSIZE;
	virtio_linkup(&f->common, &function_ops, f, dev, &f->vq, BACKEND_VBSU);
	rc = vbs_virtio_pci_init(&f->common, &function_id);
	if (rc < 0)
		free(f);
	return rc;
}

static void
function_deinit(struct vmctx *ctx, struct pci_vdev *dev, char *opts)
{
	free(dev->arg);
}

const struct pci_vdev_ops bed_function_ops = {
	.class_name = "bench",
	.vdev_init = function_init,
	.vdev_deinit = function_deinit,
	.vdev_barwrite = virtio_pci_write,
	.vdev_barread = virtio_pci_read,
};
