// SPDX-License-Identifier: BSD-3-Clause
/* A device whose front end keeps the registers: what backend.h promises. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "device/loop-fixture.h"
#include "driver/split.h"
#include "virtio/backend.h"
#include "virtio/virtio.h"

#define BASIC (UINT64_C(1) << VIRTIO_F_VERSION_1)

static struct virtio_common *vb;
static struct drv_split ring;
static uint64_t buf;
static int kick, call, err;
static int n_changes;

static void
on_change(void *arg)
{
	ck_assert_ptr_eq(arg, &n_changes);
	n_changes++;
}

static const struct backend_ops ops = { .config_changed = on_change };

static void
setup_backend(void)
{
	setup();
	vb = backend_of(loop->common.dev);
	ck_assert_ptr_eq(vb, &loop->common);
	ck_assert_int_eq(backend_attach(vb, &ops, &n_changes, 0), 0);
	ck_assert_int_eq(backend_set_features(vb, BASIC), 0);
	ck_assert_int_eq(drv_split_init(&ring, &ram, 16), 0);
	buf = drv_ram_alloc(&ram, 4096, 16);
	ck_assert_uint_ne(buf, 0);
	kick = eventfd(0, EFD_NONBLOCK);
	call = eventfd(0, EFD_NONBLOCK);
	err = eventfd(0, EFD_NONBLOCK);
}

static void
teardown_backend(void)
{
	backend_detach(vb);
	drv_split_deinit(&ring);
	(void)close(kick);
	(void)close(call);
	(void)close(err);
	teardown();
}

static struct backend_ring
where(uint32_t base)
{
	return (struct backend_ring){
		.num = ring.size,
		.desc = ring.desc_gpa,
		.driver = ring.avail_gpa,
		.device = ring.used_gpa,
		.base = base,
	};
}

/* Queue 0, with all its descriptors, as a front end brings it up. */
static void
start_ring(uint32_t base)
{
	struct backend_ring r = where(base);

	ck_assert_int_eq(backend_ring_kick(vb, 0, dup(kick)), 0);
	ck_assert_int_eq(backend_ring_call(vb, 0, dup(call)), 0);
	ck_assert_int_eq(backend_ring_err(vb, 0, dup(err)), 0);
	ck_assert_int_eq(backend_ring_start(vb, 0, &r), 0);
	backend_ring_enable(vb, 0, true);
}

static void
offer(void)
{
	const struct drv_seg seg = { buf, 1, true };

	ck_assert_int_ge(drv_split_add(&ring, &seg, 1, NULL), 0);
	drv_split_publish(&ring);
}

static void
notify(void)
{
	ck_assert_int_eq(eventfd_write(kick, 1), 0);
	ck_assert_int_eq(drv_bus_run(bus), 0);
}

static int
taken(void)
{
	struct drv_used used;
	int n = 0;

	while (drv_split_reap(&ring, &used) == 1)
		n++;
	return n;
}

static eventfd_t
count(int fd)
{
	eventfd_t val = 0;

	(void)eventfd_read(fd, &val);
	return val;
}

START_TEST(ring_serves_and_calls)
{
	start_ring(0);
	offer();
	notify();
	ck_assert_int_eq(taken(), 1);
	ck_assert_uint_eq(count(call), 1);
	ck_assert_uint_eq(count(err), 0);
}
END_TEST

START_TEST(ring_serves_what_was_there_without_a_kick)
{
	offer();
	start_ring(0);
	ck_assert_int_eq(drv_bus_run(bus), 0);
	ck_assert_int_eq(taken(), 1);
}
END_TEST

START_TEST(ring_rests_until_it_is_enabled)
{
	struct backend_ring r = where(0);

	ck_assert_int_eq(backend_ring_kick(vb, 0, dup(kick)), 0);
	ck_assert_int_eq(backend_ring_start(vb, 0, &r), 0);
	offer();
	notify();
	ck_assert_int_eq(taken(), 0);
	backend_ring_enable(vb, 0, true);
	ck_assert_int_eq(drv_bus_run(bus), 0);
	ck_assert_int_eq(taken(), 1);
	backend_ring_enable(vb, 0, false);
	offer();
	notify();
	ck_assert_int_eq(taken(), 0);
}
END_TEST

START_TEST(enable_is_remembered_before_start)
{
	struct backend_ring r = where(0);

	backend_ring_enable(vb, 0, true);
	ck_assert(!backend_ring_started(vb, 0));
	ck_assert_int_eq(backend_ring_kick(vb, 0, dup(kick)), 0);
	ck_assert_int_eq(backend_ring_start(vb, 0, &r), 0);
	offer();
	notify();
	ck_assert_int_eq(taken(), 1);
}
END_TEST

START_TEST(ring_without_a_kick_is_polled)
{
	struct backend_ring r = where(0);

	backend_ring_enable(vb, 0, true);
	ck_assert_int_eq(backend_ring_kick(vb, 0, -1), 0);
	ck_assert_int_eq(backend_ring_start(vb, 0, &r), 0);
	offer();
	while (!drv_split_has_used(&ring))
		(void)event_base_loop(loop->vqs[0].priv->base, EVLOOP_ONCE);
	ck_assert_int_eq(taken(), 1);
}
END_TEST

START_TEST(stop_says_where_it_was)
{
	uint32_t next = 77;

	start_ring(0);
	offer();
	offer();
	notify();
	ck_assert_int_eq(backend_ring_stop(vb, 0, &next), 0);
	ck_assert_uint_eq(next, 2);
	ck_assert(!backend_ring_started(vb, 0));
	ck_assert_int_eq(backend_ring_stop(vb, 0, &next), 0);
	ck_assert_uint_eq(next, 2);
	ck_assert_int_eq(taken(), 2);
	offer();
	notify();
	ck_assert_int_eq(taken(), 0);
	start_ring(next);
	ck_assert_int_eq(drv_bus_run(bus), 0);
	ck_assert_int_eq(taken(), 1);
}
END_TEST

START_TEST(call_of_an_earlier_life_is_made_up_for)
{
	uint32_t next;

	start_ring(0);
	offer();
	notify();
	ck_assert_int_eq(backend_ring_stop(vb, 0, &next), 0);
	(void)count(call);
	start_ring(next);
	ck_assert_uint_eq(count(call), 1);
	/* As well if the descriptor comes last. */
	ck_assert_int_eq(backend_ring_stop(vb, 0, &next), 0);
	ck_assert_int_eq(backend_ring_call(vb, 0, -1), 0);
	{
		struct backend_ring r = where(next);

		ck_assert_int_eq(backend_ring_start(vb, 0, &r), 0);
	}
	ck_assert_int_eq(backend_ring_call(vb, 0, dup(call)), 0);
	ck_assert_uint_eq(count(call), 1);
}
END_TEST

START_TEST(start_wants_notifications_whoever_had_turned_them_off)
{
	drv_split_raw_used_flags(&ring, 1);
	start_ring(0);
	ck_assert_uint_eq(drv_split_raw_get_used_flags(&ring), 0);
}
END_TEST

static void
turn(void)
{
	(void)event_base_loop(loop->vqs[0].priv->base, EVLOOP_ONCE);
}

START_TEST(ring_that_is_polled_for_a_while_wants_no_notifications)
{
	backend_detach(vb);
	ck_assert_int_eq(backend_attach(vb, &ops, &n_changes, 200000), 0);
	ck_assert_int_eq(backend_set_features(vb, BASIC), 0);
	start_ring(0);
	offer();
	ck_assert_int_eq(eventfd_write(kick, 1), 0);
	while (!drv_split_has_used(&ring))
		turn();
	ck_assert_int_eq(taken(), 1);
	ck_assert_uint_eq(drv_split_raw_get_used_flags(&ring), 1);
	offer(); /* and no notification */
	while (!drv_split_has_used(&ring))
		turn();
	ck_assert_int_eq(taken(), 1);
	/* When its time is over it says so. */
	while (drv_split_raw_get_used_flags(&ring) != 0)
		turn();
	offer();
	notify();
	ck_assert_int_eq(taken(), 1);
}
END_TEST

static int n_calls;

static void
take_one(void *device, struct vqueue_info *vq)
{
	struct iovec iov[4];
	uint16_t idx;

	(void)device;
	if (n_calls++ == 0 && vq_getchain(vq, &idx, iov, 4, NULL) == 1)
		vq_relchain(vq, idx, 0);
	vq_endchains(vq, 0);
}

/* Like one that receives: the rest of the chains is for later. */
START_TEST(device_that_leaves_chains_is_not_polled_for_ever)
{
	backend_detach(vb);
	ck_assert_int_eq(backend_attach(vb, &ops, &n_changes, 1000), 0);
	ck_assert_int_eq(backend_set_features(vb, BASIC), 0);
	loop->vqs[0].notify = take_one;
	n_calls = 0;
	start_ring(0);
	offer();
	offer();
	ck_assert_int_eq(eventfd_write(kick, 1), 0);
	while (!drv_split_has_used(&ring))
		turn();
	while (drv_split_raw_get_used_flags(&ring) != 0)
		turn();
	ck_assert_int_eq(drv_bus_run(bus), 0);
	ck_assert_int_eq(taken(), 1);
	ck_assert_uint_eq(drv_split_raw_get_used_flags(&ring), 0);
	ck_assert(!loop->vqs[0].priv->quiet);
}
END_TEST

START_TEST(polling_that_is_stopped_asks_for_notifications)
{
	uint32_t base;

	backend_detach(vb);
	ck_assert_int_eq(backend_attach(vb, &ops, &n_changes, 1000000000), 0);
	ck_assert_int_eq(backend_set_features(vb, BASIC), 0);
	start_ring(0);
	offer();
	ck_assert_int_eq(eventfd_write(kick, 1), 0);
	while (!drv_split_has_used(&ring))
		turn();
	ck_assert_int_eq(taken(), 1);
	ck_assert_uint_eq(drv_split_raw_get_used_flags(&ring), 1);
	ck_assert_int_eq(backend_ring_stop(vb, 0, &base), 0);
	start_ring(base);
	ck_assert_uint_eq(drv_split_raw_get_used_flags(&ring), 0);
}
END_TEST

START_TEST(start_refuses_what_cannot_be)
{
	struct backend_ring r = where(0);

	r.num = 0;
	ck_assert_int_eq(backend_ring_start(vb, 0, &r), -EINVAL);
	r.num = 3;
	ck_assert_int_eq(backend_ring_start(vb, 0, &r), -EINVAL);
	r.num = LOOP_QSIZE * 2;
	ck_assert_int_eq(backend_ring_start(vb, 0, &r), -EINVAL);
	r = where(0);
	r.device = r.desc;
	ck_assert_int_eq(backend_ring_start(vb, 0, &r), -EINVAL);
	r = where(0);
	r.driver++;
	ck_assert_int_eq(backend_ring_start(vb, 0, &r), -EINVAL);
	r = where(0);
	r.desc = RAM_GPA + RAM_SIZE + 4096;
	ck_assert_int_eq(backend_ring_start(vb, 0, &r), -EFAULT);
	ck_assert(!backend_ring_started(vb, 0));
	r = where(0);
	ck_assert_int_eq(backend_ring_start(vb, 0, &r), 0);
	ck_assert_int_eq(backend_ring_start(vb, 0, &r), -EBUSY);
}
END_TEST

START_TEST(bad_ring_signals_its_error)
{
	start_ring(0);
	drv_split_raw_avail_idx(&ring, 1000);
	notify();
	ck_assert_uint_eq(count(err), 1);
	ck_assert_int_eq(n_changes, 1);
	ck_assert_uint_eq(backend_status(vb) & VIRTIO_CONFIG_S_NEEDS_RESET,
			  VIRTIO_CONFIG_S_NEEDS_RESET);
	backend_reset(vb);
	ck_assert_uint_eq(backend_status(vb), 0);
}
END_TEST

START_TEST(features_are_checked_and_frozen)
{
	uint64_t offer_bits = backend_features(vb);

	ck_assert(offer_bits & BASIC);
	ck_assert(!(offer_bits & (UINT64_C(1) << VIRTIO_F_RING_RESET)));
	ck_assert_int_eq(backend_set_features(vb, UINT64_C(1) << 63), -EINVAL);
	/* The second of the two needs the first. */
	ck_assert_int_eq(backend_set_features(vb, BASIC | 1u << LOOP_F_EXTRA),
			 -EINVAL);
	ck_assert_int_eq(backend_set_features(vb, 0), 0);
	ck_assert_int_eq(backend_set_features(vb, BASIC | 1u << LOOP_F_BASE),
			 0);
	ck_assert_uint_eq(vb->negotiated_caps, BASIC | 1u << LOOP_F_BASE);
	start_ring(0);
	ck_assert_int_eq(backend_set_features(vb, BASIC), -EBUSY);
	ck_assert_int_eq(backend_set_features(vb, BASIC | 1u << LOOP_F_BASE),
			 0);
}
END_TEST

START_TEST(configuration_is_read_and_written_where_it_is)
{
	uint8_t bytes[LOOP_CONFIG + 1] = { 0 };

	ck_assert_uint_eq(backend_config_size(vb), LOOP_CONFIG);
	for (int i = 0; i < LOOP_CONFIG; i++)
		bytes[i] = (uint8_t)(i + 1);
	ck_assert_int_eq(backend_write_config(vb, 0, bytes, LOOP_CONFIG), 0);
	memset(bytes, 0, sizeof(bytes));
	ck_assert_int_eq(backend_read_config(vb, 1, bytes, LOOP_CONFIG - 1), 0);
	ck_assert_uint_eq(bytes[0], 2);
	ck_assert_uint_eq(bytes[LOOP_CONFIG - 2], LOOP_CONFIG);
	ck_assert_int_eq(backend_read_config(vb, 0, bytes, LOOP_CONFIG + 1),
			 -EINVAL);
	ck_assert_int_eq(backend_read_config(vb, UINT32_MAX, bytes, 2),
			 -EINVAL);
	ck_assert_int_eq(backend_write_config(vb, LOOP_CONFIG, bytes, 1),
			 -EINVAL);
	loop_change_config(loop, 0, 99);
	ck_assert_int_eq(n_changes, 1);
}
END_TEST

START_TEST(descriptors_of_the_wrong_kind_are_refused)
{
	int fds[2], file = open("/dev/null", O_RDWR | O_CLOEXEC);

	ck_assert_int_eq(pipe(fds), 0);
	ck_assert_int_eq(backend_ring_kick(vb, 0, dup(file)), -EINVAL);
	ck_assert_int_eq(backend_ring_kick(vb, 0, dup(fds[0])), -EINVAL);
	ck_assert_int_eq(backend_ring_call(vb, 0, dup(file)), -EINVAL);
	ck_assert_int_eq(backend_ring_err(vb, 0, file), -EINVAL);
	ck_assert_int_eq(fcntl(file, F_GETFD), -1);
	/* A pipe is what User-mode Linux wants to be called by. */
	ck_assert_int_eq(backend_ring_call(vb, 0, fds[1]), 0);
	(void)close(fds[0]);
}
END_TEST

START_TEST(detach_closes_what_was_lent)
{
	int lent = dup(kick), next;

	ck_assert_int_eq(backend_ring_kick(vb, 0, lent), 0);
	next = dup(call);
	ck_assert_int_eq(backend_ring_call(vb, 0, next), 0);
	backend_detach(vb);
	ck_assert_int_eq(fcntl(lent, F_GETFD), -1);
	ck_assert_int_eq(fcntl(next, F_GETFD), -1);
	ck_assert_int_eq(backend_attach(vb, &ops, &n_changes, 0), 0);
	ck_assert_int_eq(backend_set_features(vb, BASIC), 0);
	start_ring(0);
	offer();
	notify();
	ck_assert_int_eq(taken(), 1);
}
END_TEST

START_TEST(stuck_request_ends_the_wait_of_stop)
{
	uint32_t next;

	loop->hold = loop->stuck = true;
	start_ring(0);
	offer();
	notify();
	ck_assert_int_eq(backend_ring_stop(vb, 0, &next), -ETIMEDOUT);
	ck_assert_uint_eq(next, 1);
	loop->hold = loop->stuck = false;
	loop_release(loop, 0);
	ck_assert_int_eq(taken(), 0);
}
END_TEST

/*
 * Before one that is taken, and does not fit; and if it is the last of an
 * earlier life, before one that would.
 */
START_TEST(last_of_a_batch_can_be_put_back)
{
	const struct drv_seg segs[2] = { { buf, 1, true }, { buf, 1, true } };
	static uint64_t area[64];
	struct inflight_split *split = (struct inflight_split *)(void *)area;
	struct vqueue_info *vq = &vb->queues[0];
	struct vq_chain chains[2];
	struct iovec iov[3];

	ck_assert_uint_le(backend_inflight_bytes(vb, ring.size), sizeof(area));
	split->version = split->desc[0].inflight = (uint8_t)_i;
	split->desc_num = ring.size;
	ck_assert_int_eq(backend_ring_inflight(vb, 0, area, sizeof(area)), 0);
	offer();
	ck_assert_int_eq(drv_split_add(&ring, segs, 2, NULL), 1);
	drv_split_publish(&ring);
	start_ring(0);
	pthread_mutex_lock(&vq->mtx);
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(vq_getchains(vq, chains, 2, iov, 2 + _i), 1);
		ck_assert_uint_eq(chains[0].idx, 0);
		ck_assert_int_eq(split->desc[0].inflight, 1);
		vq_retchain(vq);
		vq_endchains(vq, 0);
		ck_assert_int_eq(split->desc[0].inflight, _i);
		ck_assert_int_eq(taken(), 0);
	}
	pthread_mutex_unlock(&vq->mtx);
	notify();
	ck_assert_int_eq(taken(), 2);
}
END_TEST

START_TEST(area_of_a_started_ring_is_not_changed)
{
	_Alignas(64) static uint8_t area[4096];

	ck_assert_int_eq(backend_ring_inflight(vb, 0, area + 1, 2048), -EINVAL);
	ck_assert_int_eq(backend_ring_inflight(vb, 0, area, 16), -EINVAL);
	ck_assert_int_eq(backend_ring_inflight(vb, 0, area,
					       backend_inflight_bytes(vb, 16)),
			 0);
	start_ring(0);
	ck_assert_int_eq(backend_ring_inflight(vb, 0, NULL, 0), -EBUSY);
	offer();
	notify();
	ck_assert_int_eq(taken(), 1);
	ck_assert_uint_eq(((struct inflight_split *)(void *)area)->used_idx, 1);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("virtio-backend");
	TCase *tc = tcase_create("backend");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup_backend, teardown_backend);
	tcase_add_test(tc, ring_serves_and_calls);
	tcase_add_test(tc, ring_serves_what_was_there_without_a_kick);
	tcase_add_test(tc, ring_rests_until_it_is_enabled);
	tcase_add_test(tc, enable_is_remembered_before_start);
	tcase_add_test(tc, ring_without_a_kick_is_polled);
	tcase_add_test(tc, stop_says_where_it_was);
	tcase_add_test(tc, call_of_an_earlier_life_is_made_up_for);
	tcase_add_test(tc,
		       start_wants_notifications_whoever_had_turned_them_off);
	tcase_add_test(tc,
		       ring_that_is_polled_for_a_while_wants_no_notifications);
	tcase_add_test(tc, device_that_leaves_chains_is_not_polled_for_ever);
	tcase_add_test(tc, polling_that_is_stopped_asks_for_notifications);
	tcase_add_test(tc, start_refuses_what_cannot_be);
	tcase_add_test(tc, bad_ring_signals_its_error);
	tcase_add_test(tc, features_are_checked_and_frozen);
	tcase_add_test(tc, configuration_is_read_and_written_where_it_is);
	tcase_add_test(tc, descriptors_of_the_wrong_kind_are_refused);
	tcase_add_test(tc, detach_closes_what_was_lent);
	tcase_add_test(tc, stuck_request_ends_the_wait_of_stop);
	tcase_add_loop_test(tc, last_of_a_batch_can_be_put_back, 0, 2);
	tcase_add_test(tc, area_of_a_started_ring_is_not_changed);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
