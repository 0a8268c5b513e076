// SPDX-License-Identifier: BSD-3-Clause
/*
 * A vfio-user server against bytes that are no messages (classes E5 to E7): the
 * connection is closed, every descriptor that came with it as well, and the
 * next client is served.
 */
#include <check.h>
#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "host/served.h"
#include "host/toy.h"
#include "suite.h"

#define CONFIG  7
#define MAX_FDS 253
#define N_CMDS  20

static struct served served;
static int n_fds; /* with nobody connected, after somebody was */

static void
assert_next_is_served(void)
{
	struct drv_vfu vfu;
	uint16_t vendor = 0;

	served_open(&served, &vfu);
	ck_assert_int_eq(count_fds(), n_fds + 2); /* both ends */
	ck_assert_int_eq(drv_vfu_region_read(&vfu, CONFIG, 0, &vendor, 2), 0);
	ck_assert_uint_eq(vendor, 0x1af4);
	drv_vfu_deinit(&vfu);
}

static void
setup(void)
{
	served_start(&served, &toy_ops, 0, NULL);
	n_fds = count_fds();
}

static void
teardown(void)
{
	assert_next_is_served();
	served_stop(&served);
}

/* A connected client that has agreed on the version, as a bare descriptor. */
static int
open_client(void)
{
	static const struct drv_vfu_version ver = { 0, 0 };
	struct {
		struct drv_vfu_hdr hdr;
		struct drv_vfu_version ver;
	} msg = { .hdr = { .cmd = DRV_VFU_VERSION, .size = sizeof(msg) },
		  .ver = ver };
	int fd = served_connect(&served);
	uint8_t buf[256];

	ck_assert_int_eq(drv_socket_send(fd, &msg, sizeof(msg), NULL, 0), 0);
	ck_assert_int_gt(
		drv_vfu_recv(fd, buf, sizeof(buf), NULL, NULL, DRV_TIMEOUT_MS),
		0);
	return fd;
}

static void
assert_closed(int fd)
{
	ck_assert(drv_socket_is_closed(fd, DRV_TIMEOUT_MS));
	(void)close(fd);
}

static void
assert_header_closes(const struct drv_vfu_hdr *hdr)
{
	int fd = open_client();

	ck_assert_int_eq(drv_socket_send(fd, hdr, sizeof(*hdr), NULL, 0), 0);
	assert_closed(fd);
}

/* A good GET_INFO. */
struct get_info {
	struct drv_vfu_hdr hdr;
	struct drv_vfu_device_info info;
};

static const struct get_info get_info = {
	.hdr = { .id = 1, .cmd = DRV_VFU_GET_INFO, .size = 32 },
	.info = { .argsz = 16 },
};

static void
assert_answered(int fd)
{
	uint8_t buf[64];

	ck_assert_int_eq(
		drv_vfu_recv(fd, buf, sizeof(buf), NULL, NULL, DRV_TIMEOUT_MS),
		32);
}

START_TEST(hostile_e5__size_less_than_a_header_closes)
{
	struct drv_vfu_hdr hdr = get_info.hdr;

	for (hdr.size = 0; hdr.size < 16; hdr.size++)
		assert_header_closes(&hdr);
}
END_TEST

START_TEST(hostile_e5__size_that_does_not_fit_the_command_closes)
{
	/* For each command: sizes that are too small, or too large. */
	static const struct {
		uint16_t cmd;
		uint32_t size;
	} bad[] = {
		{ 2, 47 },          { 2, 49 },
		{ 2, UINT32_MAX },  { 3, 39 },
		{ 3, 41 },          { 4, 31 },
		{ 4, 33 },          { 4, UINT32_MAX },
		{ 5, 47 },          { 5, 49 },
		{ 6, 31 },          { 6, 33 },
		{ 7, 31 },          { 7, 33 },
		{ 8, 35 },          { 8, 36 + 2049 },
		{ 9, 31 },          { 9, 33 },
		{ 10, 31 },         { 10, 33 + (1 << 20) },
		{ 10, UINT32_MAX }, { 13, 17 },
		{ 13, UINT32_MAX },
	};
	struct drv_vfu_hdr hdr = { 0 };

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		hdr.cmd = bad[i].cmd;
		hdr.size = bad[i].size;
		assert_header_closes(&hdr);
	}
}
END_TEST

START_TEST(hostile_e5__unknown_commands_close)
{
	static const uint16_t bad[] = { 0, 11, 12, 14, 19, 20, 255, 0xffff };
	struct drv_vfu_hdr hdr = { .size = 16 };

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		hdr.cmd = bad[i];
		assert_header_closes(&hdr);
	}
}
END_TEST

START_TEST(hostile_e5__commands_that_we_do_not_have_are_refused)
{
	static const uint16_t cmds[] = { 15, 16, 17, 18 };
	static const uint8_t body[64];
	struct drv_vfu vfu;

	served_open(&served, &vfu);
	for (size_t i = 0; i < 4; i++)
		ck_assert_int_eq(drv_vfu_call(&vfu, cmds[i], body, sizeof(body),
					      NULL, 0),
				 -ENOTSUP);
	drv_vfu_deinit(&vfu);
}
END_TEST

START_TEST(hostile_e7__replies_and_strange_flags_close)
{
	static const uint32_t bad[] = { 0x1,  0x2,  0xf,       0x11,
					0x20, 0x21, 0x40,      0x80000000,
					0x30, 0x50, UINT32_MAX };
	struct drv_vfu_hdr hdr = get_info.hdr;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		hdr.flags = bad[i];
		assert_header_closes(&hdr);
	}
}
END_TEST

START_TEST(hostile_e6__commands_before_the_version_close)
{
	for (uint16_t cmd = 2; cmd < N_CMDS; cmd++) {
		struct drv_vfu_hdr hdr = { .cmd = cmd, .size = 32 };
		uint8_t msg[32] = { 0 };
		int fd = served_connect(&served);

		memcpy(msg, &hdr, sizeof(hdr));
		ck_assert_int_eq(drv_socket_send(fd, msg, sizeof(msg), NULL, 0),
				 0);
		assert_closed(fd);
	}
}
END_TEST

START_TEST(hostile_e6__version_twice_closes)
{
	struct drv_vfu_hdr hdr = { .cmd = DRV_VFU_VERSION, .size = 20 };

	assert_header_closes(&hdr);
}
END_TEST

START_TEST(hostile_e5__message_byte_by_byte_is_answered)
{
	const uint8_t *bytes = (const uint8_t *)&get_info;
	int fd = open_client();

	for (size_t i = 0; i < sizeof(get_info); i++)
		ck_assert_int_eq(drv_socket_send(fd, bytes + i, 1, NULL, 0), 0);
	assert_answered(fd);
	(void)close(fd);
}
END_TEST

/* Messages cut at every byte, in two sends. */
START_TEST(hostile_e5__message_in_two_parts_is_answered)
{
	const uint8_t *bytes = (const uint8_t *)&get_info;
	int fd = open_client();

	for (size_t cut = 1; cut < sizeof(get_info); cut++) {
		ck_assert_int_eq(drv_socket_send(fd, bytes, cut, NULL, 0), 0);
		ck_assert_int_eq(drv_socket_send(fd, bytes + cut,
						 sizeof(get_info) - cut, NULL,
						 0),
				 0);
		assert_answered(fd);
	}
	(void)close(fd);
}
END_TEST

/* Its header has 12 bytes, of which the last 8 are our size and flags. */
START_TEST(hostile_e5__message_of_vhost_user_closes)
{
	static const uint32_t flags[] = { 0x1, 0x9 }; /* with NEED_REPLY */

	for (uint32_t request = 1; request < 44; request++) {
		const uint32_t hdr[] = { request, flags[request % 2], 0 };
		int fd = served_connect(&served);

		ck_assert_int_eq(drv_socket_send(fd, hdr, sizeof(hdr), NULL, 0),
				 0);
		assert_closed(fd);
	}
}
END_TEST

START_TEST(hostile_e5__end_at_every_byte_frees_all)
{
	const uint8_t *bytes = (const uint8_t *)&get_info;

	for (size_t cut = 0; cut <= sizeof(get_info); cut++) {
		int fd = open_client();

		ck_assert_int_eq(drv_socket_send(fd, bytes, cut, NULL, 0), 0);
		ck_assert_int_eq(shutdown(fd, SHUT_WR), 0);
		if (cut == sizeof(get_info))
			assert_answered(fd);
		assert_closed(fd);
		assert_next_is_served();
	}
}
END_TEST

START_TEST(hostile_e5__end_at_every_byte_of_the_version_frees_all)
{
	struct {
		struct drv_vfu_hdr hdr;
		struct drv_vfu_version ver;
		char json[16];
	} msg = { .hdr = { .cmd = DRV_VFU_VERSION, .size = sizeof(msg) },
		  .json = "{}" };

	for (size_t cut = 0; cut < sizeof(msg); cut++) {
		int fd = served_connect(&served);

		ck_assert_int_eq(drv_socket_send(fd, &msg, cut, NULL, 0), 0);
		(void)close(fd);
		assert_next_is_served();
	}
}
END_TEST

START_TEST(hostile_e5__end_in_the_middle_of_a_large_write_frees_all)
{
	struct {
		struct drv_vfu_hdr hdr;
		struct drv_vfu_region_access acc;
	} msg = { .hdr = { .cmd = DRV_VFU_REGION_WRITE,
			   .size = sizeof(msg) + (1u << 20) },
		  .acc = { 0, 2, 1u << 20 } };
	static const uint8_t data[100000];
	const struct toy *toy = served.dev->arg;

	for (int i = 0; i < 20; i++) {
		int fd = open_client();

		ck_assert_int_eq(
			drv_socket_send(fd, &msg, sizeof(msg), NULL, 0), 0);
		ck_assert_int_eq(
			drv_socket_send(fd, data, (size_t)i * 5000, NULL, 0),
			0);
		(void)close(fd);
		assert_next_is_served();
	}
	ck_assert_int_eq(toy->n_log, 0);
}
END_TEST

START_TEST(hostile_e5__client_that_reads_nothing_holds_up_nobody)
{
	struct {
		struct drv_vfu_hdr hdr;
		struct drv_vfu_region_access acc;
	} msg = { .hdr = { .cmd = DRV_VFU_REGION_READ, .size = sizeof(msg) },
		  .acc = { 0, 2, 1u << 20 } };

	for (int i = 0; i < 10; i++) {
		int fd = open_client();

		for (int k = 0; k < 200; k++)
			ck_assert_int_eq(
				drv_socket_send(fd, &msg, sizeof(msg), NULL, 0),
				0);
		(void)close(fd);
		assert_next_is_served();
	}
}
END_TEST

/* ---- descriptors ---- */

static int spare[MAX_FDS];

static void
make_spare(int n)
{
	for (int i = 0; i < n; i++) {
		spare[i] = eventfd(0, EFD_CLOEXEC);
		ck_assert_int_ge(spare[i], 0);
	}
}

static void
close_spare(int n)
{
	for (int i = 0; i < n; i++)
		(void)close(spare[i]);
}

/* A message of a good size, all zero: refused or obeyed, it is one. */
static size_t
make_message(uint16_t cmd, uint8_t *buf)
{
	static const uint8_t body[N_CMDS] = {
		[2] = 32, [3] = 24, [4] = 16, [5] = 32,  [6] = 16,
		[7] = 16, [8] = 20, [9] = 16, [10] = 16, [13] = 0,
		[15] = 8, [16] = 8, [17] = 8, [18] = 8,
	};
	struct drv_vfu_hdr hdr = { .cmd = cmd, .size = 16u + body[cmd] };

	memset(buf, 0, 64);
	memcpy(buf, &hdr, sizeof(hdr));
	return hdr.size;
}

/* Is the end of the stream all that there is to read? */
static bool
read_end(int fd)
{
	uint8_t byte;

	return recv(fd, &byte, sizeof(byte), 0) == 0;
}

START_TEST(hostile_e5__descriptors_on_every_command_are_closed)
{
	static const int counts[] = { 0, 1, 2, 8, 9, 16, 17, 28, 252, 253 };
	uint8_t buf[64];

	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		int n = counts[i];

		for (uint16_t cmd = 0; cmd < N_CMDS; cmd++) {
			size_t len = make_message(cmd, buf);
			int fd = open_client();

			make_spare(n);
			ck_assert_int_eq(
				drv_socket_send(fd, buf, len, spare, n), 0);
			close_spare(n);
			(void)close(fd);
			assert_next_is_served();
		}
	}
}
END_TEST

START_TEST(hostile_e5__descriptors_on_the_wrong_command_close)
{
	static const uint16_t cmds[] = { 3, 4, 5, 6, 7, 9, 10, 13, 15, 16 };
	uint8_t buf[64];

	for (size_t i = 0; i < sizeof(cmds) / sizeof(cmds[0]); i++) {
		size_t len = make_message(cmds[i], buf);
		int fd = open_client();

		make_spare(1);
		ck_assert_int_eq(drv_socket_send(fd, buf, len, spare, 1), 0);
		close_spare(1);
		assert_closed(fd);
		assert_next_is_served();
	}
}
END_TEST

START_TEST(hostile_e5__too_many_descriptors_close)
{
	static const struct {
		uint16_t cmd;
		int n;
	} bad[] = { { 2, 2 }, { 2, 253 }, { 8, 17 }, { 8, 253 } };
	uint8_t buf[64];

	for (size_t i = 0; i < 4; i++) {
		size_t len = make_message(bad[i].cmd, buf);
		int fd = open_client();

		make_spare(bad[i].n);
		ck_assert_int_eq(drv_socket_send(fd, buf, len, spare, bad[i].n),
				 0);
		close_spare(bad[i].n);
		assert_closed(fd);
	}
}
END_TEST

START_TEST(hostile_e5__descriptors_with_every_byte_are_closed)
{
	const uint8_t *bytes = (const uint8_t *)&get_info;
	int fd = open_client(), rc = 0;

	make_spare(16);
	for (size_t i = 0; i < sizeof(get_info) && rc == 0; i++)
		rc = drv_socket_send(fd, bytes + i, 1, spare, 16);
	close_spare(16);
	assert_closed(fd);
}
END_TEST

/* A map without its descriptor would be another message. */
START_TEST(hostile_e5__descriptors_that_found_no_room_here_close)
{
	struct {
		struct drv_vfu_hdr hdr;
		struct drv_vfu_irq_set set;
	} irqs = { .hdr = { .cmd = DRV_VFU_SET_IRQS, .size = sizeof(irqs) },
		   .set = { .argsz = sizeof(irqs.set),
			    .flags = DRV_VFU_IRQ_EVENTFD | DRV_VFU_IRQ_TRIGGER,
			    .index = 2,
			    .count = 1 } };
	struct rlimit limit, none;
	int fd = open_client();
	bool closed;

	make_spare(1);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none = (struct rlimit){ .rlim_max = limit.rlim_max };
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
	ck_assert_int_eq(drv_socket_send(fd, &irqs, sizeof(irqs), spare, 1), 0);
	closed = read_end(fd);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	ck_assert(closed);
	close_spare(1);
	(void)close(fd);
}
END_TEST

/* They belong to the message that begins with their byte, not to others. */
START_TEST(hostile_e5__descriptors_find_their_message_among_others)
{
	struct {
		struct drv_vfu_hdr hdr;
		struct drv_vfu_irq_set set;
	} irqs = { .hdr = { .id = 2,
			    .cmd = DRV_VFU_SET_IRQS,
			    .size = sizeof(irqs) },
		   .set = { 20, DRV_VFU_IRQ_EVENTFD | DRV_VFU_IRQ_TRIGGER, 2, 0,
			    2 } };
	uint8_t buf[64];
	int fd = open_client();

	for (int i = 0; i < 50; i++) {
		static const uint16_t order[] = { 1, 2, 1 };

		make_spare(2);
		ck_assert_int_eq(drv_socket_send(fd, &get_info,
						 sizeof(get_info), NULL, 0),
				 0);
		ck_assert_int_eq(
			drv_socket_send(fd, &irqs, sizeof(irqs), spare, 2), 0);
		ck_assert_int_eq(drv_socket_send(fd, &get_info,
						 sizeof(get_info), NULL, 0),
				 0);
		close_spare(2);
		for (int k = 0; k < 3; k++) {
			struct drv_vfu_hdr hdr;

			ck_assert_int_gt(drv_vfu_recv(fd, buf, sizeof(buf),
						      NULL, NULL,
						      DRV_TIMEOUT_MS),
					 0);
			memcpy(&hdr, buf, sizeof(hdr));
			ck_assert_uint_eq(hdr.id, order[k]);
			ck_assert_uint_eq(hdr.flags, DRV_VFU_F_REPLY);
		}
	}
	(void)close(fd);
}
END_TEST

START_TEST(hostile_e5__descriptors_whose_message_is_cut_arrive)
{
	struct {
		struct drv_vfu_hdr hdr;
		struct drv_vfu_irq_set set;
	} irqs = { .hdr = { .id = 2,
			    .cmd = DRV_VFU_SET_IRQS,
			    .size = sizeof(irqs) },
		   .set = { 20, DRV_VFU_IRQ_EVENTFD | DRV_VFU_IRQ_TRIGGER, 2, 0,
			    2 } };
	const uint8_t *bytes = (const uint8_t *)&irqs;
	int fd = open_client();

	for (size_t cut = 1; cut < sizeof(irqs); cut++) {
		struct drv_vfu_hdr hdr;

		make_spare(2);
		ck_assert_int_eq(drv_socket_send(fd, bytes, cut, spare, 2), 0);
		ck_assert_int_eq(drv_socket_send(fd, bytes + cut,
						 sizeof(irqs) - cut, NULL, 0),
				 0);
		close_spare(2);
		ck_assert_int_eq(drv_vfu_recv(fd, &hdr, sizeof(hdr), NULL, NULL,
					      DRV_TIMEOUT_MS),
				 16);
		ck_assert_uint_eq(hdr.flags, DRV_VFU_F_REPLY);
	}
	(void)close(fd);
}
END_TEST

START_TEST(hostile_e5__random_bytes_close_or_are_refused)
{
	uint32_t seed = 12345;
	uint8_t junk[512];

	for (int round = 0; round < 300; round++) {
		int fd = round % 2 ? open_client() : served_connect(&served);

		for (size_t i = 0; i < sizeof(junk); i++) {
			seed = seed * 1664525 + 1013904223;
			junk[i] = (uint8_t)(seed >> 24);
		}
		/* Now and then with a header that leads further. */
		if (round % 3 == 0)
			(void)make_message((uint16_t)(round % N_CMDS), junk);
		(void)drv_socket_send(fd, junk, sizeof(junk), NULL, 0);
		(void)close(fd);
		assert_next_is_served();
	}
}
END_TEST

static void
add_tests(TCase *tc)
{
	const TTest *const tests[] = {
		hostile_e5__size_less_than_a_header_closes,
		hostile_e5__size_that_does_not_fit_the_command_closes,
		hostile_e5__unknown_commands_close,
		hostile_e5__commands_that_we_do_not_have_are_refused,
		hostile_e7__replies_and_strange_flags_close,
		hostile_e6__commands_before_the_version_close,
		hostile_e6__version_twice_closes,
		hostile_e5__message_byte_by_byte_is_answered,
		hostile_e5__message_in_two_parts_is_answered,
		hostile_e5__message_of_vhost_user_closes,
		hostile_e5__end_at_every_byte_frees_all,
		hostile_e5__end_at_every_byte_of_the_version_frees_all,
		hostile_e5__end_in_the_middle_of_a_large_write_frees_all,
		hostile_e5__client_that_reads_nothing_holds_up_nobody,
		hostile_e5__descriptors_on_every_command_are_closed,
		hostile_e5__descriptors_on_the_wrong_command_close,
		hostile_e5__too_many_descriptors_close,
		hostile_e5__descriptors_with_every_byte_are_closed,
		hostile_e5__descriptors_that_found_no_room_here_close,
		hostile_e5__descriptors_find_their_message_among_others,
		hostile_e5__descriptors_whose_message_is_cut_arrive,
		hostile_e5__random_bytes_close_or_are_refused,
	};

	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
		tcase_add_test(tc, tests[i]);
}

int
main(void)
{
	TCase *tc = tcase_create("vfio-user framing");
	Suite *suite = suite_create("hostile vfio-user framing");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	add_tests(tc);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
