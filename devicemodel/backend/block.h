/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A disk image: a regular file, a block device, a part of one of these, or
 * nothing at all (null:SIZE, void:SIZE). Knows nothing of virtio.
 *
 * One struct block is one image; each of its queues is a way to submit requests
 * and to hear of their end. Requests end in any order, in any thread.
 */
#ifndef DM_BLOCK_H
#define DM_BLOCK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "base/error.h"

struct block;
struct block_queue;
struct event_base;

enum block_op {
	BLOCK_READ,
	BLOCK_WRITE,
	BLOCK_FLUSH,
	BLOCK_DISCARD, /* contents become undefined, space may be given back */
	BLOCK_ZEROES,  /* contents become zero */
};

struct block_range {
	uint64_t offset, bytes;
	bool unmap; /* BLOCK_ZEROES may give the space back */
};

/*
 * One request. The caller owns it and what it points to until it is done. The
 * caller has checked that it lies inside the image.
 */
struct block_req {
	struct block_req *next;
	enum block_op op;
	bool stable; /* on the medium when it is done, not only accepted */
	int n_iov;   /* of a read or a write */
	struct iovec *iov;          /* is changed on the way */
	uint64_t offset, bytes;     /* of a read or a write */
	struct block_range *ranges; /* of the others; may be changed */
	int n_ranges;
	int rc;        /* when done: 0 or a negative errno */
	uint64_t done; /* bytes that were transferred */
	struct block_queue *queue;
};

/* The system calls underneath; a test puts its own in their place. */
struct block_sys {
	ssize_t (*pread)(int fd, void *buf, size_t bytes, off_t offset);
	ssize_t (*pwrite)(int fd, const void *buf, size_t bytes, off_t offset);
	ssize_t (*preadv2)(int fd, const struct iovec *iov, int n, off_t offset,
			   int flags);
	ssize_t (*pwritev2)(int fd, const struct iovec *iov, int n,
			    off_t offset, int flags);
	int (*fdatasync)(int fd);
	int (*fallocate)(int fd, int mode, off_t offset, off_t bytes);
};

extern const struct block_sys block_sys_real;

/* How requests are carried out. */
enum block_aio {
	/* At once if there is nothing to wait for, else by io_uring if it is
	 * there, else by threads. */
	BLOCK_AIO_AUTO,
	BLOCK_AIO_URING,
	BLOCK_AIO_THREADS,
	BLOCK_AIO_MMAP, /* of an image in memory: tmpfs, DAX */
};

struct block_options {
	const char *path; /* of the image, null:SIZE or void:SIZE */
	bool ro;
	bool share;            /* with others that say so */
	bool nocache;          /* O_DIRECT */
	bool has_range;        /* only this part of the image */
	uint64_t start, bytes; /* the part; bytes 0: up to the end */
	unsigned int sector;   /* size and part are multiples of it */
	enum block_aio aio;
	unsigned int n_threads;      /* of each queue, for aio=threads */
	const struct block_sys *sys; /* NULL for the real ones */
};

/* 0, or a negative errno with the reason in err: -EINVAL if an option is bad.
 */
int block_open(const struct block_options *opts, struct block **out,
	       struct dm_error *err);

/* All queues have been freed. NULL does nothing. */
void block_close(struct block *b);

/* Bytes. Any thread. */
uint64_t block_size(const struct block *b);

/* The format that a raw image seems to have, or NULL: somebody may have meant
 * it, and a guest that writes would destroy it. */
const char *block_foreign_format(const struct block *b);

/* Look at the size of the image again. Did it change? */
bool block_refresh(struct block *b);

/* What carries requests out: "io_uring", "threads", "mmap", "null", "void". */
const char *block_engine_name(const struct block *b);

/* Bytes that a request should be a multiple of, to be served without detours.
 */
unsigned int block_unit(const struct block *b);

/*
 * Requests have ended. The list is linked through next; each request is the
 * caller's again. Comes from any thread, from one at a time for each queue.
 */
typedef void (*block_done_fn)(void *arg, struct block_req *list);

/*
 * A queue for at most depth requests at a time. Completions may come through
 * base. 0 or a negative errno.
 */
int block_queue_new(struct block *b, unsigned int depth,
		    struct event_base *base, block_done_fn done, void *arg,
		    struct block_queue **out);

/* A read from that offset on will come soon. Any offset. */
void block_hint(const struct block_queue *q, uint64_t offset);

/*
 * A request comes here first, to be done at once if nothing has to be waited
 * for. True if it has ended: done() is not called then. Else it is the same
 * request still, perhaps half done, and block_submit() is for the rest; it may
 * have moved to another place in between.
 *
 * These three are called with a lock of the caller's held: one at a time for
 * each queue.
 */
bool block_try(struct block_queue *q, struct block_req *req);

/* Start what block_try() has left. */
void block_submit(struct block_queue *q, struct block_req *req);

/* Hand over what was started; to be called after each batch of it. */
void block_commit(struct block_queue *q);

/*
 * Cancel what can be cancelled, wait for the rest, and free the queue. -EBUSY
 * if a request is stuck after that many milliseconds: then nothing is freed,
 * and the requests and the image must be left alone for ever.
 */
int block_queue_free(struct block_queue *q, unsigned int timeout_ms);

#endif
