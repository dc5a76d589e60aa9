"""The lab: a whole rack on this computer, with a simulated internet. COOP_LAB or --name names the lab."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from invoke import Exit

from fabfile.tasks.task import JSON, task

if TYPE_CHECKING:
    from invoke import Context

    from lab.screen import Tell

NAME = {"name": "Name of the lab (default: lab)."}


@contextmanager
def exit_on_error() -> Iterator[None]:
    """Ends the task with one sentence on an error of the lab or its name."""
    from lab.forge import ForgeError
    from lab.handle import LabError

    try:
        yield
    except (LabError, ForgeError) as error:
        raise Exit(str(error), code=1) from None
    except ValueError as error:
        raise Exit(str(error), code=2) from None


@contextmanager
def building() -> Iterator[Tell]:
    """A function that shows events. Ctrl-C ends the task with a sentence that says how to resume."""
    from lab.screen import progress

    try:
        with exit_on_error(), progress() as tell:
            yield tell
    except KeyboardInterrupt:
        raise Exit("stopped: what is built is kept; the same command resumes", code=130) from None


@task(help=NAME | {"control_planes": "Number of control planes, 1 or 3: with 3, chick1 and chick2 too.",
                   "extras": "Also built (with commas between): marimo, kubernetes-next, gpus.",
                   "metal": "Emulated machines without a system: chick11:bios,chick12:uefi:mirror; http is UEFI that boots by HTTP.",
                   "storage": "Also two emulated machines: hen, with disks for a pool, and chick3, which can mount NFS."})
def up(c: Context, name: str | None = None, control_planes: str = "1", extras: str = "", metal: str = "",
       storage: bool = False) -> None:
    """Start a lab, building what it needs."""
    import time

    from lab.forge.site import EXTRAS
    from lab.lifecycle import up
    from lab.metal import machines
    from lab.places import Places
    from lab.rackfolder import CONTROL_PLANES, SPARE
    from lab.systems import machines as systems

    if control_planes not in map(str, CONTROL_PLANES):
        raise Exit(f"a lab has 1 or 3 control planes, not {control_planes}", code=2)
    wanted = set(filter(None, extras.split(",")))
    if unknown := wanted - set(EXTRAS):
        raise Exit(f"nothing is called {', '.join(sorted(unknown))}: --extras takes {', '.join(EXTRAS)}", code=2)
    began = time.monotonic()
    with building() as tell:
        lab = up(Places.named(name), tell, int(control_planes), wanted, (*machines(metal), *(systems() if storage else ())))
    print(f"{', '.join(lab.machines)} accept logins after {time.monotonic() - began:.1f} s")
    if SPARE in lab.machines:
        print(f"{SPARE} is not in hosts.yaml yet: {lab.places.folder / SPARE}.yaml is its entry")
    if empty := [each.name for each in lab.emulated.values() if not each.kernel]:
        print(f"{', '.join(empty)}: off, without a system: inv gateway.apply, then inv node.install {empty[0]}")
    if storage:
        print("hen and chick3 are emulated, and show a login: inv storage.apply --create nest")
    print(f"export COOP_RACK={lab.rack}")


@task(numbers=["chicks"], help={"chicks": "Number of machines behind the gateway.", "name": "Name of the lab (default: swarm)."})
def swarm(c: Context, chicks: int, name: str | None = None) -> None:
    """Start a lab of many small machines, without Kubernetes."""
    import time

    from lab import swarm
    from lab.places import Places

    began = time.monotonic()
    with building() as tell:
        lab = swarm.up(Places.named(name or swarm.NAME), chicks, tell)
    print(f"rooster and {chicks} chicks accept logins after {time.monotonic() - began:.1f} s\n"
          f"export COOP_RACK={lab.rack}")


@task(help=NAME)
def down(c: Context, name: str | None = None) -> None:
    """Stop a lab and remove everything of it."""
    from lab.lifecycle import down
    from lab.places import Places

    with exit_on_error():
        down(Places.named(name))


@task(help=NAME | {"json": JSON})
def status(c: Context, name: str | None = None, json: bool = False) -> None:
    """Show a lab's machines and its simulated internet."""
    from dataclasses import asdict
    from json import dumps

    from lab.handle import Lab
    from lab.screen import table

    with exit_on_error():
        lab = Lab.named(name)
        boxes, memory = lab.status(), lab.memory()
    if json:
        print(dumps({name: asdict(box) | {"memory": memory[name]} for name, box in boxes.items()}, indent=1))
    else:
        print(*table(lab.machines, boxes, memory), sep="\n")


@task(help=NAME | {"machines": "Names (comma-separated; default: all)."})
def reset(c: Context, machines: str = "", name: str | None = None) -> None:
    """Reset lab machines to a fresh installation."""
    from lab.handle import Lab

    with exit_on_error():
        Lab.named(name).reset([machine for machine in machines.split(",") if machine])


@task(help=NAME | {"machine": "Name of the machine."})
def off(c: Context, machine: str, name: str | None = None) -> None:
    """Power a lab machine off, without a shutdown."""
    from lab.handle import Lab

    with exit_on_error():
        Lab.named(name).off(machine)


@task(help=NAME | {"machine": "Name of the machine."})
def on(c: Context, machine: str, name: str | None = None) -> None:
    """Power a lab machine on."""
    from lab.handle import Lab

    with exit_on_error():
        Lab.named(name).on(machine)


@task(help=NAME | {"machine": "Name of the machine."})
def shell(c: Context, machine: str, name: str | None = None) -> None:
    """Open a root shell in a lab machine, without SSH."""
    import os

    from lab.handle import Lab

    with exit_on_error():
        command = Lab.named(name).inside(machine)
    # `script` gives the shell a terminal of the machine's own
    os.execvp(command[0], [*command, "script", "--quiet", "--command", "bash --login", "/dev/null"])
