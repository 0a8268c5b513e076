#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The real-guest tests: run.sh [--list] [-j N] [TEST...]
#
# Environment: VBS_DM, the vbs-dm to test; VBS_VM_DEVICE=qemu, to run the same
# tests on QEMU's own devices; VBS_VM_HOST=vhost-user, to run the tests that name
# no host over that one; VBS_CACHE, VBS_VM_ACCEL (tcg, kvm), VBS_VM_PATIENCE
# (multiplies time limits), VBS_VM_REBOOTS, VBS_VM_KILLS, VBS_VM_MIGRATIONS.
set -u
here=$(cd "$(dirname "$0")" && pwd)
# The longest first: with two at a time the others run beside it.
all=(reboot vhost-user-reboot modern legacy intx multiqueue readonly resize
	rebind restart reconnect polling features in-order frontend echo two-vms
	vhost-user-{rebind,reconnect,kill,restart,migrate,legacy,modern}
	vhost-user-{multiqueue,packed,in-order,resize,generic,frontend,uml})
jobs=$(($(nproc) > 1 ? 2 : 1))

usage() {
	sed -n 's/^# \(The real\|.*run.sh \[\)/\1/p' "$0" >&2
	exit 2
}

tests=()
while [ $# -gt 0 ]; do
	case $1 in
	--list)
		printf '%s\n' "${all[@]}"
		exit 0
		;;
	-j)
		jobs=${2:-}
		[[ $jobs =~ ^[1-9][0-9]?$ ]] || usage
		shift
		;;
	-*) usage ;;
	*)
		[ -x "$here/test-$1.sh" ] || {
			echo "run.sh: no test '$1'; there are: ${all[*]}" >&2
			exit 2
		}
		tests+=("$1")
		;;
	esac
	shift
done
[ "${#tests[@]}" -gt 0 ] || tests=("${all[@]}")

status=0
"$here/setup.sh" || status=$?
[ "$status" -ne 77 ] || echo "0 passed, 0 failed, 1 skipped"
[ "$status" -eq 0 ] || exit "$status"
"$here/lib/probe.sh" accel || exit 1
out=$(mktemp -d "${TMPDIR:-/tmp}/vbs-vm-run.XXXXXX") || exit 1
trap 'rm -rf "$out"' EXIT
trap 'kill $(jobs -p) 2>/dev/null; wait; exit 130' INT TERM HUP

# run_one TEST: its output in one piece, when it has ended
run_one() {
	local start=$SECONDS status=0 took
	setpriv --pdeathsig TERM "$here/test-$1.sh" \
		>"$out/$1.part" 2>&1 </dev/null || status=$?
	took=$((SECONDS - start))
	# A test that fails says so; one that was ended by something else cannot.
	if [ "$status" -ne 0 ] && ! grep -q '^FAIL \|^SKIP ' "$out/$1.part"; then
		echo "FAIL $1: ended with status $status" >>"$out/$1.part"
	fi
	echo "INFO $1: took $took s" >>"$out/$1.part"
	mv "$out/$1.part" "$out/$1.log"
	flock "$out" cat "$out/$1.log"
}

for name in "${tests[@]}"; do
	while [ "$(jobs -pr | wc -l)" -ge "$jobs" ]; do
		wait -n
	done
	run_one "$name" &
done
wait

count() {
	cat "$out"/*.log | grep -c "^$1 "
}

# What has left no result has not passed.
lost=0
for name in "${tests[@]}"; do
	[ -s "$out/$name.log" ] && continue
	echo "FAIL $name: left no result"
	lost=$((lost + 1))
done
grep -h '^SKIP ' "$out"/*.log
grep -h '^FAIL ' "$out"/*.log
failed=$(($(count FAIL) + lost))
echo "$(count PASS) passed, $failed failed, $(count SKIP) skipped"
[ "$failed" -eq 0 ]
