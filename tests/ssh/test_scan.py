"""Running machines are scanned over real sshds: into hosts.yaml, whose other lines stay; what changes afterwards is named."""

from __future__ import annotations

import fcntl
import json
import os
import time
from dataclasses import dataclass, field

import pytest
import yaml

BY_ID = "/dev/disk/by-id/"
COMMENTS = ("# the rack of these tests", "  # rooster first", "    # its disks are old", "# the end")
DIMMS = {"A1": "2D1C0A3F", "A2": "2D1C0B41"}


@dataclass
class Parts:
    """What a machine is made of, as its kernel and its programs will say."""

    number: int
    ports: dict[str, str]  # name → MAC
    cores: int = 4
    dimms: dict[str, str] = field(default_factory=lambda: dict(DIMMS))
    disks: dict[str, str] = field(default_factory=lambda: {"sda": "S1", "nvme0n1": "S2"})  # name → serial number

    def script(self) -> str:
        """Shell text that makes a /sys, a /dev/disk and programs of it, in the machine's own namespaces."""
        files = {"/sys/class/dmi/id/sys_vendor": "Dell Inc.", "/sys/class/dmi/id/product_serial": f"SN{self.number}",
                 "/sys/class/dmi/id/product_uuid": f"4C4C4544-0042-3510-8056-B4C04F4E370{self.number}",
                 "/sys/firmware/efi/runtime": "0", "/sys/devices/system/memory/block_size_bytes": "40000000"}
        for name, mac in self.ports.items():
            port = f"/sys/class/net/{name}"
            files |= {f"{port}/address": mac, f"{port}/device/vendor": "0x14e4", f"{port}/carrier": "1", f"{port}/speed": "1000"}
        files |= {f"/sys/devices/system/memory/memory{number}/online": "1" for number in range(16 * len(self.dimms))}
        links = {}
        for name, serial in self.disks.items():
            block = f"/sys/class/block/{name}"
            files |= {f"{block}/size": str(1 << 21), f"{block}/removable": "0", f"{block}/queue/rotational": "0",
                      f"{block}/device/model": "DISK"}
            links[f"{BY_ID}{'nvme' if name.startswith('nvme') else 'ata'}-DISK_{serial}"] = f"../../{name}"
        cases = " ".join(f"*/{name}) echo ID_SERIAL_SHORT={serial} ;;" for name, serial in self.disks.items())
        modules = "".join(f"Memory Device\\n\\tSize: 16 GB\\n\\tLocator: {name}\\n\\tSerial Number: {serial}\\n"
                          for name, serial in self.dimms.items())
        threads = "".join(f"{number},{number},0\\n" for number in range(self.cores))
        programs = {"udevadm": f"case $* in {cases} esac",
                    "dmidecode": f"printf '{modules}'",
                    "lscpu": f"case $* in *-p*) printf '{threads}' ;; *) echo 'Model name: Xeon E-2234' ;; esac"}
        lines = ["rm -rf /sys/class /sys/devices /sys/firmware /dev/disk"]
        for path, content in files.items():
            lines.append(f"mkdir -p {os.path.dirname(path)}; echo '{content}' >{path}")
        for path, target in links.items():
            lines.append(f"mkdir -p {os.path.dirname(path)}; ln -s {target} {path}")
        for name, text in programs.items():
            lines.append(f"cat >/usr/local/bin/{name} <<'END'\n#!/bin/sh\n{text}\nEND\nchmod 755 /usr/local/bin/{name}")
        return "\n".join(lines)


class Scanned:
    """An operator at a swarm whose machines are made of parts; `parts` may be changed, and put in."""

    def __init__(self, operator):
        self.operator, self.file = operator, operator.folder / "hosts.yaml"
        self.parts = {name: Parts(number, {key: port.mac for key, port in operator.rack.machine(name).interfaces.items()})
                      for number, name in enumerate(operator.swarm.names)}
        for host in operator.swarm.hosts.values():
            host.run("mkdir -p /run/up /run/work; mount -t overlay overlay -o lowerdir=/dev,upperdir=/run/up,workdir=/run/work /dev\n"
                     "! mountpoint -q /sys")
        self.put_in()
        first, rooster, disks, end = COMMENTS
        lines = self.file.read_text().replace("machines:\n", f"machines:\n{rooster}\n", 1).splitlines()
        self.file.write_text("\n".join([first, *lines, disks, end, ""]))

    def put_in(self) -> None:
        for name, parts in self.parts.items():
            if self.operator.swarm.hosts[name].process.poll() is None:
                self.operator.swarm.hosts[name].run(parts.script())

    def inv(self, *words: str) -> tuple[int, str]:
        code, said = self.operator.end(".venv/bin/inv", *words)
        assert "Traceback" not in said and "bug" not in said, said
        return code, said

    def hardware(self, machine: str):
        return yaml.safe_load(self.file.read_text())["machines"][machine].get("hardware")

    @property
    def state(self) -> tuple[bytes, int, int]:
        """Whatever is written there makes another one."""
        about = self.file.stat()
        return self.file.read_bytes(), about.st_ino, about.st_mtime_ns


@pytest.fixture
def rack(operate):
    return Scanned(operate(chicks=2))


def expected(parts: Parts) -> dict:
    """The machine's `hardware` after a scan."""
    return {
        "vendor": "Dell Inc.", "serial": f"SN{parts.number}", "uuid": f"4c4c4544-0042-3510-8056-b4c04f4e370{parts.number}",
        "firmware": "uefi", "cpu": {"model": "Xeon E-2234", "cores": parts.cores, "threads": parts.cores},
        "memory": {"size": f"{16 * len(parts.dimms)}GiB",
                   "modules": {slot: {"size": "16GiB", "serial": serial} for slot, serial in parts.dimms.items()}},
        "interfaces": {name: {"mac": mac, "speed": 1000} for name, mac in parts.ports.items()},
        "disks": {f"{BY_ID}{'nvme' if disk.startswith('nvme') else 'ata'}-DISK_{serial}":
                  {"size": 1 << 30, "serial": serial, "rotational": False} | ({"kind": "nvme"} if disk.startswith("nvme") else {})
                  for disk, serial in parts.disks.items()}}


def test_what_is_there_is_written_once_and_what_is_lost_is_named(rack):
    before = rack.file.read_text()
    code, said = rack.inv("rack.scan", "chick0", "--dry")
    assert code == 3 and "+    hardware:" in said and "Xeon E-2234" in said, said
    assert rack.file.read_text() == before

    rack.operator.swarm.hosts["chick1"].process.kill()
    code, said = rack.inv("rack.scan")
    assert code == 1 and "chick1 is not scanned, and its lines stay: " in said and "hosts.yaml has it now" in said, said
    for name in ("rooster", "chick0"):
        assert rack.hardware(name) == expected(rack.parts[name])
    assert rack.hardware("chick1") is None
    after = rack.file.read_text()
    assert [line for line in after.splitlines() if line in before.splitlines()] == before.splitlines()
    assert all(f"{comment}\n" in after for comment in COMMENTS)

    state = rack.state
    code, said = rack.inv("rack.scan")
    assert code == 1 and "is not written" in said and rack.state == state, said
    rack.file.write_text(after.replace("  chick1:\n", "  chick1:\n    expect: off\n"))
    state = rack.state
    code, said = rack.inv("rack.scan", "--check")
    assert code == 0 and "nothing is lost or swapped" in said and "chick1 is off, as hosts.yaml expects" in said, said
    code, said = rack.inv("rack.scan", "--dry")
    assert code == 0 and rack.state == state, said

    rooster, chick0 = rack.parts["rooster"], rack.parts["chick0"]
    del rooster.dimms["A2"]
    rooster.cores = 2
    rooster.disks["sda"], chick0.ports["enp1s0"] = "S9", "02:00:00:00:99:99"
    chick0.disks = {"sda": "S1"}
    rack.put_in()
    code, said = rack.inv("rack.scan", "--check", "--json")
    told = json.loads(said)
    assert code == 1 and not told["healthy"] and rack.state == state
    degraded = {one["what"] for one in told["findings"] if one["severity"] == "degraded"}
    assert degraded >= {
        "rooster: memory module A2 is gone", "rooster: memory size: 16GiB now, 32GiB in hosts.yaml",
        "rooster: CPU cores: 2 now, 4 in hosts.yaml", "rooster: disk ata-DISK_S1 is gone", "chick0: disk nvme-DISK_S2 is gone",
        f"chick0: interface enp1s0 has the MAC 02:00:00:00:99:99, and {rack.operator.swarm.mac('chick0')} in `interfaces` of hosts.yaml"}
    code, said = rack.inv("rack.scan", "--dry")
    assert code == 3 and "\n-          A2: {size: 16GiB" in said and rack.state == state, said

    code, said = rack.inv("rack.scan")
    assert code == 1 and "memory module A2 is gone" in said and "has the MAC 02:00:00:00:99:99" in said, said
    assert list(rack.hardware("rooster")["memory"]["modules"]) == ["A1"] and rack.hardware("rooster")["cpu"]["cores"] == 2
    assert set(rack.hardware("rooster")["disks"]) == {f"{BY_ID}ata-DISK_S9", f"{BY_ID}nvme-DISK_S2"}
    assert all(f"{comment}\n" in rack.file.read_text() for comment in COMMENTS)
    state = rack.state
    code, said = rack.inv("rack.scan", "rooster")
    assert code == 0 and rack.state == state, said


def test_a_disk_that_an_installation_writes_is_never_recorded_anew(rack):
    disk = f"{BY_ID}ata-DISK_S1"
    lines = f"    disks: {{system: {disk}}}  # by its label\n    hardware: {{disks: {{{disk}: {{size: 512, serial: S7}}}}}}\n"
    rack.file.write_text(rack.file.read_text().replace("  chick0:\n", f"  chick0:\n{lines}"))
    for words in (["--check"], [], []):
        code, said = rack.inv("rack.scan", "chick0", *words)
        assert code == 1 and "disk ata-DISK_S1: size: 1073741824 now, 512 in hosts.yaml" in said, said
        assert "disk ata-DISK_S1: serial number: S1 now, S7 in hosts.yaml" in said
        recorded = rack.hardware("chick0")["disks"][disk]
        assert (recorded["size"], recorded["serial"]) == (512, "S7")
    assert rack.hardware("chick0")["firmware"] == "uefi" and "  # by its label\n" in rack.file.read_text()


def test_an_edit_during_the_scan_is_kept(rack):
    folder = os.open(rack.operator.folder, os.O_RDONLY)
    fcntl.flock(folder, fcntl.LOCK_EX)  # another task reads and writes there at this moment
    scan = rack.operator.start(".venv/bin/inv", "rack.scan", "chick0")
    time.sleep(4.0)
    assert scan.poll() is None and rack.hardware("chick0") is None
    rack.file.write_text(f"{rack.file.read_text()}# written meanwhile\n")
    os.close(folder)
    said, _ = scan.communicate(timeout=60)
    assert scan.returncode == 0, said
    assert rack.hardware("chick0")["cpu"]["cores"] == 4 and rack.file.read_text().endswith("# written meanwhile\n")


def test_a_misspelt_machine_is_told_and_nobody_is_asked(rack):
    state = rack.state
    code, said = rack.inv("rack.scan", "chick0,chik1")
    assert code == 2 and "did you mean chick1?" in said and rack.state == state, said
    code, said = rack.inv("rack.scan", "--check", "--dry")
    assert code == 2 and "leave one of them out" in said, said
