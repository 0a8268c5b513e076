#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Sourced by the tests that need an installed libvbs: installs the build of the
# working directory into $prefix, a folder of its own that goes at the end.
: "${srcdir:=.}" "${CC:=cc}" "${MAKE:=make}" "${PKG_CONFIG:=pkg-config}"
: "${VBS_CFLAGS:=}" "${VBS_LDFLAGS:=}"
unset MAKEFLAGS MFLAGS MAKELEVEL DESTDIR
export CC PKG_CONFIG

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
prefix=$scratch/prefix

# make check may run two of these tests at once, on one build.
exec 9>install.lock
! command -v flock >/dev/null || flock 9
"$MAKE" -s install prefix="$prefix" exec_prefix="$prefix" \
	bindir="$prefix/bin" libdir="$prefix/lib" mandir="$prefix/man" \
	includedir="$prefix/include" >"$scratch/log" 2>&1 || {
	cat "$scratch/log"
	exit 1
}
exec 9>&-
# What configure --prefix would have written.
sed -i -e "s|^prefix=.*|prefix=$prefix|" \
	-e "s|^exec_prefix=.*|exec_prefix=\${prefix}|" \
	-e "s|^libdir=.*|libdir=\${prefix}/lib|" \
	-e "s|^includedir=.*|includedir=\${prefix}/include|" \
	"$prefix/lib/pkgconfig/libvbs.pc"
export PKG_CONFIG_PATH="$prefix/lib/pkgconfig${PKG_CONFIG_PATH:+:$PKG_CONFIG_PATH}"
export LD_LIBRARY_PATH="$prefix/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
export PATH="$prefix/bin:$PATH"
