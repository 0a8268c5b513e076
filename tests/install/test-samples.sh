#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# The samples build and run from a copy, with the installed library alone, and
# are as short as the manual says.
set -eu
# shellcheck source=tests/install/prefix.sh
. "${srcdir:=.}/tests/install/prefix.sh"

cp -R "$srcdir/samples" "$scratch/samples"
chmod -R u+w "$scratch/samples"

# at_most LINES FILE
at_most() {
	[ "$(wc -l <"$2")" -le "$1" ] || {
		echo "$2 has more than $1 lines"
		exit 1
	}
}

# build FOLDER: as a user does, or with the sanitizers of the library.
build() {
	case $VBS_CFLAGS in
	*-fsanitize=*)
		"$MAKE" -C "$scratch/samples/$1" CFLAGS="$VBS_CFLAGS" \
			LDFLAGS="$VBS_LDFLAGS"
		;;
	*) "$MAKE" -C "$scratch/samples/$1" ;;
	esac >"$scratch/log" 2>&1 || {
		cat "$scratch/log"
		exit 1
	}
	if grep -i 'warning' "$scratch/log"; then
		exit 1
	fi
}

at_most 120 "$srcdir/samples/echo/virtio-echo.c"
at_most 6 "$srcdir/samples/echo/Makefile"
build echo
nm -D --defined-only "$scratch/samples/echo/virtio-echo.so" |
	grep -q ' vbs_device_ops$'
ECHO_SO=$scratch/samples/echo/virtio-echo.so tests/install/drive-echo

# The installed vbs-dm loads it, serves it, and leaves at SIGTERM.
mkfifo "$scratch/said"
(cd "$scratch/samples/echo" && exec "$prefix/bin/vbs-dm" \
	--socket-dir "$scratch" -s 5,./virtio-echo.so) >"$scratch/said" 2>&1 &
vbs_dm=$!
trap 'kill "$vbs_dm" 2>/dev/null; rm -rf "$scratch"' EXIT
exec 8<"$scratch/said"
read -r line <&8
echo "$line"
ECHO_SOCKET=$(echo "$line" | sed -n 's/.* listens on \([^ ]*\).*/\1/p') \
	tests/install/drive-echo
kill "$vbs_dm"
wait "$vbs_dm"
trap 'rm -rf "$scratch"' EXIT
cat <&8

build embed
"$scratch/samples/embed/embed"
