"""What a machine is made of, as hosts.yaml records it: written by a scan or by hand, compared by scans and by the installer."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from fabfile.rack.values import Address, DiskPath, Fixed, InterfaceName, Mac, Part, Sorted, Text, pattern, refuse

DiskKind = Literal["nvme", "sata", "sas", "scsi", "virtio", "usb", "mmc"]
Serial = Annotated[str, pattern(r"[A-Za-z0-9][A-Za-z0-9._:/+-]*", "a serial number", "without blanks; in quotes when it is a number")]
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
Uuid = Annotated[str, pattern(
    UUID.pattern, "a UUID", "in small letters, as /sys/class/dmi/id/product_uuid shows it")]
_MEMORY = re.compile(r"([1-9][0-9]{0,9})(MiB|GiB)")
MemorySize = Annotated[str, pattern(_MEMORY.pattern, "an amount of memory", "such as 64GiB")]


def mebibytes(size: str) -> int:
    """Of "64GiB"."""
    found = _MEMORY.fullmatch(size)
    assert found is not None  # it was validated
    return int(found[1]) * (1024 if found[2] == "GiB" else 1)


def memory_size(mebibytes: int) -> str:
    """In GiB, where that is a whole number."""
    return f"{mebibytes}MiB" if mebibytes % 1024 else f"{mebibytes // 1024}GiB"


def _bytes(value: object) -> object:
    if type(value) is not int or not 0 < value < 1 << 63 or value % 512:
        raise refuse(f"{value!r} is not the size of a disk", "in bytes, as `lsblk -bdo NAME,SIZE,SERIAL` shows it")
    return value


def _count(value: object) -> object:
    if type(value) is not int or not 0 < value < 1 << 31:
        raise refuse(f"{value!r} is not a whole number above 0")
    return value


Count = Annotated[int, BeforeValidator(_count)]


class Disk(Part):
    """One disk: an installer that writes it must find it so."""

    size: Annotated[int, BeforeValidator(_bytes)] = Field(examples=["240057409536"])
    serial: Serial = Field(examples=["S2TVNX0J412345"])
    kind: DiskKind | None = None
    rotational: bool | None = None


class Cpu(Part):
    """All processors of a machine."""

    model: Text | None = None
    cores: Count | None = None
    threads: Count | None = None


class Module(Part):
    """One memory module."""

    size: MemorySize = Field(examples=["16GiB"])
    serial: Serial | None = None


class Memory(Part):
    """The memory that the kernel has, and the modules that the firmware names, by their slots."""

    size: MemorySize | None = None
    modules: Annotated[Mapping[Text, Module], Sorted, Fixed] = Field(default_factory=dict, validate_default=True)


class Port(Part):
    """One network interface as it was found: unlike `interfaces`, nothing is configured by it."""

    mac: Mac = Field(examples=['"00:25:90:51:cf:1c"'])
    driver: Text | None = None
    speed: Count | None = None  # Mbit/s
    switch: Text | None = None
    port: Text | None = None  # of the switch


class Hardware(Part):
    """What is on file of a machine: its installer must find the serial number, the UUID, the firmware and the disks that it
    writes so before it writes anything."""

    vendor: Text | None = None
    product: Text | None = None
    serial: Serial | None = None  # of the system, as its firmware says
    uuid: Uuid | None = None
    firmware: Literal["bios", "uefi"] | None = None
    firmware_version: Text | None = None
    secure_boot: bool | None = None
    bmc: Address | None = None
    cpu: Cpu | None = None
    memory: Memory | None = None
    interfaces: Annotated[Mapping[InterfaceName, Port], Sorted, Fixed] = Field(default_factory=dict, validate_default=True)
    disks: Annotated[Mapping[DiskPath, Disk], Sorted, Fixed] = Field(default_factory=dict, validate_default=True)
