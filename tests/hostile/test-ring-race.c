// SPDX-License-Identifier: BSD-3-Clause
/*
 * A driver that rewrites descriptors and indirect tables while the device
 * reads them. What was checked must be what is used: the probe looks at each
 * segment that it is handed, and touches all of it.
 */
#include <stdio.h>
#include <stdlib.h>

#include "hostile/rig.h"

#define NEXT       DRV_DESC_NEXT
#define WRITE      DRV_DESC_WRITE
#define INDIRECT   DRV_DESC_INDIRECT
#define N_DESCS    4
#define N_ROUNDS   10000
#define MAX_ROUNDS 1000000 /* where the driver gets little of the processor */

/* Good and bad; a good one never reaches into the rings, with any length. */
static const uint64_t addrs[] = {
	NEXT_GPA,     NEXT_GPA + 0x8000,
	NEXT_END - 1, FAR_GPA,
	FAR_GPA - 1,  FAR_GPA + FAR_SIZE - 16,
	TOP_GPA,      TOP_GPA + TOP_SIZE - 8,
	NOWHERE,      NEXT_GPA - 16,
};

static const uint32_t lens[] = { 0, 1, 2, 4, 8, 8, 8, 0xffffffff };

#define PICK(a, n) ((a)[(n) % (sizeof(a) / sizeof((a)[0]))])

struct racer {
	pthread_t thread;
	bool stop;
	bool structure; /* also flags and next, and the indirect descriptor */
	uint32_t seed;
};

static uint32_t
draw(struct racer *r)
{
	r->seed = r->seed * 1664525 + 1013904223;
	return r->seed >> 8;
}

/* Rewrite one descriptor of the chain, a field at a time. */
static void
rewrite(struct racer *r)
{
	uint16_t i = (uint16_t)(draw(r) % N_DESCS);
	uint16_t flags = (i > 1) != (draw(r) % 8 == 0) ? WRITE : 0;
	uint16_t next = (uint16_t)(i + 1);

	if (i + 1 < N_DESCS)
		flags |= NEXT;
	if (r->structure && draw(r) % 4 == 0) {
		flags = (uint16_t)(draw(r) & 7);
		next = (uint16_t)draw(r);
	}
	chain_put(i, PICK(addrs, draw(r)), PICK(lens, draw(r)), flags, next);
}

/* Rewrite the descriptor that names the table. */
static void
rewrite_table(struct racer *r)
{
	ring_put_table(0, draw(r) & 3 ? table_gpa : PICK(addrs, draw(r)),
		       draw(r) & 1 ? N_DESCS * DRV_DESC_SIZE : draw(r), 0);
}

static void *
racer_run(void *arg)
{
	struct racer *r = arg;

	while (!__atomic_load_n(&r->stop, __ATOMIC_RELAXED)) {
		rewrite(r);
		if (indirect && r->structure)
			rewrite_table(r);
	}
	return NULL;
}

static void
racer_start(struct racer *r)
{
	for (uint16_t i = 0; i < N_DESCS; i++)
		chain_put(i, FAR_GPA, 8,
			  (uint16_t)((i > 1 ? WRITE : 0) |
				     (i + 1 < N_DESCS ? NEXT : 0)),
			  (uint16_t)(i + 1));
	if (indirect)
		ring_put_table(0, table_gpa, N_DESCS * DRV_DESC_SIZE, 0);
	ck_assert_int_eq(pthread_create(&r->thread, NULL, racer_run, r), 0);
}

static void
racer_stop(struct racer *r)
{
	__atomic_store_n(&r->stop, true, __ATOMIC_RELAXED);
	ck_assert_int_eq(pthread_join(r->thread, NULL), 0);
}

/* Good chains as well as bad ones? */
static bool
saw_both(void)
{
	return probe_count(&probe->n_chains) > 0 &&
	       probe_count(&probe->n_refused) > 0;
}

/* Addresses, lengths and directions change: each chain comes back, once. */
START_TEST(hostile_a11__buffers_change_while_they_are_read)
{
	struct racer r = { .seed = (uint32_t)_i };

	rig_start_way(_i % N_WAYS);
	racer_start(&r);
	for (int i = 0; i < N_ROUNDS || (i < MAX_ROUNDS && !saw_both()); i++) {
		ring_send(0);
		ck_assert_uint_eq(used_take(vq).id, 0);
	}
	racer_stop(&r);
	ck_assert_uint_eq(rig_status() & DRV_S_NEEDS_RESET, 0);
	ck_assert_int_eq(probe_count(&probe->n_outside), 0);
	ck_assert(saw_both());
	assert_serves(vq);
}
END_TEST

/* So do flags, next fields and tables: some rings break, and are reset. */
START_TEST(hostile_a11__chains_change_while_they_are_walked)
{
	struct racer r = { .seed = (uint32_t)_i, .structure = true };
	int n_broken = 0;

	rig_start_way(_i % N_WAYS);
	for (int i = 0;
	     i < N_ROUNDS / 100 || (i < MAX_ROUNDS / 100 && !n_broken); i++) {
		r.stop = false;
		racer_start(&r);
		for (int k = 0; k < 50; k++)
			ring_send(0);
		racer_stop(&r);
		n_broken += !!(rig_status() & DRV_S_NEEDS_RESET);
		assert_serves(&dut.vqs[1]);
		rig_restart();
		assert_serves(vq);
	}
	ck_assert_int_eq(probe_count(&probe->n_outside), 0);
	ck_assert_int_gt(n_broken, 0);
}
END_TEST

/* The rings' own indices and heads change, too. */
static void *
index_racer_run(void *arg)
{
	struct racer *r = arg;

	while (!__atomic_load_n(&r->stop, __ATOMIC_RELAXED)) {
		drv_split_raw_avail(&vq->ring, (uint16_t)draw(r),
				    (uint16_t)(draw(r) % (PROBE_QSIZE + 1)));
		drv_split_raw_avail_idx(&vq->ring,
					(uint16_t)(draw(r) % PROBE_QSIZE));
		drv_split_raw_used_idx(&vq->ring, (uint16_t)draw(r));
		drv_split_raw_avail_flags(&vq->ring, (uint16_t)draw(r));
	}
	return NULL;
}

START_TEST(hostile_a11__indices_change_while_they_are_read)
{
	struct racer r = { .seed = (uint32_t)_i };

	rig_start_way(_i % N_WAYS);
	for (int i = 0; i < N_ROUNDS / 100; i++) {
		r.stop = false;
		for (uint16_t k = 0; k < PROBE_QSIZE; k++)
			drv_split_raw_desc(&vq->ring, k, FAR_GPA, 8, WRITE, 0);
		ck_assert_int_eq(
			pthread_create(&r.thread, NULL, index_racer_run, &r),
			0);
		for (int k = 0; k < 50; k++)
			ring_kick();
		racer_stop(&r);
		assert_serves(&dut.vqs[1]);
		rig_restart();
		assert_serves(vq);
	}
	ck_assert_int_eq(probe_count(&probe->n_outside), 0);
}
END_TEST

static void
add_races(TCase *tc)
{
	tcase_add_loop_test(tc, hostile_a11__buffers_change_while_they_are_read,
			    0, N_WAYS);
	tcase_add_loop_test(tc,
			    hostile_a11__chains_change_while_they_are_walked, 0,
			    N_WAYS);
	tcase_add_loop_test(tc, hostile_a11__indices_change_while_they_are_read,
			    0, N_FACES);
}

int
main(void)
{
	Suite *s = suite_create("ring-race");

#ifdef __SANITIZE_THREAD__
	printf("SKIP: these cases race on guest memory on purpose\n");
	return 77;
#endif
	for (int i = 0; i < RIG_KINDS; i++) {
		if (!(i & RIG_PACKED))
			add_races(rig_case(s, (enum rig_kind)i, 120));
	}
	return suite_run(s);
}
