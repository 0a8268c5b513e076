// SPDX-License-Identifier: BSD-3-Clause
/* Immutable, reference-counted memory maps. */
#include <errno.h>
#include <stdlib.h>

#include "mem/map.h"

static struct mem_map *
map_alloc(uint32_t n)
{
	struct mem_map *map;

	map = calloc(1, sizeof(*map) + n * sizeof(map->region[0]));
	if (!map)
		return NULL;
	map->refs = 1;
	map->n = n;
	return map;
}

struct mem_map *
map_new(void)
{
	return map_alloc(0);
}

struct mem_map *
map_ref(struct mem_map *map)
{
	__atomic_add_fetch(&map->refs, 1, __ATOMIC_RELAXED);
	return map;
}

static struct mem_region *
region_ref(struct mem_region *r)
{
	__atomic_add_fetch(&r->refs, 1, __ATOMIC_RELAXED);
	return r;
}

static void
region_unref(struct mem_region *r)
{
	if (__atomic_sub_fetch(&r->refs, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	if (r->release)
		r->release(r->arg, r->hva, r->size);
	free(r);
}

void
map_unref(struct mem_map *map)
{
	if (!map || __atomic_sub_fetch(&map->refs, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	for (uint32_t i = 0; i < map->n; i++)
		region_unref(map->region[i]);
	free(map);
}

/* Index of the first region that ends beyond gpa; map->n if there is none. */
static uint32_t
map_lower(const struct mem_map *map, uint64_t gpa)
{
	uint32_t lo = 0, hi = map->n;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;
		const struct mem_region *r = map->region[mid];

		if (gpa > r->gpa && gpa - r->gpa >= r->size)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static struct mem_region *
region_new(const struct vbs_ram *ram)
{
	struct mem_region *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->gpa = ram->gpa;
	r->size = ram->size;
	r->hva = ram->hva;
	r->flags = ram->flags;
	r->refs = 1;
	r->release = ram->release;
	r->arg = ram->arg;
	return r;
}

int
map_with(const struct mem_map *map, const struct vbs_ram *ram,
	 struct mem_map **out)
{
	uint32_t at;
	struct mem_map *new;

	if (ram->size == 0 || !ram->hva ||
	    ram->size - 1 > UINT64_MAX - ram->gpa)
		return -EINVAL;
	at = map_lower(map, ram->gpa);
	if (at < map->n && map->region[at]->gpa <= ram->gpa + (ram->size - 1))
		return -EEXIST;
	if (map->n >= MEM_MAX_REGIONS)
		return -ENOSPC;
	new = map_alloc(map->n + 1);
	if (!new)
		return -ENOMEM;
	new->region[at] = region_new(ram);
	if (!new->region[at]) {
		free(new);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < map->n; i++)
		new->region[i + (i >= at)] = region_ref(map->region[i]);
	*out = new;
	return 0;
}

int
map_without(const struct mem_map *map, uint64_t gpa, uint64_t size,
	    struct mem_map **out)
{
	uint32_t at = map_lower(map, gpa);
	struct mem_map *new;

	if (at == map->n || map->region[at]->gpa != gpa ||
	    map->region[at]->size != size)
		return -ENOENT;
	new = map_alloc(map->n - 1);
	if (!new)
		return -ENOMEM;
	for (uint32_t i = 0; i < new->n; i++)
		new->region[i] = region_ref(map->region[i + (i >= at)]);
	*out = new;
	return 0;
}

const struct mem_region *
map_find(const struct mem_map *map, uint64_t gpa)
{
	uint32_t at = map_lower(map, gpa);

	if (at == map->n || map->region[at]->gpa > gpa)
		return NULL;
	return map->region[at];
}

void *
map_translate(const struct mem_map *map, uint64_t gpa, uint64_t len, bool write)
{
	const struct mem_region *r = map_find(map, gpa);

	if (!r || len == 0 || !region_holds(r, gpa, len))
		return NULL;
	if (write && (r->flags & VBS_RAM_READONLY))
		return NULL;
	return r->hva + (gpa - r->gpa);
}
