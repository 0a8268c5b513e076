// SPDX-License-Identifier: BSD-3-Clause
/* Options and configuration space of the block device (virtio 1.3, 5.2.4). */
#include <endian.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <uuid/uuid.h>

#include "devices/blk/config.h"
#include "devices/blk/request.h"

#define DISCARD_SECTORS (1u << 22) /* 2 GiB */
#define SECTOR_MAX      4096u
#define PHYSICAL_MAX    65536u

#define OFFSET(field) offsetof(struct blk_options, field)

static const char *const aio_words[] = { "auto", "io_uring", "threads", "mmap",
					 NULL };

const struct dm_option blk_option_table[] = {
	{
		.name = "path",
		.alias = "file",
		.kind = DM_OPT_TEXT,
		.flags = DM_OPT_POSITIONAL,
		.offset = OFFSET(path),
		.value = "FILE",
		.help = "image: a file, a block device, null:SIZE, void:SIZE",
	},
	{
		.name = "ro",
		.kind = DM_OPT_FLAG,
		.offset = OFFSET(ro),
		.help = "read-only; others may read the image as well",
	},
	{
		.name = "share",
		.kind = DM_OPT_FLAG,
		.offset = OFFSET(share),
		.help = "others that say so may write to it: for migration",
	},
	{
		.name = "writeback",
		.kind = DM_OPT_FLAG,
		.offset = OFFSET(writeback),
		.help = "writes are safe after a flush",
		.def = "default",
	},
	{
		.name = "writethru",
		.kind = DM_OPT_FLAG,
		.flags = DM_OPT_CLEARS,
		.offset = OFFSET(writeback),
		.help = "writes are safe when they are done",
	},
	{
		.name = "nocache",
		.kind = DM_OPT_FLAG,
		.offset = OFFSET(nocache),
		.help = "past the host's page cache (O_DIRECT)",
	},
	{
		.name = "discard",
		.kind = DM_OPT_LIST,
		.flags = DM_OPT_BARE,
		.offset = OFFSET(discard),
		.given = OFFSET(has_discard),
		.max = UINT32_MAX >> 1,
		.separator = ':',
		.value = "MAX:SEG:ALIGN",
		.help = "the driver may give space back; in sectors",
		.def = "off; 4194304:32:8",
	},
	{
		.name = "sectorsize",
		.kind = DM_OPT_LIST,
		.offset = OFFSET(sectorsize),
		.min = BLK_SECTOR,
		.max = PHYSICAL_MAX,
		.separator = '/',
		.value = "L[/P]",
		.help = "logical and physical sector, in bytes",
		.def = "512",
	},
	{
		.name = "range",
		.kind = DM_OPT_LIST,
		.offset = OFFSET(range),
		.given = OFFSET(has_range),
		.max = INT64_MAX / BLK_SECTOR,
		.separator = '/',
		.value = "START/LEN",
		.help = "only this part, in sectors of 512 bytes",
	},
	{
		.name = "mq",
		.kind = DM_OPT_NUMBER,
		.offset = OFFSET(mq),
		.min = 1,
		.max = BLK_QUEUES_MAX,
		.value = "N",
		.help = "queues",
		.def = "1",
	},
	{
		.name = "queue-size",
		.kind = DM_OPT_NUMBER,
		.offset = OFFSET(queue_size),
		.min = 4,
		.max = 1024,
		.value = "N",
		.help = "largest ring, a power of two",
		.def = "256, or 1024 over vhost-user",
	},
	{
		.name = "iothread",
		.kind = DM_OPT_NUMBER,
		.flags = DM_OPT_BARE,
		.offset = OFFSET(iothreads),
		.min = 1,
		.max = BLK_QUEUES_MAX,
		.value = "N",
		.help = "threads that serve the queues",
		.def = "one for each queue",
	},
	{
		.name = "aio",
		.kind = DM_OPT_CHOICE,
		.offset = OFFSET(aio),
		.words = aio_words,
		.value = "auto|io_uring|threads|mmap",
		.help = "how I/O is done",
		.def = "auto",
	},
	{
		.name = "serial",
		.kind = DM_OPT_TEXT,
		.offset = OFFSET(serial),
		.value = "TEXT",
		.help = "what the guest reads as serial, up to 20 characters",
		.def = "made from the path",
	},
	{
		.name = "b",
		.kind = DM_OPT_FLAG,
		.offset = OFFSET(boot),
		.help = "boot disk; for ACRN's command lines, no effect",
	},
	{ 0 },
};

static bool
is_power_of_two(uint64_t n)
{
	return n && !(n & (n - 1));
}

static int
check_queue_size(const struct blk_options *opts, struct dm_error *err)
{
	if (is_power_of_two(opts->queue_size))
		return 0;
	return dm_fail(
		err, -EINVAL,
		"option queue-size=%u: not a power of two; give one like "
		"queue-size=256",
		opts->queue_size);
}

static int
check_sectorsize(struct blk_options *opts, struct dm_error *err)
{
	const struct dm_number_list *list = &opts->sectorsize;
	uint64_t logical = list->n > 0 ? list->v[0] : BLK_SECTOR;
	uint64_t physical = list->n > 1 ? list->v[1] : logical;

	if (list->n > 2 || !is_power_of_two(logical) ||
	    !is_power_of_two(physical) || logical > SECTOR_MAX ||
	    physical < logical)
		return dm_fail(
			err, -EINVAL,
			"option sectorsize: not two powers "
			"of two with 512 <= logical <= 4096 and physical "
			">= logical; give one like sectorsize=512/4096");
	opts->sector_bytes = (unsigned int)logical;
	opts->physical_bytes = (unsigned int)physical;
	return 0;
}

static int
check_discard(struct blk_options *opts, struct dm_error *err)
{
	const struct dm_number_list *list = &opts->discard;
	uint64_t seg = list->n > 1 ? list->v[1] : BLK_RANGE_MAX;
	uint64_t max = list->n > 0 ? list->v[0] : 0;
	uint64_t align = list->n > 2 ? list->v[2] : 8;

	if (seg < 1 || seg > BLK_RANGE_MAX)
		return dm_fail(err, -EINVAL,
			       "option discard: %llu segments are "
			       "out of range; give 1 to %d",
			       (unsigned long long)seg, BLK_RANGE_MAX);
	opts->max_discard_sectors = max ? (uint32_t)max : DISCARD_SECTORS;
	opts->max_discard_seg = (uint32_t)seg;
	opts->discard_alignment = (uint32_t)align;
	return 0;
}

static int
check_range(const struct blk_options *opts, struct dm_error *err)
{
	const struct dm_number_list *list = &opts->range;

	if (opts->has_range && (list->n != 2 || list->v[1] == 0))
		return dm_fail(err, -EINVAL,
			       "option range: not a start and a "
			       "length; give one like range=2048/8192");
	if ((list->v[0] | list->v[1]) % (opts->sector_bytes / BLK_SECTOR))
		return dm_fail(err, -EINVAL,
			       "option range: not whole sectors of %u bytes; "
			       "give multiples of %u",
			       opts->sector_bytes,
			       opts->sector_bytes / BLK_SECTOR);
	return 0;
}

static int
check_serial(const struct blk_options *opts, struct dm_error *err)
{
	const char *s = opts->serial;

	if (!s)
		return 0;
	if (strlen(s) > BLK_SERIAL_BYTES)
		return dm_fail(err, -EINVAL,
			       "option serial=%.40s: longer than %d "
			       "characters; give a shorter one",
			       s, BLK_SERIAL_BYTES);
	for (; *s; s++)
		if (*s < 0x20 || *s > 0x7e)
			return dm_fail(err, -EINVAL,
				       "option serial: not plain "
				       "ASCII; give letters and digits");
	return 0;
}

int
blk_options_parse(char *text, struct blk_options *out, struct dm_error *err)
{
	int rc;

	memset(out, 0, sizeof(*out));
	out->writeback = true;
	out->mq = 1;
	out->iothreads = BLK_QUEUES_MAX; /* as many as there are queues */
	out->queue_size = BLK_QUEUE_SIZE;
	rc = dm_options_parse(blk_option_table, "virtio-blk", text, out, err);
	if (rc == 0 && !out->path)
		rc = dm_fail(err, -EINVAL,
			     "no image; give one, as in `vbs-dm blk "
			     "file=disk.img`, or -s 3,virtio-blk,disk.img");
	if (rc == 0)
		rc = check_queue_size(out, err);
	if (rc == 0)
		rc = check_sectorsize(out, err);
	if (rc == 0)
		rc = check_discard(out, err);
	if (rc == 0)
		rc = check_range(out, err);
	if (rc == 0)
		rc = check_serial(out, err);
	return rc;
}

static void
put16(struct blk_config *config, int offset, uint32_t val)
{
	uint16_t le = htole16((uint16_t)val);

	memcpy(config->bytes + offset, &le, sizeof(le));
}

static void
put32(struct blk_config *config, int offset, uint32_t val)
{
	uint32_t le = htole32(val);

	memcpy(config->bytes + offset, &le, sizeof(le));
}

void
blk_config_set_capacity(struct blk_config *config, uint64_t sectors)
{
	uint64_t le = htole64(sectors);

	memcpy(config->bytes, &le, sizeof(le));
}

static unsigned int
log2_of(unsigned int n)
{
	unsigned int bits = 0;

	while (n >>= 1)
		bits++;
	return bits;
}

/* Fields that are not named here are 0: geometry, secure erase, zones. */
void
blk_config_fill(struct blk_config *config, const struct blk_options *opts,
		const struct blk_shape *shape)
{
	memset(config, 0, sizeof(*config));
	blk_config_set_capacity(config, shape->capacity);
	put32(config, 8, shape->size_max);
	put32(config, 12, shape->seg_max);
	put32(config, 20, opts->sector_bytes);
	config->bytes[24] =
		(uint8_t)log2_of(opts->physical_bytes / opts->sector_bytes);
	put16(config, 26, 1); /* min_io_size, in blocks */
	config->bytes[BLK_CONFIG_WRITEBACK] = opts->writeback && !opts->ro;
	put16(config, 34, opts->mq);
	if (opts->ro)
		return;
	if (opts->has_discard) {
		put32(config, 36, opts->max_discard_sectors);
		put32(config, 40, opts->max_discard_seg);
		put32(config, 44, opts->discard_alignment);
	}
	put32(config, 48, shape->max_zeroes_sectors);
	put32(config, 52, shape->max_zeroes_seg);
	config->bytes[56] = opts->has_discard; /* write_zeroes_may_unmap */
}

uint32_t
blk_config_read(const struct blk_config *config, int offset, int size)
{
	uint32_t val = 0;

	for (int i = 0; i < size; i++)
		val |= (uint32_t)config->bytes[offset + i] << (8 * i);
	return val;
}

uint64_t
blk_features(const struct blk_options *opts)
{
	uint64_t bits = 1u << BLK_F_SIZE_MAX | 1u << BLK_F_SEG_MAX |
			1u << BLK_F_BLK_SIZE | 1u << BLK_F_FLUSH |
			1u << BLK_F_TOPOLOGY;

	if (opts->mq > 1)
		bits |= 1u << BLK_F_MQ;
	if (opts->ro)
		return bits | 1u << BLK_F_RO;
	bits |= 1u << BLK_F_CONFIG_WCE | 1u << BLK_F_WRITE_ZEROES;
	if (opts->has_discard)
		bits |= 1u << BLK_F_DISCARD;
	return bits;
}

/* The same image has the same serial each time: a version 5 UUID of its path.
 */
void
blk_serial(const struct blk_options *opts, char out[BLK_SERIAL_BYTES])
{
	char text[BLK_SERIAL_BYTES + 1];
	char *path;
	uuid_t id;

	memset(out, 0, BLK_SERIAL_BYTES);
	if (opts->serial) {
		memcpy(out, opts->serial, strlen(opts->serial));
		return;
	}
	path = realpath(opts->path, NULL);
	uuid_generate_sha1(id, *uuid_get_template("url"),
			   path ? path : opts->path,
			   strlen(path ? path : opts->path));
	free(path);
	(void)snprintf(text, sizeof(text),
		       "VBS-%02x%02x%02x%02x%02x%02x%02x%02x", id[0], id[1],
		       id[2], id[3], id[4], id[5], id[6], id[7]);
	memcpy(out, text, BLK_SERIAL_BYTES);
}
