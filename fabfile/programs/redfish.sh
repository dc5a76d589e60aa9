# shellcheck shell=sh disable=SC2034,SC2154
# How bmc.sh speaks Redfish. Given: base (curl's settings for every request: key, account, times), system and boots (the lines
# that name the machine's resource, and the one that takes boot settings). All goes by curl's stdin: it holds the password.

call() { printf '%s\n' "$base" "$@" | curl -q --config -; }
fields() {  # RESOURCE NAME…: the texts of these fields, joined by colons
  body=$(call "$1" 2>/dev/null | tr -d ' \t\r\n'); shift
  for name; do
    printf '%s' "$body" | grep -o "\"$name\":\"[A-Za-z]*\"" | head -n 1 | cut -d '"' -f 4
  done | paste -s -d : -
}
state() { fields "$system" PowerState | tr '[:upper:]' '[:lower:]'; }
booting() { fields "$boots" BootSourceOverrideEnabled BootSourceOverrideTarget; }
tell() {
  said=$(call "$1" 2>&1) || { why >&2; return 1; }
}
why() {  # an answer in words; its JSON may say the same several times, and hides it where it is long
  words=$(printf '%s\n' "$said" | grep -o '"[Mm]essage" *: *"[^"]*"' | sed 's/^"[Mm]essage" *: *"\(.*\)"$/\1/' | awk '!seen[$0]++')
  [ -z "$words" ] || said=$(printf '%s\n' "$words"; printf '%s\n' "$said" | grep '^curl: ')
  printf '%s\n' "$said" | tail -c 600
}
# Some want the version of what is changed, as they last gave it, and others know no versions.
alter() {
  tag=$(call "$boots" 'output = "/dev/null"' 'write-out = "%header{etag}"' 2>/dev/null | sed 's/["\\]/\\&/g')
  if [ -n "$tag" ] && tell "$1
header = \"If-Match: $tag\"" 2>/dev/null; then return 0; fi
  tell "$1"
}
