// SPDX-License-Identifier: BSD-3-Clause
/*
 * A vhost-user server and what it is told about rings and configuration: sizes,
 * indices and an order that make no sense (classes D4, D5, D8 and D9).
 */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "host/program.h"
#include "hostile/vhost-rig.h"
#include "suite.h"

/* With VBS_ROUNDS as many as are asked for: 1000000 in a long run. */
#define ROUNDS 2000

/* What a million of anything would go far beyond; a sanitizer keeps a lot. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define LEAK_KB 393216
#else
#define LEAK_KB 4096
#endif

#define WIDE      (UINT64_C(1) << 32)
#define NOT_THERE 0x7f0000000000

/* ---- sizes (D4) ---- */

START_TEST(hostile_d4__size_that_no_ring_has_is_refused)
{
	static const uint32_t sizes[] = {
		0,          3,          LOOP_QSIZE - 1, LOOP_QSIZE + 1, 128,
		32768,      32769,      65535,          65536,          0x10040,
		0x80000040, 0x80000000, UINT32_MAX,
	};

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		const struct drv_vu_state state = { 1, sizes[i] };

		assert_refused(DRV_VU_SET_VRING_NUM, &state, sizeof(state),
			       NULL, 0);
	}
}
END_TEST

START_TEST(hostile_d4__refused_size_leaves_the_one_before)
{
	const struct drv_vu_state state = { 0, 3 };

	rig_start();
	ck_assert_int_eq(drv_vu_queue_stop(&l.dev.queues[0]), 0);
	assert_told(DRV_VU_SET_VRING_NUM, &state, sizeof(state), NULL, 0);
	ck_assert_int_eq(drv_vu_set_vring_fd(vu, DRV_VU_SET_VRING_KICK, 0,
					     l.dev.queues[0].kick),
			 0);
	rig_echo();
}
END_TEST

/* ---- any number of times (D4) ---- */

static void
again_num(unsigned int i)
{
	ck_assert_int_eq(
		drv_vu_set_state(vu, DRV_VU_SET_VRING_NUM, i % 3, 1u << i % 7),
		0);
}

static void
again_call(unsigned int i)
{
	int fd = make_eventfd();

	ck_assert_int_eq(drv_vu_set_vring_fd(vu, DRV_VU_SET_VRING_KICK + i % 3,
					     i / 3 % 3, fd),
			 0);
	(void)close(fd);
}

static void
again_log(unsigned int i)
{
	struct drv_vu_shm log;

	ck_assert_int_eq(drv_vu_log_init(&log, drv_vu_ram_end(&l.ram)), 0);
	ck_assert_int_eq(drv_vu_set_log(vu, &log), 0);
	drv_vu_shm_deinit(&log);
}

static void
again_get_inflight(unsigned int i)
{
	struct drv_vu_shm area;

	ck_assert_int_eq(drv_vu_get_inflight(vu, (uint16_t)(1 + i % 3),
					     LOOP_QSIZE, &area),
			 0);
	drv_vu_shm_deinit(&area);
}

static void
again_set_inflight(unsigned int i)
{
	struct drv_vu_shm area;

	ck_assert_int_eq(drv_vu_get_inflight(vu, 3, LOOP_QSIZE, &area), 0);
	ck_assert_int_eq(drv_vu_set_inflight(vu, &area), 0);
	drv_vu_shm_deinit(&area);
}

static void
again_memory(unsigned int i)
{
	ck_assert_int_eq(drv_vu_set_mem_table(vu, &l.ram), 0);
	ck_assert_int_eq(drv_vu_rem_region(vu, drv_ram_region(&l.ram, 0)), 0);
}

static void
again_life(unsigned int i)
{
	if (i % 16)
		return;
	ck_assert_int_eq(drv_vu_device_start(&l.dev), 0);
	if (i % 32)
		ck_assert_int_eq(drv_vu_device_reset(&l.dev, i % 3), 0);
	ck_assert_int_eq(drv_vu_device_stop(&l.dev), 0);
}

static void (*const repeated[])(unsigned int i) = {
	again_num,          again_call,   again_log,  again_get_inflight,
	again_set_inflight, again_memory, again_life,
};

/* Also with the log on, and in a ring's life. */
START_TEST(hostile_d4__any_number_of_times_takes_no_more)
{
	unsigned int rounds = program_rounds(ROUNDS);
	int fds, maps;
	long kb;

	for (unsigned int i = 0; i < 200; i++)
		repeated[_i](i);
	repeated[_i](0);          /* they differ in what they leave behind */
	vhost_assert_goes_on(vu); /* it has closed what it has sent */
	fds = count_fds();
	maps = count_maps("/memfd:");
	kb = rss_kb();
	for (unsigned int i = 0; i < rounds; i++)
		repeated[_i](i);
	repeated[_i](0);
	vhost_assert_goes_on(vu);
	ck_assert_int_eq(count_fds(), fds);
	ck_assert_int_eq(count_maps("/memfd:"), maps);
	ck_assert_int_lt(rss_kb() - kb, LEAK_KB);
}
END_TEST

/* ---- rings that do not exist (D5) ---- */

static const uint32_t with_index[] = {
	DRV_VU_SET_VRING_NUM,
	DRV_VU_SET_VRING_BASE,
	DRV_VU_SET_VRING_ENABLE,
	DRV_VU_SET_VRING_ADDR,
};

static const uint32_t bad_index[] = {
	LOOP_QUEUES, 0xff, 0x100, 0x10000, 0x80000000, UINT32_MAX,
};

#define N_BAD_INDEX (int)(sizeof(bad_index) / sizeof(bad_index[0]))

START_TEST(hostile_d5__ring_that_does_not_exist_is_refused)
{
	const struct drv_vu_state state = { bad_index[_i], 1 };
	const struct drv_vu_addr addr = { .index = bad_index[_i] };

	for (int i = 0; i < 3; i++)
		assert_refused(with_index[i], &state, sizeof(state), NULL, 0);
	assert_refused(DRV_VU_SET_VRING_ADDR, &addr, sizeof(addr), NULL, 0);
	/* Which has an answer of its own, and no number for an error. */
	assert_closes(DRV_VU_GET_VRING_BASE, &state, sizeof(state), NULL, 0);
}
END_TEST

/* There are 8 bits of index, and a flag; the rest is not ours to ignore. */
START_TEST(hostile_d5__descriptor_for_no_ring_is_refused)
{
	static const uint64_t bad[] = {
		LOOP_QUEUES, 0x7f, 0xff,        0x200,
		0x10000,     WIDE, WIDE << 31u, UINT64_MAX & ~DRV_VU_NO_FD,
	};
	int fd = make_eventfd();

	rig_start();
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		for (uint32_t k = DRV_VU_SET_VRING_KICK;
		     k <= DRV_VU_SET_VRING_ERR; k++)
			assert_told(k, &bad[i], sizeof(bad[i]), &fd, 1);
	}
	rig_echo();
	ck_assert_int_eq(
		drv_vu_post(vu, DRV_VU_SET_VRING_CALL, 0, &bad[2], 8, &fd, 1),
		0);
	(void)close(fd);
	assert_closed();
}
END_TEST

START_TEST(hostile_d5__base_of_a_ring_that_nobody_set_up_is_0)
{
	uint32_t base = 77;

	for (uint32_t i = 0; i < LOOP_QUEUES; i++) {
		for (int twice = 0; twice < 2; twice++) {
			ck_assert_int_eq(drv_vu_get_vring_base(vu, i, &base),
					 0);
			ck_assert_uint_eq(base, 0);
		}
	}
	rig_start();
	ck_assert_int_eq(drv_vu_queue_stop(&l.dev.queues[0]), 0);
	ck_assert_int_eq(drv_vu_get_vring_base(vu, 0, &base), 0);
	ck_assert_uint_eq(base, l.dev.queues[0].base);
}
END_TEST

/* ---- configuration (D8) ---- */

static const struct {
	uint32_t offset, size;
} bad_configs[] = {
	{ 0, LOOP_CONFIG + 1 },
	{ 1, LOOP_CONFIG },
	{ LOOP_CONFIG, 1 },
	{ LOOP_CONFIG - 1, 2 },
	{ 255, 1 },
	{ 256, 1 },
	{ 0, 256 },
	{ UINT32_MAX, 1 },
	{ UINT32_MAX, 2 },
	{ UINT32_MAX - 3, 8 },
	{ UINT32_MAX - 255, 256 },
	{ 0x80000000, 4 },
};

/* The answer to a read that cannot be is one of no bytes. */
START_TEST(hostile_d8__configuration_beyond_its_end)
{
	uint8_t bytes[256] = { 0 };
	uint32_t offset = bad_configs[_i].offset, size = bad_configs[_i].size;
	struct drv_vu_config config = { .offset = offset, .size = size };
	size_t len = DRV_VU_CONFIG_HDR + size;

	ck_assert_int_eq(drv_vu_get_config(vu, offset, bytes, size),
			 -EREMOTEIO);
	vhost_assert_goes_on(vu);
	assert_refused(DRV_VU_SET_CONFIG, &config, len, NULL, 0);
}
END_TEST

/* What the header says, and what is there. */
START_TEST(hostile_d8__configuration_of_another_size_than_it_says)
{
	static const uint32_t sizes[] = { 0,          1,          3,
					  5,          256,        257,
					  0x80000004, UINT32_MAX, 4 + 0x10000 };

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		const struct drv_vu_config config = { .size = sizes[i] };
		const size_t len = DRV_VU_CONFIG_HDR + 4;

		ck_assert_int_eq(
			drv_vu_get(vu, DRV_VU_GET_CONFIG, &config, len), 0);
		ck_assert_uint_eq(vu->reply.hdr.size, 0);
		assert_refused(DRV_VU_SET_CONFIG, &config, len, NULL, 0);
	}
}
END_TEST

START_TEST(hostile_d8__configuration_with_unknown_flags_is_not_written)
{
	uint8_t before[LOOP_CONFIG], after[LOOP_CONFIG];

	ck_assert_int_eq(drv_vu_get_config(vu, 0, before, LOOP_CONFIG), 0);
	/* QEMU has 0 and 1, rust-vmm the bits 0 and 1. */
	for (int bit = 2; bit < 32; bit++) {
		struct drv_vu_config config = { .size = 4, .flags = 1u << bit };

		memset(config.bytes, 0x77, 4);
		assert_told(DRV_VU_SET_CONFIG, &config, DRV_VU_CONFIG_HDR + 4,
			    NULL, 0);
	}
	ck_assert_int_eq(drv_vu_get_config(vu, 0, after, LOOP_CONFIG), 0);
	ck_assert_mem_eq(before, after, LOOP_CONFIG);
}
END_TEST

/* ---- order (D9) ---- */

static struct drv_vu_queue *
queue_of(int i)
{
	return &l.dev.queues[i];
}

/* Rings of the front end, of which the server has not heard yet. */
static void
make_rings(void)
{
	ck_assert_int_eq(drv_vu_device_start(&l.dev), 0);
	ck_assert_int_eq(drv_vu_device_stop_rings(&l.dev), 0);
	ck_assert_int_eq(drv_vu_rem_region(vu, drv_ram_region(&l.ram, 0)), 0);
}

/* In every order, with the memory last: it is served when all is there. */
START_TEST(hostile_d9__ring_in_any_order_is_served_when_all_is_there)
{
	static const int orders[][4] = {
		{ 0, 1, 2, 3 }, { 3, 2, 1, 0 }, { 1, 0, 3, 2 },
		{ 2, 3, 0, 1 }, { 3, 0, 1, 2 }, { 1, 2, 3, 0 },
	};
	struct drv_vu_queue *q = queue_of(0);

	make_rings();
	for (int k = 0; k < 4; k++) {
		int rc = -1, what = orders[_i][k];

		if (what == 0)
			rc = drv_vu_set_state(vu, DRV_VU_SET_VRING_NUM, 0,
					      LOOP_QSIZE);
		if (what == 1)
			rc = drv_vu_set_vring_addr(vu, 0, 0, &q->vq.ring);
		if (what == 2)
			rc = drv_vu_set_vring_fd(vu, DRV_VU_SET_VRING_KICK, 0,
						 q->kick);
		if (what == 3)
			rc = drv_vu_set_state(vu, DRV_VU_SET_VRING_ENABLE, 0,
					      1);
		ck_assert_int_eq(rc, 0);
		vhost_assert_goes_on(vu);
	}
	ck_assert_int_eq(drv_vu_add_region(vu, drv_ram_region(&l.ram, 0)), 0);
	vhost_loop_echo(&l, 0, 0x31);
}
END_TEST

START_TEST(hostile_d9__rings_that_run_are_not_changed)
{
	const struct drv_vu_state num = { 0, LOOP_QSIZE / 2 }, base = { 0, 5 };
	struct drv_vu_addr addr = { 0 };
	struct drv_vu_inflight_desc area = { .size = 8192,
					     .n_queues = LOOP_QUEUES,
					     .queue_size = LOOP_QSIZE };
	const uint64_t features = l.dev.features ^ 1u << LOOP_F_BASE;
	int fd = make_memfd(8192);

	rig_start();
	assert_told(DRV_VU_SET_VRING_NUM, &num, sizeof(num), NULL, 0);
	assert_told(DRV_VU_SET_VRING_BASE, &base, sizeof(base), NULL, 0);
	assert_told(DRV_VU_SET_VRING_ADDR, &addr, sizeof(addr), NULL, 0);
	assert_told(DRV_VU_SET_FEATURES, &features, sizeof(features), NULL, 0);
	assert_told(DRV_VU_SET_INFLIGHT_FD, &area, DRV_VU_INFLIGHT_BYTES, &fd,
		    1);
	rig_echo();
	(void)close(fd);
}
END_TEST

START_TEST(hostile_d9__some_of_the_rings_are_served)
{
	for (int run = 0; run < LOOP_QUEUES; run++) {
		make_rings();
		ck_assert_int_eq(
			drv_vu_add_region(vu, drv_ram_region(&l.ram, 0)), 0);
		ck_assert_int_eq(drv_vu_queue_start(queue_of(run)), 0);
		vhost_loop_echo(&l, run, 0x32);
		vhost_rig_next();
	}
}
END_TEST

/* Enabled long before it is there, disabled while it runs, and enabled. */
START_TEST(hostile_d9__enabling_is_remembered)
{
	for (uint32_t i = 0; i < LOOP_QUEUES; i++)
		ck_assert_int_eq(
			drv_vu_set_state(vu, DRV_VU_SET_VRING_ENABLE, i, 1), 0);
	rig_start();
	for (int i = 0; i < 100; i++)
		ck_assert_int_eq(
			drv_vu_set_state(vu, DRV_VU_SET_VRING_ENABLE, 0, i % 2),
			0);
	rig_echo();
}
END_TEST

START_TEST(hostile_d9__enabling_with_another_number_is_refused)
{
	static const uint32_t bad[] = { 2, 255, 256, 0x80000001, UINT32_MAX };

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const struct drv_vu_state state = { 0, bad[i] };

		assert_refused(DRV_VU_SET_VRING_ENABLE, &state, sizeof(state),
			       NULL, 0);
	}
}
END_TEST

static uint64_t
user_at(uint64_t offset)
{
	return drv_vu_user_addr(&l.ram, VHOST_RAM_GPA) + offset;
}

/* Memory that nobody gave is waited for; other places cannot be. */
START_TEST(hostile_d9__ring_at_an_impossible_place_is_refused)
{
	const uint64_t a = user_at(0x80000),
		       last = user_at(VHOST_RAM_SIZE - 16);
	const struct drv_vu_addr bad[] = {
		{ 0, 0, a + 8, a + 0x2000, a + 0x1000, 0 },
		{ 0, 0, a, a + 0x2002, a + 0x1000, 0 },
		{ 0, 0, a, a + 0x2000, a + 0x1001, 0 },
		{ 0, 0, a, a, a + 0x1000, 0 },
		{ 0, 0, a, a + 0x1000, a + 0x1000, 0 },
		{ 0, 0, a, a + 0x2000, a + 0x10, 0 },
		{ 0, 2, a, a + 0x2000, a + 0x1000, 0 },
		{ 0, 0x80000000, a, a + 0x2000, a + 0x1000, 0 },
	};
	const struct drv_vu_addr waits[] = {
		{ 0, 0, last, a + 0x2000, a + 0x1000, 0 },
		{ 0, 0, a, last, a + 0x1000, 0 },
		{ 0, 0, a, a + 0x2000, last, 0 },
		{ 0, 0, NOT_THERE, a + 0x2000, a + 0x1000, 0 },
		{ 0, 0, 0, 0, 0, 0 },
		{ 0, 0, UINT64_MAX - 15, a + 0x2000, a + 0x1000, 0 },
	};
	const size_t n_bad = sizeof(bad) / sizeof(bad[0]);
	const uint64_t index = 0;

	for (size_t i = 0; i < n_bad + sizeof(waits) / sizeof(waits[0]); i++) {
		const struct drv_vu_addr *addr = i < n_bad ? &bad[i]
							   : &waits[i - n_bad];
		int fd = make_eventfd(), rc;

		ck_assert_int_eq(drv_vu_set_mem_table(vu, &l.ram), 0);
		ck_assert_int_eq(drv_vu_set_state(vu, DRV_VU_SET_VRING_NUM, 0,
						  LOOP_QSIZE),
				 0);
		rc = drv_vu_set(vu, DRV_VU_SET_VRING_ADDR, addr, sizeof(*addr),
				NULL, 0);
		if (rc == 0)
			rc = drv_vu_set(vu, DRV_VU_SET_VRING_KICK, &index, 8,
					&fd, 1);
		ck_assert_int_eq(rc, i < n_bad ? -EREMOTEIO : 0);
		(void)close(fd);
		vhost_rig_next();
	}
}
END_TEST

/* An index that leads nowhere breaks that ring; stopping mends it. */
START_TEST(hostile_d9__base_that_is_far_off_breaks_that_ring)
{
	static const uint32_t bases[] = { 1000, 0x8000, 0xf000 };
	struct drv_vu_queue *q = queue_of(0);

	rig_start();
	for (size_t i = 0; i < sizeof(bases) / sizeof(bases[0]); i++) {
		uint64_t errs = q->n_errs;
		uint32_t base;

		ck_assert_int_eq(drv_vu_queue_stop(q), 0);
		base = q->base;
		q->base = bases[i];
		ck_assert_int_eq(drv_vu_queue_start(q), 0);
		ck_assert_int_eq(drv_vq_kick(&q->vq), 0);
		for (int k = 0; k < 100 && q->n_errs == errs; k++)
			ck_assert_int_ge(drv_vu_device_serve(&l.dev, 100), 0);
		ck_assert_uint_eq(q->n_errs, errs + 1);
		vhost_loop_echo(&l, 1, 0x41);
		ck_assert_int_eq(drv_vu_queue_stop(q), 0);
		q->base = base;
		ck_assert_int_eq(drv_vu_queue_start(q), 0);
		rig_echo();
	}
}
END_TEST

/* As whoever dies in the middle of serving it leaves it behind. */
START_TEST(hostile_d9__ring_that_was_left_without_kicks_is_kicked_again)
{
	struct drv_vu_queue *q = queue_of(0);

	for (int i = 0; i < 2; i++) {
		l.dev.features &= ~DRV_BIT(DRV_F_EVENT_IDX);
		if (i == 1)
			l.dev.features |= DRV_BIT(DRV_F_EVENT_IDX);
		rig_start();
		ck_assert_int_eq(drv_vu_queue_stop(q), 0);
		/* The flag; and behind the used ring, the event. */
		q->vq.ring.used[0] = DRV_USED_NO_NOTIFY;
		memset(q->vq.ring.used + 4 + 8 * LOOP_QSIZE, 0x40, 2);
		ck_assert_int_eq(drv_vu_queue_start(q), 0);
		rig_echo();
		vhost_rig_next();
	}
}
END_TEST

START_TEST(hostile_d9__base_with_more_bits_than_an_index_is_refused)
{
	static const uint32_t bad[] = { 0x10000, 0x80000000, 0x80008000,
					UINT32_MAX };

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const struct drv_vu_state state = { 0, bad[i] };

		assert_refused(DRV_VU_SET_VRING_BASE, &state, sizeof(state),
			       NULL, 0);
	}
}
END_TEST

START_TEST(hostile_d9__features_and_status_that_cannot_be_are_refused)
{
	for (int bit = 0; bit < 64; bit++) {
		uint64_t val = DRV_BIT(bit);

		if (!(l.dev.offered & val))
			assert_refused(DRV_VU_SET_FEATURES, &val, sizeof(val),
				       NULL, 0);
		if (!(l.dev.offered_protocol & val))
			assert_refused(DRV_VU_SET_PROTOCOL_FEATURES, &val,
				       sizeof(val), NULL, 0);
		if (bit >= 8)
			assert_refused(DRV_VU_SET_STATUS, &val, sizeof(val),
				       NULL, 0);
	}
}
END_TEST

/* Polled by a thread, and stopped by another, at any time. */
START_TEST(hostile_d9__ring_without_a_kick_started_and_stopped)
{
	unsigned int rounds = program_rounds(ROUNDS);
	struct drv_ram_mark mark;

	rig_start_packed(_i);
	drv_ram_mark(&l.ram, &mark);
	for (unsigned int i = 0; i < rounds; i++) {
		struct drv_vu_queue *q = queue_of(1 + (int)(i % 2));
		uint32_t idx = q->vq.index;

		ck_assert_int_eq(
			drv_vu_set_vring_fd(vu, DRV_VU_SET_VRING_KICK, idx, -1),
			0);
		if (i % 3 == 0)
			vhost_loop_echo(&l, (int)idx, (uint8_t)i);
		if (i % 2)
			ck_assert_int_eq(
				drv_vu_set_vring_fd(vu, DRV_VU_SET_VRING_KICK,
						    idx, q->kick),
				0);
		if (i % 5)
			continue;
		ck_assert_int_eq(drv_vu_queue_stop(q), 0);
		ck_assert_int_eq(drv_vu_queue_start(q), 0);
		drv_ram_release(&l.ram, &mark);
	}
	rig_echo();
}
END_TEST

/*
 * A chain that was refused has not been shown to the driver when the ring
 * breaks, and never will be: whoever stops, or goes, is not the one to do so.
 */
START_TEST(hostile_d9__packed_ring_that_breaks_behind_a_refused_chain)
{
	const struct drv_pdesc refused = { VHOST_RAM_GPA - 1, 1, 0, 0 };
	const struct drv_pdesc bad = { VHOST_RAM_GPA, 1, LOOP_QSIZE, 0 };
	struct drv_vu_queue *q = queue_of(0);

	/* Its area would have each chain shown by itself. */
	vu->protocol &= ~DRV_BIT(DRV_VUP_INFLIGHT_SHMFD);
	rig_start_packed(true);
	drv_packed_raw_offer(&q->vq.packed, &refused, 1);
	drv_packed_raw_offer(&q->vq.packed, &bad, 1);
	ck_assert_int_eq(drv_vq_kick(&q->vq), 0);
	for (int k = 0; k < 100 && q->n_errs == 0; k++)
		ck_assert_int_ge(drv_vu_device_serve(&l.dev, 100), 0);
	ck_assert_uint_eq(q->n_errs, 1);
	vhost_loop_echo(&l, 1, 0x41);
	vhost_rig_next();
}
END_TEST

static void
add_loops(TCase *tc)
{
	tcase_add_loop_test(tc, hostile_d4__any_number_of_times_takes_no_more,
			    0, sizeof(repeated) / sizeof(repeated[0]));
	tcase_add_loop_test(tc, hostile_d5__ring_that_does_not_exist_is_refused,
			    0, N_BAD_INDEX);
	tcase_add_loop_test(tc, hostile_d8__configuration_beyond_its_end, 0,
			    sizeof(bad_configs) / sizeof(bad_configs[0]));
	tcase_add_loop_test(
		tc, hostile_d9__ring_in_any_order_is_served_when_all_is_there,
		0, 6);
}

static TCase *
make_case(const char *name, void (*open)(void))
{
	TCase *tc = tcase_create(name);

	tcase_add_checked_fixture(tc, open, vhost_rig_teardown);
	tcase_set_timeout(tc, getenv("VBS_ROUNDS") ? 0 : 60);
	return tc;
}

int
main(void)
{
	const TTest *const tests[] = {
		hostile_d4__size_that_no_ring_has_is_refused,
		hostile_d4__refused_size_leaves_the_one_before,
		hostile_d5__descriptor_for_no_ring_is_refused,
		hostile_d5__base_of_a_ring_that_nobody_set_up_is_0,
		hostile_d8__configuration_of_another_size_than_it_says,
		hostile_d8__configuration_with_unknown_flags_is_not_written,
		hostile_d9__rings_that_run_are_not_changed,
		hostile_d9__some_of_the_rings_are_served,
		hostile_d9__enabling_is_remembered,
		hostile_d9__enabling_with_another_number_is_refused,
		hostile_d9__ring_at_an_impossible_place_is_refused,
		hostile_d9__base_that_is_far_off_breaks_that_ring,
		hostile_d9__base_with_more_bits_than_an_index_is_refused,
		hostile_d9__packed_ring_that_breaks_behind_a_refused_chain,
		hostile_d9__ring_that_was_left_without_kicks_is_kicked_again,
		hostile_d9__features_and_status_that_cannot_be_are_refused,
	};
	Suite *suite = suite_create("hostile vhost-user rings");
	TCase *tc = make_case("vhost-user rings", vhost_rig_setup);

	add_loops(tc);
	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
		tcase_add_test(tc, tests[i]);
	suite_add_tcase(suite, tc);
	tc = make_case("vhost-user rings and threads", vhost_rig_setup_thread);
	tcase_add_loop_test(
		tc, hostile_d9__ring_without_a_kick_started_and_stopped, 0, 2);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
