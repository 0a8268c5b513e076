#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The same disk and entropy source over the legacy registers in BAR0, which
# is how old kernels and firmware use them; with MSI-X and without.
. "$(dirname "$0")/lib/rig.sh"
device_need
[ "$VM_DEVICE-$VM_HOST" != qemu-vhost-user ] ||
	skip "qemu-storage-daemon refuses drivers of the legacy interface"
disk=$VM_RUN/disk.img
truncate -s 64M "$disk"
device_start vm "3,virtio-blk,$disk,serial=VBS-LEGACY-1" 4,virtio-rnd

# legacy_boot KERNEL-ARGUMENTS INTERRUPT-KIND
legacy_boot() {
	guest_boot vm "virtio_pci.force_legacy=1 $1" "${DEVICE_ARGS[@]}"
	[ "$VM_HOST" = vhost-user ] || guest vm 60 pci_dump
	device_serial vm VBS-LEGACY-1
	guest vm 60 blk_size "$(stat -c %s "$disk")"
	guest vm 60 rng_check
	guest vm 60 blk_ext4
	guest vm 60 blk_verify 4 200
	device_runs vm legacy "$2"
	guest_stop vm
}

legacy_boot "" msix
legacy_boot pci=nomsi intx
device_stop vm
