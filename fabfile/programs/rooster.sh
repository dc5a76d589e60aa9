# shellcheck shell=sh disable=SC2015,SC2154
# What rooster says of what it does for the rack, as machine.sh does; behind that. Given: node (the nodes' network), balanced
# (networks of the services, by spaces), page (of the internet), kubeconfig, others (kubeconfigs of other operators), published ("yes" where it
# has nginx), virtual (the API's own address, or ""), interface (into the rack), backups (their folder, or ""), lock (the rack's).

shell=$(sed -n 's/.*"shell": "\([0-9]*\)".*/\1/p' "$lock.holder" 2>/dev/null)  # it has the lock as long as it has the file open
[ -z "$shell" ] || [ "$(readlink "/proc/$shell/fd/8")" != "$lock" ] || say run "$(cat "$lock.holder")"
say forwards "$(cat /proc/sys/net/ipv4/ip_forward)"
rules=$(nft list table inet coop 2>/dev/null)
case $rules in *"ip saddr $node "*masquerade*) say masquerades yes ;; *) say masquerades no ;; esac
case $rules in *'hook input '*'policy drop'*) say filters yes ;; *) say filters no ;; esac
for network in $balanced; do
  ip -4 route show "$network" 2>/dev/null | grep -q . && say service-route "$network yes" || say service-route "$network no"
done
say internet "$(curl -sS --max-time 6 -o /dev/null -w '%{http_code}' "$page" 2>/dev/null)" &
if [ -n "$virtual" ] && command -v arping >/dev/null; then
  say endpoint "$(arping -b -c 3 -w 3 -I "$interface" "$virtual" 2>/dev/null | grep -oiE '([0-9a-f]{2}:){5}[0-9a-f]{2}' | tr A-F a-f |
    sort -u | tr '\n' ' ')" &
fi
if [ "$published" = yes ]; then
  # a /run of its own: nginx makes its file of the process there, even where it only tests
  unshare --mount sh -c 'mount -t tmpfs tmpfs /run && exec nginx -t -q' 2>&1 | grep '^nginx: ' | head -n 1 | each nginx-error
  grep -nE '^[^#]*return +30[1278]' /etc/nginx/nginx.conf /etc/nginx/conf.d/*.conf /etc/nginx/sites-enabled/* 2>/dev/null |
    head -n 1 | each redirects
fi
[ -z "$backups" ] || (
  newest=none
  for each in $(find "$backups" -mindepth 1 -maxdepth 1 -name '[0-9]*Z' 2>/dev/null | sort -r); do
    if (cd "$each" && sha256sum --check --status sums 2>/dev/null); then newest=${each##*/}; break; else newest=damaged; fi
  done
  say backup "$newest"
) &
for file in $kubeconfig $others; do
  [ ! -e "$file" ] || say cert "$file $(sed -n 's/^ *client-certificate-data: //p' "$file" | base64 -d 2>/dev/null |
    openssl x509 -noout -enddate 2>/dev/null | cut -d = -f 2 | date -f - +%s) -"
done
if [ -e "$kubeconfig" ]; then
  say kubectl "$(timeout 8 kubectl --kubeconfig "$kubeconfig" --request-timeout=5s get --raw /version 2>&1 >/dev/null | tail -n 1)" &
elif [ -n "$kubeconfig" ]; then
  say no-kubeconfig "$kubeconfig"
fi
