// SPDX-License-Identifier: BSD-3-Clause
/*
 * A vhost-user server against bytes that are no messages, and against front
 * ends that come and go at any byte (classes D1 and D10).
 */
#include <check.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hostile/vhost-rig.h"
#include "suite.h"

#define N_REQUESTS DRV_VU_N_REQUESTS

/* Bytes of payload that each request may have; what we never offer has none. */
static const struct {
	uint16_t min, max;
} payload[N_REQUESTS] = {
	[DRV_VU_GET_FEATURES] = { 0, 0 },
	[DRV_VU_SET_FEATURES] = { 8, 8 },
	[DRV_VU_SET_OWNER] = { 0, 0 },
	[DRV_VU_RESET_OWNER] = { 0, 0 },
	[DRV_VU_SET_MEM_TABLE] = { 8, 264 },
	[DRV_VU_SET_LOG_BASE] = { 16, 16 },
	[DRV_VU_SET_LOG_FD] = { 0, 8 },
	[DRV_VU_SET_VRING_NUM] = { 8, 8 },
	[DRV_VU_SET_VRING_ADDR] = { 40, 40 },
	[DRV_VU_SET_VRING_BASE] = { 8, 8 },
	[DRV_VU_GET_VRING_BASE] = { 8, 8 },
	[DRV_VU_SET_VRING_KICK] = { 8, 8 },
	[DRV_VU_SET_VRING_CALL] = { 8, 8 },
	[DRV_VU_SET_VRING_ERR] = { 8, 8 },
	[DRV_VU_GET_PROTOCOL_FEATURES] = { 0, 0 },
	[DRV_VU_SET_PROTOCOL_FEATURES] = { 8, 8 },
	[DRV_VU_GET_QUEUE_NUM] = { 0, 0 },
	[DRV_VU_SET_VRING_ENABLE] = { 8, 8 },
	[DRV_VU_SET_BACKEND_REQ_FD] = { 0, 0 },
	[DRV_VU_GET_CONFIG] = { 12, 268 },
	[DRV_VU_SET_CONFIG] = { 12, 268 },
	[DRV_VU_GET_INFLIGHT_FD] = { 20, 24 },
	[DRV_VU_SET_INFLIGHT_FD] = { 20, 24 },
	[DRV_VU_RESET_DEVICE] = { 0, 0 },
	[DRV_VU_GET_MAX_MEM_SLOTS] = { 0, 0 },
	[DRV_VU_ADD_MEM_REG] = { 40, 40 },
	[DRV_VU_REM_MEM_REG] = { 40, 40 },
	[DRV_VU_SET_STATUS] = { 8, 8 },
	[DRV_VU_GET_STATUS] = { 0, 0 },
	[DRV_VU_SET_DEVICE_STATE_FD] = { 8, 8 },
	[DRV_VU_CHECK_DEVICE_STATE] = { 0, 0 },
};

static const uint32_t never_offered[] = {
	DRV_VU_SEND_RARP,
	DRV_VU_NET_SET_MTU,
	DRV_VU_IOTLB_MSG,
	DRV_VU_SET_VRING_ENDIAN,
	DRV_VU_CREATE_CRYPTO_SESSION,
	DRV_VU_CLOSE_CRYPTO_SESSION,
	DRV_VU_POSTCOPY_ADVISE,
	DRV_VU_POSTCOPY_LISTEN,
	DRV_VU_POSTCOPY_END,
	DRV_VU_GPU_SET_SOCKET,
	DRV_VU_VRING_KICK,
	DRV_VU_GET_SHARED_OBJECT,
	DRV_VU_GET_SHMEM_CONFIG,
};

static struct rig_session session;

static void
setup(void)
{
	vhost_rig_setup();
	rig_session_init(&session);
	vhost_rig_baseline();
}

static void
teardown(void)
{
	vhost_rig_next();
	rig_session_deinit(&session);
	vhost_rig_baseline();
	vhost_rig_teardown();
}

static bool
is_offered(uint32_t request)
{
	bool never = request == 0 || request >= N_REQUESTS;

	for (size_t i = 0; i < sizeof(never_offered) / sizeof(uint32_t); i++)
		never |= never_offered[i] == request;
	if (request == DRV_VU_SET_DEVICE_STATE_FD ||
	    request == DRV_VU_CHECK_DEVICE_STATE)
		return drv_vu_has(vu, DRV_VUP_DEVICE_STATE);
	return !never;
}

/* A message that is a header and nothing behind it. */
static void
header_closes(uint32_t request, uint32_t flags, uint32_t size)
{
	const struct drv_vu_hdr hdr = { request, flags, size };

	ck_assert_int_eq(drv_vu_send(vu->fd, &hdr, NULL, 0, NULL, 0), 0);
	assert_closed();
}

/* ---- messages ---- */

/* Its VERSION: a number and the command, the size, the flags, an error. */
START_TEST(hostile_d1__message_of_vfio_user_closes)
{
	for (uint32_t size = 20; size < 24; size++)
		for (uint32_t id = 0; id < 3; id++)
			header_closes(1u << 16 | id, size, 0);
}
END_TEST

START_TEST(hostile_d1__payload_of_a_wrong_size_closes)
{
	for (uint32_t i = 1; i < N_REQUESTS; i++) {
		if (!is_offered(i))
			continue;
		header_closes(i, DRV_VU_VERSION, payload[i].max + 1u);
		header_closes(i, DRV_VU_VERSION, 0x10000);
		header_closes(i, DRV_VU_VERSION, UINT32_MAX);
		header_closes(i, DRV_VU_VERSION, UINT32_MAX - 11);
		if (payload[i].min > 0) {
			header_closes(i, DRV_VU_VERSION, payload[i].min - 1u);
			header_closes(i, DRV_VU_VERSION, 0);
		}
	}
}
END_TEST

/* In between there are sizes that are no whole regions, or the wrong number. */
START_TEST(hostile_d1__table_of_a_wrong_size_is_refused)
{
	const struct drv_region *r = drv_ram_region(&l.ram, 0);
	struct drv_vu_table table = { .n = 2 };

	drv_vu_describe(r, &table.regions[0]);
	for (size_t len = 8; len < 8 + 2 * sizeof(table.regions[0]); len += 7) {
		const int fds[2] = { r->fd, r->fd };

		assert_told(DRV_VU_SET_MEM_TABLE, &table, len, fds, 2);
	}
}
END_TEST

START_TEST(hostile_d1__version_that_is_not_1_closes)
{
	for (uint32_t version = 0; version < 4; version++) {
		if (version != DRV_VU_VERSION)
			header_closes(DRV_VU_GET_FEATURES, version, 0);
	}
}
END_TEST

START_TEST(hostile_d1__replies_and_strange_flags_close)
{
	for (uint32_t i = 1; i < N_REQUESTS; i++)
		header_closes(i, DRV_VU_VERSION | DRV_VU_REPLY, payload[i].min);
	for (uint32_t flag = 0x10; flag != 0; flag <<= 1)
		header_closes(DRV_VU_GET_FEATURES, DRV_VU_VERSION | flag, 0);
	header_closes(DRV_VU_GET_FEATURES, UINT32_MAX, 0);
}
END_TEST

START_TEST(hostile_d1__unknown_requests_close)
{
	static const uint32_t bad[] = { 0,     45,         46,
					255,   256,        0x101,
					65536, 0x80000001, UINT32_MAX };

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		header_closes(bad[i], DRV_VU_VERSION, 0);
}
END_TEST

START_TEST(hostile_d1__requests_that_were_not_offered_close)
{
	for (uint32_t i = 0; i < N_REQUESTS; i++) {
		if (is_offered(i))
			continue;
		for (uint32_t size = 0; size < 64; size += 8)
			header_closes(i, DRV_VU_VERSION, size);
	}
}
END_TEST

/* Offered, but the front end has not said that it knows of them. */
START_TEST(hostile_d1__requests_that_were_not_agreed_on_close)
{
	static const uint32_t requests[] = {
		DRV_VU_SET_LOG_BASE,        DRV_VU_SET_BACKEND_REQ_FD,
		DRV_VU_GET_CONFIG,          DRV_VU_SET_CONFIG,
		DRV_VU_GET_INFLIGHT_FD,     DRV_VU_SET_INFLIGHT_FD,
		DRV_VU_RESET_DEVICE,        DRV_VU_GET_MAX_MEM_SLOTS,
		DRV_VU_ADD_MEM_REG,         DRV_VU_REM_MEM_REG,
		DRV_VU_SET_STATUS,          DRV_VU_GET_STATUS,
		DRV_VU_SET_DEVICE_STATE_FD, DRV_VU_CHECK_DEVICE_STATE,
	};

	const uint64_t none = 0;

	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		ck_assert_int_eq(drv_vu_post(vu, DRV_VU_SET_PROTOCOL_FEATURES,
					     0, &none, sizeof(none), NULL, 0),
				 0);
		header_closes(requests[i], DRV_VU_VERSION,
			      payload[requests[i]].min);
	}
}
END_TEST

/* Good headers lead further than bytes that are nothing at all. */
START_TEST(hostile_d1__random_bytes_close_or_are_refused)
{
	uint32_t seed = 12345;
	uint8_t junk[512];

	for (uint32_t round = 0; round < 300; round++) {
		struct drv_vu_hdr hdr = { 1 + round % (N_REQUESTS - 1),
					  DRV_VU_VERSION, 0 };

		hdr.size = payload[hdr.request].max;
		for (size_t i = 0; i < sizeof(junk); i++) {
			seed = seed * 1664525 + 1013904223;
			junk[i] = (uint8_t)(seed >> 24);
		}
		if (round % 3)
			(void)drv_socket_send(vu->fd, &hdr, sizeof(hdr), NULL,
					      0);
		(void)drv_socket_send(vu->fd, junk, sizeof(junk), NULL, 0);
		vhost_rig_next_quick();
	}
}
END_TEST

/* ---- in pieces ---- */

static bool
has_reply(const struct rig_msg *msg)
{
	static const uint32_t with[] = {
		DRV_VU_GET_FEATURES,   DRV_VU_GET_PROTOCOL_FEATURES,
		DRV_VU_GET_QUEUE_NUM,  DRV_VU_GET_MAX_MEM_SLOTS,
		DRV_VU_SET_LOG_BASE,   DRV_VU_GET_INFLIGHT_FD,
		DRV_VU_GET_CONFIG,     DRV_VU_GET_STATUS,
		DRV_VU_GET_VRING_BASE,
	};

	for (size_t i = 0; i < sizeof(with) / sizeof(with[0]); i++) {
		if (with[i] == msg->request)
			return true;
	}
	return false;
}

/* The next thing that comes is the reply to this message. */
static void
assert_reply(int fd, const struct rig_msg *msg)
{
	ck_assert_int_eq(drv_vu_recv(fd, &vu->reply, DRV_TIMEOUT_MS), 1);
	ck_assert_uint_eq(vu->reply.hdr.request, msg->request);
	drv_vu_msg_drop(&vu->reply);
}

/* Send a message in two parts, its descriptor with the first. */
static void
send_parts(int fd, const struct rig_msg *msg, size_t cut)
{
	uint8_t buf[12 + RIG_MAX_BODY];
	size_t len = rig_msg_bytes(msg, buf);
	int n = msg->fd >= 0;

	if (cut > len)
		cut = len;
	ck_assert_int_eq(drv_socket_send(fd, buf, cut, &msg->fd, n), 0);
	if (cut < len)
		ck_assert_int_eq(
			drv_socket_send(fd, buf + cut, len - cut, NULL, 0), 0);
	if (has_reply(msg))
		assert_reply(fd, msg);
}

START_TEST(hostile_d1__session_cut_at_every_byte_is_served)
{
	for (size_t cut = 1; cut < 12 + 40; cut++) {
		int fd = vhost_rig_connect();

		for (int i = 0; i < session.n; i++)
			send_parts(fd, &session.msgs[i], cut);
		(void)close(fd);
	}
	vhost_rig_next();
}
END_TEST

START_TEST(hostile_d1__session_byte_by_byte_is_served)
{
	uint8_t buf[12 + RIG_MAX_BODY];
	int fd = vhost_rig_connect();

	for (int i = 0; i < session.n; i++) {
		const struct rig_msg *msg = &session.msgs[i];
		size_t len = rig_msg_bytes(msg, buf);

		for (size_t k = 0; k < len; k++)
			ck_assert_int_eq(
				drv_socket_send(fd, buf + k, 1, &msg->fd,
						k == 0 && msg->fd >= 0),
				0);
		if (has_reply(msg))
			assert_reply(fd, msg);
	}
	(void)close(fd);
	vhost_rig_next();
}
END_TEST

/* All of it at once, as far as descriptors let it. */
START_TEST(hostile_d1__session_without_waiting_is_served)
{
	int fd = vhost_rig_connect();

	for (int i = 0; i < session.n; i++) {
		const struct rig_msg *msg = &session.msgs[i];
		uint8_t buf[12 + RIG_MAX_BODY];
		size_t len = rig_msg_bytes(msg, buf);

		ck_assert_int_eq(
			drv_socket_send(fd, buf, len, &msg->fd, msg->fd >= 0),
			0);
	}
	for (int i = 0; i < session.n; i++) {
		if (has_reply(&session.msgs[i]))
			assert_reply(fd, &session.msgs[i]);
	}
	(void)close(fd);
	vhost_rig_next();
}
END_TEST

/* ---- an end ---- */

/* Send the first bytes of a session, message by message. */
static void
send_bytes(int fd, size_t n)
{
	uint8_t buf[12 + RIG_MAX_BODY];

	for (int i = 0; i < session.n && n > 0; i++) {
		const struct rig_msg *msg = &session.msgs[i];
		size_t len = rig_msg_bytes(msg, buf);

		if (len > n)
			len = n;
		ck_assert_int_eq(
			drv_socket_send(fd, buf, len, &msg->fd, msg->fd >= 0),
			0);
		n -= len;
	}
}

static size_t
session_bytes(int n_msgs)
{
	size_t n = 0;

	for (int i = 0; i < n_msgs; i++)
		n += 12 + session.msgs[i].len;
	return n;
}

START_TEST(hostile_d10__end_at_every_byte_frees_all)
{
	for (size_t n = 0; n <= session_bytes(session.n); n++) {
		int fd = vhost_rig_connect();

		send_bytes(fd, n);
		(void)close(fd);
		vhost_rig_next_quick();
	}
}
END_TEST

/* It says no more, but still listens: what it has sent is heard out. */
START_TEST(hostile_d10__half_end_at_every_message_frees_all)
{
	for (int i = 0; i <= session.n; i++) {
		int fd = vhost_rig_connect();

		send_bytes(fd, session_bytes(i));
		ck_assert_int_eq(shutdown(fd, SHUT_WR), 0);
		for (int k = 0; k < i; k++) {
			if (has_reply(&session.msgs[k]))
				assert_reply(fd, &session.msgs[k]);
		}
		ck_assert(drv_socket_is_closed(fd, DRV_TIMEOUT_MS));
		(void)close(fd);
		vhost_rig_next();
	}
}
END_TEST

START_TEST(hostile_d10__end_without_a_word_frees_all)
{
	for (int i = 0; i < 200; i++)
		(void)close(vhost_rig_connect());
	vhost_rig_next();
}
END_TEST

/* ---- front ends that do not read, or come in twos ---- */

/* Ask until no more is taken; a bound says that it ends. */
static int
ask_until_full(const struct drv_vu_hdr *hdr, const void *body)
{
	struct pollfd pfd = { .fd = vu->fd, .events = POLLOUT };
	uint8_t buf[12 + RIG_MAX_BODY];
	int n = 0;

	memcpy(buf, hdr, sizeof(*hdr));
	if (hdr->size > 0)
		memcpy(buf + sizeof(*hdr), body, hdr->size);
	while (poll(&pfd, 1, 100) > 0 && n < 1000000) {
		ck_assert_int_eq(send(vu->fd, buf, sizeof(*hdr) + hdr->size,
				      MSG_NOSIGNAL),
				 (ssize_t)(sizeof(*hdr) + hdr->size));
		n++;
	}
	return n;
}

START_TEST(hostile_d10__front_end_that_does_not_read_is_waited_for)
{
	const struct drv_vu_hdr hdr = { DRV_VU_GET_FEATURES, DRV_VU_VERSION,
					0 };
	int n = ask_until_full(&hdr, NULL);

	ck_assert_int_lt(n, 1000000);
	/* None is lost. */
	for (int i = 0; i < n; i++)
		ck_assert_int_eq(drv_vu_wait_reply(vu, DRV_VU_GET_FEATURES), 0);
	vhost_assert_goes_on(vu);
}
END_TEST

START_TEST(hostile_d10__front_end_that_never_reads_holds_up_nobody)
{
	const struct drv_vu_inflight_desc area = { .n_queues = 1,
						   .queue_size = 8 };
	const struct drv_vu_hdr hdrs[2] = {
		{ DRV_VU_GET_FEATURES, DRV_VU_VERSION, 0 },
		{ DRV_VU_GET_INFLIGHT_FD, DRV_VU_VERSION, 24 },
	};

	for (int i = 0; i < 4; i++) {
		int n = ask_until_full(&hdrs[i % 2], &area);

		ck_assert_int_lt(n, 1000000);
		vhost_rig_next();
	}
}
END_TEST

START_TEST(hostile_d10__second_front_end_is_turned_away)
{
	rig_start();
	for (int i = 0; i < 50; i++) {
		int fd = served_connect(&l.served);

		/* Whatever it sends, and with whatever it comes. */
		(void)drv_socket_send(fd, "hello", 5, &l.dev.vu.fd, 1);
		ck_assert(drv_socket_is_closed(fd, DRV_TIMEOUT_MS));
		(void)close(fd);
		rig_echo();
	}
}
END_TEST

static void
hold(struct served *s)
{
	loop_of(s->dev)->hold = true;
}

static void
let_go(struct served *s)
{
	loop_of(s->dev)->hold = false;
}

/* Requests that do not come back are waited for, but not for ever. */
START_TEST(hostile_d10__front_end_comes_while_the_last_one_is_taken_down)
{
	struct loop *loop = vhost_loop_device(&l);

	rig_start();
	served_call(&l.served, hold);
	for (int i = 0; i < 5; i++)
		(void)vhost_loop_submit(&l, 0);
	while (__atomic_load_n(&loop->n_chains, __ATOMIC_RELAXED) < 8)
		vhost_assert_goes_on(vu);
	drv_vu_device_detach(&l.dev);
	/* Three at once: one is served, when it is its turn. */
	for (int i = 0; i < 3; i++)
		(void)close(served_connect(&l.served));
	ck_assert_int_eq(
		drv_vu_device_attach(&l.dev, served_connect(&l.served)), 0);
	served_call(&l.served, let_go);
	vhost_rig_next();
}
END_TEST

int
main(void)
{
	const TTest *const tests[] = {
		hostile_d1__payload_of_a_wrong_size_closes,
		hostile_d1__table_of_a_wrong_size_is_refused,
		hostile_d1__message_of_vfio_user_closes,
		hostile_d1__version_that_is_not_1_closes,
		hostile_d1__replies_and_strange_flags_close,
		hostile_d1__unknown_requests_close,
		hostile_d1__requests_that_were_not_offered_close,
		hostile_d1__requests_that_were_not_agreed_on_close,
		hostile_d1__random_bytes_close_or_are_refused,
		hostile_d1__session_cut_at_every_byte_is_served,
		hostile_d1__session_byte_by_byte_is_served,
		hostile_d1__session_without_waiting_is_served,
		hostile_d10__end_at_every_byte_frees_all,
		hostile_d10__half_end_at_every_message_frees_all,
		hostile_d10__end_without_a_word_frees_all,
		hostile_d10__front_end_that_does_not_read_is_waited_for,
		hostile_d10__front_end_that_never_reads_holds_up_nobody,
		hostile_d10__second_front_end_is_turned_away,
		hostile_d10__front_end_comes_while_the_last_one_is_taken_down,
	};
	TCase *tc = tcase_create("vhost-user framing");
	Suite *suite = suite_create("hostile vhost-user framing");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
		tcase_add_test(tc, tests[i]);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
