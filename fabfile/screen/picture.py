"""The rack as one page: HTML with a picture in SVG, for a door and for who runs a hub. Pure: a rack, what was seen, the page."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from ipaddress import IPv4Network
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fabfile.finding import Finding, Severity, worst_first
from fabfile.screen.picture_layout import Card, Names, State, picture
from fabfile.secret import mask_keys

if TYPE_CHECKING:
    from jinja2 import Environment

    from fabfile.facts.look import Look
    from fabfile.rack import Machine, Rack
    from fabfile.rack.publishing import Published
    from fabfile.rack.services import Service

MADE_BY = "<!DOCTYPE html>\n<!-- made by inv rack.picture -->\n"  # how a page begins that may be written again
STATES = {Severity.NOTICE: State("worth knowing", "notice"), Severity.DEGRADED: State("works with less", "degraded"),
          Severity.DOWN: State("does not work", "down")}
WELL, OFF, NOT_ASKED = State("well", "well"), State("meant to be off", "unknown"), State("not asked", "unknown")
UNREACHABLE, UNSAID = State("unreachable", "unknown"), State("", "unsaid")
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # letters that no XML may have, however written


@dataclass(frozen=True)
class Entry:
    """A finding of the list below the picture."""

    number: int
    state: State
    finding: Finding


@dataclass(frozen=True)
class Subject:
    """What a box is about, before it is known how that is. `places`: what findings call it; `state`: where no finding is about it."""

    name: str
    lines: tuple[str, ...]
    state: State
    places: frozenset[str] = frozenset()
    namespace: str = ""
    wires: frozenset[str] = frozenset()

    def has(self, where: str) -> bool:
        return where in self.places or bool(self.namespace and where.startswith(f"{self.namespace}/"))


def as_page(rack: Rack, look: Look | None = None, findings: Iterable[Finding] = ()) -> str:
    """The page. Without a look it says only what the rack's files say."""
    entries = [Entry(number, STATES[one.harm], _printable(one)) for number, one in enumerate(worst_first(findings), 1)]
    machines = {name: _machine(rack, machine, look) for name, machine in rack.machines.items()}
    services = _services(rack, look)
    cards = _cards([*machines.values(), *services, _cluster(rack, look)], entries)
    of_machines = dict(zip(machines, cards, strict=False))
    gateway = of_machines.pop(rack.gateway.name)
    drawn = picture(gateway, cards[len(machines):], [*of_machines.values()], _names(rack))
    return _environment().get_template("picture.html").render(
        made_by=MADE_BY, rack=rack, picture=drawn, entries=entries, networks=_networks(rack), verdict=_verdict(look, entries, cards),
        time="" if look is None else datetime.fromtimestamp(look.now, UTC).strftime("%Y-%m-%d %H:%M UTC"))


@cache
def _environment() -> Environment:
    """Not that of roles: all text is escaped here."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(loader=FileSystemLoader(Path(__file__).parent), undefined=StrictUndefined, autoescape=True,
                       auto_reload=False, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True, finalize=_legal)


def _legal(value: Any) -> Any:
    return _NO_XML.sub("\ufffd", value) if type(value) is str else value


def _printable(finding: Finding) -> Finding:
    """Without what looks like a secret: machines say what they like."""
    return replace(finding, what=mask_keys(finding.what), where=mask_keys(finding.where),
                   evidence=mask_keys(finding.evidence), fix=mask_keys(finding.fix),
                   since=finding.since[:19].replace("T", " "), follows=tuple(map(_printable, finding.follows)))


# -- how it is -------------------------------------------------------------------------------------------------------------


def _cards(subjects: Sequence[Subject], entries: Sequence[Entry]) -> list[Card]:
    """Each finding is with the first subject that it is about, else with the last one."""
    found: dict[int, list[tuple[int, Finding]]] = {}
    for entry in entries:
        for one in _all(entry.finding):
            index = next((index for index, subject in enumerate(subjects) if subject.has(one.where)), len(subjects) - 1)
            found.setdefault(index, []).append((entry.number, one))
    return [_card(subject, found.get(index, [])) for index, subject in enumerate(subjects)]


def _all(finding: Finding) -> Iterator[Finding]:
    yield finding
    for one in finding.follows:
        yield from _all(one)


def _card(subject: Subject, found: Sequence[tuple[int, Finding]]) -> Card:
    """In the words of the worst finding; one that cannot be reached, or should not, says so."""
    state = subject.state
    if found:
        worst = STATES[max(one.harm for _, one in found)]
        numbers = ", ".join(map(str, dict.fromkeys(number for number, _ in found)))
        word = state.word if state in (OFF, UNREACHABLE) else worst.word
        state = State(f"{word} ({numbers})", state.kind if state == OFF else worst.kind)
    about = (subject.name, state.word, *subject.lines, *(one.what for _, one in found))
    return Card(subject.name, subject.lines, state, "; ".join(filter(None, about)), subject.wires)


def _if(look: Look | None, asked: object) -> State:
    """Of what no finding is about: it is well if it was asked."""
    if look is None:
        return UNSAID
    return WELL if asked else NOT_ASKED


def _verdict(look: Look | None, entries: Sequence[Entry], cards: Iterable[Card]) -> str:
    if look is None:
        return "What the rack's files say; no machine was asked."
    counts = {state.word: sum(entry.state == state for entry in entries) for state in reversed(STATES.values())}
    told = ", ".join(f"{count} {word}" for word, count in counts.items() if count) or "nothing was found wrong"
    silent = ", ".join(card.name for card in cards if card.state == NOT_ASKED)
    return f"{told}; not asked: {silent}." if silent else f"{told}."


# -- what there is ---------------------------------------------------------------------------------------------------------


def _machine(rack: Rack, machine: Machine, look: Look | None) -> Subject:
    cpu, memory = machine.hardware.cpu, machine.hardware.memory
    parts = [_counted(cpu.cores, "core") if cpu and cpu.cores else "", memory.size if memory and memory.size else "",
             _counted(machine.gpu.count, "GPU") if machine.gpu else ""]
    lines = [", ".join(sorted(machine.roles)),
             *(f"{one.name} {one.address}" for one in machine.interfaces.values() if one.address),
             ", ".join(filter(None, parts)), f"BMC {machine.bmc.address}" if machine.bmc else "",
             *_pools(rack, machine)]
    state = _if(look, look and machine.name in look.machines)
    if machine.expected_off:
        state = OFF
    elif look and machine.name in look.unreachable:
        state = UNREACHABLE
    wires = {"node", *(["bmc"] if machine.bmc or (machine is rack.gateway and _to_bmcs(rack)) else [])}
    return Subject(machine.name, tuple(filter(None, lines)), state, frozenset([machine.name]), wires=frozenset(wires))


def _pools(rack: Rack, machine: Machine) -> Iterator[str]:
    storage = rack.storage_classes
    for name, pool in storage.pools.items() if storage else ():
        if pool.machine == machine.name:
            kinds = [" ".join(filter(None, (vdev.group, vdev.kind))) or "disks" for vdev in pool.layout]
            counted = (f"{kinds.count(kind)} {kind}" if kinds.count(kind) > 1 else kind for kind in dict.fromkeys(kinds))
            yield f"pool {name}: {', '.join(counted)}; {_counted(sum(len(vdev.disks) for vdev in pool.layout), 'disk')}"


def _services(rack: Rack, look: Look | None) -> list[Subject]:
    """Charts with their published names; names of no chart; organisations without a hub."""
    rows = dict(rack.network.publish)
    subjects = []
    for name, service in rack.services.items():
        own = {one: row for one, row in rows.items() if _belongs(rack, service, one, row)}
        rows = {one: row for one, row in rows.items() if one not in own}
        subjects.append(_service(rack, name, service, own, look))
    subjects += [Subject(name, ("published name", *_published(rack, row)), _if(look, look and name in look.published), frozenset([name]),
                         wires=frozenset(["published"])) for name, row in rows.items()]
    return subjects + [Subject(name, _organisation(rack, name), _if(look, look and look.api), frozenset([name]), name)
                       for name in rack.organisations if name not in rack.services]


def _belongs(rack: Rack, service: Service, name: str, row: Published) -> bool:
    """A service's own name, and every other at the same address."""
    of_service = rack.network.publish.get(service.publish or "")
    return of_service is not None and row.address == of_service.address


def _service(rack: Rack, name: str, service: Service, rows: dict[str, Published], look: Look | None) -> Subject:
    lines = [f"{'hub' if service.is_hub else 'chart'} {service.chart.full}"]
    if name in rack.organisations:
        lines += _organisation(rack, name)
    for published, row in rows.items():
        lines += [published, *_published(rack, row)]
    asked = look and (_hub_answered(look, name) if service.is_hub else look.api)
    return Subject(name, tuple(lines), _if(look, asked), frozenset([name, *rows]), service.in_namespace,
                   frozenset(["published"] if rows else []))


def _hub_answered(look: Look, name: str) -> bool:
    """Whether rooster has told all about a hub, and its cluster answered rooster."""
    late = look.cut_short.get(look.rack.gateway.name, ())
    return name in look.hubs and not look.hubs[name].cluster and f"hub {name}" not in late


def _published(rack: Rack, row: Published) -> Iterator[str]:
    yield f"{row.public or rack.gateway.address('public')} to {row.address}"
    yield f"TCP {', '.join(map(str, row.ports))}"


def _organisation(rack: Rack, name: str) -> tuple[str, ...]:
    one = rack.organisations[name]
    return ("organisation", f"services {_networks_of(one.addresses)}", f"pods {one.pods}", f"outside {one.public}")


def _cluster(rack: Rack, look: Look | None) -> Subject:
    """Also the place of every finding that is about nothing else."""
    lines = (f"Kubernetes {rack.versions.kubernetes.version}", rack.cluster.endpoint_address,
             f"{_counted(len(rack.control_planes), 'control plane')}, {_counted(len(rack.workers), 'worker')}")
    return Subject(f"cluster {rack.cluster.name}", lines, _if(look, look and look.api), frozenset(["cluster"]))


def _counted(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


# -- its networks ----------------------------------------------------------------------------------------------------------


def _names(rack: Rack) -> Names:
    bmcs = [machine.bmc.address for machine in rack.machines.values() if machine.bmc]
    there = _to_bmcs(rack)
    inside = ", in the node network" if bmcs and all(address in rack.network.node for address in bmcs) else ""
    hop = rack.gateway.outer.gateway
    return Names(
        f"outer network {rack.network.public}{f', via {hop}' if hop else ''}", f"node network {rack.network.node}",
        "published names" if rack.network.publish else "", f"BMC network{f' {there}' if there else inside}" if bmcs else "")


def _to_bmcs(rack: Rack) -> IPv4Network | None:
    """The network of BMCs, where rooster has an address in one of its own."""
    bmcs = [machine.bmc.address for machine in rack.machines.values() if machine.bmc]
    own = (one.address.network for one in rack.gateway.interfaces.values() if one.address and one.network is None)
    return next((network for network in own if any(address in network for address in bmcs)), None)


def _networks(rack: Rack) -> dict[str, str]:
    network = rack.network
    return {"domain": network.domain, "outer network": str(network.public), "node network": str(network.node), "pods": str(network.pod),
            "services": str(network.service), "addresses of services": _networks_of(network.load_balancer) or "-",
            "DNS from": ", ".join(map(str, network.dns)), "time from": ", ".join(network.time)}


def _networks_of(networks: Iterable[IPv4Network]) -> str:
    return ", ".join(str(one.network_address) if one.prefixlen == 32 else str(one) for one in networks)
