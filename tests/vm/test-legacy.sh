#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The same disk and entropy source over the legacy registers in BAR0, which
# is how old kernels and firmware use them; with MSI-X and without.
. "$(dirname "$0")/lib/rig.sh"
device_need
disk=$VM_RUN/disk.img
truncate -s 64M "$disk"
device_start vm "3,virtio-blk,$disk,serial=VBS-LEGACY-1" 4,virtio-rnd

# legacy_boot KERNEL-ARGUMENTS INTERRUPT-KIND
legacy_boot() {
	guest_boot vm "virtio_pci.force_legacy=1 $1" "${DEVICE_QEMU[@]}"
	guest vm 60 pci_dump
	guest vm 60 "blk_serial VBS-LEGACY-1; blk_size $(stat -c %s "$disk")"
	guest vm 60 rng_check
	guest vm 60 blk_ext4
	guest vm 60 blk_verify 4 200
	guest vm 60 "pci_runs blk 1001 legacy $2; pci_runs rng 1005 legacy $2"
	guest_stop vm
}

legacy_boot "" msix
legacy_boot pci=nomsi intx
device_stop vm
