# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=dash
# fio beside the commands: round after round it writes the disk in random order
# and reads all of it again, each block of which says in which round and when it
# was written.

# fio_start: returns at once
fio_start() {
	rm -f /tmp/fio.*
	(
		fio_rounds
		echo "$fio_n" >/tmp/fio.ended
	) >/dev/null 2>&1 &
}

fio_rounds() {
	fio_n=0
	until [ -e /tmp/fio.stop ]; do
		fio_round "$fio_n" >/tmp/fio.log 2>&1 || return 0
		fio_n=$((fio_n + 1))
	done
	: >/tmp/fio.good
}

# fio_round SEED
fio_round() {
	fio --name=verified --filename="$DISK" --direct=1 \
		--ioengine=libaio --iodepth=16 --rw=randwrite \
		--bsrange=4k-32k --size=8M --offset_increment=8M \
		--numjobs=2 --thread --randseed="$1" \
		--verify=crc32c --verify_fatal=1
}

# fio_twice: without anything else beside it
fio_twice() {
	check fio_round_one fio_round 1
	check fio_round_two fio_round 2
}

# fio_stop: after the round that it is in
fio_stop() {
	: >/tmp/fio.stop
	check fio_ends wait_for 120 test -e /tmp/fio.ended
	check fio_verifies test -e /tmp/fio.good
	[ -e /tmp/fio.good ] || head -n 20 /tmp/fio.log | sed 's/^/INFO /'
	info "fio wrote and read the disk $(cat /tmp/fio.ended) times"
}
