#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# shellcheck source-path=SCRIPTDIR
# test-frontend.sh, with what is printed for --host vhost-user.
VM_HOST=vhost-user
. "$(dirname "$0")/test-frontend.sh"
