// SPDX-License-Identifier: BSD-3-Clause
/*
 * DPDK's librte_vhost on the ring of a bed: a module (ring-module.h). It
 * receives packets as a back end of vhost-user, from a front end in this
 * process: that is the only way in.
 *
 * DPDK has threads of its own. They never run at the real-time priority of the
 * benchmark: they would share its core.
 */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_mbuf.h>
#include <rte_vhost.h>

#include "bench/ring-module.h"
#include "driver/packed.h"
#include "driver/vhost-user.h"
#include "driver/virtio.h"

#define N_PACKETS 1023
#define N_CACHED  128
#define PATIENCE  5000 /* ms */

/* A network device has a queue for each direction; the bed's is the second. */
#define OTHER_QUEUE 0
#define QUEUE       1
#define OTHER_SIZE  32
#define OTHER_GPA   (BED_USED_GPA + 0x8000)

struct dpdk {
	const struct ring_bed *bed;
	struct drv_vu vu;
	int vid; /* -1: there is no device */
	int fds[4];
	struct rte_mempool *packets;
	char path[64];
};

static struct dpdk the_device = { .vid = -1 };

static void
give_up(const char *what)
{
	(void)fprintf(stderr, "dpdk: %s\n", what);
	exit(EXIT_FAILURE);
}

static void
must(const char *what, int rc)
{
	if (rc < 0)
		give_up(what);
}

static int
new_device(int vid)
{
	__atomic_store_n(&the_device.vid, vid, __ATOMIC_RELEASE);
	return 0;
}

static void
destroy_device(int vid)
{
	__atomic_store_n(&the_device.vid, -1, __ATOMIC_RELEASE);
}

/* Until there is a device, or until there is none. */
static void
wait_device(bool there)
{
	for (int ms = 0; ms < PATIENCE; ms++) {
		if ((__atomic_load_n(&the_device.vid, __ATOMIC_ACQUIRE) >= 0) ==
		    there)
			return;
		(void)usleep(1000);
	}
	give_up("the device did not come, or did not go");
}

/* ---- once ---------------------------------------------------------------- */

static void
start_eal(struct dpdk *d)
{
	char cpu[16];
	char *args[] = {
		"bench",          "-l",          cpu,          "--no-huge",
		"--no-pci",       "--no-shconf", "-m",         "64",
		"--no-telemetry", "--log-level", "*:critical", NULL,
	};

	(void)snprintf(cpu, sizeof(cpu), "%d", sched_getcpu());
	must("EAL", rte_eal_init(sizeof(args) / sizeof(args[0]) - 1, args));
	d->packets = rte_pktmbuf_pool_create("packets", N_PACKETS, N_CACHED, 0,
					     RTE_MBUF_DEFAULT_BUF_SIZE,
					     SOCKET_ID_ANY);
	if (!d->packets)
		give_up("no memory for packets");
}

static void
start_server(struct dpdk *d)
{
	static const struct rte_vhost_device_ops ops = {
		.new_device = new_device,
		.destroy_device = destroy_device,
	};

	(void)snprintf(d->path, sizeof(d->path), "/tmp/bench-dpdk-%d.sock",
		       (int)getpid());
	must("socket", rte_vhost_driver_register(d->path, 0));
	must("callbacks", rte_vhost_driver_callback_register(d->path, &ops));
	must("server", rte_vhost_driver_start(d->path));
}

static void
start_dpdk(struct dpdk *d)
{
	struct sched_param none = { 0 }, before;
	int policy = sched_getscheduler(0);

	(void)sched_getparam(0, &before);
	(void)sched_setscheduler(0, SCHED_OTHER, &none);
	start_eal(d);
	start_server(d);
	(void)sched_setscheduler(0, policy, &before);
}

static void
dpdk_finish(void)
{
	struct dpdk *d = &the_device;

	if (d->packets)
		(void)rte_vhost_driver_unregister(d->path);
}

/* ---- a front end --------------------------------------------------------- */

static void
give_ring(struct dpdk *d, struct ring_bed *bed, uint32_t index,
	  const struct drv_areas *areas)
{
	uint32_t base = bed->packed ? DRV_PACKED_START : 0;
	int *fds = &d->fds[index * 2];

	fds[0] = eventfd(0, EFD_CLOEXEC);
	fds[1] = eventfd(0, EFD_CLOEXEC);
	must("size", drv_vu_set_state(&d->vu, DRV_VU_SET_VRING_NUM, index,
				      areas->size));
	must("base",
	     drv_vu_set_state(&d->vu, DRV_VU_SET_VRING_BASE, index, base));
	must("ring",
	     drv_vu_set_vring_areas(&d->vu, index, 0, &bed->ram, areas));
	must("kick",
	     drv_vu_set_vring_fd(&d->vu, DRV_VU_SET_VRING_KICK, index, fds[0]));
	must("call",
	     drv_vu_set_vring_fd(&d->vu, DRV_VU_SET_VRING_CALL, index, fds[1]));
	must("enable",
	     drv_vu_set_state(&d->vu, DRV_VU_SET_VRING_ENABLE, index, 1));
}

static void
give_rings(struct dpdk *d, struct ring_bed *bed)
{
	const struct drv_areas other = {
		.size = OTHER_SIZE,
		.desc_gpa = OTHER_GPA,
		.driver_gpa = OTHER_GPA + 0x1000,
		.device_gpa = OTHER_GPA + 0x2000,
	};
	const struct drv_areas areas = {
		.size = bed->qsize,
		.desc_gpa = BED_DESC_GPA,
		.driver_gpa = BED_AVAIL_GPA,
		.device_gpa = BED_USED_GPA,
	};

	give_ring(d, bed, OTHER_QUEUE, &other);
	give_ring(d, bed, QUEUE, &areas);
}

static void
give_features(struct dpdk *d, const struct ring_bed *bed)
{
	uint64_t wanted = DRV_BIT(DRV_F_VERSION_1) |
			  DRV_BIT(DRV_F_INDIRECT_DESC) |
			  DRV_BIT(DRV_VU_F_PROTOCOL);
	uint64_t offered = 0;

	if (bed->event_idx)
		wanted |= DRV_BIT(DRV_F_EVENT_IDX);
	if (bed->packed)
		wanted |= DRV_BIT(DRV_F_RING_PACKED);
	must("owner", drv_vu_set_none(&d->vu, DRV_VU_SET_OWNER, -1));
	must("features", drv_vu_get_u64(&d->vu, DRV_VU_GET_FEATURES, &offered));
	if (wanted & ~offered)
		give_up("it lacks a feature");
	must("protocol",
	     drv_vu_set_protocol(&d->vu, DRV_BIT(DRV_VUP_REPLY_ACK)));
	must("features", drv_vu_set_u64(&d->vu, DRV_VU_SET_FEATURES, wanted));
}

static void *
dpdk_open(struct ring_bed *bed)
{
	struct dpdk *d = &the_device;
	int fd;

	d->bed = bed;
	if (!d->packets)
		start_dpdk(d);
	fd = drv_socket_connect_wait(d->path, PATIENCE);
	must("connection", fd);
	drv_vu_init(&d->vu, fd);
	give_features(d, bed);
	must("memory", drv_vu_set_mem_table(&d->vu, &bed->ram));
	give_rings(d, bed);
	wait_device(true);
	/* As its own applications do: they poll. */
	must("kicks", rte_vhost_enable_guest_notification(d->vid, QUEUE, 0));
	return d;
}

static void
dpdk_close(void *state)
{
	struct dpdk *d = state;

	drv_vu_deinit(&d->vu);
	wait_device(false);
	for (int i = 0; i < 4; i++)
		(void)close(d->fds[i]);
}

static void
peer_dpdk_serve(void *state)
{
	struct dpdk *d = state;
	struct rte_mbuf *packets[PEER_BURST];
	/* It makes room for as many as it is asked for, so not for more. */
	uint16_t n = d->bed->in_flight < PEER_BURST ? d->bed->in_flight
						    : PEER_BURST;

	n = rte_vhost_dequeue_burst(d->vid, QUEUE, d->packets, packets, n);
	rte_pktmbuf_free_bulk(packets, n);
}

static const struct ring_peer dequeue = {
	.name = "dpdk",
	.rings = PEER_SPLIT | PEER_PACKED,
	.open = dpdk_open,
	.serve = peer_dpdk_serve,
	.close = dpdk_close,
	.finish = dpdk_finish,
};

RING_MODULE const struct ring_module ring_module = {
	.version = PEER_VERSION,
	.peers = { &dequeue },
};
