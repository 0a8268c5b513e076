// SPDX-License-Identifier: BSD-3-Clause
/* vhost-user back end: sessions, features, configuration, status, reset. */
#include <check.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>

#include "host/toy.h"
#include "host/vhost-loop.h"
#include "suite.h"

#define LOOP_BITS (DRV_BIT(LOOP_F_BASE) | DRV_BIT(LOOP_F_EXTRA))

static struct vhost_loop l;
static struct drv_vu *const vu = &l.dev.vu;

static void
setup(void)
{
	vhost_loop_open(&l, NULL);
}

static void
teardown(void)
{
	vhost_loop_close(&l);
}

/* ---- features ---- */

START_TEST(features_are_the_device_s_and_the_transport_s)
{
	const uint64_t never = DRV_BIT(33) | DRV_BIT(37) | DRV_BIT(38) |
			       DRV_BIT(39) | DRV_BIT(40) | DRV_BIT(41) |
			       DRV_BIT(43);
	const uint64_t always = DRV_BIT(DRV_VU_F_LOG_ALL) | DRV_BIT(28) |
				DRV_BIT(29) | DRV_BIT(DRV_VU_F_PROTOCOL) |
				DRV_BIT(32) | DRV_BIT(34) | LOOP_BITS;

	ck_assert_uint_eq(l.dev.offered & always, always);
	ck_assert_uint_eq(l.dev.offered & never, 0);
}
END_TEST

START_TEST(protocol_features_are_what_is_done)
{
	ck_assert_uint_eq(
		l.dev.offered_protocol,
		DRV_BIT(DRV_VUP_MQ) | DRV_BIT(DRV_VUP_LOG_SHMFD) |
			DRV_BIT(DRV_VUP_REPLY_ACK) |
			DRV_BIT(DRV_VUP_BACKEND_REQ) | DRV_BIT(DRV_VUP_CONFIG) |
			DRV_BIT(DRV_VUP_INFLIGHT_SHMFD) |
			DRV_BIT(DRV_VUP_RESET_DEVICE) |
			DRV_BIT(DRV_VUP_MEM_SLOTS) | DRV_BIT(DRV_VUP_STATUS) |
			DRV_BIT(DRV_VUP_DEVICE_STATE));
	ck_assert_uint_eq(l.dev.max_queues, LOOP_QUEUES);
}
END_TEST

START_TEST(features_that_were_not_offered_are_refused)
{
	ck_assert_int_eq(drv_vu_set_u64(vu, DRV_VU_SET_FEATURES, DRV_BIT(41)),
			 -EREMOTEIO);
	ck_assert_int_eq(drv_vu_set_u64(vu, DRV_VU_SET_PROTOCOL_FEATURES,
					l.dev.offered_protocol | DRV_BIT(2)),
			 -EREMOTEIO);
	/* The device has a word in it: EXTRA needs BASE. */
	ck_assert_int_eq(drv_vu_set_u64(vu, DRV_VU_SET_FEATURES,
					DRV_BIT(32) | DRV_BIT(LOOP_F_EXTRA)),
			 -EREMOTEIO);
	vhost_assert_goes_on(vu);
	ck_assert_int_eq(served_said(&l.served, "SET_FEATURES refused"), 1);
	ck_assert_int_eq(served_said(&l.served, "refused"), 1);
}
END_TEST

START_TEST(refusal_that_nobody_asked_for_ends_the_connection)
{
	const uint64_t val = DRV_BIT(41);

	ck_assert_int_eq(drv_vu_post(vu, DRV_VU_SET_FEATURES, 0, &val,
				     sizeof(val), NULL, 0),
			 0);
	vhost_assert_closed(vu);
	ck_assert_int_eq(served_said(&l.served, "connection closed"), 1);
}
END_TEST

START_TEST(need_reply_without_reply_ack_is_not_answered)
{
	uint64_t val = l.dev.features;

	ck_assert_int_eq(drv_vu_set_protocol(vu, 0), 0);
	ck_assert_int_eq(drv_vu_post(vu, DRV_VU_SET_FEATURES, DRV_VU_NEED_REPLY,
				     &val, sizeof(val), NULL, 0),
			 0);
	/* The next that comes is the answer to this one. */
	ck_assert_int_eq(drv_vu_get_u64(vu, DRV_VU_GET_FEATURES, &val), 0);
}
END_TEST

START_TEST(need_reply_gives_no_second_reply)
{
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(drv_vu_post(vu, DRV_VU_GET_QUEUE_NUM,
					     DRV_VU_NEED_REPLY, NULL, 0, NULL,
					     0),
				 0);
		ck_assert_int_eq(drv_vu_wait_reply(vu, DRV_VU_GET_QUEUE_NUM),
				 0);
	}
	ck_assert_int_eq(vu->reply.body[0], LOOP_QUEUES);
	vhost_assert_goes_on(vu);
}
END_TEST

START_TEST(features_without_bit_30_enable_the_rings)
{
	l.dev.features &= ~DRV_BIT(DRV_VU_F_PROTOCOL);
	ck_assert_int_eq(drv_vu_device_start(&l.dev), 0);
	vhost_loop_echo(&l, 2, 7);
}
END_TEST

START_TEST(features_change_between_two_lives_of_the_rings)
{
	ck_assert_int_eq(drv_vu_device_start(&l.dev), 0);
	vhost_loop_echo(&l, 0, 1);
	ck_assert_int_eq(drv_vu_set_u64(vu, DRV_VU_SET_FEATURES,
					l.dev.features | LOOP_BITS),
			 -EREMOTEIO);
	ck_assert_int_eq(drv_vu_device_stop(&l.dev), 0);
	l.dev.features |= LOOP_BITS;
	ck_assert_int_eq(drv_vu_device_start(&l.dev), 0);
	vhost_loop_echo(&l, 0, 2);
	ck_assert(vbs_has_feature(&vhost_loop_look(&l)->common, LOOP_F_EXTRA));
}
END_TEST

/* ---- configuration ---- */

START_TEST(config_is_read_and_written_in_any_part)
{
	uint8_t all[LOOP_CONFIG], part[LOOP_CONFIG];
	const uint8_t val[3] = { 1, 2, 3 };

	ck_assert_int_eq(drv_vu_get_config(vu, 0, all, LOOP_CONFIG), 0);
	for (uint8_t i = 0; i < LOOP_CONFIG; i++)
		ck_assert_uint_eq(all[i], 0xa0 + i);
	ck_assert_int_eq(drv_vu_get_config(vu, 3, part, 7), 0);
	ck_assert_mem_eq(part, all + 3, 7);
	ck_assert_int_eq(
		drv_vu_set_config(vu, 5, DRV_VU_CONFIG_WRITABLE, val, 3), 0);
	ck_assert_int_eq(
		drv_vu_set_config(vu, 0, DRV_VU_CONFIG_MIGRATE, val, 1), 0);
	ck_assert_int_eq(drv_vu_get_config(vu, 0, part, LOOP_CONFIG), 0);
	all[0] = 1;
	memcpy(all + 5, val, 3);
	ck_assert_mem_eq(part, all, LOOP_CONFIG);
}
END_TEST

START_TEST(config_that_is_not_there_is_no_bytes)
{
	uint8_t buf[256] = { 0 };

	ck_assert_int_eq(drv_vu_get_config(vu, 1, buf, LOOP_CONFIG),
			 -EREMOTEIO);
	ck_assert_int_eq(drv_vu_get_config(vu, UINT32_MAX, buf, 4), -EREMOTEIO);
	ck_assert_int_eq(drv_vu_get_config(vu, 0, buf, 0), -EREMOTEIO);
	ck_assert_int_eq(drv_vu_get_config(vu, 0, buf, 256), -EREMOTEIO);
	ck_assert_int_eq(drv_vu_set_config(vu, 10, 0, buf, 4), -EREMOTEIO);
	ck_assert_int_eq(drv_vu_set_config(vu, 0, 4, buf, 4), -EREMOTEIO);
	vhost_assert_goes_on(vu);
}
END_TEST

static void
change_config(struct served *s)
{
	for (uint8_t i = 0; i < 100; i++)
		loop_change_config(loop_of(s->dev), 0, i);
}

START_TEST(config_change_is_told_when_a_ring_is_started)
{
	served_call(&l.served, change_config);
	vhost_assert_goes_on(vu);
	vhost_assert_goes_on(vu);
	ck_assert_int_eq(drv_vu_serve_back(vu, 0), 0);
	ck_assert_uint_eq(vu->n_config_changes, 0);
	ck_assert_int_eq(drv_vu_device_start(&l.dev), 0);
	ck_assert_int_eq(drv_vu_serve_back(vu, 0), 0);
	ck_assert_uint_eq(vu->n_config_changes, 1);
}
END_TEST

START_TEST(config_change_is_told_once_for_many)
{
	uint8_t val;

	ck_assert_int_eq(drv_vu_device_start(&l.dev), 0);
	served_call(&l.served, change_config);
	ck_assert_int_eq(drv_vu_serve_back(vu, DRV_TIMEOUT_MS), 0);
	vhost_assert_goes_on(vu);
	ck_assert_uint_eq(vu->n_config_changes, 1);
	ck_assert_uint_eq(vu->back.hdr.flags, DRV_VU_VERSION);
	ck_assert_int_eq(drv_vu_get_config(vu, 0, &val, 1), 0);
	ck_assert_uint_eq(val, 99);
}
END_TEST

START_TEST(config_changes_that_nobody_reads_do_no_harm)
{
	uint64_t features;

	ck_assert_int_eq(drv_vu_device_start(&l.dev), 0);
	/* Far more than a socket holds. */
	for (int i = 0; i < 2000; i++) {
		served_call(&l.served, change_config);
		ck_assert_int_eq(drv_vu_post(vu, DRV_VU_GET_FEATURES, 0, NULL,
					     0, NULL, 0),
				 0);
		ck_assert_int_eq(
			drv_vu_recv(vu->fd, &vu->reply, DRV_TIMEOUT_MS), 1);
	}
	(void)close(vu->back_fd);
	vu->back_fd = -1;
	served_call(&l.served, change_config);
	ck_assert_int_eq(drv_vu_get_u64(vu, DRV_VU_GET_FEATURES, &features), 0);
}
END_TEST

/* ---- status and reset ---- */

static uint64_t
status(void)
{
	uint64_t val;

	ck_assert_int_eq(drv_vu_get_u64(vu, DRV_VU_GET_STATUS, &val), 0);
	return val;
}

START_TEST(status_is_what_was_set)
{
	ck_assert_uint_eq(status(), 0);
	ck_assert_int_eq(drv_vu_set_u64(vu, DRV_VU_SET_STATUS, 3), 0);
	ck_assert_uint_eq(status(), 3);
	ck_assert_int_eq(drv_vu_set_u64(vu, DRV_VU_SET_STATUS, 0x100),
			 -EREMOTEIO);
	ck_assert_int_eq(drv_vu_set_u64(vu, DRV_VU_SET_STATUS, 0), 0);
	ck_assert_uint_eq(status(), 0);
}
END_TEST

START_TEST(reset_stops_and_disables_the_rings)
{
	for (int i = 0; i < 2; i++) {
		int n_resets = vhost_loop_look(&l)->n_resets;

		ck_assert_int_eq(drv_vu_device_start(&l.dev), 0);
		vhost_loop_echo(&l, 1, 3);
		ck_assert_int_eq(drv_vu_device_reset(&l.dev, i == 0), 0);
		ck_assert_int_eq(vhost_loop_look(&l)->n_resets, n_resets + 1);
		ck_assert_uint_eq(status(), 0);
		ck_assert_int_eq(drv_vu_device_stop(&l.dev), 0);
	}
	ck_assert_int_eq(drv_vu_device_start(&l.dev), 0);
	vhost_loop_echo(&l, 1, 4);
}
END_TEST

START_TEST(reset_owner_keeps_the_device)
{
	ck_assert_int_eq(drv_vu_device_start(&l.dev), 0);
	ck_assert_int_eq(drv_vu_set_none(vu, DRV_VU_RESET_OWNER, -1), 0);
	vhost_loop_echo(&l, 0, 9);
}
END_TEST

/* ---- sessions ---- */

START_TEST(second_front_end_is_refused_and_the_first_served)
{
	int fd = served_connect(&l.served);

	ck_assert(drv_socket_is_closed(fd, DRV_TIMEOUT_MS));
	(void)close(fd);
	vhost_assert_goes_on(vu);
	ck_assert_int_eq(served_said(&l.served, "second front end refused"), 1);
}
END_TEST

START_TEST(reconnect_finds_a_device_that_is_new)
{
	for (uint8_t i = 0; i < 20; i++) {
		ck_assert_uint_eq(status(), 0);
		ck_assert_int_eq(drv_vu_device_start(&l.dev), 0);
		vhost_loop_echo(&l, i % LOOP_QUEUES, i);
		drv_vu_device_deinit(&l.dev); /* and no goodbye */
		drv_vu_device_init(
			&l.dev, &l.ram,
			&(struct drv_vu_opts){ .n_queues = LOOP_QUEUES,
					       .queue_size = LOOP_QSIZE });
		ck_assert_int_eq(
			drv_vu_device_attach(&l.dev, served_connect(&l.served)),
			0);
	}
}
END_TEST

START_TEST(once_serves_one_front_end_and_no_other)
{
	const struct served_how how = {
		.ops = &loop_pci_ops,
		.vhost_user = true,
		.flags = VBS_VHOST_USER_ONCE,
	};
	struct served one;
	struct drv_vu first;
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	served_start_how(&one, &how);
	drv_vu_init(&first, served_connect(&one));
	vhost_assert_goes_on(&first);
	ck_assert_int_eq(
		connect(fd, (const struct sockaddr *)&one.addr, one.addr_len),
		-1);
	drv_vu_deinit(&first);
	served_stop(&one);
	(void)close(fd);
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
	vbs_vhost_user_on_end(s->vhost, write_end, s);
}

START_TEST(connected_socket_that_closes_is_the_end)
{
	struct served one;
	struct drv_vu only;
	int fd;
	char c;
	const struct served_how how = {
		.ops = &loop_pci_ops,
		.vhost_user = true,
		.peer_fd = &fd,
	};

	ck_assert_int_eq(pipe(end_pipe), 0);
	served_start_how(&one, &how);
	served_call(&one, ask_for_end);
	drv_vu_init(&only, fd);
	vhost_assert_goes_on(&only);
	drv_vu_deinit(&only);
	ck_assert_int_eq(read(end_pipe[0], &c, 1), 1);
	served_stop(&one);
	(void)close(end_pipe[0]);
	(void)close(end_pipe[1]);
}
END_TEST

/* The loop, with every switch the other way round. */
static int
switched_init(struct vmctx *ctx, struct pci_vdev *dev, char *opts)
{
	static const struct {
		unsigned int bit;
		bool offer;
	} switches[] = { { 28, false }, { 29, false }, { 34, false },
			 { 35, true },  { 38, true },  { 39, true } };
	int rc = loop_pci_ops.vdev_init(ctx, dev, opts);

	for (int i = 0; i < 6 && rc == 0; i++)
		rc = vbs_virtio_offer(dev, switches[i].bit, switches[i].offer);
	return rc;
}

START_TEST(switched_features_are_the_queues_alone)
{
	struct pci_vdev_ops ops = loop_pci_ops;
	const struct served_how how = { .ops = &ops, .vhost_user = true };
	const uint64_t queues = DRV_BIT(28) | DRV_BIT(29) | DRV_BIT(34) |
				DRV_BIT(35);
	uint64_t features;
	struct served one;
	struct drv_vu front;

	ops.vdev_init = switched_init;
	served_start_how(&one, &how);
	drv_vu_init(&front, served_connect(&one));
	ck_assert_int_eq(drv_vu_get_u64(&front, DRV_VU_GET_FEATURES, &features),
			 0);
	ck_assert_uint_eq(features & queues, DRV_BIT(35));
	ck_assert_uint_eq(features & (DRV_BIT(38) | DRV_BIT(39)), 0);
	ck_assert_uint_eq(features & ~queues, l.dev.offered & ~queues);
	ck_assert_int_eq(vbs_virtio_offer(l.served.dev, 35, true), -EBUSY);
	drv_vu_deinit(&front);
	served_stop(&one);
}
END_TEST

START_TEST(serve_refuses_what_it_cannot_serve)
{
	struct event_base *base = event_base_new();
	struct vbs_vhost_user_options opts = { .reserved = { 1 } };
	struct vbs_vhost_user *srv;
	struct pci_vdev *dev, *toy;
	int fds = count_fds(), pair[2];

	ck_assert_int_eq(vbs_vhost_user_new(NULL, NULL, &srv), -EINVAL);
	ck_assert_int_eq(vbs_vhost_user_new(base, &opts, &srv), -EINVAL);
	opts = (struct vbs_vhost_user_options){ .flags = 2 };
	ck_assert_int_eq(vbs_vhost_user_new(base, &opts, &srv), -EINVAL);
	ck_assert_int_eq(vbs_vhost_user_new(base, NULL, &srv), 0);
	ck_assert_int_eq(vbs_pci_new(vbs_vhost_user_vm(srv), &loop_pci_ops, 1,
				     0, NULL, &dev),
			 0);
	ck_assert_int_eq(
		vbs_pci_new(vbs_vhost_user_vm(srv), &toy_ops, 2, 0, NULL, &toy),
		0);

	/* No socket; no virtio device; a function of another VM. */
	ck_assert_int_eq(vbs_vhost_user_serve(srv, dev, dup(0)), -ENOTSOCK);
	ck_assert_int_eq(
		vbs_vhost_user_serve(srv, toy, socket(AF_UNIX, SOCK_STREAM, 0)),
		-EINVAL);
	ck_assert_int_eq(vbs_vhost_user_serve(srv, l.served.dev,
					      socket(AF_UNIX, SOCK_STREAM, 0)),
			 -EINVAL);

	/* Twice; and again after a stop. */
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
		ck_assert_int_eq(vbs_vhost_user_serve(srv, dev, pair[0]), 0);
		ck_assert_int_eq(
			vbs_vhost_user_serve(srv, dev,
					     socket(AF_UNIX, SOCK_STREAM, 0)),
			-EINVAL);
		vbs_vhost_user_stop(srv);
		vbs_vhost_user_stop(srv);
		ck_assert(drv_socket_is_closed(pair[1], DRV_TIMEOUT_MS));
		(void)close(pair[1]);
	}
	vbs_pci_free(toy);
	vbs_pci_free(dev);
	vbs_vhost_user_free(srv);
	vbs_vhost_user_free(NULL);
	event_base_free(base);
	ck_assert_int_lt(count_fds(), fds);
}
END_TEST

int
main(void)
{
	const TTest *const tests[] = {
		features_are_the_device_s_and_the_transport_s,
		protocol_features_are_what_is_done,
		features_that_were_not_offered_are_refused,
		refusal_that_nobody_asked_for_ends_the_connection,
		need_reply_without_reply_ack_is_not_answered,
		need_reply_gives_no_second_reply,
		features_without_bit_30_enable_the_rings,
		features_change_between_two_lives_of_the_rings,
		config_is_read_and_written_in_any_part,
		config_that_is_not_there_is_no_bytes,
		config_change_is_told_when_a_ring_is_started,
		config_change_is_told_once_for_many,
		config_changes_that_nobody_reads_do_no_harm,
		status_is_what_was_set,
		reset_stops_and_disables_the_rings,
		reset_owner_keeps_the_device,
		second_front_end_is_refused_and_the_first_served,
		reconnect_finds_a_device_that_is_new,
		once_serves_one_front_end_and_no_other,
		connected_socket_that_closes_is_the_end,
		switched_features_are_the_queues_alone,
		serve_refuses_what_it_cannot_serve,
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
