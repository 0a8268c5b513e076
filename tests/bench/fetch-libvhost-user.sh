#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Fetches libvhost-user, a peer of the ring benchmark, out of the source package
# of the QEMU that this machine's package sources have: its own files and the
# headers that it needs, nothing else. Does nothing if they are there.
#
#   VBS_CACHE  where to: ~/.cache/libvbs
set -eu
export LC_ALL=C
cache=${VBS_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/libvbs}
to=$cache/libvhost-user
[ ! -e "$to/version" ] || exit 0

give_up() {
	echo "libvhost-user: $*" >&2
	exit 1
}
command -v apt-get >/dev/null || give_up "no apt-get to fetch it with"
mkdir -p "$cache"
tmp=$(mktemp -d "$cache/libvhost-user.XXXXXX")
trap 'rm -rf "$tmp"' EXIT

# Where the packages of QEMU come from, as sources. Machines seldom have these
# in their own lists, and those are not ours to change.
# shellcheck disable=SC2016  # the dollars are apt's
apt-get indextargets --format \
	'$(FILENAME) deb-src $(REPO_URI) $(RELEASE) $(COMPONENT)' \
	'Created-By: Packages' | while read -r list line; do
	if /usr/lib/apt/apt-helper cat-file "$list" |
		grep -qx "Package: qemu-system-common"; then
		echo "$line"
	fi
done >"$tmp/sources.list"
[ -s "$tmp/sources.list" ] || give_up "no source of packages has QEMU"

apt() {
	apt-get -qq -o Dir::Etc::sourcelist="$tmp/sources.list" \
		-o Dir::Etc::sourceparts=/dev/null \
		-o Dir::State::lists="$tmp/lists" -o Dir::Cache="$tmp" "$@"
}
mkdir -p "$tmp/lists/partial"
cd "$tmp"
{ apt update && apt source --download-only qemu; } >log 2>&1 || {
	cat log >&2
	give_up "the source package of QEMU cannot be fetched"
}
mkdir src
tar -xJf qemu_*.orig.tar.xz -C src --strip-components=1 --wildcards \
	'*/subprojects/libvhost-user/*' '*/include/qemu/atomic.h' '*/include/qemu/compiler.h' \
	'*/include/standard-headers/*'
basename qemu_*.dsc .dsc | tr _ ' ' >src/version
rm -rf "$to"
mv src "$to"
echo "libvhost-user of $(cat "$to/version") is in $to"
