/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What each case with a probe starts from, the rings it builds by hand, and
 * the reactions it asserts. Checks with libcheck, which gives each case a
 * process of its own; so there is one of everything.
 *
 * Guest RAM:
 *
 *     LOW  0x100000    1 MiB, where rings and good buffers are
 *     NEXT 0x200000    64 KiB, adjacent for the guest, elsewhere for the host
 *     FAR  0x400000    64 KiB, behind a hole
 *     TOP  2^64 - 64 KiB, up to the last byte of the address space
 */
#ifndef TEST_RIG_H
#define TEST_RIG_H

#include <check.h>
#include <stdbool.h>
#include <stdint.h>

#include "driver/bytes.h"
#include "driver/device.h"
#include "driver/inproc.h"
#include "hostile/probe.h"
#include "suite.h"

#define LOW_GPA    UINT64_C(0x100000)
#define LOW_SIZE   UINT64_C(0x100000)
#define NEXT_GPA   (LOW_GPA + LOW_SIZE)
#define NEXT_SIZE  UINT64_C(0x10000)
#define NEXT_END   (NEXT_GPA + NEXT_SIZE)
#define FAR_GPA    UINT64_C(0x400000)
#define FAR_SIZE   UINT64_C(0x10000)
#define TOP_GPA    UINT64_C(0xffffffffffff0000)
#define TOP_SIZE   UINT64_C(0x10000)
#define NOWHERE    UINT64_C(0xdead00000000)
#define IN_GPA     LOW_GPA              /* a page that chains read */
#define OUT_GPA    (LOW_GPA + DRV_PAGE) /* a page that chains write */
#define TABLE_ROOM 64 /* entries of the indirect table that cases build */

/* Loop parameters: the face, and whether chains are indirect. */
#define N_FACES 2
#define N_WAYS  4
#define N_FORMS 2

extern struct drv_inproc *machine;
extern struct drv_ram ram;
extern struct drv_bus *bus;
extern struct drv_device dut;
extern struct probe *probe;
extern struct drv_vq *vq; /* queue 0 */
extern bool packed;       /* what kind of ring it is: */
extern bool in_order;     /* with IN_ORDER */
extern bool indirect;     /* chain_put() writes to the table */
extern uint64_t table_gpa;
extern int n_log_lines; /* warnings and errors of the library */

/* Kinds of rings, and of devices: a sum of these. */
enum rig_kind {
	RIG_PLAIN = 0,
	RIG_PACKED = 1,
	RIG_IN_ORDER = 2,
	RIG_BATCH = 4, /* the device takes several chains at once */
	RIG_KINDS = 8,
};

/*
 * A machine with a probe, nothing started. rig_plug() takes its options. Where
 * rings are packed or in order, what else would be the legacy face is the
 * modern one through its window.
 */
void rig_setup(void);
void rig_plug(const char *opts);
void rig_teardown(void);

/* A group of cases, each of which starts from rig_setup() for rings of a kind.
 */
TCase *rig_case(Suite *s, enum rig_kind kind, int timeout);

/* Bring both queues up, with MSI-X, indirect tables, and other features. */
void rig_start(enum drv_face face, uint64_t features);

/* By loop parameter: bit 0 is the face, bit 1 says indirect. */
void rig_start_way(int way);

/* Stop and start again as before. */
void rig_restart(void);

/*
 * Descriptor i of the chain that is being built: in the ring's table, or in
 * the indirect one. chain_send() then publishes descriptor 0 as a head, in
 * the second case as a table of n entries, kicks, and lets the device run.
 *
 * A packed ring has no table and no next: descriptors that follow each other
 * there are kept until they are published, and the NEXT of an indirect one is
 * left out. The buffer id says which one was the head.
 */
void chain_put(uint16_t i, uint64_t addr, uint32_t len, uint16_t flags,
	       uint16_t next);
void chain_send(uint32_t n);

/* A chain of n segments, in order. */
void chain_segs(const struct drv_seg *segs, int n);

/* Publish a head, kick, and let the device run. */
void ring_send(uint16_t head);
void ring_kick(void);

/* Publish a head only; what chain_put() has built in packed rings. */
void ring_offer(struct drv_vq *q, uint16_t head);

/* Publish a head, or a buffer id, that there is none of; no kick. */
void ring_offer_bad(struct drv_vq *q);

/* Packed rings: descriptors as they are, of a chain that head is to name. */
void ring_offer_descs(struct drv_vq *q, uint16_t head,
		      const struct drv_pdesc *descs, uint16_t n);

/* An indirect descriptor in the ring's table. */
void ring_put_table(uint16_t i, uint64_t gpa, uint32_t len, uint16_t flags);

uint8_t rig_status(void);

/* Wait until a queue has returned one more chain: its head and length. */
struct drv_used used_take(struct drv_vq *q);

/*
 * Packed rings, without the rig's books: the id of the next chain that came
 * back, which it has already; and its n descriptors are stepped over.
 */
uint16_t take_id(struct drv_vq *q, uint16_t n);

/* Nothing more has been returned on queue 0. */
void assert_quiet(void);

/*
 * A good request on a queue, in descriptors 0 and 1: what it reads comes back,
 * and the used element is exact.
 */
void assert_serves(struct drv_vq *q);

/* E: head came back with this length; the queue goes on. */
void assert_refused(uint16_t head, uint32_t len);

/* The chain was served: head came back with this length; the queue goes on. */
void assert_served(uint16_t head, uint32_t len);

/*
 * B: queue 0 has stopped, DEVICE_NEEDS_RESET, one configuration interrupt, one
 * line in the log; more kicks change nothing in the used ring; queue 1 goes
 * on; after a reset all is well. n_used chains had come back before.
 */
void assert_broken(uint16_t n_used);

/* X: queue 0 is not enabled, and the device can be reset and used. */
void assert_not_enabled(void);

#endif
