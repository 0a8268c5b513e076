/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A packed virtqueue, driver side (virtio 1.3, 2.8), in the two layers of
 * split.h: the upper one behaves, and checks what the device writes; the lower
 * one (drv_packed_raw_*) writes and reads single fields, right or wrong.
 *
 * Places in the ring are counted from its start and never wrap: descriptor n
 * is entry n % size, in lap n / size, and even laps have the wrap counter 1.
 * Buffer ids are handed out in an order of their own, so that they say nothing
 * about places.
 *
 * One thread at a time. The three areas lie in guest RAM that must stay while
 * the queue lives. Calls return 0, a count, or a negative errno.
 */
#ifndef DRV_PACKED_H
#define DRV_PACKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "driver/ram.h"
#include "driver/split.h"

/* Beside DRV_DESC_NEXT, _WRITE and _INDIRECT. */
#define DRV_PDESC_AVAIL 0x80u
#define DRV_PDESC_USED  0x8000u

#define DRV_PACKED_WRAP  0x8000u     /* beside a place: its wrap counter */
#define DRV_PACKED_START 0x80008000u /* drv_packed_base() of a new ring */

enum drv_packed_event_flags {
	DRV_EVENT_ENABLE = 0,
	DRV_EVENT_DISABLE = 1,
	DRV_EVENT_DESC = 2,
};

/* A descriptor of the ring, or of an indirect table. */
struct drv_pdesc {
	uint64_t addr;
	uint32_t len;
	uint16_t id;
	uint16_t flags;
};

/* An event suppression structure. */
struct drv_packed_event {
	uint16_t off_wrap;
	uint16_t flags;
};

/* A chain, by buffer id. */
struct drv_packed_chain {
	void *cookie;
	uint64_t writable; /* bytes that the device may write */
	uint64_t table;    /* gpa of the id's indirect table, 0 until needed */
	uint64_t place;    /* of its first descriptor */
	uint16_t n_descs;  /* taken from the ring */
	bool in_flight;
};

struct drv_packed {
	struct drv_ram *ram; /* the caller's */
	uint16_t size;       /* entries, 1 to 32768 */
	uint64_t desc_gpa;
	uint64_t driver_gpa; /* driver event suppression */
	uint64_t device_gpa; /* device event suppression */
	bool event_idx;      /* set it when the feature has been negotiated */
	bool in_order;       /* likewise, before the first chain */
	uint16_t table_len;  /* entries of an indirect table */

	/* Private; the copies in guest memory are written, never trusted. */
	uint8_t *desc, *driver, *device; /* host addresses; NULL: not in RAM */
	struct drv_pdesc *shown;         /* the ring as the driver wrote it */
	uint16_t *heads; /* by entry: descriptors of the chain that starts */
	uint16_t *ids;   /* by entry: its buffer id */
	struct drv_packed_chain *chains;
	uint16_t *free_ids; /* a queue of them */
	uint16_t first_free_id;
	uint16_t n_chains;  /* that have an id */
	uint16_t n_staged;  /* of these, not published */
	uint64_t added;     /* places: where the next chain starts */
	uint64_t published; /* ... that the device has been shown */
	uint64_t kicked;    /* ... that kick_needed() has looked at */
	uint64_t used; /* of what came back, all has been taken up to here */
	/* In order: what is left of a batch that one descriptor stands for. */
	uint16_t batch_left;
	uint32_t batch_len; /* of its last chain */
};

/* Bytes of the descriptor ring, and of either event structure (2.8.10). */
uint64_t drv_packed_desc_bytes(uint16_t size);
#define DRV_PACKED_EVENT_BYTES 4u

/*
 * Make a queue of any size up to 32768. _init takes the areas from ram, aligned
 * to 16, 4 and 4; _at uses the given addresses, which need not be any good: an
 * area that does not lie in one region of RAM is simply not accessed. All areas
 * in RAM are zeroed. -ENOSPC if ram is full, -ENOMEM, -EINVAL for the size.
 */
int drv_packed_init(struct drv_packed *p, struct drv_ram *ram, uint16_t size);
int drv_packed_init_at(struct drv_packed *p, struct drv_ram *ram, uint16_t size,
		       uint64_t desc_gpa, uint64_t driver_gpa,
		       uint64_t device_gpa);

/* Free private memory; what came from ram stays taken. Twice is fine. */
void drv_packed_deinit(struct drv_packed *p);

/*
 * Go on in a copy of the guest memory, at the same guest addresses. -EFAULT if
 * one of the areas is not there.
 */
int drv_packed_set_ram(struct drv_packed *p, struct drv_ram *ram);

/* As after init, on the same areas: nothing in flight, all zero. */
void drv_packed_reset(struct drv_packed *p);

struct drv_areas drv_packed_areas(const struct drv_packed *p);

/*
 * Add a chain of n segments (1 or more), as one descriptor for each, or as one
 * indirect table (of at most table_len entries, 128 by default). Returns the
 * buffer id; -ENOSPC if there are too few free descriptors, -EINVAL for n,
 * -ENOMEM if ram has no room for a table. The device sees it after publish.
 */
int drv_packed_add(struct drv_packed *p, const struct drv_seg *segs, int n,
		   void *cookie);
int drv_packed_add_indirect(struct drv_packed *p, const struct drv_seg *segs,
			    int n, void *cookie);

/* Show the device all that was added, with one store. */
void drv_packed_publish(struct drv_packed *p);

/*
 * Does the device want a kick for what was published since the last call?
 * (2.8.14: always, never, or when a certain descriptor was among it.)
 */
bool drv_packed_kick_needed(struct drv_packed *p);

/* Has the device returned a chain that was not taken yet? */
bool drv_packed_has_used(const struct drv_packed *p);

/*
 * Take the next chain that came back. 1, or 0 if there is none. -EPROTO for an
 * id that is not in flight, a write to a chain that has nothing to write to, a
 * changed descriptor where none may be (one that is not used yet, or that the
 * device skips because it belongs to the chain), or a used descriptor where
 * nothing is in flight; -EOVERFLOW for a length beyond what the chain let the
 * device write (the chain is free again then, and *out is filled). The length
 * is 0 where the device says that it has written nothing.
 *
 * In order, chains come back as they were made available. One used descriptor
 * may stand for several, of which it overwrites the first one's first.
 */
int drv_packed_reap(struct drv_packed *p, struct drv_used *out);

/* How many chains the device has. */
uint16_t drv_packed_in_flight(const struct drv_packed *p);

/* How many descriptors are free. */
uint16_t drv_packed_n_free(const struct drv_packed *p);

/*
 * Ask for interrupts or not. With event_idx "on" means at the next used
 * descriptor.
 */
void drv_packed_interrupts(struct drv_packed *p, bool on);

/*
 * Where a device goes on that has lost its memory: at the first descriptor
 * that is not used, taken or not. As vhost-user has it: the place and wrap
 * counter of the next available descriptor below, of the next used one above.
 */
uint32_t drv_packed_base(const struct drv_packed *p);

/* A place as the areas have it: an entry, and the wrap counter in bit 15. */
uint16_t drv_packed_off_wrap(const struct drv_packed *p, uint64_t place);

/* AVAIL and USED of a descriptor at a place: made available, or used. */
uint16_t drv_packed_avail_bits(const struct drv_packed *p, uint64_t place);
uint16_t drv_packed_used_bits(const struct drv_packed *p, uint64_t place);

/* Raw fields. An entry is reduced modulo the ring. */
void drv_packed_raw_desc(struct drv_packed *p, uint64_t i,
			 const struct drv_pdesc *desc);
struct drv_pdesc drv_packed_raw_get_desc(const struct drv_packed *p,
					 uint64_t i);
void drv_packed_raw_flags(struct drv_packed *p, uint64_t i, uint16_t flags);
void drv_packed_raw_driver_event(struct drv_packed *p, uint16_t off_wrap,
				 uint16_t flags);
void drv_packed_raw_device_event(struct drv_packed *p, uint16_t off_wrap,
				 uint16_t flags);
struct drv_packed_event
drv_packed_raw_get_driver_event(const struct drv_packed *p);
struct drv_packed_event
drv_packed_raw_get_device_event(const struct drv_packed *p);

/* A descriptor anywhere in RAM, for indirect tables built by hand. */
int drv_packed_raw_table(struct drv_ram *ram, uint64_t table_gpa, uint32_t i,
			 const struct drv_pdesc *desc);

/*
 * Write n descriptors at the next places, the flags of the first one last, and
 * move on by n: the device gets them, the upper layer's reap does not know
 * them. AVAIL and USED are what the places want; a set bit turns them round.
 */
void drv_packed_raw_offer(struct drv_packed *p, const struct drv_pdesc *descs,
			  uint16_t n);

/*
 * By hand: is the next used descriptor there; and step over it, and over the
 * n - 1 descriptors that go with it.
 */
bool drv_packed_raw_is_used(const struct drv_packed *p, uint64_t place);
void drv_packed_raw_skip(struct drv_packed *p, uint16_t n);

#endif
