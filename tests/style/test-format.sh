#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# clang-format has the last word on white space.
set -eu
: "${srcdir:=.}"
command -v clang-format >/dev/null || {
	echo "SKIP: clang-format is not installed"
	exit 77
}
cd "$srcdir"
find include libvbs devicemodel samples tests -name '*.[ch]' \
	-exec clang-format --dry-run --Werror {} +
