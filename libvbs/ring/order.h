/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Chains go back in the order in which they came (VIRTIO_F_IN_ORDER; virtio
 * 1.3, 2.7.9 and 2.8.8), whatever order the device has done with them in: what
 * comes back too early is held until its turn.
 */
#ifndef RING_ORDER_H
#define RING_ORDER_H

#include <stdbool.h>
#include <stdint.h>

struct order_chain {
	uint32_t len; /* as the device gave it back */
	bool held;
};

struct order {
	bool on; /* the driver counts on it */
	uint16_t size;
	uint16_t first;  /* place of the oldest chain in fifo */
	uint16_t n;      /* chains that have been taken and not given back */
	uint16_t n_held; /* of these, what the device has done with */
	uint16_t *fifo;  /* their heads; NULL: there is no room for any order */
	struct order_chain *chain; /* by head */
};

/* Room for size_max chains, unless there is already. 0 or -ENOMEM. */
int order_init(struct order *o, uint16_t size_max);
void order_deinit(struct order *o);
/* Nothing taken. Only what has room can be on. */
void order_reset(struct order *o, uint16_t size, bool on);

void order_take(struct order *o, uint16_t head);
/* The latest has been put back. */
void order_untake(struct order *o);
/* Is this the latest, and still with the device? */
bool order_is_latest(const struct order *o, uint16_t head);
/* The device has done with a chain that is in flight. false: it had already. */
bool order_hold(struct order *o, uint16_t head, uint32_t len);
/* Has the device done with that chain, and is it held back? */
bool order_holds(const struct order *o, uint16_t head);
/* The next one whose turn it is, or false. */
bool order_next(struct order *o, uint16_t *head, uint32_t *len);

#endif
