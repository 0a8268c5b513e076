#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Every name in libvbs.map is declared in a public header, with a comment that
# says since when, and stands in libvbs(7); and nothing else is declared.
set -eu
: "${srcdir:=.}"
cd "$srcdir"
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

sed -n 's/^\t\([a-z_0-9]*\);$/\1/p' libvbs/libvbs.map | sort >"$tmp/map"

# Functions that the headers export and whose comment, or the comment of whose
# group, has @since. A declaration right under another shares its comment.
awk '
	FNR == 1 { since = group = 0 }
	/^\/\*\*/ { text = ""; inside = 1 }
	inside { text = text $0 }
	inside && /\*\// {
		inside = 0
		since = text ~ /@since [0-9]+\.[0-9]+/
		if (text ~ /@\{/)
			group = since
		else if (text ~ /@\}/)
			group = 0
		next
	}
	!inside && /^$/ { since = 0 }
	/^VBS_API / { declaration = ""; open = 1 }
	open { declaration = declaration " " $0 }
	open && /;/ {
		open = 0
		sub(/ *\(.*/, "", declaration)
		sub(/.*[ *]/, "", declaration)
		print declaration, (since || group) ? "documented" : "bare"
	}' include/vbs/*.h | sort -u >"$tmp/declared"

bad=0
grep ' bare$' "$tmp/declared" && {
	echo "^ these have no comment with @since"
	bad=1
}
cut -d' ' -f1 "$tmp/declared" | diff -u "$tmp/map" - || {
	echo "^ libvbs.map (-) and include/vbs (+) differ"
	bad=1
}
while read -r name; do
	grep -qw "Fn $name" doc/man/libvbs.7 || {
		echo "$name is not in doc/man/libvbs.7"
		bad=1
	}
done <"$tmp/map"
exit $bad
