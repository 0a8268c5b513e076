// SPDX-License-Identifier: BSD-3-Clause
/* The block device (virtio 1.4, 5.2). */
#include <check.h>
#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "device/disk.h"
#include "devices/devices.h"
#include "suite.h"

#define VERSION_1 DRV_BIT(DRV_F_VERSION_1)
#define FLUSH     DRV_BIT(DRV_BLK_F_FLUSH)
#define WCE       DRV_BIT(DRV_BLK_F_CONFIG_WCE)

#define RWF_DSYNC_ 0x2

static struct disk disk;
static struct drv_blk_result res;

/* ---- the host's disk: has it been told to keep what was written? ---- */

static int n_syncs;

int
fdatasync(int fd)
{
	__atomic_add_fetch(&n_syncs, 1, __ATOMIC_SEQ_CST);
	return (int)syscall(SYS_fdatasync, fd);
}

ssize_t
pwritev2(int fd, const struct iovec *iov, int n, off_t offset, int flags)
{
	if (flags & RWF_DSYNC_)
		__atomic_add_fetch(&n_syncs, 1, __ATOMIC_SEQ_CST);
	return syscall(SYS_pwritev2, fd, iov, n, offset, 0, flags);
}

/* How often since the last call. */
static int
syncs(void)
{
	return __atomic_exchange_n(&n_syncs, 0, __ATOMIC_SEQ_CST);
}

/* ---- what a case begins with ---- */

static void
start(const char *opts, enum drv_face face, uint64_t features)
{
	disk_open(&disk, opts);
	disk_start(&disk, face, features, 1);
	ck_assert_int_eq(
		drv_ram_fill(&disk.ram, disk.buf, 0xc3, DISK_BUF_BYTES), 0);
}

static void
start_all(const char *opts)
{
	start(opts, DRV_MODERN, DISK_ALL_FEATURES);
}

static void
teardown(void)
{
	disk_close(&disk);
}

/* A driver that has looked, and not even said ACKNOWLEDGE. */
static void
look(const char *opts, enum drv_face face)
{
	disk_open(&disk, opts);
	drv_virtio_init(&disk.dev.vd, &disk.dev.pci, face);
}

static uint64_t
offered(void)
{
	uint64_t bits = 0;

	ck_assert_int_eq(drv_virtio_offered(&disk.dev.vd, &bits), 0);
	return bits;
}

static uint8_t
config_byte(uint32_t off)
{
	uint8_t c = 0xee;

	ck_assert_int_eq(drv_virtio_config_read(&disk.dev.vd, off, &c, 1), 0);
	return c;
}

static uint8_t
writeback(void)
{
	return config_byte(DRV_BLK_CFG_WRITEBACK);
}

static void
set_writeback(uint8_t on)
{
	ck_assert_int_eq(drv_virtio_config_write(&disk.dev.vd,
						 DRV_BLK_CFG_WRITEBACK, &on, 1),
			 0);
}

static uint8_t
transfer(uint32_t type, uint64_t sector, uint32_t len)
{
	struct drv_seg seg = { disk.buf, len, type == DRV_BLK_IN };

	ck_assert_int_eq(
		drv_blk_call(&disk.blk, type, sector, &seg, len > 0, &res), 0);
	return res.status;
}

static uint8_t
range(uint32_t type, uint64_t sector, uint32_t n, uint32_t flags)
{
	struct drv_blk_range r = { sector, n, flags };

	ck_assert_int_eq(drv_blk_ranges(&disk.blk, type, &r, 1, &res), 0);
	return res.status;
}

/* ---- 5.2.5 initialisation ---- */

static const char *const all_opts[] = { NULL, "ro", "writethru", "discard" };

START_TEST(spec_blk_init__flush_is_offered_and_config_wce_only_with_it)
{
	look(all_opts[_i], DRV_MODERN);
	ck_assert(offered() & FLUSH);
	ck_assert(offered() & WCE || _i == 1);
}
END_TEST

START_TEST(spec_blk_init__writeback_is_0_without_flush)
{
	start(NULL, DRV_MODERN, VERSION_1 | WCE);
	ck_assert_uint_eq(writeback(), 0);
}
END_TEST

START_TEST(spec_blk_init__padding_is_0)
{
	start_all(all_opts[_i]);
	ck_assert_uint_eq(config_byte(33), 0);
	ck_assert_uint_eq(config_byte(57), 0);
	ck_assert_uint_eq(config_byte(58), 0);
	ck_assert_uint_eq(config_byte(59), 0);
}
END_TEST

/* Not a zoned device: neither the feature nor a value in its fields. */
START_TEST(spec_blk_init__zoned_is_not_offered)
{
	look(NULL, _i ? DRV_LEGACY : DRV_MODERN);
	ck_assert_uint_eq(offered() & DRV_BIT(17), 0);
	for (uint32_t off = 72; off < 96; off++)
		ck_assert_uint_eq(config_byte(off), 0);
}
END_TEST

START_TEST(spec_config_read_early__blk_fields_of_offered_features)
{
	struct drv_blk_config cfg;

	look("discard=2048:4:8,sectorsize=512/4096",
	     _i ? DRV_LEGACY : DRV_MODERN);
	ck_assert_int_eq(drv_blk_config(&disk.dev.vd, &cfg), 0);
	ck_assert_uint_eq(cfg.capacity, DISK_SECTORS);
	ck_assert_uint_gt(cfg.seg_max, 0);
	ck_assert_uint_gt(cfg.size_max, 0);
	ck_assert_uint_eq(cfg.blk_size, 512);
	ck_assert_uint_eq(cfg.phys_exp, 3);
	ck_assert_uint_eq(cfg.max_discard_sectors, 2048);
	ck_assert_uint_eq(cfg.max_discard_seg, 4);
	ck_assert_uint_gt(cfg.max_zeroes_sectors, 0);
	ck_assert_uint_gt(cfg.max_zeroes_seg, 0);
}
END_TEST

START_TEST(spec_pci_layout__halves_of_the_capacity)
{
	uint64_t low = 0, high = 1;

	look(NULL, DRV_MODERN);
	ck_assert_int_eq(
		drv_virtio_read(&disk.dev.vd, DRV_VCAP_DEVICE, 4, 4, &high), 0);
	ck_assert_int_eq(
		drv_virtio_read(&disk.dev.vd, DRV_VCAP_DEVICE, 0, 4, &low), 0);
	ck_assert_uint_eq(high << 32 | low, DISK_SECTORS);
}
END_TEST

/* covers: legacy.pci.discovery */
START_TEST(spec_pci_discovery__block_device_ids)
{
	look(NULL, DRV_MODERN);
	ck_assert_uint_eq(disk.dev.pci.vendor, 0x1af4);
	ck_assert_uint_eq(disk.dev.pci.device, 0x1001);
	ck_assert_uint_eq(disk.dev.pci.revision, 0);
	ck_assert_uint_eq(disk.dev.pci.subsystem, 2);
}
END_TEST

/* ---- legacy initialisation ---- */

START_TEST(spec_legacy_blk_features__neither_barrier_nor_scsi)
{
	look(all_opts[_i], DRV_LEGACY);
	ck_assert_uint_eq(offered() & (DRV_BIT(0) | DRV_BIT(7)), 0);
}
END_TEST

START_TEST(spec_legacy_blk_config__fields_are_the_guests_on_x86)
{
	uint8_t bytes[8], want[8] = { DISK_SECTORS & 0xff, DISK_SECTORS >> 8 };

	look(NULL, DRV_LEGACY);
	for (uint32_t i = 0; i < 8; i++)
		bytes[i] = config_byte(i);
	ck_assert_mem_eq(bytes, want, 8);
}
END_TEST

START_TEST(spec_legacy_blk_init__writeback_before_any_status_bit)
{
	look(NULL, DRV_LEGACY);
	ck_assert_uint_eq(writeback(), 1);
	set_writeback(0);
	ck_assert_uint_eq(writeback(), 0);
	set_writeback(1);
	ck_assert_uint_eq(writeback(), 1);
}
END_TEST

START_TEST(spec_legacy_blk_init__status_bits_leave_the_cache_mode)
{
	struct drv_virtio *vd = &disk.dev.vd;
	static const uint8_t bits[] = { DRV_S_ACKNOWLEDGE, DRV_S_DRIVER,
					DRV_S_DRIVER_OK };

	look(NULL, DRV_LEGACY);
	ck_assert_int_eq(drv_virtio_accept(vd, WCE | FLUSH), 0);
	set_writeback((uint8_t)_i);
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(drv_virtio_add_status(vd, bits[i]), 0);
		ck_assert_uint_eq(writeback(), _i);
	}
}
END_TEST

START_TEST(spec_legacy_blk_init__feature_writes_leave_the_cache_mode)
{
	struct drv_virtio *vd = &disk.dev.vd;

	look(NULL, DRV_LEGACY);
	set_writeback((uint8_t)_i);
	ck_assert_int_eq(drv_virtio_accept(vd, WCE), 0);
	ck_assert_uint_eq(writeback(), _i);
	ck_assert_int_eq(drv_virtio_accept(vd, FLUSH), 0);
	ck_assert_uint_eq(writeback(), _i);
	ck_assert_int_eq(drv_virtio_accept(vd, 0), 0);
	ck_assert_uint_eq(writeback(), _i);
}
END_TEST

/* ---- 5.2.6 operation ---- */

START_TEST(spec_blk_op__capacity_that_changes_is_told)
{
	uint64_t before;

	start_all(NULL);
	before = drv_device_config_irqs(&disk.dev);
	ck_assert_int_eq(truncate(disk.path, 2 * DISK_BYTES), 0);
	dm_virtio_blk.rescan(drv_inproc_dev(disk.bus));
	ck_assert_uint_eq(drv_device_config_irqs(&disk.dev), before + 1);
	ck_assert_uint_eq(config_byte(1), 2 * DISK_SECTORS >> 8);
}
END_TEST

START_TEST(spec_blk_op__write_to_a_read_only_disk)
{
	start_all("ro");
	ck_assert(disk.dev.vd.features & DRV_BIT(DRV_BLK_F_RO));
	ck_assert_uint_eq(transfer(DRV_BLK_OUT, 0, 512), DRV_BLK_S_IOERR);
	ck_assert_uint_eq(transfer(DRV_BLK_OUT, 8, 4096), DRV_BLK_S_IOERR);
	ck_assert(disk_image_is_fresh(&disk, 0, DISK_BYTES));
	disk_stop(&disk); /* offered is what counts, not accepted */
	disk_start(&disk, DRV_LEGACY, 0, 1);
	ck_assert_uint_eq(transfer(DRV_BLK_OUT, 0, 512), DRV_BLK_S_IOERR);
	ck_assert(disk_image_is_fresh(&disk, 0, DISK_BYTES));
}
END_TEST

START_TEST(spec_blk_op__unknown_flags_are_unsupported)
{
	static const uint32_t types[] = { DRV_BLK_DISCARD, DRV_BLK_WRITE_ZEROES,
					  DRV_BLK_SECURE_ERASE };

	start_all("discard");
	for (uint32_t bit = 2; bit != 0; bit <<= 1) {
		ck_assert_uint_eq(range(types[_i], 0, 8, bit),
				  DRV_BLK_S_UNSUPP);
		ck_assert_uint_eq(range(types[_i], 0, 8, bit | 1),
				  DRV_BLK_S_UNSUPP);
	}
	ck_assert(disk_image_is_fresh(&disk, 0, DISK_BYTES));
}
END_TEST

START_TEST(spec_blk_op__discard_with_unmap_is_unsupported)
{
	start_all("discard");
	ck_assert_uint_eq(range(DRV_BLK_DISCARD, 0, 8, DRV_BLK_RANGE_UNMAP),
			  DRV_BLK_S_UNSUPP);
	ck_assert(disk_image_is_fresh(&disk, 0, DISK_BYTES));
	ck_assert_uint_eq(range(DRV_BLK_DISCARD, 0, 8, 0), DRV_BLK_S_OK);
	ck_assert(disk_image_is_fresh(&disk, 4096, DISK_BYTES - 4096));
}
END_TEST

START_TEST(spec_blk_op__zeroes_read_back_whether_unmapped_or_not)
{
	const char *opts = _i & 1 ? "discard" : NULL;
	uint32_t flags = _i & 2 ? DRV_BLK_RANGE_UNMAP : 0;

	start_all(opts);
	ck_assert_uint_eq(range(DRV_BLK_WRITE_ZEROES, 3, 21, flags),
			  DRV_BLK_S_OK);
	ck_assert_uint_eq(transfer(DRV_BLK_IN, 3, 21 * 512), DRV_BLK_S_OK);
	ck_assert(disk_ram_is(&disk, disk.buf, 21 * 512, 0));
	ck_assert_uint_eq(transfer(DRV_BLK_IN, 24, 512), DRV_BLK_S_OK);
	ck_assert(disk_ram_is_fresh(&disk, disk.buf, 24 * 512, 512));
	ck_assert(disk_image_is_fresh(&disk, 0, 3 * 512));
}
END_TEST

START_TEST(spec_blk_op__may_unmap_only_if_it_can)
{
	look(_i ? "discard" : NULL, DRV_MODERN);
	ck_assert_uint_eq(config_byte(DRV_BLK_CFG_ZEROES_MAY_UNMAP), _i);
}
END_TEST

/* Not zoned, no lifetime, no secure erase: their requests say so. */
START_TEST(spec_blk_op__requests_of_features_not_offered)
{
	static const uint32_t types[] = { 15,
					  16,
					  18,
					  20,
					  22,
					  24,
					  26,
					  DRV_BLK_GET_LIFETIME,
					  DRV_BLK_SECURE_ERASE };

	start_all("discard");
	ck_assert_uint_eq(disk.dev.vd.features &
				  (DRV_BIT(DRV_BLK_F_LIFETIME) |
				   DRV_BIT(DRV_BLK_F_SECURE_ERASE)),
			  0);
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		ck_assert_uint_eq(transfer(types[i], 0, 0), DRV_BLK_S_UNSUPP);
		ck_assert_uint_eq(transfer(types[i], 0, 512), DRV_BLK_S_UNSUPP);
	}
	ck_assert(disk_image_is_fresh(&disk, 0, DISK_BYTES));
}
END_TEST

/* Neither feature was negotiated: a completed write is stable. */
START_TEST(spec_blk_op__writes_are_stable_without_flush_and_config_wce)
{
	start("aio=threads", _i ? DRV_LEGACY : DRV_MODERN, VERSION_1);
	(void)syncs();
	ck_assert_uint_eq(transfer(DRV_BLK_OUT, 0, 512), DRV_BLK_S_OK);
	ck_assert_int_ge(syncs(), 1);
	ck_assert(disk_image_is(&disk, 0, 512, 0xc3));
}
END_TEST

START_TEST(spec_blk_op__writes_are_stable_while_writeback_is_0)
{
	start("aio=threads", DRV_MODERN,
	      VERSION_1 | WCE | FLUSH | DRV_BIT(DRV_BLK_F_WRITE_ZEROES));
	(void)syncs();
	ck_assert_uint_eq(transfer(DRV_BLK_OUT, 0, 512), DRV_BLK_S_OK);
	ck_assert_int_eq(syncs(), 0);
	set_writeback(0);
	ck_assert_uint_eq(transfer(DRV_BLK_OUT, 8, 512), DRV_BLK_S_OK);
	ck_assert_int_ge(syncs(), 1);
	ck_assert_uint_eq(range(DRV_BLK_WRITE_ZEROES, 16, 8, 0), DRV_BLK_S_OK);
	ck_assert_int_ge(syncs(), 1);
	set_writeback(1);
	ck_assert_uint_eq(transfer(DRV_BLK_OUT, 0, 512), DRV_BLK_S_OK);
	ck_assert_int_eq(syncs(), 0);
}
END_TEST

START_TEST(spec_blk_op__flush_makes_writes_stable)
{
	start("aio=threads", DRV_MODERN, VERSION_1 | FLUSH);
	(void)syncs();
	ck_assert_uint_eq(transfer(DRV_BLK_OUT, 0, 4096), DRV_BLK_S_OK);
	ck_assert_int_eq(syncs(), 0);
	ck_assert_uint_eq(transfer(DRV_BLK_FLUSH, 0, 0), DRV_BLK_S_OK);
	ck_assert_int_ge(syncs(), 1);
	ck_assert(disk_image_is(&disk, 0, 4096, 0xc3));
}
END_TEST

/* The status byte counts if what lies before it has been written. */
START_TEST(spec_vq_split_used_ring__blk_length_has_no_gap)
{
	struct drv_seg seg;

	start_all("serial=x");
	ck_assert_uint_eq(transfer(DRV_BLK_IN, 0, 1024), DRV_BLK_S_OK);
	ck_assert_uint_eq(res.used_len, 1025);
	ck_assert_uint_eq(transfer(DRV_BLK_OUT, 0, 1024), DRV_BLK_S_OK);
	ck_assert_uint_eq(res.used_len, 1);
	ck_assert_uint_eq(transfer(DRV_BLK_IN, DISK_SECTORS, 512),
			  DRV_BLK_S_IOERR);
	ck_assert_uint_eq(res.used_len, 0);
	seg = (struct drv_seg){ disk.buf, 512, true };
	ck_assert_int_eq(
		drv_blk_call(&disk.blk, DRV_BLK_GET_ID, 0, &seg, 1, &res), 0);
	ck_assert_uint_eq(res.used_len, 20);
	seg.gpa = 0x1000; /* no RAM there */
	ck_assert_int_eq(drv_blk_call(&disk.blk, DRV_BLK_IN, 0, &seg, 1, &res),
			 0);
	ck_assert_uint_eq(res.status, DRV_BLK_S_IOERR);
	ck_assert_uint_eq(res.used_len, 0);
}
END_TEST

/* ---- legacy operation ---- */

START_TEST(spec_legacy_blk_op__flush_out_is_a_flush)
{
	start("aio=threads", DRV_LEGACY, FLUSH);
	ck_assert_uint_eq(transfer(DRV_BLK_OUT, 0, 512), DRV_BLK_S_OK);
	(void)syncs();
	ck_assert_uint_eq(transfer(5, 0, 0), DRV_BLK_S_OK);
	ck_assert_int_ge(syncs(), 1);
}
END_TEST

START_TEST(spec_legacy_blk_op__scsi_commands_and_barriers_are_unsupported)
{
	start(NULL, DRV_LEGACY, 0);
	ck_assert_uint_eq(transfer(2, 0, 512), DRV_BLK_S_UNSUPP);
	ck_assert_uint_eq(transfer(3, 0, 512), DRV_BLK_S_UNSUPP);
	ck_assert_uint_eq(transfer(0x80000000, 0, 512), DRV_BLK_S_UNSUPP);
	ck_assert(disk_image_is_fresh(&disk, 0, DISK_BYTES));
}
END_TEST

START_TEST(spec_legacy_blk_op__request_is_in_the_guests_order_on_x86)
{
	start(NULL, DRV_LEGACY, 0);
	ck_assert_uint_eq(transfer(DRV_BLK_IN, 0x102, 512), DRV_BLK_S_OK);
	ck_assert(disk_ram_is_fresh(&disk, disk.buf, 0x102 * 512, 512));
	ck_assert_uint_eq(transfer(DRV_BLK_OUT, 0x203, 512), DRV_BLK_S_OK);
	ck_assert(disk_image_is_fresh(&disk, 0, 0x203 * 512));
	ck_assert(!disk_image_is_fresh(&disk, 0x203 * 512, 512));
}
END_TEST

/* Header, data, status, each in descriptors of its own. */
START_TEST(spec_legacy_blk_framing__served_without_any_layout)
{
	struct drv_seg segs[3];

	start(NULL, DRV_LEGACY, 0);
	for (uint64_t i = 0; i < 3; i++)
		segs[i] = (struct drv_seg){ disk.buf + i * 512, 512, true };
	ck_assert_int_eq(drv_blk_call(&disk.blk, DRV_BLK_IN, 7, segs, 3, &res),
			 0);
	ck_assert_uint_eq(res.status, DRV_BLK_S_OK);
	ck_assert(disk_ram_is_fresh(&disk, disk.buf, 7 * 512, 3 * 512));
}
END_TEST

static TCase *
add_case(Suite *s, const char *name)
{
	TCase *tc = tcase_create(name);

	tcase_add_checked_fixture(tc, NULL, teardown);
	tcase_set_timeout(tc, 60);
	suite_add_tcase(s, tc);
	return tc;
}

static void
add_initialisation(Suite *s)
{
	TCase *tc = add_case(s, "initialisation");

	tcase_add_loop_test(
		tc, spec_blk_init__flush_is_offered_and_config_wce_only_with_it,
		0, 4);
	tcase_add_test(tc, spec_blk_init__writeback_is_0_without_flush);
	tcase_add_loop_test(tc, spec_blk_init__padding_is_0, 0, 4);
	tcase_add_loop_test(tc, spec_blk_init__zoned_is_not_offered, 0, 2);
	tcase_add_loop_test(
		tc, spec_config_read_early__blk_fields_of_offered_features, 0,
		2);
	tcase_add_test(tc, spec_pci_layout__halves_of_the_capacity);
	tcase_add_test(tc, spec_pci_discovery__block_device_ids);
	tcase_add_loop_test(
		tc, spec_legacy_blk_features__neither_barrier_nor_scsi, 0, 4);
	tcase_add_test(tc,
		       spec_legacy_blk_config__fields_are_the_guests_on_x86);
	tcase_add_test(tc,
		       spec_legacy_blk_init__writeback_before_any_status_bit);
	tcase_add_loop_test(
		tc, spec_legacy_blk_init__status_bits_leave_the_cache_mode, 0,
		2);
	tcase_add_loop_test(
		tc, spec_legacy_blk_init__feature_writes_leave_the_cache_mode,
		0, 2);
}

static void
add_operation(Suite *s)
{
	TCase *tc = add_case(s, "operation");

	tcase_add_test(tc, spec_blk_op__capacity_that_changes_is_told);
	tcase_add_test(tc, spec_blk_op__write_to_a_read_only_disk);
	tcase_add_loop_test(tc, spec_blk_op__unknown_flags_are_unsupported, 0,
			    3);
	tcase_add_test(tc, spec_blk_op__discard_with_unmap_is_unsupported);
	tcase_add_loop_test(
		tc, spec_blk_op__zeroes_read_back_whether_unmapped_or_not, 0,
		4);
	tcase_add_loop_test(tc, spec_blk_op__may_unmap_only_if_it_can, 0, 2);
	tcase_add_test(tc, spec_blk_op__requests_of_features_not_offered);
	tcase_add_loop_test(
		tc, spec_blk_op__writes_are_stable_without_flush_and_config_wce,
		0, 2);
	tcase_add_test(tc, spec_blk_op__writes_are_stable_while_writeback_is_0);
	tcase_add_test(tc, spec_blk_op__flush_makes_writes_stable);
	tcase_add_test(tc, spec_vq_split_used_ring__blk_length_has_no_gap);
	tcase_add_test(tc, spec_legacy_blk_op__flush_out_is_a_flush);
	tcase_add_test(
		tc,
		spec_legacy_blk_op__scsi_commands_and_barriers_are_unsupported);
	tcase_add_test(
		tc, spec_legacy_blk_op__request_is_in_the_guests_order_on_x86);
	tcase_add_test(tc, spec_legacy_blk_framing__served_without_any_layout);
}

int
main(void)
{
	Suite *s = suite_create("spec/blk");

	add_initialisation(s);
	add_operation(s);
	return suite_run(s);
}
