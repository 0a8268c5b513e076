// SPDX-License-Identifier: BSD-3-Clause
/*
 * A vhost-user server and descriptors: too many, too few, where there are to be
 * none, twice the same, and of all kinds (classes D2, D11 and D12).
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "hostile/vhost-rig.h"
#include "suite.h"

#define N_REQUESTS DRV_VU_N_REQUESTS
#define MAX_FDS    DRV_SOCKET_MAX_FDS

/* ---- how many (D2) ---- */

static int spare[MAX_FDS];

static void
open_spare(int n)
{
	for (int i = 0; i < n; i++)
		spare[i] = make_eventfd();
}

static void
close_spare(int n)
{
	for (int i = 0; i < n; i++)
		(void)close(spare[i]);
}

/* A payload of a good size for each request; what is in it is all zero. */
static uint32_t
payload_bytes(uint32_t request)
{
	static const uint8_t bytes[N_REQUESTS] = {
		[DRV_VU_SET_FEATURES] = 8,
		[DRV_VU_SET_MEM_TABLE] = 40,
		[DRV_VU_SET_LOG_BASE] = 16,
		[DRV_VU_SET_VRING_NUM] = 8,
		[DRV_VU_SET_VRING_ADDR] = 40,
		[DRV_VU_SET_VRING_BASE] = 8,
		[DRV_VU_GET_VRING_BASE] = 8,
		[DRV_VU_SET_VRING_KICK] = 8,
		[DRV_VU_SET_VRING_CALL] = 8,
		[DRV_VU_SET_VRING_ERR] = 8,
		[DRV_VU_SET_PROTOCOL_FEATURES] = 8,
		[DRV_VU_SET_VRING_ENABLE] = 8,
		[DRV_VU_GET_CONFIG] = 16,
		[DRV_VU_SET_CONFIG] = 16,
		[DRV_VU_GET_INFLIGHT_FD] = 24,
		[DRV_VU_SET_INFLIGHT_FD] = 24,
		[DRV_VU_ADD_MEM_REG] = 40,
		[DRV_VU_REM_MEM_REG] = 40,
		[DRV_VU_SET_STATUS] = 8,
		[DRV_VU_SET_DEVICE_STATE_FD] = 8,
	};

	return bytes[request];
}

/* How many descriptors a request takes, at most. */
static int
fds_taken(uint32_t request)
{
	switch (request) {
	case DRV_VU_SET_MEM_TABLE:
		return DRV_VU_TABLE_MAX;
	case DRV_VU_SET_LOG_BASE:
	case DRV_VU_SET_LOG_FD:
	case DRV_VU_SET_VRING_KICK:
	case DRV_VU_SET_VRING_CALL:
	case DRV_VU_SET_VRING_ERR:
	case DRV_VU_SET_BACKEND_REQ_FD:
	case DRV_VU_SET_INFLIGHT_FD:
	case DRV_VU_ADD_MEM_REG:
	case DRV_VU_REM_MEM_REG:
	case DRV_VU_SET_DEVICE_STATE_FD:
		return 1;
	default:
		return 0;
	}
}

static void
send_with(uint32_t request, int n)
{
	static const uint8_t zero[64];

	open_spare(n);
	ck_assert_int_eq(drv_vu_post(vu, request, 0, zero,
				     payload_bytes(request), spare, n),
			 0);
	close_spare(n);
}

START_TEST(hostile_d2__any_number_on_any_request_leaves_none)
{
	static const int counts[] = { 0, 1, 2, 8, 9, 28, 252, 253 };

	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		for (uint32_t request = 0; request < N_REQUESTS; request++) {
			send_with(request, counts[i]);
			vhost_rig_next_quick();
		}
	}
}
END_TEST

/* The same while rings run, where there is more to lose. */
START_TEST(hostile_d2__any_number_on_any_request_under_rings_leaves_none)
{
	static const int counts[] = { 1, 9 };

	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		for (uint32_t request = 0; request < N_REQUESTS; request++) {
			rig_start();
			send_with(request, counts[i]);
			vhost_rig_next_quick();
		}
	}
}
END_TEST

START_TEST(hostile_d2__more_than_a_request_takes_closes)
{
	for (uint32_t request = 0; request < N_REQUESTS; request++) {
		send_with(request, fds_taken(request) + 1);
		assert_closed();
		send_with(request, MAX_FDS);
		assert_closed();
	}
}
END_TEST

/* A map, a log or an area that is nowhere. */
START_TEST(hostile_d2__none_where_one_is_needed_is_refused)
{
	static const uint32_t told[] = {
		DRV_VU_SET_MEM_TABLE,      DRV_VU_SET_VRING_KICK,
		DRV_VU_SET_VRING_CALL,     DRV_VU_SET_VRING_ERR,
		DRV_VU_SET_INFLIGHT_FD,    DRV_VU_ADD_MEM_REG,
		DRV_VU_SET_BACKEND_REQ_FD,
	};
	static const uint8_t zero[64];

	for (size_t i = 0; i < sizeof(told) / sizeof(told[0]); i++)
		assert_refused(told[i], zero, payload_bytes(told[i]), NULL, 0);
	assert_closes(DRV_VU_SET_LOG_BASE, zero, 16, NULL, 0);
}
END_TEST

START_TEST(hostile_d2__every_byte_with_descriptors_closes)
{
	static const uint8_t zero[8];
	const struct drv_vu_hdr hdr = { DRV_VU_SET_VRING_KICK, DRV_VU_VERSION,
					sizeof(zero) };
	uint8_t bytes[sizeof(hdr) + sizeof(zero)] = { 0 };
	int rc = 0;

	memcpy(bytes, &hdr, sizeof(hdr));
	open_spare(16);
	for (size_t i = 0; i < sizeof(bytes) && rc == 0; i++)
		rc = drv_socket_send(vu->fd, bytes + i, 1, spare, 16);
	close_spare(16);
	assert_closed();
}
END_TEST

/* More than a header's worth of bytes never comes: they are not kept. */
START_TEST(hostile_d2__descriptors_without_a_message_are_closed)
{
	for (size_t n = 1; n <= sizeof(struct drv_vu_hdr); n++) {
		const struct drv_vu_hdr hdr = { DRV_VU_SET_VRING_KICK,
						DRV_VU_VERSION, 8 };

		open_spare(MAX_FDS);
		ck_assert_int_eq(
			drv_socket_send(vu->fd, &hdr, n, spare, MAX_FDS), 0);
		close_spare(MAX_FDS);
		vhost_rig_next();
	}
}
END_TEST

/* Is the end of the stream all that there is to read? */
static bool
read_end(int fd)
{
	uint8_t byte;

	return recv(fd, &byte, sizeof(byte), 0) == 0;
}

/* A kick without its descriptor would be another message. */
START_TEST(hostile_d2__descriptors_that_found_no_room_here_close)
{
	const uint64_t index = 0;
	struct rlimit limit, none;
	bool closed;
	int rc;

	open_spare(1);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none = (struct rlimit){ .rlim_max = limit.rlim_max };
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
	rc = drv_vu_post(vu, DRV_VU_SET_VRING_KICK, 0, &index, sizeof(index),
			 spare, 1);
	closed = rc == 0 && read_end(vu->fd);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	ck_assert(closed);
	close_spare(1);
	assert_closed();
}
END_TEST

/* ---- the same twice (D2) ---- */

static void
set_vring_fd(uint32_t request, uint32_t index, int fd)
{
	ck_assert_int_eq(drv_vu_set_vring_fd(vu, request, index, fd), 0);
}

START_TEST(hostile_d2__one_eventfd_for_all_rings_and_all_uses)
{
	int fd = make_eventfd();

	rig_start();
	for (uint32_t i = 0; i < LOOP_QUEUES; i++) {
		set_vring_fd(DRV_VU_SET_VRING_CALL, i, fd);
		set_vring_fd(DRV_VU_SET_VRING_ERR, i, fd);
		set_vring_fd(DRV_VU_SET_VRING_KICK, i, fd);
	}
	/* Each call is a kick: it is still served, and it still ends. */
	ck_assert_int_eq(eventfd_write(fd, 1), 0);
	for (uint32_t i = 0; i < LOOP_QUEUES; i++)
		set_vring_fd(DRV_VU_SET_VRING_KICK, i, l.dev.queues[i].kick);
	rig_echo();
	(void)close(fd);
}
END_TEST

START_TEST(hostile_d2__same_memory_at_two_addresses)
{
	const struct drv_region *r = drv_ram_region(&l.ram, 0);
	struct drv_vu_table table = { .n = 2 };
	const int fds[2] = { r->fd, r->fd };

	drv_vu_describe(r, &table.regions[0]);
	drv_vu_describe(r, &table.regions[1]);
	table.regions[1].gpa += 0x40000000;
	table.regions[1].user ^= UINT64_C(1) << 46;
	ck_assert_int_eq(
		drv_vu_set(vu, DRV_VU_SET_MEM_TABLE, &table, 72, fds, 2), 0);
	vhost_assert_goes_on(vu);
}
END_TEST

/* ---- kinds (D11) ---- */

/* Descriptors that are no eventfd; each is made anew. */
enum kind {
	A_FILE,
	A_FOLDER,
	DEV_NULL,
	DEV_ZERO,
	PIPE_READ,
	PIPE_WRITE,
	PIPE_CLOSED,
	SOCKET,
	SOCKET_CLOSED,
	DATAGRAM,
	TIMER,
	SIGNALS,
	EPOLL,
	INOTIFY,
	N_KINDS,
};

static int
make_end(int pair[2], int end, bool close_other)
{
	if (close_other)
		(void)close(pair[!end]);
	else
		spare[0] = pair[!end];
	return pair[end];
}

static int
make_pipe(int end, bool close_other)
{
	int pair[2];

	ck_assert_int_eq(pipe2(pair, O_CLOEXEC), 0);
	return make_end(pair, end, close_other);
}

static int
make_socket(int type, bool close_other)
{
	int pair[2];

	ck_assert_int_eq(socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, pair), 0);
	return make_end(pair, 0, close_other);
}

static int
make_other(enum kind kind)
{
	sigset_t none;

	switch (kind) {
	case TIMER:
		return timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
	case SIGNALS:
		(void)sigemptyset(&none);
		return signalfd(-1, &none, SFD_CLOEXEC);
	case EPOLL:
		return epoll_create1(EPOLL_CLOEXEC);
	case INOTIFY:
		return inotify_init1(IN_CLOEXEC);
	case A_FOLDER:
		return open("/", O_RDONLY | O_CLOEXEC);
	case DEV_NULL:
		return open("/dev/null", O_RDWR | O_CLOEXEC);
	case DEV_ZERO:
		return open("/dev/zero", O_RDWR | O_CLOEXEC);
	default:
		return make_memfd(4096);
	}
}

/* Its other end, if it has one that is open, is in spare[0]; else -1 is. */
static int
make_kind(enum kind kind)
{
	spare[0] = -1;
	switch (kind) {
	case PIPE_READ:
		return make_pipe(0, false);
	case PIPE_WRITE:
		return make_pipe(1, false);
	case PIPE_CLOSED:
		return make_pipe(1, true);
	case SOCKET:
		return make_socket(SOCK_STREAM, false);
	case SOCKET_CLOSED:
		return make_socket(SOCK_STREAM, true);
	case DATAGRAM:
		return make_socket(SOCK_DGRAM, false);
	default:
		return make_other(kind);
	}
}

static void
close_kind(int fd)
{
	(void)close(fd);
	if (spare[0] >= 0)
		(void)close(spare[0]);
}

START_TEST(hostile_d11__kick_that_is_no_eventfd_is_refused)
{
	const uint64_t index = 0;

	for (enum kind kind = A_FILE; kind < N_KINDS; kind++) {
		int fd = make_kind(kind);

		rig_start();
		assert_told(DRV_VU_SET_VRING_KICK, &index, sizeof(index), &fd,
			    1);
		rig_echo(); /* with the one that it has */
		ck_assert_int_eq(drv_vu_device_stop(&l.dev), 0);
		ck_assert_int_eq(drv_vu_post(vu, DRV_VU_SET_VRING_KICK, 0,
					     &index, sizeof(index), &fd, 1),
				 0);
		close_kind(fd);
		assert_closed();
	}
}
END_TEST

/* Pipes and UNIX sockets will do. */
static bool
can_be_called(enum kind kind)
{
	return kind == PIPE_READ || kind == PIPE_WRITE || kind == PIPE_CLOSED ||
	       kind == SOCKET || kind == SOCKET_CLOSED || kind == DATAGRAM;
}

START_TEST(hostile_d11__call_that_cannot_be_one_is_refused)
{
	static const uint32_t requests[] = { DRV_VU_SET_VRING_CALL,
					     DRV_VU_SET_VRING_ERR };
	const uint64_t index = 0;

	for (enum kind kind = A_FILE; kind < N_KINDS; kind++) {
		for (int i = 0; i < 2 && !can_be_called(kind); i++) {
			int fd = make_kind(kind);

			rig_start();
			assert_told(requests[i], &index, sizeof(index), &fd, 1);
			rig_echo();
			ck_assert_int_eq(drv_vu_post(vu, requests[i], 0, &index,
						     sizeof(index), &fd, 1),
					 0);
			close_kind(fd);
			assert_closed();
		}
	}
}
END_TEST

/* Until it holds no more, or is found not to hold anything. */
static void
fill(int fd)
{
	static const uint8_t junk[4096];
	int flags = fcntl(fd, F_GETFL);

	(void)signal(SIGPIPE, SIG_IGN);
	(void)fcntl(fd, F_SETFL, flags | O_NONBLOCK);
	while (write(fd, junk, sizeof(junk)) > 0)
		;
	while (write(fd, junk, 1) > 0)
		;
	(void)fcntl(fd, F_SETFL, flags);
	(void)signal(SIGPIPE, SIG_DFL);
}

/* More calls than it holds: nobody waits, nobody is killed. */
START_TEST(hostile_d11__call_that_is_full_or_closed_holds_up_nobody)
{
	for (enum kind kind = A_FILE; kind < N_KINDS; kind++) {
		int fd;

		if (!can_be_called(kind))
			continue;
		fd = make_kind(kind);
		fill(fd);
		rig_start();
		set_vring_fd(DRV_VU_SET_VRING_CALL, 0, fd);
		for (int i = 0; i < 20; i++)
			rig_echo();
		close_kind(fd);
		vhost_rig_next();
	}
}
END_TEST

START_TEST(hostile_d11__eventfd_that_is_full_and_blocks_holds_up_nobody)
{
	int fd = eventfd(0, EFD_CLOEXEC);

	ck_assert_int_eq(eventfd_write(fd, UINT64_MAX - 1), 0);
	rig_start();
	set_vring_fd(DRV_VU_SET_VRING_CALL, 0, fd);
	set_vring_fd(DRV_VU_SET_VRING_ERR, 0, fd);
	for (int i = 0; i < 100; i++)
		rig_echo();
	(void)close(fd);
}
END_TEST

/* Somebody else may empty it first; a semaphore is full for long. */
START_TEST(hostile_d11__kick_that_blocks_or_counts_down_holds_up_nobody)
{
	static const int flags[] = { EFD_CLOEXEC, EFD_CLOEXEC | EFD_SEMAPHORE };

	for (int i = 0; i < 2; i++) {
		int fd = eventfd(0, flags[i]);

		rig_start();
		set_vring_fd(DRV_VU_SET_VRING_KICK, 0, fd);
		ck_assert_int_eq(eventfd_write(fd, UINT64_MAX - 1), 0);
		for (int k = 0; k < 200; k++) {
			eventfd_t n;

			if (i == 0) {
				(void)eventfd_write(fd, 1);
				(void)fcntl(fd, F_SETFL, O_NONBLOCK);
				(void)eventfd_read(fd, &n);
				(void)fcntl(fd, F_SETFL, 0);
			}
			vhost_assert_goes_on(vu);
		}
		ck_assert_int_eq(eventfd_write(l.dev.queues[0].kick, 1), 0);
		set_vring_fd(DRV_VU_SET_VRING_KICK, 0, l.dev.queues[0].kick);
		rig_echo();
		(void)close(fd);
		vhost_rig_next();
	}
}
END_TEST

static void
payload_refused(uint32_t request, uint64_t val, bool with_fd)
{
	int fd = make_eventfd();

	assert_told(request, &val, sizeof(val), &fd, with_fd);
	ck_assert_int_eq(
		drv_vu_post(vu, request, 0, &val, sizeof(val), &fd, with_fd),
		0);
	(void)close(fd);
	assert_closed();
}

START_TEST(hostile_d11__flag_and_descriptor_that_disagree_are_refused)
{
	for (uint32_t request = DRV_VU_SET_VRING_KICK;
	     request <= DRV_VU_SET_VRING_ERR; request++) {
		payload_refused(request, DRV_VU_NO_FD, true);
		payload_refused(request, 0, false);
		for (int bit = 9; bit < 64; bit += 6)
			payload_refused(request, DRV_BIT(bit), true);
		payload_refused(request, DRV_BIT(9) | DRV_VU_NO_FD, false);
	}
}
END_TEST

START_TEST(hostile_d11__none_and_one_again_any_number_of_times)
{
	rig_start();
	for (int i = 0; i < 200; i++) {
		for (uint32_t k = 0; k < LOOP_QUEUES; k++) {
			set_vring_fd(DRV_VU_SET_VRING_KICK, k, -1);
			set_vring_fd(DRV_VU_SET_VRING_CALL, k, -1);
			set_vring_fd(DRV_VU_SET_VRING_ERR, k, -1);
		}
		rig_echo(); /* polled */
		for (uint32_t k = 0; k < LOOP_QUEUES; k++)
			set_vring_fd(DRV_VU_SET_VRING_KICK, k,
				     l.dev.queues[k].kick);
		rig_echo();
	}
}
END_TEST

/* ---- the back end's channel (D12) ---- */

static void
change_config(struct served *s)
{
	static uint8_t val;

	for (int i = 0; i < 100; i++)
		loop_change_config(loop_of(s->dev), 0, ++val);
}

static void
assert_changes_do_no_harm(void)
{
	rig_start(); /* before that we say nothing */
	for (int i = 0; i < 50; i++) {
		served_call(&l.served, change_config);
		vhost_assert_goes_on(vu);
	}
}

START_TEST(hostile_d12__channel_that_is_no_stream_socket_is_refused)
{
	for (enum kind kind = A_FILE; kind < N_KINDS; kind++) {
		int fd;

		if (kind == SOCKET || kind == SOCKET_CLOSED)
			continue;
		fd = make_kind(kind);
		assert_told(DRV_VU_SET_BACKEND_REQ_FD, NULL, 0, &fd, 1);
		ck_assert_int_eq(drv_vu_post(vu, DRV_VU_SET_BACKEND_REQ_FD, 0,
					     NULL, 0, &fd, 1),
				 0);
		close_kind(fd);
		assert_closed();
	}
}
END_TEST

START_TEST(hostile_d12__channel_with_nobody_there_does_no_harm)
{
	int fd = make_kind(SOCKET_CLOSED);

	ck_assert_int_eq(drv_vu_set_none(vu, DRV_VU_SET_BACKEND_REQ_FD, fd), 0);
	close_kind(fd);
	assert_changes_do_no_harm();
}
END_TEST

/* A socket that listens, and one that was never connected. */
START_TEST(hostile_d12__channel_that_leads_nowhere_does_no_harm)
{
	for (int i = 0; i < 2; i++) {
		int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

		if (i == 1) {
			const struct sockaddr_un any = { .sun_family =
								 AF_UNIX };

			ck_assert_int_eq(bind(fd, (const void *)&any,
					      sizeof(any.sun_family)),
					 0);
			ck_assert_int_eq(listen(fd, 1), 0);
		}
		ck_assert_int_eq(
			drv_vu_set_none(vu, DRV_VU_SET_BACKEND_REQ_FD, fd), 0);
		(void)close(fd);
		assert_changes_do_no_harm();
		vhost_rig_next();
	}
}
END_TEST

/* Nothing is read from it: what the front end says there is nothing to us. */
START_TEST(hostile_d12__garbage_on_the_channel_does_no_harm)
{
	uint8_t junk[4096];

	memset(junk, 0xff, sizeof(junk));
	for (int i = 0; i < 100; i++)
		(void)send(vu->back_fd, junk, sizeof(junk),
			   MSG_DONTWAIT | MSG_NOSIGNAL);
	assert_changes_do_no_harm();
	rig_echo();
}
END_TEST

START_TEST(hostile_d12__channel_again_and_again_keeps_one)
{
	int before = count_fds();

	for (int i = 0; i < 500; i++)
		ck_assert_int_eq(drv_vu_open_back(vu), 0);
	ck_assert_int_eq(count_fds(), before);
	assert_changes_do_no_harm();
}
END_TEST

/* Our own words would come back as a request. */
START_TEST(hostile_d12__channel_that_is_the_connection_does_no_harm)
{
	for (int i = 0; i < 2; i++) {
		int fd = dup(vu->fd);

		rig_start();
		ck_assert_int_eq(drv_vu_post(vu, DRV_VU_SET_BACKEND_REQ_FD, 0,
					     NULL, 0, &fd, 1),
				 0);
		(void)close(fd);
		served_call(&l.served, change_config);
		/* A CONFIG_CHANGE is a SET_FEATURES without its payload. */
		ck_assert(drv_socket_is_closed(vu->fd, DRV_TIMEOUT_MS));
		vhost_rig_next();
	}
}
END_TEST

int
main(void)
{
	const TTest *const tests[] = {
		hostile_d2__any_number_on_any_request_leaves_none,
		hostile_d2__any_number_on_any_request_under_rings_leaves_none,
		hostile_d2__more_than_a_request_takes_closes,
		hostile_d2__none_where_one_is_needed_is_refused,
		hostile_d2__every_byte_with_descriptors_closes,
		hostile_d2__descriptors_without_a_message_are_closed,
		hostile_d2__descriptors_that_found_no_room_here_close,
		hostile_d2__one_eventfd_for_all_rings_and_all_uses,
		hostile_d2__same_memory_at_two_addresses,
		hostile_d11__kick_that_is_no_eventfd_is_refused,
		hostile_d11__call_that_cannot_be_one_is_refused,
		hostile_d11__call_that_is_full_or_closed_holds_up_nobody,
		hostile_d11__eventfd_that_is_full_and_blocks_holds_up_nobody,
		hostile_d11__kick_that_blocks_or_counts_down_holds_up_nobody,
		hostile_d11__flag_and_descriptor_that_disagree_are_refused,
		hostile_d11__none_and_one_again_any_number_of_times,
		hostile_d12__channel_that_is_no_stream_socket_is_refused,
		hostile_d12__channel_with_nobody_there_does_no_harm,
		hostile_d12__channel_that_leads_nowhere_does_no_harm,
		hostile_d12__garbage_on_the_channel_does_no_harm,
		hostile_d12__channel_again_and_again_keeps_one,
		hostile_d12__channel_that_is_the_connection_does_no_harm,
	};
	TCase *tc = tcase_create("vhost-user descriptors");
	Suite *suite = suite_create("hostile vhost-user descriptors");

	tcase_add_checked_fixture(tc, vhost_rig_setup, vhost_rig_teardown);
	tcase_set_timeout(tc, 60);
	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
		tcase_add_test(tc, tests[i]);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
