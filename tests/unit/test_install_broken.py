"""Broken files of what machines are installed with: each is told by file, line and key before anything is armed."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from invoke import Context, Exit

from fabfile.engine.ways import SshWays
from fabfile.tasks.installing import install

CASES = Path(__file__).parents[1] / "cases"
DATA = yaml.safe_load((CASES / "install_broken.yaml").read_text())
BASE = DATA["base"].splitlines()


def at(key: str) -> int:
    """The number of its line in the base, from 0."""
    name = re.sub(r"\[\d+\]", "", key).rpartition("systems.debian-13.preseed." if "d-i" in key else ".")[2]
    (found,) = [number for number, line in enumerate(BASE) if line.strip().startswith(f"{name}:")]
    return found


def put(number: int, line: str, below: bool = True) -> str:
    """The base with another line, without those that lie below that one unless `below`."""
    indent = len(BASE[number]) - len(BASE[number].lstrip())
    rest = BASE[number + 1:]
    while not below and rest and len(rest[0]) - len(rest[0].lstrip()) > indent:
        rest.pop(0)
    return "\n".join([*BASE[:number], " " * indent + line, *rest, ""])


def as_shown(key: str) -> str:
    return key if key and not re.search(r"\s", key) else repr(key)


def broken() -> Iterator[tuple[str, str, str]]:
    """The file's text, what a problem begins with behind the file's name, and what it says."""
    for case in DATA["values"]:
        number, name = at(case["key"]), BASE[at(case["key"])].strip().partition(":")[0]
        for value in case["instead"].splitlines():
            yield put(number, f"{name}: {value}", below=False), f"{number + 1}: {case['key']}: ", case["says"]
    for case in DATA["answers"]:
        for line in case["lines"].splitlines():
            (question,) = yaml.safe_load(line)
            key = f"systems.debian-13.preseed.d-i.{as_shown(question)}"
            yield "\n".join([*BASE, f"        {line}", ""]), f"{len(BASE) + 1}: {key}: ", case["says"]
    for case in DATA["keys"]:
        number, (above, _, name) = at(case["key"]), case["key"].rpartition(".")
        line = BASE[number].strip().replace(f"{name}:", f"{case['called']}:")
        yield put(number, line), f"{number + 1}: {above}{'.' if above else ''}{as_shown(case['called'])}: ", case["says"]
    for case in DATA["wholes"]:
        yield case["text"], case["names"], ""


def test_each_of_200_broken_files_is_told_by_its_line_and_nothing_is_armed(tmp_path, monkeypatch, capsys):
    rack = shutil.copytree(CASES / "rack/base", tmp_path / "rack")
    monkeypatch.setenv("COOP_RACK", str(rack))

    def connects(*_, **__):
        pytest.fail("a machine is connected to")
    monkeypatch.setattr(SshWays, "__init__", connects)
    cases = list(broken())
    assert len({text for text, _, _ in cases}) == len(cases) >= 200
    failed = []
    for text, begins, says in cases:
        (rack / "configs/install.yaml").write_text(text)
        with pytest.raises(Exit) as end:
            install.body(Context(), "chick1", reinstall=True)
        told = [line for line in str(end.value.message).splitlines() if line.startswith(f"configs/install.yaml:{begins}")]
        if end.value.code != 2 or not any(says in line for line in told):
            failed.append(f"{text}\n{end.value.code}: {end.value.message}")
    assert not failed, "\n".join(failed)
    with capsys.disabled():
        print(f" {len(cases)} files", end=" ")
