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
	order_deinit(&r->order);
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
	order_reset(&r->order, size, false);
}

int
ring_allow_order(struct ring *r, uint16_t size_max)
{
	return order_init(&r->order, size_max);
}

void
ring_set_features(struct ring *r, bool indirect, bool event_idx, bool in_order)
{
	order_reset(&r->order, r->packed ? r->pk.size : r->split.size,
		    in_order);
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

static bool
is_inflight(const struct ring *r, uint16_t head)
{
	return r->packed ? head < r->pk.size && r->pk.n_descs[head] > 0
			 : head < r->split.size && r->split.inflight[head];
}

bool
ring_push_in_order(struct ring *r, uint16_t head, uint32_t len)
{
	if (!is_inflight(r, head) || !order_hold(&r->order, head, len))
		return false;
	while (order_next(&r->order, &head, &len))
		(void)ring_push_now(r, head, len);
	return true;
}

/* Can the latest chain be the next again? */
static bool
can_unpop(const struct ring *r)
{
	bool can = r->packed ? r->pk.can_unpop : r->split.can_unpop;

	return can && order_is_latest(&r->order, ring_last(r));
}

void
ring_unpop(struct ring *r)
{
	if (r->order.on && !can_unpop(r)) {
		(void)ring_push_in_order(r, ring_last(r), 0);
		return;
	}
	if (r->order.on)
		order_untake(&r->order);
	if (r->packed)
		packed_unpop(&r->pk);
	else
		split_unpop(&r->split);
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
