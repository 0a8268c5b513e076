#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# vbs-dm --print-frontend: what a person pastes for each front end, and the one
# line for what cannot be. tests/vm/ gives QEMU's and UML's to the real ones.
set -u
: "${srcdir:=.}"
include=$(cd "$srcdir" && pwd)/include
samples=$(cd "$srcdir" && pwd)/samples
# shellcheck source=tests/host/vbs-dm.sh
. "$srcdir/tests/host/vbs-dm.sh"
truncate -s 1M disk.img
mkdir sockets "it's" 'a,b' 'a<&b' 'a:b'
# The disk and the rest of most cases; nothing is served, nothing is made.
disk="-s 3,virtio-blk,no.img"
rng="-s 4,virtio-rnd"
vhost="--host vhost-user --socket-dir sockets"

# prints NAME FRONTEND TEXT ARGUMENT...: exit status 0, and these very lines.
prints() {
	name=$1 frontend=$2 text=$3
	shift 3
	if ! timeout 20 "$dm" "--print-frontend=$frontend" "$@" >out 2>err; then
		fail "$name: exit status not 0: $(cat err)"
	elif ! printf '%s\n' "$text" | diff - out >difference; then
		fail "$name: prints something else: $(cat difference)"
	else
		pass
	fi
}

# has NAME FRONTEND WORDS ARGUMENT...: WORDS on one line of stdout.
has() {
	name=$1 frontend=$2 words=$3
	shift 3
	told "$name" "$words" "--print-frontend=$frontend" "$@"
}

# ---- QEMU over vfio-user ---------------------------------------------------
vfio="--socket-dir sockets"
# shellcheck disable=SC2086  # words
{
	has memory qemu 'memory-backend-memfd,id=mem,size=.*,share=on' \
		$vfio $rng
	has machine qemu '-machine q35,memory-backend=mem' $vfio $rng
	has device qemu \
		"\"vfio-user-pci\",.*$tmp/sockets/3.1-virtio-blk.sock.*\"3.1\"" \
		$vfio -s 3:1,virtio-blk,disk.img -s 3,virtio-rnd
	has functions qemu '"addr":"3.0".*"multifunction":true' $vfio \
		-s 3:1,virtio-blk,disk.img -s 3,virtio-rnd
	has queues qemu '-smp 4 ' $vfio $disk,mq=4
	has quotes qemu "it'.''s/4-virtio-rnd.sock" --socket-dir "it's" $rng
	refused unknown 2 '--print-frontend bochs: not known; give one of qemu' \
		--print-frontend=bochs $vfio $rng
	refused bad_option 2 "no option 'mqq'" --print-frontend=qemu $vfio \
		$disk,mqq=4
	refused bad_option_of_rnd 2 "no option 'x'; it takes none" \
		--print-frontend=qemu $vfio $rng,x
	refused without_a_directory 1 'nowhere/: No such file.*mkdir' \
		--print-frontend=qemu --socket-dir nowhere $rng
	has libvirt_vfio_user libvirt \
		'<qemu:arg value=.*vfio-user-pci.*4-virtio-rnd.sock' $vfio $rng
	for name in uml crosvm cloud-hypervisor; do
		refused "vfio_user_and_$name" 2 \
			"frontend=$name: this is for --host vhost-user" \
			--print-frontend=$name $vfio $rng
	done
}

# ---- QEMU over vhost-user --------------------------------------------------
# shellcheck disable=SC2086  # words
{
	prints qemu qemu "qemu-system-x86_64 \\
  -machine q35,memory-backend=mem \\
  -m 512M -smp 2 \\
  -object memory-backend-memfd,id=mem,size=512M,share=on \\
  -chardev 'socket,id=vbs-3.0,path=$tmp/sockets/3-virtio-blk.sock,reconnect-ms=100' \\
  -device 'vhost-user-blk-pci,chardev=vbs-3.0,num-queues=2,queue-size=256,addr=3.0' \\
  -chardev 'socket,id=vbs-4.0,path=$tmp/sockets/4-virtio-rnd.sock' \\
  -device 'vhost-user-rng-pci,chardev=vbs-4.0,addr=4.0'" \
		$vhost $disk,mq=2 $rng
	has qemu_queue_size qemu 'queue-size=1024,' \
		$vhost $disk,queue-size=1024
	has qemu_functions qemu 'addr=3.0,multifunction=on' $vhost $disk \
		-s 3:1,virtio-rnd
	has qemu_commas qemu '/a,,b/3-virtio-blk.sock,reconnect' \
		--host vhost-user --socket-dir a,b $disk
	has qemu_listens qemu '3-virtio-blk.sock,server=on,wait=off' \
		$vhost --client $disk
	refused qemu_aborts 2 'QEMU aborts when virtio-rnd connects a second' \
		--print-frontend=qemu $vhost --client $rng
	has qemu_features qemu \
		'vhost-user-rng-pci,chardev=vbs-4.0,packed=on,in_order=off,addr=4.0' \
		$vhost $rng,in_order=off,packed=on
	has qemu_only qemu 'num-queues=1,queue-size=256.$' \
		blk file=no.img --socket-path one.sock
}

# Devices that only they themselves know: QEMU's front end for any type, if it
# has heard of it.
if ${CC:-cc} -shared -fPIC -I "$include" -o echo.so \
	"$samples/echo/virtio-echo.c" 2>err &&
	sed 's/63/20/' "$samples/echo/virtio-echo.c" >memory.c &&
	${CC:-cc} -shared -fPIC -I "$include" -o memory.so memory.c 2>err; then
	words='test-device-pci,chardev=vbs-5.0,virtio-id=20,num_vqs=1,vq_size=64'
	has qemu_loaded qemu "$words,config_size=4,addr=5.0" \
		--host vhost-user --socket-dir sockets -s 5,./memory.so
	for name in qemu libvirt; do
		refused "${name}_of_type_63" 2 \
			"=$name: QEMU aborts when .*echo.so, of virtio type 63" \
			--print-frontend=$name ./echo.so --socket-path p
	done
	has cloud_hypervisor_loaded cloud-hypervisor \
		'virtio_id=63,queue_sizes=\[64\]' ./echo.so --socket-path p
	has uml_loaded uml '/p:63' ./echo.so --socket-path p
	refused crosvm_loaded 2 'no front end for ./echo.so; give uml or' \
		--print-frontend=crosvm ./echo.so --socket-path p
else
	fail "loaded devices: do not build: $(cat err)"
fi

# ---- libvirt ---------------------------------------------------------------
# shellcheck disable=SC2086  # words
{
	prints libvirt libvirt "<!-- Put the parts into those of your domain. -->
<domain type='kvm' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
  <memoryBacking>
    <source type='memfd'/>
    <access mode='shared'/>
  </memoryBacking>
  <devices>
    <disk type='vhostuser' device='disk'>
      <driver name='qemu' type='raw' queues='2' queue_size='256'/>
      <source type='unix' path='$tmp/sockets/3-virtio-blk.sock'>
        <reconnect enabled='yes' timeout='1'/>
      </source>
      <target dev='vda' bus='virtio'/>
      <address type='pci' domain='0x0000' bus='0x00' slot='0x03' function='0x0'/>
    </disk>
  </devices>
  <qemu:commandline>
    <qemu:arg value='-chardev'/>
    <qemu:arg value='socket,id=vbs-4.0,path=$tmp/sockets/4-virtio-rnd.sock'/>
    <qemu:arg value='-device'/>
    <qemu:arg value='vhost-user-rng-pci,chardev=vbs-4.0,addr=4.0'/>
  </qemu:commandline>
</domain>" $vhost $disk,mq=2 $rng
	has libvirt_second_disk libvirt "dev='vdb'" $vhost $disk \
		-s 5,virtio-blk,no.img
	has libvirt_escapes libvirt "/a&lt;&amp;b/3-virtio-blk.sock'" \
		--host vhost-user --socket-dir 'a<&b' $disk
	# libvirt's own disks only connect.
	has libvirt_listens libvirt "arg value='socket,.*blk.sock,server=on" \
		$vhost --client $disk
}
if command -v python3 >/dev/null; then
	if "$dm" --print-frontend=libvirt --host vhost-user \
		--socket-dir 'a<&b' -s 3,blk,no.img -s 4,rnd |
		python3 -c 'import sys, xml.dom.minidom as m
m.parse(sys.stdin)' 2>err; then
		pass
	else
		fail "libvirt_is_xml: $(cat err)"
	fi
else
	skip "libvirt_is_xml: no python3 to parse it"
fi

# ---- User-mode Linux, crosvm, Cloud Hypervisor -----------------------------
# shellcheck disable=SC2086  # words
{
	prints uml uml "linux.uml mem=512M \\
  'virtio_uml.device=$tmp/sockets/3-virtio-blk.sock:2' \\
  'virtio_uml.device=$tmp/sockets/4-virtio-rnd.sock:4'" $vhost $disk $rng
	refused uml_colon 2 "kernel's command line does not take a ':' there" \
		--print-frontend=uml --host vhost-user --socket-dir a:b $rng
	prints crosvm crosvm "crosvm run \\
  --mem size=512 --cpus num-cores=2 \\
  --vhost-user 'type=block,socket=$tmp/sockets/3-virtio-blk.sock,max-queue-size=256' \\
  --vhost-user 'type=rng,socket=$tmp/sockets/4-virtio-rnd.sock,max-queue-size=64' \\
  KERNEL" $vhost $disk,mq=2 $rng
	prints cloud_hypervisor cloud-hypervisor "cloud-hypervisor \\
  --memory size=512M,shared=on --cpus boot=2 \\
  --disk 'vhost_user=true,socket=$tmp/sockets/3-virtio-blk.sock,num_queues=2,queue_size=256' \\
  --generic-vhost-user 'socket=$tmp/sockets/4-virtio-rnd.sock,virtio_id=4,queue_sizes=[64]' \\
  --kernel KERNEL" $vhost $disk,mq=2 $rng
	for name in crosvm cloud-hypervisor; do
		refused "comma_and_$name" 2 "does not take a ',' there; give" \
			--print-frontend=$name --host vhost-user \
			--socket-dir a,b $disk
	done
	for name in uml crosvm cloud-hypervisor; do
		refused "client_and_$name" 2 \
			"frontend=$name with --client: it only connects" \
			--print-frontend=$name $vhost --client $disk
	done
	refused frontend_of_fd 2 'cannot name --fd; give --socket-dir' \
		--print-frontend=qemu --fd 0 $disk
}

# ---- --print-capabilities --------------------------------------------------
block='"type":"block","features":\["read-only","blk-file"\]'
rng='"type":"rng","features":\[\]'

# can NAME JSON COMMAND...: exit status 0, and JSON of just this.
can() {
	name=$1 json=$2
	shift 2
	if ! timeout 20 "$@" >out 2>err; then
		fail "$name: exit status not 0: $(cat err)"
	elif ! tr -d ' \n' <out | grep -qx "{$json}"; then
		fail "$name: not $json: $(cat out)"
	elif [ -s err ]; then
		fail "$name: says more: $(cat err)"
	else
		pass
	fi
}
can capabilities_of_blk "$block" "$dm" blk --print-capabilities
can capabilities_of_rng "$rng" "$dm" --print-capabilities rng
can capabilities_of_slot "$block" "$dm" -s 3,virtio-blk --print-capabilities
can capabilities_ignore_all_else "$block" "$dm" --print-capabilities --fd x \
	--nonsense --socket-path p blk file=
# What libtool has put there is a script that runs the program by its own name.
real=$top/devicemodel/.libs/vbs-dm
[ -x "$real" ] || real=$dm
for name in vbs-blk rng toaster; do
	ln -s "$real" "vhost-user-$name"
done
LD_LIBRARY_PATH=$top/libvbs/.libs${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
export LD_LIBRARY_PATH
can capabilities_by_name "$block" ./vhost-user-vbs-blk --print-capabilities
can capabilities_by_other_name "$rng" ./vhost-user-rng --print-capabilities
typed=$dm
dm=./vhost-user-toaster
refused unknown_by_name 2 "no device 'toaster', after which this" \
	--socket-path p
dm=./vhost-user-vbs-blk
refused image_by_name 1 'no.img: No such file' --blk-file=no.img \
	--socket-path p
dm=$typed
refused capabilities_of_what 2 'of which device\?; give one' \
	--print-capabilities

summary
