# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# QEMU, with the stock kernel in it.

# guest_tsc_khz: the speed of the time stamp counter of an emulated guest, which
# is the host's: on a busy host the guest would measure a wrong one.
guest_tsc_khz() {
	[ -e "$VM_RUN/tsc-khz" ] || "${CC:-gcc}" -O2 -o "$VM_RUN/tsc-khz" \
		"$VM_HERE/lib/tsc-khz.c" || die "cannot build tsc-khz"
	"$VM_RUN/tsc-khz"
}

# qemu_boot NAME KERNEL-ARGUMENTS [QEMU-ARGUMENT...]
qemu_boot() {
	local append=$2 dir=$VM_RUN/$1 lib accel initrd panic=-1
	local reboot=(-no-reboot) machine=("${VM_QEMU[@]}")
	shift 2
	rm -f "$dir"/monitor.{in,out}
	mkfifo "$dir"/monitor.{in,out}
	accel=$(vm_accel)
	if [ "$accel" = tcg ]; then
		# By itself QEMU keeps up to a GiB of translated code.
		accel+=,tb-size=256
		append+=" tsc=reliable tsc_early_khz=$(guest_tsc_khz)"
	fi
	initrd=$(guest_initramfs "$VM_INITRAMFS")
	if [ "$VM_REBOOT" -eq 1 ]; then
		reboot=()
		panic=0
	fi
	[ "${#VM_QEMU[@]}" -gt 0 ] || machine=(
		-machine "$VM_MACHINE,memory-backend=mem" -m "$VM_MEM" -smp "$VM_SMP"
		-object "memory-backend-memfd,id=mem,size=${VM_MEM}M,share=on"
	)
	lib=$VM_TREE/usr/lib/x86_64-linux-gnu
	tree_argv bin/qemu-system-x86_64
	spawn "$dir/qemu.log" env QEMU_MODULE_DIR="$lib/qemu" "${TREE_ARGV[@]}" \
		-L "$VM_TREE/usr/share/qemu" -L "$VM_TREE/usr/share/seabios" \
		-nodefaults -no-user-config -display none "${reboot[@]}" \
		"${machine[@]}" -accel "$accel" -cpu max \
		-serial "file:$dir/console" \
		-chardev "pipe,id=control,path=$dir/control" \
		-serial chardev:control \
		-chardev "pipe,id=monitor,path=$dir/monitor" \
		-object monitor-qmp,id=qmp,chardev=monitor \
		-kernel "$VM_KERNEL/vmlinux" -initrd "$initrd" \
		-append "console=ttyS0 loglevel=4 panic=$panic no_timer_check $append" \
		"$@"
}

# monitor NAME QMP-COMMAND: to QEMU itself. Its answers are not read: what the
# command does is seen in the guest.
monitor() {
	printf '%s\n' '{"execute":"qmp_capabilities"}' "$2" \
		>"$VM_RUN/$1/monitor.in"
}

# monitor_hears NAME SECONDS REGEX: the first line of QEMU's that it matches is
# left in HEARD.
monitor_hears() {
	local end=$((SECONDS + $2 * VM_PATIENCE)) fd line found=1
	exec {fd}<>"$VM_RUN/$1/monitor.out"
	while [ "$found" -ne 0 ] && [ "$SECONDS" -le "$end" ]; do
		IFS= read -r -t 1 -u "$fd" line || continue
		echo "$line" >>"$VM_RUN/$1/monitor.log"
		[[ ! $line =~ $3 ]] || found=0
	done
	exec {fd}>&-
	HEARD=$line
	return "$found"
}

# qemu_migrate FROM TO SOCKET: TO was started to wait for it there. Afterwards
# only TO is left.
qemu_migrate() {
	local from=$1 to=$2 start=$SECONDS
	local events='"capabilities":[{"capability":"events","state":true}]'
	check "destination_waits" wait_until 30 test -S "$3"
	monitor "$from" "{\"execute\":\"migrate-set-capabilities\",\
\"arguments\":{$events}}"
	monitor "$from" "{\"execute\":\"migrate-set-parameters\",\
\"arguments\":{\"max-bandwidth\":4294967296}}"
	monitor "$from" "{\"execute\":\"migrate\",\
\"arguments\":{\"uri\":\"unix:$3\"}}"
	monitor_hears "$from" 120 '"status": "(completed|failed)"'
	if [[ $HEARD != *completed* ]]; then
		guest_logs "$from"
		guest_logs "$to"
		give_up "no migration in $((SECONDS - start)) s: $HEARD"
	fi
	pass "migrated"
	guest_kill "$from"
	rm -f "$3"
}
