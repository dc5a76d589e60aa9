"""Several operators: what the files say of them, and which of them is at work."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from fabfile.engine import lock
from fabfile.loading import load
from fabfile.rack import RackProblems
from fabfile.rack.ssh import ssh_config
from fabfile.roles.operators import kubeconfig, operators_of
from fabfile.tasks.steps import account_steps, operator_steps

PROJECT = Path(__file__).parents[2]
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBnrjpsAwCuVtPwNs2oESmLWvVnkAXL2CrjJtBWwQ3Ta"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A rack with two operators; `own` is written by whoever is at this computer."""
    rack = tmp_path / "rack"
    shutil.copytree(PROJECT / "configs", rack / "configs")
    shutil.copy(PROJECT / "hosts.yaml", rack)
    (rack / "configs/operators.yaml").write_text(
        f'operators:\n  spicy: {{authorized_keys: ["{KEY} spicy"]}}\n  thyme: {{authorized_keys: ["{KEY} thyme"], uid: 2002}}\n')
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    (tmp_path / "config/coop").mkdir(parents=True)
    return rack


def own(folder: Path, text: str) -> None:
    (folder.parent / "config/coop/flock.yaml").write_text(text)


def test_each_is_at_work_under_their_own_name(folder):
    assert lock.who(load(folder))[0] == "spicy"
    own(folder, "user: thyme\nproxy_command: ssh -W %h:%p jump.flock.example\n")
    rack = load(folder)
    assert lock.who(rack)[0] == "thyme" == rack.operator.user
    assert kubeconfig(rack) == "/etc/coop/operators/thyme.kubeconfig" and operators_of(rack) == ("thyme", "spicy")
    config = ssh_config(rack, Path("/known"))
    assert "User thyme" in config and "ProxyCommand ssh -W %h:%p jump.flock.example" in config


def test_paths_in_a_persons_file_begin_at_its_folder(folder):
    own(folder, "identity_file: key\n")
    with pytest.raises(RackProblems) as told:
        load(folder)
    place = folder.parent / "config/coop"
    assert str(told.value) == (f"{place}/flock.yaml:1: identity_file: there is no file {place}/key "
                               "(relative paths begin at the folder of this file)")


def test_the_accounts_are_for_every_machine_the_file_server_too(folder):
    rack = load(folder)
    [step] = account_steps(rack)
    assert {machine.name for machine in step.machines} == set(rack.machines)
    assert [step.name for step in operator_steps(rack)] == ["accounts", "rights", "operators"]
    (folder / "configs/operators.yaml").unlink()
    assert account_steps(load(folder)) == []


@pytest.mark.parametrize("text, told", [
    ("operators: {}\n", "user: spicy is not in configs/operators.yaml"),
    ('operators: {spicy: {authorized_keys: []}}\n', "operators.spicy.authorized_keys: a list of public SSH keys is wanted"),
    (f'operators: {{spicy: {{authorized_keys: ["{KEY}"]}}, root: {{authorized_keys: ["{KEY}"]}}}}\n', "root is no person's account"),
    (f'operators: {{spicy: {{authorized_keys: ["{KEY}"], uid: 0}}}}\n', "0 is not the uid of a person"),
    (f'operators: {{Spicy: {{authorized_keys: ["{KEY}"]}}}}\n', "'Spicy' is not a user name"),
])
def test_what_is_wrong_is_told_by_its_line(folder, text, told):
    (folder / "configs/operators.yaml").write_text(text)
    with pytest.raises(RackProblems) as problems:
        load(folder)
    assert told in str(problems.value)
