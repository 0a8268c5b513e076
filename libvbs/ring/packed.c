// SPDX-License-Identifier: BSD-3-Clause
/* The packed virtqueue: chains out, chains in, notifications. */
#include "ring/packed-fast.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define EVENT_BYTES 4
#define LAP         (1u << 15) /* of off_wrap, and of half a base */

int
packed_init(struct packed *r, uint16_t size_max)
{
	memset(r, 0, sizeof(*r));
	r->n_descs = calloc(size_max, sizeof(r->n_descs[0]));
	return r->n_descs ? 0 : -ENOMEM;
}

void
packed_deinit(struct packed *r)
{
	packed_unmap(r);
	packed_watch_deinit(r);
	free(r->n_descs);
	r->n_descs = NULL;
}

void
packed_reset(struct packed *r, uint16_t size)
{
	const struct packed_pos start = { 0, true };

	packed_unmap(r);
	r->size = size;
	r->avail = r->used = r->visible = start;
	r->held = false;
	r->n_batch = r->n_silent = r->n_busy = 0;
	r->can_unpop = false;
	r->indirect = r->event_idx = false;
	r->n_inflight = 0;
	memset(r->n_descs, 0, size * sizeof(r->n_descs[0]));
}

bool
packed_layout_ok(const struct ring_layout *lay, uint16_t size)
{
	const uint64_t bytes = (uint64_t)DESC_SIZE * size;

	if (lay->desc % 16 || lay->driver % 4 || lay->device % 4)
		return false; /* 2.8.10.1 */
	return ring_apart(lay->desc, bytes, lay->driver, EVENT_BYTES) &&
	       ring_apart(lay->desc, bytes, lay->device, EVENT_BYTES) &&
	       ring_apart(lay->driver, EVENT_BYTES, lay->device, EVENT_BYTES);
}

bool
packed_map(struct packed *r, const struct ring_layout *lay, struct mem_map *map)
{
	void *desc, *driver, *device;

	desc = map_translate(map, lay->desc, (uint64_t)DESC_SIZE * r->size,
			     true);
	driver = map_translate(map, lay->driver, EVENT_BYTES, true);
	device = map_translate(map, lay->device, EVENT_BYTES, true);
	packed_unmap(r);
	if (!desc || !driver || !device) {
		map_unref(map);
		return false;
	}
	r->desc = desc;
	r->driver = driver;
	r->device = device;
	r->mem.map = map;
	r->at = *lay;
	return true;
}

void
packed_unmap(struct packed *r)
{
	ring_mem_drop(&r->mem);
	r->desc = NULL;
	r->driver = NULL;
	r->device = NULL;
}

/* ---- chains out ---------------------------------------------------------- */

/* A descriptor, read once. */
struct packed_read {
	uint64_t addr;
	uint64_t rest; /* len, id, flags */
};

static inline void
read_desc(const void *at, struct packed_read *d)
{
	guest_load128(at, &d->addr, &d->rest);
}

/* A chain half-way. */
struct packed_walk {
	struct walk w;
	struct packed_pos pos;
	struct packed_read d; /* the latest descriptor */
	struct walk_buf last; /* and the latest buffer */
	uint16_t n;           /* descriptors in the ring */
};

static inline void
take_buffer(struct packed_walk *pw, const struct packed_read *d)
{
	pw->last.addr = d->addr;
	pw->last.len = packed_len(d->rest);
	pw->last.write = packed_flags(d->rest) & DESC_F_WRITE;
	walk_buffer(&pw->w, pw->last.addr, pw->last.len, pw->last.write);
}

/* A table is as long as it says; only WRITE means something in it (2.8.7). */
static inline bool
walk_table(struct packed *r, struct packed_walk *pw)
{
	const uint8_t *table;
	uint32_t n;

	if (!r->indirect || (packed_flags(pw->d.rest) & DESC_F_NEXT))
		return false;
	n = ring_table(&r->mem, pw->d.addr, packed_len(pw->d.rest), r->size,
		       &table);
	for (uint32_t i = 0; i < n; i++) {
		struct packed_read d;

		read_desc(table + (size_t)DESC_SIZE * i, &d);
		take_buffer(pw, &d);
	}
	return n > 0;
}

/* false: the ring is bad. */
static inline bool
walk_chain(struct packed *r, struct packed_walk *pw)
{
	const uint16_t room = (uint16_t)(r->size - r->n_busy);

	for (;;) {
		if (pw->n == room)
			return false;
		read_desc(&r->desc[pw->pos.idx], &pw->d);
		if (r->watched)
			packed_watch_fetch(r, pw->d.addr, pw->d.rest);
		packed_advance(r, &pw->pos, 1);
		pw->n++;
		if (packed_flags(pw->d.rest) & DESC_F_INDIRECT)
			return walk_table(r, pw);
		take_buffer(pw, &pw->d);
		if (!(packed_flags(pw->d.rest) & DESC_F_NEXT))
			return true;
	}
}

static inline bool
take_id(struct packed *r, uint16_t id, uint16_t n)
{
	if (id >= r->size || r->n_descs[id] != 0)
		return false;
	r->n_descs[id] = n;
	r->n_busy = (uint16_t)(r->n_busy + n);
	r->n_inflight++;
	r->n_taken++;
	return true;
}

static int
refuse(struct packed *r, const struct walk_buf *last,
       struct ring_bad_chain *bad)
{
	r->can_unpop = false;
	return ring_refuse(&r->mem, last, bad);
}

/* The device gets it. Segments. */
static inline int
hand_out(struct packed *r, uint16_t id, const struct walk *w,
	 const struct iovec *first)
{
	r->last_id = id;
	r->last_writable = (uint16_t)w->n_writable;
	r->can_unpop = true;
	return (int)(w->iov - first);
}

/* One that was in flight in an earlier life: its descriptors are at hand. */
static COLD int
pop_again(struct packed *r, uint16_t *id, struct packed_walk *pw,
	  struct iovec *iov, struct ring_bad_chain *bad)
{
	const struct packed_again *again = packed_watch_again(r->watch);
	uint16_t at = again->entry;
	bool ok = true;

	for (uint16_t i = 0; i < again->n; i++) {
		const struct packed_entry *e = &r->watch->entry[at];

		at = e->next;
		pw->d = (struct packed_read){ e->addr, e->rest };
		if (packed_flags(pw->d.rest) & DESC_F_INDIRECT)
			ok = ok && walk_table(r, pw);
		else
			take_buffer(pw, &pw->d);
	}
	*id = packed_id(pw->d.rest);
	if (!ok || !take_id(r, *id, again->n))
		return RING_BAD;
	packed_watch_again_taken(r, *id);
	if (!walk_ok(&pw->w, iov))
		return refuse(r, &pw->last, bad);
	return hand_out(r, *id, &pw->w, iov);
}

int
packed_pop(struct packed *r, uint16_t *id, struct iovec *iov, uint16_t *flags,
	   int n_iov, struct ring_bad_chain *bad)
{
	struct packed_walk pw = {
		.w = { .mem = &r->mem,
		       .iov = iov,
		       .end = iov + n_iov,
		       .flags = flags },
		.pos = r->avail,
	};
	uint16_t head;

	if (packed_has_again(r))
		return pop_again(r, id, &pw, iov, bad);
	head = guest_load16_acquire(&r->desc[r->avail.idx].flags);
	if (!packed_flags_avail(head, r->avail.wrap))
		return 0;
	if (!walk_chain(r, &pw) || !take_id(r, packed_id(pw.d.rest), pw.n)) {
		if (r->watched)
			packed_watch_drop(r);
		return RING_BAD;
	}
	*id = packed_id(pw.d.rest);
	if (r->watched)
		packed_watch_take(r, *id);
	r->avail = pw.pos;
	if (unlikely(!walk_ok(&pw.w, iov)))
		return refuse(r, &pw.last, bad);
	return hand_out(r, *id, &pw.w, iov);
}

/* A table is as long as it says; only WRITE means something in it (2.8.7). */
struct segs_table
packed_walk_table(struct packed *r, uint64_t addr, uint64_t rest,
		  struct iovec *at, struct iovec *end, uint16_t *flags)
{
	struct segs segs = { .at = at, .end = end, .flags = flags };
	const uint8_t *table;
	uint32_t n;

	if (!r->indirect || (packed_flags(rest) & DESC_F_NEXT))
		return segs_none;
	n = ring_table(&r->mem, addr, packed_len(rest), r->size, &table);
	for (uint32_t i = 0; i < n; i++) {
		guest_load128(table + (size_t)DESC_SIZE * i, &addr, &rest);
		if (!segs_add(&segs, &r->mem, addr, packed_len(rest),
			      packed_flags(rest) & DESC_F_WRITE))
			return segs_none;
	}
	return segs_give(&segs);
}

/* ---- chains in ------------------------------------------------------------
 */

/* n descriptors back; n is at most the size. */
static void
retreat(const struct packed *r, struct packed_pos *pos, uint16_t n)
{
	if (n > pos->idx) {
		pos->idx = (uint16_t)(pos->idx + r->size);
		pos->wrap = !pos->wrap;
	}
	pos->idx = (uint16_t)(pos->idx - n);
}

void
packed_untake(struct packed *r, uint16_t id)
{
	uint16_t n = packed_clear_inflight(r, id);

	if (n == 0)
		return;
	r->n_busy = (uint16_t)(r->n_busy - n);
	r->n_taken--;
	if (!r->watched || !packed_watch_untake(r, id))
		retreat(r, &r->avail, n);
}

void
packed_unpop(struct packed *r)
{
	uint16_t id = r->last_id;

	if (!r->can_unpop || r->n_descs[id] == 0) {
		/* One that came after it was refused: it cannot be next. */
		(void)packed_push(r, id, 0);
		return;
	}
	r->can_unpop = false;
	packed_untake(r, id);
}

bool
packed_push(struct packed *r, uint16_t id, uint32_t len)
{
	uint16_t n = packed_clear_inflight(r, id);

	if (n == 0)
		return false;
	if (!r->desc)
		return true; /* not mapped */
	if (unlikely(r->watched))
		packed_watch_push(r, id);
	packed_use(r, id, len, n);
	/* A dead process must not leave half a batch behind. */
	if (unlikely(r->watched))
		(void)packed_publish(r);
	return true;
}

void
packed_forget(struct packed *r, uint16_t id)
{
	uint16_t n = packed_clear_inflight(r, id);

	r->n_busy = (uint16_t)(r->n_busy - n);
	if (n > 0 && r->watched)
		packed_watch_forget(r, id);
}

bool
packed_publish(struct packed *r)
{
	bool news = r->n_silent > 0;

	if (!r->held)
		return news;
	if (unlikely(r->watched))
		packed_watch_publish(r);
	guest_store16_release(&r->desc[r->visible.idx].flags, r->held_flags);
	if (unlikely(r->watched))
		packed_watch_published(r);
	r->held = false;
	r->visible = r->used;
	r->n_busy = (uint16_t)(r->n_busy - r->n_batch);
	r->n_silent = (uint16_t)(r->n_silent + r->n_batch);
	if (r->n_silent > r->size)
		r->n_silent = r->size; /* all of them, that is */
	r->n_batch = 0;
	return true;
}

/* ---- notifications ----------------------------------------------------------
 */

static struct packed_event
event_of(uint32_t raw)
{
	raw = le32toh(raw);
	return (struct packed_event){ (uint16_t)raw, (uint16_t)(raw >> 16) };
}

bool
packed_wants_interrupt(struct packed *r)
{
	uint16_t n = r->n_silent, event;
	struct packed_event want;

	r->n_silent = 0;
	/* The flags must be out before we look at what the driver wants. */
	full_fence();
	want = event_of(__atomic_load_n(r->driver, __ATOMIC_RELAXED));
	if (want.flags == PACKED_EVENT_DISABLE)
		return false;
	if (want.flags != PACKED_EVENT_DESC || !r->event_idx)
		return true;
	event = want.off_wrap & (LAP - 1);
	if (!!(want.off_wrap & LAP) != r->visible.wrap)
		event = (uint16_t)(event - r->size);
	/* Is the event among the last n that were used? (2.8.21.3.1) */
	return (uint16_t)(r->visible.idx - event - 1) < n;
}

static void
set_device_event(struct packed *r, uint16_t off_wrap, uint16_t flags)
{
	uint32_t raw = (uint32_t)flags << 16 | off_wrap;

	__atomic_store_n(r->device, htole32(raw), __ATOMIC_RELAXED);
	if (unlikely(r->watched))
		packed_watch_kicks(r);
}

void
packed_kicks_off(struct packed *r)
{
	set_device_event(r, 0, PACKED_EVENT_DISABLE);
}

bool
packed_kicks_on(struct packed *r)
{
	uint16_t here = (uint16_t)(r->avail.idx | (r->avail.wrap ? LAP : 0));

	if (r->event_idx)
		set_device_event(r, here, PACKED_EVENT_DESC);
	else
		set_device_event(r, 0, PACKED_EVENT_ENABLE);
	/* The wish must be out before we look for the last time. */
	full_fence();
	return packed_has_avail(r);
}

/* ---- where we are
 * ------------------------------------------------------------
 */

static uint32_t
half_of(struct packed_pos pos)
{
	return pos.idx | (pos.wrap ? LAP : 0);
}

static struct packed_pos
pos_of(uint32_t half)
{
	return (struct packed_pos){ half & (LAP - 1), half & LAP };
}

uint32_t
packed_base(const struct packed *r)
{
	return half_of(r->avail) | half_of(r->used) << 16;
}

int
packed_set_base(struct packed *r, uint32_t base)
{
	struct packed_pos avail = pos_of(base), used = pos_of(base >> 16);

	if (avail.idx >= r->size || used.idx >= r->size)
		return -EINVAL;
	r->avail = avail;
	r->used = r->visible = used;
	return 0;
}
