# shellcheck shell=sh disable=SC2154
# The last look before anything is written to a disk, by Debian's installer (as partman/early_command) or by the environment in
# RAM. It looks whether this is the machine, and whether its disks are what is on file, and makes every other disk read-only.
# Whatever is not as it should be is reported, and the machine switches itself off, its order unclaimed: claim.sh comes next.
# Comes behind disks.sh.
#
# Given: order, machine, rooster (HOST:PORT), serial, uuid, firmware (each "" where nothing is on file), disks (lines "ID SIZE
# SERIAL" in the order of the layout), writes (named: these disks alone; all: every disk; nothing), wipe (ids of which whatever
# lies there may go), former ("yes": what an installation made may go), frozen ("yes": every disk was made read-only when it
# appeared), dev and sys (/dev and /sys).

boot=$(cat /proc/sys/kernel/random/boot_id) work=$(mktemp -d) named=''
put() {  # NAME, from stdin: rooster keeps it once
  cat >"$work/$1"
  wget -q -O /dev/null --tries=3 --timeout=10 --method=PUT --body-file="$work/$1" "http://$rooster/said/$order/$boot.$1"
}
refuse() {
  echo "guard: $*"
  echo "$*" | put refused || :
  sync; sleep 3; poweroff -f
  while :; do sleep 60; done  # a machine that does not switch itself off goes no further either
}

parts_of() {  # NAME: itself and its partitions
  echo "$1"
  for path in "$sys/class/block/$1/$1"*; do [ ! -e "$path/partition" ] || echo "${path##*/}"; done
}
contents() {  # NAME: what lies there, in blkid's words
  for part in $(parts_of "$1"); do
    for key in ID_PART_TABLE_TYPE ID_FS_TYPE; do
      kind=$(property "$part" $key)
      [ -z "$kind" ] || echo "$kind"
    done
  done
}
blank() {  # NAME: its first MiB was read, and is zeros
  dd if="$dev/$1" of="$work/head" bs=65536 count=16 2>/dev/null && [ "$(tr -d '\000' <"$work/head" | wc -c)" = 0 ]
}
among() { case " $2 " in *" $1 "*) ;; *) return 1 ;; esac; }  # WORD LIST
line() { tr '\n' ' ' | sed 's/ $//'; }

# -- what there is, for whoever reads it -------------------------------------------------------------------------------
is_serial=$(cat "$sys/class/dmi/id/product_serial" 2>/dev/null)
is_uuid=$(tr 'A-F' 'a-f' <"$sys/class/dmi/id/product_uuid" 2>/dev/null)
is_firmware=bios; [ ! -d "$sys/firmware/efi" ] || is_firmware=uefi
{
  echo "serial $is_serial"; echo "uuid $is_uuid"; echo "firmware $is_firmware"
  for name in $(whole_disks); do
    ids=$(for id in "$dev"/disk/by-id/*; do [ "$(readlink -f "$id")" != "$dev/$name" ] || echo "${id##*/}"; done | line)
    holds=$(contents "$name" | line)
    echo "disk $name size=$(size_of "$name") serial=$(serial_of "$name") holds=${holds:-nothing} ids=$ids"
  done
} >"$work/seen"
put machine <"$work/seen" || :

# -- is it the machine? ------------------------------------------------------------------------------------------------
[ -z "$uuid" ] || [ "$is_uuid" = "$uuid" ] || refuse "this machine's UUID is '$is_uuid', and $machine's on file is '$uuid'"
[ -z "$serial" ] || [ "$is_serial" = "$serial" ] ||
  refuse "this machine's serial number is '$is_serial', and $machine's on file is '$serial'"
[ -n "$uuid$serial" ] || [ "$writes" = nothing ] || refuse "neither UUID nor serial number of $machine is on file"
[ -z "$firmware" ] || [ "$is_firmware" = "$firmware" ] ||
  refuse "this machine came up by $is_firmware, and $machine's firmware on file is $firmware"

# -- are these the disks? ----------------------------------------------------------------------------------------------
case $writes-$disks in
  named-?*|all-|nothing-) ;;
  named-) refuse "no disk of $machine is on file" ;;
  *) refuse "the order does not say which disks may be written" ;;
esac
[ -z "$disks" ] || printf '%s\n' "$disks" >"$work/wanted"
[ -e "$work/wanted" ] || : >"$work/wanted"
while read -r id size number; do
  [ -e "$dev/disk/by-id/$id" ] || refuse "there is no disk $id"
  path=$(readlink -f "$dev/disk/by-id/$id") name=${path##*/}
  among "$name" "$(whole_disks | line)" || refuse "$id is no whole disk"
  ! among "$name" "$named" || refuse "$id is a disk that the order names twice"
  [ "$(cat "$sys/class/block/$name/removable")" = 0 ] || refuse "$id is a removable disk"
  [ -n "$frozen" ] || [ "$(cat "$sys/class/block/$name/ro")" = 0 ] || refuse "$id is read-only"
  [ "$(serial_of "$name")" = "$number" ] || refuse "the serial number of $id is '$(serial_of "$name")', and on file is '$number'"
  same=$(for other in $(whole_disks); do [ "$(serial_of "$other")" != "$number" ] || echo "$other"; done | line)
  [ "$same" = "$name" ] || refuse "several disks call themselves $number: $same"
  [ "$(size_of "$name")" = "$size" ] || refuse "$id has $(size_of "$name") bytes, and on file are $size"
  for holder in "$sys/class/block/$name/holders"/*; do [ ! -e "$holder" ] || refuse "$id is in use, by ${holder##*/}"; done
  named="$named${named:+ }$name"
done <"$work/wanted"

# -- may go what lies there? -------------------------------------------------------------------------------------------
while read -r id size number; do
  path=$(readlink -f "$dev/disk/by-id/$id") name=${path##*/}
  holds=$(contents "$name" | line)
  [ -n "$holds" ] || blank "$name" || holds=unknown
  for part in $(parts_of "$name"); do  # a table says nothing of what lies in its partitions: a database, a machine's disk
    { [ "$part" != "$name" ] && [ -z "$(property "$part" ID_FS_TYPE)" ]; } || continue
    case $(property "$part" ID_PART_ENTRY_TYPE) in
      21686148-6449-6e6f-744e-656564454649|0x5|0xf|0x85) ;;  # GRUB's own on BIOS, and extended ones
      *) blank "$part" || holds="$holds unknown" ;;
    esac
  done
  for kind in $holds; do
    among "$id" "$wipe" && continue
    case $former-$kind in yes-gpt|yes-dos|yes-ext[234]|yes-vfat|yes-swap|yes-LVM2_member|yes-linux_raid_member) continue ;; esac
    refuse "$id is not empty: it holds $holds. Whoever is sure that this may go types --wipe $id"
  done
  for part in $(parts_of "$name"); do
    case $(property "$part" ID_FS_TYPE) in
      linux_raid_member)
        array=$(property "$part" ID_FS_UUID)
        [ -n "$array" ] || refuse "$id belongs to a RAID that does not say its name"
        for other in $(whole_disks); do
          among "$other" "$named" && continue
          for member in $(parts_of "$other"); do
            [ "$(property "$member" ID_FS_UUID)" != "$array" ] ||
              refuse "$id belongs to a RAID with $other, which this order does not name"
          done
        done ;;
      LVM2_member)
        pvs --noheadings -o vg_name,pv_name >"$work/pvs" 2>/dev/null || refuse "$id belongs to LVM, and pvs does not say to which group"
        awk -v pv="$dev/$part" '$NF == pv { found = 1 } END { exit !found }' "$work/pvs" ||
          refuse "$id belongs to LVM, and pvs does not name it"
        group=$(awk -v pv="$dev/$part" 'NF == 2 && $2 == pv { print $1 }' "$work/pvs")
        awk -v vg="$group" 'NF == 2 && $1 == vg { print $2 }' "$work/pvs" >"$work/members"
        while read -r other; do
          inside=''
          for one in $named; do ! among "${other##*/}" "$(parts_of "$one" | line)" || inside=yes; done
          [ -n "$inside" ] || refuse "$id belongs to the LVM group $group with $other, which this order does not name"
        done <"$work/members" ;;
    esac
  done
done <"$work/wanted"

# -- nobody writes to any other --------------------------------------------------------------------------------------
for name in $(whole_disks); do
  among "$name" "$named" && continue
  [ "$writes" != all ] || continue
  for part in $(parts_of "$name"); do
    blockdev --setro "$dev/$part"
    [ "$(blockdev --getro "$dev/$part")" = 1 ] ||
      refuse "$part cannot be made read-only, and this order does not name it"
  done
done
