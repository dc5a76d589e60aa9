"""The cluster, as configs/cluster.yaml says: its name, its endpoint, and settings in upstream's own keys."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field

from fabfile.rack.values import Address, DomainName, Label, Part, Tree, refuse

API_PORT = 6443


def _given(value: object) -> object:
    if value is None:
        raise refuse("no address is given", "virtual_ipaddress: ADDRESS below it; without the key there is none")
    return value


def _router(value: object) -> object:
    if type(value) is not int or not 1 <= value <= 255:
        raise refuse(f"{value!r} is no number of a virtual router", "a number from 1 to 255")
    return value


class Kubeadm(Part):
    """kubeadm's documents (kubeadm.k8s.io/v1beta4)."""

    InitConfiguration: Tree
    ClusterConfiguration: Tree
    JoinConfiguration: Tree


class Keepalived(Part):
    """An address that one control plane at a time has, by VRRP; keepalived's own keywords."""

    virtual_ipaddress: Address = Field(examples=["10.0.0.10"])
    virtual_router_id: Annotated[int, BeforeValidator(_router)] = 51


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
    keepalived: Annotated[Keepalived | None, BeforeValidator(_given)] = None
    kubeadm: Kubeadm = Field(default_factory=lambda: Kubeadm.model_validate({}))
    KubeletConfiguration: Tree
    KubeProxyConfiguration: Tree
    containerd: Tree
    calico: CalicoObjects = Field(default_factory=lambda: CalicoObjects.model_validate({}))

    @property
    def endpoint_address(self) -> str:
        """kubeadm's controlPlaneEndpoint: "kubeapi.flock.lan:6443"."""
        return f"{self.endpoint}:{API_PORT}"
