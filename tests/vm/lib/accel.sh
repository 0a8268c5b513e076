# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# KVM where it works. A /dev/kvm that cannot boot a stock kernel exists, so it
# is tried once, with a time limit, and the verdict is kept.

vm_accel() {
	local verdict
	verdict=$VM_CACHE/accel-$(uname -r)-$(kernel_version)
	if [ -n "${VBS_VM_ACCEL:-}" ]; then
		echo "$VBS_VM_ACCEL"
		return
	fi
	if [ ! -s "$verdict" ]; then
		accel_probe >"$verdict.new.$$"
		mv "$verdict.new.$$" "$verdict"
	fi
	cat "$verdict"
}

accel_probe() {
	if [ -r /dev/kvm ] && [ -w /dev/kvm ] &&
		timeout -k 1 60 env VBS_VM_ACCEL=kvm \
			"$VM_HERE/lib/probe.sh" boot >/dev/null 2>&1 </dev/null; then
		echo kvm
	else
		echo tcg
	fi
}
