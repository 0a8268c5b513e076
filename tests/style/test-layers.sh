#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Who may include whom (doc/architecture.md). A folder may include itself and
# the folders that below() names for it; a folder that below() does not know
# has no place in the layering, which is an error too.
set -eu
: "${srcdir:=.}"
cd "$srcdir"
bad=0

complain() {
	echo "$1"
	bad=1
}

# below FOLDER: the folders it may include.
below() {
	case $1 in
	libvbs/base) ;;
	libvbs/mem) echo base ;;
	libvbs/ring | libvbs/pci) echo base mem ;;
	libvbs/virtio) echo base mem ring pci ;;
	libvbs/kernel) echo base mem ring pci virtio ;;
	libvbs/host) echo base mem ring pci virtio kernel ;;
	devicemodel/base) ;;
	devicemodel/backend) echo base ;;
	devicemodel/devices | devicemodel/monitor) echo base backend ;;
	devicemodel) echo base backend devices monitor ;;
	*) return 1 ;;
	esac
}

# quoted FILE: what it includes between quotation marks.
quoted() {
	sed -n 's|^[[:space:]]*#[[:space:]]*include[[:space:]]*"\([^"]*\)".*|\1|p' \
		"$1" | sort -u
}

angled() {
	sed -n 's|^[[:space:]]*#[[:space:]]*include[[:space:]]*<\([^>]*\)>.*|\1|p' \
		"$1" | sort -u
}

# A layered file: FOLDER/NAME.h of its own or a lower folder.
check_layered() {
	layer=$(dirname "$1" | cut -d/ -f1,2)
	allowed=$(below "$layer") || {
		complain "$1: no layer for $layer/"
		return
	}
	for use in $(quoted "$1"); do
		case $use in
		*/*) dir=${use%%/*} ;;
		*) [ -f "$(dirname "$1")/$use" ] || [ "$use" = config.h ] ||
			complain "$1: \"$use\" is not in its folder"
			continue ;;
		esac
		case " ${layer##*/} $allowed " in
		*" $dir "*) ;;
		*) complain "$1: $dir/ is not below $layer/" ;;
		esac
	done
}

# A file that has no neighbours but the ones in its own folder.
check_alone() {
	for use in $(quoted "$1"); do
		[ -f "$(dirname "$1")/$use" ] ||
			complain "$1: \"$use\" is not in its folder"
	done
}

# The driver side shares no code with the library: only the bus that calls it
# in process may know the public headers.
check_driver() {
	for use in $(quoted "$1"); do
		case $use in
		driver/*) ;;
		*) [ -f "$(dirname "$1")/$use" ] ||
			complain "$1: \"$use\" is not of tests/driver/" ;;
		esac
	done
	case $1 in
	tests/driver/bus-inproc.c) return ;;
	esac
	for use in $(angled "$1"); do
		case $use in
		vbs/*) complain "$1: <$use> is for bus-inproc.c only" ;;
		esac
	done
}

list() {
	find "$@" -name '*.[ch]' 2>/dev/null | sort
}

for file in $(list libvbs devicemodel); do
	check_layered "$file"
done
for file in $(list samples include); do
	check_alone "$file"
done
for file in $(list tests/driver); do
	check_driver "$file"
done
exit $bad
