// SPDX-License-Identifier: BSD-3-Clause
/* The command line: what it comes to. What is wrong with it, and what is said
 * then, is for tests/host/test-vbs-dm.sh. */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "args.h"
#include "devices/devices.h"
#include "suite.h"

#define MAX_WORDS 16

static struct dm_args *args;
static struct dm_error err;
static char line[512];

static void
setup(void)
{
	args = NULL;
}

static void
forget(void)
{
	if (args)
		dm_args_free(args);
	free(args);
	args = NULL;
}

/* Parse words with blanks between; the first is the name of the program. */
static int
parse_with(const char *text, unsigned int n_activated)
{
	char *argv[MAX_WORDS + 1] = { NULL };
	char *rest = line, *word;
	int argc = 0;

	forget();
	args = calloc(1, sizeof(*args));
	ck_assert_ptr_nonnull(args);
	(void)snprintf(line, sizeof(line), "%s", text);
	while ((word = strsep(&rest, " ")) && argc < MAX_WORDS)
		argv[argc++] = word;
	return dm_args_parse(args, argc, argv, n_activated, &err);
}

static void
parse(const char *text)
{
	ck_assert_msg(parse_with(text, 0) == 0, "%s: %s", text, err.text);
}

static const struct dm_slot *
slot(unsigned int i)
{
	ck_assert_uint_gt(args->slots.n, i);
	return &args->slots.slot[i];
}

START_TEST(host_is_vfio_user_with_slots)
{
	parse("vbs-dm --socket-dir d -s 3,virtio-rnd");
	ck_assert_int_eq(args->action, DM_RUN);
	ck_assert_ptr_eq(args->host, &dm_host_vfio_user);
	ck_assert_int_eq(args->fd, -1);
	ck_assert(!slot(0)->anywhere);
	parse("vbs-dm --socket-dir d -s 3,virtio-rnd --host vhost-user");
	ck_assert_ptr_eq(args->host, &dm_host_vhost_user);
}
END_TEST

START_TEST(host_is_vhost_user_with_one_device)
{
	parse("vbs-dm rnd --socket-path p");
	ck_assert_ptr_eq(args->host, &dm_host_vhost_user);
	ck_assert_ptr_eq(slot(0)->device, &dm_virtio_rnd);
	ck_assert_ptr_null(slot(0)->opts);
	ck_assert(slot(0)->anywhere);
	parse("vbs-dm rnd --socket-path p --host=vfio-user");
	ck_assert_ptr_eq(args->host, &dm_host_vfio_user);
}
END_TEST

START_TEST(device_has_several_names)
{
	static const char *const blk[] = { "blk", "block", "virtio-blk" };
	char text[64];

	for (int i = 0; i < 3; i++) {
		(void)snprintf(text, sizeof(text), "vbs-dm %s x --fd 9",
			       blk[i]);
		parse(text);
		ck_assert_ptr_eq(slot(0)->device, &dm_virtio_blk);
	}
	parse("vbs-dm rng --fd 9");
	ck_assert_ptr_eq(slot(0)->device, &dm_virtio_rnd);
	parse("vbs-dm -s 3,blk,x --fd 9");
	ck_assert_ptr_eq(slot(0)->device, &dm_virtio_blk);
}
END_TEST

START_TEST(options_are_words_or_have_commas)
{
	parse("vbs-dm blk file=a ro,mq=2 --socket-path p serial=s");
	ck_assert_str_eq(slot(0)->opts, "file=a,ro,mq=2,serial=s");
	ck_assert_str_eq(args->socket_path, "p");
	parse("vbs-dm blk --blk-file=a --read-only --fd=5");
	ck_assert_str_eq(slot(0)->opts, "path=a,ro");
	ck_assert_int_eq(args->fd, 5);
	parse("vbs-dm blk --fd 5 --version");
	ck_assert_int_eq(args->action, DM_VERSION);
}
END_TEST

static const char *
printed(const struct dm_offer *offer)
{
	static char text[128];
	FILE *out = fmemopen(text, sizeof(text), "w");

	ck_assert_ptr_nonnull(out);
	text[0] = '\0';
	dm_offer_print(offer, out);
	ck_assert_int_eq(fclose(out), 0);
	return text;
}

START_TEST(features_are_options_of_any_device)
{
	static const struct {
		const char *given, *left, *offer;
	} cases[] = {
		{ "blk,x,packed=off", "x", ",packed=off" },
		{ "blk,in_order=on,x,mq=2", "x,mq=2", ",in_order=on" },
		{ "blk,x,event_idx=off,mq=2,indirect_desc=off,ro", "x,mq=2,ro",
		  ",event_idx=off,indirect_desc=off" },
		{ "blk,x,packed=off,packed=on", "x", ",packed=on" },
		{ "blk,path=packed=off,repacking=on",
		  "path=packed=off,repacking=on", "" },
		{ "rnd,queue_reset=off", NULL, ",queue_reset=off" },
		{ "rnd,notification_data=on,notif_config_data=on", NULL,
		  ",notification_data=on,notif_config_data=on" },
		{ "rnd", NULL, "" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[128];

		(void)snprintf(text, sizeof(text), "vbs-dm -s 3,%s --fd 9",
			       cases[i].given);
		parse(text);
		if (cases[i].left)
			ck_assert_str_eq(slot(0)->opts, cases[i].left);
		else
			ck_assert_ptr_null(slot(0)->opts);
		ck_assert_str_eq(printed(&slot(0)->offer), cases[i].offer);
	}
	parse("vbs-dm blk in_order=on file=a ro packed=off --fd 9");
	ck_assert_str_eq(slot(0)->opts, "file=a,ro");
	ck_assert_str_eq(printed(&slot(0)->offer), ",packed=off,in_order=on");
}
END_TEST

/* Whichever of host and device comes first. */
START_TEST(features_of_a_pci_function_need_one)
{
	static const char *const names[] = { "queue_reset", "notification_data",
					     "notif_config_data" };

	for (int i = 0; i < 3; i++) {
		char text[128];

		for (int on = 0; on < 2; on++) {
			(void)snprintf(
				text, sizeof(text),
				"vbs-dm -s 3,rnd,%s=%s --host vhost-user "
				"--fd 9",
				names[i], on ? "on" : "off");
			ck_assert_int_eq(parse_with(text, 0), on ? -EINVAL : 0);
		}
		(void)snprintf(text, sizeof(text),
			       "vbs-dm rnd %s=on --host=vfio-user --fd 9",
			       names[i]);
		parse(text);
	}
	parse("vbs-dm rnd packed=on in_order=on event_idx=on --fd 9");
}
END_TEST

START_TEST(program_is_named_after_its_device)
{
	parse("/usr/libexec/vhost-user-vbs-blk --blk-file=a --fd=3");
	ck_assert_ptr_eq(slot(0)->device, &dm_virtio_blk);
	ck_assert_str_eq(slot(0)->opts, "path=a");
	parse("vhost-user-rng --fd=3");
	ck_assert_ptr_eq(slot(0)->device, &dm_virtio_rnd);
	parse("./vhost-user-blk mq=2 file=a --socket-path=p");
	ck_assert_str_eq(slot(0)->opts, "mq=2,file=a");
	parse("vhost-user-toaster --help");
	ck_assert_int_eq(args->action, DM_HELP);
	ck_assert_int_eq(parse_with("vhost-user- --fd=3", 0), -EINVAL);
}
END_TEST

START_TEST(capabilities_are_of_the_device)
{
	static const char *const lines[] = {
		"vbs-dm blk --print-capabilities",
		"vbs-dm --print-capabilities --nonsense --fd blk",
		"vbs-dm --print-capabilities -s 3,virtio-blk,x -s 4,rnd",
		"vbs-dm -s3,blk --print-capabilities",
		"vhost-user-vbs-blk --print-capabilities rnd",
		"vbs-dm blk --print-cap",
	};

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		parse(lines[i]);
		ck_assert_int_eq(args->action, DM_CAPABILITIES);
		ck_assert_ptr_eq(dm_device_find(args->topic), &dm_virtio_blk);
	}
	parse("vbs-dm --print-capabilities toaster");
	ck_assert_ptr_null(args->topic);
}
END_TEST

START_TEST(access_of_sockets)
{
	parse("vbs-dm rnd --socket-path p");
	ck_assert(!args->access.has_mode && !args->access.has_group);
	parse("vbs-dm rnd --socket-path p --socket-mode=0640");
	ck_assert(args->access.has_mode && !args->access.has_group);
	ck_assert_uint_eq(args->access.mode, 0640);
	parse("vbs-dm rnd --socket-path p --socket-group=12345");
	ck_assert_uint_eq(args->access.group, 12345);
	ck_assert(args->access.has_mode);
	ck_assert_uint_eq(args->access.mode, 0660);
	parse("vbs-dm rnd --socket-path p --socket-group=0 --socket-mode=600");
	ck_assert_uint_eq(args->access.mode, 0600);
}
END_TEST

START_TEST(levels_go_up_and_down)
{
	parse("vbs-dm rnd --fd 9");
	ck_assert_int_eq(args->level, VBS_LOG_WARNING);
	parse("vbs-dm rnd --fd 9 -vv");
	ck_assert_int_eq(args->level, VBS_LOG_DEBUG);
	parse("vbs-dm rnd --fd 9 --log-level=info");
	ck_assert_int_eq(args->level, VBS_LOG_INFO);
	parse("vbs-dm rnd --fd 9 -v --quiet");
	ck_assert_int_eq(args->level, VBS_LOG_ERROR);
}
END_TEST

START_TEST(activation_is_a_way_to_a_socket)
{
	ck_assert_int_eq(parse_with("vbs-dm rnd", 1), 0);
	ck_assert_int_eq(parse_with("vbs-dm rnd", 2), -EINVAL);
	ck_assert_int_eq(parse_with("vbs-dm rnd --fd 9", 1), -EINVAL);
	/* It is for serving only. */
	ck_assert_int_eq(
		parse_with("vbs-dm rnd --socket-path p --print-frontend=uml",
			   1),
		0);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("args");
	TCase *tc = tcase_create("args");

	tcase_add_checked_fixture(tc, setup, forget);
	tcase_add_test(tc, host_is_vfio_user_with_slots);
	tcase_add_test(tc, host_is_vhost_user_with_one_device);
	tcase_add_test(tc, device_has_several_names);
	tcase_add_test(tc, options_are_words_or_have_commas);
	tcase_add_test(tc, features_are_options_of_any_device);
	tcase_add_test(tc, features_of_a_pci_function_need_one);
	tcase_add_test(tc, program_is_named_after_its_device);
	tcase_add_test(tc, capabilities_are_of_the_device);
	tcase_add_test(tc, access_of_sockets);
	tcase_add_test(tc, levels_go_up_and_down);
	tcase_add_test(tc, activation_is_a_way_to_a_socket);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
