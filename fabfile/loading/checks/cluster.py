"""The endpoint and its address, kube-proxy beside Calico, forms of older kubeadm, secrets that do not belong into a file."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from fabfile.loading.draft import Draft, Wrong
from fabfile.loading.secret_keys import OF_THE_CLUSTER
from fabfile.rack.files import CLUSTER
from fabfile.rack.reading import Path
from fabfile.rack.spelling import did_you_mean
from fabfile.rack.versions import numbers

PROXY_MODES = ("iptables", "nftables", "ipvs")
DATAPLANE_SINCE = "3.29.0"  # Calico knows nftablesMode
EXTRA = re.compile(r"(extra|kubeletExtra)Args|extraEnvs")


def endpoint_is_a_name_of_its_own(draft: Draft) -> Iterator[Wrong]:
    endpoint, domain = draft.cluster.endpoint, draft.network.domain
    if not (endpoint and domain):
        return
    host, _dot, rest = endpoint.partition(".")
    if rest != domain:
        yield Wrong(CLUSTER, ("endpoint",), f"{endpoint} is not in the rack's domain {domain}",
                    f"rooster's DNS resolves that one: kubeapi.{domain}")
    elif host in draft.machines:
        yield Wrong(CLUSTER, ("endpoint",), f"{endpoint} is the machine {host}",
                    "with its own name, control planes can be added later")


def virtual_address_is_free(draft: Draft) -> Iterator[Wrong]:
    """It is in the machines' own network, and nobody else is given it."""
    wanted, plan = draft.cluster.keepalived, draft.network
    if not (wanted and plan.node):
        return
    address, at = wanted.virtual_ipaddress, ("keepalived", "virtual_ipaddress")
    owner = next((machine.name for machine, one in draft.interfaces() if one.address and one.address.ip == address), None)
    range_ = plan.dhcp.range if plan.dhcp else None
    pool = next((one for one in plan.load_balancer or () if address in one), None)
    if address not in plan.node:
        yield Wrong(CLUSTER, at, f"{address} lies outside the node network {plan.node}",
                    "control planes take it over from each other there")
    elif address in (plan.node.network_address, plan.node.broadcast_address):
        yield Wrong(CLUSTER, at, f"{address} is the node network's own first or last address", "take one between them")
    elif owner:
        yield Wrong(CLUSTER, at, f"{address} is {owner}'s own address", "take one that no machine has")
    elif range_ and range_[0] <= address <= range_[1]:
        yield Wrong(CLUSTER, at, f"{address} lies in the range of DHCP, {range_[0]} to {range_[1]}", "another machine could be given it")
    if pool:
        yield Wrong(CLUSTER, at, f"{address} lies in {pool} of the load balancer", "MetalLB would answer for it")


def kube_proxy_and_calico_go_together(draft: Draft) -> Iterator[Wrong]:
    """Both write packet rules: in the same tables, or they undo each other's work."""
    proxy = draft.cluster.KubeProxyConfiguration or {}
    felix = (draft.cluster.calico.FelixConfiguration or {}) if draft.cluster.calico else {}
    calico = draft.versions.calico
    mode, at = proxy.get("mode", "iptables"), ("KubeProxyConfiguration", "mode")
    if mode not in PROXY_MODES:
        yield Wrong(CLUSTER, at, f"{mode!r} is not a mode of kube-proxy",
                    did_you_mean(str(mode), PROXY_MODES))
    if mode == "nftables" and calico and numbers(calico.version) < numbers(DATAPLANE_SINCE):
        yield Wrong(CLUSTER, at, f"Calico {calico.version} cannot do nftables",
                    "write iptables, or take Calico 3.29 or later")
    if mode == "iptables" and felix.get("nftablesMode") == "Enabled":
        yield Wrong(CLUSTER, ("calico", "FelixConfiguration", "nftablesMode"),
                    "Calico would use nftables and kube-proxy iptables",
                    "set KubeProxyConfiguration.mode: nftables too")
    if felix.get("bpfEnabled"):
        yield Wrong(CLUSTER, ("calico", "FelixConfiguration", "bpfEnabled"),
                    "Calico's eBPF mode requires that kube-proxy is disabled, and the rack uses it", "leave this key out")


def arguments_are_lists(draft: Draft) -> Iterator[Wrong]:
    for path, value in _everything(draft.cluster):
        if EXTRA.fullmatch(str(path[-1])) and isinstance(value, Mapping):
            name, setting = next(iter(value.items()), ("name", "value"))
            yield Wrong(CLUSTER, path, "a list is expected, the mapping is of kubeadm v1beta3",
                        f"- {{name: {name}, value: {setting!r}}}")


def no_secrets(draft: Draft) -> Iterator[Wrong]:
    told: list[Path] = []
    for path, value in _everything(draft.cluster):
        if any(path[:len(one)] == one for one in told):
            continue
        if OF_THE_CLUSTER.fullmatch(str(path[-1])) and value not in (None, "", ()):
            told.append(path)
            yield Wrong(CLUSTER, path, "a secret does not belong in this file",
                        "tokens and keys are generated when they are needed")


def containerd_can_say_it(draft: Draft) -> Iterator[Wrong]:
    for path, value in _below(("containerd",), draft.cluster.containerd):
        if value is None:
            yield Wrong(CLUSTER, path, "there is no value, which containerd's TOML cannot express",
                        "give it a value, or leave the key out")


def _everything(cluster: Any) -> Iterator[tuple[Path, object]]:
    """Every value of upstream's own keys, with its path."""
    trees: dict[Path, object] = {
        (key,): getattr(cluster, key)
        for key in ("KubeletConfiguration", "KubeProxyConfiguration", "containerd")}
    for group in ("kubeadm", "calico"):
        part = getattr(cluster, group)
        if part:
            trees |= {(group, key): getattr(part, key) for key in type(part).model_fields}
    for path, tree in trees.items():
        yield from _below(path, tree)


def _below(path: Path, value: object) -> Iterator[tuple[Path, object]]:
    inner: Iterable[tuple[str | int, object]] = ()
    if isinstance(value, Mapping):
        inner = value.items()
    elif isinstance(value, list | tuple):
        inner = enumerate(value)
    for key, one in inner:
        yield (*path, key), one
        yield from _below((*path, key), one)


ALL = (endpoint_is_a_name_of_its_own, virtual_address_is_free, kube_proxy_and_calico_go_together, arguments_are_lists, no_secrets,
       containerd_can_say_it)
