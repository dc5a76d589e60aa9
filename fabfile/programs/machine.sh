# shellcheck shell=sh disable=SC1091,SC2013,SC2015,SC2016,SC2086,SC2154
# What a machine says of its system, a line each: "NAME<tab>VALUE", some names more than once. Read-only; nothing waits for
# a share that does not answer, and what asks the network is asked at the same time: `wait` ends it. Few programs are started, as a
# rack may be a hundred machines. Given: units, links (its interfaces), way (the next hop of its default route), known (a name of the
# rack), outside (a name of the internet).

say() { printf '%s\t%s\n' "$1" "$2"; }
each() { while IFS= read -r line; do say "$1" "$line"; done; }
last() { tail -n 1 | cut -c 1-300 | each "$1"; }
say name "$(hostname)"
say id "$(cat /etc/machine-id 2>/dev/null)"
about=$(systemctl show --timestamp=utc -p UserspaceTimestamp,NFailedUnits)
say up "$(printf '%s\n' "$about" | sed -n 's/^UserspaceTimestamp=//p')"
say system "$(. /etc/os-release; echo "$PRETTY_NAME"), kernel $(uname -r)"
systemctl show --timestamp=unix -p Id,LoadState,ActiveState,SubState,UnitFileState,NRestarts,StateChangeTimestamp \
  $units ufw firewalld |
  awk -F = 'function told() {
      if (v["Id"] ~ /^(ufw|firewalld)[.]service$/) {
        if (v["ActiveState"] == "active") print "firewall\t" substr(v["Id"], 1, length(v["Id"]) - length(".service"))
      } else if (v["Id"] != "") print "unit\t" v["Id"], v["LoadState"], v["ActiveState"], v["SubState"],
        (v["UnitFileState"] == "" ? "-" : v["UnitFileState"]), v["NRestarts"] + 0, v["StateChangeTimestamp"]
      split("", v) }
    $0 == "" { told(); next } { v[$1] = $2 } END { told() }'
case $about in
*NFailedUnits=0*) say failed '' ;;
*) say failed "$(systemctl --failed --plain --no-legend | cut -d ' ' -f 1 | tr '\n' ' ')" ;;
esac
say swap "$(awk 'NR > 1 { printf "%s ", $1 }' /proc/swaps)"
awk '$3 == "swap" && $1 !~ /^#/ { print "/etc/fstab line " NR ": " $1 }' /etc/fstab 2>/dev/null | each swap-later
timeout 5 df -Pl / /boot /var /var/lib /var/lib/etcd /var/lib/containerd /var/log /tmp 2>/dev/null |
  awk 'NR > 1 && !seen[$6]++ { sub("%", "", $5); print $6, $5 }' | each disk
timeout 5 df -Pil / /var/lib 2>/dev/null | awk 'NR > 1 && !seen[$6]++ && $5 ~ /%/ { sub("%", "", $5); print $6, $5 }' | each inodes
awk '($2 == "/" || $2 == "/var" || $2 == "/var/lib") && $4 ~ /^ro(,|$)/ && !seen[$2]++ { print $2 }' /proc/mounts | each read-only
# "md0 2/1 _U" has lost a disk; a percentage behind it: it is being filled again
mdstat=$(cat /proc/mdstat 2>/dev/null)
case $mdstat in *\[*_*\]*)
  printf '%s\n' "$mdstat" | awk 'function told() { if (disks ~ /_/) print array, disks progress; array = disks = progress = "" }
  / : active / { told(); array = $1 }
  match($0, /\[[0-9]+\/[0-9]+\] \[[U_]+\]/) { disks = substr($0, RSTART, RLENGTH); gsub(/[][]/, "", disks) }
  match($0, /recovery = *[0-9.]+%/) { progress = substr($0, RSTART, RLENGTH); sub(/recovery = */, " ", progress) }
  END { told() }' | each raid ;;
esac
awk '$3 ~ /^nfs4?$/ { print $2 }' /proc/mounts | while read -r mount; do
  timeout -s KILL 2 stat -t "$mount" >/dev/null 2>&1 || say hung "$mount"
done
say memory "$(awk '/^MemTotal/ {total = $2} /^MemAvailable/ {free = $2}
    END {print 100 - int(100 * free / total)}' /proc/meminfo)"
kernel=$(timeout 5 journalctl -q -k --since=-6h -o short-unix --no-pager -n 4000 \
  -g 'I/O error|Medium Error|EXT4-fs error|XFS.*orruption|Out of memory: Killed|Hardware Error|Machine check|not responding' 2>/dev/null)
if [ -n "$kernel" ]; then
  printf '%s\n' "$kernel" | grep -E 'I/O error|Medium Error|EXT4-fs error|XFS.*orruption' | last disk-error
  printf '%s\n' "$kernel" | grep 'Out of memory: Killed' | last oom
  printf '%s\n' "$kernel" | grep -E 'Hardware Error|Machine check' | last hardware-error
fi
if command -v smartctl >/dev/null; then
  for disk in $(lsblk -dnro NAME,TYPE 2>/dev/null | sed -n 's/ disk$//p'); do
    timeout 5 smartctl -H -A "/dev/$disk" 2>/dev/null | awk -v disk="$disk" '/overall-health|SMART Health Status/ { health = $NF }
      $2 ~ /^(Reallocated_Sector_Ct|Current_Pending_Sector|Offline_Uncorrectable)$/ && $10 > 0 { bad = bad " " $2 "=" $10 }
      /Media and Data Integrity Errors/ && $NF > 0 { bad = bad " media-errors=" $NF }
      END { if (health) print disk, health bad }' | each smart
  done
fi
dpkg-query -W -f '${db:Status-Want} ${db:Status-Eflag} ${db:Status-Status} ${Package} ${Version}\n' '*' 2>/dev/null |
  awk '$1 == "hold" { held = held $4 " " }
    $4 ~ /^(kubelet|kubeadm|kubectl|containerd[.]io|containerd)$/ && $5 != "" { versions = versions $4 " " $5 ", " }
    ($2 != "ok" || $3 !~ /^(installed|config-files|not-installed)$/) && n++ < 5 { print "half-installed\t" $4 }
    END { print "held\t" held; print "versions\t" versions }'
[ ! -e /run/reboot-required ] || say reboot "$(tr '\n' ' ' 2>/dev/null </run/reboot-required.pkgs)"
[ -e /etc/apt/apt.conf.d/52rack ] && say kept-from-upgrades yes || say kept-from-upgrades no
say clock "$(chronyc -n tracking 2>/dev/null | sed -n 's/^Leap status *: //p')"
for link in $links; do
  at=/sys/class/net/$link
  if [ -e "$at" ]; then say link "$link $(cat $at/carrier 2>/dev/null || echo 0) $(cat $at/mtu)"; else say link "$link absent 0"; fi
done
ip -4 -o addr show scope global 2>/dev/null | awk -v links=" $links " 'index(links, " " $2 " ") { print $2, $4 }' | each address
routes=$(ip -4 route show default 2>/dev/null) && say routes "$(printf '%s\n' "$routes" | grep -c .)"
printf '%s\n' "$routes" | each default
for device in $(awk 'NR > 1 && $1 ~ /^[a-z]/ && !seen[$1]++ { print $1 }' /proc/net/route 2>/dev/null); do
  case $(cat "/sys/class/net/$device/type" "/sys/class/net/$device/uevent" 2>/dev/null) in
  768*|776*|778*|*DEVTYPE=vxlan*|*DEVTYPE=wireguard*) say tunnel "$device" ;;
  esac
done
[ -z "$way" ] || { ping -q -c 1 -W 1 "$way" >/dev/null 2>&1 && say way yes || say way no; } &
say nameservers "$(awk '$1 == "nameserver" { printf "%s ", $2 }' /etc/resolv.conf 2>/dev/null)"
for asked in "known $known" "outside $outside"; do
  say "resolves-${asked%% *}" "$(timeout 4 getent -s hosts:dns ahostsv4 "${asked#* }" 2>/dev/null | awk 'NR == 1 {print $1}')" &
done
timeout 3 sshd -T 2>/dev/null | grep -E '^(passwordauthentication|permitrootlogin) ' | each sshd
# shellcheck disable=SC2012  # names that Coop itself chose
ls /var/lib/coop/unverified 2>/dev/null | each unverified
say now "$(date +%s)"
