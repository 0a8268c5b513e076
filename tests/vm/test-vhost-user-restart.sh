#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# shellcheck source-path=SCRIPTDIR
# test-restart.sh, with sockets of vhost-user.
VM_HOST=vhost-user
. "$(dirname "$0")/test-restart.sh"
