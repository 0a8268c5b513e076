// SPDX-License-Identifier: BSD-3-Clause
/* Parts of files, mapped: guest RAM, and what else is shared with a host. */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <vbs/vm.h>

#include "mem/file-map.h"

#define MAX_HUGE_PAGE (UINT64_C(1) << 30)

/* The page size of the file, for mmap(2); huge pages have their own. */
static uint64_t
file_page(const struct stat *st)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	uint64_t block = st->st_blksize > 0 ? (uint64_t)st->st_blksize : 0;

	if (block > page && block <= MAX_HUGE_PAGE && !(block & (block - 1)))
		page = block;
	return page;
}

int
file_map(struct file_map *map, int fd, uint64_t offset, uint64_t bytes,
	 bool writable)
{
	int prot = PROT_READ | (writable ? PROT_WRITE : 0);
	uint64_t page, end, start;
	struct stat st;
	void *base;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (bytes == 0 || st.st_size <= 0 || offset > (uint64_t)st.st_size ||
	    bytes > (uint64_t)st.st_size - offset)
		return -EINVAL;
	if (offset % (uint64_t)sysconf(_SC_PAGESIZE))
		return -EINVAL;
	page = file_page(&st);
	start = offset & ~(page - 1);
	end = (offset + bytes + page - 1) & ~(page - 1);
	if (end - start != (size_t)(end - start))
		return -EINVAL;
	base = mmap(NULL, (size_t)(end - start), prot, MAP_SHARED, fd,
		    (off_t)start);
	if (base == MAP_FAILED)
		return -errno;
	map->base = base;
	map->len = (size_t)(end - start);
	map->at = (uint8_t *)base + (offset - start);
	return 0;
}

void
file_unmap(struct file_map *map)
{
	if (map->at)
		(void)munmap(map->base, map->len);
	*map = (struct file_map){ 0 };
}

static void
release_ram(void *arg, void *hva, uint64_t size)
{
	struct file_map *map = arg;

	file_unmap(map);
	free(map);
}

int
file_map_add_ram(struct vmctx *vm, struct file_map *map,
		 const struct vbs_ram *ram)
{
	struct vbs_ram own = *ram;
	struct file_map *kept = malloc(sizeof(*kept));
	int rc;

	if (!kept)
		return -ENOMEM;
	*kept = *map;
	own.hva = map->at;
	own.release = release_ram;
	own.arg = kept;
	rc = vbs_vm_add_ram(vm, &own);
	if (rc < 0) {
		free(kept);
		return rc;
	}
	*map = (struct file_map){ 0 };
	return 0;
}
