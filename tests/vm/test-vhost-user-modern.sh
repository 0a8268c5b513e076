#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# shellcheck source-path=SCRIPTDIR
# test-modern.sh, with QEMU's vhost-user-blk-pci and vhost-user-rng-pci.
VM_HOST=vhost-user
. "$(dirname "$0")/test-modern.sh"
