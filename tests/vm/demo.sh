#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# A stock Linux guest uses a disk and an entropy source that vbs-dm serves, and
# tells what it saw and how fast it was.
"$(dirname "$0")/setup.sh" || exit 1
. "$(dirname "$0")/lib/rig.sh"
. "$(dirname "$0")/lib/demo.sh"
device_need
disk=$VM_RUN/disk.img
truncate -s 256M "$disk"
started=$SECONDS

[ -n "$(accel_known)" ] || say "does KVM boot a guest here?"
accel=$(vm_accel)
tree_argv bin/qemu-system-x86_64
qemu=$("${TREE_ARGV[@]}" --version | sed -n '1s/.*version \([^ ]*\).*/\1/p')
say "the devices: ${VBS_DM:-QEMU itself}"
slots=("3,virtio-blk,$disk,serial=VBS-DEMO,discard,mq=2" "4,virtio-rnd")
device_start vm "${slots[@]}"
if [ "$VM_DEVICE" = vbs ]; then
	sed 's/^/   /' "$VM_RUN/vm.vbs-dm.log"
	device_frontend vm "${slots[@]}"
	VM_QEMU=("${FRONTEND[@]}")
	DEVICE_ARGS=()
	say "QEMU's arguments for them, from vbs-dm --print-frontend=qemu"
	printf '   %s %s\n' "${VM_QEMU[@]}"
fi
say "booting Linux $(kernel_version) in QEMU $qemu ($accel)"
guest_boot vm "" "${DEVICE_ARGS[@]}"
say "up after $((SECONDS - started)) s; the guest tries the entropy source"
guest vm 60 rng_check
say "a file system on the disk, files in it, and all of it read again"
guest vm 60 blk_ext4
say "random writes from 4 threads, each sector verified"
guest vm 60 blk_verify 4 300
say "how fast is it?"
ask disk demo_disk
read -r size serial <<<"$SAID"
ask "virtio-blk" demo_function 1001
blk=$SAID
ask "virtio-rnd" demo_function 1005
rng=$SAID
ask "disk speed" demo_speed 2
mapfile -t speed <<<"$SAID"
ask "entropy speed" demo_rng_speed
rng_speed=$SAID
guest_stop vm
device_stop vm

say "what the guest saw"
{
	echo "function id driver interface interrupts queues"
	echo "$blk"
	echo "$rng"
} | awk '{ printf "  %-9s %-10s %-12s %-10s %-11s %s\n", $1, $2, $3, $4, $5, $6 }'
row "disk" "$size MiB, serial $serial"
row "ext4, checksums, entropy" "$(verdict)"
row "sequential read" "${speed[0]} MiB/s"
row "sequential write" "${speed[1]} MiB/s"
row "random 4 KiB reads" "${speed[2]} /s"
row "random 4 KiB writes" "${speed[3]} /s"
row "entropy" "$rng_speed KiB/s"
[ "$accel" = kvm ] || echo "  (software emulation: no KVM that works is here)"
echo "  vbs-dm is $VBS_DM; its --help, and the README, go on from here"
