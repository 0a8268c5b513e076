// SPDX-License-Identifier: BSD-3-Clause
/* vhost-user back end: device state, saved and loaded. */
#include <check.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "driver/bytes.h"
#include "host/vhost-loop.h"
#include "suite.h"

#define HEADER 24
#define BYTES  (HEADER + LOOP_CONFIG)

static struct vhost_loop l;
static struct drv_vu *const vu = &l.dev.vu;

static void
setup(void)
{
	vhost_loop_open(&l, NULL);
}

static void
teardown(void)
{
	vhost_loop_close(&l);
}

static void
save(uint8_t state[BYTES])
{
	uint8_t buf[4096];

	ck_assert_int_eq(drv_vu_save_state(vu, buf, sizeof(buf)), BYTES);
	memcpy(state, buf, BYTES);
}

static void
assert_config(uint8_t first)
{
	uint8_t config[LOOP_CONFIG];

	ck_assert_int_eq(drv_vu_get_config(vu, 0, config, LOOP_CONFIG), 0);
	for (uint8_t i = 0; i < LOOP_CONFIG; i++)
		ck_assert_uint_eq(config[i], first + i);
}

START_TEST(state_says_what_it_is)
{
	uint8_t state[BYTES];

	ck_assert_int_eq(
		drv_vu_set_u64(vu, DRV_VU_SET_FEATURES, l.dev.features), 0);
	save(state);
	ck_assert_mem_eq(state, "VBSD", 4);
	ck_assert_uint_eq(drv_load16(state + 4), 1);
	ck_assert_uint_eq(drv_load16(state + 6), LOOP_TYPE);
	ck_assert_uint_eq(drv_load64(state + 8),
			  l.dev.features & ~DRV_BIT(DRV_VU_F_PROTOCOL));
	ck_assert_uint_eq(drv_load32(state + 16), LOOP_CONFIG);
	ck_assert_uint_eq(drv_load32(state + 20), 0);
	ck_assert_uint_eq(state[HEADER], 0xa0);
}
END_TEST

START_TEST(state_moves_to_the_next_connection)
{
	const uint8_t ones[LOOP_CONFIG] = { 0 };
	uint8_t state[BYTES];

	for (int i = 0; i < 10; i++) {
		save(state);
		ck_assert_int_eq(drv_vu_set_config(vu, 0, 0, ones, LOOP_CONFIG),
				 0);
		drv_vu_device_detach(&l.dev);
		ck_assert_int_eq(
			drv_vu_device_attach(&l.dev, served_connect(&l.served)),
			0);
		ck_assert_int_eq(drv_vu_load_state(vu, state, BYTES), 0);
		assert_config(0xa0);
	}
	ck_assert_int_eq(drv_vu_device_start(&l.dev), 0);
	vhost_loop_echo(&l, 0, 1);
}
END_TEST

START_TEST(state_of_a_device_that_runs_is_refused)
{
	uint8_t state[BYTES];

	save(state);
	ck_assert_int_eq(drv_vu_device_start(&l.dev), 0);
	ck_assert_int_eq(drv_vu_save_state(vu, state, BYTES), -EREMOTEIO);
	ck_assert_int_eq(drv_vu_load_state(vu, state, BYTES), -EREMOTEIO);
	vhost_loop_echo(&l, 0, 1);
	ck_assert_int_eq(drv_vu_device_stop_rings(&l.dev), 0);
	save(state);
	ck_assert_int_eq(drv_vu_load_state(vu, state, BYTES), 0);
}
END_TEST

/* One that was changed in a byte is refused, and the device keeps its own. */
START_TEST(state_of_something_else_is_refused)
{
	uint8_t state[BYTES + 1], bad[BYTES + 1];

	save(state);
	state[BYTES] = 0;
	state[HEADER] = 1; /* it would be seen */
	for (int i = 0; i < HEADER; i++) {
		memcpy(bad, state, sizeof(bad));
		bad[i] ^= 0x40; /* of the features, too: none is offered */
		if (i == 11)
			bad[i] = 0xf0;
		ck_assert_int_eq(drv_vu_load_state(vu, bad, BYTES), -EREMOTEIO);
	}
	for (size_t len = 0; len <= BYTES + 1; len++) {
		if (len != BYTES)
			ck_assert_int_eq(drv_vu_load_state(vu, state, len),
					 -EREMOTEIO);
	}
	assert_config(0xa0);
	ck_assert_int_eq(drv_vu_load_state(vu, state, BYTES), 0);
}
END_TEST

START_TEST(state_that_does_not_end_is_refused)
{
	static uint8_t much[100000];

	/* It stops reading: what is written is lost, or cannot be. */
	ck_assert_int_lt(drv_vu_load_state(vu, much, sizeof(much)), 0);
	vhost_assert_goes_on(vu);
	assert_config(0xa0);
}
END_TEST

static uint64_t
check_state(void)
{
	uint64_t val;

	ck_assert_int_eq(drv_vu_get_u64(vu, DRV_VU_CHECK_DEVICE_STATE, &val),
			 0);
	return val;
}

START_TEST(check_without_a_transfer_is_an_error)
{
	uint8_t state[BYTES];

	ck_assert_uint_ne(check_state(), 0);
	save(state);
	ck_assert_uint_ne(check_state(), 0);
}
END_TEST

/* Begin a transfer; the reply, and its descriptor or -1. */
static uint64_t
begin(uint32_t direction, uint32_t phase, int *fd)
{
	const uint32_t req[2] = { direction, phase };
	uint64_t val;

	ck_assert_int_eq(drv_vu_post(vu, DRV_VU_SET_DEVICE_STATE_FD, 0, req,
				     sizeof(req), NULL, 0),
			 0);
	ck_assert_int_eq(drv_vu_wait_reply(vu, DRV_VU_SET_DEVICE_STATE_FD), 0);
	memcpy(&val, vu->reply.body, sizeof(val));
	*fd = drv_vu_take_fd(vu, 0);
	return val;
}

START_TEST(transfer_that_cannot_be_is_refused)
{
	int fd;

	ck_assert_uint_ne(begin(2, 0, &fd) & 0xff, 0);
	ck_assert_int_lt(fd, 0);
	ck_assert_uint_ne(begin(DRV_VU_STATE_SAVE, 1, &fd) & 0xff, 0);
	ck_assert_int_lt(fd, 0);
	vhost_assert_goes_on(vu);
}
END_TEST

START_TEST(transfer_that_is_dropped_is_forgotten)
{
	int fd[3];

	ck_assert_uint_eq(begin(DRV_VU_STATE_LOAD, 0, &fd[0]), 0);
	ck_assert_int_eq(write(fd[0], "VBSD", 4), 4);
	ck_assert_uint_ne(check_state(), 0); /* it has not ended */
	ck_assert_uint_eq(begin(DRV_VU_STATE_LOAD, 0, &fd[1]), 0);
	ck_assert_uint_eq(begin(DRV_VU_STATE_SAVE, 0, &fd[2]), 0);
	ck_assert_uint_eq(check_state(), 0);
	for (int i = 0; i < 3; i++)
		(void)close(fd[i]);
	assert_config(0xa0);
	/* And one that is open when we go. */
	ck_assert_uint_eq(begin(DRV_VU_STATE_LOAD, 0, &fd[0]), 0);
	(void)close(fd[0]);
}
END_TEST

int
main(void)
{
	const TTest *const tests[] = {
		state_says_what_it_is,
		state_moves_to_the_next_connection,
		state_of_a_device_that_runs_is_refused,
		state_of_something_else_is_refused,
		state_that_does_not_end_is_refused,
		check_without_a_transfer_is_an_error,
		transfer_that_cannot_be_is_refused,
		transfer_that_is_dropped_is_forgotten,
	};
	TCase *tc = tcase_create("vhost-user-transfer");
	Suite *suite = suite_create("vhost-user-transfer");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 30);
	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
		tcase_add_test(tc, tests[i]);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
