"""Settings that are fixed when the cluster is created: why an edit is rejected, and how to change them."""

from __future__ import annotations

from collections.abc import Mapping

from fabfile.rack.files import CLUSTER, HOSTS, NETWORK
from fabfile.rack.model import Machine, Rack
from fabfile.rack.problem import key_text
from fabfile.rack.reading import Path

CLUSTER_CONFIGURATION = ("kubeadm", "ClusterConfiguration")

_NEW = "a new cluster: back up, `kubeadm reset` every machine, bootstrap, restore"
_UPGRADE = "kubeadm changes it with an upgrade (`kubeadm upgrade apply --config`); put the previous value back until then"
_STATE = ("on one node after another: `kubectl drain`, stop kubelet, set it in /var/lib/kubelet/config.yaml, remove "
          "/var/lib/kubelet/{file}, start kubelet, `kubectl uncordon`; then set it in the ConfigMap kubelet-config")


Fixed = tuple[str, str, str]  # where it stands ("configs/cluster.yaml:12: kubeadm.…"), why it is fixed, the way


def fixed_cluster(rack: Rack) -> Mapping[str, Fixed]:
    """Of the ClusterConfiguration, by the path of the key in it ("networking.podSubnet"); "" is any other key that
    is not known to be changed live."""
    here = CLUSTER_CONFIGURATION
    both = "the addresses of every pod and service stand in the cluster's objects, routes and certificates"
    images = "the images of the control plane, DNS and kube-proxy are pulled from there"
    return {
        "clusterName": _fixed(rack, CLUSTER, ("name",), "controllers have named what they made by it", _NEW),
        "controlPlaneEndpoint": _fixed(
            rack, CLUSTER, ("endpoint",), "every kubelet, kubeconfig and certificate names the API server so",
            "add the new name to kubeadm.ClusterConfiguration.apiServer.certSANs, and keep the endpoint"),
        "networking.podSubnet": _fixed(rack, NETWORK, ("pod",), both, _NEW),
        "networking.serviceSubnet": _fixed(rack, NETWORK, ("service",), both, _NEW),
        "networking.dnsDomain": _fixed(
            rack, CLUSTER, (*here, "networking", "dnsDomain"),
            "pods that run, certificates and service accounts name services by it", _NEW),
        "certificatesDir": _fixed(rack, CLUSTER, (*here, "certificatesDir"), "every component reads there", _NEW),
        "caCertificateValidityPeriod": _fixed(
            rack, CLUSTER, (*here, "caCertificateValidityPeriod"),
            "every certificate and kubeconfig of the cluster stands on its certificate authorities",
            "rotate them by hand (kubernetes.io: Manual Rotation of CA Certificates)"),
        "imageRepository": _fixed(rack, CLUSTER, (*here, "imageRepository"), images, _UPGRADE),
        "dns": _fixed(rack, CLUSTER, (*here, "dns"), "kubeadm deploys DNS once", _UPGRADE),
        "proxy": _fixed(rack, CLUSTER, (*here, "proxy"), "kubeadm deploys kube-proxy once", _UPGRADE),
        "featureGates": _fixed(rack, CLUSTER, (*here, "featureGates"), "kubeadm reads its gates at an upgrade", _UPGRADE),
        "etcd": _fixed(rack, CLUSTER, (*here, "etcd"), "the cluster's data lies there",
                       "move etcd by a snapshot and a restore, then edit the ConfigMap kubeadm-config"),
        "": _fixed(rack, CLUSTER, here, "no way is known to change it on a cluster that runs", _UPGRADE),
    }


def fixed_kubelet(rack: Rack) -> Mapping[str, Fixed]:
    """Of the KubeletConfiguration, by key."""
    return {key: _fixed(rack, CLUSTER, ("KubeletConfiguration", *key.split(".")), *reason)
            for key, reason in _OF_KUBELET.items()}


def fixed_kubelet_of(rack: Rack, machine: Machine) -> Mapping[str, Fixed]:
    """Of the KubeletConfiguration that hosts.yaml gives one machine, by key: those that stand there."""
    path = ("machines", machine.name, "KubeletConfiguration")
    return {key: _fixed(rack, HOSTS, (*path, *key.split(".")), *reason) for key, reason in _OF_KUBELET.items()
            if key.split(".")[0] in machine.KubeletConfiguration}


_RESOLVED = "pods that run have it in their resolv.conf"
_OF_KUBELET = {  # why it is fixed, and the way
    "cgroupDriver": ("every pod that runs lies in groups of the previous driver, and containerd has it too",
        "drain a node, `inv node.remove` it, `inv node.add` it with the new driver, one after another"),
    "clusterDNS": (_RESOLVED, "pods have to be recreated: write the previous value back, or a new cluster"),
    "clusterDomain": (_RESOLVED, _NEW),
    "staticPodPath": ("the control plane's own pods are read from there", "leave this key out"),
    "containerRuntimeEndpoint": ("every pod that runs is held by the runtime behind it", "leave this key out"),
    "authentication.x509.clientCAFile": ("the API server could not ask kubelets any more", "leave this key out"),
    "cpuManagerPolicy": ("kubelet does not start with the state of another policy",
        _STATE.format(file="cpu_manager_state")),
    "memoryManagerPolicy": ("kubelet does not start with the state of another policy",
        _STATE.format(file="memory_manager_state")),
}


def fixed_kube_proxy(rack: Rack) -> Mapping[str, Fixed]:
    """Of the KubeProxyConfiguration, by key."""
    here = ("KubeProxyConfiguration",)
    return {
        "clusterCIDR": _fixed(rack, CLUSTER, (*here, "clusterCIDR"), "it is the network of pods", _NEW),
        "mode": _fixed(
            rack, CLUSTER, (*here, "mode"), "kube-proxy does not take away its own rules of ipvs, or those beside them",
            "set it in the ConfigMap kube-proxy, then drain and reboot one node after another"),
    }


def _fixed(rack: Rack, file: str, path: Path, because: str, way: str) -> Fixed:
    line = rack.documents[file].line(path)
    return f"{file}:{line}: {key_text(path)}", because, way
