"""Upstream's documents for this rack: what the rack requires and what cluster.yaml adds, in upstream's keys.

Each function gives plain dicts, ready to be written. `load` asks for all of them once, so that whatever
cluster.yaml contradicts is reported before a machine is touched.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import Any

from fabfile.rack.cluster import API_PORT
from fabfile.rack.files import CLUSTER, HOSTS
from fabfile.rack.gpu import RUNTIME
from fabfile.rack.machines import Machine
from fabfile.rack.merge import Contradiction, merge, overlay, plain
from fabfile.rack.model import Rack
from fabfile.rack.node_labels import CONTROL_PLANE, Taint
from fabfile.rack.problem import Problem, RackProblems
from fabfile.rack.reading import Path
from fabfile.upstream.paths import CRI_SOCKET, ETCD, PKI

KUBEADM = "kubeadm.k8s.io/v1beta4"
KUBELET = "kubelet.config.k8s.io/v1beta1"
PATCHES = "/etc/kubernetes/patches"  # on a member with kubelet settings of its own

# kubeadm's constants.PauseVersion, by minor; a check compares it with what the machine's kubeadm says
PAUSE = {"1.34": "3.10.1", "1.35": "3.10.1", "1.36": "3.10.2", "1.37": "3.10.2"}

Tree = dict[str, Any]


def merged_settings(
    rack: Rack, path: Path, demanded: Mapping[str, Any], proposed: Mapping[str, Any] | None = None,
) -> Tree:
    """What stands at `path` of cluster.yaml, merged into what is demanded. Raises RackProblems."""
    written: Any = rack.cluster
    for key in path:
        written = getattr(written, str(key))
    merged = merge(demanded, written, proposed)
    if merged.contradictions:
        raise against(rack, CLUSTER, path, merged.contradictions)
    return merged.values


def against(rack: Rack, file: str, path: Path, found: Iterable[Contradiction]) -> RackProblems:
    """Each value that contradicts what the rack demands, by file and line."""
    return RackProblems(
        rack.problem(file, (*path, *one.path), f"{_said(one.written)} contradicts the rack, "
                     f"which demands {_said(one.demanded)}", "leave this key out") for one in found)


def _said(value: object) -> str:
    return {True: "true", False: "false", None: "nothing"}.get(value, repr(value)) \
        if isinstance(value, bool | None) else repr(value)


def cluster_configuration(rack: Rack) -> Tree:
    """kubeadm's ClusterConfiguration."""
    addresses = sorted(machine.address() for machine in rack.control_planes)
    names = [rack.cluster.endpoint, *map(str, addresses)]
    return merged_settings(rack, ("kubeadm", "ClusterConfiguration"), {
        "apiVersion": KUBEADM,
        "kind": "ClusterConfiguration",
        "clusterName": rack.cluster.name,
        "kubernetesVersion": f"v{rack.versions.kubernetes.version}",
        "controlPlaneEndpoint": rack.cluster.endpoint_address,
        "networking": {"podSubnet": str(rack.network.pod), "serviceSubnet": str(rack.network.service)},
        "apiServer": {"certSANs": names},
    }, {"networking": {"dnsDomain": "cluster.local"}})


def certificates_folder(rack: Rack) -> str:
    """Where kubeadm keeps the cluster's certificates on a machine."""
    return str(rack.cluster.kubeadm.ClusterConfiguration.get("certificatesDir") or PKI).rstrip("/")


def etcd_folder(rack: Rack) -> str:
    """Where a control plane's etcd keeps its data; empty where the cluster has an etcd of its own elsewhere."""
    etcd = rack.cluster.kubeadm.ClusterConfiguration.get("etcd") or {}
    if etcd.get("external"):
        return ""
    return str((etcd.get("local") or {}).get("dataDir") or ETCD).rstrip("/")


def node_taints(rack: Rack, machine: Machine) -> tuple[Taint, ...]:
    """The taints of a member's node: kubeadm's own, which keeps pods off a control plane, where the machine takes
    none; and those of hosts.yaml."""
    own = () if rack.takes_pods(machine) else (Taint(key=CONTROL_PLANE, effect="NoSchedule"),)
    return (*own, *machine.node_taints)


def _registration(rack: Rack, machine: Machine) -> Tree:
    """How the node enters the cluster: with its taints, so that no pod comes before they are there."""
    taints = {"taints": [taint.model_dump(exclude_defaults=True) for taint in node_taints(rack, machine)]}
    return {
        "name": machine.name,
        "criSocket": CRI_SOCKET,
        "kubeletExtraArgs": [{"name": "node-ip", "value": str(machine.address())}],
        **(taints if taints["taints"] or "control-plane" in machine.roles else {}),
    }


def _patches(machine: Machine) -> Tree:
    return {"patches": {"directory": PATCHES}} if machine.KubeletConfiguration else {}


def _api_endpoint(machine: Machine) -> Tree:
    return {"advertiseAddress": str(machine.address()), "bindPort": API_PORT}


def init_configuration(rack: Rack, machine: Machine) -> Tree:
    """kubeadm's InitConfiguration for the machine where the cluster is made."""
    return merged_settings(rack, ("kubeadm", "InitConfiguration"), {
        "apiVersion": KUBEADM,
        "kind": "InitConfiguration",
        "localAPIEndpoint": _api_endpoint(machine),
        "nodeRegistration": _registration(rack, machine),
        **_patches(machine),
    })


ADDONS = {"dns": "addon/coredns", "proxy": "addon/kube-proxy"}  # key of ClusterConfiguration → phase of kubeadm init


def has_addon(rack: Rack, machine: Machine, addon: str) -> bool:
    """Whether kubeadm makes it, initialized on this machine; `addon`: one of ADDONS."""
    disabled = (cluster_configuration(rack).get(addon) or {}).get("disabled")
    return not disabled and ADDONS[addon] not in (init_configuration(rack, machine).get("skipPhases") or ())


def join_configuration(rack: Rack, machine: Machine, token: str = "", ca_hash: str = "",
                       certificate_key: str = "") -> Tree:
    """kubeadm's JoinConfiguration; its three secrets are borrowed, or words that stand for them."""
    demanded: Tree = {
        "apiVersion": KUBEADM,
        "kind": "JoinConfiguration",
        "nodeRegistration": _registration(rack, machine),
        "discovery": {"bootstrapToken": {
            "apiServerEndpoint": rack.cluster.endpoint_address, "token": token, "caCertHashes": [ca_hash]}},
        **_patches(machine),
    }
    if (folder := certificates_folder(rack)) != PKI:
        demanded["caCertPath"] = f"{folder}/ca.crt"  # where kubelet reads it: kubeadm does not derive it
    if "control-plane" in machine.roles:
        demanded["controlPlane"] = {
            "localAPIEndpoint": _api_endpoint(machine), "certificateKey": certificate_key}
    return merged_settings(rack, ("kubeadm", "JoinConfiguration"), demanded)


def kubelet_configuration(rack: Rack, machine: Machine | None = None) -> Tree:
    """The KubeletConfiguration of the cluster, or of one member: hosts.yaml's keys above cluster.yaml's, a list as
    a whole."""
    path: Path = ("KubeletConfiguration",)
    demanded = {"apiVersion": KUBELET, "kind": "KubeletConfiguration", "failSwapOn": True}
    proposed = {"cgroupDriver": "systemd"}
    if machine is None or not machine.KubeletConfiguration:
        return merged_settings(rack, path, demanded, proposed)
    both = merge(demanded, overlay(rack.cluster.KubeletConfiguration, machine.KubeletConfiguration), proposed)
    own = merge(demanded, machine.KubeletConfiguration).contradictions
    if own:
        raise against(rack, HOSTS, ("machines", machine.name, *path), own)
    return both.values


def kubelet_patch(machine: Machine) -> Tree:
    """What makes the cluster's KubeletConfiguration this machine's, as a JSON merge patch; empty: nothing does."""
    patch: Tree = plain(machine.KubeletConfiguration)
    return patch


def kube_proxy_mode(rack: Rack) -> str:
    """iptables unless cluster.yaml says otherwise: Calico's dataplane has to follow it."""
    return rack.cluster.KubeProxyConfiguration.get("mode") or "iptables"


def kube_proxy_configuration(rack: Rack) -> Tree:
    """The KubeProxyConfiguration of the cluster."""
    demanded: Tree = {"apiVersion": "kubeproxy.config.k8s.io/v1alpha1", "kind": "KubeProxyConfiguration"}
    if kube_proxy_mode(rack) == "ipvs":
        demanded["ipvs"] = {"strictARP": True}  # else every node answers for MetalLB's addresses
    if rack.organisations:  # their pods are in no range of the cluster's: else policies would see the node in place of the pod
        demanded |= {"detectLocalMode": "InterfaceNamePrefix", "detectLocal": {"interfaceNamePrefix": "cali"}}
    return merged_settings(rack, ("KubeProxyConfiguration",), demanded, {"mode": "iptables"})


def containerd_configuration(rack: Rack, machine: Machine | None = None) -> Tree:
    """containerd's own settings, version 3: systemd's cgroups, and the sandbox image that kubeadm names. Where the machine has a
    GPU, the runtime beside runc that `nvidia-ctk runtime configure` would add: written here, so that a plan shows it."""
    runtimes: Tree = {"runc": {"runtime_type": "io.containerd.runc.v2", "options": {"SystemdCgroup": True}}}
    if machine is not None and machine.gpu:
        runtimes[RUNTIME] = {"runtime_type": "io.containerd.runc.v2",
                             "options": {"BinaryName": "/usr/bin/nvidia-container-runtime", "SystemdCgroup": True}}
    demanded: Tree = {"version": 3, "plugins": {"io.containerd.cri.v1.runtime": {"containerd": {"runtimes": runtimes}}}}
    images: Tree = {"registry": {"config_path": "/etc/containerd/certs.d"}}
    if sandbox := sandbox_image(rack):
        images["pinned_images"] = {"sandbox": sandbox}
    return merged_settings(rack, ("containerd",), demanded, {"plugins": {"io.containerd.cri.v1.images": images}})


def sandbox_image(rack: Rack) -> str:
    """The pause image of the rack's Kubernetes; empty for an unknown minor: containerd then has its own."""
    version = PAUSE.get(rack.versions.kubernetes.minor)
    registry = rack.cluster.kubeadm.ClusterConfiguration.get("imageRepository", "registry.k8s.io")
    return f"{registry}/pause:{version}" if version else ""


def calico_env(rack: Rack) -> Tree:
    """The environment of the container calico-node: no tunnel, the address from the node network."""
    return merged_settings(rack, ("calico", "env"), {
        "CALICO_IPV4POOL_CIDR": str(rack.network.pod),
        "CALICO_IPV4POOL_IPIP": "Never",
        "CALICO_IPV4POOL_VXLAN": "Never",
        "IP": "autodetect",
        "IP_AUTODETECTION_METHOD": f"cidr={rack.network.node}",
    })


def calico_pool(rack: Rack) -> Tree:
    """The spec of Calico's default IPPool: all pods, routed plainly, seen by the world as their node."""
    return merged_settings(rack, ("calico", "IPPool"), {
        "cidr": str(rack.network.pod), "ipipMode": "Never", "vxlanMode": "Never", "natOutgoing": True,
    }, {"blockSize": 26, "nodeSelector": "all()"})


def calico_bgp(rack: Rack) -> Tree:
    """The spec of Calico's default BGPConfiguration: every node speaks to every node."""
    return merged_settings(rack, ("calico", "BGPConfiguration"), {"nodeToNodeMeshEnabled": True}, {"asNumber": 64512})


def calico_felix(rack: Rack) -> Tree:
    """The spec of Calico's default FelixConfiguration; its dataplane is kube-proxy's."""
    demanded: Tree = {"ipipEnabled": False, "vxlanEnabled": False}
    if kube_proxy_mode(rack) == "nftables":
        demanded["nftablesMode"] = "Enabled"
    return merged_settings(rack, ("calico", "FelixConfiguration"), demanded)


def contradictions(rack: Rack) -> Iterator[Problem]:
    """All that cluster.yaml says against the rack."""
    documents: list[partial[Tree]] = [
        partial(document, rack) for document in (
            cluster_configuration, kubelet_configuration, kube_proxy_configuration, containerd_configuration,
            calico_env, calico_pool, calico_bgp, calico_felix)]
    documents += [partial(init_configuration, rack, machine) for machine in rack.control_planes[:1]]
    documents += [partial(join_configuration, rack, machine) for machine in rack.chicks]
    documents += [partial(kubelet_configuration, rack, machine) for machine in rack.chicks]
    documents += [partial(containerd_configuration, rack, machine) for machine in rack.chicks if machine.gpu]
    told = set()
    for document in documents:
        try:
            document()
        except LookupError:
            pass  # a machine has no address, which is told elsewhere
        except RackProblems as against:
            yield from (problem for problem in against.problems if problem.key not in told)
            told |= {problem.key for problem in against.problems}
