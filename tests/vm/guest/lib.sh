# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=dash
# How a test in the guest reports: one line for each thing that it looked at.

info() {
	echo "INFO $*"
}

pass() {
	echo "PASS $*"
}

# fail NAME WHY...
fail() {
	echo "FAIL $*"
}

# check NAME COMMAND...: passes if the command does; else its output is why.
check() {
	check_name=$1
	shift
	if check_out=$("$@" 2>&1); then
		pass "$check_name"
	else
		fail "$check_name" "$* said: $(echo "$check_out" | tail -n 3 | tr '\n' ' ')"
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

# wait_for SECONDS COMMAND...: until it passes; polls, as sysfs cannot wait.
wait_for() {
	wait_end=$(($(date +%s) + $1))
	shift
	until "$@"; do
		[ "$(date +%s)" -le "$wait_end" ] || return 1
		usleep 20000
	done
}

kernel_is_calm() {
	if dmesg | grep -E 'BUG:|WARNING:|Oops|Call Trace|general protection|blocked for more than|soft lockup|I/O error|Kernel panic' >/tmp/complaints; then
		fail kernel_log "$(head -n 1 /tmp/complaints)"
		dmesg
	else
		pass kernel_log
	fi
}
