/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VMM_H
#define VMM_H

#include <stdbool.h>
#include <stdint.h>

#define RAM_SIZE 0x100000u /* 1 MiB of guest RAM, at guest address 0 */

struct vmm;

/*
 * What a guest can do to its machine. In a real VMM the processor leaves the
 * guest at such an instruction, and the exit handler calls these.
 */
uint32_t guest_config_read(struct vmm *vmm, int offset, int size);
void guest_config_write(struct vmm *vmm, int offset, int size, uint32_t value);
uint64_t guest_load(struct vmm *vmm, uint64_t addr, int size);
void guest_store(struct vmm *vmm, uint64_t addr, int size, uint64_t value);
bool guest_wait_interrupt(struct vmm *vmm);

/* The guest's own memory. */
uint8_t *guest_ram(struct vmm *vmm);

#endif
