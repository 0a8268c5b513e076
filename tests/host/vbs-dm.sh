#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Sourced by the tests that type command lines of vbs-dm: each runs in a folder
# of its own, and ends with `summary`.
set -u
top=$(pwd)
dm=$top/devicemodel/vbs-dm
tmp=$(mktemp -d)
passed=0 failed=0 skipped=0
served=

# Ends what a failed case has left running.
clean_up() {
	[ -z "$served" ] || kill -9 "$served" 2>/dev/null
	rm -rf "$tmp"
}
trap clean_up EXIT

pass() {
	passed=$((passed + 1))
}

fail() {
	failed=$((failed + 1))
	echo "FAIL $1"
}

skip() {
	skipped=$((skipped + 1))
	echo "SKIP $1"
}

# refused NAME STATUS WORDS ARGUMENT...: one line on stderr, which matches
# WORDS (an extended regular expression), that exit status, and no socket.
refused() {
	name=$1 want=$2 words=$3
	shift 3
	timeout 20 "$dm" "$@" >out 2>err
	got=$?
	if [ "$got" -ne "$want" ]; then
		fail "$name: exit status $got, not $want: $(cat err)"
	elif [ "$(wc -l <err)" -ne 1 ]; then
		fail "$name: not one line: $(cat err)"
	elif ! grep -Eq "^vbs-dm: .*$words" err; then
		fail "$name: does not say '$words': $(cat err)"
	elif [ -n "$(find . -type s)" ]; then
		fail "$name: leaves $(find . -type s) behind"
	else
		pass
	fi
}

# told NAME WORDS ARGUMENT...: exit status 0, WORDS on stdout.
told() {
	name=$1 words=$2
	shift 2
	if ! timeout 20 "$dm" "$@" >out 2>err; then
		fail "$name: exit status not 0: $(cat err)"
	elif ! grep -Eq -- "$words" out; then
		fail "$name: does not say '$words': $(cat out)"
	else
		pass
	fi
}

# serve ARGUMENT...: in the background; returns when the last socket listens.
serve() {
	rm -f ready
	mkfifo ready
	"$dm" "$@" >ready 2>err &
	served=$!
	exec 5<ready
	want=1
	for word; do
		[ "$word" = -s ] && want=$((want + 1))
	done
	[ "$want" -eq 1 ] || want=$((want - 1)) # one device has no -s
	while [ "$want" -gt 0 ] && read -r line <&5; do
		echo "$line" >>out
		want=$((want - 1))
	done
	[ "$want" -eq 0 ]
}

# ended NAME SIGNAL: the one that serves ends with status 0, leaving no socket.
ended() {
	kill -s "$2" "$served"
	wait "$served"
	got=$?
	served=
	exec 5<&-
	if [ "$got" -ne 0 ]; then
		fail "$1: exit status $got: $(cat err)"
	elif [ -n "$(find . -type s)" ]; then
		fail "$1: leaves $(find . -type s) behind"
	else
		pass
	fi
}

cd "$tmp" || exit 1
# summary: the last line, and the exit status.
summary() {
	echo "$passed passed, $failed failed, $skipped skipped"
	[ "$failed" -eq 0 ]
}
