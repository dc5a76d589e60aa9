"""What metrics change for the sample rack's machines, and for nobody where watch.yaml has no `metrics`. Whether Debian's programs take
the files, and what they then do, is in tests/forge/test_metrics.py.

The cases lie in tests/cases/metrics/MACHINE/, laid out as on the machine; after a wanted change `python -m tests.unit.test_metrics`
writes them again.
"""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from fabfile.loading import load
from fabfile.rack.problem import RackProblems
from fabfile.rack.watching import Watching
from fabfile.resources import Absent, File, FreePorts, Nftables, Unit
from fabfile.roles.metrics import PASSWORD, WEBHOOK, metrics, watched
from fabfile.secret import Secret
from tests.unit.case_files import changed, given, keep, kept
from tests.unit.sandbox import a_sandbox

PROJECT = Path(__file__).parents[2]
CASES = PROJECT / "tests/cases/metrics"
MACHINES = ("rooster", "chick1", "hen")
MAIL = {"to": ["ops@flock.example"], "sender": "rooster@flock.example", "server": "smtp.flock.example"}


def with_metrics(rack, **said):
    return replace(rack, watching=Watching.model_validate({"metrics": {}, **said}))


def changed_by_it(name: str) -> dict[str, str]:
    rack = load(PROJECT)
    return changed(rack, with_metrics(rack, mail=MAIL), name)


@pytest.mark.parametrize("name", MACHINES)
def test_metrics_change_what_their_case_says_and_nothing_else(name):
    assert changed_by_it(name) == kept(CASES / name)


@pytest.mark.parametrize("name", MACHINES)
def test_without_metrics_what_coop_has_begun_is_stopped_and_nothing_else(name):
    """A program of somebody else's has no mark of Coop's, so its unit is left alone."""
    rack = load(PROJECT)
    ended = list(metrics(rack, rack.machine(name)))
    begun = {one.full for one in metrics(with_metrics(rack), rack.machine(name)) if isinstance(one, Unit)}
    stopped = "UnitFileState=enabled\nLoadState=loaded\nActiveState=active\n"
    said = [change.what for one in ended if not isinstance(one, Absent) for change in one.changes(f"there\n{stopped}", frozenset())]
    assert {line.split()[0] for line in said if "is running, should not be" in line} >= begun
    assert not [change for one in ended for change in one.changes("", frozenset())]
    assert ended[-1] == Absent("/etc/coop/metrics")  # last: a run that is killed before goes on where it was


def test_machines_that_are_meant_to_be_off_are_not_asked():
    rack = load(PROJECT)
    off = {name: rack.machine(name).model_copy(update={"expect": "off"}) for name in ("chick3", "hen")}
    rack = replace(rack, machines={**rack.machines, **off})
    assert {machine.name for machine in watched(rack)} == {*rack.machines} - {"chick3", "hen"}


@pytest.mark.parametrize("secrets, watch, files", [
    ({}, {}, {WEBHOOK: None, PASSWORD: None}),
    ({}, {"mail": {**MAIL, "user": "coop"}}, {WEBHOOK: None}),  # whoever has no password leaves rooster's
    ({"password": Secret("horse battery")}, {"mail": {**MAIL, "user": "coop"}}, {WEBHOOK: None, PASSWORD: "horse battery"}),
    ({"password": Secret("horse battery")}, {"mail": MAIL}, {WEBHOOK: None, PASSWORD: None}),
    ({"webhook": Secret("https://chat.example/b")}, {"webhook": "https://chat.example/a"},
     {WEBHOOK: "https://chat.example/b", PASSWORD: None}),
])
def test_secrets_are_in_files_of_their_own(secrets, watch, files):
    rack = replace(with_metrics(load(PROJECT), **watch), secrets={"watch": secrets})
    found = {one.path: one for one in metrics(rack, rack.gateway) if isinstance(one, (Absent, File)) and one.path in (WEBHOOK, PASSWORD)}
    assert {path: one.data().decode() if isinstance(one, File) else None for path, one in found.items()} == files
    assert all(one.permissions() == 0o600 and one.owner == "prometheus" for one in found.values() if isinstance(one, File))
    assert not any("horse" in text or "/b" in text for path, text in given(rack, "rooster").items() if path.endswith(".yml"))


@pytest.mark.parametrize("harm, told", [("notice", "notice|degraded|down"), ("degraded", "degraded|down"), ("down", "down")])
def test_the_same_harm_is_told(harm, told):
    settings = yaml.safe_load(given(with_metrics(load(PROJECT), harm=harm), "rooster")["etc/prometheus/alertmanager.yml"])
    assert settings["route"]["routes"][0]["matchers"] == [f'severity=~"{told}"']
    rules = yaml.safe_load(given(with_metrics(load(PROJECT)), "rooster")["etc/prometheus/coop.rules.yml"])
    assert {rule["labels"]["severity"] for group in rules["groups"] for rule in group["rules"]} <= {"notice", "degraded", "down"}


@pytest.mark.parametrize("line, refused", [
    ('tcp LISTEN 0 4096 *:9090 *:* users:(("systemd",pid=1,fd=80))', True),  # cockpit
    ('tcp LISTEN 0 4096 127.0.0.1:9093 *:* users:(("prometheus-aler",pid=70,fd=8))', False),
    ('tcp LISTEN 0 4096 10.0.0.1:9090 *:* users:(("caddy",pid=70,fd=8))', False),  # another address
    ('tcp LISTEN 0 4096 *:9100 *:* users:(("node_exporter",pid=70,fd=8))', True),
])
def test_ports_that_others_have_are_a_conflict(line, refused):
    rack = with_metrics(load(PROJECT))
    ports = [one for one in metrics(rack, rack.gateway) if isinstance(one, FreePorts)]
    assert bool([change for one in ports for change in one.changes(line, frozenset()) if change.conflict]) == refused


@pytest.mark.parametrize("source, answered", [("10.0.0.1", True), ("10.0.0.102", False), ("10.244.1.5", False)])
def test_rooster_alone_reads_a_chick(source, answered):
    rack = with_metrics(load(PROJECT))
    [rules] = [one for one in metrics(rack, rack.machine("chick1")) if isinstance(one, Nftables)]
    with a_sandbox() as sandbox:
        if sandbox.run("command -v nft && nft list ruleset")[0]:
            pytest.skip("no nft on this computer")
        sandbox.make(rules)
        sandbox.run(f"ip link set lo up; for each in 10.0.0.101 {source}; do ip address add $each/32 dev lo; done\n"
                    "python3 -m http.server --bind 10.0.0.101 9100 >/dev/null 2>&1 & sleep 1")
        code, said = sandbox.run(f"curl -sS --noproxy '*' --interface {source} --max-time 2 -o /dev/null http://10.0.0.101:9100/ 2>&1")
        assert (code == 0) == answered, said


@pytest.mark.parametrize("text, says", [
    ("metrics:\n", "configs/watch.yaml:1: metrics: nothing is said here (`metrics: {}` takes the defaults"),
    ("metrics: {retention: {time: 30}}\n", "configs/watch.yaml:1: metrics.retention.time: 30 is not a duration of Prometheus'"),
    ("metrics: {retention: {size: 10G}}\n", "metrics.retention.size: '10G' is not a size of Prometheus'"),
    ("metrics: {retension: {}}\n", "metrics.retension: unknown key"),
])
def test_what_is_wrong_is_told_by_its_line(tmp_path, text, says):
    shutil.copytree(PROJECT / "configs", tmp_path / "configs")
    shutil.copy(PROJECT / "hosts.yaml", tmp_path)
    (tmp_path / "configs/watch.yaml").write_text(text)
    with pytest.raises(RackProblems) as wrong:
        load(tmp_path)
    assert says in str(wrong.value)


def write() -> None:
    """The cases again, from the rack as it is."""
    for name in MACHINES:
        keep(CASES / name, changed_by_it(name))


if __name__ == "__main__":
    write()
