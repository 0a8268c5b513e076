#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# QEMU gets the arguments that vbs-dm --print-frontend=qemu prints, all of them
# and no others but how to boot.
. "$(dirname "$0")/lib/rig.sh"
device_need_vbs "QEMU needs no arguments of ours for its own devices"
disk="$VM_RUN/a disk.img"
truncate -s 32M "$disk"
slots=("3,virtio-blk,$disk,mq=2" "4:1,virtio-rnd" "4,virtio-rnd")
device_start vm "${slots[@]}"
device_frontend vm "${slots[@]}"
VM_QEMU=("${FRONTEND[@]}")
guest_boot vm
guest vm 60 blk_queues 2
guest vm 60 blk_ext4
guest vm 60 rng_check
guest_stop vm
device_stop vm
