// SPDX-License-Identifier: BSD-3-Clause
/* The vhost-user front end against a back end that is a script. */
#include <check.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "driver/vhost-user.h"

#define SHORT_MS 50

/*
 * The script: an echo is sent for whatever has a reply. One that is silent
 * says nothing; one that lies puts something wrong in the reply.
 */
enum lie { HONEST, SILENT, WRONG_REQUEST, WRONG_VERSION, NOT_A_REPLY, REFUSE };

static struct drv_vu vu;
static pthread_t thread;
static int peer_fd;
static enum lie lie;
static uint64_t seen_flags;
static int seen_fds;
static uint64_t back_said;

static void
send_reply(const struct drv_vu_msg *msg, const void *body, uint32_t len, int fd)
{
	struct drv_vu_hdr hdr = msg->hdr;

	hdr.flags = DRV_VU_VERSION | DRV_VU_REPLY;
	hdr.size = len;
	if (lie == WRONG_REQUEST)
		hdr.request++;
	if (lie == WRONG_VERSION)
		hdr.flags ^= DRV_VU_VERSION_MASK;
	if (lie == NOT_A_REPLY)
		hdr.flags &= ~DRV_VU_REPLY;
	ck_assert_int_eq(drv_vu_send(peer_fd, &hdr, body, len, &fd, fd >= 0),
			 0);
}

/* A request on the other channel, answered before we answer. */
static void
ask_back(int fd)
{
	struct drv_vu_hdr hdr = { DRV_VU_BACK_CONFIG_CHANGE,
				  DRV_VU_VERSION | DRV_VU_NEED_REPLY, 0 };
	static struct drv_vu_msg answer;

	ck_assert_int_eq(drv_vu_send(fd, &hdr, NULL, 0, NULL, 0), 0);
	ck_assert_int_eq(drv_vu_recv(fd, &answer, 5000), 1);
	memcpy(&back_said, answer.body, sizeof(back_said));
}

/* Save: write what we have; load: it comes back changed in the first byte. */
static void
play_state(const struct drv_vu_msg *msg)
{
	static char state[16] = "state";
	struct drv_vu_device_state ds;
	uint64_t no_fd = DRV_VU_NO_FD;

	memcpy(&ds, msg->body, sizeof(ds));
	send_reply(msg, &no_fd, 8, -1);
	if (ds.direction == DRV_VU_STATE_SAVE)
		ck_assert_int_eq(write(msg->fds[0], state, 6), 6);
	else
		ck_assert_int_eq(read(msg->fds[0], state, 6), 6);
}

static void
play(const struct drv_vu_msg *msg)
{
	uint64_t ok = lie == REFUSE;
	int fd;

	switch (msg->hdr.request) {
	case DRV_VU_GET_INFLIGHT_FD:
		fd = memfd_create("area", MFD_CLOEXEC);
		ck_assert_int_eq(ftruncate(fd, 4096), 0);
		send_reply(msg, msg->body, DRV_VU_INFLIGHT_BYTES, fd);
		(void)close(fd);
		break;
	case DRV_VU_SET_DEVICE_STATE_FD:
		play_state(msg);
		break;
	case DRV_VU_GET_CONFIG:
		send_reply(msg, msg->body, lie == REFUSE ? 0 : msg->hdr.size,
			   -1);
		break;
	case DRV_VU_SET_BACKEND_REQ_FD:
		ask_back(msg->fds[0]);
		send_reply(msg, &ok, 8, -1);
		break;
	case DRV_VU_GET_FEATURES:
	case DRV_VU_CHECK_DEVICE_STATE:
		send_reply(msg, &ok, 8, -1);
		break;
	default:
		if (msg->hdr.flags & DRV_VU_NEED_REPLY)
			send_reply(msg, &ok, 8, -1);
	}
}

static void *
peer(void *arg)
{
	static struct drv_vu_msg msg;

	(void)arg;
	while (drv_vu_recv(peer_fd, &msg, 5000) == 1) {
		seen_flags = msg.hdr.flags;
		seen_fds = msg.n_fds;
		if (lie != SILENT)
			play(&msg);
		drv_vu_msg_drop(&msg);
	}
	(void)close(peer_fd);
	return NULL;
}

static void
setup(void)
{
	int pair[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	peer_fd = pair[1];
	lie = HONEST;
	drv_vu_init(&vu, pair[0]);
	vu.protocol = UINT64_C(1) << DRV_VUP_REPLY_ACK;
	ck_assert_int_eq(pthread_create(&thread, NULL, peer, NULL), 0);
}

static void
teardown(void)
{
	drv_vu_deinit(&vu);
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
}

START_TEST(set_asks_for_an_acknowledgement_if_it_may)
{
	uint64_t val;

	ck_assert_int_eq(drv_vu_set_u64(&vu, DRV_VU_SET_FEATURES, 1), 0);
	ck_assert_uint_eq(seen_flags, DRV_VU_VERSION | DRV_VU_NEED_REPLY);
	lie = REFUSE;
	ck_assert_int_eq(drv_vu_set_u64(&vu, DRV_VU_SET_FEATURES, 1),
			 -EREMOTEIO);
	vu.protocol = 0;
	ck_assert_int_eq(drv_vu_set_u64(&vu, DRV_VU_SET_FEATURES, 1), 0);
	ck_assert_int_eq(drv_vu_get_u64(&vu, DRV_VU_GET_FEATURES, &val), 0);
	ck_assert_uint_eq(seen_flags, DRV_VU_VERSION);
}
END_TEST

START_TEST(replies_that_do_not_fit_are_eproto)
{
	uint64_t val;

	for (lie = WRONG_REQUEST; lie <= NOT_A_REPLY; lie++)
		ck_assert_int_eq(drv_vu_get_u64(&vu, DRV_VU_GET_FEATURES, &val),
				 -EPROTO);
}
END_TEST

START_TEST(silence_is_etimedout_and_an_end_econnreset)
{
	uint64_t val;

	lie = SILENT;
	vu.timeout_ms = SHORT_MS;
	ck_assert_int_eq(drv_vu_get_u64(&vu, DRV_VU_GET_FEATURES, &val),
			 -ETIMEDOUT);
	ck_assert(!drv_socket_is_closed(vu.fd, 0));
	(void)shutdown(peer_fd, SHUT_RDWR);
	ck_assert(drv_socket_is_closed(vu.fd, 5000));
	ck_assert_int_eq(drv_vu_get_u64(&vu, DRV_VU_GET_FEATURES, &val),
			 -ECONNRESET);
}
END_TEST

START_TEST(kick_carries_a_descriptor_or_says_that_it_does_not)
{
	ck_assert_int_eq(drv_vu_set_vring_fd(&vu, DRV_VU_SET_VRING_KICK, 3, 0),
			 0);
	ck_assert_int_eq(seen_fds, 1);
	ck_assert_int_eq(drv_vu_set_vring_fd(&vu, DRV_VU_SET_VRING_KICK, 3, -1),
			 0);
	ck_assert_int_eq(seen_fds, 0);
}
END_TEST

START_TEST(back_channel_is_served_while_a_reply_is_awaited)
{
	vu.back_answer = 7;
	ck_assert_int_eq(drv_vu_open_back(&vu), 0);
	ck_assert_uint_eq(vu.n_config_changes, 1);
	ck_assert_uint_eq(back_said, 7);
}
END_TEST

START_TEST(inflight_area_comes_with_a_descriptor)
{
	struct drv_vu_shm area;

	/* The script gives back our own sizes: no bytes to map. */
	ck_assert_int_eq(drv_vu_get_inflight(&vu, 1, 8, &area), -EINVAL);
	ck_assert_int_eq(area.fd, -1);
	ck_assert_int_eq(vu.reply.n_fds, 1);
	ck_assert_int_eq(drv_vu_take_fd(&vu, 0), -ENOENT);
}
END_TEST

START_TEST(config_of_no_bytes_is_a_refusal)
{
	uint8_t buf[8];

	ck_assert_int_eq(drv_vu_get_config(&vu, 0, buf, sizeof(buf)), 0);
	lie = REFUSE;
	ck_assert_int_eq(drv_vu_get_config(&vu, 0, buf, sizeof(buf)),
			 -EREMOTEIO);
}
END_TEST

START_TEST(log_gives_each_bit_once)
{
	struct drv_vu_shm log;

	ck_assert_int_eq(drv_vu_log_init(&log, 65 * 4096), 0);
	ck_assert_uint_eq(log.size, 16);
	log.map[8] = 1;
	ck_assert(!drv_vu_log_take(&log, 63));
	ck_assert(drv_vu_log_take(&log, 64));
	ck_assert(!drv_vu_log_take(&log, 64));
	ck_assert(!drv_vu_log_take(&log, 1 << 20));
	drv_vu_shm_deinit(&log);
}
END_TEST

START_TEST(user_addresses_are_not_guest_addresses)
{
	struct drv_vu_region d;
	struct drv_ram ram;

	drv_ram_init(&ram);
	ck_assert_int_eq(drv_ram_add(&ram, 0x1000, 0x1000, DRV_RAM_MEMFD), 0);
	drv_vu_describe(drv_ram_region(&ram, 0), &d);
	ck_assert_uint_eq(d.gpa, 0x1000);
	ck_assert_uint_ne(d.user, d.gpa);
	ck_assert_uint_eq(drv_vu_user_addr(&ram, 0x1ff0), d.user + 0xff0);
	drv_ram_deinit(&ram);
}
END_TEST

START_TEST(device_state_goes_through_a_pipe)
{
	char buf[16];

	ck_assert_int_eq(drv_vu_save_state(&vu, buf, sizeof(buf)), 6);
	ck_assert_str_eq(buf, "state");
	ck_assert_int_eq(drv_vu_save_state(&vu, buf, 5), -EMSGSIZE);
	ck_assert_int_eq(drv_vu_load_state(&vu, "other", 6), 0);
	ck_assert_int_eq(drv_vu_save_state(&vu, buf, 6), 6);
	ck_assert_str_eq(buf, "other");
	lie = REFUSE;
	ck_assert_int_eq(drv_vu_load_state(&vu, "again", 6), -EREMOTEIO);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("driver-vhost-user");
	TCase *tc = tcase_create("front-end");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, set_asks_for_an_acknowledgement_if_it_may);
	tcase_add_test(tc, replies_that_do_not_fit_are_eproto);
	tcase_add_test(tc, silence_is_etimedout_and_an_end_econnreset);
	tcase_add_test(tc, kick_carries_a_descriptor_or_says_that_it_does_not);
	tcase_add_test(tc, back_channel_is_served_while_a_reply_is_awaited);
	tcase_add_test(tc, inflight_area_comes_with_a_descriptor);
	tcase_add_test(tc, config_of_no_bytes_is_a_refusal);
	tcase_add_test(tc, log_gives_each_bit_once);
	tcase_add_test(tc, user_addresses_are_not_guest_addresses);
	tcase_add_test(tc, device_state_goes_through_a_pipe);
	suite_add_tcase(s, tc);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
