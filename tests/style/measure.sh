#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Functions, files and headers of this tree in numbers, as a table in Markdown.
# "over" is the share of functions over a limit that test-sizes.sh checks.
#
#   tests/style/measure.sh [FOLDER...]
#
# With folders, which may be of another project: one row for each.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
[ $# -gt 0 ] || cd "$here/../.."

# rows FOLDER: what measure.awk says about it.
rows() {
	find "$1" -name '*.[ch]' | sort | xargs awk -f "$here/measure.awk"
}

# percentile P: of the sorted numbers on standard input.
percentile() {
	awk -v p="$1" '{ n[NR] = $1 }
		END { at = int(NR * p + 0.5); print NR ? n[at < 1 ? 1 : at] : 0 }'
}

# column ROWS KIND NUMBER: one column, sorted.
column() {
	awk -F '\t' -v kind="$2" -v at="$3" '$1 == kind { print $at }' "$1" |
		sort -n
}

code_row() {
	rows "$1" >"$tmp/rows"
	column "$tmp/rows" F 5 >"$tmp/length"
	column "$tmp/rows" F 6 >"$tmp/nesting"
	column "$tmp/rows" L 3 >"$tmp/file"
	awk -F '\t' '
		$1 == "F" { n++; over += $5 > 80 || $6 > 3 || $7 > 7 }
		$1 == "M" { mutable++ }
		$1 == "L" { lines += $3 }
		END {
			printf "%d %.1f %.1f\n", n, lines ? 1000 * mutable / lines : 0,
				n ? 100 * over / n : 0
		}' "$tmp/rows" >"$tmp/sums"
	read -r functions mutable over <"$tmp/sums"
	echo "| $1 | $functions | $(percentile 0.5 <"$tmp/length") /" \
		"$(percentile 0.95 <"$tmp/length") /" \
		"$(percentile 1 <"$tmp/length") |" \
		"$(percentile 0.95 <"$tmp/nesting") |" \
		"$(percentile 0.5 <"$tmp/file") /" \
		"$(percentile 1 <"$tmp/file") | $mutable | $over % |"
}

header_row() {
	find "$1" -name '*.h' | sort | xargs awk -f "$here/measure.awk" |
		awk -F '\t' -v name="$1" '
		$1 == "L" { lines += $3; code += $4; comment += $5 }
		END {
			printf "| %s | %d | %.2f |\n", name, lines,
				comment / (code + comment)
		}'
}

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
own="libvbs devicemodel samples tests"
[ $# -eq 0 ] || own=$*

echo "| part | functions | length median / p95 / max | nesting p95 |" \
	"file median / max | mutable, per kloc | over |"
echo "|---|---|---|---|---|---|---|"
for part in $own; do
	code_row "$part"
done
[ $# -eq 0 ] || exit 0
echo
echo "| headers | lines | comment ratio |"
echo "|---|---|---|"
header_row include/vbs
