// SPDX-License-Identifier: BSD-3-Clause
/* Verified traffic on one queue of a device that copies. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "driver/echo.h"

#define UNWRITTEN 0x00 /* what is sent is never 0 */

static uint32_t
draw(struct drv_echo *e, uint32_t n)
{
	e->random ^= e->random << 13;
	e->random ^= e->random >> 7;
	e->random ^= e->random << 17;
	return (uint32_t)((e->random >> 11) % n);
}

int
drv_echo_init(struct drv_echo *e, struct drv_vq *vq,
	      const struct drv_echo_opts *opts)
{
	memset(e, 0, sizeof(*e));
	e->vq = vq;
	if (opts)
		e->opts = *opts;
	if (!e->opts.max_segs)
		e->opts.max_segs = DRV_ECHO_SEGS;
	e->random = e->opts.seed + 1;
	e->n_chains = e->opts.depth ? e->opts.depth : drv_vq_areas(vq).size;
	e->buffers_gpa = drv_ram_alloc(
		drv_vq_ram(vq), (uint64_t)e->n_chains * 2 * DRV_ECHO_BYTES, 16);
	if (!e->buffers_gpa)
		return -ENOSPC;
	e->chains = calloc(e->n_chains, sizeof(*e->chains));
	return e->chains ? 0 : -ENOMEM;
}

void
drv_echo_deinit(struct drv_echo *e)
{
	free(e->chains);
	e->chains = NULL;
}

static void __attribute__((format(printf, 2, 3)))
fault(struct drv_echo *e, const char *fmt, ...)
{
	va_list ap;

	if (e->n_faults++)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(e->why, sizeof(e->why), fmt, ap);
	va_end(ap);
}

/* ---- out ---- */

static uint64_t
in_gpa(const struct drv_echo *e, const struct drv_echo_chain *c)
{
	return e->buffers_gpa + (uint64_t)(c - e->chains) * 2 * DRV_ECHO_BYTES;
}

static uint64_t
out_gpa(const struct drv_echo *e, const struct drv_echo_chain *c)
{
	return in_gpa(e, c) + DRV_ECHO_BYTES;
}

static uint8_t
byte_of(const struct drv_echo_chain *c, uint32_t i)
{
	return (uint8_t)(1 + (c->number * 31 + i) % 255);
}

/* Bytes to read and to write, and what is in them. */
static void
make_chain(struct drv_echo *e, struct drv_echo_chain *c)
{
	struct drv_ram *ram = drv_vq_ram(e->vq);
	uint8_t in[DRV_ECHO_BYTES];

	c->number = e->n_sent;
	c->n_in = draw(e, DRV_ECHO_BYTES + 1);
	c->n_out = e->opts.whole ? c->n_in : draw(e, DRV_ECHO_BYTES + 1);
	if (!c->n_in && !c->n_out)
		c->n_in = c->n_out = 1;
	for (uint32_t i = 0; i < c->n_in; i++)
		in[i] = byte_of(c, i);
	(void)drv_ram_write(ram, in_gpa(e, c), in, c->n_in);
	(void)drv_ram_fill(ram, out_gpa(e, c), UNWRITTEN, DRV_ECHO_BYTES);
}

/* Cut len bytes into up to max segments. How many. */
static int
cut(struct drv_echo *e, struct drv_seg *segs, uint64_t gpa, uint32_t len,
    bool write, int max)
{
	int n = 0;

	while (len > 0) {
		uint32_t part = n + 1 < max ? 1 + draw(e, len) : len;

		segs[n++] = (struct drv_seg){ gpa, part, write };
		gpa += part;
		len -= part;
	}
	return n;
}

/* 1, 0 if there is no room, or an errno. */
static int
add_chain(struct drv_echo *e, struct drv_echo_chain *c)
{
	struct drv_seg segs[DRV_ECHO_SEGS];
	int n, half = e->opts.max_segs / 2, rc;

	make_chain(e, c);
	if (half == 0 && c->n_in && c->n_out)
		c->n_in = 0; /* one descriptor has one direction */
	n = cut(e, segs, in_gpa(e, c), c->n_in, false, half);
	n += cut(e, segs + n, out_gpa(e, c), c->n_out, true, half);
	e->vq->indirect = !e->opts.no_indirect && draw(e, 3) == 0;
	rc = drv_vq_add(e->vq, segs, n, c);
	if (rc < 0)
		return rc == -ENOSPC ? 0 : rc;
	c->in_flight = true;
	e->n_in_flight++;
	e->n_sent++;
	return 1;
}

int
drv_echo_send(struct drv_echo *e, int n)
{
	int done = 0, rc = 1;

	for (uint16_t i = 0; i < e->n_chains && done < n && rc > 0; i++) {
		if (e->chains[i].in_flight)
			continue;
		rc = add_chain(e, &e->chains[i]);
		done += rc > 0;
	}
	if (rc < 0)
		return rc;
	drv_vq_publish(e->vq);
	rc = drv_vq_kick_if_needed(e->vq);
	return rc < 0 ? rc : done;
}

/* ---- and back ---- */

static void
judge(struct drv_echo *e, const struct drv_echo_chain *c,
      const struct drv_used *used)
{
	uint32_t want = c->n_in < c->n_out ? c->n_in : c->n_out;
	bool in_order = e->vq->ring.in_order; /* the packed one says the same */
	uint8_t out[DRV_ECHO_BYTES];

	if (in_order && c->number != e->n_back)
		fault(e, "chain %u came back where %u was due", c->number,
		      e->n_back);
	if (used->len != want)
		fault(e, "chain %u came back with %u bytes%s, not with %u",
		      c->number, used->len, used->skipped ? " (skipped)" : "",
		      want);
	(void)drv_ram_read(drv_vq_ram(e->vq), out_gpa(e, c), out,
			   DRV_ECHO_BYTES);
	for (uint32_t i = 0; i < DRV_ECHO_BYTES; i++) {
		if (out[i] == (i < want ? byte_of(c, i) : UNWRITTEN))
			continue;
		fault(e, "chain %u has a wrong byte %u of %u", c->number, i,
		      want);
		break;
	}
}

int
drv_echo_reap(struct drv_echo *e)
{
	struct drv_used used;
	int n = 0, rc;

	while ((rc = drv_vq_reap(e->vq, &used)) == 1) {
		struct drv_echo_chain *c = used.cookie;

		judge(e, c, &used);
		c->in_flight = false;
		e->n_in_flight--;
		e->n_skipped += used.skipped;
		e->n_back++;
		n++;
	}
	if (rc < 0)
		fault(e, "the ring makes no sense: %s", strerror(-rc));
	return rc < 0 ? rc : n;
}

void
drv_echo_restart(struct drv_echo *e)
{
	for (uint16_t i = 0; i < e->n_chains; i++)
		e->chains[i].in_flight = false;
	e->n_in_flight = 0;
	e->n_back = e->n_sent;
}
