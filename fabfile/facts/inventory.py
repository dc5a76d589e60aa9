"""What a running machine is made of: one query to it, and its answer as the values that hosts.yaml records."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import TypeVar

from pydantic import ValidationError

from fabfile.programs import shell
from fabfile.rack.hardware import Cpu, Disk, Hardware, Memory, Module, Port, memory_size
from fabfile.rack.values import Part
from fabfile.resources.installation import BY_ID

# what firmware says where its maker has filled in nothing
_NOTHING = {"to be filled by o.e.m.", "default string", "not specified", "not provided", "not applicable", "n/a", "none", "unknown",
            "empty", "no dimm", "oem", "o.e.m.", "invalid", "system serial number", "system product name", "system manufacturer",
            "system version", "serial number", "chassis serial number", "0123456789", "1234567890", "123456789", "default",
            "03000200-0400-0500-0006-000700080009"}
_SAYS_LITTLE = ("wwn-", "nvme-eui.", "nvme-nvme.", "scsi-3", "scsi-S", "dm-", "lvm-", "md-")  # names that no label on a disk has
_ELSEWHERE = re.compile(r"/(session|rport-)[0-9]")  # the path of a disk that comes over a network: iSCSI, Fibre Channel
_KINDS = {"vd": "virtio", "nvme": "nvme", "mmcblk": "mmc"}
_PLACES = {"/virtio": "virtio", "/usb": "usb", "/ata": "sata", "/end_device-": "sas", "/host": "scsi"}

Model = TypeVar("Model", bound=Part)
Rows = Mapping[str, list[list[str]]]


@dataclass(frozen=True)
class Inventory:
    """What was found. `ids`: each path of a disk under /dev/disk/by-id → the one that `hardware` names it by."""

    hardware: Hardware
    ids: Mapping[str, str]
    unlinked: frozenset[str] = frozenset()  # interfaces whose cable, or switch, is off
    virtual: frozenset[str] = frozenset()  # interfaces that are no hardware: bonds, bridges, VLANs
    unnamed: tuple[str, ...] = ()  # disks that have no id or no serial number: "vda, 21474836480 bytes"


def question(dev: str = "/dev", sys: str = "/sys") -> str:
    """Shell text for the machine."""
    return shell("disks", "hardware", dev=dev, sys=sys)


def parse(answer: str) -> Inventory | None:
    """What an answer to the question tells; None when it is not whole. What the firmware leaves open is left out."""
    lines = [line.split("\t") for line in answer.splitlines()]
    if ["end"] not in lines:
        return None
    rows = {kind: [fields for _, *fields in some] for kind, some in groupby(sorted(lines, key=lambda one: one[0]), lambda one: one[0])}
    dmi = {fields[0]: _said(fields[1]) for fields in rows.get("dmi", ()) if len(fields) == 2}
    firmware, secure = next(iter(rows.get("firmware", ())), ["", ""])
    disks, ids, unnamed = _disks(rows)
    found: dict[str, object] = {
        "vendor": dmi.get("sys_vendor"), "product": dmi.get("product_name"), "serial": dmi.get("product_serial"),
        "uuid": (dmi.get("product_uuid") or "").lower(), "firmware": firmware, "firmware_version": dmi.get("bios_version"),
        "secure_boot": {"0": False, "1": True}.get(secure), "bmc": _bmc(rows), "cpu": _cpu(rows), "memory": _memory(rows),
        "interfaces": _ports(rows), "disks": disks}
    hardware = {key: value for key, value in found.items() if _valid(Hardware, **{key: value})}
    return Inventory(
        _valid(Hardware, **hardware) or Hardware(), ids, unnamed=unnamed,
        virtual=frozenset(fields[0] for fields in rows.get("virtual", ()) if fields),
        unlinked=frozenset(fields[0] for fields in rows.get("port", ()) if fields[3:4] == ["0"]))


def _said(text: str) -> str:
    """A text of the firmware in one line; empty when it says nothing."""
    text = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
    nothing = text.lower() in _NOTHING or len(set(re.sub(r"[\W_]", "", text).lower())) < 2
    return "" if nothing else text


def _valid(model: type[Model], /, **values: object) -> Model | None:
    """The value that hosts.yaml would take; else None. What is empty is left out."""
    try:
        return model.model_validate({key: value for key, value in values.items() if value not in (None, "")})
    except ValidationError:
        return None


def _number(text: str, base: int = 10) -> int:
    try:
        return int(text, base)
    except ValueError:
        return 0


def _fields(rows: Iterable[list[str]]) -> Iterable[tuple[str, str]]:
    """ "Name: value" lines of a program."""
    for row in rows:
        name, colon, value = "\t".join(row).partition(":")
        if colon:
            yield name.strip(), value.strip()


def _cpu(rows: Rows) -> Cpu | None:
    models = [value for name, value in _fields(rows.get("cpu", ())) if name == "Model name"]
    threads = [fields[0].split(",") for fields in rows.get("thread", ()) if fields[0][:1].isdigit()]
    cores = {tuple(one[1:3]) for one in threads}
    found = _valid(Cpu, model=_said(models[0]) if models else "", cores=len(cores) or None, threads=len(threads) or None)
    return None if found == Cpu() else found


def _memory(rows: Rows) -> Memory | None:
    block, blocks, total = next(iter(rows.get("memory", ())), ["", "", ""])
    size = _number(block, 16) * _number(blocks) >> 20
    if not size:  # a kernel that does not count it in blocks keeps a part of it for itself
        size = -(-_number(total) // (1 << 18)) << 8
    found = _valid(Memory, size=memory_size(size) if size else "", modules=_modules(rows))
    return None if found == Memory() else found


def _modules(rows: Rows) -> dict[str, Module]:
    devices: list[dict[str, str]] = []
    for row in rows.get("dimm", ()):
        if "".join(row).strip() == "Memory Device":
            devices.append({})
        elif devices:
            devices[-1] |= _fields([row])
    slots = [(one.get("Locator", ""), one.get("Bank Locator", ""), *one.get("Size", "").split(" ")[:2],
              _said(one.get("Serial Number", ""))) for one in devices]
    names = [slot[0] for slot in slots]
    found = {}
    for name, bank, size, *unit, serial in slots:
        mebibytes = _number(size) * {"MB": 1, "GB": 1024, "TB": 1 << 20}.get("".join(unit), 0)
        amount = memory_size(mebibytes) if mebibytes else ""
        if module := _valid(Module, size=amount, serial=serial) or _valid(Module, size=amount):
            found[" ".join((name if names.count(name) == 1 else f"{bank} {name}").split())] = module
    return found


def _ports(rows: Rows) -> dict[str, Port]:
    switches: dict[tuple[str, str], str] = {}
    for (line, *_) in rows.get("lldp", ()):
        if found := re.fullmatch(r"lldp\.(.+)\.(chassis\.name|port\.ifname|port\.local)=(.*)", line):
            switches.setdefault((found[1], found[2]), _printable(found[3]))
    ports = {}
    for name, mac, driver, carrier, speed in (row for row in rows.get("port", ()) if len(row) == 5):
        port = _valid(
            Port, mac=mac, driver=_printable(driver), speed=max(_number(speed), 0) or None if carrier == "1" else None,
            switch=switches.get((name, "chassis.name")),
            port=switches.get((name, "port.ifname")) or switches.get((name, "port.local")))
        if port and _valid(Hardware, interfaces={name: port}):
            ports[name] = port
    return ports


def _printable(text: str) -> str:
    return " ".join("".join(filter(str.isprintable, text)).split())


def _bmc(rows: Rows) -> str:
    address = dict(_fields(rows.get("bmc", ()))).get("IP Address", "")
    return "" if address == "0.0.0.0" else address


def _disks(rows: Rows) -> tuple[dict[str, Disk], dict[str, str], tuple[str, ...]]:
    """By their best ids; every id of each; and those that cannot be told from others."""
    paths: dict[str, list[str]] = {}
    for one, target in (row for row in rows.get("id", ()) if len(row) == 2):
        paths.setdefault(target, []).append(one)
    disks: dict[str, Disk] = {}
    ids: dict[str, str] = {}
    unnamed = []
    for name, size, rotational, bus, transport, where, serial in (row for row in rows.get("disk", ()) if len(row) == 7):
        if name.startswith(("rbd", "nbd", "drbd")) or _ELSEWHERE.search(where) or transport not in ("", "pcie") or not _number(size):
            continue  # no disk of this machine
        own = sorted(paths.get(name, ()))
        best = BY_ID + best_id(own)
        disk = _valid(Disk, size=_number(size), serial=serial, kind=_kind(name, bus, where),
                           rotational={"0": False, "1": True}.get(rotational))
        if own and disk and _valid(Hardware, disks={best: disk}):
            disks[best] = disk
            ids |= {BY_ID + one: best for one in own}
        else:
            unnamed.append(f"{name}, {size} bytes")
    return disks, ids, tuple(unnamed)


def _kind(name: str, bus: str, where: str) -> str:
    if bus == "ata":
        return "sata"
    return next((kind for start, kind in _KINDS.items() if name.startswith(start)),
                next((kind for part, kind in _PLACES.items() if part in where), ""))


def best_id(ids: list[str]) -> str:
    """The name with maker, model and serial number, where there is one."""
    return next((one for one in ids if not one.startswith(_SAYS_LITTLE)), ids[0] if ids else "")
