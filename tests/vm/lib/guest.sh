# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash disable=SC2034
# Boot a guest, send it commands, see it end. A guest has a name and a folder
# $VM_RUN/NAME with its console, its control channel and all that was said.
declare -A GUEST_PID GUEST_IN GUEST_OUT

# Set before guest_boot by tests that want something else.
# What the guest runs on: qemu or uml.
VM_FRONT=${VM_FRONT:-qemu}
VM_MACHINE=q35
VM_SMP=2
VM_MEM=256
VM_INITRAMFS=initramfs
# The QEMU arguments for machine and memory, if not those of the three above.
VM_QEMU=()
# 1: the guest may reboot. Otherwise a reboot, such as a panic, ends QEMU.
VM_REBOOT=0
# shellcheck disable=SC2034 # set by tests
VM_BOOT_LIMIT=60

# guest_initramfs KIND
guest_initramfs() {
	local image=$VM_RUN/$1.cpio
	if [ ! -e "$image" ]; then
		guest_programs "$VM_RUN/overlay/bin"
		initramfs_make "$1" "$VM_RUN/overlay" >"$image"
	fi
	echo "$image"
}

# The C programs of tests/vm/guest/, static: the guest has another libc.
guest_programs() {
	local source name
	mkdir -p "$1"
	for source in "$VM_HERE"/guest/*.c; do
		name=$(basename "$source" .c)
		"${CC:-gcc}" -std=gnu11 -O2 -Wall -static -pthread \
			-o "$1/$name" "$source" || die "cannot build $name"
	done
}

# guest_boot NAME [KERNEL-ARGUMENTS [ARGUMENT...]]: on the front end that
# VM_FRONT names, which gets the arguments. Returns when the guest takes
# commands.
guest_boot() {
	local name=$1 append=${2:-}
	shift $(($# < 2 ? $# : 2))
	guest_start "$name" "$append" "$@"
	guest_ready "$name"
}

# guest_start NAME KERNEL-ARGUMENTS [ARGUMENT...]: without waiting for it
guest_start() {
	local name=$1 dir=$VM_RUN/$1 in out
	mkdir -p "$dir"
	rm -f "$dir"/control.{in,out}
	mkfifo "$dir"/control.{in,out}
	exec {in}<>"$dir/control.in" {out}<>"$dir/control.out"
	GUEST_IN[$name]=$in
	GUEST_OUT[$name]=$out
	"${VM_FRONT}_boot" "$@"
	GUEST_PID[$name]=$SPAWNED
}

# guest_ready NAME: also what a guest says after each reboot.
guest_ready() {
	local name=$1 start=$SECONDS
	if ! guest_hear "$name" "$VM_BOOT_LIMIT" READY; then
		guest_logs "$name"
		give_up "guest '$name' did not boot in $((SECONDS - start)) s"
	fi
}

# guest_hear NAME SECONDS WORD: reads lines until one starts with WORD; what
# follows it is left in HEARD, and what came before it in SAID.
guest_hear() {
	local name=$1 end=$((SECONDS + $2 * VM_PATIENCE)) word=$3 line
	local pid=${GUEST_PID[$name]} fd=${GUEST_OUT[$name]} gone=0 part=""
	SAID=""
	while [ "$SECONDS" -le "$end" ]; do
		if IFS= read -r -t 1 -u "$fd" line; then
			line=$part$line
			part=""
			echo "$line" >>"$VM_RUN/$name/transcript"
			case $line in
			"$word"*)
				HEARD=${line#"$word"}
				HEARD=${HEARD# }
				return 0
				;;
			esac
			guest_line "$name" "$line"
		else
			# the second can end in the middle of a line
			part+=$line
			[ "$gone" -eq 0 ] || return 1
			kill -0 "$pid" 2>/dev/null || gone=1
		fi
	done
	return 1
}

guest_line() {
	local text=${2#* }
	case $2 in
	"PASS "*) pass "$text" ;;
	"FAIL "*) fail "${text%% *}" "${text#* }" ;;
	"INFO "*) info "$text" ;;
	*) SAID+=${SAID:+$'\n'}$2 ;;
	esac
}

# guest NAME SECONDS COMMAND...: its status; what it printed is in SAID. A guest
# that does not answer ends the test.
guest() {
	local name=$1 limit=$2
	shift 2
	guest_begin "$name" "$*"
	guest_end "$name" "$limit"
}

# guest_begin NAME COMMAND, and later guest_end NAME SECONDS
guest_begin() {
	echo "> $2" >>"$VM_RUN/$1/transcript"
	echo "$2" >&"${GUEST_IN[$1]}"
}

guest_end() {
	if ! guest_hear "$1" "$2" DONE; then
		guest_logs "$1"
		kill -0 "${GUEST_PID[$1]}" 2>/dev/null ||
			give_up "guest '$1' has ended"
		give_up "guest '$1' did not answer in $2 s"
	fi
	return "$HEARD"
}

# guest_stop NAME: looks at the kernel's log, then powers off.
guest_stop() {
	local name=$1
	guest "$name" 60 kernel_is_calm
	[ -z "$SAID" ] || echo "$SAID" >"$VM_RUN/$name/dmesg"
	echo "poweroff -f" >&"${GUEST_IN[$name]}"
	check "power_off" ended "${GUEST_PID[$name]}" 60
	guest_close "$name"
}

# guest_kill NAME: as when the host's power goes.
guest_kill() {
	group_kill "${GUEST_PID[$1]}"
	ended "${GUEST_PID[$1]}" 10 2>/dev/null
	guest_close "$1"
}

guest_close() {
	local in=${GUEST_IN[$1]} out=${GUEST_OUT[$1]}
	exec {in}>&- {out}>&-
	unset "GUEST_PID[$1]" "GUEST_IN[$1]" "GUEST_OUT[$1]"
}

guest_logs() {
	local file
	for file in qemu.log console transcript; do
		[ -e "$VM_RUN/$1/$file" ] || continue
		info "last lines of $1/$file:"
		tail -n 15 "$VM_RUN/$1/$file" | sed 's/^/INFO   /'
	done
}
