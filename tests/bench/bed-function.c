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

/* What follows is named as ring-peer.h asks for. */
static void __attribute__((noinline)) peer_libvbs_serve(struct vqueue_info *vq)
{
	struct iovec iov[BED_MAX_SEGS];
	uint16_t flags[BED_MAX_SEGS], head;
	bool some = false;
	int n;

	while ((n = vq_getchain(vq, &head, iov, BED_MAX_SEGS, flags)) > 0) {
		vq_relchain(vq, head, peer_see(iov, flags, n));
		some = true;
	}
	if (some)
		vq_endchains(vq, n == 0);
}

static void __attribute__((noinline))
peer_libvbs_net_serve(struct vqueue_info *vq)
{
	struct bed_function *f = (struct bed_function *)(void *)vq->common;
	struct iovec iov[BED_MAX_SEGS];
	bool some = false;
	uint16_t head;
	int n;

	while ((n = vq_getchain(vq, &head, iov, BED_MAX_SEGS, NULL)) > 0) {
		vq_relchain(vq, head, peer_receive(&f->packets, iov));
		some = true;
	}
	if (some)
		vq_endchains(vq, n == 0);
}

void
bed_function_serve(struct vqueue_info *vq)
{
	peer_libvbs_serve(vq);
}

void
bed_function_serve_net(struct vqueue_info *vq)
{
	peer_libvbs_net_serve(vq);
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
