/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A part of a file that somebody else has handed over, mapped and shared. All
 * of it is inside the file when it is mapped: a short file would be a SIGBUS
 * later.
 */
#ifndef MEM_FILE_MAP_H
#define MEM_FILE_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct vbs_ram;
struct vmctx;

struct file_map {
	void *base; /* what mmap(2) gave: whole (huge) pages around the part */
	size_t len;
	uint8_t *at; /* the first byte of the part; NULL: nothing is mapped */
};

/*
 * Map [offset, offset + bytes); the descriptor stays the caller's. 0, -EINVAL:
 * nothing, not at a page, or not inside the file; or another negative errno.
 */
int file_map(struct file_map *map, int fd, uint64_t offset, uint64_t bytes,
	     bool writable);
/* Fine also if nothing is mapped. */
void file_unmap(struct file_map *map);

/*
 * Make what is mapped a region of guest RAM: gpa, size and flags of ram. 0:
 * the mapping is the VM's; else as vbs_vm_add_ram().
 */
int file_map_add_ram(struct vmctx *vm, struct file_map *map,
		     const struct vbs_ram *ram);

#endif
