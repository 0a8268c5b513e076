#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# No shell script has a fault that shellcheck knows.
set -eu
: "${srcdir:=.}"
command -v shellcheck >/dev/null || {
	echo "SKIP: shellcheck is not installed"
	exit 77
}
cd "$srcdir"
{
	find libvbs devicemodel samples tests doc -name '*.sh'
	for file in autogen.sh quickstart .ci/run; do
		[ ! -f "$file" ] || echo "$file"
	done
} | sort | xargs shellcheck --external-sources --source-path=SCRIPTDIR
