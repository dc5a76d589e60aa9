"""What a hand changed: a dry run names exactly it, and the run mends exactly it."""

import pytest

KUBECTL = "kubectl --kubeconfig /etc/kubernetes/admin.conf"
# a case: machine, what a hand does there, the resource that a plan names
DRIFTS = {
    "a file edited": ("chick1", "echo '# mine' >>/etc/crictl.yaml", "file /etc/crictl.yaml"),
    "a file's mode": ("chick1", "chmod 600 /etc/hosts", "file /etc/hosts"),
    "a package not on hold": ("chick1", "apt-mark unhold kubelet", "packages containerd.io kubeadm kubectl kubelet"),
    "a package removed": ("chick1", "dpkg --purge --force-depends ethtool", "packages"),
    "a unit stopped": ("chick1", "systemctl stop containerd", "unit containerd.service"),
    "a unit disabled": ("chick1", "systemctl disable chrony", "unit chrony.service"),
    # not ip_forward: without it chick1's pods are cut off, and an admission webhook may be among them
    "a sysctl": ("chick1", "sysctl -w net.bridge.bridge-nf-call-ip6tables=0", "sysctls kubernetes"),
    "a swap line in fstab": ("chick1", "echo '/swapfile none swap sw 0 0' >>/etc/fstab", "swap off"),
    "a firewall flushed": ("rooster", "nft flush ruleset", "nftables"),
    "a rule added": ("rooster", "nft add rule inet coop input tcp dport 8080 accept", "nftables"),
    "a name taken from DNS": ("rooster", "sed -i /chick1/d /etc/dnsmasq.d/rack.conf", "file /etc/dnsmasq.d/rack.conf"),
    "Calico's pool": ("chick0", f"{KUBECTL} patch ippools.crd.projectcalico.org default-ipv4-ippool --type=merge "
                                "-p '{\"spec\":{\"natOutgoing\":false}}'", "Kubernetes objects pod-network"),
    "Calico's node": ("chick0", f"{KUBECTL} -n kube-system set env ds/calico-node IP_AUTODETECTION_METHOD=first-found",
                      "Kubernetes objects calico"),
}
FOLLOWERS = ("unit ",)  # a unit that runs from a mended file restarts: its own change, of the same cause


@pytest.mark.parametrize("case", DRIFTS)
def test_drift_is_named_and_mended(case, bootstrapped, operator, inside):
    machine, by_hand, resource = DRIFTS[case]
    inside(machine, by_hand)
    plan = operator.bootstrap("--dry", code=3)["plan"]
    named = {(change["machine"], change["resource"]) for change in plan}
    first = {each for each in named if not each[1].startswith(FOLLOWERS)} or named
    assert {each[0] for each in named} == {machine}
    assert len(first) == 1 and resource in next(iter(first))[1], named
    mended = operator.bootstrap("--yes")
    assert {name for name, each in mended["machines"].items() if each["changes"]} == {machine}
    assert mended["changes"] == len(plan)
    assert operator.bootstrap("--dry")["changes"] == 0
