#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Two VMs at once, each with a vbs-dm and a disk of its own.
. "$(dirname "$0")/lib/rig.sh"
device_need
for vm in one two; do
	truncate -s 32M "$VM_RUN/$vm.img"
	device_start "$vm" "3,virtio-blk,$VM_RUN/$vm.img,serial=VM-$vm" \
		4,virtio-rnd
	guest_boot "$vm" "" "${DEVICE_ARGS[@]}"
done
for vm in one two; do
	guest_begin "$vm" 'blk_ext4; blk_verify 2 300; rng_check'
done
for vm in one two; do
	guest_end "$vm" 120
	device_serial "$vm" "VM-$vm"
	guest_stop "$vm"
	device_stop "$vm"
done
