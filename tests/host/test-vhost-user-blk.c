// SPDX-License-Identifier: BSD-3-Clause
/* vhost-user back end: what is a disk's own in configuration and state. */
#include <check.h>
#include <errno.h>
#include <string.h>

#include "devices/devices.h"
#include "driver/vhost-user-device.h"
#include "host/served.h"
#include "suite.h"

#define RAM_GPA   0x100000
#define RAM_SIZE  0x10000
#define CACHE_AT  32 /* offset of "writeback" in the configuration */
#define F_FLUSH   DRV_BIT(9)
#define F_WCE     DRV_BIT(11)
#define MAX_STATE 256

static struct served served;
static struct drv_ram ram;
static struct drv_vu_device dev;
static struct drv_vu *const vu = &dev.vu;

static void
attach(void)
{
	ck_assert_int_eq(drv_vu_device_attach(&dev, served_connect(&served)),
			 0);
}

static void
open_disk(const char *opts)
{
	const struct served_how how = {
		.ops = dm_virtio_blk.ops,
		.opts = opts,
		.vhost_user = true,
	};

	served_start_how(&served, &how);
	drv_ram_init(&ram);
	ck_assert_int_ge(drv_ram_add(&ram, RAM_GPA, RAM_SIZE, DRV_RAM_MEMFD),
			 0);
	drv_vu_device_init(&dev, &ram,
			   &(struct drv_vu_opts){
				   .features = F_FLUSH | F_WCE,
			   });
	attach();
}

static void
close_disk(void)
{
	drv_vu_device_deinit(&dev);
	drv_ram_deinit(&ram);
	served_stop(&served);
}

static void
agree(void)
{
	ck_assert_int_eq(drv_vu_set_u64(vu, DRV_VU_SET_FEATURES, dev.features),
			 0);
}

static uint8_t
cache_mode(void)
{
	uint8_t mode;

	ck_assert_int_eq(drv_vu_get_config(vu, CACHE_AT, &mode, 1), 0);
	return mode;
}

static int
set_cache_mode(uint8_t mode)
{
	return drv_vu_set_config(vu, CACHE_AT, DRV_VU_CONFIG_WRITABLE, &mode,
				 1);
}

START_TEST(cache_mode_moves_with_the_guest)
{
	uint8_t state[MAX_STATE];
	ssize_t len;

	open_disk("null:1M");
	agree();
	ck_assert_uint_eq(cache_mode(), 1);
	ck_assert_int_eq(set_cache_mode(0), 0);
	len = drv_vu_save_state(vu, state, sizeof(state));
	ck_assert_int_gt(len, 0);
	drv_vu_device_detach(&dev);
	attach();
	ck_assert_uint_eq(cache_mode(), 1);
	ck_assert_int_eq(drv_vu_load_state(vu, state, (size_t)len), 0);
	agree();
	ck_assert_uint_eq(cache_mode(), 0);
	ck_assert_int_eq(drv_vu_device_start(&dev), 0);
	ck_assert_uint_eq(cache_mode(), 0);
	close_disk();
}
END_TEST

START_TEST(cache_mode_that_cannot_be_is_refused)
{
	uint8_t state[MAX_STATE];
	ssize_t len;

	open_disk("null:1M");
	len = drv_vu_save_state(vu, state, sizeof(state));
	ck_assert_int_gt(len, 0);
	state[len - 1] = 2;
	ck_assert_int_eq(drv_vu_load_state(vu, state, (size_t)len), -EREMOTEIO);
	ck_assert_uint_eq(cache_mode(), 1);
	state[len - 1] = 1;
	close_disk();
	/* A disk that is not written to has no cache. */
	open_disk("null:1M,ro");
	ck_assert_int_eq(drv_vu_load_state(vu, state, (size_t)len), -EREMOTEIO);
	ck_assert_uint_eq(cache_mode(), 0);
	ck_assert_int_eq(set_cache_mode(1), -EREMOTEIO);
	close_disk();
}
END_TEST

START_TEST(configuration_that_is_read_only_is_not_written)
{
	const uint64_t sectors = 7;
	uint64_t found;

	open_disk("null:1M");
	agree();
	ck_assert_int_eq(drv_vu_set_config(vu, 0, DRV_VU_CONFIG_WRITABLE,
					   &sectors, sizeof(sectors)),
			 -EREMOTEIO);
	ck_assert_int_eq(drv_vu_get_config(vu, 0, &found, sizeof(found)), 0);
	ck_assert_uint_eq(found, 2048);
	/* All of it, as it is: some front ends write that. */
	ck_assert_int_eq(drv_vu_set_config(vu, 0, DRV_VU_CONFIG_WRITABLE,
					   &found, sizeof(found)),
			 0);
	close_disk();
}
END_TEST

int
main(void)
{
	const TTest *const tests[] = {
		cache_mode_moves_with_the_guest,
		cache_mode_that_cannot_be_is_refused,
		configuration_that_is_read_only_is_not_written,
	};
	TCase *tc = tcase_create("vhost-user-blk");
	Suite *suite = suite_create("vhost-user-blk");

	tcase_set_timeout(tc, 30);
	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
		tcase_add_test(tc, tests[i]);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
