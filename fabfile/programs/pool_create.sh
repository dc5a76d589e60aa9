# shellcheck shell=sh disable=SC2154
# A pool is created, on disks that are all there and empty at this moment. Comes behind pool_disks.sh. Given: pool (its name),
# words (what `zpool create` is told of its disks, one a line), options (one a line). Never with -f.

refuse() { echo "pool $pool is not created: $*" >&2; exit 1; }
! zpool list -H -o name -- "$pool" >/dev/null 2>&1 || { echo "pool $pool is there"; exit 0; }
importable=$(mktemp)
udevadm settle --timeout=30 || :
zpool import -d /dev/disk/by-id >"$importable" 2>/dev/null || :
! grep -q "^ *pool: $pool\$" "$importable" || refuse "there is one of this name that could be imported"
printf '%s\n' "$disks" | while read -r disk; do
  [ -n "$(size_of "$disk")" ] || refuse "there is no disk $disk"
  found=$(contents "$disk")
  [ -z "$found" ] || refuse "$disk is not empty: $(echo "$found" | tr '\n' ';')"
  ! grep -q "[ /]${disk##*/}\(-part[0-9]*\)\?[ 	]" "$importable" || refuse "$disk belongs to a pool that could be imported"
done || exit 1
set -- "$pool"
while read -r word; do set -- "$@" "$word"; done <<WORDS
$words
WORDS
while read -r option; do set -- "${option%% *}" "${option#* }" "$@"; done <<OPTIONS
$options
OPTIONS
zpool create -n "$@" >/dev/null
zpool create "$@"
zpool list -o name,size,health "$pool"
