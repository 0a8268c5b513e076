# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# How the front ends of vhost-user are told of a device: QEMU has one for each
# type and a generic one, UML its own.

# shellcheck disable=SC2034 # some are for tests

# 1: QEMU's generic front end instead of the one for the type.
VHOST_USER_GENERIC=0
# More options for QEMU's sockets, such as reconnect-ms=.
VHOST_USER_CHARDEV=""

# on: QEMU offers the driver packed rings, if the device has them.
VHOST_USER_PACKED=off

# vhost_user_args SOCKET SLOT: QEMU is also told of the features of the queues
# that vbs-dm is told of, as it has the same words for them.
vhost_user_args() {
	local words id option queues=1 packed=packed=$VHOST_USER_PACKED features=
	IFS=, read -ra words <<<"$2"
	for option in "${words[@]:2}"; do
		case $option in
		mq=*) queues=${option#mq=} ;;
		packed=*) packed=$option ;;
		in_order=* | event_idx=* | indirect_desc=*) features+=,$option ;;
		esac
	done
	case ${words[1]} in
	virtio-blk) id=2 ;;
	virtio-rnd) id=4 ;;
	*) die "no vhost-user front end for ${words[1]}" ;;
	esac
	if [ "$VM_FRONT" = uml ]; then
		DEVICE_ARGS+=("virtio_uml.device=$1:$id")
		return
	fi
	DEVICE_ARGS+=(-chardev "socket,id=c${words[0]},path=$1$VHOST_USER_CHARDEV")
	if [ "$VHOST_USER_GENERIC" -eq 1 ]; then
		vhost_user_generic "$id" "$queues"
	elif [ "$id" -eq 2 ]; then
		option="vhost-user-blk-pci,num-queues=$queues,disable-legacy=off"
	else
		option=vhost-user-rng-pci
		DEVICE_RNG=1044
	fi
	option+=,$packed$features,chardev=c${words[0]},addr=${words[0]}
	DEVICE_ARGS+=(-device "$option")
}

# vhost_user_generic ID QUEUES: modern only; it asks for all of a disk's
# configuration space, 96 bytes, or for none.
vhost_user_generic() {
	local size=0 ring=64
	if [ "$1" -eq 2 ]; then
		DEVICE_BLK=1042
		size=96
		ring=128 # or its longest chain does not fit
	else
		DEVICE_RNG=1044
	fi
	option="vhost-user-test-device-pci,virtio-id=$1,num_vqs=$2,vq_size=$ring"
	option+=",config_size=$size"
}
