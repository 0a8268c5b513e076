/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A virtqueue as a data structure, of either kind: split.h and packed.h behind
 * the same calls. What a call means stands there.
 */
#ifndef RING_RING_H
#define RING_RING_H

#include "ring/order.h"
#include "ring/packed.h"
#include "ring/split.h"

#define RING_MAX_SIZE 32768

struct ring {
	bool packed; /* VIRTIO_F_RING_PACKED; changes only in ring_reset() */
	struct split split;
	struct packed pk;
	struct order order;
};

int ring_init(struct ring *r, uint16_t size_max);
void ring_deinit(struct ring *r);
void ring_reset(struct ring *r, uint16_t size, bool packed);
void ring_set_features(struct ring *r, bool indirect, bool event_idx,
		       bool in_order);
/* The driver may ask for order. 0 or -ENOMEM. */
int ring_allow_order(struct ring *r, uint16_t size_max);

/* A number of entries that a ring can have, and places for its areas. */
bool ring_size_ok(bool packed, uint16_t size);
bool ring_layout_ok(const struct ring *r, const struct ring_layout *lay,
		    uint16_t size);
bool ring_map(struct ring *r, const struct ring_layout *lay,
	      struct mem_map *map);
void ring_unmap(struct ring *r);

/* Where the ring is, as the vhost protocols have it ("vring base"). */
uint32_t ring_base(const struct ring *r);
/* Has the device used anything since the ring was new? */
bool ring_was_used(const struct ring *r);

/* Either kind of watch.h. */
int ring_watch_init(struct ring *r, uint16_t size_max);
void ring_watch_area(struct ring *r, bool packed, void *area, size_t bytes);
void ring_watch_log(struct ring *r, struct dirty_log *log);
size_t ring_area_bytes(bool packed, uint16_t size);
int ring_resume(struct ring *r, uint32_t base);
void ring_finish(struct ring *r);

static inline struct mem_map *
ring_mem_map(const struct ring *r)
{
	return r->packed ? r->pk.mem.map : r->split.mem.map;
}

static inline bool
ring_is_mapped(const struct ring *r)
{
	return ring_mem_map(r) != NULL;
}

static inline bool
ring_has_avail(struct ring *r)
{
	return r->packed ? packed_has_avail(&r->pk)
			 : split_has_avail(&r->split);
}

static inline bool
ring_has_again(const struct ring *r)
{
	return r->packed ? packed_has_again(&r->pk)
			 : split_has_again(&r->split);
}

static inline bool
ring_is_watched(const struct ring *r)
{
	return r->packed ? r->pk.watched : r->split.watched;
}

/* Changes whenever a chain is taken. */
static inline uint32_t
ring_taken(const struct ring *r)
{
	return r->packed ? r->pk.n_taken : split_taken(&r->split);
}

/* Chains that the device has. */
static inline uint32_t
ring_n_inflight(const struct ring *r)
{
	uint32_t n = r->packed ? r->pk.n_inflight : r->split.n_inflight;

	return n - r->order.n_held;
}

static inline int
ring_pop(struct ring *r, uint16_t *head, struct iovec *iov, uint16_t *flags,
	 int n_iov, struct ring_bad_chain *bad)
{
	int n = r->packed ? packed_pop(&r->pk, head, iov, flags, n_iov, bad)
			  : split_pop(&r->split, head, iov, flags, n_iov, bad);

	if (r->order.on && (n > 0 || n == RING_BAD_CHAIN))
		order_take(&r->order, *head);
	return n;
}

/*
 * Put back one that was refused, right behind one that was handed out: as if it
 * had never been looked at.
 */
static inline void
ring_untake(struct ring *r, uint16_t head)
{
	if (r->order.on)
		order_untake(&r->order);
	if (r->packed)
		packed_untake(&r->pk, head);
	else
		split_untake(&r->split, head);
	r->split.can_unpop = r->pk.can_unpop = true;
}

void ring_unpop(struct ring *r);

/* Out of order, that is: whatever else is in flight. */
static inline bool
ring_push_now(struct ring *r, uint16_t head, uint32_t len)
{
	return r->packed ? packed_push(&r->pk, head, len)
			 : split_push(&r->split, head, len);
}

/* When it is its turn. false if that head is not in flight. */
bool ring_push_in_order(struct ring *r, uint16_t head, uint32_t len);

static inline bool
ring_push(struct ring *r, uint16_t head, uint32_t len)
{
	return r->order.on ? ring_push_in_order(r, head, len)
			   : ring_push_now(r, head, len);
}

static inline void
ring_forget(struct ring *r, uint16_t head)
{
	if (order_holds(&r->order, head))
		return;
	if (r->packed)
		packed_forget(&r->pk, head);
	else
		split_forget(&r->split, head);
}

/* The latest chain that was handed out. */
static inline uint16_t
ring_last(const struct ring *r)
{
	return r->packed ? r->pk.last_id : r->split.last_head;
}

static inline uint16_t
ring_last_writable(const struct ring *r)
{
	return r->packed ? r->pk.last_writable : r->split.last_writable;
}

static inline bool
ring_publish(struct ring *r)
{
	return r->packed ? packed_publish(&r->pk) : split_publish(&r->split);
}

static inline bool
ring_wants_interrupt(struct ring *r)
{
	return r->packed ? packed_wants_interrupt(&r->pk)
			 : split_wants_interrupt(&r->split);
}

static inline void
ring_kicks_off(struct ring *r)
{
	if (r->packed)
		packed_kicks_off(&r->pk);
	else
		split_kicks_off(&r->split);
}

static inline bool
ring_kicks_on(struct ring *r)
{
	return r->packed ? packed_kicks_on(&r->pk) : split_kicks_on(&r->split);
}

#endif
