"""A machine with a kernel, disks and power of its own: what runs in RAM is Debian's kernel and packages, as rooster makes them."""

from __future__ import annotations

import subprocess
import time

import pytest
import yaml
from boots import Boots
from emulator import Machine, made
from test_installing import Typed

from fabfile.roles import environment, image
from lab.emulated import CANARY
from lab.forge.ram import ram, system_image

BY_ID = "/dev/disk/by-id/"


@pytest.fixture
def machine(operate, tmp_path):
    """chick1, of which hosts.yaml knows its MAC and nothing else; rooster has the environment."""
    boots = Boots(operate(chicks=2))
    folder = boots.operator.folder
    hosts = yaml.safe_load((folder / "hosts.yaml").read_text())
    del hosts["machines"]["chick1"]["hardware"], hosts["machines"]["chick1"]["disks"], hosts["machines"]["chick1"]["host_key"]
    (folder / "hosts.yaml").write_text(yaml.safe_dump(hosts))
    install = yaml.safe_load((folder / "configs/install.yaml").read_text())
    install["authorized_keys"] = [boots.swarm.key.with_suffix(".pub").read_text().strip()]
    (folder / "configs/install.yaml").write_text(yaml.safe_dump(install))
    boots.rooster.run(f"mkdir -p {environment.place()}; mount --bind {made(ram)}/made/environment {environment.place()}")
    one = Machine(boots, "chick1", tmp_path / "emulated")
    yield one
    one.kill()


def run(machine: Machine, *words: str, typed: str = "") -> Typed:
    """The task, and the machine switched on when it says so."""
    task = Typed(machine.boots, *words, typed=typed)
    machine.boots.until(lambda: "Switch chick1 on now" in task.said or task.process.poll() is not None, 60)
    assert "Switch chick1 on now" in task.said, task.said
    machine.switch_on()
    return task


def ended(machine: Machine, task: Typed, seconds: float = 900) -> str:
    """What the task said, which ended well."""
    try:
        code = task.process.wait(seconds)
    except Exception:
        raise AssertionError(task.said + machine.said[-4000:]) from None
    task.end()
    assert code == 0, task.said + machine.said[-4000:]
    return task.said


def canaries(machine: Machine) -> int:
    return machine.disk(1).read_bytes().count(CANARY)


def scanned(machine: Machine) -> None:
    ended(machine, run(machine, "rack.scan", "chick1", "--netboot"))
    machine.ends(60)


def test_it_is_looked_at_rescued_and_emptied(machine):
    began = time.monotonic()
    scanned(machine)
    print(f"looked at, {time.monotonic() - began:.0f} s")
    one = machine.machine
    known = yaml.safe_load((machine.boots.operator.folder / "hosts.yaml").read_text())["machines"]["chick1"]["hardware"]
    assert (known["uuid"], known["serial"], known["firmware"], known["memory"]["size"]) == (one.uuid, one.serial, "bios", "2GiB")
    assert known["interfaces"]["enp1s0"]["mac"] == one.mac and known["cpu"]["threads"] == 2
    assert {name: disk["size"] for name, disk in known["disks"].items()} == {BY_ID + drive.id: drive.size for drive in one.drives}
    assert canaries(machine) == 3 and not any(machine.disk(0).open("rb").read(1 << 20))

    task = run(machine, "node.rescue", "chick1")
    config = next(line.split()[2] for line in ended(machine, task).splitlines() if line.startswith("  ssh -F"))

    def ssh(command: str) -> subprocess.CompletedProcess:
        return subprocess.run(["ssh", "-F", config, "root@chick1", command], capture_output=True, text=True, timeout=120)

    said = ssh("cat /sys/block/sda/ro /sys/block/sdb/ro; dd if=/dev/zero of=/dev/sdb bs=4096 count=1 conv=fsync 2>&1 || echo refused; "
               "for program in lsblk lshw nvme sg_inq hdparm sgdisk fio stress-ng memtester smartctl mdadm vgs efibootmgr curl; do "
               "command -v $program >/dev/null || echo no $program; done; stress-ng --version; uname -r")
    print(said.stdout, said.stderr)
    assert said.stdout.split()[:2] == ["1", "1"] and "refused" in said.stdout
    assert "no " not in said.stdout and "stress-ng, version" in said.stdout
    assert canaries(machine) == 3
    ssh("(sleep 1; poweroff -f) >/dev/null 2>&1 &")  # a machine that is off closes no connection
    machine.ends(60)

    task = run(machine, "node.wipe", "chick1", "--disks", one.drives[1].id, typed="chick1\n")
    said = ended(machine, task)
    assert f"{one.drives[1].serial}: " in said and "read as zeros at 1000 places" in said, said
    machine.ends(60)
    assert canaries(machine) == 0 and not machine.disk(1).read_bytes().strip(b"\0")


def test_an_image_becomes_its_system(machine):
    boots, folder, one = machine.boots, machine.boots.operator.folder, machine.machine
    system = BY_ID + one.drives[0].id
    hosts = yaml.safe_load((folder / "hosts.yaml").read_text())
    hosts["machines"]["chick1"] |= {"disks": {"system": system}, "hardware": {
        "uuid": one.uuid, "disks": {system: {"size": one.drives[0].size, "serial": one.drives[0].serial}}}}
    (folder / "hosts.yaml").write_text(yaml.safe_dump(hosts))
    boots.rooster.run(f"mkdir -p {image.place('debian-13')}; mount --bind {made(system_image)}/made/image {image.place('debian-13')}")
    began = time.monotonic()
    task = run(machine, "node.install", "chick1", "--image", typed="chick1\n")
    machine.ends(600)
    print(f"written, {time.monotonic() - began:.0f} s")
    machine.start_from_disk()
    said = ended(machine, task)
    print(f"from its disk, {time.monotonic() - began:.0f} s\n{said}")
    assert "its host key SHA256:" in said and canaries(machine) == 3
