#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# vbs-dm is killed at random instants while the guest writes, and another takes
# its place: what was in flight is done once, and the guest notices nothing.
# First QEMU connects and the rings are split; then vbs-dm connects and they are
# packed, where nothing but the in-flight area can tell what was taken; then
# requests also end in order, on either.
VM_HOST=vhost-user
. "$(dirname "$0")/lib/rig.sh"
device_need
kills=${VBS_VM_KILLS:-10}
disk=$VM_RUN/disk.img
truncate -s 16M "$disk"
slot="3,virtio-blk,$disk,mq=2"
VM_INITRAMFS=initramfs-fio
VM_SMP=1

# milliseconds: of the clock on the wall
milliseconds() {
	echo "${EPOCHREALTIME%???}" | tr -d .
}

# kill_under_load TIMES split|packed IN-ORDER
kill_under_load() {
	local n killed gaps=()
	guest vm 60 "pci_rings blk 1001 $2"
	guest vm 60 "pci_feature $2_bit_35 3 35 $3"
	guest vm 60 fio_start
	file_changes "$disk" 60
	for ((n = 0; n < $1; n++)); do
		sleep "0.0$((RANDOM % 90 + 10))"
		killed=$(milliseconds)
		device_stop vm KILL
		device_start vm "$slot"
		file_changes "$disk" 60 || break
		gaps+=($(($(milliseconds) - killed)))
	done
	check_is "kills_survived" "$1" "$n"
	info "from a kill to the next write, in ms: $(printf '%s\n' \
		"${gaps[@]}" | sort -n | awk '{ v[NR] = $1 } END {
			print v[int((NR + 1) / 2)], "(half),", v[NR], "(all)" }')"
	guest vm 180 fio_stop
	guest_stop vm
	device_stop vm
}

VHOST_USER_CHARDEV=,reconnect-ms=20
device_start vm "$slot"
guest_boot vm "" "${DEVICE_ARGS[@]}"
kill_under_load $((kills - kills / 2)) split 0

# That is as far as the reference goes.
[ "$VM_DEVICE" = vbs ] || exit "$VM_FAILED"
DEVICE_OPTIONS=(--client)
VHOST_USER_CHARDEV=,server=on,wait=off
for how in packed=on packed=off,in_order=on packed=on,in_order=on; do
	slot="3,virtio-blk,$disk,mq=2,$how"
	device_start vm "$slot"
	guest_boot vm "" "${DEVICE_ARGS[@]}"
	case $how in
	packed=on) kill_under_load $((kills / 2)) packed 0 ;;
	packed=off*) kill_under_load $((kills / 2)) split 1 ;;
	*) kill_under_load $((kills / 2)) packed 1 ;;
	esac
done
