# shellcheck shell=sh disable=SC2013
# What a pod reaches, asked in it by busybox's shell; before the word "asked" stands what is wrong. It sees its machine's
# root at /machine, read-only, for `ping` and `curl`: busybox's ping cannot forbid fragments, its wget checks no
# certificate. Arguments: the node's interface, a service's name, host, port and address of a page outside, the site's proxy
# ("" for none), then the addresses of the other pods.

link=$1 service=$2 host=$3 port=$4 page=$5 proxy=$6; shift 6
first() { nslookup "$1" 2>/dev/null | sed '1,/^Name/d' | grep -oE '([0-9]+\.){3}[0-9]+' | head -n 1; }
mtu=$(cat /sys/class/net/eth0/mtu) wire=$(cat "/machine/sys/class/net/$link/mtu")
[ "$mtu" = "$wire" ] || echo "the MTU of a pod is $mtu, that of the link $wire"
for device in $(sed -n '2,$s/^\([a-z][^\t]*\).*/\1/p' /machine/proc/1/net/route | sort -u); do
  case $(cat "/machine/sys/class/net/$device/type" "/machine/sys/class/net/$device/uevent") in
  768*|776*|778*|*DEVTYPE=vxlan*|*DEVTYPE=wireguard*) echo "the tunnel $device carries a route" ;;
  esac
done
for pod in "$@"; do
  chroot /machine ping -q -c 1 -W 3 -M 'do' -s $((mtu - 28)) "$pod" >/dev/null 2>&1 ||
    echo "no unfragmented packet of $mtu bytes reaches $pod"
done
[ -n "$(first "$service")" ] || echo "DNS does not resolve $service"
if [ -n "$proxy" ]; then  # names outside may be the proxy's alone to resolve
  chroot /machine curl -sS -o /dev/null --max-time 15 --proxy "$proxy" "$page"; echo asked; exit 0
fi
case $host in *[!0-9.]*) address=$(first "$host") ;; *) address=$host ;; esac
[ -n "$address" ] || echo "DNS does not resolve $host"
[ -z "$address" ] ||
  chroot /machine curl -sS -o /dev/null --max-time 15 --resolve "$host:$port:$address" "$page"
echo asked
