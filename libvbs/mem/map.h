/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The memory map of a VM: guest physical address -> host pointer.
 *
 * A map never changes once it is published. A change makes a new map that
 * shares the regions; whoever uses the old one (a queue with chains in flight)
 * holds a reference until it has moved on, and with it the pages.
 */
#ifndef MEM_MAP_H
#define MEM_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vbs/vm.h>

#include "base/unlikely.h"

#define MEM_MAX_REGIONS 4096

struct mem_region {
	uint64_t gpa;
	uint64_t size;
	uint8_t *hva;
	uint32_t flags;    /* VBS_RAM_* */
	unsigned int refs; /* maps that hold it; atomic */
	void (*release)(void *arg, void *hva, uint64_t size);
	void *arg;
};

struct mem_map {
	unsigned int refs; /* atomic */
	uint32_t n;
	struct mem_region *region[]; /* by address, not overlapping */
};

/* NULL if memory ran out. The caller holds the one reference. */
struct mem_map *map_new(void);
struct mem_map *map_ref(struct mem_map *map);
/* NULL does nothing. */
void map_unref(struct mem_map *map);

/*
 * A new map: that one and a region more. 0, -EINVAL, -EEXIST, -ENOSPC, -ENOMEM.
 */
int map_with(const struct mem_map *map, const struct vbs_ram *ram,
	     struct mem_map **out);
/* A new map: that one without a region. 0, -ENOENT or -ENOMEM. */
int map_without(const struct mem_map *map, uint64_t gpa, uint64_t size,
		struct mem_map **out);

/* The region that holds an address, or NULL. */
const struct mem_region *map_find(const struct mem_map *map, uint64_t gpa);

/* Does [gpa, gpa + len) lie in this region? No sum that could wrap. */
static inline bool
region_holds(const struct mem_region *r, uint64_t gpa, uint64_t len)
{
	return gpa >= r->gpa && gpa - r->gpa < r->size &&
	       len <= r->size - (gpa - r->gpa);
}

/*
 * The writable region that an address was last found in, copied so that a
 * look at it costs one cache line. Good while the map is referenced; all zero
 * holds nothing.
 */
struct map_hit {
	uint64_t gpa;
	uint64_t size;
	uint8_t *hva;
};

/* Does all of that lie in this region? */
static inline bool
map_hit_has(const struct map_hit *hit, uint64_t gpa, uint64_t len)
{
	uint64_t last;

	/*
	 * Below the region the offset wraps: either it is beyond the end, or
	 * the sum wraps back. So does length 0, but at offset 0: that is beyond
	 * the end.
	 */
	return likely(!__builtin_add_overflow(gpa - hit->gpa, len - 1, &last) &&
		      last < hit->size);
}

static inline uint8_t *
map_hit_hva(const struct map_hit *hit, uint64_t gpa)
{
	return hit->hva + (gpa - hit->gpa);
}

/* map_translate() for this region only. */
static inline uint8_t *
map_hit_translate(const struct map_hit *hit, uint64_t gpa, uint64_t len)
{
	return map_hit_has(hit, gpa, len) ? map_hit_hva(hit, gpa) : NULL;
}

/* Remember a region, unless it is read-only. */
static inline void
map_hit_set(struct map_hit *hit, const struct mem_region *r)
{
	if (!(r->flags & VBS_RAM_READONLY))
		*hit = (struct map_hit){ r->gpa, r->size, r->hva };
}

/*
 * The one function that turns an address and a length into a pointer: NULL
 * unless all of it lies in one region, and that is writable if write is set.
 */
void *map_translate(const struct mem_map *map, uint64_t gpa, uint64_t len,
		    bool write);

#endif
