#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The doorbell page is mapped into QEMU: a kick is no message any more, and
# vbs-dm polls the queues, and sleeps when there is nothing in them.
. "$(dirname "$0")/lib/rig.sh"
device_need_vbs "a way of vbs-dm's own"
DEVICE_OPTIONS=(--poll-us=50 --doorbell-page)
disk=$VM_RUN/disk.img
truncate -s 64M "$disk"
truncate -s 16M "$VM_RUN/data.img"
device_start vm "3,virtio-blk,$disk,mq=2" 4,virtio-rnd \
	"5,virtio-blk,$VM_RUN/data.img,notification_data=on"
guest_boot vm "" "${DEVICE_ARGS[@]}"
guest vm 60 rng_check
guest vm 60 blk_ext4
guest vm 60 blk_verify 4 300
guest vm 60 pci_feature data_bit_38 5 38 1
guest vm 60 blk_in_slot 5 blk_verify 4 100
guest vm 60 check rebind rebind_pci 0 5
guest vm 60 blk_verify 4 300
guest_stop vm
device_stop vm
