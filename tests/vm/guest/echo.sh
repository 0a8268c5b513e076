# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=dash
# samples/echo, as PCI and virtio show it: modern only, and of type 63.

echo_seen() {
	echo_at=$(pci_find 107f) || {
		fail echo_function "there is no 1af4:107f"
		return
	}
	check_is echo_driver virtio-pci "$(pci_driver "$echo_at")"
	check_is echo_bar0 none "$(pci_bar "$echo_at" 0)"
	echo_virtio=$(pci_virtio "$echo_at")
	check_is echo_type 0x003f \
		"$(cat "$PCI_DEVICES/$echo_at/$echo_virtio/device")"
}
