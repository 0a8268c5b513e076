#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Each example in the manual is cut from a file that is built and tested: the
# block after a line "<!-- FILE -->" stands in FILE, word for word. And every
# file that a page links to is there.
set -eu
: "${srcdir:=.}"
cd "$srcdir"
bad=0

for page in *.md doc/*.md doc/*/*.md; do
	[ -f "$page" ] || continue
	awk '
	/^<!-- .* -->$/ { file = $2; next }
	/^```/ && file != "" && !inside { inside = 1; block = ""; next }
	/^```/ && inside {
		text = ""
		while ((getline line <file) > 0)
			text = text line "\n"
		close(file)
		if (!index(text, block)) {
			print FILENAME ":" FNR ": this is not in " file
			bad = 1
		}
		inside = 0
		file = ""
		next
	}
	inside { block = block $0 "\n" }
	END { exit bad }' "$page" || bad=1
	grep -o '](\([^)#:]*\))' "$page" | sed 's/](\(.*\))/\1/' |
		while read -r link; do
			[ -e "$(dirname "$page")/$link" ] ||
				echo "$page: there is no $link"
		done | grep . && bad=1
done
exit $bad
