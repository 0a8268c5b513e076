#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# A read-only disk: the guest reads it, and cannot change it.
. "$(dirname "$0")/lib/rig.sh"
device_need
disk=$VM_RUN/disk.img
truncate -s 32M "$disk"
device_start vm "3,virtio-blk,$disk"
guest_boot vm "" "${DEVICE_ARGS[@]}"
guest vm 60 blk_ext4
guest_stop vm
device_stop vm

before=$(sha256sum <"$disk")
device_start vm "3,virtio-blk,$disk,ro"
guest_boot vm "" "${DEVICE_ARGS[@]}"
guest vm 60 blk_readonly
guest_stop vm
device_stop vm
check_is "file_unchanged" "$before" "$(sha256sum <"$disk")"
