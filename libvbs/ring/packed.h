/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A packed virtqueue, device side (virtio 1.3, 2.8), as a data structure: no
 * lock, no interrupt, no device.
 *
 * There is one ring of descriptors that both sides write. Where we are in it,
 * and how many descriptors each chain in flight has, is kept here.
 */
#ifndef RING_PACKED_H
#define RING_PACKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ring/packed-watch.h"
#include "ring/walk.h"

#define PACKED_MAX_SIZE 32768
/* The base of a new ring: both positions 0, both laps the first. */
#define PACKED_START 0x80008000u

#define PACKED_F_AVAIL (1u << 7)
#define PACKED_F_USED  (1u << 15)

/* What one side wants to hear of the other (2.8.10). */
#define PACKED_EVENT_ENABLE  0u
#define PACKED_EVENT_DISABLE 1u
#define PACKED_EVENT_DESC    2u

struct packed_desc {
	uint64_t addr;
	uint32_t len;
	uint16_t id;
	uint16_t flags;
};

struct packed_event {
	uint16_t off_wrap; /* place in the ring, and in bit 15 its lap */
	uint16_t flags;
};

/* A place in the ring and the lap: both counters begin with true (2.8.1). */
struct packed_pos {
	uint16_t idx;
	bool wrap;
};

struct packed {
	/* Set by packed_map(). */
	struct packed_desc *desc;
	const uint32_t *driver; /* struct packed_event */
	uint32_t *device;
	struct ring_mem mem;
	struct ring_layout at;

	uint16_t size;             /* entries */
	struct packed_pos avail;   /* next descriptor to take */
	struct packed_pos used;    /* next descriptor to write */
	struct packed_pos visible; /* used, as the driver sees it */
	uint16_t held_flags; /* of the descriptor there, not yet written */
	bool held;
	uint16_t n_batch;       /* descriptors used since packed_publish() */
	uint16_t n_silent;      /* used since the last interrupt decision */
	uint16_t n_busy;        /* taken and not yet visible as used */
	uint16_t last_id;       /* of the latest chain handed out */
	uint16_t last_writable; /* its segments that the device writes */
	bool can_unpop;
	bool indirect;       /* VIRTIO_F_INDIRECT_DESC */
	bool event_idx;      /* VIRTIO_F_EVENT_IDX */
	bool watched;        /* somebody wants to know: call packed-watch.c */
	uint32_t n_taken;    /* chains, counted for ever */
	uint32_t n_inflight; /* chains */
	uint16_t *n_descs;   /* by id: of the chain in flight, 0 for none */
	struct packed_watch *watch; /* NULL: nobody can watch */
};

/* Room for size_max entries. 0 or -ENOMEM. */
int packed_init(struct packed *r, uint16_t size_max);
void packed_deinit(struct packed *r);
/* At the beginning, nothing in flight, not mapped. */
void packed_reset(struct packed *r, uint16_t size);

/* Addresses that virtio 1.3, 2.8 allows: aligned, and not overlapping. */
bool packed_layout_ok(const struct ring_layout *lay, uint16_t size);
/*
 * Translate the three areas with this map, whose reference it takes over.
 * Positions stay. false, and not mapped, if one is not wholly in RAM.
 */
bool packed_map(struct packed *r, const struct ring_layout *lay,
		struct mem_map *map);
void packed_unmap(struct packed *r);

static inline bool
packed_flags_avail(uint16_t flags, bool wrap)
{
	return (flags & (PACKED_F_AVAIL | PACKED_F_USED)) ==
	       (wrap ? PACKED_F_AVAIL : PACKED_F_USED);
}

/* Is there a chain of an earlier life to be handed out again? */
static inline bool
packed_has_again(const struct packed *r)
{
	return unlikely(r->watched) && r->watch->next_again < r->watch->n_again;
}

/* Is there a chain that has not been taken? Looks at the ring. */
static inline bool
packed_has_avail(const struct packed *r)
{
	uint16_t flags = guest_load16_acquire(&r->desc[r->avail.idx].flags);

	return packed_flags_avail(flags, r->avail.wrap) || packed_has_again(r);
}

/* n descriptors further on; n is at most the size. */
static inline void
packed_advance(const struct packed *r, struct packed_pos *pos, uint16_t n)
{
	uint32_t idx = (uint32_t)pos->idx + n;

	if (idx >= r->size) {
		idx -= r->size;
		pos->wrap = !pos->wrap;
	}
	pos->idx = (uint16_t)idx;
}

/*
 * Take the next chain: segments 1..n_iov, 0 if there is none, or RING_BAD*.
 * *id names it from now on. With RING_BAD_CHAIN it must be pushed back, and
 * *bad is filled.
 */
int packed_pop(struct packed *r, uint16_t *id, struct iovec *iov,
	       uint16_t *flags, int n_iov, struct ring_bad_chain *bad);
/* Nothing has been taken since this chain, and it was not handed out. */
void packed_untake(struct packed *r, uint16_t id);
/*
 * Put back the chain that was handed out last. If that is too late, because
 * one behind it was refused meanwhile, it is pushed with length 0.
 */
void packed_unpop(struct packed *r);
/* Descriptors of a chain that is in flight no more; 0 if it was not. */
static inline uint16_t
packed_clear_inflight(struct packed *r, uint16_t id)
{
	uint16_t n;

	if (id >= r->size || r->n_descs[id] == 0)
		return 0;
	n = r->n_descs[id];
	r->n_descs[id] = 0;
	r->n_inflight--;
	return n;
}

/* The device has done with a chain. false if it is not in flight. */
bool packed_push(struct packed *r, uint16_t id, uint32_t len);

/* Write the next used descriptor, for a chain that had n of them. */
static inline void
packed_use(struct packed *r, uint16_t id, uint32_t len, uint16_t n)
{
	struct packed_desc *d = &r->desc[r->used.idx];
	uint16_t flags = len ? DESC_F_WRITE : 0;

	if (r->used.wrap)
		flags |= PACKED_F_AVAIL | PACKED_F_USED;
	__atomic_store_n(&d->id, htole16(id), __ATOMIC_RELAXED);
	__atomic_store_n(&d->len, htole32(len), __ATOMIC_RELAXED);
	if (r->held) {
		guest_store16_release(&d->flags, flags);
	} else {
		/* The driver sees none before it sees this one. */
		r->held = true;
		r->held_flags = flags;
	}
	packed_advance(r, &r->used, n);
	r->n_batch = (uint16_t)(r->n_batch + n);
}

/* packed_push() for a ring that is mapped and that nobody watches. */
static inline bool
packed_push_inline(struct packed *r, uint16_t id, uint32_t len)
{
	uint16_t n = packed_clear_inflight(r, id);

	if (n == 0)
		return false;
	packed_use(r, id, len, n);
	return true;
}

/* The same without a word to the driver: the ring is not to be written. */
void packed_forget(struct packed *r, uint16_t id);
/* Let the driver see what was pushed. false if there was nothing. */
bool packed_publish(struct packed *r);
/* After packed_publish(): does the driver want to be interrupted? */
bool packed_wants_interrupt(struct packed *r);
/* The driver need not notify: somebody is looking. */
void packed_kicks_off(struct packed *r);
/* The driver must notify; true if it has added something meanwhile. */
bool packed_kicks_on(struct packed *r);

/* Both positions in 32 bits, and back (vhost-user, "vring base"). */
uint32_t packed_base(const struct packed *r);
/* -EINVAL: a place that the ring does not have. */
int packed_set_base(struct packed *r, uint32_t base);

#endif
