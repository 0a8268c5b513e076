#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Disks whose requests end in the order in which they came, which Linux relies
# on: fio has 16 of many sizes in flight and verifies what it wrote.
. "$(dirname "$0")/lib/rig.sh"
device_need_vbs "options of vbs-dm"
VM_INITRAMFS=initramfs-fio
VM_SMP=4

# disk_with SLOT OPTIONS
slots=()
disk_with() {
	truncate -s 16M "$VM_RUN/$1.img"
	slots+=("$1,virtio-blk,$VM_RUN/$1.img,$2")
}

# disk_runs SLOT split|packed
disk_runs() {
	local packed=0
	[ "$2" = split ] || packed=1
	guest vm 60 pci_feature "$2_bit_34" "$1" 34 "$packed"
	guest vm 60 pci_feature "$2_bit_35" "$1" 35 1
	guest vm 180 "blk_in_slot $1 fio_twice"
	guest vm 60 "blk_in_slot $1 blk_verify 4 300"
}

disk_with 3 in_order=on,packed=off
disk_with 4 in_order=on,packed=on
disk_with 5 in_order=on,packed=on,mq=4,iothread=2
device_start vm "${slots[@]}" 6,virtio-rnd,in_order=on
guest_boot vm "" "${DEVICE_ARGS[@]}"
disk_runs 3 split
disk_runs 4 packed
guest vm 60 blk_in_slot 5 blk_queues 4
disk_runs 5 packed
guest vm 60 rng_check
guest_stop vm
device_stop vm
