# shellcheck shell=sh disable=SC2154
# The packages that are about to be updated, at the versions that are installed, for a way back: fetched by the lists as they
# are. What cannot be fetched any more is named. Given: names (by spaces), folder. Behind apt.sh.

rm -rf "$folder"; mkdir -p "$folder"; chmod 700 "$folder"
for name in $names; do
  version=$(dpkg-query -W -f '${Version}' "$name" 2>/dev/null || :)
  [ -n "$version" ] || continue
  (cd "$folder" && apt download "$name=$version") >/dev/null 2>&1 || echo "no way back for $name: $version cannot be fetched any more"
done
systemctl list-units --failed --plain --no-legend --no-pager | cut -d ' ' -f 1 | sort >"$folder/failed"
