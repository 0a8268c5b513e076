# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=dash
# The functions as PCI shows them: both faces of a transitional device.

PCI_DEVICES=/sys/bus/pci/devices

# pci_find DEVICE-ID: the address of the function, such as 0000:00:03.0
pci_find() {
	for pci_dir in "$PCI_DEVICES"/*; do
		if [ "$(cat "$pci_dir/vendor")" = 0x1af4 ] &&
			[ "$(cat "$pci_dir/device")" = "0x$1" ]; then
			echo "${pci_dir##*/}"
			return 0
		fi
	done
	return 1
}

pci_driver() {
	basename "$(readlink "$PCI_DEVICES/$1/driver")"
}

# pci_virtio ADDRESS: the virtio device on it, such as virtio0
pci_virtio() {
	for pci_dir in "$PCI_DEVICES/$1"/virtio[0-9]*; do
		[ -d "$pci_dir" ] && echo "${pci_dir##*/}"
	done
}

# pci_bar ADDRESS INDEX: "size flags" of what the kernel found there
pci_bar() {
	sed -n "$(($2 + 1))p" "$PCI_DEVICES/$1/resource" | {
		read -r bar_start bar_end bar_flags
		if [ $((bar_end)) -eq 0 ]; then
			echo none
		elif [ $((bar_flags & 0x100)) -ne 0 ]; then
			echo "io $((bar_end - bar_start + 1))"
		else
			echo "mem $((bar_end - bar_start + 1))"
		fi
	}
}

# pci_check NAME DEVICE-ID SUBSYSTEM CLASS: what a transitional function is.
pci_check() {
	pci_at=$(pci_find "$2") || {
		fail "$1_function" "there is no 1af4:$2"
		return
	}
	pci_dir=$PCI_DEVICES/$pci_at
	check_is "$1_revision" 0x00 "$(cat "$pci_dir/revision")"
	check_is "$1_subsystem" "$3" "$(cat "$pci_dir/subsystem_device")"
	check_is "$1_class" "$4" "$(cat "$pci_dir/class")"
	check_is "$1_driver" virtio-pci "$(pci_driver "$pci_at")"
	check_is "$1_bar0_kind" io "$(pci_bar "$pci_at" 0 | cut -d ' ' -f 1)"
	check_is "$1_bar1_kind" mem "$(pci_bar "$pci_at" 1 | cut -d ' ' -f 1)"
	check_is "$1_bar4_kind" mem "$(pci_bar "$pci_at" 4 | cut -d ' ' -f 1)"
	lspci -n -vv -s "$pci_at" >/tmp/lspci
	check "$1_msix" grep -q 'MSI-X: ' /tmp/lspci
	# lspci has no name for PCI_CFG, the window into the BARs
	for pci_cap in CommonCfg Notify ISR DeviceCfg '<unknown>'; do
		check "$1_cap_$pci_cap" grep -q "VirtIO: $pci_cap" /tmp/lspci
	done
}

# pci_dump: both functions, as lspci sees them, for people to read.
pci_dump() {
	for pci_id in 1001 1005; do
		pci_at=$(pci_find "$pci_id") || continue
		lspci -nn -vvv -xxx -s "$pci_at" | sed 's/^/INFO /'
	done
}

# pci_face NAME ADDRESS: which interface does the driver use? Feature bit 32,
# VERSION_1, is only there in the modern one.
pci_face() {
	pci_bits=$(cat "$PCI_DEVICES/$1/$(pci_virtio "$1")/features")
	case $pci_bits in
	????????????????????????????????1*) echo modern ;;
	*) echo legacy ;;
	esac
}

# pci_feature NAME SLOT BIT 0|1: is a feature one that both have agreed on?
pci_feature() {
	pci_at=$(printf '0000:00:%02x.0' "$2")
	pci_bits=$(cat "$PCI_DEVICES/$pci_at/$(pci_virtio "$pci_at")/features")
	check_is "$1" "$4" "$(echo "$pci_bits" | cut -c $(($3 + 1)))"
}

# pci_rings NAME DEVICE-ID split|packed: the rings in use; feature bit 34
pci_rings() {
	pci_at=$(pci_find "$2")
	pci_bits=$(cat "$PCI_DEVICES/$pci_at/$(pci_virtio "$pci_at")/features")
	case $pci_bits in
	??????????????????????????????????1*) check_is "$1_rings" "$3" packed ;;
	*) check_is "$1_rings" "$3" split ;;
	esac
}

# pci_interrupts VIRTIO: "msix" or "intx", and how many came so far
pci_interrupts() {
	awk -v name="$1" '
	$0 ~ name "(-|$)" {
		kind = /MSI/ ? "msix" : "intx"
		for (i = 2; $i ~ /^[0-9]+$/; i++)
			n += $i
	}
	END { print kind, n + 0 }' /proc/interrupts
}

# pci_runs NAME DEVICE-ID FACE KIND: the interface and the interrupts in use
pci_runs() {
	pci_at=$(pci_find "$2")
	check_is "$1_interface" "$3" "$(pci_face "$pci_at")"
	set -- "$1" "$4" "$(pci_interrupts "$(pci_virtio "$pci_at")")"
	check_is "$1_interrupt_kind" "$2" "${3% *}"
	check "$1_interrupts_came" test "${3#* }" -gt 0
}
