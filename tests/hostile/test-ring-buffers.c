// SPDX-License-Identifier: BSD-3-Clause
/*
 * Buffers that are no buffers: outside RAM, wrapping, across holes, in the
 * wrong direction; and rings where no ring can be.
 */
#include <string.h>

#include <vbs/vm.h>

#include "hostile/rig.h"

#define NEXT  DRV_DESC_NEXT
#define WRITE DRV_DESC_WRITE

/* One readable and one writable buffer; either may be bad. */
static void
send_pair(uint64_t in, uint32_t in_len, uint64_t out, uint32_t out_len)
{
	const struct drv_seg segs[] = { { in, in_len, false },
					{ out, out_len, true } };

	chain_segs(segs, 2);
}

static uint8_t
byte_at(uint64_t gpa)
{
	uint8_t b = 0;

	ck_assert_int_eq(drv_ram_read(&ram, gpa, &b, 1), 0);
	return b;
}

/* len different bytes at gpa. */
static void
put_pattern(uint64_t gpa, uint8_t *buf, size_t len)
{
	for (size_t i = 0; i < len; i++)
		buf[i] = (uint8_t)(i * 7 + 1);
	ck_assert_int_eq(drv_ram_write(&ram, gpa, buf, len), 0);
}

/* What was copied to gpa is what put_pattern() made. */
static void
assert_copied(uint64_t gpa, const uint8_t *want, size_t len)
{
	uint8_t got[256];

	ck_assert_uint_le(len, sizeof(got));
	ck_assert_int_eq(drv_ram_read(&ram, gpa, got, len), 0);
	ck_assert_mem_eq(want, got, len);
}

/* ---- A6, A7: not in RAM, or not all of it ---- */

static const struct range {
	uint64_t addr;
	uint32_t len;
} wild[] = {
	{ NOWHERE, 8 },
	{ 0, 8 },
	{ LOW_GPA - 1, 1 },
	{ LOW_GPA - 4, 8 },
	{ NEXT_END, 1 },
	{ UINT64_C(1) << 63, 8 },
	{ UINT64_MAX, 2 },
	{ UINT64_MAX - 6, 8 },
	{ TOP_GPA, 0xffffffff },
	{ TOP_GPA, TOP_SIZE + 1 },
	{ LOW_GPA, 0xffffffff },
	{ UINT64_MAX - 0xfffffffe + 1, 0xffffffff },
	{ 0, 0xffffffff },
}, cut[] = {
	{ NEXT_END - 1, 2 },
	{ NEXT_END - 8, 4096 },
	{ NEXT_GPA - 4, NEXT_SIZE + 5 },
	{ LOW_GPA + 1, LOW_SIZE + NEXT_SIZE },
	{ FAR_GPA - 1, 2 },
	{ FAR_GPA + FAR_SIZE - 7, 8 },
	{ NEXT_END - 1, FAR_GPA - NEXT_END + 2 },
};

#define N_WILD ((int)(sizeof(wild) / sizeof(wild[0])))
#define N_CUT  ((int)(sizeof(cut) / sizeof(cut[0])))

static void
send_to_device(const struct range *r)
{
	send_pair(r->addr, r->len, OUT_GPA, 8);
}

static void
send_from_device(const struct range *r)
{
	send_pair(IN_GPA, 8, r->addr, r->len);
}

START_TEST(hostile_a6__wild_buffer_to_read)
{
	rig_start_way(_i % N_WAYS);
	send_to_device(&wild[_i / N_WAYS]);
	assert_refused(0, 0);
}
END_TEST

START_TEST(hostile_a6__wild_buffer_to_write)
{
	rig_start_way(_i % N_WAYS);
	send_from_device(&wild[_i / N_WAYS]);
	assert_refused(0, 0);
}
END_TEST

START_TEST(hostile_a6__wild_buffer_gets_the_devices_own_error)
{
	rig_start_way(_i % N_WAYS);
	probe->has_error = true;
	send_to_device(&wild[_i / N_WAYS]);
	assert_refused(0, 1);
	ck_assert_uint_eq(byte_at(OUT_GPA + 7), PROBE_ERROR);
}
END_TEST

START_TEST(hostile_a6__second_buffer_begins_where_the_first_wraps_to)
{
	const struct drv_seg segs[] = {
		{ UINT64_MAX - 3, 8, false },
		{ 4, 8, false },
		{ OUT_GPA, 8, true },
	};

	rig_start_way(_i);
	chain_segs(segs, 3);
	assert_refused(0, 0);
}
END_TEST

START_TEST(hostile_a6__buffer_up_to_the_end_of_the_address_space_is_served)
{
	uint8_t pattern[64];

	rig_start_way(_i);
	put_pattern(TOP_GPA + TOP_SIZE - 64, pattern, 64);
	send_pair(TOP_GPA + TOP_SIZE - 64, 64, OUT_GPA, 64);
	assert_served(0, 64);
	assert_copied(OUT_GPA, pattern, 64);
}
END_TEST

/* With RAM at both ends of the address space, a wrap would find some. */
START_TEST(hostile_a6__wrap_onto_ram_at_address_0)
{
	int slot = drv_ram_add(&ram, 0, DRV_PAGE, DRV_RAM_HEAP);

	rig_start_way(_i % N_WAYS);
	ck_assert_int_ge(slot, 0);
	send_pair(IN_GPA, 16, TOP_GPA + TOP_SIZE - 8, 16);
	assert_refused(0, 0);
	send_pair(TOP_GPA, (uint32_t)TOP_SIZE + 1, OUT_GPA, 16);
	ck_assert_uint_eq(used_take(vq).len, 0);
	ck_assert_uint_eq(byte_at(7), 0);
}
END_TEST

#define HUGE_GPA  UINT64_C(0x100000000)
#define HUGE_SIZE UINT64_C(0x80000000)

/* A region of 2 GiB, of which no page is ever touched but the first. */
static void
add_huge_region(void)
{
	int slot = drv_ram_add(&ram, HUGE_GPA, HUGE_SIZE, DRV_RAM_MEMFD);

	ck_assert_int_ge(slot, 0);
	ck_assert_int_eq(drv_bus_dma_add(bus, drv_ram_region(&ram, slot)), 0);
}

START_TEST(hostile_a6__lengths_that_add_up_beyond_32_bits)
{
	const struct drv_seg segs[] = {
		{ HUGE_GPA, 0x7fffffff, false },
		{ HUGE_GPA, 0x7fffffff, false },
		{ HUGE_GPA, 2, true },
	};

	rig_start_way(_i);
	add_huge_region();
	chain_segs(segs, 3);
	assert_refused(0, 0);
}
END_TEST

START_TEST(hostile_a6__lengths_that_wrap_twice)
{
	struct drv_seg segs[PROBE_SEGS - 1];

	rig_start_way(_i);
	add_huge_region();
	for (int i = 0; i < PROBE_SEGS - 1; i++)
		segs[i] = (struct drv_seg){ HUGE_GPA, 0x7fffffff, false };
	chain_segs(segs, PROBE_SEGS - 1);
	assert_refused(0, 0);
}
END_TEST

START_TEST(hostile_a6__lengths_that_add_up_to_32_bits_are_served)
{
	const struct drv_seg segs[] = {
		{ HUGE_GPA, 0x7fffffff, false },
		{ HUGE_GPA, 0x7ffffff8, false },
		{ OUT_GPA, 8, true },
	};

	rig_start_way(_i);
	add_huge_region();
	chain_segs(segs, 3);
	assert_served(0, 8);
}
END_TEST

START_TEST(hostile_a7__buffer_to_read_that_ends_in_a_hole)
{
	rig_start_way(_i % N_WAYS);
	send_to_device(&cut[_i / N_WAYS]);
	assert_refused(0, 0);
	ck_assert_uint_eq(byte_at(OUT_GPA), 0);
}
END_TEST

START_TEST(hostile_a7__buffer_to_write_that_ends_in_a_hole_is_not_begun)
{
	const struct range *r = &cut[_i / N_WAYS];

	rig_start_way(_i % N_WAYS);
	ck_assert_int_eq(drv_ram_fill(&ram, IN_GPA, 0x55, 8), 0);
	send_from_device(r);
	assert_refused(0, 0);
	if (drv_ram_ptr(&ram, r->addr, 1) && r->addr != IN_GPA + 1)
		ck_assert_uint_eq(byte_at(r->addr), 0);
}
END_TEST

/* The region of the first buffer is at hand when the second is looked at. */
START_TEST(hostile_a7__second_buffer_one_byte_beyond_its_region)
{
	const uint64_t end = FAR_GPA + FAR_SIZE;

	rig_start_way(_i % N_WAYS);
	send_pair(end - 8, 8, end - 8, 9);
	assert_refused(0, 0);
}
END_TEST

START_TEST(hostile_a7__second_buffer_one_byte_into_the_next_region)
{
	uint8_t pattern[9];

	rig_start_way(_i);
	put_pattern(NEXT_GPA - 100, pattern, 9);
	send_pair(NEXT_GPA - 100, 9, NEXT_GPA - 8, 9);
	assert_served(0, 9);
	assert_copied(NEXT_GPA - 8, pattern, 9);
}
END_TEST

START_TEST(hostile_a7__buffer_across_adjacent_regions_is_served)
{
	uint8_t pattern[200];

	rig_start_way(_i);
	put_pattern(NEXT_GPA - 100, pattern, 200);
	send_pair(NEXT_GPA - 100, 200, NEXT_GPA - 1000, 200);
	assert_served(0, 200);
	assert_copied(NEXT_GPA - 1000, pattern, 200);
	put_pattern(IN_GPA, pattern, 200);
	send_pair(IN_GPA, 200, NEXT_GPA - 7, 200);
	(void)used_take(vq);
	assert_copied(NEXT_GPA - 7, pattern, 200);
}
END_TEST

START_TEST(hostile_a7__buffer_across_regions_is_refused_once_one_has_gone)
{
	const struct drv_region *next = drv_ram_region(&ram, 1);

	rig_start_way(_i);
	ck_assert_int_eq(drv_bus_dma_del(bus, next), 0);
	send_pair(NEXT_GPA - 4, 8, OUT_GPA, 8);
	assert_refused(0, 0);
	ck_assert_int_eq(drv_bus_dma_add(bus, next), 0);
	send_pair(NEXT_GPA - 4, 8, OUT_GPA, 8);
	assert_served(0, 8);
}
END_TEST

/* ---- A8: what is at that address is no RAM, or the ring itself ---- */

/* Where the function's own BARs are, as the driver has placed them. */
static uint64_t
bar_address(int bar)
{
	return dut.pci.bars[bar].addr;
}

START_TEST(hostile_a8__buffer_in_a_bar)
{
	const int bars[] = { 0, 1, 4 };
	uint64_t addr;
	uint8_t before;

	rig_start_way(_i % N_WAYS);
	addr = bar_address(bars[_i / N_WAYS]);
	before = rig_status();
	ck_assert_uint_ne(addr, 0);
	ck_assert_int_eq(drv_ram_fill(&ram, IN_GPA, 0, 256), 0);
	send_pair(IN_GPA, 64, addr, 64);
	assert_refused(0, 0);
	ck_assert_uint_eq(rig_status(), before);
}
END_TEST

START_TEST(hostile_a8__message_to_the_interrupt_controller)
{
	uint64_t irqs;

	rig_start_way(_i);
	irqs = drv_bus_irqs_total(bus);
	send_pair(IN_GPA, 4, 0xfee00000, 4);
	ck_assert_uint_eq(drv_bus_irqs_total(bus), irqs + 1); /* the used one */
	assert_refused(0, 0);
}
END_TEST

static uint8_t rom[0x1000];

#define ROM_GPA UINT64_C(0x800000)

static void
add_rom(void)
{
	const struct vbs_ram r = {
		.gpa = ROM_GPA,
		.size = sizeof(rom),
		.hva = rom,
		.flags = VBS_RAM_READONLY,
	};

	ck_assert_int_eq(vbs_vm_add_ram(drv_inproc_vm(machine), &r), 0);
	memset(rom, 0x52, sizeof(rom));
}

START_TEST(hostile_a8__rom_is_not_written)
{
	rig_start_way(_i);
	add_rom();
	send_pair(IN_GPA, 16, ROM_GPA, 16);
	assert_refused(0, 0);
	for (size_t i = 0; i < sizeof(rom); i++)
		ck_assert_uint_eq(rom[i], 0x52);
	ck_assert_ptr_null(
		paddr_guest2host(drv_inproc_vm(machine), ROM_GPA, 1));
}
END_TEST

START_TEST(hostile_a8__rom_is_not_written_after_it_was_read)
{
	const struct drv_seg segs[] = {
		{ ROM_GPA, 16, false },
		{ ROM_GPA + 64, 16, false },
		{ ROM_GPA + 128, 16, true },
	};

	rig_start_way(_i);
	add_rom();
	chain_segs(segs, 3);
	assert_refused(0, 0);
	for (size_t i = 0; i < sizeof(rom); i++)
		ck_assert_uint_eq(rom[i], 0x52);
}
END_TEST

START_TEST(hostile_a8__rom_is_no_place_for_a_status)
{
	rig_start_way(_i);
	add_rom();
	probe->has_error = true;
	send_pair(NOWHERE, 16, ROM_GPA, 1);
	assert_refused(0, 0);
	ck_assert_uint_eq(rom[0], 0x52);
}
END_TEST

START_TEST(hostile_a8__rom_is_read)
{
	rig_start_way(_i);
	add_rom();
	probe->ram = NULL; /* it does not know that region */
	send_pair(ROM_GPA, 16, OUT_GPA, 16);
	assert_served(0, 16);
	ck_assert_uint_eq(byte_at(OUT_GPA), 0x52);
}
END_TEST

/* The ring is RAM like any other: what is kept of it is kept privately. */
START_TEST(hostile_a8__chain_that_overwrites_the_descriptor_table)
{
	rig_start_way(_i);
	ck_assert_int_eq(drv_ram_fill(&ram, IN_GPA, 0xff, 256), 0);
	send_pair(IN_GPA, 256, vq->ring.desc_gpa, 256);
	assert_served(0, 256);
}
END_TEST

START_TEST(hostile_a8__chain_that_overwrites_the_used_ring)
{
	uint64_t bytes = drv_split_used_bytes(PROBE_QSIZE);

	rig_start_way(_i);
	ck_assert_int_eq(drv_ram_fill(&ram, IN_GPA, 0xff, 256), 0);
	send_pair(IN_GPA, (uint32_t)bytes, vq->ring.used_gpa, (uint32_t)bytes);
	ck_assert_uint_eq(drv_split_raw_get_used_idx(&vq->ring), 1);
	assert_served(0, (uint32_t)bytes);
}
END_TEST

START_TEST(hostile_a8__chain_that_overwrites_the_available_ring)
{
	rig_start_way(_i);
	ck_assert_int_eq(drv_ram_fill(&ram, IN_GPA, 0xff, 256), 0);
	send_pair(IN_GPA, 36, vq->ring.avail_gpa, 36);
	assert_broken(0); /* avail.idx is 0xffff now */
}
END_TEST

START_TEST(hostile_a8__chain_that_overwrites_another_queues_rings)
{
	struct drv_split *other = &dut.vqs[1].ring;

	rig_start_way(_i);
	ck_assert_int_eq(drv_ram_fill(&ram, IN_GPA, 0xff, 256), 0);
	send_pair(IN_GPA, 256, other->desc_gpa, 256);
	assert_served(0, 256);
	assert_serves(&dut.vqs[1]);
}
END_TEST

START_TEST(hostile_a8__used_ring_that_the_driver_scribbles_on)
{
	rig_start_way(_i);
	for (int round = 0; round < 40; round++) {
		struct drv_used used;

		drv_split_raw_used_idx(&vq->ring, (uint16_t)(round * 977));
		drv_split_raw_used_flags(&vq->ring, 0xffff);
		drv_split_raw_used(&vq->ring, (uint16_t)round, 0xffffffff,
				   0xffffffff);
		send_pair(IN_GPA, 8, OUT_GPA, 8);
		ck_assert_uint_eq(drv_split_raw_get_used_idx(&vq->ring),
				  round + 1);
		used = drv_split_raw_get_used(&vq->ring, (uint16_t)round);
		ck_assert_uint_eq(used.id, 0);
		ck_assert_uint_eq(used.len, 8);
	}
}
END_TEST

/* ---- A13: wrong direction ---- */

START_TEST(hostile_a13__readable_after_writable)
{
	const struct drv_seg segs[] = {
		{ IN_GPA, 4, false },
		{ OUT_GPA, 8, true },
		{ IN_GPA + 4, 4, false },
	};

	rig_start_way(_i);
	chain_segs(segs, 3);
	assert_refused(0, 0);
	ck_assert_uint_eq(byte_at(OUT_GPA), 0);
}
END_TEST

START_TEST(hostile_a13__writable_first_gets_the_devices_own_error)
{
	const struct drv_seg segs[] = {
		{ OUT_GPA, 1, true },
		{ IN_GPA, 8, false },
		{ OUT_GPA + 8, 8, true },
	};

	rig_start_way(_i);
	probe->has_error = true;
	chain_segs(segs, 3);
	assert_refused(0, 1);
	ck_assert_uint_eq(byte_at(OUT_GPA), 0);
	ck_assert_uint_eq(byte_at(OUT_GPA + 15), PROBE_ERROR);
}
END_TEST

START_TEST(hostile_a13__bad_chain_without_a_writable_end_is_not_written)
{
	const struct drv_seg segs[] = {
		{ OUT_GPA, 8, true },
		{ IN_GPA, 8, false },
	};

	rig_start_way(_i);
	ck_assert_int_eq(drv_ram_fill(&ram, IN_GPA, 0x11, 8), 0);
	probe->has_error = true;
	chain_segs(segs, 2);
	assert_refused(0, 0);
	for (uint64_t i = 0; i < 8; i++)
		ck_assert_uint_eq(byte_at(IN_GPA + i), 0x11);
}
END_TEST

START_TEST(hostile_a13__nothing_to_write_to)
{
	const struct drv_seg seg = { IN_GPA, 8, false };

	rig_start_way(_i);
	chain_segs(&seg, 1);
	assert_served(0, 0);
}
END_TEST

START_TEST(hostile_a13__nothing_to_read)
{
	const struct drv_seg seg = { OUT_GPA, 8, true };

	rig_start_way(_i);
	chain_segs(&seg, 1);
	assert_served(0, 0);
}
END_TEST

/* ---- A14: any layout ---- */

START_TEST(hostile_a14__message_in_pieces_of_one_byte)
{
	uint8_t pattern[4];

	rig_start_way(_i);
	put_pattern(IN_GPA, pattern, 4);
	for (uint16_t i = 0; i < 8; i++)
		chain_put(i, i < 4 ? IN_GPA + i : OUT_GPA + i - 4, 1,
			  (uint16_t)((i < 4 ? 0 : WRITE) | (i < 7 ? NEXT : 0)),
			  (uint16_t)(i + 1));
	chain_send(8);
	assert_served(0, 4);
	assert_copied(OUT_GPA, pattern, 4);
}
END_TEST

START_TEST(hostile_a14__descriptors_out_of_order_in_the_table)
{
	uint8_t pattern[16];

	rig_start_way(_i);
	put_pattern(IN_GPA, pattern, 16);
	chain_put(0, IN_GPA, 4, NEXT, 7);
	chain_put(7, IN_GPA + 4, 12, NEXT, 3);
	chain_put(3, OUT_GPA, 1, NEXT | WRITE, 5);
	chain_put(5, OUT_GPA + 1, 15, WRITE, 0);
	chain_send(8);
	assert_served(0, 16);
	assert_copied(OUT_GPA, pattern, 16);
}
END_TEST

START_TEST(hostile_a14__buffer_that_is_read_and_written)
{
	rig_start_way(_i);
	send_pair(IN_GPA, 64, IN_GPA + 32, 64);
	assert_served(0, 64);
}
END_TEST

static void
add_ways(TCase *tc, const TTest *test, int n)
{
	tcase_add_loop_test(tc, test, 0, N_WAYS * n);
}

static void
add_addresses(TCase *tc)
{
	add_ways(tc, hostile_a6__wild_buffer_to_read, N_WILD);
	add_ways(tc, hostile_a6__wild_buffer_to_write, N_WILD);
	add_ways(tc, hostile_a6__wild_buffer_gets_the_devices_own_error,
		 N_WILD);
	add_ways(tc, hostile_a6__second_buffer_begins_where_the_first_wraps_to,
		 1);
	add_ways(
		tc,
		hostile_a6__buffer_up_to_the_end_of_the_address_space_is_served,
		1);
	add_ways(tc, hostile_a6__wrap_onto_ram_at_address_0, 1);
	add_ways(tc, hostile_a6__lengths_that_add_up_beyond_32_bits, 1);
	add_ways(tc, hostile_a6__lengths_that_wrap_twice, 1);
	add_ways(tc, hostile_a6__lengths_that_add_up_to_32_bits_are_served, 1);
	add_ways(tc, hostile_a7__buffer_to_read_that_ends_in_a_hole, N_CUT);
	add_ways(tc,
		 hostile_a7__buffer_to_write_that_ends_in_a_hole_is_not_begun,
		 N_CUT);
	add_ways(tc, hostile_a7__second_buffer_one_byte_beyond_its_region, 1);
	add_ways(tc, hostile_a7__second_buffer_one_byte_into_the_next_region,
		 1);
	add_ways(tc, hostile_a7__buffer_across_adjacent_regions_is_served, 1);
	add_ways(tc,
		 hostile_a7__buffer_across_regions_is_refused_once_one_has_gone,
		 1);
}

static void
add_places(TCase *tc)
{
	add_ways(tc, hostile_a8__buffer_in_a_bar, 3);
	add_ways(tc, hostile_a8__message_to_the_interrupt_controller, 1);
	add_ways(tc, hostile_a8__rom_is_not_written, 1);
	add_ways(tc, hostile_a8__rom_is_not_written_after_it_was_read, 1);
	add_ways(tc, hostile_a8__rom_is_no_place_for_a_status, 1);
	add_ways(tc, hostile_a8__rom_is_read, 1);
}

static void
add_directions(TCase *tc)
{
	add_ways(tc, hostile_a13__readable_after_writable, 1);
	add_ways(tc, hostile_a13__writable_first_gets_the_devices_own_error, 1);
	add_ways(tc,
		 hostile_a13__bad_chain_without_a_writable_end_is_not_written,
		 1);
	add_ways(tc, hostile_a13__nothing_to_write_to, 1);
	add_ways(tc, hostile_a13__nothing_to_read, 1);
	add_ways(tc, hostile_a14__message_in_pieces_of_one_byte, 1);
	add_ways(tc, hostile_a14__buffer_that_is_read_and_written, 1);
}

/* What only split rings have; the like of packed ones: test-ring-packed.c. */
static void
add_split(TCase *tc)
{
	add_ways(tc, hostile_a8__chain_that_overwrites_the_descriptor_table, 1);
	add_ways(tc, hostile_a8__chain_that_overwrites_the_used_ring, 1);
	add_ways(tc, hostile_a8__chain_that_overwrites_the_available_ring, 1);
	add_ways(tc, hostile_a8__chain_that_overwrites_another_queues_rings, 1);
	add_ways(tc, hostile_a8__used_ring_that_the_driver_scribbles_on, 1);
	add_ways(tc, hostile_a14__descriptors_out_of_order_in_the_table, 1);
}

int
main(void)
{
	Suite *s = suite_create("ring-buffers");

	for (int i = 0; i < RIG_KINDS; i++) {
		TCase *tc = rig_case(s, (enum rig_kind)i, 30);

		add_addresses(tc);
		add_places(tc);
		add_directions(tc);
		if (!(i & RIG_PACKED))
			add_split(tc);
	}
	return suite_run(s);
}
