// SPDX-License-Identifier: BSD-3-Clause
/* The split virtqueue: set-up, chains out, chains in, notifications. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/load.h"
#include "ring/split-fast.h"

#define USED_F_NO_NOTIFY 1

int
split_init(struct split *r, uint16_t size_max)
{
	memset(r, 0, sizeof(*r));
	r->inflight = calloc(size_max, sizeof(r->inflight[0]));
	return r->inflight ? 0 : -ENOMEM;
}

void
split_deinit(struct split *r)
{
	split_unmap(r);
	split_watch_deinit(r);
	free(r->inflight);
	r->inflight = NULL;
}

void
split_reset(struct split *r, uint16_t size)
{
	split_unmap(r);
	r->size = size;
	r->mask = (uint16_t)(size - 1);
	r->last_avail = r->avail_idx = 0;
	r->used_idx = r->published = r->signalled = 0;
	r->can_unpop = false;
	r->indirect = r->event_idx = false;
	r->n_inflight = 0;
	memset(r->inflight, 0, size * sizeof(r->inflight[0]));
}

static uint64_t
desc_bytes(uint16_t size)
{
	return (uint64_t)DESC_SIZE * size;
}

static uint64_t
avail_bytes(uint16_t size)
{
	return 6 + UINT64_C(2) * size;
}

static uint64_t
used_bytes(uint16_t size)
{
	return 6 + UINT64_C(8) * size;
}

bool
split_layout_ok(const struct ring_layout *lay, uint16_t size)
{
	if (lay->desc % 16 || lay->driver % 2 || lay->device % 4)
		return false; /* 2.7 */
	return ring_apart(lay->desc, desc_bytes(size), lay->driver,
			  avail_bytes(size)) &&
	       ring_apart(lay->desc, desc_bytes(size), lay->device,
			  used_bytes(size)) &&
	       ring_apart(lay->driver, avail_bytes(size), lay->device,
			  used_bytes(size));
}

struct ring_layout
split_layout_legacy(uint64_t gpa, uint16_t size)
{
	struct ring_layout lay;
	uint64_t end;

	lay.desc = gpa;
	lay.driver = gpa + desc_bytes(size);
	end = lay.driver + avail_bytes(size);
	lay.device = (end + 4095) & ~UINT64_C(4095);
	return lay;
}

bool
split_map(struct split *r, const struct ring_layout *lay, struct mem_map *map)
{
	const void *desc, *avail;
	void *used;

	desc = map_translate(map, lay->desc, desc_bytes(r->size), true);
	avail = map_translate(map, lay->driver, avail_bytes(r->size), true);
	used = map_translate(map, lay->device, used_bytes(r->size), true);
	split_unmap(r);
	if (!desc || !avail || !used) {
		map_unref(map);
		return false;
	}
	r->desc = desc;
	r->avail = avail;
	r->used = used;
	r->mem.map = map;
	return true;
}

void
split_unmap(struct split *r)
{
	ring_mem_drop(&r->mem);
	r->desc = NULL;
	r->avail = NULL;
	r->used = NULL;
}

/* ---- chains out ---------------------------------------------------------- */

/* A chain half-way, and the table that it is in. */
struct split_walk {
	struct walk w;
	const uint8_t *table;
	uint32_t n_table; /* its entries */
	uint32_t left;    /* descriptors that the chain may still have */
	bool indirect;    /* it is in an indirect table */
	uint64_t addr;    /* the latest descriptor: its first half, */
	uint64_t rest;    /* and the second: len, flags, next */
};

/* The chain goes on, and ends, in an indirect table (2.7.5.3). */
static bool
enter_table(struct split *r, struct split_walk *sw)
{
	if (sw->indirect || !r->indirect ||
	    (desc_flags(sw->rest) & DESC_F_NEXT))
		return false;
	sw->indirect = true;
	sw->n_table = ring_table(&r->mem, sw->addr, desc_len(sw->rest), r->size,
				 &sw->table);
	return sw->n_table > 0;
}

/* Follow the chain from entry i of its table. false: the ring is bad. */
static bool
walk_chain(struct split *r, struct split_walk *sw, uint32_t i)
{
	for (;;) {
		if (i >= sw->n_table || sw->left == 0)
			return false;
		guest_load128(sw->table + (size_t)DESC_SIZE * i, &sw->addr,
			      &sw->rest);
		if (desc_flags(sw->rest) & DESC_F_INDIRECT) {
			if (!enter_table(r, sw))
				return false;
			i = 0;
			continue;
		}
		sw->left--;
		walk_buffer(&sw->w, sw->addr, desc_len(sw->rest),
			    desc_flags(sw->rest) & DESC_F_WRITE);
		if (!(desc_flags(sw->rest) & DESC_F_NEXT))
			return true;
		i = desc_next(sw->rest);
	}
}

/* The driver's next head, taken and marked. false: the ring is bad. */
static bool
take_head(struct split *r, uint16_t *out)
{
	uint16_t head;

	if (r->watched) {
		if (!split_watch_take(r, &head))
			return false;
	} else {
		head = guest_load16(&r->avail->ring[r->last_avail & r->mask]);
		if (head >= r->size || r->inflight[head])
			return false;
		r->last_avail++;
	}
	r->inflight[head] = true;
	r->n_inflight++;
	*out = head;
	return true;
}

/* Its last buffer is where a status would go. */
static int
refuse(struct split *r, const struct split_walk *sw, struct ring_bad_chain *bad)
{
	const struct walk_buf last = { sw->addr, desc_len(sw->rest),
				       desc_flags(sw->rest) & DESC_F_WRITE };

	r->can_unpop = false;
	return ring_refuse(&r->mem, &last, bad);
}

int
split_pop(struct split *r, uint16_t *head, struct iovec *iov, uint16_t *flags,
	  int n_iov, struct ring_bad_chain *bad)
{
	struct split_walk sw = {
		.w = { .mem = &r->mem,
		       .iov = iov,
		       .end = iov + n_iov,
		       .flags = flags },
		.table = r->desc,
		.n_table = r->size,
		.left = r->size,
	};
	uint16_t taken;

	if (r->avail_idx == r->last_avail && !split_has_again(r)) {
		int n = split_look(r);

		if (n <= 0)
			return n;
	}
	if (!take_head(r, &taken))
		return RING_BAD;
	*head = taken;
	if (unlikely(!walk_chain(r, &sw, taken))) {
		split_untake(r, taken);
		return RING_BAD;
	}
	if (unlikely(!walk_ok(&sw.w, iov)))
		return refuse(r, &sw, bad);
	r->last_head = taken;
	r->last_writable = (uint16_t)sw.w.n_writable;
	r->can_unpop = true;
	return (int)(sw.w.iov - iov);
}

struct segs_table
split_walk_table(struct split *r, uint64_t addr, uint64_t rest,
		 struct iovec *at, struct iovec *end, uint16_t *flags)
{
	struct segs segs = { .at = at, .end = end, .flags = flags };
	const uint8_t *table;
	uint32_t n;

	if (!r->indirect || (desc_flags(rest) & DESC_F_NEXT))
		return segs_none;
	n = ring_table(&r->mem, addr, desc_len(rest), r->size, &table);
	if (n == 0 || !split_walk_fast(r, table, n, 0, &segs, true))
		return segs_none;
	return segs_give(&segs);
}

bool
split_push(struct split *r, uint16_t head, uint32_t len)
{
	if (r->watched && head < r->size && r->inflight[head] && r->used)
		split_watch_push(r, head);
	return split_push_inline(r, head, len);
}

void
split_untake(struct split *r, uint16_t head)
{
	if (!split_clear_inflight(r, head))
		return;
	r->last_avail--;
	if (r->watched)
		split_watch_untake(r, head);
}

void
split_unpop(struct split *r)
{
	if (!r->can_unpop || !r->inflight[r->last_head]) {
		/* One that came after it was refused: it cannot be next. */
		(void)split_push(r, r->last_head, 0);
		return;
	}
	r->can_unpop = false;
	split_untake(r, r->last_head);
}

void
split_forget(struct split *r, uint16_t head)
{
	if (split_clear_inflight(r, head) && r->watched)
		split_watch_forget(r, head);
}

/* avail_event lies behind the last element of the used ring. */
static uint16_t *
avail_event(struct split *r)
{
	return (uint16_t *)(void *)&r->used->ring[r->size];
}

void
split_kicks_off(struct split *r)
{
	/* With EVENT_IDX the flags stay 0 (2.7.10.1); an old event does it. */
	if (!r->event_idx)
		guest_store16(&r->used->flags, USED_F_NO_NOTIFY);
	if (unlikely(r->watched))
		split_watch_kicks(r);
}

bool
split_kicks_on(struct split *r)
{
	if (r->event_idx)
		guest_store16(avail_event(r), r->last_avail);
	else
		guest_store16(&r->used->flags, 0);
	if (unlikely(r->watched))
		split_watch_kicks(r);
	/* The wish must be out before we look for the last time. */
	full_fence();
	return split_has_avail(r);
}
