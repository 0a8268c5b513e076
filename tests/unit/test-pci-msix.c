// SPDX-License-Identifier: BSD-3-Clause
/* MSI-X: the table, masks of vector and function, the pending bit array. */
#include <check.h>
#include <errno.h>

#include "suite.h"
#include "unit/host-rig.h"

/* The capability is the first one, its BAR is number 1. */
#define FLAGS 0x42
#define TABLE 0x44
#define PBA   0x48
#define BAR   1

#define ENABLE  PCI_MSIX_FLAGS_ENABLE
#define MASKALL PCI_MSIX_FLAGS_MASKALL

static struct host_rig rig;
static int n_vectors;

static int
msix_init(struct vmctx *ctx, struct pci_vdev *dev, char *opts)
{
	(void)ctx;
	(void)opts;
	return pci_emul_add_msixcap(dev, n_vectors, BAR);
}

static const struct pci_vdev_ops with_msix = {
	.class_name = "msix",
	.vdev_init = msix_init,
};

static void
plug(int vectors, uint32_t host_flags)
{
	n_vectors = vectors;
	host_open(&rig, host_flags);
	host_plug(&rig, &with_msix);
}

static void
replug(int vectors, uint32_t host_flags)
{
	host_close(&rig);
	plug(vectors, host_flags);
}

static void
setup(void)
{
	plug(70, 0);
}

static void
teardown(void)
{
	host_close(&rig);
}

static uint64_t
bar_read(uint64_t offset, int size)
{
	return vbs_pci_barread(rig.dev, BAR, offset, size);
}

static void
bar_write(uint64_t offset, int size, uint64_t val)
{
	vbs_pci_barwrite(rig.dev, BAR, offset, size, val);
}

/* A message of its own for a vector, not masked. */
static void
unmask(int i)
{
	bar_write((uint64_t)i * 16, 4, 0xfee00000u + ((uint32_t)i << 4));
	bar_write((uint64_t)i * 16 + 4, 4, 0x7);
	bar_write((uint64_t)i * 16 + 8, 4, 0x4000u + (uint32_t)i);
	bar_write((uint64_t)i * 16 + 12, 4, 0);
}

static void
mask(int i, bool on)
{
	bar_write((uint64_t)i * 16 + 12, 4, on);
}

static bool
is_pending(int i)
{
	uint64_t pba = cfg_read(&rig, PBA, 4) & ~UINT32_C(7);
	uint64_t word = bar_read(pba + (uint64_t)i / 32 * 4, 4);

	return word >> (i % 32) & 1;
}

START_TEST(msix_add_bad_count_is_einval)
{
	static const struct pci_vdev_ops bare = { .class_name = "bare" };

	host_close(&rig);
	host_open(&rig, 0);
	host_plug(&rig, &bare);
	ck_assert_int_eq(pci_msix_table_count(rig.dev), 0);
	ck_assert_int_eq(pci_emul_add_msixcap(rig.dev, 0, BAR), -EINVAL);
	ck_assert_int_eq(pci_emul_add_msixcap(rig.dev, -1, BAR), -EINVAL);
	ck_assert_int_eq(pci_emul_add_msixcap(rig.dev, 2049, BAR), -EINVAL);
	ck_assert_int_eq(pci_emul_add_msixcap(rig.dev, 1, 6), -EINVAL);
	ck_assert_int_eq(pci_emul_add_msixcap(rig.dev, 2048, BAR), 0);
	ck_assert_int_eq(pci_emul_add_msixcap(rig.dev, 1, 2), -EINVAL);
}
END_TEST

START_TEST(msix_capability_describes_table_and_pending_bits)
{
	static const int counts[] = { 1, 2, 64, 65, 128, 129, 2048 };
	uint32_t table, pba;

	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		uint32_t n = (uint32_t)counts[i];

		replug(counts[i], 0);
		ck_assert_uint_eq(cfg_read(&rig, FLAGS, 2), n - 1);
		table = cfg_read(&rig, TABLE, 4);
		pba = cfg_read(&rig, PBA, 4);
		ck_assert_uint_eq(table, BAR);
		ck_assert_uint_eq(pba & 7, BAR);
		ck_assert_uint_ge(pba & ~UINT32_C(7), n * 16);
		ck_assert_uint_ge(rig.dev->bar[BAR].size,
				  (pba & ~UINT32_C(7)) + (n + 63) / 64 * 8);
		ck_assert_int_eq(pci_msix_table_count(rig.dev), counts[i]);
	}
}
END_TEST

START_TEST(msix_table_starts_masked)
{
	for (int i = 0; i < 70; i++) {
		ck_assert_uint_eq(bar_read((uint64_t)i * 16, 8), 0);
		ck_assert_uint_eq(bar_read((uint64_t)i * 16 + 12, 4), 1);
	}
}
END_TEST

START_TEST(msix_table_takes_dwords_and_qwords)
{
	bar_write(16, 8, UINT64_C(0x1122334455667788));
	ck_assert_uint_eq(bar_read(16, 4), 0x55667788);
	ck_assert_uint_eq(bar_read(20, 4), 0x11223344);
	bar_write(24, 8, UINT64_C(0xffffffffcafe));
	ck_assert_uint_eq(bar_read(24, 4), 0xffffcafe);
	/* Only the mask bit of the control word exists. */
	ck_assert_uint_eq(bar_read(28, 4), 1);
}
END_TEST

START_TEST(msix_table_other_accesses_do_nothing)
{
	static const struct {
		uint64_t offset;
		int size;
	} bad[] = { { 16, 1 }, { 16, 2 }, { 18, 4 }, { 20, 8 }, { 17, 4 } };

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		uint64_t ones = bad[i].size == 8
					? UINT64_MAX
					: (UINT64_C(1) << bad[i].size * 8) - 1;

		bar_write(bad[i].offset, bad[i].size, UINT64_MAX);
		ck_assert_uint_eq(bar_read(bad[i].offset, bad[i].size), ones);
	}
	ck_assert_uint_eq(bar_read(16, 8), 0);
	ck_assert_uint_eq(bar_read(24, 8), UINT64_C(1) << 32);
}
END_TEST

START_TEST(msix_gaps_read_0_and_pending_bits_are_read_only)
{
	uint64_t pba = cfg_read(&rig, PBA, 4) & ~UINT32_C(7);

	bar_write(70 * 16, 4, UINT32_MAX);
	ck_assert_uint_eq(bar_read(70 * 16, 4), 0);
	bar_write(pba, 8, UINT64_MAX);
	ck_assert_uint_eq(bar_read(pba, 8), 0);
	bar_write(pba + 16, 8, UINT64_MAX);
	ck_assert_uint_eq(bar_read(pba + 16, 8), 0);
}
END_TEST

START_TEST(msix_disabled_is_silent)
{
	unmask(0);
	ck_assert(!pci_msix_enabled(rig.dev));
	pci_generate_msix(rig.dev, 0);
	cfg_write(&rig, FLAGS, 2, ENABLE);
	ck_assert(pci_msix_enabled(rig.dev));
	ck_assert_int_eq(rig.n_msgs, 0);
}
END_TEST

START_TEST(msix_message_is_the_entry)
{
	unmask(69);
	cfg_write(&rig, FLAGS, 2, ENABLE);
	pci_generate_msix(rig.dev, 69);
	ck_assert_int_eq(rig.n_msgs, 1);
	ck_assert_int_eq(rig.type, VBS_MSIX);
	ck_assert_int_eq(rig.index, 69);
	ck_assert_uint_eq(rig.addr, UINT64_C(0x7fee00450));
	ck_assert_uint_eq(rig.data, 0x4045);
	ck_assert(!is_pending(69));
}
END_TEST

START_TEST(msix_vector_that_does_not_exist_is_silent)
{
	static const int bad[] = { -1, 70, 71, 2047, 2048, 0xffff, 1 << 30 };

	cfg_write(&rig, FLAGS, 2, ENABLE);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		pci_generate_msix(rig.dev, bad[i]);
	ck_assert_int_eq(rig.n_msgs, 0);
	for (int i = 0; i < 70; i++)
		ck_assert(!is_pending(i));
}
END_TEST

START_TEST(msix_masked_vector_is_pending_until_unmasked)
{
	static const int vectors[] = { 0, 31, 32, 63, 64, 69 };
	int v = vectors[_i];

	for (int i = 0; i < 70; i++)
		unmask(i);
	mask(v, true);
	cfg_write(&rig, FLAGS, 2, ENABLE);
	pci_generate_msix(rig.dev, v);
	pci_generate_msix(rig.dev, v);
	ck_assert_int_eq(rig.n_msgs, 0);
	for (int i = 0; i < 70; i++)
		ck_assert_int_eq(is_pending(i), i == v);
	mask(v, false);
	ck_assert_int_eq(rig.n_msgs, 1);
	ck_assert_int_eq(rig.index, v);
	ck_assert(!is_pending(v));
	mask(v, false);
	ck_assert_int_eq(rig.n_msgs, 1);
}
END_TEST

START_TEST(msix_unmask_sends_what_the_entry_says_by_then)
{
	cfg_write(&rig, FLAGS, 2, ENABLE);
	pci_generate_msix(rig.dev, 1);
	unmask(1); /* address and data first, then the control word */
	ck_assert_int_eq(rig.n_msgs, 1);
	ck_assert_uint_eq(rig.data, 0x4001);
}
END_TEST

START_TEST(msix_function_mask_holds_every_vector)
{
	for (int i = 0; i < 70; i++)
		unmask(i);
	cfg_write(&rig, FLAGS, 2, ENABLE | MASKALL);
	pci_generate_msix(rig.dev, 3);
	pci_generate_msix(rig.dev, 65);
	mask(3, false);
	ck_assert_int_eq(rig.n_msgs, 0);
	ck_assert(is_pending(3) && is_pending(65) && !is_pending(4));
	mask(65, true);
	cfg_write(&rig, FLAGS, 2, ENABLE);
	ck_assert_int_eq(rig.n_msgs, 1);
	ck_assert_int_eq(rig.index, 3);
	ck_assert(is_pending(65));
	mask(65, false);
	ck_assert_int_eq(rig.index, 65);
}
END_TEST

START_TEST(msix_pending_waits_for_enable_too)
{
	unmask(0);
	cfg_write(&rig, FLAGS, 2, ENABLE | MASKALL);
	pci_generate_msix(rig.dev, 0);
	cfg_write(&rig, FLAGS, 2, 0);
	ck_assert_int_eq(rig.n_msgs, 0);
	cfg_write(&rig, FLAGS, 2, ENABLE);
	ck_assert_int_eq(rig.n_msgs, 1);
}
END_TEST

START_TEST(msix_last_of_2048_vectors)
{
	replug(2048, 0);
	cfg_write(&rig, FLAGS, 2, ENABLE);
	pci_generate_msix(rig.dev, 2047);
	ck_assert(is_pending(2047));
	ck_assert(!is_pending(2046));
	unmask(2047);
	ck_assert_int_eq(rig.n_by_index[2047], 1);
}
END_TEST

START_TEST(msix_host_that_masks_gets_every_message)
{
	replug(2, VBS_VM_HOST_MASKS_MSIX);
	cfg_write(&rig, FLAGS, 2, ENABLE | MASKALL);
	pci_generate_msix(rig.dev, 1);
	ck_assert_int_eq(rig.n_by_index[1], 1);
	ck_assert(!is_pending(1));
	cfg_write(&rig, FLAGS, 2, 0);
	pci_generate_msix(rig.dev, 1);
	ck_assert_int_eq(rig.n_msgs, 1);
}
END_TEST

START_TEST(msix_reset_masks_disables_and_clears)
{
	unmask(0);
	cfg_write(&rig, FLAGS, 2, ENABLE);
	pci_generate_msix(rig.dev, 1);
	vbs_pci_reset(rig.dev);
	ck_assert(!pci_msix_enabled(rig.dev));
	ck_assert(!is_pending(1));
	ck_assert_uint_eq(bar_read(0, 8), 0);
	ck_assert_uint_eq(bar_read(12, 4), 1);
	ck_assert_uint_eq(cfg_read(&rig, FLAGS, 2), 69);
	cfg_write(&rig, FLAGS, 2, ENABLE);
	unmask(1);
	ck_assert_int_eq(rig.n_msgs, 0);
}
END_TEST

START_TEST(msix_control_written_as_part_of_a_dword)
{
	cfg_write(&rig, 0x40, 4, (uint32_t)ENABLE << 16);
	ck_assert(pci_msix_enabled(rig.dev));
	cfg_write(&rig, FLAGS + 1, 1, 0);
	ck_assert(!pci_msix_enabled(rig.dev));
	ck_assert_uint_eq(cfg_read(&rig, FLAGS, 2), 69);
}
END_TEST

static Suite *
msix_suite(void)
{
	Suite *s = suite_create("pci/msix");
	TCase *tc = tcase_create("msix");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, msix_add_bad_count_is_einval);
	tcase_add_test(tc, msix_capability_describes_table_and_pending_bits);
	tcase_add_test(tc, msix_table_starts_masked);
	tcase_add_test(tc, msix_table_takes_dwords_and_qwords);
	tcase_add_test(tc, msix_table_other_accesses_do_nothing);
	tcase_add_test(tc, msix_gaps_read_0_and_pending_bits_are_read_only);
	tcase_add_test(tc, msix_disabled_is_silent);
	tcase_add_test(tc, msix_message_is_the_entry);
	tcase_add_test(tc, msix_vector_that_does_not_exist_is_silent);
	tcase_add_loop_test(tc, msix_masked_vector_is_pending_until_unmasked, 0,
			    6);
	tcase_add_test(tc, msix_unmask_sends_what_the_entry_says_by_then);
	tcase_add_test(tc, msix_function_mask_holds_every_vector);
	tcase_add_test(tc, msix_pending_waits_for_enable_too);
	tcase_add_test(tc, msix_last_of_2048_vectors);
	tcase_add_test(tc, msix_host_that_masks_gets_every_message);
	tcase_add_test(tc, msix_reset_masks_disables_and_clears);
	tcase_add_test(tc, msix_control_written_as_part_of_a_dword);
	suite_add_tcase(s, tc);
	return s;
}

int
main(void)
{
	return suite_run(msix_suite());
}
