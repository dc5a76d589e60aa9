# shellcheck shell=sh disable=SC1091,SC2016,SC2154
# What a chick says of itself, a line each: "NAME<tab>VALUE". Read-only. Given: socket (of the CRI), pki (the folder of certificates).

say() { printf '%s\t%s\n' "$1" "$2"; }
say name "$(hostname)"
say up "$(systemctl show --timestamp=utc -P UserspaceTimestamp)"
say system "$(. /etc/os-release; echo "$PRETTY_NAME"), kernel $(uname -r)"
for unit in kubelet containerd chrony; do say $unit "$(systemctl is-active $unit)"; done
say failed "$(systemctl --failed --plain --no-legend | cut -d ' ' -f 1 | tr '\n' ' ')"
say swap "$(tail -n +2 /proc/swaps | cut -d ' ' -f 1 | tr '\n' ' ')"
say disk "$(df -P /var/lib | awk 'NR == 2 {print $5}' | tr -d %)"
say memory "$(awk '/^MemTotal/ {total = $2} /^MemAvailable/ {free = $2}
    END {print 100 - int(100 * free / total)}' /proc/meminfo)"
say held "$(apt-mark showhold | tr '\n' ' ')"
say versions "$(dpkg-query -W -f '${Package} ${Version}, ' kubelet kubeadm kubectl containerd.io 2>/dev/null)"
say clock "$(chronyc -n tracking 2>/dev/null | sed -n 's/^Leap status *: //p')"
for file in /var/lib/kubelet/pki/kubelet-client-current.pem "$pki/apiserver.crt"; do
  [ ! -e "$file" ] || say "$file" "$(date -d "$(openssl x509 -noout -enddate -in "$file" | cut -d = -f 2)" +%s)"
done
say now "$(date +%s)"
say member "$([ -e /etc/kubernetes/kubelet.conf ] && echo yes)"
say pods "$(crictl --runtime-endpoint "$socket" pods -q --state Ready 2>/dev/null | wc -l)"
