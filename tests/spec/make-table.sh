#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Writes a table that says which test covers what, or why none does yet.
#
#   tests/spec/make-table.sh conformance >doc/conformance.md
#   tests/spec/make-table.sh robustness >doc/robustness.md
#
# How a test says what it covers is in CONTRIBUTING.md.
set -eu
usage() {
	echo "usage: tests/spec/make-table.sh conformance|robustness" >&2
	exit 2
}
[ $# -eq 1 ] || usage
cd "$(dirname "$0")/../.."

# covered KIND: what tests say they cover.
covered() {
	find tests \( -name 'test-*.c' -o -name 'test-*.sh' \) | sort |
		xargs awk -f tests/spec/covered.awk -v want="$1"
}

conformance_head() {
	cat <<'END'
# Conformance, clause by clause

What virtio 1.3 and 1.4 and their legacy interfaces ask of a device, for the
parts that libvbs has: the basic facilities, split and packed rings, PCI, block
and entropy devices. A clause is a section of the specification; `tests/spec/`
has a case for what its sentences demand. The second column counts the sentences
that say MUST (or MUST NOT) and SHOULD (or SHOULD NOT).

Written by `tests/spec/make-table.sh`; `make check` fails when it is stale.
END
}

robustness_head() {
	cat <<'END'
# Hostile input, class by class

What a guest or a peer may send that no honest one would. For each class the
tests assert the reaction: a bad request fails alone, a bad ring stops its
queue until the driver resets the device, a bad message closes its connection,
and the process goes on.

Written by `tests/spec/make-table.sh`; `make check` fails when it is stale.
END
}

case $1 in
conformance) folder=spec/clauses test=spec ;;
robustness) folder=hostile/classes test=hostile ;;
*) usage ;;
esac
"$1_head"
covered $test | awk -f tests/spec/make-table.awk \
	-v items="tests/$folder.csv" -v reasons="tests/${folder%/*}/reasons.csv"
