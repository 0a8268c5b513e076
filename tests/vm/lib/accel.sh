# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# KVM where it works. A /dev/kvm that cannot boot a stock kernel exists, so it
# is tried once, with a time limit, and the verdict is kept.

accel_verdict() {
	echo "$VM_CACHE/accel-$(uname -r)-$(kernel_version)"
}

# accel_known: what vm_accel would say without trying; nothing if it would try
accel_known() {
	if [ -n "${VBS_VM_ACCEL:-}" ]; then
		echo "$VBS_VM_ACCEL"
	else
		cat "$(accel_verdict)" 2>/dev/null
	fi
}

vm_accel() {
	local verdict
	verdict=$(accel_verdict)
	if [ -z "$(accel_known)" ]; then
		accel_probe >"$verdict.new.$$"
		mv "$verdict.new.$$" "$verdict"
	fi
	accel_known
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
