# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=dash
# Drivers that leave their device and come back to it.

PCI_DRIVER=/sys/bus/pci/drivers/virtio-pci

# rebind_io N: the entropy source fills a part of the disk, and that is there.
rebind_io() {
	wait_for 30 test -b "$DISK" || return 1
	wait_for 30 rng_is_virtio || return 1
	dd if=/dev/hwrng of=/tmp/data bs=4096 count=4 iflag=fullblock \
		2>/dev/null || return 1
	dd if=/tmp/data of="$DISK" bs=4096 seek="$1" oflag=direct \
		2>/dev/null || return 1
	dd if="$DISK" of=/tmp/data2 bs=4096 skip="$1" count=4 iflag=direct \
		2>/dev/null || return 1
	cmp /tmp/data /tmp/data2
}

# rebind_functions: where the disk and the entropy source are; both have an id
# with legacy registers, and one without.
rebind_functions() {
	for rebind_id in 1001 1042 1005 1044; do
		pci_find "$rebind_id"
	done
}

# rebind_pci FROM TO: that many times, with I/O on each new life
rebind_pci() {
	rebind_n=$1
	while [ "$rebind_n" -lt "$2" ]; do
		for rebind_at in $(rebind_functions); do
			echo "$rebind_at" >"$PCI_DRIVER/unbind" || return 1
			echo "$rebind_at" >"$PCI_DRIVER/bind" || return 1
		done
		rebind_io "$rebind_n" || return 1
		rebind_n=$((rebind_n + 1))
		echo "$rebind_n"
	done
}

# rebind_virtio TIMES: the virtio driver alone; the PCI function stays set up
rebind_virtio() {
	rebind_n=0
	while [ "$rebind_n" -lt "$1" ]; do
		for rebind_at in $(rebind_functions); do
			rebind_at=$(pci_virtio "$rebind_at")
			rebind_to=/sys/bus/virtio/devices/$rebind_at/driver
			rebind_to=/sys/bus/virtio/drivers/$(basename \
				"$(readlink "$rebind_to")")
			echo "$rebind_at" >"$rebind_to/unbind" || return 1
			echo "$rebind_at" >"$rebind_to/bind" || return 1
		done
		rebind_io "$rebind_n" || return 1
		rebind_n=$((rebind_n + 1))
	done
}
