"""Two dozen faults on a bootstrap of the lab's rack: six runs are broken one after the other, each further on, then
one is left alone. Afterwards files, units and objects are as an undisturbed bootstrap leaves them."""

from __future__ import annotations

import shutil
import subprocess

import pytest
import yaml
from ground import BOOTS, Ground, Mirror, unmounted
from objects import ASK, objects
from planted import made
from points import planned
from trial import chain

from lab import network
from lab.plan import Plan

LAB = "faultsrack"
POINTS, CHAINS = 24, 4
LEFT_OUT = ("metallb", "helm", "local_path")  # what services stand on: their own tests are in tests/rack
DISK = "12G"  # sparse; all machines' together


@pytest.fixture(scope="session")
def ground(raised, tmp_path_factory):
    """rooster and two chicks of a lab, without services, on a disk that can be filled."""
    lab = raised("up", name=LAB)
    plan = Plan.read(lab.places.plan)
    folder = tmp_path_factory.mktemp("rack")
    disk, image = lab.places.folder / "machines", lab.places.folder / "disk"
    for machine in lab.machines:
        lab.off(machine)
    if not disk.is_mount():
        image.unlink(missing_ok=True)  # not one that may still be in use
        subprocess.run(["truncate", "-s", DISK, image], check=True)
        subprocess.run(["mkfs.ext4", "-q", "-m", "0", "-E", "lazy_itable_init=1", image], check=True)
        subprocess.run(["mount", "-o", "loop", image, disk], check=True)
    for machine in lab.machines:
        (disk / machine).mkdir(exist_ok=True)
    web = next(program for program in plan.programs if program.name == "web")
    mirrors = (Mirror("web", "internet", network.SITES, web.shares["srv/www"], str(web.shares["srv/lab"])),
               Mirror("mirror", "internet", network.MIRROR, plan.mirror_cache))
    yield Rack(lab, ("cluster.bootstrap",), folder, smaller(lab.rack, folder / "rack"), mirrors,
               lambda there: lab.ask(do="on" if there else "off", machine="names"), 600.0, (),
               lambda ground: {"objects": objects(ground.inside("chick0", ASK))})
    for machine in lab.machines:
        lab.off(machine)
    unmounted(disk)


class Rack(Ground):
    """Of the lab's machines only those that the smaller rack has."""

    def empty(self) -> None:
        self.lab.reset(["rooster", "chick0", "chick1"], BOOTS)


def smaller(rack, copy):
    """The lab's rack with one worker, and nothing above the cluster."""
    shutil.copytree(rack, copy)
    hosts = yaml.safe_load((copy / "hosts.yaml").read_text())
    del hosts["machines"]["chick2"]
    (copy / "hosts.yaml").write_text(yaml.safe_dump(hosts, sort_keys=False))
    versions = yaml.safe_load((copy / "configs/versions.yaml").read_text())
    versions = {key: value for key, value in versions.items() if key not in LEFT_OUT}
    (copy / "configs/versions.yaml").write_text(yaml.safe_dump(versions, sort_keys=False))
    plan = yaml.safe_load((copy / "configs/network.yaml").read_text())
    plan.pop("publish")
    (copy / "configs/network.yaml").write_text(yaml.safe_dump(plan, sort_keys=False))
    for file in ("hub.yaml", "storage.yaml"):
        (copy / "configs" / file).unlink(missing_ok=True)
    return copy


@pytest.fixture(scope="session")
def learned(ground):
    ground.learn()
    assert len(ground.commands) > 200
    return ground


@pytest.mark.parametrize("number", range(1, CHAINS + 1), ids=lambda number: f"chain-{number}")
def test_faults_on_one_rack_leave_nothing(number, learned, keep):
    several = sorted(planned(POINTS), key=lambda each: each.number)[number - 1::CHAINS]
    trials = [keep(trial) for trial in chain(learned, several, made)]
    assert not any(trial.wrong for trial in trials), "\n".join(trial.summary() for trial in trials)
