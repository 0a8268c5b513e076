/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A virtio device brought up on the ring of a bed: through modern registers
 * and with MSI-X, as a guest does it, or by a vhost-user front end. Whatever
 * fails ends the benchmark.
 */
#ifndef BENCH_BED_DEVICE_H
#define BENCH_BED_DEVICE_H

#include "bench/ring-bed.h"
#include "driver/pci.h"
#include "driver/vhost-user.h"
#include "driver/virtio.h"

struct bed_device {
	struct drv_bus *bus; /* NULL: vhost-user */
	struct drv_vu vu;
	int kick_fd;
	int call_fd;
	struct drv_pci pci;
	struct drv_virtio vd;
	int kick_bar;
	uint64_t kick_off;
	uint64_t n_kicks;
};

/* Probe the function behind a bus, and let it reach the bed's memory. */
void bed_device_open(struct bed_device *d, struct drv_bus *bus,
		     const struct ring_bed *bed);
/*
 * The same for the back end behind a connected socket, ours from now on.
 * Without kicks it gets no descriptor for them, and has to look by itself.
 */
void bed_device_open_vhost_user(struct bed_device *d, int fd, bool kicks,
				const struct ring_bed *bed);
/* Close the carrier, whichever it is. */
void bed_device_close(struct bed_device *d);
/* After bed_reset(): negotiate, give it the ring as queue 0, DRIVER_OK. */
void bed_device_start(struct bed_device *d, const struct ring_bed *bed);
/* Reset it. */
void bed_device_stop(struct bed_device *d);

void bed_device_kick(struct bed_device *d);

/*
 * A PCI function of libvbs for benchmarks, with one queue of up to
 * BED_MAX_QSIZE entries.
 */
extern const struct pci_vdev_ops bed_function_ops;
struct vqueue_info;
struct pci_vdev;
struct vqueue_info *bed_function_vq(struct pci_vdev *dev);
/*
 * Serve that queue, whose mtx the caller holds, as struct ring_peer says:
 * chain by chain, or many at once, and the same as a network device.
 */
void peer_libvbs_serve(void *vq);
void peer_libvbs_batch_serve(void *vq);
void peer_libvbs_net_serve(void *vq);
void peer_libvbs_net_batch_serve(void *vq);

#endif
