// SPDX-License-Identifier: BSD-3-Clause
/*
 * A disk moves from one vbs-dm to another under I/O, and back: two guest
 * memories, two images. Memory is copied by the dirty log alone, and what the
 * driver wrote itself; so a page that the device wrote and did not log is
 * found, byte by byte. VBS_ROUNDS is how often.
 */
#include <check.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "driver/clock.h"
#include "host/disk-client.h"
#include "suite.h"

#define ROUNDS    12
#define PASSES    3    /* copies by the log while the rings run */
#define WINDOW_US 2000 /* of I/O before each of them */
#define N_PAGES   (DISK_RAM_SIZE / DRV_PAGE)
#define N_QUEUES  2
#define STATE_MAX 65536

static struct disk_server servers[2];
static struct drv_ram rams[2];
static struct disk_client client;
static uint8_t snapshot[DISK_RAM_SIZE];
static uint8_t mine[DISK_RAM_SIZE]; /* 1: a byte that the driver writes */
static uint64_t n_logged, n_needless;
static uint64_t n_exact_changed, n_exact_needless;
static struct samples down_ms, state_bytes;

static uint8_t *
page_of(int ram, uint64_t page)
{
	return drv_ram_ptr(&rams[ram], DISK_RAM_GPA + page * DRV_PAGE,
			   DRV_PAGE);
}

static uint64_t
log_page(uint64_t page)
{
	return DISK_RAM_GPA / DRV_VU_LOG_PAGE + page;
}

/* ---- what the driver writes ---- */

static void
mark_mine(uint64_t gpa, uint64_t len)
{
	memset(mine + (gpa - DISK_RAM_GPA), 1, len);
}

/* A status that the device has not written yet is the driver's NONE. */
static void
mark_status(const struct drv_blk *blk, uint16_t slot)
{
	uint64_t gpa = drv_blk_status_gpa(blk, slot);

	if (*(uint8_t *)drv_ram_ptr(client.dev.ram, gpa, 1) == DRV_BLK_S_NONE)
		mark_mine(gpa, 1);
}

/* An indirect table, if the chain has one. */
static void
mark_table(uint64_t gpa, uint16_t len)
{
	if (gpa)
		mark_mine(gpa, (uint64_t)DRV_DESC_SIZE * len);
}

static void
mark_split(const struct drv_split *ring)
{
	mark_mine(ring->desc_gpa, drv_split_desc_bytes(ring->size));
	mark_mine(ring->avail_gpa, drv_split_avail_bytes(ring->size));
	for (uint16_t i = 0; i < ring->size; i++)
		mark_table(ring->chains[i].table, ring->table_len);
}

/* A descriptor is the device's once it is used. */
static void
mark_packed(const struct drv_packed *ring)
{
	mark_mine(ring->driver_gpa, DRV_PACKED_EVENT_BYTES);
	for (uint16_t i = 0; i < ring->size; i++) {
		struct drv_pdesc d = drv_packed_raw_get_desc(ring, i);

		if (!(d.flags & DRV_PDESC_AVAIL) != !(d.flags & DRV_PDESC_USED))
			mark_mine(ring->desc_gpa + (uint64_t)DRV_DESC_SIZE * i,
				  DRV_DESC_SIZE);
		mark_table(ring->chains[i].table, ring->table_len);
	}
}

static void
mark_queue(uint16_t q)
{
	const struct drv_vq *vq = &client.dev.queues[q].vq;

	if (vq->is_packed)
		mark_packed(&vq->packed);
	else
		mark_split(&vq->ring);
	for (uint16_t i = 0; i < client.load.opts.depth; i++) {
		mark_mine(drv_blk_header_gpa(&client.load.blks[q], i), 16);
		mark_status(&client.load.blks[q], i);
		mark_mine(drv_load_buffer_gpa(&client.load, q, i, true),
			  DRV_LOAD_BUFFER_BYTES);
	}
}

/* ---- the exact oracle: nobody but the device writes ---- */

/* Has the device been through with all that is in flight? */
static bool
all_done(void *arg)
{
	uint16_t depth = client.load.opts.depth;

	(void)arg;
	for (uint16_t i = 0; i < N_QUEUES * depth; i++) {
		const struct drv_blk *blk = &client.load.blks[i / depth];
		uint64_t gpa = drv_blk_status_gpa(blk, i % depth);

		if (client.load.requests[i].in_flight &&
		    *(uint8_t *)drv_ram_ptr(client.dev.ram, gpa, 1) ==
			    DRV_BLK_S_NONE)
			return false;
	}
	return true;
}

/* What has changed is in the log, page by page. */
static void
compare_with_snapshot(int at)
{
	for (uint64_t page = 0; page < N_PAGES; page++) {
		bool changed = memcmp(snapshot + page * DRV_PAGE,
				      page_of(at, page), DRV_PAGE) != 0;
		bool logged = drv_vu_log_take(&client.dev.log, log_page(page));

		ck_assert_msg(
			!changed || logged,
			"page %#llx was written and is not in the log",
			(unsigned long long)(DISK_RAM_GPA + page * DRV_PAGE));
		n_exact_changed += changed;
		n_exact_needless += logged && !changed;
	}
}

static void
check_log_exactly(int at)
{
	struct drv_vu_device *dev = &client.dev;

	ck_assert_int_eq(drv_vu_device_stop_rings(dev), 0);
	ck_assert_int_ge(drv_load_reap(&client.load), 0);
	ck_assert_int_ge(drv_load_fill(&client.load), 0);
	ck_assert_int_eq(drv_vu_device_log_start(dev), 0);
	memcpy(snapshot, page_of(at, 0), DISK_RAM_SIZE);
	ck_assert_int_eq(drv_vu_device_start_rings(dev), 0);
	ck_assert_int_eq(
		drv_vu_device_wait(dev, all_done, NULL, DRV_TIMEOUT_MS), 0);
	ck_assert_int_eq(drv_vu_device_stop_rings(dev), 0);
	compare_with_snapshot(at);
	ck_assert_int_eq(drv_vu_device_log_stop(dev), 0);
	ck_assert_int_eq(drv_vu_device_start_rings(dev), 0);
	ck_assert_int_gt(drv_load_reap(&client.load), 0);
	disk_client_assert_good(&client);
}

/* ---- a migration ---- */

/* Copy the pages that the log has. */
static void
copy_logged(int from)
{
	for (uint64_t page = 0; page < N_PAGES; page++) {
		uint8_t *src = page_of(from, page), *dst = page_of(!from, page);

		if (!drv_vu_log_take(&client.dev.log, log_page(page)))
			continue;
		n_logged++;
		n_needless += memcmp(src, dst, DRV_PAGE) == 0;
		memcpy(dst, src, DRV_PAGE);
	}
}

/* What still differs is the driver's; that is copied, too. */
static void
copy_mine(int from)
{
	const uint8_t *src = page_of(from, 0);
	uint8_t *dst = page_of(!from, 0);

	memset(mine, 0, sizeof(mine));
	for (uint16_t q = 0; q < N_QUEUES; q++)
		mark_queue(q);
	for (uint64_t i = 0; i < DISK_RAM_SIZE; i++) {
		if (src[i] == dst[i])
			continue;
		if (!mine[i])
			ck_abort_msg(
				"byte %#llx was written and is not in the log",
				(unsigned long long)(DISK_RAM_GPA + i));
		dst[i] = src[i];
	}
}

static void
copy_image(const char *from, const char *to)
{
	static uint8_t bytes[DISK_SECTORS * DRV_BLK_SECTOR];
	int in = open(from, O_RDONLY | O_CLOEXEC);
	int out = open(to, O_WRONLY | O_CLOEXEC);

	ck_assert_int_eq(read(in, bytes, sizeof(bytes)), sizeof(bytes));
	ck_assert_int_eq(write(out, bytes, sizeof(bytes)), sizeof(bytes));
	(void)close(in);
	(void)close(out);
}

static void
copy_while_running(int from)
{
	struct drv_vu_device *dev = &client.dev;

	ck_assert_int_eq(drv_vu_device_log_start(dev), 0);
	memcpy(page_of(!from, 0), page_of(from, 0), DISK_RAM_SIZE);
	for (int i = 0; i < PASSES; i++) {
		disk_client_spin(
			&client,
			now_us() + drv_load_random(&client.load, WINDOW_US));
		copy_logged(from);
	}
}

/* Memory and rings are the other one's now. */
static void
switch_over(int from)
{
	struct drv_vu_device *dev = &client.dev;
	static uint8_t state[STATE_MAX];
	ssize_t len = -1;

	if (drv_vu_has(&dev->vu, DRV_VUP_DEVICE_STATE)) {
		len = drv_vu_save_state(&dev->vu, state, sizeof(state));
		ck_assert_int_ge(len, 0);
		samples_add(&state_bytes, (double)len);
	}
	drv_vu_device_detach(dev);
	copy_image(servers[from].image, servers[!from].image);
	ck_assert_int_eq(drv_vu_device_set_ram(dev, &rams[!from]), 0);
	ck_assert_int_eq(
		drv_vu_device_attach(dev, disk_server_connect(&servers[!from])),
		0);
	if (len >= 0)
		ck_assert_int_eq(
			drv_vu_load_state(&dev->vu, state, (size_t)len), 0);
	ck_assert_int_eq(drv_vu_device_resume(dev), 0);
}

static void
migrate(int from)
{
	uint64_t start;

	copy_while_running(from);
	start = now_us();
	ck_assert_int_eq(drv_vu_device_stop_rings(&client.dev), 0);
	copy_logged(from);
	copy_mine(from);
	switch_over(from);
	samples_add(&down_ms, (double)(now_us() - start) / 1000);
	disk_client_spin(&client, now_us() + WINDOW_US);
}

static void
teardown(void)
{
	program_kill(&servers[0].dm);
	program_kill(&servers[1].dm);
}

static void
start_all(const char *options, bool indirect, bool packed)
{
	struct drv_load_opts opts = { .flushes = 1,
				      .indirect = indirect,
				      .no_prefill = true,
				      .seed = (uint64_t)getpid() };

	program_enter();
	disk_server_init(&servers[0], "a", "a.img", options, false);
	disk_server_init(&servers[1], "b", "b.img", options, false);
	disk_server_start(&servers[0]);
	disk_server_start(&servers[1]);
	disk_client_init(&client, packed, N_QUEUES, &opts);
	rams[0] = client.ram;
	client.dev.ram = &rams[0];
	drv_ram_init(&rams[1]);
	ck_assert_int_eq(drv_ram_add(&rams[1], DISK_RAM_GPA, DISK_RAM_SIZE,
				     DRV_RAM_MEMFD),
			 0);
	ck_assert_int_eq(drv_vu_device_attach(&client.dev,
					      disk_server_connect(&servers[0])),
			 0);
	ck_assert_int_eq(drv_vu_device_start(&client.dev), 0);
}

START_TEST(disk_moves_there_and_back)
{
	unsigned int n = program_rounds(ROUNDS);

	start_all(_i % 2 ? "mq=2,iothread=2,aio=threads" : "mq=2", _i % 2,
		  _i / 2);
	for (unsigned int i = 0; i < n; i++) {
		disk_client_spin(&client, now_us() + WINDOW_US);
		check_log_exactly((int)(i % 2));
		migrate((int)(i % 2));
	}
	disk_client_assert_image(&client, servers[n % 2].image);
	(void)printf(
		"%s: %u migrations, %llu requests; pages copied by the log "
		"%llu, of these unchanged %llu; with nobody else writing: "
		"%llu changed, %llu logged and unchanged\n",
		_i / 2 ? "packed" : "split", n,
		(unsigned long long)drv_load_done(&client.load),
		(unsigned long long)n_logged, (unsigned long long)n_needless,
		(unsigned long long)n_exact_changed,
		(unsigned long long)n_exact_needless);
	samples_print(&down_ms, "rings stopped", "ms");
	samples_print(&state_bytes, "device state", "bytes");
	ck_assert_int_eq(drv_vu_device_stop(&client.dev), 0);
	client.ram = rams[0];
	disk_client_deinit(&client);
	drv_ram_deinit(&rams[1]);
	disk_server_end(&servers[0]);
	disk_server_end(&servers[1]);
	program_leave();
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("vhost-user-migrate");
	TCase *tc = tcase_create("migrate");

	tcase_set_timeout(tc, getenv("VBS_ROUNDS") ? 0 : 60);
	tcase_add_checked_fixture(tc, NULL, teardown);
	tcase_add_loop_test(tc, disk_moves_there_and_back, 0, 4);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
