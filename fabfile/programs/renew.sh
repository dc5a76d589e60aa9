# shellcheck shell=sh disable=SC2086,SC2154
# kubeadm's certificates of a control plane made again, and each component restarted to read them, one after the other.
# A control plane that was well is well again before this ends; one that was not, as when all certificates had expired,
# may need the others first. Behind own_address.sh, and `healthy`, which is true when every component says that it is
# well. Given: mark, config (kubeadm's).

umask 077; mkdir -p /var/lib/coop
was_well=; ! healthy || was_well=yes
: >"$mark"; sync -- "$mark" /var/lib/coop
kubeadm certs renew all --config "$config"
own_address stop
for name in etcd kube-apiserver kube-controller-manager kube-scheduler; do
  was=$(crictl ps -q --name "^$name$"); [ -n "$was" ] || continue
  crictl stop --timeout 20 $was >/dev/null
  until now=$(crictl ps -q --name "^$name$") && [ -n "$now" ] && [ "$now" != "$was" ]; do sleep 1; done
done
if [ -n "$was_well" ]; then
  until healthy; do sleep 1; done
else systemctl restart kubelet  # it starts at once what it had put off after so many failures
fi
own_address start
rm -f "$mark"
