// SPDX-License-Identifier: BSD-3-Clause
/*
 * The virtio PCI function: what a driver finds, where its structures lie, the
 * window, and the legacy registers (virtio 1.4, 4.1.2 to 4.1.4).
 */
#include <check.h>
#include <errno.h>
#include <string.h>

#include "device/loop-fixture.h"

#define CAP_POINTER_END 0x40

static const struct drv_pci *
pci(void)
{
	return &dut.pci;
}

/* Probe a second loop, one that is not transitional. */
static struct drv_bus *
plug_modern(struct drv_pci *other)
{
	struct drv_bus *b = NULL;

	ck_assert_int_eq(drv_inproc_plug(machine, &loop_pci_ops, "modern", &b),
			 0);
	ck_assert_int_eq(drv_pci_probe(other, b), 0);
	return b;
}

/* ---- 4.1, 4.1.2: the function ---- */

/* Type 0 header: what is reserved, or not there, reads 0 and stays 0. */
START_TEST(spec_pci_bus__header_is_a_type_0_header)
{
	static const uint32_t zeroes[] = { 0x28, DRV_PCI_ROM, 0x38 };

	ck_assert_uint_eq(drv_pci_cfg8(&dut.pci, DRV_PCI_HEADER_TYPE), 0);
	ck_assert_uint_eq(drv_pci_cfg8(&dut.pci, 0x0f), 0); /* no BIST */
	ck_assert_uint_eq(drv_pci_cfg8(&dut.pci, DRV_PCI_INT_PIN), 1);
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(
			drv_bus_cfg_write(bus, zeroes[i], 4, UINT32_MAX), 0);
		ck_assert_uint_eq(drv_pci_cfg32(&dut.pci, zeroes[i]), 0);
	}
	for (int n = 0; n < DRV_N_BARS; n++)
		if (pci()->bars[n].type != DRV_BAR_NONE)
			ck_assert_uint_eq(
				pci()->bars[n].addr % pci()->bars[n].size, 0);
}
END_TEST

START_TEST(spec_pci_bus__capability_list_ends_and_does_not_overlap)
{
	uint8_t seen[256] = { 0 };
	uint8_t at = drv_pci_cfg8(&dut.pci, DRV_PCI_CAP_PTR);

	ck_assert_uint_ne(drv_pci_cfg16(&dut.pci, DRV_PCI_STATUS) &
				  DRV_PCI_STATUS_CAPS,
			  0);
	while (at) {
		uint8_t id = drv_pci_cfg8(&dut.pci, at);
		uint8_t len = 24; /* MSI, 64 bits with masks */

		if (id == DRV_PCI_CAP_MSIX)
			len = 12;
		else if (id == DRV_PCI_CAP_VENDOR)
			len = drv_pci_cfg8(&dut.pci, at + 2u);
		ck_assert_uint_ge(at, CAP_POINTER_END);
		ck_assert_uint_eq(at % 4, 0);
		ck_assert_int_le(at + len, 256);
		for (int i = 0; i < len; i++)
			ck_assert_uint_eq(seen[at + i]++, 0);
		at = drv_pci_cfg8(&dut.pci, at + 1u);
	}
}
END_TEST

START_TEST(spec_pci_bus__decoding_follows_the_command_register)
{
	struct pci_vdev *dev = drv_inproc_dev(bus);
	int bar = -1;
	uint64_t off = 0, io = pci()->bars[0].addr, mem = pci()->bars[4].addr;

	ck_assert(vbs_pci_decode(dev, true, io + 18, &bar, &off));
	ck_assert(bar == 0 && off == 18);
	ck_assert(vbs_pci_decode(dev, false, mem + 20, &bar, &off));
	ck_assert(bar == 4 && off == 20);
	ck_assert_int_eq(
		drv_pci_command(&dut.pci, 0, DRV_PCI_CMD_IO | DRV_PCI_CMD_MEM),
		0);
	ck_assert(!vbs_pci_decode(dev, true, io + 18, &bar, &off));
	ck_assert(!vbs_pci_decode(dev, false, mem + 20, &bar, &off));
}
END_TEST

START_TEST(spec_pci_discovery__ids_of_a_transitional_function)
{
	ck_assert_uint_eq(pci()->vendor, 0x1af4);
	ck_assert_uint_eq(pci()->device, LOOP_DEVICE_ID);
}
END_TEST

START_TEST(spec_pci_discovery__ids_of_a_modern_function)
{
	struct drv_pci other;
	struct drv_bus *b = plug_modern(&other);

	ck_assert_uint_eq(other.vendor, 0x1af4);
	ck_assert_uint_eq(other.device, 0x1040 + LOOP_TYPE);
	ck_assert_uint_ge(other.revision, 1);
	ck_assert_uint_ge(other.subsystem, 0x40);
	drv_bus_close(b);
}
END_TEST

START_TEST(spec_legacy_pci_discovery__revision_subsystem_and_range)
{
	ck_assert_uint_eq(pci()->revision, 0);
	ck_assert_uint_eq(pci()->subsystem, LOOP_TYPE);
	ck_assert_uint_ge(pci()->device, 0x1000);
	ck_assert_uint_le(pci()->device, 0x103f);
}
END_TEST

static uint16_t wanted_device, wanted_vendor;
static struct virtio_common common;
static struct vqueue_info vq = { .qsize = 1 };

static void
no_notify(void *arg, struct vqueue_info *q)
{
	(void)arg;
	(void)q;
}

static int
ids_init(struct vmctx *ctx, struct pci_vdev *dev, char *opts)
{
	static const struct virtio_ops ops = {
		.name = "ids",
		.nvq = 1,
		.qnotify = no_notify,
	};
	struct vbs_virtio_id id = {
		.type = 4,
		.device = wanted_device,
		.vendor = wanted_vendor,
	};

	(void)ctx;
	(void)opts;
	vq = (struct vqueue_info){ .qsize = 1 };
	memset(&common, 0, sizeof(common));
	virtio_linkup(&common, &ops, &common, dev, &vq, BACKEND_VBSU);
	return vbs_virtio_pci_init(&common, &id);
}

/* covers: x.pci.transitional-range */
START_TEST(spec_legacy_pci_discovery__ids_outside_the_range_are_refused)
{
	static const struct pci_vdev_ops ops = {
		.class_name = "ids",
		.vdev_init = ids_init,
		.vdev_barread = virtio_pci_read,
		.vdev_barwrite = virtio_pci_write,
	};
	static const struct {
		uint16_t vendor, device;
		int rc;
	} ids[] = {
		{ 0, 0x1000, 0 },       { 0, 0x103f, 0 },
		{ 0x1af4, 0x1005, 0 },  { 0, 0, 0 },
		{ 0, 0x0fff, -EINVAL }, { 0, 0x1040, -EINVAL },
		{ 0x1af4, 1, -EINVAL }, { 0x1af4, 0x1044, -EINVAL },
		{ 0x8086, 0x8601, 0 },
	};

	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		struct drv_bus *b = NULL;

		wanted_vendor = ids[i].vendor;
		wanted_device = ids[i].device;
		ck_assert_int_eq(drv_inproc_plug(machine, &ops, NULL, &b),
				 ids[i].rc);
		drv_bus_close(b);
	}
}
END_TEST

/* ---- 4.1.4: structures ---- */

START_TEST(spec_pci_layout__halves_of_64_bit_fields_are_independent)
{
	static const uint32_t fields[] = { DRV_C_QUEUE_DESC, DRV_C_QUEUE_DRIVER,
					   DRV_C_QUEUE_DEVICE };
	uint64_t val = 0;

	drv_virtio_init(&dut.vd, &dut.pci, _i ? DRV_WINDOW : DRV_MODERN);
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(drv_virtio_write(&dut.vd, DRV_VCAP_COMMON,
						  fields[i] + 4, 4, 0x11223344),
				 0);
		ck_assert_uint_eq(common_get(fields[i]),
				  UINT64_C(0x1122334400000000));
		ck_assert_int_eq(drv_virtio_write(&dut.vd, DRV_VCAP_COMMON,
						  fields[i], 4, 0x55667788),
				 0);
		ck_assert_uint_eq(common_get(fields[i]),
				  UINT64_C(0x1122334455667788));
	}
	for (uint32_t off = 0; off < 8; off += 4) {
		ck_assert_int_eq(
			drv_virtio_read(&dut.vd, DRV_VCAP_DEVICE, off, 4, &val),
			0);
		ck_assert_mem_eq(&val, loop->config + off, 4);
	}
}
END_TEST

START_TEST(spec_pci_caps__cap_len_covers_the_extra_fields)
{
	static const uint8_t lens[DRV_VCAP_TYPES] = {
		[DRV_VCAP_COMMON] = 16,  [DRV_VCAP_NOTIFY] = 20,
		[DRV_VCAP_ISR] = 16,     [DRV_VCAP_DEVICE] = 16,
		[DRV_VCAP_PCI_CFG] = 20,
	};

	for (int t = DRV_VCAP_COMMON; t <= DRV_VCAP_PCI_CFG; t++)
		ck_assert_uint_eq(pci()->vcaps[t].cap_len, lens[t]);
}
END_TEST

START_TEST(spec_pci_caps__structures_lie_inside_their_bars)
{
	for (int t = DRV_VCAP_COMMON; t <= DRV_VCAP_DEVICE; t++) {
		const struct drv_vcap *cap = &pci()->vcaps[t];

		ck_assert_uint_ne(cap->cap_off, 0);
		ck_assert_uint_lt(cap->bar, DRV_N_BARS);
		ck_assert_uint_ge(cap->length, 1);
		ck_assert_uint_le(cap->offset + cap->length,
				  pci()->bars[cap->bar].size);
	}
}
END_TEST

/* Two places to kick: the one in I/O space is the fast one. */
static int
pio_init(struct vmctx *ctx, struct pci_vdev *dev, char *opts)
{
	static const struct virtio_ops ops = {
		.name = "pio",
		.nvq = 1,
		.qnotify = no_notify,
	};

	(void)ctx;
	(void)opts;
	vq = (struct vqueue_info){ .qsize = 1 };
	memset(&common, 0, sizeof(common));
	virtio_linkup(&common, &ops, &common, dev, &vq, BACKEND_VBSU);
	return virtio_set_modern_bar(&common, true);
}

/* covers: x.pci.multi-caps */
START_TEST(spec_pci_caps__the_better_of_two_comes_first)
{
	static const struct pci_vdev_ops ops = {
		.class_name = "pio",
		.vdev_init = pio_init,
		.vdev_barread = virtio_pci_read,
		.vdev_barwrite = virtio_pci_write,
	};
	struct drv_bus *b = NULL;
	struct drv_pci other;
	const struct drv_vcap *cap = &other.vcaps[DRV_VCAP_NOTIFY];

	ck_assert_int_eq(drv_inproc_plug(machine, &ops, NULL, &b), 0);
	ck_assert_int_eq(drv_pci_probe(&other, b), 0);
	ck_assert_int_eq(other.bars[cap->bar].type, DRV_BAR_IO);
	ck_assert_uint_eq(cap->multiplier, 0);
	ck_assert_uint_ge(cap->length, 2);
	drv_bus_close(b);
}
END_TEST

START_TEST(spec_pci_device_cfg__aligned_and_long_enough)
{
	const struct drv_vcap *cap = &pci()->vcaps[DRV_VCAP_DEVICE];

	ck_assert_uint_eq(cap->offset % 4, 0);
	ck_assert_uint_ge(cap->length, LOOP_CONFIG);
}
END_TEST

/* ---- 4.1.4.9: the window ---- */

/* covers: x.pci.device-cfg-present */
START_TEST(spec_pci_cfg_access_cap__reads_every_structure)
{
	const struct drv_vcap *caps = pci()->vcaps;
	uint32_t val = 0;

	ck_assert_uint_ne(caps[DRV_VCAP_DEVICE].cap_off, 0);
	ck_assert_int_eq(
		drv_pci_window_read(&dut.pci, caps[DRV_VCAP_COMMON].bar,
				    (uint32_t)caps[DRV_VCAP_COMMON].offset +
					    DRV_C_NUM_QUEUES,
				    2, &val),
		0);
	ck_assert_uint_eq(val & 0xffff, LOOP_QUEUES);
	for (uint32_t size = 1; size <= 4; size *= 2) {
		ck_assert_int_eq(
			drv_pci_window_read(
				&dut.pci, caps[DRV_VCAP_DEVICE].bar,
				(uint32_t)caps[DRV_VCAP_DEVICE].offset + 8,
				size, &val),
			0);
		ck_assert_mem_eq(&val, loop->config + 8, size);
	}
}
END_TEST

START_TEST(spec_pci_cfg_access_cap__reads_have_their_effect_once)
{
	start(DRV_WINDOW, DRV_IRQ_INTX, 0);
	post(0, 1);
	ck_assert_uint_eq(isr(), DRV_ISR_QUEUE);
	ck_assert_uint_eq(isr(), 0);
	ck_assert_int_eq(bus->intx_level, 0);
}
END_TEST

/* A whole driver, and one that writes the data one byte at a time. */
START_TEST(spec_pci_cfg_access_cap__writes_and_kicks)
{
	const struct drv_vcap *cap = &pci()->vcaps[DRV_VCAP_DEVICE];
	uint32_t at = pci()->vcaps[DRV_VCAP_PCI_CFG].cap_off;

	start(DRV_WINDOW, DRV_IRQ_MSIX, 0);
	for (int q = 0; q < LOOP_QUEUES; q++)
		echo(q, 100);
	ck_assert_int_eq(drv_bus_cfg_write(bus, at + 4, 1, cap->bar), 0);
	ck_assert_int_eq(
		drv_bus_cfg_write(bus, at + 8, 4, (uint32_t)cap->offset + 5),
		0);
	ck_assert_int_eq(drv_bus_cfg_write(bus, at + 12, 4, 1), 0);
	ck_assert_int_eq(drv_bus_cfg_write(bus, at + 16, 1, 0xd7), 0);
	ck_assert_uint_eq(loop->config[5], 0xd7);
	ck_assert_uint_eq(loop->config[6], 0xa6);
	ck_assert_uint_eq(drv_pci_cfg8(&dut.pci, at + 16), 0xd7);
}
END_TEST

START_TEST(spec_pci_cfg_access_cap__fields_read_back)
{
	uint32_t at = pci()->vcaps[DRV_VCAP_PCI_CFG].cap_off;

	ck_assert_int_eq(drv_bus_cfg_write(bus, at + 4, 1, 4), 0);
	ck_assert_int_eq(drv_bus_cfg_write(bus, at + 8, 4, 0x2004), 0);
	ck_assert_int_eq(drv_bus_cfg_write(bus, at + 12, 4, 2), 0);
	ck_assert_uint_eq(drv_pci_cfg8(&dut.pci, at + 4), 4);
	ck_assert_uint_eq(drv_pci_cfg32(&dut.pci, at + 8), 0x2004);
	ck_assert_uint_eq(drv_pci_cfg32(&dut.pci, at + 12), 2);
}
END_TEST

/* ---- 4.1.4.10: legacy registers ---- */

static uint64_t
io_read(uint64_t off, uint32_t size)
{
	uint64_t val = 0;

	ck_assert_int_eq(drv_bus_bar_read(bus, 0, off, size, &val), 0);
	return val;
}

static void
io_write(uint64_t off, uint32_t size, uint64_t val)
{
	ck_assert_int_eq(drv_bus_bar_write(bus, 0, off, size, val), 0);
}

START_TEST(spec_legacy_pci_detect__bar_0_is_in_io_space)
{
	struct drv_pci other;
	struct drv_bus *b = plug_modern(&other);

	ck_assert_int_eq(pci()->bars[0].type, DRV_BAR_IO);
	ck_assert_uint_ge(pci()->bars[0].size, 24 + LOOP_CONFIG);
	/* And a function without the legacy interface has none to find. */
	ck_assert_int_eq(other.bars[0].type, DRV_BAR_NONE);
	drv_bus_close(b);
}
END_TEST

START_TEST(spec_legacy_pci_layout__header_is_in_its_places)
{
	io_write(18, 1, 0);
	io_write(18, 1, DRV_S_ACKNOWLEDGE | DRV_S_DRIVER);
	ck_assert_uint_eq(io_read(18, 1), 3);
	ck_assert_uint_eq(io_read(0, 4) & 3, 3);
	io_write(4, 4, 1);
	ck_assert_uint_eq(io_read(4, 4), 1);
	io_write(14, 2, 1);
	ck_assert_uint_eq(io_read(14, 2), 1);
	ck_assert_uint_eq(io_read(12, 2), LOOP_QSIZE);
	ck_assert_uint_eq(io_read(8, 4), 0);
	io_write(14, 2, LOOP_QUEUES);
	ck_assert_uint_eq(io_read(12, 2), 0);
	ck_assert_uint_eq(io_read(19, 1), 0);
}
END_TEST

START_TEST(spec_legacy_pci_layout__read_only_registers_stay)
{
	uint64_t features = io_read(0, 4);

	io_write(0, 4, ~features);
	ck_assert_uint_eq(io_read(0, 4), features);
	io_write(12, 2, 8);
	ck_assert_uint_eq(io_read(12, 2), LOOP_QSIZE);
	io_write(19, 1, 0xff);
	ck_assert_uint_eq(io_read(19, 1), 0);
}
END_TEST

/* Off, on, and off again: the configuration moves each time. */
START_TEST(spec_legacy_pci_layout__configuration_is_at_20_or_24)
{
	for (int i = 0; i < 3; i++) {
		uint64_t base = i == 1 ? 24 : 20;

		ck_assert_int_eq(drv_pci_msix_enable(&dut.pci, i == 1), 0);
		for (uint64_t b = 0; b < LOOP_CONFIG; b++)
			ck_assert_uint_eq(io_read(base + b, 1),
					  loop->config[b]);
		io_write(base + 3, 1, 0x40u + (unsigned int)i);
		ck_assert_uint_eq(loop->config[3], 0x40 + i);
	}
	ck_assert_int_eq(drv_pci_msix_enable(&dut.pci, true), 0);
	ck_assert_uint_eq(io_read(20, 2), DRV_NO_VECTOR);
	io_write(20, 2, 1);
	ck_assert_uint_eq(io_read(20, 2), 1);
	io_write(22, 2, 2);
	ck_assert_uint_eq(io_read(22, 2), 2);
	ck_assert_uint_eq(loop->config[0], 0xa0);
}
END_TEST

START_TEST(spec_legacy_pci_layout__any_width_at_any_offset)
{
	for (uint32_t size = 1; size <= 4; size *= 2) {
		for (uint64_t off = 0; off + size <= LOOP_CONFIG; off++) {
			uint64_t want = 0;

			memcpy(&want, loop->config + off, size);
			ck_assert_uint_eq(io_read(20 + off, size), want);
			io_write(20 + off, size, ~want);
			want = io_read(20 + off, size);
			ck_assert_mem_eq(&want, loop->config + off, size);
		}
	}
}
END_TEST

START_TEST(spec_legacy_pci_layout__features_beyond_31_are_not_taken)
{
	start(DRV_LEGACY, DRV_IRQ_INTX, UINT64_MAX);
	ck_assert_uint_eq(loop->common.negotiated_caps >> 32, 0);
	ck_assert_uint_eq(io_read(4, 4), loop->common.negotiated_caps);
}
END_TEST

START_TEST(spec_legacy_pci_queue__pfn_turns_it_on_and_off)
{
	struct drv_split ring;

	drv_virtio_init(&dut.vd, &dut.pci, DRV_LEGACY);
	ck_assert_int_eq(drv_virtio_start(&dut.vd, 0), 0);
	ck_assert_int_eq(drv_split_init_legacy(&ring, &ram, LOOP_QSIZE, 4096),
			 0);
	io_write(14, 2, 1);
	io_write(8, 4, ring.desc_gpa / 4096);
	ck_assert_uint_eq(io_read(8, 4), ring.desc_gpa / 4096);
	ck_assert(loop->vqs[1].enabled);
	io_write(8, 4, 1); /* it is on: no other place now */
	ck_assert_uint_eq(io_read(8, 4), ring.desc_gpa / 4096);
	io_write(8, 4, 0);
	ck_assert_uint_eq(io_read(8, 4), 0);
	ck_assert(!loop->vqs[1].enabled);
	io_write(8, 4, ring.desc_gpa / 4096);
	ck_assert(loop->vqs[1].enabled);
	drv_split_deinit(&ring);
}
END_TEST

/* ---- one face after the other: firmware, then the operating system ---- */

static void
bring_up(enum drv_face face, uint16_t size, enum drv_irq irq)
{
	struct drv_device_opts opts = {
		.face = face,
		.irq = irq,
		.n_queues = LOOP_QUEUES,
		.queue_size = size,
		.features = UINT64_MAX,
	};

	ck_assert_int_eq(drv_device_start(&dut, &opts), 0);
}

/* covers: reset */
START_TEST(spec_pci_common_cfg__faces_take_turns_and_find_the_defaults)
{
	enum drv_face first = _i ? DRV_MODERN : DRV_LEGACY;
	enum drv_face second = _i ? DRV_LEGACY : DRV_MODERN;

	bring_up(first, 8, DRV_IRQ_INTX);
	echo(1, 70);
	ck_assert_int_eq(drv_device_stop(&dut), 0);

	drv_virtio_init(&dut.vd, &dut.pci, DRV_MODERN);
	for (uint16_t q = 0; q < LOOP_QUEUES; q++) {
		ck_assert_int_eq(drv_queue_select(&dut.vd, q), 0);
		ck_assert_uint_eq(common_get(DRV_C_QUEUE_SIZE), LOOP_QSIZE);
		ck_assert_uint_eq(common_get(DRV_C_QUEUE_ENABLE), 0);
		ck_assert_uint_eq(common_get(DRV_C_QUEUE_DESC), 0);
		ck_assert_uint_eq(io_read(8, 4), 0);
	}
	bring_up(second, 0, DRV_IRQ_MSIX);
	for (int q = 0; q < LOOP_QUEUES; q++)
		echo(q, 80);
	ck_assert_int_eq(drv_device_stop(&dut), 0);
	bring_up(first, 16, DRV_IRQ_MSIX);
	echo(2, 90);
}
END_TEST

/* Until the reset, the other face can look, but not touch. */
/* covers: reset */
START_TEST(spec_pci_common_cfg__the_first_face_wins_until_reset)
{
	start(DRV_MODERN, DRV_IRQ_MSIX, 0);
	io_write(4, 4, 3);
	io_write(14, 2, 0);
	io_write(8, 4, 0);
	io_write(18, 1, DRV_S_FAILED);
	ck_assert(!(status() & DRV_S_FAILED));
	ck_assert(loop->vqs[0].enabled);
	echo(0, 10);
	io_write(18, 1, 0);
	ck_assert_uint_eq(status(), 0);
	ck_assert(!loop->vqs[0].enabled);
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
add_function(Suite *s)
{
	TCase *tc = add_case(s, "function");

	tcase_add_test(tc, spec_pci_bus__header_is_a_type_0_header);
	tcase_add_test(tc,
		       spec_pci_bus__capability_list_ends_and_does_not_overlap);
	tcase_add_test(tc, spec_pci_bus__decoding_follows_the_command_register);
	tcase_add_test(tc, spec_pci_discovery__ids_of_a_transitional_function);
	tcase_add_test(tc, spec_pci_discovery__ids_of_a_modern_function);
	tcase_add_test(tc,
		       spec_legacy_pci_discovery__revision_subsystem_and_range);
	tcase_add_test(
		tc,
		spec_legacy_pci_discovery__ids_outside_the_range_are_refused);
	tcase_add_loop_test(
		tc, spec_pci_layout__halves_of_64_bit_fields_are_independent, 0,
		2);
	tcase_add_test(tc, spec_pci_caps__cap_len_covers_the_extra_fields);
	tcase_add_test(tc, spec_pci_caps__structures_lie_inside_their_bars);
	tcase_add_test(tc, spec_pci_caps__the_better_of_two_comes_first);
	tcase_add_test(tc, spec_pci_device_cfg__aligned_and_long_enough);
}

static void
add_window(Suite *s)
{
	TCase *tc = add_case(s, "window");

	tcase_add_test(tc, spec_pci_cfg_access_cap__reads_every_structure);
	tcase_add_test(tc,
		       spec_pci_cfg_access_cap__reads_have_their_effect_once);
	tcase_add_test(tc, spec_pci_cfg_access_cap__writes_and_kicks);
	tcase_add_test(tc, spec_pci_cfg_access_cap__fields_read_back);
}

static void
add_legacy(Suite *s)
{
	TCase *tc = add_case(s, "legacy");

	tcase_add_test(tc, spec_legacy_pci_detect__bar_0_is_in_io_space);
	tcase_add_test(tc, spec_legacy_pci_layout__header_is_in_its_places);
	tcase_add_test(tc, spec_legacy_pci_layout__read_only_registers_stay);
	tcase_add_test(tc,
		       spec_legacy_pci_layout__configuration_is_at_20_or_24);
	tcase_add_test(tc, spec_legacy_pci_layout__any_width_at_any_offset);
	tcase_add_test(
		tc, spec_legacy_pci_layout__features_beyond_31_are_not_taken);
	tcase_add_test(tc, spec_legacy_pci_queue__pfn_turns_it_on_and_off);
	tcase_add_loop_test(
		tc, spec_pci_common_cfg__faces_take_turns_and_find_the_defaults,
		0, 2);
	tcase_add_test(tc,
		       spec_pci_common_cfg__the_first_face_wins_until_reset);
}

int
main(void)
{
	Suite *s = suite_create("spec/pci");

	add_function(s);
	add_window(s);
	add_legacy(s);
	return suite_run(s);
}
