# shellcheck shell=sh disable=SC2034,SC2154
# How bmc.sh speaks IPMI 2.0. Given: address, user, password, suite (of ciphers). The password goes by ipmitool's stdin.

tool() {
  printf '%s\n' "$password" |
    ipmitool -I lanplus -H "$address" -U "$user" -C "$suite" -L "${level:-OPERATOR}" -N 5 -R 1 -f /dev/stdin "$@" 2>&1
}
state() { tool chassis power status | sed -n 's/^Chassis Power is \([a-z]*\)$/\1/p'; }
booting() {  # its first byte: valid, for how long, and the firmware's kind; its second: the device
  flags=$(tool chassis bootparam get 5 | sed -n 's/.*Boot parameter data: *\([0-9A-Fa-f]\{4\}\).*/\1/p')
  case $flags in
    [8aA]0*) kind=Once ;;
    [cCeE]0*) kind=Continuous ;;
    *) kind=Disabled ;;
  esac
  case $flags in
    ??00) echo Disabled: ;;  # what ipmitool's `none` is kept as, too
    ??04) echo "$kind:Pxe" ;;
    ??08) echo "$kind:Hdd" ;;
    ??18) echo "$kind:BiosSetup" ;;
    *) echo "$kind:$flags" ;;
  esac
}
tell() {
  set -f
  # shellcheck disable=SC2086
  set -- $1
  set +f
  said=$(tool "$@") || { printf '%s\n' "$said" | tail -c 600 >&2; return 1; }
}
alter() { tell "$1"; }
