# shellcheck shell=sh disable=SC2154
# The environment's first process, /init, in RAM: devices, one address, and the job that rooster has for this machine. Every disk is
# read-only from the moment it appears (freeze.sh). Kernel arguments: coop.rooster=HOST:PORT, coop.mac=MAC of the port to use,
# coop.machine=NAME. Given: proc and sys (/proc and /sys), run (/run/coop), lease (its program), udevd (its path).

say() { echo "environment: $*"; }
off() { say "$*: it switches itself off"; sync; sleep 3; poweroff -f; while :; do sleep 60; done; }
argument() { tr ' ' '\n' <"$proc/cmdline" | sed -n "s/^coop\.$1=//p"; }

mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev
mkdir -p /dev/pts /dev/shm; mount -t devpts -o mode=620 devpts /dev/pts; mount -t tmpfs shm /dev/shm
mount -t tmpfs -o mode=755 run /run; mkdir -p "$run" /run/lock
hostname "$(argument machine)"
"$udevd" --daemon
udevadm trigger --action=add --type=subsystems; udevadm trigger --action=add
udevadm settle --timeout=600 || off "udev is not done with the devices"  # a disk may still be missing
modprobe -qa ipmi_si ipmi_devintf efivarfs
[ ! -d "$sys/firmware/efi/efivars" ] || mount -t efivarfs efivarfs "$sys/firmware/efi/efivars"

rooster=$(argument rooster) mac=$(argument mac) port='' tries=0
while [ -z "$port" ]; do
  for path in "$sys"/class/net/*; do
    if [ -e "$path/device" ] && [ "$(cat "$path/address")" = "$mac" ]; then port=${path##*/}; fi
  done
  tries=$((tries + 1)); [ "$tries" -lt 60 ] || off "no port has the MAC $mac"
  [ -n "$port" ] || sleep 1
done
ip link set lo up; ip link set "$port" up
udhcpc -n -i "$port" -t 30 -T 2 -A 1 -s "$lease" || off "nobody gives $port an address"

tries=0
until wget -q -O "$run/job" --tries=1 --timeout=10 "http://$rooster/job"; do
  tries=$((tries + 1)); [ "$tries" -lt 100 ] || off "http://$rooster/job cannot be had"
  sleep 3
done
say "it runs the job of http://$rooster"
sh "$run/job" || say "the job ended with code $?"
while :; do wait; sleep 60; done
