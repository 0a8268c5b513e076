// SPDX-License-Identifier: BSD-3-Clause
/* A device behind vhost-user, and what its server may do about a bad peer. */
#include "hostile/vhost-rig.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#define QUICK 16 /* one in so many is not */

struct vhost_loop l;
struct drv_vu *const vu = &l.dev.vu;

static int n_fds;  /* with a front end that has just attached */
static int n_maps; /* of memfds */
static unsigned int n_quick;
static uint8_t salt;

/* ---- fixtures ---- */

static void
attach(void)
{
	const struct drv_vu_opts opts = l.dev.opts;

	drv_vu_device_deinit(&l.dev);
	drv_vu_device_init(&l.dev, &l.ram, &opts);
	ck_assert_int_eq(
		drv_vu_device_attach(&l.dev, served_connect(&l.served)), 0);
}

void
vhost_rig_open(const char *opts)
{
	vhost_loop_open(&l, opts);
	vhost_rig_baseline();
}

void
vhost_rig_baseline(void)
{
	n_fds = count_fds();
	n_maps = count_maps("/memfd:");
}

int
vhost_rig_connect(void)
{
	drv_vu_device_detach(&l.dev);
	return served_connect(&l.served);
}

void
vhost_rig_setup(void)
{
	vhost_rig_open(NULL);
}

void
vhost_rig_setup_thread(void)
{
	vhost_rig_open("iothread");
}

void
vhost_rig_setup_in_order(void)
{
	vhost_rig_open("in-order");
	l.dev.opts.features |= DRV_BIT(DRV_F_IN_ORDER);
	attach();
	ck_assert_uint_ne(l.dev.features & DRV_BIT(DRV_F_IN_ORDER), 0);
}

void
vhost_rig_teardown(void)
{
	vhost_rig_next();
	vhost_loop_close(&l);
}

/* ---- reactions ---- */

void
rig_echo(void)
{
	struct drv_ram_mark mark;

	drv_ram_mark(&l.ram, &mark);
	for (int i = 0; i < LOOP_QUEUES; i++)
		vhost_loop_echo(&l, i, ++salt);
	drv_ram_release(&l.ram, &mark);
}

void
rig_start(void)
{
	ck_assert_int_eq(drv_vu_device_start(&l.dev), 0);
	rig_echo();
}

void
rig_start_packed(bool packed)
{
	const uint64_t bit = DRV_BIT(DRV_F_RING_PACKED);

	l.dev.features &= ~bit;
	if (packed)
		l.dev.features |= l.dev.offered & bit;
	rig_start();
}

static void
attach_and_count(void)
{
	attach();
	ck_assert_int_eq(count_fds(), n_fds);
	ck_assert_int_eq(count_maps("/memfd:"), n_maps);
}

void
vhost_rig_next(void)
{
	attach_and_count();
	rig_start();
	attach();
}

void
vhost_rig_next_quick(void)
{
	if (++n_quick % QUICK == 0)
		vhost_rig_next();
	else
		attach_and_count();
}

void
assert_closed(void)
{
	vhost_assert_closed(vu);
	vhost_rig_next_quick();
}

void
assert_closes(uint32_t request, const void *body, size_t len, const int *fds,
	      int n)
{
	ck_assert_int_eq(drv_vu_post(vu, request, 0, body, len, fds, n), 0);
	assert_closed();
}

void
assert_told(uint32_t request, const void *body, size_t len, const int *fds,
	    int n)
{
	int before = count_fds();

	ck_assert_int_eq(drv_vu_set(vu, request, body, len, fds, n),
			 -EREMOTEIO);
	vhost_assert_goes_on(vu);
	ck_assert_int_eq(count_fds(), before);
}

void
assert_refused(uint32_t request, const void *body, size_t len, const int *fds,
	       int n)
{
	assert_told(request, body, len, fds, n);
	assert_closes(request, body, len, fds, n);
}

/* ---- a session ---- */

static struct rig_msg *
add(struct rig_session *s, uint32_t request, const void *body, size_t len)
{
	struct rig_msg *msg = &s->msgs[s->n++];

	ck_assert_int_le(s->n, RIG_SESSION);
	ck_assert_uint_le(len, RIG_MAX_BODY);
	*msg = (struct rig_msg){ request, (uint32_t)len, { 0 }, -1 };
	if (len > 0)
		memcpy(msg->body, body, len);
	return msg;
}

static void
add_u64(struct rig_session *s, uint32_t request, uint64_t val)
{
	(void)add(s, request, &val, sizeof(val));
}

static void
add_state(struct rig_session *s, uint32_t request, uint32_t num)
{
	const struct drv_vu_state state = { 0, num };

	(void)add(s, request, &state, sizeof(state));
}

static void
add_fd(struct rig_session *s, uint32_t request, const void *body, size_t len,
       int fd)
{
	add(s, request, body, len)->fd = fd;
	s->fds[s->n_fds++] = fd;
}

static void
add_vring_fd(struct rig_session *s, uint32_t request)
{
	const uint64_t index = 0;

	add_fd(s, request, &index, sizeof(index), make_eventfd());
}

static void
add_beginning(struct rig_session *s)
{
	(void)add(s, DRV_VU_GET_FEATURES, NULL, 0);
	(void)add(s, DRV_VU_SET_OWNER, NULL, 0);
	(void)add(s, DRV_VU_GET_PROTOCOL_FEATURES, NULL, 0);
	add_u64(s, DRV_VU_SET_PROTOCOL_FEATURES,
		l.dev.offered_protocol & DRV_VU_PROTOCOL_ALL);
	(void)add(s, DRV_VU_GET_QUEUE_NUM, NULL, 0);
	(void)add(s, DRV_VU_GET_MAX_MEM_SLOTS, NULL, 0);
	add_u64(s, DRV_VU_SET_STATUS, 3);
	add_u64(s, DRV_VU_SET_FEATURES,
		l.dev.features | DRV_BIT(DRV_VU_F_LOG_ALL));
}

static void
add_memory(struct rig_session *s)
{
	const struct drv_region *r = drv_ram_region(&l.ram, 0);
	uint64_t pages = (VHOST_RAM_GPA + VHOST_RAM_SIZE) / DRV_PAGE;
	struct drv_vu_table table = { .n = 1 };
	const struct drv_vu_log_base log = { pages / 8, 0 };
	struct drv_vu_inflight_desc area = {
		.size = 8192,
		.n_queues = LOOP_QUEUES,
		.queue_size = LOOP_QSIZE,
	};

	drv_vu_describe(r, &table.regions[0]);
	add_fd(s, DRV_VU_SET_MEM_TABLE, &table, 8 + sizeof(table.regions[0]),
	       dup(r->fd));
	add_fd(s, DRV_VU_SET_LOG_BASE, &log, sizeof(log), make_memfd(4096));
	(void)add(s, DRV_VU_GET_INFLIGHT_FD, &area, DRV_VU_INFLIGHT_BYTES);
	add_fd(s, DRV_VU_SET_INFLIGHT_FD, &area, DRV_VU_INFLIGHT_BYTES,
	       make_memfd(8192));
}

/* At the end of RAM: not where the front end that follows has its own. */
static void
add_ring(struct rig_session *s)
{
	uint64_t end = drv_vu_user_addr(&l.ram, VHOST_RAM_GPA) + VHOST_RAM_SIZE;
	const struct drv_vu_addr addr = {
		.flags = DRV_VU_ADDR_LOG,
		.desc = end - 3 * DRV_PAGE,
		.avail = end - 2 * DRV_PAGE,
		.used = end - DRV_PAGE,
		.log = VHOST_RAM_GPA + VHOST_RAM_SIZE - DRV_PAGE,
	};

	add_state(s, DRV_VU_SET_VRING_NUM, LOOP_QSIZE);
	add_state(s, DRV_VU_SET_VRING_BASE, 0);
	(void)add(s, DRV_VU_SET_VRING_ADDR, &addr, sizeof(addr));
	add_vring_fd(s, DRV_VU_SET_VRING_CALL);
	add_vring_fd(s, DRV_VU_SET_VRING_KICK);
	add_vring_fd(s, DRV_VU_SET_VRING_ERR);
	add_state(s, DRV_VU_SET_VRING_ENABLE, 1);
}

static void
add_end(struct rig_session *s)
{
	const struct drv_vu_config config = { .size = 4 };
	struct drv_vu_slot slot = { 0 };

	(void)add(s, DRV_VU_GET_CONFIG, &config, DRV_VU_CONFIG_HDR + 4);
	(void)add(s, DRV_VU_SET_CONFIG, &config, DRV_VU_CONFIG_HDR + 4);
	(void)add(s, DRV_VU_GET_STATUS, NULL, 0);
	add_state(s, DRV_VU_SET_VRING_ENABLE, 0);
	add_state(s, DRV_VU_GET_VRING_BASE, 0);
	drv_vu_describe(drv_ram_region(&l.ram, 0), &slot.region);
	(void)add(s, DRV_VU_REM_MEM_REG, &slot, sizeof(slot));
	(void)add(s, DRV_VU_RESET_DEVICE, NULL, 0);
	(void)add(s, DRV_VU_RESET_OWNER, NULL, 0);
}

void
rig_session_init(struct rig_session *s)
{
	*s = (struct rig_session){ 0 };
	add_beginning(s);
	add_memory(s);
	add_ring(s);
	add_end(s);
}

void
rig_session_deinit(struct rig_session *s)
{
	for (int i = 0; i < s->n_fds; i++)
		(void)close(s->fds[i]);
}

size_t
rig_msg_bytes(const struct rig_msg *msg, uint8_t *buf)
{
	const struct drv_vu_hdr hdr = { msg->request, DRV_VU_VERSION,
					msg->len };

	memcpy(buf, &hdr, sizeof(hdr));
	memcpy(buf + sizeof(hdr), msg->body, msg->len);
	return sizeof(hdr) + msg->len;
}

/* ---- what a process has ---- */

int
make_memfd(uint64_t bytes)
{
	int fd = memfd_create("hostile", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(ftruncate(fd, (off_t)bytes), 0);
	return fd;
}

int
make_eventfd(void)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	ck_assert_int_ge(fd, 0);
	return fd;
}

int
count_maps(const char *text)
{
	FILE *f = fopen("/proc/self/maps", "r");
	char line[512];
	int n = 0;

	ck_assert_ptr_nonnull(f);
	while (fgets(line, sizeof(line), f))
		n += strstr(line, text) != NULL;
	(void)fclose(f);
	return n;
}

long
rss_kb(void)
{
	FILE *f = fopen("/proc/self/statm", "r");
	long total, here = 0;

	ck_assert_ptr_nonnull(f);
	ck_assert_int_eq(fscanf(f, "%ld %ld", &total, &here), 2);
	(void)fclose(f);
	return here * (sysconf(_SC_PAGESIZE) / 1024);
}
