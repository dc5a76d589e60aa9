"""What people's files say, and what machines are given for it: tests/cases/field/files.yaml."""

from __future__ import annotations

import json
import re
import shutil
from base64 import b64decode
from pathlib import Path

import pytest
import yaml

from fabfile.loading import load
from fabfile.rack import RackProblems
from fabfile.roles.hub import api_command, service
from fabfile.roles.publishing import publishing
from fabfile.tasks.steps import bootstrap_steps

CASES_OF = Path(__file__).parents[1] / "cases"
CASES = yaml.safe_load((CASES_OF / "field/files.yaml").read_text())


def edited(folder: Path, edits: list[dict]) -> Path:
    """The sample rack with these edits."""
    rack = shutil.copytree(CASES_OF.parents[1], folder / "rack", ignore=lambda top, names: [
        name for name in names if Path(top) == CASES_OF.parents[1] and name not in ("hosts.yaml", "configs")])
    for one in edits:
        file = rack / one["in"]
        before = file.read_text() if file.exists() else ""
        assert one["replace"] in before, f"the sample rack has changed: adapt the case ({one['replace']!r})"
        file.write_text(before.replace(one["replace"], one["by"], 1))
    return rack


def given(rack, name: str) -> str:
    """All that a machine is probed for and given, as one text."""
    machine = rack.machine(name)
    resources = [each for step in bootstrap_steps(rack) if machine in step.machines for each in step.role(rack, machine)]
    if machine is rack.gateway:
        resources += publishing(rack, machine)
        resources += [one for name in rack.services for one in service(rack, machine, name)]
    texts = [text for one in resources for text in (repr(one), one.probe(), *(
        command.script for change in one.changes("", frozenset()) for command in change.commands))]
    return "\n".join(texts)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["case"])
def test_what_people_write(tmp_path, case):
    folder = edited(tmp_path, case["edits"])
    try:
        rack = load(folder)
    except RackProblems as told:
        lines = [re.sub(r":\d+:", ":LINE:", str(problem)) for problem in told.problems]
        assert [re.sub(r"address: [0-9.]+\}", "address: ADDRESS}", line) for line in lines] == case.get("problems", [])
        return
    assert not case.get("problems")
    for name in {*case.get("gives", {}), *case.get("never", {})}:
        text = given(rack, name).replace("\\n", "\n").replace("""'"'"'""", "'")
        for piece in case.get("gives", {}).get(name, ()):
            assert piece in text, piece
        for piece in case.get("never", {}).get(name, ()):
            assert piece not in text, piece
    if "asks" in case:
        [hub] = [one for one in rack.services.values() if one.name == "hub"]
        packed = re.search(r"b64decode\('([^']+)'\)", api_command(rack, hub, "info"))[1]
        assert case["asks"].items() <= json.loads(b64decode(packed)).items()
