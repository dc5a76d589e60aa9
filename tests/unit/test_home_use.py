"""How users are told of a home that is nearly full: what the file server tells a hub, and what the hub's pages make of it."""

from __future__ import annotations

import socket
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

from fabfile.facts.homes import Home
from fabfile.facts.hub import HubState
from fabfile.loading import load
from fabfile.programs import home_use
from fabfile.resources import File, Nftables, Unit
from fabfile.roles.file_server import file_server
from fabfile.roles.homes_quota import FULL, homes_quota
from fabfile.screen.hub import state_as_text
from fabfile.upstream.home_use import NAME, PORT
from fabfile.upstream.release import release_values

PROJECT = Path(__file__).parents[2]
NOW = 1764000000
ANSWER = f"at {NOW - 30}\n93 hub/jdoe\n100 hub/anna\n91 lab/jdoe\n"


def a_user(name: str, mounts: object) -> SimpleNamespace:
    spawner = SimpleNamespace(volume_mounts=mounts, _expand_user_properties=lambda text: text.format(username=name))
    return SimpleNamespace(name=name, spawner=spawner)


HOME = [{"name": "other", "mountPath": "/x"}, {"name": "home", "mountPath": "/home/jovyan", "subPath": "{username}"}]


@pytest.mark.parametrize("answer, found", [
    (ANSWER, {"jdoe": 93, "anna": 100}), (f"at {NOW - 601}\n93 hub/jdoe\n", {}), (f"at {NOW}\n", {}), ("", {}), ("93 hub/jdoe\n", {})])
def test_what_the_file_server_tells_is_of_one_hub_and_not_old(answer, found):
    assert home_use.parse(answer, "hub", NOW) == found


@pytest.mark.parametrize("answer", ["at noon\n", f"at {NOW}\nfull hub/jdoe\n"])
def test_what_is_no_answer_is_refused(answer):
    with pytest.raises(ValueError):
        home_use.parse(answer, "hub", NOW)


@pytest.mark.parametrize("user, mounts, said, told", [
    ("jdoe", HOME, "", "Your home is 93 % full"), ("jdoe", dict(enumerate(HOME)), "", "Your home is 93 % full"), ("eve", HOME, "", ""),
    ("eve", HOME, "Maintenance", "Maintenance"), ("jdoe", HOME, "Maintenance", "Maintenance<br>Your home is 93 % full"),
    ("jdoe", [], "Maintenance", "Maintenance"), ("jdoe", HOME, lambda user: f"Hello {user.name}", "Hello jdoe<br>Your home"),
    ("jdoe", None, "", "")])
def test_a_user_reads_of_the_own_home_alone(user, mounts, said, told):
    read = home_use.announcement({"jdoe": 93}, said)(a_user(user, mounts))
    assert read.startswith(told) and (bool(read) == bool(told))


def test_who_has_not_logged_in_reads_what_everybody_does():
    assert home_use.announcement({"jdoe": 93}, "Maintenance")(None) == "Maintenance"


def test_a_spawner_of_another_kind_hides_no_page():
    assert home_use.announcement({"jdoe": 93}, "Maintenance")(SimpleNamespace(name="jdoe")) == "Maintenance"


def test_what_was_known_is_forgotten_when_the_file_server_is_away():
    full: dict[str, int] = {}
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        def tell() -> None:
            link, _ = server.accept()
            with link:
                link.sendall(ANSWER.replace(str(NOW - 30), "99999999999").encode())

        teller = threading.Thread(target=tell)
        teller.start()
        asking = home_use.Asking("127.0.0.1", port, "hub", full)
        asking.look()
        teller.join()
    assert full == {"jdoe": 93, "anna": 100}
    asking.look()
    assert not full


def test_the_hub_asks_the_file_server_and_the_file_server_lets_nodes_ask():
    rack = load(PROJECT)
    hen, code = rack.machine("hen"), release_values(rack, rack.services["staging"])["hub"]["extraConfig"][NAME]
    assert f"Asking('10.0.0.200', {PORT}, 'staging', full).start()" in code
    [rules] = [one for one in file_server(rack, hen) if isinstance(one, Nftables)]
    assert f"10.0.0.110 }} tcp dport {PORT} accept" in rules.ruleset
    found = list(homes_quota(rack, hen))
    files = {one.path.rpartition("/")[2]: one.content for one in found if isinstance(one, File)}
    assert f"ListenStream=10.0.0.200:{PORT}" in files["coop-homes-full.socket"]
    assert f"cat {FULL}" in files["coop-homes-full@.service"] and files["coop-homes.service"].count(FULL) == 1
    assert next(one for one in found if isinstance(one, Unit) and one.unit == "coop-homes-full.socket").enabled


def test_an_administrator_sees_the_fullest():
    state = HubState("hub", {}, (), {}, {}, "", "")
    shown = state_as_text(state, [], [Home("hub/jdoe", 9_500_000_000, 10_000_000_000, 12)])
    assert "the 1 fullest homes:" in shown and "95 %" in shown
    assert state_as_text(state, [], [], "how full homes are is not known: hen is off").endswith("hen is off")
