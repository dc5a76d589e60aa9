"""The cluster, as configs/cluster.yaml says: its name, its endpoint, and settings in upstream's own keys."""

from __future__ import annotations

from pydantic import Field

from fabfile.rack.values import DomainName, Label, Part, Tree

API_PORT = 6443


class Kubeadm(Part):
    """kubeadm's documents (kubeadm.k8s.io/v1beta4)."""

    InitConfiguration: Tree
    ClusterConfiguration: Tree
    JoinConfiguration: Tree


class CalicoObjects(Part):
    """Calico's own objects: the `spec` of each, and the environment of the container calico-node."""

    env: Tree
    FelixConfiguration: Tree
    BGPConfiguration: Tree
    IPPool: Tree


class Cluster(Part):
    """What configs/cluster.yaml says. Roles take the mappings merged into what the rack demands."""

    name: Label = Field(examples=["flock"])
    endpoint: DomainName = Field(examples=["kubeapi.flock.lan"])
    kubeadm: Kubeadm = Field(default_factory=lambda: Kubeadm.model_validate({}))
    KubeletConfiguration: Tree
    KubeProxyConfiguration: Tree
    containerd: Tree
    calico: CalicoObjects = Field(default_factory=lambda: CalicoObjects.model_validate({}))

    @property
    def endpoint_address(self) -> str:
        """kubeadm's controlPlaneEndpoint: "kubeapi.flock.lan:6443"."""
        return f"{self.endpoint}:{API_PORT}"
