#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# A disk of four queues for four CPUs, on pc, and served by two I/O threads.
. "$(dirname "$0")/lib/rig.sh"
device_need
disk=$VM_RUN/disk.img
truncate -s 64M "$disk"
device_start vm "3,virtio-blk,$disk,mq=4,iothread=2" 4,virtio-rnd
VM_MACHINE=pc
VM_SMP=4
guest_boot vm "" "${DEVICE_ARGS[@]}"
guest vm 60 blk_queues 4
guest vm 60 blk_queues_used
guest vm 60 blk_verify 4 300
guest vm 60 blk_ext4
guest vm 60 rng_check
guest vm 60 pci_runs blk 1001 modern msix
guest_stop vm
device_stop vm
