#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# A guest that writes is moved to another QEMU with another vbs-dm on the same
# disk, and from there to a third QEMU with the first vbs-dm, and then the next
# guest is.
VM_HOST=vhost-user
. "$(dirname "$0")/lib/rig.sh"
device_need
migrations=${VBS_VM_MIGRATIONS:-2}
disk=$VM_RUN/disk.img
truncate -s 16M "$disk"
VM_INITRAMFS=initramfs-fio
VM_SMP=1
device_start one "3,virtio-blk,$disk,mq=2,share"
one=("${DEVICE_ARGS[@]}")
device_start two "3,virtio-blk,$disk,mq=2,share"
two=("${DEVICE_ARGS[@]}")

for ((n = 0; n < migrations; n += 2)); do
	guest_boot one "" "${one[@]}"
	guest one 60 fio_start
	check "load_$n" file_changes "$disk" 60
	guest_start two "" -incoming "unix:$VM_RUN/migration" "${two[@]}"
	qemu_migrate one two "$VM_RUN/migration"
	check "load_after_$n" file_changes "$disk" 60
	guest_start one "" -incoming "unix:$VM_RUN/migration" "${one[@]}"
	qemu_migrate two one "$VM_RUN/migration"
	check "load_again_$n" file_changes "$disk" 60
	guest one 180 fio_stop
	guest_stop one
done
device_stop one
device_stop two
