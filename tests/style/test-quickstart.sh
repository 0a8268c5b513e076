#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# ./quickstart installs what is missing, in one go, and nothing else; it asks
# for sudo and for new package lists only when it has to. The programs that it
# would run are played by scripts.
set -eu
: "${srcdir:=.}"
quickstart=$(cd "$srcdir" && pwd)/quickstart
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
bad=0

# play NAME: a script, from standard input, that stands for a program.
mkdir fake
play() {
	{
		echo '#!/bin/sh'
		cat
	} >"fake/$1"
	chmod +x "fake/$1"
}
play dpkg-query <<'END'
for name; do :; done
if grep -qx "$name" missing; then exit 1; fi
printf installed
END
play apt-get <<'END'
echo "apt-get $*" >>calls
case $1 in
update) echo good >lists ;;
install) grep -q good lists && : >missing ;;
esac
END
play sudo <<'END'
echo sudo >>calls
exec "$@"
END
play id <<'END'
cat uid
END
play make </dev/null

# build MISSING LISTS UID: runs it, on a machine that is like that.
build() {
	mkdir -p build/demo
	: >build/demo/Makefile
	: >calls
	echo "$1" | tr ' ' '\n' >missing
	echo "$2" >lists
	echo "$3" >uid
	status=0
	# The script goes to its own folder; the fakes work in this one.
	PATH="$tmp/fake:$PATH" VBS_BUILD="$tmp/build" "$quickstart" build \
		>out 2>&1 || status=$?
}

# expect STATUS CALL...: what has come of it.
expect() {
	wanted=$1
	shift
	for call; do
		echo "$call"
	done >wanted
	if ! diff wanted calls || [ "$status" -ne "$wanted" ]; then
		echo "status $status, not $wanted; it said:"
		cat out
		bad=1
	fi
}

sed -i "s|^#!/bin/sh|&\\ncd $tmp|" fake/dpkg-query fake/apt-get fake/id
sed -i "s|>>calls|>>$tmp/calls|" fake/sudo
install="apt-get install -qq -y --no-install-recommends"

build "" good 0
expect 0
build "check libtool" good 0
expect 0 "$install libtool check"
build "check" stale 0
expect 0 "$install check" "apt-get update -qq" "$install check"
build "check" good 1000
expect 0 sudo "$install check"
build "" good 1000
expect 0

"$quickstart" >out 2>&1 && bad=1
grep -q '^usage: ./quickstart' out || bad=1

# refused WORDS ARGUMENT...: one line that says WORDS, and nothing is done.
refused() {
	words=$1 status=0
	shift
	"$quickstart" "$@" >out 2>&1 || status=$?
	if [ "$status" -ne 2 ] || [ "$(wc -l <out)" -ne 1 ] ||
		! grep -qF -- "$words" out; then
		echo "quickstart $*: status $status, not 2; it said:"
		cat out
		bad=1
	fi
}
refused "no verb 'dem'; give demo" dem
refused "demo: no option '--um'; give --uml" demo --um
refused "bench: no option '-q'; give --quick" bench -q
exit $bad
