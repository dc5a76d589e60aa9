"""The state of one machine: one query to it, without the API server, and its answer as values."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from fabfile.finding import since
from fabfile.programs import shell
from fabfile.rack import Machine, Rack
from fabfile.rack.gpu import DRIVER
from fabfile.resources.backup import BACKUPS
from fabfile.upstream.documents import certificates_folder, etcd_folder
from fabfile.upstream.paths import CRI_SOCKET, operators_kubeconfig

UNITS = ("chrony", "ssh")  # every machine's
_OF_MEMBERS = ("kubelet", "containerd")


def question(rack: Rack, machine: Machine) -> str:
    """Shell text for the machine: its system, and what it is for."""
    units = [*UNITS, *(_OF_MEMBERS if machine.is_member else ()), *(rooster_units(rack) if machine is rack.gateway else ()),
             *["coop-endpoint"] * (rack.cluster.keepalived is not None and machine in rack.control_planes)]
    way = next((str(one.gateway) for one in machine.interfaces.values() if one.gateway), "")
    if machine.is_member:
        way = str(rack.gateway.address())
    variables = {"units": " ".join(units), "links": " ".join(machine.interfaces), "way": way,
                 "known": f"{rack.leader.name}.{rack.network.domain}",
                 "outside": str(rack.network.internet_check).partition("://")[2].partition("/")[0].partition(":")[0]}
    programs = ["machine"]
    if machine.is_member:
        programs.append("chick")
        variables |= {"socket": CRI_SOCKET, "endpoint": rack.cluster.endpoint_address, "pki": certificates_folder(rack)}
    if machine.gpu:
        programs.append("gpu")
        variables |= {"driver": DRIVER}
    if machine in rack.control_planes:
        programs.append("control_plane")
        variables |= {"address": str(machine.address())}
    if machine is rack.gateway:
        programs.append("rooster")
        variables |= {"node": str(rack.network.node), "balanced": " ".join(map(str, rack.balanced)),
                      "page": str(rack.network.internet_check), "kubeconfig": operators_kubeconfig(rack.operator.user),
                      "others": " ".join(operators_kubeconfig(one) for one in rack.operators if one != rack.operator.user),
                      "published": "yes" if rack.network.publish else "", "interface": machine.inner.name,
                      "backups": BACKUPS if etcd_folder(rack) else "", "lock": "/run/coop/lock",
                      "virtual": str(rack.cluster.keepalived.virtual_ipaddress) if rack.cluster.keepalived else ""}
    return shell(*programs, **variables) + "\nwait\n:"


def rooster_units(rack: Rack) -> list[str]:
    """What has to run on rooster for this rack."""
    return ["nftables", "dnsmasq", *["nginx"] * bool(rack.network.publish), *["coop-cache"] * (rack.network.cache is not None),
            *["coop-boot"] * (rack.install is not None), *["bird"] * bool(rack.organisations)]


@dataclass(frozen=True)
class UnitState:
    """A systemd unit: `active` as systemctl is-active says, `since` when it became so."""

    name: str
    loaded: bool
    active: str
    enabled: str
    restarts: int
    since: str

    @property
    def runs(self) -> bool:
        return self.active in ("active", "reloading")


@dataclass(frozen=True)
class CertificateState:
    """A certificate: in a file, or served at a port."""

    where: str
    end: float  # seconds since 1970
    serial: str


@dataclass(frozen=True)
class ContainerState:
    """The newest container of a static pod."""

    name: str
    running: bool
    attempt: int
    since: str


@dataclass(frozen=True)
class MachineState:
    """What a machine said of itself. What it did not say is not known: empty, or None."""

    name: str
    said: Mapping[str, tuple[str, ...]] = field(repr=False)

    def text(self, key: str) -> str:
        """What it said under that name, last; empty when it said nothing."""
        return self.said.get(key, ("",))[-1].strip()

    def words(self, key: str) -> tuple[str, ...]:
        """The words of that line."""
        return tuple(self.text(key).split())

    def lines(self, key: str) -> tuple[str, ...]:
        """Every line of that name."""
        return tuple(line.strip() for line in self.said.get(key, ()) if line.strip())

    def yes(self, key: str) -> bool:
        return self.text(key) == "yes"

    def no(self, key: str) -> bool:
        """Whether it said no; not to have been asked is no such answer."""
        return self.text(key) == "no"

    @property
    def now(self) -> int:
        return int(self.text("now") or 0)

    @property
    def member(self) -> bool:
        """Whether it belongs to a cluster."""
        return self.yes("member")

    @cached_property
    def units(self) -> Mapping[str, UnitState]:
        found = {}
        for line in self.lines("unit"):
            name, loaded, active, _, enabled, restarts, since = [*line.split(), *[""] * 7][:7]
            found[name.removesuffix(".service")] = UnitState(name.removesuffix(".service"), loaded == "loaded", active, enabled,
                                                            int(restarts or 0), moment(since.removeprefix("@")))
        return found

    def percents(self, key: str) -> Mapping[str, int]:
        """Place → percent in use."""
        return {place: int(used) for place, used in (line.split() for line in self.lines(key)) if used.isdigit()}

    @cached_property
    def certificates(self) -> tuple[CertificateState, ...]:
        """Those of its files that could be read."""
        return _certificates(self.lines("cert"))

    @cached_property
    def served(self) -> Mapping[str, CertificateState]:
        """Port → the certificate that is served there."""
        return {one.where: one for one in _certificates(self.lines("served"))}

    @cached_property
    def containers(self) -> Mapping[str, ContainerState] | None:
        """The static pods' newest containers by name; None where the runtime did not answer."""
        if not self.text("containers"):
            return None
        newest: dict[str, Mapping[str, Any]] = {}
        for one in as_json(self.text("containers")).get("containers") or ():
            name = one["metadata"]["name"]
            if name not in newest or int(one["createdAt"]) > int(newest[name]["createdAt"]):
                newest[name] = one
        return {name: ContainerState(name, one["state"] == "CONTAINER_RUNNING", int(one["metadata"].get("attempt", 0)),
                                     moment(str(int(one["createdAt"]) // 10**9))) for name, one in newest.items()}


def parse(name: str, answer: str) -> MachineState:
    """The state from an answer to the question."""
    said: dict[str, list[str]] = {}
    for line in answer.splitlines():
        key, tab, value = line.partition("\t")
        if tab:
            said.setdefault(key, []).append(value)
    return MachineState(name, {key: tuple(values) for key, values in said.items()})


def as_json(text: str) -> Any:
    """A program's JSON; an empty mapping where it is none."""
    try:
        return json.loads(text)
    except ValueError:
        return {}


def moment(seconds: str) -> str:
    """Seconds since 1970 as ISO 8601; empty where they are none."""
    return since(int(seconds)) if seconds.isdigit() and int(seconds) else ""


def _certificates(lines: tuple[str, ...]) -> tuple[CertificateState, ...]:
    parts = ([*line.rsplit(" ", 2)] for line in lines if line.count(" ") >= 2)
    return tuple(CertificateState(where, float(end), serial) for where, end, serial in parts if end.isdigit())


@dataclass(frozen=True)
class StatusRow:
    """One thing that was looked at."""

    what: str
    value: str


def rows(state: MachineState, held: frozenset[str]) -> list[StatusRow]:
    """What to show of a machine. `held`: the packages that should be on hold."""
    loose = sorted(held - set(state.words("held")))
    units = [StatusRow(name, unit.active) for name, unit in state.units.items() if name != "ssh"]
    shown = [
        StatusRow("up since", state.text("up")), StatusRow("system", state.text("system")),
        StatusRow("member", "yes" if state.member else "no"), *units, StatusRow("pods", f"{state.text('pods') or '?'} running"),
        StatusRow("clock", state.text("clock") or "not known"), StatusRow("swap", state.text("swap") or "off"),
        *(StatusRow("disk", f"{place} is {used} % full") for place, used in state.percents("disk").items()),
        StatusRow("memory", f"{state.text('memory')} % in use"),
        StatusRow("versions", state.text("versions").strip(", ") or "nothing installed"),
        StatusRow("on hold", f"not {', '.join(loose)}" if loose else "all that should be"),
        StatusRow("failed units", state.text("failed") or "none"),
    ]
    if state.certificates:
        first = min(state.certificates, key=lambda one: one.end)
        days = int((first.end - state.now) // 86400)
        shown.append(StatusRow("certificates", f"{first.where.rpartition('/')[2]} expires first, in {days} days"))
    return shown
