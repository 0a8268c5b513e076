// SPDX-License-Identifier: BSD-3-Clause
/*
 * vfio-user server: a virtio device behind it, and the three ways of a kick: a
 * message, an eventfd, a page that nobody looks at, as the queues are.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include <event2/event.h>

#include "device/loop.h"
#include "driver/device.h"
#include "host/served.h"
#include "suite.h"

#define NOTIFY_BAR    4
#define NOTIFY_OFFSET 0x3000u
#define IO_FD_SIZE    40u
#define RAM_GPA       0x100000
#define RAM_SIZE      0x100000

#define PAGE VBS_VFIO_USER_DOORBELL_PAGE

/* Not at all, a moment, and longer than a round trip. */
static const uint32_t how_long[] = { 0, 1, 20000 };

static struct served served;
static struct drv_ram ram;
static struct drv_bus *bus;
static struct drv_device dut;

static void
serve(uint32_t poll_us, uint32_t flags)
{
	const struct served_how how = {
		.ops = &loop_pci_ops,
		.poll_us = poll_us,
		.flags = flags,
	};

	served_start_how(&served, &how);
}

/* A device that is up, on the modern face, with MSI-X. */
static void
bring_up(uint32_t poll_us, uint32_t flags,
	 const struct drv_vfio_user_opts *opts)
{
	static const struct drv_device_opts start = {
		.face = DRV_MODERN,
		.irq = DRV_IRQ_MSIX,
		.n_queues = LOOP_QUEUES,
	};

	serve(poll_us, flags);
	drv_ram_init(&ram);
	ck_assert_int_ge(drv_ram_add(&ram, RAM_GPA, RAM_SIZE, DRV_RAM_MEMFD),
			 0);
	ck_assert_int_eq(
		drv_vfio_user_attach(served_connect(&served), opts, &bus), 0);
	ck_assert_int_eq(drv_bus_dma_add_ram(bus, &ram), 0);
	ck_assert_int_eq(drv_device_open(&dut, bus, &ram), 0);
	ck_assert_int_eq(drv_device_start(&dut, &start), 0);
}

static void
take_down(void)
{
	ck_assert_int_eq(drv_device_stop(&dut), 0);
	drv_bus_close(bus);
	drv_ram_deinit(&ram);
	served_stop(&served);
}

/* Send a pattern through a queue and back. */
static void
echo(struct drv_vq *vq, uint8_t pattern)
{
	uint64_t in = drv_ram_alloc(&ram, 256, 16);
	uint64_t out = drv_ram_alloc(&ram, 256, 16);
	struct drv_seg segs[2] = { { in, 256, false }, { out, 256, true } };
	struct drv_used used;
	uint8_t data[256];

	ck_assert_uint_ne(out, 0);
	ck_assert_int_eq(drv_ram_fill(&ram, in, pattern, 256), 0);
	ck_assert_int_eq(drv_vq_call(vq, segs, 2, &used), 0);
	ck_assert_uint_eq(used.len, 256);
	ck_assert_int_eq(drv_ram_read(&ram, out, data, 256), 0);
	for (int i = 0; i < 256; i++)
		ck_assert_uint_eq(data[i], pattern);
}

static void
echo_on_all_queues(void)
{
	struct drv_ram_mark mark;

	drv_ram_mark(&ram, &mark);
	for (int i = 0; i < 10; i++) {
		for (int q = 0; q < LOOP_QUEUES; q++)
			echo(&dut.vqs[q], (uint8_t)(i * 3 + q));
		drv_ram_release(&ram, &mark);
	}
}

START_TEST(kick_by_message_is_served)
{
	bring_up(how_long[_i], 0, NULL);
	ck_assert_ptr_null(
		drv_vfio_user_mapped(bus, NOTIFY_BAR, NOTIFY_OFFSET, 2));
	echo_on_all_queues();
	ck_assert_uint_gt(dut.vqs[0].n_kicks, 0);
	ck_assert_int_eq(
		drv_bus_wait_irq(bus, DRV_IRQ_MSIX, 1, 1, DRV_TIMEOUT_MS), 0);
	take_down();
}
END_TEST

START_TEST(kick_by_page_is_served)
{
	bring_up(how_long[_i], PAGE, NULL);
	ck_assert_ptr_nonnull(
		drv_vfio_user_mapped(bus, NOTIFY_BAR, NOTIFY_OFFSET, 2));
	echo_on_all_queues();
	ck_assert_int_eq(
		drv_bus_wait_irq(bus, DRV_IRQ_MSIX, 1, 1, DRV_TIMEOUT_MS), 0);
	take_down();
}
END_TEST

/* The page is an offer: a client that maps nothing sends messages. */
START_TEST(kick_by_message_beside_the_page_is_served)
{
	static const struct drv_vfio_user_opts opts = { .no_mmap = true };

	bring_up(100, PAGE, &opts);
	echo_on_all_queues();
	take_down();
}
END_TEST

START_TEST(page_is_served_again_after_a_reset_and_a_reconnect)
{
	for (int i = 0; i < 5; i++) {
		bring_up(1, PAGE, NULL);
		echo_on_all_queues();
		ck_assert_int_eq(drv_bus_reset(bus), 0);
		take_down();
	}
}
END_TEST

/* ---- what is offered ---- */

struct sparse {
	uint16_t id;
	uint16_t version;
	uint32_t next;
	uint32_t n_areas;
	uint32_t reserved;
	uint64_t offset;
	uint64_t size;
};

START_TEST(page_is_described_and_sent_whatever_argsz)
{
	static const uint32_t argsz[] = { 32, 63, 64, 4096 };
	struct drv_vfu_region_info info;
	struct sparse cap;
	struct drv_vfu vfu;

	serve(50, PAGE);
	served_open(&served, &vfu);
	for (int i = 0; i < 4; i++) {
		bool whole = argsz[i] >= 64;
		void *page;

		ck_assert_int_eq(
			drv_vfu_region_info(&vfu, NOTIFY_BAR, argsz[i], &info),
			0);
		ck_assert_uint_eq(info.flags, 0xf);
		ck_assert_uint_eq(info.argsz, 64);
		ck_assert_uint_eq(info.cap_offset, 32);
		ck_assert_int_eq(vfu.n_fds, 1);
		ck_assert_uint_eq(vfu.body_len, whole ? 64 : 32);
		page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED,
			    vfu.fds[0], (off_t)(info.offset + NOTIFY_OFFSET));
		ck_assert_ptr_ne(page, MAP_FAILED);
		(void)munmap(page, 4096);
		if (!whole)
			continue;
		memcpy(&cap, vfu.body + 32, sizeof(cap));
		ck_assert_uint_eq(cap.id, 1);
		ck_assert_uint_eq(cap.version, 1);
		ck_assert_uint_eq(cap.next, 0);
		ck_assert_uint_eq(cap.n_areas, 1);
		ck_assert_uint_eq(cap.offset, NOTIFY_OFFSET);
		ck_assert_uint_eq(cap.size, 4096);
	}
	/* An error reply carries none, nor do the other BARs. */
	ck_assert_int_eq(drv_vfu_region_info(&vfu, NOTIFY_BAR, 31, &info),
			 -EINVAL);
	ck_assert_int_eq(vfu.n_fds, 0);
	for (uint32_t bar = 0; bar < 4; bar++) {
		ck_assert_int_eq(drv_vfu_region_info(&vfu, bar, 4096, &info),
				 0);
		ck_assert_uint_eq(info.argsz, 32);
		ck_assert_int_eq(vfu.n_fds, 0);
	}
	drv_vfu_deinit(&vfu);
	served_stop(&served);
}
END_TEST

/* The next client maps the same page. */
START_TEST(page_cannot_be_cut_off)
{
	struct drv_vfu_region_info info;
	struct drv_vfu vfu;

	serve(100, PAGE);
	served_open(&served, &vfu);
	ck_assert_int_eq(drv_vfu_region_info(&vfu, NOTIFY_BAR, 4096, &info), 0);
	ck_assert_int_eq(vfu.n_fds, 1);
	ck_assert_int_eq(ftruncate(vfu.fds[0], 0), -1);
	ck_assert_int_eq(errno, EPERM);
	ck_assert_int_eq(ftruncate(vfu.fds[0], 1 << 30), -1);
	ck_assert_int_eq(errno, EPERM);
	drv_vfu_deinit(&vfu);
	served_stop(&served);
}
END_TEST

struct io_fd {
	uint64_t offset;
	uint64_t size;
	uint32_t fd_index;
	uint32_t type;
	uint32_t flags;
	uint32_t padding;
	uint64_t datamatch;
};

static void
ask_io_fds(struct drv_vfu *vfu, uint32_t bar, uint32_t argsz, uint32_t req[4])
{
	req[0] = argsz;
	req[1] = 0;
	req[2] = bar;
	req[3] = 0;
	ck_assert_int_eq(
		drv_vfu_call(vfu, DRV_VFU_GET_REGION_IO_FDS, req, 16, NULL, 0),
		0);
	memcpy(req, vfu->body, 16);
}

START_TEST(doorbells_are_listed_with_their_eventfds)
{
	uint32_t len = 16 + LOOP_QUEUES * IO_FD_SIZE, req[4];
	struct drv_vfu vfu;
	struct io_fd io;

	serve(0, 0);
	served_open(&served, &vfu);

	/* Too little room: only how much it takes. */
	ask_io_fds(&vfu, NOTIFY_BAR, 16, req);
	ck_assert_uint_eq(req[0], len);
	ck_assert_uint_eq(req[3], LOOP_QUEUES);
	ck_assert_uint_eq(vfu.body_len, 16);
	ck_assert_int_eq(vfu.n_fds, 0);

	ask_io_fds(&vfu, NOTIFY_BAR, len, req);
	ck_assert_uint_eq(req[3], LOOP_QUEUES);
	ck_assert_uint_eq(vfu.body_len, len);
	ck_assert_int_eq(vfu.n_fds, LOOP_QUEUES);
	for (uint32_t i = 0; i < LOOP_QUEUES; i++) {
		memcpy(&io, vfu.body + 16 + i * IO_FD_SIZE, sizeof(io));
		ck_assert_uint_eq(io.offset, NOTIFY_OFFSET + 4 * i);
		ck_assert_uint_eq(io.size, 0); /* any width, any value */
		ck_assert_uint_eq(io.fd_index, i);
		ck_assert_uint_eq(io.type, 0);
		ck_assert_uint_eq(io.flags, 0);
	}

	/* In I/O space one place, told apart by value. */
	ask_io_fds(&vfu, 0, 4096, req);
	ck_assert_uint_eq(req[3], LOOP_QUEUES);
	for (uint32_t i = 0; i < LOOP_QUEUES; i++) {
		memcpy(&io, vfu.body + 16 + i * IO_FD_SIZE, sizeof(io));
		ck_assert_uint_eq(io.offset, 16);
		ck_assert_uint_eq(io.size, 2);
		ck_assert_uint_eq(io.flags, 3);
		ck_assert_uint_eq(io.datamatch, i);
	}
	drv_vfu_deinit(&vfu);
	served_stop(&served);
}
END_TEST

START_TEST(no_more_eventfds_than_the_client_takes)
{
	struct drv_vfu vfu;
	uint32_t req[4];

	serve(0, 0);
	ck_assert_int_eq(drv_vfu_init(&vfu, served_connect(&served)), 0);
	ck_assert_int_eq(drv_vfu_negotiate(&vfu, "{}"), 0);
	ask_io_fds(&vfu, NOTIFY_BAR, 4096, req);
	ck_assert_uint_eq(req[3], 1);
	ck_assert_int_eq(vfu.n_fds, 1);
	drv_vfu_deinit(&vfu);
	served_stop(&served);
}
END_TEST

/* What a client's KVM would do: write the eventfd, send nothing. */
START_TEST(kick_by_eventfd_is_served)
{
	struct drv_seg segs[2];
	struct drv_used used;
	struct drv_vq *vq;
	struct drv_vfu *vfu;
	uint32_t req[4];
	int fds[LOOP_QUEUES];

	bring_up(0, 0, NULL);
	vfu = drv_vfio_user_conn(bus);
	ask_io_fds(vfu, NOTIFY_BAR, 4096, req);
	ck_assert_int_eq(vfu->n_fds, LOOP_QUEUES);
	memcpy(fds, vfu->fds, sizeof(fds));
	vfu->n_fds = 0; /* ours now */
	for (int q = 0; q < LOOP_QUEUES; q++) {
		vq = &dut.vqs[q];
		segs[0] = (struct drv_seg){ RAM_GPA + RAM_SIZE / 2, 64, false };
		segs[1] = (struct drv_seg){ RAM_GPA + RAM_SIZE / 2 + 64, 64,
					    true };
		ck_assert_int_ge(drv_split_add(&vq->ring, segs, 2, NULL), 0);
		drv_split_publish(&vq->ring);
		ck_assert_int_eq(eventfd_write(fds[q], 1), 0);
		ck_assert_int_eq(drv_vq_wait(vq, &used, DRV_TIMEOUT_MS), 1);
		ck_assert_uint_eq(used.len, 64);
		ck_assert_uint_eq(vq->n_kicks, 0);
		(void)close(fds[q]);
	}
	take_down();
}
END_TEST

static void
hold_chains(struct served *s)
{
	loop_of(s->dev)->hold = true;
}

/* They come back as the client goes; the next one is told nothing of it. */
START_TEST(interrupts_of_a_client_that_has_gone_are_forgotten)
{
	struct drv_seg seg = { RAM_GPA + RAM_SIZE / 2, 64, true };
	int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	struct drv_vfu vfu;
	eventfd_t n;

	bring_up(0, 0, NULL);
	served_call(&served, hold_chains);
	ck_assert_int_ge(drv_vq_submit(&dut.vqs[0], &seg, 1, NULL), 0);
	for (int i = 0; i < LOOP_QUEUES; i++)
		drv_vq_close(&dut.vqs[i]);
	drv_bus_close(bus);
	served_open(&served, &vfu);
	ck_assert_int_eq(loop_of(served.dev)->n_chains, 1);
	ck_assert_int_eq(loop_of(served.dev)->n_held[0], 0);
	ck_assert_int_eq(
		drv_vfu_set_irqs(&vfu,
				 DRV_VFU_IRQ_EVENTFD | DRV_VFU_IRQ_TRIGGER, 2,
				 1, 1, &fd, 1),
		0);
	ck_assert_int_eq(eventfd_read(fd, &n), -1);
	drv_vfu_deinit(&vfu);
	drv_ram_deinit(&ram);
	served_stop(&served);
	(void)close(fd);
}
END_TEST

/* ---- a client that plays with the eventfds that it was given ---- */

static int bell; /* the one of queue 0, as the server has it */
static struct event *thief;

static void
find_bell(struct served *s)
{
	struct vbs_doorbell bells[2 * LOOP_QUEUES];
	int n = vbs_pci_doorbells(s->dev, bells, 2 * LOOP_QUEUES);

	for (int i = 0; i < n; i++)
		if (bells[i].baridx == NOTIFY_BAR &&
		    bells[i].offset == NOTIFY_OFFSET)
			bell = bells[i].fd;
}

static void
take_it(evutil_socket_t fd, short what, void *arg)
{
	eventfd_t n;

	ck_assert_int_eq(eventfd_read(fd, &n), 0);
}

static void
install_thief(struct served *s)
{
	thief = event_new(s->base, bell, EV_READ | EV_PERSIST, take_it, NULL);
	ck_assert_ptr_nonnull(thief);
	ck_assert_int_eq(event_add(thief, NULL), 0);
}

static void
remove_thief(struct served *s)
{
	event_free(thief);
}

/* As full as it gets; then something else makes the queue look for work. */
static void
fill_and_wake(struct served *s)
{
	eventfd_t left;

	ck_assert_int_eq(fcntl(bell, F_SETFL, O_NONBLOCK), 0);
	(void)eventfd_read(bell, &left);
	ck_assert_int_eq(eventfd_write(bell, UINT64_MAX - 1), 0);
	ck_assert_int_eq(fcntl(bell, F_SETFL, 0), 0);
	ck_assert_int_eq(vbs_pci_cfgwrite(s->dev, 4, 2, 2), 0);
	ck_assert_int_eq(vbs_pci_cfgwrite(s->dev, 4, 2, 6), 0);
}

static void
make_it_block(void)
{
	served_call(&served, find_bell);
	ck_assert_int_eq(fcntl(bell, F_SETFL, 0), 0);
}

static void
add_one(struct drv_vq *vq)
{
	struct drv_seg seg = { RAM_GPA + RAM_SIZE / 2, 64, true };

	ck_assert_int_ge(drv_split_add(&vq->ring, &seg, 1, NULL), 0);
	drv_split_publish(&vq->ring);
}

START_TEST(kick_eventfd_that_is_emptied_first_stops_nobody)
{
	struct drv_vq *vq = &dut.vqs[0];
	struct drv_used used;

	bring_up(0, 0, NULL);
	make_it_block();
	served_call(&served, install_thief);
	for (int i = 0; i < 10; i++) {
		add_one(vq);
		ck_assert_int_eq(eventfd_write(bell, 1), 0);
		ck_assert_int_eq(drv_vq_wait(vq, &used, DRV_TIMEOUT_MS), 1);
	}
	served_call(&served, remove_thief);
	take_down();
}
END_TEST

START_TEST(kick_eventfd_that_is_full_stops_nobody)
{
	struct drv_vq *vq = &dut.vqs[0];
	struct drv_used used;

	bring_up(0, 0, NULL);
	make_it_block();
	for (int i = 0; i < 10; i++) {
		add_one(vq);
		served_call(&served, fill_and_wake);
		ck_assert_int_eq(drv_vq_wait(vq, &used, DRV_TIMEOUT_MS), 1);
	}
	take_down();
}
END_TEST

int
main(void)
{
	const TTest *const tests[] = {
		kick_by_message_beside_the_page_is_served,
		page_is_served_again_after_a_reset_and_a_reconnect,
		page_is_described_and_sent_whatever_argsz,
		page_cannot_be_cut_off,
		doorbells_are_listed_with_their_eventfds,
		no_more_eventfds_than_the_client_takes,
		kick_by_eventfd_is_served,
		interrupts_of_a_client_that_has_gone_are_forgotten,
		kick_eventfd_that_is_emptied_first_stops_nobody,
		kick_eventfd_that_is_full_stops_nobody,
	};
	TCase *tc = tcase_create("vfio-user doorbells");
	Suite *suite = suite_create("vfio-user doorbells");

	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, kick_by_message_is_served, 0, 3);
	tcase_add_loop_test(tc, kick_by_page_is_served, 0, 3);
	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
		tcase_add_test(tc, tests[i]);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
