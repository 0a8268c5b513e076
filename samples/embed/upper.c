// SPDX-License-Identifier: BSD-3-Clause
/*
 * The device: a request is two segments, text to read and room to write it
 * back in upper case. samples/echo explains such a file step by step.
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>

#include <vbs/virtio.h>

#include "upper.h"

#define UPPER_SEGS 2

struct virtio_upper {
	struct virtio_common common; /* first: libvbs finds us by it */
	struct vqueue_info vq;
};

/* Serve one request; return how many bytes were written. */
static uint32_t
upper_serve(const struct iovec *iov, const uint16_t *flags, int n)
{
	const unsigned char *text;
	unsigned char *room;
	size_t len;

	if (n != 2 || (flags[0] & VRING_DESC_F_WRITE) ||
	    !(flags[1] & VRING_DESC_F_WRITE))
		return 0; /* not a request: give it back with nothing done */
	text = iov[0].iov_base;
	room = iov[1].iov_base;
	len = iov[0].iov_len;
	if (len > iov[1].iov_len)
		len = iov[1].iov_len;
	for (size_t i = 0; i < len; i++)
		room[i] = (unsigned char)toupper(text[i]);
	return (uint32_t)len;
}

static void
upper_notify(void *arg, struct vqueue_info *vq)
{
	struct iovec iov[UPPER_SEGS];
	uint16_t flags[UPPER_SEGS], head;
	int n = 0;

	for (int left = vq->qsize; left > 0; left--) {
		n = vq_getchain(vq, &head, iov, UPPER_SEGS, flags);
		if (n <= 0)
			break;
		vq_relchain(vq, head, upper_serve(iov, flags, n));
	}
	vq_endchains(vq, n == 0);
}

static const struct virtio_ops upper_ops = {
	.name = "virtio-upper",
	.nvq = 1,
	.qnotify = upper_notify,
};

static const struct vbs_virtio_id upper_id = {
	.type = 62,
	.class_code = 0xff0000,
};

static int
upper_init(struct vmctx *ctx, struct pci_vdev *dev, char *opts)
{
	struct virtio_upper *upper = calloc(1, sizeof(*upper));
	int rc;

	if (!upper)
		return -ENOMEM;
	upper->vq.qsize = 16;
	virtio_linkup(&upper->common, &upper_ops, upper, dev, &upper->vq,
		      BACKEND_VBSU);
	rc = vbs_virtio_pci_init(&upper->common, &upper_id);
	if (rc < 0)
		free(upper);
	return rc;
}

static void
upper_deinit(struct vmctx *ctx, struct pci_vdev *dev, char *opts)
{
	free(dev->arg);
}

const struct pci_vdev_ops upper_vdev_ops = {
	.class_name = "virtio-upper",
	.vdev_init = upper_init,
	.vdev_deinit = upper_deinit,
	.vdev_barwrite = virtio_pci_write,
	.vdev_barread = virtio_pci_read,
};
