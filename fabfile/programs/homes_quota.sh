# shellcheck shell=sh
# Every home gets its quota: the folders two levels below the dataset's mount point. A home's project is its folder's
# inode number, so there is no table to lose; what is right already costs a few processes, whatever the number of homes.
#
# Given as arguments: the dataset; a file of lines "NAMESPACE BYTES FILES" (every home there), "NAMESPACE/HOME BYTES
# FILES" and "* BYTES FILES" (any other folder, such as those of a hub that is in no file any more); and a file that is
# written: "at SECONDS", then "PERCENT NAMESPACE/HOME" of each home that is nearly full, which hubs are told.
# FILES is how many files a home may have; 0: any number. A home that cannot be labelled is reported.

set -u
dataset=$1 wanted=$2 full=$3 root=/$1 failed=0
mountpoint -q "$root" || { echo "$root is not mounted" >&2; exit 1; }
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
for place in "$root"/*/; do
  [ -d "$place" ] || continue
  namespace=$(basename "$place")
  find "$place" -mindepth 1 -maxdepth 1 -type d -printf "%i $namespace/%f\n"
done | sort -k 2 >"$work/homes"
for place in "$root"/*/; do
  [ ! -d "$place" ] || zfs project "${place%/}"
done 2>/dev/null | awk -v root="$root/" '{ path = $0; sub(/^ *[0-9]+ *[P-] */, "", path); sub(root, "", path); print $1, $2, path }' >"$work/labels"
zfs projectspace -Hp -o name,quota,objquota,used "$dataset" >"$work/quotas" || exit 1

awk -v now="$(date +%s)" '
  BEGIN { print "at " now }
  NR == FNR { if ($2 > 0 && $4 ~ /^[0-9]+$/) percent[$1] = int(100 * $4 / $2); next }
  percent[$1] >= 90 { home = $0; sub(/^[0-9]+ /, "", home); print percent[$1], home }' "$work/quotas" "$work/homes" >"$full.new" &&
  chmod 644 "$full.new" && mv "$full.new" "$full" || failed=1

# what to do: "label INODE HOME" and "quota INODE BYTES FILES HOME"
awk -v homes="$work/homes" -v labels="$work/labels" -v quotas="$work/quotas" '
  function number(text) { return text ~ /^[0-9]+$/ ? text : 0 }
  { bytes[$1] = $2; files[$1] = $3 }
  END {
    while ((getline line <labels) > 0) { split(line, f, " "); home = line; sub(/^[0-9]+ [P-] /, "", home); label[home] = f[1] " " f[2] }
    while ((getline line <quotas) > 0) { split(line, f, "\t"); has[f[1]] = number(f[2]) " " number(f[3]) }
    while ((getline line <homes) > 0) {
      split(line, f, " "); home = line; sub(/^[0-9]+ /, "", home); namespace = home; sub(/\/.*/, "", namespace)
      key = (home in bytes) ? home : (namespace in bytes) ? namespace : "*"
      if (f[1] + 0 >= 4294967295) { print "large " home; continue }
      if (label[home] != f[1] " P") print "label " f[1] " " home
      if (has[f[1]] != bytes[key] " " files[key]) print "quota " f[1] " " bytes[key] " " files[key] " " home
    }
  }' "$wanted" >"$work/todo"

while read -r what inode rest; do
  case $what in
    label)
      recurse=; [ -z "$(find "$root/$rest" -mindepth 1 -maxdepth 1 -print -quit)" ] || recurse=-r
      # shellcheck disable=SC2086
      if zfs project -s $recurse -p "$inode" "$root/$rest"; then echo "labelled $rest"; else failed=1; fi ;;
    large) echo "$inode cannot be labelled: its inode number is too large for a project" >&2; failed=1 ;;
  esac
done <"$work/todo"
sed -n 's/^quota \([0-9]*\) \([0-9]*\) \([0-9]*\) .*/projectquota@\1=\2 projectobjquota@\1=\3/p' "$work/todo" |
  sed 's/=0\( \|$\)/=none\1/g' >"$work/set"
if [ -s "$work/set" ]; then
  # shellcheck disable=SC2016
  xargs -n 100 sh -c 'dataset=$1; shift; exec zfs set "$@" "$dataset"' sh "$dataset" <"$work/set" || failed=1
  echo "$(wc -l <"$work/set") quotas set"
fi
exit $failed
