# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash source-path=SCRIPTDIR/..
# What every test in tests/vm/ starts with: a folder for this run, PASS, FAIL
# and SKIP lines, and an end that leaves no process and no file behind.
set -u
VM_HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
VM_TEST=$(basename "$0" .sh)
VM_TEST=${VM_TEST#test-}
VM_FAILED=0
VM_PIDS=()
# Multiplies every time limit, for slow machines.
VM_PATIENCE=${VBS_VM_PATIENCE:-1}
# Whose devices the guest gets: vbs-dm's, or QEMU's own, as a reference.
# shellcheck disable=SC2034 # for device.sh
VM_DEVICE=${VBS_VM_DEVICE:-vbs}
# What carries them to the guest: vfio-user or vhost-user.
# shellcheck disable=SC2034
VM_HOST=${VM_HOST:-${VBS_VM_HOST:-vfio-user}}

. "$VM_HERE/lib/cache.sh"
. "$VM_HERE/lib/initramfs.sh"
. "$VM_HERE/lib/accel.sh"
. "$VM_HERE/lib/guest.sh"
. "$VM_HERE/lib/qemu.sh"
. "$VM_HERE/lib/uml.sh"
. "$VM_HERE/lib/device.sh"
. "$VM_HERE/lib/vhost-user.sh"
. "$VM_HERE/lib/reference.sh"
. "$VM_HERE/lib/leak.sh"

info() {
	echo "INFO $VM_TEST: $*"
}

pass() {
	echo "PASS $VM_TEST: $*"
}

# fail NAME WHY...
fail() {
	local name=$1
	shift
	VM_FAILED=$((VM_FAILED + 1))
	echo "FAIL $VM_TEST: $name: $*"
}

# skip WHY...: ends the test.
skip() {
	echo "SKIP $VM_TEST: $*"
	exit 77
}

# check NAME COMMAND...: passes if the command does.
check() {
	local name=$1
	shift
	if "$@" >>"$VM_RUN/check.log" 2>&1; then
		pass "$name"
	else
		fail "$name" "$*"
	fi
}

# check_is NAME WANTED FOUND
check_is() {
	if [ "$2" = "$3" ]; then
		pass "$1"
	else
		fail "$1" "wanted '$2', found '$3'"
	fi
}

# give_up WHY...: for what leaves nothing to test with.
give_up() {
	fail "set_up" "$*"
	exit 1
}

# wait_until SECONDS COMMAND...: until it passes
wait_until() {
	local end=$((SECONDS + $1 * VM_PATIENCE))
	shift
	until "$@"; do
		[ "$SECONDS" -le "$end" ] || return 1
		sleep 0.02
	done
}

# file_changes FILE SECONDS: somebody writes to it, from now on.
file_changes() {
	local before
	before=$(stat -c %y "$1")
	wait_until "$2" file_is_newer "$1" "$before"
}

file_is_newer() {
	[ "$(stat -c %y "$1")" != "$2" ]
}

# spawn LOG COMMAND...: in the background; it dies with this shell at the
# latest. Its process id is left in SPAWNED.
spawn() {
	local log=$1
	shift
	setpriv --pdeathsig KILL "$@" >>"$log" 2>&1 </dev/null &
	SPAWNED=$!
	VM_PIDS+=("$SPAWNED")
}

# ended PID SECONDS: waits for the end of a process that spawn started, and
# returns its exit status; 124 if it is still there.
ended() {
	local end=$((SECONDS + $2 * VM_PATIENCE))
	while kill -0 "$1" 2>/dev/null; do
		[ "$SECONDS" -le "$end" ] || return 124
		sleep 0.02
	done
	wait "$1"
}

# group_kill PID: and the group that it may have of its own.
group_kill() {
	kill -KILL "$1" 2>/dev/null
	kill -KILL -- "-$1" 2>/dev/null
}

rig_end() {
	local status=$? pid
	trap - EXIT
	for pid in "${VM_PIDS[@]}"; do
		group_kill "$pid"
	done
	wait 2>/dev/null
	[ "$VM_FAILED" -eq 0 ] || status=1
	case $status in
	0 | 77 | 130) rm -rf "$VM_RUN" ;;
	*)
		find "$VM_RUN" -size +1M -delete
		info "logs of the failure: $VM_RUN"
		;;
	esac
	exit "$status"
}

VM_RUN=$(mktemp -d "${TMPDIR:-/tmp}/vbs-vm-$VM_TEST.XXXXXX") || exit 1
trap rig_end EXIT
trap 'exit 130' INT TERM HUP
