/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a disk must hold. Each sector that is written carries its number and
 * a generation, which goes up by one with each write, in all of its bytes; so
 * what is read says what it is, and the oracle says whether it may be there.
 *
 * A sector has one write in flight, or any number of reads, never both: what
 * a read then finds is exactly the last generation that was completed. A disk
 * starts with zeroes, which are generation 0.
 */
#ifndef DRV_ORACLE_H
#define DRV_ORACLE_H

#include <stdbool.h>
#include <stdint.h>

#include "driver/blk.h"

enum drv_verdict {
	DRV_GOOD,
	DRV_LOST,      /* an older generation: a completed write is not there */
	DRV_CORRUPTED, /* anything else */
};

struct drv_oracle {
	uint64_t n_sectors;
	uint32_t *gens; /* completed */
	uint8_t *busy;  /* reads in flight, or DRV_ORACLE_WRITING */
	/* What was wrong first, for a message. */
	uint64_t bad_sector;
	uint64_t found_sector;
	uint32_t found_gen;
	uint32_t wanted_gen;
	bool found_pattern; /* the two found ones are from a sector of ours */
};

#define DRV_ORACLE_WRITING 0xff

/* A disk of zeroes. -ENOMEM. */
int drv_oracle_init(struct drv_oracle *o, uint64_t n_sectors);
void drv_oracle_deinit(struct drv_oracle *o);

/* The bytes of a sector; and whether these are such bytes, and which. */
void drv_oracle_fill(uint8_t *bytes, uint64_t sector, uint32_t gen);
bool drv_oracle_parse(const uint8_t *bytes, uint64_t *sector, uint32_t *gen);

/* May a write, or a read, of n sectors go into flight now? It does, then. */
bool drv_oracle_begin(struct drv_oracle *o, bool write, uint64_t sector,
		      uint32_t n);

/* The generation that the write in flight has. */
uint32_t drv_oracle_next_gen(const struct drv_oracle *o, uint64_t sector);

/* A write has completed; a failed one leaves the old generation. */
void drv_oracle_end_write(struct drv_oracle *o, uint64_t sector, uint32_t n,
			  bool done);

/* A read has completed, and found these bytes, sector by sector. */
void drv_oracle_end_read(struct drv_oracle *o, uint64_t sector, uint32_t n);
enum drv_verdict drv_oracle_judge(struct drv_oracle *o, uint64_t sector,
				  const uint8_t *bytes);

/*
 * Judge a whole image, while nothing is in flight: how many sectors are not
 * good, or an errno.
 */
int64_t drv_oracle_judge_file(struct drv_oracle *o, const char *path);

#endif
