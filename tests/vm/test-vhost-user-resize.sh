#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# shellcheck source-path=SCRIPTDIR
# test-resize.sh, told over the back-end channel.
VM_HOST=vhost-user
. "$(dirname "$0")/test-resize.sh"
