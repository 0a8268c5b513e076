#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Each public header compiles alone, as strict C99 and as C++.
# shellcheck disable=SC2086  # CC and CXX may be lists of words
set -eu
: "${srcdir:=.}" "${CC:=cc}" "${CXX:=c++}"
cxx=yes
command -v ${CXX%% *} >/dev/null || cxx=no
bad=0

for header in "$srcdir"/include/vbs/*.h; do
	line="#include <vbs/$(basename "$header")>"
	echo "$line" | $CC -std=c99 -pedantic -Wall -Wextra -Wshadow -Wundef \
		-Werror -I"$srcdir/include" -fsyntax-only -x c - || bad=1
	[ $cxx = no ] || echo "$line" | $CXX -std=c++11 -pedantic -Wall -Wextra \
		-Werror -I"$srcdir/include" -fsyntax-only -x c++ - || bad=1
done
[ $cxx = yes ] || echo "there is no C++ compiler: C only"
exit $bad
