# shellcheck shell=sh disable=SC2154
# A machine's console, read through its BMC and written down, by one reader: as long as somebody looks at it, or an order to
# install the machine is open. Behind ipmi_console.sh or ssh_console.sh, in the background, as the leader of its process group.
#
# Given: place (what rooster has of the machine's orders), here (a folder of this machine's own), log, most (bytes that one
# reading writes). In `here`: `in` takes what is typed, `order` the order that it is read for, `viewers` is locked by each of them,
# `lock` by the reader.

umask 077; mkdir -p "${log%/*}"; cd "$here" || exit
rm -f script  # it has the password
exec 8>lock; flock -n 8 || exit 0
echo $$ >pid; : >viewers; rm -f in; mkfifo in; exec 7<>in
now() { read -r up rest </proc/uptime; echo "${up%%.*}"; }
note() { printf '\r\n[coop %s UTC: %s]\r\n' "$(date -u '+%F %T')" "$*"; }
size() { stat -c %s "$log" 2>/dev/null || echo 0; }
age() { echo $(($(date +%s) - $(stat -c %Z "$1"))); }
first=$(now); [ -s order ] || first=$((first + 30))  # whoever wants to look at it comes in that time
wanted() {
  [ "$(now)" -ge "$first" ] || return 0
  flock -n viewers true || return 0
  order=$(cat order 2>/dev/null); [ -n "$order" ] || return 1
  [ "$(sed -n 's/^id //p' "$place/armed/order" 2>/dev/null)" != "$order" ] || return 0
  [ -d "$place/claimed-$order" ] || return 1
  if [ -e "$place/said/$order/finished" ]; then [ "$(age "$place/said/$order/finished")" -lt 300 ]; return; fi
  [ "$(age "$place/claimed-$order")" -lt 14400 ]
}
read_on() {
  while :; do
    note "the console is read"
    code=0; console || code=$?
    [ -p in ] || return 0
    if [ "$code" = 77 ]; then note 'the console is not read, and is not tried again'; return; fi
    note 'the console is not read: the connection ended'
    sleep 10
  done
}

if [ "$(size)" -ge "$most" ]; then mv "$log" "$log.1"; fi
most=$(($(size) + most)) why='nobody looks at it'
sh -c 'echo $$ >typist; exec cat' <&7 8>&- | read_on >>"$log" 2>&1 8>&- &
while wanted; do
  if [ "$(size)" -ge "$most" ]; then why='it has said too much'; break; fi
  sleep 2
done
rm -f in; kill "$(cat typist)"  # nothing more is typed: the reader says goodbye to the BMC
tries=0
while kill -0 $! 2>/dev/null; do
  if [ $((tries += 1)) -gt 20 ]; then trap '' TERM; kill -TERM 0; wait; fi
  sleep 0.5
done
note "the console is not read any more: $why" >>"$log"
rm -f pid typist
