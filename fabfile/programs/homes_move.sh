# shellcheck shell=sh disable=SC2154
# Homes come from another server, one after the other: each is copied beside the users' homes, copied again until nothing differs, and then
# takes its place in one rename. What was done is written down, and a home that was cut off goes on. At the source nothing is written
# and nothing deleted; a home that is there already is left alone. Its quota comes by coop-homes once it is in its place: rsync could not
# replace links in it before.
#
# Given: dataset, namespace (of a hub), source (a folder, or USER@HOST:FOLDER), folder (with key and known_hosts, for such a host), owner
# (UID:GID), names (lines "HOME FOLDER"; "" for every folder), quotas (the file of coop-homes), marks (a folder), try ("1": it is only
# said what would be done). It ends with 1 where a home was left.

set +e
export LC_ALL=C.UTF-8
refuse() { echo "nothing was moved: $*" >&2; exit 1; }
leave() { echo "$home: left: $*" >&2; failed=1; }
command -v rsync >/dev/null || refuse 'there is no rsync'
mountpoint -q "/$dataset" || refuse "/$dataset is not mounted"
[ -d "/$dataset/$namespace" ] || refuse "there is no folder /$dataset/$namespace: inv storage.apply makes it"
shell="ssh -i $folder/key -o UserKnownHostsFile=$folder/known_hosts -o StrictHostKeyChecking=yes -o BatchMode=yes"
case $source in
  "/$dataset"|"/$dataset"/*) refuse "$source is on this server's own homes" ;;
  /*) [ -d "$source" ] || refuse "there is no folder $source" ;;
esac
from() { rsync -e "$shell" --timeout=300 "$@" </dev/null; }
copied() {  # WORDS…: one pass, or a look at what one would do
  from -aH --info=nonreg0 --no-devices --no-specials --numeric-ids --chown="$owner" --chmod=u-s,g-s --partial --delete --one-file-system "$@" \
    "$source/$old/" "$part/" 2>&1
}
if [ -z "$names" ]; then
  found=$(from --list-only "$source/" 2>&1) || refuse "$source cannot be listed: $(printf '%s\n' "$found" | head -n 1)"
  folders=$(printf '%s\n' "$found" | sed -n 's/^d[^ ]* *[0-9,]* [0-9/]* [0-9:]* //p' | grep -vx '\.')
  names=$(printf '%s\n' "$folders" | sed -n '/--/!s/^[a-z][a-z0-9-]*$/& &/p')
fi
move() {  # for $home and $old
  case $home in *[!a-z0-9-]*|-*|*-) leave 'no name for a folder of the hub: --names FILE says whose it is'; return ;; esac
  case /$old/ in *//*|*/../*|*/./*) leave "$old is no folder of $source"; return ;; esac
  target=/$dataset/$namespace/$home part=/$dataset/.moving-$namespace-$home mark=$marks/$namespace/$home
  if [ -e "$mark" ]; then echo "$home: moved already, $(cut -d ' ' -f 2- "$mark")"; return; fi
  if [ -e "$mark.placing" ] && [ "$(stat -c %i "$target" 2>/dev/null)" = "$(cut -d ' ' -f 1 "$mark.placing")" ]; then
    mv "$mark.placing" "$mark"; echo "$home: moved"; return
  fi
  if [ -e "$target" ] || [ -L "$target" ]; then leave "there is one already, with $(find "$target" -mindepth 1 | wc -l) files: nothing in it was changed"; return; fi
  if [ "$try" = 1 ]; then echo "$home: would be moved from $source/$old"; return; fi
  [ ! -L "$part" ] || { leave "$part is a link"; return; }
  mkdir -p "$part" "$marks/$namespace" || { leave "$part cannot be made"; return; }
  passes=0 differs=x
  while [ -n "$differs" ]; do
    [ $passes -lt 3 ] || { leave "files change while they are copied: end its server on the old hub, then again. $(printf '%s\n' "$differs" | head -n 1)"; return; }
    said=$(copied) || { leave "$(printf '%s\n' "$said" | tail -n 2 | tr '\n' ';')"; return; }
    differs=$(copied --dry-run --itemize-changes) || { leave "$(printf '%s\n' "$differs" | tail -n 1)"; return; }
    passes=$((passes + 1))
  done
  sync -f "$part"
  bytes=$(du -s -B 1 -- "$part" | cut -f 1) files=$(find "$part" -mindepth 1 | wc -l)
  quota=$(awk -v home="$namespace/$home" -v hub="$namespace" '$1 == hub { all = $2 } $1 == home { own = $2 } END { print own ? own : all }' "$quotas")
  if [ -z "$quota" ]; then leave "$quotas has no quota for it"; return; fi
  if [ "$bytes" -gt "$quota" ]; then leave "it takes $bytes bytes and would get $quota: inv storage.quota $namespace/$home SIZE, then again"; return; fi
  echo "$(stat -c %i "$part") $(date -u +%Y-%m-%dT%H:%M:%SZ) from $source/$old" >"$mark.placing"; sync "$mark.placing"
  mv -T -n -- "$part" "$target"
  if [ -e "$part" ] || [ ! -d "$target" ]; then leave "$target came meanwhile"; rm -f "$mark.placing"; return; fi
  mv "$mark.placing" "$mark"
  echo "$home: moved, $files files, $bytes bytes"
}
failed=0
strange=$(printf '%s\n' "${folders-}" | grep -e '^[^a-z]' -e '[^a-z0-9-]' -e '--')  # the hub names its folders otherwise
[ -z "$strange" ] || { failed=1; printf '%s\n' "$strange" | sed 's/$/: left: --names FILE says whose it is/' >&2; }
while read -r home old; do
  [ -z "$home" ] || move
done <<NAMES
$names
NAMES
exit $failed
