// SPDX-License-Identifier: BSD-3-Clause
/*
 * The driver side of rings that are in order, and of kicks that say more than
 * an index, against devices that are nothing else: one that is right, and some
 * that are wrong in one way each, which the driver has to notice.
 */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "driver/bytes.h"
#include "driver/echo.h"

#define QSIZE    16
#define RAM_GPA  0x100000
#define RAM_SIZE 0x200000

enum fault {
	NO_FAULT,
	OUT_OF_ORDER,    /* the second one first, by itself */
	SKIPS_PART,      /* steps over a chain that it has written half of */
	SKIPS_UNWRITTEN, /* ... that it has not written at all */
	STEPS_SHORT,     /* the next one comes before the end of the batch */
	STEPS_FAR,       /* the next one comes behind it */
	LAST_PLACE,      /* a batch is told of where its last chain is */
	FIRST_ID,        /* a batch has the name of its first chain */
	N_FAULTS,
};

/* A chain as the device has read it. */
struct taken {
	uint16_t id;
	uint16_t n_descs;
	uint32_t n_in, n_out;
	uint8_t in[DRV_ECHO_BYTES];
	uint64_t out[DRV_ECHO_BYTES]; /* where each byte goes */
	uint32_t len;                 /* written */
};

static struct drv_ram ram;
static struct drv_vq vq;
static struct drv_echo echo;

/* The device, with own arithmetic. */
static struct {
	enum fault fault;
	uint32_t random;
	struct taken taken[QSIZE]; /* the oldest first */
	uint16_t n_taken;
	uint16_t next_desc;   /* split: where the next chain must begin */
	uint16_t avail, used; /* split: indices. Packed: entries, and laps */
	uint16_t avail_lap, used_lap;
	uint16_t shown; /* split: the used index in memory */
} dev;

static int
no_kick(struct drv_vq *q)
{
	(void)q;
	return 0;
}

static const struct drv_vq_ops no_ops = { .kick = no_kick };

static void
setup_ring(bool packed)
{
	const struct drv_areas at = { QSIZE, RAM_GPA, RAM_GPA + 0x1000,
				      RAM_GPA + 0x2000 };
	uint64_t features = DRV_BIT(DRV_F_IN_ORDER);

	if (packed)
		features |= DRV_BIT(DRV_F_RING_PACKED);
	drv_ram_init(&ram);
	ck_assert_int_eq(drv_ram_add(&ram, RAM_GPA, RAM_SIZE, DRV_RAM_HEAP), 0);
	ck_assert_uint_eq(drv_ram_alloc(&ram, 0x3000, DRV_PAGE), RAM_GPA);
	memset(&vq, 0, sizeof(vq));
	vq.ops = &no_ops;
	ck_assert_int_eq(drv_vq_init_at(&vq, &ram, &at, features), 0);
	ck_assert_int_eq(drv_echo_init(&echo, &vq, NULL), 0);
	memset(&dev, 0, sizeof(dev));
	dev.random = 1;
}

static void
setup_split(void)
{
	setup_ring(false);
}

static void
setup_packed(void)
{
	setup_ring(true);
}

static void
teardown(void)
{
	drv_echo_deinit(&echo);
	drv_vq_close(&vq);
	drv_ram_deinit(&ram);
}

/* ---- the model device ---- */

static uint8_t *
at(uint64_t gpa, uint64_t len)
{
	uint8_t *p = drv_ram_ptr(&ram, gpa, len);

	ck_assert_ptr_nonnull(p);
	return p;
}

static uint8_t *
desc_at(uint16_t i)
{
	return at(drv_vq_areas(&vq).desc_gpa, 16 * QSIZE) + 16 * (size_t)i;
}

static uint32_t
draw(uint32_t n)
{
	dev.random = dev.random * 1664525 + 1013904223;
	return (dev.random >> 8) % n;
}

/* One buffer of a chain. */
static void
take_buffer(struct taken *t, const uint8_t *desc)
{
	uint64_t gpa = drv_load64(desc);
	uint32_t len = drv_load32(desc + 8);
	bool write = drv_load16(desc + (vq.is_packed ? 14 : 12)) & 2;

	for (uint32_t i = 0; i < len; i++) {
		if (write)
			t->out[t->n_out++] = gpa + i;
		else
			t->in[t->n_in++] = *at(gpa + i, 1);
	}
}

static void
take_table(struct taken *t, const uint8_t *desc)
{
	uint32_t len = drv_load32(desc + 8);
	const uint8_t *table = at(drv_load64(desc), len);

	for (uint16_t i = 0; i < len / 16; i++) {
		const uint8_t *d = table + 16 * (size_t)i;

		take_buffer(t, d);
		if (!vq.is_packed && i + 1u < len / 16)
			ck_assert_uint_eq(drv_load16(d + 14), i + 1);
	}
}

/* Round and round the table: 0 follows the last one (2.7.5). */
static bool
take_split(struct taken *t)
{
	const uint8_t *avail = at(drv_vq_areas(&vq).driver_gpa, 6 + 2 * QSIZE);
	uint16_t i = dev.next_desc;

	if (drv_load16(avail + 2) == dev.avail)
		return false;
	t->id = drv_load16(avail + 4 + 2 * (dev.avail++ % QSIZE));
	ck_assert_uint_eq(t->id, i);
	for (;; i = (uint16_t)((i + 1) % QSIZE)) {
		const uint8_t *d = desc_at(i);
		uint16_t flags = drv_load16(d + 12);

		t->n_descs++;
		dev.next_desc = (uint16_t)((i + 1) % QSIZE);
		if (flags & 4)
			take_table(t, d);
		else
			take_buffer(t, d);
		if (!(flags & 1))
			return true;
		ck_assert_uint_eq(drv_load16(d + 14), dev.next_desc);
	}
}

static bool
take_packed(struct taken *t)
{
	uint16_t flags;

	do {
		const uint8_t *d = desc_at(dev.avail);
		bool wrap = !(dev.avail_lap & 1);

		flags = drv_load16(d + 14);
		if (!!(flags & 0x80) != wrap || !!(flags & 0x8000) == wrap)
			return false;
		t->id = drv_load16(d + 12);
		t->n_descs++;
		if (flags & 4)
			take_table(t, d);
		else
			take_buffer(t, d);
		dev.avail_lap =
			(uint16_t)(dev.avail_lap + (dev.avail + 1) / QSIZE);
		dev.avail = (uint16_t)((dev.avail + 1) % QSIZE);
	} while (flags & 1);
	return true;
}

static void
copy_to(struct taken *t, uint32_t len)
{
	for (t->len = 0; t->len < len; t->len++)
		*at(t->out[t->len], 1) = t->in[t->len];
}

static uint32_t
full_len(const struct taken *t)
{
	return t->n_in < t->n_out ? t->n_in : t->n_out;
}

/* Take all there is, and do what it asks for. */
static void
dev_take(void)
{
	while (dev.n_taken < QSIZE) {
		struct taken *t = &dev.taken[dev.n_taken];

		memset(t, 0, sizeof(*t));
		if (!(vq.is_packed ? take_packed(t) : take_split(t)))
			return;
		copy_to(t, full_len(t));
		dev.n_taken++;
	}
}

/* How many of the oldest can be told of at once: all but the last are full. */
static uint16_t
batch_max(void)
{
	uint16_t n = 1;

	while (n < dev.n_taken &&
	       dev.taken[n - 1].len == dev.taken[n - 1].n_out)
		n++;
	return n;
}

static void
put_split(uint16_t slot, const struct taken *t)
{
	uint8_t *used = at(drv_vq_areas(&vq).device_gpa, 6 + 8 * QSIZE);

	drv_store32(used + 4 + 8 * (slot % QSIZE), t->id);
	drv_store32(used + 8 + 8 * (slot % QSIZE), t->len);
}

static void
put_packed(uint16_t i, uint16_t lap, const struct taken *t)
{
	uint8_t *d = desc_at(i % QSIZE);

	lap = (uint16_t)(lap + i / QSIZE);
	drv_store32(d + 8, t->len);
	drv_store16(d + 12, t->id);
	drv_store16(d + 14, (t->len ? 2 : 0) | (lap & 1 ? 0 : 0x8080));
}

/* Descriptors of the n oldest. */
static uint16_t
descs_of(uint16_t n)
{
	uint16_t sum = 0;

	for (uint16_t i = 0; i < n; i++)
		sum = (uint16_t)(sum + dev.taken[i].n_descs);
	return sum;
}

static void
step_packed(uint16_t by)
{
	dev.used_lap = (uint16_t)(dev.used_lap + (dev.used + by) / QSIZE);
	dev.used = (uint16_t)((dev.used + by) % QSIZE);
}

static void
forget(uint16_t n)
{
	dev.n_taken = (uint16_t)(dev.n_taken - n);
	memmove(dev.taken, dev.taken + n, dev.n_taken * sizeof(*dev.taken));
}

/* Return the n oldest with one word about t, `off` chains on; step by `by`. */
static void
show(uint16_t n, const struct taken *t, uint16_t off, uint16_t by)
{
	if (vq.is_packed) {
		put_packed((uint16_t)(dev.used + descs_of(off)), dev.used_lap,
			   t);
		step_packed(by <= n ? descs_of(by)
				    : (uint16_t)(descs_of(n) + 1));
	} else {
		put_split((uint16_t)(dev.used + off), t);
		dev.used = (uint16_t)(dev.used + by);
		dev.shown = dev.used;
		drv_store16(at(drv_vq_areas(&vq).device_gpa, 4) + 2, dev.shown);
	}
	forget(n);
}

/* The first of a batch that is not written to its end; false if all are. */
static bool
spoil_first(uint32_t len)
{
	struct taken *t = &dev.taken[0];

	if (t->n_out == 0 || full_len(t) < 2)
		return false;
	for (uint32_t i = 0; i < t->n_out; i++)
		*at(t->out[i], 1) = 0;
	copy_to(t, len);
	return true;
}

static void
return_wrong(uint16_t n)
{
	const struct taken *last = &dev.taken[n - 1];

	switch (dev.fault) {
	case SKIPS_PART:
		(void)spoil_first(full_len(&dev.taken[0]) / 2);
		break;
	case SKIPS_UNWRITTEN:
		(void)spoil_first(0);
		break;
	case STEPS_SHORT:
		show(n, last, 0, (uint16_t)(n - 1));
		return;
	case STEPS_FAR:
		show(n, last, 0, (uint16_t)(n + 1));
		return;
	case LAST_PLACE:
		show(n, last, (uint16_t)(n - 1), n);
		return;
	case FIRST_ID:
		show(n, &dev.taken[0], 0, n);
		return;
	default:
		break;
	}
	show(n, last, 0, n);
}

/* Returns everything, in batches of any size that is allowed. */
static void
dev_return(void)
{
	while (dev.n_taken > 0) {
		uint16_t n = (uint16_t)(1 + draw(batch_max()));
		struct taken t = dev.taken[0];

		if (dev.fault == OUT_OF_ORDER && dev.n_taken > 1) {
			dev.taken[0] = dev.taken[1];
			dev.taken[1] = t;
			n = 1;
		}
		if (dev.fault && n > 1)
			return_wrong(n);
		else
			show(n, &dev.taken[n - 1], 0, n);
	}
}

/* Rounds of traffic. Was something wrong, or has something not come back? */
static bool
goes_wrong(int rounds)
{
	for (int i = 0; i < rounds; i++) {
		int n = drv_echo_send(&echo, 1 + (int)draw(QSIZE));

		ck_assert_int_gt(n, 0);
		dev_take();
		dev_return();
		if (drv_echo_reap(&echo) != n || echo.n_faults)
			return true;
	}
	return false;
}

START_TEST(in_order_batches_are_taken_apart)
{
	ck_assert_msg(!goes_wrong(4000), "%s", echo.why);
	ck_assert_uint_gt(echo.n_skipped, 1000);
	ck_assert_uint_eq(echo.n_back, echo.n_sent);
	ck_assert_uint_eq(drv_vq_n_free(&vq), QSIZE);
}
END_TEST

START_TEST(in_order_wrong_device_is_noticed)
{
	dev.fault = (enum fault)_i;
	ck_assert(goes_wrong(1000));
}
END_TEST

/* Not in order, nobody minds the second one first; in order it is refused. */
START_TEST(in_order_second_head_first_is_eproto)
{
	const struct drv_seg seg = { RAM_GPA + RAM_SIZE - 64, 1, true };
	struct drv_used used;
	struct taken t = { .len = 1 };

	(void)drv_vq_add(&vq, &seg, 1, NULL);
	t.id = (uint16_t)drv_vq_add(&vq, &seg, 1, NULL);
	drv_vq_publish(&vq);
	dev.taken[0] = dev.taken[1] = (struct taken){ .n_descs = 1 };
	dev.n_taken = 2;
	if (vq.is_packed) {
		/* Here it stands for both, but the next place shows it. */
		show(1, &t, 0, 1);
		show(1, &t, 0, 1);
	} else {
		show(1, &t, 0, 1);
	}
	ck_assert_int_eq(drv_vq_reap(&vq, &used), -EPROTO);
	vq.ring.in_order = vq.packed.in_order = false;
	ck_assert_int_eq(drv_vq_reap(&vq, &used), 1);
	ck_assert(!used.skipped);
}
END_TEST

/* Half a batch has been taken: the rest is still there, also after a move. */
START_TEST(in_order_rest_of_a_batch_is_still_used)
{
	const struct drv_seg seg = { RAM_GPA + RAM_SIZE - 64, 3, true };
	struct drv_used used;
	int ids[3];

	for (int i = 0; i < 3; i++)
		ids[i] = drv_vq_add(&vq, &seg, 1, NULL);
	drv_vq_publish(&vq);
	dev_take();
	dev.taken[2].len = 2;
	show(3, &dev.taken[2], 0, 3);
	for (int i = 0; i < 3; i++) {
		ck_assert(drv_vq_has_used(&vq));
		ck_assert_uint_eq(drv_vq_base(&vq),
				  vq.is_packed ? 0x80038003 : 3);
		ck_assert_int_eq(drv_vq_reap(&vq, &used), 1);
		ck_assert_uint_eq(used.id, (unsigned)ids[i]);
		ck_assert_uint_eq(used.len, i < 2 ? 3 : 2);
		ck_assert_int_eq(used.skipped, i < 2);
		ck_assert_uint_eq(drv_vq_in_flight(&vq), 2 - i);
	}
	ck_assert(!drv_vq_has_used(&vq));
	ck_assert_int_eq(drv_vq_reap(&vq, &used), 0);
}
END_TEST

/* ---- kicks ---- */

#define NOTIFY_OFF 0x100
#define NOTIFY_MUL 8

/* A function with a common configuration that is just memory. */
struct fake_bus {
	struct drv_bus bus; /* first */
	uint8_t common[64];
	uint64_t kick_off;
	uint32_t kick_size;
	uint64_t kick_val;
};

static int
fake_read(struct drv_bus *bus, int bar, uint64_t off, uint32_t size,
	  uint64_t *val)
{
	struct fake_bus *fb = (struct fake_bus *)(void *)bus;

	ck_assert_int_eq(bar, 4);
	ck_assert_uint_le(off + size, sizeof(fb->common));
	*val = 0;
	memcpy(val, fb->common + off, size);
	return 0;
}

static int
fake_write(struct drv_bus *bus, int bar, uint64_t off, uint32_t size,
	   uint64_t val)
{
	struct fake_bus *fb = (struct fake_bus *)(void *)bus;

	ck_assert_int_eq(bar, 4);
	if (off < sizeof(fb->common)) {
		memcpy(fb->common + off, &val, size);
		return 0;
	}
	fb->kick_off = off;
	fb->kick_size = size;
	fb->kick_val = val;
	return 0;
}

static const struct drv_bus_ops fake_ops = {
	.bar_read = fake_read,
	.bar_write = fake_write,
};

static struct fake_bus bus;
static struct drv_pci pci;
static struct drv_virtio vd;

/* Queue 2 of a function, whose driver has negotiated these features. */
static void
open_queue(uint64_t features)
{
	memset(&bus, 0, sizeof(bus));
	bus.bus.ops = &fake_ops;
	drv_store16(bus.common + 0x18, QSIZE);
	drv_store16(bus.common + 0x1e, 2);      /* queue_notify_off */
	drv_store16(bus.common + 0x38, 0xbeef); /* queue_notif_config_data */
	memset(&pci, 0, sizeof(pci));
	pci.bus = &bus.bus;
	pci.vcaps[DRV_VCAP_COMMON] =
		(struct drv_vcap){ .cap_off = 1, .bar = 4, .length = 64 };
	pci.vcaps[DRV_VCAP_NOTIFY] = (struct drv_vcap){
		.cap_off = 2,
		.bar = 4,
		.offset = NOTIFY_OFF,
		.multiplier = NOTIFY_MUL,
	};
	drv_virtio_init(&vd, &pci, DRV_MODERN);
	vd.features = features;
	drv_vq_close(&vq);
	ck_assert_int_eq(drv_vq_open(&vq, &vd, &ram, 2, 0, DRV_NO_VECTOR), 0);
}

static void
assert_kick(uint32_t size, uint32_t val)
{
	ck_assert_int_eq(drv_vq_kick(&vq), 0);
	ck_assert_uint_eq(bus.kick_off, NOTIFY_OFF + 2 * NOTIFY_MUL);
	ck_assert_uint_eq(bus.kick_size, size);
	ck_assert_uint_eq(bus.kick_val, val);
}

/* Publish n chains of one byte; those before are back. */
static void
publish(int n)
{
	const struct drv_seg seg = { RAM_GPA + RAM_SIZE - 64, 1, true };

	drv_vq_reset_ring(&vq);
	for (int i = 0; i < n; i++)
		ck_assert_int_ge(drv_vq_add(&vq, &seg, 1, NULL), 0);
	drv_vq_publish(&vq);
}

/* Four sets of features, on either ring. */
START_TEST(kick_has_the_width_and_the_name_that_were_agreed_on)
{
	uint64_t features = _i & 4 ? DRV_BIT(DRV_F_RING_PACKED) : 0;
	uint16_t name = _i & 1 ? 0xbeef : 2;
	bool data = _i & 2;

	if (_i & 1)
		features |= DRV_BIT(DRV_F_NOTIF_CONFIG_DATA);
	if (data)
		features |= DRV_BIT(DRV_F_NOTIFICATION_DATA);
	open_queue(features);
	assert_kick(data ? 4 : 2,
		    data && vq.is_packed ? 0x80000000u | name : name);
	publish(3);
	assert_kick(data ? 4 : 2, !data          ? name
				  : vq.is_packed ? 0x80030000u | name
						 : 0x00030000u | name);
	ck_assert_int_eq(drv_virtio_kick(&vd, 2), 0);
	ck_assert_uint_eq(bus.kick_val, name);
	ck_assert_uint_eq(bus.kick_size, data ? 4 : 2);
}
END_TEST

START_TEST(kick_data_counts_past_the_end_of_the_ring)
{
	open_queue(DRV_BIT(DRV_F_NOTIFICATION_DATA) |
		   (_i ? DRV_BIT(DRV_F_RING_PACKED) : 0));
	publish(QSIZE);
	assert_kick(4, _i ? 2 : QSIZE << 16 | 2); /* entry 0 of the next lap */
	vq.ring.published = 0xfffe;
	vq.packed.published = 2 * QSIZE + 5;
	assert_kick(4, _i ? 0x80050002 : 0xfffe0002);
}
END_TEST

static void
add_order(TCase *tc)
{
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, in_order_batches_are_taken_apart);
	tcase_add_loop_test(tc, in_order_wrong_device_is_noticed, 1, N_FAULTS);
	tcase_add_test(tc, in_order_second_head_first_is_eproto);
	tcase_add_test(tc, in_order_rest_of_a_batch_is_still_used);
}

static Suite *
in_order_suite(void)
{
	Suite *s = suite_create("driver-in-order");
	TCase *tc = tcase_create("split");

	tcase_add_checked_fixture(tc, setup_split, teardown);
	add_order(tc);
	tcase_add_loop_test(
		tc, kick_has_the_width_and_the_name_that_were_agreed_on, 0, 8);
	tcase_add_loop_test(tc, kick_data_counts_past_the_end_of_the_ring, 0,
			    2);
	suite_add_tcase(s, tc);
	tc = tcase_create("packed");
	tcase_add_checked_fixture(tc, setup_packed, teardown);
	add_order(tc);
	suite_add_tcase(s, tc);
	return s;
}

int
main(void)
{
	SRunner *sr = srunner_create(in_order_suite());
	int failed;

	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
