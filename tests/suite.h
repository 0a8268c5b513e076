/* SPDX-License-Identifier: BSD-3-Clause */
/* The end of every Check program: run the suite, print the count. */
#ifndef TESTS_SUITE_H
#define TESTS_SUITE_H

#include <check.h>
#include <stdlib.h>

static inline int
suite_run(Suite *s)
{
	SRunner *sr = srunner_create(s);
	int failed;

	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	/* A CK_RUN_CASE that names nothing has shown nothing. */
	failed += srunner_ntests_run(sr) == 0;
	srunner_free(sr);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#endif
