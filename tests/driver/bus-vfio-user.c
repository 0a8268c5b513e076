// SPDX-License-Identifier: BSD-3-Clause
/* A PCI function behind a vfio-user socket, as a VMM would use it. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "driver/bytes.h"
#include "driver/vfio-user.h"

#define N_REGIONS    9
#define MAX_MAPS     8
#define CAP_SPARSE   1
#define MAX_FD_BATCH 16

/* A part of a BAR that the server lets us map. */
struct bar_map {
	int bar;
	uint64_t off;
	uint64_t size;
	void *hva;
};

struct vfu_bus {
	struct drv_bus bus; /* first */
	struct drv_vfu conn;
	struct drv_vfio_user_opts opts;
	struct drv_vfu_region_info regions[N_REGIONS];
	struct bar_map maps[MAX_MAPS];
	int n_maps;
	int *eventfds[DRV_IRQ_KINDS];
	uint32_t n_eventfds[DRV_IRQ_KINDS];
};

static struct vfu_bus *
to_vfu(struct drv_bus *bus)
{
	return (struct vfu_bus *)(void *)bus;
}

struct drv_vfu *
drv_vfio_user_conn(struct drv_bus *bus)
{
	return &to_vfu(bus)->conn;
}

static int
vfu_cfg_read(struct drv_bus *bus, uint32_t off, uint32_t size, uint32_t *val)
{
	uint32_t v = 0;
	int rc;

	if (size > sizeof(v))
		return -EINVAL;
	rc = drv_vfu_region_read(&to_vfu(bus)->conn, DRV_VFU_REGION_CONFIG, off,
				 &v, size);
	if (rc == 0)
		*val = le32toh(v);
	return rc;
}

static int
vfu_cfg_write(struct drv_bus *bus, uint32_t off, uint32_t size, uint32_t val)
{
	uint32_t v = htole32(val);

	if (size > sizeof(v))
		return -EINVAL;
	return drv_vfu_region_write(&to_vfu(bus)->conn, DRV_VFU_REGION_CONFIG,
				    off, &v, size, false);
}

void *
drv_vfio_user_mapped(struct drv_bus *bus, int bar, uint64_t off, uint32_t size)
{
	struct vfu_bus *vb = to_vfu(bus);

	for (int i = 0; i < vb->n_maps; i++) {
		const struct bar_map *m = &vb->maps[i];

		if (m->bar == bar && off >= m->off && size <= m->size &&
		    off - m->off <= m->size - size)
			return (uint8_t *)m->hva + (off - m->off);
	}
	return NULL;
}

static int
vfu_bar_read(struct drv_bus *bus, int bar, uint64_t off, uint32_t size,
	     uint64_t *val)
{
	void *hva = drv_vfio_user_mapped(bus, bar, off, size);
	uint64_t v = 0;
	int rc = 0;

	if (size > sizeof(v))
		return -EINVAL;
	if (hva)
		memcpy(&v, hva, size);
	else
		rc = drv_vfu_region_read(&to_vfu(bus)->conn, (uint32_t)bar, off,
					 &v, size);
	if (rc == 0)
		*val = le64toh(v);
	return rc;
}

/* Store through a mapping in one access where the size allows it. */
static void
map_store(void *hva, uint32_t size, uint64_t val)
{
	if (size == 2) {
		drv_store16(hva, (uint16_t)val);
	} else if (size == 4) {
		drv_store32(hva, (uint32_t)val);
	} else {
		val = htole64(val);
		memcpy(hva, &val, size);
	}
}

static int
vfu_bar_write(struct drv_bus *bus, int bar, uint64_t off, uint32_t size,
	      uint64_t val)
{
	struct vfu_bus *vb = to_vfu(bus);
	void *hva = drv_vfio_user_mapped(bus, bar, off, size);
	uint64_t v = htole64(val);
	bool posted = !vb->opts.no_posted_writes;

	if (size > sizeof(v) || bar < 0 || bar >= DRV_N_BARS)
		return -EINVAL;
	if (bus->io_bars & (1u << bar))
		posted = false;
	if (hva) {
		map_store(hva, size, val);
		return 0;
	}
	return drv_vfu_region_write(&vb->conn, (uint32_t)bar, off, &v, size,
				    posted);
}

static int
vfu_reset(struct drv_bus *bus)
{
	return drv_vfu_reset(&to_vfu(bus)->conn);
}

static int
vfu_dma_add(struct drv_bus *bus, const struct drv_region *region)
{
	struct vfu_bus *vb = to_vfu(bus);
	int fd = vb->opts.no_fds ? -1 : region->fd;

	return drv_vfu_dma_map(&vb->conn, region->gpa, region->size,
			       DRV_VFU_DMA_READABLE | DRV_VFU_DMA_WRITEABLE, fd,
			       0);
}

static int
vfu_dma_del(struct drv_bus *bus, const struct drv_region *region)
{
	return drv_vfu_dma_unmap(&to_vfu(bus)->conn, region->gpa, region->size);
}

/* Take over what the eventfds of one kind have counted. */
static void
collect_irqs(struct vfu_bus *vb, enum drv_irq kind)
{
	for (uint32_t i = 0; i < vb->n_eventfds[kind]; i++) {
		uint64_t n;

		if (read(vb->eventfds[kind][i], &n, sizeof(n)) == sizeof(n))
			drv_bus_count_irq(&vb->bus, kind, i, n);
	}
}

static void
close_eventfds(struct vfu_bus *vb, enum drv_irq kind)
{
	collect_irqs(vb, kind);
	for (uint32_t i = 0; i < vb->n_eventfds[kind]; i++)
		(void)close(vb->eventfds[kind][i]);
	free(vb->eventfds[kind]);
	vb->eventfds[kind] = NULL;
	vb->n_eventfds[kind] = 0;
}

static int
make_eventfds(struct vfu_bus *vb, enum drv_irq kind, uint32_t n)
{
	vb->eventfds[kind] = calloc(n, sizeof(int));
	if (!vb->eventfds[kind])
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++) {
		int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

		if (fd < 0) {
			int rc = -errno;

			close_eventfds(vb, kind);
			return rc;
		}
		vb->eventfds[kind][i] = fd;
		vb->n_eventfds[kind] = i + 1;
	}
	return 0;
}

static int
assign_eventfds(struct vfu_bus *vb, enum drv_irq kind)
{
	uint32_t step = MAX_FD_BATCH;
	int rc = 0;

	if (vb->conn.max_fds < MAX_FD_BATCH)
		step = (uint32_t)vb->conn.max_fds;
	for (uint32_t i = 0; i < vb->n_eventfds[kind] && rc == 0; i += step) {
		uint32_t n = vb->n_eventfds[kind] - i;

		if (n > step)
			n = step;
		rc = drv_vfu_set_irqs(
			&vb->conn, DRV_VFU_IRQ_EVENTFD | DRV_VFU_IRQ_TRIGGER,
			(uint32_t)kind, i, n, vb->eventfds[kind] + i, (int)n);
	}
	return rc;
}

static int
vfu_irq_setup(struct drv_bus *bus, enum drv_irq kind, uint32_t n)
{
	struct vfu_bus *vb = to_vfu(bus);
	int rc;

	if (n > DRV_N_VECTORS)
		return -EINVAL;
	rc = drv_vfu_set_irqs(&vb->conn, DRV_VFU_IRQ_NONE | DRV_VFU_IRQ_TRIGGER,
			      (uint32_t)kind, 0, 0, NULL, 0);
	close_eventfds(vb, kind);
	if (rc < 0 || n == 0)
		return rc;
	rc = make_eventfds(vb, kind, n);
	return rc < 0 ? rc : assign_eventfds(vb, kind);
}

static int
vfu_intx_eoi(struct drv_bus *bus)
{
	return drv_vfu_set_irqs(&to_vfu(bus)->conn,
				DRV_VFU_IRQ_NONE | DRV_VFU_IRQ_UNMASK,
				DRV_IRQ_INTX, 0, 1, NULL, 0);
}

/* Wait for an interrupt or a message from the server. */
static int
vfu_run(struct drv_bus *bus, int timeout_ms)
{
	struct vfu_bus *vb = to_vfu(bus);
	struct pollfd pfds[64] = {
		{ .fd = vb->conn.fd, .events = POLLIN },
	};
	nfds_t n = 1;

	for (int kind = 0; kind < DRV_IRQ_KINDS; kind++) {
		for (uint32_t i = 0; i < vb->n_eventfds[kind] && n < 64; i++) {
			pfds[n].fd = vb->eventfds[kind][i];
			pfds[n++].events = POLLIN;
		}
	}
	if (poll(pfds, n, timeout_ms) < 0 && errno != EINTR)
		return -errno;
	for (int kind = 0; kind < DRV_IRQ_KINDS; kind++)
		collect_irqs(vb, (enum drv_irq)kind);
	return pfds[0].revents ? drv_vfu_serve(&vb->conn, 0) : 0;
}

static void
vfu_close(struct drv_bus *bus)
{
	struct vfu_bus *vb = to_vfu(bus);

	for (int kind = 0; kind < DRV_IRQ_KINDS; kind++)
		close_eventfds(vb, (enum drv_irq)kind);
	for (int i = 0; i < vb->n_maps; i++)
		(void)munmap(vb->maps[i].hva, vb->maps[i].size);
	drv_vfu_deinit(&vb->conn);
	free(vb);
}

static const struct drv_bus_ops vfu_ops = {
	.cfg_read = vfu_cfg_read,
	.cfg_write = vfu_cfg_write,
	.bar_read = vfu_bar_read,
	.bar_write = vfu_bar_write,
	.reset = vfu_reset,
	.dma_add = vfu_dma_add,
	.dma_del = vfu_dma_del,
	.irq_setup = vfu_irq_setup,
	.intx_eoi = vfu_intx_eoi,
	.run = vfu_run,
	.close = vfu_close,
};

/* Map one area of a BAR from the descriptor that came with its info. */
static int
map_area(struct vfu_bus *vb, int bar, uint64_t off, uint64_t size)
{
	const struct drv_vfu_region_info *info = &vb->regions[bar];
	struct bar_map *m = &vb->maps[vb->n_maps];
	void *p;

	if (vb->n_maps == MAX_MAPS || vb->conn.n_fds < 1)
		return -EPROTO;
	if (!size || off > info->size || size > info->size - off)
		return -EPROTO;
	p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED,
		 vb->conn.fds[0], (off_t)(info->offset + off));
	if (p == MAP_FAILED)
		return -errno;
	*m = (struct bar_map){ .bar = bar, .off = off, .size = size, .hva = p };
	vb->n_maps++;
	return 0;
}

/* The capability's areas, each one mapped. p points at its header. */
static int
map_sparse(struct vfu_bus *vb, int bar, const uint8_t *p, size_t len)
{
	uint32_t n = len >= 16 ? drv_load32(p + 8) : 0;
	int rc = 0;

	if (len < 16 || n > (len - 16) / 16)
		return -EPROTO;
	for (uint32_t i = 0; i < n && rc == 0; i++) {
		const uint8_t *area = p + 16 + 16 * (size_t)i;

		rc = map_area(vb, bar, drv_load64(area), drv_load64(area + 8));
	}
	return rc;
}

/* Walk the capability chain behind a region's info, in vb->conn.body. */
static int
map_region(struct vfu_bus *vb, int bar)
{
	const struct drv_vfu_region_info *info = &vb->regions[bar];
	uint32_t off = info->cap_offset;

	if (!(info->flags & DRV_VFU_REGION_CAPS))
		return map_area(vb, bar, 0, info->size);
	for (int i = 0; i < 16 && off; i++) {
		const uint8_t *p = vb->conn.body + off;

		if (off > vb->conn.body_len || vb->conn.body_len - off < 8)
			return -EPROTO;
		if (drv_load16(p) == CAP_SPARSE)
			return map_sparse(vb, bar, p, vb->conn.body_len - off);
		off = drv_load32(p + 4);
	}
	return off ? -EPROTO : map_area(vb, bar, 0, info->size);
}

static int
read_region(struct vfu_bus *vb, uint32_t index)
{
	struct drv_vfu_region_info *info = &vb->regions[index];
	int rc = drv_vfu_region_info(&vb->conn, index, sizeof(*info), info);

	if (rc == 0 && info->argsz > sizeof(*info) && info->argsz < 4096)
		rc = drv_vfu_region_info(&vb->conn, index, info->argsz, info);
	if (rc < 0 || index >= DRV_N_BARS || vb->opts.no_mmap ||
	    !(info->flags & DRV_VFU_REGION_MMAP))
		return rc;
	return map_region(vb, (int)index);
}

/* What a VMM does before the guest starts. */
static int
vfu_start(struct vfu_bus *vb)
{
	struct drv_vfu_device_info info;
	int rc;

	rc = drv_vfu_negotiate(&vb->conn, vb->opts.json);
	if (rc < 0)
		return rc;
	rc = drv_vfu_device_info(&vb->conn, &info);
	if (rc < 0)
		return rc;
	if (info.n_regions < N_REGIONS - 1 || info.n_irqs < DRV_IRQ_KINDS)
		return -EPROTO;
	for (uint32_t i = 0; i <= DRV_VFU_REGION_CONFIG && rc == 0; i++) {
		if (i != DRV_VFU_REGION_ROM)
			rc = read_region(vb, i);
	}
	return rc;
}

int
drv_vfio_user_attach(int fd, const struct drv_vfio_user_opts *opts,
		     struct drv_bus **out)
{
	struct vfu_bus *vb = calloc(1, sizeof(*vb));
	int rc;

	if (!vb) {
		(void)close(fd);
		return -ENOMEM;
	}
	vb->bus.ops = &vfu_ops;
	vb->bus.intx_level = -1;
	if (opts)
		vb->opts = *opts;
	rc = drv_vfu_init(&vb->conn, fd);
	if (rc < 0) {
		free(vb);
		return rc;
	}
	vb->conn.ram = vb->opts.ram;
	if (vb->opts.timeout_ms)
		vb->conn.timeout_ms = vb->opts.timeout_ms;
	rc = vfu_start(vb);
	if (rc < 0) {
		vfu_close(&vb->bus);
		return rc;
	}
	*out = &vb->bus;
	return 0;
}

int
drv_vfio_user_open(const char *path, const struct drv_vfio_user_opts *opts,
		   struct drv_bus **out)
{
	int fd = drv_socket_connect(path);

	return fd < 0 ? fd : drv_vfio_user_attach(fd, opts, out);
}
