#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# 100 times the drivers leave both devices and take them again, with I/O in
# each life. vbs-dm then holds what it held after the first few.
. "$(dirname "$0")/lib/rig.sh"
device_need
disk=$VM_RUN/disk.img
truncate -s 16M "$disk"
device_start vm "3,virtio-blk,$disk" 4,virtio-rnd
guest_boot vm "" "${DEVICE_ARGS[@]}"

# rebind FROM TO
rebind() {
	check "rebind_${1}_to_$2" guest vm 300 rebind_pci "$1" "$2"
	check_is "rebinds_done" "$2" "${SAID##*$'\n'}"
}

rebind 0 5
before=$(leak_count vm)
rebind 5 100
check "rebind_virtio_driver" guest vm 60 rebind_virtio 10
guest vm 60 blk_ext4
after=$(leak_count vm)
[ -z "$before" ] || leak_check "$before" "$after"
guest_stop vm
device_stop vm
