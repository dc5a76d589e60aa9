# shellcheck shell=sh disable=SC2154
# The named disks are emptied: by their own command where they have one, else by zeros, and read again at many places.
# Comes behind claim.sh and job.sh, with what those were given. Given besides: places (how many).

by_command() {  # NAME: says which command emptied it; fails where the disk has none that succeeds, with 9 where it stays locked
  case $1-$(property "$1" ID_BUS) in
    nvme*)
      # a controller may erase all of its namespaces at once, also those that are attached to nothing
      spaces=$(nvme list-ns --all "$dev/$1" 2>/dev/null || nvme list-ns "$dev/$1")
      [ "$(printf '%s\n' "$spaces" | grep -c ':0x')" = 1 ] &&
        nvme format --force --ses=1 "$dev/$1" >&2 && echo "NVMe format" && return ;;
    *-ata)
      hdparm -I "$dev/$1" 2>/dev/null | sed -n '/^Security:/,$p' >"$work/security"
      if grep -q '^[[:space:]]*supported$' "$work/security" && grep -q 'not[[:space:]]*frozen' "$work/security" &&
         grep -q 'not[[:space:]]*enabled' "$work/security"; then
        erase=--security-erase
        ! grep -q 'supported: enhanced erase' "$work/security" || erase=--security-erase-enhanced
        if hdparm --user-master u --security-set-pass coop "$dev/$1" >&2; then
          hdparm --user-master u "$erase" coop "$dev/$1" >&2 && echo "ATA secure erase" && return
          hdparm --user-master u --security-disable coop "$dev/$1" >&2 || return 9
        fi
      fi ;;
  esac
  [ "$(cat "$sys/class/block/$1/queue/rotational")" = 0 ] && blkdiscard -f "$dev/$1" >&2 && echo "discard"
}
by_zeros() { dd if=/dev/zero of="$dev/$1" bs=4M count="$(size_of "$1")" iflag=count_bytes conv=notrunc,fsync status=none; }
empty() {  # NAME: nothing but zeros at its beginning, its end and as many places between
  blockdev --flushbufs "$dev/$1" || return 1
  blocks=$(($(size_of "$1") / 4096))
  awk -v n="$places" -v blocks="$blocks" 'BEGIN { srand(); print 0; print blocks - 1; while (n--) printf "%d\n", rand() * blocks }' |
    while read -r block; do
      cmp -s -n 4096 -i "$((block * 4096)):0" "$dev/$1" /dev/zero || exit 1
    done
}

beat "the disks are being emptied"
: >"$work/done"
for name in $named; do
  how=$(by_command "$name") || {
    [ $? != 9 ] || fail "$name did not erase itself, and keeps the ATA password coop, which locks it once it has lost power:" \
      "hdparm --user-master u --security-disable coop $dev/$name"
    how=''
  }
  if [ -z "$how" ] || ! empty "$name"; then
    by_zeros "$name" || fail "$name cannot be overwritten${how:+; before, it was emptied by $how}"
    empty "$name" || fail "$name was overwritten with zeros, and holds something else at one of $places places"
    how="${how:+$how, then }zeros"
  fi
  echo "$name $(serial_of "$name"): $how; $(size_of "$name") bytes, read as zeros at $places places" >>"$work/done"
done
still
finish poweroff <"$work/done"
