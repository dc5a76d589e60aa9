"""Backups: a file that one machine has for another, in pieces; which backup is taken; what a restore is refused for."""

from __future__ import annotations

import subprocess
import tarfile
from collections.abc import Callable
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

import pytest

from fabfile.engine.run import run
from fabfile.engine.step import Step
from fabfile.facts.backups import Backup, chosen, parse
from fabfile.resources import Change, Command, RemoteFile, Resource
from fabfile.screen.backups import as_text
from fabfile.tasks.backups import packed
from tests.unit.simulated import Ways, rack


def a_shell(folder: Path, spoil: Callable[[str], str] = str) -> Callable[[str, str], tuple[int, str]]:
    """A machine whose commands on files below this folder are run by this computer's shell."""
    def asked(verb: str, text: str) -> tuple[int, str]:
        if verb != "act" or str(folder) not in text:
            return 0, ""
        done = subprocess.run(["sh", "-e"], input=text, capture_output=True, text=True)
        return done.returncode, spoil(done.stdout + done.stderr)
    return asked


class Fetched(Resource):
    """Wants a file of chick0."""

    lasting = False
    name = "archive"

    def __init__(self, path: Path, target: Path):
        self.path, self.target = path, target

    def probe(self) -> str:
        return ":"

    def changes(self, facts, altered):
        yield Change("fetch it", (Command(f"wc -c <{self.target}", says=True),),
                     remote_files=(RemoteFile("chick0", str(self.path), str(self.target)),))


def fetched(tmp_path: Path, content: bytes, spoil: Callable[[str], str] = str):
    """A run in which rooster wants a file of chick0 with this content; and the target."""
    source, target = tmp_path / "archive", tmp_path / "kept" / "archive"
    source.write_bytes(content)
    ways = Ways({"rooster": a_shell(tmp_path), "chick0": a_shell(tmp_path, spoil)})
    machines = rack("rooster", "chick0")
    result = run(machines, "rack.backup", [Step("backup", (machines.gateway,), lambda rack, machine: [Fetched(source, target)])],
                 consent=lambda entries: True, ways=ways)
    return result, target


@pytest.mark.parametrize("size", [0, 5, 1 << 19, (1 << 19) + 1])
def test_a_file_of_another_machine_arrives_whole_and_for_root_alone(tmp_path, size):
    content = bytes(number % 251 for number in range(size))
    result, target = fetched(tmp_path, content)
    assert not result.errors
    assert target.read_bytes() == content
    assert target.stat().st_mode & 0o777 == 0o600 and target.parent.stat().st_mode & 0o777 == 0o700


def test_a_file_that_arrives_damaged_is_not_used(tmp_path):
    result, _ = fetched(tmp_path, b"archive", lambda said: said.replace("YXJjaGl2ZQ==", "ZGFtYWdlZA=="))
    assert [error.problem for error in result.errors] == [
        f"{tmp_path}/archive of chick0 could not be copied there: ended with exit code 1"]
    assert result.errors[0].tail == ("it is not what was sent",)


def test_a_file_that_is_not_there_is_told(tmp_path):
    source = tmp_path / "none"
    ways = Ways({"rooster": a_shell(tmp_path), "chick0": a_shell(tmp_path)})
    machines = rack("rooster", "chick0")
    result = run(machines, "rack.backup", [Step("backup", (machines.gateway,), lambda rack, machine: [
        Fetched(source, tmp_path / "kept")])], consent=lambda entries: True, ways=ways)
    assert "No such file" in result.errors[0].tail[0] and not (tmp_path / "kept").exists()


ANSWER = """backup 20261128T000000Z
taken 2026-11-28T00:00:00Z
node chick0
kubernetes 1.36.3
objects 7
bytes 4096
hub hub
whole
backup 20261129T000000Z
taken 2026-11-29T00:00:00Z
objects 8
bytes 4096
"""


def test_the_newest_whole_backup_is_taken_unless_one_is_named():
    backups = parse(ANSWER)
    assert backups[0] == Backup("20261128T000000Z", datetime(2026, 11, 28, tzinfo=UTC), "chick0", "1.36.3", 7, 4096, ("hub",), True)
    assert chosen(backups).name == "20261128T000000Z"
    for name, told in (("20261129T000000Z", "is damaged"), ("20261127T000000Z", "there is no backup")):
        with pytest.raises(ValueError, match=told):
            chosen(backups, name)
    with pytest.raises(ValueError, match="there is no whole backup"):
        chosen([])
    lines = as_text(backups, datetime(2026, 11, 30, 1, 30, tzinfo=UTC)).splitlines()
    assert " 2 days " in lines[1] and " 25 h " in lines[2] and "damaged" in lines[2]


def test_the_racks_own_files_are_packed_and_nothing_else(tmp_path):
    for name in ("hosts.yaml", "configs/hub.yaml", "configs/secrets.yaml", "site/mine.py", "notes.txt", ".git/config"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    with tarfile.open(fileobj=BytesIO(packed(tmp_path))) as archive:
        assert {one.name for one in archive if one.isfile()} == {"hosts.yaml", "configs/hub.yaml", "configs/secrets.yaml", "site/mine.py"}
