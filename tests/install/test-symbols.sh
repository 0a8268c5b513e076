#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# The shared library exports the names in libvbs.map: all of them, only them.
set -eu
: "${srcdir:=.}"
command -v nm >/dev/null || {
	echo "SKIP: nm is not installed"
	exit 77
}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

sed -n 's/^\t\([a-z_0-9]*\);$/\1/p' "$srcdir/libvbs/libvbs.map" |
	sort >"$tmp/map"
nm -D --defined-only libvbs/.libs/libvbs.so |
	awk '$2 ~ /^[TDBRW]$/ { sub(/@.*/, "", $3); print $3 }' |
	sort >"$tmp/so"
diff -u "$tmp/map" "$tmp/so"
