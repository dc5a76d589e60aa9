# shellcheck shell=sh disable=SC2154
# A disk of a pool begins to be replaced by one that is empty at this moment. Comes behind pool_disks.sh. Given: pool, old (the disk as
# the pool calls it: its guid, or its path), new (a path).

refuse() { echo "nothing was replaced: $*" >&2; exit 1; }
[ -n "$(size_of "$new")" ] || refuse "there is no disk $new"
if ! zpool status -P "$pool" | grep -q "$new\(-part1\)\?[ 	]"; then
  found=$(contents "$new")
  [ -z "$found" ] || refuse "$new is not empty: $(echo "$found" | tr '\n' ';')"
  zpool replace "$pool" "$old" "$new"
fi
