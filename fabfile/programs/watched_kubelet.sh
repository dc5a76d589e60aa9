# shellcheck shell=sh disable=SC2015,SC2154
# kubeadm beside one who looks at kubelet: where that ends again and again, kubeadm would wait for it for four minutes, and
# say nothing of why. Given: command (shell text).

(eval "$command") & running=$!
while sleep 0.5; kill -0 $running 2>/dev/null; do
  # before kubeadm has written its settings, kubelet ends for want of them
  [ -e /var/lib/kubelet/config.yaml ] && [ "$(systemctl show -P SubState kubelet)" = auto-restart ] &&
    [ "$(systemctl show -P NRestarts kubelet)" -ge 2 ] || continue
  pkill -TERM -P $running || :; kill $running 2>/dev/null || :; wait $running 2>/dev/null || :
  echo 'kubelet ends each time it is started:' >&2
  words=$(journalctl -q --no-pager -o cat -n 60 -u kubelet | grep -E '^[EF][0-9]{4} |^Error|unknown|[Ff]ailed' | tail -n 5)
  flag=$(printf '%s\n' "$words" | sed -n 's/.*unknown flag: \(--[a-zA-Z0-9-]*\).*/\1/p' | head -n 1)
  [ -z "$flag" ] || grep -n -e "$flag" /dev/null /etc/default/kubelet /var/lib/kubelet/kubeadm-flags.env \
    /etc/systemd/system/kubelet.service.d/*.conf /usr/lib/systemd/system/kubelet.service.d/*.conf 2>/dev/null |
    sed "s/^\([^:]*:[0-9]*\):.*/\1: unknown flag: $flag/" >&2 || :
  printf '%s\n' "$words" >&2
  exit 1
done
wait $running
