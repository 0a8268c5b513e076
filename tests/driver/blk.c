// SPDX-License-Identifier: BSD-3-Clause
/* A block driver. */
#include <errno.h>
#include <string.h>

#include "driver/blk.h"
#include "driver/bytes.h"

#define HEADER_BYTES 16
#define SLOT_BYTES   32

int
drv_blk_init(struct drv_blk *blk, struct drv_vq *vq, struct drv_ram *ram,
	     uint16_t n_slots)
{
	blk->vq = vq;
	blk->n_slots = n_slots;
	blk->slots_gpa =
		drv_ram_alloc(ram, (uint64_t)SLOT_BYTES * n_slots, SLOT_BYTES);
	blk->scratch_gpa = drv_ram_alloc(ram, DRV_PAGE, DRV_PAGE);
	return blk->slots_gpa && blk->scratch_gpa ? 0 : -ENOSPC;
}

uint64_t
drv_blk_header_gpa(const struct drv_blk *blk, uint16_t slot)
{
	return blk->slots_gpa + (uint64_t)SLOT_BYTES * slot;
}

uint64_t
drv_blk_status_gpa(const struct drv_blk *blk, uint16_t slot)
{
	return drv_blk_header_gpa(blk, slot) + HEADER_BYTES;
}

int
drv_blk_fill(struct drv_blk *blk, uint16_t slot, uint32_t type, uint64_t sector)
{
	uint8_t buf[HEADER_BYTES + 1];

	drv_store32(buf, type);
	drv_store32(buf + 4, 0);
	drv_store64(buf + 8, sector);
	buf[HEADER_BYTES] = DRV_BLK_S_NONE;
	return drv_ram_write(drv_vq_ram(blk->vq), drv_blk_header_gpa(blk, slot),
			     buf, sizeof(buf));
}

int
drv_blk_submit(struct drv_blk *blk, uint16_t slot, uint32_t type,
	       uint64_t sector, const struct drv_seg *data, int n_data)
{
	struct drv_seg segs[DRV_BLK_MAX_SEGS + 2];
	int rc, n = 0;

	if (slot >= blk->n_slots || n_data < 0 || n_data > DRV_BLK_MAX_SEGS)
		return -EINVAL;
	rc = drv_blk_fill(blk, slot, type, sector);
	if (rc < 0)
		return rc;
	segs[n++] = (struct drv_seg){ drv_blk_header_gpa(blk, slot),
				      HEADER_BYTES, false };
	for (int i = 0; i < n_data; i++)
		segs[n++] = data[i];
	segs[n++] = (struct drv_seg){ drv_blk_status_gpa(blk, slot), 1, true };
	return drv_vq_submit(blk->vq, segs, n, (void *)(uintptr_t)slot);
}

static int
take_result(struct drv_blk *blk, const struct drv_used *used,
	    struct drv_blk_result *res)
{
	res->slot = (uint16_t)(uintptr_t)used->cookie;
	res->used_len = used->len;
	return drv_ram_read(drv_vq_ram(blk->vq),
			    drv_blk_status_gpa(blk, res->slot), &res->status,
			    1);
}

int
drv_blk_reap(struct drv_blk *blk, struct drv_blk_result *res)
{
	struct drv_used used;
	int rc = drv_vq_reap(blk->vq, &used);

	if (rc <= 0)
		return rc;
	rc = take_result(blk, &used, res);
	return rc < 0 ? rc : 1;
}

int
drv_blk_wait(struct drv_blk *blk, struct drv_blk_result *res, int timeout_ms)
{
	struct drv_used used;
	int rc = drv_vq_wait(blk->vq, &used, timeout_ms);

	return rc < 0 ? rc : take_result(blk, &used, res);
}

int
drv_blk_call(struct drv_blk *blk, uint32_t type, uint64_t sector,
	     const struct drv_seg *data, int n_data, struct drv_blk_result *res)
{
	int rc = drv_blk_submit(blk, 0, type, sector, data, n_data);

	return rc < 0 ? rc : drv_blk_wait(blk, res, DRV_TIMEOUT_MS);
}

int
drv_blk_read(struct drv_blk *blk, uint64_t sector, uint64_t gpa, uint32_t len,
	     struct drv_blk_result *res)
{
	struct drv_seg seg = { gpa, len, true };

	return drv_blk_call(blk, DRV_BLK_IN, sector, &seg, 1, res);
}

int
drv_blk_write(struct drv_blk *blk, uint64_t sector, uint64_t gpa, uint32_t len,
	      struct drv_blk_result *res)
{
	struct drv_seg seg = { gpa, len, false };

	return drv_blk_call(blk, DRV_BLK_OUT, sector, &seg, 1, res);
}

int
drv_blk_flush(struct drv_blk *blk, struct drv_blk_result *res)
{
	return drv_blk_call(blk, DRV_BLK_FLUSH, 0, NULL, 0, res);
}

int
drv_blk_get_id(struct drv_blk *blk, char *id, struct drv_blk_result *res)
{
	struct drv_seg seg = { blk->scratch_gpa, DRV_BLK_ID_BYTES, true };
	int rc = drv_blk_call(blk, DRV_BLK_GET_ID, 0, &seg, 1, res);

	if (rc < 0)
		return rc;
	id[DRV_BLK_ID_BYTES] = '\0';
	return drv_ram_read(drv_vq_ram(blk->vq), blk->scratch_gpa, id,
			    DRV_BLK_ID_BYTES);
}

int
drv_blk_ranges(struct drv_blk *blk, uint32_t type,
	       const struct drv_blk_range *ranges, int n,
	       struct drv_blk_result *res)
{
	struct drv_seg seg = { blk->scratch_gpa, 0, false };
	int rc = 0;

	if (n < 0 || n > (int)(DRV_PAGE / DRV_BLK_RANGE_BYTES))
		return -EINVAL;
	for (int i = 0; i < n && rc == 0; i++) {
		uint8_t buf[DRV_BLK_RANGE_BYTES];

		drv_store64(buf, ranges[i].sector);
		drv_store32(buf + 8, ranges[i].n_sectors);
		drv_store32(buf + 12, ranges[i].flags);
		rc = drv_ram_write(drv_vq_ram(blk->vq),
				   seg.gpa + sizeof(buf) * (size_t)i, buf,
				   sizeof(buf));
	}
	seg.len = DRV_BLK_RANGE_BYTES * (uint32_t)n;
	return rc < 0 ? rc : drv_blk_call(blk, type, 0, &seg, 1, res);
}

void
drv_blk_config_parse(const uint8_t *p, struct drv_blk_config *cfg)
{
	cfg->capacity = drv_load64(p + DRV_BLK_CFG_CAPACITY);
	cfg->size_max = drv_load32(p + DRV_BLK_CFG_SIZE_MAX);
	cfg->seg_max = drv_load32(p + DRV_BLK_CFG_SEG_MAX);
	cfg->cylinders = drv_load16(p + DRV_BLK_CFG_CYLINDERS);
	cfg->heads = p[DRV_BLK_CFG_HEADS];
	cfg->sectors = p[DRV_BLK_CFG_SECTORS];
	cfg->blk_size = drv_load32(p + DRV_BLK_CFG_BLK_SIZE);
	cfg->phys_exp = p[DRV_BLK_CFG_PHYS_EXP];
	cfg->align_offset = p[DRV_BLK_CFG_ALIGN_OFFSET];
	cfg->min_io = drv_load16(p + DRV_BLK_CFG_MIN_IO);
	cfg->opt_io = drv_load32(p + DRV_BLK_CFG_OPT_IO);
	cfg->writeback = p[DRV_BLK_CFG_WRITEBACK];
	cfg->n_queues = drv_load16(p + DRV_BLK_CFG_N_QUEUES);
	cfg->max_discard_sectors =
		drv_load32(p + DRV_BLK_CFG_MAX_DISCARD_SECTORS);
	cfg->max_discard_seg = drv_load32(p + DRV_BLK_CFG_MAX_DISCARD_SEG);
	cfg->discard_align = drv_load32(p + DRV_BLK_CFG_DISCARD_ALIGN);
	cfg->max_zeroes_sectors =
		drv_load32(p + DRV_BLK_CFG_MAX_ZEROES_SECTORS);
	cfg->max_zeroes_seg = drv_load32(p + DRV_BLK_CFG_MAX_ZEROES_SEG);
	cfg->zeroes_may_unmap = p[DRV_BLK_CFG_ZEROES_MAY_UNMAP];
}

int
drv_blk_config(struct drv_virtio *vd, struct drv_blk_config *cfg)
{
	uint8_t p[DRV_BLK_CFG_BYTES];
	int rc = drv_virtio_config_read(vd, 0, p, sizeof(p));

	if (rc == 0)
		drv_blk_config_parse(p, cfg);
	return rc;
}
