# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=dash
# The entropy source.

RNG_STATE=/sys/class/misc/hw_random

rng_is_virtio() {
	case $(cat "$RNG_STATE/rng_current") in
	virtio_rng.*) return 0 ;;
	esac
	return 1
}

# rng_fits KIB: that much is not constant, and does not compress.
rng_fits() {
	dd if=/dev/hwrng of=/tmp/random bs=1024 count="$1" iflag=fullblock \
		2>/dev/null || return 1
	rng_size=$(wc -c </tmp/random)
	rng_packed=$(gzip -c /tmp/random | wc -c)
	echo "$rng_size bytes, compressed $rng_packed"
	[ "$rng_size" -eq $(($1 * 1024)) ] && [ "$rng_packed" -ge "$rng_size" ]
}

rng_differs() {
	dd if=/dev/hwrng bs=64 count=1 2>/dev/null | sha256sum >/tmp/random1
	dd if=/dev/hwrng bs=64 count=1 2>/dev/null | sha256sum >/tmp/random2
	! cmp -s /tmp/random1 /tmp/random2
}

rng_check() {
	check rng_is_current rng_is_virtio
	check rng_64_kib rng_fits 64
	check rng_differs rng_differs
}
