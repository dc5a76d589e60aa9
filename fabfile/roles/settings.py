"""The cluster's settings on its members: an edit of cluster.yaml is applied to one member after another."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from fabfile.rack import Machine, Rack
from fabfile.rack.cluster import API_PORT
from fabfile.resources import (
    ApiCertificate,
    CertificateValidity,
    ClusterSettings,
    KubeletSettings,
    KubeProxySettings,
    Resource,
    StaticPod,
    Unit,
)
from fabfile.resources.api_question import ready
from fabfile.roles.kubeadm_config import init_config
from fabfile.upstream import documents, fixed, kubeadm


def kubelet_answers(rack: Rack, machine: Machine) -> str:
    """Shell text that asks kubelet how it is, where its settings have it answer; empty where they have it say nothing."""
    settings = documents.kubelet_configuration(rack, machine)
    address, port = settings.get("healthzBindAddress") or "127.0.0.1", settings.get("healthzPort", 10248)
    host = "127.0.0.1" if address in ("0.0.0.0", "::") else f"[{address}]" if ":" in str(address) else address
    return f"curl -fs --noproxy '*' --max-time 2 -o /dev/null http://{host}:{port}/healthz" if port else ""


def cluster_settings(rack: Rack, machine: Machine) -> Resource:
    """What new members are given, asked and changed on one control plane."""
    return ClusterSettings(
        kubeadm.cluster_configuration(rack), kubeadm.kubelet_configuration(rack), init_config(rack, machine),
        _address(machine), fixed.fixed_cluster(rack), fixed.fixed_kubelet(rack), kubeadm.is_known(rack),
        kubeadm.CLUSTER_UNSAID, kubeadm.KUBELET_UNSAID)


def kube_proxy_settings(rack: Rack, machine: Machine) -> Iterator[Resource]:
    """kube-proxy on every node, changed on one control plane. Calico's dataplane follows it: never before it."""
    if documents.has_addon(rack, machine, "proxy"):
        yield KubeProxySettings(kubeadm.kube_proxy_configuration(rack), machine.name, _address(machine),
                                fixed.fixed_kube_proxy(rack), kubeadm.is_known(rack))


def member_settings(rack: Rack, machine: Machine) -> Iterator[Resource]:
    """What runs on a member by the cluster's settings: the control plane's pods and certificates, then kubelet."""
    if machine in rack.control_planes:
        yield from _control_plane(rack, machine)
    yield _settings_of_kubelet(rack, machine)
    yield Unit("kubelet", running=None, enabled=None, watches=(KubeletSettings.CONFIG, KubeletSettings.FLAGS),
               answers=kubelet_answers(rack, machine), interrupts=f"kubelet restarts on {machine.name}, its pods keep running")


def kubelet(rack: Rack, machine: Machine) -> Iterator[Resource]:
    """A member's kubelet runs. One that cannot start for its settings gets them right first: there is nobody to disturb."""
    yield _settings_of_kubelet(rack, machine, down=True)
    yield Unit("kubelet")


def _settings_of_kubelet(rack: Rack, machine: Machine, down: bool = False) -> Resource:
    joined = registration(rack, machine)
    arguments = tuple((one["name"], str(one.get("value", "")))
                      for one in joined["nodeRegistration"].get("kubeletExtraArgs") or ())
    patches = patches_of(joined)
    return KubeletSettings(
        kubeadm.kubelet_configuration(rack, machine), arguments, kubeadm.KUBELET_OWN, kubeadm.is_known(rack),
        kubeadm.KUBELET_UNSAID, "" if patches == documents.PATCHES else patches,  # its own keys are in the document
        fixed.fixed_kubelet_of(rack, machine), down)


def _control_plane(rack: Rack, machine: Machine) -> Iterator[Resource]:
    patches = patches_of(registration(rack, machine))
    config, address, known = init_config(rack, machine, patches), _address(machine), kubeadm.is_known(rack)
    pki = documents.certificates_folder(rack)
    yield ApiCertificate(kubeadm.certificate_names(rack, machine), config, address, known, pki)
    known = known and patches in ("", documents.PATCHES)  # a patch may set what nobody here knows of
    parts = kubeadm.components(rack, machine, known)
    healthy = {part.name: _healthy(part, address) for part in parts}
    yield CertificateValidity(kubeadm.certificate_validity(rack), machine.name, config, address, " && ".join(healthy.values()), pki)
    alone = len(rack.control_planes) == 1
    nobody = "; the API is not available for about 20 s, pods keep running" if alone else "; the others answer meanwhile"
    words = {
        "kube-apiserver": f"the API server of {machine.name} restarts{nobody}",
        "etcd": f"etcd on {machine.name} restarts{nobody}",
        "kube-controller-manager": f"the controller manager of {machine.name} restarts, pods keep running",
        "kube-scheduler": f"the scheduler of {machine.name} restarts, new pods wait some seconds",
    }
    for part in parts:
        yield StaticPod(part.name, machine.name, part.arguments, part.environment, part.volumes, config,
                        healthy[part.name], words[part.name], known)


def registration(rack: Rack, machine: Machine) -> Mapping[str, Any]:
    """What the machine became a member with, its secrets left out. Only the first control plane was made by init:
    for the others nodeRegistration and patches are JoinConfiguration's."""
    if machine is rack.control_planes[0]:
        return documents.init_configuration(rack, machine)
    return documents.join_configuration(rack, machine)


def patches_of(joined: Mapping[str, Any]) -> str:
    """The folder of kubeadm's patches on the machine, if it joined with one."""
    return (joined.get("patches") or {}).get("directory") or ""


def _address(machine: Machine) -> str:
    return f"{machine.address()}:{API_PORT}"


def components_answer(rack: Rack, machine: Machine) -> str:
    """Shell text that is true when every component of a control plane says that it is well."""
    return " && ".join(_healthy(part, _address(machine)) for part in kubeadm.components(rack, machine, kubeadm.is_known(rack)))


def _healthy(part: kubeadm.Component, address: str) -> str:
    """Shell text that asks a component on its own machine."""
    given = dict(part.arguments)
    local = {"kube-controller-manager": (10257, "healthz"), "kube-scheduler": (10259, "readyz")}
    if part.name in local:
        port, path = local[part.name]
        return f"curl -fsk --max-time 3 -o /dev/null https://127.0.0.1:{given.get('secure-port', port)}/{path}"
    return ready(address)  # of etcd, too: the API server is not ready without it
