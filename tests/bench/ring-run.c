// SPDX-License-Identifier: BSD-3-Clause
/*
 * One thread: thread CPU time. Two cores: the device side looks at the ring
 * all the time in a thread of its own, and what counts is the wall clock.
 */
#include "bench/ring-run.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define WARM_CHAINS 2048
/* The longest that anyone waits for the other side. */
#define PATIENCE_NS   UINT64_C(10000000000)
#define LOOKS_A_CLOCK 65536

static void
wrong(const struct ring_peer *peer, const struct ring_bed *bed,
      const char *what)
{
	(void)fprintf(stderr, "%s: %s, %s: %s\n", peer->name, bed->shape->name,
		      bed->packed ? "packed" : "split", what);
	exit(EXIT_FAILURE);
}

static uint16_t
take_back(const struct ring_peer *peer, struct ring_bed *bed)
{
	int n = bed_reap(bed);

	if (n < 0)
		wrong(peer, bed, "a chain came back wrong");
	return (uint16_t)n;
}

/* Chains to be offered now. */
static uint16_t
next_batch(const struct ring_bed *bed, uint32_t left, uint16_t most)
{
	uint16_t room = (uint16_t)(bed->n_slots - bed->in_flight);
	uint16_t n = most < room ? most : room;

	return left < n ? (uint16_t)left : n;
}

void
ring_move(const struct ring_peer *peer, void *state, struct ring_bed *bed,
	  uint32_t n_chains, uint16_t batch)
{
	while (n_chains > 0) {
		uint16_t n = next_batch(bed, n_chains, batch);

		bed_offer(bed, n);
		(void)bed_publish(bed);
		peer->serve(state);
		n_chains -= n;
		if (take_back(peer, bed) != n)
			wrong(peer, bed, "not every chain came back");
	}
}

static double
sample_one_thread(const struct ring_peer *peer, struct ring_bed *bed,
		  const struct ring_work *work, uint32_t n_chains)
{
	void *state = peer->open(bed);
	uint64_t start, spent;

	ring_move(peer, state, bed, WARM_CHAINS, work->batch);
	start = bench_thread_ns();
	ring_move(peer, state, bed, n_chains, work->batch);
	spent = bench_thread_ns() - start;
	peer->close(state);
	return (double)spent / n_chains;
}

/* ---- two cores ----------------------------------------------------------- */

/* The other core. */
struct other {
	const struct ring_peer *peer;
	void *state;
	bool stop;
};

static void *
other_main(void *arg)
{
	struct other *o = arg;
	uint64_t end = bench_wall_ns() + 2 * PATIENCE_NS;

	while (!__atomic_load_n(&o->stop, __ATOMIC_RELAXED) &&
	       bench_wall_ns() < end)
		for (int i = 0; i < LOOKS_A_CLOCK; i++) {
			if (__atomic_load_n(&o->stop, __ATOMIC_RELAXED))
				break;
			o->peer->serve(o->state);
		}
	return NULL;
}

/* Keep so many in flight; all are back at the end. */
static void
move_between_cores(const struct ring_peer *peer, struct ring_bed *bed,
		   uint32_t n_chains, uint16_t in_flight)
{
	uint64_t end = bench_wall_ns() + PATIENCE_NS;
	uint32_t looks = 0;

	if (in_flight > bed->n_slots)
		in_flight = bed->n_slots;
	while (n_chains > 0 || bed->in_flight > 0) {
		uint16_t most = (uint16_t)(in_flight - bed->in_flight);
		uint16_t n = next_batch(bed, n_chains, most);

		if (n > 0) {
			bed_offer(bed, n);
			bed_show(bed);
			n_chains -= n;
			looks = 0;
		}
		while (take_back(peer, bed) == 0)
			if (++looks % LOOKS_A_CLOCK == 0 &&
			    bench_wall_ns() > end)
				wrong(peer, bed, "no chain came back in time");
	}
}

static double
sample_two_cores(const struct bench *b, const struct ring_peer *peer,
		 struct ring_bed *bed, const struct ring_work *work,
		 uint32_t n_chains)
{
	struct other other = { .peer = peer };
	uint64_t start, spent;
	pthread_t thread;

	other.state = peer->open(bed);
	thread = bench_thread(b->other_cpu, other_main, &other);
	move_between_cores(peer, bed, WARM_CHAINS, work->batch);
	start = bench_wall_ns();
	move_between_cores(peer, bed, n_chains, work->batch);
	spent = bench_wall_ns() - start;
	__atomic_store_n(&other.stop, true, __ATOMIC_RELAXED);
	(void)pthread_join(thread, NULL);
	peer->close(other.state);
	return (double)spent / n_chains;
}

double
ring_sample(const struct bench *b, const struct ring_peer *peer,
	    struct ring_bed *bed, const struct ring_work *work,
	    uint32_t n_chains)
{
	bed_reset_ring(bed, &work->ring);
	if (work->two_cores)
		return sample_two_cores(b, peer, bed, work, n_chains);
	return sample_one_thread(peer, bed, work, n_chains);
}
