"""A hundred faults on a swarm: after one run more, everything is as an undisturbed run leaves it."""

from __future__ import annotations

import os
import subprocess

import pytest
from faults import answering
from ground import Ground, Mirror, unmounted
from planted import PLANTED, planted
from scenario import NAME, REPOSITORY, SECRETS
from trial import attempt

from tests.rack.state import FILES, LEFTOVERS, LINKS, MODES, PACKAGES, RUNNING, SHADOW

POINTS = (100, 20)  # over all commands, and over those that change something
LAB = os.environ.get("COOP_LAB", "faultsswarm")
LIVE = "sysctl net.ipv4.tcp_fin_timeout; systemctl is-enabled flock-beacon; cat /run/flock-beacon"


@pytest.fixture(scope="session")
def ground(raised, tmp_path_factory):
    """rooster and two chicks, whose disks can be filled, and a name server."""
    lab = raised("swarm", "2", name=LAB)
    folder = tmp_path_factory.mktemp("swarm")
    disk = lab.places.folder / "machines"
    for machine in lab.machines:
        lab.off(machine)
    if not disk.is_mount():
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=400m,mode=755", "disks", disk], check=True)
    for machine in lab.machines:
        (disk / machine).mkdir(exist_ok=True)
    server: list[subprocess.Popen] = []

    def names(there: bool) -> None:
        if there:
            server.append(answering(lab, "names", "inner", REPOSITORY, f"{NAME}={REPOSITORY}"))
        else:
            process = server.pop()
            process.kill()
            process.wait()

    names(True)
    yield Ground(lab, ("swarm.role",), folder, lab.rack, (Mirror("packages", "inner", REPOSITORY, packages(lab)),),
                 names, 200.0, (FILES, MODES, LINKS, SHADOW, PACKAGES, RUNNING, LEFTOVERS, LIVE))
    names(False)
    for machine in lab.machines:
        lab.off(machine)
    unmounted(disk)


def packages(lab):
    """The folder that the lab's repository serves."""
    from lab.plan import Plan
    return next(each for each in Plan.read(lab.places.plan).programs if each.name == "packages").shares["srv/www"]


@pytest.fixture(scope="session")
def learned(ground):
    """An undisturbed run; what a dry run shows has no secret either."""
    ground.empty()
    dry = ground.run("--dry")
    assert dry.code == 3 and not planted(dry.said), dry.said
    ended = ground.learn()
    assert not planted(ended.said) and not planted(str(ended.journal))
    for machine in ("chick0", "chick1"):  # they are there, where they belong
        found = ground.inside(machine, f"cat {' '.join(SECRETS)}", check=False)
        assert all(value in found for value in (PLANTED if machine == "chick1" else PLANTED[1:]))
    assert len(ground.commands) > 100
    return ground


def test_a_fault_leaves_nothing(point, learned, keep):
    trial = keep(attempt(learned, point, planted))
    assert not trial.wrong, trial.summary()
