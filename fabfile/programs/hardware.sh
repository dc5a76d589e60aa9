# shellcheck shell=sh disable=SC2154
# What a running machine is made of, as its kernel and its firmware say: fields between tabs, a line each. Read-only, without
# `set -e`; comes behind disks.sh. Given: dev and sys (/dev and /sys). dmidecode, ipmitool and lldpctl are asked where they are
# installed, and nothing is installed for this.

tab=$(printf '\t')
say() { printf '%s' "$1"; shift; for field; do printf '\t%s' "$field"; done; echo; }
first() { head -n 1 "$1" 2>/dev/null; }
ask() {  # KIND PROGRAM ARGUMENTS: what a program says, if there is one
  kind=$1; shift
  ! command -v "$1" >/dev/null || LC_ALL=C timeout 20 "$@" 2>/dev/null | sed "s/^/$kind$tab/"
}

for name in sys_vendor product_name product_serial product_uuid bios_version; do
  say dmi $name "$(first "$sys/class/dmi/id/$name")"
done
if [ -d "$sys/firmware/efi" ]; then  # a variable's value comes behind four bytes of attributes
  say firmware uefi "$(od -An -tu1 -j4 -N1 \
    "$sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c" 2>/dev/null | tr -d ' ')"
else say firmware bios ''
fi
ask cpu lscpu
ask thread lscpu -p=CPU,CORE,SOCKET
say memory "$(first "$sys/devices/system/memory/block_size_bytes")" \
  "$(cat "$sys"/devices/system/memory/memory[0-9]*/online 2>/dev/null | grep -c 1)" \
  "$(awk '/^MemTotal/ {print $2}' /proc/meminfo)"
ask dimm dmidecode -t 17

for path in "$sys"/class/net/*; do
  if [ ! -e "$path/device" ] || [ -e "$path/device/physfn" ]; then  # a bridge, or a virtual function of another port
    say virtual "${path##*/}"
  else
    mac=$(first "$path/bonding_slave/perm_hwaddr") driver=$(readlink "$path/device/driver")
    say port "${path##*/}" "${mac:-$(first "$path/address")}" "${driver##*/}" "$(first "$path/carrier")" "$(first "$path/speed")"
  fi
done
ask lldp lldpctl -f keyvalue
[ ! -e "$dev/ipmi0" ] || ask bmc ipmitool lan print

for name in $(whole_disks); do
  path=$sys/class/block/$name
  if [ "$(first "$path/removable")" != 1 ]; then
    say disk "$name" "$(size_of "$name")" "$(first "$path/queue/rotational")" "$(property "$name" ID_BUS)" \
      "$(first "$path/device/transport")" "$(readlink -f "$path/device")" "$(serial_of "$name")"
  fi
done
for path in "$dev"/disk/by-id/*; do
  if target=$(readlink "$path"); then say id "${path##*/}" "${target##*/}"; fi
done
say end
