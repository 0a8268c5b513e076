/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A device to be attacked. Each queue copies the readable part of a chain into
 * its writable part, at once or later, and counts what the library hands it
 * that it should not have handed it. Made through <vbs/...>, as any device.
 *
 * Options, in any order: "modern" for a function that is not transitional,
 * "iothread" to have the queues served by a thread, "big" for a first queue of
 * 32768 entries.
 */
#ifndef TEST_PROBE_H
#define TEST_PROBE_H

#include <stdbool.h>
#include <stdint.h>

#include <vbs/iothread.h>
#include <vbs/virtio.h>

#include "driver/ram.h"

#define PROBE_QUEUES 2
#define PROBE_QSIZE  16
#define PROBE_SEGS   8 /* room for segments */
#define PROBE_CONFIG 12
#define PROBE_HELD   64
#define PROBE_BATCH  5 /* chains that it takes at once, at most */

#define PROBE_F_A 0 /* two bits of its own; they exclude each other */
#define PROBE_F_B 1

enum probe_mode {
	PROBE_COPY,   /* at once */
	PROBE_HOLD,   /* when told; queue_stop() gives back at once */
	PROBE_STUCK,  /* when told; queue_stop() does nothing */
	PROBE_WORKER, /* by a thread of the device's own; likewise */
};

struct probe_chain {
	struct vqueue_info *vq;
	uint16_t head;
	int n;
	struct iovec iov[PROBE_SEGS];
	uint16_t flags[PROBE_SEGS];
};

struct probe {
	struct virtio_common common; /* first */
	struct vqueue_info vqs[PROBE_QUEUES];
	struct vbs_iothread *iothread;
	uint8_t config[PROBE_CONFIG];

	/* Set by the test, before the queues run. */
	enum probe_mode mode;
	bool batch;                /* takes and returns several at once */
	bool has_error;            /* bad_chain() writes PROBE_ERROR */
	const struct drv_ram *ram; /* what segments must lie in */
	/* Called as each chain is taken, or refused, with vq->mtx held. */
	void (*on_chain)(struct vqueue_info *vq);
	void (*on_refused)(struct vqueue_info *vq);

	pthread_mutex_t lock; /* guards what follows; a leaf */
	pthread_cond_t more;
	struct probe_chain held[PROBE_HELD];
	int n_held;
	bool quit;
	bool has_worker;
	pthread_t worker;

	/* Counted with atomics. */
	int n_chains;
	int n_refused;
	int n_errors;  /* vq_getchain() returned a negative errno */
	int n_outside; /* segments that are not in ram */
	int n_bad_cfg; /* accesses beyond the configuration */
	int n_resets;
	uint64_t applied; /* by apply_features() */
};

#define PROBE_ERROR 0xe5

extern const struct pci_vdev_ops probe_ops;

/* Start the thread of PROBE_WORKER; 0 or a negative errno. */
int probe_start_worker(struct probe *p);

/* Copy and give back everything that is held, or the i-th of it. */
void probe_release(struct probe *p);
void probe_release_one(struct probe *p, int i);

/* How many chains are held. */
int probe_n_held(struct probe *p);

static inline int
probe_count(const int *counter)
{
	return __atomic_load_n(counter, __ATOMIC_SEQ_CST);
}

#endif
