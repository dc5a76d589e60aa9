# shellcheck shell=sh disable=SC2154
# The claim of an order: one rename on rooster, which succeeds once, and turns the machine's next netboot into a boot of its
# disk. After it the disks of the order may be written. Comes behind guard.sh, with what that was given.
#
# Given besides: consent ("yes": somebody has to agree first to what the guard has just reported), run (/run/coop).

if [ -n "$consent" ]; then
  tries=0
  until wget -q -O "$work/consent" --tries=1 --timeout=10 "http://$rooster/consent"; do
    wget -q -O /dev/null --tries=1 --timeout=10 "http://$rooster/job" || [ $? != 8 ] || refuse "order $order was withdrawn"
    tries=$((tries + 1))
    [ "$tries" -lt 600 ] || refuse "nobody agreed in time to what lies on these disks"
    sleep 3
  done
  [ "$(cat "$work/consent")" = "$(sha256sum <"$work/seen" | cut -d ' ' -f 1)" ] ||
    refuse "what was agreed to is not what this machine has reported"
fi

wget -q -O /dev/null --tries=1 --timeout=30 --method=MOVE --header='Overwrite: F' \
  --header="Destination: http://$rooster/claimed-$order/" "http://$rooster/armed/" ||
  refuse "rooster lets nobody claim order $order: it was claimed before, has expired, or was withdrawn"

case $writes in
  named) writable=$named ;;
  all) writable=$(whole_disks | line) ;;
  *) writable='' ;;
esac
paths=''
for name in $writable; do paths="$paths${paths:+ }$dev/$name"; done
if [ -n "$frozen" ]; then
  mkdir -p "$run"
  printf '%s\n' "$writable" >"$run/writable"  # what appears on them from now on is not made read-only
  for name in $writable; do
    for part in $(parts_of "$name"); do blockdev --setrw "$dev/$part"; done
    [ "$(blockdev --getro "$dev/$name")" = 0 ] || fail "$name is read-only by itself"
  done
fi
echo "guard: order $order is claimed, ${paths:-nothing} will be written"
