# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash disable=SC2034
# The devices of a guest: those of vbs-dm, over what VM_HOST says, or those of
# reference.sh.
declare -A DEVICE_PID
# What the front end has to be told, by the last device_start; and what vbs-dm
# was told.
DEVICE_ARGS=()
DEVICE_COMMAND=()
# The PCI ids of the disk and the entropy source that it started.
DEVICE_BLK=1001
DEVICE_RNG=1005
# More options for vbs-dm.
DEVICE_OPTIONS=()

# device_need: ends the test if there is no vbs-dm to test.
device_need() {
	[ "$VM_DEVICE" = vbs ] || return 0
	VBS_DM=${VBS_DM:-$(command -v vbs-dm)} ||
		skip "VBS_DM names no vbs-dm, and none is installed"
	[ -x "$VBS_DM" ] || give_up "VBS_DM is no program: $VBS_DM"
	"$VBS_DM" --help | grep -q "$VM_HOST" ||
		skip "this vbs-dm has no host $VM_HOST"
}

# device_need_vbs WHY: for tests of vbs-dm itself.
device_need_vbs() {
	device_need
	[ "$VM_DEVICE" = vbs ] || skip "VBS_VM_DEVICE=$VM_DEVICE: $1"
}

# device_start NAME SLOT...: each SLOT as after vbs-dm's -s.
device_start() {
	DEVICE_ARGS=()
	if [ "$VM_DEVICE" = vbs ]; then
		device_start_vbs "$@"
	else
		reference_start "$@"
	fi
}

device_start_vbs() {
	local name=$1 dir=$VM_RUN/$1.sockets slot options=() host=vhost_user
	shift
	[ "$VM_HOST" = vhost-user ] || host=vfio_user
	mkdir -p "$dir"
	for slot in "$@"; do
		options+=(-s "$slot")
	done
	: >"$VM_RUN/$name.vbs-dm.log"
	DEVICE_COMMAND=(--host "$VM_HOST" --socket-dir "$dir"
		"${DEVICE_OPTIONS[@]}" "${options[@]}")
	spawn "$VM_RUN/$name.vbs-dm.log" "$VBS_DM" "${DEVICE_COMMAND[@]}"
	DEVICE_PID[$name]=$SPAWNED
	for slot in "$@"; do
		device_listens "$name" "$dir/$(device_socket "$slot")"
		"${host}_args" "$dir/$(device_socket "$slot")" "$slot"
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

# vfio_user_args SOCKET SLOT
vfio_user_args() {
	local json='{"driver":"vfio-user-pci","addr":"%s","socket":%s}' socket
	socket="{\"type\":\"unix\",\"path\":\"$1\"}"
	# shellcheck disable=SC2059 # it is a format
	DEVICE_ARGS+=(-device "$(printf "$json" "${2%%,*}" "$socket")")
}

# device_frontend NAME SLOT...: the arguments that vbs-dm prints for the front
# end, after the name of the program, in FRONTEND; they are quoted for a shell.
device_frontend() {
	local dir=$VM_RUN/$1.sockets slot options=() text
	local program=qemu-system-x86_64
	shift
	[ "$VM_FRONT" = qemu ] || program=linux.uml
	for slot in "$@"; do
		options+=(-s "$slot")
	done
	text=$("$VBS_DM" --host "$VM_HOST" --print-frontend="$VM_FRONT" \
		--socket-dir "$dir" "${options[@]}") ||
		give_up "no front end: $text"
	eval "FRONTEND=(${text//$'\\\n'/ })"
	[ "${FRONTEND[0]}" = "$program" ] || give_up "no $program: $text"
	FRONTEND=("${FRONTEND[@]:1}")
}

# device_grow NAME GUEST SLOT FILE SIZE: makes the disk of a running guest
# larger.
device_grow() {
	truncate -s "$5" "$4"
	if [ "$VM_DEVICE" = vbs ]; then
		kill -HUP "${DEVICE_PID[$1]}"
	else
		reference_grow "$@"
	fi
}

# device_serial GUEST SERIAL: checks the one that the disk was given.
device_serial() {
	local serial=$2
	[ "$VM_DEVICE" = vbs ] || serial=$(reference_serial "$2")
	guest "$1" 60 blk_serial "$serial"
}

# device_runs GUEST FACE KIND: interface and interrupts of both. QEMU's front
# end for an entropy source has no legacy registers and no MSI-X.
device_runs() {
	guest "$1" 60 "pci_runs blk $DEVICE_BLK $2 $3"
	if [ "$DEVICE_RNG" = 1044 ]; then
		guest "$1" 60 "pci_runs rng 1044 modern intx"
	else
		guest "$1" 60 "pci_runs rng $DEVICE_RNG $2 $3"
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
