// SPDX-License-Identifier: BSD-3-Clause
/*
 * What outlives a process that serves a packed ring: chains in flight; and
 * which pages were written. Deaths half-way are in test-ring-crash.c.
 */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "suite.h"
#include "unit/packed-rig.h"

#define SIZE 8

static struct packed_rig rig;
static struct inflight_packed *area;
static size_t area_bytes;
static struct dirty_log *dirty;
static int log_fd;

/* Another process begins where one has left off. */
static void
restart(int want)
{
	prig_reset(&rig);
	ck_assert_int_eq(packed_resume(&rig.ring, drv_packed_base(&rig.drv)),
			 want);
}

static void
setup(void)
{
	prig_open(&rig, SIZE);
	area_bytes = packed_area_bytes(SIZE);
	area = calloc(1, area_bytes);
	ck_assert_ptr_nonnull(area);
	ck_assert_int_eq(packed_watch_init(&rig.ring, SIZE), 0);
	packed_watch_area(&rig.ring, area, area_bytes);
	restart(0);
}

static void
teardown(void)
{
	prig_close(&rig);
	free(area);
}

static void
pop(uint16_t id)
{
	ck_assert_int_gt(prig_pop(&rig, PRIG_MAX_SEGS), 0);
	ck_assert_uint_eq(rig.id, id);
}

/* Offer a chain of n descriptors, and take it. */
static uint16_t
take(int n)
{
	uint16_t id = prig_offer(&rig, n);

	pop(id);
	return id;
}

static void
give_back(uint16_t id)
{
	ck_assert(packed_push(&rig.ring, id, 1));
	ck_assert(packed_publish(&rig.ring));
}

static int
count_inflight(void)
{
	int n = 0;

	for (int i = 0; i < SIZE; i++)
		n += area->desc[i].inflight;
	return n;
}

/* The entry of the chain in flight with this id. */
static struct inflight_packed_desc *
entry_of(uint16_t id)
{
	for (int i = 0; i < SIZE; i++) {
		uint16_t last = area->desc[i].last;

		if (area->desc[i].inflight && last < SIZE &&
		    area->desc[last].id == id)
			return &area->desc[i];
	}
	ck_abort_msg("chain %u is not in flight", id);
	return NULL;
}

/* ---- in flight ---- */

START_TEST(area_has_the_layout_of_the_protocol)
{
	ck_assert_uint_eq(offsetof(struct inflight_packed, version), 8);
	ck_assert_uint_eq(offsetof(struct inflight_packed, desc_num), 10);
	ck_assert_uint_eq(offsetof(struct inflight_packed, free_head), 12);
	ck_assert_uint_eq(offsetof(struct inflight_packed, old_free_head), 14);
	ck_assert_uint_eq(offsetof(struct inflight_packed, used_idx), 16);
	ck_assert_uint_eq(offsetof(struct inflight_packed, old_used_idx), 18);
	ck_assert_uint_eq(offsetof(struct inflight_packed, used_wrap), 20);
	ck_assert_uint_eq(offsetof(struct inflight_packed, old_used_wrap), 21);
	ck_assert_uint_eq(offsetof(struct inflight_packed, desc), 32);
	ck_assert_uint_eq(sizeof(struct inflight_packed_desc), 32);
	ck_assert_uint_eq(offsetof(struct inflight_packed_desc, next), 2);
	ck_assert_uint_eq(offsetof(struct inflight_packed_desc, last), 4);
	ck_assert_uint_eq(offsetof(struct inflight_packed_desc, num), 6);
	ck_assert_uint_eq(offsetof(struct inflight_packed_desc, counter), 8);
	ck_assert_uint_eq(offsetof(struct inflight_packed_desc, id), 16);
	ck_assert_uint_eq(offsetof(struct inflight_packed_desc, flags), 18);
	ck_assert_uint_eq(offsetof(struct inflight_packed_desc, len), 20);
	ck_assert_uint_eq(offsetof(struct inflight_packed_desc, addr), 24);
	ck_assert_uint_eq(packed_area_bytes(SIZE) % 64, 0);
	ck_assert_uint_ge(packed_area_bytes(SIZE), 32 + 32 * SIZE);
}
END_TEST

START_TEST(area_begins_empty)
{
	ck_assert_uint_eq(area->version, 1);
	ck_assert_uint_eq(area->desc_num, SIZE);
	ck_assert_uint_eq(area->used_idx | area->old_used_idx, 0);
	ck_assert_uint_eq(area->used_wrap & area->old_used_wrap, 1);
	ck_assert_uint_eq(area->free_head, 0);
	ck_assert_int_eq(count_inflight(), 0);
}
END_TEST

START_TEST(chain_is_in_flight_from_pop_to_publish)
{
	uint16_t id = take(3);
	const struct inflight_packed_desc *d = entry_of(id);

	ck_assert_int_eq(count_inflight(), 1);
	ck_assert_uint_eq(d->num, 3);
	ck_assert_uint_eq(d->addr, PRIG_BUF);
	ck_assert_uint_eq(d->len, 1);
	give_back(id);
	ck_assert_int_eq(count_inflight(), 0);
	ck_assert_uint_eq(area->used_idx, 3);
	ck_assert_uint_eq(area->old_used_idx, 3);
}
END_TEST

/* The driver may have overwritten them: the copies are what counts. */
START_TEST(restart_does_not_need_the_descriptors)
{
	const struct drv_pdesc junk = { UINT64_MAX, 77, 3, 0x7fff };
	uint16_t id = take(3), flags;

	for (uint64_t i = 1; i < SIZE; i++)
		drv_packed_raw_desc(&rig.drv, i, &junk);
	flags = drv_packed_raw_get_desc(&rig.drv, 0).flags;
	drv_packed_raw_desc(&rig.drv, 0, &junk);
	drv_packed_raw_flags(&rig.drv, 0, flags);
	restart(0);
	ck_assert_int_eq(prig_pop(&rig, PRIG_MAX_SEGS), 3);
	ck_assert_uint_eq(rig.id, id);
	for (uint64_t i = 0; i < 3; i++)
		ck_assert_ptr_eq(rig.iov[i].iov_base,
				 drv_ram_ptr(&rig.ram, PRIG_BUF + 2 * i, 1));
}
END_TEST

START_TEST(chain_put_back_is_not_in_flight)
{
	uint16_t id = take(2);

	packed_unpop(&rig.ring);
	ck_assert_int_eq(count_inflight(), 0);
	pop(id);
	ck_assert_int_eq(count_inflight(), 1);
}
END_TEST

START_TEST(chain_that_is_forgotten_is_not_in_flight)
{
	uint16_t id = take(2);

	packed_forget(&rig.ring, id);
	ck_assert_int_eq(count_inflight(), 0);
}
END_TEST

/* Over and over, from each place; each time one comes back in between. */
START_TEST(restart_hands_out_in_the_order_taken)
{
	for (int round = 0; round < 3 * SIZE; round++) {
		uint16_t a = take(1 + round % 3), b = take(2), c = take(1), d;

		d = prig_offer(&rig, 1);
		give_back(b);
		restart(0);
		ck_assert(packed_has_avail(&rig.ring));
		pop(a);
		pop(c);
		pop(d);
		ck_assert(!packed_has_avail(&rig.ring));
		ck_assert_int_eq(count_inflight(), 3);
		give_back(c);
		give_back(d);
		restart(0);
		pop(a);
		give_back(a);
		for (int i = 0; i < 4; i++)
			(void)prig_reap(&rig);
		ck_assert_uint_eq(drv_packed_n_free(&rig.drv), SIZE);
	}
}
END_TEST

START_TEST(unpop_of_a_chain_handed_out_again)
{
	uint16_t first = take(2), second = prig_offer(&rig, 1);

	restart(0);
	pop(first);
	packed_unpop(&rig.ring);
	ck_assert_int_eq(count_inflight(), 1);
	pop(first);
	pop(second);
	ck_assert(!packed_has_avail(&rig.ring));
}
END_TEST

START_TEST(finish_makes_the_area_new)
{
	uint16_t id = take(2);

	packed_watch_finish(&rig.ring);
	ck_assert_uint_eq(area->version, 1); /* something is in flight */
	give_back(id);
	packed_watch_finish(&rig.ring);
	ck_assert_uint_eq(area->version, 0);
	memset(area->desc, 0xff, SIZE * sizeof(area->desc[0]));
	restart(0);
	ck_assert_int_eq(count_inflight(), 0);
	(void)take(3);
}
END_TEST

/* ---- what makes no sense ---- */

START_TEST(restart_refuses_what_makes_no_sense)
{
	struct inflight_packed *good = malloc(area_bytes);
	struct inflight_packed_desc *d = entry_of(take(3));
	int n = (int)(d - area->desc);

	ck_assert_ptr_nonnull(good);
	memcpy(good, area, area_bytes);
	for (int i = 0; i < 10; i++) {
		memcpy(area, good, area_bytes);
		area->version = i == 0 ? 2 : 1;
		area->desc_num = i == 1 ? SIZE * 2 : i == 2 ? 0 : SIZE;
		if (i == 3 || i == 4)
			area->used_idx = i == 3 ? SIZE : 0xffff;
		if (i == 5)
			area->old_used_idx = SIZE;
		if (i == 6)
			area->used_wrap = 2;
		if (i == 7)
			area->desc[n].num = SIZE + 1;
		if (i == 8) /* runs in circles */
			area->desc[n].next = (uint16_t)n;
		if (i == 9)
			area->desc[n].next = SIZE;
		restart(-EINVAL);
	}
	memcpy(area, good, area_bytes);
	restart(0);
	ck_assert_int_eq(prig_pop(&rig, PRIG_MAX_SEGS), 3);
	free(good);
}
END_TEST

START_TEST(restart_refuses_an_area_that_is_too_small)
{
	packed_watch_area(&rig.ring, area, area_bytes - 64);
	restart(-EINVAL);
}
END_TEST

START_TEST(restart_with_free_lists_that_lead_anywhere_ends)
{
	static const uint16_t heads[] = { 0, 3, SIZE, 0xffff };

	(void)take(1);
	for (int i = 0; i < SIZE; i++)
		area->desc[i].next = (uint16_t)(i * 5 % SIZE);
	area->free_head = heads[_i];
	area->old_free_head = heads[_i];
	restart(0);
	ck_assert_int_le(count_inflight(), 1);
}
END_TEST

/* Two chains with one id, or with one that is none: bad rings, for good. */
START_TEST(restart_with_ids_that_are_none_is_a_bad_ring)
{
	struct inflight_packed_desc *first = entry_of(take(1));
	uint16_t second = take(1);

	first->id = _i ? SIZE : second;
	restart(0);
	if (!_i)
		pop(second);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(prig_pop(&rig, PRIG_MAX_SEGS), RING_BAD);
}
END_TEST

START_TEST(restart_with_all_in_flight_and_equal_counters)
{
	uint16_t ids[SIZE];

	for (int i = 0; i < SIZE; i++)
		ids[i] = take(1);
	for (int i = 0; i < SIZE; i++) {
		area->desc[i].inflight = 0xff;
		area->desc[i].counter = 42;
	}
	restart(0);
	for (int i = 0; i < SIZE; i++)
		pop(ids[i]);
	ck_assert(!packed_has_avail(&rig.ring));
}
END_TEST

/* ---- dirty pages ---- */

static void
setup_log(void)
{
	setup();
	packed_watch_area(&rig.ring, NULL, 0);
	log_fd = memfd_create("log", MFD_CLOEXEC);
	ck_assert_int_ge(log_fd, 0);
	ck_assert_int_eq(ftruncate(log_fd, 4096), 0);
	ck_assert_int_eq(dirty_log_new(log_fd, 0, 4096, &dirty), 0);
	packed_watch_log(&rig.ring, dirty);
}

static void
teardown_log(void)
{
	dirty_log_unref(dirty);
	teardown();
	(void)close(log_fd);
}

static bool
is_dirty(uint64_t gpa)
{
	uint64_t page = gpa / DIRTY_LOG_PAGE;

	return dirty->bits[page / 8] & (1u << (page % 8));
}

static int
count_dirty(void)
{
	int n = 0;

	for (uint64_t i = 0; i < dirty->n_pages / 8; i++)
		n += __builtin_popcount(dirty->bits[i]);
	return n;
}

/* A chain of one page to read, and one to write that touches a second one. */
static uint16_t
offer_pages(bool indirect)
{
	const struct drv_seg segs[] = { { PRIG_BUF, 16, false },
					{ PRIG_BUF + 0x1ff8, 16, true } };
	int id = indirect ? drv_packed_add_indirect(&rig.drv, segs, 2, NULL)
			  : drv_packed_add(&rig.drv, segs, 2, NULL);

	ck_assert_int_ge(id, 0);
	drv_packed_publish(&rig.drv);
	return (uint16_t)id;
}

START_TEST(log_marks_buffers_and_the_used_descriptor)
{
	pop(offer_pages(_i));
	ck_assert_int_eq(count_dirty(), 0);
	give_back(rig.id);
	ck_assert(!is_dirty(PRIG_BUF)); /* only read */
	ck_assert(is_dirty(PRIG_BUF + 0x1000));
	ck_assert(is_dirty(PRIG_BUF + 0x2000));
	ck_assert(is_dirty(rig.drv.desc_gpa));
	ck_assert_int_eq(count_dirty(), 3);
}
END_TEST

START_TEST(log_marks_the_wish_for_notifications)
{
	packed_kicks_off(&rig.ring);
	ck_assert(is_dirty(rig.drv.device_gpa));
	memset(dirty->bits, 0, dirty->n_pages / 8);
	(void)packed_kicks_on(&rig.ring);
	ck_assert(is_dirty(rig.drv.device_gpa));
}
END_TEST

/* What was taken before there was a log may be anywhere in memory. */
START_TEST(log_that_comes_late_has_all_memory_marked)
{
	packed_watch_log(&rig.ring, NULL);
	pop(offer_pages(false));
	packed_watch_log(&rig.ring, dirty);
	ck_assert_int_eq(count_dirty(), 0);
	give_back(rig.id);
	ck_assert_int_eq(count_dirty(), (int)(PRIG_BYTES / DIRTY_LOG_PAGE));
	ck_assert(is_dirty(PRIG_GPA));
}
END_TEST

START_TEST(log_of_none_marks_nothing_more)
{
	packed_watch_log(&rig.ring, NULL);
	pop(offer_pages(false));
	give_back(rig.id);
	ck_assert_int_eq(count_dirty(), 0);
}
END_TEST

static void
add_flight(Suite *s)
{
	TCase *t = tcase_create("in-flight");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, area_has_the_layout_of_the_protocol);
	tcase_add_test(t, area_begins_empty);
	tcase_add_test(t, chain_is_in_flight_from_pop_to_publish);
	tcase_add_test(t, restart_does_not_need_the_descriptors);
	tcase_add_test(t, chain_put_back_is_not_in_flight);
	tcase_add_test(t, chain_that_is_forgotten_is_not_in_flight);
	tcase_add_test(t, restart_hands_out_in_the_order_taken);
	tcase_add_test(t, unpop_of_a_chain_handed_out_again);
	tcase_add_test(t, finish_makes_the_area_new);
	tcase_add_test(t, restart_refuses_what_makes_no_sense);
	tcase_add_test(t, restart_refuses_an_area_that_is_too_small);
	tcase_add_loop_test(t, restart_with_free_lists_that_lead_anywhere_ends,
			    0, 4);
	tcase_add_loop_test(t, restart_with_ids_that_are_none_is_a_bad_ring, 0,
			    2);
	tcase_add_test(t, restart_with_all_in_flight_and_equal_counters);
	suite_add_tcase(s, t);
}

static void
add_log(Suite *s)
{
	TCase *t = tcase_create("log");

	tcase_add_checked_fixture(t, setup_log, teardown_log);
	tcase_add_loop_test(t, log_marks_buffers_and_the_used_descriptor, 0, 2);
	tcase_add_test(t, log_marks_the_wish_for_notifications);
	tcase_add_test(t, log_that_comes_late_has_all_memory_marked);
	tcase_add_test(t, log_of_none_marks_nothing_more);
	suite_add_tcase(s, t);
}

int
main(void)
{
	Suite *s = suite_create("ring-packed-watch");

	add_flight(s);
	add_log(s);
	return suite_run(s);
}
