# shellcheck shell=sh disable=SC2015,SC2154
# What a control plane says of its certificates, its static pods and its etcd; behind chick.sh. Given: address.

if [ -e /etc/kubernetes/manifests ] && [ -e "$pki/apiserver.crt" ]; then
  say control-plane yes
  for each in "$pki"/*.crt "$pki"/etcd/*.crt; do file "$each"; done
  for each in admin super-admin controller-manager scheduler; do embedded "/etc/kubernetes/$each.conf"; done
  served 6443 "$address" & served 2379 127.0.0.1 & served 2380 "$address" &
  say apiserver "$(curl -sk --noproxy '*' --max-time 4 -o /dev/null -w '%{http_code}' "https://$address:6443/readyz")" &
  cri ps -a --name '^(etcd|kube-apiserver|kube-controller-manager|kube-scheduler)$' -o json | tr -d '\n' | sed 's/$/\n/' |
    each containers
  etcd=$(cri ps -q --name '^etcd$' | head -n 1)
  etcdctl() { timeout 8 crictl --runtime-endpoint "$socket" exec "$etcd" etcdctl --endpoints https://127.0.0.1:2379 \
    --cacert "$pki/etcd/ca.crt" --cert "$pki/etcd/server.crt" --key "$pki/etcd/server.key" \
    --command-timeout 4s "$@" 2>/dev/null | tr -d '\n'; }
  if [ -n "$etcd" ]; then
    say etcd-status "$(etcdctl endpoint status -w json)" &
    say etcd-health "$(etcdctl endpoint health --cluster -w json)" &
    say etcd-members "$(etcdctl member list -w json)" &
    say etcd-alarms "$(etcdctl alarm list)" &
  else
    failed=$(cri ps -a -q --name '^etcd$' | head -n 1)
    [ -z "$failed" ] || timeout 4 crictl --runtime-endpoint "$socket" logs --tail 20 "$failed" 2>&1 | last etcd-said
  fi
  if [ -z "$(cri ps -q --name '^kube-apiserver$')" ]; then
    failed=$(cri ps -a -q --name '^kube-apiserver$' | head -n 1)
    [ -z "$failed" ] || timeout 4 crictl --runtime-endpoint "$socket" logs --tail 20 "$failed" 2>&1 | last apiserver-said
  fi
fi
