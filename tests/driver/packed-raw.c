// SPDX-License-Identifier: BSD-3-Clause
/* Single fields of a packed virtqueue, written and read without a question. */
#include <errno.h>
#include <string.h>

#include "driver/bytes.h"
#include "driver/packed.h"

#define DESC_LEN   8
#define DESC_ID    12
#define DESC_FLAGS 14

static uint8_t *
desc_at(const struct drv_packed *p, uint64_t i)
{
	return p->desc + (size_t)(i % p->size) * DRV_DESC_SIZE;
}

/* Flags come last: they make the descriptor what it is. */
static void
put_desc(uint8_t *to, const struct drv_pdesc *d)
{
	drv_store64(to, d->addr);
	drv_store32(to + DESC_LEN, d->len);
	drv_store16(to + DESC_ID, d->id);
	drv_store16(to + DESC_FLAGS, d->flags);
}

void
drv_packed_raw_desc(struct drv_packed *p, uint64_t i,
		    const struct drv_pdesc *desc)
{
	if (p->desc)
		put_desc(desc_at(p, i), desc);
}

/* Flags come first, for the same reason. */
struct drv_pdesc
drv_packed_raw_get_desc(const struct drv_packed *p, uint64_t i)
{
	struct drv_pdesc d = { 0, 0, 0, 0 };

	if (p->desc) {
		const uint8_t *from = desc_at(p, i);

		d.flags = drv_load16(from + DESC_FLAGS);
		d.id = drv_load16(from + DESC_ID);
		d.len = drv_load32(from + DESC_LEN);
		d.addr = drv_load64(from);
	}
	return d;
}

void
drv_packed_raw_flags(struct drv_packed *p, uint64_t i, uint16_t flags)
{
	if (p->desc)
		drv_store16(desc_at(p, i) + DESC_FLAGS, flags);
}

int
drv_packed_raw_table(struct drv_ram *ram, uint64_t table_gpa, uint32_t i,
		     const struct drv_pdesc *desc)
{
	uint8_t buf[DRV_DESC_SIZE];

	put_desc(buf, desc);
	return drv_ram_write(ram, table_gpa + (uint64_t)i * DRV_DESC_SIZE, buf,
			     sizeof(buf));
}

/* An event structure is written as one, and read as one. */
static void
put_event(uint8_t *to, uint16_t off_wrap, uint16_t flags)
{
	if (to)
		drv_store32(to, off_wrap | (uint32_t)flags << 16);
}

static struct drv_packed_event
get_event(const uint8_t *from)
{
	uint32_t v = from ? drv_load32(from) : 0;

	return (struct drv_packed_event){ (uint16_t)v, (uint16_t)(v >> 16) };
}

void
drv_packed_raw_driver_event(struct drv_packed *p, uint16_t off_wrap,
			    uint16_t flags)
{
	put_event(p->driver, off_wrap, flags);
}

void
drv_packed_raw_device_event(struct drv_packed *p, uint16_t off_wrap,
			    uint16_t flags)
{
	put_event(p->device, off_wrap, flags);
}

struct drv_packed_event
drv_packed_raw_get_driver_event(const struct drv_packed *p)
{
	return get_event(p->driver);
}

struct drv_packed_event
drv_packed_raw_get_device_event(const struct drv_packed *p)
{
	return get_event(p->device);
}

static bool
wrap_at(const struct drv_packed *p, uint64_t place)
{
	return !(place / p->size & 1);
}

uint16_t
drv_packed_off_wrap(const struct drv_packed *p, uint64_t place)
{
	uint16_t wrap = wrap_at(p, place) ? DRV_PACKED_WRAP : 0;

	return (uint16_t)(place % p->size) | wrap;
}

uint16_t
drv_packed_avail_bits(const struct drv_packed *p, uint64_t place)
{
	return wrap_at(p, place) ? DRV_PDESC_AVAIL : DRV_PDESC_USED;
}

uint16_t
drv_packed_used_bits(const struct drv_packed *p, uint64_t place)
{
	return wrap_at(p, place) ? DRV_PDESC_AVAIL | DRV_PDESC_USED : 0;
}

bool
drv_packed_raw_is_used(const struct drv_packed *p, uint64_t place)
{
	uint16_t both = DRV_PDESC_AVAIL | DRV_PDESC_USED;

	return p->desc && (drv_load16(desc_at(p, place) + DESC_FLAGS) & both) ==
				  drv_packed_used_bits(p, place);
}

void
drv_packed_raw_offer(struct drv_packed *p, const struct drv_pdesc *descs,
		     uint16_t n)
{
	p->heads[p->added % p->size] = n;
	p->ids[p->added % p->size] = descs[n - 1].id;
	for (uint16_t k = n; k-- > 0;) {
		struct drv_pdesc d = descs[k];

		d.flags ^= drv_packed_avail_bits(p, p->added + k);
		drv_packed_raw_desc(p, p->added + k, &d);
	}
	p->added += n;
	p->published = p->added;
}

void
drv_packed_raw_skip(struct drv_packed *p, uint16_t n)
{
	p->used += n;
}
