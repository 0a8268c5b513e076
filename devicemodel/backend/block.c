// SPDX-License-Identifier: BSD-3-Clause
/* Opens disk images, and joins their queues with an engine. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "backend/block-impl.h"
#include "base/options.h"

#define NULL_PREFIX  "null:"
#define VOID_PREFIX  "void:"
#define PREFIX_LEN   5
#define SECTOR       512u
#define DEFAULT_UNIT 4096u
/* Of each queue, for what io_uring or a mapping cannot do. */
#define N_HELPERS 1u

/* The end of a path: a message is one line. */
static const char *
short_path(const char *path)
{
	size_t n = strlen(path);

	return n > 80 ? path + n - 80 : path;
}

static int
open_failed(const struct block_options *opts, int err_no, struct dm_error *err)
{
	const char *path = short_path(opts->path);
	const char *advice = "mend that, or name another image";

	if (err_no == ENOENT)
		advice = "check the path, or make it: truncate -s 1G FILE";
	else if (err_no == EACCES || err_no == EPERM)
		advice = opts->ro ? "change its mode or owner"
				  : "change its mode or owner, or add ro";
	else if (err_no == EROFS)
		advice = "add ro";
	else if (err_no == EINVAL && opts->nocache)
		advice = "its file system has no O_DIRECT; leave out nocache";
	return dm_fail(err, err_no == EINVAL ? -EOPNOTSUPP : -err_no,
		       "cannot open image %s: %s; %s", path, strerror(err_no),
		       advice);
}

static int
check_kind(struct block *b, const struct block_options *opts,
	   struct dm_error *err)
{
	const char *path = short_path(opts->path);
	struct stat st;

	if (stat(opts->path, &st) < 0)
		return open_failed(opts, errno, err);
	if (S_ISDIR(st.st_mode))
		return dm_fail(err, -EISDIR,
			       "image %s is a directory; name a file in it",
			       path);
	b->is_device = S_ISBLK(st.st_mode);
	if (!b->is_device && !S_ISREG(st.st_mode))
		return dm_fail(err, -ENOTBLK,
			       "image %s is neither a file nor a block device; "
			       "name one of these",
			       path);
	return 0;
}

/*
 * One writer, or any number of readers, and of writers that share. The lock has
 * a descriptor of its own: a kernel that takes an io_uring apart holds on to
 * the other one for a while after a kill, when the next vbs-dm is there
 * already. Requests have all ended by then.
 */
static int
lock_image(struct block *b, const struct block_options *opts,
	   struct dm_error *err)
{
	struct flock whole = {
		.l_type = b->ro || opts->share ? F_RDLCK : F_WRLCK,
		.l_whence = SEEK_SET,
	};

	b->lock_fd = open(opts->path, (b->ro ? O_RDONLY : O_RDWR) | O_CLOEXEC);
	if (b->lock_fd < 0)
		return open_failed(opts, errno, err);
	if (fcntl(b->lock_fd, F_OFD_SETLK, &whole) == 0)
		return 0;
	if (errno != EAGAIN && errno != EACCES)
		return 0; /* a file system without locks */
	return dm_fail(err, -EBUSY,
		       "image %s is locked: something else has it open%s; end "
		       "that, or use a copy%s",
		       short_path(opts->path), b->ro ? " for writing" : "",
		       b->ro ? "" : ", or have both open it with ro");
}

static void
find_alignment(struct block *b)
{
	int bytes = 0;

	b->mem_align = DEFAULT_UNIT;
	b->offset_align = DEFAULT_UNIT;
#ifdef STATX_DIOALIGN
	struct statx stx;

	if (statx(b->fd, "", AT_EMPTY_PATH, STATX_DIOALIGN, &stx) == 0 &&
	    (stx.stx_mask & STATX_DIOALIGN) && stx.stx_dio_offset_align) {
		b->mem_align = stx.stx_dio_mem_align;
		b->offset_align = stx.stx_dio_offset_align;
		return;
	}
#endif
	if (b->is_device && ioctl(b->fd, BLKSSZGET, &bytes) == 0 && bytes > 0) {
		b->mem_align = (unsigned int)bytes;
		b->offset_align = (unsigned int)bytes;
	}
}

static int
open_files(struct block *b, const struct block_options *opts,
	   struct dm_error *err)
{
	int flags = (opts->ro ? O_RDONLY : O_RDWR) | O_CLOEXEC;
	struct statfs fs;

	b->open_flags = flags | (opts->nocache ? O_DIRECT : 0);
	b->fd = open(opts->path, b->open_flags);
	if (b->fd < 0)
		return open_failed(opts, errno, err);
	if (fstatfs(b->fd, &fs) == 0 && !b->is_device)
		b->in_memory = fs.f_type == TMPFS_MAGIC ||
			       fs.f_type == RAMFS_MAGIC ||
			       fs.f_type == HUGETLBFS_MAGIC;
	if (opts->nocache) {
		b->buffered_fd = open(opts->path, flags);
		if (b->buffered_fd < 0)
			return open_failed(opts, errno, err);
		find_alignment(b);
	}
	return lock_image(b, opts, err);
}

/* Bytes of the whole image, or a negative errno. */
static int64_t
image_bytes(const struct block *b)
{
	struct stat st;
	uint64_t bytes;

	if (b->is_device) {
		if (ioctl(b->fd, BLKGETSIZE64, &bytes) < 0)
			return -errno;
		return bytes > INT64_MAX ? -EFBIG : (int64_t)bytes;
	}
	return fstat(b->fd, &st) < 0 ? -errno : (int64_t)st.st_size;
}

/* Of the image, what the part and the sectors leave; 0 if nothing. */
static uint64_t
usable_bytes(const struct block *b, uint64_t whole)
{
	if (b->start >= whole)
		return 0;
	whole -= b->start;
	if (b->fixed_bytes)
		return b->fixed_bytes <= whole ? b->fixed_bytes : 0;
	return whole - whole % b->sector;
}

static int
find_size(struct block *b, const struct block_options *opts,
	  struct dm_error *err)
{
	const char *path = short_path(opts->path);
	int64_t whole = image_bytes(b);
	uint64_t usable;

	if (whole < 0)
		return dm_fail(err, (int)whole,
			       "cannot tell the size of image %s: %s", path,
			       strerror((int)-whole));
	if (whole == 0)
		return dm_fail(err, -EMEDIUMTYPE,
			       "image %s is empty; give it a size: truncate -s "
			       "1G FILE",
			       path);
	if ((uint64_t)whole % b->sector)
		return dm_fail(err, -EMEDIUMTYPE,
			       "image %s has %lld bytes, not a multiple of %u; "
			       "pad it: truncate -s %%%u FILE",
			       path, (long long)whole, b->sector, b->sector);
	usable = usable_bytes(b, (uint64_t)whole);
	if (usable == 0)
		return dm_fail(err, -EINVAL,
			       "option range: %llu+%llu bytes are not inside "
			       "image %s, which has %lld; give a part of it",
			       (unsigned long long)b->start,
			       (unsigned long long)b->fixed_bytes, path,
			       (long long)whole);
	atomic_store(&b->size, usable);
	return 0;
}

/* Threads, unless there is io_uring and it is not unwanted. */
static int
choose_engine(struct block *b, const struct block_options *opts,
	      struct dm_error *err)
{
	int rc = -ENOSYS;

	b->engine = &block_engine_threads;
	b->n_workers = opts->n_threads;
	if (opts->aio == BLOCK_AIO_THREADS)
		return 0;
#ifdef HAVE_URING
	rc = block_uring_probe();
	if (rc == 0) {
		b->engine = &block_engine_uring;
		b->n_workers = N_HELPERS;
	}
#endif
	if (rc == 0 || opts->aio != BLOCK_AIO_URING)
		return 0;
	return dm_fail(err, -EOPNOTSUPP,
		       "option aio=io_uring: the kernel, or this build, has "
		       "none (%s); give aio=threads",
		       strerror(-rc));
}

static int
choose_map(struct block *b, const struct block_options *opts,
	   struct dm_error *err)
{
	const char *path = short_path(opts->path);
	int rc = opts->nocache ? -EINVAL : block_map(b);

	b->engine = &block_engine_threads;
	b->n_workers = N_HELPERS;
	b->attempt = block_attempt_mapped;
	b->name = "mmap";
	if (rc == 0)
		return 0;
	if (opts->nocache)
		return dm_fail(err, rc,
			       "option aio=mmap: nocache goes past the memory "
			       "that it maps; give one of the two");
	if (rc == -EOPNOTSUPP)
		return dm_fail(err, rc,
			       "option aio=mmap: image %s is not a file in "
			       "memory (tmpfs, DAX); leave out aio",
			       path);
	return dm_fail(err, rc,
		       "option aio=mmap: cannot map image %s: %s; leave out "
		       "aio",
		       path, strerror(-rc));
}

static int
choose_way(struct block *b, const struct block_options *opts,
	   struct dm_error *err)
{
	int rc;

	if (opts->aio == BLOCK_AIO_MMAP)
		return choose_map(b, opts, err);
	rc = choose_engine(b, opts, err);
	b->name = b->engine->name;
	if (opts->aio == BLOCK_AIO_AUTO && !b->direct)
		b->attempt = b->in_memory ? block_attempt_memory
					  : block_attempt_cached;
	return rc;
}

/* Is it an image of that many bytes which is not there? */
static bool
is_pretence(const char *path)
{
	return !strncmp(path, NULL_PREFIX, PREFIX_LEN) ||
	       !strncmp(path, VOID_PREFIX, PREFIX_LEN);
}

static int
open_pretence(struct block *b, const struct block_options *opts,
	      struct dm_error *err)
{
	bool zeroes = !strncmp(opts->path, NULL_PREFIX, PREFIX_LEN);
	const char *text = opts->path + PREFIX_LEN;
	uint64_t whole = 0;

	b->name = zeroes ? "null" : "void";
	b->attempt = zeroes ? block_attempt_null : block_attempt_void;
	if (dm_parse_number(text, true, &whole) < 0 || whole > INT64_MAX ||
	    whole < b->sector || whole % b->sector)
		return dm_fail(err, -EINVAL,
			       "image %s: not a size that is a multiple of %u; "
			       "give one like %s:1g",
			       short_path(opts->path), b->sector, b->name);
	if (opts->aio == BLOCK_AIO_MMAP)
		return dm_fail(err, -EINVAL,
			       "option aio=mmap: image %s has nothing to map; "
			       "leave out aio",
			       short_path(opts->path));
	atomic_store(&b->size, usable_bytes(b, whole));
	if (block_size(b) == 0)
		return dm_fail(err, -EINVAL,
			       "option range: not inside image %s; give a part "
			       "of it",
			       opts->path);
	return 0;
}

static int
open_image(struct block *b, const struct block_options *opts,
	   struct dm_error *err)
{
	int rc = check_kind(b, opts, err);

	if (rc == 0)
		rc = open_files(b, opts, err);
	if (rc == 0)
		rc = find_size(b, opts, err);
	if (rc == 0)
		rc = choose_way(b, opts, err);
	return rc;
}

int
block_open(const struct block_options *opts, struct block **out,
	   struct dm_error *err)
{
	struct block *b = calloc(1, sizeof(*b));
	int rc;

	if (!b)
		return dm_fail(err, -ENOMEM, "out of memory");
	b->fd = -1;
	b->buffered_fd = -1;
	b->lock_fd = -1;
	b->sys = opts->sys ? opts->sys : &block_sys_real;
	b->ro = opts->ro;
	b->direct = opts->nocache;
	b->sector = opts->sector ? opts->sector : SECTOR;
	b->start = opts->has_range ? opts->start : 0;
	b->fixed_bytes = opts->has_range ? opts->bytes : 0;
	if (is_pretence(opts->path))
		rc = open_pretence(b, opts, err);
	else
		rc = open_image(b, opts, err);
	if (rc < 0) {
		block_close(b);
		return rc;
	}
	*out = b;
	return 0;
}

const char *
block_foreign_format(const struct block *b)
{
	static const struct {
		const char *name;
		uint64_t offset;
		char magic[4];
	} formats[] = {
		{ "qcow2", 0, { 'Q', 'F', 'I', '\xfb' } },
		{ "vmdk", 0, { 'K', 'D', 'M', 'V' } },
		{ "vhdx", 0, { 'v', 'h', 'd', 'x' } },
		{ "vdi", 64, { '\x7f', '\x10', '\xda', '\xbe' } },
	};
	char head[SECTOR] = { 0 };

	if (pread(b->direct ? b->buffered_fd : b->fd, head, sizeof(head), 0) <
	    0)
		return NULL;
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
		if (!memcmp(head + formats[i].offset, formats[i].magic, 4))
			return formats[i].name;
	return NULL;
}

void
block_close(struct block *b)
{
	if (!b)
		return;
	block_unmap(b);
	if (b->fd >= 0)
		(void)close(b->fd);
	if (b->buffered_fd >= 0)
		(void)close(b->buffered_fd);
	if (b->lock_fd >= 0)
		(void)close(b->lock_fd);
	free(b);
}

uint64_t
block_size(const struct block *b)
{
	return atomic_load_explicit(&b->size, memory_order_relaxed);
}

bool
block_refresh(struct block *b)
{
	int64_t whole;
	uint64_t usable;

	if (b->fd < 0)
		return false;
	whole = image_bytes(b);
	if (whole < 0)
		return false; /* for now; its requests will tell */
	usable = usable_bytes(b, (uint64_t)whole);
	return atomic_exchange(&b->size, usable) != usable;
}

const char *
block_engine_name(const struct block *b)
{
	return b->name;
}

unsigned int
block_unit(const struct block *b)
{
	return b->direct ? b->offset_align : SECTOR;
}

static void
queue_init_idle(struct block_queue *q)
{
	pthread_condattr_t attr;

	pthread_mutex_init(&q->mtx, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&q->idle, &attr);
	pthread_condattr_destroy(&attr);
}

/*
 * Each call with a descriptor that other threads have, too, costs a cache line
 * that goes from core to core: so the image is opened once more.
 */
static void
queue_open_image(struct block_queue *q)
{
	const struct block *b = q->block;
	char path[32];

	q->fd = b->fd;
	if (b->fd < 0)
		return;
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", b->fd);
	q->fd = open(path, b->open_flags);
	if (q->fd < 0)
		q->fd = b->fd; /* without /proc, or no longer allowed */
}

static void
queue_destroy(struct block_queue *q)
{
	block_pool_free(q->pool);
	if (q->fd != q->block->fd)
		(void)close(q->fd);
	pthread_cond_destroy(&q->idle);
	pthread_mutex_destroy(&q->mtx);
	free(q);
}

/* Where requests go that take their time. */
static int
queue_start_engine(struct block_queue *q)
{
	const struct block_engine *engine = q->block->engine;
	int rc;

	if (!engine)
		return 0;
	rc = block_pool_new(q->block, &q->pool);
	if (rc == 0 && engine->queue_init)
		rc = engine->queue_init(q);
	return rc;
}

int
block_queue_new(struct block *b, unsigned int depth, struct event_base *base,
		block_done_fn done, void *arg, struct block_queue **out)
{
	struct block_queue *q = calloc(1, sizeof(*q));
	int rc;

	if (!q)
		return -ENOMEM;
	q->block = b;
	q->base = base;
	q->depth = depth;
	q->done = done;
	q->arg = arg;
	q->started_tail = &q->started;
	q->ended_tail = &q->ended;
	queue_init_idle(q);
	queue_open_image(q);
	rc = queue_start_engine(q);
	if (rc < 0) {
		queue_destroy(q);
		return rc;
	}
	*out = q;
	return 0;
}

void
block_hint(const struct block_queue *q, uint64_t offset)
{
	const struct block *b = q->block;

	if (b->map && offset < b->map_bytes - b->start)
		__builtin_prefetch(b->map + b->start + offset);
}

bool
block_try(struct block_queue *q, struct block_req *req)
{
	const struct block *b = q->block;

	req->rc = 0;
	req->done = 0;
	req->offset += b->start;
	for (int i = 0; i < req->n_ranges; i++)
		req->ranges[i].offset += b->start;
	if (req->op == BLOCK_FLUSH ? b->ro : req->n_ranges == 0 && !req->bytes)
		return true; /* nothing to do */
	return b->attempt && b->attempt(q, req);
}

void
block_submit(struct block_queue *q, struct block_req *req)
{
	req->next = NULL;
	req->queue = q;
	*q->started_tail = req;
	q->started_tail = &req->next;
	q->n_started++;
}

void
block_commit(struct block_queue *q)
{
	struct block_req *list = q->started;

	if (!list)
		return;
	pthread_mutex_lock(&q->mtx);
	q->pending += q->n_started;
	pthread_mutex_unlock(&q->mtx);
	q->started = NULL;
	q->started_tail = &q->started;
	q->n_started = 0;
	q->block->engine->start(q, list);
}

static unsigned int
list_length(const struct block_req *list)
{
	unsigned int n = 0;

	for (; list; list = list->next)
		n++;
	return n;
}

/* One thread hands over; what others bring meanwhile goes with the next list.
 */
void
block_deliver(struct block_queue *q, struct block_req *list)
{
	pthread_mutex_lock(&q->mtx);
	*q->ended_tail = list;
	while (list->next)
		list = list->next;
	q->ended_tail = &list->next;
	if (q->delivering) {
		pthread_mutex_unlock(&q->mtx);
		return;
	}
	q->delivering = true;
	while (q->ended) {
		struct block_req *batch = q->ended;
		unsigned int n = list_length(batch);

		q->ended = NULL;
		q->ended_tail = &q->ended;
		pthread_mutex_unlock(&q->mtx);
		q->done(q->arg, batch);
		pthread_mutex_lock(&q->mtx);
		q->pending -= n;
	}
	q->delivering = false;
	if (q->pending == 0)
		pthread_cond_broadcast(&q->idle);
	pthread_mutex_unlock(&q->mtx);
}

static void
deadline_in(struct timespec *ts, unsigned int ms)
{
	clock_gettime(CLOCK_MONOTONIC, ts);
	ts->tv_sec += ms / 1000;
	ts->tv_nsec += (long)(ms % 1000) * 1000000;
	if (ts->tv_nsec >= 1000000000) {
		ts->tv_sec++;
		ts->tv_nsec -= 1000000000;
	}
}

int
block_queue_free(struct block_queue *q, unsigned int timeout_ms)
{
	const struct block_engine *engine;
	struct timespec until;
	int rc = 0;

	if (!q)
		return 0;
	engine = q->block->engine;
	if (engine && engine->cancel)
		engine->cancel(q);
	deadline_in(&until, timeout_ms);
	pthread_mutex_lock(&q->mtx);
	while ((q->pending > 0 || q->delivering) && rc == 0)
		rc = pthread_cond_timedwait(&q->idle, &q->mtx, &until);
	pthread_mutex_unlock(&q->mtx);
	if (rc)
		return -EBUSY;
	if (engine && engine->queue_deinit)
		engine->queue_deinit(q);
	queue_destroy(q);
	return 0;
}
