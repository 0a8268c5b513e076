// SPDX-License-Identifier: BSD-3-Clause
/* The driver side against trivial peers of its own: what libvbs never sees. */
#include <check.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "driver/bytes.h"
#include "driver/pci.h"
#include "driver/ram.h"
#include "driver/split.h"
#include "driver/vfio-user.h"

#define QSIZE 8

static struct drv_ram ram;
static struct drv_split ring;

static void
setup_ring(void)
{
	drv_ram_init(&ram);
	ck_assert_int_eq(drv_ram_add(&ram, 0x100000, 0x40000, DRV_RAM_HEAP), 0);
	ck_assert_int_eq(drv_split_init(&ring, &ram, QSIZE), 0);
}

static void
teardown_ring(void)
{
	drv_split_deinit(&ring);
	drv_ram_deinit(&ram);
}

/* ---- guest RAM ---- */

START_TEST(ram_add_overlap_or_wrap_is_refused)
{
	struct drv_ram r;

	drv_ram_init(&r);
	ck_assert_int_eq(drv_ram_add(&r, 0x10000, 0x1000, DRV_RAM_HEAP), 0);
	ck_assert_int_eq(drv_ram_add(&r, 0x10fff, 0x1000, DRV_RAM_HEAP),
			 -EEXIST);
	ck_assert_int_eq(drv_ram_add(&r, 0xf000, 0x1001, DRV_RAM_HEAP),
			 -EEXIST);
	ck_assert_int_eq(drv_ram_add(&r, 0x20000, 0, DRV_RAM_HEAP), -EINVAL);
	ck_assert_int_eq(
		drv_ram_add(&r, UINT64_MAX - 0xffe, 0x1000, DRV_RAM_HEAP),
		-EINVAL);
	ck_assert_int_eq(
		drv_ram_add(&r, UINT64_MAX - 0xfff, 0x1000, DRV_RAM_HEAP), 1);
	drv_ram_deinit(&r);
}
END_TEST

START_TEST(ram_adjacent_regions_copy_but_give_no_pointer)
{
	struct drv_ram r;
	uint8_t in[32], out[32];

	drv_ram_init(&r);
	for (int i = 0; i < 32; i++)
		in[i] = (uint8_t)i;
	ck_assert_int_eq(drv_ram_add(&r, 0x1000, 0x1000, DRV_RAM_MEMFD), 0);
	ck_assert_int_eq(drv_ram_add(&r, 0x2000, 0x1000, DRV_RAM_HEAP), 1);
	ck_assert_int_eq(drv_ram_write(&r, 0x1ff0, in, 32), 0);
	ck_assert_int_eq(drv_ram_read(&r, 0x1ff0, out, 32), 0);
	ck_assert_mem_eq(in, out, 32);
	ck_assert_ptr_null(drv_ram_ptr(&r, 0x1ff0, 32));
	ck_assert_ptr_nonnull(drv_ram_ptr(&r, 0x1ff0, 16));
	ck_assert_int_eq(drv_ram_write(&r, 0x2ff0, in, 17), -EFAULT);
	ck_assert_int_eq(drv_ram_del(&r, 1), 0);
	ck_assert_int_eq(drv_ram_read(&r, 0x1ff0, out, 32), -EFAULT);
	drv_ram_deinit(&r);
}
END_TEST

START_TEST(ram_alloc_aligns_and_gives_back)
{
	struct drv_ram r;
	struct drv_ram_mark mark;
	uint64_t a, b;

	drv_ram_init(&r);
	ck_assert_int_eq(drv_ram_add(&r, 0, 0x4000, DRV_RAM_HEAP), 0);
	a = drv_ram_alloc(&r, 10, 1);
	ck_assert_uint_eq(a, 0x1000);
	drv_ram_mark(&r, &mark);
	b = drv_ram_alloc(&r, 0x1000, 0x1000);
	ck_assert_uint_eq(b, 0x2000);
	ck_assert_uint_eq(drv_ram_alloc(&r, 0x2000, 1), 0);
	drv_ram_release(&r, &mark);
	ck_assert_uint_eq(drv_ram_alloc(&r, 0x1000, 0x1000), b);
	drv_ram_deinit(&r);
}
END_TEST

/* ---- split ring: layout and chains ---- */

START_TEST(split_legacy_layout_is_the_one_of_2_7_2)
{
	struct drv_split s;

	ck_assert_uint_eq(drv_split_legacy_bytes(256, 4096), 3 * 4096);
	ck_assert_int_eq(drv_split_init_legacy(&s, &ram, 256, 4096), 0);
	ck_assert_uint_eq(s.desc_gpa % 4096, 0);
	ck_assert_uint_eq(s.avail_gpa, s.desc_gpa + 4096);
	ck_assert_uint_eq(s.used_gpa, s.desc_gpa + 8192);
	drv_split_deinit(&s);
}
END_TEST

START_TEST(split_add_links_descriptors)
{
	struct drv_seg segs[] = {
		{ 0x1111, 16, false },
		{ 0x2222, 512, true },
		{ 0x3333, 1, true },
	};
	struct drv_desc d;

	ck_assert_int_eq(drv_split_add(&ring, segs, 3, NULL), 0);
	d = drv_split_raw_get_desc(&ring, 0);
	ck_assert_uint_eq(d.addr, 0x1111);
	ck_assert_uint_eq(d.flags, DRV_DESC_NEXT);
	d = drv_split_raw_get_desc(&ring, d.next);
	ck_assert_uint_eq(d.len, 512);
	ck_assert_uint_eq(d.flags, DRV_DESC_NEXT | DRV_DESC_WRITE);
	d = drv_split_raw_get_desc(&ring, d.next);
	ck_assert_uint_eq(d.addr, 0x3333);
	ck_assert_uint_eq(d.flags, DRV_DESC_WRITE);
	ck_assert_uint_eq(drv_split_raw_get_avail_idx(&ring), 0);
	drv_split_publish(&ring);
	ck_assert_uint_eq(drv_split_raw_get_avail_idx(&ring), 1);
}
END_TEST

START_TEST(split_add_full_ring_is_enospc)
{
	struct drv_seg segs[QSIZE + 1] = { { 0x1000, 1, true } };

	ck_assert_int_eq(drv_split_add(&ring, segs, 0, NULL), -EINVAL);
	ck_assert_int_eq(drv_split_add(&ring, segs, QSIZE + 1, NULL), -ENOSPC);
	ck_assert_int_ge(drv_split_add(&ring, segs, QSIZE, NULL), 0);
	ck_assert_int_eq(drv_split_add(&ring, segs, 1, NULL), -ENOSPC);
	ck_assert_int_eq(drv_split_add_indirect(&ring, segs, 1, NULL), -ENOSPC);
}
END_TEST

/* ---- split ring: a consumer that knows only guest memory ---- */

static uint16_t echo_avail, echo_used;

/* Bytes that the chain at head may be written, walked with own arithmetic. */
static uint32_t
echo_room(const uint8_t *table, uint16_t i)
{
	uint32_t sum = 0;

	for (int left = 64; left > 0; left--) {
		uint64_t addr = drv_load64(table + 16 * i);
		uint32_t len = drv_load32(table + 16 * i + 8);
		uint16_t flags = drv_load16(table + 16 * i + 12);

		if (flags & DRV_DESC_INDIRECT)
			return sum + echo_room(drv_ram_ptr(&ram, addr, len), 0);
		if (flags & DRV_DESC_WRITE)
			sum += len;
		if (!(flags & DRV_DESC_NEXT))
			return sum;
		i = drv_load16(table + 16 * i + 14);
	}
	ck_abort_msg("a loop");
	return 0;
}

static void
echo_return(uint16_t head, uint32_t len)
{
	uint8_t *used = drv_ram_ptr(&ram, ring.used_gpa, 6 + 8 * QSIZE);

	drv_store32(used + 4 + 8 * (echo_used % QSIZE), head);
	drv_store32(used + 8 + 8 * (echo_used % QSIZE), len);
	drv_store16(used + 2, ++echo_used);
}

/* Take the next head, or return -1. */
static int
echo_take(void)
{
	const uint8_t *avail = drv_ram_ptr(&ram, ring.avail_gpa, 6 + 2 * QSIZE);

	if (drv_load16(avail + 2) == echo_avail)
		return -1;
	return drv_load16(avail + 4 + 2 * (echo_avail++ % QSIZE));
}

static void
echo_all(void)
{
	const uint8_t *desc = drv_ram_ptr(&ram, ring.desc_gpa, 16 * QSIZE);

	for (int head = echo_take(); head >= 0; head = echo_take())
		echo_return((uint16_t)head, echo_room(desc, (uint16_t)head));
}

static void
setup_echo(void)
{
	setup_ring();
	echo_avail = 0;
	echo_used = 0;
}

START_TEST(split_survives_two_wraps_of_the_indices)
{
	struct drv_seg segs[] = {
		{ 0x101000, 16, false },
		{ 0x102000, 100, true },
	};
	struct drv_used u;
	int cookie;

	for (int i = 0; i < 2 * 65536 + 5; i++) {
		int rc = i & 1 ? drv_split_add_indirect(&ring, segs, 2, &cookie)
			       : drv_split_add(&ring, segs, 2, &cookie);

		ck_assert_int_ge(rc, 0);
		drv_split_publish(&ring);
		ck_assert(!drv_split_has_used(&ring));
		echo_all();
		ck_assert_int_eq(drv_split_reap(&ring, &u), 1);
		ck_assert_uint_eq(u.len, 100);
		ck_assert_ptr_eq(u.cookie, &cookie);
		ck_assert_int_eq(drv_split_reap(&ring, &u), 0);
	}
	ck_assert_uint_eq(ring.n_free, QSIZE);
}
END_TEST

START_TEST(split_out_of_order_frees_every_descriptor)
{
	struct drv_seg seg[2] = { { 0x1000, 1, false }, { 0x1000, 1, true } };
	struct drv_used u;

	for (int round = 0; round < 50; round++) {
		int heads[4];

		for (int i = 0; i < 4; i++)
			ck_assert_int_ge(drv_split_add(&ring, seg, 2, NULL), 0);
		drv_split_publish(&ring);
		for (int i = 0; i < 4; i++)
			heads[i] = echo_take();
		for (int i = 0; i < 4; i++)
			echo_return((uint16_t)heads[(i * 3 + round) % 4], 1);
		for (int i = 0; i < 4; i++)
			ck_assert_int_eq(drv_split_reap(&ring, &u), 1);
		ck_assert_uint_eq(ring.n_free, QSIZE);
		ck_assert_uint_eq(drv_split_in_flight(&ring), 0);
	}
}
END_TEST

START_TEST(split_reap_unknown_id_is_eproto)
{
	struct drv_seg seg = { 0x1000, 10, true };
	struct drv_used u;
	int head = drv_split_add(&ring, &seg, 1, NULL);

	drv_split_publish(&ring);
	drv_split_raw_used(&ring, 0, (uint32_t)head + 1, 0);
	drv_split_raw_used_idx(&ring, 1);
	ck_assert_int_eq(drv_split_reap(&ring, &u), -EPROTO);
	drv_split_raw_used(&ring, 0, QSIZE, 0);
	ck_assert_int_eq(drv_split_reap(&ring, &u), -EPROTO);
	drv_split_raw_used(&ring, 0, (uint32_t)head, 0);
	ck_assert_int_eq(drv_split_reap(&ring, &u), 1);
	drv_split_raw_used_idx(&ring, 2);
	ck_assert_int_eq(drv_split_reap(&ring, &u), -EPROTO);
}
END_TEST

START_TEST(split_reap_length_beyond_the_buffer_is_eoverflow)
{
	struct drv_seg segs[] = { { 0x1000, 50, false }, { 0x1000, 10, true } };
	struct drv_used u;
	int head = drv_split_add(&ring, segs, 2, NULL);

	drv_split_publish(&ring);
	echo_return((uint16_t)head, 11);
	ck_assert_int_eq(drv_split_reap(&ring, &u), -EOVERFLOW);
	ck_assert_uint_eq(u.len, 11);
	ck_assert_uint_eq(ring.n_free, QSIZE);
}
END_TEST

/* ---- split ring: notifications ---- */

static void
add_some(int n)
{
	struct drv_seg seg = { 0x1000, 1, true };
	struct drv_used u;

	for (int i = 0; i < n; i++)
		ck_assert_int_ge(drv_split_add(&ring, &seg, 1, NULL), 0);
	drv_split_publish(&ring);
	echo_all();
	while (drv_split_reap(&ring, &u) == 1)
		;
}

START_TEST(split_kick_follows_no_notify)
{
	ck_assert(!drv_split_kick_needed(&ring));
	add_some(1);
	ck_assert(drv_split_kick_needed(&ring));
	ck_assert(!drv_split_kick_needed(&ring));
	drv_split_raw_used_flags(&ring, DRV_USED_NO_NOTIFY);
	add_some(1);
	ck_assert(!drv_split_kick_needed(&ring));
}
END_TEST

START_TEST(split_kick_follows_avail_event)
{
	uint8_t *event = (uint8_t *)ring.used + 4 + 8 * QSIZE;

	ring.event_idx = true;
	drv_store16(event, 1);
	add_some(1); /* idx 0 -> 1: entry 0 is not the one */
	ck_assert(!drv_split_kick_needed(&ring));
	add_some(3); /* 1 -> 4 passes entry 1 */
	ck_assert(drv_split_kick_needed(&ring));
	for (int i = 4; i < 65535; i++)
		add_some(1);
	(void)drv_split_kick_needed(&ring);
	drv_store16(event, 0);
	add_some(1); /* entry 65535 */
	ck_assert(!drv_split_kick_needed(&ring));
	add_some(1); /* entry 0 of the next lap */
	ck_assert(drv_split_kick_needed(&ring));
}
END_TEST

START_TEST(split_interrupts_write_flag_or_event)
{
	const uint8_t *avail = ring.avail;

	drv_split_interrupts(&ring, false);
	ck_assert_uint_eq(drv_load16(avail), DRV_AVAIL_NO_INTERRUPT);
	drv_split_interrupts(&ring, true);
	ck_assert_uint_eq(drv_load16(avail), 0);
	ring.event_idx = true;
	add_some(2);
	drv_split_interrupts(&ring, true);
	ck_assert_uint_eq(drv_load16(avail + 4 + 2 * QSIZE), 2);
	drv_split_interrupts(&ring, false);
	ck_assert_uint_eq(drv_load16(avail + 4 + 2 * QSIZE), 1);
}
END_TEST

/* ---- PCI: a function that is nothing but configuration space ---- */

struct fake_bus {
	struct drv_bus bus; /* first */
	uint8_t cfg[256];
	uint32_t sizes[DRV_N_BARS]; /* writable bits of each BAR */
};

static int
fake_read(struct drv_bus *bus, uint32_t off, uint32_t size, uint32_t *val)
{
	struct fake_bus *fb = (struct fake_bus *)(void *)bus;

	*val = 0;
	memcpy(val, fb->cfg + off, size);
	return 0;
}

static int
fake_write(struct drv_bus *bus, uint32_t off, uint32_t size, uint32_t val)
{
	struct fake_bus *fb = (struct fake_bus *)(void *)bus;

	if (off >= 0x10 && off < 0x28) {
		uint8_t *reg = fb->cfg + off;
		uint32_t mask = fb->sizes[(off - 0x10) / 4];

		drv_store32(reg, (val & mask) | (drv_load32(reg) & ~mask));
		return 0;
	}
	memcpy(fb->cfg + off, &val, size);
	return 0;
}

static int
fake_run(struct drv_bus *bus, int timeout_ms)
{
	(void)timeout_ms;
	drv_bus_count_irq(bus, DRV_IRQ_MSIX, 3, 1);
	return 0;
}

static const struct drv_bus_ops fake_ops = {
	.cfg_read = fake_read,
	.cfg_write = fake_write,
	.run = fake_run,
};

static void
fake_init(struct fake_bus *fb)
{
	memset(fb, 0, sizeof(*fb));
	fb->bus.ops = &fake_ops;
	drv_store16(fb->cfg, 0x1af4);
	drv_store16(fb->cfg + 2, 0x1001);
	fb->sizes[0] = 0xffffffe0; /* I/O, 32 bytes */
	fb->cfg[0x10] = 1;
	fb->sizes[1] = 0xfffff000; /* memory, 4 KiB */
	fb->sizes[4] = 0xffffc000; /* 64-bit, 16 KiB */
	fb->sizes[5] = 0xffffffff;
	fb->cfg[0x20] = 0x0c;
	fb->cfg[6] = DRV_PCI_STATUS_CAPS;
	fb->cfg[0x34] = 0x40;
}

START_TEST(pci_probe_sizes_bars_and_walks_capabilities)
{
	static const uint8_t caps[] = {
		0x11, 0x50, 0x01, 0x00, 0x01, 0, 0, 0,
		0x01, 0x08, 0,    0, /* 2 vectors */
		0,    0,    0,    0, /* to 0x50 */
		0x09, 0x00, 20,   2,    4,    0, 0, 0,
		0,    0x30, 0,    0, /* notify */
		0,    0x10, 0,    0,    4,    0, 0, 0,
	};
	struct fake_bus fb;
	struct drv_pci pci;

	fake_init(&fb);
	memcpy(fb.cfg + 0x40, caps, sizeof(caps));
	ck_assert_int_eq(drv_pci_probe(&pci, &fb.bus), 0);
	ck_assert_uint_eq(pci.bars[0].type, DRV_BAR_IO);
	ck_assert_uint_eq(pci.bars[0].size, 32);
	ck_assert_uint_eq(pci.bars[1].size, 4096);
	ck_assert_uint_eq(pci.bars[2].type, DRV_BAR_NONE);
	ck_assert_uint_eq(pci.bars[4].type, DRV_BAR_MEM64);
	ck_assert_uint_eq(pci.bars[4].size, 16384);
	ck_assert(pci.bars[4].prefetch);
	ck_assert_uint_eq(pci.msix.n, 2);
	ck_assert_uint_eq(pci.msix.pba_off, 0x800);
	ck_assert_uint_eq(pci.vcaps[DRV_VCAP_NOTIFY].offset, 0x3000);
	ck_assert_uint_eq(pci.vcaps[DRV_VCAP_NOTIFY].multiplier, 4);
	ck_assert_uint_eq(fb.bus.io_bars, 1);

	ck_assert_int_eq(drv_pci_assign(&pci), 0);
	ck_assert_uint_eq(drv_load32(fb.cfg + 0x10), 0xc001);
	ck_assert_uint_eq(drv_load32(fb.cfg + 0x24), 8);
	ck_assert_uint_eq(fb.cfg[4], 7);
}
END_TEST

START_TEST(pci_probe_looping_capabilities_is_eproto)
{
	struct fake_bus fb;
	struct drv_pci pci;

	fake_init(&fb);
	fb.cfg[0x40] = 1;
	fb.cfg[0x41] = 0x40;
	ck_assert_int_eq(drv_pci_probe(&pci, &fb.bus), -EPROTO);
}
END_TEST

START_TEST(bus_wait_counts_and_times_out)
{
	struct fake_bus fb;

	fake_init(&fb);
	ck_assert_int_eq(drv_bus_wait_irq(&fb.bus, DRV_IRQ_MSIX, 3, 5, 1000),
			 0);
	ck_assert_uint_ge(drv_bus_irqs(&fb.bus, DRV_IRQ_MSIX, 3), 5);
	ck_assert_int_eq(drv_bus_wait_irq(&fb.bus, DRV_IRQ_MSIX, 4, 1, 5),
			 -ETIMEDOUT);
}
END_TEST

/* ---- vfio-user: a server that is a script ---- */

/* Answer one command by echoing its header, after a DMA_READ of our own. */
static void *
serve_one(void *arg)
{
	int fd = *(const int *)arg;
	uint8_t buf[256];
	struct drv_vfu_hdr hdr, dma = { 7, DRV_VFU_DMA_READ, 32, 0, 0 };
	struct drv_vfu_dma_access acc = { 0x100010, 4 };
	uint8_t cmd[32];
	int fds[DRV_VFU_MAX_FDS], n = 0;
	ssize_t len;

	len = drv_vfu_recv(fd, buf, sizeof(buf), fds, &n, 5000);
	ck_assert_int_eq(len, 16 + 32);
	ck_assert_int_eq(n, 1);
	(void)close(fds[0]);
	memcpy(&hdr, buf, sizeof(hdr));

	memcpy(cmd, &dma, sizeof(dma));
	memcpy(cmd + sizeof(dma), &acc, sizeof(acc));
	ck_assert_int_eq(drv_socket_send(fd, cmd, sizeof(cmd), NULL, 0), 0);
	len = drv_vfu_recv(fd, buf, sizeof(buf), NULL, NULL, 5000);
	ck_assert_int_eq(len, 36);
	ck_assert_mem_eq(buf + 32, "abcd", 4);

	hdr.size = 16;
	hdr.flags = DRV_VFU_F_REPLY | DRV_VFU_F_ERROR;
	hdr.error = EEXIST;
	ck_assert_int_eq(drv_socket_send(fd, &hdr, 16, NULL, 0), 0);
	(void)close(fd);
	return NULL;
}

START_TEST(vfio_user_call_carries_fds_serves_dma_and_gets_errno)
{
	struct drv_vfu vfu;
	int sv[2], memfd = eventfd(0, EFD_CLOEXEC);
	pthread_t thr;

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, sv), 0);
	ck_assert_int_eq(drv_vfu_init(&vfu, sv[0]), 0);
	vfu.ram = &ram;
	ck_assert_int_eq(drv_ram_write(&ram, 0x100010, "abcd", 4), 0);
	ck_assert_int_eq(pthread_create(&thr, NULL, serve_one, &sv[1]), 0);
	ck_assert_int_eq(drv_vfu_dma_map(&vfu, 0, 0x1000, 3, memfd, 0),
			 -EEXIST);
	ck_assert_int_eq(vfu.n_dma_reads, 1);
	ck_assert_int_eq(pthread_join(thr, NULL), 0);
	ck_assert(drv_socket_is_closed(sv[0], 1000));
	ck_assert_int_eq(drv_vfu_reset(&vfu), -ECONNRESET);
	drv_vfu_deinit(&vfu);
	(void)close(memfd);
}
END_TEST

static Suite *
driver_suite(void)
{
	Suite *s = suite_create("driver");
	TCase *tc = tcase_create("ram");

	tcase_add_test(tc, ram_add_overlap_or_wrap_is_refused);
	tcase_add_test(tc, ram_adjacent_regions_copy_but_give_no_pointer);
	tcase_add_test(tc, ram_alloc_aligns_and_gives_back);
	suite_add_tcase(s, tc);

	tc = tcase_create("split");
	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup_echo, teardown_ring);
	tcase_add_test(tc, split_legacy_layout_is_the_one_of_2_7_2);
	tcase_add_test(tc, split_add_links_descriptors);
	tcase_add_test(tc, split_add_full_ring_is_enospc);
	tcase_add_test(tc, split_survives_two_wraps_of_the_indices);
	tcase_add_test(tc, split_out_of_order_frees_every_descriptor);
	tcase_add_test(tc, split_reap_unknown_id_is_eproto);
	tcase_add_test(tc, split_reap_length_beyond_the_buffer_is_eoverflow);
	tcase_add_test(tc, split_kick_follows_no_notify);
	tcase_add_test(tc, split_kick_follows_avail_event);
	tcase_add_test(tc, split_interrupts_write_flag_or_event);
	suite_add_tcase(s, tc);

	tc = tcase_create("carriers");
	tcase_add_checked_fixture(tc, setup_ring, teardown_ring);
	tcase_add_test(tc, pci_probe_sizes_bars_and_walks_capabilities);
	tcase_add_test(tc, pci_probe_looping_capabilities_is_eproto);
	tcase_add_test(tc, bus_wait_counts_and_times_out);
	tcase_add_test(tc,
		       vfio_user_call_carries_fds_serves_dma_and_gets_errno);
	suite_add_tcase(s, tc);
	return s;
}

int
main(void)
{
	SRunner *sr = srunner_create(driver_suite());
	int failed;

	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
