// SPDX-License-Identifier: BSD-3-Clause
/*
 * Entropy device (virtio 1.3, 5.4): one queue, no features, no configuration.
 *
 * The driver posts writable buffers and the device puts random bytes in them.
 * All of it runs in qnotify(): there is no thread and no lock of our own.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#include <vbs/log.h>
#include <vbs/virtio.h>

#include "base/error.h"
#include "devices/devices.h"

#define RND_QSIZE    64
#define RND_MAX_SEGS 64
#define RND_MAX_FILL 4096 /* bytes for one chain */
#define RND_PIECE    256  /* getrandom(2) is never short up to here */

struct virtio_rnd {
	struct virtio_common common; /* first: callbacks get this address */
	struct vqueue_info vq;
};

static const struct vbs_virtio_id rnd_id = {
	.type = 4,
	.device = 0x1005,
	.class_code = 0x108000, /* encryption controller, other */
};

/* Put random bytes in one segment; return how many, at most max. */
static uint32_t
rnd_fill_segment(const struct iovec *seg, uint32_t max)
{
	uint32_t len = seg->iov_len < max ? (uint32_t)seg->iov_len : max;
	uint32_t done = 0;

	while (done < len) {
		size_t piece = len - done;

		if (piece > RND_PIECE)
			piece = RND_PIECE;
		if (getrandom((char *)seg->iov_base + done, piece, 0) < 0)
			break;
		done += (uint32_t)piece;
	}
	return done;
}

/* Fill the writable segments in order; return the bytes written. */
static uint32_t
rnd_fill(const struct iovec *iov, const uint16_t *flags, int n)
{
	uint32_t done = 0;

	for (int i = 0; i < n && done < RND_MAX_FILL; i++) {
		uint32_t got;

		if (!(flags[i] & VRING_DESC_F_WRITE))
			continue; /* 5.4.6.1 forbids it; skip, do not trust */
		got = rnd_fill_segment(&iov[i], RND_MAX_FILL - done);
		done += got;
		if (got < iov[i].iov_len)
			break; /* what follows would leave a gap */
	}
	return done;
}

static void
rnd_notify(void *arg, struct vqueue_info *vq)
{
	struct iovec iov[RND_MAX_SEGS];
	uint16_t flags[RND_MAX_SEGS], head;
	int n = 0;

	for (int left = vq->qsize; left > 0; left--) {
		n = vq_getchain(vq, &head, iov, RND_MAX_SEGS, flags);
		if (n <= 0)
			break; /* empty, or a bad ring that is now stopped */
		vq_relchain(vq, head, rnd_fill(iov, flags, n));
	}
	vq_endchains(vq, n == 0);
}

static void
rnd_reset(void *arg)
{
	struct virtio_rnd *rnd = arg;

	virtio_reset_dev(&rnd->common);
}

static const struct virtio_ops rnd_ops = {
	.name = "virtio-rnd",
	.nvq = 1,
	.reset = rnd_reset,
	.qnotify = rnd_notify,
};

static int
rnd_refuse(const char *opts, struct dm_error *err)
{
	return dm_fail(err, -EINVAL,
		       "virtio-rnd: no option '%.40s'; it takes none", opts);
}

static int
rnd_init(struct vmctx *ctx, struct pci_vdev *dev, char *opts)
{
	struct virtio_rnd *rnd;
	struct dm_error err;
	uint8_t probe;
	int rc;

	if (opts && *opts) {
		rc = rnd_refuse(opts, &err);
		vbs_log(ctx, VBS_LOG_ERROR, "%s", err.text);
		return rc;
	}
	if (getrandom(&probe, sizeof(probe), GRND_NONBLOCK) < 0) {
		rc = -errno;
		vbs_log(ctx, VBS_LOG_ERROR,
			"virtio-rnd: the host has no entropy yet; try again "
			"later");
		return rc; /* fail at start-up, not under the guest */
	}
	rnd = calloc(1, sizeof(*rnd));
	if (!rnd)
		return -ENOMEM;
	rnd->vq.qsize = RND_QSIZE;
	virtio_linkup(&rnd->common, &rnd_ops, rnd, dev, &rnd->vq, BACKEND_VBSU);
	rc = vbs_virtio_pci_init(&rnd->common, &rnd_id);
	if (rc < 0)
		free(rnd);
	return rc;
}

static void
rnd_deinit(struct vmctx *ctx, struct pci_vdev *dev, char *opts)
{
	free(dev->arg); /* the device has been reset: no queue is live */
}

static const struct pci_vdev_ops pci_ops_virtio_rnd = {
	.class_name = "virtio-rnd", /* ACRN's spelling on the command line */
	.vdev_init = rnd_init,
	.vdev_deinit = rnd_deinit,
	.vdev_barwrite = virtio_pci_write,
	.vdev_barread = virtio_pci_read,
};

static int
rnd_reshape(const char *opts, struct dm_shape *shape, struct dm_error *err)
{
	return opts && *opts ? rnd_refuse(opts, err) : 0;
}

static const char *const rnd_names[] = { "rnd", "rng", NULL };
static const char *const rnd_features[] = { NULL };

const struct dm_device dm_virtio_rnd = {
	.ops = &pci_ops_virtio_rnd,
	.names = rnd_names,
	.shape = { .virtio_id = 4, .n_queues = 1, .queue_size = RND_QSIZE },
	.reshape = rnd_reshape,
	.vhost_user_type = "rng",
	.vhost_user_features = rnd_features,
	.summary = "entropy source, from the host's getrandom()",
	.example = "-s 4,virtio-rnd",
};
