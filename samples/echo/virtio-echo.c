// SPDX-License-Identifier: BSD-3-Clause
/*
 * A virtio device of your own, in one file: copy it, rename it, change it.
 *
 * One queue: the driver posts chains of a readable and a writable part, and the
 * device copies what fits. On the bus it is 1af4:107f (0x1040 + type).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <vbs/virtio.h>

#define ECHO_TYPE  63 /* no device of the specification has this type */
#define ECHO_QSIZE 64
#define ECHO_SEGS  32 /* longer chains are given back unread */

struct virtio_echo {
	struct virtio_common common; /* first: libvbs finds us by it */
	struct vqueue_info vq;
};

/* Drop len bytes from the front of the n segments at iov. */
static void
iov_skip(struct iovec **iov, int *n, size_t len)
{
	(*iov)->iov_base = (char *)(*iov)->iov_base + len;
	(*iov)->iov_len -= len;
	if ((*iov)->iov_len == 0) {
		(*iov)++;
		(*n)--;
	}
}

/* Copy what fits from one list of segments to another; return the bytes. */
static uint32_t
echo_copy(struct iovec *from, int n_from, struct iovec *to, int n_to)
{
	uint32_t done = 0; /* a chain has less than 2^32 bytes */

	while (n_from > 0 && n_to > 0) {
		size_t len = from->iov_len;

		if (len > to->iov_len)
			len = to->iov_len;
		memmove(to->iov_base, from->iov_base, len); /* may overlap */
		done += (uint32_t)len;
		iov_skip(&from, &n_from, len);
		iov_skip(&to, &n_to, len);
	}
	return done;
}

/* The driver has posted chains: serve one queue's worth and return. */
static void
echo_notify(void *arg, struct vqueue_info *vq)
{
	struct iovec iov[ECHO_SEGS];
	uint16_t flags[ECHO_SEGS], head;
	int n = 0, n_from;

	for (int left = vq->qsize; left > 0; left--) {
		n = vq_getchain(vq, &head, iov, ECHO_SEGS, flags);
		if (n <= 0)
			break; /* no more, or a bad ring that is now stopped */
		n_from = 0;
		while (n_from < n && !(flags[n_from] & VRING_DESC_F_WRITE))
			n_from++;
		vq_relchain(vq, head,
			    echo_copy(iov, n_from, iov + n_from, n - n_from));
	}
	vq_endchains(vq, n == 0);
}

static const struct virtio_ops echo_ops = {
	.name = "virtio-echo",
	.nvq = 1,
	.qnotify = echo_notify,
};

static const struct vbs_virtio_id echo_id = {
	.type = ECHO_TYPE,
	.class_code = 0xff0000, /* PCI: a device that fits no class */
};

static int
echo_init(struct vmctx *ctx, struct pci_vdev *dev, char *opts)
{
	struct virtio_echo *echo;
	int rc;

	if (opts && *opts)
		return -EINVAL; /* it has no options */
	echo = calloc(1, sizeof(*echo));
	if (!echo)
		return -ENOMEM;
	echo->vq.qsize = ECHO_QSIZE;
	virtio_linkup(&echo->common, &echo_ops, echo, dev, &echo->vq,
		      BACKEND_VBSU);
	rc = vbs_virtio_pci_init(&echo->common, &echo_id);
	if (rc < 0)
		free(echo);
	return rc;
}

static void
echo_deinit(struct vmctx *ctx, struct pci_vdev *dev, char *opts)
{
	free(dev->arg); /* libvbs has reset the device: nothing uses it */
}

static const struct pci_vdev_ops echo_vdev_ops = {
	.class_name = "virtio-echo",
	.vdev_init = echo_init,
	.vdev_deinit = echo_deinit,
	.vdev_barwrite = virtio_pci_write,
	.vdev_barread = virtio_pci_read,
};
VBS_DEVICE(echo_vdev_ops);
