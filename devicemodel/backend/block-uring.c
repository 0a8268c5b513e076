// SPDX-License-Identifier: BSD-3-Clause
/*
 * Requests through io_uring, a ring for each queue that knows the image as a
 * registered file. What io_uring cannot do in one go (a short transfer, a
 * discard, an odd address with O_DIRECT) is passed on to the threads.
 */
#include <errno.h>
#include <liburing.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <event2/event.h>

#include "backend/block-impl.h"

#define REAP_BATCH 64
#define RETRY_US   1000

struct uring_queue {
	struct block_queue *queue;
	struct io_uring ring;
	bool fixed;          /* the image is file 0 of the ring */
	pthread_mutex_t mtx; /* guards the submission side of the ring */
	int event_fd;        /* the kernel writes it at each completion */
	struct event *reap;
	struct event *retry; /* the kernel was too busy to take requests */
};

int
block_uring_probe(void)
{
	struct io_uring ring;
	int rc = io_uring_queue_init(2, &ring, 0);

	if (rc < 0)
		return rc;
	io_uring_queue_exit(&ring);
	return 0;
}

static void
uring_flush(struct uring_queue *u)
{
	struct timeval delay = { .tv_usec = RETRY_US };
	int rc = 0;

	while (io_uring_sq_ready(&u->ring) > 0) {
		rc = io_uring_submit(&u->ring);
		if (rc <= 0 && rc != -EINTR)
			break;
	}
	if (io_uring_sq_ready(&u->ring) > 0)
		event_add(u->retry, &delay);
}

static void
uring_retry(evutil_socket_t fd, short what, void *arg)
{
	struct uring_queue *u = arg;

	pthread_mutex_lock(&u->mtx);
	uring_flush(u);
	pthread_mutex_unlock(&u->mtx);
}

/* What a completion says: has the request ended? Else it goes to the threads.
 */
static bool
uring_ended(struct block_req *req, int res)
{
	req->rc = 0;
	if (res == -EAGAIN || res == -EINTR || res == -EOPNOTSUPP)
		return false;
	if (res < 0) {
		req->rc = res;
		return true;
	}
	if (req->op == BLOCK_FLUSH)
		return true;
	if (res == 0 || (uint64_t)res > req->bytes - req->done) {
		req->rc = -EIO;
		return true;
	}
	block_advance(req, (size_t)res);
	return req->done == req->bytes;
}

/* Take one batch of completions; how many. */
static unsigned int
uring_reap_batch(struct uring_queue *u)
{
	struct io_uring_cqe *cqe[REAP_BATCH];
	struct block_req *list = NULL, **tail = &list;
	unsigned int n = io_uring_peek_batch_cqe(&u->ring, cqe, REAP_BATCH);

	for (unsigned int i = 0; i < n; i++) {
		struct block_req *req = io_uring_cqe_get_data(cqe[i]);
		int res = cqe[i]->res;

		if (!req)
			continue; /* the end of a cancellation */
		req->next = NULL;
		if (!uring_ended(req, res)) {
			block_pool_submit(u->queue->pool, req);
			continue;
		}
		*tail = req;
		tail = &req->next;
	}
	io_uring_cq_advance(&u->ring, n);
	if (list)
		block_deliver(u->queue, list);
	return n;
}

static void
uring_reap(evutil_socket_t fd, short what, void *arg)
{
	eventfd_t count;

	(void)eventfd_read(fd, &count);
	while (uring_reap_batch(arg) == REAP_BATCH)
		;
}

static void
uring_free(struct uring_queue *u)
{
	if (u->retry)
		event_free(u->retry);
	if (u->reap)
		event_free(u->reap);
	if (u->event_fd >= 0)
		(void)close(u->event_fd);
	pthread_mutex_destroy(&u->mtx);
	free(u);
}

static int
uring_events(struct uring_queue *u, struct event_base *base)
{
	u->event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (u->event_fd < 0)
		return -errno;
	u->reap = event_new(base, u->event_fd, EV_READ | EV_PERSIST, uring_reap,
			    u);
	u->retry = event_new(base, -1, 0, uring_retry, u);
	return u->reap && u->retry ? 0 : -ENOMEM;
}

static int
uring_queue_init(struct block_queue *q)
{
	struct uring_queue *u = calloc(1, sizeof(*u));
	int rc;

	if (!u)
		return -ENOMEM;
	u->queue = q;
	pthread_mutex_init(&u->mtx, NULL);
	rc = uring_events(u, q->base);
	if (rc < 0)
		goto err_free;
	rc = io_uring_queue_init(q->depth, &u->ring, 0);
	if (rc < 0)
		goto err_free;
	rc = io_uring_register_eventfd(&u->ring, u->event_fd);
	if (rc == 0 && event_add(u->reap, NULL) < 0)
		rc = -ENOMEM;
	if (rc < 0)
		goto err_exit;
	u->fixed = io_uring_register_files(&u->ring, &q->fd, 1) == 0;
	q->priv = u;
	return 0;

err_exit:
	io_uring_queue_exit(&u->ring);
err_free:
	uring_free(u);
	return rc;
}

static void
uring_queue_deinit(struct block_queue *q)
{
	struct uring_queue *u = q->priv;

	event_del(u->reap); /* waits for a callback that is running */
	event_del(u->retry);
	io_uring_queue_exit(&u->ring);
	uring_free(u);
}

/* One segment needs no list of segments. */
static void
uring_prepare_transfer(struct io_uring_sqe *sqe, int fd,
		       const struct block_req *req)
{
	uint64_t offset = req->offset + req->done;
	unsigned int n = (unsigned int)req->n_iov;
	bool plain = n == 1 && req->iov->iov_len <= UINT32_MAX;

	if (plain && req->op == BLOCK_READ)
		io_uring_prep_read(sqe, fd, req->iov->iov_base,
				   (unsigned int)req->iov->iov_len, offset);
	else if (plain)
		io_uring_prep_write(sqe, fd, req->iov->iov_base,
				    (unsigned int)req->iov->iov_len, offset);
	else if (req->op == BLOCK_READ)
		io_uring_prep_readv(sqe, fd, req->iov, n, offset);
	else
		io_uring_prep_writev(sqe, fd, req->iov, n, offset);
	if (req->op == BLOCK_WRITE && req->stable)
		sqe->rw_flags = RWF_DSYNC;
}

static void
uring_prepare(const struct uring_queue *u, struct io_uring_sqe *sqe,
	      struct block_req *req)
{
	int fd = u->fixed ? 0 : u->queue->fd;

	if (req->op == BLOCK_FLUSH)
		io_uring_prep_fsync(sqe, fd, IORING_FSYNC_DATASYNC);
	else
		uring_prepare_transfer(sqe, fd, req);
	if (u->fixed)
		sqe->flags |= IOSQE_FIXED_FILE;
	io_uring_sqe_set_data(sqe, req);
}

static bool
uring_can(const struct block *b, const struct block_req *req)
{
	if (req->op == BLOCK_FLUSH)
		return true;
	if (req->op != BLOCK_READ && req->op != BLOCK_WRITE)
		return false;
	return !b->direct || block_is_aligned(b, req);
}

static bool
uring_take(struct uring_queue *u, struct block_req *req)
{
	struct io_uring_sqe *sqe = NULL;

	if (uring_can(u->queue->block, req))
		sqe = io_uring_get_sqe(&u->ring);
	if (sqe)
		uring_prepare(u, sqe, req);
	return sqe != NULL;
}

static void
uring_start(struct block_queue *q, struct block_req *list)
{
	struct uring_queue *u = q->priv;
	struct block_req *others = NULL, **tail = &others, *req;

	pthread_mutex_lock(&u->mtx);
	while ((req = list)) {
		list = req->next;
		req->next = NULL;
		if (uring_take(u, req))
			continue;
		*tail = req;
		tail = &req->next;
	}
	uring_flush(u);
	pthread_mutex_unlock(&u->mtx);
	if (others)
		block_pool_submit(q->pool, others);
}

static void
uring_cancel(struct block_queue *q)
{
#ifdef IORING_ASYNC_CANCEL_ANY
	struct uring_queue *u = q->priv;
	struct io_uring_sqe *sqe;

	pthread_mutex_lock(&u->mtx);
	sqe = io_uring_get_sqe(&u->ring);
	if (sqe) {
		io_uring_prep_cancel(sqe, NULL,
				     IORING_ASYNC_CANCEL_ANY |
					     IORING_ASYNC_CANCEL_ALL);
		io_uring_sqe_set_data(sqe, NULL);
	}
	uring_flush(u);
	pthread_mutex_unlock(&u->mtx);
#endif
}

const struct block_engine block_engine_uring = {
	.name = "io_uring",
	.queue_init = uring_queue_init,
	.queue_deinit = uring_queue_deinit,
	.start = uring_start,
	.cancel = uring_cancel,
};
