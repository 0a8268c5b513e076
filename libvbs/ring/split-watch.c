// SPDX-License-Identifier: BSD-3-Clause
/* Chains in flight that outlive us, and pages written. See split-watch.h. */
#include "ring/split-watch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ring/split.h"

#define AREA_VERSION 1
#define AREA_ALIGN   64

size_t
split_area_bytes(uint16_t size)
{
	size_t n = sizeof(struct inflight_split) +
		   (size_t)size * sizeof(struct inflight_desc);

	return (n + AREA_ALIGN - 1) & ~(size_t)(AREA_ALIGN - 1);
}

/* ---- set-up ---------------------------------------------------------- */

static void
update_watched(struct split *r)
{
	r->watched = r->watch && (r->watch->area || r->watch->log);
}

int
split_watch_init(struct split *r, uint16_t size_max)
{
	struct split_watch *w = calloc(1, sizeof(*w));

	if (!w)
		return -ENOMEM;
	w->batch = calloc(size_max, sizeof(w->batch[0]));
	w->again = calloc(size_max, sizeof(w->again[0]));
	r->watch = w;
	if (w->batch && w->again)
		return 0;
	split_watch_deinit(r);
	return -ENOMEM;
}

void
split_watch_deinit(struct split *r)
{
	struct split_watch *w = r->watch;

	r->watch = NULL;
	update_watched(r);
	if (!w)
		return;
	dirty_log_unref(w->log);
	free(w->batch);
	free(w->again);
	free(w);
}

void
split_watch_area(struct split *r, struct inflight_split *area, size_t bytes)
{
	r->watch->area = area;
	r->watch->area_bytes = bytes;
	r->watch->n_batch = 0;
	r->watch->n_again = r->watch->next_again = 0;
	update_watched(r);
}

void
split_watch_log(struct split *r, struct dirty_log *log)
{
	dirty_log_ref(log);
	dirty_log_unref(r->watch->log);
	r->watch->log = log;
	update_watched(r);
}

void
split_watch_used(struct split *r, bool on, uint64_t used_gpa)
{
	r->watch->log_used = on;
	r->watch->used_gpa = used_gpa;
}

/* ---- what is in flight ------------------------------------------------- */

static uint8_t
is_inflight(const struct inflight_split *area, uint16_t head)
{
	return __atomic_load_n(&area->desc[head].inflight, __ATOMIC_RELAXED);
}

/* After all that was written before. */
static void
set_inflight(struct inflight_split *area, uint16_t head, uint8_t val)
{
	__atomic_store_n(&area->desc[head].inflight, val, __ATOMIC_RELEASE);
}

/*
 * The used index went out, but the heads that it stands for were not crossed
 * off any more: do it now.
 */
static bool
finish_batch(const struct split *r, struct inflight_split *area)
{
	uint16_t left = (uint16_t)(r->used_idx - area->used_idx);
	uint16_t head = area->last_batch_head;

	if (left > r->size)
		return false;
	for (; left > 0; left--) {
		if (head >= r->size)
			return false;
		set_inflight(area, head, 0);
		head = __atomic_load_n(&area->desc[head].next,
				       __ATOMIC_RELAXED);
	}
	return true;
}

static bool
any_inflight(const struct split *r, const struct inflight_split *area)
{
	for (uint16_t head = 0; head < r->size; head++)
		if (is_inflight(area, head))
			return true;
	return false;
}

/* Head and counter, the latter read once. */
struct taken {
	uint64_t counter;
	uint16_t head;
};

static int
compare_taken(const void *a, const void *b)
{
	const struct taken *x = a, *y = b;

	if (x->counter != y->counter)
		return x->counter < y->counter ? -1 : 1;
	return x->head < y->head ? -1 : x->head > y->head;
}

/* List what is in flight, in the order in which it was taken. */
static int
list_inflight(struct split *r)
{
	struct split_watch *w = r->watch;
	struct taken *list = calloc(r->size, sizeof(*list));
	uint16_t n = 0;

	if (!list)
		return -ENOMEM;
	for (uint16_t head = 0; head < r->size; head++) {
		if (!is_inflight(w->area, head))
			continue;
		list[n].counter = w->area->desc[head].counter;
		list[n++].head = head;
	}
	qsort(list, n, sizeof(*list), compare_taken);
	for (uint16_t i = 0; i < n; i++)
		w->again[i] = list[i].head;
	w->counter = n > 0 ? list[n - 1].counter + 1 : 0;
	w->n_again = n;
	free(list);
	return 0;
}

/* An area that nobody has used before. */
static void
area_begin(const struct split *r, struct inflight_split *area)
{
	memset(area->desc, 0, r->size * sizeof(area->desc[0]));
	area->features = 0;
	area->last_batch_head = 0;
	area->desc_num = r->size;
	area->used_idx = r->used_idx;
	__atomic_store_n(&area->version, AREA_VERSION, __ATOMIC_RELEASE);
}

static int
resume_area(struct split *r)
{
	struct inflight_split *area = r->watch->area;
	uint16_t version;

	if (r->watch->area_bytes < split_area_bytes(r->size))
		return -EINVAL;
	version = __atomic_load_n(&area->version, __ATOMIC_RELAXED);
	if (version == 0) {
		area_begin(r, area);
		return 0;
	}
	if (version != AREA_VERSION || area->desc_num != r->size)
		return -EINVAL;
	/* With nothing in flight the index is as good as any. */
	if (any_inflight(r, area) && !finish_batch(r, area))
		return -EINVAL;
	area->used_idx = r->used_idx;
	r->watch->resumed = true;
	return list_inflight(r);
}

int
split_resume(struct split *r, uint16_t next)
{
	struct split_watch *w = r->watch;
	int rc = 0;

	r->used_idx = guest_load16(&r->used->idx);
	r->published = r->signalled = r->used_idx;
	if (w) {
		w->n_batch = 0;
		w->n_again = w->next_again = 0;
		w->counter = 0;
		w->resumed = false;
		w->last_head = 0;
	}
	if (w && w->area)
		rc = resume_area(r);
	/* What was taken is either used by now, or in flight. */
	if (w && w->n_again > 0)
		next = (uint16_t)(r->used_idx + w->n_again);
	r->last_avail = r->avail_idx = next;
	return rc;
}

void
split_watch_finish(struct split *r)
{
	struct split_watch *w = r->watch;

	if (w && w->area && r->n_inflight == 0 && !split_has_again(r))
		__atomic_store_n(&w->area->version, 0, __ATOMIC_RELEASE);
}

/* ---- pages written ---------------------------------------------------------
 */

/* Bytes of the used ring. */
static void
log_used(const struct split *r, uint64_t offset, uint64_t len)
{
	const struct split_watch *w = r->watch;

	if (w->log && w->log_used && w->used_gpa <= UINT64_MAX - offset)
		dirty_log_mark(w->log, w->used_gpa + offset, len);
}

static void
log_elements(const struct split *r, uint16_t from, uint16_t to)
{
	const uint64_t head = offsetof(struct split_used, ring);
	const uint64_t each = sizeof(struct split_used_elem);

	if ((uint16_t)(to - from) >= r->size) {
		log_used(r, head, each * r->size);
		return;
	}
	for (; from != to; from++)
		log_used(r, head + each * (from & r->mask), each);
}

/* The table that an indirect descriptor names, or NULL. */
static const uint8_t *
log_table(const struct split *r, uint64_t addr, uint64_t rest, uint32_t *n)
{
	*n = desc_len(rest) / DESC_SIZE;
	return map_translate(r->mem.map, addr, desc_len(rest), false);
}

/*
 * The descriptors are the driver's not to change while they are in flight. One
 * that does so harms only the copy of its own memory.
 */
static void
log_chain(const struct split *r, uint16_t head)
{
	const uint8_t *table = r->desc;
	uint32_t n_table = r->size, i = head;
	bool indirect = false;
	uint64_t addr, rest, room = DIRTY_LOG_CHAIN;

	for (uint32_t left = r->size + 1u; left > 0; left--) {
		if (!table || i >= n_table)
			return;
		guest_load128(table + (size_t)DESC_SIZE * i, &addr, &rest);
		if (desc_flags(rest) & DESC_F_INDIRECT) {
			if (indirect)
				return;
			indirect = true;
			table = log_table(r, addr, rest, &n_table);
			i = 0;
			continue;
		}
		if (desc_flags(rest) & DESC_F_WRITE)
			dirty_log_mark_buffer(r->watch->log, addr,
					      desc_len(rest), &room);
		if (!(desc_flags(rest) & DESC_F_NEXT))
			return;
		i = desc_next(rest);
	}
}

/* ---- what happens to chains
 * --------------------------------------------------
 */

/* The next head: one of an earlier life, or the driver's next. */
static bool
next_head(struct split *r, uint16_t *head)
{
	struct split_watch *w = r->watch;
	uint16_t idx;

	if (w->next_again < w->n_again) {
		*head = w->again[w->next_again++];
		return !r->inflight[*head];
	}
	idx = guest_load16(&r->avail->ring[r->last_avail & r->mask]);
	if (idx >= r->size || r->inflight[idx])
		return false;
	r->last_avail++;
	*head = idx;
	return true;
}

bool
split_watch_take(struct split *r, uint16_t *head)
{
	struct split_watch *w = r->watch;
	const bool again = split_has_again(r);

	if (!next_head(r, head))
		return false;
	/* One that is handed out again keeps its place in the order. */
	if (!w->area || again)
		return true;
	w->area->desc[*head].counter = w->counter++;
	set_inflight(w->area, *head, 1);
	return true;
}

void
split_watch_untake(struct split *r, uint16_t head)
{
	struct split_watch *w = r->watch;

	if (w->next_again > 0 && w->again[w->next_again - 1] == head) {
		w->next_again--; /* still in flight, for the area */
		r->last_avail++; /* it did not come from the ring */
		return;
	}
	if (w->area)
		set_inflight(w->area, head, 0);
}

void
split_watch_push(struct split *r, uint16_t head)
{
	struct split_watch *w = r->watch;

	if (w->log && r->mem.map)
		log_chain(r, head);
	if (!w->area || !r->mem.map)
		return;
	/* A driver that offers a head again before it is back: still no more.
	 */
	if (w->n_batch == r->size)
		(void)split_publish(r);
	w->area->desc[head].next = w->last_head;
	w->last_head = head;
	w->area->last_batch_head = head;
	w->batch[w->n_batch++] = head;
}

void
split_watch_forget(struct split *r, uint16_t head)
{
	struct split_watch *w = r->watch;

	if (w->log && r->mem.map)
		log_chain(r, head);
	if (w->area)
		set_inflight(w->area, head, 0);
}

void
split_watch_publish(struct split *r)
{
	struct split_watch *w = r->watch;

	log_elements(r, r->published, r->used_idx);
	log_used(r, offsetof(struct split_used, idx), sizeof(uint16_t));
	if (!w->area)
		return;
	for (uint16_t i = 0; i < w->n_batch; i++)
		set_inflight(w->area, w->batch[i], 0);
	w->n_batch = 0;
	__atomic_store_n(&w->area->used_idx, r->used_idx, __ATOMIC_RELEASE);
}

void
split_watch_kicks(struct split *r)
{
	const uint64_t end = offsetof(struct split_used, ring) +
			     sizeof(struct split_used_elem) * r->size;

	if (r->event_idx)
		log_used(r, end, sizeof(uint16_t));
	else
		log_used(r, 0, sizeof(uint16_t));
}
