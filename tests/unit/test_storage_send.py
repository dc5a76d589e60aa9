"""Copies of datasets on other hosts: what the file server gets for them, and when one is late."""

import shutil
from pathlib import Path

import pytest

from fabfile.facts.file_server import FileServer, Snapped, findings
from fabfile.loading import load
from fabfile.resources import File, Unit
from fabfile.resources.kernel_module import ModuleFacts
from fabfile.resources.pool_facts import PoolFacts, PoolSeen
from fabfile.roles.pools import datasets
from fabfile.tasks.storage import wanted_of

PROJECT = Path(__file__).parents[2]
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINt8cs8gXmojODgU+hevwrmlxv7xUh6TAJxP8NUpFZ4X"
HOUR = 3600
NOW = 500000 * HOUR


@pytest.fixture
def rack(tmp_path):
    folder = shutil.copytree(PROJECT / "tests/cases/storage/rack", tmp_path / "rack")
    file = folder / "configs/storage.yaml"
    send = f"        send: {{to: hen@backup.example.org:tank/homes, host_key: {KEY}}}\n"
    file.write_text(file.read_text().replace("        snapshots:", f"{send}        snapshots:"))
    return load(folder)


def test_the_file_server_knows_the_other_hosts_key_and_what_goes_there(rack):
    found = list(datasets(rack, rack.machine("hen")))
    files = {one.path: one.content for one in found if isinstance(one, File)}
    assert files["/etc/coop/send/copies"] == "nest/homes hen@backup.example.org:tank/homes\n"
    assert files["/etc/coop/send/known_hosts"] == f"backup.example.org {KEY}\n"
    assert next(one for one in found if isinstance(one, Unit) and one.unit == "coop-send.timer").enabled


@pytest.mark.parametrize("newest, sent, told", [
    (NOW, {}, "nest/homes has not been copied to hen@backup.example.org:tank/homes yet"),
    (NOW, {"nest/homes": NOW - 2 * HOUR}, ""),
    (NOW, {"nest/homes": NOW - 3 * HOUR}, "the copy of nest/homes at hen@backup.example.org:tank/homes is 3 hours behind")])
def test_a_copy_that_is_late_is_told(rack, newest, sent, told):
    wanted = wanted_of(rack, rack.machine("hen"))
    pool = PoolSeen("nest", "1", "ONLINE", (), None, 0)
    server = FileServer("hen", NOW, ModuleFacts({}, "2.3.9", (), frozenset(), False), {"nest": PoolFacts(pool)}, {}, {"nest": NOW},
                        {"nest/homes": Snapped(1, newest)}, sent, wanted.exports, {})
    assert [one.what for one in findings(wanted, server) if "cop" in one.what] == ([told] if told else [])
