#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# QEMU is killed in the middle of I/O, again and again. vbs-dm goes on, serves
# the next QEMU, and holds what it held after the first.
. "$(dirname "$0")/lib/rig.sh"
device_need_vbs "QEMU's own devices end with it"
disk=$VM_RUN/disk.img
truncate -s 32M "$disk"
device_start vm "3,virtio-blk,$disk,mq=2" 4,virtio-rnd
before=""
for round in 1 2 3 4; do
	guest_boot vm "" "${DEVICE_ARGS[@]}"
	guest vm 60 'blk_verify 4 50; rng_check'
	[ "$round" -ne 1 ] || before=$(leak_count vm)
	[ "$round" -ne 4 ] || leak_check "$before" "$(leak_count vm)"
	guest_begin vm 'blk_verify 4 100000'
	guest_kill vm
done
guest_boot vm "" "${DEVICE_ARGS[@]}"
guest vm 60 blk_ext4
guest_stop vm
device_stop vm
