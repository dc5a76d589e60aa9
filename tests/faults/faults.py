"""The kinds of fault: how each is made in a lab, and undone. No machine, no part of Coop helps with it.

`make` is called while the run stands still at the point, `undo` when it has ended; then the run is made again.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from ground import BOOTS

from lab import network
from lab.handle import Lab

if TYPE_CHECKING:
    from ground import Ground

HERE = Path(__file__).parent
OPERATOR = "spicy"


class Fault:
    """One kind. `ends` are the exit codes that the disturbed run may have, `quits` if it is ended by the fault."""

    ends: tuple[int, ...] = (0, 1)
    quits = False
    repeats = False  # what had been done may have to be done again

    def __init__(self, ground: Ground, machine: str):
        self.ground, self.lab, self.machine = ground, ground.lab, machine

    def make(self, run: subprocess.Popen) -> None:
        raise NotImplementedError

    def undo(self) -> None:
        pass

    def inside(self, script: str, check: bool = True) -> str:
        return self.lab.run(self.machine, "sh", "-c", script, check=check).stdout


class Killed(Fault):
    """The operator's process gets SIGKILL."""

    ends, quits = (-signal.SIGKILL,), True

    def make(self, run: subprocess.Popen) -> None:
        run.kill()


class Interrupted(Fault):
    """The operator presses Ctrl-C, once."""

    ends, quits = (130,), True

    def make(self, run: subprocess.Popen) -> None:
        run.send_signal(signal.SIGINT)


class Hanging(Fault):
    """Packets to and from the machine vanish, nobody is notified; of rooster: those of the operator's side."""

    def make(self, run: subprocess.Popen) -> None:
        for cable, bridge in self._cables():
            network.batch([f"link set {cable} nomaster"], self._switch(bridge))

    def undo(self) -> None:
        for cable, bridge in self._cables():
            network.batch([f"link set {cable} master {bridge}"], self._switch(bridge))

    def _cables(self) -> list[tuple[str, str]]:
        found = [(cable, port.bridge) for cable, port in network.cables(self.lab.machines[self.machine])]
        return [each for each in found if each[1] == "outer"] or found

    def _switch(self, bridge: str) -> str:
        return self.lab.places.namespace(network.SWITCH[bridge])


class Reset(Fault):
    """The machine's end of every connection of the operator is closed: the process that had it is killed."""

    def make(self, run: subprocess.Popen) -> None:
        self.inside(f"pkill -KILL -f '^sshd(-session)?: {OPERATOR}'", check=False)


class Rebooted(Fault):
    """Somebody types `systemctl reboot` there."""

    repeats = True

    def make(self, run: subprocess.Popen) -> None:
        self.starts = self.lab.status()[self.machine].starts
        self.inside("systemctl reboot", check=False)

    def undo(self) -> None:
        until = time.monotonic() + BOOTS
        while self.lab.status()[self.machine].starts == self.starts:
            assert time.monotonic() < until, f"{self.machine} does not reboot"
            time.sleep(0.05)
        self.lab.wait([self.machine], BOOTS)


class Powerless(Fault):
    """Its power is cut, and comes back when the run has ended."""

    repeats = True

    def make(self, run: subprocess.Popen) -> None:
        self.lab.off(self.machine)

    def undo(self) -> None:
        self.lab.on(self.machine, BOOTS)


class DiskFull(Fault):
    """Not one byte more can be written to any machine's disk."""

    def make(self, run: subprocess.Popen) -> None:
        disk = os.statvfs(self.ballast.parent)
        with self.ballast.open("wb") as file:
            step = disk.f_bfree * disk.f_frsize
            while step >= 4096:  # machines write meanwhile
                try:
                    os.posix_fallocate(file.fileno(), file.tell(), step)
                    file.seek(step, os.SEEK_CUR)
                except OSError:
                    step //= 2

    def undo(self) -> None:
        self.ballast.unlink()

    @property
    def ballast(self) -> Path:
        return self.ground.disk / ".ballast"


class FailingMirror(Fault):
    """What packages and programs come from answers badly."""

    kind = ""

    def make(self, run: subprocess.Popen) -> None:
        self.substitutes = []
        for place in self.ground.mirrors:
            self.lab.ask(do="off", machine=place.program)
            self.substitutes.append(answering(self.lab, self.kind, place.network, place.address,
                                              str(place.folder), place.certificates))

    def undo(self) -> None:
        for place, substitute in zip(self.ground.mirrors, self.substitutes, strict=False):  # not all may have come up
            substitute.kill()
            substitute.wait()
            self.lab.ask(do="on", machine=place.program)


class Mirror500(FailingMirror):
    kind = "500"


class MirrorHalf(FailingMirror):
    kind = "half"


class SudoRefused(Fault):
    """The operator is killed, and when he comes back the machine's sudo wants a password."""

    ends, quits = (-signal.SIGKILL,), True

    def make(self, run: subprocess.Popen) -> None:
        run.kill()
        os.waitid(os.P_PID, run.pid, os.WEXITED | os.WNOWAIT)
        self.inside(": >/run/nothing && chmod 440 /run/nothing && "
                    f"mount --bind /run/nothing /etc/sudoers.d/{OPERATOR}")
        self.refused = self.ground.run()

    def undo(self) -> None:
        self.inside(f"umount /etc/sudoers.d/{OPERATOR}")


class ClockJumped(Fault):
    """The machine's clock is a day ahead, or behind, and is set right afterwards.

    A container's clock is its computer's. So the programs that are started there are told another time, by
    libfaketime, and what was written meanwhile has that time when the clock is set right.
    """

    def make(self, run: subprocess.Popen) -> None:
        self.days = self.ground.days()
        self.ground.bring_faketime(self.machine)
        self.inside(f"echo '{self.days:+d}d' >/etc/faketimerc; touch /run/jumped; "
                    "echo /run/libfaketime.so.1 >/etc/ld.so.preload")

    def undo(self) -> None:
        self.inside("rm -f /etc/ld.so.preload /etc/faketimerc")
        self.inside("find /etc /var/lib/coop /var/lib/apt /home /usr/local -xdev -newercm /run/jumped "
                    f"\\( -type f -o -type d \\) -exec sh -c 'for f; do touch -h -d \"$(date -R -r \"$f\") "
                    f"{self.days} days\" -- \"$f\"; done' sh {{}} +")


class DnsGone(Fault):
    """Nobody answers any name."""

    def make(self, run: subprocess.Popen) -> None:
        self.ground.names(False)

    def undo(self) -> None:
        self.ground.names(True)


FAULTS: dict[str, type[Fault]] = {
    "killed": Killed, "interrupted": Interrupted, "hanging": Hanging, "reset": Reset, "rebooted": Rebooted,
    "powerless": Powerless, "disk-full": DiskFull, "mirror-500": Mirror500, "mirror-half": MirrorHalf,
    "sudo-refused": SudoRefused, "clock-jumped": ClockJumped, "dns-gone": DnsGone,
}


def answering(lab: Lab, kind: str, where: str, address: str, *rest: str) -> subprocess.Popen:
    """A program that answers at an address in one of the lab's namespaces; ready when this returns."""
    process = subprocess.Popen([sys.executable, str(HERE / "answering.py"), kind,
                                str(lab.places.namespace_path(where)), address, *rest],
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    assert process.stdout and process.stdout.readline() == "ready\n", f"nothing answers at {address}"
    return process
