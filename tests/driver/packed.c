// SPDX-License-Identifier: BSD-3-Clause
/* A packed virtqueue, driver side: chains, kicks, used descriptors. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "driver/bytes.h"
#include "driver/packed.h"

#define DEFAULT_TABLE_LEN 128
#define MAX_SIZE          32768
#define NO_ID             0xffffu /* where the spec does not ask for one */

uint64_t
drv_packed_desc_bytes(uint16_t size)
{
	return (uint64_t)DRV_DESC_SIZE * size;
}

static uint16_t
common_divisor(uint16_t a, uint16_t b)
{
	while (b) {
		uint16_t rest = a % b;

		a = b;
		b = rest;
	}
	return a;
}

/* All ids once, none (where that can be) where its place in the ring is. */
static void
shuffle_ids(struct drv_packed *p)
{
	uint16_t step = (uint16_t)(p->size / 8 * 5) | 1;
	uint32_t id = p->size / 2;

	while (common_divisor(p->size, step) != 1)
		step = (uint16_t)(step + 2);
	for (uint32_t i = 0; i < p->size; i++) {
		p->free_ids[i] = (uint16_t)id;
		id = (id + step) % p->size;
	}
	p->first_free_id = 0;
}

void
drv_packed_reset(struct drv_packed *p)
{
	if (p->desc)
		memset(p->desc, 0, drv_packed_desc_bytes(p->size));
	if (p->driver)
		memset(p->driver, 0, DRV_PACKED_EVENT_BYTES);
	if (p->device)
		memset(p->device, 0, DRV_PACKED_EVENT_BYTES);
	memset(p->shown, 0, p->size * sizeof(*p->shown));
	for (uint32_t i = 0; i < p->size; i++) {
		p->chains[i].in_flight = false;
		p->chains[i].cookie = NULL;
	}
	shuffle_ids(p);
	p->n_chains = 0;
	p->n_staged = 0;
	p->added = 0;
	p->published = 0;
	p->kicked = 0;
	p->used = 0;
	p->batch_left = 0;
}

/* Where the areas are in memory. */
static void
find_areas(struct drv_packed *p)
{
	p->desc = drv_ram_ptr(p->ram, p->desc_gpa,
			      drv_packed_desc_bytes(p->size));
	p->driver = drv_ram_ptr(p->ram, p->driver_gpa, DRV_PACKED_EVENT_BYTES);
	p->device = drv_ram_ptr(p->ram, p->device_gpa, DRV_PACKED_EVENT_BYTES);
}

int
drv_packed_set_ram(struct drv_packed *p, struct drv_ram *ram)
{
	p->ram = ram;
	find_areas(p);
	return p->desc && p->driver && p->device ? 0 : -EFAULT;
}

int
drv_packed_init_at(struct drv_packed *p, struct drv_ram *ram, uint16_t size,
		   uint64_t desc_gpa, uint64_t driver_gpa, uint64_t device_gpa)
{
	memset(p, 0, sizeof(*p));
	if (!size || size > MAX_SIZE)
		return -EINVAL;
	p->ram = ram;
	p->size = size;
	p->table_len = DEFAULT_TABLE_LEN;
	p->desc_gpa = desc_gpa;
	p->driver_gpa = driver_gpa;
	p->device_gpa = device_gpa;
	find_areas(p);
	p->shown = calloc(size, sizeof(*p->shown));
	p->heads = calloc(size, sizeof(*p->heads));
	p->ids = calloc(size, sizeof(*p->ids));
	p->chains = calloc(size, sizeof(*p->chains));
	p->free_ids = calloc(size, sizeof(*p->free_ids));
	if (!p->shown || !p->heads || !p->ids || !p->chains || !p->free_ids) {
		drv_packed_deinit(p);
		return -ENOMEM;
	}
	drv_packed_reset(p);
	return 0;
}

int
drv_packed_init(struct drv_packed *p, struct drv_ram *ram, uint16_t size)
{
	uint64_t desc = drv_ram_alloc(ram, drv_packed_desc_bytes(size), 16);
	uint64_t driver = drv_ram_alloc(ram, DRV_PACKED_EVENT_BYTES, 4);
	uint64_t device = drv_ram_alloc(ram, DRV_PACKED_EVENT_BYTES, 4);

	memset(p, 0, sizeof(*p));
	if (!desc || !driver || !device)
		return -ENOSPC;
	return drv_packed_init_at(p, ram, size, desc, driver, device);
}

void
drv_packed_deinit(struct drv_packed *p)
{
	free(p->shown);
	free(p->heads);
	free(p->ids);
	free(p->chains);
	free(p->free_ids);
	p->shown = NULL;
	p->heads = NULL;
	p->ids = NULL;
	p->chains = NULL;
	p->free_ids = NULL;
}

struct drv_areas
drv_packed_areas(const struct drv_packed *p)
{
	return (struct drv_areas){ p->size, p->desc_gpa, p->driver_gpa,
				   p->device_gpa };
}

/* ---- chains ---- */

uint16_t
drv_packed_n_free(const struct drv_packed *p)
{
	return (uint16_t)(p->size - (p->added - p->used));
}

uint16_t
drv_packed_in_flight(const struct drv_packed *p)
{
	return (uint16_t)(p->n_chains - p->n_staged);
}

static uint16_t
next_id(const struct drv_packed *p)
{
	return p->free_ids[p->first_free_id];
}

/* Write a descriptor as it has to be; a head keeps its old flags for now. */
static void
put_desc(struct drv_packed *p, uint64_t place, struct drv_pdesc *d, bool head)
{
	struct drv_pdesc now = *d;

	d->flags |= drv_packed_avail_bits(p, place);
	now.flags = d->flags;
	if (head)
		now.flags = drv_packed_raw_get_desc(p, place).flags;
	drv_packed_raw_desc(p, place, &now);
	p->shown[place % p->size] = *d;
}

/* A chain of n descriptors has been written: it has an id, and is staged. */
static int
chain_take(struct drv_packed *p, const struct drv_seg *segs, int n_segs,
	   uint16_t n_descs, void *cookie)
{
	uint16_t id = next_id(p);
	struct drv_packed_chain *c = &p->chains[id];

	c->cookie = cookie;
	c->writable = 0;
	for (int i = 0; i < n_segs; i++)
		c->writable += segs[i].write ? segs[i].len : 0;
	c->place = p->added;
	c->n_descs = n_descs;
	c->in_flight = true;
	p->heads[p->added % p->size] = n_descs;
	p->ids[p->added % p->size] = id;
	p->added += n_descs;
	p->first_free_id = (uint16_t)((p->first_free_id + 1) % p->size);
	p->n_chains++;
	p->n_staged++;
	return id;
}

/* Its descriptors and its id are free; the id goes behind the others. */
static void
chain_free(struct drv_packed *p, uint16_t id)
{
	uint32_t n_free_ids = (uint32_t)p->size - p->n_chains;

	p->chains[id].in_flight = false;
	p->free_ids[(p->first_free_id + n_free_ids) % p->size] = id;
	p->n_chains--;
	p->used += p->chains[id].n_descs;
}

int
drv_packed_add(struct drv_packed *p, const struct drv_seg *segs, int n,
	       void *cookie)
{
	if (n < 1)
		return -EINVAL;
	if (n > drv_packed_n_free(p))
		return -ENOSPC;
	for (int k = 0; k < n; k++) {
		struct drv_pdesc d = { segs[k].gpa, segs[k].len, NO_ID, 0 };

		d.flags = segs[k].write ? DRV_DESC_WRITE : 0;
		if (k + 1 < n)
			d.flags |= DRV_DESC_NEXT;
		else
			d.id = next_id(p); /* only here (2.8.6) */
		put_desc(p, p->added + (uint64_t)k, &d, k == 0);
	}
	return chain_take(p, segs, n, (uint16_t)n, cookie);
}

int
drv_packed_add_indirect(struct drv_packed *p, const struct drv_seg *segs, int n,
			void *cookie)
{
	struct drv_pdesc head = { 0, DRV_DESC_SIZE * (uint32_t)n, 0,
				  DRV_DESC_INDIRECT };
	struct drv_packed_chain *c = &p->chains[next_id(p)];

	if (n < 1 || n > p->table_len)
		return -EINVAL;
	if (!drv_packed_n_free(p))
		return -ENOSPC;
	if (!c->table)
		c->table = drv_ram_alloc(
			p->ram, (uint64_t)DRV_DESC_SIZE * p->table_len, 16);
	if (!c->table)
		return -ENOMEM;
	for (int k = 0; k < n; k++) {
		struct drv_pdesc d = { segs[k].gpa, segs[k].len, 0, 0 };
		int rc;

		d.flags = segs[k].write ? DRV_DESC_WRITE : 0;
		rc = drv_packed_raw_table(p->ram, c->table, (uint32_t)k, &d);
		if (rc < 0)
			return rc;
	}
	head.addr = c->table;
	head.id = next_id(p);
	put_desc(p, p->added, &head, true);
	return chain_take(p, segs, n, 1, cookie);
}

void
drv_packed_publish(struct drv_packed *p)
{
	uint64_t first = p->published, place = first;

	if (first == p->added)
		return;
	while ((place += p->heads[place % p->size]) < p->added)
		drv_packed_raw_flags(p, place, p->shown[place % p->size].flags);
	/* A release store: all the rest comes first (2.8.13.1). */
	drv_packed_raw_flags(p, first, p->shown[first % p->size].flags);
	p->published = p->added;
	p->n_staged = 0;
}

/* ---- notifications ---- */

bool
drv_packed_kick_needed(struct drv_packed *p)
{
	uint64_t from = p->kicked, to = p->published, lap = 2u * p->size, at;
	struct drv_packed_event event;

	p->kicked = to;
	if (from == to)
		return false;
	/* The device's wish is read after it can see the flags (2.8.13.3). */
	if (p->driver)
		drv_store_load_barrier(p->driver);
	event = drv_packed_raw_get_device_event(p);
	if (event.flags == DRV_EVENT_DISABLE)
		return false;
	if (event.flags != DRV_EVENT_DESC || !p->event_idx)
		return true;
	at = event.off_wrap & ~DRV_PACKED_WRAP;
	if (at >= p->size)
		return true;
	if (!(event.off_wrap & DRV_PACKED_WRAP))
		at += p->size;
	return (at + lap - from % lap) % lap < to - from;
}

void
drv_packed_interrupts(struct drv_packed *p, bool on)
{
	uint16_t flags = DRV_EVENT_DISABLE;

	if (on)
		flags = p->event_idx ? DRV_EVENT_DESC : DRV_EVENT_ENABLE;
	drv_packed_raw_driver_event(
		p, p->event_idx ? drv_packed_off_wrap(p, p->used) : 0, flags);
}

/* ---- used descriptors ---- */

bool
drv_packed_has_used(const struct drv_packed *p)
{
	return p->batch_left > 0 || drv_packed_raw_is_used(p, p->used);
}

/* In order: the place behind n chains from this one on. */
static uint64_t
skip_chains(const struct drv_packed *p, uint64_t place, uint16_t n)
{
	for (; n > 0; n--)
		place += p->heads[place % p->size];
	return place;
}

/*
 * How many chains the used descriptor at a place stands for, by its buffer id:
 * in order, all up to that one. 0 if it cannot stand for any.
 */
static uint16_t
batch_size(const struct drv_packed *p, uint64_t place, uint16_t id)
{
	uint16_t n = 1;

	if (id >= p->size || !p->chains[id].in_flight ||
	    p->chains[id].place >= p->published)
		return 0;
	if (!p->in_order)
		return 1;
	for (; place < p->published; n++) {
		if (p->ids[place % p->size] == id)
			return n;
		place += p->heads[place % p->size];
	}
	return 0;
}

/* Is a descriptor as the driver has written it? */
static bool
is_untouched(const struct drv_packed *p, uint64_t place)
{
	const struct drv_pdesc *want = &p->shown[place % p->size];
	struct drv_pdesc d = drv_packed_raw_get_desc(p, place);

	return d.addr == want->addr && d.len == want->len && d.id == want->id &&
	       d.flags == want->flags;
}

/* Is what a used descriptor says about a batch of n chains possible? */
static bool
is_plausible(const struct drv_packed *p, const struct drv_pdesc *d, uint16_t n)
{
	const struct drv_packed_chain *c = &p->chains[d->id];
	uint64_t end;

	if ((d->flags & DRV_DESC_WRITE) && !c->writable)
		return false;
	end = p->in_order ? skip_chains(p, p->used, n) : p->used + c->n_descs;
	for (uint64_t place = p->used + 1; place < end; place++) {
		if (!is_untouched(p, place))
			return false;
	}
	return true;
}

/* Look at the next used descriptor. 1, 0 if there is none, or -EPROTO. */
static int
look(struct drv_packed *p, uint16_t *id)
{
	struct drv_pdesc d = drv_packed_raw_get_desc(p, p->used);
	uint16_t both = DRV_PDESC_AVAIL | DRV_PDESC_USED, n;
	bool in_flight = p->used < p->published;
	uint16_t was = p->shown[p->used % p->size].flags;

	if ((d.flags & both) != drv_packed_used_bits(p, p->used))
		return in_flight && d.flags != was ? -EPROTO : 0;
	n = in_flight ? batch_size(p, p->used, d.id) : 0;
	if (!n || !is_plausible(p, &d, n))
		return -EPROTO;
	*id = d.id;
	p->batch_left = n;
	p->batch_len = d.flags & DRV_DESC_WRITE ? d.len : 0;
	return 1;
}

int
drv_packed_reap(struct drv_packed *p, struct drv_used *out)
{
	uint16_t id = 0;

	if (!p->batch_left) {
		int rc = look(p, &id);

		if (rc <= 0)
			return rc;
	}
	if (p->in_order)
		id = p->ids[p->used % p->size];
	p->batch_left--;
	out->id = id;
	out->skipped = p->batch_left > 0;
	out->len = out->skipped ? (uint32_t)p->chains[id].writable
				: p->batch_len;
	out->cookie = p->chains[id].cookie;
	chain_free(p, id);
	return out->len > p->chains[id].writable ? -EOVERFLOW : 1;
}

uint32_t
drv_packed_base(const struct drv_packed *p)
{
	uint64_t place = skip_chains(p, p->used, p->batch_left);
	uint32_t base;

	while (place < p->published && drv_packed_raw_is_used(p, place)) {
		uint16_t id = drv_packed_raw_get_desc(p, place).id;
		uint16_t n = batch_size(p, place, id);

		if (!n)
			break;
		place = p->in_order ? skip_chains(p, place, n)
				    : place + p->chains[id].n_descs;
	}
	base = drv_packed_off_wrap(p, place);
	return base | base << 16;
}
