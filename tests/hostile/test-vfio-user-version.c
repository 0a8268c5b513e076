// SPDX-License-Identifier: BSD-3-Clause
/*
 * A vfio-user server against versions that are none, and headers that say too
 * much (class E7): an error reply, after which a good version may follow, or a
 * closed connection.
 */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/served.h"
#include "host/toy.h"
#include "suite.h"

#define CONFIG 7

static struct served served;
static struct drv_vfu vfu;
static int n_fds; /* while one client is connected */

static void
setup(void)
{
	served_start(&served, &toy_ops, 0, NULL);
	served_open(&served, &vfu);
	n_fds = count_fds();
}

static void
teardown(void)
{
	drv_vfu_deinit(&vfu);
	served_open(&served, &vfu);
	ck_assert_int_eq(count_fds(), n_fds);
	drv_vfu_deinit(&vfu);
	served_stop(&served);
}

/* Connect anew, and send a VERSION with these bytes as its JSON. */
static int
send_version(const void *json, size_t len)
{
	struct drv_vfu_version ver = { 0, 0 };

	drv_vfu_deinit(&vfu);
	ck_assert_int_eq(drv_vfu_init(&vfu, served_connect(&served)), 0);
	return drv_vfu_call(&vfu, DRV_VFU_VERSION, &ver, sizeof(ver), json,
			    len);
}

static void
assert_json_refused(const char *json)
{
	ck_assert_msg(send_version(json, strlen(json) + 1) == -EINVAL,
		      "not refused: %.60s", json);
	/* No harm is done: a good one may follow. */
	ck_assert_int_eq(drv_vfu_negotiate(&vfu, NULL), 0);
}

START_TEST(hostile_e7__version_json_malformed_is_refused)
{
	static const char *const bad[] = {
		"",
		" ",
		"x",
		"{",
		"}",
		"[]",
		"null",
		"1",
		"\"capabilities\"",
		"{\"capabilities\":",
		"{\"capabilities\":1}",
		"{\"capabilities\":[]}",
		"{\"capabilities\":null}",
		"{\"capabilities\":\"max_msg_fds\"}",
		"{\"capabilities\":{}}x",
		"{\"capabilities\":{},\"capabilities\":{}}",
		"{\"capabilities\":{\"max_msg_fds\":1,\"max_msg_fds\":2}}",
		"{\"capabilities\":{\"x\":\"\xff\xfe\"}}",
		"{\"capabilities\":{\"twin_socket\":1}}",
		"{\"capabilities\":{\"twin_socket\":{\"supported\":\"yes\"}}}",
		"{\"capabilities\":{\"write_multiple\":1}}",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_json_refused(bad[i]);
}
END_TEST

START_TEST(hostile_e7__version_numbers_out_of_range_are_refused)
{
	static const char *const names[] = { "max_msg_fds",
					     "max_data_xfer_size",
					     "max_dma_maps", "pgsizes" };
	static const char *const bad[] = {
		"0",    "-1",   "-9223372036854775808",
		"1.5",  "1e3",  "99999999999999999999",
		"true", "null", "\"16\"",
		"[16]", "{}",   "-99999999999999999999",
	};
	char json[128];

	for (int n = 0; n < 4; n++) {
		for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
			(void)snprintf(json, sizeof(json),
				       "{\"capabilities\":{\"%s\":%s}}",
				       names[n], bad[i]);
			assert_json_refused(json);
		}
	}
	assert_json_refused("{\"capabilities\":{\"pgsizes\":2097152}}");
}
END_TEST

START_TEST(hostile_e7__version_json_without_its_nul_is_refused)
{
	ck_assert_int_eq(send_version("{}", 2), -EINVAL);
	ck_assert_int_eq(send_version("{", 1), -EINVAL);
	ck_assert_int_eq(send_version("\0{}", 3), -EINVAL);
	ck_assert_int_eq(send_version("\0", 1), -EINVAL);
	ck_assert_int_eq(send_version("{}\0{}", 6), 0);
}
END_TEST

START_TEST(hostile_e7__version_json_huge_or_deep_ends_well)
{
	size_t big = 1 << 20;
	char *json = malloc(big);

	ck_assert_ptr_nonnull(json);
	memset(json, '[', big);
	json[4095] = '\0';
	ck_assert_int_eq(send_version(json, 4096), -EINVAL);
	memset(json, ' ', big);
	ck_assert_int_eq(send_version(json, 4097), -ECONNRESET);
	ck_assert_int_eq(send_version(json, big), -ECONNRESET);
	free(json);
}
END_TEST

START_TEST(hostile_e7__message_ids_are_only_echoed)
{
	struct {
		struct drv_vfu_hdr hdr;
		struct drv_vfu_region_access acc;
	} cmd = { .hdr = { .cmd = DRV_VFU_REGION_READ,
			   .size = sizeof(cmd),
			   .error = UINT32_MAX },
		  .acc = { 0, CONFIG, 2 } };
	static const uint16_t ids[] = { 7, 7, 7, 0, 0xffff, 7 };
	uint8_t buf[64];

	for (int i = 0; i < 6; i++) {
		cmd.hdr.id = ids[i];
		ck_assert_int_eq(
			drv_socket_send(vfu.fd, &cmd, sizeof(cmd), NULL, 0), 0);
	}
	for (int i = 0; i < 6; i++) {
		struct drv_vfu_hdr hdr;

		ck_assert_int_eq(drv_vfu_recv(vfu.fd, buf, sizeof(buf), NULL,
					      NULL, DRV_TIMEOUT_MS),
				 34);
		memcpy(&hdr, buf, sizeof(hdr));
		ck_assert_uint_eq(hdr.id, ids[i]);
		ck_assert_uint_eq(hdr.error, 0);
	}
}
END_TEST

static void
add_tests(TCase *tc)
{
	const TTest *const tests[] = {
		hostile_e7__version_json_malformed_is_refused,
		hostile_e7__version_numbers_out_of_range_are_refused,
		hostile_e7__version_json_without_its_nul_is_refused,
		hostile_e7__version_json_huge_or_deep_ends_well,
		hostile_e7__message_ids_are_only_echoed,
	};

	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
		tcase_add_test(tc, tests[i]);
}

int
main(void)
{
	TCase *tc = tcase_create("vfio-user version");
	Suite *suite = suite_create("hostile vfio-user version");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	add_tests(tc);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
