"""A running lab: power off, power on, run commands inside, reset."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from . import kernel
from .emulated import SAID, Emulated
from .machine import Machine
from .places import Places
from .plan import Plan
from .rackfolder import add_spare


class LabError(Exception):
    """Something about the lab is not as it must be. The message is one sentence for a person."""


@dataclass(frozen=True)
class Box:
    """What the supervisor says of a machine or a program of the internet."""

    name: str
    state: str  # "on", "off", "failed"
    pid: int | None  # of its process 1, on this computer
    since: float  # when it came into this state, in seconds since 1970
    starts: int  # reboots count
    machine: bool


@dataclass(frozen=True)
class Lab:
    """A handle on a lab by its name. Nothing is kept in it: two handles on one lab are as good as one."""

    places: Places

    @classmethod
    def named(cls, name: str | None = None) -> Lab:
        """The lab of that name. LabError if it is not up."""
        lab = cls(Places.named(name))
        lab.status()
        return lab

    @property
    def rack(self) -> Path:
        """For COOP_RACK."""
        return self.places.rack

    @property
    def machines(self) -> dict[str, Machine]:
        """Every machine, by name; the spare one too."""
        return {machine.name: machine for machine in Plan.read(self.places.plan).machines}

    @property
    def emulated(self) -> dict[str, Emulated]:
        """Every emulated machine, by name."""
        metal = Plan.read(self.places.plan).metal
        return {machine.name: machine for machine in metal.machines} if metal else {}

    def ask(self, **request: object) -> dict[str, Box]:
        """Ask the supervisor for something; returns how all boxes then stand. LabError if it will not."""
        try:
            with socket.socket(socket.AF_UNIX) as line:
                line.settimeout(60)
                line.connect(str(self.places.control))
                line.sendall(json.dumps(request).encode() + b"\n")
                answer = json.loads(line.makefile().readline() or "{}")
        except (OSError, ValueError) as error:
            raise LabError(f"the lab {self.places.name} is not up: inv lab.up") from error
        if "boxes" not in answer:
            raise LabError(f"the supervisor of {self.places.name} says: {answer.get('error', 'nothing')}")
        return {name: Box(name, **values) for name, values in answer["boxes"].items()}

    def status(self) -> dict[str, Box]:
        """Every machine and every program of the internet."""
        return self.ask(do="status")

    def is_up(self) -> bool:
        """Whether its supervisor answers."""
        try:
            self.status()
        except LabError:
            return False
        return True

    def memory(self) -> dict[str, int]:
        """Bytes in use by each machine and program."""
        groups = Plan.read(self.places.plan).groups
        return {name: groups.memory(name) for name in self.status()}

    def known(self, machine: str) -> str:
        if machine not in (all_machines := [*self.machines, *self.emulated]):
            there = ", ".join(all_machines)
            raise LabError(f"the lab {self.places.name} has no machine {machine}: it has {there}")
        return machine

    def off(self, machine: str) -> None:
        """Cut a machine's power: no process of it gets to say anything. Its disk stays."""
        self.ask(do="off", machine=self.known(machine))

    def on(self, machine: str, limit: float = 60.0, pulled: Sequence[int] | None = None) -> None:
        """Power a machine on, and wait until it lets operators in; not for an emulated one, which may have no system. `pulled`: the
        numbers of an emulated one's disks that are out, from now on."""
        self.ask(do="on", machine=self.known(machine), **({} if pulled is None else {"pulled": pulled}))
        if machine in self.machines:
            self.wait([machine], limit)

    def reset(self, machines: Sequence[str] = (), limit: float = 60.0) -> None:
        """Make machines, or all containers, what an installer leaves, and wait until they accept logins. An emulated one, which is
        to be named, goes off, and its disks are empty."""
        chosen = [self.known(machine) for machine in machines] or list(self.machines)
        for machine in chosen:
            self.ask(do="reset", machine=machine)
        if waited := [machine for machine in chosen if machine in self.machines]:
            self.wait(waited, limit)

    def add_spare(self) -> str:
        """Write the spare machine into the lab's hosts.yaml, as an operator would; returns its name."""
        return add_spare(self.places)

    def inside(self, machine: str) -> list[str]:
        """What begins a command that runs inside a machine, as root. LabError if that is off."""
        pid = self.status()[self.known(machine)].pid
        if machine in self.emulated:
            raise LabError(f"{machine} is emulated: nothing enters it but ssh; what its console said is in "
                           f"{self.places.machine(machine) / SAID}")
        if not pid:
            raise LabError(f"{machine} is off: inv lab.on {machine}")
        return ["nsenter", f"--target={pid}", "--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup",
                "--root", "--wd", "env", "-i",
                "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                f"TERM={os.environ.get('TERM', 'dumb')}", "HOME=/root", "LANG=C.UTF-8"]

    def in_network(self, place: str) -> list[str]:
        """What begins a command of this computer in the network of a machine, or of "internet"."""
        return ["nsenter", f"--net={self.places.namespace_path(place)}"]

    def run(self, machine: str, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a command inside, without the network. CalledProcessError if it fails and `check`."""
        return subprocess.run([*self.inside(machine), *command], check=check, text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def is_ready(self, machine: str) -> bool:
        """Whether operators can log in: sshd answers, and lets others than root in."""
        return lets_in(self.machines[self.known(machine)], self.status()[machine])

    def wait(self, machines: Sequence[str] = (), limit: float = 60.0) -> None:
        """Wait until machines, or all, accept logins. LabError with the console's end after `limit` s."""
        until = time.monotonic() + limit
        all_machines = self.machines
        left = list(machines or all_machines)
        while left:
            boxes = self.status()
            left = [machine for machine in left if not lets_in(all_machines[machine], boxes[machine])]
            failed = [machine for machine in left if boxes[machine].state in ("failed", "off")]
            if failed or (left and time.monotonic() > until):
                machine = (failed or left)[0]
                console = self.places.machine(machine) / "console.log"
                said = console.read_text(errors="replace").splitlines()[-8:]
                why = "did not boot" if failed else f"does not accept logins after {limit:.0f} s"
                raise LabError("\n  ".join([f"{machine} {why}; its console ends with:", *said]))
            if left:
                time.sleep(0.1)


def lets_in(machine: Machine, box: Box) -> bool:
    """Whether a machine has booted as far as to let an operator log in."""
    if not box.pid or Path(f"/proc/{box.pid}/root/run/nologin").exists():
        return False
    greeting = b""

    def greet() -> None:  # a thread of its own, as it moves to another namespace and does not come back
        nonlocal greeting
        with suppress(OSError):
            kernel.enter(f"/proc/{box.pid}/ns/net", kernel.NET)
            with socket.create_connection((machine.address, 22), timeout=2) as line:
                greeting = line.recv(4)

    thread = threading.Thread(target=greet)
    thread.start()
    thread.join()
    return greeting == b"SSH-"
