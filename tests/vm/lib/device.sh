# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# The devices of a guest: vbs-dm over vfio-user, or QEMU's own for reference.
declare -A DEVICE_PID
# The QEMU arguments of the last device_start.
DEVICE_QEMU=()
# More options for vbs-dm.
DEVICE_OPTIONS=()

# device_need: ends the test if there is no vbs-dm to test.
device_need() {
	[ "$VM_DEVICE" = vbs ] || return 0
	VBS_DM=${VBS_DM:-$(command -v vbs-dm)} ||
		skip "VBS_DM names no vbs-dm, and none is installed"
	[ -x "$VBS_DM" ] || give_up "VBS_DM is no program: $VBS_DM"
}

# device_need_vbs WHY: for tests of vbs-dm itself.
device_need_vbs() {
	device_need
	[ "$VM_DEVICE" = vbs ] || skip "VBS_VM_DEVICE=$VM_DEVICE: $1"
}

# device_start NAME SLOT...: each SLOT as after vbs-dm's -s.
device_start() {
	local name=$1 slot
	shift
	DEVICE_QEMU=()
	if [ "$VM_DEVICE" = vbs ]; then
		device_start_vbs "$name" "$@"
		return
	fi
	for slot in "$@"; do
		device_reference "$slot"
	done
}

device_start_vbs() {
	local name=$1 dir=$VM_RUN/$1.sockets slot options=()
	shift
	mkdir -p "$dir"
	for slot in "$@"; do
		options+=(-s "$slot")
	done
	: >"$VM_RUN/$name.vbs-dm.log"
	spawn "$VM_RUN/$name.vbs-dm.log" "$VBS_DM" --host vfio-user \
		--socket-dir "$dir" "${DEVICE_OPTIONS[@]}" "${options[@]}"
	DEVICE_PID[$name]=$SPAWNED
	for slot in "$@"; do
		device_listens "$name" "$dir/$(device_socket "$slot")"
		DEVICE_QEMU+=(-device "$(device_json "$dir" "$slot")")
	done
}

device_socket() {
	local number name rest
	IFS=, read -r number name rest <<<"$1"
	name=${name##*/} # a shared object may be in a folder
	echo "${number/:/.}-${name%.so}.sock"
}

# vbs-dm says which sockets it listens on; there is nothing else to wait for.
device_listens() {
	local end=$((SECONDS + 30 * VM_PATIENCE)) log=$VM_RUN/$1.vbs-dm.log
	until grep -qF "$2" "$log"; do
		if ! kill -0 "${DEVICE_PID[$1]}" 2>/dev/null ||
			[ "$SECONDS" -gt "$end" ]; then
			sed 's/^/INFO   /' "$log"
			give_up "vbs-dm does not listen on $2"
		fi
		sleep 0.02
	done
}

device_json() {
	printf '{"driver":"vfio-user-pci","addr":"%s","socket":%s}' "${2%%,*}" \
		"{\"type\":\"unix\",\"path\":\"$1/$(device_socket "$2")\"}"
}

# device_frontend NAME SLOT...: the arguments that vbs-dm prints for QEMU, after
# the name of the program, in FRONTEND; they are quoted for a shell.
device_frontend() {
	local dir=$VM_RUN/$1.sockets slot options=() text
	shift
	for slot in "$@"; do
		options+=(-s "$slot")
	done
	text=$("$VBS_DM" --print-frontend=qemu --socket-dir "$dir" \
		"${options[@]}") || give_up "no front end: $text"
	eval "FRONTEND=(${text//$'\\\n'/ })"
	[ "${FRONTEND[0]}" = qemu-system-x86_64 ] || give_up "no QEMU: $text"
	FRONTEND=("${FRONTEND[@]:1}")
}

# device_reference SLOT: QEMU's own device with the same options.
device_reference() {
	local words number type file option options drive
	IFS=, read -ra words <<<"$1"
	number=${words[0]}
	type=${words[1]}
	options="addr=$number,disable-legacy=off,disable-modern=off"
	if [ "$type" = virtio-rnd ]; then
		DEVICE_QEMU+=(-object "rng-random,id=rng$number,filename=/dev/urandom"
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
	DEVICE_QEMU+=(-blockdev "$drive" -device "virtio-blk-pci,$options")
}

# device_grow NAME GUEST SLOT FILE SIZE: makes the disk of a running guest
# larger.
device_grow() {
	truncate -s "$5" "$4"
	if [ "$VM_DEVICE" = vbs ]; then
		kill -HUP "${DEVICE_PID[$1]}"
	else
		monitor "$2" "{\"execute\":\"block_resize\",\"arguments\":{\
\"node-name\":\"disk$3\",\"size\":$(stat -c %s "$4")}}"
	fi
}

# device_stop NAME [SIGNAL]: leaves cleanly on SIGTERM.
device_stop() {
	local name=$1 signal=${2:-TERM} pid=${DEVICE_PID[$1]:-} status=0
	[ -n "$pid" ] || return 0
	kill -"$signal" "$pid"
	ended "$pid" 30 2>/dev/null || status=$?
	[ "$signal" = KILL ] || check_is "vbs_dm_exit" 0 "$status"
	unset "DEVICE_PID[$name]"
}
