# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=dash
# What the demo shows: words for one table row each.

# demo_function DEVICE-ID: address, id, driver, interface, interrupts, queues
demo_function() {
	demo_at=$(pci_find "$1") || return 1
	demo_virtio=$(pci_virtio "$demo_at")
	demo_driver=$(readlink "/sys/bus/virtio/devices/$demo_virtio/driver")
	demo_kind=$(pci_interrupts "$demo_virtio")
	demo_queues=1
	[ "$1" != 1001 ] || demo_queues=$(blk_queue_count)
	echo "${demo_at#0000:} 1af4:$1 ${demo_driver##*/}" \
		"$(pci_face "$demo_at") ${demo_kind% *} $demo_queues"
}

demo_disk() {
	echo "$(($(cat "$DISK_STATE/size") / 2048)) $(cat "$DISK_STATE/serial")"
}

# demo_speed SECONDS: MiB/s read and written in order, then 4 KiB requests a
# second
demo_speed() {
	disk-bench "$DISK" read 1048576 2 "$1" | cut -d ' ' -f 2
	disk-bench "$DISK" write 1048576 2 "$1" | cut -d ' ' -f 2
	disk-bench "$DISK" randread 4096 16 "$1" | cut -d ' ' -f 1
	disk-bench "$DISK" randwrite 4096 16 "$1" | cut -d ' ' -f 1
}

uptime_ms() {
	sed 's/\.\([0-9]*\) .*/\10/' /proc/uptime
}

# demo_rng_speed: KiB/s
demo_rng_speed() {
	demo_start=$(uptime_ms)
	dd if=/dev/hwrng of=/dev/null bs=4096 count=128 iflag=fullblock \
		2>/dev/null || return 1
	echo $((512 * 1000 / ($(uptime_ms) - demo_start + 1)))
}
