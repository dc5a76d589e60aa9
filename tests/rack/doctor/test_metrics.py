"""Metrics of a rack, with or without its cluster: rooster reads every machine, and nobody else does; somebody is told by mail of a
machine without power; and without the key nothing of it runs any more."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from conftest import PROJECT, wait_until

MACHINES = {"rooster", "chick0", "chick1", "chick2"}
MAIL = "mail: {to: [ops@flock.example], sender: rooster@flock.example, server: 127.0.0.1, port: 2525}\n"
UNITS = "prometheus prometheus-alertmanager prometheus-blackbox-exporter prometheus-node-exporter coop-metrics"
# what was told is not told again within a day
FORGOTTEN = "systemctl stop prometheus-alertmanager; rm -f /var/lib/prometheus/alertmanager/nflog"
UP = "curl -s --data-urlencode 'query=up{job=\"machines\"} == 1' http://127.0.0.1:9090/api/v1/query"


@pytest.fixture
def mails(lab, tmp_path):
    """What a mail server at rooster's 127.0.0.1 was told."""
    said = tmp_path / "mails"
    with said.open("wb") as file:
        server = subprocess.Popen(["nsenter", "--net", "--target", str(lab.status()["rooster"].pid), sys.executable, "-um", "tests.mails",
                                   "2525"], cwd=PROJECT, stdout=file)
    yield said.read_text
    server.kill()
    server.wait()


@pytest.fixture
def applied(operator, lab):
    """applied(text): watch.yaml says this, and so do rooster and the chicks."""
    file = lab.rack / "configs/watch.yaml"

    def apply(text: str) -> None:
        file.write_text(text)
        for words in (["gateway.apply"], ["cluster.bootstrap", "--only", "prepare"]):
            operator.inv(*words, "--yes")
            assert "no changes" in operator.inv(*words, "--dry").said
    yield apply
    file.unlink(missing_ok=True)


def running(inside, machine: str) -> set[str]:
    return set(inside(machine, f"systemctl list-units --state=active --plain --no-legend {UNITS.replace(' ', '.service ')}.service"
                               " | cut -d . -f 1").split())


def test_every_machine_is_read_and_one_without_power_is_told(applied, lab, inside, mails):
    inside("rooster", FORGOTTEN, check=False)
    applied(f"{MAIL}metrics: {{}}\n")
    assert running(inside, "rooster") == {*UNITS.split()} - {"coop-metrics"}
    assert running(inside, "chick1") == {"prometheus-node-exporter", "coop-metrics"}
    wait_until("rooster reads every machine", lambda: {
        one["metric"]["instance"] for one in json.loads(inside("rooster", UP))["data"]["result"]} == MACHINES)
    assert inside("chick0", "curl -s --max-time 3 http://10.0.0.101:9100/ || echo nobody").strip() == "nobody"
    lab.off("chick2")
    try:
        wait_until("somebody is told", lambda: "firing: chick2 does not answer, since" in mails(), 600)
    finally:
        lab.on("chick2")
    assert "chick1" not in mails()


def test_without_the_key_nothing_of_it_runs(applied, inside):
    applied(MAIL)
    for machine in MACHINES:
        assert running(inside, machine) == set()
        assert "coop-metrics" not in inside(machine, "nft list tables")
        assert not inside(machine, "ss -Hlnt | grep -E ':(9090|909[34]|9115|9100) '", check=False)
