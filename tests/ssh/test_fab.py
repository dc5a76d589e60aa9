"""Every `fab` checks host keys, whatever pip has put there: by its name, as a module, by hand, for a task. In the .venv of a
clone, and in an environment of somebody's own after `pip install .`; in both pip then puts Fabric's own `fab` back."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from conftest import Operator
from swarm import PROJECT, Swarm
from test_safety import changed_key, other_key

ADDRESS = "128.120.136.26"  # rooster's, which Fabric's own fab would go to


@pytest.fixture(scope="module", params=["clone", "installed"])
def reinstalled(request, tmp_path_factory):
    """A folder with a .venv in which pip has put Fabric's own `fab` back."""
    folder = clone(tmp_path_factory) if request.param == "clone" else request.getfixturevalue("installed")
    program = folder / ".venv/bin/fab"
    assert "from fabfile.cli.fab import program" in program.read_text()
    subprocess.run([folder / ".venv/bin/python", "-m", "pip", "install", "--quiet", "--upgrade", "--force-reinstall", "--no-deps",
                    "fabric", "invoke<3"], check=True)
    assert "from fabric.main import program" in program.read_text()
    assert "from invoke.main import program" in (folder / ".venv/bin/inv").read_text()
    return folder


def clone(tmp_path_factory) -> Path:
    """A copy of the project with its .venv, as bin/setup makes it."""
    copy = tmp_path_factory.mktemp("copy") / "coop"
    files = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=PROJECT, capture_output=True, check=True).stdout
    copy.mkdir()
    subprocess.run(f"tar -c -T - .venv | tar -x -C {copy}", shell=True, cwd=PROJECT, input=files, check=True)
    subprocess.run([copy / ".venv/bin/python", "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation",
                    "--editable", copy], check=True)
    return copy


@pytest.fixture(scope="module")
def swarm(tmp_path_factory):
    with Swarm(tmp_path_factory.mktemp("swarm"), chicks=1) as swarm:
        yield swarm


@pytest.fixture
def types(reinstalled, swarm, tmp_path):
    """types(*words): exit code and all that was said, typed where rooster's address is reached directly."""
    operator = Operator(swarm, tmp_path / "state")

    def typed(*words: str, folder: Path = reinstalled) -> tuple[int, str]:
        there = ["nsenter", f"--net=/proc/{swarm._hub.pid}/ns/net"]
        done = subprocess.run(
            [*there, str(reinstalled / words[0]), *words[1:]], cwd=folder, stdin=subprocess.DEVNULL, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60,
            env={**os.environ, "COOP_RACK": str(operator.folder), "XDG_STATE_HOME": str(operator.state)})
        return done.returncode, done.stdout

    typed.operator = operator
    return typed


PROGRAMS = {"fab": (".venv/bin/fab",), "the module": (".venv/bin/python", "-m", "fabric")}


@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS)
def test_a_command_goes_to_the_racks_machines_and_no_other(types, program, tmp_path):
    for folder in (PROJECT, tmp_path):
        assert types(*program, "-H", "chick0", "--", "hostname", folder=folder) == (0, "chick0\n")
        code, said = types(*program, "-H", ADDRESS, "-i", str(types.operator.swarm.key), "--", "hostname", folder=folder)
        assert code == 2 and f"there is no machine '{ADDRESS}'" in said and "Traceback" not in said, said
    changed_key(types.operator, "chick0", other_key(types.operator))
    code, said = types(*program, "-H", "chick0", "--", "hostname")
    assert code == 1 and "its host key is ssh-ed25519 SHA256:" in said and "Traceback" not in said, said


def test_a_task_goes_to_the_racks_machines_and_no_other(types, tmp_path):
    (tmp_path / "fabfile.py").write_text("from fabric import task\n\n@task\ndef name(c):\n    c.run('hostname')\n")
    assert types(".venv/bin/fab", "-H", "chick0", "name", folder=tmp_path) == (0, "chick0\n")  # a task of the site's own
    for folder, task in ((PROJECT, "node.status"), (tmp_path, "name")):
        code, said = types(".venv/bin/fab", "-H", ADDRESS, "-i", str(types.operator.swarm.key), task, folder=folder)
        assert code == 2 and f"there is no machine '{ADDRESS}'" in said, said
    changed_key(types.operator, "chick0", other_key(types.operator))
    for folder, task in ((PROJECT, "node.status"), (tmp_path, "name")):
        code, said = types(".venv/bin/fab", "-H", "chick0", task, folder=folder)
        assert code == 1 and "its host key is ssh-ed25519 SHA256:" in said and "Traceback" not in said, said


def test_a_connection_made_by_hand_takes_no_unknown_key(types, tmp_path):
    key, host = types.operator.swarm.key, types.operator.swarm.hosts["rooster"]
    known = tmp_path / "known_hosts"
    known.write_text(f"{ADDRESS} {host.host_key}\n")
    make = f"import fabric; c = fabric.Connection('{ADDRESS}', user='root', connect_kwargs=dict(key_filename='{key}'))"
    code, said = types(".venv/bin/python", "-c", f"{make}; c.run('hostname')")
    assert code == 1 and f"{ADDRESS} shows the host key ssh-ed25519 SHA256:" in said and "refused" in said, said
    assert "rooster\n" not in said
    code, said = types(".venv/bin/python", "-c", f"{make}; c.client.load_system_host_keys('{known}'); c.run('hostname')")
    assert (code, said) == (0, "rooster\n")
    warned = "import paramiko; c = paramiko.SSHClient(); c.set_missing_host_key_policy(paramiko.WarningPolicy())"
    code, said = types(".venv/bin/python", "-c", f"{warned}; c.connect('{ADDRESS}', username='root', key_filename='{key}')")
    assert code == 1 and "pinned nowhere" in said, said


def test_a_fabric_that_is_not_known_is_not_loaded(types, tmp_path):
    """What a later version may look like: nothing that could be made to check host keys."""
    (tmp_path / "fabric").mkdir()
    (tmp_path / "fabric/__init__.py").touch()
    (tmp_path / "fabric/main.py").write_text("def fab(): print('goes anywhere')\n")
    code, said = types(".venv/bin/python", "-c", "import fabric.main; fabric.main.fab()", folder=tmp_path)
    assert code == 1 and "goes anywhere" not in said and "not one whose host keys Coop knows to check" in said, said
