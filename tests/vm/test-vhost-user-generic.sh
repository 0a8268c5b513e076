#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Both devices behind QEMU's generic front end, which knows no type: queues,
# features and configuration space are what the back end says. It has no MSI-X.
VM_HOST=vhost-user
. "$(dirname "$0")/lib/rig.sh"
device_need
VHOST_USER_GENERIC=1
disk=$VM_RUN/disk.img
truncate -s 32M "$disk"
device_start vm "3,virtio-blk,$disk,mq=2" 4,virtio-rnd
guest_boot vm "" "${DEVICE_ARGS[@]}"
guest vm 60 blk_queues 2
guest vm 60 blk_size "$(stat -c %s "$disk")"
guest vm 60 rng_check
guest vm 60 blk_ext4
guest vm 60 blk_verify 4 200
guest vm 60 "pci_runs blk 1042 modern intx"
# The entropy source of the reference is not behind it.
[ "$VM_DEVICE" = qemu ] || guest vm 60 "pci_runs rng 1044 modern intx"
guest_stop vm
device_stop vm
