# shellcheck shell=sh disable=SC2154
# Whether all that a machine mounts from a file server answers again. Given: server (an address), most (how many may be named), seconds
# (that one may take). It ends with 1 and names those that hang.

hang=$(awk -v server="$server:" '$3 ~ /^nfs/ && index($1, server) == 1 { print $2 }' /proc/mounts | sort -u | while read -r place; do
  place=$(printf '%b' "$place")  # a space is \040 there
  timeout -s KILL "$seconds" stat -f -- "$place" >/dev/null 2>&1 || printf '%s\n' "$place"
done)
[ -z "$hang" ] || { printf '%s\n' "$hang" | head -n "$most" | sed 's/$/ does not answer/'; exit 1; }
