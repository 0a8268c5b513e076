#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The modern interface without MSI-X: one INTx line, ISR read to clear. On pc,
# whose interrupt routing is not that of q35.
. "$(dirname "$0")/lib/rig.sh"
device_need
disk=$VM_RUN/disk.img
truncate -s 64M "$disk"
device_start vm "3,virtio-blk,$disk" 4,virtio-rnd
VM_MACHINE=pc guest_boot vm pci=nomsi "${DEVICE_ARGS[@]}"
guest vm 60 rng_check
guest vm 60 blk_ext4
guest vm 60 blk_verify 4 200
device_runs vm modern intx
guest_stop vm
device_stop vm
