# shellcheck shell=sh disable=SC2154
# A file or folder of a home is copied out of a snapshot, beside what is there now: as the owner of the home, so that a link in it leads
# to nothing that the owner may not write, and within the quota. What is there is never written over.
# Given: dataset, snapshot, home (NAMESPACE/HOME), path (below the home), name (of the copy, in the same folder).

refuse() { echo "nothing was restored: $*" >&2; exit 1; }
from=/$dataset/.zfs/snapshot/$snapshot/$home now=/$dataset/$home
[ -d "$from" ] || refuse "snapshot $snapshot has no home $home"
[ -d "$now" ] || refuse "there is no home $home"
source=$(realpath -e -- "$from/$path" 2>/dev/null) || refuse "snapshot $snapshot has no $path in $home"
case $source in "$(realpath -e -- "$from")"/*) ;; *) refuse "$path leads out of the home" ;; esac
folder=$(dirname -- "$now/$path")
[ -d "$folder" ] || refuse "the folder of $path is not there any more: restore that"
case $(realpath -e -- "$folder")/ in "$(realpath -e -- "$now")"/*) ;; *) refuse "$path leads out of the home" ;; esac
target=$folder/$name
if [ -e "$target" ] || [ -L "$target" ]; then refuse "${target#"$now"/} is there already"; fi
needed=$(du -s -B 1 -- "$source" | cut -f 1) free=$(df --output=avail -B 1 -- "$now" | tail -n 1)
[ "$needed" -le "$free" ] || refuse "it takes $needed bytes, and $home has $((free)) left of its quota"
owner=$(stat -c %u -- "$now") group=$(stat -c %g -- "$now")
as_owner() { setpriv --reuid="$owner" --regid="$group" --clear-groups "$@"; }
part=$folder/.restoring-$name
as_owner rm -rf -- "$part"
as_owner cp -a -- "$source" "$part"
as_owner mv -T -n -- "$part" "$target"
echo "restored ${target#"$now"/} as it was in $snapshot ($needed bytes)"
