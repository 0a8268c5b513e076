#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Adds up what tests have said.
#
#   tests/tally.sh WHAT...
#
# WHAT is a folder, with the .log and .trs files that make check left there, or
# the log of something else.
#
# A test that closes with "N passed, N failed, N skipped", or in the words of
# Check, "100%: Checks: N, Failures: N, Errors: N", counts as its cases; any
# other counts as one. Names each failure and each skip with its reason, and
# ends with the sum alone on a line. Status 1 if something failed or nothing
# ran.
set -eu

# results WHAT...: LOG and RESULT, a line each.
results() {
	for what; do
		[ -d "$what" ] || {
			echo "$what -"
			continue
		}
		find "$what" -name '*.trs' | sort | while read -r trs; do
			echo "${trs%.trs}.log" \
				"$(sed -n 's/^:global-test-result: //p' "$trs")"
		done
	done
}

# count LOG: prints passed, failed, skipped, or nothing.
count() {
	awk '
	/^[0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$/ {
		passed += $1; failed += $3; skipped += $5; found = 1
	}
	/^[0-9]+%: Checks: [0-9]+, Failures: [0-9]+, Errors: [0-9]+$/ {
		bad = $5 + $7; passed += $3 - bad; failed += bad; found = 1
	}
	END { if (found) print passed + 0, failed + 0, skipped + 0 }' "$1"
}

passed=0 failed=0 skipped=0
list=$(mktemp)
trap 'rm -f "$list"' EXIT
results "$@" >"$list"
while read -r log result; do
	name=${log%.log}
	[ -r "$log" ] || {
		echo "failed: $log: there is none"
		failed=$((failed + 1))
		continue
	}
	# shellcheck disable=SC2046  # three numbers
	set -- $(count "$log")
	if [ $# -ne 3 ]; then
		case $result in
		PASS | XFAIL) set -- 1 0 0 ;;
		SKIP) set -- 0 0 1 ;;
		*) set -- 0 1 0 ;;
		esac
	fi
	case $result in
	PASS | XFAIL | SKIP | -) ;;
	*) [ "$2" -gt 0 ] || set -- "$1" 1 "$3" ;;
	esac
	if [ "$2" -gt 0 ]; then
		echo "failed: $log"
		grep '^FAIL ' "$log" | sort -u | grep . || tail -n 20 "$log"
	fi
	if [ "$3" -gt 0 ]; then
		grep '^SKIP' "$log" | sed "s|^SKIP[: ]*|skipped: ${name##*/}: |" |
			grep . || echo "skipped: ${name##*/}: it did not say why"
	fi
	passed=$((passed + $1))
	failed=$((failed + $2))
	skipped=$((skipped + $3))
done <"$list"
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ] && [ $((passed + skipped)) -gt 0 ]
