"""What every chick needs before it can join a cluster."""

from __future__ import annotations

from collections.abc import Iterator
from shlex import quote

from fabfile.rack import Machine, Rack
from fabfile.rack.cluster import API_PORT
from fabfile.resources import (
    Check,
    File,
    FreePorts,
    KubeletFlags,
    Modules,
    NoManifestCopies,
    NoOtherCni,
    NoOtherFilter,
    Packaged,
    Packages,
    PodHosts,
    Resource,
    SupportedSystem,
    SwapOff,
    Sysctls,
    Unit,
)
from fabfile.roles.cache import cached_packages
from fabfile.roles.endpoint import endpoint, endpoint_answers
from fabfile.roles.gpu import gpu, gpu_packages
from fabfile.roles.metrics import asked_by_rooster, exporters_answer, metrics
from fabfile.roles.names import own_name, resolvers
from fabfile.roles.nfs_client import before_packages, pods_speak_no_nfs
from fabfile.roles.nfs_client import packages as nfs_packages
from fabfile.roles.programs import cluster_version, containerd_repository, held, held_on_chicks, kubernetes_repository
from fabfile.roles.proxy import proxied
from fabfile.roles.rendering import render
from fabfile.roles.runtime import runtime
from fabfile.roles.sshd import sshd
from fabfile.upstream.documents import sandbox_image
from fabfile.upstream.paths import CRI_SOCKET

CHRONY = "/etc/chrony/chrony.conf"


def node(rack: Rack, machine: Machine) -> Iterator[Resource]:
    """A chick's system, runtime and Kubernetes programs; kubelet itself starts when the machine joins."""
    yield SupportedSystem()
    yield KubeletFlags()
    yield NoManifestCopies()
    yield Packaged(("containerd", "ctr", "runc", "kubeadm", "kubelet", "kubectl"), ("containerd", "kubelet", "chrony"))
    vrrp = ("112/vrrp",) if rack.cluster.keepalived and machine in rack.control_planes else ()
    yield NoOtherFilter(machine.inner.name, str(rack.network.node),
                        (*(f"{port}/tcp" for port in ports(rack, machine)), *vrrp, *asked_by_rooster(rack)))
    yield NoOtherCni()
    yield FreePorts({f"{port}/tcp": program for port, program in ports(rack, machine).items()}, ("kubelet",))
    yield cluster_version(rack)
    yield from own_name(rack, machine)
    yield PodHosts()
    # rooster alone, no second resolver behind it: CoreDNS asks all it finds in turn, and only rooster knows
    # the rack
    yield from resolvers(rack, (rack.gateway.address(),))
    yield sshd()
    yield SwapOff()
    yield Modules("kubernetes", ("overlay", "br_netfilter"))
    yield Sysctls("kubernetes", {
        "net.ipv4.ip_forward": "1",
        "net.bridge.bridge-nf-call-iptables": "1",
        "net.bridge.bridge-nf-call-ip6tables": "1",
    })
    yield from proxied(rack)
    yield cached_packages(rack)
    yield Packages({"ca-certificates": None, "curl": None})
    yield kubernetes_repository(rack, machine)
    yield containerd_repository(rack, machine)
    yield from before_packages(rack)
    yield from held(held_on_chicks(rack), f"containerd or kubelet restart on {machine.name}: pods keep running, none can start "
                    "meanwhile", also=("chrony", "conntrack", "cri-tools", "ethtool", "iproute2", "iptables", "iputils-ping",
                    *nfs_packages(rack)), others=gpu_packages(rack, machine))
    yield from pods_speak_no_nfs(rack)
    yield from endpoint(rack, machine)
    yield from clock(rack)
    yield from gpu(rack, machine)
    yield from runtime(rack, machine)
    yield from metrics(rack, machine)


def ports(rack: Rack, machine: Machine) -> dict[int, str]:
    """The TCP ports at which a chick is asked by others, and who answers: BGP, kubelet, MetalLB, the API server, etcd."""
    speaker = {7946: "speaker"} if rack.versions.metallb else {}
    control_plane = {2379: "etcd", 2380: "etcd", API_PORT: "kube-apiserver"} if machine in rack.control_planes else {}
    return {179: "bird", **control_plane, **speaker, 10250: "kubelet"}


def clock(rack: Rack) -> Iterator[Resource]:
    """The time, from rooster."""
    yield File(CHRONY, render("chick/etc/chrony/chrony.conf", gateway=rack.gateway), check="chronyd -p -f {}", asks=True,
               unread=("/etc/chrony/conf.d/*.conf", "/etc/chrony/sources.d/*.sources"))
    yield Unit("chrony", watches=(CHRONY,))


def prepared(rack: Rack, machines: tuple[Machine, ...]) -> Iterator[Check]:
    """On these chicks the runtime answers; with control planes among them, the API does at its own address."""
    yield from runtime_answers(rack, machines)
    yield from exporters_answer(rack, machines)
    if any(machine in rack.control_planes for machine in machines):
        yield from endpoint_answers(rack)


def runtime_answers(rack: Rack, machines: tuple[Machine, ...]) -> Iterator[Check]:
    """On these chicks the runtime answers, with the sandbox image that kubeadm names."""
    sandbox = sandbox_image(rack)
    for machine in machines:
        yield Check(f"containerd answers on {machine.name}", machine.name,
                    f"crictl --runtime-endpoint {CRI_SOCKET} version >/dev/null 2>&1 || "
                    "{ systemctl status --no-pager -n 3 containerd 2>&1; exit 1; }", about=(machine.name,))
        if sandbox:
            yield Check(f"kubeadm on {machine.name} names the sandbox image {sandbox}", machine.name, f"""
version=v{rack.versions.kubernetes.version}
named=$(kubeadm config images list --kubernetes-version $version 2>/dev/null | grep /pause:)
[ "${{named##*:}}" = {quote(sandbox.rpartition(":")[2])} ] || {{ echo "it names $named"; exit 1; }}
""", about=(machine.name,))
