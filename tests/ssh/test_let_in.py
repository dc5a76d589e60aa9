"""How people's machines let somebody in, on real sshds: tests/cases/field/machines.yaml. What is told must be the cause, in seconds."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import yaml
from conftest import Operator
from swarm import Swarm

from fabfile.tasks.queries import ask

CASES = yaml.safe_load((Path(__file__).parents[1] / "cases/field/machines.yaml").read_text())
RELOAD = "kill -HUP 1; sleep 0.5"  # sshd is the first process there


@pytest.fixture
def operator(tmp_path):
    with Swarm(tmp_path / "swarm", chicks=1) as swarm:
        yield Operator(swarm, tmp_path / "state")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["case"])
def test_how_people_are_let_in(operator, case):
    for name, script in case.get("does", {}).items():
        operator.swarm.hosts[name].run(f"{script}\n{RELOAD}", check=False)
    hosts = operator.folder / "hosts.yaml"
    for one in case.get("edits", ()):
        assert one["replace"] in hosts.read_text()
        hosts.write_text(hosts.read_text().replace(one["replace"], one["by"]))
    began = time.monotonic()
    answers, errors = ask(operator.rack, {case.get("asks", "chick0"): "id -un"})
    took, said = time.monotonic() - began, "\n".join(f"{error} ({error.hint})" for error in errors.values())
    assert not case.get("says") or not answers, answers
    for words in case.get("says", ()):
        assert words in said, said
    assert case.get("says") or list(answers.values()) == ["root\n"], said
    assert took < case.get("within", 12), f"{took:.0f} s"
