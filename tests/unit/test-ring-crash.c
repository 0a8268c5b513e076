// SPDX-License-Identifier: BSD-3-Clause
/*
 * A device process that is killed at any instruction: whoever comes after it
 * finds, in the guest's memory and in the in-flight area, exactly the chains
 * that the driver waits for, in order, each once.
 *
 * A child serves a ring and is stepped through instruction by instruction. At
 * each store another device goes on from a copy of what the two share. The
 * driver is part of what is copied: it outlives the device.
 */
#include <check.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ring/ring.h"
#include "suite.h"

#define GPA       UINT64_C(0x10000)
#define DRIVER_AT 512
#define DEVICE_AT 640
#define BUF_AT    1024
#define RAM_BYTES 2048
#define MAX_SIZE  8
#define N_CHAINS  200
#define N_ROUNDS  8
#define SKIPPED   77

#define F_AVAIL 0x80u
#define F_USED  0x8000u

/* As ck_assert(), in fewer instructions while it holds. */
#define MUST(cond)                                                             \
	do {                                                                   \
		if (!(cond))                                                   \
			ck_abort_msg("%s", #cond);                             \
	} while (0)

/* A chain that the driver has offered, by id. */
struct offered {
	uint16_t k; /* chains are counted; one buffer of k + 1 bytes first */
	uint16_t n; /* descriptors */
	bool out;
};

struct driver {
	bool busy; /* half-way through something */
	bool packed;
	uint16_t size;
	uint16_t n_offered; /* chains */
	uint32_t added;     /* places, for ever */
	uint32_t used;
	struct offered by_id[MAX_SIZE];
	uint8_t done[N_CHAINS];
};

/* What outlives the device. */
struct world {
	uint8_t ram[RAM_BYTES];
	uint8_t area[1024];
	struct driver drv;
};

struct device {
	struct world *w;
	struct ring ring;
	struct mem_map *map;
};

/* ---- the driver ---------------------------------------------------------- */

static uint8_t *
ram_at(struct world *w, size_t offset)
{
	return w->ram + offset;
}

static void
store16(struct world *w, size_t offset, uint16_t val)
{
	__atomic_store_n((uint16_t *)(void *)ram_at(w, offset), htole16(val),
			 __ATOMIC_RELEASE);
}

static uint16_t
load16(struct world *w, size_t offset)
{
	return le16toh(__atomic_load_n((uint16_t *)(void *)ram_at(w, offset),
				       __ATOMIC_ACQUIRE));
}

static void
put_desc(struct world *w, uint16_t at, uint16_t k, uint16_t id)
{
	const uint64_t addr = htole64(GPA + BUF_AT);
	const uint32_t len = htole32(k + 1u);
	const size_t offset = (size_t)DESC_SIZE * at;

	memcpy(ram_at(w, offset), &addr, sizeof(addr));
	memcpy(ram_at(w, offset + 8), &len, sizeof(len));
	store16(w, offset + (w->drv.packed ? 12 : 14), id);
}

static uint16_t
chain_length(const struct driver *d)
{
	static const uint16_t lengths[] = { 1, 3, 1, 2, 1, 1 };

	if (!d->packed)
		return 1;
	/* These go round the end of the ring, to where none has begun. */
	return d->size == 8 ? 3 : lengths[d->n_offered % 6];
}

static bool
lap_of(const struct driver *d, uint32_t place)
{
	return !(place / d->size & 1);
}

/* The flags of the first one come last. */
static void
offer_packed(struct world *w, uint16_t id, uint16_t n)
{
	struct driver *d = &w->drv;

	for (uint16_t i = n; i-- > 0;) {
		uint32_t place = d->added + i;
		uint16_t at = (uint16_t)(place % d->size);
		uint16_t flags = i + 1 < n ? DESC_F_NEXT : 0;

		flags |= lap_of(d, place) ? F_AVAIL : F_USED;
		flags |= DESC_F_WRITE;
		put_desc(w, at, d->n_offered, id);
		store16(w, (size_t)DESC_SIZE * at + 14, flags);
	}
}

static void
offer_split(struct world *w, uint16_t id)
{
	const uint16_t mask = (uint16_t)(w->drv.size - 1);

	put_desc(w, id, w->drv.n_offered, 0);
	store16(w, (size_t)DESC_SIZE * id + 12, DESC_F_WRITE);
	store16(w, DRIVER_AT + 4 + 2 * (w->drv.added & mask), id);
	store16(w, DRIVER_AT + 2, (uint16_t)(w->drv.added + 1));
}

/* All that there is room for. */
static void
offer(struct world *w)
{
	struct driver *d = &w->drv;

	d->busy = true;
	while (d->added - d->used + chain_length(d) <= d->size) {
		uint16_t n = chain_length(d), id = 0;

		while (d->by_id[id].out)
			id++;
		MUST(d->n_offered < N_CHAINS);
		if (d->packed)
			offer_packed(w, id, n);
		else
			offer_split(w, id);
		d->by_id[id] = (struct offered){ d->n_offered++, n, true };
		d->added += n;
	}
	d->busy = false;
}

/* The id of the next used chain, or -1. */
static int
next_used(struct world *w)
{
	struct driver *d = &w->drv;
	const uint16_t at = (uint16_t)(d->used % d->size);

	if (d->packed) {
		uint16_t flags = load16(w, (size_t)DESC_SIZE * at + 14);
		uint16_t want = lap_of(d, d->used) ? F_AVAIL | F_USED : 0;

		if ((flags & (F_AVAIL | F_USED)) != want)
			return -1;
		return load16(w, (size_t)DESC_SIZE * at + 12);
	}
	if (load16(w, DEVICE_AT + 2) == (uint16_t)d->used)
		return -1;
	return load16(w, DEVICE_AT + 4 + (size_t)8 * at);
}

static void
reap(struct world *w)
{
	struct driver *d = &w->drv;
	int id;

	d->busy = true;
	while ((id = next_used(w)) >= 0) {
		MUST(id < d->size);
		MUST(d->by_id[id].out);
		d->by_id[id].out = false;
		d->done[d->by_id[id].k]++;
		d->used += d->by_id[id].n;
	}
	d->busy = false;
}

/* ---- the device ---------------------------------------------------------- */

static void
device_make(struct device *dev, struct world *w)
{
	const struct vbs_ram ram = { .gpa = GPA,
				     .size = RAM_BYTES,
				     .hva = w->ram };
	struct mem_map *empty = map_new();

	memset(dev, 0, sizeof(*dev));
	dev->w = w;
	ck_assert_ptr_nonnull(empty);
	ck_assert_int_eq(map_with(empty, &ram, &dev->map), 0);
	map_unref(empty);
	ck_assert_int_eq(ring_init(&dev->ring, MAX_SIZE), 0);
	ck_assert_int_eq(ring_watch_init(&dev->ring, MAX_SIZE), 0);
	ring_watch_area(&dev->ring, w->drv.packed, w->area, sizeof(w->area));
}

/* A front end knows where a split ring is used, and nothing of a packed one. */
static void
device_go_on(struct device *dev)
{
	const struct ring_layout lay = { GPA, GPA + DRIVER_AT,
					 GPA + DEVICE_AT };
	struct world *w = dev->w;
	const bool packed = w->drv.packed;
	uint32_t base = packed ? PACKED_START : load16(w, DEVICE_AT + 2);

	ring_reset(&dev->ring, w->drv.size, packed);
	ck_assert(ring_map(&dev->ring, &lay, map_ref(dev->map)));
	ck_assert_int_eq(ring_resume(&dev->ring, base), 0);
}

static void
device_free(struct device *dev)
{
	ring_deinit(&dev->ring);
	map_unref(dev->map);
}

struct taken {
	uint16_t id[MAX_SIZE];
	int k[MAX_SIZE];
	int n;
};

/* Take one; which it is, or -1. */
static int
take(struct device *dev, uint16_t *id)
{
	struct iovec iov[MAX_SIZE];
	uint16_t flags[MAX_SIZE];
	struct ring_bad_chain bad;
	int n = ring_pop(&dev->ring, id, iov, flags, MAX_SIZE, &bad);

	MUST(n >= 0);
	if (n == 0)
		return -1;
	MUST(n == dev->w->drv.by_id[*id].n);
	return (int)iov[0].iov_len - 1;
}

static void
take_all(struct device *dev, struct taken *t)
{
	int k;

	while ((k = take(dev, &t->id[t->n])) >= 0)
		t->k[t->n++] = k;
}

static void
give_back(struct device *dev, struct taken *t, int i)
{
	MUST(ring_push(&dev->ring, t->id[i], 1));
	t->n--;
	memmove(&t->id[i], &t->id[i + 1], (size_t)(t->n - i) * sizeof(*t->id));
	memmove(&t->k[i], &t->k[i + 1], (size_t)(t->n - i) * sizeof(*t->k));
}

/* What a device can do with its chains; the oldest stays for a while. */
static void
serve(struct device *dev, struct taken *t, int round)
{
	take_all(dev, t);
	if (round % 2 && t->n > 1 && dev->ring.packed == (round % 4 == 1)) {
		ring_unpop(&dev->ring);
		t->n--;
		take_all(dev, t);
	}
	while (t->n > 1)
		give_back(dev, t, round % 3 == 0 ? t->n - 1 : 1);
	(void)ring_publish(&dev->ring);
	if (round % 3 == 2 && t->n > 0)
		give_back(dev, t, 0);
	(void)ring_publish(&dev->ring);
}

/* A life of devices, one after the other. */
static void
live(struct world *w)
{
	struct device dev;
	struct taken t = { .n = 0 };

	device_make(&dev, w);
	device_go_on(&dev);
	for (int round = 0; round < N_ROUNDS; round++) {
		offer(w);
		serve(&dev, &t, round);
		reap(w);
		if (round % 5 != 4)
			continue;
		device_go_on(&dev);
		t.n = 0;
	}
}

/* ---- whoever comes after it ---------------------------------------------- */

static void
check_world(struct world *w)
{
	struct driver *d = &w->drv;
	struct device dev;
	int last = -1, n_out = 0;
	struct taken t = { .n = 0 };

	reap(w);
	for (uint16_t id = 0; id < d->size; id++)
		n_out += d->by_id[id].out;
	device_make(&dev, w);
	device_go_on(&dev);
	take_all(&dev, &t);
	ck_assert_msg(t.n == n_out, "%d chains, %d are waited for", t.n, n_out);
	for (int i = 0; i < t.n; i++) {
		ck_assert(d->by_id[t.id[i]].out);
		ck_assert_int_eq(d->by_id[t.id[i]].k, t.k[i]);
		ck_assert_int_gt(t.k[i], last);
		last = t.k[i];
	}
	for (int lap = 0; lap < 4; lap++) {
		while (t.n > 0)
			give_back(&dev, &t, t.n - 1);
		(void)ring_publish(&dev.ring);
		reap(w);
		ck_assert_int_eq(d->added, d->used);
		offer(w);
		take_all(&dev, &t);
	}
	for (uint16_t k = 0; k < d->n_offered - t.n; k++)
		ck_assert_int_eq(d->done[k], 1);
	device_free(&dev);
}

/* ---- the murder ---------------------------------------------------------- */

static pid_t
start_child(struct world *w, struct world *rehearsal)
{
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid > 0)
		return pid;
	/* Once without being watched: what is called is then linked. */
	live(rehearsal);
	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0)
		_exit(SKIPPED);
	(void)raise(SIGSTOP);
	live(w);
	_exit(0);
}

/* One instruction. false: it has ended, as it should. */
static bool
step(pid_t pid)
{
	int status;

	ck_assert_int_eq(ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL), 0);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	if (WIFSTOPPED(status)) {
		ck_assert_int_eq(WSTOPSIG(status), SIGTRAP);
		return true;
	}
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), 0);
	return false;
}

static void
kill_everywhere(bool packed, uint16_t size)
{
	struct world *w, *seen = calloc(1, sizeof(*seen));
	struct world *copy = calloc(1, sizeof(*copy));
	unsigned int n = 0;
	int status;
	pid_t pid;

	ck_assert(seen && copy);
	w = mmap(NULL, sizeof(*w), PROT_READ | PROT_WRITE,
		 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(w, MAP_FAILED);
	w->drv.packed = packed;
	w->drv.size = size;
	*copy = *w;
	pid = start_child(w, copy);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFSTOPPED(status));
	while (step(pid)) {
		if (w->drv.busy || memcmp(w, seen, sizeof(*w)) == 0)
			continue;
		*seen = *copy = *w;
		check_world(copy);
		n++;
	}
	/* Each step of each chain is a store, or several. */
	ck_assert_uint_gt(n, (unsigned int)w->drv.n_offered * 4);
	ck_assert_uint_gt(w->drv.used, 2u * size);
	(void)munmap(w, sizeof(*w));
	free(seen);
	free(copy);
}

START_TEST(split_ring_survives_a_kill_at_each_instruction)
{
	kill_everywhere(false, 4);
}
END_TEST

START_TEST(packed_ring_survives_a_kill_at_each_instruction)
{
	static const uint16_t sizes[] = { 3, 5, 8 };

	kill_everywhere(true, sizes[_i]);
}
END_TEST

/* Single steps need a debugger's rights, and a CPU that can. */
static bool
can_step(void)
{
#ifdef __x86_64__
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0)
			_exit(SKIPPED);
		_exit(0);
	}
	return pid > 0 && waitpid(pid, &status, 0) == pid &&
	       WIFEXITED(status) && WEXITSTATUS(status) == 0;
#else
	return false; /* loads that are linked with stores never succeed */
#endif
}

int
main(void)
{
	Suite *s = suite_create("ring-crash");
	TCase *t = tcase_create("kill");

	if (!can_step()) {
		(void)puts("SKIP: ring-crash: a process cannot be stepped "
			   "through here (ptrace, x86-64)");
		return SKIPPED;
	}
	tcase_set_timeout(t, 120);
	tcase_add_test(t, split_ring_survives_a_kill_at_each_instruction);
	tcase_add_loop_test(t, packed_ring_survives_a_kill_at_each_instruction,
			    0, 3);
	suite_add_tcase(s, t);
	return suite_run(s);
}
