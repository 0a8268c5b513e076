#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# commit-msg hook: "area: summary", 72 columns, a blank line, a reason.
set -eu
msg=$(grep -v '^#' "$1")
subject=$(printf '%s\n' "$msg" | sed -n 1p)
fail() { echo "commit message: $1" >&2; exit 1; }
case $subject in
"Revert "*|"fixup! "*|"squash! "*) exit 0 ;;
esac
printf '%s' "$subject" | grep -Eq '^[a-z0-9_/.,-]+(: [a-z0-9_/.-]+)*: [^ ].*[^.]$' ||
	fail "the first line is 'area: summary', with no full stop"
[ ${#subject} -le 72 ] || fail "the first line is over 72 columns"
[ -z "$(printf '%s\n' "$msg" | sed -n 2p)" ] || fail "line 2 is not blank"
printf '%s\n' "$msg" | sed 1,2d | grep -Evq '^($|[A-Z][A-Za-z-]+: )' ||
	fail "no body: say why"
! printf '%s\n' "$msg" | grep -Ev '^([A-Z][A-Za-z-]+: |    )' | grep -Eq '^.{73}' ||
	fail "a body line is over 72 columns"
