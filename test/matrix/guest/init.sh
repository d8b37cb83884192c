#!/bin/busybox sh
# Process 1 of a guest. Its root becomes the shared one below an overlay in memory: nothing that a check writes leaves the
# guest, but in /result. The words in @…@ are filled in by host/boot.ts.
export PATH=/bin
/bin/busybox --install -s /bin
mount -t devtmpfs dev /dev
mount -t proc proc /proc
mount -t sysfs sys /sys
fail() {
	echo "matrix: $*" >/dev/console
	sleep 1
	reboot -f
}
for module in $(cat /modules/order); do insmod /modules/$module || fail "module $module"; done
share="trans=virtio,version=9p2000.L,msize=512000"
root=/root
mkdir -p /lower /memory $root
mount -t 9p -o ro,$share,cache=loose root /lower || fail "no share for the root"
mount -t tmpfs -o mode=755 memory /memory
mkdir /memory/upper /memory/work
mount -t overlay -o lowerdir=/lower,upperdir=/memory/upper,workdir=/memory/work root $root || fail "no overlay"
for folder in dev proc sys run tmp var/tmp result sbin; do
	[ -d $root/$folder ] || { rm -f $root/$folder; mkdir -p $root/$folder; }
done
mount -t proc -o nosuid,nodev,noexec proc $root/proc
mount -t sysfs sys $root/sys
mount -t devtmpfs dev $root/dev
mkdir -p $root/dev/pts $root/dev/shm
mount -t devpts -o gid=5,mode=620,ptmxmode=666 devpts $root/dev/pts
mount -t tmpfs -o mode=1777 shm $root/dev/shm
mount -t tmpfs -o mode=755 run $root/run
mount -t cgroup2 cgroup2 $root/sys/fs/cgroup
mount -t bpf -o mode=700 bpf $root/sys/fs/bpf
mount -t debugfs debugfs $root/sys/kernel/debug
mount -t tracefs tracefs $root/sys/kernel/tracing
mount -t securityfs securityfs $root/sys/kernel/security
mount -t 9p -o $share,cache=none,access=any result $root/result || fail "no share for results"
for link in fd:/proc/self/fd stdin:fd/0 stdout:fd/1 stderr:fd/2; do ln -sf ${link#*:} $root/dev/${link%%:*}; done
ifconfig lo 127.0.0.1 up
hostname guest
ulimit -l unlimited
ulimit -n 65536
release=$(uname -r)
mkdir -p $root/lib/modules/$release
mount -t 9p -o ro,$share,cache=loose modules $root/lib/modules/$release || fail "no share for modules"
mkdir -p $root/run/matrix
cp /bin/busybox $root/run/matrix/
for name in modprobe ip losetup unshare setpriv taskset dd mount umount; do ln -s busybox $root/run/matrix/$name; done
# for the kernel's own requests
[ -e $root/sbin/modprobe ] || ln -s /run/matrix/busybox $root/sbin/modprobe
tries=0
while [ ! -b @disk@ ] && [ $tries -lt 300 ]; do
	tries=$((tries + 1))
	usleep 10000
done
[ -b @disk@ ] || fail "the scratch disk @disk@ did not appear"
echo "$release" >$root/result/booted
# from here on the console has warnings only, which the report of a guest that stops shows
dmesg -n 5
cat >$root/run/matrix/start <<'END'
#!/run/matrix/busybox sh
export HOME=/root LANG=C.UTF-8 PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/run/matrix
busybox() { /run/matrix/busybox "$@"; }
busybox setsid /bin/sh -c 'cd "@project@" && exec @command@' </dev/null >/result/output 2>&1
echo $? >/result/exit
busybox reboot -f
END
chmod 755 $root/run/matrix/start
# not chroot: a process below one may make no user namespace
exec switch_root -c /dev/console $root /run/matrix/start
