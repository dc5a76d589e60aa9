"""The role with Coop's resources, and a run of it by the path that every task takes.

    python -m bench.role.coop [--edition N] [--dry] [--json]        with COOP_RACK set
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fabfile.engine.step import Step
    from fabfile.rack import Machine, Rack
    from fabfile.resources import Resource

SETTINGS = "/etc/flock/beacon.conf"
MOTD = "This machine belongs to the flock.\nEdition {edition}.\n"
SUDOERS = "keeper ALL=(root) NOPASSWD: /usr/bin/systemctl restart flock-beacon\n"
TEMPLATE = Path(__file__).with_name("beacon.conf.j2")


def role(rack: Rack, machine: Machine, edition: int = 1) -> Iterator[Resource]:
    """What a machine of the flock has."""
    from jinja2 import Template

    from bench.role.line import FileLine
    from fabfile.resources import Directory, File, Packages, Symlink, Sysctls, Unit
    from fabfile.resources.accounts import Group, User

    settings = Template(TEMPLATE.read_text(), keep_trailing_newline=True).render(machine=machine.name)
    yield Packages({"flock-words": None, "flock-say": None, "flock-beacon": None})
    yield Group("flock")
    yield User("keeper", groups=("flock",))
    yield Directory("/srv/flock", owner="keeper", group="flock", mode=0o750)
    yield File(SETTINGS, settings)
    yield File("/etc/motd", MOTD.format(edition=edition))
    yield FileLine("/etc/hosts", "10.0.0.1 rooster.flock.lan rooster")
    yield Sysctls("flock", {"net.ipv4.tcp_fin_timeout": "20"})
    yield Symlink("/usr/local/bin/say", "/usr/bin/flock-say")
    yield File("/etc/sudoers.d/keeper", SUDOERS, mode=0o440, check="visudo -cqf {}")
    yield Unit("flock-beacon", watches=(SETTINGS,))


def steps(rack: Rack, edition: int = 1) -> list[Step]:
    """The role on every chick."""
    from fabfile.engine.step import Step

    return [Step("flock", rack.chicks, partial(role, edition=edition))]


def main() -> None:
    from invoke import Exit

    from fabfile.tasks.converge import converge

    parser = argparse.ArgumentParser(description="Brings every chick of COOP_RACK to the measured role.")
    parser.add_argument("--edition", type=int, default=1)
    parser.add_argument("--dry", action="store_true")
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    try:
        converge("bench", partial(steps, edition=chosen.edition), dry=chosen.dry, json=chosen.json)
    except Exit as end:
        print(end.message or "", file=sys.stderr)
        sys.exit(end.code)


if __name__ == "__main__":
    main()
