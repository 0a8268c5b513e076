/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A block driver (virtio 1.4, 5.2): requests with a header and a status of
 * their own in guest RAM. A sector is 512 bytes everywhere.
 */
#ifndef DRV_BLK_H
#define DRV_BLK_H

#include <stdint.h>

#include "driver/vq.h"

#define DRV_BLK_SECTOR   512u
#define DRV_BLK_ID_BYTES 20
#define DRV_BLK_MAX_SEGS 256

enum drv_blk_type {
	DRV_BLK_IN = 0,
	DRV_BLK_OUT = 1,
	DRV_BLK_FLUSH = 4,
	DRV_BLK_GET_ID = 8,
	DRV_BLK_GET_LIFETIME = 10,
	DRV_BLK_DISCARD = 11,
	DRV_BLK_WRITE_ZEROES = 13,
	DRV_BLK_SECURE_ERASE = 14,
};

#define DRV_BLK_S_OK     0
#define DRV_BLK_S_IOERR  1
#define DRV_BLK_S_UNSUPP 2
#define DRV_BLK_S_NONE   0xff /* what we put there before */

#define DRV_BLK_F_SIZE_MAX     1
#define DRV_BLK_F_SEG_MAX      2
#define DRV_BLK_F_GEOMETRY     4
#define DRV_BLK_F_RO           5
#define DRV_BLK_F_BLK_SIZE     6
#define DRV_BLK_F_FLUSH        9
#define DRV_BLK_F_TOPOLOGY     10
#define DRV_BLK_F_CONFIG_WCE   11
#define DRV_BLK_F_MQ           12
#define DRV_BLK_F_DISCARD      13
#define DRV_BLK_F_WRITE_ZEROES 14
#define DRV_BLK_F_LIFETIME     15
#define DRV_BLK_F_SECURE_ERASE 16

#define DRV_BLK_RANGE_UNMAP 1u
#define DRV_BLK_RANGE_BYTES 16u

/* One segment of DISCARD, WRITE_ZEROES, SECURE_ERASE. */
struct drv_blk_range {
	uint64_t sector;
	uint32_t n_sectors;
	uint32_t flags;
};

/* Offsets in the device configuration (5.2.4). */
enum drv_blk_cfg {
	DRV_BLK_CFG_CAPACITY = 0,
	DRV_BLK_CFG_SIZE_MAX = 8,
	DRV_BLK_CFG_SEG_MAX = 12,
	DRV_BLK_CFG_CYLINDERS = 16,
	DRV_BLK_CFG_HEADS = 18,
	DRV_BLK_CFG_SECTORS = 19,
	DRV_BLK_CFG_BLK_SIZE = 20,
	DRV_BLK_CFG_PHYS_EXP = 24,
	DRV_BLK_CFG_ALIGN_OFFSET = 25,
	DRV_BLK_CFG_MIN_IO = 26,
	DRV_BLK_CFG_OPT_IO = 28,
	DRV_BLK_CFG_WRITEBACK = 32,
	DRV_BLK_CFG_N_QUEUES = 34,
	DRV_BLK_CFG_MAX_DISCARD_SECTORS = 36,
	DRV_BLK_CFG_MAX_DISCARD_SEG = 40,
	DRV_BLK_CFG_DISCARD_ALIGN = 44,
	DRV_BLK_CFG_MAX_ZEROES_SECTORS = 48,
	DRV_BLK_CFG_MAX_ZEROES_SEG = 52,
	DRV_BLK_CFG_ZEROES_MAY_UNMAP = 56,
};
#define DRV_BLK_CFG_BYTES 60

struct drv_blk_config {
	uint64_t capacity; /* sectors */
	uint32_t size_max; /* bytes */
	uint32_t seg_max;
	uint16_t cylinders;
	uint8_t heads;
	uint8_t sectors;
	uint32_t blk_size; /* bytes */
	uint8_t phys_exp;  /* log2 of blocks in a physical block */
	uint8_t align_offset;
	uint16_t min_io; /* blocks */
	uint32_t opt_io; /* blocks */
	uint8_t writeback;
	uint16_t n_queues;
	uint32_t max_discard_sectors;
	uint32_t max_discard_seg;
	uint32_t discard_align; /* sectors */
	uint32_t max_zeroes_sectors;
	uint32_t max_zeroes_seg;
	uint8_t zeroes_may_unmap;
};

/* What came back. */
struct drv_blk_result {
	uint16_t slot;
	uint8_t status; /* DRV_BLK_S_* */
	uint32_t used_len;
};

/* Requests on one queue, each in a slot of its own. */
struct drv_blk {
	struct drv_vq *vq; /* the caller's */
	uint64_t slots_gpa;
	uint16_t n_slots;
	uint64_t scratch_gpa; /* one page, for GET_ID and ranges */
};

/* Take n_slots slots from ram. -ENOSPC. Nothing to undo. */
int drv_blk_init(struct drv_blk *blk, struct drv_vq *vq, struct drv_ram *ram,
		 uint16_t n_slots);

/* Where a slot's header (16 bytes) and its status (1 byte) are. */
uint64_t drv_blk_header_gpa(const struct drv_blk *blk, uint16_t slot);
uint64_t drv_blk_status_gpa(const struct drv_blk *blk, uint16_t slot);

/*
 * Fill a slot's header, set its status to DRV_BLK_S_NONE. type and sector may
 * be anything.
 */
int drv_blk_fill(struct drv_blk *blk, uint16_t slot, uint32_t type,
		 uint64_t sector);

/*
 * Submit header, data, status as one chain. The head, or a negative errno. A
 * slot that is in flight must not be used again: nobody checks.
 */
int drv_blk_submit(struct drv_blk *blk, uint16_t slot, uint32_t type,
		   uint64_t sector, const struct drv_seg *data, int n_data);

/* Take a request that has come back: 1, 0, or what drv_split_reap() met. */
int drv_blk_reap(struct drv_blk *blk, struct drv_blk_result *res);

/* Wait for any request. 0, or what drv_vq_wait() met. */
int drv_blk_wait(struct drv_blk *blk, struct drv_blk_result *res,
		 int timeout_ms);

/* One request in slot 0, and its result. With nothing else in flight. */
int drv_blk_call(struct drv_blk *blk, uint32_t type, uint64_t sector,
		 const struct drv_seg *data, int n_data,
		 struct drv_blk_result *res);

/* The same for the usual types; len is bytes. id has room for 21 bytes. */
int drv_blk_read(struct drv_blk *blk, uint64_t sector, uint64_t gpa,
		 uint32_t len, struct drv_blk_result *res);
int drv_blk_write(struct drv_blk *blk, uint64_t sector, uint64_t gpa,
		  uint32_t len, struct drv_blk_result *res);
int drv_blk_flush(struct drv_blk *blk, struct drv_blk_result *res);
int drv_blk_get_id(struct drv_blk *blk, char *id, struct drv_blk_result *res);
int drv_blk_ranges(struct drv_blk *blk, uint32_t type,
		   const struct drv_blk_range *ranges, int n,
		   struct drv_blk_result *res);

/* Read the configuration, all of it, by any face. */
int drv_blk_config(struct drv_virtio *vd, struct drv_blk_config *cfg);

/* The same from its DRV_BLK_CFG_BYTES bytes, however they were read. */
void drv_blk_config_parse(const uint8_t *p, struct drv_blk_config *cfg);

#endif
