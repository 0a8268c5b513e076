#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# shellcheck source-path=SCRIPTDIR
# test-in-order.sh: QEMU passes the feature on when it is told to.
VM_HOST=vhost-user
. "$(dirname "$0")/test-in-order.sh"
