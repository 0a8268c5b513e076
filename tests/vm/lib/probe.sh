#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# shellcheck source-path=SCRIPTDIR/..
# probe.sh accel: which accelerator the guests get; asked once per machine.
# probe.sh boot: does a stock kernel boot on the one in VBS_VM_ACCEL? KVM takes
# a second or two, so a guest that is silent for 15 is stuck.
. "$(dirname "$0")/rig.sh"
case ${1:-} in
accel)
	info "accelerator: $(vm_accel), kernel: $(kernel_version)"
	;;
boot)
	VM_BOOT_LIMIT=15
	guest_boot probe
	guest probe 5 true
	;;
*) die "usage: probe.sh accel|boot" ;;
esac
