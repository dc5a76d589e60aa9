"""The lab: a whole rack on this computer, with a simulated internet. COOP_LAB or --name names the lab."""

from __future__ import annotations

from typing import TYPE_CHECKING

from collections.abc import Iterator
from contextlib import contextmanager

from invoke import Exit

from fabfile.tasks.task import task

if TYPE_CHECKING:
    from invoke import Context

NAME = {"name": "Which lab; \"lab\" unless told."}


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


@task(help=NAME | {"control_planes": "1, or 3: chick1 and chick2 are two more."})
def up(c: Context, name: str | None = None, control_planes: str = "1") -> None:
    """Bring a lab up, building what it needs."""
    import time

    from lab.forge.site import EXTRAS
    from lab.lifecycle import up
    from lab.places import Places
    from lab.rackfolder import CONTROL_PLANES, SPARE
    from lab.screen import progress

    if control_planes not in map(str, CONTROL_PLANES):
        raise Exit(f"a lab has 1 or 3 control planes, not {control_planes}", code=2)
    wanted = set(filter(None, extras.split(",")))
    if unknown := wanted - set(EXTRAS):
        raise Exit(f"nothing is called {', '.join(sorted(unknown))}: --extras takes {', '.join(EXTRAS)}", code=2)
    began = time.monotonic()
    with exit_on_error(), progress() as tell:
        lab = up(Places.named(name), tell, int(control_planes), wanted)
    print(f"{', '.join(lab.machines)} accept logins after {time.monotonic() - began:.1f} s\n"
          f"{SPARE} is not in hosts.yaml yet: {lab.places.folder / SPARE}.yaml is its entry\n"
          f"export COOP_RACK={lab.rack}")


@task(numbers=["chicks"], help={"chicks": "How many, behind one rooster.", "name": "Which lab; \"swarm\" unless told."})
def swarm(c: Context, chicks: int, name: str | None = None) -> None:
    """Bring up many light machines, in seconds."""
    import time

    from lab import swarm
    from lab.places import Places
    from lab.screen import progress

    began = time.monotonic()
    with exit_on_error(), progress() as tell:
        lab = swarm.up(Places.named(name or swarm.NAME), chicks, tell)
    print(f"rooster and {chicks} chicks accept logins after {time.monotonic() - began:.1f} s\n"
          f"export COOP_RACK={lab.rack}")


@task(help=NAME)
def down(c: Context, name: str | None = None) -> None:
    """End a lab, leaving nothing of it."""
    from lab.lifecycle import down
    from lab.places import Places

    with exit_on_error():
        down(Places.named(name))


@task(help=NAME | {"json": "Print JSON."})
def status(c: Context, name: str | None = None, json: bool = False) -> None:
    """Show the lab's machines and its internet."""
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


@task(help=NAME | {"machines": "Which, with commas between; all unless told."})
def reset(c: Context, machines: str = "", name: str | None = None) -> None:
    """Make machines what an installer leaves, in seconds."""
    from lab.handle import Lab

    with exit_on_error():
        Lab.named(name).reset([machine for machine in machines.split(",") if machine])


@task(help=NAME | {"machine": "Which."})
def off(c: Context, machine: str, name: str | None = None) -> None:
    """Cut a machine's power."""
    from lab.handle import Lab

    with exit_on_error():
        Lab.named(name).off(machine)


@task(help=NAME | {"machine": "Which."})
def on(c: Context, machine: str, name: str | None = None) -> None:
    """Power a machine on."""
    from lab.handle import Lab

    with exit_on_error():
        Lab.named(name).on(machine)


@task(help=NAME | {"machine": "Which."})
def shell(c: Context, machine: str, name: str | None = None) -> None:
    """Open a root shell in a machine, past its network."""
    import os

    from lab.handle import Lab

    with exit_on_error():
        command = Lab.named(name).inside(machine)
    # `script` gives the shell a terminal of the machine's own
    os.execvp(command[0], [*command, "script", "--quiet", "--command", "bash --login", "/dev/null"])
