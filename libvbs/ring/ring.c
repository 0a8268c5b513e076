// SPDX-License-Identifier: BSD-3-Clause
/* A virtqueue of either kind: what is not on the data path. */
#include "ring/ring.h"

#include <errno.h>

int
ring_init(struct ring *r, uint16_t size_max)
{
	int rc = split_init(&r->split, size_max);

	if (rc == 0)
		rc = packed_init(&r->pk, size_max);
	return rc;
}

void
ring_deinit(struct ring *r)
{
	split_deinit(&r->split);
	packed_deinit(&r->pk);
}

void
ring_reset(struct ring *r, uint16_t size, bool packed)
{
	ring_unmap(r);
	r->packed = packed;
	if (packed)
		packed_reset(&r->pk, size);
	else
		split_reset(&r->split, size);
}

void
ring_set_features(struct ring *r, bool indirect, bool event_idx)
{
	r->split.indirect = r->pk.indirect = indirect;
	r->split.event_idx = r->pk.event_idx = event_idx;
}

bool
ring_size_ok(bool packed, uint16_t size)
{
	/* 2.7: a power of two; 2.8: any */
	return size > 0 && size <= RING_MAX_SIZE &&
	       (packed || !(size & (size - 1)));
}

bool
ring_layout_ok(const struct ring *r, const struct ring_layout *lay,
	       uint16_t size)
{
	return r->packed ? packed_layout_ok(lay, size)
			 : split_layout_ok(lay, size);
}

bool
ring_map(struct ring *r, const struct ring_layout *lay, struct mem_map *map)
{
	return r->packed ? packed_map(&r->pk, lay, map)
			 : split_map(&r->split, lay, map);
}

void
ring_unmap(struct ring *r)
{
	split_unmap(&r->split);
	packed_unmap(&r->pk);
}

uint32_t
ring_base(const struct ring *r)
{
	return r->packed ? packed_base(&r->pk) : r->split.last_avail;
}

bool
ring_was_used(const struct ring *r)
{
	/* After some laps it is where it once began. */
	if (r->packed)
		return r->pk.used.idx != 0 || !r->pk.used.wrap ||
		       (r->pk.watch && r->pk.watch->resumed);
	return r->split.used_idx != 0 ||
	       (r->split.watch && r->split.watch->resumed);
}

int
ring_watch_init(struct ring *r, uint16_t size_max)
{
	int rc = 0;

	if (!r->split.watch)
		rc = split_watch_init(&r->split, size_max);
	if (rc == 0 && !r->pk.watch)
		rc = packed_watch_init(&r->pk, size_max);
	return rc;
}

void
ring_watch_area(struct ring *r, bool packed, void *area, size_t bytes)
{
	split_watch_area(&r->split, packed ? NULL : area, bytes);
	packed_watch_area(&r->pk, packed ? area : NULL, bytes);
}

void
ring_watch_log(struct ring *r, struct dirty_log *log)
{
	split_watch_log(&r->split, log);
	packed_watch_log(&r->pk, log);
}

size_t
ring_area_bytes(bool packed, uint16_t size)
{
	return packed ? packed_area_bytes(size) : split_area_bytes(size);
}

int
ring_resume(struct ring *r, uint32_t base)
{
	if (r->packed)
		return packed_resume(&r->pk, base);
	return base > UINT16_MAX ? -EINVAL
				 : split_resume(&r->split, (uint16_t)base);
}

void
ring_finish(struct ring *r)
{
	if (r->packed)
		packed_watch_finish(&r->pk);
	else
		split_watch_finish(&r->split);
}
