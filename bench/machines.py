"""Simulated machines for the real roles: bare at first, then as their resources require.

A run asks them what it would ask a shell: each probe is answered with the facts that a bare machine would
give, and once a resource's commands have come, with those of a machine that has it.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Sequence
from functools import singledispatch
from hashlib import sha256
from shlex import quote
from typing import TYPE_CHECKING, Any

from fabfile.engine import detached
from fabfile.engine.plan import Entry, Wanted, differences
from fabfile.engine.step import Step
from fabfile.resources import (
    AptRepository,
    ClusterSettings,
    ControlPlane,
    Directory,
    Download,
    Exports,
    File,
    HelmChart,
    HelmRelease,
    HomeKubeconfig,
    HomesClaim,
    HostId,
    Hostname,
    KernelHeaders,
    KernelModule,
    Kubeconfig,
    KubeProxySettings,
    KubernetesObjects,
    Member,
    Modules,
    NetworkInterface,
    Nftables,
    NodeImages,
    OperatorRights,
    Packages,
    Ran,
    Resource,
    SwapOff,
    Symlink,
    Sysctls,
    Unit,
    ZfsDataset,
    ZfsParameters,
    ZfsPool,
)
from fabfile.resources.ssh_settings import SshSettings

if TYPE_CHECKING:
    from fabfile.rack import Rack

BORROWED = "abcdef.0123456789abcdef sha256:" + "0" * 64
_UNIT = re.compile(r"coop-[0-9a-f]{12}\b")
_NEXT = "\n--- next part\n"
_RUNNING = ("LoadState=loaded\nActiveState=active\nSubState=running\nUnitFileState=enabled\n"
            "NeedDaemonReload=no\nStateChangeTimestamp=Mon 2026-11-23 19:59:46.123456 UTC")


_MASKED = _RUNNING.replace("=loaded", "=masked").replace("=active", "=inactive").replace("=enabled", "=masked")
_KERNEL = "kernel 6.12.117+deb13-amd64 {headers} {module}\nflavour amd64\n"


class Machine:
    """What a run speaks to: ("probe" or "act", text) → exit code, output."""

    def __init__(self, name: str, wants: Sequence[Wanted]):
        self._facts: dict[int, tuple[str, str]] = {}  # by the probe's hash: bare, and as wanted
        self._makes: dict[int | str, int] = {}  # command's hash, or long command's name → probe it makes so
        self._said: dict[int, str] = {}
        self._made: set[int] = set()
        steps: dict[str, list[Wanted]] = {}
        for want in wants:
            steps.setdefault(want.step, []).append(want)
        for group in steps.values():
            self._learn(name, group)

    def __call__(self, verb: str, text: str) -> tuple[int, str]:
        key = hash(text)
        if verb == "probe":
            bare, wanted = self._facts.get(key, ("", ""))
            return 0, wanted if key in self._made else bare
        unit = _UNIT.search(text)
        probe = self._makes.get(key) or self._makes.get(unit[0] if unit else "")
        if probe is not None:
            self._made.add(probe)
            return 0, ""
        return 0, BORROWED + "\n" if text.startswith(("export KUBECONFIG", "kubectl")) else ""

    def _learn(self, name: str, wants: Sequence[Wanted]) -> None:
        probes = {}
        for want in wants:
            probe = probes[want.resource.name] = hash(want.resource.probe())
            self._facts[probe] = sys.intern(bare(want.resource)), sys.intern(wanted(want.resource))
        for entry in differences(name, wants, [bare(want.resource) for want in wants]):
            self._makes[_sign(name, entry)] = probes[entry.resource]


def _sign(machine: str, entry: Entry) -> int | str:
    """By what a machine knows that the last command of a change has come."""
    scripts = [command.script for command in entry.change.commands]
    if entry.change.undo:
        return detached.name(machine, entry.resource, "".join(scripts))
    if entry.change.commands[-1].long:
        return detached.name(machine, entry.resource, scripts[-1])
    given = "".join(f"{want.name}={quote(BORROWED)}\n" for want in entry.change.remote_values)
    return hash(given + scripts[-1])


def machines(rack: Rack, steps: Sequence[Step]) -> Iterator[tuple[str, Machine]]:
    """Every machine of the rack, bare, by its name."""
    for machine in rack.machines.values():
        wants = [Wanted(step.name, resource) for step in steps if machine in step.machines
                 for resource in step.role(rack, machine)]
        yield machine.name, Machine(machine.name, wants)


def bare(resource: Resource) -> str:
    """The facts of a machine that has nothing of it."""
    match resource:
        case Packages() | NodeImages() | Member() | ControlPlane() | ClusterSettings() | KubeProxySettings():
            return ""
        case KernelHeaders() | KernelModule():
            return _KERNEL.format(headers="none", module="none")
        case ZfsPool():
            return "".join(f"#disk {path} 4000787030016 512 Z1\n" for path in resource.disks.split("\n"))
        case HostId() | ZfsParameters():
            return f"{_NEXT}absent"
        case Exports():
            return f"{_NEXT}{_NEXT}absent"
        case Hostname() | Sysctls() | Modules() | AptRepository() | NetworkInterface():
            return f"absent{_NEXT}absent"
        case SshSettings():
            return f"absent{_NEXT}{_RUNNING}"
        case Nftables():
            return f"absent{_NEXT}wanted\n\nlive\n"
        case Unit():
            return _RUNNING.replace("=active", "=inactive").replace("=enabled", "=disabled")
        case SwapOff():
            return "fstab\nabsent"
    return "absent"


@singledispatch
def wanted(resource: Any) -> str:
    """The facts of a machine that has it as it should be: none, for what only refuses."""
    if list(resource.changes("", frozenset())):
        raise NotImplementedError(type(resource).__name__)
    return ""


def _file(file: File) -> str:
    return (f"file {file.permissions():o} {file.owner} 0 {file.group} 0\n"
            f"sha256 {sha256(file.data()).hexdigest()}")


wanted.register(File, _file)
wanted.register(Unit, lambda unit: _MASKED if unit.masked else _RUNNING)
wanted.register(SwapOff, bare)
wanted.register(Ran, lambda ran: "made")
wanted.register(KubernetesObjects, lambda objects: "exit 0\n")
wanted.register(ControlPlane, lambda plane: "finished\nkubelet\nadmin\napiserver\netcd\n")
wanted.register(NodeImages, lambda images: "member\n")
wanted.register(Member, lambda member: "finished\nkubelet\nnode 200 0\n")
wanted.register(Symlink, lambda link: f"a link to {link.target}/\n")
wanted.register(HelmRelease, lambda release: f"release 1 deployed {release.digest} 1\nlive 0\n")
wanted.register(Hostname, lambda host: f"{host.hostname}{_NEXT}{_file(host.file())}")
wanted.register(AptRepository, lambda one: f"some{_NEXT}{_file(one.source())}")
wanted.register(SshSettings, lambda sshd: f"{_file(sshd.file())}{_NEXT}{_RUNNING}")
wanted.register(Nftables, lambda rules: f"{_file(rules.file())}{_NEXT}wanted\nx\nlive\nx")


@wanted.register
def _(one: Directory) -> str:
    return f"folder {one.mode:o} {one.owner} 1000 {one.group} 1000"


@wanted.register
def _(one: Packages) -> str:
    versions = {name: (version or "1.0").replace("*", "1") for name, version in one.packages.items()}
    return "".join(f"{name} {version} hold ok installed\n" for name, version in versions.items())


@wanted.register
def _(one: Sysctls) -> str:
    live = (f"/proc/sys/{key.replace('.', '/')}:{value}" for key, value in one.settings.items())
    return "\n".join(live) + _NEXT + _file(one.file())


@wanted.register
def _(one: Modules) -> str:
    return "\n".join(f"{module} there" for module in one.modules) + _NEXT + _file(one.file())


@wanted.register
def _(one: NetworkInterface) -> str:
    live = [f"2: {one.interface} inet {address} scope global" for address in one.addresses]
    live += [f"default via {one.gateway}"] if one.gateway else []
    live += [f"{network.removesuffix('/32')} {f'via {via}' if via else 'scope link'}"
             for network, via in one.routes.items()]
    return "\n".join(live) + _NEXT + _file(one.file())


@wanted.register
def _(one: Download) -> str:
    return f"file {one.mode:o} {one.owner} 0 {one.group} 0\nsha256 {one.sha256}"


@wanted.register
def _(one: HelmChart) -> str:
    return f"file 644 root 0 root 0\nsha256 {one.sha256 or '0' * 64}"


@wanted.register
def _(one: HomeKubeconfig) -> str:
    return "same\n"


@wanted.register
def _(one: OperatorRights) -> str:
    return "".join(f"coop-operator-{user} cluster-admin {user}\n" for user in one.users)


@wanted.register
def _(one: Kubeconfig) -> str:
    return f"file 600 {one.owner} 1000 {one.group} 1000{_NEXT}{one.server}\nlasting\n"


@wanted.register(KernelHeaders)
@wanted.register(KernelModule)
def _(one: Resource) -> str:
    return _KERNEL.format(headers="there", module="2.3.9") + "loaded 2.3.9\npackage linux-headers-amd64\n"


@wanted.register
def _(one: HostId) -> str:
    return f"{_NEXT}{_file(one.file())}"


@wanted.register
def _(one: ZfsParameters) -> str:
    return f"{_NEXT}{_file(one.file(0))}"


@wanted.register
def _(one: ZfsPool) -> str:
    vdevs = {one.pool: {"name": one.pool, "state": "ONLINE"}}
    return "#status\n" + json.dumps({"pools": {one.pool: {"name": one.pool, "state": "ONLINE", "vdevs": vdevs}}}) + "\n"


@wanted.register
def _(one: HomesClaim) -> str:
    return f"volume {one.volume}"


@wanted.register
def _(one: ZfsDataset) -> str:
    found = {"mounted": "yes", **one.properties, "owner": one.owner}
    return "".join(f"{key}\t{value}\n" for key, value in found.items())


@wanted.register
def _(one: Exports) -> str:
    live = "".join(f"export {path} {address} {options}\n" for path, clients in one.exports.items() for address, options in clients.items())
    return f"{live}{_NEXT}{_NEXT}{_file(one.file())}"
