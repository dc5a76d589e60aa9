"""`pip install .` into an empty environment gives an `inv` and a `fab` that work on a rack's folder elsewhere."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from toys import PROJECT


@pytest.fixture
def types(installed, tmp_path):
    """types(*words): exit code and what was said, typed in a rack's folder that has hosts.yaml and configs/ alone."""
    rack = tmp_path / "rack"
    shutil.copytree(PROJECT / "configs", rack / "configs")
    shutil.copy(PROJECT / "hosts.yaml", rack)
    environment = {name: value for name, value in os.environ.items() if name not in ("COOP_RACK", "PYTHONPATH", "VIRTUAL_ENV")}

    def typed(program: str, *words: str, folder: Path = rack) -> tuple[int, str]:
        done = subprocess.run([installed / ".venv/bin" / program, *words], cwd=folder, stdin=subprocess.DEVNULL, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60, env=environment)
        return done.returncode, done.stdout

    return typed


def test_all_that_is_needed_is_installed(installed):
    files = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "fabfile", "coop_guard.py", "coop_guard.pth"], cwd=PROJECT,
                           capture_output=True, text=True, check=True).stdout.split()
    (packages,) = (installed / ".venv/lib").glob("python3*/site-packages")
    assert len(files) > 200 and not [file for file in files if (PROJECT / file).exists() and not (packages / file).exists()]
    assert "pytest" not in {path.name for path in packages.iterdir()}  # operators need no tests' packages


def test_it_works_on_a_racks_folder_elsewhere(types):
    for program in ("inv", "fab"):
        code, said = types(program, "--list")
        assert code == 0 and "cluster.bootstrap" in said and "lab.up" not in said, said  # the lab comes with a clone
        assert types(program, "rack.check") == (
            0, "rack flock: 13 machines, no problems; 13 host keys are missing: inv rack.trust MACHINE\n")
    code, said = types("fab", "-H", "chick1", "--", "uptime")
    assert code == 2 and said.startswith("chick1: hosts.yaml names no host_key for it"), said


def test_templates_and_programs_are_found(types):
    """What the roles make of the rack, template by template."""
    make = ("from fabfile.loading import load; from fabfile.roles import gateway, node; rack = load();"
            "print(len([*gateway.gateway(rack, rack.gateway)]) > 10, len([*node.node(rack, rack.chicks[0])]) > 10)")
    code, said = types("python", "-c", make)
    assert (code, said) == (0, "True True\n")


def test_without_a_rack_it_says_what_to_do(types, tmp_path):
    assert types("inv", "rack.check", folder=tmp_path) == (
        2, "hosts.yaml: there is none in this folder, nor in one above it (cd into the rack's folder, or name it: "
           "export COOP_RACK=FOLDER)\n")


def test_there_is_no_second_way_in(types):
    code, said = types("python", "-m", "fabfile")
    assert code == 1 and "'fabfile' is a package and cannot be directly executed" in said, said
