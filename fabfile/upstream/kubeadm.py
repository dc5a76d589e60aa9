"""The rack's documents with kubeadm's own defaults.

Taken from the sources of kubeadm 1.36 (cmd/kubeadm/app: apis/kubeadm/v1beta4/defaults.go, componentconfigs/,
phases/controlplane/manifests.go, phases/etcd/local.go). For another minor only what the rack says is compared: what
else is set there may be that minor's own default.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from fabfile.rack.machines import Machine
from fabfile.rack.merge import overlay, plain
from fabfile.rack.model import Rack
from fabfile.upstream import documents
from fabfile.upstream.paths import CRI_SOCKET, ETCD, PKI

KNOWN_MINOR = "1.36"
VALIDITY = "8760h0m0s"  # of certificates that cluster.yaml gives no other
# arguments that kubeadm itself may give a kubelet, beside nodeRegistration.kubeletExtraArgs: the value, or None for any
KUBELET_OWN: Mapping[str, str | None] = {
    "container-runtime-endpoint": CRI_SOCKET, "hostname-override": None, "pod-infra-container-image": None, "register-with-taints": None}

# keys of KubeletConfiguration that are left out where they are "", 0 or false (no pointers in k8s.io/kubelet's types)
KUBELET_UNSAID = frozenset("""
address cgroupDriver cgroupRoot clientCAFile clusterDomain containerLogMaxSize contentType cpuManagerPolicy
enableContentionProfiling eventBurst evictionMaxPodGracePeriod hairpinMode healthzBindAddress imageServiceEndpoint
kernelMemcgNotification kubeAPIBurst kubeReservedCgroup kubeletCgroups maxOpenFiles maxPods memoryManagerPolicy
nodeLeaseDurationSeconds podCIDR podLogsDir podsPerCore port protectKernelDefaults providerID readOnlyPort
registryBurst reservedSystemCPUs rotateCertificates runOnce serverTLSBootstrap showHiddenMetricsForVersion
staticPodPath staticPodURL swapBehavior systemCgroups systemReservedCgroup tlsCertFile tlsMinVersion
tlsPrivateKeyFile topologyManagerPolicy topologyManagerScope volumePluginDir
""".split())
CLUSTER_UNSAID = frozenset({"disabled", "imageRepository", "imageTag", "readOnly", "pathType", "value"})

Tree = dict[str, Any]
Arguments = tuple[tuple[str, str | None], ...]  # name and value; None: any value


def is_known(rack: Rack) -> bool:
    """Whether all that this minor of kubeadm sets by itself is known here."""
    return rack.versions.kubernetes.minor == KNOWN_MINOR


def _around(rack: Rack, defaults: Tree, document: Tree) -> Tree:
    """The document with kubeadm's own defaults where it is silent; of another minor they are not known."""
    around: Tree = overlay(defaults if is_known(rack) else {}, document)
    return around


def certificate_validity(rack: Rack) -> str:
    """How long kubeadm's certificates live, as a duration."""
    return str(documents.cluster_configuration(rack).get("certificateValidityPeriod") or VALIDITY)


def cluster_configuration(rack: Rack) -> Tree:
    """The ClusterConfiguration as it stands in the ConfigMap kubeadm-config."""
    return _around(rack, {
        "apiServer": {}, "controllerManager": {}, "scheduler": {}, "dns": {}, "proxy": {},
        "caCertificateValidityPeriod": "87600h0m0s",
        "certificateValidityPeriod": VALIDITY,
        "certificatesDir": PKI,
        "encryptionAlgorithm": "RSA-2048",
        **({"etcd": {"local": {"dataDir": ETCD}}} if documents.etcd_folder(rack) else {}),
        "imageRepository": "registry.k8s.io",
    }, documents.cluster_configuration(rack))


def kubelet_configuration(rack: Rack, machine: Machine | None = None) -> Tree:
    """The KubeletConfiguration as it stands in the ConfigMap kubelet-config; or on one member, with its own keys."""
    return _around(rack, {
        "authentication": {"anonymous": {"enabled": False}, "webhook": {"enabled": True},
                           "x509": {"clientCAFile": f"{documents.certificates_folder(rack)}/ca.crt"}},
        "authorization": {"mode": "Webhook"},
        "cgroupDriver": "systemd",
        "clusterDNS": [str(rack.network.service[10])],
        "clusterDomain": documents.cluster_configuration(rack)["networking"]["dnsDomain"],
        "healthzBindAddress": "127.0.0.1",
        "healthzPort": 10248,
        "rotateCertificates": True,
        "staticPodPath": "/etc/kubernetes/manifests",
    }, documents.kubelet_configuration(rack, machine))


def kube_proxy_configuration(rack: Rack) -> Tree:
    """The KubeProxyConfiguration as it stands in the ConfigMap kube-proxy."""
    return _around(rack, {
        "bindAddress": "0.0.0.0",
        "clientConnection": {"kubeconfig": "/var/lib/kube-proxy/kubeconfig.conf"},
        "clusterCIDR": str(rack.network.pod),
    }, documents.kube_proxy_configuration(rack))


def certificate_names(rack: Rack, machine: Machine) -> tuple[str, ...]:
    """What the API server's certificate on this machine is good for, sorted."""
    cluster = documents.cluster_configuration(rack)
    services = ("kubernetes", "kubernetes.default", "kubernetes.default.svc")
    return tuple(sorted({
        machine.name, *services, f"kubernetes.default.svc.{cluster['networking']['dnsDomain']}",
        str(rack.network.service[1]), str(machine.address()), rack.cluster.endpoint,
        *map(str, cluster["apiServer"]["certSANs"]),
    }))


@dataclass(frozen=True)
class Component:
    """A static pod of the control plane, as kubeadm writes its manifest."""

    name: str  # of the pod, the container and the manifest: "kube-apiserver"
    arguments: Arguments
    environment: tuple[tuple[str, str], ...]
    volumes: tuple[tuple[str, str], ...]  # name, and what it is: see volume_text


def components(rack: Rack, machine: Machine, known: bool) -> tuple[Component, ...]:
    """The static pods of a control plane. Unless kubeadm's own arguments are `known`, they may be any."""
    cluster = documents.cluster_configuration(rack)
    networking, address = cluster["networking"], str(machine.address())
    etcd = (cluster.get("etcd") or {}).get("local") or {}
    pki, data = documents.certificates_folder(rack), documents.etcd_folder(rack)
    own = (_component("etcd", known, etcd, _of_etcd(machine.name, address, pki, data)),) if data else ()
    return (
        _component("kube-apiserver", known, cluster["apiServer"], _of_api_server(networking, address, pki, bool(data))),
        _component("kube-controller-manager", known, cluster.get("controllerManager"),
                   _of_controller_manager(cluster["clusterName"], networking, pki)),
        _component("kube-scheduler", known, cluster.get("scheduler"), _of_client("scheduler.conf")),
        *own,
    )


def _component(name: str, known: bool, written: Mapping[str, Any] | None, own: Mapping[str, str | None]) -> Component:
    """kubeadm's own arguments without those that cluster.yaml gives, then these, in their order."""
    written = written or {}
    extra = [(one["name"], str(one.get("value", ""))) for one in _listed(written.get("extraArgs"))]
    given = {one for one, _ in extra}
    if "authorization-config" in given:
        given.add("authorization-mode")  # the two exclude each other
    kept = [(key, value if known or key == "advertise-address" else None)
            for key, value in sorted(own.items()) if key not in given]
    environment = tuple((one["name"], str(one.get("value", ""))) for one in _listed(written.get("extraEnvs")))
    volumes = tuple((one["name"], volume_text(one["hostPath"], one["mountPath"], one.get("readOnly"), one.get("pathType")))
                    for one in _listed(written.get("extraVolumes")))
    return Component(name, (*kept, *extra), environment, volumes)


def volume_text(path: str, at: str, read_only: bool | None, kind: str | None) -> str:
    """A volume in one line: "/etc/audit at /audit, read-only, DirectoryOrCreate"."""
    return ", ".join(filter(None, (f"{path} at {at}", "read-only" if read_only else "", kind)))


def _listed(items: Any) -> Iterable[Mapping[str, Any]]:
    return [one for one in plain(items or []) if isinstance(one, Mapping) and "name" in one]


def _of_api_server(networking: Mapping[str, str], address: str, pki: str, own_etcd: bool) -> dict[str, str | None]:
    return {
        "advertise-address": address, "allow-privileged": "true", "authorization-mode": "Node,RBAC",
        "client-ca-file": f"{pki}/ca.crt", "enable-admission-plugins": "NodeRestriction",
        "enable-bootstrap-token-auth": "true", "etcd-servers": None,
        "etcd-cafile": f"{pki}/etcd/ca.crt" if own_etcd else None,  # of an etcd elsewhere they may lie anywhere
        "etcd-certfile": f"{pki}/apiserver-etcd-client.crt" if own_etcd else None,
        "etcd-keyfile": f"{pki}/apiserver-etcd-client.key" if own_etcd else None,
        "kubelet-client-certificate": f"{pki}/apiserver-kubelet-client.crt",
        "kubelet-client-key": f"{pki}/apiserver-kubelet-client.key",
        "kubelet-preferred-address-types": "InternalIP,ExternalIP,Hostname",
        "proxy-client-cert-file": f"{pki}/front-proxy-client.crt",
        "proxy-client-key-file": f"{pki}/front-proxy-client.key",
        "requestheader-allowed-names": "front-proxy-client",
        "requestheader-client-ca-file": f"{pki}/front-proxy-ca.crt",
        "requestheader-extra-headers-prefix": "X-Remote-Extra-", "requestheader-group-headers": "X-Remote-Group",
        "requestheader-username-headers": "X-Remote-User", "secure-port": "6443",
        "service-account-issuer": f"https://kubernetes.default.svc.{networking['dnsDomain']}",
        "service-account-key-file": f"{pki}/sa.pub", "service-account-signing-key-file": f"{pki}/sa.key",
        "service-cluster-ip-range": networking["serviceSubnet"],
        "tls-cert-file": f"{pki}/apiserver.crt", "tls-private-key-file": f"{pki}/apiserver.key",
    }


def _of_client(kubeconfig: str) -> dict[str, str | None]:
    path = f"/etc/kubernetes/{kubeconfig}"
    return {"authentication-kubeconfig": path, "authorization-kubeconfig": path, "bind-address": "127.0.0.1",
            "kubeconfig": path, "leader-elect": "true"}


def _of_controller_manager(cluster: str, networking: Mapping[str, str], pki: str) -> dict[str, str | None]:
    return _of_client("controller-manager.conf") | {
        "allocate-node-cidrs": "true", "client-ca-file": f"{pki}/ca.crt", "cluster-cidr": networking["podSubnet"],
        "cluster-name": cluster, "cluster-signing-cert-file": f"{pki}/ca.crt",
        "cluster-signing-key-file": f"{pki}/ca.key", "controllers": "*,bootstrapsigner,tokencleaner",
        "requestheader-client-ca-file": f"{pki}/front-proxy-ca.crt", "root-ca-file": f"{pki}/ca.crt",
        "service-account-private-key-file": f"{pki}/sa.key",
        "service-cluster-ip-range": networking["serviceSubnet"], "use-service-account-credentials": "true",
    }


def _of_etcd(node: str, address: str, pki: str, data: str) -> dict[str, str | None]:
    peer, client = f"https://{address}:2380", f"https://{address}:2379"
    return {
        "advertise-client-urls": client, "cert-file": f"{pki}/etcd/server.crt", "client-cert-auth": "true",
        "data-dir": data, "feature-gates": None, "initial-advertise-peer-urls": peer,
        "initial-cluster": None, "initial-cluster-state": None,  # of the moment when the member joined
        "key-file": f"{pki}/etcd/server.key", "listen-client-urls": f"https://127.0.0.1:2379,{client}",
        "listen-metrics-urls": "http://127.0.0.1:2381", "listen-peer-urls": peer, "name": node,
        "peer-cert-file": f"{pki}/etcd/peer.crt", "peer-client-cert-auth": "true",
        "peer-key-file": f"{pki}/etcd/peer.key", "peer-trusted-ca-file": f"{pki}/etcd/ca.crt",
        "snapshot-count": "10000", "trusted-ca-file": f"{pki}/etcd/ca.crt",
        "watch-progress-notify-interval": None,
    }
