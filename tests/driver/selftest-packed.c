// SPDX-License-Identifier: BSD-3-Clause
/* The driver side of packed rings against a device that is nothing else. */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "driver/bytes.h"
#include "driver/packed.h"

#define QSIZE   8
#define N_SIZES 9
#define BUF_GPA 0x101000

static const uint16_t sizes[N_SIZES] = { 1, 2, 3, 5, 7, 8, 100, 255, 1024 };

static struct drv_ram ram;
static struct drv_packed ring;

/* A chain that the model device has taken. */
struct taken {
	uint16_t id;
	uint16_t n_descs;
	uint32_t room; /* bytes that may be written */
};

/* The model device, with own arithmetic: an entry and a wrap counter. */
struct model {
	uint16_t size;
	uint16_t avail, used;
	bool avail_wrap, used_wrap;
	struct taken taken[1024];
	int n_taken;
};

static struct model dev;

static void
setup_size(uint16_t size)
{
	drv_ram_init(&ram);
	ck_assert_int_eq(drv_ram_add(&ram, 0x100000, 0x400000, DRV_RAM_HEAP),
			 0);
	ck_assert_int_eq(drv_packed_init(&ring, &ram, size), 0);
	memset(&dev, 0, sizeof(dev));
	dev.size = size;
	dev.avail_wrap = true;
	dev.used_wrap = true;
}

static void
setup(void)
{
	setup_size(QSIZE);
}

static void
teardown(void)
{
	drv_packed_deinit(&ring);
	drv_ram_deinit(&ram);
}

/* ---- the model device ---- */

static uint8_t *
entry(uint16_t i)
{
	uint8_t *desc =
		drv_ram_ptr(&ram, ring.desc_gpa, 16 * (uint64_t)dev.size);

	ck_assert_ptr_nonnull(desc);
	return desc + 16 * (size_t)i;
}

static bool
is_avail(uint16_t i, bool wrap)
{
	uint16_t flags = drv_load16(entry(i) + 14);

	return !!(flags & 0x80) == wrap && !!(flags & 0x8000) != wrap;
}

static void
step(uint16_t *at, bool *wrap, uint16_t by)
{
	for (; by > 0; by--) {
		if (++*at < dev.size)
			continue;
		*at = 0;
		*wrap = !*wrap;
	}
}

/* Bytes that a table lets us write. */
static uint32_t
table_room(uint64_t gpa, uint32_t len)
{
	const uint8_t *t = drv_ram_ptr(&ram, gpa, len);
	uint32_t sum = 0;

	ck_assert_ptr_nonnull(t);
	ck_assert_uint_eq(len % 16, 0);
	for (; len > 0; len -= 16, t += 16) {
		ck_assert_uint_eq(drv_load16(t + 14) & ~2u, 0);
		if (drv_load16(t + 14) & 2)
			sum += drv_load32(t + 8);
	}
	return sum;
}

/* Take the next chain, if there is one. */
static bool
dev_take(void)
{
	struct taken *t = &dev.taken[dev.n_taken];
	uint16_t flags;

	memset(t, 0, sizeof(*t));
	if (!is_avail(dev.avail, dev.avail_wrap))
		return false;
	do {
		const uint8_t *d = entry(dev.avail);

		ck_assert(is_avail(dev.avail, dev.avail_wrap));
		flags = drv_load16(d + 14);
		if (flags & 4)
			t->room = table_room(drv_load64(d), drv_load32(d + 8));
		else if (flags & 2)
			t->room += drv_load32(d + 8);
		t->id = drv_load16(d + 12);
		t->n_descs++;
		step(&dev.avail, &dev.avail_wrap, 1);
	} while (flags & 1);
	dev.n_taken++;
	return true;
}

/* Write a used descriptor with these flags beside AVAIL and USED. */
static void
dev_put(uint16_t id, uint32_t len, uint16_t flags)
{
	uint8_t *d = entry(dev.used);

	drv_store32(d + 8, len);
	drv_store16(d + 12, id);
	drv_store16(d + 14, flags | (dev.used_wrap ? 0x8080 : 0));
}

/* Give back the i-th of the taken chains, all of it written. */
static void
dev_return(int i)
{
	struct taken t = dev.taken[i];

	dev_put(t.id, t.room, t.room ? 2 : 0);
	step(&dev.used, &dev.used_wrap, t.n_descs);
	dev.taken[i] = dev.taken[--dev.n_taken];
}

static void
dev_all(void)
{
	while (dev_take())
		dev_return(0);
}

/* ---- chains ---- */

static const struct drv_seg three[] = {
	{ 0x1111, 16, false },
	{ 0x2222, 512, true },
	{ 0x3333, 1, true },
};

static const struct drv_seg one[] = { { BUF_GPA, 10, true } };

START_TEST(packed_add_hides_the_chain_until_publish)
{
	int id = drv_packed_add(&ring, three, 3, NULL);
	struct drv_pdesc d;

	ck_assert_int_ge(id, 0);
	ck_assert_int_ne(id, 0);
	ck_assert(!is_avail(0, true));
	ck_assert(is_avail(1, true));
	drv_packed_publish(&ring);
	ck_assert(is_avail(0, true));
	d = drv_packed_raw_get_desc(&ring, 0);
	ck_assert_uint_eq(d.addr, 0x1111);
	ck_assert_uint_eq(d.len, 16);
	ck_assert_uint_eq(d.flags, DRV_DESC_NEXT | DRV_PDESC_AVAIL);
	d = drv_packed_raw_get_desc(&ring, 1);
	ck_assert_uint_eq(d.flags,
			  DRV_DESC_NEXT | DRV_DESC_WRITE | DRV_PDESC_AVAIL);
	ck_assert_uint_ne(d.id, (unsigned)id);
	d = drv_packed_raw_get_desc(&ring, 2);
	ck_assert_uint_eq(d.addr, 0x3333);
	ck_assert_uint_eq(d.flags, DRV_DESC_WRITE | DRV_PDESC_AVAIL);
	ck_assert_uint_eq(d.id, (unsigned)id);
	ck_assert(!is_avail(3, true));
}
END_TEST

START_TEST(packed_publish_shows_a_batch_at_once)
{
	for (int i = 0; i < 4; i++)
		ck_assert_int_ge(drv_packed_add(&ring, three, 2, NULL), 0);
	for (uint16_t i = 0; i < QSIZE; i += 2)
		ck_assert(!is_avail(i, true));
	ck_assert_uint_eq(drv_packed_in_flight(&ring), 0);
	drv_packed_publish(&ring);
	ck_assert_uint_eq(drv_packed_in_flight(&ring), 4);
	for (uint16_t i = 0; i < QSIZE; i++)
		ck_assert(is_avail(i, true));
	dev_all();
	ck_assert_uint_eq(dev.avail, 0);
	ck_assert(!dev.avail_wrap);
}
END_TEST

START_TEST(packed_add_full_ring_is_enospc)
{
	struct drv_seg segs[QSIZE + 1] = { { 0x1000, 1, true } };

	ck_assert_int_eq(drv_packed_add(&ring, segs, 0, NULL), -EINVAL);
	ck_assert_int_eq(drv_packed_add_indirect(&ring, segs, 0, NULL),
			 -EINVAL);
	ck_assert_int_eq(drv_packed_add(&ring, segs, QSIZE + 1, NULL), -ENOSPC);
	ck_assert_int_ge(drv_packed_add(&ring, segs, QSIZE, NULL), 0);
	ck_assert_int_eq(drv_packed_add(&ring, segs, 1, NULL), -ENOSPC);
	ck_assert_int_eq(drv_packed_add_indirect(&ring, segs, 1, NULL),
			 -ENOSPC);
	ck_assert_uint_eq(drv_packed_n_free(&ring), 0);
}
END_TEST

START_TEST(packed_init_refuses_sizes_beyond_2_15)
{
	struct drv_packed p;

	ck_assert_int_eq(drv_packed_init_at(&p, &ram, 0, 0, 0, 0), -EINVAL);
	ck_assert_int_eq(drv_packed_init_at(&p, &ram, 32769, 0, 0, 0), -EINVAL);
	ck_assert_int_eq(drv_packed_init_at(&p, &ram, 32768, 0, 0, 0), 0);
	ck_assert_int_ge(drv_packed_add(&p, three, 3, NULL), 0);
	drv_packed_publish(&p);
	ck_assert(!drv_packed_has_used(&p));
	drv_packed_deinit(&p);
}
END_TEST

/* Every id once before one comes again; they say nothing about places. */
START_TEST(packed_ids_are_not_places)
{
	uint16_t size = sizes[_i];
	uint8_t seen[1024] = { 0 };
	int in_place = 0;

	teardown();
	setup_size(size);
	for (uint16_t i = 0; i < size; i++) {
		int id = drv_packed_add(&ring, one, 1, NULL);

		in_place += id == i;

		ck_assert_int_ge(id, 0);
		ck_assert_int_lt(id, size);
		ck_assert(!seen[id]);
		seen[id] = 1;
	}
	ck_assert_int_lt(in_place, size > 1 ? size : 2);
}
END_TEST

/* Chains of all lengths and kinds, taken in batches, returned in disorder. */
START_TEST(packed_survives_many_laps_at_any_size)
{
	uint32_t random = 1;
	uint16_t size = sizes[_i];
	int cookie;

	teardown();
	setup_size(size);
	for (uint32_t n = 0; n < 5000 || n < 8u * size;) {
		struct drv_seg segs[4] = { { BUF_GPA, 7, false } };
		struct drv_used u;
		int batch = 0, rc;

		for (int k = 1; k < 4; k++)
			segs[k] = (struct drv_seg){ BUF_GPA, 9, true };
		do {
			random = random * 1664525 + 1013904223;
			rc = random >> 30 == 0
				     ? drv_packed_add_indirect(&ring, segs, 4,
							       &cookie)
				     : drv_packed_add(&ring, segs,
						      1 + (int)(random >> 30),
						      &cookie);
			batch += rc >= 0;
		} while (rc >= 0 && random >> 20 & 7);
		drv_packed_publish(&ring);
		ck_assert_uint_eq(drv_packed_in_flight(&ring), batch);
		ck_assert(!drv_packed_has_used(&ring));
		while (dev_take())
			;
		ck_assert_int_eq(dev.n_taken, batch);
		for (int k = batch; k > 0; k--)
			dev_return((int)(random >> 8) % k);
		for (; batch > 0; batch--, n++) {
			ck_assert_int_eq(drv_packed_reap(&ring, &u), 1);
			ck_assert_uint_eq(u.len % 9, 0);
			ck_assert_ptr_eq(u.cookie, &cookie);
		}
		ck_assert_int_eq(drv_packed_reap(&ring, &u), 0);
		ck_assert_uint_eq(drv_packed_n_free(&ring), size);
		n++;
	}
}
END_TEST

/* ---- used descriptors ---- */

static int
offer_three(void)
{
	int id = drv_packed_add(&ring, three, 3, NULL);

	drv_packed_publish(&ring);
	return id;
}

START_TEST(packed_reap_unknown_id_is_eproto)
{
	int id = offer_three();
	struct drv_used u;

	dev_put((uint16_t)(id ^ 1), 513, 2);
	ck_assert_int_eq(drv_packed_reap(&ring, &u), -EPROTO);
	dev_put(QSIZE, 513, 2);
	ck_assert_int_eq(drv_packed_reap(&ring, &u), -EPROTO);
	dev_put(0xffff, 513, 2);
	ck_assert_int_eq(drv_packed_reap(&ring, &u), -EPROTO);
	dev_put((uint16_t)id, 513, 2);
	ck_assert_int_eq(drv_packed_reap(&ring, &u), 1);
	ck_assert_uint_eq(u.id, (unsigned)id);
	ck_assert_uint_eq(u.len, 513);
}
END_TEST

/* An id that has not been published is not the device's. */
START_TEST(packed_reap_staged_or_returned_id_is_eproto)
{
	int first = offer_three(), second;
	struct drv_used u;

	second = drv_packed_add(&ring, three, 3, NULL);
	dev_put((uint16_t)second, 1, 2);
	ck_assert_int_eq(drv_packed_reap(&ring, &u), -EPROTO);
	dev_put((uint16_t)first, 1, 2);
	ck_assert_int_eq(drv_packed_reap(&ring, &u), 1);
	drv_packed_publish(&ring);
	step(&dev.used, &dev.used_wrap, 3);
	dev_put((uint16_t)first, 1, 2);
	ck_assert_int_eq(drv_packed_reap(&ring, &u), -EPROTO);
}
END_TEST

START_TEST(packed_reap_nothing_in_flight_is_eproto)
{
	struct drv_used u;

	ck_assert_int_eq(drv_packed_reap(&ring, &u), 0);
	dev_put(0, 0, 0);
	ck_assert_int_eq(drv_packed_reap(&ring, &u), -EPROTO);
}
END_TEST

START_TEST(packed_reap_touched_descriptor_is_eproto)
{
	struct drv_used u;
	int id = offer_three();
	uint8_t *third = entry(2);

	dev_put((uint16_t)id, 1, 2);
	for (int i = 0; i < 16; i++) {
		third[i] ^= 0x10;
		ck_assert_int_eq(drv_packed_reap(&ring, &u), -EPROTO);
		third[i] ^= 0x10;
	}
	ck_assert_int_eq(drv_packed_reap(&ring, &u), 1);
}
END_TEST

/* One of the two bits only, or another flag while it is not used. */
START_TEST(packed_reap_half_flags_is_eproto)
{
	struct drv_used u;
	uint16_t flags;

	(void)offer_three();
	flags = drv_load16(entry(0) + 14);
	ck_assert_int_eq(drv_packed_reap(&ring, &u), 0);
	drv_store16(entry(0) + 14, flags & ~0x80u);
	ck_assert_int_eq(drv_packed_reap(&ring, &u), -EPROTO);
	drv_store16(entry(0) + 14, flags | 2);
	ck_assert_int_eq(drv_packed_reap(&ring, &u), -EPROTO);
	drv_store16(entry(0) + 14, flags);
	ck_assert_int_eq(drv_packed_reap(&ring, &u), 0);
}
END_TEST

START_TEST(packed_reap_length_beyond_the_buffer_is_eoverflow)
{
	struct drv_used u;
	int id = offer_three();

	dev_put((uint16_t)id, 514, 2);
	ck_assert_int_eq(drv_packed_reap(&ring, &u), -EOVERFLOW);
	ck_assert_uint_eq(u.len, 514);
	ck_assert_uint_eq(drv_packed_n_free(&ring), QSIZE);
}
END_TEST

START_TEST(packed_reap_write_flag_says_if_the_length_counts)
{
	struct drv_seg out = { BUF_GPA, 5, false };
	struct drv_used u;
	int id = offer_three();

	dev_put((uint16_t)id, 77, 0);
	ck_assert_int_eq(drv_packed_reap(&ring, &u), 1);
	ck_assert_uint_eq(u.len, 0);
	step(&dev.used, &dev.used_wrap, 3);
	id = drv_packed_add(&ring, &out, 1, NULL);
	drv_packed_publish(&ring);
	dev_put((uint16_t)id, 0, 2);
	ck_assert_int_eq(drv_packed_reap(&ring, &u), -EPROTO);
	dev_put((uint16_t)id, 0, 0);
	ck_assert_int_eq(drv_packed_reap(&ring, &u), 1);
}
END_TEST

/* ---- notifications ---- */

static void
add_some(int n)
{
	struct drv_used u;

	for (int i = 0; i < n; i++)
		ck_assert_int_ge(drv_packed_add(&ring, one, 1, NULL), 0);
	drv_packed_publish(&ring);
	dev_all();
	while (drv_packed_reap(&ring, &u) == 1)
		;
}

static void
dev_event(uint16_t off, bool wrap, uint16_t flags)
{
	uint8_t *event = drv_ram_ptr(&ram, ring.device_gpa, 4);

	drv_store16(event, (uint16_t)(off | (wrap ? 0x8000 : 0)));
	drv_store16(event + 2, flags);
}

START_TEST(packed_kick_follows_the_flags)
{
	ck_assert(!drv_packed_kick_needed(&ring));
	add_some(1);
	ck_assert(drv_packed_kick_needed(&ring));
	ck_assert(!drv_packed_kick_needed(&ring));
	dev_event(0, false, 1);
	add_some(1);
	ck_assert(!drv_packed_kick_needed(&ring));
	dev_event(0, false, 2); /* not negotiated: not understood */
	add_some(1);
	ck_assert(drv_packed_kick_needed(&ring));
}
END_TEST

START_TEST(packed_kick_follows_the_descriptor)
{
	ring.event_idx = true;
	dev_event(1, true, 2);
	add_some(1); /* entry 0 is not the one */
	ck_assert(!drv_packed_kick_needed(&ring));
	add_some(3); /* passes entry 1 */
	ck_assert(drv_packed_kick_needed(&ring));
	dev_event(1, false, 2);
	add_some(4); /* entries 4 to 7 */
	ck_assert(!drv_packed_kick_needed(&ring));
	add_some(1);
	ck_assert(!drv_packed_kick_needed(&ring));
	add_some(1); /* entry 1 of the second lap */
	ck_assert(drv_packed_kick_needed(&ring));
	dev_event(1, true, 2);
	add_some(7); /* entries 2 to 0 */
	ck_assert(!drv_packed_kick_needed(&ring));
	add_some(1); /* entry 1 of the third lap */
	ck_assert(drv_packed_kick_needed(&ring));
	dev_event(QSIZE, true, 2); /* no such entry */
	add_some(1);
	ck_assert(drv_packed_kick_needed(&ring));
	dev_event(3, true, 1);
	add_some(1);
	ck_assert(!drv_packed_kick_needed(&ring));
}
END_TEST

START_TEST(packed_kick_finds_every_entry_of_a_batch)
{
	ring.event_idx = true;
	for (uint16_t k = 0; k < 6 * QSIZE; k++) {
		uint16_t at = (uint16_t)(5 * k), off = at % QSIZE;
		uint16_t in_batch = k % 5, to = (uint16_t)(at + in_batch);

		ck_assert_uint_eq(dev.avail, off);
		dev_event(to % QSIZE, !(to / QSIZE & 1), 2);
		add_some(5);
		ck_assert(drv_packed_kick_needed(&ring));
	}
}
END_TEST

START_TEST(packed_interrupts_write_flags_and_place)
{
	const uint8_t *event = drv_ram_ptr(&ram, ring.driver_gpa, 4);

	drv_packed_interrupts(&ring, false);
	ck_assert_uint_eq(drv_load16(event + 2), 1);
	drv_packed_interrupts(&ring, true);
	ck_assert_uint_eq(drv_load16(event + 2), 0);
	ring.event_idx = true;
	add_some(2);
	drv_packed_interrupts(&ring, true);
	ck_assert_uint_eq(drv_load16(event), 0x8002);
	ck_assert_uint_eq(drv_load16(event + 2), 2);
	add_some(QSIZE);
	drv_packed_interrupts(&ring, true);
	ck_assert_uint_eq(drv_load16(event), 0x0002);
	drv_packed_interrupts(&ring, false);
	ck_assert_uint_eq(drv_load16(event + 2), 1);
}
END_TEST

/* ---- a ring that goes on elsewhere ---- */

START_TEST(packed_base_is_behind_the_last_used_descriptor)
{
	struct drv_used u;

	ck_assert_uint_eq(drv_packed_base(&ring), DRV_PACKED_START);
	(void)offer_three();
	(void)offer_three();
	ck_assert_uint_eq(drv_packed_base(&ring), DRV_PACKED_START);
	ck_assert(dev_take());
	dev_return(0);
	ck_assert_uint_eq(drv_packed_base(&ring), 0x80038003);
	ck_assert_int_eq(drv_packed_reap(&ring, &u), 1);
	ck_assert_uint_eq(drv_packed_base(&ring), 0x80038003);
	dev_all();
	ck_assert_int_eq(drv_packed_reap(&ring, &u), 1);
	add_some(3);
	ck_assert_uint_eq(drv_packed_base(&ring), 0x00010001);
}
END_TEST

START_TEST(packed_set_ram_goes_on_in_a_copy)
{
	struct drv_ram other;
	struct drv_used u;
	int id = offer_three();

	drv_ram_init(&other);
	ck_assert_int_eq(drv_ram_add(&other, 0x100000, 128, DRV_RAM_HEAP), 0);
	ck_assert_int_eq(drv_packed_set_ram(&ring, &other), -EFAULT);
	(void)drv_ram_del(&other, 0);
	ck_assert_int_eq(drv_ram_add(&other, 0x100000, 0x400000, DRV_RAM_HEAP),
			 0);
	memcpy(drv_ram_ptr(&other, 0x100000, 0x400000),
	       drv_ram_ptr(&ram, 0x100000, 0x400000), 0x400000);
	ck_assert_int_eq(drv_packed_set_ram(&ring, &other), 0);
	dev_put((uint16_t)id, 1, 2); /* in the old memory */
	ck_assert_int_eq(drv_packed_reap(&ring, &u), 0);
	drv_packed_reset(&ring);
	ck_assert_uint_eq(drv_packed_n_free(&ring), QSIZE);
	drv_ram_deinit(&other);
}
END_TEST

/* ---- raw ---- */

START_TEST(packed_raw_offer_sets_the_bits_of_its_place)
{
	struct drv_pdesc d[] = {
		{ BUF_GPA, 1, 7, DRV_DESC_NEXT },
		{ BUF_GPA, 2, 3, DRV_DESC_WRITE },
	};

	for (int i = 0; i < 3 * QSIZE; i++) {
		drv_packed_raw_offer(&ring, d, 2);
		ck_assert(dev_take());
		ck_assert_uint_eq(dev.taken[0].id, 3);
		ck_assert_uint_eq(dev.taken[0].room, 2);
		ck_assert(!drv_packed_raw_is_used(&ring, ring.used));
		dev_return(0);
		ck_assert(drv_packed_raw_is_used(&ring, ring.used));
		drv_packed_raw_skip(&ring, 2);
	}
	d[0].flags |= DRV_PDESC_AVAIL; /* turned round: not available */
	drv_packed_raw_offer(&ring, d, 1);
	ck_assert(!dev_take());
}
END_TEST

static Suite *
packed_suite(void)
{
	Suite *s = suite_create("driver-packed");
	TCase *tc = tcase_create("packed");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, packed_add_hides_the_chain_until_publish);
	tcase_add_test(tc, packed_publish_shows_a_batch_at_once);
	tcase_add_test(tc, packed_add_full_ring_is_enospc);
	tcase_add_test(tc, packed_init_refuses_sizes_beyond_2_15);
	tcase_add_loop_test(tc, packed_ids_are_not_places, 0, N_SIZES);
	tcase_add_loop_test(tc, packed_survives_many_laps_at_any_size, 0,
			    N_SIZES);
	tcase_add_test(tc, packed_reap_unknown_id_is_eproto);
	tcase_add_test(tc, packed_reap_staged_or_returned_id_is_eproto);
	tcase_add_test(tc, packed_reap_nothing_in_flight_is_eproto);
	tcase_add_test(tc, packed_reap_touched_descriptor_is_eproto);
	tcase_add_test(tc, packed_reap_half_flags_is_eproto);
	tcase_add_test(tc, packed_reap_length_beyond_the_buffer_is_eoverflow);
	tcase_add_test(tc, packed_reap_write_flag_says_if_the_length_counts);
	tcase_add_test(tc, packed_kick_follows_the_flags);
	tcase_add_test(tc, packed_kick_follows_the_descriptor);
	tcase_add_test(tc, packed_kick_finds_every_entry_of_a_batch);
	tcase_add_test(tc, packed_interrupts_write_flags_and_place);
	tcase_add_test(tc, packed_base_is_behind_the_last_used_descriptor);
	tcase_add_test(tc, packed_set_ram_goes_on_in_a_copy);
	tcase_add_test(tc, packed_raw_offer_sets_the_bits_of_its_place);
	suite_add_tcase(s, tc);
	return s;
}

int
main(void)
{
	SRunner *sr = srunner_create(packed_suite());
	int failed;

	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
