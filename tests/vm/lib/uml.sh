# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# User-mode Linux: a guest that is a process, without root, KVM or a VMM. Its
# kernel is the front end of vhost-user itself.

# uml_program FROM TO: Debian's kernel with the loader "ld.so" of the folder
# that it is started in. It is linked to a fixed address and looks for its heap
# behind itself; so unlike the tree's other programs it cannot be started by
# the loader.
uml_program() {
	local loader=/lib64/ld-linux-x86-64.so.2 at
	cp "$1" "$2"
	at=$(grep -abo -m 1 "$loader" "$2" | sed -n '1s/:.*//p')
	{
		printf ld.so
		head -c $((${#loader} - 5)) /dev/zero
	} | dd of="$2" conv=notrunc bs=1 seek="$at"
}

# uml_boot NAME KERNEL-ARGUMENTS [DEVICE...]
uml_boot() {
	local name=$1 append=$2 dir=$VM_RUN/$1 initrd
	shift 2
	initrd=$(guest_initramfs initramfs-uml)
	# A group of its own: it has processes that outlive it when it is killed.
	# shellcheck disable=SC2086 # a list of words
	spawn "$dir/console" setsid env -C "$VM_UML" \
		LD_LIBRARY_PATH="$VM_TREE/usr/lib/x86_64-linux-gnu" \
		./linux "mem=${VM_MEM}M" "initrd=$initrd" "uml_dir=$dir" \
		con=null con0=null,fd:1 ssl=null \
		"ssl1=fd:${GUEST_IN[$name]},fd:${GUEST_OUT[$name]}" \
		loglevel=4 panic=-1 $append "$@"
}
