// SPDX-License-Identifier: BSD-3-Clause
/* What a disk must hold. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "driver/oracle.h"

#define MAGIC     UINT32_C(0x6f726163)
#define N_WORDS   (DRV_BLK_SECTOR / 8)
#define FIRST_MIX 2 /* words that say who it is come before it */

int
drv_oracle_init(struct drv_oracle *o, uint64_t n_sectors)
{
	memset(o, 0, sizeof(*o));
	o->n_sectors = n_sectors;
	o->gens = calloc(n_sectors, sizeof(*o->gens));
	o->busy = calloc(n_sectors, sizeof(*o->busy));
	if (o->gens && o->busy)
		return 0;
	drv_oracle_deinit(o);
	return -ENOMEM;
}

void
drv_oracle_deinit(struct drv_oracle *o)
{
	free(o->gens);
	free(o->busy);
	o->gens = NULL;
	o->busy = NULL;
}

void
drv_oracle_fill(uint8_t *bytes, uint64_t sector, uint32_t gen)
{
	uint64_t words[N_WORDS];
	uint64_t mix;

	words[0] = sector;
	words[1] = (uint64_t)MAGIC << 32 | gen;
	mix = (sector + 1) * UINT64_C(0x9e3779b97f4a7c15) ^ words[1];
	for (unsigned int i = FIRST_MIX; i < N_WORDS; i++) {
		mix ^= mix << 13;
		mix ^= mix >> 7;
		mix ^= mix << 17;
		words[i] = mix;
	}
	memcpy(bytes, words, sizeof(words));
}

static bool
is_zero(const uint8_t *bytes)
{
	return bytes[0] == 0 &&
	       memcmp(bytes, bytes + 1, DRV_BLK_SECTOR - 1) == 0;
}

bool
drv_oracle_parse(const uint8_t *bytes, uint64_t *sector, uint32_t *gen)
{
	uint8_t whole[DRV_BLK_SECTOR];
	uint64_t words[FIRST_MIX];

	memcpy(words, bytes, sizeof(words));
	if (words[1] >> 32 != MAGIC)
		return false;
	*sector = words[0];
	*gen = (uint32_t)words[1];
	drv_oracle_fill(whole, *sector, *gen);
	return memcmp(whole, bytes, sizeof(whole)) == 0;
}

bool
drv_oracle_begin(struct drv_oracle *o, bool write, uint64_t sector, uint32_t n)
{
	uint8_t limit = write ? 0 : DRV_ORACLE_WRITING - 2;

	if (sector > o->n_sectors || n > o->n_sectors - sector)
		return false;
	for (uint32_t i = 0; i < n; i++) {
		if (o->busy[sector + i] > limit)
			return false;
	}
	for (uint32_t i = 0; i < n; i++) {
		if (write)
			o->busy[sector + i] = DRV_ORACLE_WRITING;
		else
			o->busy[sector + i]++;
	}
	return true;
}

uint32_t
drv_oracle_next_gen(const struct drv_oracle *o, uint64_t sector)
{
	return o->gens[sector] + 1;
}

void
drv_oracle_end_write(struct drv_oracle *o, uint64_t sector, uint32_t n,
		     bool done)
{
	for (uint32_t i = 0; i < n; i++) {
		o->busy[sector + i] = 0;
		o->gens[sector + i] += done;
	}
}

void
drv_oracle_end_read(struct drv_oracle *o, uint64_t sector, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		o->busy[sector + i]--;
}

enum drv_verdict
drv_oracle_judge(struct drv_oracle *o, uint64_t sector, const uint8_t *bytes)
{
	uint32_t wanted = o->gens[sector], gen = 0;
	uint64_t number = sector;
	bool ours = is_zero(bytes) || drv_oracle_parse(bytes, &number, &gen);

	if (ours && number == sector && gen == wanted)
		return DRV_GOOD;
	o->bad_sector = sector;
	o->wanted_gen = wanted;
	o->found_pattern = ours;
	o->found_sector = number;
	o->found_gen = gen;
	return ours && number == sector && gen < wanted ? DRV_LOST
							: DRV_CORRUPTED;
}

int64_t
drv_oracle_judge_file(struct drv_oracle *o, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	uint8_t bytes[DRV_BLK_SECTOR];
	int64_t bad = 0;

	if (fd < 0)
		return -errno;
	for (uint64_t s = 0; s < o->n_sectors && bad >= 0; s++) {
		ssize_t n = pread(fd, bytes, sizeof(bytes),
				  (off_t)(s * sizeof(bytes)));

		if (n != (ssize_t)sizeof(bytes))
			bad = -EIO;
		else if (drv_oracle_judge(o, s, bytes) != DRV_GOOD)
			bad++;
	}
	(void)close(fd);
	return bad;
}
