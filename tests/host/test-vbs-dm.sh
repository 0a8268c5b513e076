#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# The command line of vbs-dm: what a person types, rightly or wrongly. Each
# mistake costs one line, which names what, where and what to do, and an exit
# status; no socket is left behind.
set -u
: "${srcdir:=.}"
include=$(cd "$srcdir" && pwd)/include
# shellcheck source=tests/host/vbs-dm.sh
. "$srcdir/tests/host/vbs-dm.sh"

truncate -s 1M disk.img
truncate -s 0 empty.img
truncate -s 1000 odd.img
mkdir dir sockets
: >plain
long=$(printf '%0110d' 0)

# ---- images ------------------------------------------------------------
blk="--socket-dir sockets -s 3,virtio-blk"
# shellcheck disable=SC2086  # words
{
	refused missing_file 1 'no\.img: No such file.*check the path' \
		$blk,no.img
	refused directory_as_image 1 'dir is a directory; name a file' $blk,dir
	refused no_image 2 'no image; give one' $blk
	refused empty_image 1 'empty\.img is empty; give it a size' \
		$blk,empty.img
	refused odd_image 1 'odd\.img has 1000 bytes.*512.*truncate' \
		$blk,odd.img
	refused fifo_as_image 1 'neither a file nor a block device' \
		$blk,/dev/null
	refused range_beyond_the_end 2 'range.*not inside.*give a part' \
		$blk,disk.img,range=2000/100
	refused range_without_a_length 2 'range: not a start and a length' \
		$blk,disk.img,range=8
	refused range_in_half_sectors 2 'range: not whole sectors of 4096' \
		$blk,disk.img,sectorsize=4096,range=4/8
	refused null_without_a_size 2 'null:x: not a size.*null:1g' $blk,null:x
	refused void_without_a_size 2 'void:1: not a size.*void:1g' $blk,void:1

	# ---- options -----------------------------------------------------
	refused unknown_option 2 "no option 'wrteback'.*mean 'writeback'" \
		$blk,disk.img,wrteback
	refused unknown_value_option 2 "no option 'seria'.*mean 'serial'" \
		$blk,seria=1,disk.img
	refused option_far_from_all 2 "no option 'zzzzzz'; .*help virtio-blk" \
		$blk,disk.img,zzzzzz
	refused bad_number 2 'option mq=two: not a whole number' \
		$blk,disk.img,mq=two
	refused number_out_of_range 2 'mq=17: out of range; give 1 to 16' \
		$blk,disk.img,mq=17
	refused queue_size_of_100 2 'queue-size=100: not a power.*size=256' \
		$blk,disk.img,queue-size=100
	refused queue_size_out_of_range 2 'queue-size=2048: .*4 to 1024' \
		$blk,disk.img,queue-size=2048
	refused number_negative 2 'option mq=-1: not a whole number' \
		$blk,disk.img,mq=-1
	refused number_too_long 2 'out of range' \
		$blk,disk.img,mq=99999999999999999999999
	refused empty_value 2 'option mq= is empty; give mq=N' \
		$blk,disk.img,mq=
	refused no_value 2 'option mq needs a value; give mq=N' \
		$blk,disk.img,mq
	refused value_for_a_flag 2 'option ro takes no value' \
		$blk,disk.img,ro=1
	refused unknown_choice 2 'aio=uring: no such choice.*io_uring' \
		$blk,disk.img,aio=uring
	refused mmap_of_nothing 2 'aio=mmap: image null:1m has nothing to map' \
		$blk,null:1m,aio=mmap
	refused bad_sectorsize 2 'sectorsize.*give one like' \
		$blk,disk.img,sectorsize=513
	refused serial_too_long 2 'serial.*longer than 20' \
		$blk,disk.img,serial=123456789012345678901
	refused option_of_rnd 2 "no option 'fast'; it takes none" \
		--socket-dir sockets -s 4,virtio-rnd,fast

	# Of each device, with its slot if it has one.
	refused feature_that_is_maybe 2 \
		'-s 3: option packed=maybe: no such choice; give packed=on\|off$' \
		$blk,disk.img,packed=maybe
	refused feature_that_is_misspelt 2 \
		"-s 3: no option 'pakced'; did you mean 'packed'\?" \
		$blk,disk.img,pakced=off
	refused feature_with_dashes 2 \
		"no option 'in-order'; did you mean 'in_order'\?" \
		rnd in-order=on --socket-path p
	refused feature_without_value 2 \
		'-s 3: option in_order needs a value; give in_order=on\|off$' \
		$blk,in_order,disk.img
	refused feature_of_the_only_device 2 \
		'option event_idx=1: no such choice; give event_idx=on\|off$' \
		rnd event_idx=1 --socket-path p
	refused feature_with_an_option_of_rnd 2 "no option 'fast'; it takes" \
		--socket-dir sockets -s 4,virtio-rnd,packed=off,fast
	for option in queue_reset notification_data notif_config_data; do
		refused "${option}_over_vhost_user" 2 \
			"option $option=on of rnd: .*leave it out, or give --host" \
			rnd $option=on --socket-path p
	done
}

# ---- devices and slots ---------------------------------------------------
refused unknown_device 2 "no device 'virtio-blok'.*mean 'virtio-blk'" \
	--socket-dir sockets -s 3,virtio-blok,disk.img
refused device_of_another_kind 2 "no device 'virtio-net'; .vbs-dm list" \
	--socket-dir sockets -s 4,virtio-net
refused device_far_from_all 2 "no device 'toaster'.*vbs-dm list" \
	--socket-dir sockets -s 3,toaster
refused slot_used_twice 2 'slot 3:0 is taken by virtio-rnd' \
	--socket-dir sockets -s 3,virtio-rnd -s 0:3:0,virtio-rnd
refused slot_out_of_range 2 'out of range; give slot 0 to 31' \
	--socket-dir sockets -s 32,virtio-rnd
refused function_out_of_range 2 'function 0 to 7' \
	--socket-dir sockets -s 3:8,virtio-rnd
refused bus_that_is_not_there 2 'bus 1 does not exist' \
	--socket-dir sockets -s 1:3:0,virtio-rnd
refused slot_that_is_no_number 2 'not a PCI address; give SLOT' \
	--socket-dir sockets -s three,virtio-rnd
refused slot_without_a_device 2 'no device; give one' \
	--socket-dir sockets -s 3
refused missing_object 1 'cannot load device \./no\.so: No such file' \
	--socket-dir sockets -s 5,./no.so
printf '%s' 'const int vbs_device_abi = 99; static const int none;' \
	'const void *const vbs_device_ops = &none;' |
	${CC:-cc} -shared -fPIC -o old.so -x c - &&
	refused object_of_another_abi 2 'old.so was built for device ABI 99' \
		--socket-dir sockets -s 5,./old.so
cat >picky.c <<'END'
#include <errno.h>
#include <vbs/pci.h>

static int
picky_init(struct vmctx *ctx, struct pci_vdev *dev, char *opts)
{
	return -EINVAL;
}

static const struct pci_vdev_ops picky_ops = {
	.class_name = "picky",
	.vdev_init = picky_init,
};
VBS_DEVICE(picky_ops);
END
if ${CC:-cc} -shared -fPIC -I "$include" -o picky.so picky.c; then
	refused object_that_refuses_its_options 2 \
		'cannot make \./picky\.so: .*; check its options' \
		--socket-dir sockets -s 5,./picky.so,x=1
	refused object_that_refuses_to_be_made 2 \
		'cannot make \./picky\.so: .*; it may need options' \
		--socket-dir sockets -s 5,./picky.so
else
	fail "object_that_refuses: does not build"
fi
refused object_that_is_none 1 'cannot load device \./plain: .*-shared' \
	--socket-dir sockets -s 5,./plain

# ---- sockets ---------------------------------------------------------------
refused socket_dir_missing 1 'cannot open its directory.*mkdir -p' \
	--socket-dir nowhere -s 4,virtio-rnd
refused socket_path_too_long 2 'longer than 107: .*shorter --socket-dir' \
	--socket-dir "sockets/$long" -s 4,virtio-rnd
refused socket_path_of_108 2 'socket path of 108 bytes' \
	--socket-path "$(printf '%0108d' 0)" -s 4,virtio-rnd
refused socket_path_of_a_file 1 'something else has that name' \
	--socket-path plain -s 4,virtio-rnd
refused no_place_for_sockets 2 'no place for the sockets; give one of' \
	-s 4,virtio-rnd
refused sockets_in_two_ways 2 'sockets in more than one way' \
	--socket-dir sockets --socket-path p -s 4,virtio-rnd
refused one_socket_for_two 2 'one socket for 2 devices; give --socket-dir' \
	--socket-path p -s 4,virtio-rnd -s 5,virtio-rnd
refused fd_that_is_closed 1 '--fd 77: Bad file descriptor' \
	--fd 77 -s 4,virtio-rnd
refused fd_that_is_a_file 1 '--fd 6: .*hand over' \
	--fd 6 -s 4,virtio-rnd 6<plain
refused fd_that_is_no_number 2 'option --fd=six: not a whole number' \
	--fd six -s 4,virtio-rnd

refused fd_and_socket_path 2 'sockets in more than one way; give one of' \
	--fd 0 --socket-path p -s 4,virtio-rnd
refused mode_that_is_none 2 '--socket-mode=rw-: not a mode; give three octal' \
	--socket-path p --socket-mode=rw- -s 4,virtio-rnd
refused mode_of_nine 2 '--socket-mode=690: not a mode' \
	--socket-path p --socket-mode=690 -s 4,virtio-rnd
refused mode_too_wide 2 '--socket-mode=1777: not a mode' \
	--socket-path p --socket-mode=1777 -s 4,virtio-rnd
refused mode_of_an_open_socket 2 '--socket-mode and --fd: no socket is made' \
	--fd 0 --socket-mode=600 -s 4,virtio-rnd
refused unknown_group 2 '--socket-group=nobodies: no such group; .*getent' \
	--socket-path p --socket-group=nobodies -s 4,virtio-rnd
refused group_of_a_client 2 '--socket-group and --client: no socket is made' \
	--host vhost-user --socket-path p --client --socket-group=0 \
	-s 4,virtio-rnd
refused client_of_an_open_socket 2 '--client and --fd: a socket that is open' \
	--host vhost-user --fd 0 --client -s 4,virtio-rnd
refused client_over_vfio_user 2 'no front end of vfio-user listens; leave' \
	--socket-path p --client -s 4,virtio-rnd
if [ "$(id -u)" -eq 0 ]; then
	skip "group_that_is_not_mine: root is in every group"
else
	refused group_that_is_not_mine 1 'cannot give .* to that group and mode' \
		--socket-path p --socket-group=0 -s 4,virtio-rnd
fi

# ---- descriptors -------------------------------------------------------------
refused ready_fd_that_is_closed 1 '--ready-fd 77: Bad file .*hand over' \
	--socket-path p --ready-fd=77 -s 4,virtio-rnd
refused ready_fd_that_is_no_number 2 'option --ready-fd=-1: not a whole' \
	--socket-path p --ready-fd=-1 -s 4,virtio-rnd
refused lifeline_that_is_closed 1 '--lifeline-fd 77: Bad file .*hand over' \
	--socket-path p --lifeline-fd=77 -s 4,virtio-rnd
refused lifeline_that_is_a_file 1 '--lifeline-fd 6: neither a pipe nor' \
	--socket-path p --lifeline-fd=6 -s 4,virtio-rnd 6<plain
refused descriptor_used_twice 2 '--fd and --lifeline-fd are both 0; give' \
	--fd 0 --lifeline-fd=0 -s 4,virtio-rnd

# ---- sockets that the service manager brings ---------------------------------
# activated FDS: from now on vbs-dm finds so many of them.
activated() {
	cat >activated <<END
#!/bin/sh
LISTEN_PID=\$\$ LISTEN_FDS=$1 exec "$real" "\$@"
END
	chmod +x activated
	dm=./activated
}
real=$dm
activated 2
refused activation_with_too_many 2 'hands over 2 sockets for 1 devices; give' \
	-s 4,virtio-rnd
refused activation_and_a_path 2 'LISTEN_FDS hands over 2; leave out' \
	--socket-dir sockets -s 4,virtio-rnd
activated 1
refused activation_of_a_file 1 'LISTEN_FDS: fd 3: .*hand over an open UNIX' \
	-s 4,virtio-rnd 3<plain
refused activation_of_a_client 2 '--client and LISTEN_FDS: a socket that is' \
	--host vhost-user --client -s 4,virtio-rnd
refused activation_and_a_mode 2 '--socket-mode and LISTEN_FDS: no socket' \
	--socket-mode=600 -s 4,virtio-rnd
activated many
refused activation_of_no_number 2 'LISTEN_FDS=many: not a number of sockets' \
	-s 4,virtio-rnd
dm=$real

# ---- one device, by its name -------------------------------------------------
refused only_of_a_missing_file 1 'no\.img: No such file.*check the path' \
	blk file=no.img --socket-path p
refused only_without_an_image 2 'no image; give one' blk --socket-path p
refused only_with_a_bad_option 2 "no option 'seria'.*mean 'serial'" \
	virtio-blk disk.img seria=x --socket-path p
refused only_with_commas 2 'option mq=17: out of range' \
	blk disk.img,ro,mq=17 --socket-path p
refused only_without_a_socket 2 'the sockets; give one of --socket-path' \
	blk file=disk.img
refused only_in_a_directory 2 '--socket-dir is for devices of -s; give' \
	blk file=disk.img --socket-dir sockets
refused only_beside_others 2 "'rnd' and -s: devices in two ways" \
	rnd -s 4,virtio-rnd --socket-dir sockets
refused only_of_an_object 1 'cannot load device \./no\.so' \
	./no.so --socket-path p
refused near_to_a_device 2 "'blc' is no command and no device; .*'virtio-blk'|'blc' is no command; give" \
	blc file=disk.img --socket-path p
refused blk_file_of_a_slot 2 '--blk-file is for .vbs-dm blk.; give the image' \
	--blk-file=disk.img --socket-path p -s 4,virtio-rnd
refused read_only_entropy 2 '--read-only is for .vbs-dm blk.' \
	rng --read-only --socket-path p
refused blk_file_that_is_missing 1 'no\.img: No such file' \
	blk --blk-file no.img --read-only --socket-path p
cat >plain.c <<'END'
#include <vbs/pci.h>

static int
plain_init(struct vmctx *ctx, struct pci_vdev *dev, char *opts)
{
	return pci_emul_alloc_bar(dev, 0, PCIBAR_MEM32, 4096);
}

static const struct pci_vdev_ops plain_ops = {
	.class_name = "plain",
	.vdev_init = plain_init,
};
VBS_DEVICE(plain_ops);
END
if ${CC:-cc} -shared -fPIC -I "$include" -o plain.so plain.c \
	-Wl,--unresolved-symbols=ignore-all; then
	refused only_that_is_not_virtio 2 \
		'cannot serve plain.* over vhost-user: .*virtio device is needed' \
		./plain.so --socket-path p
	refused feature_of_what_is_not_virtio 2 \
		'option packed is for virtio devices, and plain@0:5.0 is none' \
		--socket-dir sockets -s 5,./plain.so,packed=on
	refused frontend_of_not_virtio 2 \
		'plain\.so is no virtio device, and vhost-user carries no' \
		./plain.so --socket-path p --print-frontend=qemu
else
	fail "plain device: does not build"
fi

# ---- the rest of the command line -----------------------------------------
refused no_device_at_all 2 'no device; give one, as in -s' \
	--socket-dir sockets
refused unknown_host 2 '--host vfio: not known; give vfio-user or vhost-user' \
	--host vfio --socket-dir sockets -s 4,virtio-rnd
refused unknown_long_option 2 'no option --soket-dir; .*mean --socket-dir' \
	--soket-dir sockets -s 4,virtio-rnd
refused value_for_a_switch 2 'option --client takes no value; give just' \
	--client=yes --socket-path p -s 4,virtio-rnd
refused empty_option 2 'option --socket-path= is empty; give --socket-path=' \
	--socket-path= -s 4,virtio-rnd
refused unknown_short_option 2 'no option -z; .*--help' -z
refused option_without_its_value 2 'option --socket-dir needs a value' \
	--socket-dir
refused unknown_level 2 '--log-level=loud: no such choice; give .*error' \
	--log-level=loud
refused bad_poll 2 '--poll-us=soon: not a whole number' --poll-us=soon
refused page_without_doorbells 2 '--doorbell-page: .*vhost-user; leave it out' \
	--doorbell-page --host vhost-user --socket-dir p -s 4,virtio-rnd
refused bad_subvendor 2 '--subvendor=intel: not a PCI vendor' \
	--subvendor=intel
refused unknown_command 2 "'serve' is no command; give help" serve
refused list_of_something 2 'list: .*vbs-dm help virtio-blk' \
	list virtio-blk
refused help_for_an_object 2 'help: \./x\.so brings no help; see' \
	help ./x.so
refused help_for_nothing 2 "no device 'virtio-blkk'; .*'virtio-blk'" \
	help virtio-blkk

# ---- what it says when asked ------------------------------------------------
told help '^Usage: vbs-dm' --help
if [ "$("$dm" --help | wc -l)" -le 30 ]; then
	pass
else
	fail "help: more than 30 lines"
fi
told version '^vbs-dm \(libvbs\) [0-9]+\.[0-9]+\.[0-9]+$' --version
told list '^virtio-rnd  *rnd, rng  *entropy' list
told help_of_a_device '^  mq=N .*1 to 16' help virtio-blk
told help_without_options 'It has no options' help virtio-rnd
told help_of_features '^  in_order=on\|off .*\[off\]' help virtio-rnd
# Each name in the help is one that the parser knows: it complains about the
# value or the image, not about the name.
for option in $("$dm" help virtio-blk | sed -n 's/^  \([a-z_-]*\)[=[].*/\1/p' |
	grep .); do
	"$dm" --socket-dir sockets -s "3,virtio-blk,$option=,no.img" \
		>out 2>err
	if grep -q "no option '$option'" err; then
		fail "help names '$option', which is not parsed"
	else
		pass
	fi
done

# ---- serving ---------------------------------------------------------------
: >out
if serve --socket-dir sockets -s 3:1,virtio-blk,disk.img -s 4,virtio-rnd &&
	grep -q 'sockets/3.1-virtio-blk.sock' out &&
	grep -q 'sockets/4-virtio-rnd.sock' out &&
	[ -S sockets/3.1-virtio-blk.sock ] && [ -S sockets/4-virtio-rnd.sock ]; then
	pass
else
	fail "serve: $(cat out err)"
fi

# second NAME STATUS WORDS ARGUMENT...: a second one beside the one that serves.
second() {
	name=$1 want=$2 words=$3
	shift 3
	timeout 20 "$dm" "$@" >out2 2>err2
	got=$?
	if [ "$got" -ne "$want" ] || ! grep -Eq "$words" err2; then
		fail "$name: status $got, says $(cat err2)"
	elif ! [ -S sockets/4-virtio-rnd.sock ]; then
		fail "$name: has removed the socket of the first"
	else
		pass
	fi
}
second second_on_a_live_socket 1 'in use: another vbs-dm serves it' \
	--socket-dir sockets -s 4,virtio-rnd
second second_writer 1 'disk\.img is locked: something else has it open' \
	--socket-dir sockets -s 5,virtio-blk,disk.img
second reader_beside_a_writer 1 'locked: something else .* for writing' \
	--socket-dir sockets -s 5,virtio-blk,disk.img,ro
ended sigterm TERM

if serve blk file=disk.img --socket-path one.sock &&
	grep -q 'virtio-blk@0:0.0 listens on one.sock' out; then
	pass
else
	fail "one device: $(cat out err)"
fi
ended only TERM

printf 'QFI\373' | cat - disk.img | head -c 1048576 >disk.qcow2
if serve --socket-path one.sock -s 4,virtio-blk,disk.qcow2,ro &&
	grep -q 'disk.qcow2 begins like a qcow2 image, .* raw' err; then
	pass
else
	fail "image of another format: $(cat err)"
fi
ended warned TERM

serve --socket-path one.sock -s 4,virtio-blk,disk.img,ro ||
	fail "read-only: $(cat err)"
refused_keep=$served
if timeout 20 "$dm" --socket-path one.sock -s 4,virtio-blk,disk.img,ro \
	2>err2 || ! grep -q 'one.sock is in use' err2; then
	fail "two readers: $(cat err2)"
else
	pass # the image is shared, only the socket is not
fi
kill -0 "$refused_keep" || fail "the first reader has gone"
ended sigint INT

serve --socket-dir sockets -s 4,virtio-rnd || fail "serve again: $(cat err)"
kill -9 "$served"
wait "$served" 2>/dev/null
exec 5<&-
served=
if [ -S sockets/4-virtio-rnd.sock ] &&
	serve --socket-dir sockets -s 4,virtio-rnd; then
	pass
else
	fail "stale_socket: not replaced: $(cat err)"
fi
kill -s HUP "$served"
ended hangup_does_not_end_it TERM

# ---- permissions -----------------------------------------------------------
if [ "$(id -u)" -ne 0 ]; then
	chmod 0 disk.img
	refused no_permission 1 'Permission denied.*mode or owner' \
		--socket-dir sockets -s 3,virtio-blk,disk.img
	chmod 400 disk.img
	refused no_permission_to_write 1 'Permission denied.*add ro' \
		--socket-dir sockets -s 3,virtio-blk,disk.img
elif setpriv --inh-caps=-all --bounding-set=-all true 2>/dev/null; then
	# Root that may not read what it has no permission for.
	chmod 400 disk.img
	timeout 20 setpriv --inh-caps=-all --bounding-set=-all "$dm" \
		--socket-dir sockets -s 3,virtio-blk,disk.img 2>err
	got=$?
	if [ "$got" -eq 1 ] &&
		grep -q 'disk.img: Permission denied; .*owner, or add ro' err; then
		pass
	else
		fail "no_permission: status $got: $(cat err)"
	fi
else
	skip "no_permission: root has every permission, and no setpriv"
fi

summary
