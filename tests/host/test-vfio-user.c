// SPDX-License-Identifier: BSD-3-Clause
/* vfio-user server: sessions, regions, accesses, reset. */
#include <check.h>
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>

#include "host/served.h"
#include "host/toy.h"
#include "suite.h"

#define CONFIG 7

static struct served served;
static struct drv_vfu vfu;

static void
setup(void)
{
	served_start(&served, &toy_ops, 0, NULL);
	served_open(&served, &vfu);
}

static void
teardown(void)
{
	drv_vfu_deinit(&vfu);
	served_stop(&served);
}

static struct toy *
toy(void)
{
	return served.dev->arg;
}

/* The n-th access that the device has seen was this one. */
static void
assert_access(int n, bool is_write, int bar, uint64_t offset, int size)
{
	const struct toy_access *a = &toy()->log[n];

	ck_assert_int_lt(n, toy()->n_log);
	ck_assert_int_eq(a->is_write, is_write);
	ck_assert_int_eq(a->bar, bar);
	ck_assert_uint_eq(a->offset, offset);
	ck_assert_int_eq(a->size, size);
}

/* ---- version ---- */

/* Negotiate anew; the reply's JSON. */
static const char *
renegotiate(const char *json)
{
	drv_vfu_deinit(&vfu);
	ck_assert_int_eq(drv_vfu_init(&vfu, served_connect(&served)), 0);
	ck_assert_int_eq(drv_vfu_negotiate(&vfu, json), 0);
	ck_assert_uint_gt(vfu.body_len, sizeof(struct drv_vfu_version));
	return (const char *)vfu.body + sizeof(struct drv_vfu_version);
}

START_TEST(version_answers_what_qemu_offers)
{
	const char *json = renegotiate(NULL);

	ck_assert_ptr_nonnull(strstr(json, "\"capabilities\""));
	ck_assert_ptr_nonnull(strstr(json, "\"max_msg_fds\":16"));
	ck_assert_ptr_nonnull(strstr(json, "\"max_data_xfer_size\":1048576"));
	ck_assert_ptr_nonnull(strstr(json, "\"max_dma_maps\":65535"));
	ck_assert_ptr_nonnull(strstr(json, "\"pgsizes\":4096"));
	ck_assert_ptr_null(strstr(json, "write_multiple"));
	ck_assert_ptr_null(strstr(json, "migration"));
}
END_TEST

START_TEST(version_answers_a_subset_of_the_offer)
{
	const char *json = renegotiate("{\"capabilities\":{\"pgsizes\":4096}}");

	ck_assert_ptr_nonnull(strstr(json, "pgsizes"));
	ck_assert_ptr_null(strstr(json, "max_"));
	json = renegotiate("{}");
	ck_assert_ptr_null(strstr(json, "pgsizes"));
}
END_TEST

START_TEST(version_without_json_is_fine)
{
	struct drv_vfu_version ver = { 0, 0 };

	drv_vfu_deinit(&vfu);
	ck_assert_int_eq(drv_vfu_init(&vfu, served_connect(&served)), 0);
	ck_assert_int_eq(
		drv_vfu_call(&vfu, DRV_VFU_VERSION, &ver, sizeof(ver), NULL, 0),
		0);
}
END_TEST

START_TEST(version_of_another_major_is_refused)
{
	struct drv_vfu_version ver = { 1, 0 };

	drv_vfu_deinit(&vfu);
	ck_assert_int_eq(drv_vfu_init(&vfu, served_connect(&served)), 0);
	ck_assert_int_eq(
		drv_vfu_call(&vfu, DRV_VFU_VERSION, &ver, sizeof(ver), NULL, 0),
		-ENOTSUP);
	ck_assert_int_eq(drv_vfu_negotiate(&vfu, NULL), 0);
}
END_TEST

/* ---- information ---- */

START_TEST(info_is_of_a_pci_function_with_reset)
{
	struct drv_vfu_device_info info;

	ck_assert_int_eq(drv_vfu_device_info(&vfu, &info), 0);
	ck_assert_uint_eq(info.argsz, 16);
	ck_assert_uint_eq(info.flags, 3);
	ck_assert_uint_eq(info.n_regions, 9);
	ck_assert_uint_eq(info.n_irqs, 3);
}
END_TEST

START_TEST(region_info_gives_the_sizes)
{
	static const uint64_t sizes[9] = {
		TOY_IO_SIZE, 4096, TOY_MEM_SIZE, 0, TOY_MEM64_SIZE, 0, 0, 256, 0
	};
	struct drv_vfu_region_info info;

	for (uint32_t i = 0; i < 9; i++) {
		uint32_t flags = sizes[i] ? 3 : 0;

		ck_assert_int_eq(drv_vfu_region_info(&vfu, i, 32, &info), 0);
		ck_assert_uint_eq(info.index, i);
		ck_assert_uint_eq(info.size, sizes[i]);
		ck_assert_uint_eq(info.flags, flags);
		ck_assert_uint_eq(info.argsz, 32);
		ck_assert_int_eq(vfu.n_fds, 0);
	}
}
END_TEST

START_TEST(irq_info_gives_the_counts)
{
	static const uint32_t counts[3] = { 1, TOY_MSI, TOY_VECTORS };
	struct drv_vfu_irq_info info;

	for (uint32_t i = 0; i < 3; i++) {
		ck_assert_int_eq(drv_vfu_irq_info(&vfu, i, &info), 0);
		ck_assert_uint_eq(info.index, i);
		ck_assert_uint_eq(info.count, counts[i]);
		ck_assert(info.flags & DRV_VFU_IRQ_INFO_EVENTFD);
	}
	ck_assert_int_eq(drv_vfu_irq_info(&vfu, 3, &info), -EINVAL);
	ck_assert_int_eq(drv_vfu_irq_info(&vfu, 0, &info), 0);
	ck_assert_uint_eq(info.flags, DRV_VFU_IRQ_INFO_EVENTFD |
					      DRV_VFU_IRQ_INFO_MASKABLE |
					      DRV_VFU_IRQ_INFO_AUTOMASKED);
}
END_TEST

START_TEST(io_fds_of_a_function_without_doorbells_are_none)
{
	uint32_t req[4] = { 4096, 0, 4, 0 };

	ck_assert_int_eq(drv_vfu_call(&vfu, DRV_VFU_GET_REGION_IO_FDS, req,
				      sizeof(req), NULL, 0),
			 0);
	ck_assert_uint_eq(vfu.body_len, 16);
	memcpy(req, vfu.body, sizeof(req));
	ck_assert_uint_eq(req[0], 16);
	ck_assert_uint_eq(req[3], 0);
}
END_TEST

/* ---- accesses ---- */

START_TEST(config_read_is_consistent_at_any_width_and_alignment)
{
	uint8_t all[256], part[256];

	ck_assert_int_eq(drv_vfu_region_read(&vfu, CONFIG, 0, all, 256), 0);
	ck_assert_uint_eq(all[0] | all[1] << 8, 0x1af4);
	for (uint32_t i = 0; i < 256; i++) {
		ck_assert_int_eq(drv_vfu_region_read(&vfu, CONFIG, i, part, 1),
				 0);
		ck_assert_uint_eq(part[0], all[i]);
	}
	for (uint32_t i = 0; i < 250; i++) {
		ck_assert_int_eq(drv_vfu_region_read(&vfu, CONFIG, i, part, 6),
				 0);
		ck_assert_mem_eq(part, all + i, 6);
	}
}
END_TEST

START_TEST(config_write_is_seen_by_the_next_read)
{
	uint16_t command = 0x0007, out;

	ck_assert_int_eq(
		drv_vfu_region_write(&vfu, CONFIG, 4, &command, 2, false), 0);
	ck_assert_int_eq(drv_vfu_region_read(&vfu, CONFIG, 4, &out, 2), 0);
	ck_assert_uint_eq(out, 0x0007);
	command = 0x0002;
	ck_assert_int_eq(
		drv_vfu_region_write(&vfu, CONFIG, 4, &command, 2, true), 0);
	ck_assert_int_eq(drv_vfu_region_read(&vfu, CONFIG, 4, &out, 2), 0);
	ck_assert_uint_eq(out, 0x0002);
}
END_TEST

START_TEST(bar_access_of_a_cpu_width_is_one_access)
{
	static const uint32_t widths[] = { 1, 2, 4, 8 };
	uint64_t val = 0x8877665544332211, out;

	for (int i = 0; i < 4; i++) {
		uint32_t w = widths[i];

		out = 0;
		toy()->n_log = 0;
		ck_assert_int_eq(
			drv_vfu_region_write(&vfu, 4, 0x100, &val, w, false),
			0);
		ck_assert_int_eq(drv_vfu_region_read(&vfu, 4, 0x100, &out, w),
				 0);
		ck_assert_int_eq(toy()->n_log, 2);
		assert_access(0, true, 4, 0x100, (int)w);
		assert_access(1, false, 4, 0x100, (int)w);
		ck_assert_mem_eq(&out, &val, w);
	}
}
END_TEST

START_TEST(bar_access_of_odd_length_is_split_naturally)
{
	uint8_t in[21], out[21];

	for (size_t i = 0; i < sizeof(in); i++)
		in[i] = (uint8_t)(i * 7 + 1);
	ck_assert_int_eq(drv_vfu_region_write(&vfu, 2, 0x1003, in, 21, false),
			 0);
	ck_assert_int_eq(toy()->n_log, 4);
	assert_access(0, true, 2, 0x1003, 1);
	assert_access(1, true, 2, 0x1004, 4);
	assert_access(2, true, 2, 0x1008, 8);
	assert_access(3, true, 2, 0x1010, 8);
	ck_assert_int_eq(drv_vfu_region_read(&vfu, 2, 0x1003, out, 21), 0);
	ck_assert_mem_eq(in, out, 21);
}
END_TEST

START_TEST(bar_access_of_a_megabyte_goes_both_ways)
{
	uint32_t len = 1u << 20;
	uint8_t *in = malloc(len), *out = malloc(len);

	ck_assert_ptr_nonnull(in);
	ck_assert_ptr_nonnull(out);
	for (uint32_t i = 0; i < len; i++)
		in[i] = (uint8_t)(i ^ i >> 8 ^ i >> 16);
	ck_assert_int_eq(drv_vfu_region_write(&vfu, 2, len, in, len, false), 0);
	ck_assert_int_eq(drv_vfu_region_read(&vfu, 2, len, out, len), 0);
	ck_assert_mem_eq(in, out, len);
	free(in);
	free(out);
}
END_TEST

START_TEST(posted_writes_come_before_the_next_read)
{
	uint32_t out;

	for (uint32_t i = 1; i <= 200; i++) {
		uint32_t last = i;

		for (uint32_t k = 0; k < 8; k++, last += 1000)
			ck_assert_int_eq(drv_vfu_region_write(&vfu, 4, 0, &last,
							      4, true),
					 0);
		ck_assert_int_eq(drv_vfu_region_read(&vfu, 4, 0, &out, 4), 0);
		ck_assert_uint_eq(out, i + 7000);
	}
}
END_TEST

START_TEST(many_commands_in_one_send_are_all_answered_in_order)
{
	struct {
		struct drv_vfu_hdr hdr;
		struct drv_vfu_region_access acc;
	} cmd[100];
	uint8_t reply[64];

	for (uint16_t i = 0; i < 100; i++) {
		cmd[i].hdr = (struct drv_vfu_hdr){ .id = i,
						   .cmd = DRV_VFU_REGION_READ,
						   .size = sizeof(cmd[i]) };
		cmd[i].acc = (struct drv_vfu_region_access){ i, 4, 1 };
	}
	ck_assert_int_eq(drv_socket_send(vfu.fd, cmd, sizeof(cmd), NULL, 0), 0);
	for (uint16_t i = 0; i < 100; i++) {
		struct drv_vfu_hdr hdr;

		ck_assert_int_eq(drv_vfu_recv(vfu.fd, reply, sizeof(reply),
					      NULL, NULL, DRV_TIMEOUT_MS),
				 33);
		memcpy(&hdr, reply, sizeof(hdr));
		ck_assert_uint_eq(hdr.id, i);
		ck_assert_uint_eq(hdr.flags, DRV_VFU_F_REPLY);
	}
}
END_TEST

START_TEST(a_client_that_reads_late_gets_every_reply)
{
	struct {
		struct drv_vfu_hdr hdr;
		struct drv_vfu_region_access acc;
	} cmd = { .hdr = { .cmd = DRV_VFU_REGION_READ, .size = sizeof(cmd) },
		  .acc = { 0, 2, 1u << 20 } };
	size_t cap = (1u << 20) + 64;
	uint8_t *reply = malloc(cap);

	ck_assert_ptr_nonnull(reply);
	for (uint16_t i = 0; i < 100; i++) {
		cmd.hdr.id = i;
		ck_assert_int_eq(
			drv_socket_send(vfu.fd, &cmd, sizeof(cmd), NULL, 0), 0);
	}
	for (uint16_t i = 0; i < 100; i++) {
		struct drv_vfu_hdr hdr;

		ck_assert_int_eq(drv_vfu_recv(vfu.fd, reply, cap, NULL, NULL,
					      DRV_TIMEOUT_MS),
				 (1 << 20) + 32);
		memcpy(&hdr, reply, sizeof(hdr));
		ck_assert_uint_eq(hdr.id, i);
	}
	free(reply);
}
END_TEST

/* ---- reset, life cycle ---- */

START_TEST(reset_puts_configuration_space_back)
{
	uint16_t command = 0x0007;

	ck_assert_int_eq(
		drv_vfu_region_write(&vfu, CONFIG, 4, &command, 2, false), 0);
	ck_assert_int_eq(drv_vfu_reset(&vfu), 0);
	ck_assert_int_eq(drv_vfu_region_read(&vfu, CONFIG, 4, &command, 2), 0);
	ck_assert_uint_eq(command & 7, 0);
	ck_assert_int_eq(drv_vfu_region_read(&vfu, CONFIG, 0, &command, 2), 0);
	ck_assert_uint_eq(command, 0x1af4);
}
END_TEST

START_TEST(reconnect_finds_the_device_as_it_was)
{
	uint32_t val = 0xcafe, out;

	ck_assert_int_eq(drv_vfu_region_write(&vfu, 4, 8, &val, 4, true), 0);
	for (int i = 0; i < 100; i++) {
		drv_vfu_deinit(&vfu);
		served_open(&served, &vfu);
		ck_assert_int_eq(drv_vfu_region_read(&vfu, 4, 8, &out, 4), 0);
		ck_assert_uint_eq(out, 0xcafe);
	}
}
END_TEST

static void
ask(void)
{
	const struct drv_vfu_hdr hdr = { .cmd = DRV_VFU_DEVICE_RESET,
					 .size = sizeof(hdr) };

	ck_assert_int_eq(send(vfu.fd, &hdr, sizeof(hdr), 0), sizeof(hdr));
}

/* In the server's thread: the last message and the end come at once. */
static void
ask_and_say_no_more(struct served *s)
{
	ask();
	ck_assert_int_eq(shutdown(vfu.fd, SHUT_WR), 0);
}

static void
write_and_go(struct served *s)
{
	uint32_t val = 1;

	ck_assert_int_eq(drv_vfu_region_write(&vfu, 4, 0, &val, 4, true), 0);
	drv_vfu_deinit(&vfu);
}

static void
assert_gone(void)
{
	while (served_said(&served, "disconnected") == 0)
		(void)sched_yield();
}

START_TEST(end_behind_the_last_message_is_seen)
{
	served_call(&served, write_and_go);
	assert_gone();
}
END_TEST

START_TEST(half_end_behind_the_last_message_is_seen)
{
	served_call(&served, ask_and_say_no_more);
	assert_gone();
}
END_TEST

START_TEST(end_behind_the_last_message_is_seen_with_a_reply_unread)
{
	struct pollfd pfd = { .fd = vfu.fd, .events = POLLIN };

	ask();
	ck_assert_int_eq(poll(&pfd, 1, DRV_TIMEOUT_MS), 1);
	served_call(&served, write_and_go);
	assert_gone();
}
END_TEST

START_TEST(connected_socket_is_served_once)
{
	struct served one;
	struct drv_vfu client;
	uint16_t vendor;
	int fd;

	served_start(&one, &toy_ops, 0, &fd);
	ck_assert_int_eq(drv_vfu_init(&client, fd), 0);
	ck_assert_int_eq(drv_vfu_negotiate(&client, NULL), 0);
	ck_assert_int_eq(drv_vfu_region_read(&client, CONFIG, 0, &vendor, 2),
			 0);
	ck_assert_uint_eq(vendor, 0x1af4);
	drv_vfu_deinit(&client);
	served_stop(&one);
}
END_TEST

static int end_pipe[2];

static void
write_end(void *arg)
{
	(void)!write(end_pipe[1], arg, 1);
}

static void
ask_for_end(struct served *s)
{
	vbs_vfio_user_on_end(s->srv, write_end, s);
}

START_TEST(connected_socket_that_closes_is_the_end)
{
	struct served one;
	int fd;
	char c;

	ck_assert_int_eq(pipe(end_pipe), 0);
	served_start(&one, &toy_ops, 0, &fd);
	served_call(&one, ask_for_end);
	(void)close(fd);
	ck_assert_int_eq(read(end_pipe[0], &c, 1), 1);
	served_stop(&one);
	(void)close(end_pipe[0]);
	(void)close(end_pipe[1]);
}
END_TEST

START_TEST(once_serves_one_client_and_no_other)
{
	const struct served_how how = { .ops = &toy_ops,
					.flags = VBS_VFIO_USER_ONCE };
	struct served one;
	struct drv_vfu client;
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	char c;

	ck_assert_int_eq(pipe(end_pipe), 0);
	served_start_how(&one, &how);
	served_call(&one, ask_for_end);
	served_open(&one, &client);
	ck_assert_int_eq(
		connect(fd, (const struct sockaddr *)&one.addr, one.addr_len),
		-1);
	ck_assert_int_eq(errno, ECONNREFUSED);
	drv_vfu_deinit(&client);
	ck_assert_int_eq(read(end_pipe[0], &c, 1), 1);
	served_stop(&one);
	(void)close(fd);
	(void)close(end_pipe[0]);
	(void)close(end_pipe[1]);
}
END_TEST

START_TEST(serve_refuses_what_it_cannot_serve)
{
	struct event_base *base = event_base_new();
	struct vbs_vfio_user_options opts = { .reserved = { 1 } };
	struct vbs_vfio_user *srv;
	struct pci_vdev *dev;
	int fds = count_fds(), pair[2];

	ck_assert_int_eq(vbs_vfio_user_new(NULL, NULL, &srv), -EINVAL);
	ck_assert_int_eq(vbs_vfio_user_new(base, &opts, &srv), -EINVAL);
	opts = (struct vbs_vfio_user_options){ .flags = 4 };
	ck_assert_int_eq(vbs_vfio_user_new(base, &opts, &srv), -EINVAL);
	ck_assert_int_eq(vbs_vfio_user_new(base, NULL, &srv), 0);
	ck_assert_int_eq(
		vbs_pci_new(vbs_vfio_user_vm(srv), &toy_ops, 1, 0, NULL, &dev),
		0);

	/* No socket; no stream; no UNIX socket; a function of another VM. */
	ck_assert_int_eq(vbs_vfio_user_serve(srv, dev, dup(0)), -ENOTSOCK);
	ck_assert_int_eq(
		vbs_vfio_user_serve(srv, dev, socket(AF_UNIX, SOCK_DGRAM, 0)),
		-ENOTSOCK);
	ck_assert_int_eq(
		vbs_vfio_user_serve(srv, dev, socket(AF_INET, SOCK_STREAM, 0)),
		-ENOTSOCK);
	ck_assert_int_eq(vbs_vfio_user_serve(srv, served.dev,
					     socket(AF_UNIX, SOCK_STREAM, 0)),
			 -EINVAL);

	/* Twice. */
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	ck_assert_int_eq(vbs_vfio_user_serve(srv, dev, pair[0]), 0);
	ck_assert_int_eq(
		vbs_vfio_user_serve(srv, dev, socket(AF_UNIX, SOCK_STREAM, 0)),
		-EINVAL);
	vbs_vfio_user_stop(srv);
	vbs_vfio_user_stop(srv);
	ck_assert(drv_socket_is_closed(pair[1], DRV_TIMEOUT_MS));
	(void)close(pair[1]);

	/* Again, after a stop; freed without one. */
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	ck_assert_int_eq(vbs_vfio_user_serve(srv, dev, pair[0]), 0);
	(void)close(pair[1]);
	vbs_vfio_user_stop(srv);
	vbs_pci_free(dev);
	vbs_vfio_user_free(srv);
	vbs_vfio_user_free(NULL);
	event_base_free(base);
	ck_assert_int_lt(count_fds(), fds);
}
END_TEST

int
main(void)
{
	const TTest *const tests[] = {
		version_answers_what_qemu_offers,
		version_answers_a_subset_of_the_offer,
		version_without_json_is_fine,
		version_of_another_major_is_refused,
		info_is_of_a_pci_function_with_reset,
		region_info_gives_the_sizes,
		irq_info_gives_the_counts,
		io_fds_of_a_function_without_doorbells_are_none,
		config_read_is_consistent_at_any_width_and_alignment,
		config_write_is_seen_by_the_next_read,
		bar_access_of_a_cpu_width_is_one_access,
		bar_access_of_odd_length_is_split_naturally,
		bar_access_of_a_megabyte_goes_both_ways,
		posted_writes_come_before_the_next_read,
		many_commands_in_one_send_are_all_answered_in_order,
		a_client_that_reads_late_gets_every_reply,
		reset_puts_configuration_space_back,
		reconnect_finds_the_device_as_it_was,
		end_behind_the_last_message_is_seen,
		half_end_behind_the_last_message_is_seen,
		end_behind_the_last_message_is_seen_with_a_reply_unread,
		connected_socket_is_served_once,
		connected_socket_that_closes_is_the_end,
		once_serves_one_client_and_no_other,
		serve_refuses_what_it_cannot_serve,
	};
	TCase *tc = tcase_create("vfio-user");
	Suite *suite = suite_create("vfio-user");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 30);
	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
		tcase_add_test(tc, tests[i]);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
