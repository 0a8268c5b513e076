// SPDX-License-Identifier: BSD-3-Clause
/* Status, features, reset, configuration, queue reset (virtio 1.4, 2 and 3). */
#include <check.h>
#include <errno.h>

#include "device/loop-fixture.h"

#define TYPE_BITS (DRV_BIT(LOOP_F_BASE) | DRV_BIT(LOOP_F_EXTRA))
#define MODERN_BITS                                                            \
	(DRV_BIT(DRV_F_INDIRECT_DESC) | DRV_BIT(DRV_F_EVENT_IDX) |             \
	 DRV_BIT(DRV_F_VERSION_1) | DRV_BIT(DRV_F_RING_PACKED) |               \
	 DRV_BIT(DRV_F_RING_RESET))
#define LEGACY_BITS                                                            \
	(DRV_BIT(DRV_F_NOTIFY_ON_EMPTY) | DRV_BIT(DRV_F_ANY_LAYOUT) |          \
	 DRV_BIT(DRV_F_INDIRECT_DESC) | DRV_BIT(DRV_F_EVENT_IDX))

/* A driver that has reset the device and said ACKNOWLEDGE and DRIVER. */
static void
begin(enum drv_face face)
{
	drv_virtio_init(&dut.vd, &dut.pci, face);
	ck_assert_int_eq(drv_virtio_reset(&dut.vd), 0);
	ck_assert_int_eq(drv_virtio_add_status(&dut.vd, DRV_S_ACKNOWLEDGE), 0);
	ck_assert_int_eq(drv_virtio_add_status(&dut.vd, DRV_S_DRIVER), 0);
}

/* Write features and FEATURES_OK: has the device taken it? */
static bool
accepts(uint64_t features)
{
	begin(DRV_MODERN);
	ck_assert_int_eq(drv_virtio_accept(&dut.vd, features), 0);
	ck_assert_int_eq(drv_virtio_add_status(&dut.vd, DRV_S_FEATURES_OK), 0);
	return status() & DRV_S_FEATURES_OK;
}

static uint64_t
offered(enum drv_face face)
{
	uint64_t bits = 0;

	begin(face);
	ck_assert_int_eq(drv_virtio_offered(&dut.vd, &bits), 0);
	return bits;
}

/* Publish one writable byte on queue 0 and kick, wanted or not. */
static void
post_and_kick(void)
{
	struct drv_seg seg = { RAM_GPA + RAM_SIZE - 64, 1, true };
	struct drv_vq *vq = &dut.vqs[0];

	ck_assert_int_ge(drv_split_add(&vq->ring, &seg, 1, NULL), 0);
	drv_split_publish(&vq->ring);
	ck_assert_int_eq(drv_vq_kick(vq), 0);
	ck_assert_int_eq(drv_bus_run(bus), 0);
}

static uint16_t
used_idx(void)
{
	return drv_split_raw_get_used_idx(&dut.vqs[0].ring);
}

/* ---- 2.1 device status ---- */

START_TEST(spec_status_field__nothing_is_used_before_driver_ok)
{
	begin(DRV_MODERN);
	ck_assert_int_eq(drv_pci_msix_start(&dut.pci), 0);
	ck_assert_int_eq(
		drv_virtio_negotiate(&dut.vd, DRV_BIT(DRV_F_VERSION_1)), 0);
	ck_assert_int_eq(drv_vq_open(&dut.vqs[0], &dut.vd, &ram, 0, 0, 1), 0);
	dut.n_queues = 1;
	post_and_kick();
	ck_assert_int_eq(loop->n_chains, 0);
	ck_assert_uint_eq(used_idx(), 0);
	ck_assert_uint_eq(drv_bus_irqs_total(bus), 0);
	ck_assert_int_eq(drv_virtio_run(&dut.vd), 0);
	ck_assert_int_eq(drv_bus_run(bus), 0);
	ck_assert_uint_eq(used_idx(), 1);
	ck_assert_uint_eq(drv_vq_irqs(&dut.vqs[0]), 1);
}
END_TEST

START_TEST(spec_status_field__error_sets_needs_reset_and_notifies)
{
	start(faces[_i / 3], kinds[_i % 3], 0);
	drv_split_raw_offer(&dut.vqs[0].ring, LOOP_QSIZE);
	ck_assert_int_eq(drv_vq_kick(&dut.vqs[0]), 0);
	ck_assert_int_eq(drv_bus_run(bus), 0);
	ck_assert(status() & DRV_S_NEEDS_RESET);
	ck_assert(status() & DRV_S_DRIVER_OK);
	ck_assert_uint_eq(drv_device_config_irqs(&dut), 1);
}
END_TEST

START_TEST(spec_status_field__error_before_driver_ok_is_not_notified)
{
	begin(DRV_MODERN);
	vbs_virtio_needs_reset(&loop->common, "a test");
	ck_assert(status() & DRV_S_NEEDS_RESET);
	ck_assert_uint_eq(drv_bus_irqs_total(bus), 0);
	ck_assert_int_eq(drv_virtio_reset(&dut.vd), 0);
	ck_assert_uint_eq(status(), 0);
}
END_TEST

/* ---- 2.2 feature bits ---- */

START_TEST(spec_feature_bits__offers_what_it_supports_and_no_more)
{
	ck_assert_uint_eq(offered(DRV_MODERN), TYPE_BITS | MODERN_BITS);
	ck_assert_uint_eq(offered(DRV_LEGACY), TYPE_BITS | LEGACY_BITS);
}
END_TEST

/* A device that claims everything: the library knows what it can carry. */
START_TEST(spec_feature_bits__reserved_bits_of_a_device_are_not_offered)
{
	uint64_t own = (DRV_BIT(24) - 1) | ~(DRV_BIT(50) - 1);

	loop->common.device_caps = UINT64_MAX;
	ck_assert_uint_eq(offered(DRV_MODERN), own | MODERN_BITS);
	ck_assert_uint_eq(offered(DRV_LEGACY), (uint32_t)own | LEGACY_BITS);
}
END_TEST

/* Every combination of what is offered, save the one that makes no sense. */
START_TEST(spec_feature_bits__every_valid_subset_is_accepted)
{
	static const int bits[] = { LOOP_F_BASE,         LOOP_F_EXTRA,
				    DRV_F_INDIRECT_DESC, DRV_F_EVENT_IDX,
				    DRV_F_RING_RESET,    DRV_F_RING_PACKED };

	for (unsigned int set = 0; set < 64; set++) {
		uint64_t features = DRV_BIT(DRV_F_VERSION_1);
		bool valid = (set & 3) != 2; /* EXTRA needs BASE */

		for (int i = 0; i < 6; i++)
			if (set >> i & 1)
				features |= DRV_BIT(bits[i]);
		ck_assert_int_eq(accepts(features), valid);
		if (valid)
			ck_assert_uint_eq(loop->common.negotiated_caps,
					  features);
	}
}
END_TEST

START_TEST(spec_feature_bits__bits_that_were_not_offered_are_refused)
{
	static const int bits[] = { 2,  23, 24, 27, 30, 33, 35, 36,
				    37, 38, 39, 41, 43, 49, 50, 63 };

	for (size_t i = 0; i < sizeof(bits) / sizeof(bits[0]); i++)
		ck_assert_msg(
			!accepts(DRV_BIT(DRV_F_VERSION_1) | DRV_BIT(bits[i])),
			"bit %d", bits[i]);
	ck_assert(accepts(DRV_BIT(DRV_F_VERSION_1)));
}
END_TEST

START_TEST(spec_feature_bits__bits_beyond_63_are_refused)
{
	for (uint32_t word = 2; word < 4; word++) {
		begin(DRV_MODERN);
		ck_assert_int_eq(
			drv_virtio_accept(&dut.vd, DRV_BIT(DRV_F_VERSION_1)),
			0);
		ck_assert_int_eq(drv_common_write(&dut.vd,
						  DRV_C_DRIVER_FEATURE_SELECT,
						  word),
				 0);
		ck_assert_int_eq(
			drv_common_write(&dut.vd, DRV_C_DRIVER_FEATURE, 1), 0);
		ck_assert_int_eq(
			drv_virtio_add_status(&dut.vd, DRV_S_FEATURES_OK), 0);
		ck_assert(!(status() & DRV_S_FEATURES_OK));
	}
}
END_TEST

START_TEST(spec_feature_bits__refused_features_do_not_make_it_live)
{
	ck_assert(!accepts(DRV_BIT(DRV_F_VERSION_1) | DRV_BIT(LOOP_F_EXTRA)));
	ck_assert_int_eq(drv_virtio_add_status(&dut.vd, DRV_S_DRIVER_OK), 0);
	ck_assert(!(status() & DRV_S_DRIVER_OK));
	ck_assert_uint_eq(loop->common.negotiated_caps, 0);
}
END_TEST

START_TEST(spec_feature_bits__the_same_set_is_accepted_after_resets)
{
	uint64_t all = TYPE_BITS | MODERN_BITS;

	for (int i = 0; i < 10; i++)
		ck_assert(accepts(all));
	ck_assert_int_eq(drv_bus_reset(bus), 0);
	ck_assert_int_eq(drv_pci_assign(&dut.pci), 0);
	ck_assert(accepts(all));
	ck_assert(accepts(DRV_BIT(DRV_F_VERSION_1)));
	ck_assert(accepts(all));
}
END_TEST

START_TEST(spec_legacy_feature_bits__without_version_1_legacy_rules)
{
	start(DRV_LEGACY, DRV_IRQ_INTX, TYPE_BITS | LEGACY_BITS);
	ck_assert(!(status() & DRV_S_FEATURES_OK));
	ck_assert_uint_eq(loop->common.negotiated_caps >> 32, 0);
	echo(0, 100);
	/* And there is no third way: the modern registers without the bit. */
	ck_assert_int_eq(drv_device_stop(&dut), 0);
	ck_assert(!accepts(TYPE_BITS));
}
END_TEST

/* ---- 2.4 reset ---- */

START_TEST(spec_reset__status_reads_0)
{
	start(faces[_i / 3], kinds[_i % 3], 0);
	ck_assert_uint_ne(status(), 0);
	ck_assert_int_eq(drv_virtio_set_status(&dut.vd, 0), 0);
	ck_assert_uint_eq(status(), 0);
	ck_assert_int_eq(loop->n_resets, 2);
}
END_TEST

START_TEST(spec_reset__then_queues_and_notifications_rest)
{
	uint64_t irqs;

	start(faces[_i / 3], kinds[_i % 3], 0);
	echo(0, 10);
	irqs = drv_bus_irqs_total(bus);
	ck_assert_int_eq(drv_virtio_reset(&dut.vd), 0);
	if (faces[_i / 3] != DRV_LEGACY) /* there, a kick is the first use */
		post_and_kick();
	loop_change_config(loop, 0, 1);
	ck_assert_int_eq(drv_bus_run(bus), 0);
	ck_assert_int_eq(loop->n_chains, 1);
	ck_assert_uint_eq(used_idx(), 1);
	ck_assert_uint_eq(drv_bus_irqs_total(bus), irqs);
	ck_assert_int_ne(bus->intx_level, 1);
}
END_TEST

START_TEST(spec_reset__requests_in_flight_do_not_come_back_later)
{
	uint16_t before;

	start(faces[_i], DRV_IRQ_MSIX, 0);
	loop->hold = true;
	post(0, 5);
	ck_assert_int_eq(loop->n_held[0], 5);
	ck_assert_int_eq(drv_virtio_reset(&dut.vd), 0);
	before = used_idx();
	loop_release(loop, 0);
	ck_assert_int_eq(drv_bus_run(bus), 0);
	ck_assert_uint_eq(used_idx(), before);
}
END_TEST

/* ---- 2.5 device configuration ---- */

/* On the same memory, whatever the one before has left in it. */
START_TEST(spec_reset__kind_of_ring_is_agreed_on_anew)
{
	static const uint64_t kinds_of_rings[] = {
		0,
		DRV_BIT(DRV_F_RING_PACKED),
		DRV_BIT(DRV_F_IN_ORDER),
		DRV_BIT(DRV_F_RING_PACKED) | DRV_BIT(DRV_F_IN_ORDER),
	};
	uint64_t desc_gpa = 0;

	ck_assert_int_eq(
		vbs_virtio_offer(drv_inproc_dev(bus), DRV_F_IN_ORDER, true), 0);
	for (int i = 0; i < 32; i++) {
		/* Each kind after each other one. */
		ring_feature = kinds_of_rings[(i + i / 4 + i / 8) % 4];
		start(i & 1 ? DRV_WINDOW : DRV_MODERN, DRV_IRQ_MSIX, 0);
		if (i > 0)
			ck_assert_uint_eq(drv_vq_areas(&dut.vqs[0]).desc_gpa,
					  desc_gpa);
		desc_gpa = drv_vq_areas(&dut.vqs[0]).desc_gpa;
		for (uint32_t k = 1; k < 5 + (uint32_t)i; k++)
			echo(0, k);
		loop->hold = true;
		post(0, 3);
		loop->hold = false;
		ck_assert_int_eq(drv_device_stop(&dut), 0);
		ck_assert_int_eq(loop->n_held[0], 0);
	}
}
END_TEST

START_TEST(spec_config_read_early__readable_from_the_first_moment)
{
	uint8_t buf[LOOP_CONFIG];

	drv_virtio_init(&dut.vd, &dut.pci, faces[_i]);
	ck_assert_int_eq(drv_virtio_config_read(&dut.vd, 0, buf, sizeof(buf)),
			 0);
	ck_assert_mem_eq(buf, loop->config, sizeof(buf));
	begin(faces[_i]);
	loop->config[11] = 0x33;
	ck_assert_int_eq(drv_virtio_config_read(&dut.vd, 0, buf, sizeof(buf)),
			 0);
	ck_assert_mem_eq(buf, loop->config, sizeof(buf));
}
END_TEST

START_TEST(spec_legacy_config_atomic__a_change_shows_in_the_next_read)
{
	uint32_t first = 0, second = 0;

	start(DRV_LEGACY, DRV_IRQ_INTX, 0);
	ck_assert_int_eq(drv_virtio_config_read(&dut.vd, 4, &first, 4), 0);
	loop_change_config(loop, 4, 0x5a);
	ck_assert_int_eq(drv_virtio_config_read(&dut.vd, 4, &second, 4), 0);
	ck_assert_uint_ne(first, second);
	ck_assert_int_eq(drv_virtio_config_read(&dut.vd, 4, &first, 4), 0);
	ck_assert_uint_eq(first, second);
}
END_TEST

/* ---- 2.6.1 queue reset ---- */

#define RESETTABLE DRV_BIT(DRV_F_RING_RESET)

START_TEST(spec_vq_reset__no_request_and_no_notification_follows)
{
	uint64_t irqs;

	start_modern(RESETTABLE);
	echo(0, 10);
	irqs = drv_bus_irqs_total(bus);
	ck_assert_int_eq(drv_queue_reset(&dut.vd, 0), 0);
	post_and_kick();
	ck_assert_int_eq(loop->n_chains, 1);
	ck_assert_uint_eq(used_idx(), 1);
	ck_assert_uint_eq(drv_bus_irqs_total(bus), irqs);
	echo(1, 10); /* the others go on */
}
END_TEST

START_TEST(spec_vq_reset__requests_in_flight_are_over)
{
	uint16_t before;
	uint64_t irqs;

	start_modern(RESETTABLE);
	loop->hold = true;
	post(0, 5);
	ck_assert_int_eq(drv_queue_reset(&dut.vd, 0), 0);
	before = used_idx();
	irqs = drv_bus_irqs_total(bus);
	loop_release(loop, 0);
	ck_assert_int_eq(drv_bus_run(bus), 0);
	ck_assert_uint_eq(used_idx(), before);
	ck_assert_uint_eq(drv_bus_irqs_total(bus), irqs);
}
END_TEST

START_TEST(spec_vq_reset__state_is_the_default_again)
{
	uint16_t size = 0, got = 0;

	start_modern(RESETTABLE);
	ck_assert_int_eq(drv_queue_reset(&dut.vd, 0), 0);
	ck_assert_int_eq(drv_queue_select(&dut.vd, 0), 0);
	ck_assert_int_eq(drv_queue_size(&dut.vd, &size), 0);
	ck_assert_uint_eq(size, LOOP_QSIZE);
	ck_assert_uint_eq(common_get(DRV_C_QUEUE_ENABLE), 0);
	ck_assert_uint_eq(common_get(DRV_C_QUEUE_RESET), 0);
	ck_assert_uint_eq(common_get(DRV_C_QUEUE_VECTOR), DRV_NO_VECTOR);
	ck_assert_uint_eq(common_get(DRV_C_QUEUE_DESC), 0);
	ck_assert_uint_eq(common_get(DRV_C_QUEUE_DRIVER), 0);
	ck_assert_uint_eq(common_get(DRV_C_QUEUE_DEVICE), 0);
	/* The rest of the device is as it was. */
	ck_assert(status() & DRV_S_DRIVER_OK);
	ck_assert_int_eq(drv_queue_select(&dut.vd, 1), 0);
	ck_assert_uint_eq(common_get(DRV_C_QUEUE_ENABLE), 1);
	ck_assert_int_eq(drv_virtio_set_config_vector(&dut.vd, 0, &got), 0);
}
END_TEST

START_TEST(spec_vq_reset__indices_start_at_0_again)
{
	start_modern(RESETTABLE);
	for (int i = 0; i < 3; i++)
		echo(0, 10);
	ck_assert_int_eq(drv_queue_reset(&dut.vd, 0), 0);
	drv_split_reset(&dut.vqs[0].ring);
	ck_assert_int_eq(drv_queue_attach(&dut.vd, 0, &dut.vqs[0].ring, 1), 0);
	echo(0, 20);
	ck_assert_uint_eq(used_idx(), 1);
}
END_TEST

START_TEST(spec_vq_reset_re_enable__other_size_place_and_vector)
{
	static const uint16_t sizes[] = { 8, 2, 64, 32 };
	uint64_t irqs;

	start_modern(RESETTABLE);
	for (uint16_t i = 0; i < 4; i++) {
		struct drv_vq *vq = &dut.vqs[0];

		echo(0, 30);
		ck_assert_int_eq(drv_queue_reset(&dut.vd, 0), 0);
		drv_vq_close(vq);
		ck_assert_int_eq(drv_vq_open(vq, &dut.vd, &ram, 0, sizes[i], i),
				 0);
		ck_assert_uint_eq(common_get(DRV_C_QUEUE_SIZE), sizes[i]);
		irqs = drv_bus_irqs(bus, DRV_IRQ_MSIX, i);
		echo(0, 31);
		ck_assert_uint_eq(drv_bus_irqs(bus, DRV_IRQ_MSIX, i), irqs + 1);
	}
}
END_TEST

START_TEST(spec_vq_reset_re_enable__after_requests_in_flight)
{
	start_modern(RESETTABLE);
	loop->hold = true;
	post(0, 5);
	ck_assert_int_eq(drv_queue_reset(&dut.vd, 0), 0);
	loop->hold = false;
	drv_vq_close(&dut.vqs[0]);
	ck_assert_int_eq(drv_vq_open(&dut.vqs[0], &dut.vd, &ram, 0, 16, 1), 0);
	for (int i = 0; i < 40; i++)
		echo(0, 10);
	ck_assert_uint_eq(used_idx(), 40);
}
END_TEST

/* ---- 3.1.1 legacy initialisation ---- */

START_TEST(spec_legacy_init__configuration_written_before_features)
{
	uint8_t buf[4] = { 1, 2, 3, 4 };

	drv_virtio_init(&dut.vd, &dut.pci, DRV_LEGACY);
	ck_assert_int_eq(drv_virtio_reset(&dut.vd), 0);
	ck_assert_int_eq(drv_virtio_config_write(&dut.vd, 2, buf, 4), 0);
	ck_assert_mem_eq(loop->config + 2, buf, 4);
	start(DRV_LEGACY, DRV_IRQ_INTX, TYPE_BITS);
	ck_assert_mem_eq(loop->config + 2, buf, 4);
}
END_TEST

START_TEST(spec_legacy_init__device_used_before_driver_ok)
{
	drv_virtio_init(&dut.vd, &dut.pci, DRV_LEGACY);
	ck_assert_int_eq(drv_virtio_reset(&dut.vd), 0);
	if (_i) /* or not even a feature has been written */
		ck_assert_int_eq(drv_virtio_start(&dut.vd, 0), 0);
	ck_assert_int_eq(
		drv_vq_open(&dut.vqs[0], &dut.vd, &ram, 0, 0, DRV_NO_VECTOR),
		0);
	dut.n_queues = 1;
	ck_assert(!(status() & DRV_S_DRIVER_OK));
	echo(0, 50);
	ck_assert_int_eq(drv_virtio_run(&dut.vd), 0);
	echo(0, 51);
}
END_TEST

/* ---- 6 reserved feature bits ---- */

START_TEST(spec_feature_reserved__version_1_is_offered)
{
	struct drv_bus *other = NULL;
	struct drv_pci pci;
	uint64_t bits = 0;

	ck_assert(offered(DRV_MODERN) & DRV_BIT(DRV_F_VERSION_1));
	ck_assert_int_eq(
		drv_inproc_plug(machine, &loop_pci_ops, "modern", &other), 0);
	ck_assert_int_eq(drv_pci_probe(&pci, other), 0);
	ck_assert_int_eq(drv_pci_assign(&pci), 0);
	drv_virtio_init(&dut.vd, &pci, DRV_MODERN);
	ck_assert_int_eq(drv_virtio_offered(&dut.vd, &bits), 0);
	ck_assert(bits & DRV_BIT(DRV_F_VERSION_1));
	drv_bus_close(other);
}
END_TEST

START_TEST(spec_feature_reserved__no_sr_iov_and_no_order_are_promised)
{
	uint64_t bits = offered(DRV_MODERN);

	/* There is no SR-IOV capability, and requests may overtake. */
	ck_assert(!(bits & DRV_BIT(37)));
	ck_assert(!(bits & DRV_BIT(DRV_F_IN_ORDER)));
	ck_assert(!(bits & DRV_BIT(DRV_F_ORDER_PLATFORM)));
}
END_TEST

START_TEST(spec_legacy_feature_reserved__any_layout_and_never_bit_30)
{
	uint64_t bits;

	loop->common.device_caps = UINT64_MAX;
	bits = offered(DRV_LEGACY);
	ck_assert(bits & DRV_BIT(DRV_F_ANY_LAYOUT));
	ck_assert(!(bits & DRV_BIT(30)));
}
END_TEST

/* Suppressed by the flag, or by an event that is far away. */
START_TEST(spec_legacy_feature_reserved__notify_on_empty_overrides)
{
	uint64_t event_idx = _i ? DRV_BIT(DRV_F_EVENT_IDX) : 0;

	start(DRV_LEGACY, DRV_IRQ_MSIX,
	      DRV_BIT(DRV_F_NOTIFY_ON_EMPTY) | event_idx);
	drv_split_interrupts(&dut.vqs[0].ring, false);
	loop->hold = true;
	post(0, 3);
	ck_assert_uint_eq(drv_vq_irqs(&dut.vqs[0]), 0);
	loop->hold = false;
	post(0, 1); /* this one comes back, the others are still out */
	ck_assert_uint_eq(drv_vq_irqs(&dut.vqs[0]), 0);
	loop_release(loop, 0);
	ck_assert_int_eq(reap_all(0), 4);
	post(0, 1);
	ck_assert_uint_ge(drv_vq_irqs(&dut.vqs[0]), 1);
}
END_TEST

START_TEST(spec_legacy_feature_reserved__suppressed_without_the_feature)
{
	start(DRV_LEGACY, DRV_IRQ_MSIX, 0);
	drv_split_interrupts(&dut.vqs[0].ring, false);
	post(0, 3);
	ck_assert_int_eq(reap_all(0), 3);
	ck_assert_uint_eq(drv_vq_irqs(&dut.vqs[0]), 0);
}
END_TEST

static TCase *
add_case(Suite *s, const char *name)
{
	TCase *tc = tcase_create(name);

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	suite_add_tcase(s, tc);
	return tc;
}

static void
add_negotiation(Suite *s)
{
	TCase *tc = add_case(s, "negotiation");

	tcase_add_test(tc, spec_status_field__nothing_is_used_before_driver_ok);
	tcase_add_loop_test(
		tc, spec_status_field__error_sets_needs_reset_and_notifies, 0,
		N_COMBINATIONS);
	tcase_add_test(
		tc, spec_status_field__error_before_driver_ok_is_not_notified);
	tcase_add_test(tc,
		       spec_feature_bits__offers_what_it_supports_and_no_more);
	tcase_add_test(
		tc,
		spec_feature_bits__reserved_bits_of_a_device_are_not_offered);
	tcase_add_test(tc, spec_feature_bits__every_valid_subset_is_accepted);
	tcase_add_test(
		tc, spec_feature_bits__bits_that_were_not_offered_are_refused);
	tcase_add_test(tc, spec_feature_bits__bits_beyond_63_are_refused);
	tcase_add_test(tc,
		       spec_feature_bits__refused_features_do_not_make_it_live);
	tcase_add_test(
		tc, spec_feature_bits__the_same_set_is_accepted_after_resets);
	tcase_add_test(
		tc, spec_legacy_feature_bits__without_version_1_legacy_rules);
	tcase_add_test(tc, spec_feature_reserved__version_1_is_offered);
	tcase_add_test(
		tc, spec_feature_reserved__no_sr_iov_and_no_order_are_promised);
	tcase_add_test(
		tc, spec_legacy_feature_reserved__any_layout_and_never_bit_30);
	tcase_add_loop_test(
		tc, spec_legacy_feature_reserved__notify_on_empty_overrides, 0,
		2);
	tcase_add_test(
		tc,
		spec_legacy_feature_reserved__suppressed_without_the_feature);
}

static void
add_reset(Suite *s)
{
	TCase *tc = add_case(s, "reset");

	tcase_add_test(tc, spec_reset__kind_of_ring_is_agreed_on_anew);
	tcase_add_loop_test(tc, spec_reset__status_reads_0, 0, N_COMBINATIONS);
	tcase_add_loop_test(tc, spec_reset__then_queues_and_notifications_rest,
			    0, N_COMBINATIONS);
	tcase_add_loop_test(
		tc, spec_reset__requests_in_flight_do_not_come_back_later, 0,
		N_FACES);
	tcase_add_test(tc,
		       spec_vq_reset__no_request_and_no_notification_follows);
	tcase_add_test(tc, spec_vq_reset__requests_in_flight_are_over);
	tcase_add_test(tc, spec_vq_reset__state_is_the_default_again);
	tcase_add_test(tc, spec_vq_reset__indices_start_at_0_again);
	tcase_add_test(tc,
		       spec_vq_reset_re_enable__other_size_place_and_vector);
	tcase_add_test(tc, spec_vq_reset_re_enable__after_requests_in_flight);
}

static void
add_configuration(Suite *s)
{
	TCase *tc = add_case(s, "configuration");

	tcase_add_loop_test(
		tc, spec_config_read_early__readable_from_the_first_moment, 0,
		N_FACES);
	tcase_add_test(
		tc, spec_legacy_config_atomic__a_change_shows_in_the_next_read);
	tcase_add_test(tc,
		       spec_legacy_init__configuration_written_before_features);
	tcase_add_loop_test(tc, spec_legacy_init__device_used_before_driver_ok,
			    0, 2);
}

int
main(void)
{
	Suite *s = suite_create("spec/basic");

	add_negotiation(s);
	add_reset(s);
	add_configuration(s);
	return suite_run(s);
}
