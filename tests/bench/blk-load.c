// SPDX-License-Identifier: BSD-3-Clause
/* Random reads, and what they are read from. */
#include "bench/blk-load.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bench/bench.h"

#define SECTOR_BYTES 512
#define STATUS_NONE  0xff

void
blk_image_make(bool in_memory, int *fd, char *path, size_t size)
{
	static uint8_t block[1 << 20];
	char name[] = "bench-blk.XXXXXX";

	*fd = in_memory ? memfd_create("bench-blk", MFD_CLOEXEC)
			: mkostemp(name, O_CLOEXEC);
	if (*fd < 0 || (!in_memory && unlink(name) < 0))
		bench_die("image", -errno);
	memset(block, 0x5a, sizeof(block));
	for (uint64_t at = 0; at < BLK_IMAGE_BYTES; at += sizeof(block))
		if (pwrite(*fd, block, sizeof(block), (off_t)at) !=
		    (ssize_t)sizeof(block))
			bench_die("cannot fill the image", -errno);
	if (fsync(*fd) < 0)
		bench_die("cannot fill the image", -errno);
	(void)snprintf(path, size, "/proc/%d/fd/%d", getpid(), *fd);
}

/* xorshift64 */
uint64_t
blk_random_block(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state % (BLK_IMAGE_BYTES / BLK_READ_BYTES);
}

void
blk_load_fill(struct ring_bed *bed, uint16_t slot, uint64_t *random)
{
	uint64_t sector =
		blk_random_block(random) * (BLK_READ_BYTES / SECTOR_BYTES);
	uint8_t *header = bed_seg_hva(bed, slot, BLK_HEADER);
	uint8_t *status = bed_seg_hva(bed, slot, BLK_STATUS);

	memset(header, 0, 8); /* IN */
	memcpy(header + 8, &sector, sizeof(sector));
	*status = STATUS_NONE;
	bed_add(bed, slot);
}

/* The device need not have written more than the status. */
static bool
is_good(const struct ring_bed *bed, const struct bed_used_elem *elem)
{
	const uint8_t *status;

	if (elem->id >= bed->qsize ||
	    (elem->len != 0 && elem->len != bed->shape->written))
		return false;
	status = bed_seg_hva(bed, (uint16_t)elem->id, BLK_STATUS);
	return *status == 0;
}

uint16_t
blk_load_take(struct ring_bed *bed, uint64_t *random)
{
	uint16_t n = bed_n_used(bed);

	for (uint16_t i = 0; i < n; i++) {
		/* Indirect: the slot is the head. */
		struct bed_used_elem elem = bed_take_used(bed);

		if (!is_good(bed, &elem))
			bench_die("a request came back wrong", -EPROTO);
		if (random)
			blk_load_fill(bed, (uint16_t)elem.id, random);
	}
	if (n > 0)
		bed_no_interrupt(bed);
	return n;
}
