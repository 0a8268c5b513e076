// SPDX-License-Identifier: BSD-3-Clause
/*
 * vbs-dm as a program, and a client that drives its devices over their sockets:
 * what the devices do is the business of other tests.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "driver/blk.h"
#include "driver/device.h"
#include "driver/rng.h"
#include "driver/vfio-user.h"
#include "host/program.h"
#include "suite.h"

#define IMAGE_BYTES (1u << 20)
#define RAM_GPA     0x100000
#define RAM_BYTES   (4u << 20)
#define DISK        "-s", "3,virtio-blk,disk.img"
#define RND         "-s", "4,virtio-rnd"

static struct program dm;
static struct drv_ram ram;

/* One device and its driver. */
struct client {
	struct drv_bus *bus;
	struct drv_device dev;
	struct drv_blk blk;
	uint64_t buf;
};

static struct client first, second;

static void
make_image(void)
{
	char sector[512];
	int fd = open("disk.img", O_RDWR | O_CREAT, 0600);

	ck_assert_int_ge(fd, 0);
	for (unsigned int i = 0; i < IMAGE_BYTES / 512; i++) {
		memset(sector, (int)i, sizeof(sector));
		ck_assert_int_eq(write(fd, sector, 512), 512);
	}
	(void)close(fd);
}

static void
setup(void)
{
	program_enter();
	make_image();
	drv_ram_init(&ram);
	ck_assert_int_eq(drv_ram_add(&ram, RAM_GPA, RAM_BYTES, DRV_RAM_MEMFD),
			 0);
}

/* Nothing may be left in the directory but the image. */
static void
teardown(void)
{
	program_kill(&dm);
	drv_ram_deinit(&ram);
	ck_assert_int_eq(unlink("disk.img"), 0);
	program_leave();
}

#define SERVE(n, fd, ...)                                                      \
	program_start(&dm, (const char *const[]){ __VA_ARGS__, NULL }, n, fd)

static void
bring_up(struct client *c)
{
	struct drv_device_opts opts = {
		.face = DRV_MODERN,
		.irq = DRV_IRQ_MSIX,
		.features = UINT64_MAX,
	};

	ck_assert_int_eq(drv_bus_dma_add_ram(c->bus, &ram), 0);
	ck_assert_int_eq(drv_device_open(&c->dev, c->bus, &ram), 0);
	ck_assert_int_eq(drv_device_start(&c->dev, &opts), 0);
	ck_assert_int_eq(drv_blk_init(&c->blk, &c->dev.vqs[0], &ram, 64), 0);
	c->buf = drv_ram_alloc(&ram, 65536, DRV_PAGE);
	ck_assert_uint_ne(c->buf, 0);
}

static void
open_path(struct client *c, const char *path)
{
	struct drv_vfio_user_opts opts = { 0 };

	ck_assert_int_eq(drv_vfio_user_open(path, &opts, &c->bus), 0);
	bring_up(c);
}

static void
hang_up(struct client *c)
{
	drv_device_stop(&c->dev);
	drv_bus_close(c->bus);
}

/* Read a sector: it holds its own number. */
static void
assert_sector(struct client *c, uint64_t sector)
{
	struct drv_blk_result res;
	const uint8_t *data = drv_ram_ptr(&ram, c->buf, 512);

	ck_assert_int_eq(drv_blk_read(&c->blk, sector, c->buf, 512, &res), 0);
	ck_assert_uint_eq(res.status, DRV_BLK_S_OK);
	for (int i = 0; i < 512; i++)
		ck_assert_uint_eq(data[i], (uint8_t)sector);
}

static int
listen_at(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	(void)snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	ck_assert_int_eq(listen(fd, 1), 0);
	return fd;
}

START_TEST(two_devices_on_their_sockets)
{
	uint32_t got = 0;

	SERVE(2, -1, "--socket-dir", ".", DISK, RND);
	open_path(&first, "3-virtio-blk.sock");
	open_path(&second, "4-virtio-rnd.sock");
	ck_assert_uint_eq(first.dev.pci.device, 0x1001);
	ck_assert_uint_eq(second.dev.pci.device, 0x1005);
	assert_sector(&first, 77);
	ck_assert_int_eq(drv_rng_read(&second.dev.vqs[0], second.buf, 64, &got),
			 0);
	ck_assert_uint_eq(got, 64);
	hang_up(&first);
	hang_up(&second);
	program_end(&dm, SIGTERM);
}
END_TEST

#define QUEUE_BITS                                                             \
	(DRV_BIT(28) | DRV_BIT(29) | DRV_BIT(34) | DRV_BIT(35) | DRV_BIT(38) | \
	 DRV_BIT(39) | DRV_BIT(40))

/* The driver takes all that there is. */
START_TEST(features_are_offered_as_asked)
{
	SERVE(2, -1, "--socket-dir", ".", "-s",
	      "3,virtio-blk,packed=off,event_idx=off,disk.img,"
	      "indirect_desc=off,queue_reset=off,in_order=on,"
	      "notification_data=on,notif_config_data=on",
	      RND);
	open_path(&first, "3-virtio-blk.sock");
	open_path(&second, "4-virtio-rnd.sock");
	ck_assert_uint_eq(first.dev.vd.features & QUEUE_BITS,
			  DRV_BIT(35) | DRV_BIT(38) | DRV_BIT(39));
	ck_assert_uint_eq(second.dev.vd.features & QUEUE_BITS,
			  DRV_BIT(28) | DRV_BIT(29) | DRV_BIT(34) |
				  DRV_BIT(40));
	for (uint64_t i = 0; i < 200; i++)
		assert_sector(&first, i);
	hang_up(&first);
	hang_up(&second);
	program_end(&dm, SIGTERM);
}
END_TEST

START_TEST(doorbell_page_and_polling)
{
	SERVE(1, -1, "--socket-path", "s", "--doorbell-page",
	      DISK ",notification_data=on");
	open_path(&first, "s");
	ck_assert_ptr_nonnull(
		drv_vfio_user_mapped(first.bus, first.dev.vqs[0].kick_bar,
				     first.dev.vqs[0].kick_off, 2));
	for (uint64_t i = 0; i < 20; i++)
		assert_sector(&first, i * 31);
	hang_up(&first);
	program_end(&dm, SIGTERM);
}
END_TEST

START_TEST(clients_come_and_go)
{
	SERVE(1, -1, "--socket-path", "s", DISK);
	for (uint64_t i = 0; i < 5; i++) {
		open_path(&first, "s");
		assert_sector(&first, i);
		if (i % 2)
			drv_device_stop(&first.dev);
		drv_bus_close(first.bus);
		drv_vq_close(&first.dev.vqs[0]);
	}
	program_end(&dm, SIGINT);
}
END_TEST

START_TEST(listening_descriptor)
{
	int fd = listen_at("mine");

	SERVE(1, fd, "--fd", "9", DISK);
	(void)close(fd);
	open_path(&first, "mine");
	assert_sector(&first, 5);
	hang_up(&first);
	program_end(&dm, SIGTERM);
	ck_assert_int_eq(unlink("mine"), 0); /* ours: it is still there */
}
END_TEST

START_TEST(connected_descriptor)
{
	struct drv_vfio_user_opts opts = { 0 };
	int ends[2];

	ck_assert_int_eq(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	SERVE(1, ends[1], "--fd", "9", DISK);
	(void)close(ends[1]);
	ck_assert_int_eq(drv_vfio_user_attach(ends[0], &opts, &first.bus), 0);
	bring_up(&first);
	assert_sector(&first, 6);
	hang_up(&first);
	program_end(&dm, SIGTERM);
}
END_TEST

START_TEST(subsystem_vendor_outlives_a_reset)
{
	SERVE(1, -1, "--socket-path", "s", "--subvendor=0x1234", DISK);
	open_path(&first, "s");
	ck_assert_uint_eq(first.dev.pci.subvendor, 0x1234);
	ck_assert_uint_eq(first.dev.pci.subsystem, 2);
	ck_assert_int_eq(drv_bus_reset(first.bus), 0);
	ck_assert_uint_eq(drv_pci_cfg16(&first.dev.pci, DRV_PCI_SUBVENDOR),
			  0x1234);
	hang_up(&first);
	program_end(&dm, SIGTERM);
}
END_TEST

START_TEST(hangup_tells_the_driver_of_a_larger_image)
{
	struct drv_blk_config cfg;

	SERVE(1, -1, "--socket-path", "s", DISK);
	open_path(&first, "s");
	ck_assert_int_eq(truncate("disk.img", 2 * IMAGE_BYTES), 0);
	ck_assert_int_eq(kill(dm.pid, SIGHUP), 0);
	ck_assert_int_eq(
		drv_bus_wait_irq(first.bus, DRV_IRQ_MSIX, 0, 1, DRV_TIMEOUT_MS),
		0);
	ck_assert_int_eq(drv_blk_config(&first.dev.vd, &cfg), 0);
	ck_assert_uint_eq(cfg.capacity, 2 * IMAGE_BYTES / 512);
	hang_up(&first);
	program_end(&dm, SIGTERM);
}
END_TEST

START_TEST(larger_image_is_noticed_by_itself)
{
	SERVE(1, -1, "--socket-path", "s", DISK);
	open_path(&first, "s");
	ck_assert_int_eq(truncate("disk.img", 2 * IMAGE_BYTES), 0);
	ck_assert_int_eq(
		drv_bus_wait_irq(first.bus, DRV_IRQ_MSIX, 0, 1, DRV_TIMEOUT_MS),
		0);
	hang_up(&first);
	program_end(&dm, SIGTERM);
}
END_TEST

START_TEST(end_in_the_middle_of_requests)
{
	SERVE(1, -1, "--socket-path", "s", DISK);
	open_path(&first, "s");
	for (uint16_t i = 0; i < 64; i++) {
		struct drv_seg seg = { first.buf, 65536, i % 2 == 0 };

		ck_assert_int_ge(drv_blk_submit(&first.blk, i, i % 2,
						128u * (i % 16), &seg, 1),
				 0);
	}
	program_end(&dm, SIGTERM);
	drv_bus_close(first.bus);
	drv_vq_close(&first.dev.vqs[0]);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("vbs-dm-serve");
	TCase *tc = tcase_create("program");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, two_devices_on_their_sockets);
	tcase_add_test(tc, features_are_offered_as_asked);
	tcase_add_test(tc, doorbell_page_and_polling);
	tcase_add_test(tc, clients_come_and_go);
	tcase_add_test(tc, listening_descriptor);
	/* The front end goes and a signal comes at once: which is first? */
	tcase_add_loop_test(tc, connected_descriptor, 0, 10);
	tcase_add_test(tc, subsystem_vendor_outlives_a_reset);
	tcase_add_test(tc, hangup_tells_the_driver_of_a_larger_image);
	tcase_add_test(tc, larger_image_is_noticed_by_itself);
	tcase_add_test(tc, end_in_the_middle_of_requests);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
