#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# shellcheck source-path=SCRIPTDIR
# The demo without a VMM: Linux itself, as a process, uses a disk that vbs-dm
# serves over vhost-user. It needs no root and no KVM.
"$(dirname "$0")/setup.sh" || exit 1
started=$SECONDS
VM_HOST=vhost-user
VM_FRONT=uml
. "$(dirname "$0")/lib/rig.sh"
. "$(dirname "$0")/lib/demo.sh"
device_need
disk=$VM_RUN/disk.img
truncate -s 128M "$disk"
device_start vm "3,virtio-blk,$disk,serial=VBS-DEMO,discard"
say "the device: vbs-dm ${DEVICE_COMMAND[*]}"
sed 's/^/   /' "$VM_RUN/vm.vbs-dm.log"
say "booting User-mode Linux $(cat "$VM_UML/version")"
printf '   ./linux %s ...\n' "${DEVICE_ARGS[@]}"
guest_boot vm "" "${DEVICE_ARGS[@]}"
say "up after $((SECONDS - started)) s; a file system on the disk, files in it," \
	"and all of it read again"
guest vm 60 blk_ext4
say "random writes from 4 threads, each sector verified"
guest vm 60 blk_verify 4 300
ask disk demo_disk
read -r size serial <<<"$SAID"
ask "disk speed" demo_speed 0.5
mapfile -t speed <<<"$SAID"
guest_stop vm
device_stop vm

say "what the guest saw"
row "disk" "$size MiB, serial $serial"
row "ext4, checksums" "$(verdict)"
row "sequential read" "${speed[0]} MiB/s"
row "sequential write" "${speed[1]} MiB/s"
row "random 4 KiB reads" "${speed[2]} /s"
row "random 4 KiB writes" "${speed[3]} /s"
row "all of it took" "$((SECONDS - started)) s"
echo "  vbs-dm is $VBS_DM; its --help, and the README, go on from here"
