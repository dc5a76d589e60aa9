# shellcheck shell=sh
# udev runs this in the environment for each disk and partition that appears: it is read-only, unless it is on a disk that a
# claimed order may write. $1: its name. COOP_RUN: /run/coop, and in tests another folder.

{ read -r writable <"${COOP_RUN:-/run/coop}/writable"; } 2>/dev/null || :
for disk in ${writable-}; do
  case $disk in *[0-9]) part=${disk}p ;; *) part=$disk ;; esac
  case $1 in "$disk"|"$part"[0-9]*) exit 0 ;; esac
done
blockdev --setro "/dev/$1"
