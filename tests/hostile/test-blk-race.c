// SPDX-License-Identifier: BSD-3-Clause
/*
 * A block driver that rewrites its requests while the device reads them, and
 * that resets the device, or breaks the ring, while requests run; with each
 * engine. The image keeps its size, and the next good request is served.
 */
#include <check.h>
#include <pthread.h>
#include <stdlib.h>

#include "device/disk.h"
#include "driver/bytes.h"
#include "suite.h"

#define N_ROUNDS 3000
#define N_SLOTS  32
#define IN_BYTES 4096

/* The thread sanitizer would object to what one of the cases is about. */
#ifdef __SANITIZE_THREAD__
#define RACES_ON_PURPOSE 0
#else
#define RACES_ON_PURPOSE 1
#endif

#define COUNT(a)   (sizeof(a) / sizeof((a)[0]))
#define PICK(a, n) ((a)[(n) % COUNT(a)])

static const char *const engines[] = {
	"discard",          "discard,nocache",      "discard,mq=2,iothread=2",
	"discard,aio=mmap", "discard,aio=io_uring",
};

static uint64_t wanted = DISK_ALL_FEATURES;
static struct disk disk;

static void
start(int engine)
{
	disk_open(&disk, engines[engine]);
	disk_start(&disk, DRV_MODERN, wanted, 1);
}

static void
assert_good(void)
{
	struct drv_blk_result res;

	ck_assert_int_eq(drv_blk_read(&disk.blk, 0, disk.buf, 512, &res), 0);
	ck_assert_uint_eq(res.status, DRV_BLK_S_OK);
	ck_assert_uint_eq(res.used_len, 513);
	ck_assert_uint_eq(disk_image_bytes(&disk), DISK_BYTES);
}

static void
teardown(void)
{
	disk_close(&disk);
}

static int
n_engines(void)
{
	return (int)COUNT(engines) - !disk_has_io_uring();
}

/* ---- A11: requests that change ---- */

struct racer {
	pthread_t thread;
	bool stop;
	uint32_t seed;
};

static uint32_t
draw(struct racer *r)
{
	r->seed = r->seed * 1664525 + 1013904223;
	return r->seed >> 8;
}

static void *
racer_run(void *arg)
{
	static const uint32_t types[] = {
		DRV_BLK_IN,      DRV_BLK_IN,           DRV_BLK_OUT,
		DRV_BLK_FLUSH,   DRV_BLK_GET_ID,       DRV_BLK_DISCARD,
		DRV_BLK_DISCARD, DRV_BLK_WRITE_ZEROES, 0xffffffff,
	};
	static const uint64_t sectors[] = {
		0,
		8,
		DISK_SECTORS - 8,
		DISK_SECTORS - 7,
		DISK_SECTORS,
		UINT64_MAX,
		UINT64_MAX / 512,
		UINT64_MAX / 512 + 2,
	};
	struct racer *r = arg;
	uint64_t gpa = drv_blk_header_gpa(&disk.blk, 0);
	uint8_t *head = drv_ram_ptr(&disk.ram, gpa, 16);
	uint8_t *range = drv_ram_ptr(&disk.ram, disk.buf, 64);

	while (!__atomic_load_n(&r->stop, __ATOMIC_RELAXED)) {
		drv_store32(head, PICK(types, draw(r)));
		drv_store64(head + 8, PICK(sectors, draw(r)));
		drv_store64(range + 16 * (draw(r) % 4),
			    PICK(sectors, draw(r)) | 8);
		drv_store32(range + 16 * (draw(r) % 4) + 8, draw(r) % 16);
		drv_store32(range + 16 * (draw(r) % 4) + 12, draw(r) % 32 == 0);
	}
	return NULL;
}

START_TEST(hostile_a11__block_request_changes_while_it_is_read)
{
	const struct drv_seg segs[] = {
		{ 0, 16, false },
		{ 0, 64, false },
		{ 0, IN_BYTES, true },
		{ 0, 1, true },
	};
	struct drv_seg chain[COUNT(segs)];
	struct racer r = { .seed = (uint32_t)_i };
	struct drv_used used;
	uint8_t status;

	start(_i);
	for (size_t i = 0; i < COUNT(segs); i++)
		chain[i] = segs[i];
	chain[0].gpa = drv_blk_header_gpa(&disk.blk, 0);
	chain[1].gpa = disk.buf;
	chain[2].gpa = disk.buf + IN_BYTES;
	chain[3].gpa = drv_blk_status_gpa(&disk.blk, 0);
	ck_assert_int_eq(pthread_create(&r.thread, NULL, racer_run, &r), 0);
	for (int i = 0; i < N_ROUNDS; i++) {
		ck_assert_int_eq(drv_ram_fill(&disk.ram, chain[3].gpa, 0xff, 1),
				 0);
		ck_assert_int_eq(drv_vq_call(&disk.dev.vqs[0], chain,
					     COUNT(chain), &used),
				 0);
		ck_assert_int_eq(
			drv_ram_read(&disk.ram, chain[3].gpa, &status, 1), 0);
		ck_assert_uint_le(status, DRV_BLK_S_UNSUPP);
		ck_assert_uint_le(used.len, IN_BYTES + 1);
	}
	__atomic_store_n(&r.stop, true, __ATOMIC_RELAXED);
	ck_assert_int_eq(pthread_join(r.thread, NULL), 0);
	assert_good();
}
END_TEST

/* ---- B5, A2: the ground goes while requests run ---- */

/* As many requests as there are slots: reads, writes and ranges. */
static void
submit_many(void)
{
	static const uint32_t types[] = { DRV_BLK_IN, DRV_BLK_OUT,
					  DRV_BLK_FLUSH };
	const int n_slots = disk.blk.n_slots < N_SLOTS ? disk.blk.n_slots
						       : N_SLOTS;

	for (int i = 0; i < n_slots; i++) {
		uint32_t type = types[i % 3];
		struct drv_seg seg = {
			disk.buf + (uint64_t)i * IN_BYTES,
			IN_BYTES,
			type == DRV_BLK_IN,
		};

		ck_assert_int_ge(drv_blk_submit(&disk.blk, (uint16_t)i, type,
						8 * (uint64_t)i, &seg,
						type != DRV_BLK_FLUSH),
				 0);
	}
}

START_TEST(hostile_b5__reset_while_block_requests_run)
{
	start(_i);
	for (int i = 0; i < 50; i++) {
		uint8_t before[64], after[64];

		submit_many();
		ck_assert_int_eq(drv_virtio_reset(&disk.dev.vd), 0);
		ck_assert_int_eq(
			drv_ram_fill(&disk.ram, disk.buf, 0xab, DISK_BUF_BYTES),
			0);
		ck_assert_int_eq(drv_ram_read(&disk.ram,
					      drv_blk_header_gpa(&disk.blk, 0),
					      before, sizeof(before)),
				 0);
		ck_assert_int_eq(drv_bus_run(disk.bus), 0);
		ck_assert(disk_ram_is(&disk, disk.buf, DISK_BUF_BYTES, 0xab));
		ck_assert_int_eq(drv_ram_read(&disk.ram,
					      drv_blk_header_gpa(&disk.blk, 0),
					      after, sizeof(after)),
				 0);
		ck_assert_mem_eq(before, after, sizeof(after));
		disk_stop(&disk);
		disk_start(&disk, DRV_MODERN, wanted, 1);
	}
	assert_good();
}
END_TEST

/* A head, or a buffer id, that is none. */
static void
offer_bad(struct drv_vq *vq)
{
	const struct drv_pdesc d = { disk.buf, 16, 0xffff, 0 };

	if (vq->is_packed)
		drv_packed_raw_offer(&vq->packed, &d, 1);
	else
		drv_split_raw_offer(&vq->ring, 0xffff);
}

/* covers: A2 */
START_TEST(hostile_b5__ring_breaks_while_block_requests_run)
{
	start(_i);
	for (int i = 0; i < 5; i++) {
		uint8_t status = 0;

		submit_many();
		offer_bad(&disk.dev.vqs[0]);
		ck_assert_int_eq(drv_vq_kick(&disk.dev.vqs[0]), 0);
		while (!(status & DRV_S_NEEDS_RESET)) {
			ck_assert_int_eq(drv_bus_run(disk.bus), 0);
			ck_assert_int_eq(
				drv_virtio_status(&disk.dev.vd, &status), 0);
		}
		disk_stop(&disk);
		disk_start(&disk, DRV_MODERN, wanted, 1);
		assert_good();
	}
}
END_TEST

/* covers: B5 */
START_TEST(hostile_b5__memory_goes_while_block_requests_run)
{
	start(_i);
	for (int i = 0; i < 20; i++) {
		submit_many();
		ck_assert_int_eq(drv_bus_dma_del_ram(disk.bus, &disk.ram), 0);
		ck_assert_int_eq(drv_bus_run(disk.bus), 0);
		ck_assert_int_eq(drv_bus_dma_add_ram(disk.bus, &disk.ram), 0);
		disk_stop(&disk);
		disk_start(&disk, DRV_MODERN, wanted, 1);
		assert_good();
	}
}
END_TEST

static void
want_packed(void)
{
	wanted = DISK_ALL_PACKED;
}

static TCase *
race_case(const char *name, SFun before)
{
	TCase *tc = tcase_create(name);

	tcase_set_timeout(tc, 120);
	tcase_add_checked_fixture(tc, before, teardown);
	tcase_add_loop_test(tc,
			    hostile_a11__block_request_changes_while_it_is_read,
			    0, RACES_ON_PURPOSE ? n_engines() : 0);
	tcase_add_loop_test(tc, hostile_b5__reset_while_block_requests_run, 0,
			    n_engines());
	tcase_add_loop_test(tc,
			    hostile_b5__ring_breaks_while_block_requests_run, 0,
			    n_engines());
	tcase_add_loop_test(tc,
			    hostile_b5__memory_goes_while_block_requests_run, 0,
			    n_engines());
	return tc;
}

int
main(void)
{
	Suite *s = suite_create("blk-race");

	suite_add_tcase(s, race_case("blk-race", NULL));
	suite_add_tcase(s, race_case("packed", want_packed));
	return suite_run(s);
}
