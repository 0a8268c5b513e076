// SPDX-License-Identifier: BSD-3-Clause
/* The INTx line: its level, the status bit, and what holds it down. */
#include <check.h>

#include "suite.h"
#include "unit/host-rig.h"

#define MSI_CAP  0x40
#define MSIX_CAP 0x58

static struct host_rig rig;

static int
pin_init(struct vmctx *ctx, struct pci_vdev *dev, char *opts)
{
	(void)ctx;
	(void)opts;
	pci_lintr_request(dev);
	ck_assert_int_eq(pci_emul_add_msicap(dev, 1), 0);
	ck_assert_int_eq(pci_emul_add_msixcap(dev, 2, 1), 0);
	return 0;
}

static const struct pci_vdev_ops with_pin = {
	.class_name = "pin",
	.vdev_init = pin_init,
};

static void
setup(void)
{
	host_open(&rig, 0);
	host_plug(&rig, &with_pin);
}

static void
teardown(void)
{
	host_close(&rig);
}

static bool
status_bit(void)
{
	return cfg_read(&rig, PCI_STATUS, 2) & PCI_STATUS_INTERRUPT;
}

START_TEST(intx_pin_is_inta)
{
	ck_assert_uint_eq(cfg_read(&rig, PCI_INTERRUPT_PIN, 1), 1);
}
END_TEST

START_TEST(intx_assert_raises_line_and_status)
{
	ck_assert(!status_bit());
	pci_lintr_assert(rig.dev);
	ck_assert(rig.level);
	ck_assert(status_bit());
	pci_lintr_deassert(rig.dev);
	ck_assert(!rig.level);
	ck_assert(!status_bit());
}
END_TEST

START_TEST(intx_same_level_twice_is_one_edge)
{
	pci_lintr_deassert(rig.dev);
	ck_assert_int_eq(rig.n_edges, 0);
	pci_lintr_assert(rig.dev);
	pci_lintr_assert(rig.dev);
	ck_assert_int_eq(rig.n_edges, 1);
	pci_lintr_deassert(rig.dev);
	pci_lintr_deassert(rig.dev);
	ck_assert_int_eq(rig.n_edges, 2);
}
END_TEST

START_TEST(intx_disabled_shows_in_status_only)
{
	cfg_write(&rig, PCI_COMMAND, 2, PCI_COMMAND_INTX_DISABLE);
	pci_lintr_assert(rig.dev);
	ck_assert(!rig.level);
	ck_assert(status_bit());
	cfg_write(&rig, PCI_COMMAND, 2, 0);
	ck_assert(rig.level);
	cfg_write(&rig, PCI_COMMAND + 1, 1, PCI_COMMAND_INTX_DISABLE >> 8);
	ck_assert(!rig.level);
	pci_lintr_deassert(rig.dev);
	cfg_write(&rig, PCI_COMMAND, 2, 0);
	ck_assert(!rig.level);
	ck_assert_int_eq(rig.n_edges, 2);
}
END_TEST

/* PCI 3.0, 6.8.1.3 and 6.8.2.3: not while messages are sent instead. */
START_TEST(intx_is_down_while_msi_or_msix_is_on)
{
	int flags = _i ? MSIX_CAP + PCI_MSIX_FLAGS : MSI_CAP + PCI_MSI_FLAGS;
	uint32_t on = _i ? PCI_MSIX_FLAGS_ENABLE : PCI_MSI_FLAGS_ENABLE;

	pci_lintr_assert(rig.dev);
	cfg_write(&rig, flags, 2, on);
	ck_assert(!rig.level);
	ck_assert(status_bit());
	pci_lintr_deassert(rig.dev);
	pci_lintr_assert(rig.dev);
	ck_assert(!rig.level);
	cfg_write(&rig, flags, 2, 0);
	ck_assert(rig.level);
}
END_TEST

START_TEST(intx_reset_lowers_the_line)
{
	pci_lintr_assert(rig.dev);
	vbs_pci_reset(rig.dev);
	ck_assert(!rig.level);
	ck_assert(!status_bit());
	cfg_write(&rig, PCI_COMMAND, 2, 0);
	ck_assert(!rig.level);
}
END_TEST

START_TEST(intx_without_a_pin_is_silent)
{
	static const struct pci_vdev_ops bare = { .class_name = "bare" };

	host_close(&rig);
	host_open(&rig, 0);
	host_plug(&rig, &bare);
	pci_lintr_assert(rig.dev);
	ck_assert_int_eq(rig.n_edges, 0);
	ck_assert(!status_bit());
}
END_TEST

static Suite *
intx_suite(void)
{
	Suite *s = suite_create("pci/intx");
	TCase *tc = tcase_create("intx");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, intx_pin_is_inta);
	tcase_add_test(tc, intx_assert_raises_line_and_status);
	tcase_add_test(tc, intx_same_level_twice_is_one_edge);
	tcase_add_test(tc, intx_disabled_shows_in_status_only);
	tcase_add_loop_test(tc, intx_is_down_while_msi_or_msix_is_on, 0, 2);
	tcase_add_test(tc, intx_reset_lowers_the_line);
	tcase_add_test(tc, intx_without_a_pin_is_silent);
	suite_add_tcase(s, tc);
	return s;
}

int
main(void)
{
	return suite_run(intx_suite());
}
