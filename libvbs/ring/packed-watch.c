// SPDX-License-Identifier: BSD-3-Clause
/* Chains in flight that outlive us, and pages written. See packed-watch.h. */
#include "ring/packed-watch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ring/packed.h"

#define AREA_VERSION 1
#define AREA_ALIGN   64
#define NO_ENTRY     UINT16_MAX

size_t
packed_area_bytes(uint16_t size)
{
	size_t n = sizeof(struct inflight_packed) +
		   (size_t)size * sizeof(struct inflight_packed_desc);

	return (n + AREA_ALIGN - 1) & ~(size_t)(AREA_ALIGN - 1);
}

/* ---- set-up ---------------------------------------------------------- */

static void
update_watched(struct packed *r)
{
	r->watched = r->watch && (r->watch->area || r->watch->log);
}

int
packed_watch_init(struct packed *r, uint16_t size_max)
{
	struct packed_watch *w = calloc(1, sizeof(*w));

	if (!w)
		return -ENOMEM;
	w->entry = calloc(size_max, sizeof(w->entry[0]));
	w->of_id = calloc(size_max, sizeof(w->of_id[0]));
	w->again = calloc(size_max, sizeof(w->again[0]));
	r->watch = w;
	if (w->entry && w->of_id && w->again)
		return 0;
	packed_watch_deinit(r);
	return -ENOMEM;
}

void
packed_watch_deinit(struct packed *r)
{
	struct packed_watch *w = r->watch;

	r->watch = NULL;
	update_watched(r);
	if (!w)
		return;
	dirty_log_unref(w->log);
	free(w->entry);
	free(w->of_id);
	free(w->again);
	free(w);
}

/* All entries are free, in order; no chain is known. */
static void
forget_all(struct packed *r)
{
	struct packed_watch *w = r->watch;

	for (uint16_t i = 0; i < r->size; i++) {
		w->entry[i].next = (uint16_t)(i + 1);
		w->of_id[i] = NO_ENTRY;
	}
	w->free = w->n_fetched = 0;
	w->given = NO_ENTRY;
	w->n_again = w->next_again = 0;
}

void
packed_watch_area(struct packed *r, struct inflight_packed *area, size_t bytes)
{
	r->watch->area = area;
	r->watch->area_bytes = bytes;
	update_watched(r);
}

void
packed_watch_log(struct packed *r, struct dirty_log *log)
{
	struct packed_watch *w = r->watch;
	bool before = r->watched;

	/* What is on its way out is not of this log. Unmapped, it stays. */
	if (!before && r->held && r->desc)
		(void)packed_publish(r);
	dirty_log_ref(log);
	dirty_log_unref(w->log);
	w->log = log;
	update_watched(r);
	if (!before)
		forget_all(r);
}

/* ---- the shared area ----------------------------------------------------- */

/* After all that was written before. */
static void
set_inflight(struct inflight_packed *area, uint16_t entry, uint8_t val)
{
	__atomic_store_n(&area->desc[entry].inflight, val, __ATOMIC_RELEASE);
}

/* Both positions, at once: an index with the lap of another is a third one. */
static void
set_used(struct inflight_packed *area, struct packed_pos now,
	 struct packed_pos old)
{
	const struct {
		uint16_t used_idx, old_used_idx;
		uint8_t used_wrap, old_used_wrap, padding[2];
	} val = { now.idx, old.idx, now.wrap, old.wrap, { 0 } };
	uint64_t raw;

	memcpy(&raw, &val, sizeof(raw));
	__atomic_store_n((uint64_t *)(void *)&area->used_idx, raw,
			 __ATOMIC_RELEASE);
}

/* Our state is the state before the next update. */
static void
commit(struct packed *r)
{
	struct inflight_packed *area = r->watch->area;

	__atomic_store_n(&area->old_free_head, r->watch->free,
			 __ATOMIC_RELEASE);
	set_used(area, r->used, r->used);
}

/* The free list as we have it, and where we are. */
static void
write_free_list(struct packed *r)
{
	struct inflight_packed *area = r->watch->area;

	for (uint16_t i = 0; i < r->size; i++)
		area->desc[i].next = r->watch->entry[i].next;
	__atomic_store_n(&area->free_head, r->watch->free, __ATOMIC_RELEASE);
	commit(r);
}

/* An area that nobody has used before. */
static void
area_begin(struct packed *r)
{
	struct inflight_packed *area = r->watch->area;

	memset(area->desc, 0, r->size * sizeof(area->desc[0]));
	area->features = 0;
	area->desc_num = r->size;
	write_free_list(r);
	__atomic_store_n(&area->version, AREA_VERSION, __ATOMIC_RELEASE);
}

/* ---- going on ---------------------------------------------------------------
 */

/* What the area says of the ring's positions, read once. */
struct area_pos {
	struct packed_pos pos;
	uint16_t free;
};

static bool
pos_ok(const struct packed *r, const struct area_pos *p, uint8_t wrap)
{
	return p->pos.idx < r->size && wrap <= 1;
}

/* The state to go on from: the latest update happened, or it did not. */
static bool
read_state(const struct packed *r, struct area_pos *state)
{
	const struct inflight_packed *area = r->watch->area;
	struct area_pos now = { { area->used_idx, area->used_wrap & 1 },
				area->free_head };
	struct area_pos old = { { area->old_used_idx, area->old_used_wrap & 1 },
				area->old_free_head };
	uint16_t flags;

	if (!pos_ok(r, &now, area->used_wrap) ||
	    !pos_ok(r, &old, area->old_used_wrap))
		return false;
	*state = old;
	if (now.pos.idx == old.pos.idx && now.pos.wrap == old.pos.wrap)
		return true;
	flags = guest_load16(&r->desc[old.pos.idx].flags);
	if (!packed_flags_avail(flags, old.pos.wrap))
		*state = now; /* the driver has been shown it */
	return true;
}

/* Free entries are in flight no more, whatever they say. */
static void
clear_free(const struct packed *r, uint16_t entry)
{
	struct inflight_packed *area = r->watch->area;

	for (uint16_t left = r->size; left > 0 && entry < r->size; left--) {
		set_inflight(area, entry, 0);
		entry = __atomic_load_n(&area->desc[entry].next,
					__ATOMIC_RELAXED);
	}
}

static uint64_t
rest_of(const struct inflight_packed_desc *d)
{
	return d->len | (uint64_t)d->id << 32 | (uint64_t)d->flags << 48;
}

/* Copy the chain that begins with an entry, if it is one. Descriptors, or 0. */
static uint16_t
copy_chain(struct packed *r, uint16_t first, bool *seen)
{
	struct packed_watch *w = r->watch;
	const struct inflight_packed *area = w->area;
	uint16_t num = area->desc[first].num, entry = first;

	if (num == 0 || num > r->size)
		return 0;
	for (uint16_t i = 0; i < num; i++) {
		struct packed_entry *e;

		if (entry >= r->size || seen[entry])
			return 0;
		seen[entry] = true;
		e = &w->entry[entry];
		e->addr = area->desc[entry].addr;
		e->rest = rest_of(&area->desc[entry]);
		e->next = area->desc[entry].next;
		w->entry[first].last = entry;
		entry = e->next;
	}
	return num;
}

/* All chains in flight; descriptors of them, or -EINVAL. */
static int
copy_chains(struct packed *r, bool *seen)
{
	struct packed_watch *w = r->watch;
	uint32_t sum = 0;

	for (uint16_t i = 0; i < r->size; i++) {
		struct packed_again *a = &w->again[w->n_again];

		if (seen[i] || !__atomic_load_n(&w->area->desc[i].inflight,
						__ATOMIC_RELAXED))
			continue;
		a->counter = w->area->desc[i].counter;
		a->entry = i;
		a->n = copy_chain(r, i, seen);
		sum += a->n;
		if (a->n == 0 || sum > r->size)
			return -EINVAL;
		w->n_again++;
	}
	return (int)sum;
}

/* What no chain has is free. */
static void
rebuild_free_list(struct packed *r, const bool *seen)
{
	struct packed_watch *w = r->watch;

	w->free = r->size; /* none */
	for (uint16_t i = r->size; i > 0; i--) {
		if (seen[i - 1])
			continue;
		w->entry[i - 1].next = w->free;
		w->free = (uint16_t)(i - 1);
	}
}

static int
compare_again(const void *a, const void *b)
{
	const struct packed_again *x = a, *y = b;

	if (x->counter != y->counter)
		return x->counter < y->counter ? -1 : 1;
	return x->entry < y->entry ? -1 : x->entry > y->entry;
}

static int
recover(struct packed *r, const struct area_pos *state)
{
	struct packed_watch *w = r->watch;
	bool *seen = calloc(r->size, sizeof(*seen));
	int n;

	if (!seen)
		return -ENOMEM;
	clear_free(r, state->free);
	n = copy_chains(r, seen);
	if (n >= 0)
		rebuild_free_list(r, seen);
	free(seen);
	if (n < 0)
		return n;
	qsort(w->again, w->n_again, sizeof(w->again[0]), compare_again);
	if (w->n_again > 0)
		w->counter = w->again[w->n_again - 1].counter + 1;
	r->used = r->visible = r->avail = state->pos;
	packed_advance(r, &r->avail, (uint16_t)n);
	write_free_list(r);
	return 0;
}

static int
resume_area(struct packed *r)
{
	struct packed_watch *w = r->watch;
	struct area_pos state;
	uint16_t version;

	if (w->area_bytes < packed_area_bytes(r->size))
		return -EINVAL;
	version = __atomic_load_n(&w->area->version, __ATOMIC_RELAXED);
	if (version == 0) {
		area_begin(r);
		return 0;
	}
	if (version != AREA_VERSION || w->area->desc_num != r->size ||
	    !read_state(r, &state))
		return -EINVAL;
	w->resumed = true;
	return recover(r, &state);
}

/* The device has used nothing in it: a lap would leave marks of that. */
static bool
is_new(const struct packed *r)
{
	for (uint16_t i = 0; i < r->size; i++) {
		if (guest_load16(&r->desc[i].flags) & PACKED_F_USED)
			return false;
	}
	return true;
}

/*
 * 0 is the end of the first lap; but User-mode Linux says it of a new ring, as
 * it would of a split one.
 */
int
packed_resume(struct packed *r, uint32_t base)
{
	struct packed_watch *w = r->watch;
	int rc = packed_set_base(r,
				 base == 0 && is_new(r) ? PACKED_START : base);

	if (!w)
		return rc;
	w->counter = 0;
	w->resumed = false;
	forget_all(r);
	/* With an area that has been used, the base may be anything. */
	if (w->area && (rc == 0 || w->area->version != 0))
		rc = resume_area(r);
	return rc;
}

void
packed_watch_finish(struct packed *r)
{
	struct packed_watch *w = r->watch;

	if (w && w->area && r->n_inflight == 0 && !packed_has_again(r))
		__atomic_store_n(&w->area->version, 0, __ATOMIC_RELEASE);
}

/* ---- chains out -------------------------------------------------------------
 */

void
packed_watch_fetch(struct packed *r, uint64_t addr, uint64_t rest)
{
	struct packed_watch *w = r->watch;
	uint16_t at = w->free;
	struct inflight_packed_desc *d;

	if (at >= r->size)
		return; /* there are as many entries as descriptors */
	if (w->n_fetched++ == 0)
		w->first = at;
	w->entry[at].addr = addr;
	w->entry[at].rest = rest;
	w->entry[w->first].last = at;
	w->free = w->entry[at].next;
	if (!w->area)
		return;
	if (at == w->first) {
		w->area->desc[at].num = 0;
		w->area->desc[at].counter = w->counter++;
		set_inflight(w->area, at, 1);
	}
	w->area->desc[w->first].last = at;
	w->area->desc[w->first].num++;
	d = &w->area->desc[at];
	d->addr = addr;
	d->len = (uint32_t)rest;
	d->id = (uint16_t)(rest >> 32);
	d->flags = (uint16_t)(rest >> 48);
	__atomic_store_n(&w->area->free_head, w->free, __ATOMIC_RELEASE);
}

void
packed_watch_take(struct packed *r, uint16_t id)
{
	struct packed_watch *w = r->watch;

	w->of_id[id] = w->n_fetched > 0 ? w->first : NO_ENTRY;
	w->n_fetched = 0;
	/* All of an earlier life are out; their entries are used for others. */
	w->n_again = w->next_again = 0;
	if (w->area)
		__atomic_store_n(&w->area->old_free_head, w->free,
				 __ATOMIC_RELEASE);
}

/* A chain's entries are free, and the first to be used next. */
static void
free_entries(struct packed *r, uint16_t first)
{
	struct packed_watch *w = r->watch;
	uint16_t last = w->entry[first].last;

	w->entry[last].next = w->free;
	w->free = first;
	if (!w->area)
		return;
	w->area->desc[last].next = w->entry[last].next;
	__atomic_store_n(&w->area->free_head, first, __ATOMIC_RELEASE);
}

/* As if it had never been taken. */
static void
untake(struct packed *r, uint16_t first)
{
	struct packed_watch *w = r->watch;

	free_entries(r, first);
	if (!w->area)
		return;
	set_inflight(w->area, first, 0);
	__atomic_store_n(&w->area->old_free_head, w->free, __ATOMIC_RELEASE);
}

void
packed_watch_drop(struct packed *r)
{
	struct packed_watch *w = r->watch;

	if (w->n_fetched > 0)
		untake(r, w->first);
	w->n_fetched = 0;
}

bool
packed_watch_untake(struct packed *r, uint16_t id)
{
	struct packed_watch *w = r->watch;
	uint16_t first = w->of_id[id];

	w->of_id[id] = NO_ENTRY;
	if (w->next_again > 0 && w->again[w->next_again - 1].entry == first) {
		w->next_again--; /* still in flight, for the area */
		return true;
	}
	if (first != NO_ENTRY)
		untake(r, first);
	return false;
}

void
packed_watch_again_taken(struct packed *r, uint16_t id)
{
	struct packed_watch *w = r->watch;

	w->of_id[id] = w->again[w->next_again++].entry;
}

/* ---- pages written
 * ------------------------------------------------------------
 */

static uint32_t
entry_len(const struct packed_entry *e)
{
	return (uint32_t)e->rest;
}

static void
log_table(const struct packed *r, const struct packed_entry *e, uint64_t *room)
{
	uint32_t n = entry_len(e) / DESC_SIZE;
	const uint8_t *table =
		map_translate(r->mem.map, e->addr, entry_len(e), false);

	for (uint32_t i = 0; table && i < n && i < r->size; i++) {
		uint64_t addr, rest;

		guest_load128(table + (size_t)DESC_SIZE * i, &addr, &rest);
		if ((rest >> 48) & DESC_F_WRITE)
			dirty_log_mark_buffer(r->watch->log, addr,
					      (uint32_t)rest, room);
	}
}

static void
log_entry(const struct packed *r, const struct packed_entry *e, uint64_t *room)
{
	if ((e->rest >> 48) & DESC_F_INDIRECT)
		log_table(r, e, room);
	else if ((e->rest >> 48) & DESC_F_WRITE)
		dirty_log_mark_buffer(r->watch->log, e->addr, entry_len(e),
				      room);
}

/* All that a device can have written to. A log can be far larger. */
static void
log_all(const struct packed *r)
{
	const struct mem_map *map = r->mem.map;

	for (uint32_t i = 0; i < map->n; i++)
		dirty_log_mark(r->watch->log, map->region[i]->gpa,
			       map->region[i]->size);
}

static void
log_chain(const struct packed *r, uint16_t first)
{
	const struct packed_watch *w = r->watch;
	uint64_t room = DIRTY_LOG_CHAIN;
	uint16_t entry = first;

	if (!w->log || !r->mem.map)
		return;
	if (first == NO_ENTRY) {
		log_all(r);
		return;
	}
	for (uint16_t left = r->size; left > 0; left--) {
		log_entry(r, &w->entry[entry], &room);
		if (entry == w->entry[first].last)
			return;
		entry = w->entry[entry].next;
	}
}

/* ---- chains in
 * ---------------------------------------------------------------- */

void
packed_watch_push(struct packed *r, uint16_t id)
{
	struct packed_watch *w = r->watch;

	w->given = w->of_id[id];
	w->of_id[id] = NO_ENTRY;
	log_chain(r, w->given);
	if (w->given != NO_ENTRY)
		free_entries(r, w->given);
}

void
packed_watch_forget(struct packed *r, uint16_t id)
{
	struct packed_watch *w = r->watch;
	uint16_t first = w->of_id[id];

	w->of_id[id] = NO_ENTRY;
	log_chain(r, first);
	if (first != NO_ENTRY)
		untake(r, first);
}

void
packed_watch_publish(struct packed *r)
{
	if (r->watch->area)
		set_used(r->watch->area, r->used, r->visible);
}

void
packed_watch_published(struct packed *r)
{
	struct packed_watch *w = r->watch;

	if (w->log)
		dirty_log_mark(w->log,
			       r->at.desc +
				       (uint64_t)DESC_SIZE * r->visible.idx,
			       DESC_SIZE);
	if (!w->area)
		return;
	if (w->given != NO_ENTRY)
		set_inflight(w->area, w->given, 0);
	w->given = NO_ENTRY;
	commit(r);
}

void
packed_watch_kicks(struct packed *r)
{
	if (r->watch->log)
		dirty_log_mark(r->watch->log, r->at.device,
			       sizeof(struct packed_event));
}
