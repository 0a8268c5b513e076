#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# The page and the picture of doc/ are what the kept run says, no more: nobody
# has written a figure there by hand.
set -eu
: "${srcdir:=.}"
report=tests/bench/bench-report
tmp=$(mktemp)
trap 'rm -f "$tmp"' EXIT
bad=0

# is_written FILE VERB ARGUMENT...: what the verb writes is this file.
is_written() {
	file=$srcdir/doc/$1
	shift
	$report "$@" >"$tmp" || bad=1
	diff -u "$file" "$tmp" || {
		echo "$file is stale: make bench-doc" \
			"BENCH_JSON=$srcdir/doc/performance.json"
		bad=1
	}
}
is_written performance.md page "$srcdir/doc/performance.json" \
	"$srcdir/tests/bench/performance.md.in"
is_written performance.svg picture "$srcdir/doc/performance.json"
exit $bad
