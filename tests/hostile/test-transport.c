// SPDX-License-Identifier: BSD-3-Clause
/*
 * Registers used as no driver should use them: queues that do not exist,
 * impossible sizes and addresses, features and status out of order.
 */
#include <vbs/vm.h>

#include "hostile/rig.h"

#define SIZE PROBE_QSIZE

static uint64_t
common_get(enum drv_common_reg reg)
{
	uint64_t val = 0;

	ck_assert_int_eq(drv_common_read(&dut.vd, reg, &val), 0);
	return val;
}

static void
common_set(enum drv_common_reg reg, uint64_t val)
{
	ck_assert_int_eq(drv_common_write(&dut.vd, reg, val), 0);
}

static uint32_t
legacy_get(enum drv_legacy_reg reg)
{
	uint32_t val = 0;

	ck_assert_int_eq(drv_legacy_read(&dut.vd, reg, &val), 0);
	return val;
}

static void
legacy_set(enum drv_legacy_reg reg, uint32_t val)
{
	ck_assert_int_eq(drv_legacy_write(&dut.vd, reg, val), 0);
}

/* Up to where the queues are set up: features are decided. */
static void
begin(enum drv_face face, uint64_t features)
{
	drv_virtio_init(&dut.vd, &dut.pci, face);
	ck_assert_int_eq(drv_virtio_start(&dut.vd, features), 0);
}

/* ---- B1: queues and vectors that do not exist ---- */

static const uint16_t far_queues[] = { PROBE_QUEUES, 3, 0x7fff, 0x8000,
				       0xffff };

#define N_FAR ((int)(sizeof(far_queues) / sizeof(far_queues[0])))

START_TEST(hostile_b1__modern_queue_that_does_not_exist)
{
	rig_start(DRV_MODERN, DRV_BIT(DRV_F_RING_RESET));
	common_set(DRV_C_QUEUE_SELECT, far_queues[_i]);
	for (int round = 0; round < 2; round++) {
		ck_assert_uint_eq(common_get(DRV_C_QUEUE_SIZE), 0);
		ck_assert_uint_eq(common_get(DRV_C_QUEUE_VECTOR), 0xffff);
		ck_assert_uint_eq(common_get(DRV_C_QUEUE_ENABLE), 0);
		ck_assert_uint_eq(common_get(DRV_C_QUEUE_NOTIFY_OFF), 0);
		ck_assert_uint_eq(common_get(DRV_C_QUEUE_DESC), 0);
		ck_assert_uint_eq(common_get(DRV_C_QUEUE_DRIVER), 0);
		ck_assert_uint_eq(common_get(DRV_C_QUEUE_DEVICE), 0);
		ck_assert_uint_eq(common_get(DRV_C_QUEUE_RESET), 0);
		common_set(DRV_C_QUEUE_SIZE, SIZE);
		common_set(DRV_C_QUEUE_VECTOR, 1);
		common_set(DRV_C_QUEUE_DESC, LOW_GPA);
		common_set(DRV_C_QUEUE_DRIVER, LOW_GPA + 0x1000);
		common_set(DRV_C_QUEUE_DEVICE, LOW_GPA + 0x2000);
		common_set(DRV_C_QUEUE_RESET, 1);
		common_set(DRV_C_QUEUE_ENABLE, 1);
	}
	assert_serves(&dut.vqs[0]);
	assert_serves(&dut.vqs[1]);
}
END_TEST

START_TEST(hostile_b1__legacy_queue_that_does_not_exist)
{
	rig_start(DRV_LEGACY, 0);
	legacy_set(DRV_L_QUEUE_SELECT, far_queues[_i]);
	for (int round = 0; round < 2; round++) {
		ck_assert_uint_eq(legacy_get(DRV_L_QUEUE_SIZE), 0);
		ck_assert_uint_eq(legacy_get(DRV_L_QUEUE_PFN), 0);
		ck_assert_uint_eq(legacy_get(DRV_L_QUEUE_VECTOR), 0xffff);
		legacy_set(DRV_L_QUEUE_VECTOR, 1);
		legacy_set(DRV_L_QUEUE_PFN, LOW_GPA / DRV_PAGE);
		legacy_set(DRV_L_QUEUE_PFN, 0);
	}
	assert_serves(&dut.vqs[0]);
	assert_serves(&dut.vqs[1]);
}
END_TEST

/* Every kick but the right one: any place, any width, any value. */
START_TEST(hostile_b1__kick_of_anything_but_a_queue)
{
	uint64_t off = 0;
	int bar = 0;

	rig_start_way(_i);
	drv_split_raw_desc(&vq->ring, 0, IN_GPA, 1, 0, 0);
	drv_split_raw_offer(&vq->ring, 0);
	for (uint32_t val = PROBE_QUEUES; val <= 0xffff; val++)
		ck_assert_int_eq(drv_virtio_kick_raw(&dut.vd, 0, 2, val), 0);
	for (uint32_t size = 1; size <= 8; size *= 2) {
		uint32_t high = 0x10000;

		if (size != 2)
			ck_assert_int_eq(
				drv_virtio_kick_raw(&dut.vd, 0, size, 0), 0);
		ck_assert_int_eq(drv_virtio_kick_raw(&dut.vd, 0, 4, high), 0);
	}
	ck_assert_int_eq(drv_virtio_kick_place(&dut.vd, 0, &bar, &off), 0);
	for (uint64_t at = 1; at < 4096 && bar != 0; at++)
		ck_assert_int_eq(drv_bus_bar_write(bus, bar, off + at, 2, 0),
				 0);
	assert_quiet();
	ck_assert_int_eq(probe_count(&probe->n_chains), 0);
	ring_kick();
	ck_assert_uint_eq(used_take(vq).id, 0);
}
END_TEST

START_TEST(hostile_b1__vector_that_does_not_exist)
{
	const uint16_t bad[] = { PROBE_QUEUES + 1, 4, 2047, 2048, 0xfffe };
	uint16_t got = 0;

	rig_start_way(_i);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		ck_assert_int_eq(drv_queue_select(&dut.vd, 0), 0);
		ck_assert_int_eq(drv_queue_set_vector(&dut.vd, bad[i], &got),
				 0);
		ck_assert_uint_eq(got, 0xffff);
		ck_assert_int_eq(
			drv_virtio_set_config_vector(&dut.vd, bad[i], &got), 0);
		ck_assert_uint_eq(got, 0xffff);
	}
	assert_serves(vq);
	virtio_config_changed(&probe->common);
	ck_assert_uint_eq(drv_bus_irqs_total(bus), 0);
}
END_TEST

/* ---- B2: sizes ---- */

START_TEST(hostile_b2__size_that_is_not_taken)
{
	const uint16_t bad[] = { 0,        3,     5,     15,    17,   SIZE + 1,
				 2 * SIZE, 32767, 32768, 32769, 65535 };

	begin(DRV_MODERN, 0);
	ck_assert_int_eq(drv_queue_select(&dut.vd, 0), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		common_set(DRV_C_QUEUE_SIZE, bad[i]);
		ck_assert_uint_eq(common_get(DRV_C_QUEUE_SIZE), SIZE);
	}
	common_set(DRV_C_QUEUE_SIZE, 4);
	common_set(DRV_C_QUEUE_SIZE, SIZE + 1);
	ck_assert_uint_eq(common_get(DRV_C_QUEUE_SIZE), 4);
}
END_TEST

/* Between enable and reset the geometry stands still. */
START_TEST(hostile_b2__geometry_changed_while_enabled)
{
	uint64_t desc;

	rig_start(DRV_MODERN, 0);
	ck_assert_int_eq(drv_queue_select(&dut.vd, 0), 0);
	desc = common_get(DRV_C_QUEUE_DESC);
	for (int i = 0; i < 3; i++) {
		common_set(DRV_C_QUEUE_SIZE, 1);
		common_set(DRV_C_QUEUE_DESC, NOWHERE);
		common_set(DRV_C_QUEUE_DRIVER, NOWHERE);
		common_set(DRV_C_QUEUE_DEVICE, NOWHERE);
		common_set(DRV_C_QUEUE_ENABLE, (uint64_t)i);
		ck_assert_uint_eq(common_get(DRV_C_QUEUE_SIZE), SIZE);
		ck_assert_uint_eq(common_get(DRV_C_QUEUE_DESC), desc);
		ck_assert_uint_eq(common_get(DRV_C_QUEUE_ENABLE), 1);
		assert_serves(vq);
	}
}
END_TEST

START_TEST(hostile_b2__legacy_geometry_changed_while_enabled)
{
	uint32_t pfn;

	rig_start(DRV_LEGACY, 0);
	legacy_set(DRV_L_QUEUE_SELECT, 0);
	pfn = legacy_get(DRV_L_QUEUE_PFN);
	legacy_set(DRV_L_QUEUE_SIZE, 1);
	legacy_set(DRV_L_QUEUE_PFN, pfn + 1);
	legacy_set(DRV_L_QUEUE_PFN, 0xffffffff);
	ck_assert_uint_eq(legacy_get(DRV_L_QUEUE_SIZE), SIZE);
	ck_assert_uint_eq(legacy_get(DRV_L_QUEUE_PFN), pfn);
	assert_serves(vq);
}
END_TEST

/* ---- B3: ring addresses ---- */

#define DESC_AT  (LOW_GPA + 0x10000)
#define AVAIL_AT (LOW_GPA + 0x11000)
#define USED_AT  (LOW_GPA + 0x12000)

/* Bytes up to the event word, which is the last of each ring. */
#define AVAIL_CUT (4 + 2 * SIZE)
#define USED_CUT  (4 + 8 * SIZE)

static const struct layout {
	uint64_t desc;
	uint64_t avail;
	uint64_t used;
} bad_layouts[] = {
	{ 0, 0, 0 },
	{ DESC_AT, AVAIL_AT, 0 },
	{ 0, AVAIL_AT, USED_AT },
	{ DESC_AT, 0, USED_AT },
	/* not aligned */
	{ DESC_AT + 8, AVAIL_AT, USED_AT },
	{ DESC_AT + 1, AVAIL_AT, USED_AT },
	{ DESC_AT, AVAIL_AT + 1, USED_AT },
	{ DESC_AT, AVAIL_AT, USED_AT + 2 },
	{ DESC_AT, AVAIL_AT, USED_AT + 1 },
	/* not RAM, or not wholly */
	{ NOWHERE, AVAIL_AT, USED_AT },
	{ DESC_AT, NOWHERE, USED_AT },
	{ DESC_AT, AVAIL_AT, NOWHERE },
	{ NEXT_END - 16, AVAIL_AT, USED_AT },
	{ NEXT_GPA - 16, AVAIL_AT, USED_AT },
	{ DESC_AT, NEXT_END - 4, USED_AT },
	{ DESC_AT, NEXT_END - AVAIL_CUT, USED_AT },
	{ DESC_AT, AVAIL_AT, NEXT_END - 4 },
	{ DESC_AT, AVAIL_AT, NEXT_END - USED_CUT },
	{ FAR_GPA - 16, AVAIL_AT, USED_AT },
	{ UINT64_MAX - 15, AVAIL_AT, USED_AT },
	{ DESC_AT, UINT64_MAX - 1, USED_AT },
	{ DESC_AT, AVAIL_AT, UINT64_MAX - 3 },
	{ UINT64_C(0xfe000000), AVAIL_AT, USED_AT },
	{ DESC_AT, UINT64_C(0xfee00000), USED_AT },
	/* on top of each other */
	{ DESC_AT, DESC_AT, USED_AT },
	{ DESC_AT, AVAIL_AT, DESC_AT },
	{ DESC_AT, AVAIL_AT, AVAIL_AT },
	{ DESC_AT, DESC_AT + 16 * SIZE - 2, USED_AT },
	{ DESC_AT, AVAIL_AT, AVAIL_AT + 4 + 2 * SIZE },
	{ DESC_AT, AVAIL_AT, DESC_AT - 8 * SIZE - 4 },
};

#define N_LAYOUTS ((int)(sizeof(bad_layouts) / sizeof(bad_layouts[0])))

static void
enable_at(const struct layout *l)
{
	ck_assert_int_eq(drv_queue_select(&dut.vd, 0), 0);
	ck_assert_int_eq(
		drv_queue_set_areas(&dut.vd, l->desc, l->avail, l->used), 0);
	ck_assert_int_eq(drv_queue_set_enable(&dut.vd, 1), 0);
}

/* Attach queue 0 as it should be, and use it. */
static void
assert_attaches(void)
{
	vq = &dut.vqs[0];
	ck_assert_int_eq(drv_vq_open(vq, &dut.vd, &ram, 0, 0, DRV_NO_VECTOR),
			 0);
	dut.n_queues = 1;
	ck_assert_int_eq(drv_virtio_run(&dut.vd), 0);
	assert_serves(vq);
}

/* covers: A13, A8 */
START_TEST(hostile_b3__rings_where_no_rings_can_be)
{
	begin(DRV_MODERN, 0);
	enable_at(&bad_layouts[_i]);
	assert_not_enabled();
	assert_attaches();
}
END_TEST

START_TEST(hostile_b3__rings_in_rom)
{
	static uint8_t rom[0x3000];
	const uint64_t at = 0x800000;
	const struct vbs_ram r = {
		.gpa = at,
		.size = sizeof(rom),
		.hva = rom,
		.flags = VBS_RAM_READONLY,
	};

	ck_assert_int_eq(vbs_vm_add_ram(drv_inproc_vm(machine), &r), 0);
	begin(DRV_MODERN, 0);
	enable_at(&(struct layout){ DESC_AT, AVAIL_AT, at });
	assert_not_enabled();
	enable_at(&(struct layout){ at, at + 0x1000, at + 0x2000 });
	assert_not_enabled();
	assert_attaches();
}
END_TEST

START_TEST(hostile_b3__rings_up_to_the_very_end_of_ram_are_served)
{
	const uint64_t used = UINT64_MAX - USED_CUT - 1;
	const uint64_t avail = NEXT_END - AVAIL_CUT - 2;

	begin(DRV_MODERN, 0);
	enable_at(&(struct layout){ FAR_GPA + FAR_SIZE - 16 * SIZE, avail,
				    used & ~UINT64_C(3) });
	ck_assert_uint_eq(common_get(DRV_C_QUEUE_ENABLE), 1);
}
END_TEST

static const uint32_t bad_pfns[] = {
	1,
	0xff,
	0xffffffff,
	NEXT_END / DRV_PAGE,
	NEXT_END / DRV_PAGE - 1,
	NEXT_GPA / DRV_PAGE - 1,
	FAR_GPA / DRV_PAGE - 1,
	0xfe000,
	0xfee00,
};

#define N_PFNS ((int)(sizeof(bad_pfns) / sizeof(bad_pfns[0])))

START_TEST(hostile_b3__legacy_ring_where_no_ring_can_be)
{
	begin(DRV_LEGACY, 0);
	legacy_set(DRV_L_QUEUE_SELECT, 0);
	legacy_set(DRV_L_QUEUE_PFN, bad_pfns[_i]);
	if (bad_pfns[_i] == NEXT_GPA / DRV_PAGE - 1)
		legacy_set(DRV_L_QUEUE_PFN, 0); /* that one is fine */
	assert_not_enabled();
	assert_attaches();
}
END_TEST

START_TEST(hostile_b3__bad_rings_again_and_again_are_one_line_in_the_log)
{
	begin(DRV_MODERN, 0);
	for (int i = 0; i < 100; i++)
		enable_at(&bad_layouts[i % N_LAYOUTS]);
	ck_assert_int_eq(n_log_lines, 1);
	begin(DRV_LEGACY, 0);
	for (int i = 0; i < 100; i++) {
		legacy_set(DRV_L_QUEUE_PFN, 0xffffffff);
		legacy_set(DRV_L_QUEUE_PFN, 0);
	}
	ck_assert_int_eq(n_log_lines, 2);
}
END_TEST

/* ---- B4: kicks at the wrong time ---- */

START_TEST(hostile_b4__kick_before_the_queue_is_enabled)
{
	begin(_i ? DRV_LEGACY : DRV_MODERN, 0);
	for (uint16_t q = 0; q < PROBE_QUEUES; q++)
		ck_assert_int_eq(drv_virtio_kick(&dut.vd, q), 0);
	ck_assert_int_eq(drv_bus_run(bus), 0);
	assert_attaches();
}
END_TEST

START_TEST(hostile_b4__kick_before_anything)
{
	drv_virtio_init(&dut.vd, &dut.pci, _i ? DRV_LEGACY : DRV_MODERN);
	for (uint16_t q = 0; q < PROBE_QUEUES; q++)
		ck_assert_int_eq(drv_virtio_kick(&dut.vd, q), 0);
	ck_assert_int_eq(drv_bus_run(bus), 0);
	begin(_i ? DRV_LEGACY : DRV_MODERN, 0);
	assert_attaches();
}
END_TEST

static void
publish_one(void)
{
	drv_split_raw_desc(&vq->ring, 0, OUT_GPA, 1, DRV_DESC_WRITE, 0);
	drv_split_raw_offer(&vq->ring, 0);
	ring_kick();
}

START_TEST(hostile_b4__modern_kick_before_driver_ok_waits_for_it)
{
	begin(DRV_MODERN, 0);
	vq = &dut.vqs[0];
	ck_assert_int_eq(drv_vq_open(vq, &dut.vd, &ram, 0, 0, DRV_NO_VECTOR),
			 0);
	dut.n_queues = 1;
	publish_one();
	assert_quiet();
	ck_assert_int_eq(probe_count(&probe->n_chains), 0);
	ck_assert_int_eq(drv_virtio_run(&dut.vd), 0);
	ck_assert_uint_eq(used_take(vq).id, 0);
}
END_TEST

START_TEST(hostile_b4__legacy_kick_before_driver_ok_is_served)
{
	begin(DRV_LEGACY, 0);
	vq = &dut.vqs[0];
	ck_assert_int_eq(drv_vq_open(vq, &dut.vd, &ram, 0, 0, DRV_NO_VECTOR),
			 0);
	dut.n_queues = 1;
	publish_one();
	ck_assert_uint_eq(used_take(vq).id, 0);
}
END_TEST

START_TEST(hostile_b4__kick_after_reset)
{
	rig_start_way(_i);
	ck_assert_int_eq(drv_virtio_reset(&dut.vd), 0);
	publish_one();
	assert_quiet();
	ck_assert_int_eq(probe_count(&probe->n_chains), 0);
	rig_restart();
	assert_serves(vq);
}
END_TEST

START_TEST(hostile_b4__kick_of_a_queue_that_was_reset)
{
	rig_start(DRV_MODERN, DRV_BIT(DRV_F_RING_RESET));
	ck_assert_int_eq(drv_queue_reset(&dut.vd, 0), 0);
	publish_one();
	assert_quiet();
	ck_assert_int_eq(probe_count(&probe->n_chains), 0);
	assert_serves(&dut.vqs[1]);
	drv_vq_close(vq);
	ck_assert_int_eq(drv_vq_open(vq, &dut.vd, &ram, 0, 4, 1), 0);
	assert_serves(vq);
}
END_TEST

START_TEST(hostile_b4__legacy_queue_that_was_taken_away)
{
	rig_start(DRV_LEGACY, 0);
	legacy_set(DRV_L_QUEUE_SELECT, 0);
	legacy_set(DRV_L_QUEUE_PFN, 0);
	publish_one();
	assert_quiet();
	ck_assert_int_eq(probe_count(&probe->n_chains), 0);
	assert_serves(&dut.vqs[1]);
}
END_TEST

/* ---- B6: features ---- */

static const uint64_t bad_features[] = {
	DRV_BIT(DRV_F_VERSION_1) | DRV_BIT(2),
	DRV_BIT(DRV_F_VERSION_1) | DRV_BIT(23),
	DRV_BIT(DRV_F_VERSION_1) | DRV_BIT(DRV_F_NOTIFY_ON_EMPTY),
	DRV_BIT(DRV_F_VERSION_1) | DRV_BIT(DRV_F_ANY_LAYOUT),
	DRV_BIT(DRV_F_VERSION_1) | DRV_BIT(30),
	DRV_BIT(DRV_F_VERSION_1) | DRV_BIT(35),
	DRV_BIT(DRV_F_VERSION_1) | DRV_BIT(63),
	DRV_BIT(DRV_F_VERSION_1) | DRV_BIT(PROBE_F_A) | DRV_BIT(PROBE_F_B),
	DRV_BIT(PROBE_F_A),
	0,
	UINT64_MAX,
};

#define N_FEATURES ((int)(sizeof(bad_features) / sizeof(bad_features[0])))

/* FEATURES_OK must not be set; with it, nothing that depends on it. */
static void
assert_features_refused(void)
{
	ck_assert_int_eq(drv_virtio_add_status(&dut.vd, DRV_S_FEATURES_OK), 0);
	ck_assert_uint_eq(rig_status(), DRV_S_ACKNOWLEDGE | DRV_S_DRIVER);
	ck_assert_uint_eq(probe->applied, 0);
	enable_at(&(struct layout){ DESC_AT, AVAIL_AT, USED_AT });
	assert_not_enabled();
	ck_assert_int_eq(drv_virtio_add_status(&dut.vd, DRV_S_DRIVER_OK), 0);
	ck_assert_uint_eq(rig_status() & DRV_S_DRIVER_OK, 0);
}

static void
acknowledge(enum drv_face face)
{
	drv_virtio_init(&dut.vd, &dut.pci, face);
	ck_assert_int_eq(drv_virtio_reset(&dut.vd), 0);
	ck_assert_int_eq(drv_virtio_add_status(&dut.vd, DRV_S_ACKNOWLEDGE |
								DRV_S_DRIVER),
			 0);
}

START_TEST(hostile_b6__features_that_are_refused)
{
	acknowledge(DRV_MODERN);
	ck_assert_int_eq(drv_virtio_accept(&dut.vd, bad_features[_i]), 0);
	assert_features_refused();
	begin(DRV_MODERN, 0);
	assert_attaches();
}
END_TEST

START_TEST(hostile_b6__features_in_words_that_do_not_exist)
{
	acknowledge(DRV_MODERN);
	ck_assert_int_eq(drv_virtio_accept(&dut.vd, DRV_BIT(DRV_F_VERSION_1)),
			 0);
	common_set(DRV_C_DRIVER_FEATURE_SELECT, (uint64_t)_i);
	common_set(DRV_C_DRIVER_FEATURE, 1);
	assert_features_refused();
	for (uint64_t i = 2; i < 10; i++) {
		common_set(DRV_C_DEVICE_FEATURE_SELECT, i * 0x11111111);
		ck_assert_uint_eq(common_get(DRV_C_DEVICE_FEATURE), 0);
	}
}
END_TEST

START_TEST(hostile_b6__features_written_too_late)
{
	uint64_t had;

	rig_start(DRV_MODERN, DRV_BIT(PROBE_F_A));
	had = probe->applied;
	ck_assert_uint_ne(had & DRV_BIT(PROBE_F_A), 0);
	ck_assert_int_eq(drv_virtio_accept(&dut.vd, UINT64_MAX), 0);
	ck_assert_int_eq(drv_virtio_add_status(&dut.vd, DRV_S_FEATURES_OK), 0);
	ck_assert_uint_eq(probe->applied, had);
	ck_assert_uint_eq(probe->common.negotiated_caps, had);
	assert_serves(vq);
}
END_TEST

START_TEST(hostile_b6__legacy_features_that_were_not_offered)
{
	uint64_t offered = 0;

	acknowledge(DRV_LEGACY);
	ck_assert_int_eq(drv_virtio_offered(&dut.vd, &offered), 0);
	ck_assert_int_eq(drv_virtio_accept(&dut.vd, UINT32_MAX), 0);
	ck_assert_uint_eq(probe->applied & ~offered, 0);
}
END_TEST

START_TEST(hostile_b6__legacy_features_written_after_driver_ok)
{
	uint64_t had;

	rig_start(DRV_LEGACY, DRV_BIT(PROBE_F_A));
	had = probe->applied;
	ck_assert_int_eq(drv_virtio_accept(&dut.vd, DRV_BIT(PROBE_F_B)), 0);
	ck_assert_uint_eq(probe->applied, had);
	assert_serves(vq);
}
END_TEST

/* The queues run without DRIVER_OK, as legacy drivers may have it (3.1.2). */
START_TEST(hostile_b6__legacy_features_written_while_queues_run)
{
	uint64_t had;

	begin(DRV_LEGACY, DRV_BIT(PROBE_F_A));
	vq = &dut.vqs[0];
	ck_assert_int_eq(drv_vq_open(vq, &dut.vd, &ram, 0, 0, DRV_NO_VECTOR),
			 0);
	dut.n_queues = 1;
	publish_one();
	ck_assert_uint_eq(used_take(vq).id, 0);
	had = probe->applied;
	ck_assert_int_eq(drv_virtio_accept(&dut.vd, DRV_BIT(PROBE_F_B)), 0);
	ck_assert_uint_eq(probe->applied, had);
}
END_TEST

/* ---- B7: status ---- */

START_TEST(hostile_b7__status_bits_taken_back)
{
	uint8_t before;

	rig_start_way(_i);
	before = rig_status();
	for (int bit = 0; bit < 8; bit++) {
		uint8_t val = (uint8_t)(before & ~(1 << bit));

		ck_assert_int_eq(drv_virtio_set_status(&dut.vd, val), 0);
		ck_assert_uint_eq(rig_status(), before);
	}
	assert_serves(vq);
}
END_TEST

START_TEST(hostile_b7__bits_that_are_not_the_drivers)
{
	uint8_t before;

	rig_start_way(_i);
	before = rig_status();
	ck_assert_int_eq(drv_virtio_set_status(&dut.vd, before | 0x70), 0);
	ck_assert_uint_eq(rig_status(), before);
	assert_serves(vq);
}
END_TEST

START_TEST(hostile_b7__driver_ok_without_features_ok)
{
	acknowledge(DRV_MODERN);
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(
			drv_virtio_add_status(&dut.vd, DRV_S_DRIVER_OK), 0);
		ck_assert_uint_eq(rig_status(),
				  DRV_S_ACKNOWLEDGE | DRV_S_DRIVER);
	}
	begin(DRV_MODERN, 0);
	assert_attaches();
}
END_TEST

START_TEST(hostile_b7__driver_ok_without_queues_and_twice)
{
	begin(_i ? DRV_LEGACY : DRV_MODERN, 0);
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(drv_virtio_run(&dut.vd), 0);
		ck_assert_int_eq(drv_virtio_kick(&dut.vd, 0), 0);
		ck_assert_int_eq(drv_bus_run(bus), 0);
	}
	ck_assert_uint_ne(rig_status() & DRV_S_DRIVER_OK, 0);
	begin(_i ? DRV_LEGACY : DRV_MODERN, 0);
	assert_attaches();
}
END_TEST

START_TEST(hostile_b7__failed_and_then_reset)
{
	rig_start_way(_i);
	ck_assert_int_eq(drv_virtio_add_status(&dut.vd, DRV_S_FAILED), 0);
	ck_assert_uint_ne(rig_status() & DRV_S_FAILED, 0);
	rig_restart();
	assert_serves(vq);
}
END_TEST

/* From each of four states, each value; then the device must come up. */
START_TEST(hostile_b7__every_status_in_every_state)
{
	for (int val = 0; val <= 0xff; val++) {
		for (int state = 0; state < 4; state++) {
			drv_virtio_init(&dut.vd, &dut.pci,
					_i ? DRV_LEGACY : DRV_MODERN);
			ck_assert_int_eq(drv_virtio_reset(&dut.vd), 0);
			if (state == 1)
				acknowledge(dut.vd.face);
			if (state > 1)
				begin(dut.vd.face, 0);
			if (state == 3)
				ck_assert_int_eq(drv_virtio_run(&dut.vd), 0);
			ck_assert_int_eq(
				drv_virtio_set_status(&dut.vd, (uint8_t)val),
				0);
			ck_assert_uint_eq(rig_status() & 0x70, 0);
		}
	}
	rig_start(_i ? DRV_LEGACY : DRV_MODERN, 0);
	assert_serves(vq);
}
END_TEST

START_TEST(hostile_b7__enable_with_a_value_that_is_not_1)
{
	const uint16_t bad[] = { 0, 2, 3, 0x8000, 0xffff };

	begin(DRV_MODERN, 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		ck_assert_int_eq(drv_queue_select(&dut.vd, 0), 0);
		ck_assert_int_eq(drv_queue_set_areas(&dut.vd, DESC_AT, AVAIL_AT,
						     USED_AT),
				 0);
		ck_assert_int_eq(drv_queue_set_enable(&dut.vd, bad[i]), 0);
		assert_not_enabled();
	}
	assert_attaches();
}
END_TEST

START_TEST(hostile_b7__other_face_in_mid_run)
{
	struct drv_virtio other;
	uint8_t before;

	rig_start_way(_i);
	before = rig_status();
	drv_virtio_init(&other, &dut.pci, _i ? DRV_MODERN : DRV_LEGACY);
	ck_assert_int_eq(drv_virtio_set_status(&other, 0x8f), 0);
	ck_assert_uint_eq(rig_status(), before);
	ck_assert_int_eq(drv_virtio_accept(&other, 0), 0);
	ck_assert_int_eq(drv_queue_select(&other, 0), 0);
	if (_i)
		ck_assert_int_eq(drv_queue_set_areas(&other, NOWHERE, 0, 0), 0);
	else
		ck_assert_int_eq(drv_queue_set_pfn(&other, 0), 0);
	assert_serves(vq);
}
END_TEST

static void
plug(void)
{
	rig_setup();
	rig_plug(NULL);
}

static void
add_queues(TCase *tc)
{
	tcase_add_loop_test(tc, hostile_b1__modern_queue_that_does_not_exist, 0,
			    N_FAR);
	tcase_add_loop_test(tc, hostile_b1__legacy_queue_that_does_not_exist, 0,
			    N_FAR);
	tcase_add_loop_test(tc, hostile_b1__kick_of_anything_but_a_queue, 0,
			    N_FACES);
	tcase_add_loop_test(tc, hostile_b1__vector_that_does_not_exist, 0,
			    N_FACES);
	tcase_add_test(tc, hostile_b2__size_that_is_not_taken);
	tcase_add_test(tc, hostile_b2__geometry_changed_while_enabled);
	tcase_add_test(tc, hostile_b2__legacy_geometry_changed_while_enabled);
	tcase_add_loop_test(tc, hostile_b3__rings_where_no_rings_can_be, 0,
			    N_LAYOUTS);
	tcase_add_test(tc, hostile_b3__rings_in_rom);
	tcase_add_test(tc,
		       hostile_b3__rings_up_to_the_very_end_of_ram_are_served);
	tcase_add_loop_test(tc, hostile_b3__legacy_ring_where_no_ring_can_be, 0,
			    N_PFNS);
	tcase_add_test(
		tc,
		hostile_b3__bad_rings_again_and_again_are_one_line_in_the_log);
}

static void
add_kicks(TCase *tc)
{
	tcase_add_loop_test(tc, hostile_b4__kick_before_the_queue_is_enabled, 0,
			    N_FACES);
	tcase_add_loop_test(tc, hostile_b4__kick_before_anything, 0, N_FACES);
	tcase_add_test(tc,
		       hostile_b4__modern_kick_before_driver_ok_waits_for_it);
	tcase_add_test(tc, hostile_b4__legacy_kick_before_driver_ok_is_served);
	tcase_add_loop_test(tc, hostile_b4__kick_after_reset, 0, N_FACES);
	tcase_add_test(tc, hostile_b4__kick_of_a_queue_that_was_reset);
	tcase_add_test(tc, hostile_b4__legacy_queue_that_was_taken_away);
}

static void
add_states(TCase *tc)
{
	tcase_add_loop_test(tc, hostile_b6__features_that_are_refused, 0,
			    N_FEATURES);
	tcase_add_loop_test(tc, hostile_b6__features_in_words_that_do_not_exist,
			    2, 4);
	tcase_add_test(tc, hostile_b6__features_written_too_late);
	tcase_add_test(tc, hostile_b6__legacy_features_that_were_not_offered);
	tcase_add_test(tc, hostile_b6__legacy_features_written_after_driver_ok);
	tcase_add_test(tc,
		       hostile_b6__legacy_features_written_while_queues_run);
	tcase_add_loop_test(tc, hostile_b7__status_bits_taken_back, 0, N_FACES);
	tcase_add_loop_test(tc, hostile_b7__bits_that_are_not_the_drivers, 0,
			    N_FACES);
	tcase_add_test(tc, hostile_b7__driver_ok_without_features_ok);
	tcase_add_loop_test(tc, hostile_b7__driver_ok_without_queues_and_twice,
			    0, N_FACES);
	tcase_add_loop_test(tc, hostile_b7__failed_and_then_reset, 0, N_FACES);
	tcase_add_loop_test(tc, hostile_b7__every_status_in_every_state, 0,
			    N_FACES);
	tcase_add_test(tc, hostile_b7__enable_with_a_value_that_is_not_1);
	tcase_add_loop_test(tc, hostile_b7__other_face_in_mid_run, 0, N_FACES);
}

int
main(void)
{
	Suite *s = suite_create("transport");
	TCase *tc = tcase_create("registers");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, plug, rig_teardown);
	add_queues(tc);
	add_kicks(tc);
	add_states(tc);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
