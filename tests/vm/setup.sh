#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Makes the cache that the real-guest tests run from: a Debian 13 tree with
# QEMU, and Debian's kernel, both of trixie-backports; and User-mode Linux. Each
# step has a stamp, so a second run does nothing and needs no network.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib/cache.sh"
. "$here/lib/mirror.sh"
. "$here/lib/initramfs.sh"
. "$here/lib/vmlinux.sh"
. "$here/lib/uml.sh"

packages="qemu-system-x86 seabios busybox-static e2fsprogs pciutils kmod zstd"
packages_more="qemu-utils fio"

host_packages() {
	local missing=""
	command -v debootstrap || missing="$missing debootstrap"
	command -v gpgv || missing="$missing gpgv"
	command -v xz || missing="$missing xz-utils"
	command -v gcc || missing="$missing gcc libc6-dev"
	[ -e /usr/share/keyrings/debian-archive-keyring.gpg ] ||
		missing="$missing debian-archive-keyring"
	[ -n "$missing" ] || return 0
	as_root apt-get update
	# shellcheck disable=SC2086 # a list of words
	as_root env DEBIAN_FRONTEND=noninteractive \
		apt-get install -y --no-install-recommends $missing
}

# Debian 12 got the keys of Debian 13 by an update of its keyring, which
# apt takes from the machine's own, signed, sources.
trixie_keys() {
	local mirror=$1
	if release_is_signed "$mirror"; then
		return 0
	fi
	as_root apt-get update
	as_root apt-get install -y --no-install-recommends debian-archive-keyring
	release_is_signed "$mirror"
}

# is_reachable MIRROR: from here, now.
is_reachable() {
	local file=$VM_CACHE/Release
	/usr/lib/apt/apt-helper -o Acquire::Retries=0 download-file \
		"$1/dists/trixie/Release" "$file" >/dev/null 2>&1
}

# release_is_signed MIRROR: by one of the keys that this machine has.
release_is_signed() {
	local file=$VM_CACHE/InRelease
	/usr/lib/apt/apt-helper download-file \
		"$1/dists/trixie/InRelease" "$file" &&
		gpgv --quiet --keyring /usr/share/keyrings/debian-archive-keyring.gpg \
			"$file"
}

tree_base() {
	local mirror=$1 new=$VM_TREE.new
	as_root rm -rf "$new"
	as_root debootstrap --variant=minbase --merged-usr \
		--keyring=/usr/share/keyrings/debian-archive-keyring.gpg \
		trixie "$new" "$mirror"
	as_root rm -rf "$VM_TREE"
	as_root mv "$new" "$VM_TREE"
}

tree_apt() {
	as_root chroot "$VM_TREE" env DEBIAN_FRONTEND=noninteractive LC_ALL=C "$@"
}

# The tree's apt goes through the proxy that the machine's apt goes through.
tree_sources() {
	local mirror=$1
	as_root cp /etc/resolv.conf "$VM_TREE/etc/resolv.conf"
	apt-config dump |
		grep -E '^Acquire::(http|https|Retries|Check-)' |
		as_root tee "$VM_TREE/etc/apt/apt.conf.d/90host" || :
	printf 'deb %s %s main\n' "$mirror" trixie "$mirror" trixie-backports |
		as_root tee "$VM_TREE/etc/apt/sources.list"
	tree_apt apt-get update
}

# tree_packages PACKAGE...
tree_packages() {
	tree_apt apt-get install -y --no-install-recommends \
		-t trixie-backports "$@"
	tree_apt apt-get clean
}

# tree_unpack DIR PACKAGE...: their files, without installing them.
tree_unpack() {
	local dir=$1 deb
	shift
	tree_apt sh -c "rm -rf /debs && mkdir /debs && cd /debs && apt-get \
		-o APT::Sandbox::User=root download $*"
	for deb in "$VM_TREE"/debs/*.deb; do
		dpkg-deb -x "$deb" "$dir"
	done
	tree_apt rm -rf /debs
}

# linux-image-amd64 names the version; base, modules and binary hold the files.
kernel_unpack() {
	local kver new=$VM_KERNEL.new
	kver=$(tree_apt apt-cache show linux-image-amd64/trixie-backports |
		sed -n 's/^Depends:.*linux-image-\([^ ,]*\) .*/\1/p')
	[ -n "$kver" ]
	rm -rf "$new"
	mkdir -p "$new"
	tree_unpack "$new" "linux-base-$kver" "linux-modules-$kver" \
		"linux-binary-$kver"
	ln -s usr/lib "$new/lib"
	tree_run sbin/depmod -b "$new" "$kver"
	vmlinux_unpack "$new/lib/modules/$kver/vmlinuz" >"$new/vmlinux"
	echo "$kver" >"$new/version"
	rm -rf "$VM_KERNEL"
	mv "$new" "$VM_KERNEL"
}

uml_unpack() {
	local new=$VM_UML.new
	rm -rf "$new"
	mkdir -p "$new/lib"
	tree_unpack "$new" user-mode-linux
	ln -s ../usr/lib/uml/modules "$new/lib/modules"
	ls "$new/lib/modules" >"$new/version"
	tree_run sbin/depmod -b "$new" "$(cat "$new/version")"
	uml_program "$new/usr/bin/linux.uml" "$new/linux"
	rm "$new/usr/bin/linux.uml"
	ln -s ../tree/lib64/ld-linux-x86-64.so.2 "$new/ld.so"
	rm -rf "$VM_UML"
	mv "$new" "$VM_UML"
}

[ "$(uname -m)" = x86_64 ] || die "the guests are x86-64, this machine is not"
mkdir -p "$VM_CACHE"
exec {lock}>"$VM_CACHE/lock"
flock "$lock"
mirror=""
if ! is_stamped kernel tree-packages-more uml; then
	mirror=${VBS_DEBIAN_MIRROR:-$(debian_mirror /etc/apt)}
	[ -n "$mirror" ] || die "no Debian mirror in this machine's apt sources:" \
		"set VBS_DEBIAN_MIRROR to one"
	is_reachable "$mirror" || {
		echo "SKIP guests: they are not in the cache, and the Debian" \
			"mirror cannot be reached"
		exit 77
	}
fi
step host-packages host_packages
step trixie-keys trixie_keys "$mirror"
step tree tree_base "$mirror"
step tree-sources tree_sources "$mirror"
# shellcheck disable=SC2086 # a list of words
step tree-packages tree_packages $packages
# shellcheck disable=SC2086
step tree-packages-more tree_packages $packages_more
step kernel kernel_unpack
step uml uml_unpack
initramfs_key=$(cksum "$here/lib/initramfs.sh" | cut -d ' ' -f 1)
for kind in $INITRAMFS_KINDS; do
	step "$kind-$initramfs_key" initramfs_base "$kind"
done
