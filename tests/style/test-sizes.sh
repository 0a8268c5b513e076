#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# The hard limits of CONTRIBUTING.md: a function has at most 80 lines, 3 nested
# blocks and 7 parameters, a file at most 800 lines, a line at most 80 columns,
# and libvbs/ has no mutable variable at file scope.
set -eu
: "${srcdir:=.}"
cd "$srcdir"

find include libvbs devicemodel samples tests -name '*.[ch]' | sort |
	xargs awk -f tests/style/measure.awk | awk -F '\t' '
	function complain(what) {
		print $2 ":" $3 ": " what
		bad++
	}
	$1 == "F" && $5 > 80 { complain($4 "() has " $5 " lines (80)") }
	$1 == "F" && $6 > 3 { complain($4 "() nests " $6 " blocks (3)") }
	$1 == "F" && $7 > 7 { complain($4 "() has " $7 " parameters (7)") }
	$1 == "W" { complain($4 " columns (80)") }
	$1 == "M" && $2 ~ /^libvbs\// { complain("mutable: " $4) }
	$1 == "L" && $3 > 800 { complain("lines in the file (800)") }
	$1 == "F" { functions++ }
	END {
		print functions + 0 " functions, " bad + 0 " over a limit"
		exit bad > 0
	}'
