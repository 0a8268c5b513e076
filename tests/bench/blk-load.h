/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the benchmarks of virtio-blk have a device do: random reads of 4 KiB
 * from an image, each from a slot of a bed whose shape is "ind3".
 */
#ifndef BENCH_BLK_LOAD_H
#define BENCH_BLK_LOAD_H

#include "bench/ring-bed.h"

#define BLK_IMAGE_BYTES (UINT64_C(256) << 20)
#define BLK_READ_BYTES  4096
#define BLK_SHAPE       "ind3"

/* Segments of a request: header, data, status. */
enum { BLK_HEADER, BLK_DATA, BLK_STATUS };

/*
 * An image full of something, in memory or in the present folder, where it has
 * no name. Open as *fd; path is good while this process lives. Exits if it
 * cannot be had.
 */
void blk_image_make(bool in_memory, int *fd, char *path, size_t size);

/* An offset in the image, in blocks of BLK_READ_BYTES. */
uint64_t blk_random_block(uint64_t *state);

#define BLK_RANDOM_START 88172645463325252u

/* Make a slot's read of a random block available, not yet visible. */
void blk_load_fill(struct ring_bed *bed, uint16_t slot, uint64_t *random);

/*
 * Take what has come back, and fill those slots again unless there is no
 * random; how many. What came back wrong ends the benchmark.
 */
uint16_t blk_load_take(struct ring_bed *bed, uint64_t *random);

#endif
