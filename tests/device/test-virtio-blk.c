// SPDX-License-Identifier: BSD-3-Clause
/* The block device from the driver's side: what goes right. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <vbs/pci.h>

#include "devices/devices.h"
#include "disk.h"
#include "suite.h"

/* Every way to carry out I/O does the same. */
static const char *const engines[] = {
	"aio=threads",
	"aio=threads,nocache",
	"aio=threads,mq=4,iothread=2",
	"writethru",
	"aio=mmap,mq=2,iothread=2",
	"aio=io_uring", /* the last ones are left out where there is none */
	"aio=io_uring,nocache",
};
#define N_ENGINES ((int)(sizeof(engines) / sizeof(engines[0])))
#define N_URING   2

static struct disk disk;
static struct drv_blk_result res;
static uint64_t wanted = DISK_ALL_FEATURES;

static void
teardown(void)
{
	disk_close(&disk);
}

static void
want_packed(void)
{
	wanted = DISK_ALL_PACKED;
}

static void
open_and_start(const char *opts)
{
	disk_open(&disk, opts);
	disk_start(&disk, DRV_MODERN, wanted, 1);
}

/* A request of segments that the case has laid out itself. */
static uint32_t
call_raw(const struct drv_seg *segs, int n)
{
	struct drv_used used;

	ck_assert_int_eq(drv_vq_call(&disk.dev.vqs[0], segs, n, &used), 0);
	return used.len;
}

static uint8_t
byte_at(uint64_t gpa)
{
	uint8_t byte;

	ck_assert_int_eq(drv_ram_read(&disk.ram, gpa, &byte, 1), 0);
	return byte;
}

static void
assert_result(uint8_t status, uint32_t used_len)
{
	ck_assert_uint_eq(res.status, status);
	ck_assert_uint_eq(res.used_len, used_len);
}

/* ---- configuration --------------------------------------------------- */

START_TEST(config_default_describes_the_image)
{
	struct drv_blk_config cfg;
	uint64_t offered;

	disk_open(&disk, NULL);
	disk_start(&disk, DRV_MODERN, wanted, 1);
	ck_assert_int_eq(drv_virtio_offered(&disk.dev.vd, &offered), 0);
	ck_assert_uint_eq(
		offered & 0xffffff,
		DRV_BIT(DRV_BLK_F_SIZE_MAX) | DRV_BIT(DRV_BLK_F_SEG_MAX) |
			DRV_BIT(DRV_BLK_F_BLK_SIZE) | DRV_BIT(DRV_BLK_F_FLUSH) |
			DRV_BIT(DRV_BLK_F_TOPOLOGY) |
			DRV_BIT(DRV_BLK_F_CONFIG_WCE) |
			DRV_BIT(DRV_BLK_F_WRITE_ZEROES));
	ck_assert_int_eq(drv_blk_config(&disk.dev.vd, &cfg), 0);
	ck_assert_uint_eq(cfg.capacity, DISK_SECTORS);
	ck_assert_uint_eq(cfg.blk_size, 512);
	ck_assert_uint_eq(cfg.seg_max, 126);
	ck_assert_uint_gt(cfg.size_max, 0);
	ck_assert_uint_eq(cfg.writeback, 1);
	ck_assert_uint_eq(cfg.n_queues, 1);
	ck_assert_uint_eq(cfg.max_discard_sectors, 0);
	ck_assert_uint_gt(cfg.max_zeroes_sectors, 0);
	ck_assert_uint_eq(cfg.zeroes_may_unmap, 0);
}
END_TEST

START_TEST(config_options_show)
{
	struct drv_blk_config cfg;
	uint64_t offered;

	disk_open(&disk, "mq=3,sectorsize=1024/4096,discard=800:4:16,writethru,"
			 "range=8/1024");
	disk_start(&disk, DRV_MODERN, wanted, 3);
	ck_assert_int_eq(drv_virtio_offered(&disk.dev.vd, &offered), 0);
	ck_assert_uint_ne(offered & DRV_BIT(DRV_BLK_F_MQ), 0);
	ck_assert_uint_ne(offered & DRV_BIT(DRV_BLK_F_DISCARD), 0);
	ck_assert_int_eq(drv_blk_config(&disk.dev.vd, &cfg), 0);
	ck_assert_uint_eq(cfg.capacity, 1024);
	ck_assert_uint_eq(cfg.blk_size, 1024);
	ck_assert_uint_eq(cfg.phys_exp, 2);
	ck_assert_uint_eq(cfg.n_queues, 3);
	ck_assert_uint_eq(cfg.writeback, 0);
	ck_assert_uint_eq(cfg.max_discard_sectors, 800);
	ck_assert_uint_eq(cfg.max_discard_seg, 4);
	ck_assert_uint_eq(cfg.discard_align, 16);
	ck_assert_uint_eq(cfg.zeroes_may_unmap, 1);
}
END_TEST

/* ACRN wants its queues and threads before the path, and marks a boot disk. */
START_TEST(config_acrn_order)
{
	struct drv_blk_config cfg;
	char path[sizeof(disk.path)];

	disk_open(&disk, NULL);
	memcpy(path, disk.path, sizeof(path));
	disk.path[0] = '\0';
	disk_close(&disk);
	disk_open_path(&disk, "b,iothread=2,mq=2", path);
	memcpy(disk.path, path, sizeof(path));
	disk_start(&disk, DRV_MODERN, wanted, 2);
	ck_assert_int_eq(drv_blk_config(&disk.dev.vd, &cfg), 0);
	ck_assert_uint_eq(cfg.capacity, DISK_SECTORS);
	ck_assert_uint_eq(cfg.n_queues, 2);
}
END_TEST

/* ---- reading and writing ----------------------------------------------- */

START_TEST(read_gives_the_image)
{
	open_and_start(engines[_i]);
	ck_assert_int_eq(drv_blk_read(&disk.blk, 0, disk.buf, 512, &res), 0);
	assert_result(DRV_BLK_S_OK, 513);
	ck_assert(disk_ram_is_fresh(&disk, disk.buf, 0, 512));
	ck_assert_int_eq(
		drv_blk_read(&disk.blk, 8, disk.buf, DISK_BUF_BYTES / 2, &res),
		0);
	assert_result(DRV_BLK_S_OK, DISK_BUF_BYTES / 2 + 1);
	ck_assert(disk_ram_is_fresh(&disk, disk.buf, 8 * 512,
				    DISK_BUF_BYTES / 2));
}
END_TEST

/* With nocache neither the address nor the sector suits O_DIRECT here. */
START_TEST(read_and_write_at_odd_places)
{
	uint64_t odd;

	open_and_start(engines[_i]);
	odd = disk.buf + 24;
	ck_assert_int_eq(drv_blk_read(&disk.blk, 3, odd, 5 * 512, &res), 0);
	assert_result(DRV_BLK_S_OK, 5 * 512 + 1);
	ck_assert(disk_ram_is_fresh(&disk, odd, 3 * 512, 5 * 512));
	ck_assert_int_eq(drv_blk_read(&disk.blk, 8, odd, 8192, &res), 0);
	assert_result(DRV_BLK_S_OK, 8193);
	ck_assert(disk_ram_is_fresh(&disk, odd, 8 * 512, 8192));

	ck_assert_int_eq(drv_ram_fill(&disk.ram, odd, 0x5a, 16384), 0);
	ck_assert_int_eq(drv_blk_write(&disk.blk, 1, odd, 512, &res), 0);
	assert_result(DRV_BLK_S_OK, 1);
	ck_assert_int_eq(drv_blk_write(&disk.blk, 16, odd, 8192, &res), 0);
	assert_result(DRV_BLK_S_OK, 1);
	ck_assert_int_eq(drv_blk_flush(&disk.blk, &res), 0);
	ck_assert(disk_image_is_fresh(&disk, 0, 512));
	ck_assert(disk_image_is(&disk, 512, 512, 0x5a));
	ck_assert(disk_image_is_fresh(&disk, 1024, 14 * 512));
	ck_assert(disk_image_is(&disk, 16 * 512, 8192, 0x5a));
	ck_assert(disk_image_is_fresh(&disk, 32 * 512, 512));
}
END_TEST

START_TEST(write_and_flush_reach_the_image)
{
	open_and_start(engines[_i]);
	ck_assert_int_eq(drv_ram_fill(&disk.ram, disk.buf, 0xa5, 65536), 0);
	ck_assert_int_eq(drv_blk_write(&disk.blk, 128, disk.buf, 65536, &res),
			 0);
	assert_result(DRV_BLK_S_OK, 1);
	ck_assert_int_eq(drv_blk_flush(&disk.blk, &res), 0);
	assert_result(DRV_BLK_S_OK, 1);
	ck_assert(disk_image_is_fresh(&disk, 0, 65536));
	ck_assert(disk_image_is(&disk, 65536, 65536, 0xa5));
	ck_assert(disk_image_is_fresh(&disk, 131072, 65536));
	ck_assert_uint_eq(disk_image_bytes(&disk), DISK_BYTES);
}
END_TEST

START_TEST(many_requests_at_once_all_come_back)
{
	bool seen[64] = { false };

	open_and_start(engines[_i]);
	for (uint16_t i = 0; i < 64; i++) {
		struct drv_seg seg = { disk.buf + i * 4096u, 4096, true };

		ck_assert_int_ge(drv_blk_submit(&disk.blk, i, DRV_BLK_IN,
						8u * (63u - i), &seg, 1),
				 0);
	}
	for (int i = 0; i < 64; i++) {
		ck_assert_int_eq(drv_blk_wait(&disk.blk, &res, DRV_TIMEOUT_MS),
				 0);
		assert_result(DRV_BLK_S_OK, 4097);
		ck_assert(!seen[res.slot]);
		seen[res.slot] = true;
		ck_assert(disk_ram_is_fresh(&disk, disk.buf + res.slot * 4096u,
					    (63u - res.slot) * 4096u, 4096));
	}
}
END_TEST

START_TEST(read_of_many_segments)
{
	struct drv_seg segs[200];

	open_and_start(engines[_i]);
	disk.dev.vqs[0].indirect = true;
	disk.dev.vqs[0].ring.table_len = 256;
	disk.dev.vqs[0].packed.table_len = 256;
	for (uint32_t i = 0; i < 200; i++)
		segs[i] = (struct drv_seg){ disk.buf + i * 1024, 512, true };
	ck_assert_int_eq(
		drv_blk_call(&disk.blk, DRV_BLK_IN, 7, segs, 200, &res), 0);
	assert_result(DRV_BLK_S_OK, 200 * 512 + 1);
	for (uint32_t i = 0; i < 200; i++)
		ck_assert(disk_ram_is_fresh(&disk, segs[i].gpa, (7 + i) * 512u,
					    512));
}
END_TEST

START_TEST(queue_size_is_what_the_driver_finds)
{
	struct drv_blk_config cfg;

	disk_open(&disk, _i ? "queue-size=1024" : "queue-size=16");
	disk_start(&disk, DRV_MODERN, wanted, 1);
	ck_assert_uint_eq(drv_vq_areas(&disk.dev.vqs[0]).size, _i ? 1024 : 16);
	ck_assert_int_eq(drv_blk_config(&disk.dev.vd, &cfg), 0);
	ck_assert_uint_eq(cfg.seg_max, _i ? 126 : 14);
	disk.dev.vqs[0].indirect = true;
	for (uint64_t i = 0; i < 40; i++) {
		ck_assert_int_eq(
			drv_blk_read(&disk.blk, i, disk.buf, 512, &res), 0);
		assert_result(DRV_BLK_S_OK, 513);
	}
}
END_TEST

START_TEST(every_queue_serves)
{
	disk_open(&disk, "mq=4,iothread=3");
	disk_start(&disk, DRV_MODERN, wanted, 4);
	for (int i = 0; i < 4; i++) {
		disk.blk.vq = &disk.dev.vqs[i];
		ck_assert_int_eq(drv_blk_read(&disk.blk, 8u * (unsigned)i,
					      disk.buf, 4096, &res),
				 0);
		assert_result(DRV_BLK_S_OK, 4097);
		ck_assert(disk_ram_is_fresh(&disk, disk.buf,
					    4096u * (unsigned)i, 4096));
	}
}
END_TEST

START_TEST(legacy_face_reads_and_writes)
{
	disk_open(&disk, NULL);
	disk_start(&disk, DRV_LEGACY, wanted, 1);
	ck_assert_int_eq(drv_blk_read(&disk.blk, 4, disk.buf, 2048, &res), 0);
	assert_result(DRV_BLK_S_OK, 2049);
	ck_assert(disk_ram_is_fresh(&disk, disk.buf, 2048, 2048));
	ck_assert_int_eq(drv_blk_call(&disk.blk, 5, 0, NULL, 0, &res), 0);
	assert_result(DRV_BLK_S_OK, 1); /* FLUSH_OUT, 5.2.6.5 */
}
END_TEST

START_TEST(null_image_reads_zeroes)
{
	struct drv_blk_config cfg;

	disk_open_path(&disk, "null:1g", NULL);
	disk_start(&disk, DRV_MODERN, wanted, 1);
	ck_assert_int_eq(drv_blk_config(&disk.dev.vd, &cfg), 0);
	ck_assert_uint_eq(cfg.capacity, 1u << 21);
	ck_assert_int_eq(drv_ram_fill(&disk.ram, disk.buf, 0xff, 4096), 0);
	ck_assert_int_eq(drv_blk_write(&disk.blk, 0, disk.buf, 4096, &res), 0);
	assert_result(DRV_BLK_S_OK, 1);
	ck_assert_int_eq(drv_blk_read(&disk.blk, 0, disk.buf, 4096, &res), 0);
	assert_result(DRV_BLK_S_OK, 4097);
	ck_assert(disk_ram_is(&disk, disk.buf, 4096, 0));
}
END_TEST

/* And says so: nothing has been written from the first byte on (2.7.8.2). */
START_TEST(void_image_leaves_the_memory_of_a_read_alone)
{
	disk_open_path(&disk, "void:1g", NULL);
	disk_start(&disk, DRV_MODERN, wanted, 1);
	ck_assert_int_eq(drv_ram_fill(&disk.ram, disk.buf, 0xee, 4096), 0);
	ck_assert_int_eq(drv_blk_write(&disk.blk, 0, disk.buf, 4096, &res), 0);
	assert_result(DRV_BLK_S_OK, 1);
	ck_assert_int_eq(drv_blk_read(&disk.blk, 0, disk.buf, 4096, &res), 0);
	assert_result(DRV_BLK_S_OK, 0);
	ck_assert(disk_ram_is(&disk, disk.buf, 4096, 0xee));
}
END_TEST

START_TEST(range_is_a_window_of_the_image)
{
	open_and_start("range=16/64");
	ck_assert_int_eq(drv_blk_read(&disk.blk, 0, disk.buf, 512, &res), 0);
	assert_result(DRV_BLK_S_OK, 513);
	ck_assert(disk_ram_is_fresh(&disk, disk.buf, 16 * 512, 512));
	ck_assert_int_eq(drv_blk_read(&disk.blk, 63, disk.buf, 512, &res), 0);
	assert_result(DRV_BLK_S_OK, 513);
	ck_assert_int_eq(drv_blk_read(&disk.blk, 64, disk.buf, 512, &res), 0);
	assert_result(DRV_BLK_S_IOERR, 0);
}
END_TEST

/* ---- framing: bytes count, not descriptors (2.7.4.1) ------------------- */

START_TEST(framing_header_in_single_bytes)
{
	struct drv_seg segs[18];

	open_and_start(NULL);
	ck_assert_int_eq(drv_blk_fill(&disk.blk, 0, DRV_BLK_IN, 5), 0);
	for (uint32_t i = 0; i < 16; i++)
		segs[i] =
			(struct drv_seg){ drv_blk_header_gpa(&disk.blk, 0) + i,
					  1, false };
	segs[16] = (struct drv_seg){ disk.buf, 512, true };
	segs[17] =
		(struct drv_seg){ drv_blk_status_gpa(&disk.blk, 0), 1, true };
	ck_assert_uint_eq(call_raw(segs, 18), 513);
	ck_assert_uint_eq(byte_at(segs[17].gpa), DRV_BLK_S_OK);
	ck_assert(disk_ram_is_fresh(&disk, disk.buf, 5 * 512, 512));
}
END_TEST

START_TEST(framing_status_at_the_end_of_the_data)
{
	struct drv_seg segs[2];

	open_and_start(NULL);
	ck_assert_int_eq(drv_blk_fill(&disk.blk, 0, DRV_BLK_IN, 6), 0);
	segs[0] =
		(struct drv_seg){ drv_blk_header_gpa(&disk.blk, 0), 16, false };
	segs[1] = (struct drv_seg){ disk.buf, 1025, true };
	ck_assert_int_eq(drv_ram_fill(&disk.ram, disk.buf, 0xff, 2048), 0);
	ck_assert_uint_eq(call_raw(segs, 2), 1025);
	ck_assert(disk_ram_is_fresh(&disk, disk.buf, 6 * 512, 1024));
	ck_assert_uint_eq(byte_at(disk.buf + 1024), DRV_BLK_S_OK);
	ck_assert_uint_eq(byte_at(disk.buf + 1025), 0xff);
}
END_TEST

START_TEST(framing_header_and_data_in_one_piece)
{
	struct drv_seg segs[2];
	uint8_t header[16];

	open_and_start(NULL);
	ck_assert_int_eq(drv_blk_fill(&disk.blk, 0, DRV_BLK_OUT, 9), 0);
	ck_assert_int_eq(drv_ram_read(&disk.ram,
				      drv_blk_header_gpa(&disk.blk, 0), header,
				      16),
			 0);
	ck_assert_int_eq(drv_ram_fill(&disk.ram, disk.buf, 0x77, 16 + 512), 0);
	ck_assert_int_eq(drv_ram_write(&disk.ram, disk.buf, header, 16), 0);
	segs[0] = (struct drv_seg){ disk.buf, 16 + 512, false };
	segs[1] = (struct drv_seg){ drv_blk_status_gpa(&disk.blk, 0), 1, true };
	ck_assert_uint_eq(call_raw(segs, 2), 1);
	ck_assert_uint_eq(byte_at(segs[1].gpa), DRV_BLK_S_OK);
	ck_assert(disk_image_is(&disk, 9 * 512, 512, 0x77));
	ck_assert(disk_image_is_fresh(&disk, 10 * 512, 512));
}
END_TEST

/* ---- serial -------------------------------------------------------------- */

START_TEST(serial_default_is_the_same_each_time)
{
	char first[DRV_BLK_ID_BYTES + 1], second[DRV_BLK_ID_BYTES + 1];
	char path[sizeof(disk.path)];

	open_and_start(NULL);
	memcpy(path, disk.path, sizeof(path));
	ck_assert_int_eq(drv_blk_get_id(&disk.blk, first, &res), 0);
	assert_result(DRV_BLK_S_OK, 21);
	ck_assert_uint_eq(strlen(first), DRV_BLK_ID_BYTES);
	disk.path[0] = '\0';
	disk_close(&disk);
	disk_open_path(&disk, path, "ro");
	disk_start(&disk, DRV_MODERN, wanted, 1);
	memcpy(disk.path, path, sizeof(path));
	ck_assert_int_eq(drv_blk_get_id(&disk.blk, second, &res), 0);
	ck_assert_str_eq(first, second);
}
END_TEST

START_TEST(serial_short_is_padded_with_nul)
{
	char id[DRV_BLK_ID_BYTES + 1];

	open_and_start("serial=disk-7");
	memset(id, 'x', sizeof(id));
	ck_assert_int_eq(drv_blk_get_id(&disk.blk, id, &res), 0);
	assert_result(DRV_BLK_S_OK, 21);
	ck_assert_mem_eq(id, "disk-7\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 20);
}
END_TEST

START_TEST(serial_in_a_short_buffer_is_cut)
{
	struct drv_seg seg;

	open_and_start("serial=0123456789abcdefghij");
	seg = (struct drv_seg){ disk.buf, 7, true };
	ck_assert_int_eq(drv_ram_fill(&disk.ram, disk.buf, 0xee, 16), 0);
	ck_assert_int_eq(
		drv_blk_call(&disk.blk, DRV_BLK_GET_ID, 0, &seg, 1, &res), 0);
	assert_result(DRV_BLK_S_OK, 8);
	ck_assert_mem_eq(drv_ram_ptr(&disk.ram, disk.buf, 8), "0123456\xee", 8);
}
END_TEST

/* ---- discard and write-zeroes ---------------------------------------- */

START_TEST(write_zeroes_reads_back_as_zeroes)
{
	struct drv_blk_range ranges[2] = { { 8, 16, 0 }, { 40, 3, 0 } };

	open_and_start(engines[_i]);
	ck_assert_int_eq(drv_blk_ranges(&disk.blk, DRV_BLK_WRITE_ZEROES, ranges,
					2, &res),
			 0);
	assert_result(DRV_BLK_S_OK, 1);
	ck_assert(disk_image_is_fresh(&disk, 0, 8 * 512));
	ck_assert(disk_image_is(&disk, 8 * 512, 16 * 512, 0));
	ck_assert(disk_image_is_fresh(&disk, 24 * 512, 16 * 512));
	ck_assert(disk_image_is(&disk, 40 * 512, 3 * 512, 0));
	ck_assert(disk_image_is_fresh(&disk, 43 * 512, 512));
	ck_assert_uint_eq(disk_image_bytes(&disk), DISK_BYTES);
	ck_assert_int_eq(drv_blk_read(&disk.blk, 8, disk.buf, 8192, &res), 0);
	ck_assert(disk_ram_is(&disk, disk.buf, 8192, 0));
}
END_TEST

START_TEST(write_zeroes_with_unmap_reads_back_as_zeroes)
{
	struct drv_blk_range range = { 16, 64, DRV_BLK_RANGE_UNMAP };

	open_and_start(_i ? "discard" : NULL);
	ck_assert_int_eq(drv_blk_ranges(&disk.blk, DRV_BLK_WRITE_ZEROES, &range,
					1, &res),
			 0);
	assert_result(DRV_BLK_S_OK, 1);
	ck_assert(disk_image_is(&disk, 16 * 512, 64 * 512, 0));
	ck_assert(disk_image_is_fresh(&disk, 80 * 512, 512));
}
END_TEST

START_TEST(discard_keeps_the_rest_and_the_size)
{
	struct drv_blk_range ranges[2] = { { 0, 64, 0 },
					   { DISK_SECTORS - 8, 8, 0 } };

	open_and_start("discard");
	ck_assert_int_eq(
		drv_blk_ranges(&disk.blk, DRV_BLK_DISCARD, ranges, 2, &res), 0);
	assert_result(DRV_BLK_S_OK, 1);
	ck_assert(disk_image_is_fresh(&disk, 64 * 512, DISK_BYTES - 72 * 512));
	ck_assert_uint_eq(disk_image_bytes(&disk), DISK_BYTES);
}
END_TEST

/* ---- cache mode -----------------------------------------------------------
 */

static uint8_t
writeback(void)
{
	uint8_t val;

	ck_assert_int_eq(drv_virtio_config_read(&disk.dev.vd,
						DRV_BLK_CFG_WRITEBACK, &val, 1),
			 0);
	return val;
}

static void
set_writeback(uint8_t val)
{
	ck_assert_int_eq(drv_virtio_config_write(
				 &disk.dev.vd, DRV_BLK_CFG_WRITEBACK, &val, 1),
			 0);
}

START_TEST(writeback_is_the_drivers_to_change)
{
	open_and_start(NULL);
	ck_assert_uint_eq(writeback(), 1);
	set_writeback(0);
	ck_assert_uint_eq(writeback(), 0);
	ck_assert_int_eq(drv_blk_write(&disk.blk, 0, disk.buf, 512, &res), 0);
	assert_result(DRV_BLK_S_OK, 1);
	disk_stop(&disk);
	disk_start(&disk, DRV_MODERN, wanted, 1);
	ck_assert_uint_eq(writeback(), 1);
}
END_TEST

/* 5.2.5.2: CONFIG_WCE without FLUSH starts as write-through. */
START_TEST(writeback_without_flush_is_off)
{
	disk_open(&disk, NULL);
	disk_start(&disk, DRV_MODERN,
		   DRV_BIT(DRV_F_VERSION_1) | DRV_BIT(DRV_BLK_F_CONFIG_WCE), 1);
	ck_assert_uint_eq(writeback(), 0);
}
END_TEST

START_TEST(writeback_without_its_feature_is_read_only)
{
	disk_open(&disk, NULL);
	disk_start(&disk, DRV_MODERN,
		   DRV_BIT(DRV_F_VERSION_1) | DRV_BIT(DRV_BLK_F_FLUSH), 1);
	set_writeback(0);
	ck_assert_uint_eq(writeback(), 1);
}
END_TEST

/* 5.2.5.3: a legacy driver's features change nothing. */
START_TEST(writeback_legacy_stays_as_it_was)
{
	disk_open(&disk, NULL);
	disk_start(&disk, DRV_LEGACY, DRV_BIT(DRV_BLK_F_CONFIG_WCE), 1);
	ck_assert_uint_eq(writeback(), 1);
	set_writeback(0);
	ck_assert_uint_eq(writeback(), 0);
}
END_TEST

/* ---- size ------------------------------------------------------------- */

START_TEST(resize_is_told_and_the_new_sectors_work)
{
	struct drv_blk_config cfg;
	uint64_t before;

	open_and_start(NULL);
	before = drv_device_config_irqs(&disk.dev);
	ck_assert_int_eq(truncate(disk.path, 2 * DISK_BYTES), 0);
	dm_virtio_blk.rescan(drv_inproc_dev(disk.bus));
	ck_assert_uint_eq(drv_device_config_irqs(&disk.dev), before + 1);
	ck_assert_int_eq(drv_blk_config(&disk.dev.vd, &cfg), 0);
	ck_assert_uint_eq(cfg.capacity, 2 * DISK_SECTORS);
	ck_assert_int_eq(drv_ram_fill(&disk.ram, disk.buf, 0x11, 512), 0);
	ck_assert_int_eq(drv_blk_write(&disk.blk, 2 * DISK_SECTORS - 1,
				       disk.buf, 512, &res),
			 0);
	assert_result(DRV_BLK_S_OK, 1);
	ck_assert(disk_image_is(&disk, 2 * DISK_BYTES - 512, 512, 0x11));
	dm_virtio_blk.rescan(drv_inproc_dev(disk.bus));
	ck_assert_uint_eq(drv_device_config_irqs(&disk.dev), before + 1);
}
END_TEST

/* ---- reset ------------------------------------------------------------- */

START_TEST(reset_with_requests_in_flight_starts_afresh)
{
	open_and_start(engines[_i]);
	for (int round = 0; round < 20; round++) {
		for (uint16_t i = 0; i < 80; i++) {
			struct drv_seg seg = { disk.buf + i * 8192u, 8192,
					       i % 2 == 0 };

			ck_assert_int_ge(drv_blk_submit(&disk.blk, i, i % 2,
							16u * i, &seg, 1),
					 0);
		}
		disk_stop(&disk);
		disk_start(&disk, DRV_MODERN, wanted, 1);
	}
	ck_assert_int_eq(drv_blk_read(&disk.blk, 0, disk.buf, 512, &res), 0);
	assert_result(DRV_BLK_S_OK, 513);
}
END_TEST

/* What is done with rings. */
static void
add_requests(TCase *tc, int n_engines)
{
	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, read_gives_the_image, 0, n_engines);
	tcase_add_loop_test(tc, read_and_write_at_odd_places, 0, n_engines);
	tcase_add_loop_test(tc, write_and_flush_reach_the_image, 0, n_engines);
	tcase_add_loop_test(tc, many_requests_at_once_all_come_back, 0,
			    n_engines);
	tcase_add_loop_test(tc, read_of_many_segments, 0, n_engines);
	tcase_add_loop_test(tc, queue_size_is_what_the_driver_finds, 0, 2);
	tcase_add_test(tc, every_queue_serves);
	tcase_add_test(tc, null_image_reads_zeroes);
	tcase_add_test(tc, void_image_leaves_the_memory_of_a_read_alone);
	tcase_add_test(tc, range_is_a_window_of_the_image);
	tcase_add_test(tc, framing_header_in_single_bytes);
	tcase_add_test(tc, framing_status_at_the_end_of_the_data);
	tcase_add_test(tc, framing_header_and_data_in_one_piece);
	tcase_add_loop_test(tc, write_zeroes_reads_back_as_zeroes, 0,
			    n_engines);
	tcase_add_loop_test(tc, write_zeroes_with_unmap_reads_back_as_zeroes, 0,
			    2);
	tcase_add_test(tc, discard_keeps_the_rest_and_the_size);
	tcase_add_loop_test(tc, reset_with_requests_in_flight_starts_afresh, 0,
			    n_engines);
}

static Suite *
blk_suite(int n_engines)
{
	Suite *s = suite_create("virtio-blk");
	TCase *tc = tcase_create("device");

	tcase_add_checked_fixture(tc, NULL, teardown);
	tcase_add_test(tc, config_default_describes_the_image);
	tcase_add_test(tc, config_options_show);
	tcase_add_test(tc, config_acrn_order);
	tcase_add_test(tc, legacy_face_reads_and_writes);
	tcase_add_test(tc, serial_default_is_the_same_each_time);
	tcase_add_test(tc, serial_short_is_padded_with_nul);
	tcase_add_test(tc, serial_in_a_short_buffer_is_cut);
	tcase_add_test(tc, writeback_is_the_drivers_to_change);
	tcase_add_test(tc, writeback_without_flush_is_off);
	tcase_add_test(tc, writeback_without_its_feature_is_read_only);
	tcase_add_test(tc, writeback_legacy_stays_as_it_was);
	tcase_add_test(tc, resize_is_told_and_the_new_sectors_work);
	add_requests(tc, n_engines);
	suite_add_tcase(s, tc);

	tc = tcase_create("packed");
	tcase_add_checked_fixture(tc, want_packed, teardown);
	add_requests(tc, n_engines);
	suite_add_tcase(s, tc);
	return s;
}

int
main(void)
{
	bool has_uring = disk_has_io_uring();

	if (!has_uring)
		(void)puts("SKIP io_uring: the kernel or this build has none");
	return suite_run(blk_suite(N_ENGINES - (has_uring ? 0 : N_URING)));
}
