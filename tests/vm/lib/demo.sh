# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# How the demos talk.

say() {
	echo "== $*"
}

# row WHAT VALUE...
row() {
	printf '  %-26s %s\n' "$1" "${*:2}"
}

# ask WHAT COMMAND...: what the guest answers, or the end
ask() {
	local what=$1
	shift
	if ! guest vm 60 "$@" || [ -z "$SAID" ]; then
		give_up "$what: $SAID"
	fi
}

# verdict: on all that was checked
verdict() {
	if [ "$VM_FAILED" -eq 0 ]; then
		echo ok
	else
		echo "$VM_FAILED checks failed, see above"
	fi
}
