# shellcheck shell=sh disable=SC2154
# Whether a machine does its work after an update: no unit has failed that had not, and what `holds` is asked comes true.
# Given: folder (with the units that had failed before). Defines holds WHAT SCRIPT.

systemctl daemon-reload
systemctl list-units --failed --plain --no-legend --no-pager | cut -d ' ' -f 1 | sort >"$folder/failed.now"
new=$(comm -13 "$folder/failed" "$folder/failed.now" | tr '\n' ' ')
[ -z "$new" ] || { echo "failed since the update: $new" >&2; exit 1; }
holds() {
  tries=0
  until said=$(sh -c "$2" 2>&1); do
    [ $((tries += 1)) -lt 20 ] || { echo "$1: it does not any more: $said" >&2; exit 1; }
    sleep 3
  done
}
