# shellcheck shell=sh disable=SC2154
# A file or folder of a home, or "." for all of it, is copied out of a snapshot, beside what is there now: as the owner of the home, so that
# a link in it leads to nothing that the owner may not write, and within the quota. What is there is never written over. A home that is
# gone is made first; all of it comes back in its place.
# Given: dataset, snapshot, home (NAMESPACE/HOME), path (below the home), name (of the copy, in the same folder).

refuse() { echo "nothing was restored: $*" >&2; exit 1; }
from=/$dataset/.zfs/snapshot/$snapshot/$home now=/$dataset/$home
[ -d "$from" ] || refuse "snapshot $snapshot has no home $home"
source=$(realpath -e -- "$from/$path" 2>/dev/null) || refuse "snapshot $snapshot has no $path in $home"
case $path/$source in "./$(realpath -e -- "$from")"|*/"$(realpath -e -- "$from")"/*) ;; *) refuse "$path leads out of the home" ;; esac
like=$now room=$now left="left of its quota"
if [ ! -d "$now" ]; then
  like=$from room=/$dataset left="free in its pool"
  [ -d "${now%/*}" ] || refuse "there is no folder ${now%/*}: inv storage.apply makes it"
  case $path in */*) refuse "the folder of $path is not there any more: restore that" ;; esac
fi
needed=$(du -s -B 1 -- "$source" | cut -f 1) free=$(df --output=avail -B 1 -- "$room" | tail -n 1)
[ "$needed" -le "$free" ] || refuse "it takes $needed bytes, and $home has $((free)) $left"
owner=$(stat -c %u -- "$like") group=$(stat -c %g -- "$like")
as_owner() { setpriv --reuid="$owner" --regid="$group" --clear-groups "$@"; }
if [ ! -d "$now" ] && [ "$path" = . ]; then
  target=$now part=/$dataset/.restoring-$(echo "$home" | tr / -) told=$home
else
  [ -d "$now" ] || as_owner mkdir -m "$(stat -c %a -- "$from")" -- "$now"
  folder=$(dirname -- "$now/$path")
  [ -d "$folder" ] || refuse "the folder of $path is not there any more: restore that"
  case $(realpath -e -- "$folder")/ in "$(realpath -e -- "$now")"/*) ;; *) refuse "$path leads out of the home" ;; esac
  target=$folder/$name part=$folder/.restoring-$name told=${folder#"$now"}/$name
  told=${told#/}
fi
if [ -e "$target" ] || [ -L "$target" ]; then refuse "$told is there already"; fi
as_owner rm -rf -- "$part"
as_owner cp -a -- "$source" "$part"
as_owner mv -T -n -- "$part" "$target"
[ ! -e "$part" ] || refuse "$told came meanwhile"
echo "restored $told as it was in $snapshot ($needed bytes)"
