// SPDX-License-Identifier: BSD-3-Clause
/*
 * The walk along a chain where it leaves the beaten track: a buffer in another
 * region than the last one, and chains that are refused. See split-pop.h.
 */
#include "ring/split-pop.h"

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
split_ranges(struct split *r, uint64_t addr, uint64_t rest, struct iovec *iov,
	     uint16_t *flags, long room)
{
	uint32_t write = desc_flags(rest) & DESC_F_WRITE;
	uint64_t len = desc_len(rest), part;
	int n = 0;

	if (len > 0 && len - 1 > UINT64_MAX - addr)
		return -1; /* beyond the end of the address space */
	for (; len > 0; addr += part, len -= part, n++) {
		const struct mem_region *region = map_find(r->map, addr);

		if (n == room || !region || !region_allows(region, write))
			return -1;
		part = region->size - (addr - region->gpa);
		if (part > len)
			part = len;
		fill_segment(&iov[n], region, addr, part);
		if (flags)
			flags[n] = (uint16_t)write;
		map_hit_set(&r->hit, region);
	}
	return n;
}

const uint8_t *
split_table(struct split *r, uint64_t addr, uint32_t len)
{
	const struct mem_region *region = map_find(r->map, addr);

	if (region)
		map_hit_set(&r->table_hit, region);
	return map_translate(r->map, addr, len, false);
}

int
split_bad_ring(struct split *r, uint16_t head)
{
	r->inflight[head] = false;
	r->n_inflight--;
	r->last_avail--;
	if (r->watched)
		split_watch_untake(r, head);
	return SPLIT_BAD_RING;
}

int
split_bad_chain(struct split *r, uint64_t addr, uint64_t rest,
		struct split_bad_chain *bad)
{
	uint32_t len = desc_len(rest);
	void *p = NULL;

	if (desc_flags(rest) & DESC_F_WRITE)
		p = map_translate(r->map, addr, len, true);
	bad->has_last = p != NULL;
	bad->last.iov_base = p;
	bad->last.iov_len = p ? len : 0;
	r->can_unpop = false;
	return SPLIT_BAD_CHAIN;
}

int
split_pop(struct split *r, uint16_t *head, struct iovec *iov, uint16_t *flags,
	  int n_iov, struct split_bad_chain *bad)
{
	return split_pop_inline(r, head, iov, flags, n_iov, bad);
}
