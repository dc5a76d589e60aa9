"""When a file server is rebooted, by what was seen of it: tests/cases/storage/reboot.yaml; and what that takes."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from fabfile.facts.file_server import FileServer
from fabfile.facts.storage_reboot import BootFacts, interrupted, parse, refusals
from fabfile.loading import load
from fabfile.resources.action import Action
from fabfile.resources.kernel_module import ModuleFacts
from fabfile.resources.pool_facts import Leaf, PoolFacts, PoolSeen, Scan, VdevSeen
from fabfile.resources.rebooted import Rebooted
from fabfile.roles.pools import serves_again
from fabfile.tasks.storage import wanted_of
from fabfile.tasks.storage_rebooting import reboot_steps

PROJECT = Path(__file__).parents[2]
CASES = yaml.safe_load((PROJECT / "tests/cases/storage/reboot.yaml").read_text())


@pytest.fixture(scope="module")
def rack():
    return load(PROJECT / "tests/cases/storage/rack")


def seen(case: dict) -> tuple[FileServer, BootFacts]:
    """A healthy file server, but for what the case says."""
    vdevs = case.get("vdevs", [{"name": "raidz2-0", "kind": "raidz2", "states": ["ONLINE"] * 4}])
    state, scan = case.get("pool", "ONLINE"), case.get("scan", ("SCRUB", "FINISHED"))
    pool = PoolSeen("nest", "1", state, tuple(
        VdevSeen(one.get("group", ""), one["kind"], one["name"], "", tuple(
            Leaf(f"disk{number}", leaf, (0, 0, 0)) for number, leaf in enumerate(one["states"]))) for one in vdevs),
        Scan(*scan, 0, 0), 0, "advice")
    kernels = {name: (True, module) for name, module in case.get("kernels", {"6.12.117": "2.3.9"}).items()}
    server = FileServer("hen", 0, ModuleFacts(kernels, "2.3.9", (), frozenset(), False),
                        {"nest": PoolFacts(pool if state else None)}, {}, {}, {}, {}, frozenset(), {})
    return server, BootFacts(case.get("started", "Sun 2026-11-29"), frozenset(case.get("cached", ["nest"])),
                             tuple(case.get("disabled", ())), ())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["case"])
def test_it_is_rebooted_or_refused(case, rack):
    assert refusals(wanted_of(rack, rack.machine("hen")), *seen(case)) == case.get("why", [])


def test_what_says_nothing_is_not_rebooted(rack):
    """An answer that was cut short is no leave."""
    server, _ = seen({})
    assert len(refusals(wanted_of(rack, rack.machine("hen")), server, parse(""))) == 2


def test_who_waits_is_named():
    boot = BootFacts("since", frozenset(), (), ("10.0.0.101", "10.0.0.9", "10.0.0.200"))
    names = {"10.0.0.101": "chick1", "10.0.0.200": "hen"}
    assert interrupted("hen", boot, names, {"chick0": 0, "chick1": 3}) == \
        "hen reboots: what reads or writes homes waits until it is back (mounts: 3 of chick1, 10.0.0.9, hen)"
    assert interrupted("hen", BootFacts("", frozenset(), (), ()), {}, {}) == \
        "hen reboots: what reads or writes homes waits until it is back"


def test_the_last_look_is_before_the_reboot_and_every_client_is_looked_at_after_it(rack):
    hen = rack.machine("hen")
    [step] = reboot_steps(rack, hen, "Sun", "hen reboots", 2_000_000_000, [])
    look, reboot = step.role(rack, hen)
    assert isinstance(look, Action) and "until=2000000000" in look.script and "modinfo -k" in look.script
    assert isinstance(reboot, Rebooted) and [change.interrupts for change in reboot.changes("Sun", frozenset())] == ["hen reboots"]
    asked = [check.what for check in serves_again(rack, (hen,))]
    assert "hen exports /nest/homes" in asked and "pool nest of hen is online" in asked


def test_a_hub_announces_it_before():
    rack = load(PROJECT)
    steps = reboot_steps(rack, rack.machine("hen"), "Sun", "", 0, ["hub"])
    assert [step.name for step in steps] == ["hub", "reboot hen"] and steps[1].needs is None


@pytest.mark.parametrize("words, said", [
    (["storage.reboot", "chick1"], "which file server? hen"), (["storage.reboot", "--wait", "soon"], "--wait: 'soon' is not a duration")])
def test_a_wrong_word_is_one_sentence(words, said):
    done = subprocess.run([sys.executable, "-m", "invoke", *words], cwd=PROJECT, capture_output=True, text=True)
    assert done.returncode == 2 and said in done.stderr and len(done.stderr.splitlines()) == 1, done.stderr
