// SPDX-License-Identifier: BSD-3-Clause
/* MSI: messages, the vectors that the guest has granted, masks, pending bits.
 */
#include <check.h>
#include <errno.h>

#include "suite.h"
#include "unit/host-rig.h"

/* The capability is the first one. */
#define FLAGS   0x42
#define ADDR    0x44
#define DATA    0x4c
#define MASK    0x50
#define PENDING 0x54

#define ENABLE    PCI_MSI_FLAGS_ENABLE
#define GRANT(n2) ((uint32_t)(n2) << 4) /* 2^n2 vectors */

static struct host_rig rig;
static int n_vectors;

static int
msi_init(struct vmctx *ctx, struct pci_vdev *dev, char *opts)
{
	(void)ctx;
	(void)opts;
	return pci_emul_add_msicap(dev, n_vectors);
}

static const struct pci_vdev_ops with_msi = {
	.class_name = "msi",
	.vdev_init = msi_init,
};

static void
plug(int vectors)
{
	n_vectors = vectors;
	host_open(&rig, 0);
	host_plug(&rig, &with_msi);
	cfg_write(&rig, ADDR, 4, 0xfee01003);
	cfg_write(&rig, ADDR + 4, 4, 0x12);
	cfg_write(&rig, DATA, 2, 0x40f7);
}

static void
setup(void)
{
	plug(4);
}

static void
teardown(void)
{
	host_close(&rig);
}

static void
replug(int vectors)
{
	host_close(&rig);
	plug(vectors);
}

START_TEST(msi_add_bad_count_is_einval)
{
	static const struct pci_vdev_ops bare = { .class_name = "bare" };
	static const int bad[] = { -1, 0, 3, 5, 31, 33, 64 };

	host_close(&rig);
	host_open(&rig, 0);
	host_plug(&rig, &bare);
	ck_assert_int_eq(pci_msi_count(rig.dev), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_int_eq(pci_emul_add_msicap(rig.dev, bad[i]), -EINVAL);
	ck_assert_int_eq(pci_emul_add_msicap(rig.dev, 32), 0);
	ck_assert_int_eq(pci_emul_add_msicap(rig.dev, 1), -EINVAL);
	ck_assert_int_eq(pci_msi_count(rig.dev), 32);
	ck_assert_uint_eq(cfg_read(&rig, FLAGS, 2),
			  PCI_MSI_FLAGS_64BIT | PCI_MSI_FLAGS_MASKBIT | 5 << 1);
}
END_TEST

START_TEST(msi_registers_keep_what_they_may)
{
	ck_assert_uint_eq(cfg_read(&rig, ADDR, 4), 0xfee01000);
	ck_assert_uint_eq(cfg_read(&rig, ADDR + 4, 4), 0x12);
	ck_assert_uint_eq(cfg_read(&rig, DATA, 2), 0x40f7);
	cfg_write(&rig, FLAGS, 2, 0xffff);
	ck_assert_uint_eq(cfg_read(&rig, FLAGS, 2), 0x1f5);
	cfg_write(&rig, MASK, 4, UINT32_MAX);
	ck_assert_uint_eq(cfg_read(&rig, MASK, 4), 0xf);
	cfg_write(&rig, PENDING, 4, UINT32_MAX);
	ck_assert_uint_eq(cfg_read(&rig, PENDING, 4), 0);
}
END_TEST

START_TEST(msi_disabled_is_silent)
{
	ck_assert(!pci_msi_enabled(rig.dev));
	pci_generate_msi(rig.dev, 0);
	cfg_write(&rig, FLAGS, 2, ENABLE);
	ck_assert(pci_msi_enabled(rig.dev));
	ck_assert_int_eq(rig.n_msgs, 0);
}
END_TEST

START_TEST(msi_message_has_address_and_data)
{
	replug(1);
	cfg_write(&rig, FLAGS, 2, ENABLE);
	pci_generate_msi(rig.dev, 0);
	ck_assert_int_eq(rig.n_msgs, 1);
	ck_assert_int_eq(rig.type, VBS_MSI);
	ck_assert_int_eq(rig.index, 0);
	ck_assert_uint_eq(rig.addr, UINT64_C(0x12fee01000));
	ck_assert_uint_eq(rig.data, 0x40f7);
}
END_TEST

START_TEST(msi_vector_is_in_the_low_bits_of_the_data)
{
	cfg_write(&rig, FLAGS, 2, ENABLE | GRANT(2));
	for (int i = 0; i < 4; i++) {
		pci_generate_msi(rig.dev, i);
		ck_assert_uint_eq(rig.data, 0x40f4u + (unsigned int)i);
	}
	cfg_write(&rig, FLAGS, 2, ENABLE | GRANT(1));
	pci_generate_msi(rig.dev, 1);
	ck_assert_uint_eq(rig.data, 0x40f7);
	pci_generate_msi(rig.dev, 0);
	ck_assert_uint_eq(rig.data, 0x40f6);
}
END_TEST

START_TEST(msi_vector_that_was_not_granted_is_silent)
{
	static const int bad[] = { -1, 2, 3, 4, 32, 1 << 20 };

	cfg_write(&rig, FLAGS, 2, ENABLE | GRANT(1));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		pci_generate_msi(rig.dev, bad[i]);
	ck_assert_int_eq(rig.n_msgs, 0);
	/* More than there are: those that there are. */
	cfg_write(&rig, FLAGS, 2, ENABLE | GRANT(7));
	pci_generate_msi(rig.dev, 3);
	pci_generate_msi(rig.dev, 4);
	ck_assert_int_eq(rig.n_msgs, 1);
}
END_TEST

START_TEST(msi_masked_vector_is_pending_until_unmasked)
{
	cfg_write(&rig, FLAGS, 2, ENABLE | GRANT(2));
	cfg_write(&rig, MASK, 4, 0x5);
	pci_generate_msi(rig.dev, 2);
	pci_generate_msi(rig.dev, 2);
	pci_generate_msi(rig.dev, 1);
	ck_assert_int_eq(rig.n_msgs, 1);
	ck_assert_uint_eq(cfg_read(&rig, PENDING, 4), 0x4);
	cfg_write(&rig, MASK, 4, 0x4);
	ck_assert_int_eq(rig.n_msgs, 1);
	cfg_write(&rig, MASK, 4, 0);
	ck_assert_int_eq(rig.n_by_index[2], 1);
	ck_assert_uint_eq(cfg_read(&rig, PENDING, 4), 0);
	cfg_write(&rig, MASK, 4, 0);
	ck_assert_int_eq(rig.n_msgs, 2);
}
END_TEST

START_TEST(msi_pending_waits_for_enable_too)
{
	cfg_write(&rig, FLAGS, 2, ENABLE);
	cfg_write(&rig, MASK, 4, 1);
	pci_generate_msi(rig.dev, 0);
	cfg_write(&rig, FLAGS, 2, 0);
	cfg_write(&rig, MASK, 4, 0);
	ck_assert_int_eq(rig.n_msgs, 0);
	cfg_write(&rig, FLAGS, 2, ENABLE);
	ck_assert_int_eq(rig.n_msgs, 1);
}
END_TEST

START_TEST(msi_reset_disables_and_clears)
{
	cfg_write(&rig, FLAGS, 2, ENABLE);
	cfg_write(&rig, MASK, 4, 1);
	pci_generate_msi(rig.dev, 0);
	vbs_pci_reset(rig.dev);
	ck_assert(!pci_msi_enabled(rig.dev));
	ck_assert_uint_eq(cfg_read(&rig, PENDING, 4), 0);
	ck_assert_uint_eq(cfg_read(&rig, MASK, 4), 0);
	ck_assert_uint_eq(cfg_read(&rig, ADDR, 4), 0);
	cfg_write(&rig, FLAGS, 2, ENABLE);
	ck_assert_int_eq(rig.n_msgs, 0);
}
END_TEST

START_TEST(msi_yields_to_msix)
{
	int cap = -1;

	ck_assert_int_eq(pci_emul_add_msixcap(rig.dev, 1, 0), 0);
	ck_assert_int_eq(
		pci_emul_find_capability(rig.dev, PCI_CAP_ID_MSIX, &cap), 0);
	cfg_write(&rig, FLAGS, 2, ENABLE);
	cfg_write(&rig, cap + PCI_MSIX_FLAGS, 2, PCI_MSIX_FLAGS_ENABLE);
	ck_assert(!pci_msi_enabled(rig.dev));
	pci_generate_msi(rig.dev, 0);
	ck_assert_int_eq(rig.n_msgs, 0);
	cfg_write(&rig, cap + PCI_MSIX_FLAGS, 2, 0);
	ck_assert(pci_msi_enabled(rig.dev));
}
END_TEST

static Suite *
msi_suite(void)
{
	Suite *s = suite_create("pci/msi");
	TCase *tc = tcase_create("msi");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, msi_add_bad_count_is_einval);
	tcase_add_test(tc, msi_registers_keep_what_they_may);
	tcase_add_test(tc, msi_disabled_is_silent);
	tcase_add_test(tc, msi_message_has_address_and_data);
	tcase_add_test(tc, msi_vector_is_in_the_low_bits_of_the_data);
	tcase_add_test(tc, msi_vector_that_was_not_granted_is_silent);
	tcase_add_test(tc, msi_masked_vector_is_pending_until_unmasked);
	tcase_add_test(tc, msi_pending_waits_for_enable_too);
	tcase_add_test(tc, msi_reset_disables_and_clears);
	tcase_add_test(tc, msi_yields_to_msix);
	suite_add_tcase(s, tc);
	return s;
}

int
main(void)
{
	return suite_run(msi_suite());
}
