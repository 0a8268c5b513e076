/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Guest RAM as a driver sees it: regions with guest physical addresses, and a
 * bump allocator for the buffers and rings that a driver places in them.
 *
 * All addresses are guest physical (gpa), all sizes are bytes. Nothing here is
 * locked: one thread allocates, any thread may read and write.
 */
#ifndef DRV_RAM_H
#define DRV_RAM_H

#include <stddef.h>
#include <stdint.h>

#define DRV_RAM_MAX 512 /* vhost-user has up to 509 memory slots */
#define DRV_PAGE    4096

enum drv_ram_kind {
	/* One heap block: a sanitizer sees each byte past the end. */
	DRV_RAM_HEAP,
	/* A sealed-size memfd, mapped shared: can go through a socket. */
	DRV_RAM_MEMFD,
};

struct drv_region {
	uint64_t gpa;
	uint64_t size;
	uint8_t *hva;  /* NULL: a free slot */
	int fd;        /* -1 for DRV_RAM_HEAP */
	uint64_t used; /* bytes that the allocator has given out */
};

struct drv_ram {
	struct drv_region regions[DRV_RAM_MAX];
	int n; /* slots that were ever used */
};

/* What the allocator had given out, to be given back in one go. */
struct drv_ram_mark {
	uint64_t used[DRV_RAM_MAX];
};

/* Make an empty RAM. drv_ram_deinit() frees every region that is left. */
void drv_ram_init(struct drv_ram *ram);
void drv_ram_deinit(struct drv_ram *ram);

/*
 * Add a zeroed region. Regions may be adjacent in gpa: in host addresses they
 * never are. Returns a slot number; -EINVAL for size 0 or an end beyond 2^64,
 * -EEXIST for an overlap, -ENOSPC for too many regions, -ENOMEM or the errno
 * of memfd_create(2), ftruncate(2), mmap(2).
 */
int drv_ram_add(struct drv_ram *ram, uint64_t gpa, uint64_t size,
		enum drv_ram_kind kind);

/* Free a region; whoever had it mapped must have been told. -ENOENT. */
int drv_ram_del(struct drv_ram *ram, int slot);

/* The region in a slot, or NULL. The RAM owns it. */
const struct drv_region *drv_ram_region(const struct drv_ram *ram, int slot);

/*
 * Host address of gpa, or NULL unless all of len bytes lie in one region.
 * Good until that region is deleted.
 */
void *drv_ram_ptr(const struct drv_ram *ram, uint64_t gpa, uint64_t len);

/* Copy in and out, across adjacent regions. 0, or -EFAULT and a part copied. */
int drv_ram_write(const struct drv_ram *ram, uint64_t gpa, const void *buf,
		  size_t len);
int drv_ram_read(const struct drv_ram *ram, uint64_t gpa, void *buf,
		 size_t len);

/* Fill len bytes with c. 0 or -EFAULT. */
int drv_ram_fill(const struct drv_ram *ram, uint64_t gpa, uint8_t c,
		 size_t len);

/*
 * Take size bytes, aligned to a power of two, from the first region that has
 * room; never at gpa 0. Returns a gpa, or 0 if there is no room. The bytes are
 * as the last user left them (zero at first).
 */
uint64_t drv_ram_alloc(struct drv_ram *ram, uint64_t size, uint64_t align);

/* The same, from the region in one slot only. */
uint64_t drv_ram_alloc_in(struct drv_ram *ram, int slot, uint64_t size,
			  uint64_t align);

/* Give back all that was allocated after the mark was taken. */
void drv_ram_mark(const struct drv_ram *ram, struct drv_ram_mark *mark);
void drv_ram_release(struct drv_ram *ram, const struct drv_ram_mark *mark);

/* In a copy of a RAM: what was allocated when the mark was taken is so here. */
void drv_ram_claim(struct drv_ram *ram, const struct drv_ram_mark *mark);

#endif
