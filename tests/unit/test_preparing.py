"""What services need beforehand: asked while the rack's lock is held; drawn secrets are kept when the hub runs with them."""

from __future__ import annotations

import json
import shutil
from base64 import b64encode
from pathlib import Path

import pytest
from test_engine_run import Setting, rack_of, step

from fabfile.engine import events
from fabfile.engine.errors import LockHeld, NoAnswer, WrongUsage
from fabfile.engine.run import run
from fabfile.loading import load
from fabfile.rack.secrets import revealed
from fabfile.tasks.preparing import Preparing, write_secrets

BASE = Path(__file__).parents[1] / "cases/hub/base"
HELD = "hub.config.JupyterHub.cookie_secret"


class Cluster:
    """A rack's cluster, as far as its hub's secrets go. `ask` is what a run lends to a preparation."""

    def __init__(self):
        self.secrets: dict[str, str] = {}
        self.asked: list[str] = []

    def ask(self, machine, text: str, limit: float) -> str:
        self.asked.append(machine.name)
        lines = "".join(f"{key} {b64encode(value.encode()).decode()}\n" for key, value in self.secrets.items())
        return f"\n== secret hub\n{lines}\n== end .\n"

    def deploy(self, preparing: Preparing) -> None:
        """As the chart does: what the values say is in its Secret."""
        hub = revealed(preparing.ready.rack.secrets)["hub"]
        self.secrets = {
            "hub.config.ConfigurableHTTPProxy.auth_token": hub["proxy"]["secretToken"],
            HELD: hub["hub"]["config"]["JupyterHub"]["cookie_secret"],
            "hub.config.CryptKeeper.keys": ";".join(hub["hub"]["config"]["CryptKeeper"]["keys"]),
            "hub.services.coop.apiToken": hub["hub"]["services"]["coop"]["apiToken"],
        }


class Person:
    """Somebody with a checkout of their own."""

    def __init__(self, folder: Path):
        self.folder = shutil.copytree(BASE, folder)
        self.file = folder / "configs/secrets.yaml"

    def prepares(self, cluster: Cluster, **options) -> Preparing:
        preparing = Preparing(load(self.folder), ["hub"], **options)
        preparing.told = preparing.before(cluster.ask)
        return preparing

    def cookie(self) -> str:
        return revealed(load(self.folder).secrets)["hub"]["hub"]["config"]["JupyterHub"]["cookie_secret"]


@pytest.fixture
def cluster():
    return Cluster()


@pytest.fixture
def person(tmp_path):
    return Person(tmp_path / "one")


def test_drawn_secrets_are_kept_when_the_hub_runs_with_them(person, cluster):
    preparing = person.prepares(cluster)
    assert len(revealed(preparing.ready.rack.secrets)["hub"]["proxy"]["secretToken"]) == 64
    assert not person.file.exists() and preparing.told == []
    assert preparing.after(cluster.ask) == [] and not person.file.exists()  # the release was not made
    cluster.deploy(preparing)
    (told,) = preparing.after(cluster.ask)
    assert "now holds the secrets of hub" in told and person.file.stat().st_mode & 0o777 == 0o600
    assert person.cookie() == cluster.secrets[HELD]
    asked = len(cluster.asked)
    again = person.prepares(cluster)
    assert revealed(again.ready.rack.secrets) == revealed(preparing.ready.rack.secrets)
    assert again.after(cluster.ask) == [] and len(cluster.asked) == asked + 1


@pytest.mark.parametrize("killed", ["before the release", "after the release", "not at all"])
def test_two_people_on_a_new_rack_never_keep_different_secrets(person, cluster, tmp_path, killed):
    other = Person(tmp_path / "other")
    first = person.prepares(cluster)
    if killed != "before the release":
        cluster.deploy(first)
    if killed == "not at all":
        first.after(cluster.ask)
    second = other.prepares(cluster)
    cluster.deploy(second)
    second.after(cluster.ask)
    person.prepares(cluster).after(cluster.ask)
    assert person.cookie() == other.cookie() == cluster.secrets[HELD]


def test_a_running_hubs_secrets_are_taken_over_at_once_and_a_dry_run_writes_nothing(person, cluster, tmp_path):
    cluster.deploy(Person(tmp_path / "other").prepares(cluster))
    dry = person.prepares(cluster, dry=True)
    assert not person.file.exists() and revealed(dry.ready.rack.secrets)["hub"]["proxy"]["secretToken"] in cluster.secrets.values()
    wet = person.prepares(cluster)
    assert "as the running hub has them" in wet.told[0] and person.cookie() == cluster.secrets[HELD]


def test_pages_stay_where_a_new_rooster_cannot_ask_the_hub_yet(person, cluster):
    """It has no kubectl and no git; the control plane tells. So a spare in rooster's place restarts no hub."""
    with open(person.folder / "configs/hub.yaml", "a") as file:
        file.write("templates: {repository: 'https://github.com/flock/pages.git', ref: main}\n")
    cluster.deploy(person.prepares(cluster))
    person.prepares(cluster)
    assert person.file.exists(), "no secret is missing"

    def ask(machine, text: str, limit: float) -> str:
        if machine.name == "rooster":
            return "\n== end .\n"
        return cluster.ask(machine, text, limit).replace("== end", "== deployed hub\n4bc1f0\n== end")

    preparing = Preparing(load(person.folder), ["hub"], renew=False)
    assert preparing.before(ask) == [] and preparing.ready.commits == {"hub": "4bc1f0"}


def test_what_is_written_meanwhile_stays(person, cluster):
    """Somebody with the same folder had the lock before; the operator writes a secret of their own while it runs."""
    rack = load(person.folder)
    write_secrets(person.folder, {"hub": {"hub": {"config": {"GoogleOAuthenticator": {"client_secret": "fromgoogle"}}}}})
    preparing = Preparing(rack, ["hub"])
    preparing.before(cluster.ask)
    cluster.deploy(preparing)
    write_secrets(person.folder, {"hub": {"hub": {"config": {"GoogleOAuthenticator": {"client_secret": "another"}}}}})
    preparing.after(cluster.ask)
    kept = revealed(load(person.folder).secrets)["hub"]["hub"]["config"]
    assert kept["GoogleOAuthenticator"] == {"client_secret": "another"} and kept["JupyterHub"]["cookie_secret"] == cluster.secrets[HELD]


def test_a_secrets_file_that_is_wrong_by_now_is_reported(person, cluster):
    rack = load(person.folder)
    person.file.write_text("- no\n")
    person.file.chmod(0o600)
    with pytest.raises(WrongUsage, match=r"configs/secrets\.yaml:1: keys and values are expected"):
        Preparing(rack, ["hub"]).before(cluster.ask)
    assert cluster.asked == []


class Noted:
    """A preparation that notes when it is asked."""

    def __init__(self):
        self.stages: list[str] = []

    def before(self, ask):
        self.stages.append("before")
        return ["prepared"]

    def after(self, ask):
        self.stages.append("after")
        return []


def prepared_run(noted: Noted, told: list, *, dry: bool = False, machines=("rooster", "chick0"), only=None, **answers):
    rack, ways, computers = rack_of("rooster", "chick0", **answers)
    ways.machines = {name: ways.machines[name] for name in machines}
    steps = [step("a", rack, ["chick0"], Setting("x", "1")),
             step("b", rack, ["chick0"], Setting("y", "1"), prepare=noted), step("c", rack, ["chick0"], prepare=noted)]
    return run(rack, "test", steps, ways=ways, dry=dry, only=only, tell=told.append), ways, computers


def test_a_run_prepares_once_with_the_lock_and_keeps_at_the_end():
    noted, told = Noted(), []
    result, ways, _ = prepared_run(noted, told)
    assert result.exit_code == 0 and noted.stages == ["before", "after"]
    assert events.Noticed("", "prepared") in told
    assert "flock -n 8" in ways.shells["rooster"][0].written[0]


def test_a_refused_or_unreachable_lock_prepares_nothing():
    holder = json.dumps({"who": "spicy", "origin": "desk", "since": "2026-11-23T20:00:00+00:00", "task": "node.add"})
    noted = Noted()
    result, _, computers = prepared_run(noted, [], rooster={"flock -n 8": (75, holder + "\n")})
    assert isinstance(result.errors[0], LockHeld) and noted.stages == [] and computers["chick0"].acted == []
    result, _, computers = prepared_run(noted, [], machines=("chick0",))
    assert noted.stages == [] and computers["chick0"].acted == [] and isinstance(result.errors[0], NoAnswer)
    assert {outcome.state for outcome in result.machines.values()} == {"failed"} and result.exit_code == 1


def test_a_dry_run_prepares_without_the_lock_and_keeps_nothing_and_other_steps_need_none():
    noted = Noted()
    result, ways, _ = prepared_run(noted, [], dry=True)
    assert result.exit_code == 3 and noted.stages == ["before"]
    assert not any("flock -n 8" in text for shells in ways.shells.values() for shell in shells for text in shell.written)
    assert prepared_run(noted, [], only="a")[0].exit_code == 0 and noted.stages == ["before"]
