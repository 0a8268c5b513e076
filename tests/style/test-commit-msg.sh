#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# The commit-msg hook takes good messages and refuses bad ones.
set -eu
: "${srcdir:=.}"
hook=$srcdir/tests/style/commit-msg.sh
tmp=$(mktemp)
trap 'rm -f "$tmp"' EXIT
bad=0

# expect RESULT MESSAGE: printf's escapes are understood.
expect() {
	# shellcheck disable=SC2059  # the message is the format
	printf "$2\n" >"$tmp"
	if sh "$hook" "$tmp" 2>/dev/null; then
		found=taken
	else
		found=refused
	fi
	[ "$found" = "$1" ] || {
		echo "$found, not $1: $2"
		bad=1
	}
}

long=$(printf '%080d' 0)
expect taken "ring: publish the used index once a batch\n\nOne barrier is enough."
expect taken "pci: msix: keep pending bits\n\nA masked vector lost its message."
expect taken "Revert \"ring: publish the used index once a batch\""
expect taken "ring: do x\n\nWhy.\n# a comment of git's, $long"
expect taken "ring: do x\n\nWhy.\n\nFixes: 0123456789ab (\"$long\")"
expect refused "publish the used index once a batch\n\nWhy."
expect refused "Ring: publish the used index\n\nWhy."
expect refused "ring: publish the used index.\n\nWhy."
expect refused "ring: $long\n\nWhy."
expect refused "ring: publish the used index\nWhy."
expect refused "ring: publish the used index"
expect refused "ring: publish the used index\n\nFixes: 0123456789ab"
expect refused "ring: publish the used index\n\n$long"
exit $bad
