"""A machine that is emulated: how QEMU is told to be it, and the files that it needs. Values and texts, but for `prepare`.

It has what a container has not: firmware, a power switch, an order of boot, disks, a kernel of its own. Its folder holds
its disks, its firmware's settings, what its serial console said (console.log), and the sockets of that console and of QMP.
"""

from __future__ import annotations

import shutil
from collections.abc import Collection
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

FIRMWARES = ("bios", "uefi", "http")  # the last two enforce Secure Boot; http: UEFI that boots by HTTP alone
HERE = Path("/srv/machine")  # the machine's folder, as QEMU sees it
OVMF = Path("usr/share/OVMF")
CONSOLE, SAID, CONTROL = "console.sock", "console.log", "qmp.sock"
GIB = 1 << 30
CANARY = b"This disk is none of an installer's business.\n"
NAMES = UUID("8c0f5c3e-53a5-4d7b-9c51-6d2a3d1f2b10")  # by which a name gives a UUID

# SeaBIOS, OVMF, loaders and installer all speak on the serial line of a machine without a screen. Nehalem: without the newer
# instructions, of which each costs the emulator more than it saves.
BOARD = ("-nodefaults", "-no-user-config", "-display", "none", "-accel", "tcg,thread=multi,tb-size=256",
         "-cpu", "Nehalem-v1", "-smp", "2", "-rtc", "base=utc,clock=host", "-device", "virtio-rng-pci",
         "-chardev", f"socket,id=console,path={HERE / CONSOLE},server=on,wait=off,logfile={HERE / SAID},logappend=on",
         "-serial", "chardev:console", "-qmp", f"unix:{HERE / CONTROL},server=on,wait=off")


# What an emulated processor needs no protection from, and what only costs it time. On a busy computer its console may be there later
# than systemd would wait for it, and so may what a unit starts.
KERNEL = ("root=LABEL=root rw console=ttyS0 quiet loglevel=4 mitigations=off no_timer_check tsc=reliable audit=0 panic=-1 "
          "systemd.default_device_timeout_sec=600 systemd.default_timeout_start_sec=600")


@dataclass(frozen=True)
class Drive:
    """A disk; `bus` is "sata", "nvme", "virtio" or "scsi", which has a `wwn`, as disks of a shelf do."""

    serial: str
    size: int  # bytes
    model: str = "SAMSUNG MZ7LM240"
    bus: str = "sata"
    wwn: str = ""
    holds_something: bool = False  # when it is new, so that it is seen whether it was written

    @property
    def id(self) -> str:
        """Its name in /dev/disk/by-id."""
        if self.bus in ("scsi", "virtio"):
            return f"wwn-0x{self.wwn}" if self.wwn else f"virtio-{self.serial}"
        kind, model = ("nvme", "QEMU NVMe Ctrl") if self.bus == "nvme" else ("ata", self.model)
        return f"{kind}-{model.replace(' ', '_')}_{self.serial}"


@dataclass(frozen=True)
class Emulated:
    """One machine, with one network card on the rack's inner switch."""

    name: str
    firmware: str  # one of FIRMWARES
    mac: str
    serial: str
    drives: tuple[Drive, ...]
    layout: str = "plain"  # in which its system is to be installed, as configs/install.yaml has it
    memory: int = 3072  # MiB
    kernel: bool = False  # whether it has a system: it starts from the kernel in its folder, and is on with the lab

    @property
    def uuid(self) -> str:
        return str(uuid5(NAMES, self.name))

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Emulated:
        return cls(**value | {"drives": tuple(Drive(**drive) for drive in value["drives"])})

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def command(machine: Emulated, first: str = "network", pulled: Collection[int] = ()) -> tuple[str, ...]:
    """QEMU as this machine without the disks of these numbers, started from "network" or "disk" before the other; at its next reset
    its `card` may have another place."""
    uefi = machine.firmware != "bios"
    words = ["/usr/bin/qemu-system-x86_64", "-name", machine.name, "-M", f"q35,graphics=off{',smm=on' if uefi else ''}", *BOARD,
             "-m", str(machine.memory), "-uuid", machine.uuid,
             "-smbios", f"type=1,manufacturer=Supermicro,product=X9DRT,serial={machine.serial}",
             # behind a port of its own the card is enp1s0, as on many a board
             "-device", "pcie-root-port,id=behind,bus=pcie.0,addr=0x2,chassis=1,hotplug=off",
             "-netdev", f"tap,id=wire,ifname={machine.name},script=no,downscript=no",
             "-device", f"virtio-net-pci,id=card,netdev=wire,mac={machine.mac},bus=behind,bootindex={card(first)}"
             f"{',romfile=' if uefi else ''}"]
    if any(drive.bus == "scsi" for drive in machine.drives):
        words += ["-device", "virtio-scsi-pci,id=shelf"]
    for number, drive in enumerate(machine.drives):
        if number in pulled:
            continue
        bootindex = "" if drive.holds_something else f",bootindex={2 + number}"  # a BIOS tries the first alone
        kind = {"nvme": "nvme", "virtio": "virtio-blk-pci", "scsi": f"scsi-hd,bus=shelf.0,scsi-id={number},wwn=0x{drive.wwn}",
                "sata": f"ide-hd,bus=ide.{number},model={drive.model}"}[drive.bus]
        image_file = f"file={HERE / image(number)},format=raw,cache=unsafe,discard=unmap,detect-zeroes=unmap"
        words += ["-drive", f"if=none,id=image{number},{image_file}",
                  "-device", f"{kind},id=disk{number},drive=image{number},serial={drive.serial}{bootindex}"]
    if machine.kernel:
        words += ["-kernel", str(HERE / "vmlinuz"), "-initrd", str(HERE / "initrd"), "-append", KERNEL]
    if uefi:
        words += ["-global", "driver=cfi.pflash01,property=secure,value=on",
                  "-drive", f"if=pflash,unit=0,format=raw,readonly=on,file=/{OVMF}/OVMF_CODE_4M.secboot.fd",
                  "-drive", f"if=pflash,unit=1,format=raw,file={HERE}/settings.fd"]
    if machine.firmware == "http":
        words += [word for version in ("IPv4", "IPv6") for word in ("-fw_cfg", f"name=opt/org.tianocore/{version}PXESupport,string=n")]
    return tuple(words)


def card(first: str) -> int:
    """The `bootindex` of the card: before that of any disk, or behind."""
    return 1 if first == "network" else 99


def image(number: int) -> str:
    """The file of a disk, in the machine's folder."""
    return f"disk{number}.raw"


def prepare(machine: Emulated, folder: Path, emulator: Path) -> None:
    """Make what is not there yet: disks, the settings of firmware that trusts Microsoft's keys alone. `emulator` is the root that
    QEMU comes in."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, drive in enumerate(machine.drives):
        path = folder / image(number)
        if not path.exists():
            with path.open("wb") as file:
                for place in (0, drive.size // 2, drive.size - len(CANARY)) if drive.holds_something else ():
                    file.seek(place)
                    file.write(CANARY)
                file.truncate(drive.size)
    if machine.firmware != "bios" and not (folder / "settings.fd").exists():
        shutil.copy(emulator / OVMF / "OVMF_VARS_4M.ms.fd", folder / "settings.fd")
    for name in (CONSOLE, CONTROL):
        (folder / name).unlink(missing_ok=True)
