/* SPDX-License-Identifier: BSD-3-Clause */
/* Options and configuration space of the block device (virtio 1.3, 5.2.4). */
#ifndef DM_BLK_CONFIG_H
#define DM_BLK_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "backend/block.h"
#include "base/options.h"

#define BLK_QUEUES_MAX   16
#define BLK_QUEUE_SIZE   256 /* if nothing is said */
#define BLK_SERIAL_BYTES 20

/* Feature bits, 5.2.3. */
enum blk_feature {
	BLK_F_SIZE_MAX = 1,
	BLK_F_SEG_MAX = 2,
	BLK_F_RO = 5,
	BLK_F_BLK_SIZE = 6,
	BLK_F_FLUSH = 9,
	BLK_F_TOPOLOGY = 10,
	BLK_F_CONFIG_WCE = 11,
	BLK_F_MQ = 12,
	BLK_F_DISCARD = 13,
	BLK_F_WRITE_ZEROES = 14,
};

struct blk_options {
	const char *path;
	const char *serial;
	bool boot; /* ACRN's: nothing depends on it */
	bool ro;
	bool share;
	bool nocache;
	bool writeback;
	bool has_discard;
	bool has_range;
	unsigned int mq;
	unsigned int iothreads;
	unsigned int queue_size; /* largest, in descriptors */
	unsigned int aio;        /* enum block_aio */
	struct dm_number_list discard;
	struct dm_number_list sectorsize;
	struct dm_number_list range;
	/* From the lists, when they have been checked. */
	unsigned int sector_bytes, physical_bytes;
	uint32_t max_discard_sectors, max_discard_seg, discard_alignment;
};

extern const struct dm_option blk_option_table[];

/* Pointers in out point into text. 0, or -EINVAL. */
int blk_options_parse(char *text, struct blk_options *out,
		      struct dm_error *err);

/* As the driver sees it, byte by byte. */
struct blk_config {
	uint8_t bytes[96];
};

#define BLK_CONFIG_WRITEBACK 32

struct blk_shape {
	uint64_t capacity; /* sectors */
	uint32_t size_max, seg_max;
	uint32_t max_zeroes_sectors, max_zeroes_seg;
};

void blk_config_fill(struct blk_config *config, const struct blk_options *opts,
		     const struct blk_shape *shape);
void blk_config_set_capacity(struct blk_config *config, uint64_t sectors);
uint32_t blk_config_read(const struct blk_config *config, int offset, int size);

/* The features that these options give. */
uint64_t blk_features(const struct blk_options *opts);

/* What GET_ID returns: the one that was asked for, or one for the path. */
void blk_serial(const struct blk_options *opts, char out[BLK_SERIAL_BYTES]);

#endif
