// SPDX-License-Identifier: BSD-3-Clause
/*
 * The walk along a chain where it leaves the beaten track: a buffer in another
 * region than the last one, and chains that are refused. See walk.h.
 */
#include "ring/walk.h"

bool
ring_apart(uint64_t a, uint64_t a_len, uint64_t b, uint64_t b_len)
{
	if (a_len - 1 > UINT64_MAX - a || b_len - 1 > UINT64_MAX - b)
		return false;
	return a < b ? b - a >= a_len : a - b >= b_len;
}

static bool
region_allows(const struct mem_region *r, uint32_t write)
{
	return !(write && (r->flags & VBS_RAM_READONLY));
}

static void
fill_segment(struct iovec *iov, const struct mem_region *region, uint64_t addr,
	     uint64_t len)
{
	iov->iov_base = region->hva + (addr - region->gpa);
	iov->iov_len = len;
}

int
ring_segments(struct ring_mem *mem, const struct walk_buf *buf,
	      struct iovec *iov, uint16_t *flags, long room)
{
	uint64_t addr = buf->addr, len = buf->len, part;
	int n = 0;

	if (len > 0 && len - 1 > UINT64_MAX - addr)
		return -1; /* beyond the end of the address space */
	for (; len > 0; addr += part, len -= part, n++) {
		const struct mem_region *region = map_find(mem->map, addr);

		if (n == room || !region || !region_allows(region, buf->write))
			return -1;
		part = region->size - (addr - region->gpa);
		if (part > len)
			part = len;
		fill_segment(&iov[n], region, addr, part);
		if (flags)
			flags[n] = (uint16_t)buf->write;
		map_hit_set(&mem->hit, region);
	}
	return n;
}

bool
ring_find(struct ring_mem *mem, uint64_t addr, uint32_t len)
{
	const struct mem_region *region = map_find(mem->map, addr);

	if (region)
		map_hit_set(&mem->hit, region);
	return map_hit_has(&mem->hit, addr, len);
}

const uint8_t *
ring_table_find(struct ring_mem *mem, uint64_t addr, uint32_t len)
{
	const struct mem_region *region = map_find(mem->map, addr);

	if (region)
		map_hit_set(&mem->table_hit, region);
	return map_translate(mem->map, addr, len, false);
}

int
ring_refuse(const struct ring_mem *mem, const struct walk_buf *last,
	    struct ring_bad_chain *bad)
{
	void *p = NULL;

	if (last->write)
		p = map_translate(mem->map, last->addr, last->len, true);
	bad->has_last = p != NULL;
	bad->last.iov_base = p;
	bad->last.iov_len = p ? last->len : 0;
	return RING_BAD_CHAIN;
}

void
ring_mem_drop(struct ring_mem *mem)
{
	map_unref(mem->map);
	*mem = (struct ring_mem){ 0 };
}
