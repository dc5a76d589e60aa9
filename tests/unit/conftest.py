"""A rack's folder with tasks of its own, and what `inv` and `fab` say in this process."""

import shutil
from collections.abc import Callable
from copy import copy
from pathlib import Path

import pytest

from fabfile import secret
from fabfile.cli import fab, inv

PROJECT = Path(__file__).parents[2]


class Site:
    """A rack folder somewhere else; called with a name and a text it gets site/NAME.py."""

    def __init__(self, folder: Path):
        self.folder = folder
        shutil.copy(PROJECT / "hosts.yaml", folder)
        shutil.copytree(PROJECT / "configs", folder / "configs")
        (folder / "site").mkdir()

    def __call__(self, name: str, text: str) -> Path:
        file = self.folder / "site" / f"{name}.py"
        file.write_text(text)
        return file


@pytest.fixture(autouse=True)
def no_secret_of_another_test(monkeypatch):
    """What a test drew as a secret may be a word of another test's message, and would be masked there."""
    monkeypatch.setattr(secret, "_known", ())
    monkeypatch.setattr(secret, "_pieces", {})


@pytest.fixture
def site(tmp_path) -> Callable[[str, str], Path]:
    (tmp_path / "rack").mkdir()
    return Site(tmp_path / "rack")


@pytest.fixture
def asks(capsys) -> Callable[..., tuple[int, str]]:
    """asks("inv", *words): exit code and what is said, in this process: for what ends before any task."""
    def asked(*words: str) -> tuple[int, str]:
        program = copy(inv.program if words[0] == "inv" else fab.program)
        with pytest.raises(SystemExit) as ended:
            program.run(list(words))
        said = capsys.readouterr()
        return ended.value.code, said.out + said.err

    return asked
