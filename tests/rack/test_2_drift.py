"""What was changed by hand: a dry run names exactly it, and the run fixes exactly it."""

KUBECTL = "kubectl --kubeconfig /etc/kubernetes/admin.conf"
# a case: where (the first control plane, another chick, rooster), what a hand does there, the resource that a plan names
CASES = {
    "a file edited": ("other", "echo '# mine' >>/etc/crictl.yaml", "file /etc/crictl.yaml"),
    "a file's mode": ("other", "chmod 600 /etc/hosts", "file /etc/hosts"),
    "a package not on hold": ("other", "apt-mark unhold kubelet", "packages containerd.io kubeadm kubectl kubelet"),
    "a package removed": ("other", "dpkg --purge --force-depends ethtool", "packages"),
    "a unit stopped": ("other", "systemctl stop containerd", "unit containerd.service"),
    "a unit disabled": ("other", "systemctl disable chrony", "unit chrony.service"),
    # not ip_forward: without it chick1's pods are cut off, and an admission webhook may be among them
    "a sysctl": ("other", "sysctl -w net.bridge.bridge-nf-call-ip6tables=0", "sysctls kubernetes"),
    "a swap line in fstab": ("other", "echo '/swapfile none swap sw 0 0' >>/etc/fstab", "swap off"),
    "a firewall flushed": ("rooster", "nft flush ruleset", "nftables"),
    "a rule added": ("rooster", "nft add rule inet coop input tcp dport 8080 accept", "nftables"),
    "a name taken from DNS": ("rooster", "sed -i /chick1/d /etc/dnsmasq.d/rack.conf", "file /etc/dnsmasq.d/rack.conf"),
    "Calico's pool": ("first", f"{KUBECTL} patch ippools.crd.projectcalico.org default-ipv4-ippool --type=merge "
                                "-p '{\"spec\":{\"natOutgoing\":false}}'", "Kubernetes objects pod-network"),
    "Calico's node": ("first", f"{KUBECTL} -n kube-system set env ds/calico-node IP_AUTODETECTION_METHOD=first-found",
                      "Kubernetes objects calico"),
}
SAMPLE = ("a file edited", "a unit stopped", "a firewall flushed", "Calico's node")  # where a machine is off
FOLLOWERS = ("unit ",)  # a unit that runs from a fixed file restarts: its own change, of the same cause


def test_drift_is_named_and_mended(case, bootstrapped, operator, inside, kind):
    where, by_hand, resource = CASES[case]
    machine = {"first": kind.first, "other": kind.other}.get(where, where)
    inside(machine, by_hand)
    plan = operator.bootstrap("--dry", code=kind.differs)["plan"]
    named = {(change["machine"], change["resource"]) for change in plan}
    first = {each for each in named if not each[1].startswith(FOLLOWERS)} or named
    assert {each[0] for each in named} == {machine}
    assert len(first) == 1 and resource in next(iter(first))[1], named
    fixed = operator.bootstrap("--yes")
    assert {name for name, each in fixed["machines"].items() if each["changes"]} == {machine}
    assert fixed["changes"] == len(plan)
    assert operator.bootstrap("--dry")["changes"] == 0
