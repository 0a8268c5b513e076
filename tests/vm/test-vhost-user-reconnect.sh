#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# shellcheck source-path=SCRIPTDIR
# test-reconnect.sh, with the socket that QEMU leaves behind.
VM_HOST=vhost-user
. "$(dirname "$0")/test-reconnect.sh"
