#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# What is tracked is in the tarball: a release can be built and tested.
set -eu
: "${srcdir:=.}" "${MAKE:=make}"
unset MAKEFLAGS MFLAGS MAKELEVEL
git -C "$srcdir" rev-parse >/dev/null 2>&1 || {
	echo "SKIP: this is not a clone"
	exit 77
}
tmp=$(mktemp -d)
trap 'chmod -R u+w "$tmp" && rm -rf "$tmp"' EXIT

"$MAKE" -s distdir distdir="$tmp/dist" >"$tmp/log" 2>&1 || {
	cat "$tmp/log"
	exit 1
}
(cd "$tmp/dist" && find . -type f) | sed 's|^\./||' | sort >"$tmp/packed"
git -C "$srcdir" ls-files | grep -vxF .gitignore | sort >"$tmp/tracked"
comm -23 "$tmp/tracked" "$tmp/packed" >"$tmp/forgotten"
! grep . "$tmp/forgotten" || {
	echo "^ these are tracked, but make dist leaves them out"
	exit 1
}
