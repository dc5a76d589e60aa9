"""The project is written in present-day English and in the terms of Kubernetes, Linux and Fabric."""

import re
import subprocess
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
WHERE = ("fabfile", "lab", "docs", "bin", "tests", "bench", "configs", "README.md", "hosts.yaml", "coop_guard.py", "pyproject.toml")
# archaic or coined, and what to write instead
AVOID = {
    "it is so that": "say what is true",
    "deeds?": "action, command, change",
    "ow(e|es|ed)": "pending, remaining",
    "whom": "name the person, the user, the machine",
    "(?<!udevadm )settles?": "merge, resolve, set",
    "seats?": "HostSession",
    "rivals?": "conflict",
    "mend(s|ed|ing)?": "fix",
    "anew": "again, recreate, restart",
    "another hand": "field manager, outside Coop",
    "brought about": "made, caused",
    "unless told(?! otherwise)": "by default",
    "hither|thither|whence|henceforth|betwixt|nought|naught": "here, there, from where, from now on",
}


def files() -> list[str]:
    """All text that people write: no lock files, and not this list."""
    listed = subprocess.run(["git", "ls-files", *WHERE], cwd=PROJECT, capture_output=True, text=True, check=True)
    return [name for name in listed.stdout.splitlines()
            if name != "tests/unit/test_words.py" and not name.endswith((".lock", ".json", ".sum", ".mod", ".png"))]


@pytest.mark.parametrize("pattern, instead", AVOID.items())
def test_no_archaic_or_coined_word_is_used(pattern, instead):
    word = re.compile(rf"\b(?:{pattern})\b", re.IGNORECASE)
    found = []
    for name in files():
        path = PROJECT / name
        if path.is_file() and not path.is_symlink():
            lines = path.read_text(errors="replace").splitlines()
            found += [f"{name}:{number}: {line.strip()}" for number, line in enumerate(lines, 1) if word.search(line)]
    assert not found, f"write {instead} in:\n" + "\n".join(found)
