/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What each case with a loop device starts from: a machine, RAM, the device,
 * its function probed and placed. Checks with libcheck, which gives each case
 * a process of its own; so there is one of everything.
 */
#ifndef TEST_LOOP_FIXTURE_H
#define TEST_LOOP_FIXTURE_H

#include <check.h>
#include <stdint.h>

#include "device/loop.h"
#include "driver/device.h"
#include "driver/inproc.h"
#include "suite.h"

#define RAM_GPA  0x100000
#define RAM_SIZE 0x200000

#define N_FACES        3
#define N_COMBINATIONS 9 /* of a face and a kind of interrupt */

extern const enum drv_face faces[N_FACES];
extern const enum drv_irq kinds[3];

extern struct drv_inproc *machine;
extern struct drv_ram ram;
extern struct drv_bus *bus;
extern struct drv_device dut;
extern struct loop *loop;

/* Added to the features that start() wants. */
extern uint64_t ring_feature;

/*
 * setup_with() hands the device its options. After the others rings are packed,
 * in order, or both, but on the legacy face; or the device takes several chains
 * at once.
 */
void setup(void);
void setup_packed(void);
void setup_in_order(void);
void setup_packed_in_order(void);
void setup_batch(void);
void setup_packed_batch(void);
void setup_with(const char *opts);
void teardown(void);

/* Bring all queues of the device up. */
void start(enum drv_face face, enum drv_irq irq, uint64_t features);
void start_modern(uint64_t features);

/* Send len bytes in and out through a queue; check data and length. */
void echo(int queue, uint32_t len);

/* Publish n one-byte chains on a queue, and let the device run. */
void post(int queue, int n);

/* Take what a queue has returned; how many. */
int reap_all(int queue);

/* Registers. */
uint8_t status(void);
uint8_t isr(void);
uint64_t common_get(enum drv_common_reg reg);

#endif
