#!/bin/busybox sh
# The shortest way to an engine: what Slipway's agent does before dockerd answers, and nothing else. No firewall, no
# check of the disk, no clock, nobody who watches or can be talked to.
if [ "$1" != again ]; then
	b=/bin/busybox
	$b mount -t devtmpfs dev /dev
	for module in $($b cat /modules/order); do $b insmod "/modules/$module" 2>/dev/null; done
	$b mkdir -p /new
	$b mount -t erofs -o ro /dev/vda /new
	$b mount --move /dev /new/dev
	$b mount -t tmpfs run /new/run
	$b cp /init /peer /containerd.toml /new/run
	exec $b switch_root /new /bin/busybox sh /run/init again
fi
mount -t proc proc /proc
mount -t sysfs sys /sys
modprobe -a @MODULES@ &
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mount -t tmpfs tmp /tmp
mkdir -p /dev/pts /dev/shm
mount -t devpts devpts /dev/pts
mount -t tmpfs shm /dev/shm
mount -t ext4 -o noatime /dev/vdb /data
mount -o bind /data/docker /var/lib/docker
mount -o bind /data/containerd /var/lib/containerd
ip link set lo up
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root
@CONTAINERD@ >/dev/null 2>&1 &
@DOCKERD@ >/dev/null 2>&1 &
/run/peer report /run/docker.sock /dev/vport*p1
wait
