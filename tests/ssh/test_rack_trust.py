"""A host key learned by hand from real sshds, behind the proxy command and rooster; then plain ssh works."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from fabfile.loading import load
from fabfile.rack import ssh
from tests.ssh.swarm import Swarm

PROJECT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def swarm(tmp_path_factory):
    with Swarm(tmp_path_factory.mktemp("swarm"), chicks=1) as swarm:
        yield swarm


@pytest.fixture
def rack(swarm):
    """The folder of the swarm's rack, before any key is known."""
    folder = swarm.rack_folder()
    hosts = folder / "hosts.yaml"
    hosts.write_text(re.sub(r"\n    host_key: .*", "", hosts.read_text()))
    return folder


def inv(rack: Path, *words: str, said: str = "") -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "COOP_RACK": str(rack), "XDG_STATE_HOME": str(rack / "state")}
    return subprocess.run([sys.executable, "-m", "invoke", *words], cwd=PROJECT, env=environment, input=said,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def test_keys_are_learned_from_rooster_inwards_and_plain_ssh_works(swarm, rack):
    early = inv(rack, "rack.trust", "chick0", said="yes\n")
    assert early.returncode == 2 and "inv rack.trust rooster" in early.stdout

    keys = {name: " ".join(host.host_key.split()[:2]) for name, host in swarm.hosts.items()}
    asked = inv(rack, "rack.trust", "rooster", said="yes\n")
    assert asked.returncode == 0, asked.stdout
    assert ssh.fingerprint(keys["rooster"]) in asked.stdout
    unasked = inv(rack, "rack.trust", "chick0", "--fingerprint", ssh.fingerprint(keys["chick0"]))
    assert unasked.returncode == 0, unasked.stdout
    assert {name: machine.host_key for name, machine in load(rack).machines.items()} == keys

    config = rack / "ssh_config"
    config.write_text(inv(rack, "rack.ssh-config").stdout)
    command = ["ssh", "-F", str(config), "-o", "BatchMode=yes", "chick0", "hostname"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.stdout == "chick0\n", done.stderr


@pytest.mark.parametrize("words, said", [((), "no\n"), ((), ""), (("--fingerprint", "SHA256:other"), "")])
def test_without_a_yes_nothing_is_changed(rack, words, said):
    before = (rack / "hosts.yaml").read_text()
    refused = inv(rack, "rack.trust", "rooster", *words, said=said)
    assert refused.returncode == 1 and "nothing is changed" in refused.stdout
    assert "Traceback" not in refused.stdout
    assert (rack / "hosts.yaml").read_text() == before


def test_a_machine_that_is_not_there_is_reported(rack):
    unknown = inv(rack, "rack.trust", "chick9")
    assert unknown.returncode == 2 and "there is no machine 'chick9'" in unknown.stdout
    assert "Traceback" not in unknown.stdout
