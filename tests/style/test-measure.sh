#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# measure.awk, on a file whose numbers are known.
set -eu
: "${srcdir:=.}"
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

cat >"$tmp/known.c" <<'END'
// a comment
#define BLOCK(x) do { (x); } while (0)
static const char *name = "a { in a string";
static const char *const fixed[] = { "x", "y" };
static int table[] = { 1, 2 };
struct shape {
	int side;
};
int shape_area(const struct shape *shape);

/* Two blocks deep;
 * the initializer is none. */
static int
deep(int a, void (*call)(int, int), char c)
{
	struct shape s = { .side = '{' };

	if (a) {
		for (int i = 0; i < a; i++) {
			call(i, s.side);
		}
	}
	return c; // a very long line, 86 columns wide: ..............................
}

int none(void) { return 0; }
START_TEST(case_is_named)
{
}
END_TEST
END

tr ' ' '\t' >"$tmp/expected" <<'END'
M known.c 3 static~const~char~*name~=~""
M known.c 5 static~int~table[]~=~
F known.c 14 deep 11 2 3
W known.c 23 86
F known.c 26 none 1 0 0
F known.c 27 case_is_named 3 0 0
L known.c 30 24 3
END
awk=$(cd "$srcdir/tests/style" && pwd)/measure.awk
cd "$tmp"
awk -f "$awk" known.c | tr ' ' '~' | sort >found
sort expected | diff -u - found
