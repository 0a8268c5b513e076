/* SPDX-License-Identifier: BSD-3-Clause */
/* What the parts of the block back end share. */
#ifndef DM_BLOCK_IMPL_H
#define DM_BLOCK_IMPL_H

#include <pthread.h>
#include <stdatomic.h>

#include "backend/block.h"

struct block_pool;

/* A way to carry out requests that take their time. */
struct block_engine {
	const char *name;
	/* May be NULL, as the others below. */
	int (*queue_init)(struct block_queue *q);
	void (*queue_deinit)(struct block_queue *q);
	/* A list of requests, linked through next. Not NULL. */
	void (*start)(struct block_queue *q, struct block_req *list);
	void (*cancel)(struct block_queue *q);
};

extern const struct block_engine block_engine_threads;
extern const struct block_engine block_engine_uring;

/*
 * What can be done of a request at once, by whoever submits it. True if it has
 * ended; else the engine goes on from req->done.
 */
typedef bool (*block_attempt_fn)(struct block_queue *q, struct block_req *req);

bool block_attempt_null(struct block_queue *q, struct block_req *req);
bool block_attempt_void(struct block_queue *q, struct block_req *req);
bool block_attempt_memory(struct block_queue *q, struct block_req *req);
bool block_attempt_cached(struct block_queue *q, struct block_req *req);
bool block_attempt_mapped(struct block_queue *q, struct block_req *req);

struct block {
	block_attempt_fn attempt;          /* NULL: all goes to the engine */
	const struct block_engine *engine; /* NULL: attempts end everything */
	const char *name;
	const struct block_sys *sys;
	unsigned int n_workers; /* threads of each queue */
	int open_flags;         /* of fd */
	int fd;                 /* -1 if there is no image */
	int buffered_fd;        /* with nocache: for what O_DIRECT cannot do */
	int lock_fd;
	bool ro, direct, is_device;
	bool in_memory;            /* tmpfs: I/O never waits for a device */
	unsigned int mem_align;    /* of O_DIRECT: address in memory */
	unsigned int offset_align; /* of O_DIRECT: offset and length */
	unsigned int sector;
	char *map; /* with aio=mmap: the image, as long as it was */
	size_t map_bytes;
	uint64_t start;        /* where the part begins, in the image */
	uint64_t fixed_bytes;  /* size of the part; 0: up to the end */
	_Atomic uint64_t size; /* bytes that can be used */
};

/* How attempts that may not wait have gone of late. */
struct block_luck {
	unsigned int missed; /* in a row */
	unsigned int skip;   /* so many requests go without */
	bool never;          /* this file has no such thing */
};

struct block_queue {
	struct block *block;
	struct event_base *base;
	unsigned int depth;
	block_done_fn done;
	void *arg;
	int fd;     /* the image once more, or block's own; -1 if none */
	void *priv; /* the engine's */
	struct block_pool *pool;

	/* Of whoever submits. */
	struct block_luck luck[2]; /* reads, writes */
	struct block_req *started; /* up to the next block_commit() */
	struct block_req **started_tail;
	unsigned int n_started;

	pthread_mutex_t mtx; /* guards what follows */
	pthread_cond_t idle;
	struct block_req *ended; /* to be handed to done() */
	struct block_req **ended_tail;
	bool delivering;      /* a thread is calling done() */
	unsigned int pending; /* started, and done() has not returned */
};

/* Hand ended requests, a list, to the queue's owner. Any thread. */
void block_deliver(struct block_queue *q, struct block_req *list);

/* Buffer of a thread, for what O_DIRECT does not take as it is. */
#define BLOCK_BOUNCE_BYTES (256u << 10)

/*
 * Carry a request out from req->done on, and wait for its end. bounce has
 * BLOCK_BOUNCE_BYTES, or is NULL if the image was opened without nocache.
 */
int block_perform(struct block *b, struct block_req *req, void *bounce);

/* One system call for what is left of a transfer; bytes, or a negative errno.
 */
ssize_t block_transfer(const struct block_queue *q, const struct block_req *req,
		       int flags);

/* Can O_DIRECT take this request as it is? */
bool block_is_aligned(const struct block *b, const struct block_req *req);

/* The request has moved on by that many bytes. */
void block_advance(struct block_req *req, size_t bytes);

/* Threads that carry out requests with block_perform(). NULL is freed, too. */
int block_pool_new(struct block *b, struct block_pool **out);
void block_pool_free(struct block_pool *pool);
/* A list of requests. */
void block_pool_submit(struct block_pool *pool, struct block_req *list);

/*
 * Map the image for block_attempt_mapped(). 0 or a negative errno: -EOPNOTSUPP
 * for an image whose pages may have to be waited for.
 */
int block_map(struct block *b);
void block_unmap(struct block *b);

/* Does the kernel let us use io_uring? 0 or a negative errno. */
int block_uring_probe(void);

#endif
