"""A rack's folder with tasks of its own."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

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


@pytest.fixture
def site(tmp_path) -> Callable[[str, str], Path]:
    (tmp_path / "rack").mkdir()
    return Site(tmp_path / "rack")
