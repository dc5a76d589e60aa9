"""Broken racks, as `inv rack.check` meets them: never a traceback, always file, line and key, always code 2.

    COOP_BROKEN=1000 bin/test unit -k broken      that many of them; CI and a plain bin/test take 200
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from invoke import Exit

from fabfile.rack import Rack, RackProblems
from fabfile.tasks import rack as tasks
from fabfile.tasks.service_steps import prune_steps, rack_steps, service_steps
from tests.unit.broken import Broken, broken, samples

PROJECT = Path(__file__).parents[2]
SAMPLE = samples(PROJECT)
COUNT = int(os.environ.get("COOP_BROKEN", "200"))
OF_A_WHOLE_FILE = re.compile(r"is empty|cannot be read: |.* where keys and values are expected")
KEY = re.compile(r"\s*(- )?[\w.-]+:(\s|$)")


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("COOP_RACK", str(tmp_path))
    (tmp_path / "configs").mkdir()
    for file, content in SAMPLE.items():
        (tmp_path / file).write_bytes(content)
    return tmp_path


def put(folder: Path, file: str, content: bytes | None) -> None:
    if content is None:
        (folder / file).unlink()
    else:
        (folder / file).write_bytes(content)


def is_told_well(told: RackProblems, one: Broken, contents: dict[str, bytes | None]) -> None:
    """Each problem names a file of the rack, a line that is there, and the key that stands on or above it."""
    assert told.problems
    for problem in told.problems:
        text = (contents[problem.file] or b"").decode(errors="replace")
        lines = text.splitlines()
        whole = OF_A_WHOLE_FILE.match(problem.message) and not problem.key
        assert 1 <= problem.line <= max(1, len(lines)) or (whole and contents[problem.file] is None)
        assert problem.key or whole or not any(map(KEY.match, lines[:problem.line])), problem
        assert problem.message and str(problem).isprintable()


def resources(rack: Rack) -> Iterator[str]:
    """What every step would look at and ask on its first two machines."""
    for step in [*rack_steps(rack), *service_steps(rack), *prune_steps(rack)]:
        for machine in step.machines[:2]:
            yield from (resource.probe() for resource in step.role(rack, machine))
        yield from (check.script for check in (step.verify(rack, step.machines) if step.verify else ()))


def loaded_or_told(one: Broken) -> Rack | RackProblems:
    """What every task begins with."""
    try:
        return tasks.the_rack()
    except Exit as end:
        assert end.code == 2 and isinstance(end.__context__, RackProblems)
        assert end.message == str(end.__context__)
        return end.__context__
    except Exception as fault:
        fault.add_note(one.what)
        raise


def test_broken_racks_are_reported_by_file_line_and_key_and_end_with_2(folder, capsys):
    refused = at_home = harmless = 0
    for one in broken(SAMPLE, seed=5):
        if refused == COUNT:
            break
        put(folder, one.file, one.content)
        found = loaded_or_told(one)
        put(folder, one.file, SAMPLE[one.file])
        if isinstance(found, Rack):  # no harm was done: then the rack can be worked with too
            assert all("\0" not in text and text.encode() for text in resources(found)), one.what
            harmless += 1
        else:
            is_told_well(found, one, {**SAMPLE, one.file: one.content})
            at_home += any(problem.file == one.file for problem in found.problems)
            refused += 1
    with capsys.disabled():
        print(f" {refused} broken racks refused, {at_home} of them in the very file that was changed;"
              f" {harmless} changes did no harm", end=" ")
