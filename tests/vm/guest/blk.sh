# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=dash
# The disk: /dev/vda, if it is the only one.

DISK=/dev/vda
DISK_STATE=/sys/block/vda

# blk_in_slot SLOT COMMAND...: with the disk there
blk_in_slot() {
	blk_dir=$(printf '0000:00:%02x.0' "$1")
	for DISK_STATE in "$PCI_DEVICES/$blk_dir"/virtio*/block/*; do
		DISK=/dev/${DISK_STATE##*/}
	done
	shift
	"$@"
}

# blk_files DIR: some files of many sizes, and their checksums
blk_files() {
	mkdir -p "$1/d" &&
		for blk_n in 1 2 3 4 5 6 7 8; do
			dd if=/dev/urandom of="$1/d/$blk_n" bs=$((blk_n * 3331)) \
				count=$((blk_n * blk_n)) 2>/dev/null || return 1
		done &&
		(cd "$1" && sha256sum d/* >sums)
}

blk_files_match() {
	(cd "$1" && sha256sum -c sums >/dev/null)
}

drop_caches() {
	echo 3 >/proc/sys/vm/drop_caches
}

# A file system, files in it, and all of it again from the disk
blk_ext4() {
	check ext4_made mkfs.ext4 -q -F "$DISK"
	check ext4_mounted mount -t ext4 "$DISK" /mnt
	check ext4_written blk_files /mnt
	check ext4_unmounted umount /mnt
	drop_caches
	blk_ext4_again
}

# What an earlier boot left there is complete.
blk_ext4_again() {
	check ext4_is_clean e2fsck -f -n "$DISK"
	check ext4_mounted_again mount -t ext4 "$DISK" /mnt
	check ext4_files_match blk_files_match /mnt
	check ext4_unmounted_again umount /mnt
}

# blk_verify THREADS WRITES
blk_verify() {
	check random_verified_writes disk-verify "$DISK" "$1" "$2"
}

blk_is_zero() {
	dd if="$DISK" bs=4096 skip="$1" count="$2" iflag=direct 2>/dev/null |
		cmp -s -n $(($2 * 4096)) - /dev/zero
}

# A discarded range of a file is a hole, and so reads as zeroes.
blk_discard() {
	check discard_offered test "$(cat "$DISK_STATE/queue/discard_max_bytes")" \
		-gt 0
	check discard_fill dd if=/dev/urandom of="$DISK" bs=4096 count=512 \
		oflag=direct
	check discard_done blkdiscard -o $((128 * 4096)) -l $((256 * 4096)) "$DISK"
	drop_caches
	check discard_reads_zero blk_is_zero 128 256
	check discard_keeps_before not blk_is_zero 127 1
	check discard_keeps_after not blk_is_zero 384 1
}

not() {
	! "$@"
}

# blk_serial WANTED
blk_serial() {
	check_is serial "$1" "$(cat "$DISK_STATE/serial")"
}

blk_queue_count() {
	find "$DISK_STATE/mq" -mindepth 1 -maxdepth 1 | wc -l
}

# blk_queues WANTED
blk_queues() {
	check_is queues "$1" "$(blk_queue_count)"
}

# Each queue serves the CPU that it belongs to.
blk_queues_used() {
	for blk_cpu in "$DISK_STATE"/mq/*/cpu_list; do
		blk_cpus=$(tr -d ' ' <"$blk_cpu")
		taskset "$(printf '%x' $((1 << ${blk_cpus%%[,-]*})))" \
			dd if="$DISK" of=/dev/null bs=4096 count=64 iflag=direct \
			2>/dev/null || fail "queue_read" "cpu $blk_cpus"
	done
	blk_name=$(basename "$(readlink -f "$DISK_STATE/device")")
	blk_idle=$(awk -v name="$blk_name" '$0 ~ name "-req" {
		n = 0
		for (i = 2; $i ~ /^[0-9]+$/; i++)
			n += $i
		if (!n)
			print $NF
	}' /proc/interrupts)
	check_is queues_all_interrupt "" "$blk_idle"
}

# blk_size BYTES
blk_size() {
	check_is size "$1" "$(($(cat "$DISK_STATE/size") * 512))"
}

blk_size_is() {
	[ "$(($(cat "$DISK_STATE/size") * 512))" -eq "$1" ]
}

# blk_grown BYTES: the host has made the disk larger; the last sector works.
blk_grown() {
	check resize_seen wait_for 30 blk_size_is "$1"
	dd if=/dev/urandom of=/tmp/sector bs=512 count=1 2>/dev/null
	check resize_write dd if=/tmp/sector of="$DISK" bs=512 oflag=direct \
		seek=$(($1 / 512 - 1))
	dd if="$DISK" of=/tmp/sector2 bs=512 iflag=direct count=1 \
		skip=$(($1 / 512 - 1)) 2>/dev/null
	check resize_read cmp /tmp/sector /tmp/sector2
}

# The cache mode is a field of the configuration space that can be written.
blk_cache() {
	for blk_mode in "write through" "write back" "write through"; do
		check "cache_set_${blk_mode#write }" \
			blk_cache_set "$blk_mode"
		check_is "cache_is_${blk_mode#write }" "$blk_mode" \
			"$(cat "$DISK_STATE/cache_type")"
		check "cache_write_${blk_mode#write }" dd if=/dev/urandom \
			of="$DISK" bs=4096 count=16 conv=fsync
	done
}

blk_cache_set() {
	echo "$1" >"$DISK_STATE/cache_type"
}

blk_readonly() {
	check_is readonly_flag 1 "$(cat "$DISK_STATE/ro")"
	check readonly_reads dd if="$DISK" of=/dev/null bs=65536 iflag=direct
	check readonly_refuses not dd if=/dev/zero of="$DISK" bs=4096 count=1 \
		oflag=direct
	check readonly_refuses_discard not blkdiscard "$DISK"
	check readonly_mount mount -t ext4 -o ro "$DISK" /mnt
	check readonly_no_remount not mount -o remount,rw /mnt
	check readonly_files_match blk_files_match /mnt
	check readonly_unmount umount /mnt
}

# Two partitions, a file system and files on each
blk_partitions() {
	printf '%s\n' n p 1 '' +16M n p 2 '' '' w | fdisk "$DISK" >/tmp/fdisk 2>&1
	for blk_part in 1 2; do
		check "partition_${blk_part}_seen" wait_for 10 \
			test -b "$DISK$blk_part"
		check "partition_${blk_part}_ext4" mkfs.ext4 -q -F "$DISK$blk_part"
		check "partition_${blk_part}_mounted" \
			mount -t ext4 "$DISK$blk_part" /mnt
		check "partition_${blk_part}_written" blk_files /mnt
		check "partition_${blk_part}_unmounted" umount /mnt
		drop_caches
		check "partition_${blk_part}_is_clean" \
			e2fsck -f -n "$DISK$blk_part"
	done
}
