// SPDX-License-Identifier: BSD-3-Clause
/* The order of chains, as a data structure. */
#include <check.h>
#include <stdlib.h>

#include "ring/order.h"
#include "suite.h"

#define SIZE 7 /* no power of two: packed rings have such sizes */

static struct order order;

static void
setup_order(void)
{
	ck_assert_int_eq(order_init(&order, SIZE + 1), 0);
	order_reset(&order, SIZE, true);
}

static void
teardown_order(void)
{
	order_deinit(&order);
}

/* The next one is that head, with a length that tells. */
static void
expect(uint16_t head)
{
	uint16_t got;
	uint32_t len;

	ck_assert(order_next(&order, &got, &len));
	ck_assert_uint_eq(got, head);
	ck_assert_uint_eq(len, head + 100u);
}

static void
expect_none(void)
{
	uint16_t head;
	uint32_t len;

	ck_assert(!order_next(&order, &head, &len));
}

static void
hold(uint16_t head)
{
	ck_assert(order_hold(&order, head, head + 100u));
}

START_TEST(what_is_early_waits_for_its_turn)
{
	for (uint16_t head = 0; head < 4; head++)
		order_take(&order, head);
	hold(2);
	hold(1);
	expect_none();
	ck_assert_uint_eq(order.n_held, 2);
	hold(0);
	expect(0);
	expect(1);
	expect(2);
	expect_none();
	ck_assert_uint_eq(order.n, 1);
	hold(3);
	expect(3);
	ck_assert_uint_eq(order.n, 0);
}
END_TEST

START_TEST(a_chain_is_held_once)
{
	order_take(&order, 5);
	order_take(&order, 6);
	ck_assert(!order_holds(&order, 6));
	hold(6);
	ck_assert(order_holds(&order, 6));
	ck_assert(!order_hold(&order, 6, 1));
	ck_assert(!order_holds(&order, SIZE));
	ck_assert(!order_holds(&order, SIZE + 6)); /* nor one modulo SIZE */
	hold(5);
	expect(5);
	expect(6);
	ck_assert(!order_holds(&order, 6));
}
END_TEST

START_TEST(the_latest_can_be_put_back)
{
	order_take(&order, 3);
	order_take(&order, 4);
	ck_assert(!order_is_latest(&order, 3));
	ck_assert(order_is_latest(&order, 4));
	order_untake(&order);
	ck_assert(order_is_latest(&order, 3));
	hold(3);
	ck_assert(!order_is_latest(&order, 3));
	expect(3);
	ck_assert(!order_is_latest(&order, 3));
}
END_TEST

/* A device that ends its requests in any order, for many laps. */
START_TEST(whatever_the_device_does_the_order_is_kept)
{
	uint16_t out[SIZE], next_in = 0, next_out = 0, n = 0;

	srandom(1);
	for (int i = 0; i < 100000; i++) {
		uint16_t head;
		uint32_t len;

		if (n < SIZE && order.n < SIZE && random() % 2) {
			order_take(&order, next_in);
			out[n++] = next_in;
			next_in = (uint16_t)((next_in + 1) % SIZE);
		} else if (n > 0) {
			uint16_t at = (uint16_t)((unsigned long)random() % n);

			hold(out[at]);
			out[at] = out[--n];
		}
		while (order_next(&order, &head, &len)) {
			ck_assert_uint_eq(head, next_out);
			ck_assert_uint_eq(len, head + 100u);
			next_out = (uint16_t)((next_out + 1) % SIZE);
		}
		ck_assert_uint_eq(order.n - order.n_held, n);
	}
}
END_TEST

START_TEST(reset_forgets_what_was_held)
{
	order_take(&order, 0);
	order_take(&order, 1);
	hold(1);
	order_reset(&order, SIZE, true);
	ck_assert(!order_holds(&order, 1));
	order_take(&order, 1);
	hold(1);
	expect(1);
	expect_none();
}
END_TEST

START_TEST(what_has_no_room_is_never_on)
{
	struct order none = { 0 };

	order_reset(&none, SIZE, true);
	ck_assert(!none.on);
	ck_assert(!order_holds(&none, 0));
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("ring-order");
	TCase *tc = tcase_create("order");

	tcase_add_checked_fixture(tc, setup_order, teardown_order);
	tcase_add_test(tc, what_is_early_waits_for_its_turn);
	tcase_add_test(tc, a_chain_is_held_once);
	tcase_add_test(tc, the_latest_can_be_put_back);
	tcase_add_test(tc, whatever_the_device_does_the_order_is_kept);
	tcase_add_test(tc, reset_forgets_what_was_held);
	tcase_add_test(tc, what_has_no_room_is_never_on);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
