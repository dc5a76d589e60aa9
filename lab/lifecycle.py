"""Starting and stopping a lab."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from . import metal, network, systems
from .authority import make_authority
from .cgroups import Groups, this_computers
from .computer import lacking, raise_limits, restore_limits
from .emulated import Emulated
from .forge.event import Event
from .handle import Lab, LabError
from .installer import install_common, make_key
from .internet import programs
from .places import Places, forge_cache
from .plan import Metal, Plan
from .rackfolder import render, written_control_planes

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


def up(places: Places, tell: Tell, control_planes: int = 1, extras: Collection[str] = (), emulated: Sequence[Emulated] = ()) -> Lab:
    """Bring a lab up, building what it publishes if need be, with these of forge.site.EXTRAS and with these emulated machines.
    LabError if the computer cannot hold it, or if it is up without one of `extras` or of `emulated`, or with another number of
    control planes than these, which are more than one.

    Of a lab that is up already, the machines that are off are powered on, and its files stay as they are; the
    remains of one that is half up are cleared away first.
    """
    from . import forge
    from .forge import file_server, order
    from .forge import metal as forged

    if lab := standing(places):
        if control_planes not in (1, there := written_control_planes(places)):
            raise LabError(f"{places.name} is up, and its hosts.yaml names {there} of them: "
                           f"inv lab.down --name {places.name}")
        if without := sorted(set(extras) - set(Plan.read(places.plan).extras)):
            raise LabError(f"{places.name} is up without {', '.join(without)}: inv lab.down --name {places.name}")
        if others := [each.name for each in emulated if lab.emulated.get(each.name) != each]:
            raise LabError(f"{places.name} is up without {', '.join(others)} as asked for: inv lab.down --name {places.name}")
        return lab
    site = forge.build(forge_cache(), tell, extras)
    empty, ready = ([each for each in emulated if each.kernel is kernel] for kernel in (False, True))
    built = None
    for wanted in ([forged.part] if empty else []) + ([file_server.part] if ready else []):
        built = order.make(wanted, forge_cache(), tell)
    clear(places, tell)
    with stage("keys and rack", tell):
        authority = begin(places)
        machines = render(places, site.www, control_planes, extras)
        if empty:
            machines = metal.among(machines, empty)
            metal.write_rack(places, empty)
        if ready:
            systems.write_rack(places)
        common = places.folder / "common"
        install_common(site.root, common, places.key.with_suffix(".pub").read_text(), authority)
        plan = Plan(groups=Groups(places.prefix, this_computers()), machines=machines,
                    programs=programs(places, site.www, (site.internet, site.root), (site.acme, site.root)),
                    root=site.root, common=common, mirror_cache=forge_cache() / "mirror", extras=tuple(sorted(extras)),
                    metal=built and (metal.planned(places, emulated, built, site.root, authority) if empty else Metal(
                        tuple(emulated), (built.folder(forged.emulator) / "root", site.root), ())))
    with stage("networks", tell):
        network.create(places)
        if empty:
            network.create_management(places, map(metal.bmc_address, empty))
    if ready and built:
        with stage("systems", tell):
            for each in ready:
                systems.install_system(places, each, (built.folder(file_server.system) / "root", site.root))
    lab = start(places, plan, tell)
    for each in ready:
        lab.on(each.name)
    with stage("emulated machines", tell):
        try:
            systems.wait(places, [each.name for each in ready])
        except TimeoutError as late:
            raise LabError(str(late)) from None
    return lab


def standing(places: Places) -> Lab | None:
    """The lab if it is up, with all its machines powered on. LabError if this computer cannot hold one."""
    if missing := list(lacking(places.folder)):
        raise LabError("; ".join(missing))
    lab = Lab(places)
    if not lab.is_up():
        return None
    for machine in [name for name, box in lab.status().items() if box.machine and not box.pid]:
        lab.on(machine)
    return lab


def clear(places: Places, tell: Tell) -> None:
    """Take away what is left of a lab that is not up any more."""
    if places.folder.exists() or network.namespaces(places):
        with stage("remains of a lab", tell):
            down(places)


def begin(places: Places) -> Path:
    """Make the lab's folder, its operator's key and its authority; returns the authority's certificate."""
    places.folder.mkdir(parents=True, mode=0o700)
    make_key(places.key, f"operator of the {places.name}")
    return make_authority(places.authority)


def start(places: Places, plan: Plan, tell: Tell) -> Lab:
    """Start what is planned, in networks that are there, and wait until all machines accept logins."""
    with stage("machines", tell):
        for machine in plan.machines:
            places.machine(machine.name).mkdir(parents=True)
        plan.write(places.plan)
        raise_limits()
        lab = Lab(places)
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
        groups.thaw()
        if time.monotonic() > until + 15:
            raise LabError(f"processes of the lab do not end: {', '.join(map(str, sorted(left)))}")
        time.sleep(0.02)
    network.remove(places)
    groups.remove()
    for mount in mounts_below(places.folder):
        subprocess.run(["umount", "--lazy", mount], check=True)
    subprocess.run(["rm", "-rf", places.folder], check=True)
    restore_limits()


def mounts_below(folder: Path) -> list[str]:
    """What this computer has mounted in a folder, such as a disk of its own for the machines; the innermost first."""
    folder = folder.resolve()
    mounted = (line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines())
    return sorted((place for place in mounted if Path(place).is_relative_to(folder)), reverse=True)


def end(pid: int, how: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, how)
