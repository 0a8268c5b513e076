// SPDX-License-Identifier: BSD-3-Clause
/* vfio-user: DMA_MAP and DMA_UNMAP. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/vfio-user.h"

#define MAX_HUGE_PAGE (UINT64_C(1) << 30)
#define DMA_FLAGS                                                              \
	(VUSER_DMA_READABLE | VUSER_DMA_WRITABLE | VUSER_DMA_MMAP |            \
	 VUSER_DMA_FILE_IO)
#define DMA_RW (VUSER_DMA_READABLE | VUSER_DMA_WRITABLE)

/* What mmap(2) gave, for munmap(2): whole (huge) pages around the region. */
struct dma_window {
	void *base;
	size_t len;
};

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

/* The page size of the file, for mmap(2); huge pages have their own. */
static uint64_t
dma_file_page(const struct stat *st)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	uint64_t block = st->st_blksize > 0 ? (uint64_t)st->st_blksize : 0;

	if (block > page && block <= MAX_HUGE_PAGE && !(block & (block - 1)))
		page = block;
	return page;
}

static void
dma_release(void *arg, void *hva, uint64_t size)
{
	struct dma_window *win = arg;

	(void)munmap(win->base, win->len);
	free(win);
}

/* Map the file's part of the region; a short file would be a SIGBUS later. */
static int
dma_mmap(const struct vuser_dma_map *req, int fd, struct dma_window *win,
	 uint64_t *skip)
{
	int prot = PROT_READ |
		   (req->flags & VUSER_DMA_WRITABLE ? PROT_WRITE : 0);
	uint64_t page, end, start, len;
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (st.st_size <= 0 || req->offset > (uint64_t)st.st_size ||
	    req->size > (uint64_t)st.st_size - req->offset)
		return -EINVAL;
	if (req->offset % (uint64_t)sysconf(_SC_PAGESIZE))
		return -EINVAL;

	page = dma_file_page(&st);
	start = req->offset & ~(page - 1);
	end = (req->offset + req->size + page - 1) & ~(page - 1);
	len = end - start;
	if (len != (size_t)len)
		return -EINVAL;
	win->len = (size_t)len;
	win->base = mmap(NULL, win->len, prot, MAP_SHARED, fd, (off_t)start);
	if (win->base == MAP_FAILED)
		return -errno;
	*skip = req->offset - start;
	return 0;
}

static int
dma_add_ram(struct vbs_vfio_user *srv, const struct vuser_dma_map *req, int fd)
{
	struct vbs_ram ram = {
		.gpa = req->gpa,
		.size = req->size,
		.flags = req->flags & VUSER_DMA_WRITABLE ? 0 : VBS_RAM_READONLY,
		.release = dma_release,
	};
	struct dma_window *win;
	uint64_t skip = 0;
	int rc;

	win = malloc(sizeof(*win));
	if (!win)
		return -ENOMEM;
	rc = dma_mmap(req, fd, win, &skip);
	if (rc < 0) {
		free(win);
		return rc;
	}
	ram.hva = (uint8_t *)win->base + skip;
	ram.arg = win;
	rc = vbs_vm_add_ram(srv->vm, &ram);
	if (rc < 0)
		dma_release(win, ram.hva, ram.size);
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
