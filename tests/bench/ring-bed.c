// SPDX-License-Identifier: BSD-3-Clause
/* Guest RAM, a ring in it, and the cheapest driver. Little-endian hosts. */
#include "bench/ring-bed.h"

#include <string.h>

#include "bench/bench.h"

#define DESC_SIZE       16
#define DESC_F_NEXT     1u
#define DESC_F_WRITE    2u
#define DESC_F_INDIRECT 4u

#define AVAIL_F_NO_INTERRUPT 1
#define USED_F_NO_NOTIFY     1

#define R(bytes)                                                               \
	{                                                                      \
		bytes, false                                                   \
	}
#define W(bytes)                                                               \
	{                                                                      \
		bytes, true                                                    \
	}
#define W4K W(4096)
#define SG18                                                                   \
	{                                                                      \
		R(16), W4K, W4K, W4K, W4K, W4K, W4K, W4K, W4K, W4K, W4K, W4K,  \
			W4K, W4K, W4K, W4K, W4K, W(1)                          \
	}

const struct ring_shape bed_shapes[BED_N_SHAPES] = {
	{ "d1", false, 1, { R(1514) }, 0 },
	{ "blk3", false, 3, { R(16), W4K, W(1) }, 4097 },
	{ "ind3", true, 3, { R(16), W4K, W(1) }, 4097 },
	{ "sg18", false, 18, SG18, 16 * 4096 + 1 },
	{ "isg18", true, 18, SG18, 16 * 4096 + 1 },
};

const struct ring_shape *
bed_shape(const char *name)
{
	for (int i = 0; i < BED_N_SHAPES; i++)
		if (strcmp(bed_shapes[i].name, name) == 0)
			return &bed_shapes[i];
	return NULL;
}

void
bed_init(struct ring_bed *bed)
{
	int low, high;

	memset(bed, 0, sizeof(*bed));
	drv_ram_init(&bed->ram);
	low = drv_ram_add(&bed->ram, BED_LOW_GPA, BED_LOW_SIZE, DRV_RAM_MEMFD);
	high = drv_ram_add(&bed->ram, BED_HIGH_GPA, BED_HIGH_SIZE,
			   DRV_RAM_MEMFD);
	(void)bench_must("guest RAM", low < 0 ? low : high);
	bed->low = drv_ram_region(&bed->ram, low)->hva;
	bed->high = drv_ram_region(&bed->ram, high)->hva;
	bed->desc = bed->low + BED_DESC_GPA;
	bed->avail = (void *)(bed->low + BED_AVAIL_GPA);
	bed->used = (void *)(bed->low + BED_USED_GPA);
}

void
bed_deinit(struct ring_bed *bed)
{
	drv_ram_deinit(&bed->ram);
}

void
bed_reset(struct ring_bed *bed, const struct ring_shape *shape, bool event_idx)
{
	bed->shape = shape;
	bed->event_idx = event_idx;
	bed->n_slots = shape->indirect ? BED_QSIZE
				       : (uint16_t)(BED_QSIZE / shape->n);
	bed->avail_idx = bed->used_idx = bed->kick_idx = 0;
	bed->next_slot = bed->oldest_slot = 0;
	memset(bed->desc, 0, (size_t)DESC_SIZE * BED_QSIZE);
	memset(bed->avail, 0, sizeof(*bed->avail));
	memset(bed->used, 0, sizeof(*bed->used));
	if (!event_idx)
		bed->avail->flags = AVAIL_F_NO_INTERRUPT;
	bed_no_interrupt(bed);
}

typedef uint64_t desc_words __attribute__((vector_size(DESC_SIZE)));

static inline void
store_desc(uint8_t *table, uint32_t i, uint64_t addr, uint64_t rest)
{
	desc_words *slot = (void *)(table + (size_t)DESC_SIZE * i);

	*slot = (desc_words){ addr, rest };
}

/* n descriptors from entry first of a table on. */
static inline void
store_chain(struct ring_bed *bed, uint8_t *table, uint16_t first, uint16_t slot)
{
	const struct ring_shape *shape = bed->shape;
	uint64_t addr = bed_seg_gpa(bed, slot, 0);

	for (uint16_t i = 0; i < shape->n; i++, addr += BED_BUF_SIZE) {
		uint64_t flags = shape->seg[i].write ? DESC_F_WRITE : 0;
		uint64_t next = 0;

		if (i + 1 < shape->n) {
			flags |= DESC_F_NEXT;
			next = (uint64_t)(first + i + 1) << 48;
		}
		store_desc(table, (uint32_t)first + i, addr,
			   next | flags << 32 | shape->seg[i].len);
	}
}

void
bed_add(struct ring_bed *bed, uint16_t slot)
{
	const struct ring_shape *shape = bed->shape;
	uint16_t head = bed_head(bed, slot);
	size_t at = (size_t)slot * shape->n * DESC_SIZE;

	if (shape->indirect) {
		store_chain(bed, bed->low + BED_TABLES_GPA + at, 0, slot);
		store_desc(bed->desc, head, BED_TABLES_GPA + at,
			   (uint64_t)DESC_F_INDIRECT << 32 |
				   (uint64_t)shape->n * DESC_SIZE);
	} else {
		store_chain(bed, bed->desc, head, slot);
	}
	bed->avail->ring[bed->avail_idx++ % BED_QSIZE] = head;
}

bool
bed_publish(struct ring_bed *bed)
{
	uint16_t old = bed->kick_idx, new = bed->avail_idx, event;

	__atomic_store_n(&bed->avail->idx, new, __ATOMIC_RELEASE);
	/* The index must be out before we look whether to kick. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	bed->kick_idx = new;
	if (!bed->event_idx)
		return !(__atomic_load_n(&bed->used->flags, __ATOMIC_RELAXED) &
			 USED_F_NO_NOTIFY);
	event = __atomic_load_n(&bed->used->avail_event, __ATOMIC_RELAXED);
	return (uint16_t)(new - event - 1) < (uint16_t)(new - old);
}
