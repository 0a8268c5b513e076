#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# The tables in doc/ are what the tests say today, and leave nothing out.
set -eu
: "${srcdir:=.}"
tmp=$(mktemp)
trap 'rm -f "$tmp"' EXIT
bad=0
for table in conformance robustness; do
	sh "$srcdir/tests/spec/make-table.sh" $table >"$tmp" || bad=1
	diff -u "$srcdir/doc/$table.md" "$tmp" || {
		echo "doc/$table.md is stale: tests/spec/make-table.sh $table"
		bad=1
	}
	tail -n 1 "$tmp"
done
exit $bad
