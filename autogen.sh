#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Makes configure and the Makefile.in from a git checkout.
set -e
cd "$(dirname "$0")"
exec autoreconf --force --install --warnings=all,error
