"""Wrong orders to inv storage.replace: each is refused in one sentence, and nothing is asked of the file server but how it is.

The cases are data, tests/cases/storage/replace.yaml.
"""

import json
from io import StringIO
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from invoke import Context, Exit

import fabfile.tasks.actions as actions
import fabfile.tasks.storage as storage
import fabfile.tasks.storage_replacing as replacing
from fabfile.facts.file_server import Wanted
from fabfile.resources.pool_facts import parse
from fabfile.resources.pool_plan import WantedVdev

FOLDER = Path(__file__).parents[2] / "tests/cases/storage"
CASES = yaml.safe_load((FOLDER / "replace.yaml").read_text())
BY_ID = "/dev/disk/by-id/"
NEW = f"#disk {BY_ID}wwn-new 2147483648 512 S-new"
RIGHT = {"bay": "front-2", "states": {"wwn-0x5000c500a1000002": "REMOVED"}}


def facts(case: dict):
    """What the file server says of its pool."""
    said = json.loads((FOLDER / "status.json").read_text())
    pool = said["pools"]["nest"]
    leaves = pool["vdevs"]["nest"]["vdevs"]["raidz2-0"]["vdevs"]
    for disk, state in case.get("states", {}).items():
        leaves[f"{BY_ID}{disk}-part1"]["state"] = state
        pool["state"] = "DEGRADED"
    for disk, other in case.get("in", {}).items():
        del leaves[f"{BY_ID}{disk}-part1"]
        leaves[other["name"]] = other
    pool["state"] = case.get("state", pool["state"])
    return parse(f"#status\n{json.dumps(said)}\n{case.get('new', NEW)}\n" if pool["state"] else "", "nest")


def hosts(case: dict) -> tuple[WantedVdev, ...]:
    """What hosts.yaml and storage.yaml say of it."""
    bays = {f"front-{number}": f"wwn-0x5000c500a100000{number}" for number in range(7)} | \
        {f"rear-{number}": f"wwn-0x55cd2e414000000{number}" for number in range(2)} | case.get("hosts", {"front-2": "wwn-new"})
    places = (("", "raidz2", range(6)), ("spare", "", [6]))
    vdevs = [WantedVdev(group, kind, {f"front-{one}": BY_ID + bays[f"front-{one}"] for one in which}) for group, kind, which in places]
    return (*vdevs, WantedVdev("log", "mirror", {bay: BY_ID + path for bay, path in bays.items() if bay.startswith("rear")}))


@pytest.fixture
def ordered(monkeypatch):
    """Types an order; the commands that it had for the file server."""
    sent: list[str] = []

    def order(case: dict) -> list[str]:
        wanted, server = Wanted({"nest": (None, hosts(case))}, frozenset(), {}), SimpleNamespace(pools={"nest": facts(case)})
        monkeypatch.setattr(storage, "a_rack_with_pools", lambda: None)
        monkeypatch.setattr(storage, "asked", lambda: [(SimpleNamespace(name="hen"), wanted, server)])
        monkeypatch.setattr(actions, "act", lambda rack, machine, what, script, **_: sent.append(script))
        monkeypatch.setattr(replacing, "_follow", lambda *_: None)
        monkeypatch.setattr("sys.stdin", StringIO(case.get("types", case["bay"]) + "\n"))
        replacing.replace.body(Context(), case["bay"])
        return sent

    order.sent = sent
    return order


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["case"])
def test_a_wrong_order_is_refused_and_nothing_is_done(case, ordered):
    with pytest.raises(Exit) as refused:
        ordered(case)
    why = case["why"] if case["bay"] == "front-7" else f"nothing was replaced: {case['why']}" if case["why"] else "nothing was replaced"
    assert (str(refused.value), refused.value.code) == (why, case.get("code", 2))
    assert not ordered.sent


def test_the_wrong_orders_are_more_than_ten():
    assert len({case["case"] for case in CASES}) == len(CASES) >= 10


def test_a_right_order_is_done(ordered):
    """Without which the others would show nothing."""
    [script] = ordered(RIGHT)
    assert "zpool replace" in script and f"new={BY_ID}wwn-new" in script and "old=8507670093685277580" in script
