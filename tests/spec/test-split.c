// SPDX-License-Identifier: BSD-3-Clause
/* Split virtqueues: layout, chains, both notifications (virtio 1.4, 2.7). */
#include <check.h>
#include <errno.h>
#include <string.h>

#include "device/loop-fixture.h"

/* A page for data that a case places by hand. */
#define DATA (RAM_GPA + RAM_SIZE - 0x10000)

#define INDIRECT DRV_BIT(DRV_F_INDIRECT_DESC)
#define EVENT    DRV_BIT(DRV_F_EVENT_IDX)

static struct drv_split *
ring(void)
{
	return &dut.vqs[0].ring;
}

/* Kick queue 0, wanted or not, and let the device run. */
static void
kick(void)
{
	ck_assert_int_eq(drv_vq_kick(&dut.vqs[0]), 0);
	ck_assert_int_eq(drv_bus_run(bus), 0);
}

/* What the device has returned in the latest used element. */
static struct drv_used
last_used(void)
{
	uint16_t idx = drv_split_raw_get_used_idx(ring());

	return drv_split_raw_get_used(ring(), (uint16_t)(idx - 1));
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

/* ---- 2.7.2 legacy layout ---- */

START_TEST(spec_legacy_vq_layout__one_area_on_a_4096_boundary)
{
	uint64_t base;

	start(DRV_LEGACY, DRV_IRQ_INTX, 0);
	base = ring()->desc_gpa;
	ck_assert_uint_eq(base % 4096, 0);
	ck_assert_uint_eq(ring()->avail_gpa, base + 16 * LOOP_QSIZE);
	ck_assert_uint_eq(ring()->used_gpa, base + 4096);
	for (int i = 0; i < 3 * LOOP_QSIZE; i++)
		echo(0, 64);
	ck_assert_uint_eq(drv_split_raw_get_used_idx(ring()), 3 * LOOP_QSIZE);
}
END_TEST

/* ---- 2.7.4 framing ---- */

/* 12 bytes out and in, cut in every way that the device has segments for. */
START_TEST(spec_vq_framing__result_does_not_depend_on_the_cuts)
{
	static const uint32_t cuts[][4] = {
		{ 12 },       { 1, 11 },       { 11, 1 },      { 6, 6 },
		{ 1, 1, 10 }, { 3, 4, 5 },     { 1, 1, 1, 9 }, { 0, 12 },
		{ 4, 0, 8 },  { 12, 0, 0, 0 },
	};

	start(faces[_i], DRV_IRQ_MSIX, _i == 0 ? DRV_BIT(DRV_F_ANY_LAYOUT) : 0);
	for (size_t i = 0; i < 10; i++) {
		for (size_t k = 0; k < 10; k++) {
			struct drv_seg segs[8];
			struct drv_used used;
			uint64_t in = DATA, out = DATA + 100;
			int n = 0;

			fill(DATA, 0, 200);
			for (int b = 0; b < 12; b++)
				fill(DATA + (uint64_t)b, (uint8_t)(b + 1), 1);
			for (int c = 0; c < 4 && in < DATA + 12; c++) {
				segs[n++] = (struct drv_seg){ in, cuts[i][c],
							      false };
				in += cuts[i][c];
			}
			for (int c = 0; c < 4 && out < DATA + 112; c++) {
				segs[n++] = (struct drv_seg){ out, cuts[k][c],
							      true };
				out += cuts[k][c];
			}
			ck_assert_int_eq(
				drv_vq_call(&dut.vqs[0], segs, n, &used), 0);
			ck_assert_uint_eq(used.len, 12);
			ck_assert_mem_eq(drv_ram_ptr(&ram, DATA, 12),
					 drv_ram_ptr(&ram, DATA + 100, 12), 12);
		}
	}
}
END_TEST

START_TEST(spec_vq_framing__a_chain_beyond_the_limit_fails_alone)
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

/* One descriptor for all of a request, with ANY_LAYOUT and without. */
START_TEST(spec_legacy_framing__served_whether_any_layout_is_taken_or_not)
{
	start(DRV_LEGACY, DRV_IRQ_INTX, _i ? DRV_BIT(DRV_F_ANY_LAYOUT) : 0);
	echo(0, 33);
}
END_TEST

/* ---- 2.7.5 descriptors ---- */

START_TEST(spec_vq_split_desc_table__readable_buffers_are_left_alone)
{
	struct drv_seg segs[] = { { DATA, 64, false },
				  { DATA + 64, 64, true } };
	struct drv_seg only = { DATA, 64, false };
	struct drv_used used;

	start(faces[_i], DRV_IRQ_MSIX, 0);
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

START_TEST(spec_vq_split_desc_table__no_entry_is_written)
{
	uint8_t before[16 * LOOP_QSIZE], table[32];
	struct drv_vq *vq = &dut.vqs[0];
	struct drv_seg segs[] = { { DATA, 8, false }, { DATA + 64, 8, true } };
	struct drv_desc d;
	int head;

	start_modern(INDIRECT);
	vq->indirect = _i;
	loop->hold = true;
	head = drv_vq_submit(vq, segs, 2, NULL);
	ck_assert_int_ge(head, 0);
	d = drv_split_raw_get_desc(&vq->ring, (uint16_t)head);
	ck_assert_int_eq(
		drv_ram_read(&ram, vq->ring.desc_gpa, before, sizeof(before)),
		0);
	ck_assert_int_eq(drv_ram_read(&ram, d.addr, table, sizeof(table)), 0);
	loop_release(loop, 0);
	ck_assert_int_eq(reap_all(0), 1);
	ck_assert_mem_eq(drv_ram_ptr(&ram, vq->ring.desc_gpa, sizeof(before)),
			 before, sizeof(before));
	if (_i)
		ck_assert_mem_eq(drv_ram_ptr(&ram, d.addr, sizeof(table)),
				 table, sizeof(table));
}
END_TEST

/* ---- 2.7.5.3 indirect tables ---- */

/* A table at DATA + 0x1000: 16 bytes from DATA out, to DATA + 64 in. */
static void
write_table(void)
{
	struct drv_desc out = { DATA, 16, DRV_DESC_NEXT, 1 };
	struct drv_desc in = { DATA + 64, 16, DRV_DESC_WRITE, 0 };

	fill(DATA, 0x42, 16);
	fill(DATA + 64, 0, 32);
	ck_assert_int_eq(drv_split_raw_table(&ram, DATA + 0x1000, 0, &out), 0);
	ck_assert_int_eq(drv_split_raw_table(&ram, DATA + 0x1000, 1, &in), 0);
}

START_TEST(spec_vq_split_indirect__write_flag_of_the_table_is_ignored)
{
	start(faces[_i], DRV_IRQ_MSIX, INDIRECT);
	write_table();
	drv_split_raw_desc(ring(), 5, DATA + 0x1000, 32,
			   DRV_DESC_INDIRECT | DRV_DESC_WRITE, 0);
	drv_split_raw_offer(ring(), 5);
	kick();
	ck_assert_uint_eq(last_used().id, 5);
	ck_assert_uint_eq(last_used().len, 16);
	ck_assert_uint_eq(byte_at(DATA + 64 + 15), 0x42);
	ck_assert_uint_eq(byte_at(DATA + 64 + 16), 0);
}
END_TEST

/* Zero, one, two and many direct descriptors, then the table. */
START_TEST(spec_vq_split_indirect__table_after_a_direct_prefix)
{
	static const uint16_t prefixes[] = { 0, 1, 2, 29 };
	uint16_t n = prefixes[_i];

	start_modern(INDIRECT);
	write_table();
	for (uint16_t i = 0; i < n; i++)
		drv_split_raw_desc(ring(), i, DATA + 32, 1, DRV_DESC_NEXT,
				   (uint16_t)(i + 1));
	drv_split_raw_desc(ring(), n, DATA + 0x1000, 32, DRV_DESC_INDIRECT, 0);
	fill(DATA + 32, 0x11, 1);
	drv_split_raw_offer(ring(), 0);
	kick();
	ck_assert_uint_eq(last_used().id, 0);
	ck_assert_uint_eq(last_used().len, 16);
	for (uint64_t i = 0; i < 16; i++)
		ck_assert_uint_eq(byte_at(DATA + 64 + i), i < n ? 0x11 : 0x42);
}
END_TEST

/* ---- 2.7.7 used buffer notifications ---- */

START_TEST(spec_vq_split_used_notify__flag_0_is_notified)
{
	start(faces[_i / 3], kinds[_i % 3], 0);
	drv_split_raw_used_event(ring(), 0x7777); /* to be ignored */
	for (uint64_t i = 1; i <= 3; i++) {
		post(0, 1);
		ck_assert_uint_eq(drv_split_raw_get_used_idx(ring()), i);
		if (kinds[_i % 3] == DRV_IRQ_INTX) {
			ck_assert_uint_eq(isr(), DRV_ISR_QUEUE);
		}
		ck_assert_uint_eq(drv_vq_irqs(&dut.vqs[0]), i);
	}
}
END_TEST

START_TEST(spec_vq_split_used_notify__flag_1_is_not)
{
	start(faces[_i / 3], kinds[_i % 3], 0);
	drv_split_raw_avail_flags(ring(), DRV_AVAIL_NO_INTERRUPT);
	for (uint16_t i = 0; i < 4; i++) {
		drv_split_raw_used_event(ring(), i); /* to be ignored */
		post(0, 1);
	}
	ck_assert_uint_eq(drv_split_raw_get_used_idx(ring()), 4);
	ck_assert_uint_eq(drv_vq_irqs(&dut.vqs[0]), 0);
	drv_split_raw_avail_flags(ring(), 0);
	post(0, 1);
	ck_assert_uint_eq(drv_vq_irqs(&dut.vqs[0]), 1);
}
END_TEST

/* Through the wrap of the index: exactly one notification, at the event. */
START_TEST(spec_vq_split_used_notify__used_event_is_hit_and_nothing_else)
{
	static const uint32_t events[] = { 0,      1,       40,     0xfffe,
					   0xffff, 0x10000, 0x10005 };

	start_modern(EVENT);
	for (uint32_t i = 0, k = 0; i < 0x10010; i++) {
		bool due = k < 7 && i == events[k];
		uint64_t before = drv_vq_irqs(&dut.vqs[0]);

		if (k < 7)
			drv_split_raw_used_event(ring(), (uint16_t)events[k]);
		post(0, 1);
		ck_assert_int_eq(reap_all(0), 1);
		ck_assert_msg(drv_vq_irqs(&dut.vqs[0]) == before + due,
			      "element %u", i);
		k += due;
	}
}
END_TEST

START_TEST(spec_vq_split_used_notify__flag_is_ignored_with_event_idx)
{
	start(faces[_i], DRV_IRQ_MSIX, EVENT);
	drv_split_raw_used_event(ring(), 0);
	drv_split_raw_avail_flags(ring(), DRV_AVAIL_NO_INTERRUPT);
	post(0, 1);
	ck_assert_uint_eq(drv_vq_irqs(&dut.vqs[0]), 1);
	drv_split_raw_avail_flags(ring(), 0);
	post(0, 1);
	ck_assert_uint_eq(drv_vq_irqs(&dut.vqs[0]), 1);
}
END_TEST

/* A batch that steps over the event is notified once. */
START_TEST(spec_vq_split_used_notify__event_inside_a_batch)
{
	start_modern(EVENT);
	drv_split_raw_used_event(ring(), _i);
	loop->hold = true;
	post(0, 8);
	loop_release(loop, 0);
	ck_assert_uint_eq(drv_vq_irqs(&dut.vqs[0]), _i < 8);
}
END_TEST

/* ---- 2.7.8 used ring ---- */

START_TEST(spec_vq_split_used_ring__length_is_what_was_written)
{
	struct drv_seg segs[] = { { DATA, 100, false },
				  { DATA + 200, 60, true },
				  { DATA + 300, 60, true } };
	struct drv_used used;

	start(faces[_i], DRV_IRQ_MSIX, 0);
	for (uint32_t len = 1; len < 130; len += 7) {
		segs[0].len = len;
		fill(DATA, 0x99, 130);
		fill(DATA + 200, 0, 200);
		ck_assert_int_eq(drv_vq_call(&dut.vqs[0], segs, 3, &used), 0);
		ck_assert_uint_eq(used.len, len < 120 ? len : 120);
		for (uint32_t i = 0; i < 120; i++) {
			uint64_t at = i < 60 ? DATA + 200 + i
					     : DATA + 300 + i - 60;

			ck_assert_uint_eq(byte_at(at), i < len ? 0x99 : 0);
		}
	}
}
END_TEST

/* Length and data are there by the time the index says so. */
START_TEST(spec_vq_split_used_ring__element_and_data_before_the_index)
{
	struct drv_seg segs[] = { { DATA, 8, false }, { DATA + 64, 8, true } };

	start_modern(0);
	loop->hold = true;
	fill(DATA, 0x31, 8);
	ck_assert_int_ge(drv_vq_submit(&dut.vqs[0], segs, 2, NULL), 0);
	ck_assert_int_eq(drv_bus_run(bus), 0);
	pthread_mutex_lock(&loop->vqs[0].mtx);
	vq_relchain(&loop->vqs[0], loop->held[0][0].head, 8);
	loop->n_held[0] = 0;
	ck_assert_uint_eq(drv_split_raw_get_used_idx(ring()), 0);
	ck_assert_uint_eq(drv_split_raw_get_used(ring(), 0).len, 8);
	ck_assert_uint_eq(byte_at(DATA + 64 + 7), 0x31);
	vq_endchains(&loop->vqs[0], 1);
	pthread_mutex_unlock(&loop->vqs[0].mtx);
	ck_assert_uint_eq(drv_split_raw_get_used_idx(ring()), 1);
}
END_TEST

START_TEST(spec_legacy_used_len__is_right_all_the_same)
{
	struct drv_seg readable = { DATA, 8, false };
	struct drv_used used;

	start(DRV_LEGACY, DRV_IRQ_INTX, 0);
	echo(0, 77);
	ck_assert_int_eq(drv_vq_call(&dut.vqs[0], &readable, 1, &used), 0);
	ck_assert_uint_eq(used.len, 0);
}
END_TEST

/* ---- 2.7.10 available buffer notifications ---- */

START_TEST(spec_vq_split_avail_suppress__flags_are_0_or_1)
{
	start(faces[_i], DRV_IRQ_MSIX, 0);
	for (int i = 0; i < 10; i++) {
		ck_assert_uint_eq(drv_split_raw_get_used_flags(ring()), 0);
		echo(0, 10);
		ck_assert_uint_le(drv_split_raw_get_used_flags(ring()), 1);
	}
}
END_TEST

START_TEST(spec_vq_split_avail_suppress__flags_stay_0_with_event_idx)
{
	start(faces[_i], DRV_IRQ_MSIX, EVENT);
	for (uint16_t i = 1; i <= 10; i++) {
		echo(0, 10);
		ck_assert_uint_eq(drv_split_raw_get_used_flags(ring()), 0);
		/* The next one has to be announced again. */
		ck_assert_uint_eq(drv_split_raw_get_avail_event(ring()), i);
	}
}
END_TEST

START_TEST(spec_vq_split_avail_suppress__spurious_kicks_do_no_harm)
{
	start(faces[_i], DRV_IRQ_MSIX, 0);
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

/* ---- 2.7.13 ---- */

/* The kick for the first one takes the second along. */
START_TEST(spec_x_vq_split_early_access__chains_are_taken_once_published)
{
	struct drv_seg seg = { DATA, 1, true };

	start_modern(0);
	ck_assert_int_ge(drv_split_add(ring(), &seg, 1, NULL), 0);
	kick();
	ck_assert_int_eq(loop->n_chains, 0); /* not yet in the index */
	ck_assert_int_ge(drv_split_add(ring(), &seg, 1, NULL), 0);
	drv_split_publish(ring());
	kick();
	ck_assert_int_eq(loop->n_chains, 2);
}
END_TEST

static uint16_t flags_while_serving;

static void
look_at_flags(void *arg, struct vqueue_info *vq)
{
	struct iovec iov;
	uint16_t head;

	(void)arg;
	flags_while_serving = drv_split_raw_get_used_flags(ring());
	if (vq_getchain(vq, &head, &iov, 1, NULL) == 1)
		vq_relchain(vq, head, 0);
	vq_endchains(vq, 1);
}

START_TEST(spec_x_vq_split_kick_suppress__off_while_serving_and_on_after)
{
	start_modern(0);
	flags_while_serving = 7;
	loop->vqs[0].notify = look_at_flags;
	post(0, 1);
	ck_assert_uint_eq(flags_while_serving, DRV_USED_NO_NOTIFY);
	ck_assert_uint_eq(drv_split_raw_get_used_flags(ring()), 0);
}
END_TEST

static void
add_chains(TCase *tc)
{
	tcase_add_test(tc, spec_legacy_vq_layout__one_area_on_a_4096_boundary);
	tcase_add_loop_test(tc,
			    spec_vq_framing__result_does_not_depend_on_the_cuts,
			    0, N_FACES);
	tcase_add_test(tc,
		       spec_vq_framing__a_chain_beyond_the_limit_fails_alone);
	tcase_add_loop_test(
		tc,
		spec_legacy_framing__served_whether_any_layout_is_taken_or_not,
		0, 2);
	tcase_add_loop_test(
		tc, spec_vq_split_desc_table__readable_buffers_are_left_alone,
		0, N_FACES);
	tcase_add_loop_test(tc, spec_vq_split_desc_table__no_entry_is_written,
			    0, 2);
	tcase_add_loop_test(
		tc, spec_vq_split_indirect__write_flag_of_the_table_is_ignored,
		0, N_FACES);
	tcase_add_loop_test(
		tc, spec_vq_split_indirect__table_after_a_direct_prefix, 0, 4);
}

static void
add_used(TCase *tc)
{
	tcase_add_loop_test(tc, spec_vq_split_used_notify__flag_0_is_notified,
			    0, N_COMBINATIONS);
	tcase_add_loop_test(tc, spec_vq_split_used_notify__flag_1_is_not, 0,
			    N_COMBINATIONS);
	tcase_add_test(
		tc,
		spec_vq_split_used_notify__used_event_is_hit_and_nothing_else);
	tcase_add_loop_test(
		tc, spec_vq_split_used_notify__flag_is_ignored_with_event_idx,
		0, N_FACES);
	tcase_add_loop_test(tc, spec_vq_split_used_notify__event_inside_a_batch,
			    0, 10);
	tcase_add_loop_test(tc,
			    spec_vq_split_used_ring__length_is_what_was_written,
			    0, N_FACES);
	tcase_add_test(
		tc, spec_vq_split_used_ring__element_and_data_before_the_index);
	tcase_add_test(tc, spec_legacy_used_len__is_right_all_the_same);
}

static void
add_available(TCase *tc)
{
	tcase_add_loop_test(tc, spec_vq_split_avail_suppress__flags_are_0_or_1,
			    0, N_FACES);
	tcase_add_loop_test(
		tc, spec_vq_split_avail_suppress__flags_stay_0_with_event_idx,
		0, N_FACES);
	tcase_add_loop_test(
		tc, spec_vq_split_avail_suppress__spurious_kicks_do_no_harm, 0,
		N_FACES);
	tcase_add_test(
		tc,
		spec_x_vq_split_early_access__chains_are_taken_once_published);
	tcase_add_test(
		tc,
		spec_x_vq_split_kick_suppress__off_while_serving_and_on_after);
}

static void
add_cases(Suite *s, const char *name, SFun fixture)
{
	TCase *tc = tcase_create(name);

	tcase_add_checked_fixture(tc, fixture, teardown);
	tcase_set_timeout(tc, 120);
	add_chains(tc);
	add_used(tc);
	add_available(tc);
	suite_add_tcase(s, tc);
}

int
main(void)
{
	Suite *s = suite_create("spec-split");

	add_cases(s, "split", setup);
	add_cases(s, "split in batches", setup_batch);
	return suite_run(s);
}
