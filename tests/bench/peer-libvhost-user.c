// SPDX-License-Identifier: BSD-3-Clause
/*
 * QEMU's libvhost-user on the ring of a bed: a module (ring-module.h). No
 * front end: the device is given its memory and its ring as the messages of one
 * would have left them. Notifications by the driver stay on, as in the devices
 * that QEMU has in its tree.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>

#include "bench/ring-module.h"
#include "bench/ring-peer.h"
#include "libvhost-user.h"

static struct VuDev the_dev;

static void
give_up(VuDev *dev, const char *why)
{
	(void)fprintf(stderr, "libvhost-user: %s\n", why);
	exit(EXIT_FAILURE);
}

static void
set_watch(VuDev *dev, int fd, int condition, vu_watch_cb cb, void *data)
{
}

static void
remove_watch(VuDev *dev, int fd)
{
}

static void
add_region(VuDev *dev, uint64_t gpa, uint64_t size, const uint8_t *hva)
{
	dev->regions[dev->nregions++] = (VuDevRegion){
		.gpa = gpa,
		.size = size,
		.qva = (uintptr_t)hva,
		.mmap_addr = (uintptr_t)hva,
	};
}

static void *
lvu_open(struct ring_bed *bed)
{
	static const VuDevIface iface;
	VuDev *dev = &the_dev;
	VuVirtq *vq;
	int fd = eventfd(0, EFD_CLOEXEC); /* in place of a socket */

	if (fd < 0 || !vu_init(dev, 1, fd, give_up, NULL, set_watch,
			       remove_watch, &iface))
		give_up(dev, "cannot begin");
	dev->features = UINT64_C(1) << VIRTIO_F_VERSION_1 |
			UINT64_C(1) << VIRTIO_RING_F_INDIRECT_DESC;
	if (bed->event_idx)
		dev->features |= UINT64_C(1) << VIRTIO_RING_F_EVENT_IDX;
	dev->nregions = 0;
	add_region(dev, BED_LOW_GPA, BED_LOW_SIZE, bed->low);
	add_region(dev, BED_HIGH_GPA, BED_HIGH_SIZE, bed->high);
	vq = vu_get_queue(dev, 0);
	vq->call_fd = eventfd(0, EFD_CLOEXEC); /* it interrupts once */
	vq->vring.num = bed->qsize;
	vq->vring.desc = (void *)bed->desc;
	vq->vring.avail = (void *)bed->avail;
	vq->vring.used = (void *)bed->used;
	vq->enable = 1;
	vq->started = true;
	return dev;
}

static uint32_t
see(const VuVirtqElement *elem)
{
	size_t sum = 0;

	for (unsigned i = 0; i < elem->in_num; i++)
		sum += elem->in_sg[i].iov_len;
	return (uint32_t)sum;
}

static void
peer_lvu_serve(void *state)
{
	VuDev *dev = state;
	VuVirtq *vq = vu_get_queue(dev, 0);
	VuVirtqElement *elem;
	unsigned n = 0;

	while (n < PEER_BURST &&
	       (elem = vu_queue_pop(dev, vq, sizeof(*elem)))) {
		vu_queue_push(dev, vq, elem, see(elem));
		free(elem);
		n++;
	}
	if (n > 0)
		vu_queue_notify(dev, vq);
}

static void
peer_lvu_batch_serve(void *state)
{
	VuDev *dev = state;
	VuVirtq *vq = vu_get_queue(dev, 0);
	VuVirtqElement *elem;
	unsigned n = 0;

	while (n < PEER_BURST &&
	       (elem = vu_queue_pop(dev, vq, sizeof(*elem)))) {
		vu_queue_fill(dev, vq, elem, see(elem), n++);
		free(elem);
	}
	if (n == 0)
		return;
	vu_queue_flush(dev, vq, n);
	vu_queue_notify(dev, vq);
}

static void
lvu_close(void *state)
{
	VuDev *dev = state;

	dev->nregions = 0; /* it would unmap them */
	vu_deinit(dev);
}

static const struct ring_peer by_chain = {
	.name = "libvhost-user",
	.rings = PEER_SPLIT,
	.open = lvu_open,
	.serve = peer_lvu_serve,
	.close = lvu_close,
};

static const struct ring_peer by_batch = {
	.name = "libvhost-user-batch",
	.rings = PEER_SPLIT,
	.open = lvu_open,
	.serve = peer_lvu_batch_serve,
	.close = lvu_close,
};

RING_MODULE const struct ring_module ring_module = {
	.version = PEER_VERSION,
	.peers = { &by_chain, &by_batch },
};
