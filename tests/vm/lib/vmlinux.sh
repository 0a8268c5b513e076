# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# The kernel inside a vmlinuz, which QEMU starts by its PVH entry: under
# software emulation that saves the second that unpacking itself takes.

# le_at FILE OFFSET BYTES: a number of the boot header
le_at() {
	od -An -t "u$3" -j "$2" -N "$3" "$1" | tr -d ' '
}

# vmlinux_unpack VMLINUZ >VMLINUX: the payload is where the boot protocol says
# (setup_sects, payload_offset, payload_length); four bytes of size end it.
vmlinux_unpack() {
	local start length
	start=$((($(le_at "$1" 497 1) + 1) * 512 + $(le_at "$1" 584 4)))
	length=$(($(le_at "$1" 588 4) - 4))
	tail -c "+$((start + 1))" "$1" | head -c "$length" |
		tree_run bin/zstd -dc
}
