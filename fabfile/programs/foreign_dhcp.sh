# shellcheck shell=sh disable=SC2154
# Who else gives addresses away on rooster's inner port: rooster's own server gives none to rooster, so whoever offers one is
# another. busybox' client asks below the packet filter, and configures nothing. Given: interface.

script=$(mktemp); trap 'rm -f "$script"' EXIT
# shellcheck disable=SC2016  # the script's own variables
printf '#!/bin/sh\n[ "$1" != bound ] || echo "offer $serverid"\n' >"$script"; chmod 700 "$script"
if busybox --list | grep -qx udhcpc; then
  busybox udhcpc -i "$interface" -n -q -f -R -t 2 -T 2 -s "$script" 2>/dev/null | grep '^offer ' | while read -r _ server; do
    busybox ping -c 1 -W 1 "$server" >/dev/null 2>&1
    echo "offer $server $(ip neigh show "$server" dev "$interface" | sed -n 's/.*lladdr \([^ ]*\).*/\1/p')"
  done
  echo asked
fi
