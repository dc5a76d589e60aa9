# shellcheck shell=sh disable=SC2154
# The whole disks of a machine. An installation's guard and a scan both begin with this, so that both read the same of a disk.
# Given: dev and sys (/dev and /sys).

property() { udevadm info --query=property --name="$dev/$1" | sed -n "s/^$2=//p" | head -n 1; }  # NAME KEY
serial_of() {
  for key in ID_SCSI_SERIAL ID_SERIAL_SHORT ID_SERIAL; do
    found=$(property "$1" $key)
    if [ -n "$found" ]; then echo "$found"; return; fi
  done
}
whole_disks() {
  for path in "$sys"/class/block/*; do
    # hidden: one path to an NVMe disk that has several; the disk itself has an entry of its own
    if [ -e "$path/device" ] && [ ! -e "$path/partition" ] && ! grep -qsx 1 "$path/hidden"; then
      case ${path##*/} in sr*|fd*|mtd*|mmcblk*boot*|mmcblk*rpmb) ;; *) echo "${path##*/}" ;; esac
    fi
  done
}
size_of() { echo $(($(cat "$sys/class/block/$1/size") * 512)); }
