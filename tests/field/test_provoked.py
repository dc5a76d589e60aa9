"""Causes as the programs themselves say them: each is provoked once, with the forge's programs and those of this computer."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

sys.path.insert(0, str(Path(__file__).parents[1] / "forge"))

from api_server import api_server

from fabfile.engine.causes import cause
from fabfile.resources import writing
from lab.forge import containerd, kubernetes
from lab.forge.store import Store
from lab.places import forge_cache

CASES = yaml.safe_load((Path(__file__).parents[1] / "cases/field/provoked.yaml").read_text())
STORE = Store(forge_cache())


@pytest.fixture(scope="module")
def api(tmp_path_factory):
    with api_server(tmp_path_factory.mktemp("api")) as api:
        yield api


@pytest.mark.parametrize("case", [case for case in CASES if "script" in case], ids=lambda case: case["cause"])
def test_a_program_says_it(tmp_path, case):
    """In a network of its own that leads nowhere, and a root whose mounts are its own."""
    path = ":".join([*(str(STORE.folder(part) / "bin") for part in (kubernetes.programs, containerd.programs)), os.environ["PATH"]])
    script = case["script"].replace("@MOVE@", writing.move(str(tmp_path / "file")))
    done = subprocess.run(["unshare", "--net", "--mount", "sh", "-c", f"ip link set lo up\n{script}"], cwd=tmp_path, text=True, timeout=100,
                          env=os.environ | {"PATH": path}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    found = cause(done.stdout)
    assert found and found.name == case["cause"], done.stdout
    for words in case["says"]:
        assert words in found.says


@pytest.mark.parametrize("case", [case for case in CASES if "api" in case], ids=lambda case: case["cause"])
def test_the_api_server_says_it(api, case):
    said = api.shell(f"(\n{case['api']}\n) 2>&1 || :")
    found = cause(said)
    assert found and found.name == case["cause"], said
    for words in case["says"]:
        assert words in found.says
