// SPDX-License-Identifier: BSD-3-Clause
/* What outlives a process: chains in flight; and which pages were written. */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "suite.h"
#include "unit/ring-rig.h"

#define SIZE 8
#define BUF  RIG_HIGH

static struct ring_rig rig;
static struct inflight_split *area;
static size_t area_bytes;
static struct dirty_log *dirty;
static int log_fd;

/* Another process begins where one has left off. */
static void
restart(uint16_t next, int want)
{
	struct ring_layout lay = { rig.drv.desc_gpa, rig.drv.avail_gpa,
				   rig.drv.used_gpa };

	split_reset(&rig.ring, SIZE);
	rig.ring.indirect = true;
	ck_assert(split_map(&rig.ring, &lay, map_ref(rig.map)));
	ck_assert_int_eq(split_resume(&rig.ring, next), want);
}

static void
setup(void)
{
	rig_open(&rig, SIZE);
	for (uint16_t i = 0; i < SIZE; i++)
		rig_desc(&rig, i, BUF + i * 256, 16, DRV_DESC_WRITE, 0);
	area_bytes = split_area_bytes(SIZE);
	area = calloc(1, area_bytes);
	ck_assert_ptr_nonnull(area);
	ck_assert_int_eq(split_watch_init(&rig.ring, SIZE), 0);
	split_watch_area(&rig.ring, area, area_bytes);
	restart(0, 0);
}

static void
teardown(void)
{
	rig_close(&rig);
	free(area);
}

static uint16_t
pop_head(void)
{
	ck_assert_int_eq(rig_pop(&rig, RIG_MAX_SEGS), 1);
	return rig.head;
}

static void
give_back(uint16_t head)
{
	ck_assert(split_push(&rig.ring, head, 1));
}

static int
count_inflight(void)
{
	int n = 0;

	for (int i = 0; i < SIZE; i++)
		n += area->desc[i].inflight;
	return n;
}

/* ---- in flight ---- */

START_TEST(area_has_the_layout_of_the_protocol)
{
	ck_assert_uint_eq(offsetof(struct inflight_split, version), 8);
	ck_assert_uint_eq(offsetof(struct inflight_split, desc_num), 10);
	ck_assert_uint_eq(offsetof(struct inflight_split, last_batch_head), 12);
	ck_assert_uint_eq(offsetof(struct inflight_split, used_idx), 14);
	ck_assert_uint_eq(offsetof(struct inflight_split, desc), 16);
	ck_assert_uint_eq(sizeof(struct inflight_desc), 16);
	ck_assert_uint_eq(offsetof(struct inflight_desc, next), 6);
	ck_assert_uint_eq(offsetof(struct inflight_desc, counter), 8);
	ck_assert_uint_eq(split_area_bytes(SIZE) % 64, 0);
	ck_assert_uint_ge(split_area_bytes(SIZE), 16 + 16 * SIZE);
}
END_TEST

START_TEST(area_begins_empty)
{
	ck_assert_uint_eq(area->version, 1);
	ck_assert_uint_eq(area->desc_num, SIZE);
	ck_assert_uint_eq(area->used_idx, 0);
	ck_assert_int_eq(count_inflight(), 0);
}
END_TEST

START_TEST(chain_is_in_flight_from_pop_to_publish)
{
	rig_offer(&rig, 3);
	ck_assert_uint_eq(pop_head(), 3);
	ck_assert_uint_eq(area->desc[3].inflight, 1);
	give_back(3);
	ck_assert_uint_eq(area->desc[3].inflight, 1);
	ck_assert_uint_eq(area->last_batch_head, 3);
	ck_assert(split_publish(&rig.ring));
	ck_assert_int_eq(count_inflight(), 0);
	ck_assert_uint_eq(area->used_idx, 1);
}
END_TEST

START_TEST(chain_put_back_is_not_in_flight)
{
	rig_offer(&rig, 3);
	(void)pop_head();
	split_unpop(&rig.ring);
	ck_assert_int_eq(count_inflight(), 0);
	ck_assert_uint_eq(pop_head(), 3);
	ck_assert_int_eq(count_inflight(), 1);
}
END_TEST

START_TEST(restart_hands_out_in_the_order_taken)
{
	static const uint16_t heads[] = { 5, 2, 7, 0 };

	for (int i = 0; i < 4; i++) {
		rig_offer(&rig, heads[i]);
		ck_assert_uint_eq(pop_head(), heads[i]);
	}
	rig_offer(&rig, 1);
	give_back(2);
	ck_assert(split_publish(&rig.ring));
	/* The front end can know no more than the used index. */
	restart(1, 0);
	ck_assert(split_has_avail(&rig.ring));
	ck_assert_uint_eq(pop_head(), 5);
	ck_assert_uint_eq(pop_head(), 7);
	ck_assert_uint_eq(pop_head(), 0);
	ck_assert_uint_eq(pop_head(), 1);
	ck_assert(!split_has_avail(&rig.ring));
	ck_assert_int_eq(count_inflight(), 4);
}
END_TEST

START_TEST(restart_between_index_and_crossing_off)
{
	for (uint16_t i = 0; i < 4; i++) {
		rig_offer(&rig, i);
		(void)pop_head();
	}
	give_back(1);
	give_back(3);
	/* The index goes out, and then there is no more of us. */
	drv_split_raw_used_idx(&rig.drv, 2);
	restart(2, 0);
	ck_assert_uint_eq(area->desc[1].inflight, 0);
	ck_assert_uint_eq(area->desc[3].inflight, 0);
	ck_assert_uint_eq(area->used_idx, 2);
	ck_assert_uint_eq(pop_head(), 0);
	ck_assert_uint_eq(pop_head(), 2);
	ck_assert(!split_has_avail(&rig.ring));
}
END_TEST

START_TEST(restart_before_the_index_gives_back_again)
{
	for (uint16_t i = 0; i < 2; i++) {
		rig_offer(&rig, i);
		(void)pop_head();
	}
	give_back(0); /* nobody has seen it */
	restart(0, 0);
	ck_assert_uint_eq(pop_head(), 0);
	ck_assert_uint_eq(pop_head(), 1);
}
END_TEST

START_TEST(unpop_of_a_chain_handed_out_again)
{
	rig_offer(&rig, 6);
	(void)pop_head();
	rig_offer(&rig, 4);
	restart(0, 0);
	ck_assert_uint_eq(pop_head(), 6);
	split_unpop(&rig.ring);
	ck_assert_int_eq(count_inflight(), 1);
	ck_assert_uint_eq(pop_head(), 6);
	ck_assert_uint_eq(pop_head(), 4);
	ck_assert(!split_has_avail(&rig.ring));
}
END_TEST

START_TEST(restart_after_a_clean_stop_goes_on_at_next)
{
	rig_offer(&rig, 6);
	(void)pop_head();
	give_back(6);
	ck_assert(split_publish(&rig.ring));
	rig_offer(&rig, 4);
	restart(1, 0);
	ck_assert_uint_eq(pop_head(), 4);
}
END_TEST

START_TEST(restart_refuses_what_makes_no_sense)
{
	rig_offer(&rig, 6);
	(void)pop_head();
	area->version = 2;
	restart(0, -EINVAL);
	area->version = 1;
	area->desc_num = SIZE * 2;
	restart(0, -EINVAL);
	area->desc_num = SIZE;
	area->used_idx = 100; /* further away than the ring is long */
	restart(0, -EINVAL);
	area->used_idx = UINT16_MAX; /* one back, and the batch leads outside */
	area->last_batch_head = SIZE;
	restart(0, -EINVAL);
	area->last_batch_head = 0;
	restart(0, 0);
}
END_TEST

START_TEST(restart_ends_with_a_batch_that_runs_in_circles)
{
	rig_offer(&rig, 6);
	(void)pop_head();
	area->used_idx = (uint16_t)(0 - SIZE);
	area->last_batch_head = 1;
	area->desc[1].next = 1;
	restart(0, 0);
	ck_assert_uint_eq(pop_head(), 6);
}
END_TEST

START_TEST(restart_refuses_an_area_that_is_too_small)
{
	split_watch_area(&rig.ring, area, area_bytes - 64);
	restart(0, -EINVAL);
}
END_TEST

START_TEST(restart_with_all_in_flight_and_equal_counters)
{
	for (uint16_t i = 0; i < SIZE; i++)
		rig_offer(&rig, i);
	for (uint16_t i = 0; i < SIZE; i++) {
		area->desc[i].inflight = 0xff;
		area->desc[i].counter = 42;
	}
	restart(0, 0);
	for (uint16_t i = 0; i < SIZE; i++)
		ck_assert_uint_eq(pop_head(), i);
	ck_assert(!split_has_avail(&rig.ring));
}
END_TEST

START_TEST(more_in_flight_than_offered_is_a_bad_ring)
{
	area->desc[1].inflight = 1;
	restart(0, 0);
	ck_assert_uint_eq(pop_head(), 1);
	ck_assert_int_eq(rig_pop(&rig, 1), RING_BAD);
}
END_TEST

START_TEST(driver_that_offers_too_early_overflows_nothing)
{
	for (int i = 0; i < 4 * SIZE; i++) {
		rig_offer(&rig, 1);
		ck_assert_uint_eq(pop_head(), 1);
		give_back(1); /* and never publish */
	}
	ck_assert(split_publish(&rig.ring));
	ck_assert_int_eq(count_inflight(), 0);
}
END_TEST

/* ---- dirty pages ---- */

static void
setup_log(void)
{
	setup();
	split_watch_area(&rig.ring, NULL, 0);
	log_fd = memfd_create("log", MFD_CLOEXEC);
	ck_assert_int_ge(log_fd, 0);
	ck_assert_int_eq(ftruncate(log_fd, 4096), 0);
	ck_assert_int_eq(dirty_log_new(log_fd, 0, 4096, &dirty), 0);
	split_watch_log(&rig.ring, dirty);
	split_watch_used(&rig.ring, true, rig.drv.used_gpa);
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

START_TEST(log_marks_buffers_and_used_ring)
{
	rig_desc(&rig, 0, BUF, 16, DRV_DESC_NEXT, 1);
	rig_desc(&rig, 1, BUF + 0x1ff8, 16, DRV_DESC_WRITE, 0);
	rig_offer(&rig, 0);
	ck_assert_int_eq(rig_pop(&rig, RIG_MAX_SEGS), 2);
	ck_assert_int_eq(count_dirty(), 0);
	give_back(0);
	ck_assert(!is_dirty(BUF)); /* only read */
	ck_assert(is_dirty(BUF + 0x1000));
	ck_assert(is_dirty(BUF + 0x2000));
	ck_assert_int_eq(count_dirty(), 2);
	ck_assert(split_publish(&rig.ring));
	ck_assert(is_dirty(rig.drv.used_gpa));
	ck_assert_int_eq(count_dirty(), 3);
}
END_TEST

START_TEST(log_marks_the_wish_for_notifications)
{
	split_kicks_off(&rig.ring);
	ck_assert(is_dirty(rig.drv.used_gpa));
	memset(dirty->bits, 0, dirty->n_pages / 8);
	(void)split_kicks_on(&rig.ring);
	ck_assert(is_dirty(rig.drv.used_gpa));
}
END_TEST

START_TEST(log_follows_indirect_tables)
{
	const struct drv_desc d = { BUF + 0x3000, 1, DRV_DESC_WRITE, 0 };
	const uint64_t table = RIG_HIGH - 0x1000;

	rig_table(&rig, table, 0, &d);
	rig_desc(&rig, 0, table, 16, DRV_DESC_INDIRECT, 0);
	rig_offer(&rig, 0);
	ck_assert_int_eq(rig_pop(&rig, RIG_MAX_SEGS), 1);
	give_back(0);
	ck_assert(is_dirty(BUF + 0x3000));
	ck_assert_int_eq(count_dirty(), 1);
}
END_TEST

START_TEST(log_survives_descriptors_that_change)
{
	rig_offer(&rig, 0);
	(void)pop_head();
	rig_desc(&rig, 0, UINT64_MAX - 4, UINT32_MAX, 3, 0);
	give_back(
		0); /* its chain runs in circles, and to the end of the world */
	rig_offer(&rig, 1);
	(void)pop_head();
	rig_desc(&rig, 1, RIG_HOLE, 16, DRV_DESC_INDIRECT, 0);
	give_back(1);
	ck_assert(split_publish(&rig.ring));
	ck_assert_int_eq(count_dirty(), 1);
}
END_TEST

START_TEST(log_of_none_marks_nothing_more)
{
	split_watch_log(&rig.ring, NULL);
	rig_offer(&rig, 0);
	rig_serve(&rig, 1);
	ck_assert_int_eq(count_dirty(), 0);
}
END_TEST

START_TEST(log_does_not_write_beyond_its_end)
{
	dirty_log_mark(dirty, dirty->n_pages * DIRTY_LOG_PAGE, 1);
	dirty_log_mark(dirty, UINT64_MAX, UINT64_MAX);
	dirty_log_mark(dirty, 0, 0);
	ck_assert_int_eq(count_dirty(), 0);
	dirty_log_mark(dirty, (dirty->n_pages - 1) * DIRTY_LOG_PAGE,
		       UINT64_MAX);
	ck_assert_int_eq(count_dirty(), 1);
}
END_TEST

START_TEST(log_must_lie_in_its_file)
{
	struct dirty_log *log;

	ck_assert_int_eq(dirty_log_new(log_fd, 0, 0, &log), -EINVAL);
	ck_assert_int_eq(dirty_log_new(log_fd, 0, 4097, &log), -EINVAL);
	ck_assert_int_eq(dirty_log_new(log_fd, 4097, 1, &log), -EINVAL);
	ck_assert_int_eq(dirty_log_new(log_fd, UINT64_MAX, 2, &log), -EINVAL);
	ck_assert_int_eq(dirty_log_new(-1, 0, 1, &log), -EBADF);
	/* With the part of a page before it, that would be next to nothing. */
	ck_assert_int_eq(dirty_log_new(log_fd, 96, UINT64_MAX, &log), -EINVAL);
	ck_assert_int_eq(dirty_log_new(log_fd, 96, 0, &log), -EINVAL);
	ck_assert_int_eq(dirty_log_new(log_fd, 96, 4000, &log), 0);
	dirty_log_mark(log, 0, 1);
	ck_assert_uint_eq(dirty->bits[96], 1);
	dirty_log_unref(log);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("ring-split-watch");
	TCase *flight = tcase_create("in-flight");
	TCase *log = tcase_create("log");

	tcase_add_checked_fixture(flight, setup, teardown);
	tcase_add_test(flight, area_has_the_layout_of_the_protocol);
	tcase_add_test(flight, area_begins_empty);
	tcase_add_test(flight, chain_is_in_flight_from_pop_to_publish);
	tcase_add_test(flight, chain_put_back_is_not_in_flight);
	tcase_add_test(flight, restart_hands_out_in_the_order_taken);
	tcase_add_test(flight, restart_between_index_and_crossing_off);
	tcase_add_test(flight, restart_before_the_index_gives_back_again);
	tcase_add_test(flight, unpop_of_a_chain_handed_out_again);
	tcase_add_test(flight, restart_after_a_clean_stop_goes_on_at_next);
	tcase_add_test(flight, restart_refuses_what_makes_no_sense);
	tcase_add_test(flight, restart_ends_with_a_batch_that_runs_in_circles);
	tcase_add_test(flight, restart_refuses_an_area_that_is_too_small);
	tcase_add_test(flight, restart_with_all_in_flight_and_equal_counters);
	tcase_add_test(flight, more_in_flight_than_offered_is_a_bad_ring);
	tcase_add_test(flight, driver_that_offers_too_early_overflows_nothing);
	suite_add_tcase(s, flight);
	tcase_add_checked_fixture(log, setup_log, teardown_log);
	tcase_add_test(log, log_marks_buffers_and_used_ring);
	tcase_add_test(log, log_marks_the_wish_for_notifications);
	tcase_add_test(log, log_follows_indirect_tables);
	tcase_add_test(log, log_survives_descriptors_that_change);
	tcase_add_test(log, log_of_none_marks_nothing_more);
	tcase_add_test(log, log_does_not_write_beyond_its_end);
	tcase_add_test(log, log_must_lie_in_its_file);
	suite_add_tcase(s, log);
	return suite_run(s);
}
