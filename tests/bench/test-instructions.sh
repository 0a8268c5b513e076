#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# A chain takes no more instructions than instructions.txt says, give or take
# 2 %: what makes the data path slower is seen on the day it is written. Counts
# are those of one compiler and its options, which that file names; with others
# this is skipped.
#
#   tests/bench/test-instructions.sh           compare
#   tests/bench/test-instructions.sh --renew   write the file again
set -eu
: "${srcdir:=.}" "${CC:=cc}" "${BENCH_CFLAGS:=}"
kept=$srcdir/tests/bench/instructions.txt
ways="libvbs libvbs-batch"
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

skip() {
	echo "SKIP: $*"
	exit 77
}

case $BENCH_CFLAGS in
*-fsanitize=*) skip "a sanitizer counts as well" ;;
*-O2*) ;;
*) skip "this is not a build with -O2" ;;
esac
# shellcheck disable=SC2086  # it may have options
compiler="$($CC --version | head -n 1) for $($CC -dumpmachine)"
if [ "${1:-}" != --renew ]; then
	grep -qxF "# $compiler" "$kept" || skip "counted with another compiler:" \
		"$(sed -n '2s/^# //p' "$kept")"
fi

# shellcheck disable=SC2086  # a list
"$srcdir/tests/bench/instructions.sh" tests/bench/bench-ring $ways \
	>"$tmp/counts" || {
	status=$?
	cat "$tmp/counts"
	exit $status
}
if [ "${1:-}" = --renew ]; then
	{
		echo "# Instructions for each chain: ring, shape, batch, calls."
		echo "# $compiler"
		cat "$tmp/counts"
	} >"$kept"
	exit
fi

awk '
	FNR == NR { if (!/^#/) kept[$1 " " $2 " " $3 " " $4] = $5; next }
	{
		key = $1 " " $2 " " $3 " " $4
		if (!(key in kept))
			say("is new")
		else if ($5 > kept[key] * 1.02 + 1)
			bad += say("SLOWER, was " kept[key])
		else if ($5 < kept[key] * 0.98 - 1)
			good += say("was " kept[key])
		delete kept[key]
	}
	function say(what) {
		print key ": " $5 " instructions, " what
		return 1
	}
	END {
		for (key in kept) {
			print key ": is counted no more"
			old++
		}
		if (bad)
			print "^ the data path has become slower. If there " \
				"is a reason: make bench-instructions-renew"
		else if (good || old)
			print "^ to keep it: make bench-instructions-renew"
		exit bad > 0
	}' "$kept" "$tmp/counts"
