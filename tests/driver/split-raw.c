// SPDX-License-Identifier: BSD-3-Clause
/* Single fields of a split virtqueue, written and read without a question. */
#include <errno.h>
#include <string.h>

#include "driver/bytes.h"
#include "driver/split.h"

#define AVAIL_FLAGS 0
#define AVAIL_IDX   2
#define AVAIL_RING  4
#define USED_FLAGS  0
#define USED_IDX    2
#define USED_RING   4

/* Descriptor or used-element i, modulo the ring. */
static uint8_t *
desc_at(const struct drv_split *s, uint16_t i)
{
	return s->desc + (size_t)(i % s->size) * DRV_DESC_SIZE;
}

static uint8_t *
used_at(const struct drv_split *s, uint16_t slot)
{
	return s->used + USED_RING + (size_t)(slot % s->size) * 8;
}

static void
put_desc(uint8_t *p, const struct drv_desc *d)
{
	drv_store64(p, d->addr);
	drv_store32(p + 8, d->len);
	drv_store16(p + 12, d->flags);
	drv_store16(p + 14, d->next);
}

void
drv_split_raw_desc(struct drv_split *s, uint16_t i, uint64_t addr, uint32_t len,
		   uint16_t flags, uint16_t next)
{
	struct drv_desc d = { addr, len, flags, next };

	if (s->desc)
		put_desc(desc_at(s, i), &d);
}

struct drv_desc
drv_split_raw_get_desc(const struct drv_split *s, uint16_t i)
{
	struct drv_desc d = { 0, 0, 0, 0 };

	if (s->desc) {
		const uint8_t *p = desc_at(s, i);

		d.addr = drv_load64(p);
		d.len = drv_load32(p + 8);
		d.flags = drv_load16(p + 12);
		d.next = drv_load16(p + 14);
	}
	return d;
}

int
drv_split_raw_table(struct drv_ram *ram, uint64_t table_gpa, uint32_t i,
		    const struct drv_desc *desc)
{
	uint8_t buf[DRV_DESC_SIZE];

	put_desc(buf, desc);
	return drv_ram_write(ram, table_gpa + (uint64_t)i * DRV_DESC_SIZE, buf,
			     sizeof(buf));
}

void
drv_split_raw_avail(struct drv_split *s, uint16_t slot, uint16_t head)
{
	s->heads[slot % s->size] = head;
	if (s->avail)
		drv_store16(s->avail + AVAIL_RING +
				    2 * (size_t)(slot % s->size),
			    head);
}

void
drv_split_raw_avail_idx(struct drv_split *s, uint16_t idx)
{
	if (s->avail)
		drv_store16(s->avail + AVAIL_IDX, idx);
}

void
drv_split_raw_avail_flags(struct drv_split *s, uint16_t flags)
{
	if (s->avail)
		drv_store16(s->avail + AVAIL_FLAGS, flags);
}

void
drv_split_raw_used_event(struct drv_split *s, uint16_t event)
{
	if (s->avail)
		drv_store16(s->avail + AVAIL_RING + 2 * (size_t)s->size, event);
}

uint16_t
drv_split_raw_get_avail_idx(const struct drv_split *s)
{
	return s->avail ? drv_load16(s->avail + AVAIL_IDX) : 0;
}

uint16_t
drv_split_raw_get_used_idx(const struct drv_split *s)
{
	return s->used ? drv_load16(s->used + USED_IDX) : 0;
}

uint16_t
drv_split_raw_get_used_flags(const struct drv_split *s)
{
	return s->used ? drv_load16(s->used + USED_FLAGS) : 0;
}

uint16_t
drv_split_raw_get_avail_event(const struct drv_split *s)
{
	return s->used ? drv_load16(s->used + USED_RING + 8 * (size_t)s->size)
		       : 0;
}

struct drv_used
drv_split_raw_get_used(const struct drv_split *s, uint16_t slot)
{
	struct drv_used u = { 0 };

	if (s->used) {
		u.id = drv_load32(used_at(s, slot));
		u.len = drv_load32(used_at(s, slot) + 4);
	}
	return u;
}

void
drv_split_raw_used_idx(struct drv_split *s, uint16_t idx)
{
	if (s->used)
		drv_store16(s->used + USED_IDX, idx);
}

void
drv_split_raw_used_flags(struct drv_split *s, uint16_t flags)
{
	if (s->used)
		drv_store16(s->used + USED_FLAGS, flags);
}

void
drv_split_raw_used(struct drv_split *s, uint16_t slot, uint32_t id,
		   uint32_t len)
{
	if (!s->used)
		return;
	drv_store32(used_at(s, slot), id);
	drv_store32(used_at(s, slot) + 4, len);
}

void
drv_split_raw_offer(struct drv_split *s, uint16_t head)
{
	s->heads[s->avail_idx % s->size] = head;
	drv_split_raw_avail(s, s->avail_idx, head);
	s->avail_idx++;
	drv_split_publish(s);
}
