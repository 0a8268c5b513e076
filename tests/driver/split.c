// SPDX-License-Identifier: BSD-3-Clause
/* A split virtqueue, driver side: free list, chains, kicks, used elements. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "driver/bytes.h"
#include "driver/split.h"

#define DEFAULT_TABLE_LEN 128

uint64_t
drv_split_desc_bytes(uint16_t size)
{
	return (uint64_t)DRV_DESC_SIZE * size;
}

uint64_t
drv_split_avail_bytes(uint16_t size)
{
	return 6 + 2 * (uint64_t)size;
}

uint64_t
drv_split_used_bytes(uint16_t size)
{
	return 6 + 8 * (uint64_t)size;
}

static uint64_t
round_up(uint64_t n, uint32_t align)
{
	return (n + align - 1) & ~((uint64_t)align - 1);
}

uint64_t
drv_split_legacy_bytes(uint16_t size, uint32_t align)
{
	return round_up(drv_split_desc_bytes(size) +
				drv_split_avail_bytes(size),
			align) +
	       round_up(drv_split_used_bytes(size), align);
}

void
drv_split_reset(struct drv_split *s)
{
	if (s->desc)
		memset(s->desc, 0, drv_split_desc_bytes(s->size));
	if (s->avail)
		memset(s->avail, 0, drv_split_avail_bytes(s->size));
	if (s->used)
		memset(s->used, 0, drv_split_used_bytes(s->size));
	for (uint32_t i = 0; i < s->size; i++) {
		s->next[i] = (uint16_t)((i + 1) % s->size);
		s->chains[i].in_flight = false;
		s->chains[i].cookie = NULL;
	}
	s->free_head = 0;
	s->n_free = s->size;
	s->avail_idx = 0;
	s->published = 0;
	s->kicked = 0;
	s->used_idx = 0;
	s->batch_left = 0;
}

/* Where the areas are in memory. */
static void
find_areas(struct drv_split *s)
{
	s->desc =
		drv_ram_ptr(s->ram, s->desc_gpa, drv_split_desc_bytes(s->size));
	s->avail = drv_ram_ptr(s->ram, s->avail_gpa,
			       drv_split_avail_bytes(s->size));
	s->used =
		drv_ram_ptr(s->ram, s->used_gpa, drv_split_used_bytes(s->size));
}

int
drv_split_set_ram(struct drv_split *s, struct drv_ram *ram)
{
	s->ram = ram;
	find_areas(s);
	return s->desc && s->avail && s->used ? 0 : -EFAULT;
}

int
drv_split_init_at(struct drv_split *s, struct drv_ram *ram, uint16_t size,
		  uint64_t desc_gpa, uint64_t avail_gpa, uint64_t used_gpa)
{
	memset(s, 0, sizeof(*s));
	if (!size)
		return -EINVAL;
	s->ram = ram;
	s->size = size;
	s->table_len = DEFAULT_TABLE_LEN;
	s->desc_gpa = desc_gpa;
	s->avail_gpa = avail_gpa;
	s->used_gpa = used_gpa;
	find_areas(s);
	s->next = calloc(size, sizeof(*s->next));
	s->heads = calloc(size, sizeof(*s->heads));
	s->chains = calloc(size, sizeof(*s->chains));
	if (!s->next || !s->heads || !s->chains) {
		drv_split_deinit(s);
		return -ENOMEM;
	}
	drv_split_reset(s);
	return 0;
}

int
drv_split_init(struct drv_split *s, struct drv_ram *ram, uint16_t size)
{
	uint64_t desc = drv_ram_alloc(ram, drv_split_desc_bytes(size), 16);
	uint64_t avail = drv_ram_alloc(ram, drv_split_avail_bytes(size), 2);
	uint64_t used = drv_ram_alloc(ram, drv_split_used_bytes(size), 4);

	memset(s, 0, sizeof(*s));
	if (!desc || !avail || !used)
		return -ENOSPC;
	return drv_split_init_at(s, ram, size, desc, avail, used);
}

int
drv_split_init_legacy(struct drv_split *s, struct drv_ram *ram, uint16_t size,
		      uint32_t align)
{
	uint64_t desc =
		drv_ram_alloc(ram, drv_split_legacy_bytes(size, align), align);
	uint64_t avail = desc + drv_split_desc_bytes(size);

	memset(s, 0, sizeof(*s));
	if (!desc)
		return -ENOSPC;
	return drv_split_init_at(
		s, ram, size, desc, avail,
		round_up(avail + drv_split_avail_bytes(size), align));
}

void
drv_split_deinit(struct drv_split *s)
{
	free(s->next);
	free(s->heads);
	free(s->chains);
	s->next = NULL;
	s->heads = NULL;
	s->chains = NULL;
}

struct drv_areas
drv_split_areas(const struct drv_split *s)
{
	return (struct drv_areas){ s->size, s->desc_gpa, s->avail_gpa,
				   s->used_gpa };
}

static uint64_t
writable_bytes(const struct drv_seg *segs, int n)
{
	uint64_t sum = 0;

	for (int i = 0; i < n; i++)
		sum += segs[i].write ? segs[i].len : 0;
	return sum;
}

/* Take n descriptors off the free list: the chain from its head to last. */
static void
chain_take(struct drv_split *s, uint16_t head, uint16_t last, uint16_t n)
{
	struct drv_chain *c = &s->chains[head];

	c->n_descs = n;
	c->last = last;
	c->in_flight = true;
	s->free_head = s->next[last];
	s->n_free = (uint16_t)(s->n_free - n);
	drv_split_raw_avail(s, s->avail_idx, head);
	s->avail_idx++;
}

/*
 * Put a chain's descriptors back at the front of the free list. In order, they
 * are at its end already: the table is used round and round (2.7.5).
 */
static void
chain_free(struct drv_split *s, uint16_t head)
{
	struct drv_chain *c = &s->chains[head];

	c->in_flight = false;
	s->n_free = (uint16_t)(s->n_free + c->n_descs);
	if (s->in_order)
		return;
	s->next[c->last] = s->free_head;
	s->free_head = head;
}

int
drv_split_add(struct drv_split *s, const struct drv_seg *segs, int n,
	      void *cookie)
{
	uint16_t head = s->free_head, i = head, last = head;

	if (n < 1)
		return -EINVAL;
	if (n > s->n_free)
		return -ENOSPC;
	for (int k = 0; k < n; k++) {
		uint16_t flags = segs[k].write ? DRV_DESC_WRITE : 0;
		uint16_t next = k + 1 < n ? s->next[i] : 0;

		if (k + 1 < n)
			flags |= DRV_DESC_NEXT;
		drv_split_raw_desc(s, i, segs[k].gpa, segs[k].len, flags, next);
		last = i;
		i = s->next[i];
	}
	s->chains[head].cookie = cookie;
	s->chains[head].writable = writable_bytes(segs, n);
	chain_take(s, head, last, (uint16_t)n);
	return head;
}

int
drv_split_add_indirect(struct drv_split *s, const struct drv_seg *segs, int n,
		       void *cookie)
{
	uint16_t head = s->free_head;
	struct drv_chain *c;
	int rc = 0;

	if (n < 1 || n > s->table_len)
		return -EINVAL;
	if (!s->n_free)
		return -ENOSPC;
	c = &s->chains[head];
	if (!c->table)
		c->table = drv_ram_alloc(
			s->ram, (uint64_t)DRV_DESC_SIZE * s->table_len, 16);
	if (!c->table)
		return -ENOMEM;
	for (int k = 0; k < n && rc == 0; k++) {
		struct drv_desc d = { segs[k].gpa, segs[k].len, 0, 0 };

		d.flags = segs[k].write ? DRV_DESC_WRITE : 0;
		if (k + 1 < n) {
			d.flags |= DRV_DESC_NEXT;
			d.next = (uint16_t)(k + 1);
		}
		rc = drv_split_raw_table(s->ram, c->table, (uint32_t)k, &d);
	}
	if (rc < 0)
		return rc;
	drv_split_raw_desc(s, head, c->table, DRV_DESC_SIZE * (uint32_t)n,
			   DRV_DESC_INDIRECT, 0);
	c->cookie = cookie;
	c->writable = writable_bytes(segs, n);
	chain_take(s, head, head, 1);
	return head;
}

void
drv_split_publish(struct drv_split *s)
{
	/* A release store: the descriptors come first (2.7.13.3). */
	drv_split_raw_avail_idx(s, s->avail_idx);
	s->published = s->avail_idx;
}

bool
drv_split_kick_needed(struct drv_split *s)
{
	uint16_t from = s->kicked, to = s->published, event;

	s->kicked = to;
	if (from == to)
		return false;
	/* The device's wish is read after it can see the index (2.7.13.4). */
	if (s->avail)
		drv_store_load_barrier(s->avail + 2);
	if (!s->event_idx)
		return !(drv_split_raw_get_used_flags(s) & DRV_USED_NO_NOTIFY);
	event = drv_split_raw_get_avail_event(s);
	return (uint16_t)(to - event - 1) < (uint16_t)(to - from);
}

bool
drv_split_has_used(const struct drv_split *s)
{
	return drv_split_raw_get_used_idx(s) != s->used_idx;
}

/* The next element stands for how many of the first n chains; 0: for none. */
static uint16_t
batch_size(const struct drv_split *s, uint32_t id, uint16_t n)
{
	for (uint16_t i = 0; i < n; i++) {
		if (s->heads[(uint16_t)(s->used_idx + i) % s->size] == id)
			return (uint16_t)(i + 1);
	}
	return 0;
}

/* The oldest chain has come back: by its own element, or by a later one. */
static int
used_in_order(struct drv_split *s, uint16_t ahead, struct drv_used *u)
{
	uint16_t head = s->heads[s->used_idx % s->size];

	if (!s->batch_left) {
		*u = drv_split_raw_get_used(s, s->used_idx);
		s->batch_left = batch_size(s, u->id, ahead);
		s->batch_len = u->len;
	}
	if (!s->batch_left)
		return -EPROTO;
	s->batch_left--;
	u->id = head;
	u->skipped = s->batch_left > 0;
	u->len = u->skipped ? (uint32_t)s->chains[head].writable : s->batch_len;
	return 1;
}

int
drv_split_reap(struct drv_split *s, struct drv_used *out)
{
	uint16_t ahead =
		(uint16_t)(drv_split_raw_get_used_idx(s) - s->used_idx);
	struct drv_used u = { 0 };

	if (!ahead)
		return 0;
	if (ahead > drv_split_in_flight(s))
		return -EPROTO;
	if (!s->in_order)
		u = drv_split_raw_get_used(s, s->used_idx);
	else if (used_in_order(s, ahead, &u) < 0)
		return -EPROTO;
	if (u.id >= s->size || !s->chains[u.id].in_flight)
		return -EPROTO;
	u.cookie = s->chains[u.id].cookie;
	chain_free(s, (uint16_t)u.id);
	s->used_idx++;
	*out = u;
	return u.len > s->chains[u.id].writable ? -EOVERFLOW : 1;
}

uint16_t
drv_split_in_flight(const struct drv_split *s)
{
	return (uint16_t)(s->published - s->used_idx);
}

void
drv_split_interrupts(struct drv_split *s, bool on)
{
	if (s->event_idx) {
		drv_split_raw_used_event(s, on ? s->used_idx
					       : (uint16_t)(s->used_idx - 1));
		return;
	}
	drv_split_raw_avail_flags(s, on ? 0 : DRV_AVAIL_NO_INTERRUPT);
}
