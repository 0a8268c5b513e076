# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash disable=SC2034
# Where the cache is, and how programs of the Debian tree in it are run.

VM_CACHE=${VBS_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/libvbs}
VM_TREE=$VM_CACHE/tree
VM_KERNEL=$VM_CACHE/kernel
VM_UML=$VM_CACHE/uml

die() {
	echo "tests/vm: $*" >&2
	exit 1
}

# as_root COMMAND...: sudo is asked for only by who is not root.
as_root() {
	if [ "$(id -u)" -eq 0 ]; then
		"$@"
	else
		command -v sudo >/dev/null || die "not root, and no sudo: $*"
		sudo "$@"
	fi
}

# step NAME COMMAND...: runs COMMAND once; a stamp remembers that it passed.
# A change of what a step makes gives it a new name.
step() {
	local stamp=$VM_CACHE/stamps/$1 log=$VM_CACHE/log/$1
	is_stamped "$1" && return 0
	mkdir -p "$VM_CACHE/stamps" "$VM_CACHE/log"
	echo "setup: $1"
	if ! (set -e && "${@:2}") >"$log" 2>&1 </dev/null; then
		tail -n 20 "$log" >&2
		die "setup step '$1' failed; all of its output: $log"
	fi
	: >"$stamp"
}

# is_stamped NAME...: those steps have passed.
is_stamped() {
	local name
	for name; do
		[ -e "$VM_CACHE/stamps/$name" ] || return 1
	done
}

# The tree's programs run on the tree's own loader and libraries: no chroot,
# no mounts, no root, and sockets and files are where everybody sees them.
tree_argv() {
	local lib=$VM_TREE/usr/lib/x86_64-linux-gnu prog=$VM_TREE/usr/$1
	TREE_ARGV=("$VM_TREE/lib64/ld-linux-x86-64.so.2" --argv0 "${1##*/}"
		--library-path "$lib" "$prog")
}

# tree_run bin/PROGRAM ARGUMENT...
tree_run() {
	tree_argv "$1"
	shift
	"${TREE_ARGV[@]}" "$@"
}

kernel_version() {
	cat "$VM_KERNEL/version"
}
