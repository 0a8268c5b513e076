#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# A program that asks pkg-config, and nobody else, finds the installed library.
# shellcheck disable=SC2046,SC2086  # flags are lists of words
set -eu
# shellcheck source=tests/install/prefix.sh
. "${srcdir:=.}/tests/install/prefix.sh"

"$PKG_CONFIG" --validate libvbs
cat >"$scratch/hello.c" <<'END'
#include <stdio.h>
#include <vbs/version.h>

int
main(void)
{
	puts(vbs_version());
	return 0;
}
END
$CC $VBS_CFLAGS -o "$scratch/hello" "$scratch/hello.c" \
	$("$PKG_CONFIG" --cflags --libs libvbs) $VBS_LDFLAGS
"$scratch/hello" >"$scratch/version"
"$PKG_CONFIG" --modversion libvbs | diff -u - "$scratch/version"
