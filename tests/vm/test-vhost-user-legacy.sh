#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# shellcheck source-path=SCRIPTDIR
# test-legacy.sh, with the registers in QEMU.
VM_HOST=vhost-user
. "$(dirname "$0")/test-legacy.sh"
