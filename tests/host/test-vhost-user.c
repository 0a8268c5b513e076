// SPDX-License-Identifier: BSD-3-Clause
/* vhost-user back end: sessions, features, configuration, status, reset. */
#include <check.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>

#include "device/loop.h"
#include "driver/vhost-user-device.h"
#include "host/served.h"
#include "host/toy.h"
#include "suite.h"

#define RAM_GPA  0x100000
#define RAM_SIZE 0x100000

static struct served served;
static struct drv_ram ram;
static struct drv_vu_device dev;

static const struct served_how how_loop = {
	.ops = &loop_pci_ops,
	.vhost_user = true,
};

static void
setup(void)
{
	served_start_how(&served, &how_loop);
	drv_ram_init(&ram);
	ck_assert_int_ge(drv_ram_add(&ram, RAM_GPA, RAM_SIZE, DRV_RAM_MEMFD),
			 0);
	drv_vu_device_init(&dev, &ram,
			   &(struct drv_vu_opts){ .n_queues = LOOP_QUEUES,
						  .queue_size = LOOP_QSIZE });
	ck_assert_int_eq(drv_vu_device_attach(&dev, served_connect(&served)),
			 0);
}

static void
teardown(void)
{
	drv_vu_device_deinit(&dev);
	drv_ram_deinit(&ram);
	served_stop(&served);
}

/* Send a pattern through a queue and back. */
static void
echo(int queue, uint8_t pattern)
{
	uint64_t in = drv_ram_alloc(&ram, 256, 16);
	uint64_t out = drv_ram_alloc(&ram, 256, 16);
	struct drv_seg segs[2] = { { in, 256, false }, { out, 256, true } };
	struct drv_used used;
	uint8_t data[256];

	ck_assert_uint_ne(out, 0);
	ck_assert_int_eq(drv_ram_fill(&ram, in, pattern, 256), 0);
	ck_assert_int_eq(drv_vq_call(&dev.queues[queue].vq, segs, 2, &used), 0);
	ck_assert_uint_eq(used.len, 256);
	ck_assert_int_eq(drv_ram_read(&ram, out, data, 256), 0);
	for (int i = 0; i < 256; i++)
		ck_assert_uint_eq(data[i], pattern);
}

START_TEST(queues_serve_what_is_kicked)
{
	ck_assert_int_eq(drv_vu_device_start(&dev), 0);
	for (int i = 0; i < LOOP_QUEUES; i++)
		echo(i, (uint8_t)(i + 1));
	ck_assert_int_eq(drv_vu_device_stop(&dev), 0);
}
END_TEST

int
main(void)
{
	const TTest *const tests[] = {
		queues_serve_what_is_kicked,
	};
	TCase *tc = tcase_create("vhost-user");
	Suite *suite = suite_create("vhost-user");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 30);
	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
		tcase_add_test(tc, tests[i]);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
