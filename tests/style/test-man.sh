#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# The manual pages are formatted without a complaint.
set -eu
: "${srcdir:=.}"
command -v groff >/dev/null || {
	echo "SKIP: groff is not installed"
	exit 77
}
! groff -mandoc -ww -z "$srcdir"/doc/man/* 2>&1 | grep .
