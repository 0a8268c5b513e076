#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The file of a disk in use grows; the guest sees the new size and uses it.
. "$(dirname "$0")/lib/rig.sh"
device_need
disk=$VM_RUN/disk.img
truncate -s 32M "$disk"
device_start vm "3,virtio-blk,$disk"
guest_boot vm "" "${DEVICE_ARGS[@]}"
guest vm 60 "blk_size $((32 << 20))"
for size in 48 80; do
	device_grow vm vm 3 "$disk" "${size}M"
	guest vm 30 "blk_grown $((size << 20))"
done
guest vm 60 blk_ext4
guest_stop vm
device_stop vm
