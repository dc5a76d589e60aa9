"""What a machine is made of, compared with what hosts.yaml says of it: what is new, what has changed, what is gone."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fabfile.facts.inventory import Inventory
from fabfile.finding import Finding, Severity
from fabfile.rack import Machine
from fabfile.rack.hardware import Hardware, mebibytes

Path = tuple[str, ...]

_COLLECTIONS = {("memory", "modules"), ("interfaces",), ("disks",)}  # which a scan finds as a whole: what it does not find is gone
_INSTALLATION = {("serial",), ("uuid",), ("firmware",)}  # what an installer must find, and so no scan may replace
_DESCRIPTIONS = {"vendor", "product", "firmware_version", "model", "driver"}  # an update may change these
_AMOUNTS = {"cores", "threads", "speed", "size"}  # more is no loss
_WORDS = {"serial": "serial number", "uuid": "UUID", "firmware_version": "firmware version", "secure_boot": "Secure Boot",
          "bmc": "address of the BMC", "cpu": "CPU", "mac": "MAC", "modules": "module", "interfaces": "interface", "disks": "disk"}


@dataclass(frozen=True)
class Difference:
    """One value of `hardware`, at its path there. `before`: what hosts.yaml has, None when it has nothing; `now`: what was
    found, None when it is gone. A `fixed` one is not written by a scan: an installation relies on what hosts.yaml says."""

    path: Path
    before: Any
    now: Any
    fixed: bool = False


def compare(machine: Machine, seen: Inventory) -> list[Difference]:
    """All that differs, in the order of hosts.yaml's keys. What could not be found out is no difference."""
    on_file, found = _tree(machine.hardware), _tree(seen.hardware)
    found |= {"interfaces": found.get("interfaces", {}), "disks": _by_known_paths(machine, seen, found.get("disks", {}))}
    return [one for one in _differences((), on_file, found, frozenset(machine.disks.values())) if one.now != {}]


def changes(machine: str, differences: list[Difference]) -> dict[Path, Any]:
    """What a scan writes into hosts.yaml: path there → value, None: it is removed."""
    return {("machines", machine, "hardware", *one.path): one.now for one in differences if not one.fixed}


def findings(machine: Machine, seen: Inventory, differences: list[Difference]) -> list[Finding]:
    """All of it in words; what is new is a notice."""
    return [*_of_differences(machine, differences), *_of_declared(machine, seen)]


# -- comparing -------------------------------------------------------------------------------------------------------------


def _tree(hardware: Hardware) -> dict[str, Any]:
    """As hosts.yaml has it, what is empty left out; slots and interfaces as people count them."""
    return {key: value for key, value in _sorted(hardware.model_dump(mode="json", exclude_none=True)).items() if value != {}}


def _sorted(tree: dict[str, Any]) -> dict[str, Any]:
    tree = {key: _sorted(value) if isinstance(value, dict) else value for key, value in tree.items()}
    for key in ("modules", "interfaces", "disks"):
        if key in tree:
            tree[key] = dict(sorted(tree[key].items(), key=lambda item: [int(part) if part.isdigit() else part
                                                                         for part in re.split(r"(\d+)", item[0])]))
    return {key: value for key, value in tree.items() if value != {}}


def _by_known_paths(machine: Machine, seen: Inventory, disks: Mapping[str, Any]) -> dict[str, Any]:
    """Disks by the paths that hosts.yaml has for them, whichever of a disk's ids these are."""
    known: dict[str, list[str]] = {}
    for path in dict.fromkeys([*machine.hardware.disks, *machine.disks.values()]):
        if path in seen.ids:
            known.setdefault(seen.ids[path], []).append(path)
    return {path: about for best, about in disks.items() for path in known.get(best, [best])}


def _differences(path: Path, before: Mapping[str, Any], now: Mapping[str, Any], written: frozenset[str]) -> Iterator[Difference]:
    for key in [*now, *(key for key in before if key not in now and path in _COLLECTIONS)]:
        here, was, found = (*path, key), before.get(key), now.get(key)
        if isinstance(was, Mapping) and isinstance(found, Mapping):
            yield from _differences(here, was, found, written)
        elif not _same(here, was, found):
            relied_on = here in _INSTALLATION or (here[0] == "disks" and here[1:2] and here[1] in written)
            yield Difference(here, was, found, bool(relied_on and was is not None))


def _same(path: Path, before: Any, now: Any) -> bool:
    if before is not None and now is not None and path[0] == "memory" and path[-1] == "size":
        return mebibytes(before) == mebibytes(now)
    return bool(before == now)


# -- in words --------------------------------------------------------------------------------------------------------------


def recorded(differences: list[Difference]) -> list[str]:
    """What a scan writes, a few words each."""
    new = [_what(one.path) for one in differences if one.before is None]
    return [_says(one) for one in differences if one.before is not None and not one.fixed] + [f"new: {', '.join(new)}"] * bool(new)


def _of_differences(machine: Machine, differences: list[Difference]) -> Iterator[Finding]:
    name = machine.name
    new = [one for one in differences if one.before is None]
    for one in (one for one in differences if one.before is not None):
        key = ".".join(("machines", name, "hardware", *one.path))
        fix = f"if that is right, correct {key} in hosts.yaml: an installation relies on it" if one.fixed else \
            f"if that is right, inv rack.scan {name} records it"
        evidence = "" if one.now is not None else f"hosts.yaml has it with {_value(one.before)}" + _instead(one, new)
        yield Finding(f"{name}: {_says(one)}", name, Severity.NOTICE if _harmless(one) else Severity.DEGRADED, evidence, fix=fix)
    if new:
        yield Finding(f"{name}: not in hosts.yaml yet: {', '.join(_what(one.path) for one in new)}", name, Severity.NOTICE,
                      fix=f"inv rack.scan {name} records it")


def _says(one: Difference) -> str:
    if one.now is None:
        return f"{_what(one.path)} is gone"
    return f"{_what(one.path)}: {_value(one.now)} now, {_value(one.before)} in hosts.yaml"


def _instead(gone: Difference, new: list[Difference]) -> str:
    """What is new where this one is gone: a disk that was replaced."""
    names = [_what(one.path) for one in new if one.path[:-1] == gone.path[:-1]]
    return f"; new: {', '.join(names)}" if names else ""


def _of_declared(machine: Machine, seen: Inventory) -> Iterator[Finding]:
    """What hosts.yaml says outside of `hardware`, and does not hold there."""
    name, ports, macs = machine.name, seen.hardware.interfaces, {port.mac: key for key, port in seen.hardware.interfaces.items()}
    for key, interface in ((key, one) for key, one in machine.interfaces.items() if key not in seen.virtual):
        fix = f"correct machines.{name}.interfaces.{key} in hosts.yaml, then inv gateway.apply"
        if key in ports and ports[key].mac != interface.mac:
            yield Finding(f"{name}: interface {key} has the MAC {ports[key].mac}, and {interface.mac} in `interfaces` of hosts.yaml", name,
                          fix=fix)
        elif key not in ports and interface.mac in macs:
            yield Finding(f"{name}: the interface with the MAC {interface.mac} is {macs[interface.mac]}, and {key} in hosts.yaml", name,
                          fix=fix)
        elif key not in ports and ports:
            yield Finding(f"{name}: there is no interface {key}, nor one with the MAC {interface.mac}", name, fix=fix)
    for key, port in machine.hardware.interfaces.items():
        if key in seen.unlinked and port.speed:
            yield Finding(f"{name}: interface {key} has no link", name, evidence=f"hosts.yaml has it with {port.speed} Mbit/s",
                          fix="is the cable plugged in, and the switch's port on?")
    for role, path in machine.disks.items():
        if path not in seen.ids and path not in machine.hardware.disks:  # else it is told as gone
            yield Finding(f"{name}: there is no disk {path}, which is its disk `{role}` in hosts.yaml", name,
                          fix=f"correct machines.{name}.disks.{role} in hosts.yaml")
    if machine.bmc and seen.hardware.bmc and machine.bmc.address != seen.hardware.bmc:
        yield Finding(f"{name}: its BMC has the address {seen.hardware.bmc}, and {machine.bmc.address} in hosts.yaml", name,
                      fix=f"correct machines.{name}.bmc in hosts.yaml, or the BMC's address")
    for disk in seen.unnamed:
        yield Finding(f"{name}: the disk {disk}, is not recorded: it has no name under /dev/disk/by-id, or no serial number", name,
                      Severity.NOTICE)


def _harmless(one: Difference) -> bool:
    if one.fixed:
        return False
    if one.path[-1] in _AMOUNTS and one.path[0] != "disks":
        before, now = (mebibytes(value) if isinstance(value, str) else value for value in (one.before, one.now))
        return bool(now > before)
    return one.path[-1] in _DESCRIPTIONS


def _what(path: Path) -> str:
    """ "disk ata-X: serial number" of ("disks", "/dev/disk/by-id/ata-X", "serial")."""
    first, *rest = path
    if first == "memory" and rest[:1] == ["modules"] and len(rest) > 1:
        first, rest = "memory module", rest[1:]
    elif path in _COLLECTIONS:
        return first
    elif first in ("cpu", "memory") or not rest:
        return " ".join(_WORDS.get(part, part.replace("_", " ")) for part in path)
    inner = [_WORDS.get(part, part.replace("_", " ")) for part in rest[1:]]
    return ": ".join([f"{_WORDS.get(first, first)} {rest[0].removeprefix('/dev/disk/by-id/')}", *inner])


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{_WORDS.get(key, key)} {value[key]}" for key in ("size", "serial", "mac") if key in value)
    return {True: "on", False: "off"}[value] if isinstance(value, bool) else str(value)
