"""Several operators: each with an account and a key of their own, and one who is removed is gone on every machine."""

from __future__ import annotations

import subprocess

import pytest
from swarm import _keygen

from fabfile.engine.errors import KeyRefused
from fabfile.engine.step import Step
from fabfile.rack import RackProblems
from fabfile.resources import File, Packages
from fabfile.roles.operators import accounts
from fabfile.tasks.queries import ask

# what a machine of this kind has not; it changes no user
SUDO = "printf '#!/bin/sh\\n[ \"$1\" != -n ] || shift; exec \"$@\"\\n' >/usr/bin/sudo; chmod 755 /usr/bin/sudo"


def steps(rack) -> list[Step]:
    return [Step("accounts", tuple(rack.machines.values()), lambda rack, machine: [
        one for one in accounts(rack, machine) if not isinstance(one, Packages | File)])]


@pytest.fixture
def people(operate, tmp_path, monkeypatch):
    """people.write(NAME, …): operators.yaml names these; people.be(NAME): whoever runs Coop here."""
    operator = operate()
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return People(operator, tmp_path)


class People:
    def __init__(self, operator, folder):
        self.operator, self.folder, self.own = operator, folder, folder / "config/coop/swarm.yaml"
        self.own.parent.mkdir(parents=True)
        for host in operator.swarm.hosts.values():
            host.run(SUDO)

    def key(self, name: str):
        file = self.folder / f"{name}.key"
        if not file.exists():
            _keygen(file)
        return file

    def write(self, *names: str) -> None:
        lines = [f"  {name}: {{authorized_keys: [\"{self.key(name).with_suffix('.key.pub').read_text().strip()}\"]}}" for name in names]
        (self.operator.folder / "configs/operators.yaml").write_text("\n".join(["operators:", *lines]) + "\n")

    def be(self, name: str) -> None:
        self.own.write_text(f"user: {name}\nidentity_file: {self.key(name)}\n")

    def who(self) -> dict[str, str]:
        """As which account each machine lets this person in; raises what keeps them out."""
        answers, errors = ask(self.operator.rack, dict.fromkeys(self.operator.swarm.hosts, "id -un"))
        for error in errors.values():
            raise error
        return {name: said.strip() for name, said in answers.items()}

    def apply(self, **options):
        self.own.unlink(missing_ok=True)  # root makes accounts here
        result = self.operator.run(steps, **options)
        assert not result.errors, result.errors
        return result


def test_each_with_a_key_of_their_own_and_one_is_gone(people):
    people.write("thyme", "sage")
    people.apply()
    for name in ("thyme", "sage"):
        people.be(name)
        assert people.who() == dict.fromkeys(people.operator.swarm.hosts, name)
    assert people.apply().changes == 0
    chick = people.operator.swarm.hosts["chick0"]
    subprocess.run([*chick.inside(), "runuser", "-u", "thyme", "--", "sh", "-c", "sleep 600 >/dev/null 2>&1 &"], check=True)
    assert "sleep" in chick.run("ps -u thyme -o comm=")
    people.write("sage")
    refused = people.operator.run(steps)  # nobody agreed
    assert refused.errors and chick.run("id -un thyme") == "thyme\n"
    people.apply(consent=lambda entries: all("thyme" in entry.change.interrupts for entry in entries))
    for host in people.operator.swarm.hosts.values():
        assert host.run("getent passwd thyme || echo gone") == "gone\n"
    assert not chick.run("ps -eo args= | grep '^sleep 600' || :").strip(), "what it had running goes on"
    people.be("sage")
    assert set(people.who().values()) == {"sage"}
    people.write("sage", "thyme")  # only to be somebody that the file knows
    people.be("thyme")
    with pytest.raises(KeyRefused):
        people.who()


def test_a_key_that_is_no_longer_listed_opens_nothing(people):
    people.write("sage")
    people.apply()
    former = people.key("sage").rename(people.folder / "former.key")
    (people.folder / "sage.key.pub").unlink()
    people.write("sage")
    people.apply()
    people.be("sage")
    assert set(people.who().values()) == {"sage"}
    people.own.write_text(f"user: sage\nidentity_file: {former}\n")
    with pytest.raises(KeyRefused):
        people.who()


def test_whoever_is_not_listed_is_told_before_anything(people):
    people.write("sage")
    people.be("thyme")
    with pytest.raises(RackProblems) as told:
        _ = people.operator.rack
    assert f"{people.own}:1: user: thyme is not in configs/operators.yaml" in str(told.value)


def test_an_own_file_with_a_mistake_is_told_by_its_line(people):
    people.own.write_text("user: sage\nidentity_fiel: ~/.ssh/x\n")
    with pytest.raises(RackProblems) as told:
        _ = people.operator.rack
    assert f"{people.own}:2: identity_fiel: unknown key (did you mean identity_file?)" in str(told.value)
