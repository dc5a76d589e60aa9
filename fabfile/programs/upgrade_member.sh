# shellcheck shell=sh disable=SC2154
# What an upgrade has to know of one member, without the API server of another: a line for each thing.
# Given: address (ADDRESS:PORT of its own API server; "" on a worker), mark (the file of an unfinished kubeadm upgrade),
# patience (seconds that its etcd is waited for), kubeconfig.

[ -e /etc/kubernetes/kubelet.conf ] || { echo stranger; exit 0; }
echo "kubelet $(dpkg-query -W -f '${Version}' kubelet 2>/dev/null)"
[ ! -e "$mark" ] || echo begun
for path in / /var /var/lib/kubelet /var/lib/containerd /var/lib/etcd; do
  [ ! -d "$path" ] || df -P "$path" 2>/dev/null | awk 'NR == 2 && $2 { print "disk", $6, int($4 * 100 / $2) }'
done | sort -u
for file in /etc/kubernetes/manifests/*; do
  [ ! -e "$file" ] || echo "manifest ${file##*/}"
done
[ -n "$address" ] || exit 0
for name in kube-apiserver kube-controller-manager kube-scheduler; do
  sed -n "s/^ *image: .*:/runs $name /p" "/etc/kubernetes/manifests/$name.yaml" 2>/dev/null
done
if [ -e /etc/kubernetes/manifests/etcd.yaml ]; then  # else etcd is elsewhere
  of() { sed -n "s/^ *- --$1=//p" /etc/kubernetes/manifests/etcd.yaml; }
  etcdctl() {
    crictl exec "$(crictl ps -q --name '^etcd$' | head -n 1)" etcdctl --endpoints=https://127.0.0.1:2379 \
      --cacert="$(of trusted-ca-file)" --cert="$(of cert-file)" --key="$(of key-file)" "$@" 2>&1
  }
  now() { cut -d . -f 1 /proc/uptime; }
  until=$(($(now) + patience))
  until said=$(etcdctl endpoint health); do
    [ "$(now)" -lt "$until" ] || { echo "etcd $(printf '%s\n' "$said" | tail -n 1)"; break; }
    sleep 2
  done
  etcdctl alarm list | sed -n 's/^.*alarm:/alarm /p'
  etcdctl member list | sed -n 's/^[0-9a-f]*, \([a-z]*\), \([^,]*\), .*/member \1 \2/p'
fi
kubectl --kubeconfig "$kubeconfig" --server "https://$address" --request-timeout=20s get --raw /metrics 2>/dev/null |
  sed -n 's/^apiserver_requested_deprecated_apis{\(.*\)} 1$/deprecated \1/p'
:
