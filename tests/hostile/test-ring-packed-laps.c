// SPDX-License-Identifier: BSD-3-Clause
/*
 * Packed rings: sizes, laps and wrap counters at their ends, areas that are in
 * each other's way, and a ring that is written while it is read.
 */
#include <pthread.h>
#include <sched.h>
#include <stdio.h>

#include "hostile/rig.h"

#define NEXT  DRV_DESC_NEXT
#define WRITE DRV_DESC_WRITE
#define SIZE  PROBE_QSIZE
#define BIG   32768

static struct drv_packed *
ring(void)
{
	return &vq->packed;
}

/* ---- A8: the ring is RAM like any other ---- */

/* Copy len bytes of fill to gpa, in a chain of id 0. */
static void
send_over(uint64_t gpa, uint32_t len, uint8_t fill)
{
	const struct drv_seg segs[] = { { IN_GPA, len, false },
					{ gpa, len, true } };

	ck_assert_int_eq(drv_ram_fill(&ram, IN_GPA, fill, len), 0);
	chain_segs(segs, 2);
}

START_TEST(hostile_a8__chain_that_clears_its_own_ring)
{
	rig_start_way(_i);
	send_over(ring()->desc_gpa, 16 * SIZE, 0);
	assert_served(0, 16 * SIZE);
}
END_TEST

/* With 0xff, all descriptors look used; with 0x80, all look so at half. */
START_TEST(hostile_a8__chain_that_scribbles_over_its_own_ring)
{
	static const uint8_t fills[] = { 0xff, 0x80, 0x5a, 0x01 };

	rig_start_way(_i % N_WAYS);
	send_over(ring()->desc_gpa, 16 * SIZE, fills[_i / N_WAYS]);
	ck_assert_int_ge(probe_count(&probe->n_chains), 1);
	ck_assert_uint_eq(used_take(vq).len, 16 * SIZE);
	assert_serves(&dut.vqs[1]);
	rig_restart();
	assert_serves(vq);
}
END_TEST

START_TEST(hostile_a8__chain_that_overwrites_the_event_areas)
{
	rig_start_way(_i % N_WAYS);
	if (_i / N_WAYS)
		send_over(ring()->driver_gpa, 4, 0xff);
	else
		send_over(ring()->device_gpa, 4, 0xff);
	assert_served(0, 4);
}
END_TEST

START_TEST(hostile_a8__chain_that_overwrites_another_queues_packed_ring)
{
	rig_start_way(_i);
	send_over(dut.vqs[1].packed.desc_gpa, 16 * SIZE, 0xff);
	assert_served(0, 16 * SIZE);
	assert_serves(&dut.vqs[1]);
}
END_TEST

START_TEST(hostile_a8__device_area_that_the_driver_scribbles_on)
{
	rig_start_way(_i);
	for (int round = 0; round < 40; round++) {
		drv_packed_raw_device_event(ring(), (uint16_t)(round * 977),
					    (uint16_t)(round * 12345));
		assert_serves(vq);
	}
}
END_TEST

/* ---- A11: while they are read ---- */

#define N_ROUNDS   300
#define MAX_ROUNDS 1000000 /* where the driver gets little of the processor */

struct racer {
	pthread_t thread;
	bool stop;
	bool structure; /* also ids, flags and the event areas */
	uint32_t seed;
};

static uint32_t
draw(struct racer *r)
{
	r->seed = r->seed * 1664525 + 1013904223;
	return r->seed >> 8;
}

/* Good and bad; a good one never reaches into the rings, with any length. */
static const uint64_t addrs[] = {
	NEXT_GPA, NEXT_END - 1, FAR_GPA, FAR_GPA - 1, TOP_GPA, NOWHERE,
};

/* Rewrite descriptors of the ring, a field at a time. */
static void *
racer_run(void *arg)
{
	struct racer *r = arg;

	while (!__atomic_load_n(&r->stop, __ATOMIC_RELAXED)) {
		uint8_t *desc = ring()->desc + (size_t)16 * (draw(r) % SIZE);

		drv_store64(desc, addrs[draw(r) % 6]);
		drv_store32(desc + 8, draw(r) % 9);
		if (!r->structure)
			continue;
		drv_store16(desc + 12, (uint16_t)(draw(r) % (SIZE + 1)));
		drv_store16(desc + 14, (uint16_t)draw(r));
		drv_packed_raw_driver_event(ring(), (uint16_t)draw(r),
					    (uint16_t)draw(r));
		drv_packed_raw_device_event(ring(), (uint16_t)draw(r),
					    (uint16_t)draw(r));
	}
	return NULL;
}

static void
racer_start(struct racer *r)
{
	r->stop = false;
	ck_assert_int_eq(pthread_create(&r->thread, NULL, racer_run, r), 0);
}

static void
racer_stop(struct racer *r)
{
	__atomic_store_n(&r->stop, true, __ATOMIC_RELAXED);
	ck_assert_int_eq(pthread_join(r->thread, NULL), 0);
}

/* A lap of chains of one descriptor. */
static void
send_lap(void)
{
	for (uint16_t k = 0; k < SIZE; k++) {
		struct drv_pdesc d = { IN_GPA, 1, k, 0 };

		drv_packed_raw_offer(ring(), &d, 1);
	}
	ring_kick();
	(void)sched_yield();
}

/* Good chains as well as bad ones? */
static bool
saw_both(void)
{
	return probe_count(&probe->n_chains) > 0 &&
	       probe_count(&probe->n_refused) > 0;
}

/* Addresses and lengths change: each chain comes back, in order. */
START_TEST(hostile_a11__packed_buffers_change_while_they_are_read)
{
	struct racer r = { .seed = (uint32_t)_i };

	rig_start_way(_i);
	racer_start(&r);
	for (int i = 0; i < N_ROUNDS || (i < MAX_ROUNDS && !saw_both()); i++) {
		send_lap();
		for (uint16_t k = 0; k < SIZE; k++)
			ck_assert_uint_eq(take_id(vq, 1), k);
	}
	racer_stop(&r);
	ck_assert_uint_eq(rig_status() & DRV_S_NEEDS_RESET, 0);
	ck_assert_int_eq(probe_count(&probe->n_outside), 0);
	ck_assert(saw_both());
	assert_serves(vq);
}
END_TEST

/* So does all of it: some rings break, and are reset. */
START_TEST(hostile_a11__packed_rings_change_while_they_are_walked)
{
	struct racer r = { .seed = (uint32_t)_i, .structure = true };
	int n_broken = 0;

	rig_start_way(_i);
	for (int i = 0; i < 20 || (i < MAX_ROUNDS / 10 && !n_broken); i++) {
		racer_start(&r);
		for (int k = 0; k < 10; k++)
			send_lap();
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

/* ---- A12: places, laps and wrap counters ---- */

/* Start queue 0 anew with a ring of this size. */
static void
start_size(int way, uint16_t size)
{
	if (!bus)
		rig_plug("big");
	rig_start_way(way);
	ck_assert_int_eq(drv_device_stop(&dut), 0);
	ck_assert_int_eq(
		drv_virtio_start(
			&dut.vd,
			DRV_BIT(DRV_F_RING_PACKED) |
				DRV_BIT(DRV_F_INDIRECT_DESC) |
				(in_order ? DRV_BIT(DRV_F_IN_ORDER) : 0)),
		0);
	dut.n_queues = 1;
	ck_assert_int_eq(drv_vq_open(vq, &dut.vd, &ram, 0, size, DRV_NO_VECTOR),
			 0);
	ck_assert_int_eq(drv_virtio_run(&dut.vd), 0);
	vq->indirect = indirect;
}

static const uint16_t sizes[] = { 1, 2, 3, 5, 7, 8, 13, 100, 1000, 32767, BIG };

#define N_SIZES ((int)(sizeof(sizes) / sizeof(sizes[0])))
#define N_HUGE  2 /* no RAM for so many tables */

/* Add chains of up to max descriptors, some at a time; how many. */
static int
add_some(uint32_t *random, int max)
{
	const struct drv_seg segs[] = { { IN_GPA, 2, false },
					{ OUT_GPA, 1, true },
					{ OUT_GPA + 1, 1, true },
					{ OUT_GPA + 2, 5, true } };
	int n = 0;

	do {
		*random = *random * 1664525 + 1013904223;
		if (drv_vq_add(vq, segs, 1 + (int)(*random >> 30) % max, NULL) <
		    0)
			break;
		n++;
	} while (*random >> 20 & 31);
	drv_vq_publish(vq);
	return n;
}

/* Take all that has come back; how many, and none says more than 2 bytes. */
static int
take_all(void)
{
	struct drv_used used;
	int n = 0, rc;

	while ((rc = drv_vq_reap(vq, &used)) == 1 && used.len <= 2)
		n++;
	ck_assert_int_eq(rc, 0);
	return n;
}

/* Chains of 1 to 4 descriptors, many laps: they wrap in every way there is. */
START_TEST(hostile_a12__chains_across_the_end_at_any_size)
{
	uint16_t size = sizes[_i % N_SIZES];
	uint32_t random = (uint32_t)_i;
	uint64_t laps = size < 100 ? 100 : size < 1000 ? 20 : 3;

	start_size(_i < N_SIZES ? 0 : 2, size);
	vq->packed.table_len = 4;
	while (vq->packed.added < laps * size) {
		int n = add_some(&random, size < 4 ? 1 : 4);

		ck_assert_int_gt(n, 0);
		ring_kick();
		ck_assert_int_eq(take_all(), n);
	}
	ck_assert_uint_eq(rig_status() & DRV_S_NEEDS_RESET, 0);
	ck_assert_uint_eq(drv_vq_n_free(vq), size);
}
END_TEST

START_TEST(hostile_a12__packed_queue_of_32768_is_filled_again_and_again)
{
	const struct drv_seg seg = { IN_GPA, 1, false };

	start_size(0, BIG);
	for (int round = 0; round < 3; round++) {
		while (drv_vq_add(vq, &seg, 1, NULL) >= 0)
			;
		drv_vq_publish(vq);
		ring_kick();
		ck_assert_int_eq(take_all(), BIG);
	}
	ck_assert_uint_eq(rig_status() & DRV_S_NEEDS_RESET, 0);
}
END_TEST

/* The whole ring in one chain, from each place in it. */
START_TEST(hostile_a12__chain_of_the_whole_ring_from_every_place)
{
	struct drv_pdesc d[SIZE] = { { IN_GPA, 8, 0, NEXT } };

	rig_start_way(_i);
	for (int i = 1; i < SIZE; i++)
		d[i] = (struct drv_pdesc){ OUT_GPA, i == 9 ? 8 : 0, 0xffff,
					   i + 1 < SIZE ? NEXT | WRITE
							: WRITE };
	for (uint16_t round = 0; round < 2 * SIZE; round++) {
		const struct drv_pdesc one = { IN_GPA, 1, 1, 0 };

		d[SIZE - 1].id = round % SIZE;
		drv_packed_raw_offer(ring(), d, SIZE);
		ring_kick();
		ck_assert_uint_eq(
			drv_packed_raw_get_desc(ring(), ring()->used).len, 8);
		ck_assert_uint_eq(take_id(vq, SIZE), round % SIZE);
		drv_packed_raw_offer(ring(), &one, 1);
		ring_kick();
		ck_assert_uint_eq(take_id(vq, 1), 1);
	}
	ck_assert_int_eq(probe_count(&probe->n_refused), 0);
	assert_serves(vq);
}
END_TEST

/* An event area that makes no sense: nothing is lost, or breaks. */
START_TEST(hostile_a12__event_area_that_makes_no_sense)
{
	static const uint16_t places[] = {
		0, SIZE, SIZE + 1, 0x7fff, 0x8000 | SIZE, 0xffff, 0x8000,
	};

	rig_plug(NULL);
	rig_start(_i & 1 ? DRV_LEGACY : DRV_MODERN,
		  _i & 2 ? DRV_BIT(DRV_F_EVENT_IDX) : 0);
	for (uint16_t flags = 0; flags < 8; flags++) {
		for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
			uint64_t before = drv_vq_irqs(vq);

			drv_packed_raw_driver_event(ring(), places[i], flags);
			assert_serves(vq);
			ck_assert_uint_le(drv_vq_irqs(vq), before + 1);
		}
	}
	ck_assert_uint_eq(rig_status() & DRV_S_NEEDS_RESET, 0);
}
END_TEST

/* ---- A13: areas in each other's way ---- */

static void
assert_areas_refused(uint64_t desc, uint64_t driver, uint64_t device)
{
	struct drv_areas at = { SIZE, desc, driver, device };
	bool on = true;

	ck_assert_int_eq(drv_device_stop(&dut), 0);
	ck_assert_int_eq(drv_virtio_start(&dut.vd, DRV_BIT(DRV_F_RING_PACKED)),
			 0);
	ck_assert_int_eq(drv_queue_attach_at(&dut.vd, 0, &at, DRV_NO_VECTOR),
			 0);
	ck_assert_int_eq(drv_queue_enabled(&dut.vd, &on), 0);
	ck_assert(!on);
}

/* covers: B3 */
START_TEST(hostile_a13__packed_areas_that_overlap_or_are_nowhere)
{
	const uint64_t a = IN_GPA, b = OUT_GPA;

	rig_start_way(_i);
	assert_areas_refused(a, a, b);
	assert_areas_refused(a, b, a + 16 * SIZE - 4);
	assert_areas_refused(a, a + 8, b);
	assert_areas_refused(a, b, b);
	assert_areas_refused(a + 8, b, b + 8); /* not aligned */
	assert_areas_refused(a, b + 2, b + 8);
	assert_areas_refused(a, b, b + 9);
	assert_areas_refused(NOWHERE, a, b);
	assert_areas_refused(a, NOWHERE, b);
	assert_areas_refused(a, b, NOWHERE);
	assert_areas_refused(NEXT_END - 16 * SIZE + 16, a, b);
	assert_areas_refused(0xfffffffffffffff0, a, b);
	ck_assert_int_eq(drv_device_stop(&dut), 0);
	rig_start_way(_i);
	assert_serves(vq);
}
END_TEST

static void
add_memory(TCase *tc)
{
	tcase_add_loop_test(tc, hostile_a8__chain_that_clears_its_own_ring, 0,
			    N_WAYS);
	tcase_add_loop_test(tc,
			    hostile_a8__chain_that_scribbles_over_its_own_ring,
			    0, N_WAYS * 4);
	tcase_add_loop_test(tc,
			    hostile_a8__chain_that_overwrites_the_event_areas,
			    0, N_WAYS * 2);
	tcase_add_loop_test(
		tc,
		hostile_a8__chain_that_overwrites_another_queues_packed_ring, 0,
		N_WAYS);
	tcase_add_loop_test(
		tc, hostile_a8__device_area_that_the_driver_scribbles_on, 0,
		N_FACES);
	tcase_add_loop_test(
		tc, hostile_a13__packed_areas_that_overlap_or_are_nowhere, 0,
		N_FACES);
}

static void
add_laps(TCase *tc)
{
	tcase_add_loop_test(tc, hostile_a12__chains_across_the_end_at_any_size,
			    0, 2 * N_SIZES - N_HUGE);
	tcase_add_test(
		tc,
		hostile_a12__packed_queue_of_32768_is_filled_again_and_again);
	tcase_add_loop_test(
		tc, hostile_a12__chain_of_the_whole_ring_from_every_place, 0,
		N_FACES);
	tcase_add_loop_test(tc, hostile_a12__event_area_that_makes_no_sense, 0,
			    4);
}

#ifdef __SANITIZE_THREAD__
#define RACES_ARE_SEEN true
#else
#define RACES_ARE_SEEN false
#endif

static void
add_races(TCase *tc)
{
	tcase_add_loop_test(
		tc, hostile_a11__packed_buffers_change_while_they_are_read, 0,
		N_FACES);
	tcase_add_loop_test(
		tc, hostile_a11__packed_rings_change_while_they_are_walked, 0,
		N_FACES);
}

int
main(void)
{
	Suite *s = suite_create("ring-packed-laps");

	for (int i = RIG_PACKED; i < RIG_KINDS; i++) {
		TCase *tc;

		if (!(i & RIG_PACKED))
			continue;
		tc = rig_case(s, (enum rig_kind)i, 60);
		add_memory(tc);
		add_laps(tc);
		if (!RACES_ARE_SEEN)
			add_races(tc);
	}
	if (RACES_ARE_SEEN)
		printf("SKIP: hostile_a11 races on guest memory on purpose\n");
	return suite_run(s);
}
