#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Each source file names its licence in the first line, or the second after #!.
set -eu
: "${srcdir:=.}"
cd "$srcdir"
bad=0
for file in $(find include libvbs devicemodel samples tests doc \
	-name '*.[ch]' -o -name '*.cc' -o -name '*.sh' -o -name '*.awk' -o \
	-name '*.am' -o -name Makefile) configure.ac Makefile.am autogen.sh \
	m4/vbs.m4 quickstart .ci/run; do
	[ -f "$file" ] || continue
	head -n 2 "$file" | grep -v '^#!' | head -n 1 |
		grep -q 'SPDX-License-Identifier: BSD-3-Clause' || {
		echo "$file: no SPDX line"
		bad=1
	}
done
exit $bad
