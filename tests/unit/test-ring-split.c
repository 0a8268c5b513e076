// SPDX-License-Identifier: BSD-3-Clause
/* Split ring: layout, indices, used ring, and who wants to be notified. */
#include <check.h>
#include <string.h>

#include "suite.h"
#include "unit/ring-rig.h"

#define BUF RIG_HIGH

static struct ring_rig rig;

static void
setup(void)
{
	rig_open(&rig, 8);
}

static void
teardown(void)
{
	rig_close(&rig);
}

static void
reopen(uint16_t size)
{
	rig_close(&rig);
	rig_open(&rig, size);
}

/* Every descriptor is a chain of its own: one byte to be written. */
static void
fill_table(void)
{
	for (uint16_t i = 0; i < rig.drv.size; i++)
		rig_desc(&rig, i, BUF + i % 4096, 1, DRV_DESC_WRITE, 0);
}

/* ---- where the driver may put a ring ---- */

static const struct ring_layout good = { 0x10000, 0x11000, 0x12000 };

START_TEST(layout_ok_needs_each_alignment)
{
	struct ring_layout lay = good;

	ck_assert(split_layout_ok(&lay, 8));
	lay.desc += 8;
	ck_assert(!split_layout_ok(&lay, 8));
	lay = good;
	lay.driver += 1;
	ck_assert(!split_layout_ok(&lay, 8));
	lay.driver += 1;
	ck_assert(split_layout_ok(&lay, 8));
	lay = good;
	lay.device += 2;
	ck_assert(!split_layout_ok(&lay, 8));
	lay.device += 2;
	ck_assert(split_layout_ok(&lay, 8));
}
END_TEST

START_TEST(layout_ok_lets_areas_touch_but_not_overlap)
{
	/* 8 entries: 128, 22 and 70 bytes. */
	struct ring_layout lay = { 0x10000, 0x10080, 0x10098 };

	ck_assert(split_layout_ok(&lay, 8));
	ck_assert(!split_layout_ok(&lay, 16));
	lay.driver -= 2;
	ck_assert(!split_layout_ok(&lay, 8));
	lay.driver += 2;
	lay.device = 0x10094;
	ck_assert(!split_layout_ok(&lay, 8));
	lay.device = lay.desc;
	ck_assert(!split_layout_ok(&lay, 8));
	lay.device = lay.desc - 72;
	ck_assert(split_layout_ok(&lay, 8));
	lay.device = lay.desc - 68;
	ck_assert(!split_layout_ok(&lay, 8));
}
END_TEST

START_TEST(layout_ok_refuses_an_area_that_wraps)
{
	struct ring_layout lay = good;

	lay.desc = UINT64_MAX - 127;
	ck_assert(split_layout_ok(&lay, 8));
	lay.desc += 16;
	ck_assert(!split_layout_ok(&lay, 8));
	lay = good;
	lay.driver = UINT64_MAX - 1;
	ck_assert(!split_layout_ok(&lay, 8));
	lay = good;
	lay.device = UINT64_MAX - 3;
	ck_assert(!split_layout_ok(&lay, 1));
}
END_TEST

START_TEST(layout_legacy_is_the_drivers_own)
{
	static const uint16_t sizes[] = { 1, 2, 128, 256, 1024, 32768 };

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		uint64_t gpa = UINT64_C(0xfffff) << 12;
		struct ring_layout lay = split_layout_legacy(gpa, sizes[i]);

		ck_assert_uint_eq(lay.desc, gpa);
		ck_assert_uint_eq(lay.driver,
				  gpa + drv_split_desc_bytes(sizes[i]));
		ck_assert_uint_eq(lay.device % 4096, 0);
		ck_assert_uint_eq(
			(lay.device + drv_split_used_bytes(sizes[i]) + 4095) /
					4096 -
				gpa / 4096,
			drv_split_legacy_bytes(sizes[i], 4096) / 4096);
		ck_assert(split_layout_ok(&lay, sizes[i]));
	}
}
END_TEST

START_TEST(map_ring_outside_ram_is_refused)
{
	struct ring_layout lay = { RIG_LOW, RIG_LOW + 0x1000,
				   RIG_LOW + 0x2000 };
	struct ring_layout bad;

	ck_assert(split_map(&rig.ring, &lay, map_ref(rig.map)));
	bad = lay;
	bad.desc = RIG_HOLE;
	ck_assert(!split_map(&rig.ring, &bad, map_ref(rig.map)));
	ck_assert(!split_is_mapped(&rig.ring));
	bad = lay;
	bad.driver = RIG_HIGH_END - 16;
	ck_assert(!split_map(&rig.ring, &bad, map_ref(rig.map)));
	bad = lay;
	bad.device = RIG_LOW_END - 32; /* goes on in the next region */
	ck_assert(!split_map(&rig.ring, &bad, map_ref(rig.map)));
	bad = lay;
	bad.device = RIG_ROM;
	ck_assert(!split_map(&rig.ring, &bad, map_ref(rig.map)));
}
END_TEST

/* ---- indices ---- */

START_TEST(pop_empty_ring_is_0)
{
	ck_assert(!split_has_avail(&rig.ring));
	ck_assert_int_eq(rig_pop(&rig, 1), 0);
}
END_TEST

/* Through the end of the 16-bit indices, one chain at a time. */
START_TEST(indices_wrap_at_every_size)
{
	static const uint16_t sizes[] = { 1, 2, 256, 32768 };

	reopen(sizes[_i]);
	fill_table();
	for (uint32_t i = 0; i < 0x10010; i++) {
		uint16_t head = (uint16_t)(i * 7 % sizes[_i]);
		struct drv_used u;

		rig_offer(&rig, head);
		rig_serve(&rig, i);
		u = drv_split_raw_get_used(&rig.drv, (uint16_t)i);
		ck_assert_uint_eq(rig.head, head);
		ck_assert_uint_eq(u.id, head);
		ck_assert_uint_eq(u.len, i);
		ck_assert_uint_eq(drv_split_raw_get_used_idx(&rig.drv),
				  (uint16_t)(i + 1));
	}
	ck_assert_int_eq(rig_pop(&rig, 1), 0);
}
END_TEST

/* The largest ring, full, from just before the indices wrap. */
START_TEST(full_ring_is_taken_across_the_wrap)
{
	reopen(32768);
	fill_table();
	rig.ring.last_avail = rig.ring.avail_idx = 0xfff0;
	rig.ring.used_idx = rig.ring.published = 0xfff0;
	rig.drv.avail_idx = rig.drv.published = 0xfff0;
	drv_split_raw_avail_idx(&rig.drv, 0xfff0);
	for (uint32_t i = 0; i < 32768; i++)
		rig_offer(&rig, (uint16_t)i);
	for (uint32_t i = 0; i < 32768; i++) {
		ck_assert_int_eq(rig_pop(&rig, 1), 1);
		ck_assert_uint_eq(rig.head, i);
	}
	ck_assert_int_eq(rig_pop(&rig, 1), 0);
	ck_assert_uint_eq(rig.ring.n_inflight, 32768);
	for (uint32_t i = 32768; i-- > 0;)
		ck_assert(split_push(&rig.ring, (uint16_t)i, 1));
	ck_assert(split_publish(&rig.ring));
	ck_assert_uint_eq(drv_split_raw_get_used_idx(&rig.drv), 0x7ff0);
	ck_assert_uint_eq(rig.ring.n_inflight, 0);
}
END_TEST

START_TEST(avail_idx_one_ring_ahead_is_all_there_can_be)
{
	fill_table();
	for (uint16_t i = 0; i < 8; i++)
		drv_split_raw_avail(&rig.drv, i, i);
	drv_split_raw_avail_idx(&rig.drv, 8);
	for (int i = 0; i < 8; i++)
		ck_assert_int_eq(rig_pop(&rig, 1), 1);
	ck_assert_int_eq(rig_pop(&rig, 1), 0);
}
END_TEST

START_TEST(avail_idx_further_ahead_is_a_bad_ring)
{
	fill_table();
	drv_split_raw_avail_idx(&rig.drv, 9);
	ck_assert_int_eq(rig_pop(&rig, 1), RING_BAD);
	reopen(32768);
	drv_split_raw_avail_idx(&rig.drv, 32769);
	ck_assert_int_eq(rig_pop(&rig, 1), RING_BAD);
	/* Behind us is the same as far ahead. */
	reopen(8);
	drv_split_raw_avail_idx(&rig.drv, 0xffff);
	ck_assert_int_eq(rig_pop(&rig, 1), RING_BAD);
}
END_TEST

START_TEST(head_beyond_the_ring_is_a_bad_ring)
{
	static const uint16_t heads[] = { 8, 9, 64, 0x7fff, 0xffff };

	drv_split_raw_avail(&rig.drv, 0, heads[_i]);
	drv_split_raw_avail_idx(&rig.drv, 1);
	ck_assert_int_eq(rig_pop(&rig, 1), RING_BAD);
	ck_assert_uint_eq(rig.ring.n_inflight, 0);
}
END_TEST

START_TEST(head_in_flight_is_a_bad_ring)
{
	fill_table();
	rig_offer(&rig, 3);
	rig_offer(&rig, 3);
	ck_assert_int_eq(rig_pop(&rig, 1), 1);
	ck_assert_int_eq(rig_pop(&rig, 1), RING_BAD);
	ck_assert_uint_eq(rig.ring.n_inflight, 1);
	ck_assert(split_push(&rig.ring, 3, 0));
	ck_assert_int_eq(rig_pop(&rig, 1), 1);
}
END_TEST

START_TEST(pop_looks_at_avail_idx_again_only_when_it_must)
{
	fill_table();
	rig_offer(&rig, 0);
	rig_offer(&rig, 1);
	ck_assert_int_eq(rig_pop(&rig, 1), 1);
	drv_split_raw_avail_idx(&rig.drv, 0x1234); /* later is soon enough */
	ck_assert_int_eq(rig_pop(&rig, 1), 1);
	ck_assert_int_eq(rig_pop(&rig, 1), RING_BAD);
}
END_TEST

START_TEST(reset_forgets_everything)
{
	fill_table();
	rig_offer(&rig, 5);
	ck_assert_int_eq(rig_pop(&rig, 1), 1);
	rig.ring.event_idx = true;
	split_reset(&rig.ring, 4);
	ck_assert(!split_is_mapped(&rig.ring));
	ck_assert_uint_eq(rig.ring.size, 4);
	ck_assert_uint_eq(rig.ring.last_avail, 0);
	ck_assert_uint_eq(rig.ring.used_idx, 0);
	ck_assert_uint_eq(rig.ring.n_inflight, 0);
	ck_assert(!rig.ring.event_idx && !rig.ring.indirect);
	ck_assert(!split_push(&rig.ring, 5, 0));
}
END_TEST

/* ---- put back, given back ---- */

START_TEST(unpop_gives_the_same_chain_again)
{
	fill_table();
	rig_offer(&rig, 6);
	rig_offer(&rig, 2);
	ck_assert_int_eq(rig_pop(&rig, 1), 1);
	ck_assert_int_eq(rig_pop(&rig, 1), 1);
	split_unpop(&rig.ring);
	ck_assert_uint_eq(rig.ring.n_inflight, 1);
	ck_assert(!split_push(&rig.ring, 2, 0));
	ck_assert_int_eq(rig_pop(&rig, 1), 1);
	ck_assert_uint_eq(rig.head, 2);
}
END_TEST

START_TEST(unpop_twice_puts_back_one)
{
	fill_table();
	rig_offer(&rig, 6);
	rig_offer(&rig, 2);
	ck_assert_int_eq(rig_pop(&rig, 1), 1);
	ck_assert_int_eq(rig_pop(&rig, 1), 1);
	split_unpop(&rig.ring);
	split_unpop(&rig.ring);
	ck_assert_uint_eq(rig.ring.last_avail, 1);
	ck_assert_uint_eq(rig.ring.n_inflight, 1);
}
END_TEST

START_TEST(unpop_after_push_does_nothing)
{
	fill_table();
	rig_offer(&rig, 6);
	ck_assert_int_eq(rig_pop(&rig, 1), 1);
	ck_assert(split_push(&rig.ring, 6, 0));
	split_unpop(&rig.ring);
	ck_assert_uint_eq(rig.ring.last_avail, 1);
	ck_assert_int_eq(rig_pop(&rig, 1), 0);
}
END_TEST

START_TEST(unpop_after_an_older_chain_was_pushed_gives_it_again)
{
	fill_table();
	rig_offer(&rig, 6);
	rig_offer(&rig, 2);
	ck_assert_int_eq(rig_pop(&rig, 1), 1);
	ck_assert_int_eq(rig_pop(&rig, 1), 1);
	ck_assert(split_push(&rig.ring, 6, 0));
	split_unpop(&rig.ring);
	ck_assert_uint_eq(rig.ring.n_inflight, 0);
	ck_assert_int_eq(rig_pop(&rig, 1), 1);
	ck_assert_uint_eq(rig.head, 2);
}
END_TEST

START_TEST(unpop_after_a_later_chain_was_refused_pushes_it_empty)
{
	fill_table();
	rig_desc(&rig, 2, RIG_HOLE, 8, 0, 0);
	rig_offer(&rig, 6);
	rig_offer(&rig, 2);
	ck_assert_int_eq(rig_pop(&rig, 1), 1);
	ck_assert_int_eq(rig_pop(&rig, 1), RING_BAD_CHAIN);
	ck_assert(split_push(&rig.ring, 2, 0));
	split_unpop(&rig.ring);
	ck_assert_uint_eq(rig.ring.n_inflight, 0);
	ck_assert_int_eq(rig_pop(&rig, 1), 0);
	ck_assert(split_publish(&rig.ring));
	ck_assert_uint_eq(drv_split_raw_get_used_idx(&rig.drv), 2);
	ck_assert_uint_eq(drv_split_raw_get_used(&rig.drv, 1).id, 6);
	ck_assert_uint_eq(drv_split_raw_get_used(&rig.drv, 1).len, 0);
}
END_TEST

START_TEST(unpop_after_a_bad_ring_puts_back_the_good_chain)
{
	fill_table();
	rig_desc(&rig, 2, RIG_LOW, 8, DRV_DESC_NEXT, 2);
	rig_offer(&rig, 6);
	rig_offer(&rig, 2);
	ck_assert_int_eq(rig_pop(&rig, 1), 1);
	ck_assert_int_eq(rig_pop(&rig, 1), RING_BAD);
	split_unpop(&rig.ring);
	ck_assert_uint_eq(rig.ring.n_inflight, 0);
	ck_assert_uint_eq(rig.ring.last_avail, 0);
}
END_TEST

START_TEST(unpop_works_across_the_wrap)
{
	fill_table();
	rig.ring.last_avail = rig.ring.avail_idx = 0xffff;
	rig.drv.avail_idx = 0xffff;
	rig_offer(&rig, 1);
	ck_assert_int_eq(rig_pop(&rig, 1), 1);
	ck_assert_uint_eq(rig.ring.last_avail, 0);
	split_unpop(&rig.ring);
	ck_assert_uint_eq(rig.ring.last_avail, 0xffff);
	ck_assert_int_eq(rig_pop(&rig, 1), 1);
	ck_assert_uint_eq(rig.head, 1);
}
END_TEST

START_TEST(push_of_a_head_not_in_flight_writes_nothing)
{
	fill_table();
	rig_offer(&rig, 6);
	ck_assert_int_eq(rig_pop(&rig, 1), 1);
	ck_assert(!split_push(&rig.ring, 5, 9));
	ck_assert(!split_push(&rig.ring, 8, 9));
	ck_assert(!split_push(&rig.ring, 0xffff, 9));
	ck_assert(split_push(&rig.ring, 6, 9));
	ck_assert(!split_push(&rig.ring, 6, 9));
	ck_assert(split_publish(&rig.ring));
	ck_assert_uint_eq(drv_split_raw_get_used_idx(&rig.drv), 1);
}
END_TEST

START_TEST(push_is_invisible_until_publish)
{
	fill_table();
	rig_offer(&rig, 6);
	rig_offer(&rig, 7);
	ck_assert_int_eq(rig_pop(&rig, 1), 1);
	ck_assert_int_eq(rig_pop(&rig, 1), 1);
	ck_assert(split_push(&rig.ring, 7, 1));
	ck_assert(split_push(&rig.ring, 6, 2));
	ck_assert_uint_eq(drv_split_raw_get_used_idx(&rig.drv), 0);
	ck_assert(split_publish(&rig.ring));
	ck_assert_uint_eq(drv_split_raw_get_used_idx(&rig.drv), 2);
	ck_assert_uint_eq(drv_split_raw_get_used(&rig.drv, 0).id, 7);
	ck_assert_uint_eq(drv_split_raw_get_used(&rig.drv, 1).len, 2);
	ck_assert(!split_publish(&rig.ring));
}
END_TEST

START_TEST(used_idx_in_guest_memory_is_never_read)
{
	fill_table();
	rig_offer(&rig, 6);
	drv_split_raw_used_idx(&rig.drv, 0x4444);
	rig_serve(&rig, 1);
	ck_assert_uint_eq(drv_split_raw_get_used_idx(&rig.drv), 1);
	ck_assert_uint_eq(drv_split_raw_get_used(&rig.drv, 0).id, 6);
}
END_TEST

START_TEST(forget_frees_the_head_without_a_used_element)
{
	fill_table();
	rig_offer(&rig, 6);
	ck_assert_int_eq(rig_pop(&rig, 1), 1);
	split_forget(&rig.ring, 6);
	split_forget(&rig.ring, 6);
	split_forget(&rig.ring, 99);
	ck_assert_uint_eq(rig.ring.n_inflight, 0);
	ck_assert(!split_publish(&rig.ring));
}
END_TEST

START_TEST(push_on_an_unmapped_ring_only_counts)
{
	fill_table();
	rig_offer(&rig, 6);
	ck_assert_int_eq(rig_pop(&rig, 1), 1);
	split_unmap(&rig.ring);
	ck_assert(split_push(&rig.ring, 6, 1));
	ck_assert_uint_eq(rig.ring.n_inflight, 0);
	ck_assert(!split_publish(&rig.ring));
}
END_TEST

/* ---- does the driver want an interrupt? ---- */

/* The decision when the used index goes from old to new. */
static bool
wanted(uint16_t old, uint16_t new)
{
	rig.ring.signalled = old;
	rig.ring.used_idx = new;
	return split_wants_interrupt(&rig.ring);
}

START_TEST(interrupt_without_event_idx_follows_the_flag)
{
	drv_split_raw_used_event(&rig.drv, 77); /* means nothing */
	ck_assert(wanted(0, 1));
	drv_split_raw_avail_flags(&rig.drv, DRV_AVAIL_NO_INTERRUPT);
	ck_assert(!wanted(1, 2));
	drv_split_raw_used_event(&rig.drv, 2);
	ck_assert(!wanted(2, 3));
	drv_split_raw_avail_flags(&rig.drv, 0);
	ck_assert(wanted(3, 4));
}
END_TEST

START_TEST(interrupt_with_event_idx_ignores_the_flag)
{
	rig.ring.event_idx = true;
	drv_split_raw_avail_flags(&rig.drv, DRV_AVAIL_NO_INTERRUPT);
	drv_split_raw_used_event(&rig.drv, 5);
	ck_assert(wanted(5, 6));
	drv_split_raw_avail_flags(&rig.drv, 0);
	ck_assert(!wanted(6, 7));
}
END_TEST

/*
 * Batches of 0..n elements around every kind of start: the interrupt is due
 * exactly if the element with index event is among them.
 */
START_TEST(interrupt_with_event_idx_is_exact_everywhere)
{
	static const uint16_t starts[] = { 0, 1, 0x7ffe, 0xfffc, 0xffff };

	rig.ring.event_idx = true;
	for (uint16_t n = 0; n <= 8; n++) {
		for (int d = -12; d <= 12; d++) {
			uint16_t old = starts[_i];
			uint16_t event = (uint16_t)(old + d);
			bool due = d >= 0 && d < n;

			drv_split_raw_used_event(&rig.drv, event);
			ck_assert_msg(wanted(old, (uint16_t)(old + n)) == due,
				      "from %u, %u elements, event %u", old, n,
				      event);
		}
	}
}
END_TEST

START_TEST(interrupt_decision_counts_from_the_last_one)
{
	rig.ring.event_idx = true;
	drv_split_raw_used_event(&rig.drv, 2);
	fill_table();
	for (uint16_t i = 0; i < 6; i++) {
		rig_offer(&rig, i);
		rig_serve(&rig, 1);
		ck_assert_int_eq(split_wants_interrupt(&rig.ring), i == 2);
	}
}
END_TEST

/* ---- does the device want a kick? ---- */

START_TEST(kicks_without_event_idx_are_a_flag)
{
	split_kicks_off(&rig.ring);
	ck_assert_uint_eq(drv_split_raw_get_used_flags(&rig.drv),
			  DRV_USED_NO_NOTIFY);
	ck_assert(!split_kicks_on(&rig.ring));
	ck_assert_uint_eq(drv_split_raw_get_used_flags(&rig.drv), 0);
	ck_assert_uint_eq(drv_split_raw_get_avail_event(&rig.drv), 0);
}
END_TEST

START_TEST(kicks_with_event_idx_are_the_next_index)
{
	rig.ring.event_idx = true;
	fill_table();
	for (uint16_t i = 0; i < 3; i++) {
		rig_offer(&rig, i);
		split_kicks_off(&rig.ring);
		ck_assert_uint_eq(drv_split_raw_get_used_flags(&rig.drv), 0);
		rig_serve(&rig, 1);
		ck_assert(!split_kicks_on(&rig.ring));
		ck_assert_uint_eq(drv_split_raw_get_used_flags(&rig.drv), 0);
		ck_assert_uint_eq(drv_split_raw_get_avail_event(&rig.drv),
				  i + 1);
	}
}
END_TEST

START_TEST(kicks_on_tells_what_came_meanwhile)
{
	fill_table();
	split_kicks_off(&rig.ring);
	rig_offer(&rig, 4);
	ck_assert(split_kicks_on(&rig.ring));
	rig_serve(&rig, 1);
	ck_assert(!split_kicks_on(&rig.ring));
}
END_TEST

static void
add_layout(Suite *s)
{
	TCase *tc = tcase_create("layout");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, layout_ok_needs_each_alignment);
	tcase_add_test(tc, layout_ok_lets_areas_touch_but_not_overlap);
	tcase_add_test(tc, layout_ok_refuses_an_area_that_wraps);
	tcase_add_test(tc, layout_legacy_is_the_drivers_own);
	tcase_add_test(tc, map_ring_outside_ram_is_refused);
	suite_add_tcase(s, tc);
}

static void
add_indices(Suite *s)
{
	TCase *tc = tcase_create("indices");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, pop_empty_ring_is_0);
	tcase_add_loop_test(tc, indices_wrap_at_every_size, 0, 4);
	tcase_add_test(tc, full_ring_is_taken_across_the_wrap);
	tcase_add_test(tc, avail_idx_one_ring_ahead_is_all_there_can_be);
	tcase_add_test(tc, avail_idx_further_ahead_is_a_bad_ring);
	tcase_add_loop_test(tc, head_beyond_the_ring_is_a_bad_ring, 0, 5);
	tcase_add_test(tc, head_in_flight_is_a_bad_ring);
	tcase_add_test(tc, pop_looks_at_avail_idx_again_only_when_it_must);
	tcase_add_test(tc, reset_forgets_everything);
	suite_add_tcase(s, tc);
}

static void
add_returns(Suite *s)
{
	TCase *tc = tcase_create("returns");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, unpop_gives_the_same_chain_again);
	tcase_add_test(tc, unpop_twice_puts_back_one);
	tcase_add_test(tc, unpop_after_push_does_nothing);
	tcase_add_test(tc,
		       unpop_after_an_older_chain_was_pushed_gives_it_again);
	tcase_add_test(tc,
		       unpop_after_a_later_chain_was_refused_pushes_it_empty);
	tcase_add_test(tc, unpop_after_a_bad_ring_puts_back_the_good_chain);
	tcase_add_test(tc, unpop_works_across_the_wrap);
	tcase_add_test(tc, push_of_a_head_not_in_flight_writes_nothing);
	tcase_add_test(tc, push_is_invisible_until_publish);
	tcase_add_test(tc, used_idx_in_guest_memory_is_never_read);
	tcase_add_test(tc, forget_frees_the_head_without_a_used_element);
	tcase_add_test(tc, push_on_an_unmapped_ring_only_counts);
	suite_add_tcase(s, tc);
}

static void
add_notifications(Suite *s)
{
	TCase *tc = tcase_create("notifications");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, interrupt_without_event_idx_follows_the_flag);
	tcase_add_test(tc, interrupt_with_event_idx_ignores_the_flag);
	tcase_add_loop_test(tc, interrupt_with_event_idx_is_exact_everywhere, 0,
			    5);
	tcase_add_test(tc, interrupt_decision_counts_from_the_last_one);
	tcase_add_test(tc, kicks_without_event_idx_are_a_flag);
	tcase_add_test(tc, kicks_with_event_idx_are_the_next_index);
	tcase_add_test(tc, kicks_on_tells_what_came_meanwhile);
	suite_add_tcase(s, tc);
}

int
main(void)
{
	Suite *s = suite_create("ring/split");

	add_layout(s);
	add_indices(s);
	add_returns(s);
	add_notifications(s);
	return suite_run(s);
}
