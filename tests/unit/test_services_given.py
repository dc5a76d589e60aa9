"""What rooster and chick0 are given for services: the very files and values, as cases in tests/cases/hub/given.

After a wanted change: `python -m tests.unit.test_services_given` writes them again, and the diff is what to read.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from fabfile.loading import load
from fabfile.resources import File, HelmRelease
from fabfile.tasks.service_steps import prune_steps, rack_steps, service_steps
from fabfile.tasks.steps import bootstrap_steps
from tests.unit.case_files import keep, kept

CASES = Path(__file__).parents[1] / "cases/hub"
GIVEN = CASES / "given"


def steps():
    rack = load(CASES / "base")
    cluster = {step.name for step in bootstrap_steps(rack)}
    ground = [step for step in rack_steps(rack) if step.name not in cluster]
    return rack, [*ground, *service_steps(rack), *prune_steps(rack)]


def given() -> dict[str, str]:
    """Path within the case → content."""
    rack, all_steps = steps()
    found, texts = [], {}
    for step in all_steps:
        for machine in step.machines:
            for resource in step.role(rack, machine):
                found.append(f"{step.name}: {machine.name}: {resource.name}\n")
                if isinstance(resource, File):
                    texts[f"{machine.name}{resource.path}"] = str(resource.content)
                if isinstance(resource, HelmRelease):
                    texts[f"values/{resource.release}.yaml"] = resource.values
    return {"RESOURCES": "".join(found), **texts}


def test_machines_are_given_what_the_cases_say():
    assert given() == kept(GIVEN)


def scripts():
    rack, all_steps = steps()
    for step in all_steps:
        for machine in step.machines:
            for resource in step.role(rack, machine):
                yield pytest.param(resource.probe(), id=f"{step.name}: probe of {resource.name}")
                for number, facts in enumerate(("absent", "release none", "release 1 failed x\nlive 1\nby\ndiff\n")):
                    for change in resource.changes(facts, frozenset()):
                        for command in change.commands:
                            yield pytest.param(command.script, id=f"{step.name}: {resource.name} {number}")
        for check in step.verify(rack, step.machines) if step.verify else ():
            yield pytest.param(check.script, id=f"{step.name}: {check.what}")


@pytest.mark.parametrize("script", list(scripts()))
def test_scripts_are_posix_shell(script):
    said = subprocess.run(["dash", "-n"], input=script, capture_output=True, text=True)
    assert said.returncode == 0, said.stderr


def write() -> None:
    """The cases again, from the rack as it is."""
    keep(GIVEN, given())


if __name__ == "__main__":
    write()
