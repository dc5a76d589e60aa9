"""A lab's beginning and end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import contextmanager, suppress
from pathlib import Path

from . import network
from .authority import make_authority
from .cgroups import Groups, this_computers
from .computer import lacking, raise_limits, restore_limits
from .forge.event import Event
from .handle import Lab, LabError
from .installer import install_common, make_key
from .internet import programs
from .places import Places, forge_cache
from .plan import Plan
from .rackfolder import render

Tell = Callable[[Event], None]
PROJECT = Path(__file__).parents[1]


@contextmanager
def stage(name: str, tell: Tell):
    """Tell the beginning and the end of a part of the work."""
    began = time.monotonic()
    tell(Event(name, "building"))
    try:
        yield
    except BaseException:
        tell(Event(name, "failed", seconds=time.monotonic() - began))
        raise
    tell(Event(name, "built", seconds=time.monotonic() - began))


def up(places: Places, tell: Tell) -> Lab:
    """Bring a lab up, building what it publishes if need be. LabError if the computer cannot hold it.

    Of a lab that is up already, the machines that are off are powered on; the remains of one that is half up
    are cleared away first.
    """
    from . import forge

    if missing := list(lacking(places.folder)):
        raise LabError("; ".join(missing))
    lab = Lab(places)
    if lab.is_up():
        for machine in [name for name, box in lab.status().items() if box.machine and not box.pid]:
            lab.on(machine)
        return lab
    site = forge.build(forge_cache(), tell)
    if places.folder.exists() or network.namespaces(places):
        with stage("remains of a lab", tell):
            down(places)
    with stage("keys and rack", tell):
        places.folder.mkdir(parents=True, mode=0o700)
        make_key(places.key, f"operator of the {places.name}")
        authority = make_authority(places.authority)
        machines = render(places, site.www)
        common = places.folder / "common"
        install_common(site.root, common, places.key.with_suffix(".pub").read_text(), authority)
        for machine in machines:
            places.machine(machine.name).mkdir(parents=True)
        plan = Plan(groups=Groups(places.prefix, this_computers()), machines=machines,
                    programs=programs(places, site.www, (site.internet, site.root), (site.acme, site.root)),
                    root=site.root, common=common, mirror_cache=forge_cache() / "mirror")
        plan.write(places.plan)
    with stage("networks", tell):
        network.create(places)
        raise_limits()
    with stage("machines", tell):
        with places.log.open("w") as log:
            subprocess.run([sys.executable, "-m", "lab.supervisor", places.name], cwd=PROJECT,
                           stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        while not lab.is_up():
            if not plan.groups.processes("supervisor"):
                said = places.log.read_text().splitlines()[-8:]
                raise LabError("\n  ".join(["the supervisor ended:", *said]))
            time.sleep(0.02)
        lab.wait()
    return lab


def down(places: Places) -> None:
    """End all that bears the lab's name, however much there is: processes, networks, groups, files."""
    planned = places.plan.exists()
    groups = Plan.read(places.plan).groups if planned else Groups(places.prefix, this_computers())
    for pid in groups.processes("supervisor"):
        end(pid, signal.SIGTERM)  # it ends the machines, and takes note of their ends
    until = time.monotonic() + 15
    while groups.processes("supervisor") and time.monotonic() < until:
        time.sleep(0.02)
    while left := (groups.processes() | network.processes(places)) - {os.getpid()}:
        for pid in left:
            end(pid, signal.SIGKILL)
        if time.monotonic() > until + 15:
            raise LabError(f"processes of the lab do not end: {', '.join(map(str, sorted(left)))}")
        time.sleep(0.02)
    network.remove(places)
    groups.remove()
    subprocess.run(["rm", "-rf", places.folder], check=True)
    restore_limits()


def end(pid: int, how: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, how)
