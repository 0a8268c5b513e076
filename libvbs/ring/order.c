// SPDX-License-Identifier: BSD-3-Clause
/* The order of chains. See order.h. */
#include "ring/order.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int
order_init(struct order *o, uint16_t size_max)
{
	if (o->fifo)
		return 0;
	o->fifo = calloc(size_max, sizeof(o->fifo[0]));
	o->chain = calloc(size_max, sizeof(o->chain[0]));
	if (o->fifo && o->chain)
		return 0;
	order_deinit(o);
	return -ENOMEM;
}

void
order_deinit(struct order *o)
{
	free(o->fifo);
	free(o->chain);
	memset(o, 0, sizeof(*o));
}

void
order_reset(struct order *o, uint16_t size, bool on)
{
	o->on = on && o->fifo;
	o->size = size;
	o->first = o->n = o->n_held = 0;
	if (o->on)
		memset(o->chain, 0, size * sizeof(o->chain[0]));
}

/* Where the i-th chain stands; i is at most the size. */
static uint16_t
place(const struct order *o, uint32_t i)
{
	i += o->first;
	return (uint16_t)(i >= o->size ? i - o->size : i);
}

void
order_take(struct order *o, uint16_t head)
{
	o->fifo[place(o, o->n)] = head;
	o->n++;
}

void
order_untake(struct order *o)
{
	o->n--;
}

bool
order_is_latest(const struct order *o, uint16_t head)
{
	return o->n > 0 && o->fifo[place(o, o->n - 1u)] == head &&
	       !o->chain[head].held;
}

bool
order_hold(struct order *o, uint16_t head, uint32_t len)
{
	struct order_chain *chain = &o->chain[head];

	if (chain->held)
		return false;
	*chain = (struct order_chain){ len, true };
	o->n_held++;
	return true;
}

bool
order_holds(const struct order *o, uint16_t head)
{
	return o->on && head < o->size && o->chain[head].held;
}

bool
order_next(struct order *o, uint16_t *head, uint32_t *len)
{
	struct order_chain *chain;

	if (o->n_held == 0)
		return false;
	*head = o->fifo[o->first];
	chain = &o->chain[*head];
	if (!chain->held)
		return false;
	*len = chain->len;
	chain->held = false;
	o->first = place(o, 1);
	o->n--;
	o->n_held--;
	return true;
}
