"""A machine of a swarm that is emulated: its firmware is left out, its kernel, its disks and its power are not.

It takes the place of a chick in that chick's network: the same MAC, and no other machine behind the address.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from pathlib import Path

from boots import Boots

from lab.emulated import GIB, HERE, SAID, Drive, Emulated, command, image, prepare
from lab.forge.emulator import emulator
from lab.forge.job import Job
from lab.forge.part import Part
from lab.forge.ram import ram
from lab.forge.root import machine_root
from lab.forge.store import Store
from lab.places import forge_cache

QEMU = r"""
mount -t tmpfs tmpfs "$PLACE"
mkdir "$PLACE/upper" "$PLACE/work" "$PLACE/root"
mount -t overlay overlay -o "lowerdir=$LAYER:$LOWER,upperdir=$PLACE/upper,workdir=$PLACE/work" "$PLACE/root"
mount --rbind /dev "$PLACE/root/dev"
mkdir -p "$PLACE/root$HERE"; mount --bind "$FOLDER" "$PLACE/root$HERE"
exec chroot "$PLACE/root" "$@"
"""
WIRE = """
ip addr flush dev enp1s0; ip link set enp1s0 address 52:54:00:fe:00:01
ip link add wire type bridge forward_delay 0; ip link set enp1s0 master wire
ip tuntap add {name} mode tap; ip link set {name} master wire; ip link set {name} up; ip link set wire up
"""


def made(part: Part) -> Path:
    """The folder of a part of the forge, which is built if it is not there."""
    store = Store(forge_cache())
    for each in part.with_inputs():
        store.fill(each, lambda folder, each=each: each.recipe(Job(each, folder, store)))
    return store.folder(part)


class Machine:
    """One chick, emulated, with an empty disk and a small one that holds something."""

    def __init__(self, boots: Boots, name: str, folder: Path):
        self.boots, self.folder = boots, folder
        drives = (Drive("S2TVNX0J400001", 8 * GIB), Drive("S2TVNX0J500001", GIB // 16, holds_something=True))
        self.machine = Emulated(name, "bios", boots.swarm.mac(name), "E169970X00001", drives, memory=2048)
        prepare(self.machine, folder, made(emulator) / "root")
        boots.swarm.hosts[name].run(WIRE.format(name=name))
        self.process: subprocess.Popen | None = None

    def switch_on(self) -> None:
        """From the network: with the kernel and the arguments that its loader would be told."""
        armed = f"/srv/coop/boot/at/{self.boots.swarm.address(self.machine.name)}/armed/tftp"
        settings = self.boots.rooster.run(f"cat {armed}/pxelinux.cfg/default")
        (arguments,) = re.findall(r"append initrd=\S+ (.*)", settings)
        for name in ("linux", "initrd"):
            shutil.copy(made(ram) / "made/environment" / name, self.folder / name)
        self._start("-kernel", f"{HERE}/linux", "-initrd", f"{HERE}/initrd", "-append",
                    f"{arguments} console=ttyS0 mitigations=off tsc=reliable")

    def start_from_disk(self) -> None:
        """As it does when it is not armed."""
        self._start()

    def _start(self, *more: str) -> None:
        place = self.folder / "place"
        place.mkdir(exist_ok=True)
        self.process = subprocess.Popen(
            [*self.boots.swarm.hosts[self.machine.name].network(), "unshare", "--mount", "--propagation=private", "sh", "-euc", QEMU, "sh",
             *command(self.machine, "disk"), "-no-reboot", *more],
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "PLACE": str(place), "LAYER": str(made(emulator) / "root"),
                 "LOWER": str(made(machine_root) / "root"), "FOLDER": str(self.folder), "HERE": str(HERE)},
            stdout=(self.folder / "emulator.log").open("ab"), stderr=subprocess.STDOUT)

    def ends(self, seconds: float) -> None:
        """It switches itself off, or restarts, which ends the emulator."""
        assert self.process
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"it did not end in {seconds} s: {self.said[-4000:]}") from None
        assert self.process.returncode == 0, (self.folder / "emulator.log").read_text()

    def kill(self) -> None:
        if self.process and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(20)

    @property
    def said(self) -> str:
        """On its serial console."""
        file = self.folder / SAID
        return file.read_text(errors="replace") if file.exists() else ""

    def disk(self, number: int) -> Path:
        return self.folder / image(number)

    def until(self, holds, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < deadline, self.said[-4000:]
            assert self.process and self.process.poll() is None, (self.folder / "emulator.log").read_text() + self.said[-4000:]
            time.sleep(1)
