// SPDX-License-Identifier: BSD-3-Clause
/* The packed virtqueue: places, chains out and in, notifications. */
#include <check.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "suite.h"
#include "unit/packed-rig.h"

#define SIZE 8
#define HOLE UINT64_C(0x900000)
#define LAP  0x8000u

static struct packed_rig rig;

static void
setup(void)
{
	prig_open(&rig, SIZE);
}

static void
teardown(void)
{
	prig_close(&rig);
}

static void
setup_size(uint16_t size)
{
	teardown();
	prig_open(&rig, size);
}

static bool
is_marked(const struct dirty_log *log, uint64_t gpa)
{
	const uint64_t page = gpa / DIRTY_LOG_PAGE;

	return log->bits[page / 8] & 1u << page % 8;
}

static void
assert_reaped(unsigned int id, uint32_t len)
{
	struct drv_used used = prig_reap(&rig);

	ck_assert_uint_eq(used.id, id);
	ck_assert_uint_eq(used.len, len);
}

/* Serve chains of one descriptor, so that the ring begins n further on. */
static void
move_on(int n)
{
	for (; n > 0; n--) {
		uint16_t id = prig_offer(&rig, 1);

		prig_serve(&rig, 1);
		assert_reaped(id, 1);
	}
}

/* ---- places ---------------------------------------------------------- */

START_TEST(layout_is_aligned_and_apart)
{
	static const struct ring_layout bad[] = {
		{ 0x1008, 0x2000, 0x2004 },
		{ 0x1000, 0x2002, 0x2008 },
		{ 0x1000, 0x2000, 0x2005 },
		{ 0x1000, 0x2000, 0x2000 },
		{ 0x1000, 0x107c, 0x2000 },
		{ 0x1000, 0x2000, 0x107c },
		{ 0x1000, 0x1000, 0x2000 },
		{ UINT64_MAX - 111, 0x2000, 0x2004 },
	};
	const struct ring_layout close = { 0x1000, 0x1080, 0x1084 };

	ck_assert(packed_layout_ok(&close, SIZE));
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		ck_assert(!packed_layout_ok(&bad[i], SIZE));
}
END_TEST

START_TEST(map_needs_all_of_the_areas)
{
	const uint64_t end = PRIG_GPA + PRIG_BYTES;
	struct ring_layout lay = { end - 16 * SIZE, PRIG_BUF, PRIG_BUF + 4 };

	ck_assert(packed_map(&rig.ring, &lay, map_ref(rig.map)));
	lay.desc += 16;
	ck_assert(!packed_map(&rig.ring, &lay, map_ref(rig.map)));
	ck_assert_ptr_null(rig.ring.desc);
	lay.desc -= 16;
	lay.driver = end;
	ck_assert(!packed_map(&rig.ring, &lay, map_ref(rig.map)));
	lay.driver = PRIG_BUF;
	lay.device = HOLE;
	ck_assert(!packed_map(&rig.ring, &lay, map_ref(rig.map)));
}
END_TEST

START_TEST(base_is_both_places)
{
	ck_assert_uint_eq(packed_base(&rig.ring), PACKED_START);
	(void)prig_offer(&rig, 3);
	(void)prig_offer(&rig, 2);
	ck_assert_int_eq(prig_pop(&rig, PRIG_MAX_SEGS), 3);
	ck_assert_uint_eq(packed_base(&rig.ring), 0x80008003);
	ck_assert_int_eq(prig_pop(&rig, PRIG_MAX_SEGS), 2);
	ck_assert(packed_push(&rig.ring, rig.id, 0));
	ck_assert(packed_publish(&rig.ring));
	ck_assert_uint_eq(packed_base(&rig.ring), 0x80028005);
	prig_reset(&rig);
	ck_assert_uint_eq(packed_base(&rig.ring), PACKED_START);
}
END_TEST

START_TEST(base_is_taken_if_it_is_in_the_ring)
{
	static const uint32_t good[] = { PACKED_START, 0x80008007, 0x7,
					 0x00078000, 0x00050003 };
	static const uint32_t bad[] = { 0x80008008, 0x80088000, 0x8, 0xffffffff,
					0x00087fff };

	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		ck_assert_int_eq(packed_set_base(&rig.ring, good[i]), 0);
		ck_assert_uint_eq(packed_base(&rig.ring), good[i]);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		ck_assert_int_eq(packed_set_base(&rig.ring, bad[i]), -EINVAL);
	ck_assert_uint_eq(packed_base(&rig.ring), good[4]);
}
END_TEST

/* Every place of two laps, in rings of any size. */
START_TEST(base_is_what_the_driver_says)
{
	static const uint16_t sizes[] = { 1, 2, 3, 7, 8 };

	setup_size(sizes[_i]);
	for (int i = 0; i < 4 * sizes[_i] + 1; i++) {
		ck_assert_uint_eq(packed_base(&rig.ring),
				  drv_packed_base(&rig.drv));
		ck_assert(!packed_has_avail(&rig.ring));
		move_on(1);
	}
}
END_TEST

/* ---- chains out ------------------------------------------------------- */

START_TEST(empty_ring_gives_nothing)
{
	ck_assert(!packed_has_avail(&rig.ring));
	ck_assert_int_eq(prig_pop(&rig, PRIG_MAX_SEGS), 0);
	ck_assert(!packed_publish(&rig.ring));
}
END_TEST

START_TEST(chain_is_taken_from_any_place)
{
	uint16_t id;

	move_on(_i);
	id = prig_offer(&rig, 5);
	ck_assert(packed_has_avail(&rig.ring));
	ck_assert_int_eq(prig_pop(&rig, PRIG_MAX_SEGS), 5);
	ck_assert_uint_eq(rig.id, id);
	for (uint64_t i = 0; i < 5; i++) {
		ck_assert_ptr_eq(rig.iov[i].iov_base,
				 drv_ram_ptr(&rig.ram, PRIG_BUF + 2 * i, 1));
		ck_assert_uint_eq(rig.iov[i].iov_len, 1);
		ck_assert_uint_ne(rig.flags[i] & DRV_DESC_WRITE, 0);
	}
	ck_assert_int_eq(prig_pop(&rig, PRIG_MAX_SEGS), 0);
	ck_assert_uint_eq(rig.ring.n_inflight, 1);
	ck_assert(packed_push(&rig.ring, id, 2));
	ck_assert(packed_publish(&rig.ring));
	assert_reaped(id, 2);
}
END_TEST

START_TEST(chain_with_too_many_segments_is_bad_and_taken)
{
	uint16_t id = prig_offer(&rig, 5);

	ck_assert_int_eq(prig_pop(&rig, 4), RING_BAD_CHAIN);
	ck_assert_uint_eq(rig.id, id);
	ck_assert(rig.bad.has_last);
	ck_assert_ptr_eq(rig.bad.last.iov_base,
			 drv_ram_ptr(&rig.ram, PRIG_BUF + 8, 1));
	ck_assert(packed_push(&rig.ring, id, 1));
	ck_assert(packed_publish(&rig.ring));
	assert_reaped(id, 1);
}
END_TEST

START_TEST(chain_put_back_comes_again)
{
	uint16_t first = prig_offer_at(&rig, PRIG_BUF);
	uint16_t second = prig_offer_at(&rig, PRIG_BUF + 256);

	ck_assert_int_eq(prig_pop(&rig, 4), 1);
	ck_assert_int_eq(prig_pop(&rig, 4), 1);
	packed_unpop(&rig.ring);
	ck_assert_uint_eq(rig.ring.n_inflight, 1);
	ck_assert_int_eq(prig_pop(&rig, 4), 1);
	ck_assert_uint_eq(rig.id, second);
	ck_assert(packed_push(&rig.ring, second, 3));
	ck_assert(packed_push(&rig.ring, first, 4));
	ck_assert(packed_publish(&rig.ring));
	assert_reaped(second, 3);
	assert_reaped(first, 4);
}
END_TEST

/* Back over the end of the ring, where the lap changes. */
START_TEST(chain_put_back_comes_again_at_any_place)
{
	uint32_t base;
	uint16_t id;

	move_on(_i);
	base = packed_base(&rig.ring);
	id = prig_offer(&rig, 1 + _i % SIZE);
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(prig_pop(&rig, PRIG_MAX_SEGS), 1 + _i % SIZE);
		ck_assert_uint_eq(rig.id, id);
		packed_unpop(&rig.ring);
		ck_assert_uint_eq(packed_base(&rig.ring), base);
		ck_assert_uint_eq(rig.ring.n_inflight, 0);
	}
	prig_serve(&rig, 1);
	assert_reaped(id, 1);
}
END_TEST

/* It is the one that was handed out that goes back, not the refused one. */
START_TEST(chain_put_back_behind_a_refused_one_is_used)
{
	uint16_t good = prig_offer_at(&rig, PRIG_BUF);
	uint16_t refused = prig_offer_at(&rig, HOLE);

	ck_assert_int_eq(prig_pop(&rig, 4), 1);
	ck_assert_uint_eq(rig.id, good);
	ck_assert_int_eq(prig_pop(&rig, 4), RING_BAD_CHAIN);
	ck_assert_uint_eq(rig.id, refused);
	ck_assert(packed_push(&rig.ring, refused, 0));
	packed_unpop(&rig.ring);
	ck_assert_uint_eq(rig.ring.n_inflight, 0);
	ck_assert(packed_publish(&rig.ring));
	assert_reaped(refused, 0);
	assert_reaped(good, 0);
}
END_TEST

/*
 * Where a chain that was in flight when the log came has been written to is not
 * known: it can be all of memory, but nothing of what else the log is for.
 */
START_TEST(log_that_is_huge_is_marked_where_there_is_memory)
{
	const uint64_t bytes = UINT64_C(1) << 30;
	int fd = memfd_create("log", MFD_CLOEXEC);
	struct dirty_log *log;
	struct stat st;

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(ftruncate(fd, (off_t)bytes), 0);
	ck_assert_int_eq(dirty_log_new(fd, 0, bytes, &log), 0);
	if (!rig.ring.watch)
		ck_assert_int_eq(packed_watch_init(&rig.ring, SIZE), 0);
	(void)prig_offer(&rig, 1);
	ck_assert_int_eq(prig_pop(&rig, 1), 1);
	packed_watch_log(&rig.ring, log);
	ck_assert(packed_push(&rig.ring, rig.id, 1));
	for (uint64_t at = 0; at < PRIG_BYTES; at += DIRTY_LOG_PAGE)
		ck_assert(is_marked(log, PRIG_GPA + at));
	ck_assert(!is_marked(log, PRIG_GPA + PRIG_BYTES));
	ck_assert_int_eq(fstat(fd, &st), 0);
	ck_assert_int_lt(st.st_blocks, 2048);
	dirty_log_unref(log);
	(void)close(fd);
}
END_TEST

/* ---- chains in --------------------------------------------------------- */

START_TEST(push_of_what_is_not_in_flight_does_nothing)
{
	uint16_t id = prig_offer(&rig, 2);

	ck_assert(!packed_push(&rig.ring, id, 1));
	ck_assert_int_eq(prig_pop(&rig, PRIG_MAX_SEGS), 2);
	ck_assert(!packed_push(&rig.ring, id ^ 1, 1));
	ck_assert(!packed_push(&rig.ring, SIZE, 1));
	ck_assert(!packed_push(&rig.ring, 0xffff, 1));
	ck_assert(packed_push(&rig.ring, id, 1));
	ck_assert(!packed_push(&rig.ring, id, 1));
	ck_assert(packed_publish(&rig.ring));
	assert_reaped(id, 1);
	ck_assert(!drv_packed_has_used(&rig.drv));
}
END_TEST

START_TEST(push_is_seen_when_published_and_not_before)
{
	uint16_t ids[3];

	move_on(6);
	for (int i = 0; i < 3; i++) {
		ids[i] = prig_offer(&rig, 1 + i);
		ck_assert_int_eq(prig_pop(&rig, PRIG_MAX_SEGS), 1 + i);
	}
	for (int i = 2; i >= 0; i--) {
		ck_assert(packed_push(&rig.ring, ids[i], 0));
		ck_assert(!drv_packed_has_used(&rig.drv));
	}
	ck_assert(packed_publish(&rig.ring));
	for (int i = 2; i >= 0; i--)
		assert_reaped(ids[i], 0);
}
END_TEST

START_TEST(push_without_a_map_says_nothing_to_the_driver)
{
	(void)prig_offer(&rig, 2);
	ck_assert_int_eq(prig_pop(&rig, PRIG_MAX_SEGS), 2);
	packed_unmap(&rig.ring);
	ck_assert(packed_push(&rig.ring, rig.id, 1));
	ck_assert_uint_eq(rig.ring.n_inflight, 0);
	ck_assert(!drv_packed_has_used(&rig.drv));
}
END_TEST

START_TEST(forget_says_nothing_to_the_driver)
{
	(void)prig_offer(&rig, 2);
	ck_assert_int_eq(prig_pop(&rig, PRIG_MAX_SEGS), 2);
	packed_forget(&rig.ring, rig.id);
	packed_forget(&rig.ring, rig.id);
	packed_forget(&rig.ring, 0xffff);
	ck_assert_uint_eq(rig.ring.n_inflight, 0);
	ck_assert(!packed_publish(&rig.ring));
	ck_assert(!drv_packed_has_used(&rig.drv));
}
END_TEST

/* ---- notifications ------------------------------------------------------- */

/* Use n descriptors; does the driver want to hear of it? */
static bool
use(int n)
{
	for (int i = 0; i < n; i++)
		(void)prig_offer(&rig, 1);
	for (int i = 0; i < n; i++) {
		ck_assert_int_eq(prig_pop(&rig, PRIG_MAX_SEGS), 1);
		ck_assert(packed_push(&rig.ring, rig.id, 0));
	}
	ck_assert(packed_publish(&rig.ring));
	for (int i = 0; i < n; i++)
		(void)prig_reap(&rig);
	return packed_wants_interrupt(&rig.ring);
}

START_TEST(interrupt_follows_the_flags)
{
	for (uint16_t flags = 0; flags < 4; flags++) {
		drv_packed_raw_driver_event(&rig.drv, 5, flags);
		ck_assert_int_eq(use(1), flags != DRV_EVENT_DISABLE);
	}
	rig.ring.event_idx = true;
	drv_packed_raw_driver_event(&rig.drv, 0, DRV_EVENT_DISABLE);
	ck_assert(!use(3));
	drv_packed_raw_driver_event(&rig.drv, 0, DRV_EVENT_ENABLE);
	ck_assert(use(3));
}
END_TEST

/* From each place, for each number used, and for each event: as counted. */
START_TEST(interrupt_if_the_event_was_among_them)
{
	static const uint16_t sizes[] = { 1, 2, 3, 5, 8 };
	uint16_t size = sizes[_i];
	uint64_t at = 0;

	setup_size(size);
	rig.ring.event_idx = true;
	for (int round = 0; round < 4 * size; round++) {
		for (int n = 1; n <= size; n++) {
			for (uint64_t e = 0; e < 2u * size; e++) {
				uint64_t event = at / size * size + e;

				drv_packed_raw_driver_event(
					&rig.drv,
					drv_packed_off_wrap(&rig.drv, event),
					DRV_EVENT_DESC);
				ck_assert_int_eq(
					use(n),
					event >= at &&
						event < at + (uint64_t)n);
				at += (uint64_t)n;
			}
		}
		move_on(1);
		(void)packed_wants_interrupt(&rig.ring);
		at++;
	}
}
END_TEST

/* What nobody was told of yet counts when somebody asks. */
START_TEST(interrupt_for_an_event_of_an_earlier_batch)
{
	rig.ring.event_idx = true;
	drv_packed_raw_driver_event(&rig.drv, LAP | 1, DRV_EVENT_DESC);
	move_on(5);
	ck_assert(packed_wants_interrupt(&rig.ring));
	ck_assert(!packed_wants_interrupt(&rig.ring));
}
END_TEST

START_TEST(kicks_are_off_or_at_the_next_chain)
{
	struct drv_packed_event event;

	packed_kicks_off(&rig.ring);
	event = drv_packed_raw_get_device_event(&rig.drv);
	ck_assert_uint_eq(event.flags, DRV_EVENT_DISABLE);
	ck_assert(!packed_kicks_on(&rig.ring));
	event = drv_packed_raw_get_device_event(&rig.drv);
	ck_assert_uint_eq(event.flags, DRV_EVENT_ENABLE);
	rig.ring.event_idx = true;
	for (int i = 0; i < 3 * SIZE; i++) {
		ck_assert(!packed_kicks_on(&rig.ring));
		event = drv_packed_raw_get_device_event(&rig.drv);
		ck_assert_uint_eq(event.flags, DRV_EVENT_DESC);
		ck_assert_uint_eq(event.off_wrap,
				  drv_packed_off_wrap(&rig.drv, (uint64_t)i));
		move_on(1);
	}
	(void)prig_offer(&rig, 1);
	ck_assert(packed_kicks_on(&rig.ring));
}
END_TEST

static void
add_places(Suite *s)
{
	TCase *t = tcase_create("places");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, layout_is_aligned_and_apart);
	tcase_add_test(t, map_needs_all_of_the_areas);
	tcase_add_test(t, base_is_both_places);
	tcase_add_test(t, base_is_taken_if_it_is_in_the_ring);
	tcase_add_loop_test(t, base_is_what_the_driver_says, 0, 5);
	suite_add_tcase(s, t);
}

static void
add_chains(Suite *s)
{
	TCase *t = tcase_create("chains");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, empty_ring_gives_nothing);
	tcase_add_loop_test(t, chain_is_taken_from_any_place, 0, 2 * SIZE);
	tcase_add_test(t, chain_with_too_many_segments_is_bad_and_taken);
	tcase_add_test(t, chain_put_back_comes_again);
	tcase_add_loop_test(t, chain_put_back_comes_again_at_any_place, 0,
			    4 * SIZE);
	tcase_add_test(t, chain_put_back_behind_a_refused_one_is_used);
	tcase_add_test(t, log_that_is_huge_is_marked_where_there_is_memory);
	tcase_add_test(t, push_of_what_is_not_in_flight_does_nothing);
	tcase_add_test(t, push_is_seen_when_published_and_not_before);
	tcase_add_test(t, push_without_a_map_says_nothing_to_the_driver);
	tcase_add_test(t, forget_says_nothing_to_the_driver);
	suite_add_tcase(s, t);
}

static void
add_notifications(Suite *s)
{
	TCase *t = tcase_create("notifications");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, interrupt_follows_the_flags);
	tcase_add_loop_test(t, interrupt_if_the_event_was_among_them, 0, 5);
	tcase_add_test(t, interrupt_for_an_event_of_an_earlier_batch);
	tcase_add_test(t, kicks_are_off_or_at_the_next_chain);
	suite_add_tcase(s, t);
}

int
main(void)
{
	Suite *s = suite_create("ring-packed");

	add_places(s);
	add_chains(s);
	add_notifications(s);
	return suite_run(s);
}
