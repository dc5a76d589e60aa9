"""A member's kubelet: its configuration file, and the arguments that kubeadm wrote for it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, field
from typing import Any, ClassVar

from . import parts, settings, writing
from .base import Change, Command, Resource
from .file import FileFacts, difference, probe_file
from .fixed_keys import Refused, fixed_key, rejected
from .settings import Difference

_PATCHES = re.compile(r"kubeletconfiguration\d*(\+strategic|\+merge)?\.(json|ya?ml)")
_RUNTIME = "containerRuntimeEndpoint"
# kubeadm writes these into the file for the machine alone
_OF_THE_MACHINE = frozenset({(_RUNTIME,), ("resolvConf",)})


@dataclass(frozen=True)
class KubeletSettings(Resource):
    """/var/lib/kubelet/config.yaml and kubeadm-flags.env of a machine that is a member.

    `wanted` is the whole document, as kubeadm writes it, `arguments` what nodeRegistration.kubeletExtraArgs gives;
    `own` names arguments that kubeadm may have added by itself, with their only value or None for any. `patches` is the
    folder of kubeadm's patches on the machine: what a patch sets there holds, as it does when kubeadm writes the file.
    `fixed` are keys of the machine's own that are rejected, as ClusterSettings rejects the cluster's. A unit that watches
    the two files restarts kubelet. With `down` they are looked at only where kubelet does not run: they may be
    why. Only there another container runtime is put back: one behind which pods run is left to whoever runs it.
    """

    wanted: Mapping[str, Any]
    arguments: tuple[tuple[str, str], ...] = ()
    own: Mapping[str, str | None] = field(default_factory=dict)
    exact: bool = True
    unsaid: frozenset[str] = frozenset()
    patches: str = ""
    fixed: Refused = field(default_factory=dict, compare=False)
    down: bool = False
    CONFIG: ClassVar[str] = "/var/lib/kubelet/config.yaml"
    FLAGS: ClassVar[str] = "/var/lib/kubelet/kubeadm-flags.env"

    @property
    def name(self) -> str:
        return "settings of kubelet"

    def probe(self) -> str:
        passed_over = "[ ! -e /etc/kubernetes/kubelet.conf ]" + (" || systemctl -q is-active kubelet" if self.down else "")
        look = [f"{passed_over} || {{ {probe_file(path)}; }}" for path in (self.CONFIG, self.FLAGS)]
        if self.patches:
            look.append(f"for f in {shlex.quote(self.patches)}/kubeletconfiguration*; do\n"
                        "[ ! -r \"$f\" ] || { echo \"patch ${f##*/}\"; sed 's/^/|/' \"$f\"; echo; }; done")
        return parts.probe(*look)

    def changes(self, facts: str, altered: Set[str]) -> Iterator[Change]:
        if "file:/etc/kubernetes/kubelet.conf" in altered:
            return  # it is about to become a member, and kubeadm writes both
        config, flags, patches = parts.facts(facts, 3)
        settings_file, flags_file = FileFacts(config), FileFacts(flags)
        if settings_file.kind == "file" and settings_file.content is not None:
            yield from self._settings(settings_file, settings.read(settings_file.content), patches)
        if flags_file.kind == "file" and flags_file.content is not None:
            yield from self._flags(flags_file)

    def _settings(self, file: FileFacts, found: dict[str, Any], patches: str) -> Iterator[Change]:
        wanted, exact = patched(self.wanted, patches), self.exact
        runtime = self.own.get("container-runtime-endpoint")
        if self.down and runtime and found.get(_RUNTIME, runtime) not in ("", runtime):
            wanted = {**wanted, _RUNTIME: runtime}
        differ = settings.differences(wanted, found, exact=exact, unsaid=frozenset(self.unsaid), ignored=frozenset(
            path for path in _OF_THE_MACHINE if path[0] not in wanted))
        refused = [rejected(one, place) for one in differ if (place := fixed_key(one, self.fixed))]
        if refused:
            yield from refused
        elif differ:
            now = settings.written(settings.applied(found, differ))
            yield self._write(self.CONFIG, file, settings.listed(differ), now,
                              difference(self.CONFIG, settings.written(found), now.encode()))

    def _flags(self, file: FileFacts) -> Iterator[Change]:
        found = arguments_of(file.content or "")
        given = {name for name, _ in self.arguments}
        wanted = [(name, (self.down and self.own[name]) or value) for name, value in found if name in self.own and name not in given]
        wanted += [(name, value) for name, value in self.arguments]
        differ = compared(wanted, found, exact=self.exact)
        if differ:
            if not self.exact:
                wanted += [(name, value) for name, value in found if name not in given and name not in self.own]
            line = " ".join(f"--{name}={value}" for name, value in wanted)
            now = "KUBELET_KUBEADM_ARGS=\"" + line.replace("\\", "\\\\").replace('"', '\\"') + "\"\n"
            yield self._write(self.FLAGS, file, settings.listed(differ), now,
                              difference(self.FLAGS, file.content, now.encode()))

    def _write(self, path: str, file: FileFacts, differ: str, now: str, diff: str) -> Change:
        script = writing.put(path, writing.text_of(now.encode()), owner=file.owners[0], group=file.groups[0],
                             mode=file.mode)
        return Change(f"{path}: {differ}", (Command(script, shown=f"write {path} (mode {file.mode:04o})"),), diff=diff,
                      alters=frozenset({f"file:{path}"}))


def patched(wanted: Mapping[str, Any], patches: str) -> Mapping[str, Any]:
    """The document with kubeadm's patches of the machine laid over it, in the order of their names. A JSON patch (a
    list of operations) is no tree and is passed over."""
    for text in patches.split("patch ")[1:]:
        name, _, body = text.partition("\n")
        if _PATCHES.fullmatch(name):
            tree = settings.read("\n".join(line[1:] for line in body.split("\n") if line.startswith("|")))
            wanted = _over(wanted, tree)
    return wanted


def _over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        inner = merged.get(key)
        if value is None:
            merged.pop(key, None)
        elif isinstance(inner, Mapping) and isinstance(value, Mapping):
            merged[key] = _over(inner, value)
        else:
            merged[key] = value
    return merged


def arguments_of(environment: str) -> list[tuple[str, str]]:
    """The arguments of KUBELET_KUBEADM_ARGS="--node-ip=10.0.0.101 …"."""
    for line in environment.split("\n"):
        name, _, value = line.partition("=")
        if name.strip() == "KUBELET_KUBEADM_ARGS":
            value = value.strip().removeprefix('"').removesuffix('"').replace('\\"', '"').replace("\\\\", "\\")
            return [(word[2:].partition("=")[0], word.partition("=")[2]) for word in value.split()]
    return []


def compared(wanted: list[tuple[str, str | None]] | list[tuple[str, str]], found: list[tuple[str, str]], *,
             exact: bool) -> tuple[Difference, ...]:
    """What of a program's arguments is not as wanted; the value None is any. An argument may be given several
    times, in an order of its own."""
    differ = []
    for name in dict.fromkeys(name for name, _ in wanted):
        should = [value for one, value in wanted if one == name]
        is_ = [value for one, value in found if one == name]
        if should != is_ and None not in should:
            differ.append(Difference((f"--{name}",), _joined(is_), _joined(should)))
    if exact:
        known = {name for name, _ in wanted}
        for name in dict.fromkeys(name for name, _ in found if name not in known):
            differ.append(Difference((f"--{name}",), _joined([value for one, value in found if one == name]), None))
    return tuple(differ)


def _joined(values: list[Any]) -> str | None:
    return " and ".join(map(str, values)) if values else None
