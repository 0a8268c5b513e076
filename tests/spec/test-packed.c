// SPDX-License-Identifier: BSD-3-Clause
/* Packed virtqueues: order, descriptors, notifications (virtio 1.3, 2.8). */
#include <check.h>
#include <string.h>

#include "device/loop-fixture.h"

/* A page for data that a case places by hand. */
#define DATA (RAM_GPA + RAM_SIZE - 0x10000)

#define EVENT DRV_BIT(DRV_F_EVENT_IDX)

/* Packed rings are on two faces. */
#define N_PACKED_FACES 2

static const enum drv_face packed_faces[] = { DRV_MODERN, DRV_WINDOW };

static struct drv_packed *
ring(void)
{
	return &dut.vqs[0].packed;
}

static void
kick(void)
{
	ck_assert_int_eq(drv_vq_kick(&dut.vqs[0]), 0);
	ck_assert_int_eq(drv_bus_run(bus), 0);
}

static void
fill(uint64_t gpa, uint8_t c, size_t len)
{
	ck_assert_int_eq(drv_ram_fill(&ram, gpa, c, len), 0);
}

static uint8_t
byte_at(uint64_t gpa)
{
	uint8_t c = 0;

	ck_assert_int_eq(drv_ram_read(&ram, gpa, &c, 1), 0);
	return c;
}

/* Add a chain of n bytes to write, a descriptor for each; its buffer id. */
static uint16_t
add(int n)
{
	struct drv_seg segs[LOOP_QSIZE];
	int id;

	for (int i = 0; i < n; i++)
		segs[i] = (struct drv_seg){ DATA + (uint64_t)i, 1, true };
	id = drv_vq_add(&dut.vqs[0], segs, n, NULL);
	ck_assert_int_ge(id, 0);
	return (uint16_t)id;
}

/* Serve n chains, of 1, 2 or 3 descriptors, so that the ring begins there. */
static void
move_on(int n)
{
	for (int i = 0; i < n; i++) {
		(void)add(1 + i % 3);
		drv_vq_publish(&dut.vqs[0]);
		kick();
		ck_assert_int_eq(reap_all(0), 1);
	}
}

/* ---- 2.8.10.2 order ---- */

#define N_ORDER 6

static uint8_t taken[N_ORDER];
static int n_taken;

static void
remember_first_byte(void *arg, struct vqueue_info *vq)
{
	struct iovec iov[LOOP_MAX_SEGS];
	uint16_t head;

	(void)arg;
	while (vq_getchain(vq, &head, iov, LOOP_MAX_SEGS, NULL) > 0) {
		ck_assert_int_lt(n_taken, N_ORDER);
		taken[n_taken++] = *(const uint8_t *)iov[0].iov_base;
		vq_relchain(vq, head, 0);
	}
	vq_endchains(vq, 1);
}

START_TEST(spec_vq_packed__buffers_are_started_in_ring_order)
{
	start(packed_faces[_i % 2], DRV_IRQ_MSIX, 0);
	move_on(_i);
	loop->vqs[0].notify = remember_first_byte;
	for (uint8_t i = 0; i < N_ORDER; i++) {
		struct drv_seg segs[] = { { DATA + i, 1, false },
					  { DATA + 100, 1, true } };

		fill(DATA + i, (uint8_t)(i + 1), 1);
		ck_assert_int_ge(drv_vq_add(&dut.vqs[0], segs, 1 + i % 2, NULL),
				 0);
	}
	drv_vq_publish(&dut.vqs[0]);
	kick();
	ck_assert_int_eq(n_taken, N_ORDER);
	for (int i = 0; i < N_ORDER; i++)
		ck_assert_uint_eq(taken[i], i + 1);
	ck_assert_int_eq(reap_all(0), N_ORDER);
}
END_TEST

/* The used descriptors follow each other by the lengths of their chains. */
START_TEST(spec_vq_packed__used_in_the_order_of_completion)
{
	static const int order[] = { 2, 0, 4, 1, 3 };
	static const int left[] = { 2, 0, 2, 0, 0 }; /* among those held */
	uint16_t ids[5];
	uint64_t place;

	start(packed_faces[_i % 2], DRV_IRQ_MSIX, 0);
	move_on(_i);
	loop->hold = true;
	place = ring()->added;
	for (int i = 0; i < 5; i++)
		ids[i] = add(1 + i);
	drv_vq_publish(&dut.vqs[0]);
	kick();
	ck_assert_int_eq(loop->n_held[0], 5);
	for (int i = 0; i < 5; i++) {
		ck_assert(!drv_packed_raw_is_used(ring(), place));
		loop_give_back(loop, 0, left[i]);
		ck_assert(drv_packed_raw_is_used(ring(), place));
		ck_assert_uint_eq(drv_packed_raw_get_desc(ring(), place).id,
				  ids[order[i]]);
		place += 1 + (uint64_t)order[i];
	}
	ck_assert_int_eq(reap_all(0), 5);
}
END_TEST

/* ---- 2.8.11 descriptors ---- */

START_TEST(spec_vq_packed_desc_ring__readable_buffers_are_left_alone)
{
	struct drv_seg segs[] = { { DATA, 64, false },
				  { DATA + 64, 64, true } };
	struct drv_seg only = { DATA, 64, false };
	struct drv_used used;

	start(packed_faces[_i], DRV_IRQ_MSIX, 0);
	fill(DATA, 0x5a, 64);
	fill(DATA + 128, 0x77, 64);
	ck_assert_int_eq(drv_vq_call(&dut.vqs[0], segs, 2, &used), 0);
	ck_assert_int_eq(drv_vq_call(&dut.vqs[0], &only, 1, &used), 0);
	ck_assert_uint_eq(used.len, 0);
	for (uint64_t i = 0; i < 64; i++) {
		ck_assert_uint_eq(byte_at(DATA + i), 0x5a);
		ck_assert_uint_eq(byte_at(DATA + 128 + i), 0x77);
	}
}
END_TEST

/* In the first lap AVAIL becomes 1, in the second 0; USED is the inverse. */
START_TEST(spec_vq_packed_desc_ring__unused_until_avail_has_changed)
{
	struct drv_pdesc d = { DATA, 1, 1, 0 };
	bool second = _i;
	int served = second ? LOOP_QSIZE : 0;

	start_modern(0);
	for (int i = 0; i < served; i++) {
		(void)add(1);
		drv_vq_publish(&dut.vqs[0]);
		kick();
		ck_assert_int_eq(reap_all(0), 1);
	}
	for (uint16_t f = 0; f < 8; f++) {
		for (int bits = 0; bits < 4; bits++) {
			d.flags = (uint16_t)(f |
					     (bits & 1 ? DRV_PDESC_AVAIL : 0) |
					     (bits & 2 ? DRV_PDESC_USED : 0));
			if (bits == (second ? 2 : 1))
				continue; /* available */
			drv_packed_raw_desc(ring(), ring()->added, &d);
			kick();
		}
	}
	ck_assert_int_eq(loop->n_chains, served);
	ck_assert_uint_eq(status() & DRV_S_NEEDS_RESET, 0);
	(void)add(1);
	drv_vq_publish(&dut.vqs[0]);
	kick();
	ck_assert_int_eq(reap_all(0), 1);
}
END_TEST

/* Whatever happens next: other chains, kicks, a whole lap later. */
START_TEST(spec_vq_packed_desc_ring__used_ones_are_not_touched_again)
{
	struct drv_pdesc before[LOOP_QSIZE];
	uint64_t place;

	start_modern(_i ? EVENT : 0);
	for (int round = 0; round < 3 * LOOP_QSIZE; round++) {
		place = ring()->added;
		(void)add(1 + round % 3);
		drv_vq_publish(&dut.vqs[0]);
		kick();
		ck_assert(drv_packed_raw_is_used(ring(), place));
		for (uint64_t i = 0; i < LOOP_QSIZE; i++)
			before[i] = drv_packed_raw_get_desc(ring(), i);
		kick();
		echo(1, 10);
		kick();
		ck_assert_mem_eq(before, ring()->desc, sizeof(before));
		ck_assert_int_eq(reap_all(0), 1);
	}
}
END_TEST

/* Of all descriptors one is written; the driver compares those of a chain. */
START_TEST(spec_vq_packed_desc_ring__one_is_written_for_a_chain)
{
	struct drv_pdesc before[LOOP_QSIZE];
	uint64_t place;

	start_modern(DRV_BIT(DRV_F_INDIRECT_DESC));
	dut.vqs[0].indirect = _i == 0;
	move_on(LOOP_QSIZE - 3);
	loop->hold = true;
	place = ring()->added;
	(void)add(_i ? _i : 5);
	drv_vq_publish(&dut.vqs[0]);
	kick();
	for (uint64_t i = 0; i < LOOP_QSIZE; i++)
		before[i] = drv_packed_raw_get_desc(ring(), i);
	loop_release(loop, 0);
	ck_assert_uint_ne(before[place % LOOP_QSIZE].flags,
			  drv_packed_raw_get_desc(ring(), place).flags);
	before[place % LOOP_QSIZE] = drv_packed_raw_get_desc(ring(), place);
	ck_assert_mem_eq(before, ring()->desc, sizeof(before));
	ck_assert_int_eq(reap_all(0), 1);
}
END_TEST

/* ---- 2.8.12 scatter-gather ---- */

/* 12 bytes out and in, in pieces, from every place of the ring. */
START_TEST(spec_vq_packed_sg__descriptors_are_taken_in_order)
{
	static const uint32_t cuts[][3] = {
		{ 12, 0, 0 },
		{ 1, 11, 0 },
		{ 5, 4, 3 },
		{ 1, 1, 10 },
	};

	start(packed_faces[_i % 2], DRV_IRQ_MSIX, 0);
	for (uint64_t b = 0; b < 12; b++)
		fill(DATA + b, (uint8_t)(b + 1), 1);
	for (int round = 0; round < 3 * LOOP_QSIZE; round++) {
		const uint32_t *in = cuts[round % 4],
			       *out = cuts[round / 4 % 4];
		uint64_t from = DATA, to = DATA + 100;
		struct drv_seg segs[6];
		struct drv_used used;
		int n = 0;

		fill(DATA + 100, 0, 12);
		for (int i = 0; i < 3 && in[i]; from += in[i], i++)
			segs[n++] = (struct drv_seg){ from, in[i], false };
		for (int i = 0; i < 3 && out[i]; to += out[i], i++)
			segs[n++] = (struct drv_seg){ to, out[i], true };
		ck_assert_int_eq(drv_vq_call(&dut.vqs[0], segs, n, &used), 0);
		ck_assert_uint_eq(used.len, 12);
		ck_assert_mem_eq(drv_ram_ptr(&ram, DATA, 12),
				 drv_ram_ptr(&ram, DATA + 100, 12), 12);
	}
}
END_TEST

START_TEST(spec_vq_packed_sg__a_chain_beyond_the_limit_fails_alone)
{
	struct drv_seg segs[LOOP_MAX_SEGS + 1];
	struct drv_used used;

	start_modern(0);
	for (uint64_t i = 0; i <= LOOP_MAX_SEGS; i++)
		segs[i] = (struct drv_seg){ DATA + i, 1, i > 0 };
	ck_assert_int_eq(drv_vq_call(&dut.vqs[0], segs, LOOP_MAX_SEGS, &used),
			 0);
	ck_assert_uint_eq(used.len, 1);
	ck_assert_int_eq(
		drv_vq_call(&dut.vqs[0], segs, LOOP_MAX_SEGS + 1, &used), 0);
	ck_assert_uint_eq(used.len, 0);
	ck_assert_int_eq(loop->n_bad, 1);
	ck_assert_uint_eq(status() & DRV_S_NEEDS_RESET, 0);
	echo(0, 40);
}
END_TEST

/* ---- 2.8.4, 2.8.5 what a used descriptor says ---- */

START_TEST(used_length_is_what_was_written)
{
	struct drv_seg segs[] = { { DATA, 100, false },
				  { DATA + 200, 60, true },
				  { DATA + 300, 60, true } };
	struct drv_used used;

	start(packed_faces[_i], DRV_IRQ_MSIX, 0);
	for (uint32_t len = 1; len < 130; len += 7) {
		segs[0].len = len;
		ck_assert_int_eq(drv_vq_call(&dut.vqs[0], segs, 3, &used), 0);
		ck_assert_uint_eq(used.len, len < 120 ? len : 120);
	}
}
END_TEST

START_TEST(used_write_flag_says_if_anything_was_written)
{
	struct drv_seg segs[] = { { DATA, 8, false }, { DATA + 8, 8, true } };

	start(packed_faces[_i], DRV_IRQ_MSIX, 0);
	for (int n = 1; n <= 2; n++) {
		uint64_t place = ring()->added;

		ck_assert_int_ge(drv_vq_submit(&dut.vqs[0], segs, n, NULL), 0);
		ck_assert_int_eq(drv_bus_run(bus), 0);
		ck_assert_uint_eq(drv_packed_raw_get_desc(ring(), place).flags &
					  (DRV_DESC_WRITE | DRV_DESC_NEXT),
				  n == 2 ? DRV_DESC_WRITE : 0);
		ck_assert_int_eq(reap_all(0), 1);
	}
}
END_TEST

/* Id and length are there by the time the flags of a batch say so. */
START_TEST(used_flags_of_the_first_of_a_batch_come_last)
{
	struct vqueue_info *vq = &loop->vqs[0];

	start_modern(0);
	loop->hold = true;
	post(0, 3);
	pthread_mutex_lock(&vq->mtx);
	for (int i = 0; i < 3; i++)
		vq_relchain(vq, loop->held[0][i].head, 0);
	ck_assert(!drv_packed_has_used(ring()));
	vq_endchains(vq, 1);
	pthread_mutex_unlock(&vq->mtx);
	loop->n_held[0] = 0;
	ck_assert_int_eq(reap_all(0), 3);
}
END_TEST

/* ---- 2.8.10 used buffer notifications ---- */

START_TEST(events_enabled_are_notified)
{
	start(packed_faces[_i / 3], kinds[_i % 3], 0);
	drv_packed_raw_driver_event(ring(), 0x7777, DRV_EVENT_ENABLE);
	for (uint64_t i = 1; i <= 3; i++) {
		post(0, 1);
		if (kinds[_i % 3] == DRV_IRQ_INTX)
			ck_assert_uint_eq(isr(), DRV_ISR_QUEUE);
		ck_assert_uint_eq(drv_vq_irqs(&dut.vqs[0]), i);
	}
	ck_assert_int_eq(reap_all(0), 3);
}
END_TEST

START_TEST(events_disabled_are_not_notified)
{
	start(packed_faces[_i % 2], DRV_IRQ_MSIX, _i / 2 ? EVENT : 0);
	drv_packed_raw_driver_event(ring(), 0, DRV_EVENT_DISABLE);
	post(0, 4);
	ck_assert_int_eq(reap_all(0), 4);
	ck_assert_uint_eq(drv_vq_irqs(&dut.vqs[0]), 0);
	drv_packed_raw_driver_event(ring(), 0, DRV_EVENT_ENABLE);
	post(0, 1);
	ck_assert_uint_eq(drv_vq_irqs(&dut.vqs[0]), 1);
}
END_TEST

/* Through many laps: one notification each, at the descriptor, at no other. */
START_TEST(event_descriptor_is_hit_and_nothing_else)
{
	start_modern(EVENT);
	for (uint64_t lap = 0; lap < 6; lap++) {
		uint64_t at = lap * LOOP_QSIZE + lap * 13 % LOOP_QSIZE;

		drv_packed_raw_driver_event(ring(),
					    drv_packed_off_wrap(ring(), at),
					    DRV_EVENT_DESC);
		for (uint64_t i = 0; i < LOOP_QSIZE; i++) {
			uint64_t before = drv_vq_irqs(&dut.vqs[0]);
			bool due = ring()->added == at;

			post(0, 1);
			ck_assert_int_eq(reap_all(0), 1);
			ck_assert_uint_eq(drv_vq_irqs(&dut.vqs[0]),
					  before + due);
		}
	}
}
END_TEST

/* A batch, or a chain, that steps over the descriptor is notified once. */
START_TEST(event_descriptor_inside_a_batch)
{
	uint64_t at, before;

	start_modern(EVENT);
	drv_packed_interrupts(ring(), false);
	move_on(_i);
	loop->hold = true;
	at = ring()->used;
	for (uint64_t k = 0; k < 12; k++) {
		before = drv_vq_irqs(&dut.vqs[0]);
		drv_packed_raw_driver_event(ring(),
					    drv_packed_off_wrap(ring(), at + k),
					    DRV_EVENT_DESC);
		for (int i = 0; i < 3; i++)
			(void)add(3);
		drv_vq_publish(&dut.vqs[0]);
		kick();
		loop_release(loop, 0);
		ck_assert_int_eq(reap_all(0), 3);
		/* Nine descriptors, of which every third one is used. */
		ck_assert_uint_eq(drv_vq_irqs(&dut.vqs[0]), before + (k < 9));
		at = ring()->used;
	}
}
END_TEST

/* Without the feature the third value means nothing: all are notified. */
START_TEST(event_descriptor_without_the_feature_is_notified)
{
	start_modern(0);
	drv_packed_raw_driver_event(ring(), 40, DRV_EVENT_DESC);
	post(0, 1);
	ck_assert_uint_eq(drv_vq_irqs(&dut.vqs[0]), 1);
}
END_TEST

/* ---- 2.8.13 available buffer notifications ---- */

/* The kick for the first one takes the second along. */
START_TEST(spec_x_vq_packed_early_access__chains_are_taken_once_flagged)
{
	start_modern(0);
	(void)add(2);
	kick();
	ck_assert_int_eq(loop->n_chains, 0); /* not yet in the flags */
	(void)add(1);
	drv_vq_publish(&dut.vqs[0]);
	kick();
	ck_assert_int_eq(loop->n_chains, 2);
}
END_TEST

static struct drv_packed_event event_while_serving;

static void
look_at_event(void *arg, struct vqueue_info *vq)
{
	struct iovec iov;
	uint16_t head;

	(void)arg;
	event_while_serving = drv_packed_raw_get_device_event(ring());
	if (vq_getchain(vq, &head, &iov, 1, NULL) == 1)
		vq_relchain(vq, head, 0);
	vq_endchains(vq, 1);
}

START_TEST(spec_x_vq_packed_kick_suppress__off_while_serving_and_on_after)
{
	struct drv_packed_event event;

	start_modern(_i ? EVENT : 0);
	loop->vqs[0].notify = look_at_event;
	for (int i = 0; i < 2 * LOOP_QSIZE + 3; i++) {
		post(0, 1);
		ck_assert_uint_eq(event_while_serving.flags, DRV_EVENT_DISABLE);
		event = drv_packed_raw_get_device_event(ring());
		ck_assert_uint_eq(event.flags,
				  _i ? DRV_EVENT_DESC : DRV_EVENT_ENABLE);
		if (_i) /* the next one has to be announced again */
			ck_assert_uint_eq(
				event.off_wrap,
				drv_packed_off_wrap(ring(), ring()->added));
		ck_assert_int_eq(reap_all(0), 1);
	}
}
END_TEST

START_TEST(spurious_kicks_do_no_harm)
{
	start(packed_faces[_i], DRV_IRQ_MSIX, 0);
	for (int i = 0; i < 100; i++)
		kick();
	ck_assert_int_eq(loop->n_chains, 0);
	ck_assert_uint_eq(drv_bus_irqs_total(bus), 0);
	echo(0, 10);
	kick();
	ck_assert_int_eq(loop->n_chains, 1);
	ck_assert_uint_eq(drv_vq_irqs(&dut.vqs[0]), 1);
	ck_assert_uint_eq(status() & DRV_S_NEEDS_RESET, 0);
}
END_TEST

static void
add_descriptors(TCase *tc)
{
	tcase_add_loop_test(tc,
			    spec_vq_packed__buffers_are_started_in_ring_order,
			    0, LOOP_QSIZE);
	tcase_add_loop_test(tc, spec_vq_packed__used_in_the_order_of_completion,
			    0, LOOP_QSIZE);
	tcase_add_loop_test(
		tc, spec_vq_packed_desc_ring__readable_buffers_are_left_alone,
		0, N_PACKED_FACES);
	tcase_add_loop_test(
		tc, spec_vq_packed_desc_ring__unused_until_avail_has_changed, 0,
		2);
	tcase_add_loop_test(
		tc, spec_vq_packed_desc_ring__used_ones_are_not_touched_again,
		0, 2);
	tcase_add_loop_test(
		tc, spec_vq_packed_desc_ring__one_is_written_for_a_chain, 0,
		LOOP_MAX_SEGS);
	tcase_add_loop_test(tc,
			    spec_vq_packed_sg__descriptors_are_taken_in_order,
			    0, N_PACKED_FACES);
	tcase_add_test(tc,
		       spec_vq_packed_sg__a_chain_beyond_the_limit_fails_alone);
	tcase_add_loop_test(tc, used_length_is_what_was_written, 0,
			    N_PACKED_FACES);
	tcase_add_loop_test(tc, used_write_flag_says_if_anything_was_written, 0,
			    N_PACKED_FACES);
	tcase_add_test(tc, used_flags_of_the_first_of_a_batch_come_last);
}

static void
add_notifications(TCase *tc)
{
	tcase_add_loop_test(tc, events_enabled_are_notified, 0,
			    3 * N_PACKED_FACES);
	tcase_add_loop_test(tc, events_disabled_are_not_notified, 0,
			    2 * N_PACKED_FACES);
	tcase_add_test(tc, event_descriptor_is_hit_and_nothing_else);
	tcase_add_loop_test(tc, event_descriptor_inside_a_batch, 0, 40);
	tcase_add_test(tc, event_descriptor_without_the_feature_is_notified);
	tcase_add_test(
		tc,
		spec_x_vq_packed_early_access__chains_are_taken_once_flagged);
	tcase_add_loop_test(
		tc,
		spec_x_vq_packed_kick_suppress__off_while_serving_and_on_after,
		0, 2);
	tcase_add_loop_test(tc, spurious_kicks_do_no_harm, 0, N_PACKED_FACES);
}

static void
add_cases(Suite *s, const char *name, SFun fixture)
{
	TCase *tc = tcase_create(name);

	tcase_add_checked_fixture(tc, fixture, teardown);
	tcase_set_timeout(tc, 60);
	add_descriptors(tc);
	add_notifications(tc);
	suite_add_tcase(s, tc);
}

int
main(void)
{
	Suite *s = suite_create("spec-packed");

	add_cases(s, "packed", setup_packed);
	add_cases(s, "packed in batches", setup_packed_batch);
	return suite_run(s);
}
