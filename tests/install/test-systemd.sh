#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# systemd finds nothing to complain about in the installed units, and thinks
# that the service is confined; the names for management programs are there.
set -eu
# shellcheck source=tests/install/prefix.sh
. "${srcdir:=.}/tests/install/prefix.sh"

for name in blk rng; do
	link=$prefix/libexec/vhost-user-vbs-$name
	[ "$(basename "$(readlink "$link")")" = vbs-dm ] || {
		echo "no link $link"
		exit 1
	}
done
command -v systemd-analyze >/dev/null || {
	echo "SKIP: systemd-analyze is not installed"
	exit 77
}
units=$prefix/lib/systemd/system
[ -d "$units" ] || {
	echo "SKIP: configured without systemd"
	exit 77
}
cp "$units"/* "$scratch"
cd "$scratch"
# What configure --prefix and --sysconfdir would have written.
sed -i -e "s|^ExecStart=[^ ]*/vbs-dm |ExecStart=$prefix/bin/vbs-dm |" \
	-e "s|^EnvironmentFile=.*/vbs-dm/|EnvironmentFile=$scratch/vbs-dm/|" \
	vbs-dm@.service
grep -qx "ExecStart=$prefix/bin/vbs-dm \$VBS_DM_ARGS" vbs-dm@.service
grep -q "^EnvironmentFile=$scratch/vbs-dm/%i.conf" vbs-dm@.service
systemd-analyze verify --man=no ./vbs-dm@.service ./vbs-dm@.socket 2>log ||
	{ cat log; exit 1; }
# It may complain and still be content.
if grep "vbs-dm@" log; then exit 1; fi

# Its own measure, from 10 (open) to 0; what is left are choices of the machine.
systemd-analyze security --offline=true --threshold=20 ./vbs-dm@.service \
	>measure 2>&1 || {
	cat measure
	exit 1
}
tail -n 1 measure
