// SPDX-License-Identifier: BSD-3-Clause
/* Configuration space: raw access, capabilities, what the guest may write. */
#include <check.h>
#include <errno.h>
#include <string.h>

#include "suite.h"
#include "unit/host-rig.h"

static struct host_rig rig;

static int
plain_init(struct vmctx *ctx, struct pci_vdev *dev, char *opts)
{
	(void)ctx;
	(void)opts;
	pci_set_cfgdata16(dev, PCI_VENDOR_ID, 0x1234);
	pci_set_cfgdata16(dev, PCI_DEVICE_ID, 0x5678);
	pci_set_cfgdata8(dev, PCI_REVISION_ID, 9);
	pci_set_cfgdata16(dev, PCI_CLASS_DEVICE, 0xff00);
	return 0;
}

static const struct pci_vdev_ops plain = {
	.class_name = "plain",
	.vdev_init = plain_init,
};

static void
setup(void)
{
	host_open(&rig, 0);
	host_plug(&rig, &plain);
}

static void
teardown(void)
{
	host_close(&rig);
}

/* ---- raw ---- */

START_TEST(cfgdata_is_little_endian)
{
	pci_set_cfgdata32(rig.dev, 0x80, 0x44332211);
	ck_assert_uint_eq(pci_get_cfgdata8(rig.dev, 0x80), 0x11);
	ck_assert_uint_eq(pci_get_cfgdata8(rig.dev, 0x83), 0x44);
	ck_assert_uint_eq(pci_get_cfgdata16(rig.dev, 0x82), 0x4433);
	pci_set_cfgdata16(rig.dev, 0x82, 0xbbaa);
	pci_set_cfgdata8(rig.dev, 0x80, 0xcc);
	ck_assert_uint_eq(pci_get_cfgdata32(rig.dev, 0x80), 0xbbaa22cc);
}
END_TEST

START_TEST(cfgdata_bad_offset_reads_all_ones_and_writes_nothing)
{
	static const int bad[] = { -1, -4, 1, 2, 253, 254, 255, 256, 0x10000 };
	uint8_t before[VBS_PCI_CFG_SIZE];

	memcpy(before, rig.dev->cfgdata, sizeof(before));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		ck_assert_uint_eq(pci_get_cfgdata32(rig.dev, bad[i]),
				  UINT32_MAX);
		pci_set_cfgdata32(rig.dev, bad[i], 0x55555555);
	}
	ck_assert_uint_eq(pci_get_cfgdata8(rig.dev, 256), 0xff);
	ck_assert_uint_eq(pci_get_cfgdata16(rig.dev, 255), 0xffff);
	ck_assert_mem_eq(before, rig.dev->cfgdata, sizeof(before));
}
END_TEST

/* ---- capabilities ---- */

START_TEST(capabilities_are_linked_in_order_on_dwords)
{
	uint8_t cap[7] = { 0x09, 0xee, 7, 1, 2, 3, 4 };

	ck_assert_uint_eq(cfg_read(&rig, PCI_STATUS, 2) & PCI_STATUS_CAP_LIST,
			  0);
	ck_assert_int_eq(pci_emul_add_capability(rig.dev, cap, 7), 0x40);
	cap[0] = 0x11;
	ck_assert_int_eq(pci_emul_add_capability(rig.dev, cap, 2), 0x48);
	cap[0] = 0x05;
	ck_assert_int_eq(pci_emul_add_capability(rig.dev, cap, 7), 0x4c);
	ck_assert_uint_ne(cfg_read(&rig, PCI_STATUS, 2) & PCI_STATUS_CAP_LIST,
			  0);
	ck_assert_uint_eq(cfg_read(&rig, PCI_CAPABILITY_LIST, 1), 0x40);
	ck_assert_uint_eq(cfg_read(&rig, 0x41, 1), 0x48);
	ck_assert_uint_eq(cfg_read(&rig, 0x49, 1), 0x4c);
	ck_assert_uint_eq(cfg_read(&rig, 0x4d, 1), 0);
	ck_assert_uint_eq(cfg_read(&rig, 0x44, 4), 0x00040302);
}
END_TEST

START_TEST(capability_of_bad_length_is_einval)
{
	static const uint8_t cap[256] = { 9 };

	ck_assert_int_eq(pci_emul_add_capability(rig.dev, cap, -1), -EINVAL);
	ck_assert_int_eq(pci_emul_add_capability(rig.dev, cap, 0), -EINVAL);
	ck_assert_int_eq(pci_emul_add_capability(rig.dev, cap, 193), -EINVAL);
	ck_assert_uint_eq(cfg_read(&rig, PCI_CAPABILITY_LIST, 1), 0);
	ck_assert_int_eq(pci_emul_add_capability(rig.dev, cap, 192), 0x40);
}
END_TEST

START_TEST(capability_without_room_is_enospc)
{
	static const uint8_t cap[192] = { 9 };

	ck_assert_int_eq(pci_emul_add_capability(rig.dev, cap, 189), 0x40);
	ck_assert_int_eq(pci_emul_add_capability(rig.dev, cap, 2), -ENOSPC);
	ck_assert_uint_eq(cfg_read(&rig, 0x41, 1), 0);
}
END_TEST

START_TEST(find_capability_gives_the_first)
{
	static const uint8_t a[4] = { 0x11 }, b[4] = { 0x09 };
	int at = -1;

	ck_assert_int_eq(pci_emul_find_capability(rig.dev, 0x09, &at), -ENOENT);
	ck_assert_int_eq(at, -1);
	(void)pci_emul_add_capability(rig.dev, a, 4);
	(void)pci_emul_add_capability(rig.dev, b, 4);
	(void)pci_emul_add_capability(rig.dev, b, 4);
	ck_assert_int_eq(pci_emul_find_capability(rig.dev, 0x09, &at), 0);
	ck_assert_int_eq(at, 0x44);
	ck_assert_int_eq(pci_emul_find_capability(rig.dev, 0x05, &at), -ENOENT);
}
END_TEST

/* ---- the guest ---- */

START_TEST(guest_reads_any_width)
{
	ck_assert_uint_eq(cfg_read(&rig, 0, 4), 0x56781234);
	ck_assert_uint_eq(cfg_read(&rig, 2, 2), 0x5678);
	ck_assert_uint_eq(cfg_read(&rig, 3, 1), 0x56);
	ck_assert_uint_eq(cfg_read(&rig, PCI_CLASS_REVISION, 4), 0xff000009);
	ck_assert_uint_eq(cfg_read(&rig, PCI_HEADER_TYPE, 1), 0);
}
END_TEST

START_TEST(guest_bad_access_is_einval)
{
	static const int bad[][2] = {
		{ -4, 4 },  { 1, 2 },  { 2, 4 },   { 0, 3 },
		{ 0, 8 },   { 0, 0 },  { 256, 1 }, { 256, 4 },
		{ 255, 2 }, { 0, -1 }, { 3, 2 },   { 4096, 4 },
	};
	uint32_t val = 7;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		ck_assert_int_eq(
			vbs_pci_cfgread(rig.dev, bad[i][0], bad[i][1], &val),
			-EINVAL);
		ck_assert_int_eq(vbs_pci_cfgwrite(rig.dev, bad[i][0], bad[i][1],
						  UINT32_MAX),
				 -EINVAL);
	}
	ck_assert_uint_eq(val, 7);
}
END_TEST

/* All but the command, cache line, latency and interrupt line registers. */
START_TEST(guest_cannot_write_what_is_read_only)
{
	static const uint8_t cap[8] = { 9, 0, 8, 1 };
	uint8_t before[VBS_PCI_CFG_SIZE];

	(void)pci_emul_add_capability(rig.dev, cap, sizeof(cap));
	memcpy(before, rig.dev->cfgdata, sizeof(before));
	for (int at = 0; at < VBS_PCI_CFG_SIZE; at += 4)
		cfg_write(&rig, at, 4, UINT32_MAX);
	for (int at = 0; at < VBS_PCI_CFG_SIZE; at++) {
		uint8_t is = (uint8_t)cfg_read(&rig, at, 1);

		if (at == PCI_CACHE_LINE_SIZE || at == PCI_LATENCY_TIMER ||
		    at == PCI_INTERRUPT_LINE)
			ck_assert_uint_eq(is, 0xff);
		else if (at == PCI_COMMAND || at == PCI_COMMAND + 1)
			ck_assert_uint_eq(is, 0x547 >> (8 * (at & 1)) & 0xff);
		else
			ck_assert_msg(is == before[at], "at %#x: %#x", at, is);
	}
}
END_TEST

START_TEST(guest_writes_parts_of_a_register)
{
	cfg_write(&rig, PCI_COMMAND + 1, 1, 0x04);
	ck_assert_uint_eq(cfg_read(&rig, PCI_COMMAND, 2),
			  PCI_COMMAND_INTX_DISABLE);
	cfg_write(&rig, PCI_COMMAND, 1, 0x07);
	ck_assert_uint_eq(cfg_read(&rig, PCI_COMMAND, 2),
			  PCI_COMMAND_INTX_DISABLE | 7);
	cfg_write(&rig, PCI_INTERRUPT_LINE, 1, 11);
	ck_assert_uint_eq(cfg_read(&rig, PCI_INTERRUPT_LINE, 1), 11);
	cfg_write(&rig, PCI_COMMAND, 4, 0);
	ck_assert_uint_eq(cfg_read(&rig, PCI_COMMAND, 4), 0);
}
END_TEST

START_TEST(reset_brings_back_what_init_has_made)
{
	cfg_write(&rig, PCI_COMMAND, 2, 7);
	cfg_write(&rig, PCI_INTERRUPT_LINE, 1, 11);
	vbs_pci_reset(rig.dev);
	ck_assert_uint_eq(cfg_read(&rig, PCI_COMMAND, 2), 0);
	ck_assert_uint_eq(cfg_read(&rig, PCI_INTERRUPT_LINE, 1), 0);
	ck_assert_uint_eq(cfg_read(&rig, 0, 4), 0x56781234);
}
END_TEST

START_TEST(reset_keeps_what_the_host_has_set)
{
	pci_set_cfgdata16(rig.dev, PCI_SUBSYSTEM_VENDOR_ID, 0x8086);
	vbs_pci_reset(rig.dev);
	ck_assert_uint_eq(cfg_read(&rig, PCI_SUBSYSTEM_VENDOR_ID, 2), 0x8086);
}
END_TEST

/* ---- the device's own callbacks ---- */

static int
hook_read(struct vmctx *ctx, int vcpu, struct pci_vdev *dev, int offset,
	  int bytes, uint32_t *val)
{
	(void)ctx;
	(void)vcpu;
	(void)dev;
	(void)bytes;
	if (offset != 0x80)
		return -1;
	*val = 0xabcd;
	return 0;
}

static int
hook_write(struct vmctx *ctx, int vcpu, struct pci_vdev *dev, int offset,
	   int bytes, uint32_t val)
{
	(void)ctx;
	(void)vcpu;
	(void)bytes;
	if (offset != PCI_COMMAND)
		return -1;
	pci_set_cfgdata32(dev, 0x90, val);
	return 0;
}

START_TEST(device_may_handle_accesses_itself)
{
	static const struct pci_vdev_ops hooked = {
		.class_name = "hooked",
		.vdev_cfgread = hook_read,
		.vdev_cfgwrite = hook_write,
	};

	host_close(&rig);
	host_open(&rig, 0);
	host_plug(&rig, &hooked);
	ck_assert_uint_eq(cfg_read(&rig, 0x80, 2), 0xabcd);
	ck_assert_uint_eq(cfg_read(&rig, 0x84, 2), 0);
	cfg_write(&rig, PCI_COMMAND, 2, 7);
	ck_assert_uint_eq(cfg_read(&rig, PCI_COMMAND, 2), 0);
	ck_assert_uint_eq(cfg_read(&rig, 0x90, 4), 7);
	cfg_write(&rig, PCI_INTERRUPT_LINE, 1, 3);
	ck_assert_uint_eq(cfg_read(&rig, PCI_INTERRUPT_LINE, 1), 3);
}
END_TEST

static Suite *
config_suite(void)
{
	Suite *s = suite_create("pci/config");
	TCase *tc = tcase_create("config");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, cfgdata_is_little_endian);
	tcase_add_test(tc,
		       cfgdata_bad_offset_reads_all_ones_and_writes_nothing);
	tcase_add_test(tc, capabilities_are_linked_in_order_on_dwords);
	tcase_add_test(tc, capability_of_bad_length_is_einval);
	tcase_add_test(tc, capability_without_room_is_enospc);
	tcase_add_test(tc, find_capability_gives_the_first);
	tcase_add_test(tc, guest_reads_any_width);
	tcase_add_test(tc, guest_bad_access_is_einval);
	tcase_add_test(tc, guest_cannot_write_what_is_read_only);
	tcase_add_test(tc, guest_writes_parts_of_a_register);
	tcase_add_test(tc, reset_brings_back_what_init_has_made);
	tcase_add_test(tc, reset_keeps_what_the_host_has_set);
	tcase_add_test(tc, device_may_handle_accesses_itself);
	suite_add_tcase(s, tc);
	return s;
}

int
main(void)
{
	return suite_run(config_suite());
}
