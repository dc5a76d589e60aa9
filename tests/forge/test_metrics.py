"""What rooster is given for metrics, by Debian's own programs: settings that they take, rules that find what they should, and a mail
that arrives when a machine is gone."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from fabfile.loading import load
from fabfile.rack.watching import Watching
from fabfile.resources import File
from fabfile.roles.metrics import RULES, metrics
from fabfile.roles.publishing import published_rows
from lab.forge.metrics import programs
from lab.forge.order import make
from lab.places import forge_cache
from tests.forge.watched import watched

PROJECT = Path(__file__).parents[2]
CASES = sorted((PROJECT / "tests/cases/metrics").glob("*.yaml"))
MAIL = {"to": ["ops@flock.example", "lab@flock.example"], "sender": "rooster@flock.example", "server": "127.0.0.1", "port": 2525}
HOOK = "https://10.0.0.1/hooks/b"


@pytest.fixture(scope="module")
def usr():
    """The folder of the programs."""
    return make(programs, forge_cache(), lambda event: None).folder(programs) / "usr"


@pytest.fixture(scope="module")
def path(usr):
    return f"{usr}/bin:{os.environ['PATH']}"


def watching(**said):
    rack = load(PROJECT)
    return replace(rack, watching=Watching.model_validate({"metrics": {}, **said}))


def given(rack, folder: Path, paths=("/etc/prometheus", "/etc/default")) -> list[File]:
    """The files of rooster's, in a folder in place of /, which they name in turn."""
    files = [one for one in metrics(rack, rack.gateway) if isinstance(one, File)]
    for one in files:
        text = one.data().decode()
        for path in paths:
            text = text.replace(path, f"{folder}{path}")
        target = folder / one.path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
    return files


@pytest.mark.parametrize("said", [
    {}, {"mail": MAIL}, {"webhook": HOOK, "harm": "notice"},
    {"mail": {**MAIL, "port": 587, "user": "coop"}, "webhook": HOOK, "harm": "down"},
], ids=["nobody is told", "mail", "webhook", "both"])
def test_its_programs_take_the_settings(said, tmp_path, path):
    checked = [one for one in given(watching(**said), tmp_path) if one.check]
    for one in checked:
        check = one.check.format(tmp_path / one.path.lstrip("/"))
        done = subprocess.run(["sh", "-c", check], env={"PATH": path}, capture_output=True, text=True)
        assert done.returncode == 0, f"{check}\n{done.stdout}{done.stderr}"
    assert [Path(one.path).name for one in checked] == ["alertmanager.yml", "blackbox.yml", "coop.rules.yml", "prometheus.yml"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_rules(case, tmp_path, path):
    given(watching(), tmp_path)
    beside = (tmp_path / RULES.lstrip("/")).with_name(case.name)
    beside.write_text(case.read_text())
    done = subprocess.run(["promtool", "test", "rules", beside], env={"PATH": path}, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_rule_has_a_case(tmp_path):
    given(watching(), tmp_path)
    rules = {rule["alert"] for group in yaml.safe_load((tmp_path / RULES.lstrip("/")).read_text())["groups"] for rule in group["rules"]}
    fired = {test["alertname"] for case in CASES for each in yaml.safe_load(case.read_text())["tests"]
             for test in each["alert_rule_test"] if test["exp_alerts"]}
    assert fired == rules


def test_people_are_told_that_a_machine_is_gone_and_that_it_is_back(tmp_path, usr):
    rack = watching(mail=MAIL, webhook=HOOK)
    given(rack, tmp_path)
    addresses = [*(str(one.address()) for one in rack.by_address), *(row.public for row in published_rows(rack))]
    with watched(tmp_path, addresses, usr) as here:
        here.until(lambda: here.asked('up{job="machines"} == 1').keys() == set(rack.machines))
        here.until(lambda: here.asked('probe_http_status_code{job="api"}') == {"chick0": 200})
        here.until(lambda: set(here.asked('probe_http_status_code{job="published"}').values()) == {302})
        assert all(80 < left < 91 for left in here.asked("(probe_ssl_earliest_cert_expiry - time()) / 86400").values())
        here.run("ip", "address", "delete", "10.0.0.101/32", "dev", "lo")
        for word in ("firing", "resolved"):
            here.until(lambda word=word: f"Subject: [flock] {word}: chick1 does not answer" in here.told("mails"))
            here.until(lambda word=word: f"[flock] {word}: chick1 does not answer" in here.told("web"))
            here.run("ip", "address", "add", "10.0.0.101/32", "dev", "lo")
        assert {"To: ops@flock.example, lab@flock.example", "inv doctor says why, and what to type."} <= set(here.told("mails").split("\n"))
        assert here.told("web").startswith("/hooks/b ")
