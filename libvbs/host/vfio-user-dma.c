// SPDX-License-Identifier: BSD-3-Clause
/* vfio-user: DMA_MAP and DMA_UNMAP. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "host/vfio-user.h"
#include "mem/file-map.h"

#define DMA_FLAGS                                                              \
	(VUSER_DMA_READABLE | VUSER_DMA_WRITABLE | VUSER_DMA_MMAP |            \
	 VUSER_DMA_FILE_IO)
#define DMA_RW (VUSER_DMA_READABLE | VUSER_DMA_WRITABLE)

/* Index of the first map that ends at gpa or after it. */
static uint32_t
dma_find(const struct vuser_dma *dma, uint64_t gpa)
{
	uint32_t lo = 0, hi = dma->n;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (dma->maps[mid].last < gpa)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* Make room for one more. */
static int
dma_reserve(struct vuser_dma *dma)
{
	uint32_t cap = dma->cap ? dma->cap * 2 : 16;
	struct vuser_map *maps;

	if (dma->n >= VUSER_MAX_MAPS)
		return -ENOSPC;
	if (dma->n < dma->cap)
		return 0;
	maps = realloc(dma->maps, cap * sizeof(*maps));
	if (!maps)
		return -ENOMEM;
	dma->maps = maps;
	dma->cap = cap;
	return 0;
}

static int
dma_check(const struct vuser_dma_map *req, int n_fds)
{
	if (!vuser_argsz_ok(req->argsz, sizeof(*req)))
		return -EINVAL;
	if (req->flags & ~DMA_FLAGS)
		return -EINVAL;
	if (req->flags & (VUSER_DMA_MMAP | VUSER_DMA_FILE_IO) && n_fds == 0)
		return -EINVAL;
	if (n_fds > 0 && !(req->flags & DMA_RW))
		return -EINVAL;
	if (req->size == 0 || req->size - 1 > UINT64_MAX - req->gpa)
		return -EINVAL;
	if (req->gpa % VUSER_PAGE || req->size % VUSER_PAGE)
		return -EINVAL; /* pgsizes: rings are aligned, so is memory */
	return 0;
}

static int
dma_add_ram(struct vbs_vfio_user *srv, const struct vuser_dma_map *req, int fd)
{
	bool writable = req->flags & VUSER_DMA_WRITABLE;
	const struct vbs_ram ram = {
		.gpa = req->gpa,
		.size = req->size,
		.flags = writable ? 0 : VBS_RAM_READONLY,
	};
	struct file_map map;
	int rc = file_map(&map, fd, req->offset, req->size, writable);

	if (rc < 0)
		return rc;
	rc = file_map_add_ram(srv->vm, &map, &ram);
	if (rc < 0)
		file_unmap(&map);
	return rc;
}

/* The first plain RAM that a client maps, and nothing to reach it by. */
static void
dma_say_unshared(struct vbs_vfio_user *srv, const struct vuser_dma_map *req)
{
	if (srv->dma.shared || srv->dma.unshared ||
	    (req->flags & DMA_RW) != DMA_RW)
		return;
	srv->dma.unshared = true;
	vbs_log(srv->vm, VBS_LOG_WARNING,
		"%s: guest memory is not shared, the device cannot reach it; "
		"QEMU needs -object memory-backend-memfd,id=mem,size=SIZE,"
		"share=on -machine memory-backend=mem",
		srv->dev->name);
}

int
vuser_dma_map(struct vbs_vfio_user *srv, struct vuser_msg *msg)
{
	struct vuser_dma *dma = &srv->dma;
	struct vuser_dma_map req;
	uint64_t last;
	uint32_t at;
	int rc;

	memcpy(&req, msg->data, sizeof(req));
	rc = dma_check(&req, msg->fds->n);
	if (rc < 0)
		return rc;
	last = req.gpa + (req.size - 1);
	at = dma_find(dma, req.gpa);
	if (at < dma->n && dma->maps[at].gpa <= last)
		return -EEXIST;
	rc = dma_reserve(dma);
	if (rc < 0)
		return rc;

	if (msg->fds->n > 0) {
		rc = dma_add_ram(srv, &req, msg->fds->fd[0]);
		if (rc < 0)
			return rc;
		dma->shared = true;
	} else {
		dma_say_unshared(srv, &req);
	}
	memmove(dma->maps + at + 1, dma->maps + at,
		(dma->n - at) * sizeof(*dma->maps));
	dma->maps[at].gpa = req.gpa;
	dma->maps[at].last = last;
	dma->maps[at].in_vm = msg->fds->n > 0;
	dma->n++;
	return 0;
}

static int
dma_unmap_all(struct vbs_vfio_user *srv, const struct vuser_dma_unmap *req)
{
	int rc;

	if (req->gpa != 0 || req->size != 0)
		return -EINVAL;
	rc = vbs_vm_clear_ram(srv->vm);
	if (rc == 0)
		srv->dma.n = 0;
	return rc;
}

static int
dma_unmap_one(struct vbs_vfio_user *srv, const struct vuser_dma_unmap *req)
{
	struct vuser_dma *dma = &srv->dma;
	uint64_t last = req->gpa + (req->size - 1);
	struct vuser_map *map;
	uint32_t at;
	int rc;

	if (req->size == 0 || last < req->gpa)
		return -EINVAL;
	at = dma_find(dma, req->gpa);
	if (at == dma->n || dma->maps[at].gpa > last)
		return -ENOENT;
	map = &dma->maps[at];
	if (map->gpa != req->gpa || map->last != last)
		return -EINVAL; /* a part of it, or more than it */
	if (map->in_vm) {
		rc = vbs_vm_del_ram(srv->vm, req->gpa, req->size);
		if (rc < 0)
			return rc;
	}
	dma->n--;
	memmove(map, map + 1, (dma->n - at) * sizeof(*map));
	return 0;
}

int
vuser_dma_unmap(struct vbs_vfio_user *srv, struct vuser_msg *msg)
{
	struct vuser_dma_unmap req;
	int rc;

	memcpy(&req, msg->data, sizeof(req));
	if (!vuser_argsz_ok(req.argsz, sizeof(req)))
		return -EINVAL;
	if (req.flags == VFIO_DMA_UNMAP_FLAG_ALL)
		rc = dma_unmap_all(srv, &req);
	else if (req.flags == 0)
		rc = dma_unmap_one(srv, &req);
	else
		rc = -EINVAL;
	req.argsz = sizeof(req);
	memcpy(msg->reply, &req, sizeof(req));
	return rc;
}

void
vuser_dma_clear(struct vbs_vfio_user *srv)
{
	(void)vbs_vm_clear_ram(srv->vm); /* cannot fail */
	free(srv->dma.maps);
	srv->dma = (struct vuser_dma){ 0 };
}
