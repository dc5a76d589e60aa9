# shellcheck shell=sh disable=SC2154
# busybox's udhcpc runs this in the environment when it has an address, or has it again. Given by it: interface, ip, mask (a
# prefix's length), router and dns (words). resolv: /etc/resolv.conf. $1: what has happened.

case $1 in
  bound|renew)
    ip addr replace "$ip/$mask" dev "$interface"
    [ -z "${router-}" ] || ip route replace default via "${router%% *}" dev "$interface"
    for server in ${dns-}; do echo "nameserver $server"; done >"$resolv" ;;
esac
