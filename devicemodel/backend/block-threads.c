// SPDX-License-Identifier: BSD-3-Clause
/* Threads that carry out requests one after the other. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#include "backend/block-impl.h"

#define BOUNCE_ALIGN 4096

struct worker {
	pthread_t thread;
	struct block_pool *pool;
	void *bounce; /* NULL without nocache */
};

struct block_pool {
	struct block *block;
	pthread_mutex_t mtx; /* guards the list and stopping */
	pthread_cond_t work;
	struct block_req *first;
	struct block_req **last;
	bool stopping;
	unsigned int n_workers;
	struct worker workers[];
};

/* The next request, or NULL when the pool is being freed. */
static struct block_req *
pool_take(struct block_pool *pool)
{
	struct block_req *req;

	pthread_mutex_lock(&pool->mtx);
	while (!pool->first && !pool->stopping)
		pthread_cond_wait(&pool->work, &pool->mtx);
	req = pool->first;
	if (req) {
		pool->first = req->next;
		if (!pool->first)
			pool->last = &pool->first;
		req->next = NULL;
	}
	pthread_mutex_unlock(&pool->mtx);
	return req;
}

static void *
worker_run(void *arg)
{
	struct worker *worker = arg;
	struct block_pool *pool = worker->pool;
	struct block_req *req;

	while ((req = pool_take(pool))) {
		req->rc = block_perform(pool->block, req, worker->bounce);
		block_deliver(req->queue, req);
	}
	return NULL;
}

static int
worker_start(struct worker *worker, struct block_pool *pool)
{
	sigset_t all, old;
	int rc = 0;

	worker->pool = pool;
	if (pool->block->direct)
		rc = posix_memalign(&worker->bounce, BOUNCE_ALIGN,
				    BLOCK_BOUNCE_BYTES);
	if (rc)
		return -rc;
	sigfillset(&all); /* signals are the main thread's, faults our own */
	sigdelset(&all, SIGBUS);
	sigdelset(&all, SIGSEGV);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	rc = pthread_create(&worker->thread, NULL, worker_run, worker);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (rc)
		free(worker->bounce);
	return -rc;
}

int
block_pool_new(struct block *b, struct block_pool **out)
{
	struct block_pool *pool =
		calloc(1, sizeof(*pool) + b->n_workers * sizeof(struct worker));

	if (!pool)
		return -ENOMEM;
	pool->block = b;
	pool->last = &pool->first;
	pthread_mutex_init(&pool->mtx, NULL);
	pthread_cond_init(&pool->work, NULL);
	for (; pool->n_workers < b->n_workers; pool->n_workers++) {
		int rc = worker_start(&pool->workers[pool->n_workers], pool);

		if (rc < 0) {
			block_pool_free(pool);
			return rc;
		}
	}
	*out = pool;
	return 0;
}

void
block_pool_free(struct block_pool *pool)
{
	if (!pool)
		return;
	pthread_mutex_lock(&pool->mtx);
	pool->stopping = true;
	pthread_cond_broadcast(&pool->work);
	pthread_mutex_unlock(&pool->mtx);
	for (unsigned int i = 0; i < pool->n_workers; i++) {
		pthread_join(pool->workers[i].thread, NULL);
		free(pool->workers[i].bounce);
	}
	pthread_cond_destroy(&pool->work);
	pthread_mutex_destroy(&pool->mtx);
	free(pool);
}

void
block_pool_submit(struct block_pool *pool, struct block_req *list)
{
	pthread_mutex_lock(&pool->mtx);
	*pool->last = list;
	for (; list; list = list->next) {
		pool->last = &list->next;
		pthread_cond_signal(&pool->work);
	}
	pthread_mutex_unlock(&pool->mtx);
}

static void
threads_start(struct block_queue *q, struct block_req *list)
{
	block_pool_submit(q->pool, list);
}

const struct block_engine block_engine_threads = {
	.name = "threads",
	.start = threads_start,
};
