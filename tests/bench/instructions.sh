#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Instructions per chain of each device side, counted by callgrind inside the
# one call into it: the difference between a long and a short run, so that
# set-up does not count. Prints a table in Markdown.
#
#   tests/bench/instructions.sh PROGRAM      (bench-ring, as it was built)
set -eu
program=$1
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
	--toggle-collect='peer_*_serve' --dump-before=count_mark \
	"$real" --count >"$tmp/cells" 2>"$tmp/log" || {
	cat "$tmp/log"
	exit 1
}

# Dump n belongs to line n of what the program has printed.
n=0
while read -r shape peer batch chains; do
	n=$((n + 1))
	total=$(sed -n 's/^\(totals\|summary\): //p' "$tmp/out.$n" | head -n 1)
	echo "$shape $peer $batch $chains $total"
done <"$tmp/cells" >"$tmp/totals"

awk '
	BEGIN {
		print "| shape | batch | libvbs | floor | libvbs / floor |"
		print "|---|---|---|---|---|"
	}
	{
		key = $1 " " $2 " " $3
		if (!(key in chains)) {
			chains[key] = $4
			total[key] = $5
			next
		}
		per = ($5 - total[key]) / ($4 - chains[key])
		if ($2 == "libvbs")
			libvbs = per
		else
			printf "| %s | %s | %.0f | %.0f | %.2f |\n", $1, $3,
				libvbs, per, libvbs / per
	}' "$tmp/totals"
