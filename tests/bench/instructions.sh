#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Instructions for each chain, counted by callgrind inside the one call into
# each device side: the difference between a long and a short run, so that
# set-up does not count. Prints "RING SHAPE BATCH WAY COUNT" lines.
#
#   tests/bench/instructions.sh PROGRAM [WAY...]
#
# PROGRAM is bench-ring, as it was built; WAYs are columns of its table, all of
# them by default.
set -eu
program=$1
shift
command -v valgrind >/dev/null || {
	echo "SKIP: valgrind is not installed"
	exit 77
}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

# libtool's wrapper script would be counted instead of the program.
real=$(dirname "$program")/.libs/$(basename "$program")
[ -x "$real" ] || real=$program
LD_LIBRARY_PATH=$PWD/libvbs/.libs${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH} \
	valgrind --quiet --tool=callgrind --callgrind-out-file="$tmp/out" \
	--toggle-collect='peer_*_serve*' --dump-before='count_mark*' \
	"$real" --count "$@" >"$tmp/cells" 2>"$tmp/log" || {
	cat "$tmp/log"
	exit 1
}

# Dump n belongs to line n of what the program has printed; two lines in a row
# are of one cell.
n=0
while read -r ring shape batch way chains; do
	n=$((n + 1))
	total=$(sed -n 's/^\(totals\|summary\): //p' "$tmp/out.$n" | head -n 1)
	echo "$ring $shape $batch $way $chains $total"
done <"$tmp/cells" | awk '
	NR % 2 { chains = $5; total = $6; next }
	{ printf "%s %s %s %s %.0f\n", $1, $2, $3, $4,
		($6 - total) / ($5 - chains) }'
