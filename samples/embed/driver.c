// SPDX-License-Identifier: BSD-3-Clause
/*
 * The guest: a driver that can just send one request at a time. It shows each
 * step that a virtio driver takes (virtio 1.3, 3.1.1 and 2.7.13). The device's
 * registers are where virtio_set_modern_bar() puts them; a real driver reads
 * that from the capabilities. Numbers in memory are little-endian.
 */
#include <stdio.h>
#include <string.h>

#include "driver.h"
#include "vmm.h"

/* Where the guest puts the registers (BAR 4), and what they are. */
#define REGS                  UINT64_C(0xc0000000)
#define DRIVER_FEATURE_SELECT (REGS + 0x08)
#define DRIVER_FEATURE        (REGS + 0x0c)
#define STATUS                (REGS + 0x14)
#define QUEUE_SELECT          (REGS + 0x16)
#define QUEUE_SIZE            (REGS + 0x18)
#define QUEUE_ENABLE          (REGS + 0x1c)
#define QUEUE_DESC            (REGS + 0x20)
#define QUEUE_DRIVER          (REGS + 0x28)
#define QUEUE_DEVICE          (REGS + 0x30)
#define ISR                   (REGS + 0x1000)
#define NOTIFY                (REGS + 0x3000)

#define ACKNOWLEDGE 1
#define DRIVER      2
#define DRIVER_OK   4
#define FEATURES_OK 8

/* Where the guest keeps the queue and the request in its RAM. */
#define N_DESC   2u
#define DESC     0x1000u
#define AVAIL    0x2000u
#define USED     0x3000u
#define TEXT     0x4000u
#define ROOM     0x5000u
#define BUF_SIZE 0x1000

#define DESC_F_NEXT  1
#define DESC_F_WRITE 2

static void
put(struct vmm *vmm, uint32_t addr, int size, uint64_t value)
{
	for (int i = 0; i < size; i++)
		guest_ram(vmm)[addr + (uint32_t)i] =
			(uint8_t)(value >> (8 * i));
}

static uint32_t
get(struct vmm *vmm, uint32_t addr, int size)
{
	uint32_t value = 0;

	for (int i = 0; i < size; i++)
		value |= (uint32_t)guest_ram(vmm)[addr + (uint32_t)i]
			 << (8 * i);
	return value;
}

static void
put_desc(struct vmm *vmm, uint32_t i, uint32_t addr, int len, int flags)
{
	uint32_t at = DESC + 16 * i;

	put(vmm, at, 8, addr);
	put(vmm, at + 8, 4, (uint64_t)len);
	put(vmm, at + 12, 2, (uint64_t)flags);
	put(vmm, at + 14, 2, i + 1); /* the next, if flags say so */
}

/* 64-bit registers are written by halves (4.1.3.1). */
static void
store64(struct vmm *vmm, uint64_t reg, uint64_t value)
{
	guest_store(vmm, reg, 4, value & UINT32_MAX);
	guest_store(vmm, reg + 4, 4, value >> 32);
}

/* Size, addresses, enable. */
static void
start_queue(struct vmm *vmm)
{
	guest_store(vmm, QUEUE_SELECT, 2, 0);
	guest_store(vmm, QUEUE_SIZE, 2, N_DESC);
	store64(vmm, QUEUE_DESC, DESC);
	store64(vmm, QUEUE_DRIVER, AVAIL);
	store64(vmm, QUEUE_DEVICE, USED);
	guest_store(vmm, QUEUE_ENABLE, 2, 1);
}

bool
driver_start(struct vmm *vmm)
{
	uint32_t ids = guest_config_read(vmm, 0, 4);

	printf("found:    %04x:%04x\n", ids & 0xffff, ids >> 16);
	if (ids != 0x107e1af4) /* 0x1040 + type 62 */
		return false;
	guest_config_write(vmm, 0x20, 4, REGS); /* BAR 4, low half */
	guest_config_write(vmm, 0x24, 4, 0);    /* high half */
	guest_config_write(vmm, 0x04, 2, 0x6);  /* memory, bus master */

	guest_store(vmm, STATUS, 1, 0);
	guest_store(vmm, STATUS, 1, ACKNOWLEDGE | DRIVER);
	guest_store(vmm, DRIVER_FEATURE_SELECT, 4, 1);
	guest_store(vmm, DRIVER_FEATURE, 4, 1); /* bit 32: VERSION_1 */
	guest_store(vmm, STATUS, 1, ACKNOWLEDGE | DRIVER | FEATURES_OK);
	if (!(guest_load(vmm, STATUS, 1) & FEATURES_OK))
		return false;
	start_queue(vmm);
	guest_store(vmm, STATUS, 1,
		    ACKNOWLEDGE | DRIVER | FEATURES_OK | DRIVER_OK);
	return true;
}

int
driver_request(struct vmm *vmm, const char *text, char *answer, int len)
{
	uint32_t index = get(vmm, AVAIL + 2, 2);
	uint32_t slot = index % N_DESC, wrote;

	if (len > BUF_SIZE)
		return -1;
	memcpy(guest_ram(vmm) + TEXT, text, (size_t)len);
	put_desc(vmm, 0, TEXT, len, DESC_F_NEXT);
	put_desc(vmm, 1, ROOM, len, DESC_F_WRITE);
	put(vmm, AVAIL + 4 + 2 * slot, 2, 0); /* the chain begins at 0 */
	put(vmm, AVAIL + 2, 2, index + 1);
	guest_store(vmm, NOTIFY, 2, 0); /* queue 0 has work */

	if (!guest_wait_interrupt(vmm))
		return -1;
	guest_load(vmm, ISR, 1); /* reading takes the line down */
	if (get(vmm, USED + 2, 2) != ((index + 1) & 0xffff))
		return -1;
	wrote = get(vmm, USED + 4 + 8 * slot + 4, 4);
	if (wrote > (uint32_t)len)
		return -1;
	memcpy(answer, guest_ram(vmm) + ROOM, wrote);
	return (int)wrote;
}
