#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# vbs-dm ends, cleanly or not, and another takes its place: what the guest
# wrote is there at the next boot.
. "$(dirname "$0")/lib/rig.sh"
device_need_vbs "QEMU's own devices end with it"
disk=$VM_RUN/disk.img
truncate -s 32M "$disk"
device_start vm "3,virtio-blk,$disk" 4,virtio-rnd
guest_boot vm "" "${DEVICE_ARGS[@]}"
guest vm 60 blk_ext4
guest_stop vm
for signal in KILL TERM; do
	device_stop vm "$signal"
	[ "$signal" = KILL ] || check_is "sockets_removed" "" \
		"$(find "$VM_RUN/vm.sockets" -type s)"
	device_start vm "3,virtio-blk,$disk" 4,virtio-rnd
	guest_boot vm "" "${DEVICE_ARGS[@]}"
	guest vm 60 'blk_ext4_again; rng_check'
	guest_stop vm
done
device_stop vm
