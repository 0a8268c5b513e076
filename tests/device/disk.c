// SPDX-License-Identifier: BSD-3-Clause
/* A virtio-blk of vbs-dm on an image of its own, driven in process. */
#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backend/block.h"
#include "devices/devices.h"
#include "disk.h"

#define RAM_GPA   0x100000
#define RAM_BYTES (16u << 20)
#define N_SLOTS   256

static void
make_image(struct disk *disk, const char *opts)
{
	bool mapped = opts && strstr(opts, "aio=mmap");
	uint64_t *words = calloc(1, DISK_BYTES);
	int fd;

	(void)snprintf(disk->path, sizeof(disk->path), "%sdisk.XXXXXX",
		       mapped ? "/dev/shm/" : "");
	fd = mkstemp(disk->path);
	ck_assert_int_ge(fd, 0);
	ck_assert_ptr_nonnull(words);
	for (uint64_t i = 0; i < DISK_BYTES / sizeof(words[0]); i++)
		words[i] = i * sizeof(words[0]);
	ck_assert_int_eq(write(fd, words, DISK_BYTES), DISK_BYTES);
	free(words);
	(void)close(fd);
}

void
disk_open(struct disk *disk, const char *opts)
{
	char path[sizeof(disk->path)];

	make_image(disk, opts);
	memcpy(path, disk->path, sizeof(path));
	disk_open_path(disk, path, opts);
	memcpy(disk->path, path, sizeof(path));
}

void
disk_open_path(struct disk *disk, const char *path, const char *opts)
{
	char all[256];

	memset(disk, 0, sizeof(*disk));
	(void)snprintf(all, sizeof(all), "%s,%s", path, opts ? opts : "");
	drv_ram_init(&disk->ram);
	ck_assert_int_eq(
		drv_ram_add(&disk->ram, RAM_GPA, RAM_BYTES, DRV_RAM_HEAP), 0);
	ck_assert_int_eq(drv_inproc_new(false, &disk->machine), 0);
	ck_assert_int_eq(drv_inproc_plug(disk->machine, dm_virtio_blk.ops, all,
					 &disk->bus),
			 0);
	ck_assert_int_eq(drv_bus_dma_add_ram(disk->bus, &disk->ram), 0);
	ck_assert_int_eq(drv_device_open(&disk->dev, disk->bus, &disk->ram), 0);
}

bool
disk_has_io_uring(void)
{
	struct block_options opts = { .aio = BLOCK_AIO_URING, .n_threads = 1 };
	struct block *block = NULL;
	char path[] = "disk.XXXXXX";
	struct dm_error err;
	int fd = mkstemp(path);
	int rc;

	if (fd < 0 || ftruncate(fd, 512) < 0)
		return false;
	opts.path = path;
	rc = block_open(&opts, &block, &err);
	block_close(block);
	(void)close(fd);
	(void)unlink(path);
	return rc == 0;
}

void
disk_start(struct disk *disk, enum drv_face face, uint64_t features,
	   uint16_t n_queues)
{
	struct drv_device_opts opts = {
		.face = face,
		.irq = DRV_IRQ_MSIX,
		.features = features,
		.n_queues = n_queues,
	};

	ck_assert_int_eq(drv_device_start(&disk->dev, &opts), 0);
	disk->started = true;
	ck_assert_int_eq(drv_blk_init(&disk->blk, &disk->dev.vqs[0], &disk->ram,
				      N_SLOTS),
			 0);
	disk->buf = drv_ram_alloc(&disk->ram, DISK_BUF_BYTES, DRV_PAGE);
	ck_assert_uint_ne(disk->buf, 0);
}

void
disk_stop(struct disk *disk)
{
	disk->started = false;
	ck_assert_int_eq(drv_device_stop(&disk->dev), 0);
}

void
disk_close(struct disk *disk)
{
	if (disk->started)
		disk_stop(disk);
	drv_bus_close(disk->bus);
	drv_inproc_free(disk->machine);
	drv_ram_deinit(&disk->ram);
	if (disk->path[0])
		(void)unlink(disk->path);
}

static bool
is_fresh(const uint8_t *p, uint64_t off, uint64_t len)
{
	for (uint64_t i = 0; i < len; i += sizeof(uint64_t)) {
		uint64_t word;

		memcpy(&word, p + i, sizeof(word));
		if (word != off + i)
			return false;
	}
	return true;
}

static bool
is_filled(const uint8_t *p, uint64_t len, uint8_t c)
{
	for (uint64_t i = 0; i < len; i++)
		if (p[i] != c)
			return false;
	return true;
}

static uint8_t *
read_image(const struct disk *disk, uint64_t off, uint64_t len)
{
	uint8_t *bytes = malloc(len);
	int fd = open(disk->path, O_RDONLY);

	ck_assert_ptr_nonnull(bytes);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(pread(fd, bytes, len, (off_t)off), (ssize_t)len);
	(void)close(fd);
	return bytes;
}

bool
disk_image_is_fresh(const struct disk *disk, uint64_t off, uint64_t len)
{
	uint8_t *bytes = read_image(disk, off, len);
	bool yes = is_fresh(bytes, off, len);

	free(bytes);
	return yes;
}

bool
disk_image_is(const struct disk *disk, uint64_t off, uint64_t len, uint8_t c)
{
	uint8_t *bytes = read_image(disk, off, len);
	bool yes = is_filled(bytes, len, c);

	free(bytes);
	return yes;
}

uint64_t
disk_image_bytes(const struct disk *disk)
{
	struct stat st;

	ck_assert_int_eq(stat(disk->path, &st), 0);
	return (uint64_t)st.st_size;
}

bool
disk_ram_is_fresh(const struct disk *disk, uint64_t gpa, uint64_t off,
		  uint64_t len)
{
	return is_fresh(drv_ram_ptr(&disk->ram, gpa, len), off, len);
}

bool
disk_ram_is(const struct disk *disk, uint64_t gpa, uint64_t len, uint8_t c)
{
	return is_filled(drv_ram_ptr(&disk->ram, gpa, len), len, c);
}
