// SPDX-License-Identifier: BSD-3-Clause
/* Base address registers: sizing, decoding, and accesses at their ends. */
#include <check.h>
#include <errno.h>

#include "suite.h"
#include "unit/host-rig.h"

#define BAR(n) (PCI_BASE_ADDRESS_0 + 4 * (n))

static struct host_rig rig;

/* The latest access that reached the device. */
static struct {
	int n, bar, size;
	uint64_t offset, value;
} access;

static uint64_t
on_read(struct vmctx *ctx, int vcpu, struct pci_vdev *dev, int baridx,
	uint64_t offset, int size)
{
	(void)ctx;
	(void)vcpu;
	(void)dev;
	access.n++;
	access.bar = baridx;
	access.offset = offset;
	access.size = size;
	return UINT64_C(0x1122334455667788);
}

static void
on_write(struct vmctx *ctx, int vcpu, struct pci_vdev *dev, int baridx,
	 uint64_t offset, int size, uint64_t value)
{
	(void)on_read(ctx, vcpu, dev, baridx, offset, size);
	access.value = value;
}

/* I/O of 64 bytes, 32-bit memory of 4 KiB, 64-bit memory of 16 KiB. */
static int
bars_init(struct vmctx *ctx, struct pci_vdev *dev, char *opts)
{
	(void)ctx;
	(void)opts;
	ck_assert_int_eq(pci_emul_alloc_bar(dev, 0, PCIBAR_IO, 44), 0);
	ck_assert_int_eq(pci_emul_alloc_bar(dev, 1, PCIBAR_MEM32, 4096), 0);
	ck_assert_int_eq(pci_emul_alloc_bar(dev, 4, PCIBAR_MEM64, 0x3001), 0);
	return 0;
}

static const struct pci_vdev_ops bars = {
	.class_name = "bars",
	.vdev_init = bars_init,
	.vdev_barread = on_read,
	.vdev_barwrite = on_write,
};

static const struct pci_vdev_ops bare = { .class_name = "bare" };

static void
setup(void)
{
	access.n = 0;
	host_open(&rig, 0);
	host_plug(&rig, &bars);
}

static void
teardown(void)
{
	host_close(&rig);
}

static void
replug(const struct pci_vdev_ops *ops)
{
	host_close(&rig);
	host_open(&rig, 0);
	host_plug(&rig, ops);
}

/* ---- made ---- */

START_TEST(alloc_bad_bar_is_einval)
{
	replug(&bare);
	ck_assert_int_eq(pci_emul_alloc_bar(rig.dev, -1, PCIBAR_IO, 4),
			 -EINVAL);
	ck_assert_int_eq(pci_emul_alloc_bar(rig.dev, 6, PCIBAR_IO, 4), -EINVAL);
	ck_assert_int_eq(pci_emul_alloc_bar(rig.dev, 5, PCIBAR_MEM64, 16),
			 -EINVAL);
	ck_assert_int_eq(pci_emul_alloc_bar(rig.dev, 0, PCIBAR_NONE, 16),
			 -EINVAL);
	ck_assert_int_eq(pci_emul_alloc_bar(rig.dev, 0, PCIBAR_MEMHI64, 16),
			 -EINVAL);
	ck_assert_int_eq(pci_emul_alloc_bar(rig.dev, 0, PCIBAR_MEM32, 0),
			 -EINVAL);
	ck_assert_int_eq(pci_emul_alloc_bar(rig.dev, 0, PCIBAR_IO, 257),
			 -EINVAL);
	ck_assert_int_eq(pci_emul_alloc_bar(rig.dev, 0, PCIBAR_MEM32,
					    (UINT64_C(1) << 31) + 1),
			 -EINVAL);
	ck_assert_int_eq(
		pci_emul_alloc_bar(rig.dev, 0, PCIBAR_MEM32, UINT64_MAX),
		-EINVAL);
}
END_TEST

START_TEST(alloc_taken_bar_is_einval)
{
	ck_assert_int_eq(pci_emul_alloc_bar(rig.dev, 0, PCIBAR_MEM32, 16),
			 -EINVAL);
	ck_assert_int_eq(pci_emul_alloc_bar(rig.dev, 5, PCIBAR_MEM32, 16),
			 -EINVAL);
	ck_assert_int_eq(pci_emul_alloc_bar(rig.dev, 3, PCIBAR_MEM64, 16),
			 -EINVAL);
	ck_assert_int_eq(pci_emul_alloc_bar(rig.dev, 2, PCIBAR_MEM64, 16), 0);
}
END_TEST

START_TEST(alloc_rounds_sizes_up)
{
	replug(&bare);
	ck_assert_int_eq(pci_emul_alloc_bar(rig.dev, 0, PCIBAR_IO, 1), 0);
	ck_assert_int_eq(pci_emul_alloc_bar(rig.dev, 1, PCIBAR_MEM32, 1), 0);
	ck_assert_int_eq(pci_emul_alloc_bar(rig.dev, 2, PCIBAR_IO, 256), 0);
	ck_assert_int_eq(
		pci_emul_alloc_bar(rig.dev, 3, PCIBAR_MEM32, UINT64_C(1) << 31),
		0);
	ck_assert_uint_eq(rig.dev->bar[0].size, 4);
	ck_assert_uint_eq(rig.dev->bar[1].size, 16);
	ck_assert_uint_eq(rig.dev->bar[2].size, 256);
	ck_assert_uint_eq(rig.dev->bar[3].size, UINT64_C(1) << 31);
}
END_TEST

/* ---- sized and placed by the guest ---- */

START_TEST(sizing_shows_size_and_type)
{
	static const uint32_t masks[6] = {
		0xffffffc1, 0xfffff000, 0, 0, 0xffffc004, 0xffffffff,
	};
	static const uint32_t types[6] = { 1, 0, 0, 0, 4, 0 };

	for (int i = 0; i < 6; i++) {
		cfg_write(&rig, BAR(i), 4, UINT32_MAX);
		ck_assert_uint_eq(cfg_read(&rig, BAR(i), 4), masks[i]);
		cfg_write(&rig, BAR(i), 4, 0);
		ck_assert_uint_eq(cfg_read(&rig, BAR(i), 4), types[i]);
	}
}
END_TEST

START_TEST(address_is_kept_from_both_halves)
{
	cfg_write(&rig, BAR(4), 4, 0x12345fff);
	cfg_write(&rig, BAR(5), 4, 0x80);
	ck_assert_uint_eq(rig.dev->bar[4].addr, UINT64_C(0x8012344000));
	cfg_write(&rig, BAR(0), 4, 0xc0ff);
	ck_assert_uint_eq(rig.dev->bar[0].addr, 0xc0c0);
	cfg_write(&rig, BAR(1), 2, 0xffff);
	cfg_write(&rig, BAR(1) + 2, 2, 0xfe00);
	ck_assert_uint_eq(rig.dev->bar[1].addr, 0xfe00f000);
}
END_TEST

static bool
decodes(bool io, uint64_t addr, int bar, uint64_t offset)
{
	int got_bar = -1;
	uint64_t got = UINT64_MAX;

	return vbs_pci_decode(rig.dev, io, addr, &got_bar, &got) &&
	       got_bar == bar && got == offset;
}

static bool
decodes_nothing(bool io, uint64_t addr)
{
	int bar = -7;
	uint64_t offset = 7;

	return !vbs_pci_decode(rig.dev, io, addr, &bar, &offset) && bar == -7 &&
	       offset == 7;
}

static void
place(void)
{
	cfg_write(&rig, BAR(0), 4, 0xc000);
	cfg_write(&rig, BAR(1), 4, 0xfe000000);
	cfg_write(&rig, BAR(4), 4, 0);
	cfg_write(&rig, BAR(5), 4, 8);
}

START_TEST(decode_covers_each_bar_to_its_last_byte)
{
	place();
	cfg_write(&rig, PCI_COMMAND, 2, PCI_COMMAND_IO | PCI_COMMAND_MEMORY);
	ck_assert(decodes(true, 0xc000, 0, 0));
	ck_assert(decodes(true, 0xc03f, 0, 0x3f));
	ck_assert(decodes_nothing(true, 0xc040));
	ck_assert(decodes_nothing(true, 0xbfff));
	ck_assert(decodes(false, 0xfe000fff, 1, 0xfff));
	ck_assert(decodes_nothing(false, 0xfe001000));
	ck_assert(decodes(false, UINT64_C(0x800003fff), 4, 0x3fff));
	ck_assert(decodes_nothing(false, UINT64_C(0x800004000)));
	ck_assert(decodes_nothing(true, 0xfe000000));
	ck_assert(decodes_nothing(false, 0xc000));
}
END_TEST

START_TEST(decode_needs_the_command_bits)
{
	place();
	ck_assert(decodes_nothing(true, 0xc000));
	ck_assert(decodes_nothing(false, 0xfe000000));
	cfg_write(&rig, PCI_COMMAND, 2, PCI_COMMAND_IO);
	ck_assert(decodes(true, 0xc000, 0, 0));
	ck_assert(decodes_nothing(false, 0xfe000000));
	cfg_write(&rig, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	ck_assert(decodes_nothing(true, 0xc000));
	ck_assert(decodes(false, 0xfe000000, 1, 0));
}
END_TEST

START_TEST(decode_follows_a_bar_that_moves)
{
	place();
	cfg_write(&rig, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	cfg_write(&rig, BAR(1), 4, 0xfd000000);
	ck_assert(decodes_nothing(false, 0xfe000000));
	ck_assert(decodes(false, 0xfd000010, 1, 0x10));
	vbs_pci_reset(rig.dev);
	cfg_write(&rig, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	ck_assert(decodes_nothing(false, 0xfd000010));
	ck_assert(decodes_nothing(false, 0x10)); /* 0: not placed */
}
END_TEST

/* ---- accesses ---- */

START_TEST(access_reaches_the_device_masked_to_its_width)
{
	static const int sizes[] = { 1, 2, 4, 8 };
	static const uint64_t ones[] = { 0xff, 0xffff, 0xffffffff, UINT64_MAX };

	for (int i = 0; i < 4; i++) {
		uint64_t last = (uint64_t)(0x4000 - sizes[i]);

		ck_assert_uint_eq(vbs_pci_barread(rig.dev, 4, last, sizes[i]),
				  UINT64_C(0x1122334455667788) & ones[i]);
		ck_assert_uint_eq(access.offset, last);
		ck_assert_int_eq(access.bar, 4);
		vbs_pci_barwrite(rig.dev, 4, last, sizes[i], UINT64_MAX);
		ck_assert_uint_eq(access.value, ones[i]);
	}
	ck_assert_int_eq(access.n, 8);
}
END_TEST

START_TEST(access_outside_reads_all_ones_and_does_nothing)
{
	static const struct {
		int bar, size;
		uint64_t offset;
	} bad[] = {
		{ 4, 4, 0x4000 },     { 4, 4, 0x3ffd },     { 4, 8, 0x3ff9 },
		{ 4, 1, UINT64_MAX }, { 4, 4, UINT64_MAX }, { 4, 3, 0 },
		{ 4, 0, 0 },          { 4, 16, 0 },         { 4, -1, 0 },
		{ 2, 4, 0 },          { 5, 4, 0 },          { -1, 4, 0 },
		{ 6, 4, 0 },
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		uint64_t val = vbs_pci_barread(rig.dev, bad[i].bar,
					       bad[i].offset, bad[i].size);

		ck_assert_uint_eq(val, UINT64_MAX);
		vbs_pci_barwrite(rig.dev, bad[i].bar, bad[i].offset,
				 bad[i].size, 1);
	}
	ck_assert_int_eq(access.n, 0);
}
END_TEST

START_TEST(access_without_callbacks_reads_all_ones)
{
	replug(&bare);
	ck_assert_int_eq(pci_emul_alloc_bar(rig.dev, 0, PCIBAR_MEM32, 16), 0);
	ck_assert_uint_eq(vbs_pci_barread(rig.dev, 0, 0, 2), 0xffff);
	vbs_pci_barwrite(rig.dev, 0, 0, 2, 0);
}
END_TEST

static Suite *
bar_suite(void)
{
	Suite *s = suite_create("pci/bar");
	TCase *tc = tcase_create("bar");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, alloc_bad_bar_is_einval);
	tcase_add_test(tc, alloc_taken_bar_is_einval);
	tcase_add_test(tc, alloc_rounds_sizes_up);
	tcase_add_test(tc, sizing_shows_size_and_type);
	tcase_add_test(tc, address_is_kept_from_both_halves);
	tcase_add_test(tc, decode_covers_each_bar_to_its_last_byte);
	tcase_add_test(tc, decode_needs_the_command_bits);
	tcase_add_test(tc, decode_follows_a_bar_that_moves);
	tcase_add_test(tc, access_reaches_the_device_masked_to_its_width);
	tcase_add_test(tc, access_outside_reads_all_ones_and_does_nothing);
	tcase_add_test(tc, access_without_callbacks_reads_all_ones);
	suite_add_tcase(s, tc);
	return s;
}

int
main(void)
{
	return suite_run(bar_suite());
}
