#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# shellcheck source-path=SCRIPTDIR
# User-mode Linux with the stock virtio_blk, started as vbs-dm prints it: a file
# system, partitions, verified writes; then the same disk read-only. Debian
# builds it without virtio-rng.
VM_HOST=vhost-user
VM_FRONT=uml
. "$(dirname "$0")/lib/rig.sh"
device_need
disk=$VM_RUN/disk.img
truncate -s 64M "$disk"
slot="3,virtio-blk,$disk,serial=VBS-UML-1"
device_start vm "$slot"
if [ "$VM_DEVICE" = vbs ]; then
	device_frontend vm "$slot"
	DEVICE_ARGS=("${FRONTEND[@]}")
fi
guest_boot vm "" "${DEVICE_ARGS[@]}"
device_serial vm VBS-UML-1
guest vm 60 blk_size "$(stat -c %s "$disk")"
guest vm 60 blk_partitions
guest vm 60 blk_verify 4 300
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
