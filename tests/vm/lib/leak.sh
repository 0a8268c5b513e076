# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# What a process holds, before and after something that must not leak.

# leak_count NAME: file descriptors, mappings, threads, and KiB of memory of its
# own (guest RAM is shared memory, which RssAnon leaves out) of that vbs-dm.
# The kernel's io_uring workers come and go with the load: they are not counted.
leak_count() {
	local proc=/proc/${DEVICE_PID[$1]:-}
	[ "$VM_DEVICE" = vbs ] || return 0
	echo "fds=$(find "$proc/fd" -mindepth 1 | wc -l)" \
		"maps=$(wc -l <"$proc/maps")" \
		"threads=$(cat "$proc"/task/*/comm | grep -vc '^iou-')" \
		"rss_kib=$(awk '/^RssAnon/ { print $2 }' "$proc/status")"
}

# The allocator may keep a little more than it had; a leak of one small object
# in each of 100 rounds of I/O is more than this.
LEAK_RSS_KIB=${LEAK_RSS_KIB:-128}

# leak_check BEFORE AFTER
leak_check() {
	local old new word i
	read -ra old <<<"$1"
	read -ra new <<<"$2"
	info "held before: $1"
	info "held after:  $2"
	for i in 0 1 2; do
		word=${old[i]%%=*}
		check_is "same_$word" "${old[i]#*=}" "${new[i]#*=}"
	done
	check "same_rss" test "${new[3]#*=}" -le \
		$((${old[3]#*=} + LEAK_RSS_KIB))
}
