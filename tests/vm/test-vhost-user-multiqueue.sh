#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# shellcheck source-path=SCRIPTDIR
# test-multiqueue.sh, with the kicks of each CPU from QEMU's own threads.
VM_HOST=vhost-user
. "$(dirname "$0")/test-multiqueue.sh"
