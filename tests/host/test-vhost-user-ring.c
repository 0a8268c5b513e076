// SPDX-License-Identifier: BSD-3-Clause
/* vhost-user back end: rings, their descriptors, their logs. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/vhost-loop.h"
#include "suite.h"

static struct vhost_loop l;
static struct drv_vu *const vu = &l.dev.vu;

static void
setup(void)
{
	vhost_loop_open(&l, NULL);
	ck_assert_int_eq(drv_vu_device_start(&l.dev), 0);
}

/* Queues 1 and 2 in a thread of their own. */
static void
setup_iothread(void)
{
	vhost_loop_open(&l, "iothread");
	ck_assert_int_eq(drv_vu_device_start(&l.dev), 0);
}

static void
teardown(void)
{
	vhost_loop_close(&l);
}

static struct drv_vu_queue *
queue(int i)
{
	return &l.dev.queues[i];
}

static uint32_t
stop(int i)
{
	ck_assert_int_eq(drv_vu_queue_stop(queue(i)), 0);
	return queue(i)->base;
}

static void
start(int i)
{
	ck_assert_int_eq(drv_vu_queue_start(queue(i)), 0);
}

/* ---- started and stopped ---- */

START_TEST(base_counts_what_was_taken)
{
	for (uint8_t i = 0; i < 5; i++)
		vhost_loop_echo(&l, 1, i);
	ck_assert_uint_eq(stop(1), 5);
	ck_assert_uint_eq(stop(0), 0);
	start(1);
	vhost_loop_echo(&l, 1, 9);
	ck_assert_uint_eq(stop(1), 6);
	/* Asked again, it says the same. */
	ck_assert_uint_eq(stop(1), 6);
}
END_TEST

START_TEST(base_is_what_was_set_if_the_ring_never_ran)
{
	uint32_t base;

	(void)stop(2);
	ck_assert_int_eq(drv_vu_set_state(vu, DRV_VU_SET_VRING_BASE, 2, 77), 0);
	ck_assert_int_eq(drv_vu_get_vring_base(vu, 2, &base), 0);
	ck_assert_uint_eq(base, 77);
	ck_assert_int_eq(drv_vu_set_state(vu, DRV_VU_SET_VRING_BASE, 2, 65536),
			 -EREMOTEIO);
}
END_TEST

START_TEST(stopping_waits_for_what_is_in_flight)
{
	vhost_loop_hold(&l, true, false);
	for (int i = 0; i < 3; i++)
		(void)vhost_loop_submit(&l, 0);
	ck_assert_uint_eq(stop(0), 3);
	ck_assert_uint_eq(drv_split_raw_get_used_idx(&queue(0)->vq.ring), 3);
	vhost_loop_take(&l, 0, 3);
	ck_assert_int_eq(vhost_loop_look(&l)->n_stops, 1);
}
END_TEST

START_TEST(ring_that_is_stopped_is_left_alone)
{
	(void)stop(1);
	(void)vhost_loop_submit(&l, 1);
	vhost_assert_goes_on(vu);
	vhost_loop_echo(&l, 0, 1);
	ck_assert_uint_eq(drv_split_raw_get_used_idx(&queue(1)->vq.ring), 0);
	start(1);
	vhost_loop_take(&l, 1, 1);
}
END_TEST

START_TEST(ring_that_is_disabled_rests_until_it_is_enabled)
{
	ck_assert_int_eq(drv_vu_set_state(vu, DRV_VU_SET_VRING_ENABLE, 1, 0),
			 0);
	(void)vhost_loop_submit(&l, 1);
	vhost_loop_echo(&l, 0, 1);
	ck_assert_uint_eq(drv_split_raw_get_used_idx(&queue(1)->vq.ring), 0);
	ck_assert_int_eq(drv_vu_set_state(vu, DRV_VU_SET_VRING_ENABLE, 1, 2),
			 -EREMOTEIO);
	ck_assert_int_eq(drv_vu_set_state(vu, DRV_VU_SET_VRING_ENABLE, 1, 1),
			 0);
	vhost_loop_take(&l, 1, 1);
}
END_TEST

START_TEST(enable_is_remembered_before_there_is_a_ring)
{
	struct drv_vu_queue *q = queue(2);

	ck_assert_int_eq(drv_vu_device_stop(&l.dev), 0);
	ck_assert_int_eq(drv_vu_set_none(vu, DRV_VU_RESET_DEVICE, -1), 0);
	for (uint32_t i = 0; i < LOOP_QUEUES; i++)
		ck_assert_int_eq(
			drv_vu_set_state(vu, DRV_VU_SET_VRING_ENABLE, i, 1), 0);
	/* Who has no bit 30 does not enable. */
	l.dev.features &= ~DRV_BIT(DRV_VU_F_PROTOCOL);
	ck_assert_int_eq(drv_vu_device_start(&l.dev), 0);
	vhost_loop_echo(&l, 2, 5);
	ck_assert(q->running);
}
END_TEST

START_TEST(ring_that_runs_cannot_be_changed)
{
	struct drv_split other = queue(0)->vq.ring;

	ck_assert_int_eq(drv_vu_set_state(vu, DRV_VU_SET_VRING_NUM, 0, 32),
			 -EREMOTEIO);
	ck_assert_int_eq(drv_vu_set_state(vu, DRV_VU_SET_VRING_BASE, 0, 1),
			 -EREMOTEIO);
	other.desc_gpa += 4096;
	ck_assert_int_eq(drv_vu_set_vring_addr(vu, 0, 0, &other), -EREMOTEIO);
	ck_assert_int_eq(drv_vu_set_vring_addr(vu, 0, 0, &queue(0)->vq.ring),
			 0);
	vhost_loop_echo(&l, 0, 3);
}
END_TEST

START_TEST(size_that_cannot_be_is_refused)
{
	static const uint32_t sizes[] = { 0, 3, 63, 128, 65536, UINT32_MAX };

	(void)stop(0);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		ck_assert_int_eq(
			drv_vu_set_state(vu, DRV_VU_SET_VRING_NUM, 0, sizes[i]),
			-EREMOTEIO);
	start(0);
	vhost_loop_echo(&l, 0, 3);
}
END_TEST

START_TEST(kick_before_the_rest_waits_for_it)
{
	struct drv_vu_queue *q = queue(0);

	(void)stop(0);
	ck_assert_int_eq(drv_vu_set_none(vu, DRV_VU_RESET_DEVICE, -1), 0);
	ck_assert_int_eq(
		drv_vu_set_vring_fd(vu, DRV_VU_SET_VRING_KICK, 0, q->kick), 0);
	ck_assert_int_eq(drv_vu_set_state(vu, DRV_VU_SET_VRING_ENABLE, 0, 1),
			 0);
	ck_assert_int_eq(drv_vu_set_vring_addr(vu, 0, 0, &q->vq.ring), 0);
	(void)vhost_loop_submit(&l, 0);
	vhost_assert_goes_on(vu);
	ck_assert_int_eq(
		drv_vu_set_state(vu, DRV_VU_SET_VRING_NUM, 0, LOOP_QSIZE), 0);
	vhost_loop_take(&l, 0, 1);
}
END_TEST

/* ---- descriptors ---- */

START_TEST(kick_again_swaps_the_descriptor_and_keeps_the_ring)
{
	struct drv_vu_queue *q = queue(0);

	vhost_loop_echo(&l, 0, 1);
	(void)close(q->kick);
	q->kick = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	ck_assert_int_eq(
		drv_vu_set_vring_fd(vu, DRV_VU_SET_VRING_KICK, 0, q->kick), 0);
	vhost_loop_echo(&l, 0, 2);
	ck_assert_uint_eq(stop(0), 2);
}
END_TEST

START_TEST(ring_without_a_kick_is_polled)
{
	ck_assert_int_eq(drv_vu_set_vring_fd(vu, DRV_VU_SET_VRING_KICK, 0, -1),
			 0);
	for (uint8_t i = 0; i < 10; i++)
		vhost_loop_echo(&l, 0, i);
	ck_assert_int_eq(drv_vu_set_vring_fd(vu, DRV_VU_SET_VRING_KICK, 0,
					     queue(0)->kick),
			 0);
	vhost_loop_echo(&l, 0, 11);
}
END_TEST

START_TEST(kick_has_to_be_an_eventfd)
{
	int pair[2];

	ck_assert_int_eq(pipe(pair), 0);
	ck_assert_int_eq(
		drv_vu_set_vring_fd(vu, DRV_VU_SET_VRING_KICK, 0, pair[0]),
		-EREMOTEIO);
	(void)close(pair[0]);
	(void)close(pair[1]);
	vhost_loop_echo(&l, 0, 1);
}
END_TEST

/* A byte comes out of the other end of what the ring is called by. */
static void
call_by(int pair[2])
{
	uint8_t buf[64];

	ck_assert_int_eq(
		drv_vu_set_vring_fd(vu, DRV_VU_SET_VRING_CALL, 0, pair[1]), 0);
	vhost_loop_echo(&l, 0, 1);
	ck_assert_int_gt(read(pair[0], buf, sizeof(buf)), 0);
	/* Nobody reads, then nobody listens. */
	for (int i = 0; i < 100; i++) {
		vhost_loop_take(&l, 0, 0);
		vhost_loop_echo(&l, 0, 2);
	}
	(void)close(pair[0]);
	(void)close(pair[1]);
	vhost_loop_echo(&l, 0, 3);
}

START_TEST(call_by_a_pipe)
{
	int pair[2];

	ck_assert_int_eq(pipe(pair), 0);
	call_by(pair);
}
END_TEST

START_TEST(call_by_a_socket_as_user_mode_linux_has_it)
{
	int pair[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	call_by(pair);
}
END_TEST

START_TEST(call_by_a_file_is_refused)
{
	int fd = memfd_create("file", MFD_CLOEXEC);

	ck_assert_int_eq(drv_vu_set_vring_fd(vu, DRV_VU_SET_VRING_CALL, 0, fd),
			 -EREMOTEIO);
	ck_assert_int_eq(drv_vu_set_vring_fd(vu, DRV_VU_SET_VRING_ERR, 0, fd),
			 -EREMOTEIO);
	(void)close(fd);
	vhost_loop_echo(&l, 0, 1);
}
END_TEST

START_TEST(call_that_was_due_comes_when_there_is_a_descriptor)
{
	struct drv_vu_queue *q = queue(0);
	uint64_t calls;

	ck_assert_int_eq(drv_vu_set_vring_fd(vu, DRV_VU_SET_VRING_CALL, 0, -1),
			 0);
	calls = drv_vq_irqs(&q->vq);
	vhost_loop_echo(&l, 0, 1);
	ck_assert_uint_eq(drv_vq_irqs(&q->vq), calls);
	ck_assert_int_eq(
		drv_vu_set_vring_fd(vu, DRV_VU_SET_VRING_CALL, 0, q->call), 0);
	ck_assert_uint_eq(drv_vq_irqs(&q->vq), calls + 1);
}
END_TEST

START_TEST(descriptor_and_flag_have_to_agree)
{
	const uint64_t none = DRV_VU_NO_FD, index = 0, high = 1u << 9;
	int fd = queue(0)->call;

	ck_assert_int_eq(drv_vu_set(vu, DRV_VU_SET_VRING_CALL, &none,
				    sizeof(none), &fd, 1),
			 -EREMOTEIO);
	ck_assert_int_eq(drv_vu_set(vu, DRV_VU_SET_VRING_CALL, &index,
				    sizeof(index), NULL, 0),
			 -EREMOTEIO);
	ck_assert_int_eq(drv_vu_set(vu, DRV_VU_SET_VRING_CALL, &high,
				    sizeof(high), &fd, 1),
			 -EREMOTEIO);
	vhost_loop_echo(&l, 0, 1);
}
END_TEST

START_TEST(error_of_a_ring_is_told)
{
	struct drv_vu_queue *q = queue(0);

	drv_split_raw_avail(&q->vq.ring, 0, LOOP_QSIZE);
	drv_split_raw_avail_idx(&q->vq.ring, 1);
	ck_assert_int_eq(drv_vq_kick(&q->vq), 0);
	for (int i = 0; i < DRV_TIMEOUT_MS && q->n_errs == 0; i++)
		ck_assert_int_eq(drv_vu_device_serve(&l.dev, 1), 0);
	ck_assert_uint_ge(q->n_errs, 1);
}
END_TEST

/* ---- logs ---- */

START_TEST(log_shows_the_pages_that_were_written)
{
	uint64_t page = 0, n = drv_vu_ram_end(&l.ram) / 4096;
	uint64_t buffer, used;
	int dirty = 0;

	ck_assert_int_eq(drv_vu_device_log_start(&l.dev), 0);
	buffer = drv_ram_alloc(&l.ram, 4096, 4096) / 4096 + 1;
	vhost_loop_echo(&l, 0, 1); /* its buffers are behind that page */
	used = queue(0)->vq.ring.used_gpa / 4096;
	for (; page < n; page++) {
		bool set = drv_vu_log_take(&l.dev.log, page);

		dirty += set;
		if (page == buffer || page == used)
			ck_assert(set);
	}
	ck_assert_int_le(dirty, 2);
	ck_assert_int_eq(drv_vu_device_log_stop(&l.dev), 0);
	vhost_loop_echo(&l, 0, 2);
}
END_TEST

START_TEST(log_has_to_cover_memory)
{
	struct drv_vu_shm log;

	ck_assert_int_eq(drv_vu_log_init(&log, VHOST_RAM_GPA), 0);
	ck_assert_int_eq(drv_vu_set_log(vu, &log), -ECONNRESET);
	drv_vu_shm_deinit(&log);
	ck_assert_int_eq(served_said(&l.served, "SET_LOG_BASE refused"), 1);
}
END_TEST

START_TEST(log_has_to_cover_the_used_ring)
{
	struct drv_vu_addr addr = {
		.index = 0,
		.flags = DRV_VU_ADDR_LOG,
		.desc = drv_vu_user_addr(&l.ram, queue(0)->vq.ring.desc_gpa),
		.avail = drv_vu_user_addr(&l.ram, queue(0)->vq.ring.avail_gpa),
		.used = drv_vu_user_addr(&l.ram, queue(0)->vq.ring.used_gpa),
		.log = drv_vu_ram_end(&l.ram) - 4,
	};

	ck_assert_int_eq(drv_vu_device_log_start(&l.dev), 0);
	ck_assert_int_eq(drv_vu_set(vu, DRV_VU_SET_VRING_ADDR, &addr,
				    sizeof(addr), NULL, 0),
			 -EREMOTEIO);
	vhost_loop_echo(&l, 0, 1);
}
END_TEST

/* ---- what outlives us ---- */

START_TEST(inflight_area_is_sealed_and_large_enough)
{
	struct drv_vu_shm area;
	int seals;

	ck_assert_int_eq(
		drv_vu_get_inflight(vu, LOOP_QUEUES, LOOP_QSIZE, &area), 0);
	seals = fcntl(area.fd, F_GET_SEALS);
	ck_assert_int_eq(seals, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW);
	ck_assert_uint_ge(area.size, LOOP_QUEUES * (16 + 16 * LOOP_QSIZE));
	ck_assert_uint_eq(area.n_queues, LOOP_QUEUES);
	ck_assert_uint_eq(area.queue_size, LOOP_QSIZE);
	drv_vu_shm_deinit(&area);
}
END_TEST

START_TEST(inflight_area_is_refused_while_a_ring_runs)
{
	ck_assert_int_eq(drv_vu_set_inflight(vu, &l.dev.inflight), -EREMOTEIO);
	vhost_loop_echo(&l, 0, 1);
	ck_assert_int_eq(drv_vu_device_stop_rings(&l.dev), 0);
	ck_assert_int_eq(drv_vu_set_inflight(vu, &l.dev.inflight), 0);
	l.dev.inflight.size--;
	ck_assert_int_eq(drv_vu_set_inflight(vu, &l.dev.inflight), -EREMOTEIO);
	l.dev.inflight.size++;
	l.dev.inflight.n_queues++;
	ck_assert_int_eq(drv_vu_set_inflight(vu, &l.dev.inflight), -EREMOTEIO);
	l.dev.inflight.n_queues--;
	ck_assert_int_eq(drv_vu_device_start_rings(&l.dev), 0);
	vhost_loop_echo(&l, 0, 2);
}
END_TEST

/* The old one is unmapped: nobody may touch it any more. */
START_TEST(inflight_area_can_be_replaced_and_the_device_reset)
{
	struct drv_vu_shm area;

	vhost_loop_echo(&l, 0, 1);
	ck_assert_int_eq(drv_vu_device_stop_rings(&l.dev), 0);
	ck_assert_int_eq(
		drv_vu_get_inflight(vu, LOOP_QUEUES, LOOP_QSIZE, &area), 0);
	ck_assert_int_eq(drv_vu_set_inflight(vu, &area), 0);
	ck_assert_int_eq(drv_vu_set_none(vu, DRV_VU_RESET_DEVICE, -1), 0);
	vhost_assert_goes_on(vu);
	drv_vu_shm_deinit(&area);
}
END_TEST

/* It may be of any size; what nobody uses of it is not made to be there. */
START_TEST(inflight_area_that_is_huge_is_not_filled_by_a_reset)
{
	struct drv_vu_shm area = { .fd = memfd_create("area", MFD_CLOEXEC),
				   .size = UINT64_C(1) << 33,
				   .n_queues = LOOP_QUEUES,
				   .queue_size = LOOP_QSIZE };
	struct stat st;

	ck_assert_int_ge(area.fd, 0);
	ck_assert_int_eq(ftruncate(area.fd, (off_t)area.size), 0);
	ck_assert_int_eq(drv_vu_device_stop_rings(&l.dev), 0);
	ck_assert_int_eq(drv_vu_set_inflight(vu, &area), 0);
	ck_assert_int_eq(drv_vu_set_none(vu, DRV_VU_RESET_DEVICE, -1), 0);
	vhost_assert_goes_on(vu);
	ck_assert_int_eq(fstat(area.fd, &st), 0);
	ck_assert_int_lt(st.st_blocks, 2048);
	(void)close(area.fd);
}
END_TEST

START_TEST(requests_in_flight_are_done_by_who_comes_after)
{
	int n = vhost_loop_look(&l)->n_chains;

	/* Stuck: they have not come back when the connection is lost. */
	vhost_loop_hold(&l, true, true);
	for (int i = 0; i < 3; i++)
		(void)vhost_loop_submit(&l, 0);
	while (vhost_loop_look(&l)->n_chains < n + 3)
		(void)drv_vu_device_serve(&l.dev, 1);
	drv_vu_device_lost(&l.dev);
	ck_assert_int_eq(
		drv_vu_device_attach(&l.dev, served_connect(&l.served)), 0);
	vhost_loop_hold(&l, false, false);
	ck_assert_int_eq(drv_vu_device_resume(&l.dev), 0);
	vhost_loop_release(&l);
	vhost_loop_take(&l, 0, 3);
	vhost_loop_echo(&l, 0, 4);
}
END_TEST

/* ---- packed rings ---- */

static void
setup_packed(void)
{
	vhost_loop_open(&l, NULL);
	drv_vu_device_lost(&l.dev);
	l.dev.opts.features = DRV_BIT(DRV_F_RING_PACKED);
	ck_assert_int_eq(
		drv_vu_device_attach(&l.dev, served_connect(&l.served)), 0);
	ck_assert_int_eq(drv_vu_device_start(&l.dev), 0);
}

/* User-mode Linux says 0 of every new ring. */
START_TEST(packed_ring_that_is_new_begins_even_if_0_is_said)
{
	ck_assert_uint_eq(stop(0), 0x80008000);
	queue(0)->base = 0;
	start(0);
	vhost_loop_echo(&l, 0, 1);
	ck_assert_uint_eq(stop(0), 0x80028002);
}
END_TEST

START_TEST(packed_ring_goes_on_at_0_after_a_lap)
{
	for (uint8_t i = 0; i < LOOP_QSIZE / 2; i++)
		vhost_loop_echo(&l, 0, i);
	ck_assert_uint_eq(stop(0), 0);
	start(0);
	vhost_loop_echo(&l, 0, 1);
	ck_assert_uint_eq(stop(0), 0x00020002);
}
END_TEST

/*
 * The back end goes, as when it is ended by a service manager; nobody has asked
 * it where the rings are, and only the area knows.
 */
START_TEST(packed_ring_goes_on_with_who_comes_after_an_orderly_end)
{
	for (uint8_t i = 0; i < 3; i++)
		vhost_loop_echo(&l, 0, i);
	drv_vu_device_lost(&l.dev);
	ck_assert_int_eq(
		drv_vu_device_attach(&l.dev, served_connect(&l.served)), 0);
	queue(0)->base = 0x80008000; /* as it was when it began */
	ck_assert_int_eq(drv_vu_device_resume(&l.dev), 0);
	vhost_loop_echo(&l, 0, 4);
	ck_assert_uint_eq(stop(0), 0x80088008);
}
END_TEST

static bool
is_called(void *arg)
{
	return queue(0)->n_calls > *(const uint64_t *)arg;
}

/* Two laps on, a ring is where it began; a call may be due all the same. */
START_TEST(packed_ring_gone_on_with_after_two_laps_is_called)
{
	uint64_t before;

	for (int i = 0; i < LOOP_QSIZE; i++)
		vhost_loop_echo(&l, 0, (uint8_t)i);
	drv_vu_device_lost(&l.dev);
	ck_assert_int_eq(
		drv_vu_device_attach(&l.dev, served_connect(&l.served)), 0);
	/* Not one of before. */
	ck_assert_int_ge(drv_vu_device_serve(&l.dev, 0), 0);
	before = queue(0)->n_calls;
	ck_assert_int_eq(drv_vu_device_resume(&l.dev), 0);
	ck_assert_uint_eq(queue(0)->base, 0x80008000);
	ck_assert_int_eq(drv_vu_device_wait(&l.dev, is_called, &before, 5000),
			 0);
}
END_TEST

int
main(void)
{
	const TTest *const tests[] = {
		base_counts_what_was_taken,
		base_is_what_was_set_if_the_ring_never_ran,
		stopping_waits_for_what_is_in_flight,
		ring_that_is_stopped_is_left_alone,
		ring_that_is_disabled_rests_until_it_is_enabled,
		enable_is_remembered_before_there_is_a_ring,
		ring_that_runs_cannot_be_changed,
		size_that_cannot_be_is_refused,
		kick_before_the_rest_waits_for_it,
		kick_again_swaps_the_descriptor_and_keeps_the_ring,
		ring_without_a_kick_is_polled,
		kick_has_to_be_an_eventfd,
		call_by_a_pipe,
		call_by_a_socket_as_user_mode_linux_has_it,
		call_by_a_file_is_refused,
		call_that_was_due_comes_when_there_is_a_descriptor,
		descriptor_and_flag_have_to_agree,
		error_of_a_ring_is_told,
		log_shows_the_pages_that_were_written,
		log_has_to_cover_memory,
		log_has_to_cover_the_used_ring,
		inflight_area_is_sealed_and_large_enough,
		inflight_area_is_refused_while_a_ring_runs,
		inflight_area_can_be_replaced_and_the_device_reset,
		inflight_area_that_is_huge_is_not_filled_by_a_reset,
		requests_in_flight_are_done_by_who_comes_after,
	};
	const TTest *const packed[] = {
		packed_ring_that_is_new_begins_even_if_0_is_said,
		packed_ring_goes_on_at_0_after_a_lap,
		packed_ring_goes_on_with_who_comes_after_an_orderly_end,
		packed_ring_gone_on_with_after_two_laps_is_called,
	};
	TCase *tc[2] = { tcase_create("vhost-user-ring"),
			 tcase_create("vhost-user-ring in a thread") };
	TCase *tc_packed = tcase_create("packed");
	Suite *suite = suite_create("vhost-user-ring");

	tcase_add_checked_fixture(tc[0], setup, teardown);
	tcase_add_checked_fixture(tc[1], setup_iothread, teardown);
	for (int k = 0; k < 2; k++) {
		tcase_set_timeout(tc[k], 30);
		for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
			tcase_add_test(tc[k], tests[i]);
		suite_add_tcase(suite, tc[k]);
	}
	tcase_add_checked_fixture(tc_packed, setup_packed, teardown);
	tcase_set_timeout(tc_packed, 30);
	for (size_t i = 0; i < sizeof(packed) / sizeof(packed[0]); i++)
		tcase_add_test(tc_packed, packed[i]);
	suite_add_tcase(suite, tc_packed);
	return suite_run(suite);
}
