// SPDX-License-Identifier: BSD-3-Clause
/* vfio-user server: interrupts. */
#include <check.h>
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "driver/pci.h"
#include "host/served.h"
#include "host/toy.h"
#include "suite.h"

#define INTX 0
#define MSI  1
#define MSIX 2

#define NONE    DRV_VFU_IRQ_NONE
#define BOOL    DRV_VFU_IRQ_BOOL
#define EVENTFD DRV_VFU_IRQ_EVENTFD
#define MASK    DRV_VFU_IRQ_MASK
#define UNMASK  DRV_VFU_IRQ_UNMASK
#define TRIGGER DRV_VFU_IRQ_TRIGGER

#define N_FDS 16

static struct served served;
static struct drv_vfu vfu;
static int irq[N_FDS];

static void
setup(void)
{
	served_start(&served, &toy_ops, 0, NULL);
	served_open(&served, &vfu);
	for (int i = 0; i < N_FDS; i++) {
		irq[i] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
		ck_assert_int_ge(irq[i], 0);
	}
}

static void
teardown(void)
{
	for (int i = 0; i < N_FDS; i++)
		(void)close(irq[i]);
	drv_vfu_deinit(&vfu);
	served_stop(&served);
}

/* How often the i-th eventfd has been signalled since the last look. */
static uint64_t
fired(int i)
{
	uint64_t n = 0;

	return read(irq[i], &n, sizeof(n)) == sizeof(n) ? n : 0;
}

static int
set_irqs(uint32_t flags, uint32_t index, uint32_t start, uint32_t count,
	 int n_fds)
{
	return drv_vfu_set_irqs(&vfu, flags, index, start, count, irq, n_fds);
}

static uint32_t
cfg(uint32_t off, uint32_t size)
{
	uint32_t val = 0;

	ck_assert_int_eq(drv_vfu_region_read(&vfu, 7, off, &val, size), 0);
	return val;
}

static uint32_t
find_cap(uint32_t id)
{
	uint32_t off = cfg(DRV_PCI_CAP_PTR, 1);

	while (off && cfg(off, 1) != id)
		off = cfg(off + 1, 1);
	ck_assert_uint_ne(off, 0);
	return off;
}

/* Set, or clear, an enable bit in a capability's control word. */
static void
enable(uint32_t cap, uint16_t bit, bool on)
{
	uint32_t off = find_cap(cap) + 2;
	uint16_t control = (uint16_t)cfg(off, 2);

	control = on ? (uint16_t)(control | bit) : (uint16_t)(control & ~bit);
	ck_assert_int_eq(drv_vfu_region_write(&vfu, 7, off, &control, 2, false),
			 0);
}

static void
enable_msix(void)
{
	enable(DRV_PCI_CAP_MSIX, 0x8000, true);
}

/* ---- MSI-X, MSI ---- */

START_TEST(msix_fires_the_eventfd_of_its_vector)
{
	enable_msix();
	ck_assert_int_eq(set_irqs(EVENTFD | TRIGGER, MSIX, 0, 4, 4), 0);
	pci_generate_msix(served.dev, 2);
	pci_generate_msix(served.dev, 2);
	pci_generate_msix(served.dev, 0);
	ck_assert_uint_eq(fired(0), 1);
	ck_assert_uint_eq(fired(1), 0);
	ck_assert_uint_eq(fired(2), 2);
	ck_assert_uint_eq(fired(3), 0);
}
END_TEST

START_TEST(msi_fires_the_eventfd_of_its_vector)
{
	enable(DRV_PCI_CAP_MSI, 0x0021, true); /* four vectors */
	ck_assert_int_eq(set_irqs(EVENTFD | TRIGGER, MSI, 0, 2, 2), 0);
	pci_generate_msi(served.dev, 1);
	ck_assert_uint_eq(fired(0), 0);
	ck_assert_uint_eq(fired(1), 1);
}
END_TEST

START_TEST(nothing_fires_while_the_guest_has_not_enabled_it)
{
	ck_assert_int_eq(set_irqs(EVENTFD | TRIGGER, MSIX, 0, 1, 1), 0);
	pci_generate_msix(served.dev, 0);
	ck_assert_uint_eq(fired(0), 0);
	enable_msix();
	ck_assert_uint_eq(fired(0), 0);
	pci_generate_msix(served.dev, 0);
	ck_assert_uint_eq(fired(0), 1);
}
END_TEST

START_TEST(a_masked_vector_fires_once_at_unmask)
{
	enable_msix();
	ck_assert_int_eq(set_irqs(EVENTFD | TRIGGER, MSIX, 0, 3, 3), 0);
	ck_assert_int_eq(set_irqs(NONE | MASK, MSIX, 1, 2, 0), 0);
	for (int i = 0; i < 5; i++) {
		pci_generate_msix(served.dev, 0);
		pci_generate_msix(served.dev, 1);
	}
	ck_assert_uint_eq(fired(0), 5);
	ck_assert_uint_eq(fired(1), 0);
	ck_assert_int_eq(set_irqs(NONE | UNMASK, MSIX, 1, 2, 0), 0);
	ck_assert_uint_eq(fired(1), 1);
	ck_assert_uint_eq(fired(2), 0);
	ck_assert_int_eq(set_irqs(NONE | UNMASK, MSIX, 1, 2, 0), 0);
	ck_assert_uint_eq(fired(1), 0);
}
END_TEST

START_TEST(bools_choose_the_vectors)
{
	struct drv_vfu_irq_set set = { 23, BOOL | TRIGGER, MSIX, 1, 3 };
	uint8_t bools[3] = { 1, 0, 1 };

	ck_assert_int_eq(set_irqs(EVENTFD | TRIGGER, MSIX, 0, 5, 5), 0);
	ck_assert_int_eq(drv_vfu_call(&vfu, DRV_VFU_SET_IRQS, &set, sizeof(set),
				      bools, sizeof(bools)),
			 0);
	ck_assert_uint_eq(fired(0), 0);
	ck_assert_uint_eq(fired(1), 1);
	ck_assert_uint_eq(fired(2), 0);
	ck_assert_uint_eq(fired(3), 1);
	ck_assert_uint_eq(fired(4), 0);
}
END_TEST

START_TEST(what_qemu_sends_as_vectors_grow_loses_nothing)
{
	enable_msix();
	ck_assert_int_eq(set_irqs(EVENTFD | TRIGGER, MSIX, 0, 1, 0), 0);
	ck_assert_int_eq(set_irqs(NONE | TRIGGER, MSIX, 0, 0, 0), 0);
	ck_assert_int_eq(set_irqs(EVENTFD | TRIGGER, MSIX, 0, 2, 2), 0);
	pci_generate_msix(served.dev, 1);
	ck_assert_uint_eq(fired(1), 1);
	ck_assert_int_eq(set_irqs(NONE | TRIGGER, MSIX, 0, 0, 0), 0);
	pci_generate_msix(served.dev, 1);
	ck_assert_uint_eq(fired(1), 0);
	ck_assert_int_eq(set_irqs(EVENTFD | TRIGGER, MSIX, 0, 3, 3), 0);
	ck_assert_uint_eq(fired(0), 0);
	ck_assert_uint_eq(fired(1), 1);
	ck_assert_uint_eq(fired(2), 0);
}
END_TEST

START_TEST(a_reset_forgets_what_is_pending)
{
	enable_msix();
	pci_generate_msix(served.dev, 0);
	ck_assert_int_eq(drv_vfu_reset(&vfu), 0);
	ck_assert_int_eq(set_irqs(EVENTFD | TRIGGER, MSIX, 0, 1, 1), 0);
	ck_assert_uint_eq(fired(0), 0);
}
END_TEST

START_TEST(eventfds_are_replaced_and_closed)
{
	int fds = count_fds();

	for (int i = 0; i < 50; i++)
		ck_assert_int_eq(
			set_irqs(EVENTFD | TRIGGER, MSIX, 0, N_FDS, N_FDS), 0);
	ck_assert_int_eq(count_fds(), fds + N_FDS);
	ck_assert_int_eq(set_irqs(EVENTFD | TRIGGER, MSIX, 4, 2, 0), 0);
	ck_assert_int_eq(count_fds(), fds + N_FDS - 2);
	ck_assert_int_eq(set_irqs(NONE | TRIGGER, MSIX, 0, 0, 0), 0);
	ck_assert_int_eq(count_fds(), fds);
}
END_TEST

START_TEST(every_vector_can_be_given_in_several_messages)
{
	enable_msix();
	ck_assert_int_eq(set_irqs(EVENTFD | TRIGGER, MSIX, 0, 16, 16), 0);
	ck_assert_int_eq(set_irqs(EVENTFD | TRIGGER, MSIX, 16, 16, 16), 0);
	ck_assert_int_eq(set_irqs(EVENTFD | TRIGGER, MSIX, 32, 8, 8), 0);
	for (int i = 0; i < TOY_VECTORS; i++)
		pci_generate_msix(served.dev, i);
	for (int i = 0; i < N_FDS; i++)
		ck_assert_uint_eq(fired(i), i < 8 ? 3 : 2);
}
END_TEST

START_TEST(a_full_eventfd_does_not_block)
{
	uint64_t full = UINT64_MAX - 1, n;
	int blocking = eventfd(0, EFD_CLOEXEC);

	enable_msix();
	ck_assert_int_eq(drv_vfu_set_irqs(&vfu, EVENTFD | TRIGGER, MSIX, 0, 1,
					  &blocking, 1),
			 0);
	ck_assert_int_eq(write(blocking, &full, sizeof(full)), sizeof(full));
	pci_generate_msix(served.dev, 0);
	ck_assert_int_eq(read(blocking, &n, sizeof(n)), sizeof(n));
	ck_assert_uint_eq(n, full);
	pci_generate_msix(served.dev, 0);
	ck_assert_int_eq(read(blocking, &n, sizeof(n)), sizeof(n));
	ck_assert_uint_eq(n, 1);
	(void)close(blocking);

	ck_assert_int_eq(set_irqs(EVENTFD | TRIGGER, MSIX, 0, 1, 1), 0);
	ck_assert_int_eq(write(irq[0], &full, sizeof(full)), sizeof(full));
	pci_generate_msix(served.dev, 0);
	ck_assert_uint_eq(fired(0), full);
}
END_TEST

/* ---- INTx ---- */

START_TEST(intx_masks_itself_and_fires_again_at_unmask)
{
	ck_assert_int_eq(set_irqs(EVENTFD | TRIGGER, INTX, 0, 1, 1), 0);
	pci_lintr_assert(served.dev);
	ck_assert_uint_eq(fired(0), 1);
	pci_lintr_deassert(served.dev);
	pci_lintr_assert(served.dev);
	ck_assert_uint_eq(fired(0), 0);
	ck_assert_int_eq(set_irqs(NONE | UNMASK, INTX, 0, 1, 0), 0);
	ck_assert_uint_eq(fired(0), 1);
	pci_lintr_deassert(served.dev);
	ck_assert_int_eq(set_irqs(NONE | UNMASK, INTX, 0, 1, 0), 0);
	ck_assert_uint_eq(fired(0), 0);
	pci_lintr_assert(served.dev);
	ck_assert_uint_eq(fired(0), 1);
}
END_TEST

START_TEST(intx_masked_by_the_client_waits)
{
	ck_assert_int_eq(set_irqs(EVENTFD | TRIGGER, INTX, 0, 1, 1), 0);
	ck_assert_int_eq(set_irqs(NONE | MASK, INTX, 0, 1, 0), 0);
	pci_lintr_assert(served.dev);
	ck_assert_uint_eq(fired(0), 0);
	ck_assert_int_eq(set_irqs(NONE | UNMASK, INTX, 0, 1, 0), 0);
	ck_assert_uint_eq(fired(0), 1);
}
END_TEST

START_TEST(intx_that_is_up_fires_when_it_gets_an_eventfd)
{
	pci_lintr_assert(served.dev);
	ck_assert_int_eq(set_irqs(EVENTFD | TRIGGER, INTX, 0, 1, 1), 0);
	ck_assert_uint_eq(fired(0), 1);

	/* The line keeps its level over a reconnect. */
	drv_vfu_deinit(&vfu);
	served_open(&served, &vfu);
	ck_assert_int_eq(set_irqs(EVENTFD | TRIGGER, INTX, 0, 1, 1), 0);
	ck_assert_uint_eq(fired(0), 1);
	ck_assert_int_eq(set_irqs(NONE | TRIGGER, INTX, 0, 0, 0), 0);
	pci_lintr_deassert(served.dev);
	ck_assert_int_eq(set_irqs(EVENTFD | TRIGGER, INTX, 0, 1, 1), 0);
	ck_assert_uint_eq(fired(0), 0);
}
END_TEST

START_TEST(intx_is_unmasked_by_an_eventfd)
{
	int fds = count_fds();
	uint64_t one = 1;

	ck_assert_int_eq(set_irqs(EVENTFD | TRIGGER, INTX, 0, 1, 1), 0);
	ck_assert_int_eq(drv_vfu_set_irqs(&vfu, EVENTFD | UNMASK, INTX, 0, 1,
					  &irq[1], 1),
			 0);
	pci_lintr_assert(served.dev);
	ck_assert_uint_eq(fired(0), 1);
	for (int i = 0; i < 10; i++) {
		struct drv_vfu_device_info info;

		/* Each wakes the server, which then answers. */
		ck_assert_int_eq(write(irq[1], &one, sizeof(one)), sizeof(one));
		for (int k = 0; k < 1000; k++) {
			ck_assert_int_eq(drv_vfu_device_info(&vfu, &info), 0);
			if (fired(0) == 1)
				break;
			ck_assert_int_lt(k, 999);
		}
	}
	ck_assert_int_eq(set_irqs(NONE | TRIGGER, INTX, 0, 0, 0), 0);
	ck_assert_int_eq(count_fds(), fds);
}
END_TEST

/* Readable for ever, and never read: the loop would not rest again. */
START_TEST(unmask_descriptor_that_is_no_eventfd_is_refused)
{
	struct epoll_event one = { .events = EPOLLIN };
	int ep = epoll_create1(EPOLL_CLOEXEC), fds;

	ck_assert_int_ge(ep, 0);
	ck_assert_int_eq(eventfd_write(irq[1], 1), 0);
	ck_assert_int_eq(epoll_ctl(ep, EPOLL_CTL_ADD, irq[1], &one), 0);
	fds = count_fds();
	ck_assert_int_eq(
		drv_vfu_set_irqs(&vfu, EVENTFD | UNMASK, INTX, 0, 1, &ep, 1),
		-EINVAL);
	ck_assert_int_eq(count_fds(), fds);
	(void)close(ep);
}
END_TEST

int
main(void)
{
	const TTest *const tests[] = {
		msix_fires_the_eventfd_of_its_vector,
		msi_fires_the_eventfd_of_its_vector,
		nothing_fires_while_the_guest_has_not_enabled_it,
		a_masked_vector_fires_once_at_unmask,
		bools_choose_the_vectors,
		what_qemu_sends_as_vectors_grow_loses_nothing,
		a_reset_forgets_what_is_pending,
		eventfds_are_replaced_and_closed,
		every_vector_can_be_given_in_several_messages,
		a_full_eventfd_does_not_block,
		intx_masks_itself_and_fires_again_at_unmask,
		intx_masked_by_the_client_waits,
		intx_that_is_up_fires_when_it_gets_an_eventfd,
		intx_is_unmasked_by_an_eventfd,
		unmask_descriptor_that_is_no_eventfd_is_refused,
	};
	TCase *tc = tcase_create("vfio-user-irq");
	Suite *suite = suite_create("vfio-user-irq");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 30);
	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
		tcase_add_test(tc, tests[i]);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
