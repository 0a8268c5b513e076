// SPDX-License-Identifier: BSD-3-Clause
/*
 * Accesses of every width at every offset: device configuration, the PCI_CFG
 * window, BARs, configuration space, the MSI-X table; and BARs that move.
 */
#include <vbs/pci.h>

#include "hostile/rig.h"

#define CMD_IO     DRV_PCI_CMD_IO
#define CMD_MEM    DRV_PCI_CMD_MEM
#define CMD_MASTER DRV_PCI_CMD_MASTER

#define LEGACY_BAR 0
#define MSIX_BAR   1
#define MODERN_BAR 4

#define N_VECTORS   (PROBE_QUEUES + 1)
#define ENTRY_BYTES 16

static uint64_t
bar_get(int bar, uint64_t off, uint32_t size)
{
	uint64_t val = 0;

	ck_assert_int_eq(drv_bus_bar_read(bus, bar, off, size, &val), 0);
	return val;
}

static void
bar_set(int bar, uint64_t off, uint32_t size, uint64_t val)
{
	ck_assert_int_eq(drv_bus_bar_write(bus, bar, off, size, val), 0);
}

static uint64_t
ones(uint32_t size)
{
	return size < 8 ? (UINT64_C(1) << 8 * size) - 1 : UINT64_MAX;
}

/* ---- B8: device configuration ---- */

/* Where the configuration is, and how much of the BAR is left for it. */
static void
config_place(int *bar, uint64_t *off, uint64_t *room)
{
	const struct drv_vcap *vcap = &dut.pci.vcaps[DRV_VCAP_DEVICE];

	*bar = LEGACY_BAR;
	*off = 24; /* MSI-X is on */
	*room = dut.pci.bars[LEGACY_BAR].size - *off;
	if (dut.vd.face == DRV_LEGACY)
		return;
	*bar = vcap->bar;
	*off = vcap->offset;
	*room = DRV_PAGE;
}

static void
fill_config(void)
{
	for (int i = 0; i < PROBE_CONFIG; i++)
		probe->config[i] = (uint8_t)(0x10 + i);
}

static bool
config_has(uint64_t at, uint32_t size)
{
	return (size == 1 || size == 2 || size == 4) &&
	       at + size <= PROBE_CONFIG;
}

/* What an access reads: the bytes, or all ones. */
static uint64_t
config_want(uint64_t at, uint32_t size)
{
	uint64_t want = 0;

	if (size != 1 && size != 2 && size != 4 && size != 8)
		return UINT64_MAX;
	if (!config_has(at, size))
		return ones(size);
	for (uint32_t i = 0; i < size; i++)
		want |= (0x10 + at + i) << 8 * i;
	return want;
}

START_TEST(hostile_b8__configuration_read_at_every_offset_and_width)
{
	uint64_t base = 0, room = 0;
	int bar = 0;

	rig_start_way(_i);
	fill_config();
	config_place(&bar, &base, &room);
	for (uint64_t at = 0; at < room; at++)
		for (uint32_t size = 1; size <= 8 && at + size <= room; size++)
			ck_assert_uint_eq(bar_get(bar, base + at, size),
					  config_want(at, size));
	ck_assert_int_eq(probe_count(&probe->n_bad_cfg), 0);
}
END_TEST

START_TEST(hostile_b8__configuration_written_at_every_offset_and_width)
{
	uint64_t base = 0, room = 0;
	int bar = 0;

	rig_start_way(_i);
	config_place(&bar, &base, &room);
	for (uint64_t at = 0; at < room; at++) {
		for (uint32_t size = 1; size <= 8; size++) {
			fill_config();
			bar_set(bar, base + at, size, UINT64_MAX);
			for (uint64_t i = 0; i < PROBE_CONFIG; i++) {
				bool hit = config_has(at, size) && i >= at &&
					   i < at + size;

				ck_assert_uint_eq(probe->config[i],
						  hit ? 0xff : 0x10 + i);
			}
		}
	}
	ck_assert_int_eq(probe_count(&probe->n_bad_cfg), 0);
	assert_serves(vq);
}
END_TEST

/* ---- B8: the PCI_CFG window ---- */

static const uint8_t window_bars[] = { 0, 1, 2, 3, 4, 5, 6, 7, 0x80, 0xff };

static const uint32_t window_lens[] = {
	0, 1, 2, 3, 4, 5, 8, 16, 0x7fffffff, 0x80000000, 0xffffffff,
};

static const uint32_t window_offs[] = {
	0,          0x14,       0x15,       0x3a,       0x3c,   0xffc,
	0xfff,      0x1000,     0x2000,     0x2009,     0x200c, 0x3000,
	0x3ffe,     0x3fff,     0x4000,     0x7ffc,     0x8000, 0x7ffffffc,
	0x80000000, 0xfffffffc, 0xfffffffe, 0xffffffff,
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static bool
is_access(uint8_t bar, uint32_t off, uint32_t len)
{
	if (len != 1 && len != 2 && len != 4)
		return false;
	return off % len == 0 && bar < 6 && dut.pci.bars[bar].size >= len &&
	       off <= dut.pci.bars[bar].size - len;
}

START_TEST(hostile_b8__window_with_any_bar_offset_and_length)
{
	uint32_t val = 0;

	rig_start_way(_i);
	for (size_t b = 0; b < COUNT(window_bars); b++)
		for (size_t l = 0; l < COUNT(window_lens); l++)
			for (size_t o = 0; o < COUNT(window_offs); o++) {
				uint8_t bar = window_bars[b];
				uint32_t off = window_offs[o];
				uint32_t len = window_lens[l];

				if (is_access(bar, off, len))
					continue; /* those do something */
				ck_assert_int_eq(drv_pci_window_write(&dut.pci,
								      bar, off,
								      len, 0),
						 0);
				ck_assert_int_eq(drv_pci_window_read(&dut.pci,
								     bar, off,
								     len, &val),
						 0);
				ck_assert_uint_eq(val & 0xff, 0xff);
			}
	assert_serves(vq);
	ck_assert_uint_eq(rig_status() & DRV_S_NEEDS_RESET, 0);
}
END_TEST

START_TEST(hostile_b8__window_aimed_at_registers_that_exist)
{
	uint32_t val = 0;

	rig_start_way(_i);
	for (size_t b = 0; b < COUNT(window_bars); b++)
		for (size_t l = 0; l < COUNT(window_lens); l++)
			for (size_t o = 0; o < COUNT(window_offs); o++) {
				ck_assert_int_eq(drv_pci_window_read(
							 &dut.pci,
							 window_bars[b],
							 window_offs[o],
							 window_lens[l], &val),
						 0);
				ck_assert_int_eq(
					drv_pci_window_write(
						&dut.pci, window_bars[b],
						window_offs[o], window_lens[l],
						0x55aa55aa),
					0);
			}
	ck_assert_int_eq(drv_bus_reset(bus), 0);
	ck_assert_int_eq(drv_pci_assign(&dut.pci), 0);
	rig_restart();
	assert_serves(vq);
}
END_TEST

/* ---- B9: configuration space and BARs ---- */

START_TEST(hostile_b9__configuration_space_in_odd_widths)
{
	uint32_t before = 0, val = 0;

	rig_plug(NULL);
	for (uint32_t off = 0; off < 0x1100; off++) {
		for (uint32_t size = 0; size <= 9; size++) {
			bool good = (size == 1 || size == 2 || size == 4) &&
				    off % size == 0 && off + size <= 256;

			if (good)
				continue;
			ck_assert_int_lt(drv_bus_cfg_read(bus, off, size, &val),
					 0);
			if (off < 256)
				ck_assert_int_eq(drv_bus_cfg_read(bus,
								  off & ~3u, 4,
								  &before),
						 0);
			ck_assert_int_lt(
				drv_bus_cfg_write(bus, off, size, 0xffffffff),
				0);
			if (off >= 256)
				continue;
			ck_assert_int_eq(
				drv_bus_cfg_read(bus, off & ~3u, 4, &val), 0);
			ck_assert_uint_eq(val, before);
		}
	}
	rig_start(DRV_MODERN, 0);
	assert_serves(vq);
}
END_TEST

/* Identity, class and capabilities are not for the driver to change. */
START_TEST(hostile_b9__configuration_space_overwritten)
{
	const uint32_t sizes[] = { 1, 2, 4 };
	struct drv_pci before = { 0 }, after = { 0 };
	uint32_t size = sizes[_i];

	rig_plug(NULL);
	ck_assert_int_eq(drv_pci_probe(&before, bus), 0);
	for (uint32_t val = 0; val < 3; val++)
		for (uint32_t off = 0; off < 256; off += size)
			ck_assert_int_eq(
				drv_bus_cfg_write(bus, off, size,
						  val ? ~(val - 1) : 0),
				0);
	ck_assert_uint_ne(drv_pci_cfg16(&dut.pci, DRV_PCI_STATUS) &
				  DRV_PCI_STATUS_CAPS,
			  0);
	ck_assert_int_eq(drv_pci_probe(&after, bus), 0);
	ck_assert_uint_eq(after.vendor, before.vendor);
	ck_assert_uint_eq(after.device, before.device);
	ck_assert_uint_eq(after.subsystem, before.subsystem);
	ck_assert_uint_eq(after.class_code, before.class_code);
	ck_assert_uint_eq(after.revision, before.revision);
	ck_assert_int_eq(after.n_caps, before.n_caps);
	for (int i = 0; i < after.n_caps; i++)
		ck_assert_uint_eq(after.caps[i].id, before.caps[i].id);
	for (int i = 0; i < DRV_N_BARS; i++)
		ck_assert_uint_eq(after.bars[i].size, before.bars[i].size);
	ck_assert_int_eq(drv_bus_reset(bus), 0);
	ck_assert_int_eq(drv_device_open(&dut, bus, &ram), 0);
	rig_start(DRV_MODERN, 0);
	assert_serves(vq);
}
END_TEST

START_TEST(hostile_b9__bar_read_beyond_its_end_and_in_odd_widths)
{
	rig_plug(NULL);
	for (int bar = -1; bar <= 7; bar++) {
		uint64_t end = 0;

		if (bar >= 0 && bar < DRV_N_BARS)
			end = dut.pci.bars[bar].size;
		for (uint32_t size = 0; size <= 9; size++) {
			const uint64_t offs[] = {
				end,
				end - 1,
				end + 1,
				UINT64_MAX,
				UINT64_MAX - 7,
				UINT64_C(1) << 63,
				UINT64_C(1) << 32,
			};

			for (size_t i = 0; i < COUNT(offs); i++) {
				if (offs[i] == end - 1 && size == 1 && end)
					continue;
				bar_set(bar, offs[i], size, UINT64_MAX);
				ck_assert_uint_eq(bar_get(bar, offs[i], size),
						  UINT64_MAX);
			}
		}
	}
	rig_start(DRV_MODERN, 0);
	assert_serves(vq);
}
END_TEST

/* Registers of the common structure are of one width, at one offset. */
START_TEST(hostile_b9__register_in_another_width_is_not_written)
{
	const uint32_t sizes[] = { 1, 2, 4, 8 };
	uint8_t before;

	rig_start_way(_i);
	before = rig_status();
	for (uint64_t off = 0; off < 60; off++)
		for (size_t i = 0; i < COUNT(sizes); i++) {
			int bar = _i ? LEGACY_BAR : MODERN_BAR;
			uint64_t at = _i ? 18 : 0x14; /* device status */

			if (off == at && sizes[i] == 1)
				continue;
			if (off > at || off + sizes[i] <= at)
				continue;
			bar_set(bar, off, sizes[i], 0);
			ck_assert_uint_eq(rig_status(), before);
		}
	assert_serves(vq);
}
END_TEST

static uint32_t
draw(uint32_t *seed)
{
	*seed = *seed * 1664525 + 1013904223;
	return *seed >> 8;
}

/* A value, often one that means something. */
static uint64_t
draw_value(uint32_t *seed)
{
	const uint64_t some[] = {
		0,         1,    2,      3,      0xf,
		LOW_GPA,   0x40, 0xffff, 0x8000, LOW_GPA >> 12,
		UINT64_MAX
	};

	if (draw(seed) & 1)
		return some[draw(seed) % COUNT(some)];
	return (uint64_t)draw(seed) << 32 | draw(seed);
}

static void
any_access(uint32_t *seed)
{
	const int bars[] = { LEGACY_BAR, MSIX_BAR, MODERN_BAR };
	const uint32_t spans[] = { 32, 4096, 64, 0x4000 };
	uint32_t size = 1u << draw(seed) % 4, val = 0;
	int bar = bars[draw(seed) % 3];
	uint64_t off = draw(seed) % spans[draw(seed) % 4];

	switch (draw(seed) % 8) {
	case 0:
		(void)drv_bus_cfg_write(bus, (uint32_t)off % 256 & ~(size - 1),
					size, (uint32_t)draw_value(seed));
		break;
	case 1:
		(void)drv_bus_cfg_read(bus, (uint32_t)off % 256 & ~(size - 1),
				       size, &val);
		break;
	case 2:
		(void)bar_get(bar, off, size);
		break;
	default:
		bar_set(bar, off & ~(uint64_t)(size - 1), size,
			draw_value(seed));
		break;
	}
}

/* Tens of thousands of accesses, and a device that is as good as new. */
START_TEST(hostile_b9__any_access_leaves_a_device_that_resets)
{
	uint32_t seed = (uint32_t)_i;

	rig_plug(_i & 1 ? "iothread" : NULL);
	for (int round = 0; round < 10; round++) {
		rig_start(round & 1 ? DRV_LEGACY : DRV_MODERN, 0);
		drv_split_raw_desc(&vq->ring, 0, OUT_GPA, 1, DRV_DESC_WRITE, 0);
		for (int i = 0; i < 5000; i++)
			any_access(&seed);
		drv_split_raw_offer(&vq->ring, 0);
		ck_assert_int_eq(drv_bus_run(bus), 0);
		ck_assert_int_eq(drv_bus_reset(bus), 0);
		ck_assert_int_eq(drv_pci_assign(&dut.pci), 0);
		rig_restart();
		assert_serves(&dut.vqs[0]);
		assert_serves(&dut.vqs[1]);
		ck_assert_int_eq(drv_device_stop(&dut), 0);
	}
}
END_TEST

/* ---- B10: the MSI-X table and its pending bits ---- */

START_TEST(hostile_b10__table_in_odd_widths)
{
	const uint32_t sizes[] = { 1, 2, 4, 8 };

	rig_start_way(_i);
	for (uint64_t off = 0; off < N_VECTORS * ENTRY_BYTES; off++) {
		for (size_t i = 0; i < COUNT(sizes); i++) {
			uint64_t before = bar_get(MSIX_BAR, off & ~7u, 8);

			if (sizes[i] >= 4 && off % sizes[i] == 0)
				continue;
			ck_assert_uint_eq(bar_get(MSIX_BAR, off, sizes[i]),
					  ones(sizes[i]));
			bar_set(MSIX_BAR, off, sizes[i], UINT64_MAX);
			ck_assert_uint_eq(bar_get(MSIX_BAR, off & ~7u, 8),
					  before);
		}
	}
	assert_serves(vq);
	ck_assert_uint_eq(drv_vq_irqs(vq), 1);
}
END_TEST

START_TEST(hostile_b10__table_beyond_its_last_entry)
{
	uint64_t end;

	rig_start_way(_i);
	end = dut.pci.bars[MSIX_BAR].size;
	for (uint64_t off = N_VECTORS * ENTRY_BYTES; off + 8 <= end; off += 8) {
		bar_set(MSIX_BAR, off, 8, UINT64_MAX);
		bar_set(MSIX_BAR, off, 4, UINT32_MAX);
		ck_assert_uint_eq(bar_get(MSIX_BAR, off, 8), 0);
		ck_assert_uint_eq(bar_get(MSIX_BAR, off + 4, 4), 0);
	}
	assert_serves(vq);
	ck_assert_uint_eq(drv_vq_irqs(vq), 1);
	ck_assert_uint_eq(drv_bus_irqs_total(bus), 1);
}
END_TEST

START_TEST(hostile_b10__pending_bits_are_not_the_drivers)
{
	bool pending = true;

	rig_start_way(_i);
	for (uint32_t v = 0; v < N_VECTORS; v++)
		ck_assert_int_eq(drv_pci_msix_mask(&dut.pci, v, true), 0);
	bar_set(MSIX_BAR, dut.pci.msix.pba_off, 8, UINT64_MAX);
	for (uint32_t v = 0; v < N_VECTORS; v++) {
		ck_assert_int_eq(drv_pci_msix_pending(&dut.pci, v, &pending),
				 0);
		ck_assert(!pending);
	}
	assert_serves(vq);
	ck_assert_int_eq(drv_pci_msix_pending(&dut.pci, 1, &pending), 0);
	ck_assert(pending);
	bar_set(MSIX_BAR, dut.pci.msix.pba_off, 8, 0);
	ck_assert_uint_eq(drv_vq_irqs(vq), 0);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(drv_pci_msix_mask(&dut.pci, 1, false), 0);
	ck_assert_uint_eq(drv_vq_irqs(vq), 1); /* and only once */
}
END_TEST

START_TEST(hostile_b10__vectors_of_a_device_without_msix)
{
	uint16_t got = 0;

	rig_start_way(_i);
	ck_assert_int_eq(drv_pci_msix_enable(&dut.pci, false), 0);
	assert_serves(vq);
	ck_assert_uint_eq(drv_bus_irqs(bus, DRV_IRQ_MSIX, 1), 0);
	ck_assert_int_eq(drv_pci_msix_enable(&dut.pci, true), 0);
	ck_assert_int_eq(drv_queue_select(&dut.vd, 0), 0);
	for (int i = 0; i < 3; i++) /* taken away more than once */
		ck_assert_int_eq(
			drv_queue_set_vector(&dut.vd, DRV_NO_VECTOR, &got), 0);
	ck_assert_uint_eq(got, DRV_NO_VECTOR);
	assert_serves(vq);
	ck_assert_uint_eq(drv_bus_irqs(bus, DRV_IRQ_MSIX, 1), 0);
}
END_TEST

/* More MSI vectors asked for than there are; the reserved encodings, too. */
START_TEST(hostile_b10__msi_with_more_vectors_than_offered)
{
	struct drv_device_opts opts = { .irq = DRV_IRQ_MSI,
					.face = DRV_MODERN };

	rig_plug(NULL);
	ck_assert_int_eq(drv_device_start(&dut, &opts), 0);
	vq = &dut.vqs[0];
	for (uint32_t n = 0; n < 8; n++) {
		ck_assert_int_eq(drv_bus_cfg_write(bus, dut.pci.msi_off + 2u, 2,
						   1 | n << 4),
				 0);
		assert_serves(vq);
		ck_assert_uint_eq(drv_bus_irqs(bus, DRV_IRQ_MSI, 0), n + 1);
	}
	ck_assert_uint_eq(drv_bus_irqs_total(bus), 8);
}
END_TEST

/* ---- B11: BARs that move, decoding that is switched ---- */

static const uint64_t moves[] = {
	0,
	LOW_GPA,
	FAR_GPA,
	0xfee00000,
	0xfffff000,
	0xffffffff,
	UINT64_C(0xffffffffffff0000),
	UINT64_MAX,
};

static void
move_bars(uint64_t to)
{
	for (int i = 0; i < DRV_N_BARS; i++)
		ck_assert_int_eq(
			drv_bus_cfg_write(bus, DRV_PCI_BAR(i), 4,
					  (uint32_t)(i == 5 ? to >> 32 : to)),
			0);
}

START_TEST(hostile_b11__bars_move_while_chains_are_in_flight)
{
	rig_start_way(_i % N_FACES);
	probe->mode = PROBE_HOLD;
	drv_split_raw_desc(&vq->ring, 8, IN_GPA, 1, 0, 0);
	ring_send(8);
	ck_assert_int_eq(probe_n_held(probe), 1);
	move_bars(moves[_i / N_FACES]);
	ck_assert_int_eq(drv_pci_command(&dut.pci, 0, CMD_IO | CMD_MEM), 0);
	ck_assert_int_eq(drv_pci_command(&dut.pci, CMD_IO | CMD_MEM, 0), 0);
	probe_release(probe);
	probe->mode = PROBE_COPY;
	ck_assert_uint_eq(used_take(vq).id, 8);
	assert_serves(vq);
	ck_assert_uint_eq(rig_status() & DRV_S_NEEDS_RESET, 0);
}
END_TEST

/* What a host is told about who decodes an address. */
START_TEST(hostile_b11__decoding_follows_bars_and_command)
{
	struct pci_vdev *dev;
	uint64_t offset = 0, base;
	int bar = -1;

	rig_plug(NULL);
	dev = drv_inproc_dev(bus);
	base = dut.pci.bars[MODERN_BAR].addr;
	ck_assert(vbs_pci_decode(dev, false, base + 0x14, &bar, &offset));
	ck_assert_int_eq(bar, MODERN_BAR);
	ck_assert_uint_eq(offset, 0x14);
	ck_assert(!vbs_pci_decode(dev, true, base, &bar, &offset));
	ck_assert(!vbs_pci_decode(dev, false, base - 1, &bar, &offset));
	ck_assert(!vbs_pci_decode(dev, false,
				  base + dut.pci.bars[MODERN_BAR].size, &bar,
				  &offset));
	ck_assert_int_eq(drv_pci_command(&dut.pci, 0, CMD_MEM), 0);
	ck_assert(!vbs_pci_decode(dev, false, base, &bar, &offset));
	ck_assert_int_eq(drv_pci_command(&dut.pci, CMD_MEM, CMD_IO), 0);
	ck_assert(!vbs_pci_decode(dev, true, dut.pci.bars[0].addr, &bar,
				  &offset));
	move_bars(UINT64_MAX);
	ck_assert(!vbs_pci_decode(dev, false, base, &bar, &offset));
	ck_assert(vbs_pci_decode(dev, false, UINT64_MAX, &bar, &offset));
	ck_assert_int_eq(bar, MODERN_BAR);
	ck_assert_uint_eq(offset, dut.pci.bars[MODERN_BAR].size - 1);
	move_bars(0);
	ck_assert(!vbs_pci_decode(dev, false, 0, &bar, &offset));
}
END_TEST

START_TEST(hostile_b11__function_that_may_not_use_memory_does_not)
{
	rig_plug(NULL);
	rig_start(DRV_MODERN, 0);
	drv_split_raw_desc(&vq->ring, 0, OUT_GPA, 1, DRV_DESC_WRITE, 0);
	for (int i = 0; i < 20; i++) {
		ck_assert_int_eq(drv_pci_command(&dut.pci, 0, CMD_MASTER), 0);
		ring_send(0);
		assert_quiet();
		ck_assert_int_eq(drv_pci_command(&dut.pci, CMD_MASTER, 0), 0);
		ck_assert_uint_eq(used_take(vq).id, 0);
	}
}
END_TEST

START_TEST(hostile_b11__bus_mastering_off_brings_chains_back_first)
{
	uint16_t used;

	rig_plug(NULL);
	rig_start(DRV_MODERN, 0);
	probe->mode = PROBE_HOLD;
	drv_split_raw_desc(&vq->ring, 0, OUT_GPA, 1, DRV_DESC_WRITE, 0);
	ring_send(0);
	ck_assert_int_eq(probe_n_held(probe), 1);
	ck_assert_int_eq(drv_pci_command(&dut.pci, 0, CMD_MASTER), 0);
	ck_assert_int_eq(probe_n_held(probe), 0);
	used = drv_split_raw_get_used_idx(&vq->ring);
	ck_assert_uint_eq(used, 1);
	probe->mode = PROBE_COPY;
	ring_kick();
	ck_assert_uint_eq(drv_split_raw_get_used_idx(&vq->ring), used);
	ck_assert_int_eq(drv_pci_command(&dut.pci, CMD_MASTER, 0), 0);
	(void)used_take(vq);
	assert_serves(vq);
}
END_TEST

static void
add_config(TCase *tc)
{
	tcase_add_loop_test(
		tc, hostile_b8__configuration_read_at_every_offset_and_width, 0,
		N_FACES);
	tcase_add_loop_test(
		tc, hostile_b8__configuration_written_at_every_offset_and_width,
		0, N_FACES);
	tcase_add_loop_test(tc,
			    hostile_b8__window_with_any_bar_offset_and_length,
			    0, N_FACES);
	tcase_add_loop_test(tc,
			    hostile_b8__window_aimed_at_registers_that_exist, 0,
			    N_FACES);
	tcase_add_test(tc, hostile_b9__configuration_space_in_odd_widths);
	tcase_add_loop_test(tc, hostile_b9__configuration_space_overwritten, 0,
			    3);
	tcase_add_test(tc,
		       hostile_b9__bar_read_beyond_its_end_and_in_odd_widths);
	tcase_add_loop_test(
		tc, hostile_b9__register_in_another_width_is_not_written, 0,
		N_FACES);
	tcase_add_loop_test(
		tc, hostile_b9__any_access_leaves_a_device_that_resets, 0, 4);
}

static void
add_vectors(TCase *tc)
{
	tcase_add_loop_test(tc, hostile_b10__table_in_odd_widths, 0, N_FACES);
	tcase_add_loop_test(tc, hostile_b10__table_beyond_its_last_entry, 0,
			    N_FACES);
	tcase_add_loop_test(tc, hostile_b10__pending_bits_are_not_the_drivers,
			    0, N_FACES);
	tcase_add_loop_test(tc, hostile_b10__vectors_of_a_device_without_msix,
			    0, N_FACES);
	tcase_add_test(tc, hostile_b10__msi_with_more_vectors_than_offered);
	tcase_add_loop_test(tc,
			    hostile_b11__bars_move_while_chains_are_in_flight,
			    0, N_FACES * (int)COUNT(moves));
	tcase_add_test(tc, hostile_b11__decoding_follows_bars_and_command);
	tcase_add_test(tc,
		       hostile_b11__function_that_may_not_use_memory_does_not);
	tcase_add_test(tc,
		       hostile_b11__bus_mastering_off_brings_chains_back_first);
}

int
main(void)
{
	Suite *s = suite_create("registers");
	TCase *tc = tcase_create("registers");

	tcase_set_timeout(tc, 120);
	tcase_add_checked_fixture(tc, rig_setup, rig_teardown);
	add_config(tc);
	add_vectors(tc);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
