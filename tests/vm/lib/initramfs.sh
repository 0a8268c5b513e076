# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# The guest's userland: busybox, the modules it needs, a few programs of the
# tree with their libraries, and the shell scripts of tests/vm/guest/.

# shellcheck disable=SC2034 # for setup.sh
INITRAMFS_KINDS="initramfs initramfs-small initramfs-fio initramfs-uml"

# initramfs_contents KIND: the modules and the programs that are in it, and the
# folder that the modules come from.
initramfs_contents() {
	local ext4="sbin/mkfs.ext4 sbin/e2fsck"
	ROOT=$VM_KERNEL
	case $1 in
	initramfs)
		MODULES="virtio_blk virtio-rng ext4"
		PROGRAMS="$ext4 bin/lspci"
		;;
	initramfs-small)
		MODULES="virtio_blk virtio-rng"
		PROGRAMS=""
		;;
	initramfs-fio)
		MODULES="virtio_blk virtio-rng"
		PROGRAMS="bin/fio"
		;;
	initramfs-uml)
		MODULES="virtio_blk"
		PROGRAMS=$ext4
		ROOT=$VM_UML
		;;
	*) die "no such initramfs: $1" ;;
	esac
}

# initramfs_program DIR bin/NAME: the program and the libraries it loads, all of
# the tree. One of fio's is in a folder of its own, for which this machine's
# loader would look in this machine.
initramfs_program() {
	local dir=$1 lib path=$VM_TREE/usr/lib/x86_64-linux-gnu
	tree_argv "$2"
	cp -L "${TREE_ARGV[-1]}" "$dir/bin/"
	mkdir -p "$dir/lib64"
	cp -L "${TREE_ARGV[0]}" "$dir/lib64/"
	"${TREE_ARGV[0]}" --library-path "$path:$path/ceph" \
		--list "${TREE_ARGV[-1]}" | sed -n 's/.*=> \([^ ]*\) .*/\1/p' |
		while read -r lib; do
			[[ $lib == "$VM_TREE"/* ]] || die "not of the tree: $lib"
			cp -L "$lib" "$dir/usr/lib/"
		done
}

# initramfs_modules DIR FROM MODULE...: with those that they need. They go in
# unpacked, as xz under software emulation costs seconds.
initramfs_modules() {
	local dir=$1 root=$2 kver from to module file
	shift 2
	kver=$(cat "$root/version")
	from=$root/lib/modules/$kver
	to=$dir/lib/modules/$kver
	for module in "$@"; do
		tree_run sbin/modprobe -d "$root" -S "$kver" \
			--show-depends "$module"
	done | sed -n 's/^insmod \([^ ]*\).*/\1/p' | sort -u |
		while read -r file; do
			module=$to/${file#"$from"/}
			mkdir -p "${module%/*}"
			case $file in
			*.xz) xz -dc "$file" >"${module%.xz}" ;;
			*) cp "$file" "$module" ;;
			esac
		done
	cp "$from"/modules.{builtin,builtin.modinfo,order} "$to/"
	tree_run sbin/depmod -b "$dir" "$kver"
}

# cpio_pack DIR >FILE
cpio_pack() {
	(cd "$1" && find . | "$VM_TREE/usr/bin/busybox" cpio -o -H newc 2>/dev/null)
}

# initramfs_base KIND: what is the same for all guests of a kind.
initramfs_base() {
	local new=$VM_CACHE/$1.new program MODULES PROGRAMS ROOT
	initramfs_contents "$1"
	rm -rf "$new"
	mkdir -p "$new"/{bin,dev,etc,lib,mnt,proc,run,sys,tmp,usr/lib}
	cp "$VM_TREE/usr/bin/busybox" "$new/bin/"
	ln -s busybox "$new/bin/sh"
	for program in $PROGRAMS; do
		initramfs_program "$new" "$program"
	done
	# shellcheck disable=SC2086 # a list of words
	initramfs_modules "$new" "$ROOT" $MODULES
	cpio_pack "$new" >"$VM_CACHE/$1.cpio.new"
	mv "$VM_CACHE/$1.cpio.new" "$VM_CACHE/$1.cpio"
	rm -rf "$new"
}

# initramfs_make BASE DIR >FILE: the base, and over it the scripts and the
# programs of this work tree. The kernel unpacks one archive after the other.
initramfs_make() {
	local base=$1 dir=$2
	mkdir -p "$dir/bin" "$dir/tests"
	cp "$VM_HERE"/guest/init "$dir/init"
	cp "$VM_HERE"/guest/*.sh "$dir/tests/"
	cat "$VM_CACHE/$base.cpio"
	cpio_pack "$dir"
}
