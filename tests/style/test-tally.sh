#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# tests/tally.sh adds up, names skips and failures, and is not fooled by a test
# that died after it had counted, or by no test at all.
set -eu
: "${srcdir:=.}"
tally=$(cd "$srcdir/tests" && pwd)/tally.sh
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
bad=0

# made NAME RESULT TEXT: a test that make check has run.
made() {
	mkdir -p "${1%/*}"
	printf '%b\n' "$3" >"$1.log"
	echo ":global-test-result: $2" >"$1.trs"
}

# expect STATUS PATTERN ARGUMENT...
expect() {
	status=0 wanted=$1 pattern=$2
	shift 2
	sh "$tally" "$@" >out 2>&1 || status=$?
	[ "$status" -eq "$wanted" ] || {
		echo "tally.sh $*: status $status, not $wanted"
		bad=1
	}
	printf '%b\n' "$pattern" | while read -r line; do
		grep -Fxq -e "$line" out || exit 1
	done || {
		echo "tally.sh $*: wanted:" && printf '%b\n' "$pattern"
		echo "found:" && cat out
		bad=1
	}
}

made good/plain PASS 'anything'
made good/check PASS '100%: Checks: 7, Failures: 0, Errors: 0'
made good/cases PASS '4 passed, 0 failed, 1 skipped\nSKIP slow: no time'
made good/absent SKIP 'SKIP: no clang-format'
made bad/check FAIL '50%: Checks: 4, Failures: 1, Errors: 1'
made dead/check FAIL '100%: Checks: 3, Failures: 0, Errors: 0'
made mute/skip SKIP ''
mkdir nothing
printf 'PASS a\nFAIL b: it broke\n1 passed, 1 failed, 0 skipped\n' >vm.log

expect 0 '12 passed, 0 failed, 2 skipped' good
expect 0 'skipped: cases: slow: no time\nskipped: absent: no clang-format' good
expect 1 'failed: bad/check.log\n2 passed, 2 failed, 0 skipped' bad
expect 1 '3 passed, 1 failed, 0 skipped' dead
expect 0 'skipped: skip: it did not say why' mute
expect 1 '0 passed, 0 failed, 0 skipped' nothing
expect 1 'FAIL b: it broke\n13 passed, 1 failed, 2 skipped' good vm.log
expect 1 '0 passed, 1 failed, 0 skipped' absent.log
exit $bad
