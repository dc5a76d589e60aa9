"""Kubernetes' programs and containerd: one version, on hold, from the vendors' repositories."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from fabfile.rack import Machine, Rack
from fabfile.rack.cluster import API_PORT
from fabfile.rack.versions import Source
from fabfile.resources import AptRepository, ClusterVersion, File, Packages, Resource
from fabfile.roles.cache import through_cache
from fabfile.roles.rendering import render

TIMESYNCD = ("systemd-timesyncd",)  # what chrony comes instead of


def cluster_version(rack: Rack) -> Resource:
    """Keeps what follows from a machine of a cluster that runs another version."""
    server = f"{rack.leader.address()}:{API_PORT}"
    return ClusterVersion(f"v{rack.versions.kubernetes.version}", server)


def kubernetes_repository(rack: Rack, machine: Machine) -> Resource:
    """pkgs.k8s.io of the rack's minor: each minor has a repository of its own."""
    kubernetes = rack.versions.kubernetes
    return _repository(rack, machine, AptRepository("kubernetes", kubernetes.repository, kubernetes.key))


def containerd_repository(rack: Rack, machine: Machine) -> Resource:
    """Docker's repository, for containerd alone."""
    containerd = rack.versions.containerd
    return _repository(rack, machine, AptRepository("containerd", containerd.repository, containerd.key, suite=containerd.suite,
                                                    components=(containerd.component,), of_system=True))


def vendors_repository(rack: Rack, machine: Machine, name: str, source: Source) -> Resource:
    """Another flat repository that versions.yaml names."""
    return _repository(rack, machine, AptRepository(name, source.repository, source.key))


def _repository(rack: Rack, machine: Machine, source: AptRepository) -> Resource:
    """The same through the rack's cache, where there is one. Its plain HTTP is nothing to trust a key by: rooster fetches
    the key from itself, and gives it to the others by SSH."""
    if rack.network.cache is None:
        return source
    return replace(source, url=through_cache(rack, source.url), key=through_cache(rack, source.key),
                   key_by="" if machine is rack.gateway else rack.gateway.name)


def kubernetes_programs(rack: Rack, *programs: str) -> Mapping[str, str]:
    """kubelet, kubeadm, kubectl at the rack's one version: what `held` takes."""
    return dict.fromkeys(programs, rack.versions.kubernetes.package)


def containerd_program(rack: Rack) -> Mapping[str, str]:
    """containerd at the rack's version, in whatever revision its packager gave it."""
    containerd = rack.versions.containerd
    return {containerd.package: f"{containerd.version}-*"}


def held_on_chicks(rack: Rack) -> Mapping[str, str]:
    """What every chick has at the rack's versions and on hold."""
    return {**containerd_program(rack), **kubernetes_programs(rack, "kubeadm", "kubectl", "kubelet")}


def held(packages: Mapping[str, str], interrupts: str = "", also: Iterable[str] = (), others: Iterable[str] = ()) -> Iterator[Resource]:
    """These packages at these versions, moved by tasks alone, not by `apt upgrade` or unattended-upgrades.
    `interrupts`: who notices another version of one that is there. `also`: others at any version, by the same run of apt.
    `others`: installed elsewhere, and kept from upgrades by the same file."""
    blacklist = render("every/etc/apt/apt.conf.d/52rack", packages=sorted({*packages, *others}))
    yield File("/etc/apt/apt.conf.d/52rack", blacklist, check="apt-config -c {} dump")
    # as containerd.io's own control file says; what needs those two goes with them
    beside = ("containerd", "runc") if "containerd.io" in packages else ()
    yield Packages({**packages, **dict.fromkeys(also)}, hold=tuple(packages), interrupts=interrupts, beside=beside,
                   replace=TIMESYNCD if "chrony" in also else ())
