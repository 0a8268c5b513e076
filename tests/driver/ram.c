// SPDX-License-Identifier: BSD-3-Clause
/* Guest RAM: regions, copies by guest address, a bump allocator. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "driver/ram.h"

void
drv_ram_init(struct drv_ram *ram)
{
	memset(ram, 0, sizeof(*ram));
}

static void
region_free(struct drv_region *r)
{
	if (!r->hva)
		return;
	if (r->fd < 0) {
		free(r->hva);
	} else {
		(void)munmap(r->hva, r->size);
		(void)close(r->fd);
	}
	memset(r, 0, sizeof(*r));
	r->fd = -1;
}

void
drv_ram_deinit(struct drv_ram *ram)
{
	for (int i = 0; i < ram->n; i++)
		region_free(&ram->regions[i]);
	ram->n = 0;
}

static int
region_map_heap(struct drv_region *r)
{
	void *p = NULL;
	int rc = posix_memalign(&p, DRV_PAGE, r->size);

	if (rc)
		return -rc;
	memset(p, 0, r->size);
	r->hva = p;
	r->fd = -1;
	return 0;
}

static int
region_map_memfd(struct drv_region *r)
{
	void *p;
	int fd, rc;

	fd = memfd_create("guest-ram", MFD_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (ftruncate(fd, (off_t)r->size) < 0)
		goto err_close;
	p = mmap(NULL, r->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		goto err_close;
	r->hva = p;
	r->fd = fd;
	return 0;

err_close:
	rc = -errno;
	(void)close(fd);
	return rc;
}

static int
region_overlaps(const struct drv_ram *ram, uint64_t gpa, uint64_t size)
{
	uint64_t last = gpa + size - 1;

	for (int i = 0; i < ram->n; i++) {
		const struct drv_region *r = &ram->regions[i];

		if (r->hva && gpa <= r->gpa + (r->size - 1) && r->gpa <= last)
			return 1;
	}
	return 0;
}

/* A free slot, or -ENOSPC. */
static int
region_slot(struct drv_ram *ram)
{
	for (int i = 0; i < ram->n; i++) {
		if (!ram->regions[i].hva)
			return i;
	}
	return ram->n < DRV_RAM_MAX ? ram->n : -ENOSPC;
}

int
drv_ram_add(struct drv_ram *ram, uint64_t gpa, uint64_t size,
	    enum drv_ram_kind kind)
{
	struct drv_region r = { .gpa = gpa, .size = size, .fd = -1 };
	int slot, rc;

	if (!size || size - 1 > UINT64_MAX - gpa)
		return -EINVAL;
	if (region_overlaps(ram, gpa, size))
		return -EEXIST;
	slot = region_slot(ram);
	if (slot < 0)
		return slot;
	rc = kind == DRV_RAM_HEAP ? region_map_heap(&r) : region_map_memfd(&r);
	if (rc < 0)
		return rc;
	if (gpa == 0)
		r.used = size < DRV_PAGE ? size : DRV_PAGE;
	ram->regions[slot] = r;
	if (slot == ram->n)
		ram->n++;
	return slot;
}

int
drv_ram_del(struct drv_ram *ram, int slot)
{
	if (!drv_ram_region(ram, slot))
		return -ENOENT;
	region_free(&ram->regions[slot]);
	return 0;
}

const struct drv_region *
drv_ram_region(const struct drv_ram *ram, int slot)
{
	if (slot < 0 || slot >= ram->n || !ram->regions[slot].hva)
		return NULL;
	return &ram->regions[slot];
}

/* The region that holds gpa, or NULL. */
static const struct drv_region *
region_find(const struct drv_ram *ram, uint64_t gpa)
{
	for (int i = 0; i < ram->n; i++) {
		const struct drv_region *r = &ram->regions[i];

		if (r->hva && gpa >= r->gpa && gpa - r->gpa < r->size)
			return r;
	}
	return NULL;
}

void *
drv_ram_ptr(const struct drv_ram *ram, uint64_t gpa, uint64_t len)
{
	const struct drv_region *r = region_find(ram, gpa);

	if (!r || len > r->size - (gpa - r->gpa))
		return NULL;
	return r->hva + (gpa - r->gpa);
}

/* Bytes from gpa to the end of its region, at most len, and where they are. */
static size_t
region_run(const struct drv_ram *ram, uint64_t gpa, size_t len, uint8_t **hva)
{
	const struct drv_region *r = region_find(ram, gpa);
	uint64_t left;

	if (!r)
		return 0;
	*hva = r->hva + (gpa - r->gpa);
	left = r->size - (gpa - r->gpa);
	return left < len ? (size_t)left : len;
}

int
drv_ram_write(const struct drv_ram *ram, uint64_t gpa, const void *buf,
	      size_t len)
{
	const uint8_t *src = buf;
	uint8_t *hva;
	size_t run;

	for (; len > 0; len -= run, gpa += run, src += run) {
		run = region_run(ram, gpa, len, &hva);
		if (!run)
			return -EFAULT;
		memcpy(hva, src, run);
	}
	return 0;
}

int
drv_ram_read(const struct drv_ram *ram, uint64_t gpa, void *buf, size_t len)
{
	uint8_t *dst = buf, *hva;
	size_t run;

	for (; len > 0; len -= run, gpa += run, dst += run) {
		run = region_run(ram, gpa, len, &hva);
		if (!run)
			return -EFAULT;
		memcpy(dst, hva, run);
	}
	return 0;
}

int
drv_ram_fill(const struct drv_ram *ram, uint64_t gpa, uint8_t c, size_t len)
{
	uint8_t *hva;
	size_t run;

	for (; len > 0; len -= run, gpa += run) {
		run = region_run(ram, gpa, len, &hva);
		if (!run)
			return -EFAULT;
		memset(hva, c, run);
	}
	return 0;
}

uint64_t
drv_ram_alloc_in(struct drv_ram *ram, int slot, uint64_t size, uint64_t align)
{
	struct drv_region *r;
	uint64_t gpa, skip;

	if (!drv_ram_region(ram, slot) || !size || !align ||
	    (align & (align - 1)))
		return 0;
	r = &ram->regions[slot];
	gpa = r->gpa + r->used;
	skip = -gpa & (align - 1);
	if (skip > r->size - r->used || size > r->size - r->used - skip)
		return 0;
	r->used += skip + size;
	return gpa + skip;
}

uint64_t
drv_ram_alloc(struct drv_ram *ram, uint64_t size, uint64_t align)
{
	uint64_t gpa = 0;

	for (int i = 0; i < ram->n && !gpa; i++)
		gpa = drv_ram_alloc_in(ram, i, size, align);
	return gpa;
}

void
drv_ram_mark(const struct drv_ram *ram, struct drv_ram_mark *mark)
{
	for (int i = 0; i < DRV_RAM_MAX; i++)
		mark->used[i] = i < ram->n ? ram->regions[i].used : 0;
}

void
drv_ram_release(struct drv_ram *ram, const struct drv_ram_mark *mark)
{
	for (int i = 0; i < ram->n; i++) {
		struct drv_region *r = &ram->regions[i];

		if (r->hva && mark->used[i] < r->used)
			r->used = mark->used[i];
	}
}

void
drv_ram_claim(struct drv_ram *ram, const struct drv_ram_mark *mark)
{
	for (int i = 0; i < ram->n; i++) {
		struct drv_region *r = &ram->regions[i];

		if (r->hva && mark->used[i] > r->used &&
		    mark->used[i] <= r->size)
			r->used = mark->used[i];
	}
}
