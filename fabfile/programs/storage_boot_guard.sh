# shellcheck shell=sh disable=SC2154
# The last look before a file server reboots, after a wait that its users were told of: what may have changed meanwhile. It ends with 1,
# and nothing is rebooted, where a pool is not what it was or a kernel has no module.
# Given: pools (names, one a line), boot (the folder of kernels), until (seconds since 1970).

while [ "$(date +%s)" -lt "$until" ]; do sleep 1; done
stop() { echo "it is not rebooted: $*" >&2; exit 1; }
printf '%s\n' "$pools" | while read -r pool; do
  health=$(zpool list -H -o health "$pool" 2>&1) || :
  case $health in ONLINE|DEGRADED) ;; *) stop "pool $pool: $health" ;; esac
  case $(zpool status "$pool") in *'resilver in progress'*) stop "pool $pool resilvers" ;; esac
done || exit 1
found=
for image in "$boot"/vmlinuz-*; do
  [ -e "$image" ] || continue
  found=$image
  modinfo -k "${image##*/vmlinuz-}" zfs >/dev/null 2>&1 || stop "kernel ${image##*/vmlinuz-} has no module zfs"
done
[ -n "$found" ] || stop "there is no kernel in $boot"
sync
