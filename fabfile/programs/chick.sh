# shellcheck shell=sh disable=SC2010,SC2012,SC2015,SC2154
# What a member says of its Kubernetes, as machine.sh does; behind that. Given: socket (of the CRI), endpoint (HOST:PORT of
# the API), pki (the folder of certificates).

# the certificate on its input: when it ends, and its serial number
end_of() {
  about=$(openssl x509 -noout -enddate -serial 2>/dev/null) || return 0
  end=${about#notAfter=}; end=${end%%serial=*}
  echo "$(date -d "$end" +%s) ${about##*serial=}"
}
file() { [ ! -r "$1" ] || say cert "$1 $(end_of <"$1")"; }
embedded() { [ ! -r "$1" ] || say cert "$1 $(sed -n 's/^ *client-certificate-data: //p' "$1" | base64 -d 2>/dev/null | end_of)"; }
served() { say served "$1 $(timeout 4 openssl s_client -connect "$2:$1" </dev/null 2>/dev/null | end_of)"; }
print_of() { openssl x509 -noout -fingerprint -sha256 2>/dev/null | cut -d = -f 2 | tr -d :; }
cri() { timeout 6 crictl --runtime-endpoint "$socket" "$@" 2>/dev/null; }

[ -e /etc/kubernetes/kubelet.conf ] && member=yes || member=
say member "$member"
[ ! -e /var/lib/coop/kubeadm.begun ] || say half-joined yes
grep -qw overlay /proc/filesystems || say no-module overlay  # by what they bring: a kernel may have them built in
[ -e /proc/sys/net/bridge/bridge-nf-call-iptables ] || say no-module br_netfilter
for key in ipv4/ip_forward bridge/bridge-nf-call-iptables bridge/bridge-nf-call-ip6tables; do
  say sysctl "net.${key%%/*}.${key##*/} $(cat "/proc/sys/net/$key" 2>/dev/null)"
done
say cgroups "$(stat -f -c %T /sys/fs/cgroup)"
cri version >/dev/null && say runtime yes || say runtime no
! grep -qE '^ *disabled_plugins *=.*cri' /etc/containerd/config.toml 2>/dev/null || say cri-disabled yes
say pods "$(cri pods -q --state Ready | grep -c .)"
sed -n -e 's/^containerRuntimeEndpoint: *//p' -e 's/.*container-runtime-endpoint=\([^" ]*\).*/\1/p' /var/lib/kubelet/config.yaml \
  /var/lib/kubelet/instance-config.yaml /var/lib/kubelet/kubeadm-flags.env 2>/dev/null | tr -d '"' | sort -u | each runtime-endpoint
[ -z "$member" ] || journalctl -q -u kubelet -n 300 -o cat --no-pager 2>/dev/null |
  grep -E '"command failed"|failed to run Kubelet|^Error' | last kubelet-error
ls /etc/kubernetes/manifests 2>/dev/null | each manifest  # kubelet leaves out what begins with a dot
ls -A /etc/cni/net.d 2>/dev/null | grep -E 'conf(list)?$' | each cni
ss -Hltnp 'sport = :179' 2>/dev/null | sed -n 's/.*users:(("\([^"]*\)".*/\1/p' | sort -u | each bgp-port
say iptables "$(iptables --version 2>/dev/null)"
say legacy-tables "$(tr '\n' ' ' 2>/dev/null </proc/net/ip_tables_names)"
cat /sys/class/net/cali*/mtu 2>/dev/null | sort -u | each pod-mtu
say conntrack "$(cat /proc/sys/net/netfilter/nf_conntrack_count /proc/sys/net/netfilter/nf_conntrack_max 2>/dev/null | tr '\n' ' ')"
file /var/lib/kubelet/pki/kubelet-client-current.pem
if [ -n "$member" ]; then
  file /var/lib/kubelet/pki/kubelet.crt
  served 10250 127.0.0.1 &
  say ca "$(sed -n 's/^ *certificate-authority-data: //p' /etc/kubernetes/kubelet.conf | base64 -d 2>/dev/null | print_of)"
  say ca-file "$(print_of <"$pki/ca.crt")"
  say api "$(curl -sk --noproxy '*' --max-time 4 -o /dev/null -w '%{http_code}' "https://$endpoint/readyz")" &
fi
