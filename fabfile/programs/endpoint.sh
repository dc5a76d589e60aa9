# shellcheck shell=sh disable=SC2154
# Whether the API's own address is held by one control plane, whose API server answers there. Nothing is expected while no API
# server is well: there is no cluster yet, or it is down as a whole.
# Given: address, port, interface (of this machine, into the rack), planes (the control planes' addresses), macs (theirs).

well() { curl -fsk --noproxy '*' --max-time 4 -o /dev/null "https://$1:$port/livez"; }
live=
for plane in $planes; do
  if well "$plane"; then live=$plane; break; fi
done
[ -n "$live" ] || exit 0
found=$(arping -b -c 3 -w 4 -I "$interface" "$address" 2>&1 | grep -oiE '([0-9a-f]{2}:){5}[0-9a-f]{2}' | tr A-F a-f | sort -u)
[ -n "$found" ] || { echo "the API server at $live is well, and nobody has $address: journalctl -u coop-endpoint there says why"; exit 1; }
[ "$(printf '%s\n' "$found" | wc -l)" = 1 ] || { echo "several answer for $address: $(echo "$found" | tr '\n' ' ')"; exit 1; }
case " $macs " in *" $found "*) ;; *) echo "$found answers for $address: no control plane"; exit 1 ;; esac
well "$address" || { echo "$found has $address, and no API server answers there"; exit 1; }
