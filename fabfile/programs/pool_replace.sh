# shellcheck shell=sh disable=SC2154
# A disk of a pool is replaced by one that is empty at this moment, and the resilver is waited for: the spare that stood in is back
# when this ends well. Comes behind pool_disks.sh. Given: pool, old (the disk as the pool calls it: its guid, or its path), new (a path).

refuse() { echo "nothing was replaced: $*" >&2; exit 1; }
[ -n "$(size_of "$new")" ] || refuse "there is no disk $new"
if ! zpool status -P "$pool" | grep -q "$new\(-part1\)\?[ 	]"; then
  found=$(contents "$new")
  [ -z "$found" ] || refuse "$new is not empty: $(echo "$found" | tr '\n' ';')"
  zpool replace "$pool" "$old" "$new"
fi
zpool wait -t resilver,replace "$pool"
zpool status -P "$pool" | grep -q "$new\(-part1\)\? *ONLINE" || { echo "$new is not online after the resilver" >&2; exit 1; }
! zpool status "$pool" | grep -q INUSE || { echo "the resilver is done, and a spare is still in use: see zpool status $pool" >&2; exit 1; }
zpool list -o name,size,health "$pool"
