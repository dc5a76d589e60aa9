# shellcheck shell=sh disable=SC2154
# A machine leaves its cluster. kubeadm leaves the pod network as it was: its settings, devices, routes and rules.
# Given: socket (of the CRI), pki (the folder of the certificates), begun, finished and upgrading (the marks of a membership,
# and of an upgrade).

if command -v kubeadm >/dev/null; then kubeadm reset --force --cri-socket "$socket" --cert-dir "$pki"; fi
systemctl stop kubelet 2>/dev/null || :
# not the folder itself: containerd watches it and gives up when it goes
find /etc/cni/net.d -mindepth 1 -delete 2>/dev/null || :
rm -rf -- /var/lib/cni /var/lib/calico /run/calico
for link in $(ip -o link show | sed -n 's/^[0-9]*: \(cali[^@:]*\|vxlan.calico\)[@:].*/\1/p'); do
  ip link delete "$link" || :
done
ip route flush proto bird 2>/dev/null || :
for tables in iptables ip6tables; do
  if command -v $tables-save >/dev/null; then
    $tables-save | grep -v -e KUBE- -e cali -e CNI- | $tables-restore || :
  fi
done
if command -v nft >/dev/null; then
  for family in ip ip6; do nft delete table $family kube-proxy 2>/dev/null || :; done
fi
rm -f -- "$begun" "$finished" "$upgrading"
