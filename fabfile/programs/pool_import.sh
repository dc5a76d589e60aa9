# shellcheck shell=sh disable=SC2154
# A pool that is there and not imported is imported, by its disks' ids. Never with -f, -F or -m: another machine may use it, and
# what that would lose an operator decides. Given: pool (its name), properties (what zpool is to set of it, one a line).

! zpool list -H -o name -- "$pool" >/dev/null 2>&1 || { echo "pool $pool is there"; exit 0; }
udevadm settle --timeout=30 || :
zpool import -d /dev/disk/by-id -o cachefile=/etc/zfs/zpool.cache "$pool"
# as of a pool that Coop creates: another server may have had ZFS export it, and Debian's scrub leaves degraded pools out
zfs get -Hp -r -t filesystem -s local,received -o name,value sharenfs "$pool" | while IFS='	' read -r name value; do
  [ "$value" = off ] || zfs set sharenfs=off "$name"
done
zfs set org.debian:periodic-scrub=disable "$pool"
printf '%s\n' "$properties" | while read -r one; do
  [ -z "$one" ] || [ "$(zpool get -Hp -o value "${one%%=*}" "$pool")" = "${one#*=}" ] || zpool set "$one" "$pool"
done
zpool list -o name,size,health "$pool"
