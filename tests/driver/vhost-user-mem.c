// SPDX-License-Identifier: BSD-3-Clause
/* vhost-user, front end: all that is memory or goes through a pipe. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "driver/clock.h"
#include "driver/vhost-user.h"

/* ---- guest memory ---- */

uint64_t
drv_vu_user_addr(const struct drv_ram *ram, uint64_t gpa)
{
	return (uintptr_t)drv_ram_ptr(ram, gpa, 1);
}

void
drv_vu_describe(const struct drv_region *r, struct drv_vu_region *out)
{
	out->gpa = r->gpa;
	out->size = r->size;
	out->user = (uintptr_t)r->hva;
	out->offset = 0;
}

int
drv_vu_set_mem_table(struct drv_vu *vu, const struct drv_ram *ram)
{
	struct drv_vu_table table = { 0 };
	int fds[DRV_VU_TABLE_MAX];

	for (int i = 0; i < ram->n; i++) {
		const struct drv_region *r = drv_ram_region(ram, i);

		if (!r)
			continue;
		if (table.n == DRV_VU_TABLE_MAX)
			return -ENOSPC;
		drv_vu_describe(r, &table.regions[table.n]);
		fds[table.n++] = r->fd;
	}
	return drv_vu_set(vu, DRV_VU_SET_MEM_TABLE, &table,
			  8 + table.n * sizeof(table.regions[0]), fds,
			  (int)table.n);
}

int
drv_vu_add_region(struct drv_vu *vu, const struct drv_region *r)
{
	struct drv_vu_slot slot = { 0 };

	drv_vu_describe(r, &slot.region);
	return drv_vu_set(vu, DRV_VU_ADD_MEM_REG, &slot, sizeof(slot), &r->fd,
			  1);
}

int
drv_vu_rem_region(struct drv_vu *vu, const struct drv_region *r)
{
	struct drv_vu_slot slot = { 0 };

	drv_vu_describe(r, &slot.region);
	return drv_vu_set(vu, DRV_VU_REM_MEM_REG, &slot, sizeof(slot), NULL, 0);
}

int
drv_vu_add_ram(struct drv_vu *vu, const struct drv_ram *ram)
{
	int rc = 0;

	for (int i = 0; i < ram->n && rc == 0; i++) {
		if (drv_ram_region(ram, i))
			rc = drv_vu_add_region(vu, drv_ram_region(ram, i));
	}
	return rc;
}

int
drv_vu_set_vring_addr(struct drv_vu *vu, uint32_t index, uint32_t flags,
		      const struct drv_split *ring)
{
	struct drv_areas areas = drv_split_areas(ring);

	return drv_vu_set_vring_areas(vu, index, flags, ring->ram, &areas);
}

int
drv_vu_set_vring_areas(struct drv_vu *vu, uint32_t index, uint32_t flags,
		       const struct drv_ram *ram, const struct drv_areas *areas)
{
	struct drv_vu_addr addr = {
		.index = index,
		.flags = flags,
		.desc = drv_vu_user_addr(ram, areas->desc_gpa),
		.used = drv_vu_user_addr(ram, areas->device_gpa),
		.avail = drv_vu_user_addr(ram, areas->driver_gpa),
		.log = flags & DRV_VU_ADDR_LOG ? areas->device_gpa : 0,
	};

	return drv_vu_set(vu, DRV_VU_SET_VRING_ADDR, &addr, sizeof(addr), NULL,
			  0);
}

/* ---- shared memory beside it ---- */

void
drv_vu_shm_deinit(struct drv_vu_shm *shm)
{
	if (shm->map)
		(void)munmap(shm->map, shm->size);
	if (shm->fd >= 0)
		(void)close(shm->fd);
	memset(shm, 0, sizeof(*shm));
	shm->fd = -1;
}

/* Map what fd has at an offset; on failure fd is closed. */
static int
shm_map(struct drv_vu_shm *shm, int fd)
{
	void *map = mmap(NULL, shm->size, PROT_READ | PROT_WRITE, MAP_SHARED,
			 fd, (off_t)shm->offset);
	int rc = map == MAP_FAILED ? -errno : 0;

	shm->fd = fd;
	shm->map = rc == 0 ? map : NULL;
	if (rc < 0)
		drv_vu_shm_deinit(shm);
	return rc;
}

int
drv_vu_log_init(struct drv_vu_shm *log, uint64_t end)
{
	uint64_t n_pages = (end + DRV_VU_LOG_PAGE - 1) / DRV_VU_LOG_PAGE;
	int fd = memfd_create("dirty-log", MFD_CLOEXEC);

	*log = (struct drv_vu_shm){ .fd = -1, .size = (n_pages + 63) / 64 * 8 };
	if (fd < 0)
		return -errno;
	if (ftruncate(fd, (off_t)log->size) < 0) {
		(void)close(fd);
		return -EIO;
	}
	return shm_map(log, fd);
}

/* It has a reply of its own, whatever was acknowledged. */
int
drv_vu_set_log(struct drv_vu *vu, const struct drv_vu_shm *log)
{
	struct drv_vu_log_base base = { log->size, log->offset };
	int rc = drv_vu_post(vu, DRV_VU_SET_LOG_BASE, 0, &base, sizeof(base),
			     &log->fd, 1);

	if (rc < 0 || !drv_vu_has(vu, DRV_VUP_LOG_SHMFD))
		return rc;
	return drv_vu_wait_reply(vu, DRV_VU_SET_LOG_BASE);
}

bool
drv_vu_log_take(const struct drv_vu_shm *log, uint64_t page)
{
	uint8_t bit = (uint8_t)(1u << page % 8);

	if (page / 8 >= log->size ||
	    !(__atomic_load_n(&log->map[page / 8], __ATOMIC_ACQUIRE) & bit))
		return false;
	(void)__atomic_fetch_and(&log->map[page / 8], (uint8_t)~bit,
				 __ATOMIC_ACQ_REL);
	return true;
}

int
drv_vu_get_inflight(struct drv_vu *vu, uint16_t n_queues, uint16_t queue_size,
		    struct drv_vu_shm *area)
{
	struct drv_vu_inflight_desc d = { .n_queues = n_queues,
					  .queue_size = queue_size };
	int fd, rc;

	*area = (struct drv_vu_shm){ .fd = -1 };
	rc = drv_vu_get(vu, DRV_VU_GET_INFLIGHT_FD, &d, DRV_VU_INFLIGHT_BYTES);
	if (rc < 0)
		return rc;
	if (vu->reply.hdr.size < DRV_VU_INFLIGHT_BYTES ||
	    vu->reply.hdr.size > sizeof(d))
		return -EPROTO;
	memcpy(&d, vu->reply.body, DRV_VU_INFLIGHT_BYTES);
	fd = drv_vu_take_fd(vu, 0);
	if (fd < 0)
		return -EPROTO;
	area->size = d.size;
	area->offset = d.offset;
	area->n_queues = d.n_queues;
	area->queue_size = d.queue_size;
	return shm_map(area, fd);
}

int
drv_vu_set_inflight(struct drv_vu *vu, const struct drv_vu_shm *area)
{
	struct drv_vu_inflight_desc d = {
		.size = area->size,
		.offset = area->offset,
		.n_queues = area->n_queues,
		.queue_size = area->queue_size,
	};

	return drv_vu_set(vu, DRV_VU_SET_INFLIGHT_FD, &d, DRV_VU_INFLIGHT_BYTES,
			  &area->fd, 1);
}

/* ---- device state ---- */

/*
 * Hand one end of a pipe over, and get the other; the back end may have sent
 * one of its own instead.
 */
static int
state_open(struct drv_vu *vu, uint32_t direction)
{
	struct drv_vu_device_state ds = { .direction = direction };
	int ours = direction == DRV_VU_STATE_SAVE ? 0 : 1;
	int ends[2], theirs, rc;
	uint64_t answer;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	(void)fcntl(ends[ours], F_SETFL, O_NONBLOCK);
	rc = drv_vu_post(vu, DRV_VU_SET_DEVICE_STATE_FD, 0, &ds, sizeof(ds),
			 &ends[!ours], 1);
	(void)close(ends[!ours]);
	if (rc == 0)
		rc = drv_vu_wait_reply(vu, DRV_VU_SET_DEVICE_STATE_FD);
	if (rc == 0 && vu->reply.hdr.size != sizeof(answer))
		rc = -EPROTO;
	if (rc < 0) {
		(void)close(ends[ours]);
		return rc;
	}
	memcpy(&answer, vu->reply.body, sizeof(answer));
	theirs = drv_vu_take_fd(vu, 0);
	if (theirs >= 0 || (answer & 0xff)) {
		(void)close(ends[ours]);
		return answer & 0xff ? -EREMOTEIO : theirs;
	}
	return ends[ours];
}

/* One read or write, when the pipe is ready for it. 0 is the end. */
static ssize_t
state_move(int fd, void *buf, size_t len, bool save, int64_t end)
{
	struct pollfd pfd = { .fd = fd, .events = save ? POLLIN : POLLOUT };
	ssize_t n;

	if (poll(&pfd, 1, drv_ms_left(end)) <= 0)
		return -ETIMEDOUT;
	if (pfd.revents & POLLERR) /* and no SIGPIPE */
		return -EPIPE;
	n = save ? read(fd, buf, len) : write(fd, buf, len);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? -EAGAIN : -errno;
	return n;
}

static int
state_check(struct drv_vu *vu)
{
	uint64_t answer;
	int rc = drv_vu_get_u64(vu, DRV_VU_CHECK_DEVICE_STATE, &answer);

	return rc == 0 && answer ? -EREMOTEIO : rc;
}

ssize_t
drv_vu_save_state(struct drv_vu *vu, void *buf, size_t cap)
{
	int64_t end = drv_now_ms() + vu->timeout_ms;
	int fd = state_open(vu, DRV_VU_STATE_SAVE), rc;
	size_t done = 0;
	ssize_t n = fd;

	while (n > 0 || n == -EAGAIN) {
		uint8_t over;
		bool full = done == cap;

		n = state_move(fd, full ? &over : (uint8_t *)buf + done,
			       full ? 1 : cap - done, true, end);
		if (n > 0 && full)
			n = -EMSGSIZE;
		if (n > 0)
			done += (size_t)n;
	}
	if (fd >= 0)
		(void)close(fd);
	if (n < 0)
		return n;
	rc = state_check(vu);
	return rc < 0 ? rc : (ssize_t)done;
}

int
drv_vu_load_state(struct drv_vu *vu, const void *buf, size_t len)
{
	int64_t end = drv_now_ms() + vu->timeout_ms;
	int fd = state_open(vu, DRV_VU_STATE_LOAD);
	size_t done = 0;
	ssize_t n = 0;

	if (fd < 0)
		return fd;
	while (done < len && (n >= 0 || n == -EAGAIN)) {
		n = state_move(fd, (uint8_t *)(uintptr_t)buf + done, len - done,
			       false, end);
		if (n > 0)
			done += (size_t)n;
	}
	(void)close(fd); /* the end of the state */
	return n < 0 ? (int)n : state_check(vu);
}
