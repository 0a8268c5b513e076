#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# shellcheck source-path=SCRIPTDIR
# test-rebind.sh, where a reset driver means that the rings stop.
VM_HOST=vhost-user
. "$(dirname "$0")/test-rebind.sh"
