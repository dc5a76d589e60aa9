"""What reads the code has nothing to say: ruff of all of it, mypy of fabfile/; pyproject.toml says by which rules."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]


def findings(*words: str, folder: Path = PROJECT) -> tuple[int, str]:
    done = subprocess.run([sys.executable, "-m", *words], cwd=folder, capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("words", [("ruff", "check", "."), ("mypy",)], ids=["ruff", "mypy"])
def test_nothing_is_found(words):
    code, said = findings(*words)
    assert code == 0, said


@pytest.mark.parametrize("code,words,finding", [
    ("import os\n", ("ruff", "check"), "F401"),
    ("import os  # noqa\n", ("ruff", "check"), "PGH004"),
    ("def f(x):\n    return x\n", ("mypy",), "no-untyped-def"),
    ("x: int = ''  # type: ignore\n", ("mypy",), "ignore-without-code"),
    ("x: int = 1  # type: ignore[assignment]\n", ("mypy",), "unused-ignore"),
], ids=["an import of no use", "a blanket noqa", "no types", "a blanket ignore", "an ignore of no use"])
def test_a_fault_is_found(code, words, finding, tmp_path):
    """By the project's own rules."""
    file = tmp_path / "fault.py"
    file.write_text(f'"""A fault."""\n\n{code}')
    said = findings(*words, "--config" if words[0] == "ruff" else "--config-file", str(PROJECT / "pyproject.toml"), str(file))
    assert said[0] == 1 and finding in said[1], said
