// SPDX-License-Identifier: BSD-3-Clause
/* Verified I/O. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "driver/bytes.h"
#include "driver/clock.h"
#include "driver/load.h"

#define DEFAULT_DEPTH  16
#define DEFAULT_WRITES 60
#define TRIES          64 /* to find sectors that are not busy */

uint64_t
drv_load_random(struct drv_load *l, uint64_t n)
{
	l->random ^= l->random << 13;
	l->random ^= l->random >> 7;
	l->random ^= l->random << 17;
	return (l->random >> 11) % n;
}

int
drv_load_init(struct drv_load *l, struct drv_oracle *oracle,
	      struct drv_ram *ram, struct drv_vq *const *vqs, uint16_t n_queues,
	      const struct drv_load_opts *opts)
{
	uint32_t n;
	int rc = 0;

	memset(l, 0, sizeof(*l));
	l->oracle = oracle;
	if (opts)
		l->opts = *opts;
	if (!l->opts.depth)
		l->opts.depth = DEFAULT_DEPTH;
	if (!l->opts.writes)
		l->opts.writes = DEFAULT_WRITES;
	l->random = l->opts.seed + 1;
	l->n_queues = n_queues;
	n = (uint32_t)n_queues * l->opts.depth;
	for (uint16_t i = 0; i < n_queues && rc == 0; i++)
		rc = drv_blk_init(&l->blks[i], vqs[i], ram, l->opts.depth);
	l->buffers_gpa = drv_ram_alloc(
		ram, (uint64_t)n * 2 * DRV_LOAD_BUFFER_BYTES, DRV_PAGE);
	l->requests = calloc(n, sizeof(*l->requests));
	if (rc == 0 && !l->buffers_gpa)
		rc = -ENOSPC;
	if (rc == 0 && !l->requests)
		rc = -ENOMEM;
	if (rc < 0)
		drv_load_deinit(l);
	return rc;
}

void
drv_load_deinit(struct drv_load *l)
{
	free(l->requests);
	l->requests = NULL;
}

static struct drv_load_request *
request_at(struct drv_load *l, uint16_t queue, uint16_t slot)
{
	return &l->requests[(uint32_t)queue * l->opts.depth + slot];
}

uint64_t
drv_load_buffer_gpa(const struct drv_load *l, uint16_t queue, uint16_t slot,
		    bool write)
{
	uint64_t i = ((uint64_t)queue * l->opts.depth + slot) * 2 + write;

	return l->buffers_gpa + i * DRV_LOAD_BUFFER_BYTES;
}

static uint8_t *
buffer(const struct drv_load *l, uint16_t queue, uint16_t slot, bool write)
{
	return drv_ram_ptr(drv_vq_ram(l->blks[queue].vq),
			   drv_load_buffer_gpa(l, queue, slot, write),
			   DRV_LOAD_BUFFER_BYTES);
}

static void __attribute__((format(printf, 2, 3)))
remember(struct drv_load *l, const char *fmt, ...)
{
	va_list ap;

	if (l->why[0])
		return;
	va_start(ap, fmt);
	(void)vsnprintf(l->why, sizeof(l->why), fmt, ap);
	va_end(ap);
}

/* ---- into flight ---- */

/* Choose what to do, where nothing is in the way. */
static bool
choose(struct drv_load *l, struct drv_load_request *r)
{
	uint64_t dice = drv_load_random(l, 100);

	r->type = DRV_BLK_IN;
	if (dice < l->opts.flushes)
		r->type = DRV_BLK_FLUSH;
	else if (dice < (uint64_t)l->opts.flushes + l->opts.writes)
		r->type = DRV_BLK_OUT;
	r->sector = 0;
	r->n_sectors = 0;
	if (r->type == DRV_BLK_FLUSH)
		return true;
	for (int i = 0; i < TRIES; i++) {
		r->n_sectors =
			1 + (uint32_t)drv_load_random(l, DRV_LOAD_MAX_SECTORS);
		r->sector = drv_load_random(l, l->oracle->n_sectors);
		if (drv_oracle_begin(l->oracle, r->type == DRV_BLK_OUT,
				     r->sector, r->n_sectors))
			return true;
	}
	return false;
}

/* What is written, or what must not be found after a read. */
static void
prepare(struct drv_load *l, const struct drv_load_request *r, uint8_t *bytes)
{
	if (r->type == DRV_BLK_IN && !l->opts.no_prefill)
		memset(bytes, 0xee, (size_t)r->n_sectors * DRV_BLK_SECTOR);
	if (r->type != DRV_BLK_OUT)
		return;
	for (uint32_t i = 0; i < r->n_sectors; i++)
		drv_oracle_fill(bytes + (size_t)i * DRV_BLK_SECTOR,
				r->sector + i,
				drv_oracle_next_gen(l->oracle, r->sector + i));
}

static void
end_request(struct drv_load *l, struct drv_load_request *r, bool done)
{
	if (r->type == DRV_BLK_OUT)
		drv_oracle_end_write(l->oracle, r->sector, r->n_sectors, done);
	else if (r->type == DRV_BLK_IN)
		drv_oracle_end_read(l->oracle, r->sector, r->n_sectors);
	r->in_flight = false;
}

/* Submit one request in one or two pieces. */
static int
start_request(struct drv_load *l, uint16_t queue, uint16_t slot)
{
	struct drv_load_request *r = request_at(l, queue, slot);
	struct drv_seg segs[2];
	uint32_t bytes, first;
	uint64_t gpa;
	bool write;
	int n, rc;

	if (!choose(l, r))
		return 0;
	write = r->type == DRV_BLK_OUT;
	gpa = drv_load_buffer_gpa(l, queue, slot, write);
	prepare(l, r, buffer(l, queue, slot, write));
	bytes = r->n_sectors * DRV_BLK_SECTOR;
	first = (uint32_t)drv_load_random(l, r->n_sectors + 1) * DRV_BLK_SECTOR;
	n = bytes == 0 ? 0 : first == 0 || first == bytes ? 1 : 2;
	if (n < 2)
		first = bytes;
	segs[0] = (struct drv_seg){ gpa, first, !write };
	segs[1] = (struct drv_seg){ gpa + first, bytes - first, !write };
	l->blks[queue].vq->indirect = l->opts.indirect;
	rc = drv_blk_submit(&l->blks[queue], slot, r->type, r->sector, segs, n);
	if (rc < 0) {
		end_request(l, r, false);
		return rc == -ENOSPC ? 0 : rc;
	}
	r->in_flight = true;
	l->n_in_flight++;
	return 1;
}

int
drv_load_fill(struct drv_load *l)
{
	int n = 0;

	for (uint16_t q = 0; q < l->n_queues; q++) {
		for (uint16_t slot = 0; slot < l->opts.depth; slot++) {
			int rc = 0;

			if (!request_at(l, q, slot)->in_flight)
				rc = start_request(l, q, slot);
			if (rc < 0)
				return rc;
			n += rc;
		}
	}
	return n;
}

/* ---- and back ---- */

static void
judge_read(struct drv_load *l, const struct drv_load_request *r,
	   const uint8_t *bytes)
{
	const struct drv_oracle *o = l->oracle;

	for (uint32_t i = 0; i < r->n_sectors; i++) {
		enum drv_verdict v =
			drv_oracle_judge(l->oracle, r->sector + i,
					 bytes + (size_t)i * DRV_BLK_SECTOR);

		if (v == DRV_GOOD)
			continue;
		l->counts.lost += v == DRV_LOST;
		l->counts.corrupted += v == DRV_CORRUPTED;
		remember(l,
			 "sector %llu should be of generation %u, and is %s "
			 "sector %llu, generation %u",
			 (unsigned long long)o->bad_sector, o->wanted_gen,
			 o->found_pattern ? "" : "nothing like",
			 (unsigned long long)o->found_sector, o->found_gen);
	}
}

static void
take_result(struct drv_load *l, uint16_t queue,
	    const struct drv_blk_result *res)
{
	struct drv_load_request *r = request_at(l, queue, res->slot);
	uint32_t len = 1;

	if (r->type == DRV_BLK_IN)
		len += r->n_sectors * DRV_BLK_SECTOR;
	if (!r->in_flight || res->status == DRV_BLK_S_NONE) {
		l->counts.duplicated++;
		remember(l, "queue %u: a request came back twice, or undone",
			 queue);
	} else if (res->status != DRV_BLK_S_OK || res->used_len != len) {
		l->counts.failed++;
		remember(l, "queue %u: type %u has status %u, used length %u",
			 queue, r->type, res->status, res->used_len);
	} else if (r->type == DRV_BLK_IN) {
		judge_read(l, r, buffer(l, queue, res->slot, false));
	}
	l->counts.reads += r->type == DRV_BLK_IN;
	l->counts.writes += r->type == DRV_BLK_OUT;
	l->counts.flushes += r->type == DRV_BLK_FLUSH;
	end_request(l, r, res->status == DRV_BLK_S_OK);
	l->n_in_flight--;
}

int
drv_load_reap(struct drv_load *l)
{
	struct drv_blk_result res;
	int n = 0, rc;

	for (uint16_t q = 0; q < l->n_queues; q++) {
		while ((rc = drv_blk_reap(&l->blks[q], &res)) > 0) {
			take_result(l, q, &res);
			n++;
		}
		if (rc == -EPROTO) {
			l->counts.duplicated++;
			remember(l, "queue %u: used what is not in flight", q);
		}
		if (rc < 0)
			return rc;
	}
	return n;
}

uint64_t
drv_load_done(const struct drv_load *l)
{
	return l->counts.reads + l->counts.writes + l->counts.flushes;
}

uint64_t
drv_load_faults(const struct drv_load *l)
{
	const struct drv_load_counts *c = &l->counts;

	return c->failed + c->duplicated + c->lost + c->corrupted + c->missed;
}

/* Has any queue something to take? */
static bool
has_used(void *arg)
{
	struct drv_load *l = arg;

	for (uint16_t q = 0; q < l->n_queues; q++) {
		if (drv_vq_has_used(l->blks[q].vq))
			return true;
	}
	return false;
}

struct irq_wait {
	struct drv_load *l;
	uint64_t before;
};

static uint64_t
count_irqs(struct drv_load *l)
{
	uint64_t n = 0;

	for (uint16_t q = 0; q < l->n_queues; q++)
		n += drv_vq_irqs(l->blks[q].vq);
	return n;
}

static bool
irq_came(void *arg)
{
	const struct irq_wait *w = arg;

	return count_irqs(w->l) != w->before;
}

/*
 * As a driver that sleeps: ask for interrupts, look once more, and then look
 * again only after one. Without one there must be nothing to see.
 */
static int
sleep_until_irq(struct drv_load *l, int timeout_ms)
{
	struct irq_wait w = { l, count_irqs(l) };
	struct drv_vq *vq = l->blks[0].vq;
	int rc;

	for (uint16_t q = 0; q < l->n_queues; q++)
		drv_vq_interrupts(l->blks[q].vq, true);
	if (has_used(l))
		return 0;
	rc = vq->ops->wait(vq, irq_came, &w, timeout_ms);
	if (rc == -ETIMEDOUT && has_used(l)) {
		l->counts.missed++;
		remember(l, "used elements came without an interrupt");
	}
	return rc;
}

/* Let the device run until something comes back. */
static int
wait_used(struct drv_load *l, int timeout_ms)
{
	struct drv_vq *vq = l->blks[0].vq;

	if (l->opts.by_interrupt)
		return sleep_until_irq(l, timeout_ms);
	return vq->ops->wait(vq, has_used, l, timeout_ms);
}

int
drv_load_run(struct drv_load *l, uint64_t n, int timeout_ms)
{
	int64_t end = drv_now_ms() + timeout_ms;
	uint64_t target = drv_load_done(l) + n;
	int rc = 0;

	while (drv_load_done(l) < target && rc >= 0) {
		rc = drv_load_fill(l);
		if (rc >= 0)
			rc = wait_used(l, drv_ms_left(end));
		if (rc >= 0)
			rc = drv_load_reap(l);
	}
	return rc < 0 ? rc : 0;
}

int
drv_load_drain(struct drv_load *l, int timeout_ms)
{
	int64_t end = drv_now_ms() + timeout_ms;
	int rc = 0;

	while (l->n_in_flight > 0 && rc >= 0) {
		rc = wait_used(l, drv_ms_left(end));
		if (rc >= 0)
			rc = drv_load_reap(l);
	}
	if (rc == -ETIMEDOUT) {
		l->counts.lost += l->n_in_flight;
		remember(l, "%llu requests never came back",
			 (unsigned long long)l->n_in_flight);
	}
	return rc < 0 ? rc : 0;
}

void
drv_load_restart(struct drv_load *l)
{
	uint32_t n = (uint32_t)l->n_queues * l->opts.depth;

	for (uint32_t i = 0; i < n; i++) {
		if (l->requests[i].in_flight)
			end_request(l, &l->requests[i], false);
	}
	l->n_in_flight = 0;
}

/* One sector of a write that may have happened. */
static int
adopt_sector(struct drv_load *l, int fd, uint64_t sector)
{
	uint8_t bytes[DRV_BLK_SECTOR];
	struct drv_oracle *o = l->oracle;

	if (pread(fd, bytes, sizeof(bytes), (off_t)(sector * sizeof(bytes))) !=
	    (ssize_t)sizeof(bytes))
		return -EIO;
	if (drv_oracle_judge(o, sector, bytes) == DRV_GOOD)
		return 0;
	o->gens[sector]++;
	if (drv_oracle_judge(o, sector, bytes) != DRV_GOOD) {
		l->counts.corrupted++;
		remember(l, "sector %llu is neither old nor new after a reset",
			 (unsigned long long)sector);
	}
	return 0;
}

int
drv_load_abandon(struct drv_load *l, const char *image)
{
	uint32_t n = (uint32_t)l->n_queues * l->opts.depth;
	int fd = open(image, O_RDONLY | O_CLOEXEC), rc = 0;
	int abandoned = (int)l->n_in_flight;

	if (fd < 0)
		return -errno;
	for (uint32_t i = 0; i < n && rc == 0; i++) {
		const struct drv_load_request *r = &l->requests[i];

		if (!r->in_flight || r->type != DRV_BLK_OUT)
			continue;
		for (uint32_t k = 0; k < r->n_sectors && rc == 0; k++)
			rc = adopt_sector(l, fd, r->sector + k);
	}
	(void)close(fd);
	drv_load_restart(l);
	return rc < 0 ? rc : abandoned;
}
