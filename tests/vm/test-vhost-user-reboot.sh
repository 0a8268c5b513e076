#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# shellcheck source-path=SCRIPTDIR
# test-reboot.sh, where a reset VM means RESET_DEVICE, or rings that stop.
VM_HOST=vhost-user
. "$(dirname "$0")/test-reboot.sh"
