# shellcheck shell=sh disable=SC2154
# The versions of a file or folder in the snapshots of its dataset, oldest first: one line for each that differs from the one before,
# "SNAPSHOT MADE CHANGED BYTES" in seconds since 1970, or "SNAPSHOT MADE absent"; then "now …" in the same way. Of a folder there is a
# line for each snapshot: its own time and size say nothing of what changed further down.
# Given: dataset, home (NAMESPACE/HOME), path (below the home).

look() {  # ROOT
  [ -e "$1/$home" ] || { echo absent; return; }
  found=$(realpath -e -- "$1/$home/$path" 2>/dev/null) || { echo absent; return; }
  case $found in "$(realpath -e -- "$1/$home")"/*|"$(realpath -e -- "$1/$home")") stat -c '%Y %s' -- "$found" ;; *) echo absent ;; esac
}
before=
zfs list -Hp -t snapshot -o name,creation -s creation -d 1 "$dataset" | while IFS='	' read -r name made; do
  seen=$(look "/$dataset/.zfs/snapshot/${name#*@}")
  folder=; [ "$seen" = absent ] || [ ! -d "/$dataset/.zfs/snapshot/${name#*@}/$home/$path" ] || folder=yes
  [ -z "$folder" ] && [ "$seen" = "$before" ] || echo "${name#*@} $made $seen"
  before=$seen
done
echo "now $(date +%s) $(look "/$dataset")"
