// SPDX-License-Identifier: BSD-3-Clause
/*
 * Batches of good and bad chains, and a device that returns in a batch what is
 * not its own. That each other case of the rings may come in batches as well
 * is in those: see RIG_BATCH.
 */
#include <errno.h>

#include "hostile/rig.h"

#define NEXT  DRV_DESC_NEXT
#define WRITE DRV_DESC_WRITE
#define SIZE  PROBE_QSIZE
#define ROOM  16 /* segments */

/* What the latest turn of queue 0 has found, call by call. */
static struct {
	int room; /* segments that there is room for */
	int max;  /* chains at once */
	int n_calls;
	int found[2 * SIZE];      /* what each call has returned */
	uint16_t heads[2 * SIZE]; /* in the order in which they came */
	uint16_t segs[2 * SIZE];  /* how many each has */
	int n;
	bool keep;
} turn;

/* What has not been given back. */
static struct vq_chain held[SIZE];
static int n_held;

static void
take_all(void *arg, struct vqueue_info *q)
{
	struct vq_chain chains[SIZE];
	struct iovec iov[ROOM];
	int n;

	(void)arg;
	do {
		ck_assert_int_lt(turn.n_calls, 2 * SIZE);
		n = vq_getchains(q, chains, turn.max, iov, turn.room);
		turn.found[turn.n_calls++] = n;
		ck_assert_int_le(n, turn.max);
		for (int i = 0; i < n; i++) {
			ck_assert(chains[i].iov >= iov);
			turn.heads[turn.n] = chains[i].idx;
			turn.segs[turn.n++] = (uint16_t)(chains[i].n_readable +
							 chains[i].n_writable);
			chains[i].iolen = 0;
		}
		if (n > 0 && !turn.keep)
			vq_relchains(q, chains, n);
		for (int i = 0; i < n && turn.keep; i++)
			held[n_held++] = chains[i];
	} while (n > 0);
	vq_endchains(q, 1);
}

/* Return what a case has put together. */
static void
give_back(const struct vq_chain *chains, int n)
{
	struct vqueue_info *q = &probe->vqs[0];

	pthread_mutex_lock(&q->mtx);
	vq_relchains(q, chains, n);
	vq_endchains(q, 0);
	pthread_mutex_unlock(&q->mtx);
}

static void
start_turns(int way, int room, int max)
{
	rig_plug(NULL);
	turn.room = room;
	turn.max = max;
	probe->vqs[0].notify = take_all;
	rig_start_way(way);
	indirect = false;
}

/* n bytes to read, one in each descriptor from i on; published. */
static void
offer_chain(uint16_t i, uint16_t n, uint64_t gpa)
{
	for (uint16_t k = 0; k < n; k++)
		chain_put((uint16_t)(i + k), gpa, 1, k + 1 < n ? NEXT : 0,
			  (uint16_t)(i + k + 1));
	ring_offer(vq, i);
}

/* The head that the case has named, from what the library calls it. */
static uint16_t
head_of(int i)
{
	return packed ? (uint16_t)((turn.heads[i] + SIZE - 5) % SIZE)
		      : turn.heads[i];
}

static void
assert_back(const uint16_t *heads, int n)
{
	for (int i = 0; i < n; i++)
		ck_assert_uint_eq(used_take(vq).id, heads[i]);
	assert_quiet();
	ck_assert_uint_eq(rig_status() & DRV_S_NEEDS_RESET, 0);
}

/* ---- A6, A10: bad chains among good ones -------------------------------- */

/* Each pattern of good and bad ones: all come back, in order, once. */
START_TEST(hostile_a6__bad_chains_anywhere_in_a_batch)
{
	uint16_t heads[8];
	int n_good = 0;

	start_turns(_i & 1, ROOM, 8);
	for (uint16_t i = 0; i < 8; i++) {
		bool good = _i >> i & 1;

		n_good += good;
		heads[i] = i;
		offer_chain(i, 1, good ? IN_GPA : NOWHERE);
	}
	ring_kick();
	assert_back(heads, 8);
	ck_assert_int_eq(turn.n, n_good);
	ck_assert_int_eq(probe_count(&probe->n_refused), 8 - n_good);
	for (int i = 0, k = 0; i < 8; i++) {
		if (_i >> i & 1)
			ck_assert_uint_eq(head_of(k++), i);
	}
}
END_TEST

/* From 1 to 15 descriptors; what is too long for all the room is refused. */
START_TEST(hostile_a10__batch_ends_where_there_is_no_more_room)
{
	static const uint16_t lens[] = { 3, 3, 1, 5, 1, 1 };
	uint16_t heads[6], at = 0;
	int room = _i / N_FACES, n_fit = 0, in_batch = 0, calls = 0;

	start_turns(_i % N_FACES, room, SIZE);
	for (int i = 0; i < 6; i++) {
		heads[i] = at;
		offer_chain(at, lens[i], IN_GPA);
		at = (uint16_t)(at + lens[i]);
		n_fit += lens[i] <= room;
	}
	ring_kick();
	assert_back(heads, 6);
	ck_assert_int_eq(turn.n, n_fit);
	ck_assert_int_eq(probe_count(&probe->n_refused), 6 - n_fit);
	for (int i = 0, k = 0; i < 6; i++) {
		if (lens[i] > room)
			continue;
		ck_assert_uint_eq(head_of(k), heads[i]);
		ck_assert_uint_eq(turn.segs[k++], lens[i]);
	}
	for (int i = 0; i < turn.n_calls; i++) {
		in_batch += turn.found[i];
		calls += turn.found[i] > 0;
	}
	ck_assert_int_eq(in_batch, n_fit);
	if (room == 1)
		ck_assert_int_eq(calls, n_fit);
	else
		ck_assert_int_lt(calls, n_fit);
}
END_TEST

START_TEST(hostile_a10__batch_has_no_more_chains_than_asked_for)
{
	uint16_t heads[12];

	start_turns(_i % N_FACES, ROOM, 1 + _i / N_FACES);
	for (uint16_t i = 0; i < 12; i++) {
		heads[i] = i;
		offer_chain(i, 1, IN_GPA);
	}
	ring_kick();
	assert_back(heads, 12);
	ck_assert_int_eq(turn.n, 12);
}
END_TEST

/* ---- A1, A2: a bad ring behind good chains ------------------------------- */

/* What came before is handed out first; then, and from then on, it is bad. */
START_TEST(hostile_a1__bad_ring_in_the_middle_of_a_batch)
{
	int n_good = _i / N_FACES;

	start_turns(_i % N_FACES, ROOM, 8);
	turn.keep = true;
	for (uint16_t i = 0; i < n_good; i++)
		offer_chain(i, 1, IN_GPA);
	ring_offer_bad(vq);
	offer_chain(9, 1, IN_GPA);
	ring_kick();
	ck_assert_int_eq(turn.n, n_good);
	if (n_good)
		ck_assert_int_eq(turn.found[0], n_good);
	ck_assert_int_eq(turn.found[turn.n_calls - 1], -EINVAL);
	ck_assert_uint_ne(rig_status() & DRV_S_NEEDS_RESET, 0);
	ck_assert_uint_eq(drv_device_config_irqs(&dut), 1);
	for (int i = 0; i < 3; i++)
		ring_kick();
	ck_assert_int_eq(turn.n, n_good);
	give_back(held, n_held);
	ck_assert(!drv_vq_has_used(vq));
	ck_assert_int_eq(n_log_lines, 1);
	assert_serves(&dut.vqs[1]);
}
END_TEST

/* A head twice in one batch, while the first is in flight. */
START_TEST(hostile_a4__head_twice_in_a_batch)
{
	start_turns(_i, ROOM, 8);
	turn.keep = true;
	offer_chain(2, 1, IN_GPA);
	offer_chain(3, 1, IN_GPA);
	offer_chain(2, 1, IN_GPA);
	ring_kick();
	ck_assert_int_eq(turn.n, 2);
	ck_assert_int_eq(turn.found[turn.n_calls - 1], -EINVAL);
	ck_assert_uint_ne(rig_status() & DRV_S_NEEDS_RESET, 0);
	give_back(held, n_held);
	ck_assert(!drv_vq_has_used(vq));
}
END_TEST

/* ---- A4: what the device returns ------------------------------------------
 */

static void
hold_all(void *arg, struct vqueue_info *q)
{
	struct iovec iov[ROOM];
	int n;

	(void)arg;
	while ((n = vq_getchains(q, held + n_held, SIZE - n_held, iov, ROOM)) >
	       0)
		n_held += n;
	vq_endchains(q, 0);
}

static void
hold_chains(int way, uint16_t n)
{
	rig_plug(NULL);
	probe->vqs[0].notify = hold_all;
	rig_start_way(way);
	indirect = false;
	for (uint16_t i = 0; i < n; i++)
		offer_chain(i, 1, IN_GPA);
	ring_kick();
	ck_assert_int_eq(n_held, n);
}

/* Twice, of no chain, out of range, among those that are: none comes back. */
START_TEST(heads_that_are_not_in_flight_are_not_returned)
{
	static const uint16_t heads[] = { 0, 1, 2, 3 };
	struct vq_chain back[9];

	hold_chains(_i, 4);
	for (int i = 0; i < 4; i++)
		back[2 * i] = held[i];
	back[1] = held[0];
	back[3] = (struct vq_chain){ .idx = 0xffff };
	back[5] = (struct vq_chain){ .idx = (uint16_t)(held[3].idx + SIZE) };
	back[7] = (struct vq_chain){ .idx = packed ? 0 : 9, .iolen = 7 };
	back[8] = held[3];
	give_back(back, 9);
	assert_back(heads, 4);
	give_back(back, 9);
	assert_quiet();
	probe->vqs[0].notify = NULL;
	assert_serves(vq);
}
END_TEST

/* In any order, in pieces of any size; in order they come back in theirs. */
START_TEST(batches_are_returned_in_pieces_and_out_of_order)
{
	uint16_t step = (uint16_t)(3 + 2 * (_i % 4)), at = 5;
	uint32_t seen = 0;

	hold_chains(0, SIZE);
	for (int i = 0; i < SIZE;) {
		struct vq_chain back[SIZE];
		int n = 1 + _i % 5;

		if (n > SIZE - i)
			n = SIZE - i;
		for (int k = 0; k < n; k++, i++) {
			back[k] = held[at];
			at = (uint16_t)((at + step) % SIZE);
		}
		give_back(back, n);
	}
	for (uint16_t i = 0; i < SIZE; i++) {
		uint32_t id = used_take(vq).id;

		if (in_order)
			ck_assert_uint_eq(id, i);
		seen |= UINT32_C(1) << id;
	}
	ck_assert_uint_eq(seen, (UINT32_C(1) << SIZE) - 1);
	assert_quiet();
	probe->vqs[0].notify = NULL;
	assert_serves(vq);
}
END_TEST

/* A batch that was taken before a reset comes back after it: nothing happens.
 */
START_TEST(hostile_b5__batch_that_comes_back_after_a_reset)
{
	hold_chains(0, 6);
	give_back(held + 3, 2);
	probe->mode = PROBE_STUCK;
	ck_assert_int_eq(drv_virtio_set_status(&dut.vd, 0), 0);
	give_back(held, 6);
	ck_assert_int_eq(drv_bus_run(bus), 0);
	probe->mode = PROBE_COPY;
	probe->vqs[0].notify = NULL;
	rig_restart();
	give_back(held, 6);
	assert_quiet();
	assert_serves(vq);
}
END_TEST

static void
add_cases(TCase *tc)
{
	tcase_add_loop_test(tc, hostile_a6__bad_chains_anywhere_in_a_batch, 0,
			    1 << 8);
	tcase_add_loop_test(tc,
			    hostile_a10__batch_ends_where_there_is_no_more_room,
			    N_FACES, N_FACES * (ROOM + 1));
	tcase_add_loop_test(
		tc, hostile_a10__batch_has_no_more_chains_than_asked_for, 0,
		N_FACES * SIZE);
	tcase_add_loop_test(tc, hostile_a1__bad_ring_in_the_middle_of_a_batch,
			    0, N_FACES * 8);
	tcase_add_loop_test(tc, hostile_a4__head_twice_in_a_batch, 0, N_FACES);
	tcase_add_loop_test(tc, heads_that_are_not_in_flight_are_not_returned,
			    0, N_FACES);
	tcase_add_loop_test(tc, batches_are_returned_in_pieces_and_out_of_order,
			    0, 20);
	tcase_add_test(tc, hostile_b5__batch_that_comes_back_after_a_reset);
}

int
main(void)
{
	Suite *s = suite_create("ring-batch");

	for (int i = 0; i < RIG_BATCH; i++)
		add_cases(rig_case(s, (enum rig_kind)i, 60));
	return suite_run(s);
}
