#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# A disk and an entropy source over the modern interface, on q35. Over vhost-user
# the PCI functions are QEMU's, and not looked at.
. "$(dirname "$0")/lib/rig.sh"
device_need
disk=$VM_RUN/disk.img
truncate -s 64M "$disk"
device_start vm "3,virtio-blk,$disk,serial=VBS-MODERN-1,discard" \
	4,virtio-rnd
guest_boot vm "" "${DEVICE_ARGS[@]}"
if [ "$VM_HOST" = vfio-user ]; then
	guest vm 60 pci_dump
	guest vm 60 pci_check blk 1001 0x0002 0x010000
	# Both classes are in use for it: "other", and "crypto, other" as ACRN
	# has it.
	rng_class=0x108000
	[ "$VM_DEVICE" = vbs ] || rng_class=0x00ff00
	guest vm 60 pci_check rng 1005 0x0004 "$rng_class"
fi
device_serial vm VBS-MODERN-1
guest vm 60 blk_size "$(stat -c %s "$disk")"
guest vm 60 blk_queues 1
guest vm 60 rng_check
guest vm 60 blk_ext4
guest vm 60 blk_verify 4 300
guest vm 60 blk_discard
guest vm 60 blk_cache
device_runs vm modern msix
guest_stop vm
device_stop vm
