# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# The Debian mirror that this machine already uses, from its apt sources.

# Both functions print "URI SUITE..." for each source of binary packages.
sources_oneline() {
	sed -n 's/^[[:space:]]*deb[[:space:]]\+\(\[[^]]*\][[:space:]]*\)\?//p' "$@"
}

sources_deb822() {
	awk '
	function flush() {
		if (type ~ /(^| )deb( |$)/ && enabled != "no")
			for (i = 1; i <= split(uris, u, " "); i++)
				print u[i], suites
		type = uris = suites = enabled = field = ""
	}
	FNR == 1 || /^[ \t]*$/ { flush() }
	/^#/ { next }
	/^[A-Za-z-]+:/ {
		field = tolower($1)
		sub(/^[^:]*:[ \t]*/, "")
		if (field == "enabled:") enabled = tolower($0)
	}
	{ sub(/^[ \t]+/, "") }
	field == "types:" { type = type " " $0 }
	field == "uris:" { uris = uris " " $0 }
	field == "suites:" { suites = suites " " $0 }
	END { flush() }' "$@"
}

# A mirror list ("mirror+file:/path") stands for its first line.
mirror_resolve() {
	case $1 in
	mirror+file:*) sed -n '/^[^#]/{s/[[:space:]].*//p;q;}' "${1#mirror+file:}" ;;
	*) printf '%s\n' "$1" ;;
	esac
}

# debian_mirror ETC_APT: the first source of a Debian release itself, which
# excludes security archives and other vendors' packages.
debian_mirror() {
	local etc=$1 file uri suites
	for file in "$etc"/sources.list "$etc"/sources.list.d/*; do
		[ -f "$file" ] || continue
		case $file in
		*.list) sources_oneline "$file" ;;
		*.sources) sources_deb822 "$file" ;;
		esac
	done | while read -r uri suites; do
		case " $suites " in
		*" bookworm "* | *" trixie "* | *" forky "* | *" sid "* | \
			*" stable "* | *" testing "* | *" unstable "*)
			mirror_resolve "${uri%/}"
			break
			;;
		esac
	done
}
