// SPDX-License-Identifier: BSD-3-Clause
/* A queue from the inside: who is called when, and what a dead one does. */
#include <check.h>
#include <errno.h>
#include <unistd.h>

#include <vbs/iothread.h>

#include "device/loop-fixture.h"
#include "virtio/virtio.h"

static struct vqueue_info *vq;
static struct vq_priv *q;
static int n_calls;

static void
setup_live(void)
{
	setup();
	start_modern(0);
	vq = &loop->vqs[0];
	q = vq->priv;
	n_calls = 0;
}

/* A device that goes gives back what it has taken. */
static void
teardown_live(void)
{
	pthread_mutex_lock(&vq->mtx);
	for (uint16_t head = 0; head < LOOP_QSIZE; head++)
		vq_relchain(vq, head, 0);
	pthread_mutex_unlock(&vq->mtx);
	teardown();
}

static int
getchain(int n_iov)
{
	struct iovec iov[4];
	uint16_t head;
	int n;

	pthread_mutex_lock(&vq->mtx);
	n = vq_getchain(vq, &head, iov, n_iov, NULL);
	pthread_mutex_unlock(&vq->mtx);
	return n;
}

static bool
has_descs(void)
{
	bool has;

	pthread_mutex_lock(&vq->mtx);
	has = vq_has_descs(vq);
	pthread_mutex_unlock(&vq->mtx);
	return has;
}

/* Publish n chains without a kick. */
static void
publish(int n)
{
	struct drv_seg seg = { RAM_GPA + RAM_SIZE - 64, 1, true };

	for (int i = 0; i < n; i++)
		ck_assert_int_ge(drv_split_add(&dut.vqs[0].ring, &seg, 1, NULL),
				 0);
	drv_split_publish(&dut.vqs[0].ring);
}

static uint16_t
used_idx(void)
{
	return drv_split_raw_get_used_idx(&dut.vqs[0].ring);
}

/* ---- taking ---- */

START_TEST(getchain_without_room_takes_nothing)
{
	publish(1);
	ck_assert_int_eq(getchain(0), 0);
	ck_assert_int_eq(getchain(-1), 0);
	ck_assert_uint_eq(q->ring.split.last_avail, 0);
	ck_assert(has_descs());
	ck_assert_int_eq(getchain(1), 1);
	ck_assert(!has_descs());
}
END_TEST

START_TEST(getchain_of_a_failed_device_takes_nothing)
{
	publish(1);
	vbs_virtio_needs_reset(&loop->common, "a test");
	ck_assert_int_eq(getchain(4), 0);
	ck_assert_uint_eq(ring_n_inflight(&q->ring), 0);
}
END_TEST

START_TEST(getchain_of_a_queue_that_is_off_takes_nothing)
{
	publish(1);
	ck_assert_int_eq(drv_virtio_reset(&dut.vd), 0);
	ck_assert(!has_descs());
	ck_assert_int_eq(getchain(4), 0);
}
END_TEST

START_TEST(getchain_stops_while_the_queue_is_stopping)
{
	publish(1);
	queues_vm_ops.pause(loop->common.priv);
	ck_assert_int_eq(getchain(4), 0);
	queues_vm_ops.resume(loop->common.priv);
	ck_assert_int_eq(getchain(4), 1);
}
END_TEST

START_TEST(retchain_puts_the_last_one_back_once)
{
	struct iovec iov;
	uint16_t first, second;

	publish(2);
	pthread_mutex_lock(&vq->mtx);
	ck_assert_int_eq(vq_getchain(vq, &first, &iov, 1, NULL), 1);
	ck_assert_int_eq(vq_getchain(vq, &second, &iov, 1, NULL), 1);
	vq_retchain(vq);
	vq_retchain(vq);
	ck_assert_uint_eq(ring_n_inflight(&q->ring), 1);
	ck_assert_int_eq(vq_getchain(vq, &first, &iov, 1, NULL), 1);
	ck_assert_uint_eq(first, second);
	pthread_mutex_unlock(&vq->mtx);
}
END_TEST

/* ---- giving back ---- */

START_TEST(relchain_of_a_head_not_taken_does_nothing)
{
	pthread_mutex_lock(&vq->mtx);
	vq_relchain(vq, 0, 1);
	vq_relchain(vq, LOOP_QSIZE, 1);
	vq_relchain(vq, 0xffff, 1);
	vq_endchains(vq, 1);
	pthread_mutex_unlock(&vq->mtx);
	ck_assert_uint_eq(used_idx(), 0);
	ck_assert_uint_eq(drv_bus_irqs_total(bus), 0);
}
END_TEST

START_TEST(relchain_on_a_broken_queue_only_counts)
{
	loop->hold = true;
	post(0, 3);
	ck_assert_uint_eq(ring_n_inflight(&q->ring), 3);
	drv_split_raw_offer(&dut.vqs[0].ring, 0xffff);
	ck_assert_int_eq(drv_vq_kick(&dut.vqs[0]), 0);
	ck_assert_int_eq(drv_bus_run(bus), 0);
	ck_assert(q->broken);
	loop_release(loop, 0);
	ck_assert_uint_eq(ring_n_inflight(&q->ring), 0);
	ck_assert_uint_eq(used_idx(), 0);
}
END_TEST

/* ---- in order ---- */

static void
setup_live_in_order(void)
{
	setup_in_order();
	start_modern(0);
	vq = &loop->vqs[0];
	q = vq->priv;
	n_calls = 0;
}

/* Take n chains, whose heads begin with 0 and go up. */
static void
take(int n)
{
	struct iovec iov;
	uint16_t head;

	publish(n);
	for (int i = 0; i < n; i++)
		ck_assert_int_eq(vq_getchain(vq, &head, &iov, 1, NULL), 1);
	ck_assert_uint_eq(head, n - 1);
}

START_TEST(relchain_in_order_waits_for_the_chains_before)
{
	pthread_mutex_lock(&vq->mtx);
	take(4);
	vq_relchain(vq, 2, 1);
	vq_relchain(vq, 1, 1);
	vq_endchains(vq, 0);
	ck_assert_uint_eq(used_idx(), 0);
	vq_relchain(vq, 0, 1);
	vq_endchains(vq, 0);
	ck_assert_uint_eq(used_idx(), 3);
	ck_assert_uint_eq(ring_n_inflight(&q->ring), 1);
	pthread_mutex_unlock(&vq->mtx);
}
END_TEST

START_TEST(retchain_in_order_puts_the_last_one_back)
{
	struct iovec iov;
	uint16_t head;

	pthread_mutex_lock(&vq->mtx);
	take(3);
	vq_relchain(vq, 1, 1);
	vq_retchain(vq);
	ck_assert_int_eq(vq_getchain(vq, &head, &iov, 1, NULL), 1);
	ck_assert_uint_eq(head, 2);
	vq_relchain(vq, 2, 1);
	vq_retchain(vq); /* it is back already */
	vq_relchain(vq, 0, 1);
	vq_endchains(vq, 0);
	ck_assert_uint_eq(used_idx(), 3);
	ck_assert_uint_eq(ring_n_inflight(&q->ring), 0);
	pthread_mutex_unlock(&vq->mtx);
}
END_TEST

/* What is held back is not with the device: a reset does not wait for it. */
START_TEST(broken_in_order_counts_what_the_device_has)
{
	pthread_mutex_lock(&vq->mtx);
	take(3);
	vq_relchain(vq, 2, 1);
	ck_assert_uint_eq(ring_n_inflight(&q->ring), 2);
	vq_break(vq);
	vq_relchain(vq, 2, 1);
	ck_assert_uint_eq(ring_n_inflight(&q->ring), 2);
	vq_relchain(vq, 1, 1);
	vq_relchain(vq, 0, 1);
	ck_assert_uint_eq(ring_n_inflight(&q->ring), 0);
	ck_assert_uint_eq(used_idx(), 0);
	pthread_mutex_unlock(&vq->mtx);
}
END_TEST

/* ---- several at once ---- */

/* What needs more room than the rest of it; the one before goes back. */
static void
put_back_before_one_that_does_not_fit(void)
{
	const struct drv_seg segs[2] = { { RAM_GPA + RAM_SIZE - 64, 1, true },
					 { RAM_GPA + RAM_SIZE - 64, 1, true } };
	struct vq_chain chains[2];
	struct iovec iov[2];

	publish(1);
	ck_assert_int_eq(drv_split_add(&dut.vqs[0].ring, segs, 2, NULL), 1);
	drv_split_publish(&dut.vqs[0].ring);
	pthread_mutex_lock(&vq->mtx);
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(vq_getchains(vq, chains, 2, iov, 2), 1);
		ck_assert_uint_eq(chains[0].idx, 0);
		vq_retchain(vq);
		vq_endchains(vq, 0);
		ck_assert_uint_eq(used_idx(), 0);
	}
	pthread_mutex_unlock(&vq->mtx);
}

START_TEST(retchain_puts_back_the_last_one_that_fitted)
{
	put_back_before_one_that_does_not_fit();
}
END_TEST

START_TEST(retchain_in_order_puts_back_the_last_one_that_fitted)
{
	put_back_before_one_that_does_not_fit();
}
END_TEST

START_TEST(endchains_with_nothing_to_publish_is_silent)
{
	pthread_mutex_lock(&vq->mtx);
	vq_endchains(vq, 0);
	vq_endchains(vq, 1);
	pthread_mutex_unlock(&vq->mtx);
	ck_assert_uint_eq(drv_bus_irqs_total(bus), 0);
}
END_TEST

START_TEST(endchains_publishes_a_batch_with_one_interrupt)
{
	loop->hold = true;
	post(0, 9);
	loop_release(loop, 0);
	ck_assert_uint_eq(used_idx(), 9);
	ck_assert_uint_eq(drv_vq_irqs(&dut.vqs[0]), 1);
}
END_TEST

/* ---- being called ---- */

static void
take_one(void *arg, struct vqueue_info *queue)
{
	struct iovec iov;
	uint16_t head;

	(void)arg;
	n_calls++;
	if (vq_getchain(queue, &head, &iov, 1, NULL) == 1)
		vq_relchain(queue, head, 0);
	vq_endchains(queue, 0);
}

START_TEST(device_that_takes_one_is_called_for_each)
{
	vq->notify = take_one;
	post(0, 1);
	ck_assert_int_eq(n_calls, 1);
	publish(20);
	ck_assert_int_eq(drv_vq_kick(&dut.vqs[0]), 0);
	ck_assert_int_eq(drv_bus_run(bus), 0);
	ck_assert_int_eq(n_calls, 21);
	ck_assert_uint_eq(used_idx(), 21);
}
END_TEST

static void
take_none(void *arg, struct vqueue_info *queue)
{
	(void)arg;
	n_calls++;
	vq_endchains(queue, 0);
}

/* It waits for something else: the next kick, not at once. */
START_TEST(device_that_takes_none_is_called_once_a_kick)
{
	vq->notify = take_none;
	publish(5);
	for (int i = 1; i < 4; i++) {
		ck_assert_int_eq(drv_vq_kick(&dut.vqs[0]), 0);
		ck_assert_int_eq(drv_bus_run(bus), 0);
		ck_assert_int_eq(n_calls, i);
	}
}
END_TEST

START_TEST(device_is_not_called_for_an_empty_queue)
{
	vq->notify = take_none;
	ck_assert_int_eq(drv_vq_kick(&dut.vqs[0]), 0);
	ck_assert_int_eq(drv_bus_run(bus), 0);
	ck_assert_int_eq(n_calls, 0);
}
END_TEST

/* An eventfd that a host has bound to the doorbell does the same. */
START_TEST(kick_eventfd_is_a_kick)
{
	uint64_t one = 1;

	publish(2);
	ck_assert_int_eq(write(q->kick_fd, &one, sizeof(one)), 8);
	ck_assert_int_eq(drv_bus_run(bus), 0);
	ck_assert_uint_eq(used_idx(), 2);
}
END_TEST

START_TEST(iothread_comes_before_the_driver_or_not_at_all)
{
	struct vbs_iothread *thr = NULL;

	ck_assert_int_eq(vbs_iothread_new("a-name-that-is-cut", &thr), 0);
	ck_assert_int_eq(vbs_vq_set_iothread(vq, thr), -EINVAL);
	vbs_iothread_free(thr);
	vbs_iothread_free(NULL);
}
END_TEST

/* ---- what the ring of a queue is ---- */

START_TEST(reset_gives_every_default_back)
{
	echo(0, 10);
	ck_assert_int_eq(drv_virtio_reset(&dut.vd), 0);
	ck_assert(!vq->enabled && !q->live && !q->broken && !q->stopping);
	ck_assert_uint_eq(vq->qsize, LOOP_QSIZE);
	ck_assert_uint_eq(vq->msix_idx, VIRTIO_MSI_NO_VECTOR);
	ck_assert_uint_eq(q->layout.desc | q->layout.driver | q->layout.device,
			  0);
	ck_assert_uint_eq(q->ring.split.last_avail | q->ring.split.used_idx, 0);
	ck_assert(!ring_is_mapped(&q->ring));
	ck_assert_uint_eq(q->pfn, 0);
}
END_TEST

START_TEST(queue_get_beyond_the_last_is_null)
{
	struct virtio_common *vb = &loop->common;

	ck_assert_ptr_eq(queue_get(vb, LOOP_QUEUES - 1),
			 &loop->vqs[LOOP_QUEUES - 1]);
	ck_assert_ptr_null(queue_get(vb, LOOP_QUEUES));
	ck_assert_ptr_null(queue_get(vb, UINT64_MAX));
	queue_notify(vb, LOOP_QUEUES);
	queue_notify(vb, UINT64_MAX);
}
END_TEST

static Suite *
queue_suite(void)
{
	Suite *s = suite_create("virtio/queue");
	TCase *tc = tcase_create("queue");

	tcase_add_checked_fixture(tc, setup_live, teardown_live);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, getchain_without_room_takes_nothing);
	tcase_add_test(tc, getchain_of_a_failed_device_takes_nothing);
	tcase_add_test(tc, getchain_of_a_queue_that_is_off_takes_nothing);
	tcase_add_test(tc, getchain_stops_while_the_queue_is_stopping);
	tcase_add_test(tc, retchain_puts_the_last_one_back_once);
	tcase_add_test(tc, retchain_puts_back_the_last_one_that_fitted);
	tcase_add_test(tc, relchain_of_a_head_not_taken_does_nothing);
	tcase_add_test(tc, relchain_on_a_broken_queue_only_counts);
	tcase_add_test(tc, endchains_with_nothing_to_publish_is_silent);
	tcase_add_test(tc, endchains_publishes_a_batch_with_one_interrupt);
	tcase_add_test(tc, device_that_takes_one_is_called_for_each);
	tcase_add_test(tc, device_that_takes_none_is_called_once_a_kick);
	tcase_add_test(tc, device_is_not_called_for_an_empty_queue);
	tcase_add_test(tc, kick_eventfd_is_a_kick);
	tcase_add_test(tc, iothread_comes_before_the_driver_or_not_at_all);
	tcase_add_test(tc, reset_gives_every_default_back);
	tcase_add_test(tc, queue_get_beyond_the_last_is_null);
	suite_add_tcase(s, tc);
	tc = tcase_create("in-order");
	tcase_add_checked_fixture(tc, setup_live_in_order, teardown_live);
	tcase_add_test(tc, relchain_in_order_waits_for_the_chains_before);
	tcase_add_test(tc, retchain_in_order_puts_the_last_one_back);
	tcase_add_test(tc,
		       retchain_in_order_puts_back_the_last_one_that_fitted);
	tcase_add_test(tc, broken_in_order_counts_what_the_device_has);
	suite_add_tcase(s, tc);
	return s;
}

int
main(void)
{
	return suite_run(queue_suite());
}
