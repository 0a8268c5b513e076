// SPDX-License-Identifier: BSD-3-Clause
/* A probe, its machine and its driver, for each case anew; and reactions. */
#include <stdlib.h>
#include <string.h>

#include <vbs/log.h>

#include "hostile/rig.h"

#define ROUND_BYTES 24 /* of a good request */

struct drv_inproc *machine;
struct drv_ram ram;
struct drv_bus *bus;
struct drv_device dut;
struct probe *probe;
struct drv_vq *vq;
bool packed;
bool in_order;
bool indirect;
uint64_t table_gpa;
int n_log_lines;

static struct drv_device_opts how;
static bool in_batches;
static uint8_t salt;

/* What packed rings need to know beside the ring. */
static struct drv_pdesc staged[TABLE_ROOM];
static struct {
	uint16_t n_descs[PROBE_QSIZE]; /* by buffer id, of what was offered */
	uint32_t room[PROBE_QSIZE];    /* bytes that it may write */
	uint32_t n_taken;              /* chains */
	uint16_t batch_left;           /* that one used entry stands for */
	uint32_t batch_len;            /* of the last of them */
} books[PROBE_QUEUES];

static void
on_log(void *arg, enum vbs_log_level level, const char *line)
{
	(void)arg;
	(void)line;
	if (level <= VBS_LOG_WARNING)
		__atomic_fetch_add(&n_log_lines, 1, __ATOMIC_SEQ_CST);
}

static void
ram_add(uint64_t gpa, uint64_t size)
{
	ck_assert_int_ge(drv_ram_add(&ram, gpa, size, DRV_RAM_HEAP), 0);
}

void
rig_setup(void)
{
	ck_assert_int_eq(drv_inproc_new(false, &machine), 0);
	vbs_log_set(drv_inproc_vm(machine), on_log, NULL, VBS_LOG_WARNING);
	drv_ram_init(&ram);
	ram_add(LOW_GPA, LOW_SIZE);
	ram_add(NEXT_GPA, NEXT_SIZE);
	ram_add(FAR_GPA, FAR_SIZE);
	ram_add(TOP_GPA, TOP_SIZE);
}

static void
setup_kind(enum rig_kind kind)
{
	rig_setup();
	packed = kind & RIG_PACKED;
	in_order = kind & RIG_IN_ORDER;
	in_batches = kind & RIG_BATCH;
}

/* Check calls it without an argument. */
#define SETUP_OF(kind)                                                         \
	static void setup_##kind(void)                                         \
	{                                                                      \
		setup_kind((enum rig_kind)kind);                               \
	}

SETUP_OF(0)
SETUP_OF(1)
SETUP_OF(2)
SETUP_OF(3)
SETUP_OF(4)
SETUP_OF(5)
SETUP_OF(6)
SETUP_OF(7)

TCase *
rig_case(Suite *s, enum rig_kind kind, int timeout)
{
	static const struct {
		const char *name;
		void (*setup)(void);
	} kinds[RIG_KINDS] = {
		{ "split", setup_0 },
		{ "packed", setup_1 },
		{ "split in order", setup_2 },
		{ "packed in order", setup_3 },
		{ "split in batches", setup_4 },
		{ "packed in batches", setup_5 },
		{ "split in order in batches", setup_6 },
		{ "packed in order in batches", setup_7 },
	};
	TCase *tc = tcase_create(kinds[kind].name);

	tcase_set_timeout(tc, timeout);
	tcase_add_checked_fixture(tc, kinds[kind].setup, rig_teardown);
	suite_add_tcase(s, tc);
	return tc;
}

void
rig_plug(const char *opts)
{
	ck_assert_int_eq(drv_inproc_plug(machine, &probe_ops, opts, &bus), 0);
	probe = drv_inproc_dev(bus)->arg;
	probe->ram = &ram;
	probe->batch = in_batches;
	if (in_order)
		ck_assert_int_eq(vbs_virtio_offer(drv_inproc_dev(bus),
						  DRV_F_IN_ORDER, true),
				 0);
	ck_assert_int_eq(drv_bus_dma_add_ram(bus, &ram), 0);
	ck_assert_int_eq(drv_device_open(&dut, bus, &ram), 0);
	ck_assert_uint_eq(drv_ram_alloc(&ram, 2 * DRV_PAGE, DRV_PAGE), IN_GPA);
	table_gpa = drv_ram_alloc(&ram, TABLE_ROOM * DRV_DESC_SIZE, 16);
	ck_assert_uint_ne(table_gpa, 0);
}

void
rig_teardown(void)
{
	for (int i = 0; i < dut.n_queues; i++)
		drv_vq_close(&dut.vqs[i]);
	if (bus) {
		ck_assert_int_eq(probe_count(&probe->n_outside), 0);
		ck_assert_int_eq(probe_count(&probe->n_bad_cfg), 0);
		drv_bus_close(bus);
	}
	drv_inproc_free(machine);
	drv_ram_deinit(&ram);
}

void
rig_start(enum drv_face face, uint64_t features)
{
	how = (struct drv_device_opts){
		.face = face,
		.irq = DRV_IRQ_MSIX,
		.features = features | DRV_BIT(DRV_F_INDIRECT_DESC),
		.n_queues = PROBE_QUEUES,
	};
	if (packed)
		how.features |= DRV_BIT(DRV_F_RING_PACKED);
	if (in_order)
		how.features |= DRV_BIT(DRV_F_IN_ORDER);
	if ((packed || in_order) && face == DRV_LEGACY)
		how.face = DRV_WINDOW;
	ck_assert_int_eq(drv_device_start(&dut, &how), 0);
	vq = &dut.vqs[0];
	ck_assert_int_eq(vq->is_packed, packed);
	ck_assert_int_eq(vq->ring.in_order, in_order);
}

void
rig_start_way(int way)
{
	if (!bus)
		rig_plug(NULL);
	indirect = way & 2;
	rig_start(way & 1 ? DRV_LEGACY : DRV_MODERN, 0);
}

void
rig_restart(void)
{
	ck_assert_int_eq(drv_device_stop(&dut), 0);
	ck_assert_uint_eq(rig_status(), 0);
	ck_assert_int_eq(drv_device_start(&dut, &how), 0);
	memset(books, 0, sizeof(books));
}

/* ---- packed rings ---- */

/* The buffer id that stands for a head, and back. */
#define ID_OF(head) ((uint16_t)(((head) + 5) % PROBE_QSIZE))
#define HEAD_OF(id) ((uint16_t)(((id) + PROBE_QSIZE - 5) % PROBE_QSIZE))

/* Bytes that these descriptors, and a table among them, let the device write.
 */
static uint32_t
packed_room(const struct drv_pdesc *descs, uint32_t n)
{
	uint32_t room = 0;

	for (uint32_t i = 0; i < n; i++) {
		struct drv_pdesc d = descs[i], entry;

		if (!(d.flags & DRV_DESC_INDIRECT)) {
			room += d.flags & DRV_DESC_WRITE ? d.len : 0;
			continue;
		}
		for (uint32_t k = 0; k < d.len / 16 && k < TABLE_ROOM; k++) {
			if (drv_ram_read(&ram, d.addr + 16 * k, &entry, 16) < 0)
				break;
			room += entry.flags & DRV_DESC_WRITE ? entry.len : 0;
		}
	}
	return room;
}

void
ring_offer_descs(struct drv_vq *q, uint16_t head, const struct drv_pdesc *descs,
		 uint16_t n)
{
	books[q->index].n_descs[ID_OF(head)] = n;
	books[q->index].room[ID_OF(head)] = packed_room(descs, n);
	drv_packed_raw_offer(&q->packed, descs, n);
}

/* What was staged from head on, as far as NEXT says. */
static void
offer_staged(struct drv_vq *q, uint16_t head)
{
	uint16_t n = 1;

	ck_assert_uint_lt(head, PROBE_QSIZE);
	while ((staged[head + n - 1].flags & DRV_DESC_NEXT) && n < PROBE_QSIZE)
		n++;
	staged[head + n - 1].id = ID_OF(head);
	ring_offer_descs(q, head, &staged[head], n);
}

/*
 * How many chains the used descriptor at a place stands for, and where the next
 * one comes.
 */
static uint16_t
packed_batch(const struct drv_vq *q, uint64_t *place)
{
	const struct drv_packed *p = &q->packed;
	uint16_t id = drv_packed_raw_get_desc(p, *place).id;
	bool found = false;
	uint16_t n = 0;

	if (!in_order) {
		ck_assert_uint_lt(id, PROBE_QSIZE);
		*place += books[q->index].n_descs[id];
		return 1;
	}
	for (; !found && *place < p->published; n++) {
		found = p->ids[*place % p->size] == id;
		*place += p->heads[*place % p->size];
	}
	ck_assert(found);
	return n;
}

/* The next chain that came back. */
static struct drv_used
packed_take(struct drv_vq *q)
{
	const struct drv_packed *p = &q->packed;
	struct drv_pdesc d = drv_packed_raw_get_desc(p, p->used);
	struct drv_used used = { 0 };
	uint64_t end = p->used;

	if (!books[q->index].batch_left) {
		books[q->index].batch_left = packed_batch(q, &end);
		books[q->index].batch_len = d.flags & DRV_DESC_WRITE ? d.len
								     : 0;
	}
	if (in_order)
		d.id = p->ids[p->used % p->size];
	ck_assert_uint_lt(d.id, PROBE_QSIZE);
	used.id = HEAD_OF(d.id);
	used.skipped = --books[q->index].batch_left > 0;
	used.len = used.skipped ? books[q->index].room[d.id]
				: books[q->index].batch_len;
	drv_packed_raw_skip(&q->packed,
			    in_order ? p->heads[p->used % p->size]
				     : books[q->index].n_descs[d.id]);
	books[q->index].n_taken++;
	return used;
}

static bool
packed_has_used(const struct drv_vq *q)
{
	return books[q->index].batch_left ||
	       drv_packed_raw_is_used(&q->packed, q->packed.used);
}

uint16_t
take_id(struct drv_vq *q, uint16_t n)
{
	uint16_t id;

	ck_assert(packed_has_used(q));
	if (in_order) {
		ck_assert_uint_eq(
			q->packed.heads[q->packed.used % q->packed.size], n);
		return ID_OF(packed_take(q).id);
	}
	id = drv_packed_raw_get_desc(&q->packed, q->packed.used).id;
	drv_packed_raw_skip(&q->packed, n);
	return id;
}

/* ---- split rings ---- */

/* Bytes that a chain lets the device write. */
static uint32_t
split_room(const struct drv_vq *q, uint16_t head)
{
	struct drv_desc d = drv_split_raw_get_desc(&q->ring, head);
	uint32_t room = 0, n_table = 0;
	uint64_t table = 0;

	for (int left = TABLE_ROOM; left > 0; left--) {
		if (d.flags & DRV_DESC_INDIRECT) {
			table = d.addr;
			n_table = d.len / 16;
			d.next = 0;
		} else {
			room += d.flags & DRV_DESC_WRITE ? d.len : 0;
			if (!(d.flags & DRV_DESC_NEXT))
				break;
		}
		if (!n_table)
			d = drv_split_raw_get_desc(&q->ring, d.next);
		else if (drv_ram_read(&ram, table + 16 * d.next, &d, 16) < 0)
			break;
	}
	return room;
}

/* How many chains the next used element stands for. */
static uint16_t
split_batch(const struct drv_vq *q, uint32_t id)
{
	const struct drv_split *s = &q->ring;
	uint16_t ahead =
		(uint16_t)(drv_split_raw_get_used_idx(s) - s->used_idx);

	for (uint16_t i = 0; i < ahead; i++) {
		if (s->heads[(uint16_t)(s->used_idx + i) % s->size] == id)
			return (uint16_t)(i + 1);
	}
	ck_abort_msg("used element of head %u", id);
	return 0;
}

static struct drv_used
split_take(struct drv_vq *q)
{
	struct drv_split *s = &q->ring;
	struct drv_used used = drv_split_raw_get_used(s, s->used_idx);

	if (in_order && !books[q->index].batch_left) {
		books[q->index].batch_left = split_batch(q, used.id);
		books[q->index].batch_len = used.len;
	}
	if (in_order) {
		used.id = s->heads[s->used_idx % s->size];
		used.skipped = --books[q->index].batch_left > 0;
		used.len = used.skipped ? split_room(q, (uint16_t)used.id)
					: books[q->index].batch_len;
	}
	s->used_idx++;
	return used;
}

/* How many chains have come back, taken or not. */
static uint32_t
n_returned(struct drv_vq *q)
{
	uint32_t n = books[q->index].n_taken + books[q->index].batch_left;
	uint64_t place = q->packed.used;

	if (!q->is_packed)
		return drv_split_raw_get_used_idx(&q->ring);
	for (uint16_t i = books[q->index].batch_left; i > 0; i--)
		place += q->packed.heads[place % q->packed.size];
	while (drv_packed_raw_is_used(&q->packed, place))
		n += packed_batch(q, &place);
	return n;
}

/* ---- either ---- */

void
chain_put(uint16_t i, uint64_t addr, uint32_t len, uint16_t flags,
	  uint16_t next)
{
	const struct drv_desc d = { addr, len, flags, next };
	struct drv_pdesc p = { addr, len, 0xffff, flags };

	ck_assert_uint_lt(i, TABLE_ROOM);
	if (packed && !indirect) {
		staged[i] = p;
		return;
	}
	if (packed) {
		p.flags &= ~DRV_DESC_NEXT;
		ck_assert_int_eq(drv_packed_raw_table(&ram, table_gpa, i, &p),
				 0);
		return;
	}
	if (!indirect) {
		drv_split_raw_desc(&vq->ring, i, addr, len, flags, next);
		return;
	}
	ck_assert_int_eq(drv_split_raw_table(&ram, table_gpa, i, &d), 0);
}

void
ring_put_table(uint16_t i, uint64_t gpa, uint32_t len, uint16_t flags)
{
	flags |= DRV_DESC_INDIRECT;
	if (packed)
		staged[i] = (struct drv_pdesc){ gpa, len, 0xffff, flags };
	else
		drv_split_raw_desc(&vq->ring, i, gpa, len, flags, 0);
}

void
ring_kick(void)
{
	ck_assert_int_eq(drv_vq_kick(vq), 0);
	ck_assert_int_eq(drv_bus_run(bus), 0);
}

void
ring_offer(struct drv_vq *q, uint16_t head)
{
	if (packed)
		offer_staged(q, head);
	else
		drv_split_raw_offer(&q->ring, head);
}

void
ring_offer_bad(struct drv_vq *q)
{
	const struct drv_pdesc bad = { IN_GPA, 1, PROBE_QSIZE, 0 };

	if (packed)
		ring_offer_descs(q, 0, &bad, 1);
	else
		drv_split_raw_offer(&q->ring, PROBE_QSIZE);
}

void
ring_send(uint16_t head)
{
	ring_offer(vq, head);
	ring_kick();
}

void
chain_send(uint32_t n)
{
	if (indirect)
		ring_put_table(0, table_gpa, n * DRV_DESC_SIZE, 0);
	ring_send(0);
}

void
chain_segs(const struct drv_seg *segs, int n)
{
	for (int i = 0; i < n; i++)
		chain_put((uint16_t)i, segs[i].gpa, segs[i].len,
			  (uint16_t)((segs[i].write ? DRV_DESC_WRITE : 0) |
				     (i + 1 < n ? DRV_DESC_NEXT : 0)),
			  (uint16_t)(i + 1));
	chain_send((uint32_t)n);
}

uint8_t
rig_status(void)
{
	uint8_t val = 0xff;

	ck_assert_int_eq(drv_virtio_status(&dut.vd, &val), 0);
	return val;
}

static bool
has_used(void *arg)
{
	const struct drv_vq *q = arg;

	return q->is_packed ? packed_has_used(q) : drv_vq_has_used(q);
}

struct drv_used
used_take(struct drv_vq *q)
{
	ck_assert_int_eq(drv_bus_wait(bus, has_used, q, DRV_TIMEOUT_MS), 0);
	return packed ? packed_take(q) : split_take(q);
}

void
assert_quiet(void)
{
	ck_assert_int_eq(drv_bus_run(bus), 0);
	ck_assert(!has_used(vq));
}

/* A good chain of two, in descriptors 0 and 1. */
static void
offer_pair(struct drv_vq *q, uint64_t in, uint64_t out, uint32_t len)
{
	const struct drv_pdesc pair[] = {
		{ in, len, 0xffff, DRV_DESC_NEXT },
		{ out, len, ID_OF(0), DRV_DESC_WRITE },
	};

	if (packed) {
		ring_offer_descs(q, 0, pair, 2);
		return;
	}
	drv_split_raw_desc(&q->ring, 0, in, len, DRV_DESC_NEXT, 1);
	drv_split_raw_desc(&q->ring, 1, out, len, DRV_DESC_WRITE, 0);
	drv_split_raw_offer(&q->ring, 0);
}

void
assert_serves(struct drv_vq *q)
{
	uint8_t want[ROUND_BYTES], got[ROUND_BYTES];
	uint64_t in = IN_GPA + DRV_PAGE - ROUND_BYTES;
	uint64_t out = OUT_GPA + DRV_PAGE - ROUND_BYTES;
	struct drv_used used;

	memset(want, ++salt, sizeof(want));
	ck_assert_int_eq(drv_ram_write(&ram, in, want, sizeof(want)), 0);
	ck_assert_int_eq(drv_ram_fill(&ram, out, 0, sizeof(want)), 0);
	offer_pair(q, in, out, sizeof(want));
	ck_assert_int_eq(drv_vq_kick(q), 0);
	used = used_take(q);
	ck_assert_uint_eq(used.id, 0);
	ck_assert_uint_eq(used.len, sizeof(want));
	ck_assert_int_eq(drv_ram_read(&ram, out, got, sizeof(got)), 0);
	ck_assert_mem_eq(want, got, sizeof(got));
}

void
assert_served(uint16_t head, uint32_t len)
{
	struct drv_used used = used_take(vq);

	ck_assert_uint_eq(used.id, head);
	ck_assert_uint_eq(used.len, len);
	assert_quiet();
	ck_assert_uint_eq(rig_status() & DRV_S_NEEDS_RESET, 0);
	assert_serves(vq);
}

void
assert_refused(uint16_t head, uint32_t len)
{
	ck_assert_int_eq(probe_count(&probe->n_chains), 0);
	assert_served(head, len);
	ck_assert_int_eq(probe_count(&probe->n_refused), 1);
	ck_assert_int_eq(probe_count(&probe->n_chains), 1);
}

static bool
needs_reset(void *arg)
{
	(void)arg;
	return rig_status() & DRV_S_NEEDS_RESET;
}

/* What more kicks, and a good chain, do to a used ring: nothing. */
static void
assert_used_untouched(uint16_t n_used)
{
	size_t bytes = packed ? drv_packed_desc_bytes(vq->packed.size)
			      : drv_split_used_bytes(vq->ring.size);
	uint8_t *written = packed ? vq->packed.desc : vq->ring.used;
	uint8_t *before = malloc(bytes);
	int errors = probe_count(&probe->n_errors);

	ck_assert_ptr_nonnull(before);
	ck_assert_uint_eq(n_returned(vq), n_used);
	offer_pair(vq, IN_GPA, OUT_GPA, 1);
	memcpy(before, written, bytes);
	for (int i = 0; i < 4; i++)
		ring_kick();
	ck_assert_mem_eq(before, written, bytes);
	ck_assert_int_eq(probe_count(&probe->n_errors), errors);
	free(before);
}

void
assert_broken(uint16_t n_used)
{
	ck_assert_int_eq(drv_bus_wait(bus, needs_reset, NULL, DRV_TIMEOUT_MS),
			 0);
	ck_assert_int_eq(probe_count(&probe->n_errors), 1);
	assert_used_untouched(n_used);
	assert_serves(&dut.vqs[1]);
	ck_assert_uint_eq(drv_device_config_irqs(&dut), 1);
	ck_assert_int_eq(n_log_lines, 1);
	ck_assert_int_eq(probe_count(&probe->n_errors), 1);
	rig_restart();
	assert_serves(&dut.vqs[0]);
	assert_serves(&dut.vqs[1]);
	ck_assert_uint_eq(drv_device_config_irqs(&dut), 1);
	ck_assert_uint_eq(rig_status() & DRV_S_NEEDS_RESET, 0);
}

void
assert_not_enabled(void)
{
	bool on = true;

	ck_assert_int_eq(drv_queue_select(&dut.vd, 0), 0);
	ck_assert_int_eq(drv_queue_enabled(&dut.vd, &on), 0);
	ck_assert(!on);
}
