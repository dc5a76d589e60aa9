# shellcheck shell=sh disable=SC2154
# What a pool is, or could be made of: its state if it is imported, and what ZFS itself exports of it, else what zpool could import; and
# each disk that is in no pool that is imported, with its size, sectors, serial number and what lies on it. Comes behind pool_disks.sh.
# Given: pool (its name), disks (paths, one a line).

look() {  # DISK: what it is, and what lies on it
  size=$(size_of "$1") || :
  if [ -z "$size" ]; then echo "#absent $1"; return; fi
  echo "#disk $1 $size $(blockdev --getss "$1") $(lsblk -d -n -r -o SERIAL "$1")"
  contents "$1" | sed 's/^/|/'
}
if status=$(zpool status -jvPp --json-int -- "$pool" 2>/dev/null); then
  echo '#status'; printf '%s\n' "$status"
  echo '#properties'; zpool get -Hp -o property,value all "$pool"
  zfs get -Hp -o property,value org.debian:periodic-scrub "$pool"
  echo '#shared'; zfs get -Hp -r -t filesystem -s local,received -o name,value sharenfs "$pool"
  printf '%s\n' "$disks" | while read -r disk; do
    echo "#link $disk $(readlink -f "$disk") $(lsblk -d -n -r -o SERIAL -- "$disk" 2>/dev/null)"
    case $status in *"\"$disk\""*|*"\"$disk-part"*) ;; *) look "$disk" ;; esac
  done
  exit 0
fi
if zpool list >/dev/null 2>&1; then
  echo '#import'; zpool import -d /dev/disk/by-id 2>&1 | sed 's/^/|/'
fi
printf '%s\n' "$disks" | while read -r disk; do look "$disk"; done
