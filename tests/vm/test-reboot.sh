#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# 100 reboots of a guest that uses both devices each time, in one QEMU with
# one vbs-dm, which then holds what it held after the first few.
. "$(dirname "$0")/lib/rig.sh"
device_need
reboots=${VBS_VM_REBOOTS:-100}
disk=$VM_RUN/disk.img
truncate -s 16M "$disk"
device_start vm "3,virtio-blk,$disk" 4,virtio-rnd
VM_INITRAMFS=initramfs-small
VM_REBOOT=1
VM_SMP=1
VM_MEM=128
guest_boot vm "" "${DEVICE_ARGS[@]}"
check "first_boot" guest vm 60 rebind_io 0
before=""
for ((n = 1; n <= reboots; n++)); do
	echo "reboot -f" >&"${GUEST_IN[vm]}"
	guest_ready vm
	guest vm 60 rebind_io "$n" || {
		fail "reboot_$n" "$SAID"
		break
	}
	[ "$n" -ne 5 ] || before=$(leak_count vm)
done
check_is "reboots_done" "$reboots" "$((n - 1))"
[ -z "$before" ] || leak_check "$before" "$(leak_count vm)"
guest_stop vm
device_stop vm
