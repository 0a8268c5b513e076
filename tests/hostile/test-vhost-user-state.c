// SPDX-License-Identifier: BSD-3-Clause
/*
 * A vhost-user server and what an earlier life left behind: the in-flight area,
 * written by hand, and the state of a device (classes D7, F1 and F2).
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hostile/vhost-rig.h"
#include "suite.h"

#define AREA_ROUNDS 150
#define MAX_STATE   65536

static uint32_t seed;

static uint8_t
random_byte(void)
{
	seed = seed * 1664525 + 1013904223;
	return (uint8_t)(seed >> 24);
}

/* ---- requests for an area (D7) ---- */

static const struct {
	uint16_t n_queues, queue_size;
} bad_shapes[] = {
	{ 0, LOOP_QSIZE },          { LOOP_QUEUES + 1, LOOP_QSIZE },
	{ UINT16_MAX, LOOP_QSIZE }, { LOOP_QUEUES, 0 },
	{ LOOP_QUEUES, 32769 },     { LOOP_QUEUES, UINT16_MAX },
	{ UINT16_MAX, UINT16_MAX }, { 0, 0 },
};

START_TEST(hostile_d7__area_of_an_impossible_shape_is_refused)
{
	struct drv_vu_inflight_desc d = {
		.size = 1 << 20,
		.n_queues = bad_shapes[_i].n_queues,
		.queue_size = bad_shapes[_i].queue_size,
	};
	int fd = make_memfd(1 << 20);

	assert_told(DRV_VU_SET_INFLIGHT_FD, &d, DRV_VU_INFLIGHT_BYTES, &fd, 1);
	ck_assert_int_eq(drv_vu_post(vu, DRV_VU_SET_INFLIGHT_FD, 0, &d,
				     sizeof(d), &fd, 1),
			 0);
	(void)close(fd);
	assert_closed();
	assert_closes(DRV_VU_GET_INFLIGHT_FD, &d, DRV_VU_INFLIGHT_BYTES, NULL,
		      0);
	assert_closes(DRV_VU_GET_INFLIGHT_FD, &d, sizeof(d), NULL, 0);
}
END_TEST

static const struct {
	uint64_t size, offset;
} bad_places[] = {
	{ 0, 0 },
	{ 64, 0 },
	{ 16384, 1 },
	{ 16384, 8 },
	{ 16384, 4096 },
	{ 16384, 16384 },
	{ 16384, 1 << 20 },
	{ 16384, UINT64_MAX - 4095 },
	{ 16384, UINT64_C(1) << 63 },
	{ UINT64_MAX, UINT64_MAX - 4095 },
};

START_TEST(hostile_d7__area_in_an_impossible_place_is_refused)
{
	struct drv_vu_inflight_desc d = {
		.size = bad_places[_i].size,
		.offset = bad_places[_i].offset,
		.n_queues = LOOP_QUEUES,
		.queue_size = LOOP_QSIZE,
	};
	int fd = make_memfd(4096); /* three rings need 3264 */

	assert_told(DRV_VU_SET_INFLIGHT_FD, &d, DRV_VU_INFLIGHT_BYTES, &fd, 1);
	rig_start();
	(void)close(fd);
}
END_TEST

START_TEST(hostile_d7__area_in_no_file_is_refused)
{
	struct drv_vu_inflight_desc d = {
		.size = 16384,
		.n_queues = LOOP_QUEUES,
		.queue_size = LOOP_QSIZE,
	};
	int fds[4], file = make_memfd(16384);
	char path[64];

	ck_assert_int_eq(pipe(fds), 0);
	fds[2] = make_eventfd();
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
	fds[3] = open(path, O_RDONLY | O_CLOEXEC);
	for (int i = 0; i < 4; i++) {
		assert_told(DRV_VU_SET_INFLIGHT_FD, &d, DRV_VU_INFLIGHT_BYTES,
			    &fds[i], 1);
		(void)close(fds[i]);
	}
	(void)close(file);
}
END_TEST

/* ---- what is in it (D7, F1) ---- */

/* The part of ring 0 in an area that is the front end's. */
static struct drv_vu_inflight_split *
new_area(uint16_t queue_size)
{
	struct drv_vu_shm *area = &l.dev.inflight;

	drv_vu_shm_deinit(area);
	ck_assert_int_eq(drv_vu_get_inflight(vu, LOOP_QUEUES, queue_size, area),
			 0);
	return (void *)area->map;
}

static struct drv_vu_inflight_entry *
entries_of(struct drv_vu_inflight_split *area)
{
	return (void *)(area + 1);
}

struct content {
	uint16_t version, desc_num, last, used_idx;
	uint16_t first, n; /* heads that are in flight */
	uint16_t next;     /* of all of them */
	uint64_t counter;  /* of all of them */
	uint8_t inflight;
	bool taken; /* it makes sense */
};

static const struct content contents[] = {
	/* What nobody wrote. */
	{ 2, LOOP_QSIZE, 0, 0, 0, 0, 0, 0, 1, false },
	{ UINT16_MAX, LOOP_QSIZE, 0, 0, 0, 0, 0, 0, 1, false },
	{ 1, 0, 0, 0, 0, 0, 0, 0, 1, false },
	{ 1, LOOP_QSIZE - 1, 0, 0, 0, 0, 0, 0, 1, false },
	{ 1, LOOP_QSIZE + 1, 0, 0, 0, 0, 0, 0, 1, false },
	{ 1, LOOP_QSIZE * 2, 0, 0, 0, 0, 0, 0, 1, false },
	{ 1, UINT16_MAX, 0, 0, 0, 0, 0, 0, 1, false },
	/* A batch that was cut, and does not end. */
	{ 1, LOOP_QSIZE, LOOP_QSIZE, UINT16_MAX, 5, 1, 0, 0, 1, false },
	{ 1, LOOP_QSIZE, UINT16_MAX, UINT16_MAX, 5, 1, 0, 0, 1, false },
	{ 1, LOOP_QSIZE, 5, UINT16_MAX - 1, 5, 1, LOOP_QSIZE, 0, 1, false },
	{ 1, LOOP_QSIZE, 5, UINT16_MAX - 1, 5, 1, UINT16_MAX, 0, 1, false },
	{ 1, LOOP_QSIZE, 5, 1000, 5, 1, 5, 0, 1, false },
	{ 1, LOOP_QSIZE, 5, 1, 5, 1, 5, 0, 1, false },
	{ 1, LOOP_QSIZE, 5, 0x8000, 5, 1, 5, 0, 1, false },
	/* Odd, but bounded: what is in flight is handed out again. */
	{ 1, LOOP_QSIZE, 5, 65536 - LOOP_QSIZE, 5, 1, 5, 0, 1, true },
	{ 1, LOOP_QSIZE, 0, 0, 0, LOOP_QSIZE, 0, 7, 1, true },
	{ 1, LOOP_QSIZE, 0, 0, 0, LOOP_QSIZE, 0, UINT64_MAX, 1, true },
	{ 1, LOOP_QSIZE, 0, 0, 0, LOOP_QSIZE, 0, 0, 0xff, true },
	{ 1, LOOP_QSIZE, 0, 0, 63, 1, UINT16_MAX, UINT64_MAX, 2, true },
	/* With nothing in flight the index is as good as any. */
	{ 1, LOOP_QSIZE, UINT16_MAX, 1000, 0, 0, 0, 0, 1, true },
};

static void
fill_area(const struct content *c)
{
	struct drv_vu_inflight_split *area = new_area(LOOP_QSIZE);
	struct drv_vu_inflight_entry *entries = entries_of(area);

	area->version = c->version;
	area->desc_num = c->desc_num;
	area->last_batch_head = c->last;
	area->used_idx = c->used_idx;
	for (int i = c->first; i < c->first + c->n; i++) {
		entries[i].inflight = c->inflight;
		entries[i].next = c->next;
		entries[i].counter = c->counter;
	}
}

/* covers: F1 */
START_TEST(hostile_d7__area_of_all_bad_kinds)
{
	const struct content *c = &contents[_i];

	fill_area(c);
	ck_assert_int_eq(drv_vu_device_start(&l.dev),
			 c->taken ? 0 : -EREMOTEIO);
	if (c->taken)
		vhost_loop_echo(&l, 1, 0x11);
	vhost_assert_goes_on(vu);
	vhost_rig_next();
}
END_TEST

START_TEST(hostile_d7__area_for_a_smaller_ring_is_refused)
{
	(void)new_area(LOOP_QSIZE / 2);
	ck_assert_int_eq(drv_vu_device_start(&l.dev), -EREMOTEIO);
	vhost_assert_goes_on(vu);
}
END_TEST

static void
hold(struct served *s)
{
	loop_of(s->dev)->hold = true;
}

static void
let_go(struct served *s)
{
	loop_of(s->dev)->hold = false;
}

static int n_held;

static void
count_held(struct served *s)
{
	n_held = loop_of(s->dev)->n_held[0];
}

static int
count_chains(void)
{
	return __atomic_load_n(&vhost_loop_device(&l)->n_chains,
			       __ATOMIC_RELAXED);
}

/* New rings after a reset, while the server still has the area. */
static void
assert_nothing_comes_again(void)
{
	int n_chains = count_chains();

	for (int i = 0; i < LOOP_QUEUES; i++) {
		drv_vq_reset_ring(&l.dev.queues[i].vq);
		l.dev.queues[i].base = 0;
	}
	ck_assert_int_eq(
		drv_vu_set_u64(vu, DRV_VU_SET_FEATURES, l.dev.features), 0);
	ck_assert_int_eq(drv_vu_device_start_rings(&l.dev), 0);
	rig_echo();
	ck_assert_int_eq(count_chains(), n_chains + LOOP_QUEUES);
	ck_assert_int_eq(drv_vu_device_stop(&l.dev), 0);
}

START_TEST(hostile_d7__area_after_a_reset_under_requests)
{
	for (int i = 0; i < 4; i++) {
		rig_start();
		served_call(&l.served, hold);
		for (int k = 0; k < 5; k++)
			(void)vhost_loop_submit(&l, 0);
		for (n_held = 0; n_held < 5;)
			served_call(&l.served, count_held);
		if (i / 2)
			ck_assert_int_eq(
				drv_vu_set_state(vu, DRV_VU_SET_VRING_ENABLE, 0,
						 0),
				0);
		ck_assert_int_eq(drv_vu_device_reset(&l.dev, i % 2), 0);
		served_call(&l.served, let_go);
		assert_nothing_comes_again();
	}
}
END_TEST

/* Of what was in flight none has been handed out again when the reset comes. */
START_TEST(hostile_d7__area_after_a_reset_before_it_was_used)
{
	const struct drv_vu_queue *q = &l.dev.queues[0];
	struct drv_vu_inflight_split *area;

	rig_start();
	ck_assert_int_eq(drv_vu_device_stop_rings(&l.dev), 0);
	ck_assert_int_eq(drv_vu_set_state(vu, DRV_VU_SET_VRING_ENABLE, 0, 0),
			 0);
	area = (void *)l.dev.inflight.map;
	area->version = 1;
	area->desc_num = LOOP_QSIZE;
	area->used_idx = drv_split_raw_get_used_idx(&q->vq.ring);
	entries_of(area)[3].inflight = 1;
	ck_assert_int_eq(
		drv_vu_set_vring_fd(vu, DRV_VU_SET_VRING_KICK, 0, q->kick), 0);
	ck_assert_int_eq(drv_vu_device_reset(&l.dev, false), 0);
	assert_nothing_comes_again();
}
END_TEST

/* The whole of it, of any bytes: of a split ring, and of a packed one. */
/* covers: F1 */
START_TEST(hostile_d7__area_of_random_bytes)
{
	bool packed = _i;

	if (packed && !(l.dev.offered & DRV_BIT(DRV_F_RING_PACKED)))
		return;
	for (int round = 0; round < AREA_ROUNDS; round++) {
		struct drv_vu_inflight_split *area;

		seed = (uint32_t)round;
		if (packed)
			l.dev.features |= DRV_BIT(DRV_F_RING_PACKED);
		/* The size is that of the ring that is agreed on. */
		ck_assert_int_eq(
			drv_vu_set_u64(vu, DRV_VU_SET_FEATURES, l.dev.features),
			0);
		area = new_area(LOOP_QSIZE);
		for (size_t i = 0; i < l.dev.inflight.size; i++)
			l.dev.inflight.map[i] = random_byte() &
						(round % 2 ? 0xff : 0x3f);
		area->version = 1;
		area->desc_num = LOOP_QSIZE;
		if (round % 3 == 0)
			area->used_idx = area->last_batch_head = 0;
		(void)drv_vu_device_start(&l.dev);
		vhost_assert_goes_on(vu);
		vhost_rig_next_quick();
	}
}
END_TEST

/* ---- while rings run (D7) ---- */

static bool writer_quits;

static void *
write_area(void *arg)
{
	struct drv_vu_shm *area = arg;
	uint32_t at = 1;

	while (!__atomic_load_n(&writer_quits, __ATOMIC_ACQUIRE)) {
		at = at * 1664525 + 1013904223;
		__atomic_store_n(&area->map[at % area->size],
				 (uint8_t)(at >> 24), __ATOMIC_RELAXED);
	}
	return NULL;
}

/* What we write there we do not believe: it is only read when a ring starts. */
START_TEST(hostile_d7__area_rewritten_under_rings_that_run)
{
	pthread_t writer;

	rig_start_packed(_i);
	writer_quits = false;
	ck_assert_int_eq(
		pthread_create(&writer, NULL, write_area, &l.dev.inflight), 0);
	for (int i = 0; i < 300; i++)
		rig_echo();
	for (int i = 0; i < 200; i++) {
		(void)drv_vu_queue_stop(&l.dev.queues[i % 3]);
		(void)drv_vu_queue_start(&l.dev.queues[i % 3]);
		(void)drv_vq_kick(&l.dev.queues[i % 3].vq);
		vhost_assert_goes_on(vu);
	}
	__atomic_store_n(&writer_quits, true, __ATOMIC_RELEASE);
	ck_assert_int_eq(pthread_join(writer, NULL), 0);
	vhost_rig_next();
}
END_TEST

/* ---- the state of a device (F1) ---- */

static uint8_t state[MAX_STATE];
static ssize_t n_state;

static void
save_state(void)
{
	n_state = drv_vu_save_state(vu, state, sizeof(state));
	ck_assert_int_gt(n_state, 8);
}

static void
state_refused(const void *buf, size_t len)
{
	ck_assert_int_eq(drv_vu_load_state(vu, buf, len), -EREMOTEIO);
	vhost_assert_goes_on(vu);
}

START_TEST(hostile_f1__state_that_is_cut_anywhere_is_refused)
{
	save_state();
	for (ssize_t n = 0; n < n_state; n++)
		state_refused(state, (size_t)n);
	ck_assert_int_eq(drv_vu_load_state(vu, state, (size_t)n_state), 0);
	rig_start();
}
END_TEST

START_TEST(hostile_f1__state_that_goes_on_is_refused)
{
	save_state();
	for (size_t more = 1; more < 20; more++)
		state_refused(state, (size_t)n_state + more);
	rig_start();
}
END_TEST

/* It is not kept until somebody has time to say that it is too long. */
START_TEST(hostile_f1__state_without_an_end_is_refused)
{
	static uint8_t huge[16 * MAX_STATE];
	int rc;

	(void)signal(SIGPIPE, SIG_IGN);
	save_state();
	memcpy(huge, state, (size_t)n_state);
	for (size_t n = MAX_STATE - 1; n <= sizeof(huge); n *= 2) {
		rc = drv_vu_load_state(vu, huge, n);
		ck_assert(rc == -EREMOTEIO || rc == -EPIPE);
		vhost_assert_goes_on(vu);
	}
	rig_start();
}
END_TEST

START_TEST(hostile_f1__state_of_random_bytes_is_refused)
{
	seed = 99;
	save_state();
	for (int round = 0; round < 500; round++) {
		size_t from = round % 2 ? 0 : 4, n = random_byte() + from + 1u;

		for (size_t i = from; i < n; i++)
			state[i] = random_byte();
		state_refused(state, n);
	}
	rig_start();
}
END_TEST

START_TEST(hostile_f1__state_with_any_byte_of_its_header_changed)
{
	save_state();
	for (ssize_t i = 0; i < n_state && i < 24; i++) {
		if (i >= 8 && i < 16)
			continue; /* features: below */
		for (int bit = 0; bit < 8; bit++) {
			state[i] ^= (uint8_t)(1u << bit);
			state_refused(state, (size_t)n_state);
			state[i] ^= (uint8_t)(1u << bit);
		}
	}
	ck_assert_int_eq(drv_vu_load_state(vu, state, (size_t)n_state), 0);
}
END_TEST

/* ---- of another device (F2) ---- */

START_TEST(hostile_f2__state_with_features_that_cannot_be_is_refused)
{
	save_state();
	memset(state + 8, 0, 8);
	for (int bit = 0; bit < 64; bit++) {
		state[8 + bit / 8] = (uint8_t)(1u << bit % 8);
		if (!(l.dev.offered & DRV_BIT(bit)) || bit == LOOP_F_EXTRA)
			state_refused(state, (size_t)n_state);
		state[8 + bit / 8] = 0;
	}
}
END_TEST

START_TEST(hostile_f2__state_of_another_type_is_refused)
{
	save_state();
	for (uint8_t type = 0; type < 64; type++) {
		state[6] = type;
		if (type != LOOP_TYPE)
			state_refused(state, (size_t)n_state);
	}
	rig_start();
}
END_TEST

/* ---- out of turn (F1) ---- */

static uint64_t
check_state(void)
{
	uint64_t val = 0;

	ck_assert_int_eq(drv_vu_get_u64(vu, DRV_VU_CHECK_DEVICE_STATE, &val),
			 0);
	return val;
}

START_TEST(hostile_f1__check_of_no_transfer_is_an_error)
{
	for (int i = 0; i < 3; i++)
		ck_assert_uint_ne(check_state(), 0);
	save_state();
	ck_assert_uint_ne(check_state(), 0);
}
END_TEST

/* Ask for a transfer; the low byte of the answer, or -1 and our end. */
static int
begin(uint32_t direction, uint32_t phase, int *end)
{
	const struct drv_vu_device_state ds = { direction, phase };
	int fd = make_memfd(4096);
	uint64_t val;

	ck_assert_int_eq(drv_vu_post(vu, DRV_VU_SET_DEVICE_STATE_FD, 0, &ds,
				     sizeof(ds), &fd, 1),
			 0);
	(void)close(fd);
	ck_assert_int_eq(drv_vu_wait_reply(vu, DRV_VU_SET_DEVICE_STATE_FD), 0);
	memcpy(&val, vu->reply.body, sizeof(val));
	*end = drv_vu_take_fd(vu, 0);
	return *end >= 0 ? -1 : (int)(val & 0xff);
}

static void
begin_refused(uint32_t direction, uint32_t phase)
{
	int end;

	ck_assert_int_gt(begin(direction, phase, &end), 0);
	ck_assert_uint_ne(check_state(), 0);
}

START_TEST(hostile_f1__transfer_while_rings_run_is_refused)
{
	rig_start();
	begin_refused(DRV_VU_STATE_SAVE, 0);
	begin_refused(DRV_VU_STATE_LOAD, 0);
	rig_echo();
}
END_TEST

START_TEST(hostile_f1__transfer_in_no_direction_or_phase_is_refused)
{
	static const uint32_t bad[] = { 1, 2, 255, 0x80000000, UINT32_MAX };

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		begin_refused(DRV_VU_STATE_SAVE, bad[i]);
		begin_refused(DRV_VU_STATE_LOAD, bad[i]);
		if (bad[i] > 1)
			begin_refused(bad[i], 0);
	}
}
END_TEST

/* Whoever starts the rings before it has arrived gets rings, and no state. */
START_TEST(hostile_f1__rings_started_in_the_middle_of_a_load)
{
	int end;

	save_state();
	ck_assert_int_eq(begin(DRV_VU_STATE_LOAD, 0, &end), -1);
	rig_start();
	ck_assert_int_eq(write(end, state, (size_t)n_state), n_state);
	(void)close(end);
	ck_assert_uint_ne(check_state(), 0);
	rig_echo();
}
END_TEST

START_TEST(hostile_f1__check_before_the_end_is_an_error)
{
	int end;

	save_state();
	ck_assert_int_eq(begin(DRV_VU_STATE_LOAD, 0, &end), -1);
	ck_assert_int_eq(write(end, state, (size_t)n_state), n_state);
	ck_assert_uint_ne(check_state(), 0);
	(void)close(end);
	rig_start();
}
END_TEST

/* Begun, and never ended; by the same front end, and by ones that leave. */
START_TEST(hostile_f1__transfers_that_are_given_up_leave_nothing)
{
	int end;

	for (uint32_t i = 0; i < 300; i++) {
		ck_assert_int_eq(begin(i % 2, 0, &end), -1);
		if (i % 3 == 0 && i % 2)
			ck_assert_int_eq(write(end, "VBS", 3), 3);
		(void)close(end);
	}
	vhost_rig_next();
	for (uint32_t i = 0; i < 40; i++) {
		ck_assert_int_eq(begin(i % 2, 0, &end), -1);
		drv_vu_device_detach(&l.dev);
		(void)close(end);
		vhost_rig_next_quick();
	}
}
END_TEST

static void
add_area_cases(TCase *tc)
{
	tcase_add_loop_test(tc,
			    hostile_d7__area_of_an_impossible_shape_is_refused,
			    0, sizeof(bad_shapes) / sizeof(bad_shapes[0]));
	tcase_add_loop_test(tc,
			    hostile_d7__area_in_an_impossible_place_is_refused,
			    0, sizeof(bad_places) / sizeof(bad_places[0]));
	tcase_add_test(tc, hostile_d7__area_in_no_file_is_refused);
	tcase_add_loop_test(tc, hostile_d7__area_of_all_bad_kinds, 0,
			    sizeof(contents) / sizeof(contents[0]));
	tcase_add_test(tc, hostile_d7__area_for_a_smaller_ring_is_refused);
	tcase_add_test(tc, hostile_d7__area_after_a_reset_under_requests);
	tcase_add_test(tc, hostile_d7__area_after_a_reset_before_it_was_used);
	tcase_add_loop_test(tc, hostile_d7__area_of_random_bytes, 0, 2);
}

static TCase *
make_case(const char *name, void (*open)(void))
{
	TCase *tc = tcase_create(name);

	tcase_add_checked_fixture(tc, open, vhost_rig_teardown);
	tcase_set_timeout(tc, 60);
	return tc;
}

int
main(void)
{
	const TTest *const tests[] = {
		hostile_f1__state_that_is_cut_anywhere_is_refused,
		hostile_f1__state_that_goes_on_is_refused,
		hostile_f1__state_without_an_end_is_refused,
		hostile_f1__state_of_random_bytes_is_refused,
		hostile_f1__state_with_any_byte_of_its_header_changed,
		hostile_f2__state_with_features_that_cannot_be_is_refused,
		hostile_f2__state_of_another_type_is_refused,
		hostile_f1__check_of_no_transfer_is_an_error,
		hostile_f1__transfer_while_rings_run_is_refused,
		hostile_f1__transfer_in_no_direction_or_phase_is_refused,
		hostile_f1__rings_started_in_the_middle_of_a_load,
		hostile_f1__check_before_the_end_is_an_error,
		hostile_f1__transfers_that_are_given_up_leave_nothing,
	};
	Suite *suite = suite_create("hostile vhost-user state");
	TCase *tc = make_case("vhost-user state", vhost_rig_setup);

	add_area_cases(tc);
	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
		tcase_add_test(tc, tests[i]);
	suite_add_tcase(suite, tc);
	tc = make_case("vhost-user state in order", vhost_rig_setup_in_order);
	add_area_cases(tc);
	suite_add_tcase(suite, tc);
	tc = make_case("vhost-user state and threads", vhost_rig_setup_thread);
	tcase_add_loop_test(tc, hostile_d7__area_rewritten_under_rings_that_run,
			    0, 2);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
