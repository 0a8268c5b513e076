// SPDX-License-Identifier: BSD-3-Clause
/* The table of options: what parses, what does not, and what is said. */
#include <check.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/options.h"
#include "suite.h"

struct thing {
	const char *file;
	const char *label;
	bool fast, slow, has_label;
	unsigned int n, bare, colour;
	uint64_t size;
	struct dm_number_list list;
};

#define OFFSET(field) offsetof(struct thing, field)

static const char *const colours[] = { "red", "green", NULL };

static const struct dm_option table[] = {
	{ .name = "file",
	  .alias = "path",
	  .kind = DM_OPT_TEXT,
	  .flags = DM_OPT_POSITIONAL,
	  .offset = OFFSET(file),
	  .value = "FILE",
	  .help = "a file" },
	{ .name = "label",
	  .kind = DM_OPT_TEXT,
	  .offset = OFFSET(label),
	  .given = OFFSET(has_label),
	  .value = "TEXT",
	  .help = "a label" },
	{ .name = "fast",
	  .kind = DM_OPT_FLAG,
	  .offset = OFFSET(fast),
	  .help = "quick" },
	{ .name = "slow",
	  .kind = DM_OPT_FLAG,
	  .flags = DM_OPT_CLEARS,
	  .offset = OFFSET(fast),
	  .help = "not quick",
	  .def = "default" },
	{ .name = "n",
	  .kind = DM_OPT_NUMBER,
	  .offset = OFFSET(n),
	  .min = 2,
	  .max = 16,
	  .value = "N",
	  .help = "a number" },
	{ .name = "bare",
	  .kind = DM_OPT_NUMBER,
	  .flags = DM_OPT_BARE,
	  .offset = OFFSET(bare),
	  .min = 1,
	  .max = 8,
	  .value = "N",
	  .help = "may stand alone" },
	{ .name = "colour",
	  .kind = DM_OPT_CHOICE,
	  .offset = OFFSET(colour),
	  .words = colours,
	  .value = "red|green",
	  .help = "a choice" },
	{ .name = "size",
	  .kind = DM_OPT_SIZE,
	  .offset = OFFSET(size),
	  .max = UINT64_MAX,
	  .value = "SIZE",
	  .help = "a size" },
	{ .name = "list",
	  .kind = DM_OPT_LIST,
	  .offset = OFFSET(list),
	  .max = 100,
	  .separator = '/',
	  .value = "A/B/C",
	  .help = "numbers" },
	{ 0 },
};

static struct thing thing;
static struct dm_error err;
static char text[128];

static int
parse(const char *options)
{
	memset(&thing, 0, sizeof(thing));
	memset(&err, 0, sizeof(err));
	(void)snprintf(text, sizeof(text), "%s", options);
	return dm_options_parse(table, "thing", text, &thing, &err);
}

START_TEST(number_good)
{
	static const struct {
		const char *text;
		bool sized;
		uint64_t val;
	} good[] = {
		{ "0", false, 0 },
		{ "42", false, 42 },
		{ "0x1f", false, 31 },
		{ "010", false, 10 },
		{ "18446744073709551615", false, UINT64_MAX },
		{ "1k", true, 1024 },
		{ "3M", true, 3u << 20 },
		{ "2g", true, UINT64_C(2) << 30 },
		{ "1T", true, UINT64_C(1) << 40 },
		{ "16777215t", true, UINT64_C(16777215) << 40 },
	};
	uint64_t val = 0;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		ck_assert_int_eq(
			dm_parse_number(good[i].text, good[i].sized, &val), 0);
		ck_assert_uint_eq(val, good[i].val);
	}
}
END_TEST

START_TEST(number_bad)
{
	static const struct {
		const char *text;
		bool sized;
		int rc;
	} bad[] = {
		{ "", false, -EINVAL },
		{ "-1", false, -EINVAL },
		{ "+1", false, -EINVAL },
		{ " 1", false, -EINVAL },
		{ "1 ", false, -EINVAL },
		{ "1k", false, -EINVAL },
		{ "1kb", true, -EINVAL },
		{ "1x", true, -EINVAL },
		{ "k", true, -EINVAL },
		{ "1.5g", true, -EINVAL },
		{ "18446744073709551616", false, -ERANGE },
		{ "16777216t", true, -ERANGE },
		{ "18014398509481984k", true, -ERANGE },
	};
	uint64_t val = 7;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_msg(dm_parse_number(bad[i].text, bad[i].sized,
					      &val) == bad[i].rc,
			      "'%s'", bad[i].text);
	ck_assert_uint_eq(val, 7);
}
END_TEST

START_TEST(distance_counts_edits)
{
	ck_assert_uint_eq(dm_distance("", ""), 0);
	ck_assert_uint_eq(dm_distance("abc", "abc"), 0);
	ck_assert_uint_eq(dm_distance("", "abc"), 3);
	ck_assert_uint_eq(dm_distance("abc", "abd"), 1);
	ck_assert_uint_eq(dm_distance("abc", "ab"), 1);
	ck_assert_uint_eq(dm_distance("kitten", "sitting"), 3);
}
END_TEST

START_TEST(parse_every_kind)
{
	ck_assert_int_eq(parse("n=3,disk.img,fast,label=a b,bare,colour=green,"
			       "size=4k,list=1/2/3"),
			 0);
	ck_assert_str_eq(thing.file, "disk.img");
	ck_assert_str_eq(thing.label, "a b");
	ck_assert(thing.has_label);
	ck_assert(thing.fast);
	ck_assert_uint_eq(thing.n, 3);
	ck_assert_uint_eq(thing.bare, 1);
	ck_assert_uint_eq(thing.colour, 1);
	ck_assert_uint_eq(thing.size, 4096);
	ck_assert_uint_eq(thing.list.n, 3);
	ck_assert_uint_eq(thing.list.v[2], 3);
}
END_TEST

START_TEST(parse_nothing_leaves_the_defaults)
{
	ck_assert_int_eq(parse(""), 0);
	ck_assert_int_eq(parse(",,"), 0);
	ck_assert_ptr_null(thing.file);
	ck_assert(!thing.has_label);
	ck_assert_int_eq(dm_options_parse(table, "thing", NULL, &thing, &err),
			 0);
}
END_TEST

START_TEST(parse_last_flag_wins)
{
	ck_assert_int_eq(parse("fast,slow"), 0);
	ck_assert(!thing.fast);
	ck_assert_int_eq(parse("slow,fast"), 0);
	ck_assert(thing.fast);
}
END_TEST

START_TEST(parse_file_by_name_may_look_like_anything)
{
	ck_assert_int_eq(parse("file=n=3"), 0);
	ck_assert_str_eq(thing.file, "n=3");
	ck_assert_int_eq(parse("./a=b"), 0);
	ck_assert_str_eq(thing.file, "./a=b");
	ck_assert_int_eq(parse("path=x"), 0);
	ck_assert_str_eq(thing.file, "x");
}
END_TEST

START_TEST(parse_bad_says_what_and_what_to_do)
{
	static const char *const bad[][2] = {
		{ "f,fats", "no option 'fats'; did you mean 'fast'?" },
		{ "f,labell=x", "no option 'labell'; did you mean 'label'?" },
		{ "f,other", "no option 'other'; `vbs-dm help thing`" },
		{ "labzl=x", "no option 'labzl'; did you mean 'label'?" },
		{ "n=1", "option n=1: out of range; give 2 to 16" },
		{ "n=17", "option n=17: out of range; give 2 to 16" },
		{ "n=x", "option n=x: not a whole number; give one like n=2" },
		{ "n", "option n needs a value; give n=N" },
		{ "n=", "option n= is empty; give n=N" },
		{ "fast=1", "option fast takes no value" },
		{ "colour=blue", "option colour=blue: no such choice; give "
				 "colour=red|green" },
		{ "size=1q", "option size=1q: not a size" },
		{ "list=1/2/3/4", "option list: too many numbers" },
		{ "list=1//3", "option list=: not a whole number" },
		{ "list=101", "option list=101: out of range" },
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		ck_assert_int_eq(parse(bad[i][0]), -EINVAL);
		ck_assert_msg(strstr(err.text, bad[i][1]) != NULL,
			      "'%s' says '%s', not '%s'", bad[i][0], err.text,
			      bad[i][1]);
	}
}
END_TEST

START_TEST(help_names_each_option_once)
{
	char *help = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&help, &size);

	dm_options_help(table, out);
	(void)fclose(out);
	for (const struct dm_option *opt = table; opt->name; opt++)
		ck_assert_ptr_nonnull(strstr(help, opt->help));
	ck_assert_ptr_nonnull(strstr(help, "[file=|path=]FILE"));
	ck_assert_ptr_nonnull(strstr(help, "bare[=N]"));
	ck_assert_ptr_nonnull(strstr(help, "a number; 2 to 16"));
	ck_assert_ptr_nonnull(strstr(help, "not quick [default]"));
	free(help);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("options");
	TCase *tc = tcase_create("options");

	tcase_add_test(tc, number_good);
	tcase_add_test(tc, number_bad);
	tcase_add_test(tc, distance_counts_edits);
	tcase_add_test(tc, parse_every_kind);
	tcase_add_test(tc, parse_nothing_leaves_the_defaults);
	tcase_add_test(tc, parse_last_flag_wins);
	tcase_add_test(tc, parse_file_by_name_may_look_like_anything);
	tcase_add_test(tc, parse_bad_says_what_and_what_to_do);
	tcase_add_test(tc, help_names_each_option_once);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
