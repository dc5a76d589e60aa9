"""The process that holds a lab: it starts machines, starts those again that reboot, and obeys over a socket.

    python -m lab.supervisor NAME

It reads the lab's plan.json. It is process 1 of a pid namespace, and every machine and program is its child
and process 1 of one more within: when one ends, the kernel ends all it had started, and when the supervisor
ends, even by SIGKILL, the kernel ends them all.
Requests are one line of JSON a connection, {"do": "off", "machine": "chick0"}; so are the answers.
"""

from __future__ import annotations

import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from . import container, emulated, kernel, mirror, network, porch
from .bmc.emulated import serve as serve_bmc
from .container import Disk
from .emulated import Emulated
from .installer import install
from .machine import Machine
from .metal import bmc_address
from .places import Places
from .plan import Plan, Program

QUICK, PATIENCE = 5.0, 5  # a machine that reboots this many times, each within so many seconds, stays off
ENDINGS = {signal.SIGHUP: "rebooting", signal.SIGINT: "off", signal.SIGKILL: "off"}  # see reboot(2)


@dataclass
class Box:
    """A child of the supervisor, or the place of one."""

    name: str
    become: Callable[[], None]  # called in the child; does not return
    prepare: Callable[[], None]  # called before each start
    silence: Callable[[], None] = lambda: None  # called before its power is cut
    clear: Callable[[], None] = lambda: None  # called after each end
    child: int | None = None  # the process's number here
    pid: int | None = None  # and as the computer sees it
    state: str = "off"
    since: float = 0.0
    starts: int = 0
    quick_ends: int = 0
    first: str = "network"  # what an emulated machine boots from at its next start
    pulled: tuple[int, ...] = ()  # the numbers of its disks that are not there then


@dataclass
class Supervisor:
    places: Places
    plan: Plan
    boxes: dict[str, Box] = field(default_factory=dict)

    def start(self, box: Box) -> None:
        """Start a box that is off, in a new pid namespace."""
        box.prepare()
        home = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)
        told, tell = os.pipe()
        kernel.unshare(kernel.PID)  # of the next child, not of this process
        box.child = os.fork()
        if box.child == 0:
            try:
                signal.set_wakeup_fd(-1)
                os.write(tell, os.readlink("/proc/self").encode())  # /proc is still the computer's
                box.become()
            except BaseException:
                traceback.print_exc()
            finally:
                sys.stderr.flush()
                os._exit(1)
        kernel.enter(home, kernel.PID)
        box.pid = int(os.read(told, 32))
        for descriptor in (home, told, tell):
            os.close(descriptor)
        box.state, box.since, box.starts = "on", time.time(), box.starts + 1
        self.note(box)

    def end(self, box: Box) -> None:
        """Cut a box's power, and wait until the kernel has ended everything in it."""
        if box.child:
            box.silence()
            os.kill(box.child, signal.SIGKILL)
            while os.waitpid(box.child, os.WNOHANG) == (0, 0):
                self.plan.groups.thaw(box.name)
                time.sleep(0.01)
            self.ended(box, signal.SIGKILL)

    def ended(self, box: Box, status: int) -> None:
        """Note the end of a box and, if it wanted to reboot, start it again."""
        switched_off = box.name in self.emulated and status == 0  # QEMU ends when its machine does
        state = ENDINGS.get(os.WTERMSIG(status), "failed") if os.WIFSIGNALED(status) else "off" if switched_off else "failed"
        box.quick_ends = box.quick_ends + 1 if time.time() - box.since < QUICK else 0
        box.child, box.pid, box.state, box.since = None, None, state, time.time()
        try:
            box.clear()
            if state == "rebooting" and box.quick_ends < PATIENCE:
                self.start(box)
        except Exception:  # one machine must not end the lab
            traceback.print_exc()
            box.state = "failed"
        self.note(box)

    def note(self, box: Box) -> None:
        """Say what a box does, in the log and beside the machine's disk."""
        print(time.strftime("%H:%M:%S"), box.name, box.state, box.pid or "", flush=True)
        if box.name in self.machines:
            (self.places.machine(box.name) / "pid").write_text(f"{box.pid or ''}\n")

    @property
    def machines(self) -> dict[str, Machine]:
        return {machine.name: machine for machine in self.plan.machines}

    @property
    def emulated(self) -> dict[str, Emulated]:
        return {machine.name: machine for machine in self.plan.metal.machines} if self.plan.metal else {}

    def add_machine(self, machine: Machine) -> None:
        folder = self.places.machine(machine.name)
        disk = Disk(folder, (self.plan.common, self.plan.root))

        def prepare() -> None:
            self.plan.groups.make(machine.name)
            self.places.shared.mkdir(exist_ok=True)
            network.plug(self.places, machine)
            if not (folder / "upper").exists():
                install(self.places, machine, folder / "upper")

        def clear() -> None:  # a network without processes would go on answering pings
            network.clear(self.places, machine)
            self.plan.groups.remove(machine.name)

        def become() -> None:
            container.console(folder / "console.log")
            namespace = self.places.namespace_path(machine.name)
            container.enter_namespaces(namespace, self.plan.groups, machine.name)
            container.boot(machine.name, disk, self.plan.groups, self.places.shared, self.plan.environment)

        def silence() -> None:  # the kernel takes leave of a killed program's peers, which no machine without power does
            network.unplug(self.places, machine)

        self.boxes[machine.name] = Box(machine.name, become, prepare, silence, clear)

    def add_program(self, program: Program) -> None:
        folder = self.places.internet / program.name

        def prepare() -> None:
            folder.mkdir(parents=True, exist_ok=True)
            self.plan.groups.make(program.name)

        def become() -> None:
            container.console(folder / "log")
            namespace = self.places.namespace_path(program.network)
            container.enter_namespaces(namespace, self.plan.groups, program.name)
            container.serve(program.name, Disk(folder, program.layers), program.command, program.shares)

        self.boxes[program.name] = Box(program.name, become, prepare)

    def add_emulated(self, machine: Emulated, layers: tuple[Path, ...]) -> None:
        folder = self.places.machine(machine.name)

        def prepare() -> None:
            self.plan.groups.make(machine.name)
            emulated.prepare(machine, folder, layers[0])
            network.plug_in(self.places, machine)

        def clear() -> None:
            network.pull_out(self.places, machine)
            self.plan.groups.remove(machine.name)

        def become() -> None:
            container.console(folder / "emulator.log")
            container.enter_namespaces(self.places.namespace_path("inner"), self.plan.groups, machine.name)
            container.serve(machine.name, Disk(folder / "emulator", layers), emulated.command(machine, box.first, box.pulled), {},
                            {str(emulated.HERE).strip("/"): folder})

        box = self.boxes[machine.name] = Box(machine.name, become, prepare, clear=clear)

    def add_bmc(self, machine: Emulated) -> None:
        name = f"bmc-{machine.name}"

        def become() -> None:
            container.console(self.places.internet / f"{name}.log")
            os.setsid()
            self.plan.groups.join(name)
            serve_bmc(self.places, machine, bmc_address(machine))

        self.boxes[name] = Box(name, become, lambda: self.plan.groups.make(name))

    def add_mirror(self, cache: Path) -> None:
        def become() -> None:
            container.console(self.places.internet / "mirror.log")
            os.setsid()
            self.plan.groups.join("mirror")
            mirror.serve(self.places.namespace_path("internet"), network.MIRROR, cache,
                         self.plan.metal.mirrored if self.plan.metal else ())

        self.boxes["mirror"] = Box("mirror", become, lambda: self.plan.groups.make("mirror"))

    def add_porch(self) -> None:
        def become() -> None:
            container.console(self.places.internet / "porch.log")
            os.setsid()
            self.plan.groups.join("porch")
            porch.serve(self.places.namespace_path("internet"), self.places.porch)

        self.boxes["porch"] = Box("porch", become, lambda: self.plan.groups.make("porch"))

    def obey(self, request: dict) -> dict:
        """Do what a request asks; what goes wrong is in the answer."""
        box = self.boxes.get(request.get("machine", ""))
        match request["do"]:
            case "status":
                pass
            case "on" if box:
                if not box.pid:
                    box.first = request.get("first", "network")
                    box.pulled = tuple(request.get("pulled", box.pulled))
                    self.start(box)
            case "off" if box:
                self.end(box)
            case "reset" if box:
                self.end(box)
                box.pulled = ()
                self.forget(self.places.machine(box.name))
                if box.name in self.machines:
                    self.start(box)
            case _:
                return {"error": f"unknown request {request}"}
        return {"boxes": {box.name: {
            "state": box.state, "pid": box.pid, "since": box.since, "starts": box.starts,
            "machine": box.name in self.machines,
        } for box in self.boxes.values()}}

    def forget(self, folder: Path) -> None:
        """Make a machine's disk empty; the old one is deleted while the machine boots again. One that never had power has none."""
        if not folder.exists():
            return
        old = folder.with_name(f".{folder.name}-{time.time_ns()}")
        folder.rename(old)
        folder.mkdir()
        subprocess.Popen(["rm", "-rf", old], start_new_session=True)

    def run(self) -> None:
        """Start everything, then serve until SIGTERM."""
        for program in self.plan.programs:
            self.add_program(program)
        if self.plan.mirror_cache:
            self.add_mirror(self.plan.mirror_cache)
            self.add_porch()
        for machine in self.plan.machines:
            self.add_machine(machine)
        if self.plan.metal:
            for machine in self.plan.metal.machines:
                if not machine.kernel:
                    self.add_bmc(machine)
                self.add_emulated(machine, self.plan.metal.layers)
        for box in self.boxes.values():
            if box.name not in self.emulated:  # no power until somebody switches it on
                self.start(box)

        awake, signalled = socket.socketpair()
        for end in (awake, signalled):
            end.setblocking(False)
        signal.set_wakeup_fd(signalled.fileno())
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGTERM, lambda *_: None)
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(self.places.control))
        self.places.control.chmod(0o600)
        listener.listen(16)
        chosen = selectors.DefaultSelector()
        chosen.register(awake, selectors.EVENT_READ)
        chosen.register(listener, selectors.EVENT_READ)
        while True:
            for key, _ in chosen.select():
                if key.fileobj is listener:
                    self.answer(listener.accept()[0])
                elif signal.SIGTERM in awake.recv(4096):
                    return
            self.reap()

    def reap(self) -> None:
        """Take note of every child that has ended."""
        with suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if not pid:
                    return
                for box in self.boxes.values():
                    if box.child == pid:
                        self.ended(box, status)

    def answer(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            connection.settimeout(5)
            request = json.loads(connection.makefile().readline())
            try:
                answer = self.obey(request)
            except Exception as error:  # one request must not end the lab
                traceback.print_exc()
                answer = {"error": f"{type(error).__name__}: {error}"}
            connection.sendall(json.dumps(answer).encode() + b"\n")


def main(name: str) -> None:
    """Begin a supervisor and leave it to itself."""
    places = Places.named(name)
    plan = Plan.read(places.plan)
    plan.groups.make("supervisor")
    plan.groups.join("supervisor")
    kernel.unshare(kernel.PID)
    if os.fork():
        return
    os.setsid()
    (places.folder / "supervisor.pid").write_text(os.readlink("/proc/self") + "\n")
    supervisor = Supervisor(places, plan)
    try:
        supervisor.run()
    finally:
        for box in supervisor.boxes.values():
            supervisor.end(box)


if __name__ == "__main__":
    main(sys.argv[1])
