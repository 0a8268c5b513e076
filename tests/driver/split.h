/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A split virtqueue, driver side (virtio 1.4, 2.7), in two layers.
 *
 * The upper layer behaves: it keeps a free list, builds chains, publishes them,
 * decides about kicks, and checks what the device gives back. The lower layer
 * (drv_split_raw_*) writes and reads single fields, right or wrong, and looks
 * at nothing; a test may mix the two.
 *
 * One thread at a time. The three areas lie in guest RAM that must stay while
 * the queue lives. Calls return 0, a count, or a negative errno.
 */
#ifndef DRV_SPLIT_H
#define DRV_SPLIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "driver/ram.h"

#define DRV_DESC_NEXT     0x1u
#define DRV_DESC_WRITE    0x2u
#define DRV_DESC_INDIRECT 0x4u

#define DRV_AVAIL_NO_INTERRUPT 0x1u
#define DRV_USED_NO_NOTIFY     0x1u

#define DRV_DESC_SIZE 16u

/* Where a virtqueue is, in either layout (2.7, 2.8): what a device is told. */
struct drv_areas {
	uint16_t size;
	uint64_t desc_gpa;   /* descriptors */
	uint64_t driver_gpa; /* the available ring, or the driver's events */
	uint64_t device_gpa; /* the used ring, or the device's events */
};

/* One buffer of a chain. */
struct drv_seg {
	uint64_t gpa;
	uint32_t len;
	bool write; /* the device writes it */
};

struct drv_desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags;
	uint16_t next;
};

/* A chain that came back, and what the driver had attached to it. */
struct drv_used {
	uint32_t id;
	uint32_t len;
	void *cookie;
	/*
	 * In order: the device wrote nothing for this one, but something for
	 * one behind it. Then len is all that it may write (2.7.9, 2.8.8).
	 */
	bool skipped;
};

/* A chain in flight, by head. */
struct drv_chain {
	void *cookie;
	uint64_t writable; /* bytes that the device may write */
	uint64_t table;   /* gpa of the head's indirect table, 0 until needed */
	uint16_t n_descs; /* taken from the ring's table */
	uint16_t last;    /* its last descriptor */
	bool in_flight;
};

struct drv_split {
	struct drv_ram *ram; /* the caller's */
	uint16_t size;       /* entries */
	uint64_t desc_gpa;
	uint64_t avail_gpa;
	uint64_t used_gpa;
	bool event_idx;     /* set it when the feature has been negotiated */
	bool in_order;      /* likewise, before the first chain */
	uint16_t table_len; /* entries of an indirect table */

	/* Private; the copies in guest memory are written, never trusted. */
	uint8_t *desc, *avail, *used; /* host addresses; NULL: not in RAM */
	uint16_t *next;               /* free list and chain order */
	uint16_t *heads;              /* what was made available, by slot */
	struct drv_chain *chains;
	uint16_t free_head;
	uint16_t n_free;
	uint16_t avail_idx; /* chains that were added */
	uint16_t published; /* of these, what the device has been shown */
	uint16_t kicked;    /* of these, what kick_needed() has looked at */
	uint16_t used_idx;  /* chains that came back and were taken */
	/* In order: what is left of a batch that one element stands for. */
	uint16_t batch_left;
	uint32_t batch_len; /* of its last chain */
};

/* Bytes of the three areas (2.7), and of the legacy layout (2.7.2). */
uint64_t drv_split_desc_bytes(uint16_t size);
uint64_t drv_split_avail_bytes(uint16_t size);
uint64_t drv_split_used_bytes(uint16_t size);
uint64_t drv_split_legacy_bytes(uint16_t size, uint32_t align);

/*
 * Make a queue. _init takes the areas from ram, aligned to 16, 2 and 4; _legacy
 * takes one block, aligned to align (4096 on PCI), in the legacy order; _at
 * uses the given addresses, which need not be any good: an area that does not
 * lie in one region of RAM is simply not accessed. All areas in RAM are zeroed.
 * -ENOSPC if ram is full, -ENOMEM.
 */
int drv_split_init(struct drv_split *s, struct drv_ram *ram, uint16_t size);
int drv_split_init_legacy(struct drv_split *s, struct drv_ram *ram,
			  uint16_t size, uint32_t align);
int drv_split_init_at(struct drv_split *s, struct drv_ram *ram, uint16_t size,
		      uint64_t desc_gpa, uint64_t avail_gpa, uint64_t used_gpa);

/* Free private memory; what came from ram stays taken. Twice is fine. */
void drv_split_deinit(struct drv_split *s);

/*
 * Go on in a copy of the guest memory, at the same guest addresses. -EFAULT if
 * one of the areas is not there.
 */
int drv_split_set_ram(struct drv_split *s, struct drv_ram *ram);

/* As after init, on the same areas: nothing in flight, all zero. */
void drv_split_reset(struct drv_split *s);

struct drv_areas drv_split_areas(const struct drv_split *s);

/*
 * Add a chain of n segments (1 or more), as one descriptor for each, or as one
 * indirect table (of at most table_len entries, 128 by default). Returns the
 * head; -ENOSPC if there are too few free descriptors, -EINVAL for n, -ENOMEM
 * if ram has no room for a table. The device sees it after publish.
 */
int drv_split_add(struct drv_split *s, const struct drv_seg *segs, int n,
		  void *cookie);
int drv_split_add_indirect(struct drv_split *s, const struct drv_seg *segs,
			   int n, void *cookie);

/* Show the device all that was added. */
void drv_split_publish(struct drv_split *s);

/*
 * Does the device want a kick for what was published since the last call?
 * (2.7.10: flags, or avail_event with EVENT_IDX.)
 */
bool drv_split_kick_needed(struct drv_split *s);

/* Has the device returned a chain that was not taken yet? */
bool drv_split_has_used(const struct drv_split *s);

/*
 * Take the next chain that came back. 1, or 0 if there is none. -EPROTO for an
 * id that is not a head in flight, or a used index that is further ahead than
 * what is in flight; -EOVERFLOW for a length beyond what the chain let the
 * device write (the chain is free again then, and *out is filled).
 *
 * In order, chains come back as they were made available. One element may stand
 * for several; -EPROTO if its head is not one of those that the used index has
 * stepped over.
 */
int drv_split_reap(struct drv_split *s, struct drv_used *out);

/* How many chains the device has. */
uint16_t drv_split_in_flight(const struct drv_split *s);

/*
 * Ask for interrupts or not. With event_idx "on" means at the next used
 * element, and "off" puts the event as far away as it gets.
 */
void drv_split_interrupts(struct drv_split *s, bool on);

/* Raw fields. An index is reduced modulo the ring, as the device does it. */
void drv_split_raw_desc(struct drv_split *s, uint16_t i, uint64_t addr,
			uint32_t len, uint16_t flags, uint16_t next);
struct drv_desc drv_split_raw_get_desc(const struct drv_split *s, uint16_t i);
void drv_split_raw_avail(struct drv_split *s, uint16_t slot, uint16_t head);
void drv_split_raw_avail_idx(struct drv_split *s, uint16_t idx);
void drv_split_raw_avail_flags(struct drv_split *s, uint16_t flags);
void drv_split_raw_used_event(struct drv_split *s, uint16_t event);
uint16_t drv_split_raw_get_avail_idx(const struct drv_split *s);
uint16_t drv_split_raw_get_used_idx(const struct drv_split *s);
uint16_t drv_split_raw_get_used_flags(const struct drv_split *s);
uint16_t drv_split_raw_get_avail_event(const struct drv_split *s);
struct drv_used drv_split_raw_get_used(const struct drv_split *s,
				       uint16_t slot);
void drv_split_raw_used_idx(struct drv_split *s, uint16_t idx);
void drv_split_raw_used_flags(struct drv_split *s, uint16_t flags);
void drv_split_raw_used(struct drv_split *s, uint16_t slot, uint32_t id,
			uint32_t len);

/* A descriptor anywhere in RAM, for indirect tables built by hand. */
int drv_split_raw_table(struct drv_ram *ram, uint64_t table_gpa, uint32_t i,
			const struct drv_desc *desc);

/*
 * Publish one head in the next avail slot and move avail idx by one, past the
 * free list: the device gets it, the upper layer's reap does not know it.
 */
void drv_split_raw_offer(struct drv_split *s, uint16_t head);

#endif
