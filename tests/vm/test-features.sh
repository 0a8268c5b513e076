#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# What the options that each device has come to: the driver finds the features
# of the queues that it is offered, and no others, and a disk is served with
# them. Linux knows no NOTIF_CONFIG_DATA (bit 39).
. "$(dirname "$0")/lib/rig.sh"
device_need_vbs "options of vbs-dm"
VM_SMP=4

# disk_with SLOT OPTIONS
slots=()
disk_with() {
	truncate -s 16M "$VM_RUN/$1.img"
	slots+=("$1,virtio-blk,$VM_RUN/$1.img,$2")
}

# disk_has SLOT NAME BIT=WANTED...
disk_has() {
	local slot=$1 name=$2 bit
	shift 2
	for bit; do
		guest vm 60 pci_feature "${name}_bit_${bit%=*}" "$slot" \
			"${bit%=*}" "${bit#*=}"
	done
	guest vm 60 "blk_in_slot $slot blk_verify 4 100"
	guest vm 60 "blk_in_slot $slot blk_ext4"
}

disk_with 3 packed=off,mq=4
disk_with 4 packed=off,notification_data=on
disk_with 5 notification_data=on,mq=4
disk_with 6 notif_config_data=on
disk_with 7 event_idx=off,indirect_desc=off,queue_reset=off
device_start vm "${slots[@]}" 8,virtio-rnd,packed=off,notification_data=on
guest_boot vm "" "${DEVICE_ARGS[@]}"
guest vm 60 blk_in_slot 3 blk_queues 4
guest vm 60 blk_in_slot 3 blk_queues_used
disk_has 3 split 34=0 38=0 28=1 29=1 40=1
disk_has 4 data_on_split 34=0 38=1
disk_has 5 data_on_packed 34=1 38=1
disk_has 6 config_data 34=1 39=0
disk_has 7 without 34=1 28=0 29=0 40=0
guest vm 60 pci_feature rng_bit_34 8 34 0
guest vm 60 pci_feature rng_bit_38 8 38 1
guest vm 60 rng_check
guest_stop vm
device_stop vm
