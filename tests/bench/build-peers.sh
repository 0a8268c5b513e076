#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Builds the peers of the ring benchmark that can be had here, as modules that
# it loads. What cannot be had is left out: the benchmark says so.
#
#   tests/bench/build-peers.sh FOLDER     (where bench-ring is)
set -eu
: "${srcdir:=.}" "${CC:=cc}" "${PKG_CONFIG:=pkg-config}"
out=$1
lib=${VBS_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/libvbs}/libvhost-user

# module NAME VERSION FLAG|FILE...: unless it is there and newer than its code.
module() {
	so=$out/peer-$1.so
	if [ -e "$so" ] && [ -z "$(find "$srcdir/tests/bench" \
		"$srcdir/tests/driver" "$lib" -maxdepth 1 \( -name '*.[ch]' \
		-o -name version -o -name build-peers.sh \) -newer "$so" \
		2>/dev/null)" ]; then
		return
	fi
	version=$2
	shift 2
	echo "  PEER     $so"
	# shellcheck disable=SC2086  # it may have options
	$CC -O2 -std=gnu11 -fPIC -shared -fvisibility=hidden -D_GNU_SOURCE \
		-DPEER_VERSION="\"$version\"" -I"$srcdir/tests" \
		-Wl,-z,defs -o "$so.new" "$@" || {
		echo "$so: cannot be built, going on without" >&2
		return 0
	}
	mv "$so.new" "$so"
}

[ ! -e "$lib/version" ] ||
	module libvhost-user "$(cat "$lib/version")" \
		-I"$lib/subprojects/libvhost-user" \
		"$srcdir/tests/bench/peer-libvhost-user.c" \
		"$lib/subprojects/libvhost-user/libvhost-user.c" -lpthread

if $PKG_CONFIG --exists libdpdk; then
	driver=$srcdir/tests/driver
	# shellcheck disable=SC2046  # lists of flags
	module dpdk "librte_vhost $($PKG_CONFIG --modversion libdpdk)" \
		$($PKG_CONFIG --cflags libdpdk) \
		"$srcdir/tests/bench/peer-dpdk.c" "$driver/ram.c" \
		"$driver/socket.c" "$driver/vhost-user.c" \
		"$driver/split.c" "$driver/split-raw.c" "$driver/vhost-user-mem.c" \
		-lrte_vhost -lrte_mbuf -lrte_mempool -lrte_eal
fi
