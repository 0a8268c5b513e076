#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# codespell finds no misspelt word.
set -eu
: "${srcdir:=.}"
command -v codespell >/dev/null || {
	echo "SKIP: codespell is not installed"
	exit 77
}
cd "$srcdir"
for file in *.md NEWS quickstart .ci/run; do
	[ ! -f "$file" ] || set -- "$@" "$file"
done
# Nd is a macro of mdoc(7); "inflight" and "statics" are words of the code.
codespell --ignore-words-list=inflight,nd,statics "$@" \
	include libvbs devicemodel samples tests doc
