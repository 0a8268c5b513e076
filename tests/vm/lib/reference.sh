# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# The devices of QEMU, for reference: its own, or, over vhost-user, the disks of
# qemu-storage-daemon.

# reference_start NAME SLOT...
reference_start() {
	local name=$1 slot
	shift
	if [ "$VM_HOST" = vhost-user ]; then
		reference_daemon "$name" "$@"
		return
	fi
	for slot in "$@"; do
		device_reference "$slot"
	done
}

# device_reference SLOT: QEMU's own device with the same options.
device_reference() {
	local words number type file option options drive
	IFS=, read -ra words <<<"$1"
	number=${words[0]}
	type=${words[1]}
	options="addr=$number,disable-legacy=off,disable-modern=off"
	if [ "$type" = virtio-rnd ]; then
		DEVICE_ARGS+=(-object "rng-random,id=rng$number,filename=/dev/urandom"
			-device "virtio-rng-pci,rng=rng$number,$options")
		return
	fi
	file=${words[2]}
	drive="driver=file,node-name=disk$number,filename=$file,discard=unmap"
	options+=",drive=disk$number,num-queues=1"
	for option in "${words[@]:3}"; do
		case $option in
		ro) drive+=",read-only=on" ;;
		mq=*) options=${options/num-queues=1/num-queues=${option#mq=}} ;;
		serial=*) options+=",$option" ;;
		discard | iothread*) ;;
		*) die "no reference for virtio-blk option '$option'" ;;
		esac
	done
	DEVICE_ARGS+=(-blockdev "$drive" -device "virtio-blk-pci,$options")
}

# reference_daemon NAME SLOT...: nothing serves an entropy source over
# vhost-user, so that one is QEMU's own.
reference_daemon() {
	local name=$1 dir=$VM_RUN/$1.sockets slot options=() pidfile
	shift
	mkdir -p "$dir" "$VM_RUN/$name.daemon"
	mkfifo "$VM_RUN/$name.daemon"/monitor.{in,out} 2>/dev/null
	pidfile=$VM_RUN/$name.daemon/pid
	for slot in "$@"; do
		case $slot in
		*,virtio-blk,*)
			reference_export "$dir/$(device_socket "$slot")" "$slot"
			vhost_user_args "$dir/$(device_socket "$slot")" "$slot"
			;;
		*) device_reference "$slot" ;;
		esac
	done
	rm -f "$pidfile"
	tree_argv bin/qemu-storage-daemon
	spawn "$VM_RUN/$name.daemon/log" "${TREE_ARGV[@]}" --pidfile "$pidfile" \
		--chardev "pipe,id=c,path=$VM_RUN/$name.daemon/monitor" \
		--monitor chardev=c "${options[@]}"
	# shellcheck disable=SC2034,SC2004 # device.sh declares it
	DEVICE_PID[$name]=$SPAWNED
	until [ -s "$pidfile" ]; do
		kill -0 "$SPAWNED" 2>/dev/null ||
			give_up "$(cat "$VM_RUN/$name.daemon/log")"
		sleep 0.02
	done
}

# reference_serial SERIAL: the one that a disk of the reference has. The daemon
# takes none.
reference_serial() {
	if [ "$VM_HOST" = vhost-user ]; then
		echo vhost_user_blk
	else
		echo "$1"
	fi
}

# reference_export SOCKET SLOT: the options for one disk, added to "options".
reference_export() {
	local words drive option server
	IFS=, read -ra words <<<"$2"
	drive="driver=file,node-name=disk${words[0]},filename=${words[2]}"
	drive+=,discard=unmap,locking=off
	server="vhost-user-blk,id=e${words[0]},node-name=disk${words[0]}"
	server+=",addr.type=unix,addr.path=$1"
	case ",$2," in
	*,ro,*) drive+=,read-only=on ;;
	*) server+=,writable=on ;;
	esac
	for option in "${words[@]:3}"; do
		[[ $option != mq=* ]] || server+=",num-queues=${option#mq=}"
	done
	options+=(--blockdev "$drive" --export "$server")
}

# reference_grow NAME GUEST SLOT FILE SIZE
reference_grow() {
	local whose=$2
	[ "$VM_HOST" != vhost-user ] || whose=$1.daemon
	monitor "$whose" "{\"execute\":\"block_resize\",\"arguments\":{\
\"node-name\":\"disk$3\",\"size\":$(stat -c %s "$4")}}"
}
