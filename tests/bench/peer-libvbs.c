// SPDX-License-Identifier: BSD-3-Clause
/* libvbs: a device of this process, brought up for each sample anew. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include <vbs/vq.h>

#include "bench/bed-device.h"
#include "bench/bench.h"
#include "bench/ring-peer.h"
#include "driver/inproc.h"

struct machine {
	struct drv_inproc *inproc;
	struct bed_device device;
	struct vqueue_info *vq;
};

static struct machine *the_machine; /* made once: it maps the guest's RAM */

static struct machine *
machine_new(const struct ring_bed *bed)
{
	struct machine *m = calloc(1, sizeof(*m));
	struct drv_bus *bus = NULL;

	if (!m)
		bench_die("machine", -ENOMEM);
	(void)bench_must("machine", drv_inproc_new(false, &m->inproc));
	(void)bench_must(
		"function",
		drv_inproc_plug(m->inproc, &bed_function_ops, NULL, &bus));
	bed_device_open(&m->device, bus, bed);
	m->vq = bed_function_vq(drv_inproc_dev(bus));
	return m;
}

static void *
libvbs_open(struct ring_bed *bed)
{
	struct machine *m = the_machine ? the_machine : machine_new(bed);

	the_machine = m;
	bed_device_start(&m->device, bed);
	/* As qnotify() is entered. */
	(void)pthread_mutex_lock(&m->vq->mtx);
	return m->vq;
}

static void
libvbs_close(void *state)
{
	(void)pthread_mutex_unlock(&the_machine->vq->mtx);
	bed_device_stop(&the_machine->device);
}

static void
libvbs_finish(void)
{
	if (!the_machine)
		return;
	drv_bus_close(the_machine->device.bus);
	drv_inproc_free(the_machine->inproc);
	free(the_machine);
	the_machine = NULL;
}

const struct ring_peer peer_libvbs = {
	.name = "libvbs",
	.rings = PEER_SPLIT | PEER_PACKED,
	.open = libvbs_open,
	.serve = peer_libvbs_serve,
	.close = libvbs_close,
	.finish = libvbs_finish,
};

const struct ring_peer peer_libvbs_batch = {
	.name = "libvbs-batch",
	.rings = PEER_SPLIT | PEER_PACKED,
	.open = libvbs_open,
	.serve = peer_libvbs_batch_serve,
	.close = libvbs_close,
};

const struct ring_peer peer_libvbs_net = {
	.name = "libvbs",
	.rings = PEER_SPLIT | PEER_PACKED,
	.open = libvbs_open,
	.serve = peer_libvbs_net_serve,
	.close = libvbs_close,
};

const struct ring_peer peer_libvbs_net_batch = {
	.name = "libvbs-batch",
	.rings = PEER_SPLIT | PEER_PACKED,
	.open = libvbs_open,
	.serve = peer_libvbs_net_batch_serve,
	.close = libvbs_close,
};
