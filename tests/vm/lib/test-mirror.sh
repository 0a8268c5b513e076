#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Runs in make check: apt sources of every kind give the Debian mirror.
set -eu
: "${srcdir:=.}"
. "$srcdir/tests/vm/lib/mirror.sh"
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
passed=0
failed=0

# case_is NAME WANTED: with the sources in $tmp/NAME
case_is() {
	local found
	found=$(debian_mirror "$tmp/$1")
	if [ "$found" = "$2" ]; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
		echo "FAIL $1: wanted '$2', found '$found'"
	fi
}

# sources NAME FILE <CONTENT
sources() {
	mkdir -p "$tmp/$1/sources.list.d"
	cat >"$tmp/$1/$2"
}

sources oneline sources.list <<'END'
# deb http://old.example/debian bookworm main
deb-src http://src.example/debian bookworm main
deb [arch=amd64 signed-by=/k.gpg] http://one.example/debian/ bookworm main
deb http://two.example/debian trixie main
END
case_is oneline http://one.example/debian

sources deb822 sources.list.d/a-vendor.sources <<'END'
Types: deb
URIs: https://vendor.example/apt
Suites: nodistro
Components: main
END
sources deb822 sources.list.d/debian.sources <<'END'
# a comment
Enabled: no
Types: deb
URIs: http://off.example/debian
Suites: bookworm

Types: deb-src
URIs: http://src.example/debian
Suites: bookworm

Types: deb deb-src
# a comment in a stanza
URIs: http://three.example/debian/
 http://four.example/debian/
Suites: bookworm
 bookworm-updates
Components: main
END
case_is deb822 http://three.example/debian

sources security sources.list <<'END'
deb http://security.example/debian-security bookworm-security main
deb http://five.example/debian stable main
END
case_is security http://five.example/debian

sources list sources.list <<END
deb mirror+file:$tmp/list/mirrors bookworm main
END
sources list mirrors <<'END'
# the mirrors
https://six.example/debian	priority:1
https://seven.example/debian
END
case_is list https://six.example/debian

sources none sources.list </dev/null
case_is none ""

echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" -eq 0 ]
