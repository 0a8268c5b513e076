// SPDX-License-Identifier: BSD-3-Clause
/* The report of a run: collect it, then write it as a page and as a picture. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/report.h"

static int
usage(FILE *to, int status)
{
	(void)fputs("usage: bench-report merge OUT.json COUNTS.txt PROGRAM...\n"
		    "       bench-report page REPORT.json TEMPLATE.md\n"
		    "       bench-report picture REPORT.json\n"
		    "       bench-report bars REPORT.json\n"
		    "  merge    PROGRAM.json and PROGRAM.txt of each, and the "
		    "counts\n"
		    "  page     Markdown, to standard output\n"
		    "  picture  SVG, to standard output\n"
		    "  bars     what the page says of them\n",
		    to);
	return status;
}

static int
merge(int argc, char **argv)
{
	json_t *report = report_merge(argv + 2, argc - 2, argv[1]);
	int status = report_write(report, argv[0]);

	json_decref(report);
	return status;
}

static int
show(const char *verb, const char *path, const char *template)
{
	json_error_t error;
	json_t *report = json_load_file(path, 0, &error);
	int status = EXIT_SUCCESS;

	if (!report) {
		(void)fprintf(stderr, "%s:%d: %s\n", path, error.line,
			      error.text);
		return EXIT_FAILURE;
	}
	if (strcmp(verb, "page") == 0)
		status = report_page(report, template);
	else if (strcmp(verb, "bars") == 0)
		report_bars(report);
	else
		report_picture(report);
	json_decref(report);
	return status;
}

int
main(int argc, char **argv)
{
	if (argc >= 2 && strcmp(argv[1], "--help") == 0)
		return usage(stdout, EXIT_SUCCESS);
	if (argc >= 4 && strcmp(argv[1], "merge") == 0)
		return merge(argc - 2, argv + 2);
	if ((argc == 4 && strcmp(argv[1], "page") == 0) ||
	    (argc == 3 &&
	     (strcmp(argv[1], "picture") == 0 || strcmp(argv[1], "bars") == 0)))
		return show(argv[1], argv[2], argv[argc - 1]);
	return usage(stderr, 2);
}
