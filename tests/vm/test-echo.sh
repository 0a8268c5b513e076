#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# A device of somebody else's: the guest sees what samples/echo has become.
. "$(dirname "$0")/lib/rig.sh"
device_need_vbs "QEMU has no echo device"
command -v cc >/dev/null || skip "there is no C compiler"
top=$(cd "$(dirname "$0")/../.." && pwd)
check build cc -O2 -fPIC -shared -I"$top/include" \
	-o "$VM_RUN/virtio-echo.so" "$top/samples/echo/virtio-echo.c"
device_start vm "5,$VM_RUN/virtio-echo.so"
guest_boot vm "" "${DEVICE_ARGS[@]}"
guest vm 60 echo_seen
guest_stop vm
device_stop vm
