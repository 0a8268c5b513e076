// SPDX-License-Identifier: BSD-3-Clause
/*
 * Drives samples/echo: loads the shared object that ECHO_SO names, as vbs-dm
 * does, or connects to the vbs-dm behind ECHO_SOCKET, and sends requests. Run
 * by test-samples.sh, both ways.
 */
#include <check.h>
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#include <vbs/pci.h>

#include "driver/device.h"
#include "driver/inproc.h"
#include "driver/vfio-user.h"

#define RAM_GPA  0x100000u
#define RAM_SIZE 0x40000u

static void *object;
static struct drv_inproc *machine;
static struct drv_bus *bus;
static struct drv_ram ram;
static struct drv_device dev;
static uint64_t from, to; /* guest addresses, a page each */

static const struct pci_vdev_ops *
load_ops(void)
{
	const struct pci_vdev_ops *const *ops;
	const int *abi;

	object = dlopen(getenv("ECHO_SO"), RTLD_NOW);
	ck_assert_msg(object != NULL, "%s", dlerror());
	abi = dlsym(object, "vbs_device_abi");
	ck_assert_ptr_nonnull(abi);
	ck_assert_int_eq(*abi, VBS_DEVICE_ABI);
	ops = dlsym(object, "vbs_device_ops");
	ck_assert_ptr_nonnull(ops);
	return *ops;
}

static void
plug_object(void)
{
	const struct pci_vdev_ops *ops = load_ops();

	ck_assert_str_eq(ops->class_name, "virtio-echo");
	ck_assert_int_eq(drv_inproc_new(false, &machine), 0);
	ck_assert_int_eq(drv_inproc_plug(machine, ops, NULL, &bus), 0);
}

static void
setup(void)
{
	const struct drv_device_opts opts = { .face = DRV_MODERN };
	const char *path = getenv("ECHO_SOCKET");

	drv_ram_init(&ram);
	ck_assert_int_eq(drv_ram_add(&ram, RAM_GPA, RAM_SIZE, DRV_RAM_MEMFD),
			 0);
	if (path)
		ck_assert_int_eq(drv_vfio_user_open(path, NULL, &bus), 0);
	else
		plug_object();
	ck_assert_int_eq(drv_bus_dma_add_ram(bus, &ram), 0);
	ck_assert_int_eq(drv_device_open(&dev, bus, &ram), 0);
	ck_assert_int_eq(drv_device_start(&dev, &opts), 0);
	from = drv_ram_alloc(&ram, DRV_PAGE, DRV_PAGE);
	to = drv_ram_alloc(&ram, DRV_PAGE, DRV_PAGE);
	ck_assert_uint_ne(from, 0);
	ck_assert_uint_ne(to, 0);
}

static void
teardown(void)
{
	drv_device_stop(&dev);
	drv_bus_close(bus);
	drv_inproc_free(machine);
	drv_ram_deinit(&ram);
	if (object)
		dlclose(object);
}

/* Send a chain; return the used length. */
static uint32_t
call(const struct drv_seg *segs, int n)
{
	struct drv_used used = { 0 };

	ck_assert_int_eq(drv_vq_call(&dev.vqs[0], segs, n, &used), 0);
	return used.len;
}

static void
ck_assert_echo(const char *text, size_t len)
{
	char found[64] = "";

	ck_assert_int_eq(drv_ram_read(&ram, to, found, len), 0);
	ck_assert_mem_eq(found, text, len);
}

START_TEST(echo_is_1af4_107f_modern)
{
	uint32_t ids = 0, revision = 0;

	ck_assert_int_eq(drv_bus_cfg_read(bus, DRV_PCI_VENDOR, 4, &ids), 0);
	ck_assert_uint_eq(ids, 0x107f1af4);
	ck_assert_int_eq(drv_bus_cfg_read(bus, DRV_PCI_REVISION, 1, &revision),
			 0);
	ck_assert_uint_ge(revision, 1);
}
END_TEST

START_TEST(echo_equal_parts_are_copied)
{
	const struct drv_seg segs[] = { { from, 5, false }, { to, 5, true } };

	drv_ram_write(&ram, from, "hello", 5);
	ck_assert_uint_eq(call(segs, 2), 5);
	ck_assert_echo("hello", 5);
}
END_TEST

START_TEST(echo_small_room_gets_what_fits)
{
	const struct drv_seg segs[] = { { from, 5, false }, { to, 2, true } };

	drv_ram_write(&ram, from, "hello", 5);
	ck_assert_uint_eq(call(segs, 2), 2);
	ck_assert_echo("he\0\0\0", 5);
}
END_TEST

START_TEST(echo_odd_segments_are_joined)
{
	const struct drv_seg segs[] = {
		{ from, 2, false },     { from + 2, 1, false },
		{ from + 3, 4, false }, { to, 1, true },
		{ to + 1, 5, true },    { to + 6, 9, true },
	};

	drv_ram_write(&ram, from, "abcdefg", 7);
	ck_assert_uint_eq(call(segs, 6), 7);
	ck_assert_echo("abcdefg\0", 8);
}
END_TEST

START_TEST(echo_one_sided_chains_write_nothing)
{
	const struct drv_seg text = { from, 5, false }, room = { to, 5, true };

	drv_ram_write(&ram, from, "hello", 5);
	ck_assert_uint_eq(call(&text, 1), 0);
	ck_assert_uint_eq(call(&room, 1), 0);
	ck_assert_echo("\0\0\0\0\0", 5);
}
END_TEST

START_TEST(echo_same_memory_twice_is_harmless)
{
	const struct drv_seg segs[] = { { to, 6, false }, { to + 2, 6, true } };

	drv_ram_write(&ram, to, "abcdef", 6);
	ck_assert_uint_eq(call(segs, 2), 6);
	ck_assert_echo("ababcdef", 8);
}
END_TEST

static Suite *
echo_suite(void)
{
	Suite *s = suite_create("echo");
	TCase *tc = tcase_create("echo");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, echo_is_1af4_107f_modern);
	tcase_add_test(tc, echo_equal_parts_are_copied);
	tcase_add_test(tc, echo_small_room_gets_what_fits);
	tcase_add_test(tc, echo_odd_segments_are_joined);
	tcase_add_test(tc, echo_one_sided_chains_write_nothing);
	tcase_add_test(tc, echo_same_memory_twice_is_harmless);
	suite_add_tcase(s, tc);
	return s;
}

int
main(void)
{
	SRunner *sr = srunner_create(echo_suite());
	int failed;

	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed > 0;
}
