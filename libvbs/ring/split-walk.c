// SPDX-License-Identifier: BSD-3-Clause
/*
 * The walk along one descriptor chain of a split virtqueue (virtio 1.3, 2.7.5).
 *
 * Each descriptor is read once, into registers. The walk ends after as many
 * descriptors as the queue has entries, whatever they say.
 */
#include <stddef.h>

#include "base/load.h"
#include "ring/split.h"

#define DESC_SIZE 16

#define DESC_F_NEXT     1
#define DESC_F_WRITE    2
#define DESC_F_INDIRECT 4

/* A descriptor, as it was when we looked. */
struct desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags;
	uint16_t next;
};

/* What is known about a chain half-way. */
struct walk {
	struct split *r;
	struct iovec *iov;
	uint16_t *flags;
	int n_iov;
	int n;          /* segments so far */
	uint32_t total; /* bytes so far */
	bool writable_seen;
	bool bad; /* cannot be handed out, but ends well */
	struct split_bad_chain *bad_chain;
};

static struct desc
desc_load(const uint8_t *table, uint32_t i)
{
	uint64_t lo, hi;

	guest_load128(table + (size_t)DESC_SIZE * i, &lo, &hi);
	return (struct desc){
		.addr = lo,
		.len = (uint32_t)hi,
		.flags = (uint16_t)(hi >> 32),
		.next = (uint16_t)(hi >> 48),
	};
}

static void
walk_add(struct walk *w, const struct mem_region *r, uint64_t addr,
	 uint64_t len, uint16_t write)
{
	if (w->n == w->n_iov) {
		w->bad = true;
		return;
	}
	w->iov[w->n].iov_base = r->hva + (addr - r->gpa);
	w->iov[w->n].iov_len = len;
	if (w->flags)
		w->flags[w->n] = write;
	w->n++;
}

static bool
region_allows(const struct mem_region *r, uint16_t write)
{
	return !(write && (r->flags & VBS_RAM_READONLY));
}

/* A range that is not in the region of the last one: find it, or split it. */
static void __attribute__((noinline))
walk_ranges(struct walk *w, uint64_t addr, uint32_t len, uint16_t write)
{
	if (len - 1 > UINT64_MAX - addr)
		w->bad = true; /* beyond the end of the address space */
	while (len > 0 && !w->bad) {
		const struct mem_region *r = map_find(w->r->map, addr);
		uint64_t part;

		if (!r || !region_allows(r, write)) {
			w->bad = true;
			return;
		}
		part = r->size - (addr - r->gpa);
		if (part > len)
			part = len;
		walk_add(w, r, addr, part, write);
		w->r->hit = r;
		addr += part;
		len -= (uint32_t)part;
	}
}

/* Remember the last segment of a chain that will not be handed out. */
static void __attribute__((noinline))
walk_note_last(struct walk *w, const struct desc *d)
{
	void *p = NULL;

	if ((d->flags & DESC_F_WRITE) && d->len > 0)
		p = map_translate(w->r->map, d->addr, d->len, true);
	w->bad_chain->has_last = p != NULL;
	w->bad_chain->last.iov_base = p;
	w->bad_chain->last.iov_len = p ? d->len : 0;
}

/* One buffer of the chain. */
static void
walk_buffer(struct walk *w, const struct desc *d)
{
	uint16_t write = d->flags & DESC_F_WRITE;
	const struct mem_region *r = w->r->hit;

	if (__builtin_add_overflow(w->total, d->len, &w->total))
		w->bad = true; /* 2.7.5: at most 2^32 - 1 bytes in all */
	if (write)
		w->writable_seen = true;
	else if (w->writable_seen)
		w->bad = true; /* 2.7.4.2: readable ones come first */
	if (w->bad) {
		walk_note_last(w, d);
		return;
	}
	if (d->len == 0)
		return;
	if (r && region_holds(r, d->addr, d->len) && region_allows(r, write))
		walk_add(w, r, d->addr, d->len, write);
	else
		walk_ranges(w, d->addr, d->len, write);
	if (w->bad)
		walk_note_last(w, d);
}

/*
 * Follow a table of n entries from entry i. *budget is how many descriptors
 * the chain may still have. Stops at an indirect descriptor, which it leaves
 * in *d. false: the ring is bad.
 */
static bool
walk_table(struct walk *w, const uint8_t *table, uint32_t n, uint32_t i,
	   uint32_t *budget, struct desc *d)
{
	for (;;) {
		if (i >= n || *budget == 0)
			return false;
		*d = desc_load(table, i);
		if (d->flags & DESC_F_INDIRECT)
			return true;
		(*budget)--;
		walk_buffer(w, d);
		if (!(d->flags & DESC_F_NEXT))
			return true;
		i = d->next;
	}
}

/* The chain goes on, and ends, in an indirect table (2.7.5.3). */
static bool
walk_indirect(struct walk *w, const struct desc *table, uint32_t *budget)
{
	uint32_t n = table->len / DESC_SIZE;
	const uint8_t *p;
	struct desc d;

	if (!w->r->indirect || (table->flags & DESC_F_NEXT) ||
	    table->len % DESC_SIZE || n == 0 || n > w->r->size)
		return false;
	p = map_translate(w->r->map, table->addr, table->len, false);
	if (!p || !walk_table(w, p, n, 0, budget, &d))
		return false;
	return !(d.flags & DESC_F_INDIRECT);
}

static bool
walk_chain(struct walk *w, uint16_t head)
{
	uint32_t budget = w->r->size;
	struct desc d;

	if (!walk_table(w, w->r->desc, w->r->size, head, &budget, &d))
		return false;
	if (d.flags & DESC_F_INDIRECT)
		return walk_indirect(w, &d, &budget);
	return true;
}

/* The driver's next head, taken and marked. false: the ring is bad. */
static bool
take_head(struct split *r, uint16_t *head)
{
	uint64_t bit;

	if ((uint16_t)(r->avail_idx - r->last_avail) > r->size)
		return false;
	*head = guest_load16(&r->avail->ring[r->last_avail & r->mask]);
	bit = UINT64_C(1) << (*head % 64);
	if (*head >= r->size || (r->inflight[*head / 64] & bit))
		return false;
	r->inflight[*head / 64] |= bit;
	r->n_inflight++;
	r->last_avail++;
	return true;
}

static void
untake_head(struct split *r, uint16_t head)
{
	r->inflight[head / 64] &= ~(UINT64_C(1) << (head % 64));
	r->n_inflight--;
	r->last_avail--;
}

int
split_pop(struct split *r, uint16_t *head, struct iovec *iov, uint16_t *flags,
	  int n_iov, struct split_bad_chain *bad)
{
	struct walk w = {
		.r = r,
		.iov = iov,
		.flags = flags,
		.n_iov = n_iov,
		.bad_chain = bad,
	};

	if (!split_has_avail(r))
		return 0;
	if (!take_head(r, head))
		return SPLIT_BAD_RING;
	if (!walk_chain(&w, *head)) {
		untake_head(r, *head);
		return SPLIT_BAD_RING;
	}
	if (w.n == 0 && !w.bad) {
		bad->has_last = false;
		w.bad = true;
	}
	if (w.bad) {
		r->can_unpop = false;
		return SPLIT_BAD_CHAIN;
	}
	r->last_head = *head;
	r->can_unpop = true;
	return w.n;
}
