#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Packed rings, which QEMU keeps from the driver unless it is told otherwise.
VM_HOST=vhost-user
. "$(dirname "$0")/lib/rig.sh"
device_need_vbs "qemu-storage-daemon has no packed rings"
VHOST_USER_PACKED=on
disk=$VM_RUN/disk.img
truncate -s 32M "$disk"
device_start vm "3,virtio-blk,$disk,mq=2" 4,virtio-rnd
guest_boot vm "" "${DEVICE_ARGS[@]}"
guest vm 60 "pci_rings blk $DEVICE_BLK packed"
guest vm 60 "pci_rings rng $DEVICE_RNG packed"
guest vm 60 rng_check
guest vm 60 blk_ext4
guest vm 60 blk_verify 4 300
guest vm 60 check rebind rebind_pci 0 5
guest vm 60 blk_verify 4 300
guest_stop vm
device_stop vm
